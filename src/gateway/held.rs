//! One turn at a time per conversation, on this node. The ledger's compare-and-set is what
//! guarantees it; this spares the races.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::callback::{Msisdn, ServiceName};
use crate::store::{Mark, Reply};

type Key = (ServiceName, Msisdn);

/// Entries beyond which the unused ones are swept.
const SWEEP_AT: usize = 4096;

/// Who is in a turn.
#[derive(Default)]
pub struct Held {
    turns: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl Held {
    /// Waits for the turns before, and holds the conversation until the guard is dropped.
    pub async fn take(&self, service: &ServiceName, subscriber: &Msisdn) -> OwnedMutexGuard<()> {
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= SWEEP_AT {
                turns.retain(|_, lock| lock.strong_count() > 0);
            }
            let key = (service.clone(), subscriber.clone());
            match turns.get(&key).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::new(tokio::sync::Mutex::new(()));
                    turns.insert(key, Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

/// Callbacks under way on links on which nothing tells a repeat: the same input, while the first
/// is unanswered, gets the first one's answer.
#[derive(Default)]
pub struct Inflight {
    answers: Mutex<HashMap<Mark, Weak<OnceLock<Reply>>>>,
}

/// One callback under way.
pub struct Underway<'a> {
    of: &'a Inflight,
    entry: Option<(Mark, Arc<OnceLock<Reply>>)>,
}

impl Inflight {
    /// A callback begins; `key` is none where the link's rule tells repeats by itself.
    pub fn begin(&self, key: Option<Mark>) -> Underway<'_> {
        let entry = key.map(|key| {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.len() >= SWEEP_AT {
                answers.retain(|_, cell| cell.strong_count() > 0);
            }
            let cell = answers
                .get(&key)
                .and_then(Weak::upgrade)
                .unwrap_or_else(|| {
                    let cell = Arc::new(OnceLock::new());
                    answers.insert(key, Arc::downgrade(&cell));
                    cell
                });
            (key, cell)
        });
        Underway { of: self, entry }
    }
}

impl Underway<'_> {
    /// The answer that the first of the same got meanwhile.
    pub fn answered(&self) -> Option<Reply> {
        self.entry
            .as_ref()
            .and_then(|(_, cell)| cell.get().cloned())
    }

    /// The answer, for those who wait; from now on the same input is a new one.
    pub fn answer(&self, reply: &Reply) {
        if let Some((key, cell)) = &self.entry {
            self.of
                .answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(key);
            // A second answer cannot come: only the first of the same reaches its turn.
            let _first = cell.set(reply.clone());
        }
    }
}
