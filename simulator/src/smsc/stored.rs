//! What was submitted: kept for who asks about it, and held where the phone is off.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rusmpp::CommandStatus;
use rusmpp::values::MessageState;

use super::Submit;

/// Submitted messages that are remembered; the oldest go first.
const KEPT_MAX: usize = 100_000;

/// One `submit_sm`.
#[derive(Clone, Debug)]
struct Stored {
    from: String,
    state: MessageState,
}

/// A whole message that waits for its phone to be switched on.
#[derive(Clone, Debug)]
pub struct Held {
    /// The message.
    pub submit: Submit,
    /// The number of the part that completed it, with whether a receipt is wanted.
    pub number: u64,
    /// Whether a receipt was asked for.
    pub receipt: bool,
    id: String,
}

/// Everything that was submitted.
#[derive(Debug, Default)]
pub struct Store {
    by_id: BTreeMap<String, Stored>,
    order: VecDeque<String>,
    submits: VecDeque<Submit>,
    /// How often each part came, by destination and octets.
    part_counts: BTreeMap<(String, Vec<u8>), usize>,
    held: Vec<Held>,
    off: BTreeSet<String>,
}

impl Store {
    /// A part, or an undivided message, has come.
    pub fn came(&mut self, id: &str, from: &str, to: &str, octets: &[u8], state: MessageState) {
        if self.order.len() == KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        let from = from.to_owned();
        self.by_id.insert(id.to_owned(), Stored { from, state });
        if self.part_counts.len() < KEPT_MAX {
            let key = (to.to_owned(), octets.to_vec());
            *self.part_counts.entry(key).or_default() += 1;
        }
    }

    /// A message is whole.
    pub fn whole(&mut self, submit: &Submit) {
        if self.submits.len() == KEPT_MAX {
            self.submits.pop_front();
        }
        self.submits.push_back(submit.clone());
    }

    /// Everything that came whole, in order.
    pub fn submits(&self) -> Vec<Submit> {
        self.submits.iter().cloned().collect()
    }

    /// How many parts came more than once with the same octets to the same number.
    pub fn parts_repeated(&self) -> usize {
        self.part_counts
            .values()
            .filter(|count| **count > 1)
            .count()
    }

    /// How many parts came beyond the first time that their octets came.
    pub fn parts_again(&self) -> usize {
        self.part_counts
            .values()
            .map(|count| count.saturating_sub(1))
            .sum()
    }

    /// Whether a phone is switched off.
    pub fn is_off(&self, number: &str) -> bool {
        self.off.contains(number)
    }

    /// Keeps a whole message until its phone is on.
    pub fn hold(&mut self, id: &str, number: u64, submit: Submit, receipt: bool) {
        self.held.push(Held {
            submit,
            number,
            receipt,
            id: id.to_owned(),
        });
    }

    /// A phone is switched off or on; what was held for it.
    pub fn switch(&mut self, phone: &str, on: bool) -> Vec<Held> {
        if !on {
            self.off.insert(phone.to_owned());
            return Vec::new();
        }
        self.off.remove(phone);
        let (released, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held: &Held| held.submit.to == phone);
        self.held = held;
        for held in &released {
            self.set(&held.id, MessageState::Delivered);
        }
        released
    }

    fn set(&mut self, id: &str, state: MessageState) {
        if let Some(stored) = self.by_id.get_mut(id) {
            stored.state = state;
        }
    }

    fn of(&self, id: &str, from: &str) -> Option<&Stored> {
        self.by_id.get(id).filter(|stored| stored.from == from)
    }

    /// The state of a message (SMPP 3.4, 4.8): id and source address have to match.
    ///
    /// # Errors
    /// The status to answer with.
    pub fn query(&self, id: &str, from: &str) -> Result<MessageState, CommandStatus> {
        self.of(id, from)
            .map(|stored| stored.state)
            .ok_or(CommandStatus::EsmeRqueryfail)
    }

    /// Cancels a message that was not delivered yet (SMPP 3.4, 4.9).
    ///
    /// # Errors
    /// The status to answer with.
    pub fn cancel(&mut self, id: &str, from: &str) -> Result<(), CommandStatus> {
        let at = self.held_at(id, from);
        let at = at.ok_or(CommandStatus::EsmeRcancelfail)?;
        self.held.remove(at);
        self.set(id, MessageState::Deleted);
        Ok(())
    }

    /// Replaces the text of a message that was not delivered yet (SMPP 3.4, 4.10).
    ///
    /// # Errors
    /// The status to answer with.
    pub fn replace(&mut self, id: &str, from: &str, octets: &[u8]) -> Result<(), CommandStatus> {
        let at = self.held_at(id, from);
        let held = at.and_then(|at| self.held.get_mut(at));
        let held = held.ok_or(CommandStatus::EsmeRreplacefail)?;
        let text = held.submit.alphabet.read(octets);
        held.submit.text = text.ok_or(CommandStatus::EsmeRinvdcs)?;
        Ok(())
    }

    fn held_at(&self, id: &str, from: &str) -> Option<usize> {
        self.of(id, from)?;
        self.held.iter().position(|held| held.id == id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smsc::Alphabet;

    const PHONE: &str = "+212661000001";

    fn store() -> Store {
        let mut store = Store::default();
        store.switch(PHONE, false);
        for (number, id) in [(1, "a"), (2, "b")] {
            let submit = Submit {
                from: "5800".into(),
                to: PHONE.into(),
                text: id.into(),
                alphabet: Alphabet::Gsm7,
                parts: 1,
            };
            store.came(id, "5800", PHONE, id.as_bytes(), MessageState::Enroute);
            store.hold(id, number, submit, true);
        }
        store
    }

    #[test]
    fn what_is_held_can_be_cancelled_and_replaced() {
        let mut store = store();
        assert_eq!(store.query("a", "5800"), Ok(MessageState::Enroute));
        assert_eq!(store.query("a", "5801"), Err(CommandStatus::EsmeRqueryfail));
        assert_eq!(
            store.cancel("a", "5801"),
            Err(CommandStatus::EsmeRcancelfail)
        );
        assert_eq!(store.cancel("a", "5800"), Ok(()));
        assert_eq!(store.query("a", "5800"), Ok(MessageState::Deleted));
        assert_eq!(store.replace("b", "5800", b"new"), Ok(()));
        let released = store.switch(PHONE, true);
        let texts: Vec<_> = released
            .iter()
            .map(|held| held.submit.text.as_str())
            .collect();
        assert_eq!(texts, ["new"]);
        assert_eq!(store.query("b", "5800"), Ok(MessageState::Delivered));
        assert_eq!(
            store.cancel("b", "5800"),
            Err(CommandStatus::EsmeRcancelfail)
        );
        assert_eq!(
            store.replace("b", "5800", b"x"),
            Err(CommandStatus::EsmeRreplacefail)
        );
    }

    #[test]
    fn repeats_are_counted_once() {
        let mut store = store();
        store.came("c", "5800", PHONE, b"a", MessageState::Delivered);
        store.came("d", "5800", PHONE, b"a", MessageState::Delivered);
        // It was there once before.
        assert_eq!((store.parts_repeated(), store.parts_again()), (1, 2));
    }
}
