//! An operator's API: what it is told and says, requests and answers without sockets. Messages go out
//! over it, and the screens of a shape that posts them.
//!
//! [`file`] is what shapes of both channels say of its answers, `compile` proves it, and [`answer`]
//! reads by it. [`account`] is who we are there.

pub mod account;
pub mod answer;
pub(super) mod compile;
pub mod file;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// One request: a screen, a whole message, or one part of it where the API wants each part by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which part, from 0.
    pub part: u8,
    /// How many the message has; 1 where the operator cuts it.
    pub parts: u8,
    /// The method.
    pub method: Method,
    /// The whole address. It may hold a number, a text and a password, so it is never logged.
    pub url: String,
    /// Headers, but for `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Bytes,
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 64 KiB.
    pub body: Bytes,
}

/// What an answer says. A reason is a code of the API, never something that stood in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It took it, under this id.
    Accepted(String),
    /// It is asked too often.
    Throttled,
    /// Not now.
    Temporary(String),
    /// Never.
    Refused(String),
    /// It may or may not have taken it.
    Unknown,
    /// It refuses whatever we send: our key, our account, the address. What was sent is not at fault.
    LinkFault(String),
    /// Nothing beyond its status.
    ByStatus,
}

/// Characters that a reason and a request of ours may have in common: more would tell of it.
const SHARED_MAX: usize = 5;
/// Codes so short tell of nothing, whatever else they occur in.
const SHORT_MAX: usize = 3;

impl Word {
    /// The same, whose reason tells nothing of `ours`: texts, numbers and secrets that stood in the
    /// request. Operators echo what they do not like.
    pub fn without(self, ours: &[&str]) -> Self {
        let clean = |reason: String| match reason.split_once(' ') {
            Some((name, code)) if echoes(code, ours) => name.to_owned(),
            Some(_) | None => reason,
        };
        match self {
            Self::Temporary(reason) => Self::Temporary(clean(reason)),
            Self::Refused(reason) => Self::Refused(clean(reason)),
            Self::LinkFault(reason) => Self::LinkFault(clean(reason)),
            word @ (Self::Accepted(_) | Self::Throttled | Self::Unknown | Self::ByStatus) => word,
        }
    }
}

/// Whether a code stands in what is ours, or more of it than a few characters does.
fn echoes(code: &str, ours: &[&str]) -> bool {
    let code: Vec<char> = code.to_lowercase().chars().collect();
    if code.len() <= SHORT_MAX {
        return false;
    }
    let parts: Vec<String> = code
        .windows(code.len().min(SHARED_MAX + 1))
        .map(|part| part.iter().collect())
        .collect();
    ours.iter().any(|one| {
        let one = one.to_lowercase();
        parts.iter().any(|part| one.contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_tells_nothing_of_the_request() {
        let ours = [
            "user-1",
            "4711secret",
            "Votre code: 8842, merci",
            "+212661000001",
        ];
        for (reason, told) in [
            ("code 9", "code 9"),
            ("code 212", "code 212"),
            ("code login_error", "code login_error"),
            ("http 403", "http 403"),
            ("code 1104", "code 1104"),
            ("code 8842", "code"),
            ("code PIN4711SECRET", "code"),
            ("code 4711", "code"),
            ("code merci", "code"),
            ("code USER-1", "code"),
            ("answer", "answer"),
        ] {
            let refused = Word::Refused(reason.to_owned()).without(&ours);
            assert_eq!(refused, Word::Refused(told.to_owned()), "{reason}");
        }
    }
}
