//! How fast a link may be used: a rate in parts a second, which the operator's answers move.
//!
//! Additive increase, multiplicative decrease: an operator that throttles takes a quarter off the
//! rate, and what it then takes adds to it again, slowly up to where it throttled and faster
//! beyond. Parts go out evenly at that rate. The time comes in with every call.

use std::time::Duration;

use crate::clock::Moment;

/// The slowest rate: one part in five seconds.
pub const RATE_MIN: f64 = 0.2;

/// What throttling leaves of the rate.
const DECREASE: f64 = 0.75;

/// The rate is decreased once in this time at most: what an operator refuses within it is one word.
const DECREASE_EVERY: Duration = Duration::from_secs(1);

/// What was really taken brings the rate down to no less than this share of it at once, so that an operator that
/// takes nothing for a moment does not cost a minute.
const FALL_MAX: f64 = 0.25;

/// So many seconds lead from three quarters of a rate back to it: an operator with a fixed limit
/// throttles about four times a minute.
const CLIMB_SECONDS: f64 = 15.0;

/// What one part that is taken adds beyond the rate that was last throttled, in parts a second:
/// the rate grows by a twentieth each second.
const BEYOND: f64 = 0.05;

/// A link without a limit is free again at so many times the rate that was last throttled.
const FREE_AT: f64 = 8.0;

/// A link that has not been throttled for so long goes as it would have gone without: an operator
/// that still has more to be kept from says so within about a quarter of that, and few messages an
/// hour would never climb back.
const FORGET: Duration = Duration::from_secs(60);

/// A burst is at most this share of a second.
const BURST: f64 = 0.1;

/// What may be begun is what can go within this time.
const SOON_SECONDS: f64 = 2.0;

/// The rate of one link, shared by its binds.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: Option<f64>,
    /// None: as fast as the windows allow.
    rate: Option<f64>,
    /// The rate at which the operator throttled last.
    ceiling: f64,
    /// Parts that may go now.
    tokens: f64,
    filled_at: Option<Moment>,
    slowed_at: Option<Moment>,
    tally: Tally,
}

impl Pace {
    /// Begins at `limit` parts a second; none means no limit until the operator throttles.
    pub fn new(limit: Option<f64>) -> Self {
        let limit = limit.map(|limit| limit.max(RATE_MIN));
        Self {
            limit,
            rate: limit,
            ceiling: limit.unwrap_or(RATE_MIN),
            tokens: 1.0,
            filled_at: None,
            slowed_at: None,
            tally: Tally::default(),
        }
    }

    /// Parts a second now; none while there is no limit.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Parts a second at most, as configured.
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// Takes the right to send one part.
    ///
    /// # Errors
    /// How long to wait before the next try, at least a millisecond.
    pub fn take(&mut self, now: Moment) -> Result<(), Duration> {
        self.forget(now);
        let Some(rate) = self.rate else {
            return Ok(());
        };
        self.fill(rate, now);
        // A hair less than one is one: sums of fractions do not meet it.
        if self.tokens >= 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - self.tokens) / rate * 1_000.0).ceil();
        Err(Duration::from_secs_f64(wait.max(1.0) / 1_000.0))
    }

    fn forget(&mut self, now: Moment) {
        if self.slowed_at.is_some_and(|at| now.since(at) >= FORGET) {
            self.slowed_at = None;
            self.rate = self.limit;
            self.ceiling = self.limit.unwrap_or(RATE_MIN);
        }
    }

    fn fill(&mut self, rate: f64, now: Moment) {
        let passed = self.filled_at.map_or(0.0, |at| now.since(at).as_secs_f64());
        self.filled_at = Some(now);
        self.tokens = (self.tokens + passed * rate).min((rate * BURST).max(1.0));
    }

    /// Gives back a right that was not used.
    pub fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// The operator took a part.
    pub fn taken(&mut self, now: Moment) {
        self.tally.count(now);
        let Some(rate) = self.rate else {
            return;
        };
        let step = if rate < self.ceiling {
            self.ceiling * (1.0 - DECREASE) / CLIMB_SECONDS / rate
        } else {
            BEYOND
        };
        let faster = rate + step;
        self.rate = match self.limit {
            Some(limit) => Some(faster.min(limit)),
            None => Some(faster).filter(|rate| *rate < self.ceiling * FREE_AT),
        };
    }

    /// The operator throttled a part that was sent at `sent`, and whether this slows the link:
    /// what was sent before the last decrease says nothing new, so that a burst is one decrease.
    pub fn throttled(&mut self, sent: Moment, now: Moment) -> bool {
        let since = |at: Moment| sent <= at || now < at.plus(DECREASE_EVERY);
        if self.slowed_at.is_some_and(since) {
            return false;
        }
        // Rather what it really took than what it was offered.
        let measured = self.tally.rate(now).max(1.0);
        let rate = self
            .rate
            .map_or(measured, |rate| rate.min(measured.max(rate * FALL_MAX)));
        self.ceiling = rate;
        self.rate = Some((rate * DECREASE).max(RATE_MIN));
        self.slowed_at = Some(now);
        (self.tokens, self.filled_at) = (0.0, Some(now));
        true
    }

    /// How many parts can go soon, at least one. More than these had better wait in the ledger,
    /// where urgent ones overtake others.
    pub fn soon(&self) -> usize {
        match self.rate {
            None => usize::MAX,
            Some(rate) => whole((rate * SOON_SECONDS).ceil().max(1.0)),
        }
    }

    /// How long so many parts take at the present rate.
    pub fn time_for(&self, parts: usize) -> Duration {
        match self.rate {
            None => Duration::ZERO,
            Some(rate) => Duration::from_secs_f64(fraction(parts) / rate),
        }
    }
}

