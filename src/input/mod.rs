//! What people type, read by nom parsers: dates, identity numbers, codes, words.

pub mod code;
pub mod command;
pub mod date;
pub mod dialled;
pub mod email;
pub mod example;
pub mod identity;
mod months;
pub mod one_text;
mod parts;
pub mod path;
pub mod words;

use std::fmt;

/// What a typed text can mean for a slot.
#[derive(Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// One thing.
    One(T),
    /// Several, or one that wants a confirmation: the subscriber is asked which, and may type
    /// again. Never empty.
    Several(Vec<T>),
    /// Nothing.
    Wrong(Wrong),
}

impl<T> fmt::Debug for Reading<T> {
    /// Never the content: it is what people typed, one-time codes included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) => f.write_str("One(…)"),
            Self::Several(all) => write!(f, "Several({} of them)", all.len()),
            Self::Wrong(wrong) => write!(f, "Wrong({wrong:?})"),
        }
    }
}

/// Why a text cannot be taken. Each has a Fluent message `wrong-…` in every language, which says
/// what to type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// Not of the form that is asked.
    Form,
    /// Of the form of a date, but there is no such day.
    NoSuchDay,
    /// A date outside of what the slot allows.
    OutOfRange,
    /// The example of the prompt, typed back.
    Example,
}

impl Wrong {
    /// The suffix of its Fluent message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::NoSuchDay => "day",
            Self::OutOfRange => "range",
            Self::Example => "example",
        }
    }
}
