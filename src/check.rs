//! What is proved of the texts before they are used: each is there in every language with the same
//! variables, shows nothing sealed and nothing that is not there yet, and fits its screen.

mod screens;
#[cfg(test)]
mod tests;
mod variables;
mod worst;

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::Language;
use crate::dialog::lists::Lists;
use crate::dialog::marks::Marks;
use crate::dialog::{Choice, Dialog, Page, PageKind};
use crate::finding::{Finding, Source, Span, nearest};
use crate::input::words;
use crate::locale::{LocaleFile, Locales};
use crate::screen::Limit;

/// The messages of the gateway itself, which every language has.
pub const SYSTEM: [&str; 32] = [
    "nav-back",
    "nav-home",
    "nav-next",
    "resume",
    "resume-continue",
    "resume-over",
    "readings-choose",
    "readings-confirm",
    "yes",
    "readings-again",
    "help",
    "stopped",
    "over",
    "hint",
    "busy",
    "failed",
    "no-such-option",
    "no-further",
    "wrong-identity-form",
    "wrong-identity-example",
    "wrong-expiry-form",
    "wrong-expiry-day",
    "wrong-expiry-range",
    "wrong-expiry-example",
    "wrong-birth-form",
    "wrong-birth-day",
    "wrong-birth-range",
    "wrong-birth-example",
    "wrong-code-form",
    "wrong-email-form",
    "sms-code",
    "sms-password",
];

/// All that a check of the texts reads.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The dialog, proved.
    pub dialog: &'a Dialog,
    /// The places of its parts.
    pub marks: &'a Marks,
    /// Its file.
    pub source: &'a Source,
    /// The texts.
    pub locales: &'a Locales,
    /// The files of the texts, for the places of findings.
    pub files: &'a [LocaleFile],
    /// The lists that it shows; where one is empty, labels of the greatest length are assumed.
    pub lists: &'a Lists,
    /// The limits of the links, by name.
    pub limits: &'a [(&'a str, Limit)],
}

/// Everything that is wrong with the texts, in the order of the files. Warnings stop nothing.
pub fn texts(subject: Subject) -> Vec<Finding> {
    let mut check = Check {
        subject,
        files: subject.files.iter().map(Placed::new).collect(),
        found: Vec::new(),
    };
    check.languages();
    check.presence();
    check.variables();
    check.order();
    check.words();
    check.unused();
    check.screens();
    let mut found = check.found;
    found.sort_by(|a, b| (a.source.file(), a.span, a.code).cmp(&(b.source.file(), b.span, b.code)));
    found
}

struct Check<'a> {
    subject: Subject<'a>,
    files: Vec<Placed<'a>>,
    found: Vec<Finding>,
}

/// A file of texts with the places of its messages.
struct Placed<'a> {
    language: &'a Language,
    source: Source,
    messages: BTreeMap<&'a str, Span>,
}

impl<'a> Placed<'a> {
    /// A message begins at the beginning of a line, with its name and `=`.
    fn new(file: &'a LocaleFile) -> Self {
        let mut messages = BTreeMap::new();
        let mut at = 0;
        for line in file.source.split_inclusive('\n') {
            if let Some((name, _)) = line.split_once('=')
                && line.starts_with(|c: char| c.is_ascii_alphabetic())
            {
                let name = name.trim_end();
                messages.entry(name).or_insert(Span {
                    at,
                    len: name.len(),
                });
            }
            at += line.len();
        }
        Self {
            language: &file.language,
            source: Source::new(&file.name, &file.source),
            messages,
        }
    }
}

impl<'a> Check<'a> {
    /// The place of a message in a language, or else where the dialog names it.
    fn place(&self, language: &Language, id: &str) -> (Source, Span) {
        let file = self.files.iter().filter(|file| file.language == language);
        let found = file
            .clone()
            .find_map(|file| Some((file.source.clone(), *file.messages.get(id)?)));
        found.or_else(|| self.in_dialog(id)).unwrap_or_else(|| {
            let mut file = file;
            (
                file.next()
                    .map_or(self.subject.source, |file| &file.source)
                    .clone(),
                Span::default(),
            )
        })
    }

    /// Where the dialog names a message.
    fn in_dialog(&self, id: &str) -> Option<(Source, Span)> {
        let mut messages = self
            .subject
            .marks
            .pages
            .values()
            .flat_map(|page| &page.messages);
        messages
            .find(|(name, _)| name == id)
            .map(|(_, span)| (self.subject.source.clone(), *span))
    }

