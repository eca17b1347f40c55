//! The spine: one event in, one screen out, everything in the ledger before it leaves.

mod answer;
mod calls;
mod dialler;
mod due;
mod elsewhere;
mod facts;
mod held;
mod in_hand;
mod line;
mod recall;
mod ring;
mod shown;
mod sms;
mod ussd;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::book::{Book, Service};
use crate::brake::Brake;
use crate::cache::Cache;
use crate::callback::{Channel, Msisdn, ServiceName};
use crate::clock::{Chance, Clock, Moment};
use crate::conversation::{Conversation, ConversationId, Progress};
use crate::desk::Registry;
use crate::engine::{self, Effect, Event, Next, Occasion, View};
pub use crate::gateway::answer::{Begun, Kept, UssdCall};
use crate::gateway::calls::Performed;
use crate::gateway::held::{Held, Inflight};
use crate::gateway::in_hand::InHand;
use crate::locale::TextFault;
use crate::outbox::Bells;
use crate::plant::{Plant, planted};
use crate::screen::{Limit, Screen, fit};
use crate::store::{
    Arrival, Due, DueKind, EffectState, Mark, MessageKind, NewMessage, Reply, Save, Saved,
    SessionKey, SessionMark, SmsId, Store, StoreError, Subscriber, SubscriberChange,
};

/// How often texts and due times are looked for without being rung, unless somebody says otherwise.
const LOOK: Duration = Duration::from_millis(250);
/// Engine steps of one turn: a dial, a lookup, a code, and some to spare.
const STEPS_PER_TURN_MAX: u32 = 8;
/// Times that the loser of a race loads again.
const RACES_PER_TURN_MAX: u32 = 3;
/// How long an unfinished conversation resumes.
const RESUME: Duration = Duration::from_secs(30 * 60);
/// How long after its last step a conversation is kept.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// What is kept back of a link's deadline for rendering, saving and the way back.
const DEADLINE_MARGIN: Duration = Duration::from_secs(1);
/// How long after an unanswered call the ledger's own copy of it falls due.
const CALL_GRACE: Duration = Duration::from_secs(2);
/// The life of a message that is not a code.
const MESSAGE_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Why a turn gave no screen. None carries what the subscriber typed.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A text that the check should have missed.
    #[error(transparent)]
    Text(#[from] TextFault),
    /// The service is not configured.
    #[error("no service {0}")]
    NoService(ServiceName),
    /// The dialog went round without showing anything.
    #[error("page {page}: {STEPS_PER_TURN_MAX} steps without a screen")]
    Circles {
        /// Where it was.
        page: String,
    },
    /// Somebody else moved the conversation each time.
    #[error("lost {RACES_PER_TURN_MAX} races for the conversation")]
    Raced,
}

/// The gateway: what the doors call.
pub struct Gateway<S, R> {
    /// The ledger.
    pub store: S,
    registry: R,
    book: ArcSwap<Book>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    held: Held,
    inflight: Inflight,
    in_hand: InHand,
    brake: Brake,
    cache: Option<Arc<Cache>>,
    look: Duration,
    /// Rung when a message was queued for a link.
    pub bells: Bells,
    /// Rung when a text has come into the inbox, or a due time was set.
    pub inbox_bell: Notify,
}

/// One turn on its way: what surrounds the steps.
struct Turn<'a> {
    /// Identifies the turn; with the step's number, UNIQUE within the conversation.
    key: Mark,
    service: &'a Service,
    subscriber: &'a Msisdn,
    channel: Channel,
    at: Moment,
    limit: Limit,
    /// When the answer has to leave.
    until: Moment,
    session_life: Duration,
    /// Whether the answer brings the screen; else somebody tells when it was shown.
    shows: bool,
    arrival: Option<Arrival>,
    session: Option<(SessionKey, SessionMark)>,
    owns: bool,
    /// The conversation that was current when this turn began.
    after: Option<ConversationId>,
    /// When the conversation's last step was saved, where it was recalled; until the first save of this
    /// turn, which proves it.
    recalled: Option<Moment>,
    sms: Option<SmsId>,
    /// Whom to tell when the event is durable.
    kept: Option<&'a Kept>,
    /// Changes that come with the event itself.
    changes: Vec<SubscriberChange>,
    /// The outcome of the last call, for the log.
    outcome: Option<&'static str>,
}

