//! The ledger: the only truth. One trait, one contract suite, several stores behind it.
//!
//! Everything personal is sealed before it reaches a column, and found by a keyed hash
//! ([`seal`]); callers hand over and receive plain values.

pub mod by_hand;
mod code;
#[cfg(test)]
pub(crate) mod contract;
mod due;
mod effect;
mod meeting;
mod message;
mod node;
mod receipt;
mod save;
pub mod seal;
pub mod sql;
mod text;

use std::future::Future;
use std::time::Duration;

use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::conversation::{Conversation, ConversationId};

pub use code::{CODE_LIFE, CodeSent, CodeTried, CodeWanted, MatchFailures};
pub use due::{Due, DueKind};
pub use effect::{Effect, EffectState, NewEffect};
pub use meeting::{
    Arrival, Met, Reply, Seen, SessionKey, SessionMark, Subscriber, SubscriberChange,
};
pub use message::{Message, MessageId, MessageKind, MessageState, NewMessage, PartOutcome};
pub use node::{Beaten, NodeId, Pulse};
pub use receipt::{Receipt, ReceiptIds, ReceiptState};
pub use save::{Save, Saved};
pub use text::{Accepted, Delivery, NewSms, Noted, Sms, SmsId};

/// A keyed hash (HMAC-SHA-256) of something personal or long.
pub type Mark = [u8; 32];

/// Why the ledger could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone. The text is the driver's, which never has bound values.
    #[error("the ledger cannot be used: {0}")]
    Unavailable(String),
    /// What is stored cannot be read back: wrong key, or damaged.
    #[error("a sealed value of table {table} cannot be opened: wrong key, or damaged")]
    Sealed {
        /// The table.
        table: &'static str,
    },
    /// The other nodes took this one for dead: nothing that it writes counts any more, and it has to be
    /// started anew.
    #[error("the other nodes have taken this one for dead; it has to be started anew")]
    Buried,
}

