//! The messages of a sandbox link: kept in memory, where a phone in the terminal, the
//! administration listener and the tests read them. Nothing leaves the machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::callback::{LinkName, Msisdn};
use crate::outbox::{Carrier, PartReport};
use crate::store::{Message, PartOutcome};

/// Messages kept of one number.
const MESSAGES_MAX: usize = 20;
/// Numbers of which messages are kept; beyond it the drawer is emptied, as it is only for trying.
const NUMBERS_MAX: usize = 1_000;

/// Messages that are put in at once.
const AT_ONCE: usize = 16;

/// The messages of a sandbox link, by number.
pub struct Drawer {
    link: LinkName,
    kept: Mutex<Kept>,
    /// Rung when a message has come in.
    pub bell: Notify,
}

#[derive(Default)]
struct Kept {
    messages: BTreeMap<Msisdn, VecDeque<Letter>>,
    unreceipted: Vec<String>,
}

/// A message as the phone shows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Letter {
    /// The sender.
    pub from: String,
    /// The text.
    pub text: String,
}

impl Drawer {
    /// An empty drawer of that link.
    pub fn new(link: LinkName) -> Self {
        Self {
            link,
            kept: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// The messages of a number, oldest first.
    pub fn of(&self, number: &Msisdn) -> Vec<Letter> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages
            .get(number)
            .map(|letters| letters.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// The ids of the messages that came in since the last look: they are on the phone.
    pub fn delivered(&self) -> Vec<String> {
        std::mem::take(
            &mut self
                .kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .unreceipted,
        )
    }

    /// Takes out all messages, by number, oldest first.
    pub fn empty(&self) -> Vec<(Msisdn, Letter)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept.messages)
            .into_iter()
            .flat_map(|(number, letters)| {
                letters
                    .into_iter()
                    .map(move |letter| (number.clone(), letter))
            })
            .collect()
    }
}

impl Carrier for Drawer {
    fn link(&self) -> &LinkName {
        &self.link
    }

    fn is_up(&self) -> bool {
        true
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        let id = format!("{}-{}", self.link, message.id.0);
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.messages.len() >= NUMBERS_MAX && !kept.messages.contains_key(&message.to) {
                kept.messages.clear();
            }
            if kept.unreceipted.len() < NUMBERS_MAX {
                kept.unreceipted.push(id.clone());
            }
            let letters = kept.messages.entry(message.to.clone()).or_default();
            if letters.len() == MESSAGES_MAX {
                letters.pop_front();
            }
            letters.push_back(Letter {
                from: message.from.clone(),
                text: message.text.clone(),
            });
        }
        self.bell.notify_one();
        vec![PartReport {
            part: 0,
            parts: 1,
            outcome: PartOutcome::Accepted(id),
        }]
    }
}
