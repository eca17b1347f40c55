//! Texts in line for their turns: those of one number one after the other, those of many numbers side
//! by side. What fails rests, each time longer, and holds up its own number only.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::callback::{Msisdn, ServiceName};
use crate::clock::Moment;
use crate::store::{Sms, SmsId};

/// Texts in line at most; the ledger has the others.
const LINE_MAX: usize = 1024;
/// Numbers that rest at most; then no further text is read.
const RESTING_MAX: usize = 4096;
/// The rest after the first failure; it doubles with each.
const REST_MIN: Duration = Duration::from_secs(1);
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(60);

type Number = (ServiceName, Msisdn);

/// The texts of one number.
#[derive(Default)]
struct Lane {
    texts: VecDeque<Sms>,
    /// Whether the text before these is in its turn.
    busy: bool,
}

/// A number whose first text failed.
struct Rest {
    first: SmsId,
    failures: u32,
    /// None while it may try again.
    until: Option<Moment>,
}

/// Texts in line.
#[derive(Default)]
pub(super) struct Line {
    lanes: HashMap<Number, Lane>,
    /// Numbers whose next text may have its turn.
    ready: VecDeque<Number>,
    resting: HashMap<Number, Rest>,
    /// In line or in their turns.
    known: HashSet<SmsId>,
    read_to: SmsId,
}

fn number(sms: &Sms) -> Number {
    (sms.service.clone(), sms.subscriber.clone())
}

impl Line {
    /// Up to which text the ledger has been read.
    pub(super) fn read_to(&self) -> SmsId {
        self.read_to
    }

    /// How many more texts may be read.
    pub(super) fn room(&self) -> usize {
        // Those that have rested are what there has to be room for.
        let resting = self.resting.values().filter(|rest| rest.until.is_some());
        if resting.count() >= RESTING_MAX {
            return 0;
        }
        LINE_MAX.saturating_sub(self.known.len())
    }

    /// Puts a text behind the others of its number.
    pub(super) fn put(&mut self, sms: Sms) {
        self.read_to = self.read_to.max(sms.id);
        let number = number(&sms);
        let rests = self
            .resting
            .get(&number)
            .is_some_and(|rest| rest.until.is_some());
        // One that rests is read again when it has rested.
        if rests || !self.known.insert(sms.id) {
            return;
        }
        let lane = self.lanes.entry(number.clone()).or_default();
        if lane.texts.is_empty() && !lane.busy {
            self.ready.push_back(number);
        }
        lane.texts.push_back(sms);
    }

    /// The next text that may have its turn; its number is busy until that has ended.
    pub(super) fn next(&mut self) -> Option<Sms> {
        let lane = self.lanes.get_mut(&self.ready.pop_front()?)?;
        lane.busy = true;
        lane.texts.pop_front()
    }

