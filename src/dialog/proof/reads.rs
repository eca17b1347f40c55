//! Nothing is read before it is surely filled.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::{PageName, SlotName};
use crate::dialog::graph::{self, Way};
use crate::dialog::marks::ArrowMark;
use crate::dialog::proof::Proof;
use crate::dialog::sure::{
    Sure, after, arrivals, calls_before, passed_by, slots_of, sure, unsure_in,
};
use crate::dialog::{PageKind, SlotKind};
use crate::finding::Span;

impl Proof<'_> {
    /// Nothing is read before it is surely filled.
    pub(super) fn reads(&mut self) {
        let sure = sure(self.dialog);
        for (name, page) in &self.dialog.pages {
            let Some(here) = sure.get(name) else { continue };
            let of = |slot: &str| Sure::Slot(SlotName::from(slot));
            let (reader, needed): (String, Vec<Sure>) = match &page.kind {
                PageKind::List {
                    within: Some(slot), ..
                } => ("the list".to_owned(), vec![of(slot.as_str())]),
                PageKind::Ask { slot, .. }
                    if self.dialog.slots.get(slot) == Some(&SlotKind::Identity) =>
                {
                    ("the identity number".to_owned(), vec![of("id_type")])
                }
                PageKind::Call { call, .. } => {
                    let slots = slots_of(*call).iter().map(|(slot, _)| of(slot));
                    let calls = calls_before(*call).iter().map(|before| Sure::Told(*before));
                    (format!("`{}`", call.name()), slots.chain(calls).collect())
                }
                PageKind::List { within: None, .. }
                | PageKind::Ask { .. }
                | PageKind::Menu { .. }
                | PageKind::Say { .. }
                | PageKind::Wait
                | PageKind::End => (String::new(), Vec::new()),
            };
            let missing: Vec<Sure> = needed
                .into_iter()
                .filter(|item| !here.contains(item))
                .collect();
            self.unsure(self.reads_of(name), name, &missing, &reader, &sure);
            let marks = self.marks.pages.get(name).map(|marks| &marks.arrows);
            for (way, mark) in graph::ways(page).iter().zip(marks.into_iter().flatten()) {
                let known = after(self.dialog, here, way);
                self.guard(name, &known, way, mark, &sure);
            }
        }
        for (way, mark) in graph::first_ways(self.dialog).iter().zip(&self.marks.start) {
            let begin = PageName::from("start");
            self.guard(&begin, &BTreeSet::new(), way, mark, &sure);
        }
    }

    /// A guard compares only slots that are filled when it is reached: `known`, and what the guards
    /// before it prove by not having held.
    fn guard(
        &mut self,
        page: &PageName,
        known: &BTreeSet<Sure>,
        way: &Way,
        mark: &ArrowMark,
        sure: &BTreeMap<PageName, BTreeSet<Sure>>,
    ) {
        let (Some(guard), Some(span)) = (&way.arrow.when, mark.when) else {
            return;
        };
        let mut known = known.clone();
        known.extend(passed_by(self.dialog, way));
        let unsure = unsure_in(guard, self.dialog, &known);
        let missing: Vec<Sure> = unsure.into_iter().map(Sure::Slot).collect();
        self.unsure(span, page, &missing, "the guard", sure);
    }

    /// One finding for all that `reader` misses on a page, with a way on which it is missing.
    fn unsure(
        &mut self,
        span: Span,
        page: &PageName,
        missing: &[Sure],
        reader: &str,
        sure: &BTreeMap<PageName, BTreeSet<Sure>>,
    ) {
        let Some(first) = missing.first() else { return };
        let lacking = |from: &&PageName| {
            let known = sure.get(*from).into_iter();
            known
                .flat_map(|known| arrivals(self.dialog, from, known))
                .any(|(to, then)| to == *page && !then.contains(first))
        };
        let way = match self.dialog.pages.keys().find(lacking) {
            Some(from) => format!("on the way from `{from}`"),
            None => "where the conversation begins".to_owned(),
        };
        let names: Vec<String> = missing
            .iter()
            .map(|item| match item {
                Sure::Slot(slot) => format!("`{slot}`"),
                Sure::Told(call) => format!("what `{}` tells", call.name()),
            })
            .collect();
        let mend = match first {
            Sure::Slot(slot) => {
                format!(
                    "ask for it on every way to `{page}`, or lead there only `when: filled({slot})`"
                )
            }
            Sure::Told(call) => format!("lead every way to `{page}` through `{}`", call.name()),
        };
        let message = format!(
            "{reader} on page `{page}` reads {}, not there {way}",
            names.join(", ")
        );
        self.error("D043", span, message, mend);
    }
}
