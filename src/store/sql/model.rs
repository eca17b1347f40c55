//! A model of the ledger, for simulations: rows in memory that all nodes share, with the rules of the
//! real one and none of its statements. It passes the same contract.
//!
//! Each method is one transaction at one instant. What happens before that instant and after it is the
//! weather's ([`Weather`]): a wait, during which the caller may die; a refusal, which leaves no trace; or
//! the loss of the answer to what is durable.

mod codes;
mod due;
mod messages;
mod nodes;
mod texts;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::codes::Codes;
use self::due::{Dues, Effects};
use self::messages::Messages;
pub use self::messages::{Seen as SeenMessage, Turned};
use self::nodes::Nodes;
use self::texts::Texts;
use self::turns::Turns;
use super::engine::Fault;
use super::ids::Ids;
use super::nodes::SLOTS;
use super::{Inner, Rules};
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::{Chance, Moment};
use crate::conversation::{Conversation, ConversationId};
use crate::plant::{Plant, planted};
use crate::store::seal::Keys;
use crate::store::{
    Accepted, Arrival, Beaten, CodeSent, CodeTried, CodeWanted, Delivery, Due, Effect, EffectState,
    Mark, MatchFailures, Message, MessageId, MessageState, Met, NewSms, NodeId, Noted, PartOutcome,
    Pulse, Receipt, Reply, Save, Saved, Seen, SessionKey, SessionMark, Sms, SmsId, Store,
    StoreError,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const INBOX: Duration = Duration::from_secs(72 * 3600);
const METADATA: Duration = Duration::from_secs(90 * 24 * 3600);
const COUNTERS: Duration = Duration::from_secs(30 * 24 * 3600);

/// What befalls one call of the ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squall {
    /// How long it takes until it counts.
    pub before: Duration,
    /// It does not count at all.
    pub refused: bool,
    /// How long it takes until the caller hears.
    pub after: Duration,
    /// It counts, and the caller hears an error.
    pub lost: bool,
}

/// What befalls the calls of the ledger.
pub trait Weather: Send + Sync {
    /// What befalls the next one.
    fn next(&self) -> Squall;

    /// What time it is for all nodes; none where the ledger has no clock.
    fn time(&self) -> Option<Moment>;
}

/// No weather.
struct Calm;

impl Weather for Calm {
    fn next(&self) -> Squall {
        Squall::default()
    }

    fn time(&self) -> Option<Moment> {
        None
    }
}

/// A step that counts, for whoever judges it afterwards.
#[derive(Clone, Debug)]
pub struct Step {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// At which revision that stood, and at which it stands.
    pub revisions: (u64, u64),
    /// Its key, of the turn and its number within it.
    pub turn: Mark,
    /// The text whose turn it ends.
    pub sms: Option<SmsId>,
    /// Whether it queues a reply.
    pub replies: bool,
    /// Which of the callback's steps it is: whether its callback came before.
    pub begins: bool,
    /// Whether the node that took it was over.
    pub of_buried_node: bool,
    /// Whether it is of a session that did not own the USSD side.
    pub of_foreign_session: bool,
    /// Whether it began on a page that was not the one on the phone.
    pub of_unseen_page: bool,
    /// The effect that it intends: its key.
    pub intends: Option<Mark>,
}

/// A one-time code that was put into a message.
#[derive(Clone)]
pub struct CodeMade {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// To whom.
    pub to: Msisdn,
    /// The text.
    pub text: String,
    /// When it was, for all nodes.
    pub at: Option<Moment>,
    /// Whether it is counted as its owner's wish.
    pub by_owner: bool,
}

/// A code that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// In which conversation.
    pub conversation: ConversationId,
    /// What became of it.
    pub tried: CodeTried,
    /// When it was, for all nodes.
    pub at: Option<Moment>,
}

