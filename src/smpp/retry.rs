//! When to connect again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;
use crate::smpp::config::RetryConfig;

/// How soon a bind asks again that waits for the attempts of others.
const ASK_AGAIN: Duration = Duration::from_millis(100);

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

/// Counts the attempts of one bind, and says how long to wait after each.
#[derive(Clone, Debug)]
pub struct Retry {
    config: RetryConfig,
    failures: u32,
}

impl Retry {
    /// Nothing has been tried yet.
    pub fn new(config: RetryConfig) -> Self {
        Self {
            config,
            failures: 0,
        }
    }

    /// How long to wait after this attempt. The pause is between half and the whole of its step,
    /// by `chance`, so that many links do not come back in one moment.
    pub fn pause(&mut self, attempt: Attempt, chance: u64) -> Duration {
        match attempt {
            Attempt::Bound(lived) => {
                if lived >= Duration::from_millis(self.config.settled_ms) {
                    self.failures = 0;
                }
            }
            Attempt::Refused | Attempt::Failed => {}
        }
        let step = doubled(self.config.first_ms, self.failures, self.config.longest_ms);
        self.failures = self.failures.saturating_add(1);
        let half = step / 2;
        Duration::from_millis(half + chance % (step - half).saturating_add(1))
    }
}

/// The account of a link at its operator, which all of its binds try: too many refusals of the
/// credentials make a long pause for all of them, before the operator locks it.
#[derive(Clone, Debug)]
pub struct Account {
    config: RetryConfig,
    refused_at: VecDeque<Moment>,
    locks: u32,
    locked_until: Option<Moment>,
    /// Attempts whose end is not known.
    trying: usize,
}

impl Account {
    /// Nothing has been tried yet.
    pub fn new(config: RetryConfig) -> Self {
        Self {
            config,
            refused_at: VecDeque::new(),
            locks: 0,
            locked_until: None,
            trying: 0,
        }
    }

    /// Takes the right to try the credentials; [`Account::ended`] gives it back. No more try at once
    /// than may be refused.
    ///
    /// # Errors
    /// How long to wait before the next asking.
    pub fn begin(&mut self, now: Moment) -> Result<(), Duration> {
        if let Some(until) = self.locked_until
            && until > now
        {
            return Err(until.since(now));
        }
        self.forget(now);
        // After one long pause every further refusal makes the next.
        let may_fail = match self.locks {
            0 => {
                let most = self.config.bad_binds.max(1);
                most.saturating_sub(self.refused_at.len())
            }
            _ => 1,
        };
        if self.trying >= may_fail {
            return Err(ASK_AGAIN);
        }
        self.trying += 1;
        Ok(())
    }

    /// An attempt was bound, or failed, or was refused; how long nobody tries now, where that refusal
    /// was one too many.
    pub fn ended(&mut self, attempt: Attempt, now: Moment) -> Option<Duration> {
        self.trying = self.trying.saturating_sub(1);
        match attempt {
            Attempt::Failed => None,
            Attempt::Bound(_) => {
                self.refused_at.clear();
                (self.locks, self.locked_until) = (0, None);
                None
            }
            Attempt::Refused => {
                self.refused_at.push_back(now);
                self.forget(now);
                if self.locks == 0 && self.refused_at.len() < self.config.bad_binds.max(1) {
                    return None;
                }
                let locked = Duration::from_millis(doubled(
                    self.config.locked_ms,
                    self.locks,
                    self.config.locked_longest_ms,
                ));
                self.locks = self.locks.saturating_add(1);
                self.refused_at.clear();
                self.locked_until = Some(now.plus(locked));
                Some(locked)
            }
        }
    }

    fn forget(&mut self, now: Moment) {
        let within = Duration::from_millis(self.config.bad_within_ms);
        self.refused_at.retain(|at| now.since(*at) <= within);
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

    /// Seconds of the pauses after attempts, with the whole of each step but for its chance.
    fn pauses(attempts: &[Attempt]) -> Vec<f64> {
        let mut retry = Retry::new(RetryConfig::default());
        let pauses = attempts.iter().map(|one| retry.pause(*one, LEAST));
        pauses.map(|pause| pause.as_secs_f64()).collect()
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

    /// Attempts one after the other, each a second after the last or when it may be: the minutes that
    /// each had to wait.
    fn waits(attempts: &[Attempt]) -> Vec<u64> {
        let mut account = Account::new(RetryConfig::default());
        let mut now = Moment::from_ms(0);
        attempts
            .iter()
            .map(|attempt| {
                now = now.plus(Duration::from_secs(1));
                let wait = account.begin(now).err().unwrap_or_default();
                if !wait.is_zero() {
                    now = now.plus(wait);
                    assert_eq!(account.begin(now), Ok(()));
                }
                account.ended(*attempt, now);
                (wait.as_secs() + 1) / 60
            })
            .collect()
    }

    #[test]
    fn the_third_bad_bind_makes_a_long_pause() {
        use Attempt::{Bound, Failed, Refused};
        let bound = Bound(Duration::ZERO);
        for (attempts, expected) in [
            (&[Refused; 7][..], &[0, 0, 0, 15, 30, 60, 120][..]),
            (
                &[
                    Refused, Refused, bound, Refused, Refused, Failed, Refused, Failed,
                ],
                &[0, 0, 0, 0, 0, 0, 0, 15],
            ),
            (
                &[Refused, Refused, Refused, bound, Refused, Refused, Failed],
                &[0, 0, 0, 15, 0, 0, 0],
            ),
            (&[Failed; 20], &[0; 20]),
        ] {
            assert_eq!(waits(attempts), expected, "{attempts:?}");
        }
    }

    /// However many binds a link has, the account is not tried more often.
    #[test]
    fn many_binds_try_no_more_than_may_be_refused() {
        let mut account = Account::new(RetryConfig::default());
        let now = Moment::from_ms(0);
        let mut tries = 0;
        for _ in 0..8 {
            tries += usize::from(account.begin(now).is_ok());
        }
        assert_eq!((tries, account.begin(now)), (3, Err(ASK_AGAIN)));
        assert_eq!(account.ended(Attempt::Refused, now), None);
        assert_eq!(account.begin(now), Err(ASK_AGAIN), "one less may fail");
        assert_eq!(account.ended(Attempt::Failed, now), None);
        assert_eq!(account.begin(now), Ok(()));
        assert_eq!(account.ended(Attempt::Refused, now), None);
        let minutes = |count: u64| Duration::from_secs(count * 60);
        assert_eq!(account.ended(Attempt::Refused, now), Some(minutes(15)));
        assert_eq!(account.begin(now), Err(minutes(15)));
        let later = now.plus(minutes(15));
        assert_eq!(account.begin(later), Ok(()));
        assert_eq!(account.begin(later), Err(ASK_AGAIN), "one alone");
        assert_eq!(account.ended(Attempt::Bound(Duration::ZERO), later), None);
        for _ in 0..3 {
            assert_eq!(account.begin(later), Ok(()));
        }
    }

    #[test]
    fn bad_binds_far_apart_make_none() {
        let mut account = Account::new(RetryConfig::default());
        for minute in 0..20 {
            let now = Moment::from_ms(minute * 61_000);
            assert_eq!(account.begin(now), Ok(()));
            assert_eq!(account.ended(Attempt::Refused, now), None);
        }
    }

    #[test]
    fn chance_stays_between_half_and_whole() {
        for chance in [0, 1, 249, 250, 251, u64::MAX] {
            let pause = Retry::new(RetryConfig::default()).pause(Attempt::Failed, chance);
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
            retry.pause(Attempt::Failed, u64::MAX);
        }
    }
}
