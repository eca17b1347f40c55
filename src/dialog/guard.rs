//! Guards: the small typed expression language of arrows, such as
//! `caller == other and not account` or `filled(expiry)`.
//!
//! A guard is read against the names that are declared, with their types, so that a misspelt word
//! is found before the dialog is used and not by a worker whose arrow never holds.

mod parse;

use std::collections::BTreeSet;
use std::fmt;

use crate::conversation::Value;

pub use parse::{GUARD_BYTES_MAX, GUARD_DEPTH_MAX, GuardFault, RESERVED};

/// What a name is to a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A slot with one of these words.
    Choice(Vec<String>),
    /// Any other slot: a guard can only ask whether it is filled.
    Slot,
    /// A fact with one of these words.
    Word(&'static [&'static str]),
    /// A fact that is yes or no.
    Flag,
    /// A fact that is only shown: text or a number.
    Shown,
}

/// A checked guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A flag: `account`.
    Flag(String),
    /// `filled(slot)`.
    Filled(String),
    /// `name == word`.
    Is(String, String),
    /// `name != word`; also true where the name has no value.
    IsNot(String, String),
    /// `not g`.
    Not(Box<Guard>),
    /// `a and b`.
    And(Box<Guard>, Box<Guard>),
    /// `a or b`.
    Or(Box<Guard>, Box<Guard>),
}

impl Guard {
    /// Whether it holds. `read` gives the value of a slot or a fact, if it has one.
    pub fn holds(&self, read: &dyn Fn(&str) -> Option<Value>) -> bool {
        match self {
            Self::Flag(name) => read(name) == Some(Value::Flag(true)),
            Self::Filled(name) => read(name).is_some(),
            Self::Is(name, word) => read(name) == Some(Value::Word(word.clone())),
            Self::IsNot(name, word) => read(name) != Some(Value::Word(word.clone())),
            Self::Not(inner) => !inner.holds(read),
            Self::And(left, right) => left.holds(read) && right.holds(read),
            Self::Or(left, right) => left.holds(read) || right.holds(read),
        }
    }
}

impl Guard {
    /// The names that are surely filled where the guard is known to be `truth`.
    pub fn fills(&self, truth: bool) -> BTreeSet<&str> {
        match (self, truth) {
            (Self::Filled(name) | Self::Is(name, _), true) | (Self::IsNot(name, _), false) => {
                BTreeSet::from([name.as_str()])
            }
            (Self::Not(inner), _) => inner.fills(!truth),
            (Self::And(left, right), true) | (Self::Or(left, right), false) => {
                let mut both = left.fills(truth);
                both.extend(right.fills(truth));
                both
            }
            (Self::And(left, right), false) | (Self::Or(left, right), true) => {
                let mut common = left.fills(truth);
                let right = right.fills(truth);
                common.retain(|name| right.contains(name));
                common
            }
            (Self::Flag(_), _)
            | (Self::Filled(_) | Self::Is(..), false)
            | (Self::IsNot(..), true) => BTreeSet::new(),
        }
    }
}

impl fmt::Display for Guard {
    /// As it would be written; parentheses only where they are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |guard: &Self, wrap: bool| {
            if wrap {
                format!("({guard})")
            } else {
                guard.to_string()
            }
        };
        let is_or = |guard: &Self| matches!(guard, Self::Or(..));
        let is_pair = |guard: &Self| matches!(guard, Self::Or(..) | Self::And(..));
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Filled(name) => write!(f, "filled({name})"),
            Self::Is(name, word) => write!(f, "{name} == {word}"),
            Self::IsNot(name, word) => write!(f, "{name} != {word}"),
            Self::Not(guard) => write!(f, "not {}", inner(guard, is_pair(guard))),
            Self::And(left, right) => {
                write!(
                    f,
                    "{} and {}",
                    inner(left, is_or(left)),
                    inner(right, is_pair(right))
                )
            }
            Self::Or(left, right) => write!(f, "{left} or {}", inner(right, is_or(right))),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Names for the tables here and of the parser.
    pub fn names(name: &str) -> Option<Kind> {
        match name {
            "id_type" => Some(Kind::Choice(vec!["cnie".into(), "sejour".into()])),
            "expiry" | "birth" => Some(Kind::Slot),
            "caller" => Some(Kind::Word(&["on_file", "other", "none"])),
            "account" | "proved" => Some(Kind::Flag),
            "tries_left" => Some(Kind::Shown),
            _ => None,
        }
    }

    #[test]
    fn what_a_guard_proves_filled() {
        for (text, truth, slots) in [
            ("filled(expiry)", true, "expiry"),
            ("filled(expiry)", false, ""),
            ("not filled(expiry)", false, "expiry"),
            ("filled(expiry) and filled(birth)", true, "birth expiry"),
            ("filled(expiry) or filled(birth)", true, ""),
            (
                "not filled(expiry) or not filled(birth)",
                false,
                "birth expiry",
            ),
            ("id_type == cnie", true, "id_type"),
            ("id_type != cnie", false, "id_type"),
            ("id_type in [cnie, sejour]", true, "id_type"),
        ] {
            let guard = Guard::parse(text, &names).unwrap();
            assert_eq!(
                guard.fills(truth).into_iter().collect::<Vec<_>>().join(" "),
                slots,
                "{text}"
            );
        }
    }

    #[test]
    fn it_holds_as_it_says() {
        let read = |name: &str| match name {
            "caller" => Some(Value::Word("other".into())),
            "account" => Some(Value::Flag(true)),
            _ => None,
        };
        for (text, holds) in [
            ("account and caller == other", true),
            ("account and not caller == other", false),
            ("proved or caller in [none, other]", true),
            ("id_type != cnie", true),
            ("filled(id_type)", false),
        ] {
            assert_eq!(
                Guard::parse(text, &names).unwrap().holds(&read),
                holds,
                "{text}"
            );
        }
    }
}
