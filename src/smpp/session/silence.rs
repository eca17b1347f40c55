//! Whether a bind that is there leaves its submits unanswered.

use std::time::Duration;

use crate::clock::Moment;
use crate::smpp::config::Numbers;

/// Watches the answers to submits. Whatever else the operator says does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    timeouts_max: u32,
    longest: Duration,
    /// Time-outs in a row; messages that were sent before the last one are part of it.
    timeouts: u32,
    timed_out_at: Option<Moment>,
    /// When the oldest submit went out since the last answer.
    since: Option<Moment>,
}

impl Silence {
    pub fn new(numbers: Numbers) -> Self {
        Self {
            timeouts_max: numbers.silent_timeouts,
            longest: numbers.silent,
            timeouts: 0,
            timed_out_at: None,
            since: None,
        }
    }

    /// A submit went out.
    pub fn sent(&mut self, now: Moment) {
        self.since.get_or_insert(now);
    }

    /// A submit was answered, in time or late.
    pub fn heard(&mut self) {
        (self.timeouts, self.timed_out_at, self.since) = (0, None, None);
    }

    /// A submit was not answered in time.
    pub fn timed_out(&mut self, sent: Moment, now: Moment) {
        if self.timed_out_at.is_none_or(|at| sent >= at) {
            self.timeouts = self.timeouts.saturating_add(1);
            self.timed_out_at = Some(now);
        }
    }

    /// When [`Silence::is_over`] will be true, at the latest.
    pub fn due(&self) -> Option<Moment> {
        self.since.map(|since| since.plus(self.longest))
    }

    /// Whether the bind is to be given up.
    pub fn is_over(&self, now: Moment) -> bool {
        self.timeouts >= self.timeouts_max || self.due().is_some_and(|due| due <= now)
    }
}
