//! A brake on the log: who knocks all night must not fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines about the same.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Lets one line a second through. What it keeps back has its figure in `/metrics`.
#[derive(Default)]
pub struct Brake {
    told: Mutex<Option<Instant>>,
    links: Mutex<HashMap<(String, &'static str), Told>>,
}

/// The last line about something on a link.
struct Told {
    at: Instant,
    /// What was kept back since then.
    left_out: u64,
}

impl Brake {
    /// Whether a line may be written now.
    pub fn lets(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let lets = told.is_none_or(|told| told.elapsed() >= LINE_EVERY);
        if lets {
            *told = Some(Instant::now());
        }
        lets
    }

    /// Whether a line about `what` on a link may be written now: then how many were kept back since
    /// the last one. Links are those of the configuration, so that few are remembered.
    pub fn lets_of(&self, link: &str, what: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = links.get_mut(&(link.to_owned(), what)) else {
            let told = Told {
                at: now,
                left_out: 0,
            };
            links.insert((link.to_owned(), what), told);
            return Some(0);
        };
        if now - told.at < LINE_EVERY {
            told.left_out += 1;
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.left_out))
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

    #[tokio::test(start_paused = true)]
    async fn a_line_says_how_many_were_kept_back() {
        let brake = Brake::default();
        assert_eq!(brake.lets_of("a", "x"), Some(0));
        for _ in 0..300 {
            assert_eq!(brake.lets_of("a", "x"), None);
        }
        // Each link and each thing has its own.
        assert_eq!(brake.lets_of("b", "x"), Some(0));
        assert_eq!(brake.lets_of("a", "y"), Some(0));
        tokio::time::advance(LINE_EVERY).await;
        assert_eq!(brake.lets_of("a", "x"), Some(300));
        assert_eq!(brake.lets_of("a", "x"), None);
    }
}
