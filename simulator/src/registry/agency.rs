//! What the registry knows, how it decides, and what it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::people::{Person, people};

/// How the registry behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// At once and right.
    #[default]
    Well,
    /// Every answer so much later.
    Slow(Duration),
    /// 503 to everything.
    Down,
    /// Takes requests and never answers.
    Silent,
    /// 503 so many times, then well.
    Fails(u32),
}

/// What the registry was asked and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of every kind with a good token, whatever came of them.
    pub calls: u64,
    /// Lookups that were answered.
    pub lookups: u64,
    /// Accounts opened, by idempotency key. Each is 1 if all is well.
    pub opened: BTreeMap<String, u32>,
    /// Revocations that were answered.
    pub revocations: u64,
}

/// The body of `POST /v1/accounts`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct NewAccount {
    pub registration: String,
    pub generation: u32,
    pub password: Option<String>,
    pub email: Option<String>,
}

/// The agency behind the contract.
pub struct Agency {
    pub people: Vec<Person>,
    pub mood: Mood,
    pub counts: Counts,
    /// What was answered under each key, and to which body.
    pub answers: BTreeMap<String, (NewAccount, StatusCode, Value)>,
    /// The generation of each account that was opened here.
    generations: BTreeMap<String, u32>,
    /// The last generation that was revoked, by registration number.
    revoked: BTreeMap<String, u32>,
    /// Registration numbers that get no account this way.
    pub refused: BTreeSet<String>,
}

impl Default for Agency {
    fn default() -> Self {
        Self {
            people: people(),
            mood: Mood::default(),
            counts: Counts::default(),
            answers: BTreeMap::new(),
            generations: BTreeMap::new(),
            revoked: BTreeMap::new(),
            refused: BTreeSet::new(),
        }
    }
}

impl Agency {
    /// Decides in the order of the contract, from its second rule on.
    pub fn open(&mut self, asked: &NewAccount) -> (StatusCode, &'static str) {
        let registration = &asked.registration;
        let refused = (StatusCode::UNPROCESSABLE_ENTITY, "refused");
        if self
            .revoked
            .get(registration)
            .is_some_and(|revoked| *revoked >= asked.generation)
        {
            return refused;
        }
        let found = self
            .people
            .iter_mut()
            .find(|person| person.registration == Some(registration.as_str()));
        match found {
            Some(person) if person.account => (StatusCode::CONFLICT, "already"),
            Some(person) if !self.refused.contains(registration) => {
                person.account = true;
                self.generations
                    .insert(registration.clone(), asked.generation);
                (StatusCode::CREATED, "opened")
            }
            Some(_) | None => refused,
        }
    }

    /// Takes an account back if it stands at that generation, and remembers the generation.
    pub fn revoke(&mut self, registration: &str, generation: u32) {
        self.counts.revocations += 1;
        match self.generations.get(registration) {
            // The account stands at another generation: nothing is changed.
            Some(standing) if *standing != generation => return,
            Some(_) => {
                self.generations.remove(registration);
                for person in &mut self.people {
                    if person.registration == Some(registration) {
                        person.account = false;
                    }
                }
            }
            None => {}
        }
        let revoked = self.revoked.entry(registration.to_owned()).or_default();
        *revoked = generation.max(*revoked);
    }
}
