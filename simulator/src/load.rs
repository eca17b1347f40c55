//! Load: many callbacks or texts at once, as one operator sends them, and how long the answers took;
//! many links that do nothing.

pub mod echo;
pub mod links;
pub mod process;
pub mod smpp;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::operator::Operator;
use crate::phone::Phone;
use crate::world::CODE;

/// Keys that each session presses after it was dialled; then it is hung up. With a gateway that
/// does not know the number: language, consent, home, card, and back.
const KEYS: [&str; 5] = ["2", "1", "1", "1", "0"];

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How long each answered callback took, shortest first.
    pub took: Vec<Duration>,
    /// Callbacks without a valid answer.
    pub failed: u64,
    /// From the first callback to the last answer.
    pub whole: Duration,
}

impl Report {
    /// The time within which this share of the callbacks was answered; `share` from 0 to 1.
    pub fn quantile(&self, share: f64) -> Duration {
        quantile(&self.took, share)
    }
}

/// The one of `sorted` below which this share lies.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    // Within the list, whose length is far below 2^52.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let at = (share * last as f64).round() as usize;
    sorted.get(at.min(last)).copied().unwrap_or_default()
}

/// Sends `callbacks` callbacks to `url` from `concurrency` phones at a time, each session from a
/// number of its own.
pub async fn ussd(url: &str, callbacks: u64, concurrency: u32) -> Report {
    ussd_by(&Operator::new(url), 0, callbacks, concurrency).await
}

/// The same by an operator of one's own, such as one in front of several nodes; the sessions' numbers
/// begin with the `first` of 100 million.
pub async fn ussd_by(operator: &Operator, first: u64, callbacks: u64, concurrency: u32) -> Report {
    let left = Arc::new(AtomicU64::new(callbacks));
    let sessions = Arc::new(AtomicU64::new(first));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..concurrency.max(1) {
        let caller = Caller {
            operator: operator.clone(),
            left: Arc::clone(&left),
            sessions: Arc::clone(&sessions),
            report: Report::default(),
        };
        callers.spawn(caller.run());
    }
    let mut report = Report::default();
    while let Some(part) = callers.join_next().await {
        if let Ok(part) = part {
            report.took.extend(part.took);
            report.failed += part.failed;
        }
    }
    report.whole = began.elapsed();
    report.took.sort_unstable();
    report
}

struct Caller {
    operator: Operator,
    left: Arc<AtomicU64>,
    sessions: Arc<AtomicU64>,
    report: Report,
}

impl Caller {
    async fn run(mut self) -> Report {
        loop {
            let number = self.sessions.fetch_add(1, Ordering::Relaxed);
            let phone = Phone::new(format!("+2126{number:08}"), None);
            let mut key = None;
            for next in KEYS.into_iter().map(Some).chain([None]) {
                if !self.take_one() {
                    return self.report;
                }
                let began = Instant::now();
                let answer = match key {
                    None => self.operator.dial(&phone, CODE).await,
                    Some(key) => self.operator.press(&phone, key).await,
                };
                match answer {
                    Ok(screen) => {
                        self.report.took.push(began.elapsed());
                        if !screen.open {
                            break;
                        }
                    }
                    Err(_) => {
                        self.report.failed += 1;
                        break;
                    }
                }
                key = next;
            }
            self.operator.hang_up(&phone);
        }
    }

    fn take_one(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use axum::Router;
    use axum::routing::post;

    #[tokio::test]
    async fn exactly_so_many_callbacks() {
        let count = Arc::new(AtomicU64::new(0));
        let app = {
            let count = Arc::clone(&count);
            post(move || async move {
                let number = count.fetch_add(1, Ordering::Relaxed);
                if number % 10 == 9 { "oops" } else { "CON 1 a" }
            })
        };
        let server = crate::web::Server::start(Router::new().route("/ussd/sim", app), 0)
            .await
            .unwrap();
        let report = ussd(&format!("{}/ussd/sim", server.url()), 100, 7).await;
        assert_eq!(count.load(Ordering::Relaxed), 100);
        assert_eq!((report.took.len(), report.failed), (90, 10));
    }

    #[test]
    fn quantiles() {
        let took = (1..=101).map(Duration::from_millis).collect();
        let report = Report {
            took,
            ..Report::default()
        };
        let ms = |share| report.quantile(share).as_millis();
        assert_eq!((ms(0.0), ms(0.5), ms(0.99), ms(1.0)), (1, 51, 100, 101));
        assert_eq!(Report::default().quantile(0.99), Duration::ZERO);
    }
}
