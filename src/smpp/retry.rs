//! When to connect again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;
use crate::smpp::config::RetryConfig;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// No connection, no answer, or a bind that was refused for a reason that passes.
    Failed,
    /// The credentials were refused.
    Refused,
    /// It was bound for this long.
    Bound(Duration),
}

/// Counts attempts, and says how long to wait after each.
#[derive(Clone, Debug)]
pub struct Retry {
    config: RetryConfig,
    failures: u32,
    refused_at: VecDeque<Moment>,
    locks: u32,
}

impl Retry {
    /// Nothing has been tried yet.
    pub fn new(config: RetryConfig) -> Self {
        Self {
            config,
            failures: 0,
            refused_at: VecDeque::new(),
            locks: 0,
        }
    }

    /// How long to wait after this attempt. The pause is between half and the whole of its step,
    /// by `chance`, so that many links do not come back in one moment. Too many refusals of the
    /// credentials make a long pause instead, before the operator locks the account.
    pub fn pause(&mut self, attempt: Attempt, now: Moment, chance: u64) -> Duration {
        match attempt {
            Attempt::Bound(lived) => {
                self.refused_at.clear();
                self.locks = 0;
                if lived >= Duration::from_millis(self.config.settled_ms) {
                    self.failures = 0;
                }
            }
            Attempt::Refused => {
                if let Some(locked) = self.refused(now) {
                    return locked;
                }
            }
            Attempt::Failed => {}
        }
        let step = doubled(self.config.first_ms, self.failures, self.config.longest_ms);
        self.failures = self.failures.saturating_add(1);
        let half = step / 2;
        Duration::from_millis(half + chance % (step - half).saturating_add(1))
    }

    fn refused(&mut self, now: Moment) -> Option<Duration> {
        let within = Duration::from_millis(self.config.bad_within_ms);
        self.refused_at.push_back(now);
        self.refused_at.retain(|at| now.since(*at) <= within);
        // After one long pause every further refusal makes the next.
        if self.locks == 0 && self.refused_at.len() < self.config.bad_binds.max(1) {
            return None;
        }
        let locked = doubled(
            self.config.locked_ms,
            self.locks,
            self.config.locked_longest_ms,
        );
        self.locks = self.locks.saturating_add(1);
        self.refused_at.clear();
        Some(Duration::from_millis(locked))
    }
}

fn doubled(first: u64, times: u32, longest: u64) -> u64 {
    first
        .saturating_mul(1u64.checked_shl(times).unwrap_or(u64::MAX))
        .min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: u64 = 0;

    /// Seconds of the pauses after attempts that each follow the pause before, with the whole of
    /// each step but for its chance.
    fn pauses(attempts: &[Attempt]) -> Vec<f64> {
        let mut retry = Retry::new(RetryConfig::default());
        let mut now = Moment::from_ms(0);
        attempts
            .iter()
            .map(|attempt| {
                let pause = retry.pause(*attempt, now, LEAST);
                now = now.plus(pause);
                pause.as_secs_f64()
            })
            .collect()
    }

    #[test]
    fn pauses_double_to_a_bound() {
        assert_eq!(
            pauses(&[Attempt::Failed; 9]),
            [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
        );
    }

    #[test]
    fn a_bind_that_settled_begins_anew() {
        let short = Attempt::Bound(Duration::from_secs(1));
        let long = Attempt::Bound(Duration::from_secs(31));
        assert_eq!(
            pauses(&[Attempt::Failed, short, short, long, Attempt::Failed]),
            [0.25, 0.5, 1.0, 0.25, 0.5]
        );
    }

    #[test]
    fn the_third_bad_bind_makes_a_long_pause() {
        let minutes = |n: f64| n * 60.0;
        let refused = Attempt::Refused;
        assert_eq!(
            pauses(&[refused; 5]),
            [0.25, 0.5, minutes(15.0), minutes(30.0), minutes(60.0)]
        );
        assert_eq!(
            pauses(&[
                refused,
                refused,
                refused,
                Attempt::Bound(Duration::from_secs(60)),
                refused
            ]),
            [0.25, 0.5, minutes(15.0), 0.25, 0.5]
        );
    }

    #[test]
    fn bad_binds_far_apart_make_none() {
        let mut retry = Retry::new(RetryConfig::default());
        for minute in 0..20 {
            let pause = retry.pause(Attempt::Refused, Moment::from_ms(minute * 61_000), LEAST);
            assert!(pause < Duration::from_secs(31), "{pause:?}");
        }
    }

    #[test]
    fn chance_stays_between_half_and_whole() {
        for chance in [0, 1, 249, 250, 251, u64::MAX] {
            let pause = Retry::new(RetryConfig::default()).pause(
                Attempt::Failed,
                Moment::from_ms(0),
                chance,
            );
            assert!(
                (250..=500).contains(&pause.as_millis()),
                "{chance} {pause:?}"
            );
        }
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let mut retry = Retry::new(RetryConfig {
            first_ms: u64::MAX,
            longest_ms: u64::MAX,
            ..RetryConfig::default()
        });
        for _ in 0..200 {
            retry.pause(Attempt::Failed, Moment::from_ms(0), u64::MAX);
        }
    }
}
