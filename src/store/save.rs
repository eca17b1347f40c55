//! One step of a conversation, saved with all that belongs to it.

use super::{
    Arrival, Due, DueKind, EffectState, Mark, NewEffect, NewMessage, SessionKey, SessionMark,
    SmsId, SubscriberChange,
};
use crate::clock::Moment;
use crate::conversation::{Conversation, ConversationId};

/// The end of one turn's step: everything in one transaction.
pub struct Save<'a> {
    /// With the conversation's id UNIQUE: a step is saved once.
    pub turn: Mark,
    /// The conversation after the step; its revision is one more than the ledger's. It becomes the
    /// current one of its service and number.
    pub conversation: &'a Conversation,
    /// The one that was current when this one began; only its first step looks at it. Where another is
    /// current by then, the step is stale.
    pub after: Option<ConversationId>,
    /// When the step before was saved, where that step was recalled and not read here. Such a step is
    /// stale unless all that it was decided on is so: the conversation was last saved at that time and
    /// is the current one, the session owns the USSD side, and the callback has no inbox row yet.
    pub recalled: Option<Moment>,
    /// The inbox row of a USSD callback: inserted at the first step of its turn, the reply set
    /// when there is one.
    pub arrival: Option<&'a Arrival>,
    /// Whether the turn now waits for an answer from outside; other nodes know that it does.
    pub asks: bool,
    /// The SMS whose turn this ends.
    pub sms_done: Option<SmsId>,
    /// The session as it stands now.
    pub session: Option<(&'a SessionKey, &'a SessionMark)>,
    /// Whether that session now owns the USSD side.
    pub owns: bool,
    /// Changes of what is known of the number.
    pub subscriber: &'a [SubscriberChange],
    /// Messages for the outbox; a key that is there already is passed over.
    pub messages: &'a [NewMessage],
    /// An effect's intent; passed over if its key is there already.
    pub intent: Option<&'a NewEffect>,
    /// An effect's result.
    pub result: Option<(Mark, EffectState)>,
    /// Due times, each replacing the one of its kind.
    pub due: &'a [Due],
    /// Kinds of due times that are over.
    pub not_due: &'a [DueKind],
    /// When.
    pub at: Moment,
}

/// What became of a [`Save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is durable.
    Done,
    /// The conversation or the session had moved on, or the step was saved before: load again and step
    /// again.
    Stale,
}
