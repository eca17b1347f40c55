//! Due times and effects in the model.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::conversation::ConversationId;
use crate::store::{Due, DueKind, EffectState, Mark, NewEffect};

struct Row {
    due: Due,
    claimed_until: Option<Moment>,
    claimed_by: i64,
}

/// What falls due.
#[derive(Default)]
pub(super) struct Dues(BTreeMap<(ConversationId, u8), Row>);

fn place(kind: DueKind) -> u8 {
    match kind {
        DueKind::Call => 0,
        DueKind::Silence => 1,
        DueKind::Erase => 2,
        DueKind::Revoke => 3,
    }
}

impl Dues {
    /// Sets a due time.
    pub(super) fn put(&mut self, due: &Due) {
        let row = Row {
            due: *due,
            claimed_until: None,
            claimed_by: 0,
        };
        self.0.insert((due.conversation, place(due.kind)), row);
    }

    /// Removes one.
    pub(super) fn remove(&mut self, conversation: ConversationId, kind: DueKind) {
        self.0.remove(&(conversation, place(kind)));
    }

    /// A password's revocation that has not begun is not needed.
    pub(super) fn no_revocation(&mut self, conversation: ConversationId, number: u64) {
        let key = (conversation, place(DueKind::Revoke));
        let waits = |row: &Row| row.due.number == number && row.due.attempts == 0;
        if self.0.get(&key).is_some_and(waits) {
            self.0.remove(&key);
        }
    }

    /// Lets others claim what a node has claimed.
    pub(super) fn set_free(&mut self, node: i64) {
        for row in self.0.values_mut().filter(|row| row.claimed_by == node) {
            (row.claimed_until, row.claimed_by) = (None, 0);
        }
    }

    /// Claims what has come due, the longest overdue first.
    pub(super) fn claim(&mut self, me: i64, now: Moment, lease: Duration, limit: u32) -> Vec<Due> {
        let free = |row: &&mut Row| {
            row.due.at <= now
                && row.claimed_until.is_none_or(|until| until <= now)
                && (row.claimed_by == 0 || row.claimed_by == me)
        };
        let mut rows: Vec<&mut Row> = self.0.values_mut().filter(free).collect();
        rows.sort_by_key(|row| row.due.at);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let claim = |row: &mut Row| {
            let claimed = row.due;
            row.due.attempts += 1;
            (row.claimed_until, row.claimed_by) = (Some(now.plus(lease)), me);
            claimed
        };
        rows.into_iter().take(limit).map(claim).collect()
    }

    /// Ends a claimed one, unless it was put or claimed anew.
    pub(super) fn end(&mut self, due: &Due) {
        let key = (due.conversation, place(due.kind));
        let ended = Due {
            attempts: due.attempts + 1,
            ..*due
        };
        if self.0.get(&key).is_some_and(|row| row.due == ended) {
            self.0.remove(&key);
        }
    }

    /// When the next can be claimed.
    pub(super) fn next(&self) -> Option<Moment> {
        let free = |row: &Row| {
            row.claimed_until
                .map_or(row.due.at, |until| until.max(row.due.at))
        };
        self.0.values().map(free).min()
    }

    /// Every due time.
    pub(super) fn all(&self) -> impl Iterator<Item = &Due> {
        self.0.values().map(|row| &row.due)
    }

    /// Removes all of a conversation but a revocation.
    pub(super) fn erase(&mut self, id: ConversationId) {
        self.0
            .retain(|(of, kind), _| *of != id || *kind == place(DueKind::Revoke));
    }
}

/// An effect.
pub(super) struct Intended {
    pub conversation: ConversationId,
    pub subject: String,
    pub secret: Option<String>,
    pub state: EffectState,
}

/// Effects by their keys.
#[derive(Default)]
pub(super) struct Effects(BTreeMap<Mark, Intended>);

impl Effects {
    /// Records an intent; the first one stands.
    pub(super) fn intend(&mut self, effect: &NewEffect) {
        self.0.entry(effect.key).or_insert_with(|| Intended {
            conversation: effect.conversation,
            subject: effect.subject.clone(),
            secret: Some(effect.secret.clone()),
            state: EffectState::Intended,
        });
    }

    /// Records a result.
    pub(super) fn result(&mut self, key: &Mark, state: EffectState) {
        let Some(effect) = self.0.get_mut(key) else {
            return;
        };
        let goes = match state {
            EffectState::Intended => false,
            EffectState::Done | EffectState::Refused => effect.state == EffectState::Intended,
            EffectState::Revoked => {
                matches!(effect.state, EffectState::Intended | EffectState::Done)
            }
        };
        if goes {
            (effect.state, effect.secret) = (state, None);
        }
    }

    /// One of them.
    pub(super) fn get(&self, key: &Mark) -> Option<&Intended> {
        self.0.get(key)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Mark, &Intended)> {
        self.0.iter()
    }
}