/// The rows, and what was done with them.
#[derive(Default)]
pub(super) struct Ledger {
    turns: Turns,
    texts: Texts,
    messages: Messages,
    codes: Codes,
    due: Dues,
    effects: Effects,
    nodes: Nodes,
    nonces: std::collections::BTreeMap<(LinkName, Vec<u8>), Moment>,
    steps: Vec<Step>,
    made: Vec<CodeMade>,
    tried: Vec<Tried>,
}

/// One node's view of the ledger. Nodes are made by [`Model::join`].
#[derive(Clone)]
pub struct Model {
    rows: Arc<Mutex<Ledger>>,
    inner: Arc<Inner>,
    weather: Arc<dyn Weather>,
}

fn told(fault: Fault) -> StoreError {
    match fault {
        Fault::Store(error) => error,
        Fault::Engine { .. } => StoreError::Unavailable("the model has no engine".to_owned()),
    }
}

impl Model {
    /// A fresh ledger, and its first node.
    pub fn new(chance: Arc<dyn Chance>) -> Self {
        Self::of(Arc::default(), chance, Arc::new(Calm))
    }

    fn of(rows: Arc<Mutex<Ledger>>, chance: Arc<dyn Chance>, weather: Arc<dyn Weather>) -> Self {
        let node = rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .nodes
            .join();
        let inner = Inner {
            keys: Keys::for_testing(),
            chance,
            rules: Rules::default(),
            node,
            ids: Ids::above(node % SLOTS, 0),
            ..Inner::for_testing()
        };
        Self {
            rows,
            inner: Arc::new(inner),
            weather,
        }
    }

    /// Another node of the same ledger, under this weather.
    #[must_use]
    pub fn join(&self, chance: Arc<dyn Chance>, weather: Arc<dyn Weather>) -> Self {
        Self::of(Arc::clone(&self.rows), chance, weather)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let gone = |what: &str| StoreError::Unavailable(what.to_owned());
        let squall = self.weather.next();
        if squall.before > Duration::ZERO {
            tokio::time::sleep(squall.before).await;
        }
        if squall.refused {
            return Err(gone("refused, as the weather wants it"));
        }
        let answer = work(&mut self.lock());
        if squall.after > Duration::ZERO {
            tokio::time::sleep(squall.after).await;
        }
        if squall.lost {
            return Err(gone("the answer is lost, as the weather wants it"));
        }
        answer
    }

    async fn read<T>(&self, work: impl FnOnce(&Ledger) -> T) -> Result<T, StoreError> {
        self.call(|ledger| Ok(work(ledger))).await
    }

    /// One transaction, in which nothing counts once the node is over.
    async fn write<T>(
        &self,
        work: impl FnOnce(&mut Ledger, &Inner) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let inner = &self.inner;
        self.call(|ledger| {
            if !ledger.nodes.lives(inner.node) && !planted(Plant::BuriedNodeWrites) {
                return Err(StoreError::Buried);
            }
            work(ledger, inner)
        })
        .await
    }

    /// Every step that counted, in order.
    pub fn steps(&self) -> Vec<Step> {
        self.lock().steps.clone()
    }

    /// Every code that was put into a message, in order.
    pub fn codes_made(&self) -> Vec<CodeMade> {
        self.lock().made.clone()
    }

    /// Every code that was tried, in order.
    pub fn codes_tried(&self) -> Vec<Tried> {
        self.lock().tried.clone()
    }

    /// Every message that there is.
    pub fn messages(&self) -> Vec<SeenMessage> {
        self.lock().messages.all().collect()
    }

    /// What happened to messages, in order.
    pub fn message_journal(&self) -> Vec<(MessageId, Turned)> {
        self.lock().messages.journal.clone()
    }

    /// The operator's ids of parts.
    pub fn part_ids(&self) -> Vec<(MessageId, u8, String)> {
        self.lock().messages.part_ids()
    }

