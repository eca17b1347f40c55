//! One-time codes, and failed matches.

use std::time::Duration;

use super::{Mark, NewMessage};
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::conversation::ConversationId;

/// How long a one-time code lives, unless a store is told otherwise; its message says so.
pub const CODE_LIFE: Duration = Duration::from_secs(5 * 60);

/// A one-time code that is wanted.
#[derive(Clone)]
pub struct CodeWanted {
    /// Which conversation.
    pub conversation: ConversationId,
    /// For whom; the code is bound to it.
    pub to: Msisdn,
    /// Whether `to` is the number that asks; others have limits of their own, so that a stranger
    /// cannot use up a worker's.
    pub asked_by_owner: bool,
    /// (conversation, turn, position), hashed: the same key never sends twice.
    pub key: Mark,
    /// Six random digits, used only if no code lives.
    pub fresh: String,
    /// The message with `{code}` in place of the code.
    pub message: NewMessage,
    /// When.
    pub at: Moment,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSent {
    /// It is in the outbox, and the code lives until then.
    Sent {
        /// When the code dies.
        until: Moment,
    },
    /// The last one was sent too short a time ago.
    TooSoon {
        /// How long to wait.
        wait: Duration,
    },
    /// The limits of this number are used up.
    Limited,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeTried {
    /// It is the code; it is used up now.
    Right,
    /// It is not.
    Wrong {
        /// Tries that are left.
        left: u32,
    },
    /// It is not, and that was the last try; or no try is left.
    Spent,
    /// No code lives.
    Expired,
}

/// What the limits on identities say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchFailures {
    /// Failed matches of this number in the last 24 hours.
    pub by_number: u32,
    /// Failed matches of this identity in the last 30 days, from numbers not bound to it.
    pub of_identity: u32,
}
