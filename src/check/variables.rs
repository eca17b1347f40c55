//! The variables of texts: the same in every language, known, never sealed, and there when shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, SYSTEM, messages_of, options_of};
use crate::conversation::{CallKind, Language, PageName, SlotName};
use crate::dialog::sure::{Sure, sure};
use crate::dialog::{FACTS, FactKind, SlotKind};
use crate::finding::nearest;

/// The variables that every text may use beside slots and facts.
const COMMON: [&str; 10] = [
    "documents",
    "points",
    "dial",
    "number",
    "keyword",
    "help_line",
    "example_cnie",
    "example_sejour",
    "example_expiry",
    "example_birth",
];

/// The variables that single texts are given.
const OWN: [(&str, &[&str]); 4] = [
    ("sms-code", &["code", "minutes"]),
    ("sms-password", &["password"]),
    ("readings-confirm", &["value"]),
    ("readings-choose", &["slot"]),
];

impl<'a> Check<'a> {
    /// `T002` to `T004`: the same variables in all languages, only known ones, only known forms,
    /// nothing sealed.
    pub(super) fn variables(&mut self) {
        let locales = self.subject.locales;
        let labels = self.labels();
        for id in self.needed() {
            let mut by_set: BTreeMap<BTreeSet<String>, Vec<&Language>> = BTreeMap::new();
            for language in locales
                .languages()
                .filter(|language| self.has(language, id))
            {
                by_set
                    .entry(locales.variables(language, id))
                    .or_default()
                    .push(language);
            }
            // What most languages have is taken to be meant.
            let Some((usual, _)) = by_set.iter().max_by_key(|(_, languages)| languages.len())
            else {
                continue;
            };
            for (set, languages) in by_set.iter().filter(|(set, _)| *set != usual) {
                let missing: Vec<&str> = usual.difference(set).map(String::as_str).collect();
                let more: Vec<&str> = set.difference(usual).map(String::as_str).collect();
                let message = match (missing.as_slice(), more.as_slice()) {
                    (missing, []) => {
                        format!("the text `{id}` lacks the variables {}", missing.join(", "))
                    }
                    ([], more) => {
                        format!("the text `{id}` has the variables {} more", more.join(", "))
                    }
                    (missing, more) => {
                        format!(
                            "the text `{id}` has {} in place of {}",
                            more.join(", "),
                            missing.join(", ")
                        )
                    }
                };
                for language in languages {
                    let mend = "give it the variables that the other languages have";
                    self.error("T002", language, id, message.clone(), mend);
                }
            }
            for language in locales.languages() {
                for variable in locales.variables(language, id) {
                    if labels.contains(id) {
                        let message = format!(
                            "the label `{id}` uses `{variable}`; labels are the same for all"
                        );
                        self.error(
                            "T013",
                            language,
                            id,
                            message,
                            "say it in the text of the page",
                        );
                    } else if !self.known(id).contains(&variable.as_str()) {
                        self.unknown(language, id, &variable);
                    }
                }
                for (variable, keys) in locales.variants(language, id) {
                    let Some(words) = self.words_of(&variable) else {
                        continue;
                    };
                    for key in keys.iter().filter(|key| !words.contains(key)) {
                        let message = format!(
                            "the text `{id}` has a form `{key}`, but `{variable}` is never that"
                        );
                        let mend = format!("take one of {}", words.join(", "));
                        self.error("T003", language, id, message, mend);
                    }
                }
            }
        }
    }

    /// `T003`, or `T004` where it is a sealed slot.
    fn unknown(&mut self, language: &Language, id: &str, variable: &str) {
        if self.subject.dialog.slots.get(&SlotName::from(variable)) == Some(&SlotKind::Code) {
            let message = format!("the text `{id}` shows `{variable}`, which is sealed");
            self.error(
                "T004",
                language,
                id,
                message,
                "take it out: a code is only ever typed",
            );
            return;
        }
        let message = format!("the text `{id}` uses `{variable}`, which it is not given");
        let known = self.known(id);
        let mend = match nearest(variable, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("take it out, or use one of {}", known.join(", ")),
        };
        self.error("T003", language, id, message, mend);
    }

