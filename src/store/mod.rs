//! The ledger: the only truth. One trait, one contract suite, several stores behind it.
//!
//! Everything personal is sealed before it reaches a column, and found by a keyed hash
//! ([`seal`]); callers hand over and receive plain values.

pub mod by_hand;
#[cfg(test)]
pub(crate) mod contract;
pub mod seal;
pub mod sql;

use std::future::Future;
use std::time::Duration;

use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::conversation::{Conversation, ConversationId, Language};

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

/// The number of a node: one opening of the ledger. No two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

/// How far a node has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Which node.
    pub node: NodeId,
    /// Its last beat, counted from 0.
    pub beat: u64,
}

/// What a node hears when it shows that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// The other nodes that are not over.
    pub others: Vec<Pulse>,
    /// What time it is for all nodes; none where the ledger has no clock of its own.
    pub time: Option<Moment>,
}

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

/// The id of an inbox row of an SMS; a later one is higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SmsId(pub i64);

/// An SMS that was received whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// Its inbox row.
    pub id: SmsId,
    /// The link.
    pub link: LinkName,
    /// The service of the short number that was texted.
    pub service: ServiceName,
    /// Who.
    pub subscriber: Msisdn,
    /// What they wrote.
    pub text: String,
    /// When.
    pub at: Moment,
}

/// An SMS, or a part of one, as a link hands it over.
#[derive(Clone)]
pub struct NewSms {
    /// The link.
    pub link: LinkName,
    /// The service of the short number.
    pub service: ServiceName,
    /// Who.
    pub subscriber: Msisdn,
    /// The short number.
    pub to: String,
    /// The text of this part.
    pub text: String,
    /// The operator's message id, where it gives one.
    pub message_id: Option<String>,
    /// Source, destination and all bytes of the PDU, hashed, for links without ids.
    pub fingerprint: Mark,
    /// The bind on which it came; an equal PDU is a repeat only if this one has closed since.
    pub bind: u64,
    /// Reference, number of parts and which one it is (from 1), for parts of a long message.
    pub part: Option<(u16, u8, u8)>,
    /// When.
    pub at: Moment,
}

/// A USSD delivery of a link that gives its deliveries no ids.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The link.
    pub link: LinkName,
    /// Source, destination and all bytes of the PDU, hashed.
    pub fingerprint: Mark,
    /// The bind on which it came; an equal PDU is a repeat only if this one has closed since.
    pub bind: u64,
    /// When.
    pub at: Moment,
}

/// What the ledger knows of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number: that of its first coming where it is a repeat.
    pub number: i64,
    /// When it came first, where it is a repeat.
    pub repeats: Option<Moment>,
}

/// What became of an SMS at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the inbox and waits for its turn.
    Stored(SmsId),
    /// It is in the inbox and waits for its turn on another node, behind those of its number that wait
    /// there.
    Elsewhere(SmsId),
    /// It was there already.
    Repeat,
    /// It is a part, and others are missing.
    Part,
}

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

/// A delivery receipt, as a link hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The link.
    pub link: LinkName,
    /// The id as it stands in the receipt.
    pub message_id: String,
    /// In which forms it may be that of an answer.
    pub ids: ReceiptIds,
    /// What became of the part.
    pub state: ReceiptState,
    /// When it came.
    pub at: Moment,
}

/// In which forms an operator may write one message id in its answer and in its receipt. Letter
/// case and leading zeros never matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptIds {
    /// The same, or hexadecimal here and decimal there, as a last resort: where no part is known
    /// under the same, and every message that was on the wire when the receipt came has its answer.
    /// Where an operator counts its ids up from small numbers, one whose answer was lost may still
    /// be taken for another; such a link says what it does.
    #[default]
    Any,
    /// The same in both.
    Same,
    /// Hexadecimal in the answer, decimal in the receipt.
    HexAnswer,
    /// Decimal in the answer, hexadecimal in the receipt.
    DecimalAnswer,
}

/// The states that a receipt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// On its way.
    Underway,
    /// On the phone.
    Delivered,
    /// Given up by the operator because its time was over.
    Expired,
    /// Given up for another reason.
    Failed,
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
