//! Effects at the registry: intended once, with their secrets and results.

use super::{Mark, MessageId, MessageState};
use crate::clock::Moment;
use crate::conversation::ConversationId;

/// The intent of an effect, committed before it is carried out.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// UNIQUE: (registration number, purpose, generation), hashed.
    pub key: Mark,
    /// The conversation that wants it.
    pub conversation: ConversationId,
    /// What it is about, to be sealed: what is needed to take it back, long after the conversation
    /// has gone on.
    pub subject: String,
    /// The random values minted for it, to be sealed.
    pub secret: String,
    /// When.
    pub at: Moment,
}

/// An effect as the ledger has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its key.
    pub key: Mark,
    /// Which conversation wanted it first.
    pub conversation: ConversationId,
    /// What it is about.
    pub subject: String,
    /// The first secret minted for the key; erased when the effect is final.
    pub secret: Option<String>,
    /// How far it is.
    pub state: EffectState,
    /// The message that carries its secret, once it is in the outbox.
    pub message: Option<(MessageId, MessageState)>,
}

/// The states of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// Committed, perhaps carried out, no result yet.
    Intended,
    /// Carried out.
    Done,
    /// The outside refused it for good.
    Refused,
    /// Carried out and taken back, because its secret never arrived.
    Revoked,
}
