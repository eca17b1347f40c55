//! Time and chance as values: what the outside world's clock and random source hand in.
//!
//! Nothing here reads a clock; `system.rs` does, and tests bring their own.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(i64);

impl Moment {
    /// The moment that many milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// This moment and `wait` later; it stays at the end of time instead of wrapping.
    pub fn plus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment and `wait` earlier.
    pub fn minus(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when the clock went back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The calendar day in Morocco.
    pub fn day(self) -> Date {
        jiff::Timestamp::from_millisecond(self.0)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(MOROCCO.clone())
            .date()
    }
}

/// Africa/Casablanca from the bundled database, which also knows the Ramadan shifts.
static MOROCCO: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Africa/Casablanca").unwrap_or(TimeZone::UTC));

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// Where random bytes come from.
pub trait Chance: Send + Sync {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_in_morocco() {
        // 23:30 UTC is 00:30 of the next day at +01:00.
        let late = Moment::from_ms(1_700_004_600_000);
        assert_eq!(late.day().to_string(), "2023-11-15");
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_wait() {
        assert_eq!(Moment::from_ms(5).since(Moment::from_ms(9)), Duration::ZERO);
    }
}