/// What was taken in this second and in the one before.
#[derive(Clone, Debug, Default)]
struct Tally {
    second: i64,
    now: u32,
    before: u32,
}

impl Tally {
    fn count(&mut self, now: Moment) {
        self.turn(now);
        self.now = self.now.saturating_add(1);
    }

    fn rate(&mut self, now: Moment) -> f64 {
        self.turn(now);
        f64::from(self.now.max(self.before))
    }

    fn turn(&mut self, now: Moment) {
        let second = now.ms().div_euclid(1_000);
        if second != self.second {
            self.before = if second == self.second + 1 {
                self.now
            } else {
                0
            };
            (self.second, self.now) = (second, 0);
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of parts within seconds; a cast of a float stays within bounds"
)]
fn whole(count: f64) -> usize {
    count as usize
}

#[allow(clippy::cast_precision_loss, reason = "counts of parts within seconds")]
fn fraction(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// An operator that takes `allows` parts in each second and throttles the rest, 40 ms away.
    struct Operator {
        allows: fn(i64) -> u32,
        second: i64,
        took: u32,
        answers: VecDeque<(i64, i64, bool)>,
    }

    /// Ten-second lines of what a link with ever more to send has sent, and its rate at their end.
    fn timeline(
        limit: Option<f64>,
        window: usize,
        seconds: i64,
        allows: fn(i64) -> u32,
    ) -> Vec<Line> {
        let mut pace = Pace::new(limit);
        let mut operator = Operator {
            allows,
            second: -1,
            took: 0,
            answers: VecDeque::new(),
        };
        let mut lines: Vec<Line> = Vec::new();
        let mut next = 0;
        for ms in 0..seconds * 1_000 {
            let now = Moment::from_ms(ms);
            if ms % 10_000 == 0 {
                lines.push(Line {
                    from: ms / 1_000,
                    ..Line::default()
                });
            }
            let Some(line) = lines.last_mut() else {
                continue;
            };
            while operator.answers.front().is_some_and(|(at, _, _)| *at <= ms) {
                if let Some((_, sent, ok)) = operator.answers.pop_front() {
                    if ok {
                        line.taken += 1;
                        pace.taken(now);
                    } else {
                        line.throttled += 1;
                        line.slowed += u32::from(pace.throttled(Moment::from_ms(sent), now));
                    }
                }
            }
            while next <= ms && operator.answers.len() < window {
                match pace.take(now) {
                    Ok(()) => {
                        if operator.second != ms / 1_000 {
                            (operator.second, operator.took) = (ms / 1_000, 0);
                        }
                        let ok = operator.took < (operator.allows)(ms / 1_000);
                        operator.took += u32::from(ok);
                        operator.answers.push_back((ms + 40, ms, ok));
                    }
                    Err(wait) => next = ms + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
                }
            }
            line.rate = pace.rate();
        }
        lines
    }

    #[derive(Default)]
    struct Line {
        from: i64,
        taken: u32,
        throttled: u32,
        slowed: u32,
        rate: Option<f64>,
    }

    fn shown(lines: &[Line]) -> String {
        lines
            .iter()
            .map(|l| {
                let rate = l.rate.map_or("free".to_owned(), |r| format!("{r:.1}/s"));
                format!(
                    "{:3} s: {:4} taken, {:3} throttled, {} slowed, {rate}\n",
                    l.from, l.taken, l.throttled, l.slowed
                )
            })
            .collect()
    }

    #[test]
    fn a_link_settles_around_what_its_operator_takes() {
        for limit in [None, Some(50.0), Some(6.0)] {
            let lines = timeline(limit, 10, 180, |_| 5);
            let last: &[Line] = &lines[6..];
            let taken: u32 = last.iter().map(|l| l.taken).sum();
            let throttled: u32 = last.iter().map(|l| l.throttled).sum();
            // Two minutes at five a second are 600.
            assert!(taken >= 480, "{limit:?}: {taken}\n{}", shown(&lines));
            assert!(throttled <= 20, "{limit:?}: {throttled}\n{}", shown(&lines));
        }
        insta::assert_snapshot!(shown(&timeline(None, 10, 120, |_| 5)));
    }

    #[test]
    fn a_storm_passes_and_the_link_recovers_whole() {
        let storm: fn(i64) -> u32 = |second| if (20..50).contains(&second) { 0 } else { 1_000 };
        for (limit, whole) in [(Some(50.0), Some(50.0)), (None, None)] {
            let lines = timeline(limit, 10, 240, storm);
            let stormy: u32 = lines[2..5].iter().map(|l| l.throttled).sum();
            assert!(stormy <= 300, "{}", shown(&lines));
            assert_eq!(
                lines.last().and_then(|l| l.rate),
                whole,
                "{}",
                shown(&lines)
            );
        }
        insta::assert_snapshot!(shown(&timeline(Some(50.0), 10, 200, storm)));
    }

    #[test]
    fn a_limit_is_kept_from_the_first_second_on() {
        for limit in [1.0, 7.0, 100.0] {
            let lines = timeline(Some(limit), 1_000, 20, |_| 10_000);
            for line in &lines {
                let most = limit * 10.0 + (limit * BURST).max(1.0);
                assert!(f64::from(line.taken) <= most, "{limit}: {}", line.taken);
            }
            let second = f64::from(lines[1].taken);
            assert!(second >= limit * 10.0 * 0.95, "{limit}: {second}");
        }
    }

    #[test]
    fn one_burst_is_one_decrease() {
        let mut pace = Pace::new(Some(8.0));
        let at = Moment::from_ms;
        for _ in 0..8 {
            pace.taken(at(900));
        }
        assert!(pace.throttled(at(1_000), at(1_100)));
        assert_eq!(pace.rate(), Some(6.0));
        for sent in [1_000, 1_050, 1_100, 1_101, 1_200] {
            assert!(!pace.throttled(at(sent), at(2_099)));
        }
        assert_eq!(pace.rate(), Some(6.0));
        assert!(pace.throttled(at(1_101), at(2_100)));
    }

    #[test]
    fn no_rate_is_below_the_least() {
        let mut pace = Pace::new(Some(100.0));
        for second in 1..100 {
            let at = Moment::from_ms(second * 1_000);
            pace.throttled(at, at);
        }
        assert_eq!(pace.rate(), Some(RATE_MIN));
        assert_eq!(
            (pace.soon(), pace.time_for(2)),
            (1, Duration::from_secs(10))
        );
        let at = Moment::from_ms(110_000);
        assert_eq!(pace.take(at), Ok(()));
        assert_eq!(pace.take(at), Err(Duration::from_secs(5)));
        pace.give_back();
        assert_eq!(pace.take(at), Ok(()));
    }

    /// A few messages an hour do not climb back to a rate; time does.
    #[test]
    fn an_idle_link_is_whole_again_after_a_minute() {
        for limit in [None, Some(50.0)] {
            let mut pace = Pace::new(limit);
            let at = Moment::from_ms;
            assert!(pace.throttled(at(0), at(0)));
            let slowed = pace.rate();
            assert!(slowed.is_some_and(|rate| rate < 10.0));
            assert!(pace.take(at(59_999)).is_ok());
            assert_eq!(pace.rate(), slowed);
            assert!(pace.take(at(60_020)).is_ok());
            assert_eq!(pace.rate(), limit);
        }
    }

    #[test]
    fn a_clock_that_goes_back_stops_nothing() {
        let mut pace = Pace::new(Some(10.0));
        assert_eq!(pace.take(Moment::from_ms(10_000)), Ok(()));
        let wait = pace.take(Moment::from_ms(0)).err();
        assert_eq!(wait, Some(Duration::from_millis(100)));
        assert_eq!(pace.take(Moment::from_ms(100)), Ok(()));
    }
}
