//! A brake on the log: who knocks all night must not fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines about strangers.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Lets one line a second through. What it keeps back has its figure in `/metrics`.
#[derive(Default)]
pub struct Brake(Mutex<Option<Instant>>);

impl Brake {
    /// Whether a line may be written now.
    pub fn lets(&self) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lets = told.is_none_or(|told| told.elapsed() >= LINE_EVERY);
        if lets {
            *told = Some(Instant::now());
        }
        lets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_second() {
        let brake = Brake::default();
        assert!(brake.lets());
        for _ in 0..300 {
            assert!(!brake.lets());
        }
        tokio::time::advance(LINE_EVERY - Duration::from_millis(1)).await;
        assert!(!brake.lets());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(brake.lets() && !brake.lets());
    }
}