    /// A turn has ended well.
    pub(super) fn done(&mut self, sms: &Sms) {
        let number = number(sms);
        self.known.remove(&sms.id);
        self.resting.remove(&number);
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.busy = false;
            if lane.texts.is_empty() {
                self.lanes.remove(&number);
            } else {
                self.ready.push_back(number);
            }
        }
    }

    /// A turn has failed: its number rests, and its texts stay in the ledger until then.
    pub(super) fn failed(&mut self, sms: &Sms, now: Moment) {
        let number = number(sms);
        self.known.remove(&sms.id);
        let lane = self.lanes.remove(&number).unwrap_or_default();
        for text in &lane.texts {
            self.known.remove(&text.id);
        }
        let failures = self.resting.get(&number).map_or(0, |rest| rest.failures);
        let rest = REST_MIN.saturating_mul(1 << failures.min(16)).min(REST_MAX);
        self.resting.insert(
            number,
            Rest {
                first: sms.id,
                failures: failures.saturating_add(1),
                until: Some(now.plus(rest)),
            },
        );
    }

    /// Reads the ledger from its beginning again: what is in line or in a turn is known. Numbers that
    /// have rested and have nothing in line are like any other.
    pub(super) fn again(&mut self) {
        self.read_to = SmsId(0);
        let lanes = &self.lanes;
        self.resting
            .retain(|number, rest| rest.until.is_some() || lanes.contains_key(number));
    }

    /// Lets those try again that have rested; the ledger is then read for them.
    pub(super) fn wake(&mut self, now: Moment) {
        for rest in self.resting.values_mut() {
            if rest.until.is_some_and(|until| until <= now) {
                rest.until = None;
                let before = SmsId(rest.first.0.saturating_sub(1));
                self.read_to = self.read_to.min(before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn text(id: i64, from: u32) -> Sms {
        Sms {
            id: SmsId(id),
            link: "a".into(),
            service: "tns".into(),
            subscriber: Msisdn::parse(&format!("+2126610{from:05}")).unwrap(),
            text: String::new(),
            at: Moment::from_ms(0),
        }
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_ms(seconds * 1000)
    }

    fn ids(line: &mut Line) -> Vec<i64> {
        std::iter::from_fn(|| line.next())
            .map(|sms| sms.id.0)
            .collect()
    }

    #[test]
    fn one_turn_a_number_and_in_order() {
        let mut line = Line::default();
        for (id, from) in [(1, 1), (2, 1), (3, 2), (4, 1), (4, 1)] {
            line.put(text(id, from));
        }
        assert_eq!((line.read_to(), line.room()), (SmsId(4), LINE_MAX - 4));
        assert_eq!(ids(&mut line), [1, 3]);
        line.done(&text(1, 1));
        assert_eq!(ids(&mut line), [2]);
        line.put(text(5, 2));
        assert_eq!(ids(&mut line), [0; 0], "both numbers are in a turn");
        line.done(&text(3, 2));
        line.done(&text(2, 1));
        assert_eq!(ids(&mut line), [5, 4]);
        line.done(&text(4, 1));
        line.done(&text(5, 2));
        assert!(line.lanes.is_empty() && line.known.is_empty() && line.ready.is_empty());
    }

    #[test]
    fn what_fails_rests_longer_each_time_and_holds_up_nobody_else() {
        let mut line = Line::default();
        for (id, from) in [(1, 1), (2, 1), (3, 2)] {
            line.put(text(id, from));
        }
        assert_eq!(ids(&mut line), [1, 3]);
        line.failed(&text(1, 1), at(0));
        line.done(&text(3, 2));
        for (id, from) in [(4, 1), (5, 2)] {
            line.put(text(id, from));
        }
        assert_eq!(ids(&mut line), [5], "the texts of the first wait for it");
        let mut now = 0;
        for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
            line.wake(at(now + rest - 1));
            assert_eq!(line.read_to(), SmsId(5), "{rest}");
            now += rest;
            line.wake(at(now));
            assert_eq!(line.read_to(), SmsId(0), "{rest}");
            for (id, from) in [(1, 1), (2, 1), (4, 1), (5, 2)] {
                line.put(text(id, from));
            }
            assert_eq!(ids(&mut line), [1], "what is in its turn is known");
            line.failed(&text(1, 1), at(now));
        }
        now += 60;
        line.wake(at(now));
        line.put(text(1, 1));
        line.put(text(2, 1));
        assert_eq!(ids(&mut line), [1]);
        line.done(&text(1, 1));
        assert_eq!(ids(&mut line), [2]);
        assert!(line.resting.is_empty());
    }

    /// A ledger that takes nothing for a while: every number rests, none is forgotten.
    #[test]
    fn when_all_have_rested_they_are_read_again() {
        let mut line = Line::default();
        let numbers = u32::try_from(RESTING_MAX).unwrap();
        for from in 0..numbers {
            let sms = text(i64::from(from) + 1, from);
            line.put(sms.clone());
            assert_eq!(line.next().map(|next| next.id), Some(sms.id));
            line.failed(&sms, at(0));
        }
        assert_eq!(line.room(), 0);
        line.wake(at(1));
        assert_eq!((line.room(), line.read_to()), (LINE_MAX, SmsId(0)));
        line.put(text(1, 0));
        line.again();
        assert_eq!(line.resting.len(), 1, "but the one in line");
        assert_eq!(ids(&mut line), [1]);
    }

    #[test]
    fn the_line_is_bounded() {
        let mut line = Line::default();
        for id in 1..=LINE_MAX {
            line.put(text(i64::try_from(id).unwrap(), 1));
        }
        assert_eq!(line.room(), 0);
        let first = line.next().unwrap();
        line.failed(&first, at(0));
        assert_eq!(line.room(), LINE_MAX, "the ledger keeps them");
    }
}
