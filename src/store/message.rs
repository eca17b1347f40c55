//! Messages to subscribers: queued, claimed part by part, brought to a final state.

use super::Mark;
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::conversation::ConversationId;

/// What a message is, which decides its priority, its life and whether its body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A one-time code.
    Code,
    /// A temporary password.
    Password,
    /// The answer to an SMS, or a late outcome.
    Reply,
    /// A number or a list to keep, or how to go on.
    Notice,
}

impl MessageKind {
    /// Every kind, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Code, Self::Password, Self::Reply, Self::Notice];

    /// The name in figures and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Password => "password",
            Self::Reply => "reply",
            Self::Notice => "notice",
        }
    }
}

/// A message for the outbox.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// UNIQUE: the same key never makes a second message.
    pub key: Mark,
    /// The conversation that caused it.
    pub conversation: ConversationId,
    /// The service.
    pub service: ServiceName,
    /// The link on which it goes.
    pub link: LinkName,
    /// The sender's short number or name.
    pub from: String,
    /// To whom.
    pub to: Msisdn,
    /// What kind.
    pub kind: MessageKind,
    /// The text.
    pub text: String,
    /// After this it is not sent any more.
    pub valid_until: Moment,
}

/// The id of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// A message that was claimed for sending.
#[derive(Clone)]
pub struct Message {
    /// The row.
    pub id: MessageId,
    /// The sender's short number or name.
    pub from: String,
    /// To whom.
    pub to: Msisdn,
    /// What kind.
    pub kind: MessageKind,
    /// The text; the same bytes at every attempt.
    pub text: String,
    /// After this it is not sent any more.
    pub valid_until: Moment,
    /// The parts that are to be sent now, by number from 0; empty means all.
    pub parts: Vec<u8>,
    /// How many parts it has, as the first word on one of them told; 0 before that.
    pub total: u8,
    /// Attempts before this one.
    pub attempts: u32,
    /// Which claim of it this is, from 1: the words on its parts say so.
    pub claim: u32,
}

/// What the operator said to one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// It took it, under this id.
    Accepted(String),
    /// Not now: slow down; the attempt does not count.
    Throttled,
    /// Not now; the attempt counts. The reason is a code of the protocol.
    Temporary(String),
    /// Never. The reason is a code of the protocol.
    Refused(String),
    /// No answer came: it may or may not have been sent.
    Unknown,
    /// The link is down; nothing was written.
    NotSent,
}

impl PartOutcome {
    /// The name in logs and figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Throttled => "throttled",
            Self::Temporary(_) => "temporary",
            Self::Refused(_) => "refused",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
        }
    }
}

/// The states of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Waits to be sent.
    Queued,
    /// Claimed; its bytes may be on the wire.
    Sending,
    /// Every part was taken by the operator.
    Sent,
    /// A part's outcome is not known; it waits 60 s for a late answer or receipt.
    Unknown,
    /// Final: every part is on the phone.
    Delivered,
    /// Final: refused or given up.
    Failed,
    /// Final, except that a late receipt may still say delivered.
    Expired,
    /// Final: cancelled by STOP or by hand.
    Cancelled,
}

impl MessageState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Unknown,
        Self::Delivered,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The name in figures and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}
