//! Nodes in the model: who lives, and what each holds for all.

use std::collections::BTreeMap;

use super::Ledger;
use crate::clock::Moment;
use crate::store::{NodeId, Pulse};

/// Nodes that are over are known for so long.
const KNOWN: std::time::Duration = std::time::Duration::from_secs(72 * 3600);

struct One {
    beat: u64,
    over: bool,
    seen_at: Moment,
}

/// The nodes, and their leases.
#[derive(Default)]
pub(super) struct Nodes {
    all: BTreeMap<i64, One>,
    last: i64,
    leases: BTreeMap<String, (i64, u64)>,
}

impl Nodes {
    /// A new one; tells its number.
    pub(super) fn join(&mut self) -> i64 {
        self.last += 1;
        let one = One {
            beat: 0,
            over: false,
            seen_at: Moment::from_ms(0),
        };
        self.all.insert(self.last, one);
        self.last
    }

    /// Whether it is not over.
    pub(super) fn lives(&self, node: i64) -> bool {
        self.all.get(&node).is_some_and(|one| !one.over)
    }

    /// Those that are not over.
    pub(super) fn living(&self) -> Vec<NodeId> {
        let living = self.all.iter().filter(|(_, one)| !one.over);
        living.map(|(id, _)| NodeId(*id)).collect()
    }

    /// Until when one that is over was seen.
    pub(super) fn over_since(&self, node: i64) -> Option<Moment> {
        let one = self.all.get(&node).filter(|one| one.over)?;
        Some(one.seen_at)
    }

    /// One more beat; tells the others.
    pub(super) fn beat(&mut self, me: i64, now: Moment) -> Vec<Pulse> {
        if let Some(one) = self.all.get_mut(&me).filter(|one| !one.over) {
            one.beat += 1;
            one.seen_at = now;
        }
        let others = self.all.iter().filter(|(id, one)| **id != me && !one.over);
        others
            .map(|(id, one)| Pulse {
                node: NodeId(*id),
                beat: one.beat,
            })
            .collect()
    }

    /// Takes what one node does for all.
    pub(super) fn lease(&mut self, me: i64, name: &str) -> Option<u64> {
        match self.leases.get(name).copied() {
            None => {
                self.leases.insert(name.to_owned(), (me, 1));
                Some(1)
            }
            Some((holder, epoch)) if holder == me => Some(epoch),
            Some((holder, _)) if self.lives(holder) => None,
            Some((_, epoch)) => {
                self.leases.insert(name.to_owned(), (me, epoch + 1));
                Some(epoch + 1)
            }
        }
    }

    /// Lets go of it.
    pub(super) fn release(&mut self, me: i64, name: &str) {
        if let Some(held) = self.leases.get_mut(name).filter(|held| held.0 == me) {
            held.0 = 0;
        }
    }

    /// Knows that this node lives, and forgets those that have been over for long.
    pub(super) fn tidy(&mut self, me: i64, now: Moment) {
        if let Some(one) = self.all.get_mut(&me) {
            one.seen_at = one.seen_at.max(now);
        }
        self.all
            .retain(|_, one| !one.over || one.seen_at > now.minus(KNOWN));
    }
}

impl Ledger {
    /// Buries a node that stands as it was seen.
    pub(super) fn bury(&mut self, me: i64, dead: Pulse, now: Moment) -> bool {
        let one = self.nodes.all.get(&dead.node.0);
        let stands = one.is_some_and(|one| one.beat == dead.beat && !one.over);
        if !stands || dead.node.0 == me {
            return false;
        }
        self.end(me, dead.node.0, now);
        true
    }

    /// A node ends by itself.
    pub(super) fn leave(&mut self, me: i64, now: Moment) {
        let mut others = self
            .nodes
            .all
            .iter()
            .filter(|(id, one)| **id != me && !one.over);
        let heir = others.next().map_or(0, |(id, _)| *id);
        self.end(heir, me, now);
    }

    fn end(&mut self, heir: i64, node: i64, now: Moment) {
        let last = self.texts.last_of(node);
        if let Some(one) = self.nodes.all.get_mut(&node) {
            one.over = true;
            one.seen_at = last.map_or(one.seen_at, |last| one.seen_at.max(last));
        }
        self.texts.inherit(heir, node);
        self.due.set_free(node);
        self.messages
            .lose_sight_of(&self.nodes, node, None, now, &mut self.due);
    }
}
