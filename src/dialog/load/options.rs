//! The fixed options of a page.

use crate::conversation::SlotName;
use crate::dialog::fields::{Fields, meant};
use crate::dialog::load::Reader;
use crate::dialog::load::slots::kind_described;
use crate::dialog::marks::PageMarks;
use crate::dialog::tree::{Node, Tree};
use crate::dialog::{Act, Choice, SlotKind};

impl Reader {
    pub(super) fn options(
        &mut self,
        node: &Node,
        least: usize,
        most: usize,
        marks: &mut PageMarks,
    ) -> Option<Vec<Choice>> {
        let items = self.log.list(node, "`options`")?;
        if !(least..=most).contains(&items.len()) {
            let message = format!(
                "there are {} options; {least} to {most} fit here",
                items.len()
            );
            self.log.error(
                "D030",
                node.span,
                message,
                "split the page, or add an option",
            );
        }
        let mut options: Vec<Choice> = Vec::new();
        for item in items {
            if let Some(option) = self.option(item, marks) {
                if options.iter().any(|other| other.label == option.label) {
                    let message = format!("the label `{}` stands twice on this page", option.label);
                    let span = marks.messages.last().map_or(item.span, |(_, span)| *span);
                    self.log.error(
                        "D031",
                        span,
                        message,
                        "a worker could not tell the options apart: take another",
                    );
                }
                options.push(option);
            }
        }
        Some(options)
    }

    pub(super) fn option(&mut self, node: &Node, marks: &mut PageMarks) -> Option<Choice> {
        let fields = Fields::open(node, "an option", node.span, &mut self.log)?;
        fields.only(
            &["label", "set", "speak", "agree", "forget", "to", "then"],
            &[],
            &mut self.log,
        );
        let acts: Vec<&Node> = ["speak", "agree", "forget"]
            .iter()
            .filter_map(|key| fields.get(key))
            .collect();
        if let [_, second, ..] = acts[..] {
            let message = "an option does one of `speak`, `agree` and `forget`";
            self.log.error(
                "D032",
                second.span,
                message,
                "split it into two options or pages",
            );
        }
        let then = self.next(&fields);
        let act = if let Some(node) = fields.get("speak") {
            let language = self.log.text(node, "`speak`")?.to_owned();
            marks.languages.push((language.clone(), node.span));
            Some(Act::Speak(language))
        } else if let Some(node) = fields.get("agree") {
            Some(if self.log.flag(node, "`agree`")? {
                Act::Agree
            } else {
                Act::Refuse
            })
        } else if let Some(node) = fields.get("forget") {
            let mut slots = Vec::new();
            for item in self.log.list(node, "`forget`")? {
                slots.push(self.slot(item)?.0);
            }
            Some(Act::Forget(slots))
        } else {
            None
        };
        let set = match fields.get("set") {
            Some(node) => Some(self.set(node)?),
            None => None,
        };
        let label = fields
            .need("label", &mut self.log)
            .and_then(|node| self.message(node, "a label", marks))?;
        let (then, arrows) = then?;
        marks.arrows.extend(arrows);
        Some(Choice {
            label,
            set,
            act,
            then,
        })
    }

    /// `{slot: word}`.
    pub(super) fn set(&mut self, node: &Node) -> Option<(SlotName, String)> {
        let fields = Fields::open(node, "`set`", node.span, &mut self.log)?;
        let [(key, value)] = fields.entries() else {
            self.log.error(
                "D004",
                node.span,
                "`set` sets one slot",
                "write `set: { slot: word }`",
            );
            return None;
        };
        let named = Node {
            span: key.span,
            tree: Tree::Text(key.name.clone()),
        };
        let (slot, kind) = self.slot(&named)?;
        let words = match kind {
            SlotKind::Choice(words) => words,
            SlotKind::Code => {
                let message = format!("`{slot}` is sealed: a code is only ever typed");
                self.log.error("D023", key.span, message, "take `set` away");
                return None;
            }
            SlotKind::Listed(_)
            | SlotKind::Identity
            | SlotKind::Expiry
            | SlotKind::Birth
            | SlotKind::Email => {
                let message = format!(
                    "`{slot}` is {}; only a choice can be set",
                    kind_described(&kind)
                );
                self.log
                    .error("D021", key.span, message, "set a slot of kind choice");
                return None;
            }
        };
        let word = self.log.text(value, "the word of `set`")?;
        if !words.iter().any(|known| known == word) {
            let known: Vec<&str> = words.iter().map(String::as_str).collect();
            self.log.error(
                "D022",
                value.span,
                format!("`{slot}` is never `{word}`"),
                meant(word, &known),
            );
            return None;
        }
        Some((slot, word.to_owned()))
    }
}
