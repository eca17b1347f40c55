//! What belongs to one connection beside its session.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::clock::Moment;
use crate::outbox::PartReport;
use crate::smpp::command::Status;
use crate::smpp::frame::{Frame, Raw};
use crate::smpp::link::board::{Figure, Record};
use crate::smpp::link::inbox::{Inbox, count, take_in};
use crate::smpp::link::out::Out;
use crate::smpp::link::queue::Request;
use crate::smpp::link::shared::Shared;
use crate::smpp::link::ussd::{self, Dialogues};
use crate::smpp::retry::Attempt;
use crate::smpp::session::{Close, Delivered, Input, Odd, Output, Session, Ticket};
use crate::smpp::status::BindState;
use crate::store::PartOutcome;

/// What is going on for a delivery; it ends with what to answer, if anything.
pub(super) type Errand = Pin<Box<dyn Future<Output = Option<(Delivered, Status)>> + Send>>;

/// Who waits for the outcome of a submit.
struct Waiting {
    reply: oneshot::Sender<PartOutcome>,
    until: Instant,
    sent: Moment,
}

/// What belongs to one connection beside its session.
pub(super) struct Serving<I> {
    shared: Arc<Shared>,
    inbox: Arc<I>,
    /// Which of the link's binds this is.
    at: usize,
    /// The number of this connection, unlike any other's.
    bind: u64,
    /// Octets to be written.
    pub out: Out,
    /// Deliveries in the ledger's hands. They are begun in the order in which they came.
    pub errands: FuturesUnordered<Errand>,
    pub bound_at: Option<Moment>,
    /// USSD.
    pub dialogues: Dialogues,
    waiting: HashMap<u64, Waiting>,
    /// Whether this bind counts among those that may submit.
    up: bool,
}

impl<I: Inbox> Serving<I> {
    pub fn new(shared: Arc<Shared>, inbox: Arc<I>, at: usize, bind: u64) -> Self {
        let dialogues = Dialogues::new(&shared);
        Self {
            dialogues,
            shared,
            inbox,
            at,
            bind,
            out: Out::default(),
            errands: FuturesUnordered::new(),
            bound_at: None,
            waiting: HashMap::new(),
            up: false,
        }
    }

    fn record(&self) -> &Record {
        &self.shared.board[self.at]
    }

    /// Whether there is no room for further deliveries.
    pub fn is_full(&self) -> bool {
        self.errands.len() >= self.shared.config.inbound.max(1)
    }

    /// This bind takes no further submits.
    pub fn step_down(&mut self) {
        if std::mem::take(&mut self.up) {
            self.shared.step_down();
        }
    }

    /// Gives the session what waits and may go, this bind's share of it. Where the rate forbids
    /// it, when to try again.
    pub fn submit(
        &mut self,
        session: &mut Session,
        now: Moment,
        outputs: &mut Vec<Output>,
    ) -> Option<Instant> {
        if let Err(later) = self.screens(session, now, outputs) {
            return Some(later);
        }
        let waiting = self.shared.queue.len();
        if waiting == 0 {
            return None;
        }
        let share = waiting.div_ceil((*self.shared.up.borrow()).max(1));
        for _ in 0..share {
            if !session.has_room() || self.out.is_full() {
                break;
            }
            // A let of its own: the guard is gone before the next line.
            let may = self.shared.pace().take(now);
            if let Err(wait) = may {
                return Some(Instant::now() + wait);
            }
            let Some(request) = self.shared.queue.pop() else {
                self.shared.pace().give_back();
                break;
            };
            let Request {
                ticket,
                pdu,
                until,
                reply,
            } = request;
            let sent = now;
            self.waiting
                .insert(ticket.number, Waiting { reply, until, sent });
            session.on(Input::Submit(ticket, Raw(pdu)), now, outputs);
        }
        if self.shared.queue.len() > 0 {
            self.shared.queue.bell.notify_one();
        }
        None
    }

