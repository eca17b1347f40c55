//! The calls that this process tries again at present: one may take longer than the claim of its due
//! time, which then comes again.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::conversation::ConversationId;
use crate::store::{Due, DueKind};

/// What identifies a call: its conversation, its kind and its number.
type Call = (ConversationId, DueKind, u64);

/// The calls in hand.
#[derive(Default)]
pub(super) struct InHand(Mutex<HashSet<Call>>);

/// One of them, until it is dropped.
pub(super) struct Taken<'a> {
    of: &'a InHand,
    call: Call,
}

impl InHand {
    /// Takes a call in hand; none where it is.
    pub(super) fn take(&self, due: &Due) -> Option<Taken<'_>> {
        let call = (due.conversation, due.kind, due.number);
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not `then_some`: a `Taken` that is made only to be dropped waits for this very lock.
        if calls.insert(call) {
            Some(Taken { of: self, call })
        } else {
            None
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut calls = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.remove(&self.call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    fn due(kind: DueKind, number: u64) -> Due {
        Due {
            conversation: ConversationId([1; 16]),
            kind,
            at: Moment::from_ms(0),
            number,
            attempts: 0,
        }
    }

    #[test]
    fn a_call_is_in_one_hand() {
        let calls = InHand::default();
        let first = calls.take(&due(DueKind::Call, 1));
        assert!(first.is_some());
        assert!(calls.take(&due(DueKind::Call, 1)).is_none());
        assert!(
            calls.take(&due(DueKind::Call, 1)).is_none(),
            "asking lets nothing go"
        );
        assert!(calls.take(&due(DueKind::Call, 2)).is_some());
        assert!(calls.take(&due(DueKind::Revoke, 1)).is_some());
        drop(first);
        assert!(calls.take(&due(DueKind::Call, 1)).is_some());
    }
}
