//! From a view to content: the texts of a page in the subscriber's language, with what they tell.

use std::collections::BTreeMap;

use crate::conversation::{Conversation, Language, SlotName, Value};
use crate::dialog::lists::{Item, ListName};
use crate::dialog::{Choice, PageKind, SlotKind};
use crate::engine::{Face, LIST_CHUNK, Labels, Note, Script, View, within_key};
use crate::locale::{Locales, TextFault};
use crate::screen::Content;

/// The words of a service that its texts mention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceWords {
    /// The code to dial: `*580#`.
    pub dial: String,
    /// The short number to text.
    pub number: String,
    /// The keyword of a text.
    pub keyword: String,
    /// The number of a human voice: 3939.
    pub help_line: String,
    /// The language of a number that has not chosen one.
    pub first_language: Language,
}

/// All that rendering reads beside the conversation.
#[derive(Clone, Copy)]
pub struct Wording<'a> {
    /// The texts.
    pub locales: &'a Locales,
    /// The dialog and its lists.
    pub script: Script<'a>,
    /// The service's own words.
    pub service: &'a ServiceWords,
}

impl Wording<'_> {
    /// The language in which this conversation reads.
    pub fn language<'c>(&'c self, conversation: &'c Conversation) -> &'c Language {
        conversation
            .language
            .as_ref()
            .unwrap_or(&self.service.first_language)
    }

    /// What a view shows.
    ///
    /// # Errors
    /// [`TextFault`] when a text or one of its variables is missing, which `check` excludes.
    pub fn content(&self, conversation: &Conversation, view: &View) -> Result<Content, TextFault> {
        let page = self.script.dialog.pages.get(&conversation.page);
        let mut content = match (&view.face, page) {
            (Face::Page, Some(page)) => {
                let options = self.options(conversation, &page.kind)?;
                let body = self.text(conversation, &page.text, &[])?;
                Content {
                    body,
                    options: options.lines,
                    more: options.more,
                    ..Content::default()
                }
            }
            (Face::Resume, _) => Content {
                body: self.text(conversation, "resume", &[])?,
                options: vec![
                    format!("1 {}", self.text(conversation, "resume-continue", &[])?),
                    format!("2 {}", self.text(conversation, "resume-over", &[])?),
                ],
                ..Content::default()
            },
            (Face::Readings { slot, values }, _) => self.readings(conversation, slot, values)?,
            (Face::Help, _) => {
                self.help(conversation, page.and_then(|page| page.help.as_deref()))?
            }
            (Face::Stopped, _) => self.only(conversation, "stopped")?,
            (Face::Over, _) | (Face::Page, None) => self.only(conversation, "over")?,
        };
        self.put_note(conversation, view, &mut content)?;
        self.put_navigation(conversation, view, &mut content)?;
        Ok(content)
    }

    /// A text of its own, such as a message to keep; `extra` adds variables.
    ///
    /// # Errors
    /// As for [`Wording::content`].
    pub fn text(
        &self,
        conversation: &Conversation,
        id: &str,
        extra: &[(&'static str, String)],
    ) -> Result<String, TextFault> {
        let language = self.language(conversation);
        if !self.locales.asks(language, id) {
            return self.locales.text(language, id, &BTreeMap::new());
        }
        let owned = self.variables(conversation);
        let mut args: BTreeMap<&str, String> = owned
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        args.extend(extra.iter().map(|(name, value)| (*name, value.clone())));
        self.locales.text(language, id, &args)
    }

    fn only(&self, conversation: &Conversation, id: &str) -> Result<Content, TextFault> {
        Ok(Content {
            body: self.text(conversation, id, &[])?,
            ..Content::default()
        })
    }

    fn help(
        &self,
        conversation: &Conversation,
        of_page: Option<&str>,
    ) -> Result<Content, TextFault> {
        let mut content = self.only(conversation, "help")?;
        if let Some(id) = of_page {
            content.body = format!("{}\n{}", self.text(conversation, id, &[])?, content.body);
        }
        Ok(content)
    }

    fn readings(
        &self,
        conversation: &Conversation,
        slot: &SlotName,
        values: &[Value],
    ) -> Result<Content, TextFault> {
        let again = self.text(conversation, "readings-again", &[])?;
        match values {
            [value] => Ok(Content {
                body: self.text(
                    conversation,
                    "readings-confirm",
                    &[("value", value.shown())],
                )?,
                options: vec![
                    format!("1 {}", self.text(conversation, "yes", &[])?),
                    format!("2 {again}"),
                ],
                ..Content::default()
            }),
            several => Ok(Content {
                body: self.text(conversation, "readings-choose", &[("slot", slot.0.clone())])?,
                options: several
                    .iter()
                    .map(Value::shown)
                    .chain([again])
                    .enumerate()
                    .map(numbered)
                    .collect(),
                ..Content::default()
            }),
        }
    }

    /// What was wrong. On an ask page it says by itself what to type, so it takes the text's place.
    fn put_note(
        &self,
        conversation: &Conversation,
        view: &View,
        content: &mut Content,
    ) -> Result<(), TextFault> {
        match view.note {
            None => {}
            Some(Note::NoSuchOption) => {
                content.note = Some(self.text(conversation, "no-such-option", &[])?)
            }
            Some(Note::NoFurther) => {
                content.note = Some(self.text(conversation, "no-further", &[])?)
            }
            Some(Note::Wrong(wrong)) => {
                let kind = match self
                    .script
                    .dialog
                    .pages
                    .get(&conversation.page)
                    .map(|page| &page.kind)
                {
                    Some(PageKind::Ask { slot, .. }) => self.script.dialog.slots.get(slot),
                    Some(
                        PageKind::Menu { .. }
                        | PageKind::List { .. }
                        | PageKind::Call { .. }
                        | PageKind::Say { .. }
                        | PageKind::Wait
                        | PageKind::End,
                    )
                    | None => None,
                };
                let id = match kind {
                    Some(SlotKind::Identity) => format!("wrong-identity-{}", wrong.name()),
                    Some(SlotKind::Expiry) => format!("wrong-expiry-{}", wrong.name()),
                    Some(SlotKind::Birth) => format!("wrong-birth-{}", wrong.name()),
                    Some(SlotKind::Code) => "wrong-code-form".to_owned(),
                    Some(SlotKind::Email) => "wrong-email-form".to_owned(),
                    Some(SlotKind::Choice(_) | SlotKind::Listed(_)) | None => {
                        "no-such-option".to_owned()
                    }
                };
                content.body = self.text(conversation, &id, &[])?;
            }
        }
        Ok(())
    }

    fn put_navigation(
        &self,
        conversation: &Conversation,
        view: &View,
        content: &mut Content,
    ) -> Result<(), TextFault> {
        content.next = self.text(conversation, "nav-next", &[])?;
        if view.ends {
            return Ok(());
        }
        let aside = match view.face {
            Face::Readings { .. } | Face::Help => true,
            Face::Page | Face::Resume | Face::Stopped | Face::Over => false,
        };
        let behind = !conversation.history.is_empty() || conversation.chunk > 0;
        if aside || (view.face == Face::Page && behind) {
            content.back = Some(self.text(conversation, "nav-back", &[])?);
        }
        if view.face == Face::Page
            && conversation.entered
            && conversation.page != self.script.dialog.entry
        {
            content.home = Some(self.text(conversation, "nav-home", &[])?);
        }
        Ok(())
    }

    fn options(&self, conversation: &Conversation, kind: &PageKind) -> Result<Options, TextFault> {
        match kind {
            PageKind::Menu { options }
            | PageKind::Say { options }
            | PageKind::Ask { options, .. } => Ok(Options {
                lines: self.choices(conversation, options)?,
                more: false,
            }),
            PageKind::List { list, within, .. } => {
                let items = self
                    .script
                    .lists
                    .items(*list, within_key(conversation, within.as_ref()).as_deref());
                let first = usize::from(conversation.chunk) * LIST_CHUNK;
                let language = self.language(conversation);
                let shown = items.iter().skip(first).take(LIST_CHUNK);
                Ok(Options {
                    lines: shown
                        .map(|item| label(item, language))
                        .enumerate()
                        .map(numbered)
                        .collect(),
                    more: items.len() > first + LIST_CHUNK,
                })
            }
            PageKind::Call { .. } | PageKind::Wait | PageKind::End => Ok(Options {
                lines: Vec::new(),
                more: false,
            }),
        }
    }

    fn choices(
        &self,
        conversation: &Conversation,
        options: &[Choice],
    ) -> Result<Vec<String>, TextFault> {
        options
            .iter()
            .map(|option| self.text(conversation, &option.label, &[]))
            .enumerate()
            .map(|(index, label)| label.map(|label| numbered((index, label))))
            .collect()
    }

    /// All that a text may tell: slots but never a code, facts, the service's words.
    fn variables(&self, conversation: &Conversation) -> BTreeMap<String, String> {
        let language = self.language(conversation);
        let mut all: BTreeMap<String, String> = conversation
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), value.shown()))
            .collect();
        for (slot, value) in &conversation.slots {
            match self.script.dialog.slots.get(slot) {
                Some(SlotKind::Code) | None => {}
                Some(SlotKind::Listed(list)) => {
                    all.insert(slot.0.clone(), self.listed(*list, &value.shown(), language));
                }
                Some(
                    SlotKind::Choice(_)
                    | SlotKind::Identity
                    | SlotKind::Expiry
                    | SlotKind::Birth
                    | SlotKind::Email,
                ) => {
                    all.insert(slot.0.clone(), value.shown());
                }
            }
        }
        let key = |slot: &str| conversation.slots.get(slot).map(Value::shown);
        if let Some(category) = key("category").and_then(|key| self.script.lists.category(&key)) {
            let lines: Vec<String> = category
                .documents
                .iter()
                .map(|labels| format!("- {}", in_language(labels, language)))
                .collect();
            all.insert("documents".to_owned(), lines.join("\n"));
        }
        if let Some(city) = key("city") {
            let points = self.script.lists.points_of(&city);
            let arabic = language.as_str().starts_with("ar") && !language.as_str().contains("Latn");
            let lines: Vec<&str> = points
                .iter()
                .map(|point| {
                    if arabic {
                        point.arabic.as_str()
                    } else {
                        point.latin.as_str()
                    }
                })
                .collect();
            all.insert("points".to_owned(), lines.join("\n"));
        }
        let examples = self.script.examples;
        let service = self.service;
        for (name, value) in [
            ("dial", service.dial.clone()),
            ("number", service.number.clone()),
            ("keyword", service.keyword.clone()),
            ("help_line", service.help_line.clone()),
            ("example_cnie", examples.cnie.clone()),
            ("example_sejour", examples.sejour.clone()),
            ("example_expiry", compact(examples.expiry)),
            ("example_birth", compact(examples.birth)),
        ] {
            all.insert(name.to_owned(), value);
        }
        // A prompt may speak of the kind of card before it is known.
        all.entry("id_type".to_owned())
            .or_insert_with(|| "cnie".to_owned());
        all
    }

    fn listed(&self, list: ListName, key: &str, language: &Language) -> String {
        let found = match list {
            ListName::Groups => self
                .script
                .lists
                .groups
                .iter()
                .map(|group| &group.item)
                .find(|item| item.key == key),
            ListName::Categories => self
                .script
                .lists
                .category(key)
                .map(|category| &category.item),
            ListName::Regions => self
                .script
                .lists
                .points
                .iter()
                .map(|point| &point.region)
                .find(|item| item.key == key),
            ListName::Cities => self
                .script
                .lists
                .points
                .iter()
                .map(|point| &point.city)
                .find(|item| item.key == key),
        };
        found.map_or_else(|| key.to_owned(), |item| label(item, language))
    }
}

impl Labels for Locales {
    fn words(&self, label: &str) -> Vec<String> {
        self.languages()
            .flat_map(|language| self.answers(language, label))
            .collect()
    }
}

/// The option lines of a page.
struct Options {
    lines: Vec<String>,
    more: bool,
}

/// `1 label`.
fn numbered((index, label): (usize, String)) -> String {
    format!("{} {label}", index + 1)
}

fn label(item: &Item, language: &Language) -> String {
    in_language(&item.label, language).to_owned()
}

/// The words of that language, or any: a list is checked for all languages when loaded.
fn in_language<'l>(labels: &'l BTreeMap<Language, String>, language: &Language) -> &'l str {
    labels
        .get(language)
        .or_else(|| labels.values().next())
        .map_or("", String::as_str)
}

/// A date as the prompts show it to be typed: `31122030`.
fn compact(day: jiff::civil::Date) -> String {
    format!("{:02}{:02}{:04}", day.day(), day.month(), day.year())
}
