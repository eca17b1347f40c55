//! What a seed stands for: the chance of one run, and how bad its weather is.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use jisr::clock::Chance;

/// Chance from a seed (SplitMix64).
pub struct Dice(Mutex<u64>);

impl Dice {
    /// The chance of a seed; `stream` keeps several of one seed apart: each begins at a place that is
    /// mixed from both, so that none is another one some steps later.
    pub fn new(seed: u64, stream: u64) -> Self {
        let begin = mixed(mixed(seed).wrapping_add(stream));
        Self(Mutex::new(begin))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(STEP);
        mixed(*state)
    }

    /// One of `below` numbers from 0.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// Whether something happens that happens `permille` times in a thousand.
    pub fn hits(&self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// A wait of at most so long; most are short.
    pub fn wait(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let bound = match self.below(4) {
            0 => most,
            1 => most / 4,
            _ => most / 16,
        };
        Duration::from_millis(self.below(bound + 1))
    }

    /// One of some.
    pub fn of<T: Copy>(&self, some: &[T]) -> T {
        let at = usize::try_from(self.below(some.len() as u64)).unwrap();
        some[at]
    }
}

/// What SplitMix64 adds with each step.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's mixing of 64 bits.
fn mixed(bits: u64) -> u64 {
    let z = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Chance for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next().to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// How bad it is: rates in a thousand, waits at most.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Nodes.
    pub nodes: usize,
    /// Phones.
    pub phones: usize,
    /// How long it storms.
    pub storm: Duration,
    /// How far a node's clock is off, at most.
    pub skew: Duration,
    /// Whether the clock of all jumps.
    pub jumps: bool,
    /// A call of the ledger takes so long.
    pub ledger_wait: Duration,
    /// It is refused.
    pub refused: u32,
    /// Its answer is lost.
    pub lost: u32,
    /// Between two crashes of a node, on average; none where it is zero.
    pub crash_every: Duration,
    /// A crashed node is away for so long.
    pub away: Duration,
    /// A node is cut off from the ledger for so long.
    pub cut: Duration,
    /// How often a node looks for texts and due times without being rung.
    pub look: Duration,
    /// Something is done with the outbox by hand, each time that something befalls the nodes.
    pub by_hand: u32,
    /// How long nobody calls after the storm.
    pub silence: Duration,
    /// A callback or text comes again.
    pub again: u32,
    /// It comes late by so much.
    pub late: Duration,
    /// The operator's word on a part is lost, though it was taken.
    pub word_lost: u32,
    /// … or it was not taken.
    pub part_lost: u32,
    /// It is throttled, or refused for now.
    pub not_now: u32,
    /// It is refused for good.
    pub refused_for_good: u32,
    /// How long the operator takes for its word.
    pub word_wait: Duration,
    /// How long a receipt takes.
    pub receipt_wait: Duration,
    /// A receipt comes before the word.
    pub receipt_first: u32,
    /// A receipt comes twice, or contradicts itself.
    pub receipt_odd: u32,
    /// A message does not reach its phone.
    pub undelivered: u32,
    /// The registry takes so long.
    pub registry_wait: Duration,
    /// The registry does not answer.
    pub registry_ill: u32,
    /// It does what it is asked for, and its answer is lost.
    pub registry_mute: u32,
    /// How long people think.
    pub thinks: Duration,
    /// People mistype.
    pub mistypes: u32,
    /// People hang up.
    pub hangs_up: u32,
}

impl Parameters {
    /// Those of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed, 1);
        let seconds = |all: &[u64]| Duration::from_secs(dice.of(all));
        let ms = |all: &[u64]| Duration::from_millis(dice.of(all));
        let rate = |all: &[u32]| dice.of(all);
        let jumps = dice.hits(300);
        Self {
            nodes: dice.of(&[1, 1, 2, 2, 3, 4]),
            phones: dice.of(&[1, 2, 3]),
            storm: seconds(&[15, 15, 30, 60, 60, 300]),
            skew: ms(&[0, 0, 50, 1000, 3000]),
            jumps,
            ledger_wait: ms(&[0, 2, 20, 200, 2000]),
            refused: rate(&[0, 0, 5, 20, 100]),
            lost: rate(&[0, 0, 5, 20, 100]),
            crash_every: seconds(&[0, 0, 10, 30, 60]),
            away: seconds(&[0, 1, 5, 20]),
            cut: seconds(&[0, 0, 5, 15]),
            // Long enough for a code to die.
            silence: match jumps {
                true => seconds(&[30, 400, 400]),
                false => seconds(&[30, 30, 400]),
            },
            again: rate(&[0, 50, 200, 500]),
            late: seconds(&[0, 1, 10, 120]),
            word_lost: rate(&[0, 20, 100, 600]),
            part_lost: rate(&[0, 0, 50, 200]),
            not_now: rate(&[0, 0, 100, 300]),
            refused_for_good: rate(&[0, 0, 0, 50]),
            word_wait: ms(&[0, 10, 500, 5000]),
            receipt_wait: seconds(&[0, 2, 30, 120]),
            receipt_first: rate(&[0, 50, 300]),
            receipt_odd: rate(&[0, 50, 300]),
            undelivered: rate(&[0, 0, 0, 100]),
            registry_wait: seconds(&[0, 0, 2, 10, 90]),
            registry_ill: rate(&[0, 0, 50, 300]),
            registry_mute: rate(&[0, 0, 100, 500]),
            thinks: seconds(&[1, 3, 10]),
            mistypes: rate(&[0, 20, 100]),
            hangs_up: rate(&[0, 20, 100]),
            look: ms(&[500, 1000, 2000]),
            by_hand: rate(&[0, 0, 300]),
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[test]
fn no_stream_is_another_one_later() {
    let mut seen = std::collections::BTreeSet::new();
    for stream in (0..8).chain(100..108) {
        let dice = Dice::new(973, stream);
        for _ in 0..1000 {
            assert!(seen.insert(dice.next()), "stream {stream}");
        }
    }
}
