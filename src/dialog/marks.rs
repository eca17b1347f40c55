//! Where the parts of a dialog stand in its file, so that a check of the whole can point at them.

use std::collections::BTreeMap;

use crate::conversation::{PageName, SlotName};
use crate::finding::Span;

/// Where the parts of a dialog stand in its file.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The start arrows.
    pub start: Vec<ArrowMark>,
    /// The name of the entry page.
    pub entry: Span,
    /// The page of one-text messages.
    pub one_text: Span,
    /// The names of the slots.
    pub slots: BTreeMap<SlotName, Span>,
    /// The pages.
    pub pages: BTreeMap<PageName, PageMarks>,
}

/// Where the parts of a page stand.
#[derive(Clone, Debug, Default)]
pub struct PageMarks {
    /// Its name.
    pub name: Span,
    /// The Fluent messages that it names (`text`, `sms`, `help`, labels), each with its place.
    pub messages: Vec<(String, Span)>,
    /// Its arrows, in the order of [`crate::dialog::graph::ways`].
    pub arrows: Vec<ArrowMark>,
    /// `within`, `call` or `slot`: what reads other slots.
    pub reads: Span,
    /// `later`.
    pub later: Span,
    /// The languages that its options speak.
    pub languages: Vec<(String, Span)>,
}

/// Where an arrow stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArrowMark {
    /// Its guard, if it has one.
    pub when: Option<Span>,
    /// Its target.
    pub to: Span,
}
