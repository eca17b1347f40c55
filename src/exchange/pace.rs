//! The pace of a link's requests: a [`Pace`] under a clock of its own, which nobody can set back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep};

use crate::clock::Moment;
use crate::smpp::pace::Pace;

/// Whatever goes at a pace, of which other nodes may have a part.
pub trait Paced: Send + Sync + 'static {
    /// The pace.
    fn pace(&self) -> MutexGuard<'_, Pace>;
}

/// The pace of requests over HTTP, shared by all that go over a link.
pub struct RequestPace {
    pace: Mutex<Pace>,
    from: Instant,
}

impl RequestPace {
    /// Begins at `rate` requests a second; none means no limit until the operator throttles. To be
    /// made within a runtime.
    pub fn new(rate: Option<f64>) -> Self {
        Self {
            pace: Mutex::new(Pace::new(rate)),
            from: Instant::now(),
        }
    }

    /// Waits for the right to send one request; false where it does not come by `until`, or where
    /// `is_shut` says before it that none may be sent.
    pub async fn turn(&self, until: Instant, is_shut: impl Fn() -> bool) -> bool {
        loop {
            if is_shut() {
                return false;
            }
            let wait = match self.pace().take(self.now()) {
                Ok(()) => return true,
                Err(wait) => wait,
            };
            if Instant::now() + wait > until {
                return false;
            }
            sleep(wait).await;
        }
    }

    /// The time of the pace, for [`RequestPace::throttled`].
    pub fn now(&self) -> Moment {
        Moment::default().plus(self.from.elapsed())
    }

    /// A request was taken by the operator.
    pub fn taken(&self) {
        self.pace().taken(self.now());
    }

    /// The operator throttled a request that was sent at that time.
    pub fn throttled(&self, sent: Moment) {
        self.pace().throttled(sent, self.now());
    }

    /// A request was not sent: its right is another's.
    pub fn give_back(&self) {
        self.pace().give_back();
    }

    /// The pace itself, for what it foretells.
    pub fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_right_comes_in_time_or_not_at_all() {
        let pace = RequestPace::new(Some(2.0));
        let from = Instant::now();
        let within = |ms| Instant::now() + Duration::from_millis(ms);
        assert!(pace.turn(within(0), || false).await, "the first waits");
        assert!(!pace.turn(within(100), || false).await);
        assert_eq!(
            from.elapsed(),
            Duration::ZERO,
            "waited for what cannot come"
        );
        assert!(pace.turn(within(1000), || false).await);
        assert!(from.elapsed() >= Duration::from_millis(500));
        // One that is given back is there at once.
        pace.give_back();
        assert!(pace.turn(within(0), || false).await);
        // Shut meanwhile.
        let is_shut = AtomicBool::new(false);
        let looks = || is_shut.swap(true, Ordering::Relaxed);
        assert!(!pace.turn(within(5000), looks).await);
    }
}
