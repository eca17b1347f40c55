//! Which bad behaviours are on, and whether one strikes now: by count, or by chance from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::behaviour::{Behaviour, Dose};

/// Random numbers from a seed (SplitMix64): the same seed, the same run.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`; 0 where there is no other.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }
}

/// The numbers that behaviours go by.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// What comes late comes so much later.
    pub late: Duration,
    /// The pause after each octet of what comes one by one.
    pub drip: Duration,
    /// How many receipts a flood has.
    pub flood: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            late: Duration::from_secs(15),
            drip: Duration::from_secs(1),
            flood: 50_000,
        }
    }
}

/// How the message centre behaves.
#[derive(Debug)]
pub struct Manners {
    /// Chance, for everything here that has any.
    pub chance: Seeded,
    /// The numbers.
    pub timing: Timing,
    on: BTreeMap<Behaviour, Dose>,
    struck: BTreeMap<Behaviour, u64>,
}

impl Manners {
    /// Good ones.
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Seeded::new(seed),
            timing: Timing::default(),
            on: BTreeMap::new(),
            struck: BTreeMap::new(),
        }
    }

    /// Switches a behaviour on.
    pub fn misbehave(&mut self, behaviour: Behaviour, dose: Dose) {
        self.on.insert(behaviour, dose);
    }

    /// Switches it off.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.on.remove(&behaviour);
    }

    /// Whether it is on and its dose not used up.
    pub fn has(&self, behaviour: Behaviour) -> bool {
        self.on
            .get(&behaviour)
            .is_some_and(|dose| *dose != Dose::Times(0))
    }

    /// Whether it strikes now, at an occasion for it.
    pub fn strikes(&mut self, behaviour: Behaviour) -> bool {
        let strikes = match self.on.get_mut(&behaviour) {
            None => false,
            Some(Dose::Always) => true,
            Some(Dose::Times(0)) => false,
            Some(Dose::Times(left)) => {
                *left -= 1;
                true
            }
            Some(Dose::Percent(share)) => {
                let share = usize::from(*share);
                self.chance.below(100) < share
            }
        };
        if strikes {
            *self.struck.entry(behaviour).or_default() += 1;
        }
        strikes
    }

    /// How often each struck.
    pub fn struck(&self) -> BTreeMap<Behaviour, u64> {
        self.struck.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn of_a_hundred(seed: u64, dose: Dose) -> Vec<bool> {
        let mut manners = Manners::new(seed);
        manners.misbehave(Behaviour::Deaf, dose);
        (0..100).map(|_| manners.strikes(Behaviour::Deaf)).collect()
    }

    #[test]
    fn how_often_it_strikes() {
        let count = |dose| of_a_hundred(7, dose).iter().filter(|it| **it).count();
        assert_eq!(count(Dose::Always), 100);
        assert_eq!(count(Dose::Times(3)), 3);
        assert_eq!(count(Dose::Percent(0)), 0);
        assert_eq!(count(Dose::Percent(100)), 100);
        assert!((15..=45).contains(&count(Dose::Percent(30))));
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let some = Dose::Percent(50);
        assert_eq!(of_a_hundred(7, some), of_a_hundred(7, some));
        assert_ne!(of_a_hundred(7, some), of_a_hundred(8, some));
    }

    #[test]
    fn what_is_off_never_strikes() {
        let mut manners = Manners::new(7);
        assert!(!manners.strikes(Behaviour::Deaf));
        manners.misbehave(Behaviour::Deaf, Dose::Times(1));
        assert!(manners.has(Behaviour::Deaf));
        assert!(manners.strikes(Behaviour::Deaf));
        assert!(!manners.has(Behaviour::Deaf) && !manners.strikes(Behaviour::Deaf));
        manners.misbehave(Behaviour::Deaf, Dose::Always);
        manners.behave(Behaviour::Deaf);
        assert!(!manners.strikes(Behaviour::Deaf));
        assert_eq!(manners.struck().get(&Behaviour::Deaf), Some(&1));
    }
}