    fn error(
        &mut self,
        code: &'static str,
        language: &Language,
        id: &str,
        message: String,
        mend: impl Into<String>,
    ) {
        let (source, span) = self.place(language, id);
        self.found.push(source.error(code, span, message, mend));
    }

    fn warning(
        &mut self,
        code: &'static str,
        language: &Language,
        id: &str,
        message: String,
        mend: impl Into<String>,
    ) {
        let (source, span) = self.place(language, id);
        self.found.push(source.warning(code, span, message, mend));
    }

    /// Every message that is named by the dialog or by the gateway.
    fn needed(&self) -> BTreeSet<&'a str> {
        let named = self
            .subject
            .marks
            .pages
            .values()
            .flat_map(|page| &page.messages);
        named.map(|(id, _)| id.as_str()).chain(SYSTEM).collect()
    }

    fn has(&self, language: &Language, id: &str) -> bool {
        self.subject.locales.ids(language).contains(id)
    }

    /// `T010`: every language that an option speaks has texts.
    fn languages(&mut self) {
        let known: Vec<&str> = self
            .subject
            .locales
            .languages()
            .map(Language::as_str)
            .collect();
        for (language, span) in self
            .subject
            .marks
            .pages
            .values()
            .flat_map(|page| &page.languages)
        {
            if !known.contains(&language.as_str()) {
                let message = format!("there are no texts in the language `{language}`");
                let mend = format!(
                    "add the folder `locales/{language}`, or speak one of {}",
                    known.join(", ")
                );
                self.found
                    .push(self.subject.source.error("T010", *span, message, mend));
            }
        }
    }

    /// `T001`: every message in every language.
    fn presence(&mut self) {
        for id in self.needed() {
            let lacking: Vec<&str> = self
                .subject
                .locales
                .languages()
                .filter(|language| !self.has(language, id))
                .map(Language::as_str)
                .collect();
            let Some(first) = lacking.first() else {
                continue;
            };
            let message = format!("the text `{id}` is not there in {}", lacking.join(", "));
            let ids = self.subject.locales.ids(&Language::from(*first));
            let mend = match nearest(id, ids.into_iter().filter(|other| *other != id)) {
                Some(near) => format!("add it to locales/{first}, or did you mean `{near}`?"),
                None => format!("add it to locales/{first}"),
            };
            let (source, span) = self
                .in_dialog(id)
                .unwrap_or_else(|| self.place(&Language::from(*first), id));
            self.found.push(source.error("T001", span, message, mend));
        }
    }

    /// `T011`: an answer means one option of a page only. Labels of all languages are taken.
    fn words(&mut self) {
        let dialog = self.subject.dialog;
        let languages: Vec<&Language> = self.subject.locales.languages().collect();
        for (name, page) in &dialog.pages {
            let mut owners: BTreeMap<String, &str> = BTreeMap::new();
            for option in options_of(page) {
                for language in &languages {
                    for word in self.subject.locales.answers(language, &option.label) {
                        let owner = *owners.entry(words::folded(&word)).or_insert(&option.label);
                        if owner != option.label {
                            let message = format!(
                                "on page `{name}` the answer `{word}` means `{owner}` and `{}`",
                                option.label
                            );
                            self.error(
                                "T011",
                                language,
                                &option.label,
                                message,
                                "take it from one of them",
                            );
                        }
                    }
                }
            }
        }
    }

    /// `T012`: a text that nobody shows. Only a warning: several dialogs may share a folder.
    fn unused(&mut self) {
        let needed = self.needed();
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for language in self.subject.locales.languages() {
            for id in self.subject.locales.ids(language) {
                if !needed.contains(id) && told.insert(id) {
                    let message = format!("nothing shows the text `{id}`");
                    self.warning(
                        "T012",
                        language,
                        id,
                        message,
                        "take it away in every language, or name it in the dialog",
                    );
                }
            }
        }
    }
}

/// The fixed options of a page.
fn options_of(page: &Page) -> &[Choice] {
    match &page.kind {
        PageKind::Menu { options } | PageKind::Say { options } | PageKind::Ask { options, .. } => {
            options
        }
        PageKind::List { .. } | PageKind::Call { .. } | PageKind::Wait | PageKind::End => &[],
    }
}

/// The messages that a page shows or sends.
fn messages_of(page: &Page) -> Vec<&str> {
    let text = Some(page.text.as_str()).filter(|text| !text.is_empty());
    let others = [&page.sms, &page.help]
        .into_iter()
        .filter_map(|id| id.as_deref());
    let labels = options_of(page).iter().map(|option| option.label.as_str());
    text.into_iter().chain(others).chain(labels).collect()
}
