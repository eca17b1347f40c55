//! Every screen with the longest values: does it fit, in which alphabet, does a phone show it in
//! the right order?

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, options_of, worst};
use crate::conversation::{Language, PageName};
use crate::dialog::{Page, PageKind, SlotKind};
use crate::engine::LIST_CHUNK;
use crate::locale::Args;
use crate::screen::alphabet::{Alphabet, fold, measure, sms_parts, tidy};
use crate::screen::fit::fit;
use crate::screen::rtl::{is_right_to_left, reversed_pieces};
use crate::screen::{Content, Limit, Screen};

/// The most parts of a page that waits for an answer; beyond, it is told.
const PARTS_GOOD: usize = 3;
/// The most parts of a screen that are looked at.
const PARTS_MAX: usize = 40;
/// The most forms of one text that are tried.
const FORMS_MAX: usize = 64;
/// The most parts of a message to keep; beyond, it is told.
const SMS_PARTS_GOOD: usize = 3;

/// The messages that stand alone or with options of their own: message, labels, way back.
const SYSTEM_SCREENS: [(&str, &[&str], bool); 9] = [
    ("resume", &["resume-continue", "resume-over"], false),
    ("readings-choose", &["readings-again"], true),
    ("readings-confirm", &["yes", "readings-again"], true),
    ("help", &[], true),
    ("stopped", &[], false),
    ("over", &[], false),
    ("hint", &[], false),
    ("busy", &[], false),
    ("failed", &[], false),
];

