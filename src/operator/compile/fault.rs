//! What is wrong with a shape's file, and where.

use std::collections::VecDeque;

use crate::dialog::tree;
use crate::finding::{Finding, Source, Span};
use crate::operator::compile::DEPTH_MAX;

/// What is wrong with a file, before it has a place.
pub(in crate::operator) struct Fault {
    /// The keys that lead to the place; of a list, numbers from 0.
    within: VecDeque<String>,
    /// What stands in the file at the place, to find it by.
    near: String,
    message: String,
    mend: String,
}

impl Fault {
    pub(in crate::operator) fn new(
        near: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            within: VecDeque::new(),
            near: near.into(),
            message: message.into(),
            mend: mend.into(),
        }
    }

    /// The same, below this key.
    pub(in crate::operator) fn within(mut self, key: impl ToString) -> Self {
        self.within.push_front(key.to_string());
        self
    }

    /// The fault as a finding: below its keys, at the text that it is near.
    pub(in crate::operator) fn finding(self, source: &Source) -> Finding {
        self.found("O002", source)
    }

    /// The same under another code.
    pub(in crate::operator) fn found(mut self, code: &'static str, source: &Source) -> Finding {
        let span = self.place(source);
        source.error(code, span, self.message, self.mend)
    }

    fn place(&mut self, source: &Source) -> Span {
        let text = source.text();
        let keys = self.within.make_contiguous();
        let range = match tree::read(text, DEPTH_MAX) {
            Ok(root) => root.behind(keys, text.len()),
            // What was read once is read again, for both have one budget.
            Err(_) => Span {
                at: 0,
                len: text.len(),
            },
        };
        let inside = text.get(range.at..range.at + range.len).unwrap_or_default();
        match inside.find(&self.near) {
            Some(at) => Span {
                at: range.at + at,
                len: self.near.len(),
            },
            None => Span {
                at: range.at,
                len: inside.lines().next().map_or(0, str::len),
            },
        }
    }
}
