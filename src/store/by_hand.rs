//! What an administrator sees of the outbox and does with it by hand. Nothing here has a text, a code
//! or a number in the clear.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{MessageId, MessageKind, MessageState};
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;

/// Who does something by hand, and why.
#[derive(Clone, Debug)]
pub struct Hand {
    /// The user of the operating system.
    pub who: String,
    /// What they say about it; kept sealed.
    pub why: Option<String>,
    /// When.
    pub at: Moment,
}

/// Open messages of one link in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The link.
    pub link: LinkName,
    /// The state, which is not final.
    pub state: MessageState,
    /// How many.
    pub messages: u64,
    /// How many of each kind: codes, passwords, replies, notices.
    pub kinds: BTreeMap<MessageKind, u64>,
    /// When the oldest was put in.
    pub oldest: Moment,
    /// When the next is tried again or given up; in the past for what may go at once.
    pub next: Moment,
    /// How many may go at once.
    pub ready: u64,
    /// The most attempts that one of them has had.
    pub attempts: u32,
    /// What was said of them last, the most frequent first.
    pub reasons: Vec<Said>,
}

/// What was said last of some messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// A code of the operator's, or a word of the ledger's; none where nobody spoke yet.
    pub reason: Option<String>,
    /// Of how many.
    pub messages: u64,
}

/// Messages of one link that failed for good, by why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dead {
    /// The link.
    pub link: LinkName,
    /// The kind.
    pub kind: MessageKind,
    /// `failed` or `expired`.
    pub state: MessageState,
    /// Why.
    pub reason: Option<String>,
    /// How many.
    pub messages: u64,
    /// When the newest failed.
    pub newest: Moment,
}

/// A message that failed for good, to be told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: MessageId,
    /// The link.
    pub link: LinkName,
    /// The kind.
    pub kind: MessageKind,
    /// `failed` or `expired`.
    pub state: MessageState,
    /// Why.
    pub reason: Option<String>,
    /// Attempts that it had.
    pub attempts: u32,
}

/// The outbox at one point in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Whether it is held.
    pub hold: Option<Hold>,
    /// What is not final, by link and state.
    pub waiting: Vec<Waiting>,
    /// What failed for good.
    pub dead: Vec<Dead>,
}

/// Which messages are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In these states; all where none is named.
    pub states: Vec<MessageState>,
    /// On this link.
    pub link: Option<LinkName>,
    /// To this number.
    pub to: Option<Msisdn>,
    /// Those that failed for good.
    pub dead: bool,
    /// At most so many, the newest first.
    pub limit: u32,
}

/// One message, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub id: MessageId,
    /// The service.
    pub service: String,
    /// The link.
    pub link: LinkName,
    /// The sender's short number or name.
    pub from: String,
    /// To whom, masked; none once its body is erased.
    pub to: Option<String>,
    /// The beginning of the number's keyed hash: the same for the same number.
    pub to_mark: String,
    /// What kind.
    pub kind: MessageKind,
    /// Where it stands.
    pub state: MessageState,
    /// What was said of it last.
    pub reason: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// Unknown outcomes so far, of the part that has the most.
    pub unknowns: u32,
    /// Parts; 0 before the first word of its link.
    pub parts: u32,
    /// When it was put in.
    pub created_at: Moment,
    /// When it was claimed last.
    pub sent_at: Option<Moment>,
    /// When it is tried again, for what is queued; when its grace is over, for an unknown outcome.
    pub next_at: Option<Moment>,
    /// After this it does not go any more.
    pub valid_until: Moment,
    /// When it last changed its state.
    pub changed_at: Moment,
    /// Whether it failed for good.
    pub dead: bool,
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownPart {
    /// Which, from 0.
    pub part: u8,
    /// Where it stands.
    pub state: MessageState,
    /// What was said of it last.
    pub reason: Option<String>,
    /// Its unknown outcomes.
    pub unknowns: u32,
    /// The ids under which the operator took it, oldest first.
    pub taken: Vec<Taken>,
}

/// An operator's id of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The id.
    pub id: String,
    /// When.
    pub at: Moment,
}

/// Something that was done by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Act {
    /// `sent again` or `cancelled`.
    pub act: String,
    /// The state before it.
    pub was: MessageState,
    /// Who.
    pub who: String,
    /// What they said about it.
    pub why: Option<String>,
    /// When.
    pub at: Moment,
}

/// Everything that is known of one message, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The message.
    #[serde(flatten)]
    pub message: Listed,
    /// Whether its body is still there.
    pub has_body: bool,
    /// The epoch of its link in which it was claimed last.
    pub epoch: u64,
    /// Its parts.
    pub shown_parts: Vec<ShownPart>,
    /// What was done with it by hand.
    pub acts: Vec<Act>,
}

/// What became of the wish that a message go again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentAgain {
    /// It is in the queue and goes next; it stood in this state.
    Queued(MessageState),
    /// There is no such message.
    Absent,
    /// It is on the wire; its outcome comes first.
    OnTheWire,
    /// The operator took it so short a time ago that it may be arriving; from then on.
    TooSoon(Moment),
    /// It is final, and its body erased.
    Final(MessageState),
    /// Its time is over.
    PastValidity(Moment),
    /// It is a notice, and its reader has said STOP since.
    Stopped,
}

/// What became of the wish that a message not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It does not go; it stood in this state.
    Done(MessageState),
    /// There is no such message.
    Absent,
    /// It is on the wire; its outcome comes first.
    OnTheWire,
    /// The operator has it.
    Sent,
    /// It is final.
    Final(MessageState),
}

/// Why the outbox is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Somebody wants it.
    ByHand,
    /// Somebody says that the ledger was put back from a backup.
    Restored,
    /// The ledger knows of fewer sendings than the mark outside it.
    Older,
    /// The ledger is not where it was when it was last served.
    Moved,
}

impl HoldReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::ByHand, Self::Restored, Self::Older, Self::Moved];

    /// The word in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by hand",
            Self::Restored => "restored",
            Self::Older => "older",
            Self::Moved => "moved",
        }
    }

    /// What it means, for people.
    pub fn told(self) -> &'static str {
        match self {
            Self::ByHand => "held by hand",
            Self::Restored => "the ledger was put back from a backup, as somebody said",
            Self::Older => "the ledger is older than what was sent: it was put back from a backup",
            Self::Moved => "the ledger is a copy, or was put back: it is not where it was",
        }
    }
}

/// The outbox is held: nothing is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Why.
    pub why: HoldReason,
    /// What a person said about it.
    pub note: Option<String>,
    /// Who: a user, or `jisr` itself.
    pub who: String,
    /// Since when.
    pub begun_at: Moment,
    /// Up to when a ledger that was put back knows what went; none for other holds.
    pub as_of: Option<Moment>,
}

/// What becomes of messages older than a restored hold when it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// Each may have gone since the backup: an unknown outcome, which goes again within the rules.
    Unknown,
    /// They do not go.
    Cancel,
}

impl Older {
    /// The word in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Cancel => "cancel",
        }
    }
}

/// What a release did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Older messages that are unknown outcomes now, or cancelled.
    pub older: u64,
    /// Messages that go as they are.
    pub others: u64,
}

fn as_text<S: serde::Serializer>(id: &MessageId, serializer: S) -> Result<S::Ok, S::Error> {
    // Readers of JSON keep 53 bits of a number, and an id has 63.
    serializer.collect_str(&id.0)
}