    /// Screens go ahead of messages: somebody looks at their phone. What a bind that only receives
    /// has to say goes out on another.
    fn screens(
        &mut self,
        session: &mut Session,
        now: Moment,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Instant> {
        if !self.record().kind.sends() {
            self.shared.queue.put_screens(self.dialogues.hand_over());
            return Ok(());
        }
        if session.has_room() {
            self.dialogues.take_over(self.shared.queue.screens());
        }
        while session.has_room() && !self.out.is_full() && self.dialogues.has_next(Instant::now()) {
            // A let of its own: the guard is gone before the next line.
            let may = self.shared.pace().take(now);
            may.map_err(|wait| Instant::now() + wait)?;
            let Some((ticket, pdu)) = self.dialogues.next(Instant::now()) else {
                self.shared.pace().give_back();
                break;
            };
            // Its outcome is for the dialogue, not for the outbox.
            let (reply, _) = oneshot::channel();
            let waiting = Waiting {
                reply,
                until: Instant::now(),
                sent: now,
            };
            self.waiting.insert(ticket.number, waiting);
            session.on(Input::Submit(ticket, pdu), now, outputs);
        }
        Ok(())
    }

    /// Does what the session says; the last of it may be to close.
    pub fn obey(&mut self, outputs: &mut Vec<Output>, now: Moment) -> Option<Close> {
        let mut close = None;
        let mut unwritten = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Write(Raw(octets)) => self.out.push(&octets),
                Output::Submit(ticket, Raw(octets)) => {
                    self.record().count(Figure::Submitted);
                    self.out.push_submit(ticket.number, &octets);
                }
                Output::Bound => self.bound(now),
                Output::Deliver(delivered, frame) => self.deliver(delivered, frame),
                Output::Done(ticket, outcome) if ussd::is_screen(ticket) => {
                    self.dialogues.told(ticket, &outcome, Instant::now());
                    // What was not written of it ends with its connection.
                    drop(self.done(ticket, outcome, now));
                }
                Output::Done(ticket, outcome) => unwritten.extend(self.done(ticket, outcome, now)),
                Output::Congested(ticket, percent) => self.congested(ticket, percent, now),
                Output::Late(ticket, outcome) if ussd::is_screen(ticket) => {
                    self.dialogues.told(ticket, &outcome, Instant::now());
                }
                Output::Late(ticket, outcome) => self.late(ticket, outcome),
                Output::Odd(odd) => self.odd(odd),
                Output::Close(why) => close = Some(why),
            }
        }
        if close.is_some() {
            self.step_down();
        }
        self.pass_on(unwritten, close.is_some());
        close
    }

    fn bound(&mut self, now: Moment) {
        self.bound_at = Some(now);
        let bound = Attempt::Bound(Duration::ZERO);
        let _nobody_waits = self.shared.account().ended(bound, now);
        let (config, clock) = (&self.shared.config, &self.shared.clock);
        self.record().count(Figure::Bound);
        self.record().becomes(BindState::Bound, clock.now());
        tracing::info!(link = %config.name, bind = self.record().name, peer = config.peer(), "bound");
        if self.record().kind.sends() {
            self.up = true;
            self.shared.step_up();
        }
    }

    /// What became of a submit; gives it back where the socket has taken nothing of it.
    fn done(&mut self, ticket: Ticket, outcome: PartOutcome, now: Moment) -> Option<Request> {
        let waiting = self.waiting.remove(&ticket.number)?;
        match &outcome {
            PartOutcome::Unknown => {
                if let Some(pdu) = self.out.take_back(ticket.number) {
                    return Some(Request {
                        ticket,
                        pdu,
                        until: waiting.until,
                        reply: waiting.reply,
                    });
                }
                self.record().count(Figure::Unknown);
            }
            PartOutcome::Throttled => {
                self.record().count(Figure::Answered);
                self.record().count(Figure::Throttled);
                self.slow(waiting.sent, now);
            }
            PartOutcome::Accepted(_) => {
                self.record().count(Figure::Answered);
                self.shared.pace().taken(now);
            }
            PartOutcome::Temporary(_) | PartOutcome::Refused(_) => {
                self.record().count(Figure::Answered);
            }
            PartOutcome::NotSent => {}
        }
        // Whoever asked may have gone; the ledger then has it as unknown.
        drop(waiting.reply.send(outcome));
        None
    }

    /// What the socket has not begun with goes out on another bind at once, or back.
    fn pass_on(&self, unwritten: Vec<Request>, closing: bool) {
        if unwritten.is_empty() {
            return;
        }
        let others = closing && *self.shared.up.borrow() > 0;
        if others {
            self.shared.queue.put_back(unwritten);
        } else {
            for request in unwritten {
                request.end(PartOutcome::NotSent);
            }
        }
    }

    fn congested(&self, ticket: Ticket, percent: u8, now: Moment) {
        if let Some(waiting) = self.waiting.get(&ticket.number) {
            tracing::debug!(link = %self.shared.config.name, percent, "the operator is congested");
            self.slow(waiting.sent, now);
        }
    }

    fn slow(&self, sent: Moment, now: Moment) {
        let mut pace = self.shared.pace();
        if pace.throttled(sent, now) {
            let rate = pace.rate().unwrap_or_default();
            tracing::warn!(link = %self.shared.config.name, rate, "throttled by the operator; parts a second from now on");
        }
    }

    fn late(&mut self, ticket: Ticket, outcome: PartOutcome) {
        self.record().count(Figure::Answered);
        let inbox = Arc::clone(&self.inbox);
        let report = PartReport {
            part: ticket.part,
            parts: ticket.parts,
            outcome,
        };
        let wait = Duration::from_millis(self.shared.config.accept_ms);
        self.errands.push(Box::pin(async move {
            drop(timeout(wait, inbox.late((ticket.message, ticket.claim), report)).await);
            None
        }));
    }

    fn deliver(&mut self, delivered: Delivered, frame: Frame) {
        self.record().count(Figure::Received);
        let at = self.shared.clock.now();
        let heard = self
            .dialogues
            .hear(self.inbox.as_ref(), delivered, &frame, self.bind, at);
        if let Some(acknowledged) = heard {
            self.errands.push(acknowledged);
            return;
        }
        let (shared, inbox) = (Arc::clone(&self.shared), Arc::clone(&self.inbox));
        let (number, bind) = (self.at, self.bind);
        self.errands.push(Box::pin(async move {
            let record = &shared.board[number];
            let status = take_in(&shared, record, &inbox, bind, at, &frame).await;
            Some((delivered, status))
        }));
    }

    fn odd(&self, odd: Odd) {
        self.record().count(Figure::Odd);
        count(&self.shared.config.name, odd.name());
    }
}
