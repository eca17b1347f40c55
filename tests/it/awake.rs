//! A ledger under a clock that stands still and jumps: while it works, the clock does not jump.
//!
//! Tokio's paused clock goes to the next timer when nothing is left to do, and does not see that the
//! database works in threads of its own. A blocking task keeps it where it is.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use jisr::callback::{LinkName, Msisdn, ServiceName};
use jisr::clock::Moment;
use jisr::conversation::{Conversation, ConversationId};
use jisr::store::sql::SqlStore;
use jisr::store::*;

/// Keeps the clock from jumping until it is dropped.
pub struct Awake(#[allow(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

impl Awake {
    pub fn now() -> Self {
        let (keep, ended) = mpsc::channel();
        tokio::task::spawn_blocking(move || ended.recv());
        Self(keep)
    }
}

/// The ledger.
pub struct AwakeStore {
    store: SqlStore,
    /// Whether it takes what it is asked and never answers.
    pub is_silent: AtomicBool,
    /// How long each of its answers takes, in ms.
    pub slow_ms: AtomicU64,
}

impl AwakeStore {
    pub fn new(store: SqlStore) -> Self {
        Self {
            store,
            is_silent: AtomicBool::new(false),
            slow_ms: AtomicU64::new(0),
        }
    }
}

macro_rules! methods {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($argument: $kind),*) -> impl Future<Output = $out> + Send {
            let is_silent = self.is_silent.load(Ordering::SeqCst);
            let slow = Duration::from_millis(self.slow_ms.load(Ordering::SeqCst));
            async move {
                if is_silent {
                    return std::future::pending().await;
                }
                if !slow.is_zero() {
                    tokio::time::sleep(slow).await;
                }
                let awake = Awake::now();
                let out = self.store.$name($($argument),*).await;
                drop(awake);
                out
            }
        })*
    };
}

impl Store for AwakeStore {
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> Mark {
        self.store.mark(purpose, parts)
    }

    fn node(&self) -> NodeId {
        self.store.node()
    }

    methods! {
        fn meet(service: &ServiceName, subscriber: &Msisdn, session: Option<&SessionKey>) -> Result<Met, StoreError>;
        fn conversation(id: ConversationId) -> Result<Option<Conversation>, StoreError>;
        fn seen(key: &Mark) -> Result<Seen, StoreError>;
        fn same(same: &Mark, above: u64) -> Result<Option<Reply>, StoreError>;
        fn save(save: Save<'_>) -> Result<Saved, StoreError>;
        fn has_turn(conversation: ConversationId, turn: &Mark) -> Result<bool, StoreError>;
        fn effect_of(message: MessageId) -> Result<Option<Effect>, StoreError>;
        fn revoke_effect(key: &Mark) -> Result<(), StoreError>;
        fn note(arrival: &Arrival, session: Option<(&SessionKey, &SessionMark)>, owns: Option<&ServiceName>) -> Result<Saved, StoreError>;
        fn accept_sms(sms: NewSms) -> Result<Accepted, StoreError>;
        fn delivery(delivery: Delivery) -> Result<Noted, StoreError>;
        fn nonce(link: &LinkName, nonce: &[u8], until: Moment, now: Moment) -> Result<bool, StoreError>;
        fn dialled(session: &SessionKey, at: Moment) -> Result<(), StoreError>;
        fn dialler(link: &LinkName, id: &str) -> Result<Option<(Msisdn, SessionMark)>, StoreError>;
        fn shown(session: &SessionKey, at: Moment) -> Result<(), StoreError>;
        fn close_bind(link: &LinkName, bind: u64, unread_from: Moment) -> Result<(), StoreError>;
        fn waiting_sms(after: SmsId, limit: u32) -> Result<Vec<Sms>, StoreError>;
        fn drop_sms(id: SmsId) -> Result<(), StoreError>;
        fn claim_due(now: Moment, lease: Duration, limit: u32) -> Result<Vec<Due>, StoreError>;
        fn end_due(due: &Due) -> Result<(), StoreError>;
        fn next_due() -> Result<Option<Moment>, StoreError>;
        fn erase(id: ConversationId) -> Result<(), StoreError>;
        fn effect(key: &Mark) -> Result<Option<Effect>, StoreError>;
        fn resend_message(key: &Mark, now: Moment) -> Result<Option<Duration>, StoreError>;
        fn send_code(wanted: CodeWanted) -> Result<CodeSent, StoreError>;
        fn try_code(conversation: ConversationId, to: &Msisdn, typed: &str, key: &Mark, now: Moment) -> Result<CodeTried, StoreError>;
        fn match_failures(subscriber: &Msisdn, identity: &Mark, now: Moment) -> Result<MatchFailures, StoreError>;
        fn match_failed(subscriber: &Msisdn, identity: &Mark, key: &Mark, now: Moment) -> Result<(), StoreError>;
        fn claim_messages(link: &LinkName, epoch: u64, now: Moment, limit: u32) -> Result<Vec<Message>, StoreError>;
        fn links_due(now: Moment) -> Result<Vec<LinkName>, StoreError>;
        fn part_done(id: MessageId, claim: Option<u32>, part: u8, parts: u8, outcome: &PartOutcome, now: Moment) -> Result<(), StoreError>;
        fn receipt(receipt: &Receipt) -> Result<(), StoreError>;
        fn begin_epoch(link: &LinkName, now: Moment) -> Result<u64, StoreError>;
        fn tidy(now: Moment) -> Result<(), StoreError>;
        fn message_counts() -> Result<Vec<(MessageState, u64)>, StoreError>;
        fn beat(now: Moment) -> Result<Beaten, StoreError>;
        fn bury(dead: Pulse, now: Moment) -> Result<bool, StoreError>;
        fn leave(now: Moment) -> Result<(), StoreError>;
        fn lease(name: &str) -> Result<Option<u64>, StoreError>;
        fn release(name: &str) -> Result<(), StoreError>;
        fn ready() -> Result<(), StoreError>;
    }
}
