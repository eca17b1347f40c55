//! What is to be done at a time.

use crate::clock::Moment;
use crate::conversation::ConversationId;

/// What a due time is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DueKind {
    /// A pending call is to be carried out, or tried again.
    Call,
    /// A USSD session has been silent for as long as it lives.
    Silence,
    /// A conversation is to be erased.
    Erase,
    /// A password whose message failed is to be revoked; the number is the message's id.
    Revoke,
}

/// A due time of a conversation; a new one of the same kind replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub conversation: ConversationId,
    /// What for.
    pub kind: DueKind,
    /// When.
    pub at: Moment,
    /// The pending call's number, or the revision at which a silence counts.
    pub number: u64,
    /// Times it was claimed before.
    pub attempts: u32,
}
