//! The machine's clock and random source: the only place that reads them.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::clock::{Chance, Clock, Moment};

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The ledger's clock: what time it is on the machine of a ledger that many nodes share, so that they
/// agree; the system's where no such time was told. Between two tellings it goes on by itself, and a
/// jump of this machine's clock does not move it.
#[derive(Debug, Default)]
pub struct LedgerClock(RwLock<Option<(Instant, Moment)>>);

/// A machine whose clock is further from the ledger's is told of.
const SKEW: Duration = Duration::from_secs(5);

impl LedgerClock {
    /// Sets it to the time that was told so long ago.
    pub fn set(&self, time: Moment, ago: Duration) {
        let now = Instant::now();
        let time = time.plus(ago);
        let skew = SystemClock.now().ms() - time.ms();
        metrics::gauge!("jisr_clock_skew_ms").set(i32::try_from(skew).map_or(f64::MAX, f64::from));
        let mut anchor = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_first = anchor.replace((now, time)).is_none();
        drop(anchor);
        if is_first && skew.unsigned_abs() > u64::try_from(SKEW.as_millis()).unwrap_or(u64::MAX) {
            tracing::warn!(
                skew_ms = skew,
                "this machine's clock is not that of the ledger's, by which the gateway goes"
            );
        }
    }
}

impl Clock for LedgerClock {
    fn now(&self) -> Moment {
        let anchor = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        match anchor {
            Some((at, time)) => time.plus(at.elapsed()),
            None => SystemClock.now(),
        }
    }
}

/// The system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    /// Fills `bytes` from the system. A system without randomness can mint neither keys nor codes,
    /// so the process ends with a clear line instead of going on with guessable ones.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the system gives no random bytes; stopping");
            std::process::exit(1);
        }
    }
}

/// Makes a database's file for its owner only, if it is not there; SQLite gives its log the same
/// mode.
/// What goes wrong here goes wrong again when the engine opens it, and is told there.
pub fn make_private(path: &std::path::Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

/// The user that this process runs as, for the record: `ali (uid 1000)`; behind sudo also who called
/// it. The number is the system's word, the names are from its list of users.
pub fn user() -> String {
    let uid = uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = uid.and_then(|uid| name_of(&users, uid));
    let shown = match (name, uid) {
        (Some(name), Some(uid)) => format!("{name} (uid {uid})"),
        (None, Some(uid)) => format!("uid {uid}"),
        (_, None) => "unknown".to_owned(),
    };
    match std::env::var("SUDO_UID")
        .ok()
        .and_then(|uid| uid.parse().ok())
    {
        Some(caller) if uid == Some(0) => {
            let name =
                name_of(&users, caller).map_or_else(|| format!("uid {caller}"), str::to_owned);
            format!("{name} by sudo")
        }
        Some(_) | None => shown,
    }
}

/// The owner of what this process makes.
fn uid() -> Option<u32> {
    #[cfg(unix)]
    {
        let own = std::fs::metadata("/proc/self").ok()?;
        Some(std::os::unix::fs::MetadataExt::uid(&own))
    }
    #[cfg(not(unix))]
    None
}

/// The name of a user in a list as of `/etc/passwd` (passwd(5): name, password, number).
fn name_of(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_and_a_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nali:x:1000:1000::/home/ali:/bin/sh\nbroken\n";
        assert_eq!(name_of(users, 1000), Some("ali"));
        assert_eq!(name_of(users, 7), None);
        assert!(!user().is_empty());
    }

    #[test]
    fn two_draws_differ() {
        let (mut one, mut two) = ([0_u8; 32], [0_u8; 32]);
        SystemChance.fill(&mut one);
        SystemChance.fill(&mut two);
        assert_ne!(one, two);
    }

    #[test]
    fn the_clock_stands_in_this_century() {
        let now = SystemClock.now().ms();
        assert!(
            (1_577_836_800_000..4_102_444_800_000).contains(&now),
            "{now}"
        );
    }
}
