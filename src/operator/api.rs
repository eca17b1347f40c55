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
