//! The arrows of a dialog file: targets and guards.

use crate::conversation::{PageName, SlotName};
use crate::dialog::fields::Fields;
use crate::dialog::guard::Guard;
use crate::dialog::load::{Reader, kind_of};
use crate::dialog::marks::ArrowMark;
use crate::dialog::tree::{Node, Tree};
use crate::dialog::{Arrow, FACTS, KNOWN, Target};
use crate::finding::{Span, nearest};

impl Reader {
    /// A page that is named where `start` and `back` mean nothing.
    pub(super) fn page_name(&mut self, node: &Node) -> Option<PageName> {
        let name = self.log.text(node, "a page's name")?;
        if self.pages.contains(name) {
            return Some(PageName::from(name));
        }
        let names: Vec<&str> = self.pages.iter().map(String::as_str).collect();
        let mend = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a page of this dialog, or add the page".to_owned(),
        };
        self.log.error(
            "D010",
            node.span,
            format!("there is no page `{name}`"),
            mend,
        );
        None
    }

    pub(super) fn target(&mut self, node: &Node) -> Option<Target> {
        match &node.tree {
            Tree::Text(word) if word == "start" => Some(Target::Start),
            Tree::Text(word) if word == "back" => Some(Target::Back),
            Tree::Nothing | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
                self.page_name(node).map(Target::Page)
            }
        }
    }

    /// `to` or `then` of a page or an option.
    pub(super) fn next(&mut self, fields: &Fields) -> Option<(Vec<Arrow>, Vec<ArrowMark>)> {
        match (fields.get("to"), fields.get("then")) {
            (Some(node), None) | (None, Some(node)) => self.arrows(node),
            (Some(_), Some(then)) => {
                let message = format!("{} has both `to` and `then`", fields.what);
                self.log
                    .error("D004", then.span, message, "keep one of them");
                None
            }
            (None, None) => {
                let message = format!("{} leads nowhere", fields.what);
                self.log
                    .error("D003", fields.span, message, "add `to: page`");
                None
            }
        }
    }

    /// A page name, or a list of `{when, to}` of which only the last has no `when`.
    pub(super) fn arrows(&mut self, node: &Node) -> Option<(Vec<Arrow>, Vec<ArrowMark>)> {
        let Tree::List(items) = &node.tree else {
            let to = self.target(node)?;
            return Some((
                vec![Arrow { when: None, to }],
                vec![ArrowMark {
                    when: None,
                    to: node.span,
                }],
            ));
        };
        if items.is_empty() {
            self.log.error(
                "D004",
                node.span,
                "the list of arrows is empty",
                "add `- { to: page }`",
            );
            return None;
        }
        let (mut arrows, mut marks) = (Vec::new(), Vec::new());
        for (at, item) in items.iter().enumerate() {
            let Some(fields) = Fields::open(item, "an arrow", item.span, &mut self.log) else {
                continue;
            };
            fields.only(&["when", "to"], &[], &mut self.log);
            let to = fields.need("to", &mut self.log);
            let last = at + 1 == items.len();
            match (fields.get("when"), last) {
                (Some(when), true) => self.log.error(
                    "D012",
                    when.span,
                    "the last arrow has a guard, so there may be no way on",
                    "take the guard away, or add an arrow without one",
                ),
                (None, false) => self.log.error(
                    "D012",
                    to.map_or(item.span, |to| to.span),
                    "an arrow without a guard hides those after it",
                    "add `when:`, or move it to the end",
                ),
                (Some(_), false) | (None, true) => {}
            }
            let guard = fields.get("when").map(|node| self.guard(node));
            let target = to.and_then(|node| self.target(node));
            if let (Some(to_node), Some(to)) = (to, target)
                && guard != Some(None)
            {
                marks.push(ArrowMark {
                    when: fields.get("when").map(|node| node.span),
                    to: to_node.span,
                });
                arrows.push(Arrow {
                    when: guard.flatten(),
                    to,
                });
            }
        }
        Some((arrows, marks))
    }

    pub(super) fn guard(&mut self, node: &Node) -> Option<Guard> {
        let text = self.log.text(node, "a guard")?;
        match Guard::parse(text, &|name| kind_of(&self.slots, name)) {
            Ok(guard) => Some(guard),
            Err(fault) => {
                // A quoted or folded scalar stands otherwise in the file than it reads.
                let whole = self
                    .log
                    .source
                    .text()
                    .get(node.span.at..node.span.at + node.span.len);
                let span = match whole.and_then(|whole| whole.find(text)) {
                    Some(offset) => Span {
                        at: node.span.at + offset + fault.at,
                        len: fault.len,
                    },
                    None => node.span,
                };
                let names = self
                    .slots
                    .keys()
                    .map(SlotName::as_str)
                    .chain(FACTS.iter().chain(KNOWN).map(|(n, _)| *n));
                let wrong = text.get(fault.at..fault.at + fault.len).unwrap_or_default();
                let near = nearest(wrong, names).filter(|&near| near != wrong && !wrong.is_empty());
                let mend = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "guards are such as `caller == other and not account` or `filled(expiry)`"
                            .to_owned()
                    }
                };
                self.log.error("D011", span, fault.message, mend);
                None
            }
        }
    }
}
