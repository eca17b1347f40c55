//! The weather over the ledger, the clocks, and what is written down of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jisr::clock::{Clock, Moment};
use jisr::store::sql::model::{Squall, Weather};
use tokio::time::Instant;

use crate::seed::{Dice, Parameters};

/// Monday 23 November 2026, 10:00 in Morocco.
const MONDAY: i64 = 1_795_424_400_000;

/// What the whole run has in common.
pub struct Sky {
    pub dice: Dice,
    pub parameters: Parameters,
    pub calm: AtomicBool,
    begun: Instant,
    jumped: AtomicI64,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    digest: u64,
    lines: Vec<String>,
    keeps_lines: bool,
    broken: Vec<Broken>,
    rare: BTreeMap<&'static str, u64>,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub promise: &'static str,
    /// How.
    pub how: String,
}

impl Sky {
    pub fn new(seed: u64, parameters: Parameters, keeps_lines: bool) -> Arc<Self> {
        let log = Log {
            digest: 0xcbf2_9ce4_8422_2325,
            keeps_lines,
            ..Log::default()
        };
        Arc::new(Self {
            dice: Dice::new(seed, 2),
            parameters,
            calm: AtomicBool::new(false),
            begun: Instant::now(),
            jumped: AtomicI64::new(0),
            log: Mutex::new(log),
        })
    }

    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// What happens so often while it storms.
    pub fn hits(&self, permille: u32) -> bool {
        !self.is_calm() && self.dice.hits(permille)
    }

    /// A wait while it storms.
    pub fn wait(&self, most: Duration) -> Duration {
        match self.is_calm() {
            true => Duration::ZERO,
            false => self.dice.wait(most),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The true time, which never jumps.
    pub fn true_time(&self) -> Moment {
        Moment::from_ms(MONDAY).plus(self.elapsed())
    }

    /// The time as the ledger has it, which may jump.
    pub fn ledger_time(&self) -> Moment {
        let true_time = self.true_time().ms();
        Moment::from_ms(true_time + self.jumped.load(Ordering::Relaxed))
    }

    /// The clock jumps to be so much off.
    pub fn jump(&self, ms: i64) {
        self.jumped.store(ms, Ordering::Relaxed);
    }

    /// The clock jumps back by so much from where it is.
    pub fn jump_back(&self, ms: i64) {
        self.jumped.fetch_sub(ms, Ordering::Relaxed);
        self.seen(|| format!("the clock jumps back by {ms} ms"));
    }

    /// All faults are off; a clock that has jumped goes on from where it is.
    pub fn calms(&self) {
        self.seen(|| "calm".to_owned());
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Something that can be seen from outside.
    pub fn seen(&self, what: impl FnOnce() -> String) {
        let mut log = self.log.lock().unwrap();
        let line = format!("{:>9} {}", self.elapsed().as_millis(), what());
        for byte in line.bytes() {
            log.digest = (log.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if log.keeps_lines {
            log.lines.push(line);
        }
    }

    /// Something that happens seldom.
    pub fn rare(&self, what: &'static str) {
        *self.log.lock().unwrap().rare.entry(what).or_default() += 1;
    }

    pub fn broken(&self, promise: &'static str, how: String) {
        self.seen(|| format!("BROKEN {promise}: {how}"));
        self.log
            .lock()
            .unwrap()
            .broken
            .push(Broken { promise, how });
    }

    /// What there is in the end.
    pub fn end(&self) -> (u64, Vec<Broken>, BTreeMap<&'static str, u64>, Vec<String>) {
        let log = self.log.lock().unwrap();
        (
            log.digest,
            log.broken.clone(),
            log.rare.clone(),
            log.lines.clone(),
        )
    }
}

/// The weather of one node.
pub struct Over {
    pub sky: Arc<Sky>,
    /// Until when, of the run, it is cut off from the ledger, in ms.
    pub cut_until: AtomicI64,
}

impl Weather for Over {
    fn next(&self) -> Squall {
        let sky = &self.sky;
        let now = i64::try_from(sky.elapsed().as_millis()).unwrap();
        let cut = u64::try_from(self.cut_until.load(Ordering::Relaxed) - now).unwrap_or(0);
        if sky.is_calm() {
            return Squall {
                before: Duration::from_millis(cut),
                ..Squall::default()
            };
        }
        let p = &sky.parameters;
        let squall = Squall {
            before: Duration::from_millis(cut) + sky.dice.wait(p.ledger_wait),
            refused: sky.dice.hits(p.refused),
            after: sky.dice.wait(p.ledger_wait),
            lost: sky.dice.hits(p.lost),
        };
        if squall.lost && !squall.refused {
            sky.rare("the ledger's answer is lost");
        }
        squall
    }

    fn time(&self) -> Option<Moment> {
        // What judges a run goes by the true time.
        Some(self.sky.true_time())
    }
}

/// The clock of a node.
pub struct Watch {
    pub sky: Arc<Sky>,
    pub skew_ms: i64,
}

impl Clock for Watch {
    fn now(&self) -> Moment {
        Moment::from_ms(self.sky.ledger_time().ms() + self.skew_ms)
    }
}
