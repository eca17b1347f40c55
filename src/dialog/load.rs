//! From the text of a dialog file to a [`Dialog`] that is proved, or to everything that is wrong
//! with it.
//!
//! Here the file is read: keys, names, types, targets, guards. What can be said only of the whole
//! graph stands in [`crate::dialog::proof`].

mod arrows;
mod options;
mod pages;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::SlotName;
use crate::dialog::fields::{Fields, Log};
use crate::dialog::guard::Kind;
use crate::dialog::marks::Marks;
use crate::dialog::tree::{self, Node};
use crate::dialog::{Dialog, FACTS, FactKind, KNOWN, OneText, SlotKind, Target, proof};
use crate::finding::{Finding, Source, Span};

/// Reads and proves a dialog. `file_name` is how findings call the file; where it ends in `.yaml`,
/// the dialog's name has to be the same.
///
/// # Errors
/// Everything that is wrong, in the order of the file. What can be proved only of a whole graph is
/// looked at once the rest is right.
pub fn load(file_name: &str, source: &str) -> Result<Dialog, Vec<Finding>> {
    load_marked(&Source::new(file_name, source)).map(|(dialog, _)| dialog)
}

/// The same, with the places of everything, for checks that go on from here.
///
/// # Errors
/// As [`load`].
pub fn load_marked(source: &Source) -> Result<(Dialog, Marks), Vec<Finding>> {
    let root = tree::parse(source).map_err(|finding| vec![*finding])?;
    let mut reader = Reader {
        log: Log {
            source: source.clone(),
            found: Vec::new(),
        },
        slots: BTreeMap::new(),
        pages: BTreeSet::new(),
        marks: Marks::default(),
    };
    let dialog = reader.dialog(&root);
    let Reader { log, marks, .. } = reader;
    let mut found = log.found;
    if found.is_empty()
        && let Some(dialog) = dialog
    {
        found = proof::prove(&dialog, &marks, source);
        if found.is_empty() {
            return Ok((dialog, marks));
        }
    }
    found.sort_by_key(|finding| finding.span);
    Err(found)
}

/// The type of a name for guards: a slot, a fact of the desk, or what the gateway knows.
pub fn kind_of(slots: &BTreeMap<SlotName, SlotKind>, name: &str) -> Option<Kind> {
    if let Some(slot) = slots.get(&SlotName::from(name)) {
        return Some(match slot {
            SlotKind::Choice(words) => Kind::Choice(words.clone()),
            SlotKind::Listed(_)
            | SlotKind::Identity
            | SlotKind::Expiry
            | SlotKind::Birth
            | SlotKind::Code
            | SlotKind::Email => Kind::Slot,
        });
    }
    FACTS
        .iter()
        .chain(KNOWN)
        .find(|(fact, _)| *fact == name)
        .map(|(_, kind)| match kind {
            FactKind::Word(words) => Kind::Word(words),
            FactKind::Flag => Kind::Flag,
            FactKind::Text | FactKind::Number => Kind::Shown,
        })
}

/// Reads a file part by part; each part stands in a module of its own.
struct Reader {
    log: Log,
    slots: BTreeMap<SlotName, SlotKind>,
    pages: BTreeSet<String>,
    marks: Marks,
}

impl Reader {
    fn dialog(&mut self, root: &Node) -> Option<Dialog> {
        let top = Fields::open(root, "a dialog", Span::default(), &mut self.log)?;
        let known = [
            "dialog", "version", "consent", "slots", "start", "entry", "one_text", "pages",
        ];
        top.only(&known, &[], &mut self.log);

        let name = top.need("dialog", &mut self.log).and_then(|node| {
            let name = self.log.name(node, "a dialog")?.to_owned();
            self.is_the_files_name(&name, node.span);
            Some(name)
        });
        let version = top
            .need("version", &mut self.log)
            .and_then(|node| self.log.number(node, "`version`"));
        let consent = top
            .need("consent", &mut self.log)
            .and_then(|node| self.log.number(node, "`consent`"));
        if let Some(node) = top.get("slots") {
            self.read_slots(node);
        }
        let pages = top.need("pages", &mut self.log)?;
        let pages_map = Fields::open(pages, "`pages`", pages.span, &mut self.log)?;
        self.pages = pages_map
            .entries()
            .iter()
            .map(|(key, _)| key.name.clone())
            .collect();

        let start = top.need("start", &mut self.log).and_then(|node| {
            let (arrows, marks) = self.arrows(node)?;
            for (arrow, mark) in arrows.iter().zip(&marks) {
                if !matches!(arrow.to, Target::Page(_)) {
                    self.log
                        .error("D010", mark.to, "the start leads to itself", "name a page");
                }
            }
            self.marks.start = marks;
            Some(arrows)
        });
        let entry = top.need("entry", &mut self.log).and_then(|node| {
            self.marks.entry = node.span;
            self.page_name(node)
        });
        let one_text = top.get("one_text").and_then(|node| {
            self.marks.one_text = node.span;
            self.page_name(node).map(|to| OneText { to })
        });
        let pages = self.read_pages(pages_map);

        Some(Dialog {
            name: name?,
            version: version?,
            consent: consent?,
            start: start?,
            entry: entry?,
            one_text,
            slots: self.slots.clone(),
            pages,
        })
    }

    fn is_the_files_name(&mut self, name: &str, span: Span) {
        let file = self.log.source.file().to_owned();
        let stem = file
            .rsplit('/')
            .next()
            .and_then(|file| file.strip_suffix(".yaml"));
        if let Some(stem) = stem.filter(|&stem| stem != name) {
            self.log.error(
                "D008",
                span,
                format!("the dialog is called `{name}` and its file `{stem}.yaml`"),
                "give both the same name",
            );
        }
    }
}
