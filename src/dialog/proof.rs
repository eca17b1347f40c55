//! What is proved of a dialog as a whole before it is used: no page out of reach, no trap, no
//! circle without input, nothing read before it is surely filled.

mod reads;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::conversation::{PageName, SlotName};
use crate::dialog::graph::{self, Way};
use crate::dialog::marks::{ArrowMark, Marks};
use crate::dialog::sure::slots_of;
use crate::dialog::{Dialog, Page, PageKind, SlotKind, Target};
use crate::finding::{Finding, Source, Span};

/// The most calls in a row without input; the gateway's loop has the same bound.
pub const CALLS_IN_A_ROW_MAX: usize = 6;

/// Everything that is wrong with the whole. `marks` are the places of the same dialog.
pub fn prove(dialog: &Dialog, marks: &Marks, source: &Source) -> Vec<Finding> {
    let mut proof = Proof {
        dialog,
        marks,
        source,
        found: Vec::new(),
    };
    proof.slots();
    proof.entries();
    proof.waits();
    if !proof.found.is_empty() {
        return proof.found;
    }
    let reached = proof.reach();
    proof.traps(&reached);
    proof.circles();
    proof.reads();
    proof.found
}

struct Proof<'a> {
    dialog: &'a Dialog,
    marks: &'a Marks,
    source: &'a Source,
    found: Vec<Finding>,
}

