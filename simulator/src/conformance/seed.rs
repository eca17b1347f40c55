//! Chance that can be had again: everything that a run makes up comes from one printed number.

use std::hash::{BuildHasher, Hasher, RandomState};

/// How many subscribers there are.
const NUMBERS: u64 = 1_000_000;
/// From one subscriber to the next: without a common divisor with their number it comes back to none
/// before all were had.
const STEP: u64 = 611_953;

/// A stream of numbers from a seed (SplitMix64: Steele, Lea, Flood, OOPSLA 2014). It makes sample
/// names, never keys.
#[derive(Clone, Debug)]
pub struct Seed {
    first: u64,
    state: u64,
    numbers: u64,
}

impl Seed {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            first: seed,
            state: seed,
            numbers: seed % NUMBERS,
        }
    }

    /// A seed that no run before had.
    pub fn fresh() -> Self {
        // Two runs with one seed would meet the subscribers of each other.
        Self::new(RandomState::new().build_hasher().finish() >> 16)
    }

    /// The seed of one run of several against one gateway: those up to the 2,500th have no subscriber in
    /// common, while none has more than 400.
    pub fn nth(run: u64) -> u64 {
        (run % 2_500).wrapping_mul(400 * STEP) % NUMBERS
    }

    /// The number to print.
    pub fn number(&self) -> u64 {
        self.first
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An id of 24 hexadecimal digits.
    pub fn id(&mut self) -> String {
        format!("{:016x}{:08x}", self.draw(), self.draw() >> 32)
    }

    /// A sample mobile number of Morocco in international form without `+`, of a range that has
    /// mobiles (ANRT, national numbering plan: 0667), each only once in a million.
    pub fn msisdn(&mut self) -> String {
        self.numbers = self.numbers.wrapping_add(STEP) % NUMBERS;
        format!("212667{:06}", self.numbers)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_names() {
        let names = |seed| {
            let mut seed = Seed::new(seed);
            (seed.id(), seed.msisdn(), seed.id())
        };
        assert_eq!(names(7), names(7));
        assert_ne!(names(7), names(8));
        let (id, msisdn, other) = names(7);
        assert_eq!((id.len(), msisdn.len()), (24, 12));
        assert_ne!(id, other);
        let of_runs = (0..50).map(|run| Seed::new(Seed::nth(run)));
        let of_runs = of_runs.flat_map(|mut seed| (0..400).map(move |_| seed.msisdn()));
        let apart: std::collections::BTreeSet<String> = of_runs.collect();
        assert_eq!(apart.len(), 50 * 400);
        let mut seed = Seed::new(9);
        let many: std::collections::BTreeSet<String> = (0..2_000).map(|_| seed.msisdn()).collect();
        assert_eq!(many.len(), 2_000);
    }
}
