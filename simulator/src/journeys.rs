//! Plays journeys on the wire and says how each ended.

mod play;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::script::{Journey, Language};
use crate::world::World;
use play::Play;
use words::{code_in, password_in};

/// How a journey ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The journey's title.
    pub title: String,
    /// What it was played in.
    pub language: Language,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, with the step's line in the file.
    pub failure: Option<String>,
}

/// Plays journeys in one world; remembers which phones have met the service already.
pub struct Player {
    world: World,
    language: Language,
    met: BTreeSet<String>,
    new_phones: u32,
}

impl Player {
    /// A player for a gateway that knows none of the phones yet.
    pub fn new(world: World, language: Language) -> Self {
        Self {
            world,
            language,
            met: BTreeSet::new(),
            new_phones: 0,
        }
    }

    /// Plays a journey from its first step to its last or to the first that fails.
    pub async fn play(&mut self, journey: &Journey) -> Ending {
        let began = Instant::now();
        let failure = Play::new(self).run(journey).await.err();
        Ending {
            title: journey.title.clone(),
            language: self.language,
            took: began.elapsed(),
            failure,
        }
    }

    /// Secrets that were submitted more than once: who and how often, never what.
    pub fn secrets_repeated(&self) -> Vec<String> {
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for submit in self.world.smsc.submits() {
            if code_in(&submit.text).is_some() || password_in(&submit.text).is_some() {
                *counts.entry((submit.to, submit.text)).or_default() += 1;
            }
        }
        let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
        repeated
            .map(|((to, _), count)| format!("{to} got the same secret {count} times"))
            .collect()
    }
}

#[cfg(test)]
mod tests;
