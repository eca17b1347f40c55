//! The slots of a dialog file.

use crate::conversation::SlotName;
use crate::dialog::fields::{Fields, meant};
use crate::dialog::guard::RESERVED;
use crate::dialog::lists::ListName;
use crate::dialog::load::Reader;
use crate::dialog::tree::{Node, Tree};
use crate::dialog::{FACTS, KNOWN, SlotKind};
use crate::finding::Span;

/// The slot kinds that stand as one word.
const PLAIN_SLOTS: [(&str, SlotKind); 5] = [
    ("identity", SlotKind::Identity),
    ("expiry", SlotKind::Expiry),
    ("birth", SlotKind::Birth),
    ("code", SlotKind::Code),
    ("email", SlotKind::Email),
];

impl Reader {
    pub(super) fn read_slots(&mut self, node: &Node) {
        let Some(slots) = Fields::open(node, "`slots`", node.span, &mut self.log) else {
            return;
        };
        for (key, value) in slots.entries() {
            if !self.log.is_name(&key.name, key.span, "a slot", '_') {
                continue;
            }
            let fact = FACTS.iter().chain(KNOWN).any(|(fact, _)| *fact == key.name);
            if fact || RESERVED.contains(&key.name.as_str()) {
                let message = format!("`{}` is a fact or a word of guards already", key.name);
                self.log
                    .error("D024", key.span, message, "give the slot another name");
                continue;
            }
            if let Some(kind) = self.slot_kind(value, key.span) {
                self.marks
                    .slots
                    .insert(SlotName(key.name.clone()), key.span);
                self.slots.insert(SlotName(key.name.clone()), kind);
            }
        }
    }

    pub(super) fn slot_kind(&mut self, node: &Node, span: Span) -> Option<SlotKind> {
        if let Tree::Text(word) = &node.tree {
            let plain = PLAIN_SLOTS.iter().find(|(name, _)| name == word);
            if plain.is_none() {
                let mut names: Vec<&str> = PLAIN_SLOTS.iter().map(|(name, _)| *name).collect();
                names.extend(["{ choice: [words] }", "{ list: name }"]);
                self.log.error(
                    "D007",
                    node.span,
                    format!("there is no slot kind `{word}`"),
                    meant(word, &names),
                );
            }
            return plain.map(|(_, kind)| kind.clone());
        }
        let fields = Fields::open(node, "a slot", span, &mut self.log)?;
        fields.only(&["choice", "list"], &[], &mut self.log);
        match (fields.get("choice"), fields.get("list")) {
            (Some(choice), None) => {
                let mut words: Vec<String> = Vec::new();
                for item in self.log.list(choice, "`choice`")? {
                    let word = self.log.text(item, "a word of `choice`")?;
                    if !word
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                    {
                        let message = format!("`{word}` cannot be a word of a choice");
                        self.log.error(
                            "D006",
                            item.span,
                            message,
                            "use letters, digits, `_` and `-`",
                        );
                    } else if words.iter().any(|other| other == word) {
                        self.log.error(
                            "D006",
                            item.span,
                            format!("`{word}` stands twice"),
                            "take one away",
                        );
                    } else {
                        words.push(word.to_owned());
                    }
                }
                if words.len() < 2 {
                    self.log.error(
                        "D004",
                        choice.span,
                        "a choice has at least two words",
                        "add a word",
                    );
                }
                Some(SlotKind::Choice(words))
            }
            (None, Some(list)) => self
                .log
                .one_of(list, "list", &ListName::ALL, ListName::name)
                .map(SlotKind::Listed),
            (None, None) | (Some(_), Some(_)) => {
                self.log.error(
                    "D004",
                    span,
                    "a slot is one of `choice` and `list` here",
                    "write `{ choice: [words] }` or `{ list: name }`",
                );
                None
            }
        }
    }

    /// A slot that is named somewhere, with its kind.
    pub(super) fn slot(&mut self, node: &Node) -> Option<(SlotName, SlotKind)> {
        let name = SlotName::from(self.log.text(node, "a slot's name")?);
        match self.slots.get(&name) {
            Some(kind) => Some((name, kind.clone())),
            None => {
                let names: Vec<String> = self.slots.keys().map(|slot| slot.0.clone()).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.log.error(
                    "D020",
                    node.span,
                    format!("there is no slot `{name}`"),
                    meant(&name.0, &names),
                );
                None
            }
        }
    }

    /// A slot that has to be of a kind that `good` accepts.
    pub(super) fn slot_of(
        &mut self,
        node: &Node,
        what: &str,
        good: impl Fn(&SlotKind) -> bool,
    ) -> Option<SlotName> {
        let (name, kind) = self.slot(node)?;
        if good(&kind) {
            return Some(name);
        }
        let message = format!(
            "`{name}` is {}; {what} is expected here",
            kind_described(&kind)
        );
        self.log.error(
            "D021",
            node.span,
            message,
            format!("name {what}, or change the slot's kind"),
        );
        None
    }
}

/// A slot kind in words.
pub(super) fn kind_described(kind: &SlotKind) -> String {
    match kind {
        SlotKind::Choice(words) => format!("a choice of {}", words.join(", ")),
        SlotKind::Listed(list) => format!("a key of the list `{}`", list.name()),
        SlotKind::Identity => "an identity number".to_owned(),
        SlotKind::Expiry => "an expiry date".to_owned(),
        SlotKind::Birth => "a birth date".to_owned(),
        SlotKind::Code => "a one-time code".to_owned(),
        SlotKind::Email => "an e-mail address".to_owned(),
    }
}
