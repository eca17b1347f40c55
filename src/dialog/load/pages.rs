//! The pages of a dialog file, each kind with its keys.

use std::collections::BTreeMap;

use crate::conversation::{CallKind, PageName};
use crate::dialog::fields::{Fields, meant};
use crate::dialog::lists::ListName;
use crate::dialog::load::Reader;
use crate::dialog::marks::PageMarks;
use crate::dialog::sure::parent;
use crate::dialog::tree::Node;
use crate::dialog::{Page, PageKind, SlotKind};

/// The most pages of a dialog.
pub const PAGES_MAX: usize = 300;
/// The most options of a menu or a `say` page: what a screen of 182 septets carries.
pub const OPTIONS_MAX: usize = 5;
/// The most options beside the answer of an `ask` page.
pub const ASK_OPTIONS_MAX: usize = 2;

/// Each page kind with its keys.
const PAGE_KEYS: [(&str, &[&str]); 7] = [
    (
        "menu",
        &[
            "kind", "text", "options", "no_back", "direct", "sms", "help",
        ],
    ),
    (
        "list",
        &[
            "kind", "text", "list", "within", "slot", "then", "to", "no_back", "direct", "sms",
            "help",
        ],
    ),
    (
        "ask",
        &[
            "kind", "text", "slot", "then", "to", "options", "no_back", "direct", "sms", "help",
        ],
    ),
    ("call", &["kind", "call", "later", "outcomes"]),
    (
        "say",
        &[
            "kind", "text", "options", "no_back", "direct", "sms", "help",
        ],
    ),
    ("wait", &["kind", "text"]),
    ("end", &["kind", "text", "no_back", "sms"]),
];

impl Reader {
    pub(super) fn read_pages(&mut self, pages: Fields) -> BTreeMap<PageName, Page> {
        let mut read = BTreeMap::new();
        if pages.entries().len() > PAGES_MAX {
            let message = format!(
                "the dialog has {} pages; at most {PAGES_MAX} are read",
                pages.entries().len()
            );
            self.log
                .error("D009", pages.span, message, "split the dialog");
            return read;
        }
        for (key, node) in pages.entries() {
            if !self.log.is_name(&key.name, key.span, "a page", '_') {
                continue;
            }
            if key.name == "start" || key.name == "back" {
                let message = format!(
                    "`{}` is a target of its own, so no page can have it as a name",
                    key.name
                );
                self.log
                    .error("D006", key.span, message, "give the page another name");
                continue;
            }
            let what = format!("page `{}`", key.name);
            let Some(fields) = Fields::open(node, &what, key.span, &mut self.log) else {
                continue;
            };
            let mut marks = PageMarks {
                name: key.span,
                ..PageMarks::default()
            };
            let page = self.page(fields, &mut marks);
            self.marks.pages.insert(PageName(key.name.clone()), marks);
            if let Some(page) = page {
                read.insert(PageName(key.name.clone()), page);
            }
        }
        read
    }

    pub(super) fn page(&mut self, fields: Fields, marks: &mut PageMarks) -> Option<Page> {
        let kind_node = fields.need("kind", &mut self.log)?;
        let kinds: Vec<&'static str> = PAGE_KEYS.iter().map(|(kind, _)| *kind).collect();
        let kind_name = self
            .log
            .one_of(kind_node, "page kind", &kinds, |kind| kind)?;
        let keys = PAGE_KEYS
            .iter()
            .find(|(kind, _)| *kind == kind_name)
            .map_or(&[][..], |(_, keys)| keys);
        let every: Vec<&str> = PAGE_KEYS
            .iter()
            .flat_map(|(_, keys)| keys.iter().copied())
            .collect();
        let what = format!("{} of kind {kind_name}", fields.what);
        let fields = fields.called(&what);
        fields.only(keys, &every, &mut self.log);

        let text = match kind_name {
            "call" => Some(String::new()),
            _ => fields
                .need("text", &mut self.log)
                .and_then(|node| self.message(node, "a text", marks)),
        };
        let kind = match kind_name {
            "menu" => fields.need("options", &mut self.log).and_then(|node| {
                self.options(node, 1, OPTIONS_MAX, marks)
                    .map(|options| PageKind::Menu { options })
            }),
            "list" => self.list_page(fields, marks),
            "ask" => self.ask_page(fields, marks),
            "call" => self.call_page(fields, marks),
            "say" => {
                let options = fields
                    .get("options")
                    .map(|node| self.options(node, 0, OPTIONS_MAX, marks));
                options
                    .unwrap_or_else(|| Some(Vec::new()))
                    .map(|options| PageKind::Say { options })
            }
            "wait" => Some(PageKind::Wait),
            _ => Some(PageKind::End),
        };
        let no_back = fields
            .get("no_back")
            .map(|node| self.log.flag(node, "`no_back`"));
        let direct = fields
            .get("direct")
            .map(|node| self.log.flag(node, "`direct`"));
        let sms = fields
            .get("sms")
            .map(|node| self.message(node, "an SMS text", marks));
        let help = fields
            .get("help")
            .map(|node| self.message(node, "a help text", marks));
        Some(Page {
            text: text?,
            kind: kind?,
            no_back: no_back.flatten().unwrap_or(false),
            direct: direct.flatten().unwrap_or(false),
            sms: sms.flatten(),
            help: help.flatten(),
        })
    }