impl Check<'_> {
    /// `T005` to `T008`.
    pub(super) fn screens(&mut self) {
        let languages: Vec<Language> = self.subject.locales.languages().cloned().collect();
        for language in &languages {
            let arabic = self
                .said(language, "nav-back", &Args::new())
                .is_some_and(|text| is_right_to_left(&text));
            let values = worst::values(self.subject.dialog, self.subject.lists, language, arabic);
            for id in self.needed() {
                self.alphabet(language, id, &values, arabic);
            }
            let dialog = self.subject.dialog;
            for (name, page) in &dialog.pages {
                self.page(language, name, page, &values, arabic);
            }
            for (id, labels, back) in SYSTEM_SCREENS {
                self.system(language, id, labels, back, &values);
            }
            for id in ["sms-code", "sms-password", "hint"] {
                self.message(language, id, &values);
            }
        }
    }

    /// One message in all its forms: within its alphabet, and in the right order.
    fn alphabet(
        &mut self,
        language: &Language,
        id: &str,
        values: &BTreeMap<String, String>,
        arabic: bool,
    ) {
        for args in self.forms(language, id, values) {
            let Some(text) = self.said(language, id, &args) else {
                return;
            };
            if arabic {
                let reversed = reversed_pieces(&text);
                if let Some(piece) = reversed.first() {
                    let message =
                        format!("a phone shows `{piece}` of the text `{id}` in the reverse order");
                    let mend = "put it on a line of its own, or write dates with `/` and numbers without spaces";
                    self.error("T008", language, id, message, mend);
                    return;
                }
            } else if measure(&fold(&text)).0 == Alphabet::Ucs2 && !self.is_the_same_everywhere(id)
            {
                let foreign: BTreeSet<char> = fold(&text)
                    .chars()
                    .filter(|c| measure(&c.to_string()).0 == Alphabet::Ucs2)
                    .collect();
                let foreign: Vec<String> = foreign.iter().map(|c| format!("`{c}`")).collect();
                let message = format!(
                    "the text `{id}` leaves GSM 7-bit with {}",
                    foreign.join(" ")
                );
                self.error(
                    "T007",
                    language,
                    id,
                    message,
                    "a screen then holds 80 characters for 182: write it otherwise",
                );
                return;
            }
        }
    }

    /// Whether a message reads the same in every language, as the choice of a language does: then
    /// it has an alphabet of its own.
    fn is_the_same_everywhere(&self, id: &str) -> bool {
        let texts = self
            .subject
            .locales
            .languages()
            .map(|language| self.said(language, id, &Args::new()));
        texts.collect::<BTreeSet<_>>().len() == 1
    }

    /// A page with its options, and with each line that says what was wrong.
    fn page(
        &mut self,
        language: &Language,
        name: &PageName,
        page: &Page,
        values: &BTreeMap<String, String>,
        arabic: bool,
    ) {
        let wrongs: &[&str] = match &page.kind {
            PageKind::Call { .. } => return,
            PageKind::Ask { slot, .. } => match self.subject.dialog.slots.get(slot) {
                Some(SlotKind::Identity) => &["wrong-identity-form", "wrong-identity-example"],
                Some(SlotKind::Expiry) => &[
                    "wrong-expiry-form",
                    "wrong-expiry-day",
                    "wrong-expiry-range",
                    "wrong-expiry-example",
                ],
                Some(SlotKind::Birth) => &[
                    "wrong-birth-form",
                    "wrong-birth-day",
                    "wrong-birth-range",
                    "wrong-birth-example",
                ],
                Some(SlotKind::Code) => &["wrong-code-form"],
                Some(SlotKind::Email) => &["wrong-email-form"],
                Some(SlotKind::Choice(_) | SlotKind::Listed(_)) | None => &[],
            },
            PageKind::Menu { .. }
            | PageKind::List { .. }
            | PageKind::Say { .. }
            | PageKind::Wait
            | PageKind::End => &[],
        };
        let told = match page.kind {
            PageKind::Say { .. } | PageKind::Wait | PageKind::End => usize::MAX,
            PageKind::Menu { .. }
            | PageKind::List { .. }
            | PageKind::Ask { .. }
            | PageKind::Call { .. } => PARTS_GOOD,
        };
        let of = format!("page `{name}`");
        for id in std::iter::once(page.text.as_str()).chain(wrongs.iter().copied()) {
            for (at, args) in self.forms(language, id, values).into_iter().enumerate() {
                let Some(content) = self.content(language, name, page, id, &args, arabic) else {
                    return;
                };
                self.fits(language, id, &of, &content, told);
                if at > 0 || id != page.text {
                    continue;
                }
                // What was pressed is none of the options, or there is nothing after.
                for note in ["no-such-option", "no-further"] {
                    let note = self.said(language, note, &args);
                    let noted = Content {
                        note,
                        ..content.clone()
                    };
                    self.fits(language, id, &of, &noted, usize::MAX);
                }
            }
        }
        if let Some(sms) = &page.sms {
            self.message(language, sms, values);
        }
    }

    /// What a page shows, `body` in the place of its text.
    fn content(
        &self,
        language: &Language,
        name: &PageName,
        page: &Page,
        body: &str,
        args: &Args,
        arabic: bool,
    ) -> Option<Content> {
        let say = |id: &str| self.said(language, id, args);
        let (options, more): (Vec<String>, bool) = match &page.kind {
            PageKind::List { list, .. } => {
                let labels = worst::labels(self.subject.lists, *list, language, arabic);
                (labels.into_iter().take(LIST_CHUNK).collect(), true)
            }
            PageKind::Menu { .. }
            | PageKind::Ask { .. }
            | PageKind::Say { .. }
            | PageKind::Call { .. }
            | PageKind::Wait
            | PageKind::End => {
                let labels = options_of(page).iter().map(|option| say(&option.label));
                (labels.collect::<Option<_>>()?, false)
            }
        };
        let ends = matches!(page.kind, PageKind::Wait | PageKind::End);
        Some(Content {
            note: None,
            body: say(body)?,
            options: numbered(options),
            next: say("nav-next")?,
            more,
            back: if ends { None } else { Some(say("nav-back")?) },
            home: if ends || *name == self.subject.dialog.entry {
                None
            } else {
                Some(say("nav-home")?)
            },
        })
    }

    fn system(
        &mut self,
        language: &Language,
        id: &str,
        labels: &[&str],
        back: bool,
        values: &BTreeMap<String, String>,
    ) {
        for args in self.forms(language, id, values) {
            let say = |id: &str| self.said(language, id, &args);
            let content = (|| {
                Some(Content {
                    body: say(id)?,
                    options: numbered(
                        labels
                            .iter()
                            .map(|label| say(label))
                            .collect::<Option<_>>()?,
                    ),
                    next: say("nav-next")?,
                    back: if back { Some(say("nav-back")?) } else { None },
                    ..Content::default()
                })
            })();
            if let Some(content) = content {
                self.fits(language, id, "this screen", &content, usize::MAX);
            }
        }
    }

    /// A message to keep: not too many parts.
    fn message(&mut self, language: &Language, id: &str, values: &BTreeMap<String, String>) {
        for args in self.forms(language, id, values) {
            let Some(text) = self.said(language, id, &args) else {
                return;
            };
            let parts = sms_parts(&fold(&text));
            if parts > SMS_PARTS_GOOD && self.is_new("T006", language, id) {
                let message = format!(
                    "with the longest values the message `{id}` takes {parts} parts in `{language}`"
                );
                self.warning(
                    "T006",
                    language,
                    id,
                    message,
                    "shorten it: each part is paid for",
                );
            }
        }
    }

    /// Fits a content to every limit.
    fn fits(&mut self, language: &Language, id: &str, of: &str, content: &Content, told: usize) {
        let limits = self.subject.limits;
        let mut whole: Option<Limit> = None;
        for (link, limit) in limits {
            // What stands whole on a smaller screen does so on a greater one.
            let greater =
                |small: Limit| small.septets <= limit.septets && small.units <= limit.units;
            if whole.is_some_and(greater) {
                continue;
            }
            let screens = screens(content, *limit);
            if screens.len() == 1 {
                whole = Some(*limit);
            }
            let over = screens
                .iter()
                .any(|screen| screen.cost > room(screen, *limit));
            let torn = torn(content, &screens);
            if (over || screens.len() >= PARTS_MAX) && self.is_new("T005", language, id) {
                let message =
                    format!("with the longest values {of} does not fit {link} in `{language}`");
                self.error(
                    "T005",
                    language,
                    id,
                    message,
                    "shorten the text or its options",
                );
            } else if let Some(torn) = torn
                && self.is_new("T005", language, id)
            {
                let message = format!("on {link} {of} breaks within `{torn}` in `{language}`");
                self.error(
                    "T005",
                    language,
                    id,
                    message,
                    "shorten the text or the option",
                );
            }
            if screens.len() > told && *limit == Limit::USSD && self.is_new("T006", language, id) {
                let message = format!(
                    "with the longest values {of} takes {} screens of {link} in `{language}`",
                    screens.len()
                );
                self.warning(
                    "T006",
                    language,
                    id,
                    message,
                    "shorten the text: each screen costs a key press",
                );
            }
        }
    }

    /// Whether a text has no finding of this code in this language yet: its forms would repeat it.
    fn is_new(&self, code: &'static str, language: &Language, id: &str) -> bool {
        let (source, span) = self.place(language, id);
        !self.found.iter().any(|finding| {
            finding.code == code && finding.span == span && finding.source.file() == source.file()
        })
    }

    /// The longest values with each combination of the words by which a text chooses its form.
    fn forms<'v>(
        &self,
        language: &Language,
        id: &str,
        values: &'v BTreeMap<String, String>,
    ) -> Vec<Args<'v>> {
        let longest: Args = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let mut forms = vec![longest];
        for (variable, keys) in self.subject.locales.variants(language, id) {
            // Only what has a value can choose; anything else is told as unknown.
            let Some((name, _)) = values.get_key_value(&variable) else {
                continue;
            };
            forms = forms
                .into_iter()
                .flat_map(|form| {
                    keys.iter().map(move |key| {
                        let mut form = form.clone();
                        form.insert(name.as_str(), key.clone());
                        form
                    })
                })
                .take(FORMS_MAX)
                .collect();
        }
        forms
    }

    /// A text, where there is one; what is missing is told elsewhere.
    fn said(&self, language: &Language, id: &str, args: &Args) -> Option<String> {
        self.subject.locales.text(language, id, args).ok()
    }
}

