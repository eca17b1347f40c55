//! How fast screens are posted: a phone waits for each, so that one that is late is lost. An operator
//! that throttles gets a short pause and a modest rate for some seconds, and never less than that.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::exchange::RequestPace;

/// How long nothing is posted after a throttled request, where the operator does not say.
const PAUSE: Duration = Duration::from_millis(500);
/// How long after the pause the rate is modest.
const MODEST_FOR: Duration = Duration::from_secs(5);

/// The pace of a link's screens.
pub(super) struct PostPace {
    /// The rate as configured.
    rate: RequestPace,
    /// Between two screens after a throttled one.
    gap: Duration,
    modest: Mutex<Option<Modest>>,
}

/// What is left of a throttled request.
struct Modest {
    /// When the next screen may go.
    next: Instant,
    /// When it is over.
    until: Instant,
}

impl PostPace {
    /// At most `rate` screens a second; after a throttled one `window` a second. To be made within a
    /// runtime.
    pub(super) fn new(rate: Option<f64>, window: usize) -> Self {
        let window = u32::try_from(window.max(1)).unwrap_or(u32::MAX);
        Self {
            rate: RequestPace::new(rate),
            gap: Duration::from_secs(1) / window,
            modest: Mutex::new(None),
        }
    }

    /// Waits for the right to post one screen; false where it does not come by `until`.
    pub(super) async fn turn(&self, until: Instant) -> bool {
        if let Some(at) = self.slot(Instant::now()) {
            if at > until {
                return false;
            }
            sleep_until(at).await;
        }
        self.rate.turn(until, || false).await
    }

    fn slot(&self, now: Instant) -> Option<Instant> {
        let mut modest = self.modest.lock().unwrap_or_else(PoisonError::into_inner);
        let state = modest.as_mut()?;
        let at = state.next.max(now);
        if at >= state.until {
            *modest = None;
            return None;
        }
        state.next = at + self.gap;
        Some(at)
    }

    /// The operator throttled a screen, and says how long to wait. It is waited for no longer than
    /// `until`, which is that screen's own deadline: others have come by then.
    pub(super) fn throttled(&self, retry_after: Option<Duration>, until: Instant) {
        let now = Instant::now();
        let asked = retry_after.and_then(|after| now.checked_add(after));
        let from = match retry_after {
            Some(_) => asked.map_or(until, |asked| asked.min(until)).max(now),
            None => now + PAUSE,
        };
        let mut modest = self.modest.lock().unwrap_or_else(PoisonError::into_inner);
        let next = modest.as_ref().map_or(from, |modest| modest.next.max(from));
        *modest = Some(Modest {
            next,
            until: from.max(next) + MODEST_FOR,
        });
    }

    /// A screen was not sent: its right is another's.
    pub(super) fn give_back(&self) {
        self.rate.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_throttled_screen_costs_a_pause_and_some_seconds() {
        for (retry_after, pause) in [
            (None, PAUSE),
            (Some(0), Duration::ZERO),
            (Some(2), Duration::from_secs(2)),
            (Some(60), Duration::from_secs(5)),
            (Some(u64::MAX), Duration::from_secs(5)),
        ] {
            let pace = PostPace::new(None, 10);
            let from = Instant::now();
            let until = from + Duration::from_secs(5);
            pace.throttled(retry_after.map(Duration::from_secs), until);
            assert!(pace.turn(from + pause).await);
            assert_eq!(from.elapsed(), pause);
            // The floor.
            for _ in 0..10 {
                assert!(pace.turn(from + pause + Duration::from_secs(1)).await);
            }
            assert!(!pace.turn(Instant::now()).await);
            tokio::time::advance(MODEST_FOR).await;
            let free = Instant::now();
            for _ in 0..1000 {
                assert!(pace.turn(free).await);
            }
        }
    }
}
