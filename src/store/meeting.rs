//! What a callback or a text meets: whose it is, its session, what is known of the subscriber, and whether it came before.

use super::Mark;
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::conversation::{Conversation, ConversationId, Language};

/// What identifies a USSD session: link, subscriber, the operator's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The link.
    pub link: LinkName,
    /// The subscriber.
    pub subscriber: Msisdn,
    /// The operator's id.
    pub id: String,
}

/// What is remembered of a USSD session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionMark {
    /// When its first callback came; with it, a session id that comes again is another session.
    pub opened_at: Moment,
    /// The last callback.
    pub seen_at: Moment,
    /// Bytes of the cumulative path so far.
    pub path_len: usize,
    /// Its keyed hash, by [`Store::mark`].
    pub path_mark: Mark,
    /// The conversation's revision when this session last showed its page; a higher one means that
    /// another channel has moved it on.
    pub shown_revision: u64,
    /// Whether that page is on the phone for all that is known; false while its screen has yet to be
    /// taken from a request of ours. Set by [`Store::shown`].
    pub shown: bool,
    /// Whether an END has been sent.
    pub ended: bool,
    /// How often it was written; 0 before the first time. It is written only where it still is as it
    /// was read.
    pub version: u64,
}

/// What the ledger knows of a number within a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// The language chosen.
    pub language: Option<Language>,
    /// The version of the consent text agreed to.
    pub consent: Option<u32>,
    /// Whether STOP is in force: no message that was not asked for.
    pub stopped: bool,
    /// The day on which the last "how to go on" message was sent.
    pub hinted_on: Option<jiff::civil::Date>,
}

/// A change of what is known of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriberChange {
    /// It chose a language.
    Language(Language),
    /// It agreed to this version of the consent text, or withdrew.
    Consent(Option<u32>),
    /// STOP, or its end by a new contact.
    Stopped(bool),
    /// A "how to go on" message was queued on this day.
    Hinted(jiff::civil::Date),
}

/// A reply as it left, or will leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The text of the screen.
    pub text: String,
    /// Whether the session ends with it.
    pub ends: bool,
}

/// What a callback meets, read at one point in time.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// The number.
    pub subscriber: Subscriber,
    /// The current conversation of (service, number), even if ended or old.
    pub conversation: Option<Conversation>,
    /// Its id, which is known also where it cannot go on because it is of another layout.
    pub current: Option<ConversationId>,
    /// The session of the callback, if it was seen before.
    pub session: Option<SessionMark>,
    /// The operator's id and link of the session that owns the USSD side.
    pub owner: Option<(LinkName, String)>,
    /// Whether a turn of the conversation waits for an answer from outside on another node, which
    /// lives.
    pub elsewhere: bool,
}

/// What became of a callback with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No such callback.
    Never,
    /// Its turn is under way, or died under way.
    Open,
    /// This was its reply.
    Answered(Reply),
}

/// The inbox row of a USSD callback.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The link.
    pub link: LinkName,
    /// Who.
    pub subscriber: Msisdn,
    /// Link, number, session and what the repeat rule names, hashed.
    pub key: Mark,
    /// What it has in common with one that is the same while this one is unanswered, where nothing else
    /// tells a repeat.
    pub same: Option<Mark>,
    /// When.
    pub at: Moment,
    /// The reply, once there is one.
    pub reply: Option<Reply>,
}
