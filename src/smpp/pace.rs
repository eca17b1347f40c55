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

/// What of the limit is this node's, where there are several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// A part of it, from 0 to 1.
    Part(f64),
    /// What is granted, out of what all nodes have together.
    Granted,
}

/// Rights that are asked for at once are those of this share of a second.
const ASK_SECONDS: f64 = 0.05;

/// How long to wait for a right that has to be granted first.
const GRANT: Duration = Duration::from_millis(5);

/// How long to wait where nothing may go at all.
const NOTHING: Duration = Duration::from_millis(100);

/// The rate of one link, shared by its binds.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: Option<f64>,
    allowance: Allowance,
    /// Rights that were granted and not used.
    granted: f64,
    /// Whether somebody has waited for one.
    wants: bool,
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
            allowance: Allowance::Part(1.0),
            granted: 0.0,
            wants: false,
            rate: limit,
            ceiling: limit.unwrap_or(RATE_MIN),
            tokens: 1.0,
            filled_at: None,
            slowed_at: None,
            tally: Tally::default(),
        }
    }

    /// Parts a second now, on this node; none while there is no limit.
    pub fn rate(&self) -> Option<f64> {
        self.rate.map(|rate| rate * self.part())
    }

    /// The part of the rate that is this node's, as far as it is known.
    fn part(&self) -> f64 {
        match self.allowance {
            Allowance::Part(part) => part,
            Allowance::Granted => 1.0,
        }
    }

    /// From now on this is the node's of the limit. What it had of another allowance is gone, so that
    /// nothing is used twice.
    pub fn allow(&mut self, allowance: Allowance) {
        let allowance = match allowance {
            Allowance::Part(part) => Allowance::Part(part.clamp(0.0, 1.0)),
            Allowance::Granted => Allowance::Granted,
        };
        if std::mem::replace(&mut self.allowance, allowance) != allowance {
            (self.tokens, self.filled_at) = (0.0, None);
            (self.granted, self.wants) = (0.0, false);
        }
    }

    /// How many rights are to be asked for, for those who wait.
    pub fn wanted(&self) -> f64 {
        match (self.allowance, self.rate) {
            (Allowance::Granted, Some(rate)) if self.wants => {
                ((rate * ASK_SECONDS).ceil().max(1.0) - self.granted).max(0.0)
            }
            (Allowance::Granted | Allowance::Part(_), _) => 0.0,
        }
    }

    /// So many rights were granted.
    pub fn grant(&mut self, rights: u32) {
        if self.allowance == Allowance::Granted && rights > 0 {
            self.granted += f64::from(rights);
            self.wants = false;
        }
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
        let rate = rate * self.part();
        if rate <= 0.0 {
            return Err(NOTHING);
        }
        self.fill(rate, now);
        // A hair less than one is one: sums of fractions do not meet it.
        if self.tokens >= 1.0 - 1e-9 {
            if self.allowance == Allowance::Granted {
                if self.granted < 1.0 {
                    self.wants = true;
                    return Err(GRANT);
                }
                self.granted -= 1.0;
            }
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
        if self.allowance == Allowance::Granted {
            self.granted += 1.0;
        }
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
        // Rather what it really took than what it was offered; of which the other nodes have theirs.
        let measured = self.tally.rate(now).max(1.0) / self.part().max(0.1);
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
        match self.rate() {
            None => usize::MAX,
            Some(rate) => whole((rate * SOON_SECONDS).ceil().max(1.0)),
        }
    }

    /// How long so many parts take at the present rate.
    pub fn time_for(&self, parts: usize) -> Duration {
        match self.rate() {
            None => Duration::ZERO,
            Some(rate) => Duration::from_secs_f64(fraction(parts) / rate.max(RATE_MIN)),
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

    #[test]
    fn a_part_of_the_limit_is_a_part_of_the_rate() {
        let begin = Moment::from_ms(1_000);
        let sent = |pace: &mut Pace, from: u64| {
            (from..from + 10_000)
                .filter(|ms| pace.take(begin.plus(Duration::from_millis(*ms))).is_ok())
                .count()
        };
        let mut pace = Pace::new(Some(20.0));
        assert_eq!(sent(&mut pace, 0), 200);
        pace.allow(Allowance::Part(0.25));
        // A right that it had before is not one of its part.
        assert!(matches!(sent(&mut pace, 10_000), 49..=50));
        assert_eq!(pace.rate(), Some(5.0));
        pace.allow(Allowance::Part(0.0));
        assert_eq!(sent(&mut pace, 20_000), 0);
        assert_eq!(pace.time_for(1), Duration::from_secs(5));
    }

    #[test]
    fn what_has_to_be_granted_goes_when_it_was() {
        let now = |ms| Moment::from_ms(1_000).plus(Duration::from_millis(ms));
        let mut pace = Pace::new(Some(100.0));
        pace.allow(Allowance::Granted);
        assert_eq!(pace.wanted(), 0.0, "nobody waits");
        assert!(pace.take(now(0)).is_err());
        assert!(pace.take(now(100)).is_err());
        assert_eq!(pace.wanted(), 5.0);
        pace.grant(2);
        assert!(pace.take(now(100)).is_ok());
        assert!(pace.take(now(100)).is_ok());
        assert!(pace.take(now(100)).is_err());
        pace.give_back();
        assert!(pace.take(now(100)).is_ok());
        // The operator's word on its own speed counts all the same.
        pace.throttled(now(100), now(100));
        pace.grant(50);
        assert!(pace.take(now(101)).is_err());
        // What was granted is gone with the one that granted it.
        pace.allow(Allowance::Part(1.0));
        pace.allow(Allowance::Granted);
        assert!(pace.take(now(2_000)).is_err());
        assert!(pace.take(now(2_100)).is_err());
    }
}
