//! What an operator's API answers to a request of ours, read by the rules of a shape.

use std::borrow::Cow;

use crate::operator::api::file::Says;
use crate::operator::api::{Answer, Word};
use crate::operator::field::{Field, Value};
use crate::operator::request::{BodyKind, Request};
use crate::operator::rule::{self, Rule};

/// Digits in such a code: more could be a date, a card's number, a subscriber's or a code of ours.
const CODE_DIGITS_MAX: usize = 4;

/// Bytes of a code of the API that are told in a reason.
const CODE_BYTES_MAX: usize = 32;

/// `answer:` of `send:` and of `push:`, proved.
#[derive(Clone, Debug)]
pub struct AnswerShape {
    /// How the body is written.
    pub body: BodyKind,
    /// The fields; the first is the status.
    pub fields: Vec<Field>,
    /// What it says.
    pub says: Vec<Rule<Says>>,
}

impl AnswerShape {
    /// Reads a whole answer. What was taken is called what `id` makes of the field `id`, where that
    /// holds something that can be one.
    pub fn read(&self, answer: &Answer, id: impl FnOnce(Option<String>) -> String) -> Word {
        let request = Request {
            method: "",
            rest: "",
            query: None,
            headers: &answer.headers,
            body: &answer.body,
        };
        // What is not written as the shape says has its status alone.
        let body = request.read(self.body, &[]).ok();
        let status = Value {
            text: Cow::Owned(answer.status.as_u16().to_string()),
            bare: false,
        };
        let mut values = vec![Some(status)];
        values.extend(self.fields.iter().skip(1).map(|field| {
            let read = body.as_ref()?;
            field.find(read, &[], None).ok().flatten()
        }));
        let Some((says, at)) = first(&self.says, &values) else {
            return Word::ByStatus;
        };
        let reason = || self.reason(at, &values);
        match says {
            Says::Accepted => Word::Accepted(id(self.id(&values))),
            Says::Throttled => Word::Throttled,
            Says::Temporary => Word::Temporary(reason()),
            Says::Refused => Word::Refused(reason()),
            Says::Unknown => Word::Unknown,
            Says::LinkFault => Word::LinkFault(reason()),
            Says::ByStatus => Word::ByStatus,
        }
    }

    /// Their id of what was taken.
    fn id(&self, values: &[Option<Value<'_>>]) -> Option<String> {
        let at = self.fields.iter().position(|field| field.name == "id")?;
        let id = values.get(at)?.as_ref()?.text.trim();
        let good = !id.is_empty() && id.len() <= 128 && !id.contains(char::is_control);
        good.then(|| id.to_owned())
    }

    /// The field that decided, and its value where that can only be a code.
    fn reason(&self, at: usize, values: &[Option<Value<'_>>]) -> String {
        let name = self.fields.get(at).map_or("answer", Field::shown);
        let code = values.get(at).and_then(Option::as_ref).filter(|value| {
            let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let digits = value.text.chars().filter(char::is_ascii_digit).count();
            value.text.len() <= CODE_BYTES_MAX
                && digits <= CODE_DIGITS_MAX
                && value.text.chars().all(is_code)
        });
        match code {
            Some(code) => format!("{name} {}", code.text),
            None => name.to_owned(),
        }
    }
}

/// What the first rule that holds says, and the field that it looked at.
fn first(rules: &[Rule<Says>], values: &[Option<Value<'_>>]) -> Option<(Says, usize)> {
    rules.iter().find_map(|one| {
        rule::first(std::slice::from_ref(one), values).map(|says| (says, one.field))
    })
}