    pub(super) fn message(
        &mut self,
        node: &Node,
        what: &str,
        marks: &mut PageMarks,
    ) -> Option<String> {
        let id = self.log.message(node, what)?.to_owned();
        marks.messages.push((id.clone(), node.span));
        Some(id)
    }

    pub(super) fn list_page(&mut self, fields: Fields, marks: &mut PageMarks) -> Option<PageKind> {
        let list = fields.need("list", &mut self.log).and_then(|node| {
            self.log
                .one_of(node, "list", &ListName::ALL, ListName::name)
        });
        let slot_node = fields.need("slot", &mut self.log);
        let then = self.next(&fields);
        let list = list?;
        let slot = slot_node.and_then(|node| {
            let what = format!("a slot of the list `{}`", list.name());
            self.slot_of(node, &what, |kind| *kind == SlotKind::Listed(list))
        });
        let within = match (parent(list), fields.get("within")) {
            (None, None) => None,
            (None, Some(node)) => {
                let message = format!("the list `{}` stands within nothing", list.name());
                self.log
                    .error("D005", node.span, message, "take `within` away");
                return None;
            }
            (Some(parent), None) => {
                let message = format!(
                    "the list `{}` stands within one of `{}`",
                    list.name(),
                    parent.name()
                );
                let mend = format!(
                    "add `within:` with the slot of the list `{}`",
                    parent.name()
                );
                self.log.error("D003", fields.span, message, mend);
                return None;
            }
            (Some(parent), Some(node)) => {
                marks.reads = node.span;
                let what = format!("a slot of the list `{}`", parent.name());
                Some(self.slot_of(node, &what, |kind| *kind == SlotKind::Listed(parent))?)
            }
        };
        let (then, arrows) = then?;
        marks.arrows.extend(arrows);
        Some(PageKind::List {
            list,
            within,
            slot: slot?,
            then,
        })
    }

    pub(super) fn ask_page(&mut self, fields: Fields, marks: &mut PageMarks) -> Option<PageKind> {
        let slot = fields.need("slot", &mut self.log).and_then(|node| {
            marks.reads = node.span;
            self.slot_of(node, "a slot that is typed", |kind| {
                !matches!(kind, SlotKind::Choice(_) | SlotKind::Listed(_))
            })
        });
        let then = self.next(&fields);
        if let Some((_, arrows)) = &then {
            marks.arrows.extend(arrows.iter().copied());
        }
        let options = match fields.get("options") {
            Some(node) => self.options(node, 0, ASK_OPTIONS_MAX, marks)?,
            None => Vec::new(),
        };
        Some(PageKind::Ask {
            slot: slot?,
            then: then?.0,
            options,
        })
    }

    pub(super) fn call_page(&mut self, fields: Fields, marks: &mut PageMarks) -> Option<PageKind> {
        let call_node = fields.need("call", &mut self.log);
        let outcomes_node = fields.need("outcomes", &mut self.log);
        let (call_node, outcomes_node) = (call_node?, outcomes_node?);
        marks.reads = call_node.span;
        let call = self
            .log
            .one_of(call_node, "call", &CallKind::ALL, CallKind::name)?;

        let what = format!("the outcomes of `{}`", call.name());
        let given = Fields::open(outcomes_node, &what, call_node.span, &mut self.log)?;
        let mut read = BTreeMap::new();
        for (key, node) in given.entries() {
            if call.outcomes().contains(&key.name.as_str()) {
                if let Some(arrows) = self.arrows(node) {
                    read.insert(key.name.clone(), arrows);
                }
            } else {
                let message = format!("`{}` has no outcome `{}`", call.name(), key.name);
                self.log
                    .error("D014", key.span, message, meant(&key.name, call.outcomes()));
            }
        }
        for outcome in call.outcomes() {
            if given.get(outcome).is_none() {
                let message = format!("the outcome `{outcome}` of `{}` leads nowhere", call.name());
                self.log.error(
                    "D013",
                    call_node.span,
                    message,
                    format!("add `{outcome}: page` to its outcomes"),
                );
            }
        }
        let later = match (fields.get("later"), call.may_be_late()) {
            (Some(node), true) => {
                marks.later = node.span;
                Some(self.page_name(node)?)
            }
            (None, false) => None,
            (Some(node), false) => {
                let message = format!("`{}` is never late", call.name());
                self.log
                    .error("D015", node.span, message, "take `later` away");
                None
            }
            (None, true) => {
                let message = format!("the answer of `{}` may be late", call.name());
                self.log.error(
                    "D015",
                    call_node.span,
                    message,
                    "add `later:` with a page of kind wait",
                );
                None
            }
        };
        let mut outcomes = BTreeMap::new();
        for (outcome, (arrows, places)) in read {
            marks.arrows.extend(places);
            outcomes.insert(outcome, arrows);
        }
        Some(PageKind::Call {
            call,
            outcomes,
            later,
        })
    }
}
