//! What each bind of a link does and has done.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::Moment;
use crate::smpp::config::BindKind;
use crate::smpp::status::{BindState, BindStatus, Figures, LastError};

/// One bind, as its task writes it down.
pub(in crate::smpp) struct Record {
    /// Its kind and number, `transceiver 1`.
    pub name: String,
    /// What it is for.
    pub kind: BindKind,
    now: Mutex<Now>,
    in_flight: AtomicUsize,
    bound: AtomicU64,
    submitted: AtomicU64,
    answered: AtomicU64,
    throttled: AtomicU64,
    unknown: AtomicU64,
    received: AtomicU64,
    receipts: AtomicU64,
    odd: AtomicU64,
}

struct Now {
    state: BindState,
    since: Moment,
    last_error: Option<LastError>,
}

/// Something that a bind counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::smpp) enum Figure {
    Bound,
    Submitted,
    Answered,
    Throttled,
    Unknown,
    Received,
    Receipt,
    Odd,
}

impl Record {
    pub fn new(kind: BindKind, number: usize, at: Moment) -> Self {
        Self {
            name: format!("{} {number}", kind.as_str()),
            kind,
            now: Mutex::new(Now {
                state: BindState::Connecting,
                since: at,
                last_error: None,
            }),
            in_flight: AtomicUsize::new(0),
            bound: AtomicU64::new(0),
            submitted: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            received: AtomicU64::new(0),
            receipts: AtomicU64::new(0),
            odd: AtomicU64::new(0),
        }
    }

    /// It does something else from now on.
    pub fn becomes(&self, state: BindState, at: Moment) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.state != state {
            (now.state, now.since) = (state, at);
        }
    }

    /// Something went wrong.
    pub fn failed(&self, cause: String, at: Moment) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.last_error = Some(LastError { at, cause });
    }

    pub fn count(&self, figure: Figure) {
        let counter = match figure {
            Figure::Bound => &self.bound,
            Figure::Submitted => &self.submitted,
            Figure::Answered => &self.answered,
            Figure::Throttled => &self.throttled,
            Figure::Unknown => &self.unknown,
            Figure::Received => &self.received,
            Figure::Receipt => &self.receipts,
            Figure::Odd => &self.odd,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn set_in_flight(&self, count: usize) {
        self.in_flight.store(count, Ordering::Relaxed);
    }

    pub fn status(&self, window: usize) -> BindStatus {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BindStatus {
            bind: self.name.clone(),
            state: now.state,
            since: now.since,
            last_error: now.last_error.clone(),
            window: if self.kind.sends() { window } else { 0 },
            in_flight: self.in_flight.load(Ordering::Relaxed),
            figures: Figures {
                bound: read(&self.bound),
                submitted: read(&self.submitted),
                answered: read(&self.answered),
                throttled: read(&self.throttled),
                unknown: read(&self.unknown),
                received: read(&self.received),
                receipts: read(&self.receipts),
                odd: read(&self.odd),
            },
        }
    }
}
