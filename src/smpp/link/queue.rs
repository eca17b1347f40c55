//! Parts that wait for room on any bind of their link.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::smpp::link::ussd::Screen;
use crate::smpp::session::Ticket;
use crate::store::PartOutcome;

/// So many parts wait at most; the outbox never claims as many.
const WAITING_MAX: usize = 10_000;

/// So many screens of binds that only receive wait at most; the oldest go first.
const SCREENS_MAX: usize = 1_000;

/// One part that waits for room in a window.
pub(super) struct Request {
    /// Whose answer it will be.
    pub ticket: Ticket,
    /// The submit_sm, not numbered yet.
    pub pdu: Vec<u8>,
    /// After this it is not begun any more.
    pub until: Instant,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<PartOutcome>,
}

impl Request {
    /// Whether nobody wants it to be sent any more.
    pub fn is_stale(&self) -> bool {
        self.until <= Instant::now() || self.reply.is_closed()
    }

    /// Gives the outcome; nobody may be there to hear it.
    pub fn end(self, outcome: PartOutcome) {
        drop(self.reply.send(outcome));
    }
}

/// The queue of a link. Each bind takes from it what it has room for.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Request>>,
    /// Screens of binds that only receive.
    screens: Mutex<VecDeque<Screen>>,
    /// Rung for one bind when something waits.
    pub bell: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a part at the end; where too many wait, it ends as not sent.
    pub fn push(&self, request: Request) {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            drop(waiting);
            request.end(PartOutcome::NotSent);
            return;
        }
        waiting.push_back(request);
        drop(waiting);
        self.bell.notify_one();
    }

    /// Puts back what a bind had taken and not written, before all others.
    pub fn put_back(&self, requests: Vec<Request>) {
        let mut waiting = self.lock();
        for request in requests.into_iter().rev() {
            waiting.push_front(request);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The next that somebody still wants.
    pub fn pop(&self) -> Option<Request> {
        loop {
            let request = self.lock().pop_front()?;
            if !request.is_stale() {
                return Some(request);
            }
            request.end(PartOutcome::NotSent);
        }
    }

    /// Leaves screens to a bind that may submit.
    pub fn put_screens(&self, screens: VecDeque<Screen>) {
        if screens.is_empty() {
            return;
        }
        let mut waiting = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(screens);
        let over = waiting.len().saturating_sub(SCREENS_MAX);
        waiting.drain(..over);
        drop(waiting);
        self.bell.notify_one();
    }

    /// All the screens that wait for a bind that may submit.
    pub fn screens(&self) -> VecDeque<Screen> {
        std::mem::take(&mut *self.screens.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a part out; whether it was still there.
    pub fn remove(&self, number: u64) -> bool {
        let mut waiting = self.lock();
        let at = waiting.iter().position(|r| r.ticket.number == number);
        at.is_some_and(|at| waiting.remove(at).is_some())
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Sends back everything: no bind is there to write it.
    pub fn send_back(&self) {
        let waiting = std::mem::take(&mut *self.lock());
        for request in waiting {
            request.end(PartOutcome::NotSent);
        }
    }
}
