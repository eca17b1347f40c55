//! A circuit breaker: after several failures in a row nobody calls for a while, then one call
//! tries whether the other side is well again. Pure: the time comes in with each call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Moment};

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;

/// How long it stays open.
const OPEN_FOR: Duration = Duration::from_secs(10);

/// Whether calls may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// They may; so many have failed in a row.
    Closed { failures: u32 },
    /// They may not, since then.
    Open { since: Moment },
    /// One is trying, since then.
    Probing { since: Moment, by: Haste },
}

/// How soon a caller gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Somebody waits before a screen and soon gives up, which says little of the other side.
    Hurried,
    /// Nobody waits.
    Patient,
}

/// The breaker of one other side.
#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

/// Leave for one call. Dropped without [`Leave::answered`] it counts as a failure, so that a call
/// that was given up by its caller leaves no probe behind for ever.
pub(super) struct Leave<'a> {
    breaker: &'a Breaker,
    clock: &'a dyn Clock,
    counted: bool,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// Leave for one call, or none while it is open.
    ///
    /// Where the other side is well but slower than a screen can wait, every hurried probe fails; so a
    /// patient one may go beside it, else what is to come by SMS would never come.
    pub(super) fn admit<'a>(&'a self, clock: &'a dyn Clock, by: Haste) -> Option<Leave<'a>> {
        let now = clock.now();
        // A clock that was set back counts as time that has passed: waiting longer than ten seconds
        // helps nobody. A probe that has said nothing for so long is lost.
        let recent = |since: Moment| since <= now && now.since(since) < OPEN_FOR;
        let mut state = self.state();
        match *state {
            State::Closed { .. } => {}
            State::Open { since } if recent(since) => return None,
            State::Probing { since, by: before } if recent(since) => {
                if (before, by) != (Haste::Hurried, Haste::Patient) {
                    return None;
                }
                *state = State::Probing { since: now, by };
            }
            State::Open { .. } | State::Probing { .. } => {
                *state = State::Probing { since: now, by };
            }
        }
        Some(Leave {
            breaker: self,
            clock,
            counted: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A value this small is whole even if a holder panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The other side answered, whatever it said.
    pub(super) fn answered(mut self) {
        self.counted = true;
        *self.breaker.state() = State::Closed { failures: 0 };
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.counted {
            return;
        }
        let now = self.clock.now();
        let mut state = self.breaker.state();
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES_MAX => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } | State::Probing { .. } => State::Open { since: now },
            // A call that began before it opened says nothing new.
            State::Open { since } => State::Open { since },
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Moment {
            Moment::from_ms(self.0.load(Ordering::Relaxed))
        }
    }

    /// Runs lines of `at MS call ok|fails -> went|held` of hurried callers against one breaker.
    fn check(script: &str) {
        let (breaker, clock) = (Breaker::new(), Hand(AtomicI64::new(0)));
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [at, outcome, expected] = words[..] else {
                panic!("bad line: {line}")
            };
            clock.0.store(at.parse().unwrap(), Ordering::Relaxed);
            let went = match breaker.admit(&clock, Haste::Hurried) {
                Some(leave) if outcome == "ok" => {
                    leave.answered();
                    "went"
                }
                Some(_dropped) => "went",
                None => "held",
            };
            assert_eq!(went, expected, "{line}");
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_ten_seconds() {
        check(
            "0     fails went
             1     fails went
             2     fails went
             3     fails went
             4     fails went
             5     ok    held
             10003 ok    held
             10004 ok    went
             10005 ok    went",
        );
    }

    #[test]
    fn a_failed_probe_opens_it_again() {
        check(
            "0     fails went
             0     fails went
             0     fails went
             0     fails went
             0     fails went
             10000 fails went
             10001 ok    held
             20000 ok    went
             20001 fails went
             20002 ok    went",
        );
    }

    #[test]
    fn an_answer_between_failures_keeps_it_closed() {
        check(
            "0 fails went
             0 fails went
             0 fails went
             0 fails went
             0 ok    went
             0 fails went
             0 ok    went",
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        check(
            "5000 fails went
             5000 fails went
             5000 fails went
             5000 fails went
             5000 fails went
             4000 ok    went",
        );
    }

    #[test]
    fn only_one_call_probes() {
        let (breaker, clock) = (Breaker::new(), Hand(AtomicI64::new(0)));
        for _ in 0..FAILURES_MAX {
            drop(breaker.admit(&clock, Haste::Hurried));
        }
        clock.0.store(10_000, Ordering::Relaxed);
        let probe = breaker.admit(&clock, Haste::Hurried);
        assert!(probe.is_some());
        assert!(
            breaker.admit(&clock, Haste::Hurried).is_none(),
            "a second call went beside the probe"
        );
        // A screen that gives up soon does not keep out who has time, but one of those is enough.
        let patient = breaker.admit(&clock, Haste::Patient);
        assert!(patient.is_some());
        assert!(breaker.admit(&clock, Haste::Patient).is_none());
        drop(probe);
        assert!(breaker.admit(&clock, Haste::Patient).is_none());
        patient.unwrap().answered();
        assert!(breaker.admit(&clock, Haste::Hurried).is_some());
    }
}