impl<'a> Proof<'a> {
    fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.found
            .push(self.source.error(code, span, message, mend));
    }

    fn name_of(&self, page: &PageName) -> Span {
        self.marks
            .pages
            .get(page)
            .map(|marks| marks.name)
            .unwrap_or_default()
    }

    fn reads_of(&self, page: &PageName) -> Span {
        self.marks
            .pages
            .get(page)
            .map(|marks| marks.reads)
            .unwrap_or_default()
    }

    /// Calls and identity numbers read slots by name: these have to be declared, of their kinds.
    fn slots(&mut self) {
        for (name, page) in &self.dialog.pages {
            let (reader, needed): (String, &[(&str, &str)]) = match &page.kind {
                PageKind::Call { call, .. } => (format!("`{}`", call.name()), slots_of(*call)),
                PageKind::Ask { slot, .. }
                    if self.dialog.slots.get(slot) == Some(&SlotKind::Identity) =>
                {
                    ("an identity number".to_owned(), &[("id_type", "choice")])
                }
                PageKind::Ask { .. }
                | PageKind::Menu { .. }
                | PageKind::List { .. }
                | PageKind::Say { .. }
                | PageKind::Wait
                | PageKind::End => continue,
            };
            for (slot, kind) in needed {
                if !is_of(self.dialog.slots.get(&SlotName::from(*slot)), kind) {
                    let declared = match *kind {
                        "choice" => "{ choice: [cnie, sejour] }",
                        plain => plain,
                    };
                    self.error(
                        "D025",
                        self.reads_of(name),
                        format!("{reader} needs the slot `{slot}` of kind {kind}"),
                        format!("declare `{slot}: {declared}` under `slots`"),
                    );
                }
            }
        }
    }

    /// Conversations enter where somebody can answer.
    fn entries(&mut self) {
        let dialog = self.dialog;
        let mut places = vec![(&dialog.entry, self.marks.entry, "the entry")];
        places.extend(
            dialog
                .one_text
                .iter()
                .map(|one_text| (&one_text.to, self.marks.one_text, "`one_text`")),
        );
        for (page, span, what) in places {
            let answers = match &dialog.pages[page].kind {
                PageKind::Menu { .. } | PageKind::List { .. } | PageKind::Ask { .. } => true,
                PageKind::Call { .. } | PageKind::Say { .. } | PageKind::Wait | PageKind::End => {
                    false
                }
            };
            if !answers {
                self.error(
                    "D026",
                    span,
                    format!("{what} is a page that asks nothing"),
                    "name a menu, list or ask page",
                );
            }
        }
    }

    /// A wait page belongs to one call and is reached in no other way: a late answer finds its
    /// outcomes through it.
    fn waits(&mut self) {
        let mut owners: BTreeMap<&PageName, &PageName> = BTreeMap::new();
        for (name, page) in &self.dialog.pages {
            let PageKind::Call {
                later: Some(later), ..
            } = &page.kind
            else {
                continue;
            };
            let span = self
                .marks
                .pages
                .get(name)
                .map(|marks| marks.later)
                .unwrap_or_default();
            if !matches!(self.dialog.pages[later].kind, PageKind::Wait) {
                self.error(
                    "D015",
                    span,
                    format!("`{later}` is no page of kind wait"),
                    "name a page of kind wait",
                );
            } else if let Some(other) = owners.insert(later, name) {
                self.error(
                    "D016",
                    span,
                    format!("`{later}` is already where `{other}` waits"),
                    "give each call a wait page of its own; both can show the same text",
                );
            }
        }
        for (from, way, span) in self.all_ways() {
            if let Target::Page(to) = &way.arrow.to
                && matches!(self.dialog.pages[to].kind, PageKind::Wait)
            {
                self.error(
                    "D016",
                    span.to,
                    format!("{from} leads to the wait page `{to}`, where nothing is awaited"),
                    "only `later` names a wait page",
                );
            }
        }
    }

    /// Every way of the dialog, with where it comes from and its place.
    fn all_ways(&self) -> Vec<(String, Way<'a>, ArrowMark)> {
        let (dialog, marks) = (self.dialog, self.marks);
        let first = graph::first_ways(dialog)
            .into_iter()
            .zip(marks.start.iter().copied());
        let mut all: Vec<_> = first
            .map(|(way, mark)| ("the start".to_owned(), way, mark))
            .collect();
        for (name, page) in &dialog.pages {
            let places = marks
                .pages
                .get(name)
                .map(|marks| marks.arrows.as_slice())
                .unwrap_or_default();
            let ways = graph::ways(page).into_iter().zip(places.iter().copied());
            all.extend(ways.map(|(way, mark)| (format!("`{name}`"), way, mark)));
        }
        all
    }

    /// Every page is reached, and the entry without a one-text message. Tells what is reached.
    fn reach(&mut self) -> BTreeSet<&'a PageName> {
        let dialog = self.dialog;
        let mut seen: BTreeSet<&PageName> = graph::starts(dialog).collect();
        let entered: BTreeSet<&PageName> = follow(dialog, seen.clone());
        if !entered.contains(&dialog.entry) {
            let message = format!("the entry `{}` is never reached", dialog.entry);
            self.error(
                "D040",
                self.marks.entry,
                message,
                "lead an arrow to it, or name another page",
            );
        }
        seen.extend(dialog.one_text.iter().map(|one_text| &one_text.to));
        let seen = follow(dialog, seen);
        for name in dialog.pages.keys().filter(|name| !seen.contains(name)) {
            let message = format!("no way leads to page `{name}`");
            self.error(
                "D040",
                self.name_of(name),
                message,
                "lead an arrow to it, or take it away",
            );
        }
        seen
    }

    /// From every page a way leads to an end or a wait. A page that lets people go back is left
    /// by the pages before it; the key for the start is no way out, since it gives up.
    fn traps(&mut self, reached: &BTreeSet<&PageName>) {
        let dialog = self.dialog;
        let mut good: BTreeSet<&PageName> = BTreeSet::new();
        // Each round adds a page or is the last.
        for _ in 0..=dialog.pages.len() {
            let before = good.len();
            for (name, page) in &dialog.pages {
                let out = match &page.kind {
                    PageKind::Wait | PageKind::End => true,
                    PageKind::Menu { .. }
                    | PageKind::List { .. }
                    | PageKind::Ask { .. }
                    | PageKind::Call { .. }
                    | PageKind::Say { .. } => graph::targets(dialog, page)
                        .iter()
                        .any(|to| good.contains(to)),
                };
                if out {
                    good.insert(name);
                    let behind = graph::targets(dialog, page);
                    good.extend(
                        behind
                            .into_iter()
                            .filter(|to| goes_back(&dialog.pages[*to])),
                    );
                }
            }
            if good.len() == before {
                break;
            }
        }
        for name in reached.iter().filter(|name| !good.contains(*name)) {
            let message = format!("from page `{name}` no way leads to an end");
            self.error(
                "D041",
                self.name_of(name),
                message,
                "add an option that leads on",
            );
        }
    }

    /// No circle of pages that ask nobody, and no long chain of them.
    fn circles(&mut self) {
        let dialog = self.dialog;
        let calls: BTreeMap<&PageName, BTreeSet<&PageName>> = dialog
            .pages
            .iter()
            .filter(|(_, page)| matches!(page.kind, PageKind::Call { .. }))
            .map(|(name, page)| (name, graph::targets(dialog, page)))
            .collect();
        let mut circle = false;
        for (name, targets) in &calls {
            let mut seen: BTreeSet<&PageName> = BTreeSet::new();
            let mut open: Vec<&PageName> = targets.iter().copied().collect();
            // Every call page is opened once.
            while let Some(next) = open.pop() {
                if let Some(targets) = calls.get(next)
                    && seen.insert(next)
                {
                    open.extend(targets.iter().copied());
                }
            }
            if seen.contains(*name) {
                circle = true;
                let message = format!(
                    "calls go in a circle from page `{name}` to itself, and nobody is asked"
                );
                self.error(
                    "D042",
                    self.name_of(name),
                    message,
                    "put a page between them that waits for the worker",
                );
            }
        }
        if circle {
            return;
        }
        // Without circles the longest chain from each page is settled in as many rounds as pages.
        let mut length: BTreeMap<&PageName, usize> = BTreeMap::new();
        for _ in 0..calls.len() {
            for (name, targets) in &calls {
                let next = targets
                    .iter()
                    .filter_map(|to| length.get(to))
                    .max()
                    .copied();
                length.insert(name, next.unwrap_or(0) + 1);
            }
        }
        for (name, length) in length
            .into_iter()
            .filter(|(_, length)| *length > CALLS_IN_A_ROW_MAX)
        {
            let message = format!(
                "{length} calls in a row begin at page `{name}`; at most {CALLS_IN_A_ROW_MAX} are made"
            );
            self.error(
                "D042",
                self.name_of(name),
                message,
                "put a page between them that waits for the worker",
            );
        }
    }
}

fn is_of(slot: Option<&SlotKind>, kind: &str) -> bool {
    match slot {
        Some(SlotKind::Choice(words)) => kind == "choice" && words == &["cnie", "sejour"],
        Some(SlotKind::Identity) => kind == "identity",
        Some(SlotKind::Expiry) => kind == "expiry",
        Some(SlotKind::Birth) => kind == "birth",
        Some(SlotKind::Code) => kind == "code",
        Some(SlotKind::Listed(_) | SlotKind::Email) | None => false,
    }
}

fn goes_back(page: &Page) -> bool {
    !page.no_back
        && !matches!(
            page.kind,
            PageKind::Call { .. } | PageKind::Wait | PageKind::End
        )
}

/// Everything that can be reached from `seen`.
fn follow<'a>(dialog: &'a Dialog, mut seen: BTreeSet<&'a PageName>) -> BTreeSet<&'a PageName> {
    let mut open: VecDeque<&PageName> = seen.iter().copied().collect();
    // Every page enters the queue once.
    while let Some(name) = open.pop_front() {
        for to in graph::targets(dialog, &dialog.pages[name]) {
            if seen.insert(to) {
                open.push_back(to);
            }
        }
    }
    seen
}
