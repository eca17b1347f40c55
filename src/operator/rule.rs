//! Rules of a shape: "where this field is such, it means that". The first that holds counts.

use crate::operator::field::Value;

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Nothing: the rule always holds.
    Always,
    /// Whether it is there, with or without content.
    Given(bool),
    /// Whether there is nothing in it, or it is absent.
    Empty(bool),
    /// It is one of these.
    Equals(Vec<String>),
    /// It is there, and none of these.
    OtherThan(Vec<String>),
    /// It begins with one of these.
    Begins(Vec<String>),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// The place of the field among those of the shape; not looked at for [`Test::Always`].
    pub field: usize,
    /// What is asked of it.
    pub test: Test,
    /// Whether capitals and small letters are the same.
    pub any_case: bool,
    /// What it means.
    pub is: T,
}

impl<T: Copy> Rule<T> {
    fn holds(&self, value: Option<&Value<'_>>) -> bool {
        let text = value.map(|value| value.text.as_ref());
        let same = |known: &String, text: &str| match self.any_case {
            true => known.eq_ignore_ascii_case(text),
            false => known == text,
        };
        let begins = |known: &String, text: &str| {
            text.get(..known.len())
                .is_some_and(|start| same(known, start))
        };
        match &self.test {
            Test::Always => true,
            Test::Given(wanted) => text.is_some() == *wanted,
            Test::Empty(wanted) => text.is_none_or(str::is_empty) == *wanted,
            Test::Equals(all) => text.is_some_and(|text| all.iter().any(|one| same(one, text))),
            Test::OtherThan(all) => text.is_some_and(|text| !all.iter().any(|one| same(one, text))),
            Test::Begins(all) => text.is_some_and(|text| all.iter().any(|one| begins(one, text))),
        }
    }
}

/// What the first rule that holds says; none where none does.
pub fn first<T: Copy>(rules: &[Rule<T>], values: &[Option<Value<'_>>]) -> Option<T> {
    rules
        .iter()
        .find(|rule| rule.holds(values.get(rule.field).and_then(Option::as_ref)))
        .map(|rule| rule.is)
}