fn numbered(options: Vec<String>) -> Vec<String> {
    options
        .into_iter()
        .enumerate()
        .map(|(at, option)| format!("{} {option}", at + 1))
        .collect()
}

/// All parts of a content.
fn screens(content: &Content, limit: Limit) -> Vec<Screen> {
    let first = fit(content, limit, 0);
    let parts = first.parts.min(PARTS_MAX);
    std::iter::once(first)
        .chain((1..parts).map(|part| fit(content, limit, part)))
        .collect()
}

fn room(screen: &Screen, limit: Limit) -> usize {
    match screen.alphabet {
        Alphabet::Gsm7 => limit.septets,
        Alphabet::Ucs2 => limit.units,
    }
}

/// The first option or word that no part shows whole.
fn torn(content: &Content, screens: &[Screen]) -> Option<String> {
    let alphabet = screens.first().map(|screen| screen.alphabet)?;
    let written = |text: &str| match alphabet {
        Alphabet::Gsm7 => fold(text),
        Alphabet::Ucs2 => tidy(text),
    };
    let whole = |piece: &str| screens.iter().any(|screen| screen.text.contains(piece));
    let body = written(&content.body);
    let options = content
        .options
        .iter()
        .map(|option| written(option).trim().to_owned());
    let words = body.split_whitespace().map(str::to_owned);
    options.chain(words).find(|piece| !whole(piece))
}