    /// Every variable that a text may use. The gateway's own texts stand on any page, so that they
    /// know of no slot but the kind of card, which has a value always.
    fn known(&self, id: &str) -> Vec<&'a str> {
        let own = OWN
            .iter()
            .filter(|(text, _)| *text == id)
            .flat_map(|(_, names)| names.iter().copied());
        let mut known: Vec<&str> = own.chain(COMMON).collect();
        if SYSTEM.contains(&id) {
            known.push("id_type");
        } else {
            let open = self
                .subject
                .dialog
                .slots
                .iter()
                .filter(|(_, kind)| **kind != SlotKind::Code);
            known.extend(open.map(|(slot, _)| slot.as_str()));
            known.extend(FACTS.iter().map(|(name, _)| *name));
        }
        known
    }

    /// The words that a variable can have, if they are a closed set.
    fn words_of(&self, variable: &str) -> Option<Vec<String>> {
        if let Some(SlotKind::Choice(words)) =
            self.subject.dialog.slots.get(&SlotName::from(variable))
        {
            return Some(words.clone());
        }
        match FACTS.iter().find(|(name, _)| *name == variable)? {
            (_, FactKind::Word(words)) => {
                Some(words.iter().map(|word| (*word).to_owned()).collect())
            }
            (_, FactKind::Flag) => Some(vec!["true".to_owned(), "false".to_owned()]),
            (_, FactKind::Text | FactKind::Number) => None,
        }
    }

    /// `T009`: a page shows nothing that is not there on every way to it.
    pub(super) fn order(&mut self) {
        let dialog = self.subject.dialog;
        let there = sure(dialog);
        for (name, page) in &dialog.pages {
            let Some(there) = there.get(name) else {
                continue;
            };
            for id in messages_of(page) {
                let shown: BTreeMap<String, &Language> = self
                    .subject
                    .locales
                    .languages()
                    .flat_map(|language| {
                        let variables = self.subject.locales.variables(language, id).into_iter();
                        variables.map(move |variable| (variable, language))
                    })
                    .collect();
                for (variable, language) in shown {
                    self.shown(name, id, &variable, language, there);
                }
            }
        }
    }

    fn shown(
        &mut self,
        page: &PageName,
        id: &str,
        variable: &str,
        language: &Language,
        there: &BTreeSet<Sure>,
    ) {
        let slot = SlotName::from(variable);
        let kind = self.subject.dialog.slots.get(&slot);
        let needs = match (variable, kind) {
            // A text may speak of the kind of card before it is chosen; it is a CNIE then.
            ("id_type", _) => None,
            ("documents", _) => Some(Sure::Slot(SlotName::from("category"))),
            ("points", _) => Some(Sure::Slot(SlotName::from("city"))),
            ("wait_seconds", _) => Some(Sure::Told(CallKind::SendCode)),
            ("tries_left", _) => Some(Sure::Told(CallKind::VerifyCode)),
            // Told as sealed already.
            (_, Some(SlotKind::Code)) => None,
            (_, Some(_)) => Some(Sure::Slot(slot)),
            (fact, None) if FACTS.iter().any(|(name, _)| *name == fact) => {
                Some(Sure::Told(CallKind::Lookup))
            }
            (_, None) => None,
        };
        if let Some(needs) = needs.filter(|needs| !there.contains(needs)) {
            let what = match needs {
                Sure::Slot(slot) => format!("the slot `{slot}` is not filled"),
                Sure::Told(call) => format!("`{}` has not been answered", call.name()),
            };
            let message = format!(
                "the text `{id}` shows `{variable}`, but {what} on every way to page `{page}`"
            );
            self.error(
                "T009",
                language,
                id,
                message,
                "take it out, or lead every way through what gives it",
            );
        }
    }

    /// The labels of all options.
    fn labels(&self) -> BTreeSet<&'a str> {
        let options = self.subject.dialog.pages.values().flat_map(options_of);
        options.map(|option| option.label.as_str()).collect()
    }
}