    /// Every conversation that there is.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.lock().turns.conversations().cloned().collect()
    }

    /// Every due time that there is.
    pub fn due_times(&self) -> Vec<Due> {
        self.lock().due.all().copied().collect()
    }

    /// Every text that was taken in whole.
    pub fn texts_taken(&self) -> Vec<SmsId> {
        self.lock().texts.taken()
    }

    /// Texts whose turn is not done.
    pub fn waiting_texts(&self) -> usize {
        self.lock().texts.count_waiting()
    }

    /// Whether a text under this operator's id was taken in.
    pub fn has_text(&self, link: &LinkName, from: &Msisdn, id: &str) -> bool {
        self.lock().texts.has(link, from, id)
    }

    /// Whether a callback of this number was answered with these words.
    pub fn has_reply(&self, from: &Msisdn, reply: &Reply) -> bool {
        self.lock().turns.has_reply(from, reply)
    }

    /// Effects: their keys, what each is for, and how far it is.
    pub fn effects(&self) -> Vec<(Mark, String, EffectState)> {
        let ledger = self.lock();
        let all = ledger.effects.all();
        all.map(|(key, one)| (*key, one.subject.clone(), one.state))
            .collect()
    }

    /// How often the parts of a text under this reference were joined.
    pub fn times_joined(&self, from: &Msisdn, reference: u16) -> usize {
        self.lock().texts.times_joined(from, reference)
    }

    /// The nodes that are not over.
    pub fn living(&self) -> Vec<NodeId> {
        self.lock().nodes.living()
    }

    /// Holds the outbox, or releases it, by hand.
    pub fn hold(&self, held: bool) {
        self.lock().messages.held = held;
    }

    /// Sends a message again by hand, where that may be; tells whether.
    pub fn send_again(&self, id: MessageId, now: Moment) -> bool {
        let mut ledger = self.lock();
        let Ledger { messages, due, .. } = &mut *ledger;
        messages.send_again(id, now, due)
    }

    /// Cancels a message by hand, where that may be; tells whether.
    pub fn cancel(&self, id: MessageId, now: Moment) -> bool {
        let mut ledger = self.lock();
        let Ledger { messages, due, .. } = &mut *ledger;
        messages.cancel_by_hand(id, now, due)
    }

    /// The current conversation of a number.
    pub fn current(&self, service: &ServiceName, number: &Msisdn) -> Option<Conversation> {
        let met = self.lock().meet(0, service, number, None);
        met.conversation
    }
}

impl Ledger {
    fn erase(&mut self, id: ConversationId) {
        self.turns.erase(id);
        self.due.erase(id);
        self.codes.erase(id);
        self.messages.erase(id);
    }

    fn effect(&self, key: &Mark) -> Option<Effect> {
        let one = self.effects.get(key)?;
        Some(Effect {
            key: *key,
            conversation: one.conversation,
            subject: one.subject.clone(),
            secret: one.secret.clone(),
            state: one.state,
            message: self.messages.state_by_key(key),
        })
    }

    fn tidy(&mut self, inner: &Inner, now: Moment) {
        let now = self.codes.settle(now);
        self.messages.forget(now.minus(METADATA), now.minus(INBOX));
        self.texts.tidy(now, now.minus(INBOX));
        self.nodes.tidy(inner.node, now);
        self.codes.tidy(now, now.minus(COUNTERS));
        for id in self
            .turns
            .tidy(now.minus(INBOX), now.minus(DAY).minus(HOUR))
        {
            self.erase(id);
        }
        self.nonces.retain(|_, until| *until > now);
        self.messages.move_on(inner, now, &mut self.due);
    }
}

impl Store for Model {
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> Mark {
        self.inner.keys.mark(purpose, parts)
    }

    async fn meet(
        &self,
        service: &ServiceName,
        subscriber: &Msisdn,
        session: Option<&SessionKey>,
    ) -> Result<Met, StoreError> {
        let me = self.inner.node;
        self.read(|ledger| ledger.meet(me, service, subscriber, session))
            .await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read(|ledger| ledger.turns.conversation(id)).await
    }

    async fn same(&self, same: &Mark, above: u64) -> Result<Option<Reply>, StoreError> {
        self.read(|ledger| ledger.turns.same(same, above)).await
    }