/// What the last save of a turn takes along.
struct Ending {
    position: u32,
    reply: Reply,
    changes: Vec<SubscriberChange>,
    messages: Vec<NewMessage>,
    result: Option<(Mark, EffectState)>,
}

impl<S: Store, R: Registry> Gateway<S, R> {
    /// A gateway over a ledger and a registry.
    pub fn new(
        store: S,
        registry: R,
        book: impl Into<Arc<Book>>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        Self {
            store,
            registry,
            book: ArcSwap::new(book.into()),
            clock,
            chance,
            held: Held::default(),
            inflight: Inflight::default(),
            in_hand: InHand::default(),
            brake: Brake::default(),
            cache: None,
            look: LOOK,
            bells: Bells::default(),
            inbox_bell: Notify::new(),
        }
    }

    /// The same, which looks so often for texts and due times without being rung.
    #[must_use]
    pub fn looking_every(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// The same with a Redis beside the ledger.
    #[must_use]
    pub fn with_cache(self, cache: Option<Arc<Cache>>) -> Self {
        Self { cache, ..self }
    }

    /// What it goes by at present.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// Carries one event to a screen: step, ask, save, until the engine shows something.
    ///
    /// `None` when somebody else moved the conversation meanwhile.
    async fn run(
        &self,
        book: &Book,
        turn: &mut Turn<'_>,
        mut conversation: Conversation,
        mut event: Event,
        mut performed: Performed,
    ) -> Result<Option<Reply>, TurnError> {
        if matches!(event, Event::Again) {
            // The turn's own steps are taken; taking it up is a turn of its own.
            turn.key = self
                .store
                .mark("again", &[&turn.key, &conversation.revision.to_be_bytes()]);
        }
        for position in 0..STEPS_PER_TURN_MAX {
            let occasion = Occasion {
                event,
                channel: turn.channel,
                at: turn.at,
            };
            let moved = engine::advance(book.script(turn.service), conversation, occasion);
            conversation = moved.conversation;
            conversation.revision += 1;
            let changes = self.changes(turn, &moved.effects);
            let mut messages = std::mem::take(&mut performed.messages);
            match moved.next {
                Next::Ask { number, call } => {
                    let intent = self.intent(&conversation, call, turn.at).await?;
                    let due = Due {
                        conversation: conversation.id,
                        kind: DueKind::Call,
                        at: turn.until.plus(CALL_GRACE),
                        number: u64::from(number),
                        attempts: 0,
                    };
                    let saved = self
                        .store
                        .save(Save {
                            turn: self.step_key(&turn.key, position),
                            conversation: &conversation,
                            after: turn.after,
                            recalled: turn.recalled,
                            arrival: turn.arrival.as_ref(),
                            asks: true,
                            sms_done: None,
                            session: turn.session.as_ref().map(|(key, mark)| (key, mark)),
                            owns: turn.owns,
                            subscriber: &changes,
                            messages: &messages,
                            intent: intent.as_ref(),
                            result: performed.result.take(),
                            due: &[due, self.erasure(&conversation, turn.at)],
                            not_due: &[DueKind::Silence],
                            at: turn.at,
                        })
                        .await?;
                    if saved == Saved::Stale {
                        return Ok(None);
                    }
                    turn.recalled = None;
                    if let Some((_, mark)) = &mut turn.session {
                        mark.version += 1;
                    }
                    if let Some(kept) = turn.kept {
                        kept.tell();
                    }
                    performed = self
                        .perform_until(book, turn, &conversation, number, call)
                        .await?;
                    turn.outcome = Some(
                        performed
                            .answer
                            .as_ref()
                            .map_or("late", |answer| answer.outcome),
                    );
                    event = performed.answer.take().map_or(Event::Late, Event::Answered);
                }
                Next::Show(view) => {
                    let screen = self.screen(book, turn, &mut conversation, &view)?;
                    let reply = Reply {
                        ends: view.ends && !conversation.has_more(),
                        text: screen.text,
                    };
                    self.messages(
                        book,
                        turn,
                        &conversation,
                        &moved.effects,
                        position,
                        &mut messages,
                    )?;
                    let result = performed.result.take();
                    let ending = Ending {
                        position,
                        reply,
                        changes,
                        messages,
                        result,
                    };
                    return self.end(turn, conversation, ending).await;
                }
            }
        }
        Err(TurnError::Circles {
            page: conversation.page.0,
        })
    }

    /// The last save of a turn, with its reply.
    async fn end(
        &self,
        turn: &mut Turn<'_>,
        conversation: Conversation,
        ending: Ending,
    ) -> Result<Option<Reply>, TurnError> {
        let Ending {
            position,
            reply,
            changes,
            mut messages,
            result,
        } = ending;
        if turn.channel == Channel::Sms {
            let key = self.store.mark("reply", &[&conversation.id.0, &turn.key]);
            messages.insert(
                0,
                self.message(
                    turn.service,
                    &conversation,
                    key,
                    MessageKind::Reply,
                    reply.text.clone(),
                    turn.at,
                ),
            );
        }
        // Whatever number a network hands us, messages go to Moroccan mobiles only.
        messages.retain(|message| message.to.is_moroccan_mobile());
        if let Some(arrival) = &mut turn.arrival {
            arrival.reply = Some(reply.clone());
        }
        if let Some((_, mark)) = &mut turn.session {
            mark.shown_revision = conversation.revision;
            mark.shown = turn.shows;
            mark.ended = reply.ends;
        }
        let mut due = vec![self.erasure(&conversation, turn.at)];
        let mut not_due = Vec::new();
        match &conversation.pending {
            // It has its due time since it was asked: whoever dials meanwhile does not put it off.
            Some(pending) if pending.asked_at < turn.at => {}
            Some(pending) => due.push(Due {
                conversation: conversation.id,
                kind: DueKind::Call,
                at: turn.at.plus(CALL_GRACE),
                number: u64::from(pending.number),
                attempts: 0,
            }),
            None => not_due.push(DueKind::Call),
        }
        if turn.channel == Channel::Ussd && !reply.ends {
            due.push(Due {
                conversation: conversation.id,
                kind: DueKind::Silence,
                at: turn.at.plus(turn.session_life),
                number: conversation.revision,
                attempts: 0,
            });
        } else {
            not_due.push(DueKind::Silence);
        }
        let saved = self
            .store
            .save(Save {
                turn: self.step_key(&turn.key, position),
                conversation: &conversation,
                after: turn.after,
                recalled: turn.recalled,
                arrival: turn.arrival.as_ref(),
                asks: false,
                sms_done: turn.sms,
                session: turn.session.as_ref().map(|(key, mark)| (key, mark)),
                owns: turn.owns,
                subscriber: &changes,
                messages: &messages,
                intent: None,
                result,
                due: &due,
                not_due: &not_due,
                at: turn.at,
            })
            .await;
        if saved.is_err() && planted(Plant::ReplyBeforeSave) {
            return Ok(Some(reply));
        }
        let saved = saved?;
        if saved == Saved::Stale {
            let is_believed = turn.recalled.is_some() && planted(Plant::CacheIsBelieved);
            return Ok(is_believed.then_some(reply));
        }
        if let Some(kept) = turn.kept {
            kept.tell();
        }
        self.ring(&turn.service.sms_link);
        if position > 0 {
            self.ring_through(&turn.service.name, turn.subscriber);
        }
        self.keep_in_mind(turn, &conversation, &reply);
        tracing::info!(
            conversation = %conversation.id,
            revision = conversation.revision,
            channel = turn.channel.as_str(),
            service = %conversation.service,
            page = %conversation.page,
            part = conversation.part,
            ends = reply.ends,
            outcome = turn.outcome,
            pending = conversation.pending.as_ref().map(|pending| pending.call.name()),
            ms = u64::try_from(self.clock.now().since(turn.at).as_millis()).unwrap_or(u64::MAX),
            "turn"
        );
        metrics::counter!("jisr_turns_total", "channel" => turn.channel.as_str()).increment(1);
        Ok(Some(reply))
    }

    /// The conversation that a subscriber's event moves: the current one while it may go on, or a
    /// new one.
    fn conversation_for(
        &self,
        book: &Book,
        turn: &Turn<'_>,
        subscriber: &Subscriber,
        current: Option<Conversation>,
        keeps_ended: bool,
    ) -> Conversation {
        if let Some(current) = current
            && turn.at.since(current.stepped_at) <= RESUME
            && (current.progress == Progress::Open || keeps_ended)
            && book.knows(&current)
        {
            return current;
        }
        let mut id = [0; 16];
        self.chance.fill(&mut id);
        let dialog = (
            turn.service.dialog.name.as_str(),
            turn.service.dialog.version,
        );
        let mut fresh = Conversation::new(
            ConversationId(id),
            turn.service.name.clone(),
            turn.subscriber.clone(),
            dialog,
            turn.channel,
            turn.at,
        );
        fresh.language.clone_from(&subscriber.language);
        fresh.consent = subscriber.consent;
        fresh
    }

    /// Renders, and lets the conversation know how many parts there are.
    fn screen(
        &self,
        book: &Book,
        turn: &Turn<'_>,
        conversation: &mut Conversation,
        view: &View,
    ) -> Result<Screen, TurnError> {
        let mut content = book.wording(turn.service).content(conversation, view)?;
        let part = usize::from(conversation.part);
        let mut screen = fit::fit(&content, turn.limit, part);
        if content.note.is_some() {
            // A note that would push options to another part helps nobody: the page alone says
            // what there is to choose.
            content.note = None;
            let plain = fit::fit(&content, turn.limit, part);
            if plain.parts < screen.parts || plain.parts > 1 {
                screen = plain;
            }
        }
        conversation.part = u16::try_from(screen.part).unwrap_or(u16::MAX);
        conversation.parts = u16::try_from(screen.parts).unwrap_or(u16::MAX);
        Ok(screen)
    }

    fn changes(&self, turn: &mut Turn<'_>, effects: &[Effect]) -> Vec<SubscriberChange> {
        let mut changes = std::mem::take(&mut turn.changes);
        for effect in effects {
            match effect {
                Effect::Speak(language) => {
                    changes.push(SubscriberChange::Language(language.clone()))
                }
                Effect::Consent(version) => changes.push(SubscriberChange::Consent(*version)),
                Effect::Stop => changes.push(SubscriberChange::Stopped(true)),
                Effect::Message(_) => {}
            }
        }
        changes
    }

    /// Messages to keep. A text that goes out by SMS already, and whole, is not sent twice.
    fn messages(
        &self,
        book: &Book,
        turn: &Turn<'_>,
        conversation: &Conversation,
        effects: &[Effect],
        position: u32,
        messages: &mut Vec<NewMessage>,
    ) -> Result<(), TurnError> {
        if turn.channel == Channel::Sms && !conversation.has_more() {
            return Ok(());
        }
        for effect in effects {
            let Effect::Message(id) = effect else {
                continue;
            };
            let text = book.wording(turn.service).text(conversation, id, &[])?;
            let text = crate::screen::alphabet::fold(&text);
            let key = self.store.mark(
                "message",
                &[
                    &conversation.id.0,
                    &turn.key,
                    &position.to_be_bytes(),
                    id.as_bytes(),
                ],
            );
            messages.push(self.message(
                turn.service,
                conversation,
                key,
                MessageKind::Notice,
                text,
                turn.at,
            ));
        }
        Ok(())
    }

    fn message(
        &self,
        service: &Service,
        conversation: &Conversation,
        key: Mark,
        kind: MessageKind,
        text: String,
        at: Moment,
    ) -> NewMessage {
        NewMessage {
            key,
            conversation: conversation.id,
            service: service.name.clone(),
            link: service.sms_link.clone(),
            from: service.words.number.clone(),
            to: conversation.subscriber.clone(),
            kind,
            text,
            valid_until: at.plus(MESSAGE_LIFE),
        }
    }

    fn erasure(&self, conversation: &Conversation, at: Moment) -> Due {
        Due {
            conversation: conversation.id,
            kind: DueKind::Erase,
            at: at.plus(KEEP),
            number: 0,
            attempts: 0,
        }
    }

    fn step_key(&self, turn: &Mark, position: u32) -> Mark {
        self.store.mark("step", &[turn, &position.to_be_bytes()])
    }

    fn service<'b>(&self, book: &'b Book, name: &ServiceName) -> Result<&'b Service, TurnError> {
        book.services
            .get(name)
            .ok_or_else(|| TurnError::NoService(name.clone()))
    }
}