/// The ledger. Every method is one transaction and durable when it returns.
pub trait Store: Send + Sync + 'static {
    /// The keyed hash of `parts`, each with its length, under a key outside the database.
    /// `purpose` keeps hashes of different things apart.
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> Mark;

    /// What a callback or an event meets.
    fn meet(
        &self,
        service: &ServiceName,
        subscriber: &Msisdn,
        session: Option<&SessionKey>,
    ) -> impl Future<Output = Result<Met, StoreError>> + Send;

    /// The conversation with this id.
    fn conversation(
        &self,
        id: ConversationId,
    ) -> impl Future<Output = Result<Option<Conversation>, StoreError>> + Send;

    /// What answered the callback that is the same, at a revision of the conversation above this one.
    fn same(
        &self,
        same: &Mark,
        above: u64,
    ) -> impl Future<Output = Result<Option<Reply>, StoreError>> + Send;

    /// What became of the callback with this key.
    fn seen(&self, key: &Mark) -> impl Future<Output = Result<Seen, StoreError>> + Send;

    /// Ends a step.
    fn save(&self, save: Save<'_>) -> impl Future<Output = Result<Saved, StoreError>> + Send;

    /// Whether this step of this conversation was saved.
    fn has_turn(
        &self,
        conversation: ConversationId,
        turn: &Mark,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The effect whose secret this message carries.
    fn effect_of(
        &self,
        message: MessageId,
    ) -> impl Future<Output = Result<Option<Effect>, StoreError>> + Send;

    /// Records that an effect was taken back, so that the next generation may be asked for.
    fn revoke_effect(&self, key: &Mark) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores a callback's reply without a step: a late or a foreign callback, a redial while an
    /// answer is awaited. `session` as in [`Save`]; where it had moved on, nothing of it is stored.
    fn note(
        &self,
        arrival: &Arrival,
        session: Option<(&SessionKey, &SessionMark)>,
        owns: Option<&ServiceName>,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send;

    /// Takes in an SMS or a part of one. Durable when it returns; only then may it be
    /// acknowledged.
    fn accept_sms(&self, sms: NewSms) -> impl Future<Output = Result<Accepted, StoreError>> + Send;

    /// Takes note of a delivery; tells which one it repeats, if any.
    fn delivery(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Noted, StoreError>> + Send;

    /// Takes note of what may come once only on a link, until its time is over. Tells whether it is
    /// fresh; only then may the request that brought it be taken. Durable when it returns.
    fn nonce(
        &self,
        link: &LinkName,
        nonce: &[u8],
        until: Moment,
        now: Moment,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes note of who dialled a session, where the operator tells it at the dial only. The newest
    /// dial with an id on a link counts. Durable when it returns.
    fn dialled(
        &self,
        session: &SessionKey,
        at: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Who dialled the session with this id on this link, and how the session stands; none where
    /// nobody did, or where nothing is remembered of that session.
    fn dialler(
        &self,
        link: &LinkName,
        id: &str,
    ) -> impl Future<Output = Result<Option<(Msisdn, SessionMark)>, StoreError>> + Send;

    /// The screen of the callback that came at `at` is on the phone for all that is known. It counts
    /// unless a newer callback has moved the session, whose screen is another. Durable when it returns.
    fn shown(
        &self,
        session: &SessionKey,
        at: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks a bind as closed. What came on it from `unread_from` on may come again, since the
    /// operator may not have had the answer, and is then recognised as a repeat.
    fn close_bind(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// SMS of this node whose turn is not done and that came after `after` (0: all), oldest first: those
    /// that it took in, but for numbers of which another node has some, and those of nodes that are over.
    /// One that cannot be opened is logged and set aside until the next start; the others go on.
    fn waiting_sms(
        &self,
        after: SmsId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Sms>, StoreError>> + Send;

    /// Ends the turn of an SMS that needs none, such as one for an unknown service.
    fn drop_sms(&self, id: SmsId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Claims due times that have come, for `lease`; nobody else gets them meanwhile, and another node
    /// only when this one is over.
    fn claim_due(
        &self,
        now: Moment,
        lease: Duration,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Due>, StoreError>> + Send;

    /// Ends a due time, unless it was replaced meanwhile.
    fn end_due(&self, due: &Due) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When the next due time or message falls due, for the loops that wait.
    fn next_due(&self) -> impl Future<Output = Result<Option<Moment>, StoreError>> + Send;

    /// Removes a conversation with all that belongs to it but its messages' metadata.
    fn erase(&self, id: ConversationId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The effect with this key.
    fn effect(&self, key: &Mark)
    -> impl Future<Output = Result<Option<Effect>, StoreError>> + Send;

    /// Puts the message of an effect into the queue again, the same bytes to the same number.
    /// `None` when its body is gone; otherwise how long to wait, zero if it went.
    fn resend_message(
        &self,
        key: &Mark,
        now: Moment,
    ) -> impl Future<Output = Result<Option<Duration>, StoreError>> + Send;

    /// Sends a one-time code, or the living one again, within the limits.
    fn send_code(
        &self,
        wanted: CodeWanted,
    ) -> impl Future<Output = Result<CodeSent, StoreError>> + Send;

    /// Tries a code. The try is counted before the answer is told; the same `key` gets the same
    /// answer again.
    fn try_code(
        &self,
        conversation: ConversationId,
        to: &Msisdn,
        typed: &str,
        key: &Mark,
        now: Moment,
    ) -> impl Future<Output = Result<CodeTried, StoreError>> + Send;

    /// Counts failed identity matches.
    fn match_failures(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        now: Moment,
    ) -> impl Future<Output = Result<MatchFailures, StoreError>> + Send;

    /// Records a failed identity match, once per key.
    fn match_failed(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        key: &Mark,
        now: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Claims messages of a link for sending: marks them `sending` with the epoch before any byte
    /// is written. Codes and passwords first, then replies, then notices, oldest first. Rows past
    /// their validity become `expired` instead.
    fn claim_messages(
        &self,
        link: &LinkName,
        epoch: u64,
        now: Moment,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Message>, StoreError>> + Send;

    /// The links that have a message to be sent now.
    fn links_due(
        &self,
        now: Moment,
    ) -> impl Future<Output = Result<Vec<LinkName>, StoreError>> + Send;

    /// Records what the operator said to one part of a claimed message. The word is about the claim
    /// ([`Message::claim`]); of another one than the last only an acceptance counts. Without a claim
    /// it is about the last.
    fn part_done(
        &self,
        id: MessageId,
        claim: Option<u32>,
        part: u8,
        parts: u8,
        outcome: &PartOutcome,
        now: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Applies a receipt, or keeps it for 72 hours until its part is known. One for a part that has
    /// had its last word changes nothing.
    fn receipt(&self, receipt: &Receipt) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A new epoch for this node's sending on a link. Rows that an older epoch of this node, or a node
    /// that is over, left in `sending` become unknown outcomes.
    fn begin_epoch(
        &self,
        link: &LinkName,
        now: Moment,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Moves unknown outcomes whose 60 s are over back into the queue, at most twice per part, and
    /// forgets what is past its time: inbox rows, receipts, attempts, message metadata.
    fn tidy(&self, now: Moment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// This node.
    fn node(&self) -> NodeId;

    /// Shows that this node lives, and tells how far the others have counted.
    ///
    /// [`StoreError::Buried`] where they took it for dead.
    fn beat(&self, now: Moment) -> impl Future<Output = Result<Beaten, StoreError>> + Send;

    /// Buries a node that has counted no further than this, and takes over what it had in hand: texts
    /// and due times have their turns here, and what it was sending becomes an unknown outcome. Tells
    /// whether it stood as it was seen.
    fn bury(
        &self,
        dead: Pulse,
        now: Moment,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// This node ends: what it had in hand goes to another at once.
    fn leave(&self, now: Moment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes or keeps what one node does for all, by its name; tells the epoch in which this node holds
    /// it, and none where another does. It is held until it is released or the node is over.
    fn lease(&self, name: &str) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// Lets go of it.
    fn release(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How many messages stand in each state, for `jisr outbox` and `/metrics`.
    fn message_counts(
        &self,
    ) -> impl Future<Output = Result<Vec<(MessageState, u64)>, StoreError>> + Send;

    /// Proves that the ledger can be read and written.
    fn ready(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