    async fn seen(&self, key: &Mark) -> Result<Seen, StoreError> {
        self.read(|ledger| ledger.turns.seen(key)).await
    }

    async fn save(&self, save: Save<'_>) -> Result<Saved, StoreError> {
        self.write(|ledger, inner| Ok(ledger.save(inner, &save)))
            .await
    }

    async fn has_turn(
        &self,
        conversation: ConversationId,
        turn: &Mark,
    ) -> Result<bool, StoreError> {
        self.read(|ledger| ledger.turns.has(conversation, turn))
            .await
    }

    async fn effect_of(&self, message: MessageId) -> Result<Option<Effect>, StoreError> {
        self.read(|ledger| {
            let key = ledger.messages.key(message)?;
            ledger.effect(&key)
        })
        .await
    }

    async fn revoke_effect(&self, key: &Mark) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.effects.result(key, EffectState::Revoked);
            Ok(())
        })
        .await
    }

    async fn note(
        &self,
        arrival: &Arrival,
        session: Option<(&SessionKey, &SessionMark)>,
        owns: Option<&ServiceName>,
    ) -> Result<Saved, StoreError> {
        self.write(|ledger, _| Ok(ledger.turns.note(arrival, session, owns)))
            .await
    }

    async fn accept_sms(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        self.write(|ledger, inner| Ok(ledger.accept(inner, &sms)))
            .await
    }

    async fn delivery(&self, delivery: Delivery) -> Result<Noted, StoreError> {
        self.write(|ledger, inner| Ok(ledger.delivery(inner, &delivery)))
            .await
    }

    async fn nonce(
        &self,
        link: &LinkName,
        nonce: &[u8],
        until: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        self.write(|ledger, _| {
            let key = (link.clone(), nonce.to_vec());
            let lives = ledger.nonces.get(&key).is_some_and(|until| *until > now);
            if !lives {
                ledger.nonces.insert(key, until);
            }
            Ok(!lives)
        })
        .await
    }

    async fn dialled(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.turns.dialled(session, at);
            Ok(())
        })
        .await
    }

    async fn dialler(
        &self,
        link: &LinkName,
        id: &str,
    ) -> Result<Option<(Msisdn, SessionMark)>, StoreError> {
        self.read(|ledger| ledger.turns.dialler(link, id)).await
    }

    async fn shown(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.turns.shown(session, at);
            Ok(())
        })
        .await
    }

    async fn close_bind(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            ledger.texts.close(link, inner.node, bind, unread_from);
            Ok(())
        })
        .await
    }

    async fn waiting_sms(&self, after: SmsId, limit: u32) -> Result<Vec<Sms>, StoreError> {
        let me = self.inner.node;
        self.read(|ledger| ledger.texts.waiting(me, after, limit))
            .await
    }

    async fn drop_sms(&self, id: SmsId) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.texts.done(id);
            Ok(())
        })
        .await
    }

    async fn claim_due(
        &self,
        now: Moment,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        self.write(|ledger, inner| Ok(ledger.due.claim(inner.node, now, lease, limit)))
            .await
    }

    async fn end_due(&self, due: &Due) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.due.end(due);
            Ok(())
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Moment>, StoreError> {
        self.read(|ledger| {
            ledger
                .due
                .next()
                .into_iter()
                .chain(ledger.messages.next())
                .min()
        })
        .await
    }

    async fn erase(&self, id: ConversationId) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.erase(id);
            Ok(())
        })
        .await
    }

    async fn effect(&self, key: &Mark) -> Result<Option<Effect>, StoreError> {
        self.read(|ledger| ledger.effect(key)).await
    }

    async fn resend_message(
        &self,
        key: &Mark,
        now: Moment,
    ) -> Result<Option<Duration>, StoreError> {
        self.write(|ledger, _| Ok(ledger.messages.resend(key, now)))
            .await
    }

    async fn send_code(&self, wanted: CodeWanted) -> Result<CodeSent, StoreError> {
        let time = self.weather.time();
        self.write(|ledger, inner| Ok(ledger.send_code(inner, &wanted, time)))
            .await
    }

    async fn try_code(
        &self,
        conversation: ConversationId,
        to: &Msisdn,
        typed: &str,
        key: &Mark,
        now: Moment,
    ) -> Result<CodeTried, StoreError> {
        let at = self.weather.time();
        self.write(|ledger, inner| {
            let of = (conversation, to);
            let tried = ledger.codes.attempt(inner, of, typed, key, now);
            ledger.tried.push(Tried {
                conversation,
                tried,
                at,
            });
            Ok(tried)
        })
        .await
    }

    async fn match_failures(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        now: Moment,
    ) -> Result<MatchFailures, StoreError> {
        self.read(|ledger| ledger.codes.count(subscriber, identity, now))
            .await
    }

    async fn match_failed(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        key: &Mark,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.write(|ledger, _| {
            ledger.codes.failed(subscriber, identity, key, now);
            Ok(())
        })
        .await
    }

    async fn claim_messages(
        &self,
        link: &LinkName,
        epoch: u64,
        now: Moment,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        self.write(|ledger, inner| {
            let Ledger { messages, due, .. } = ledger;
            Ok(messages.claim(inner.node, (link, epoch), now, limit, due))
        })
        .await
    }

    async fn links_due(&self, now: Moment) -> Result<Vec<LinkName>, StoreError> {
        self.read(|ledger| ledger.messages.links_due(now)).await
    }

    async fn part_done(
        &self,
        id: MessageId,
        claim: Option<u32>,
        part: u8,
        parts: u8,
        outcome: &PartOutcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            let Ledger { messages, due, .. } = ledger;
            let part = (part, parts);
            messages
                .told(inner, (id, claim), part, outcome, now, due)
                .map_err(told)
        })
        .await
    }

    async fn receipt(&self, receipt: &Receipt) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            let Ledger { messages, due, .. } = ledger;
            messages.receipt(inner, receipt, due);
            Ok(())
        })
        .await
    }

    async fn begin_epoch(&self, link: &LinkName, now: Moment) -> Result<u64, StoreError> {
        self.write(|ledger, inner| {
            let Ledger {
                messages,
                due,
                nodes,
                ..
            } = ledger;
            Ok(messages.begin_epoch(nodes, inner.node, link, now, due))
        })
        .await
    }

    async fn tidy(&self, now: Moment) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            ledger.tidy(inner, now);
            Ok(())
        })
        .await
    }

    fn node(&self) -> NodeId {
        NodeId(self.inner.node)
    }

    async fn beat(&self, now: Moment) -> Result<Beaten, StoreError> {
        let time = self.weather.time();
        self.write(|ledger, inner| {
            let others = ledger.nodes.beat(inner.node, now);
            Ok(Beaten { others, time })
        })
        .await
    }

    async fn bury(&self, dead: Pulse, now: Moment) -> Result<bool, StoreError> {
        self.write(|ledger, inner| Ok(ledger.bury(inner.node, dead, now)))
            .await
    }

    async fn leave(&self, now: Moment) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            ledger.leave(inner.node, now);
            Ok(())
        })
        .await
    }

    async fn lease(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.write(|ledger, inner| Ok(ledger.nodes.lease(inner.node, name)))
            .await
    }

    async fn release(&self, name: &str) -> Result<(), StoreError> {
        self.write(|ledger, inner| {
            ledger.nodes.release(inner.node, name);
            Ok(())
        })
        .await
    }

    async fn message_counts(&self) -> Result<Vec<(MessageState, u64)>, StoreError> {
        self.read(|ledger| ledger.messages.counts()).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.write(|_, _| Ok(())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    fn fresh() -> Model {
        Model::new(Arc::new(contract::Counted::default()))
    }

    contract::contract_tests!(async { Some((fresh(), ())) });

    contract::node_tests!(async {
        let one = fresh();
        let two = one.join(Arc::new(contract::Counted::default()), Arc::new(Calm));
        Some((one, two, ()))
    });
}
