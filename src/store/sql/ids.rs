//! Ids of rows: of later times they are higher, so that rows sort by age, and no two nodes make the same.

use std::sync::atomic::{AtomicI64, Ordering};

use super::nodes::SLOTS;
use crate::clock::Moment;

/// Bits of the count within a millisecond.
const COUNT: u32 = 12;
/// Bits of slot and count: what is above them is the time.
const BELOW_TIME: u32 = COUNT + 8;
const _: () = assert!(SLOTS <= 1 << (BELOW_TIME - COUNT));

/// The ids of one node: the time in the upper bits, then the node's slot, then a count.
pub(super) struct Ids {
    slot: i64,
    last: AtomicI64,
}

impl Ids {
    /// The ids of a slot, all above `highest`.
    pub(super) fn above(slot: i64, highest: i64) -> Self {
        let slot = slot.rem_euclid(SLOTS);
        Self {
            slot,
            last: AtomicI64::new(Self::first(slot, highest >> BELOW_TIME)),
        }
    }

    fn first(slot: i64, time: i64) -> i64 {
        time.saturating_add(1) << BELOW_TIME | slot << COUNT
    }

    /// A new id, above every one before it.
    pub(super) fn next(&self, at: Moment) -> i64 {
        let by_time = at.ms().clamp(0, 1 << 42) << BELOW_TIME | self.slot << COUNT;
        let after = |last: i64| {
            let next = last.saturating_add(1);
            // A count that is full goes on in the next millisecond, not in the next slot.
            let own = next >> COUNT & (SLOTS - 1) == self.slot;
            let next = if own {
                next
            } else {
                Self::first(self.slot, last >> BELOW_TIME)
            };
            by_time.max(next)
        };
        // The closure never refuses, so both arms hold the id before this one.
        let last = match self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(after(last))
            }) {
            Ok(last) | Err(last) => last,
        };
        after(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_nodes_make_no_two_the_same() {
        let (one, two) = (Ids::above(3, 0), Ids::above(4, 0));
        let mut seen = std::collections::HashSet::new();
        // More in one millisecond than a slot holds, and a clock that goes back.
        for ids in [&one, &two] {
            let mut last = 0;
            for at in [7, 7, 9, 8] {
                for _ in 0..3000 {
                    let id = ids.next(Moment::from_ms(at));
                    assert!(id > last && seen.insert(id));
                    last = id;
                }
            }
        }
    }

    #[test]
    fn a_node_that_comes_later_begins_above_all() {
        let one = Ids::above(0, 0);
        let last = one.next(Moment::from_ms(1000));
        // Its clock is behind.
        let two = Ids::above(1, last);
        let begun: Vec<i64> = (0..9).map(|_| two.next(Moment::from_ms(10))).collect();
        let more: Vec<i64> = (0..9000).map(|_| one.next(Moment::from_ms(1000))).collect();
        assert!(begun.iter().all(|id| *id > last && !more.contains(id)));
    }
}
