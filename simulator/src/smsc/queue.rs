//! What the message centre has for the gateway: texts of phones, receipts, USSD, each until it is
//! answered.

use std::collections::{BTreeMap, VecDeque};

use rusmpp::Pdu;

/// A request that is answered with "come again" that often is given up.
const ATTEMPTS_MAX: u32 = 100;

/// What it is, for the behaviours that touch only some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text of a phone, or a part of one.
    Text,
    /// A receipt.
    Receipt,
    /// A step of a USSD session.
    Ussd,
}

/// One request that the gateway has not answered yet.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// deliver_sm or data_sm.
    pub pdu: Pdu,
    /// Parts of one text have one number.
    pub message: u64,
    /// What it is.
    pub kind: Kind,
    attempts: u32,
}

/// How it went with a message to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Some part has no answer yet.
    Waiting,
    /// Every part was answered with status 0.
    All,
    /// A part was answered with this status.
    Refused(u32),
}

/// Everything for the gateway.
#[derive(Debug, Default)]
pub struct Queue {
    last: u64,
    waiting: VecDeque<(u64, Delivery)>,
    /// Sent, with the connection that each was sent on.
    sent: BTreeMap<u64, (u64, Delivery)>,
    /// Put aside to come again after a pause.
    resting: BTreeMap<u64, Delivery>,
    /// Requests without a final answer, by message.
    open: BTreeMap<u64, usize>,
    unanswered: usize,
    refused: BTreeMap<u64, u32>,
}

impl Queue {
    /// Puts a request behind all others.
    pub fn push(&mut self, message: u64, kind: Kind, pdu: Pdu) {
        self.last += 1;
        *self.open.entry(message).or_default() += 1;
        self.unanswered += 1;
        let delivery = Delivery {
            pdu,
            message,
            kind,
            attempts: 0,
        };
        self.waiting.push_back((self.last, delivery));
    }

    /// The next request, which counts as sent on the connection.
    pub fn next(&mut self, connection: u64) -> Option<(u64, Delivery)> {
        let (number, delivery) = self.waiting.pop_front()?;
        self.sent.insert(number, (connection, delivery.clone()));
        Some((number, delivery))
    }

    /// The request of this number, if it is sent and has no answer.
    pub fn sent(&self, number: u64) -> Option<&Delivery> {
        self.sent.get(&number).map(|(_, delivery)| delivery)
    }

    /// The gateway's answer; 0 is yes.
    pub fn answered(&mut self, number: u64, status: u32) {
        if let Some((_, delivery)) = self.sent.remove(&number) {
            self.close(delivery.message);
            if status != 0 {
                self.refused.insert(delivery.message, status);
            }
        }
    }

    fn close(&mut self, message: u64) {
        self.unanswered -= 1;
        if let Some(open) = self.open.get_mut(&message) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&message);
            }
        }
    }

    /// The gateway asked to come again: the request is put aside until [`Queue::again`]. `false`
    /// where it has come too often.
    pub fn rest(&mut self, number: u64) -> bool {
        match self.sent.remove(&number) {
            Some((connection, delivery)) if delivery.attempts >= ATTEMPTS_MAX => {
                self.sent.insert(number, (connection, delivery));
                false
            }
            Some((_, mut delivery)) => {
                delivery.attempts += 1;
                self.resting.insert(number, delivery);
                true
            }
            None => true,
        }
    }

    /// A request that was put aside comes again, before all others.
    pub fn again(&mut self, number: u64) {
        if let Some(delivery) = self.resting.remove(&number) {
            self.waiting.push_front((number, delivery));
        }
    }

    /// The connection is gone: what had no answer on it comes again, in the same order.
    pub fn release(&mut self, connection: u64) {
        let gone: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, (on, _))| *on == connection)
            .map(|(number, _)| *number)
            .collect();
        for number in gone.into_iter().rev() {
            if let Some((_, delivery)) = self.sent.remove(&number) {
                self.waiting.push_front((number, delivery));
            }
        }
    }

    /// How it stands with a message.
    pub fn taken(&self, message: u64) -> Taken {
        if let Some(status) = self.refused.get(&message) {
            Taken::Refused(*status)
        } else if self.open.contains_key(&message) {
            Taken::Waiting
        } else {
            Taken::All
        }
    }

    /// How many requests have no final answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn queue(messages: &[u64]) -> Queue {
        let mut queue = Queue::default();
        for message in messages {
            queue.push(*message, Kind::Text, Pdu::EnquireLink);
        }
        queue
    }

    fn next(queue: &mut Queue, connection: u64) -> u64 {
        queue.next(connection).unwrap().0
    }

    #[test]
    fn a_message_is_taken_when_every_part_is() {
        let mut queue = queue(&[7, 7, 8]);
        assert_eq!((next(&mut queue, 1), next(&mut queue, 1)), (1, 2));
        queue.answered(1, 0);
        assert_eq!(queue.taken(7), Taken::Waiting);
        queue.answered(2, 0);
        assert_eq!(queue.taken(7), Taken::All);
        assert_eq!(queue.unanswered(), 1);
        next(&mut queue, 1);
        queue.answered(3, 0x0b);
        assert_eq!(queue.taken(8), Taken::Refused(0x0b));
    }

    #[test]
    fn what_a_connection_left_comes_again_in_order() {
        let mut queue = queue(&[1, 2, 3, 4]);
        for connection in [1, 2, 1] {
            next(&mut queue, connection);
        }
        queue.release(1);
        let order: Vec<u64> = (0..3).map(|_| next(&mut queue, 3)).collect();
        assert_eq!(order, [1, 3, 4]);
        assert!(queue.sent(2).is_some() && queue.next(3).is_none());
    }

    #[test]
    fn who_is_asked_to_come_again_rests() {
        let mut queue = queue(&[1]);
        for _ in 0..ATTEMPTS_MAX {
            assert_eq!(next(&mut queue, 1), 1);
            assert!(queue.rest(1));
            assert!(queue.next(1).is_none());
            assert_eq!(queue.taken(1), Taken::Waiting);
            queue.again(1);
        }
        next(&mut queue, 1);
        assert!(!queue.rest(1), "not for ever");
        queue.answered(1, 0x58);
        assert_eq!(queue.taken(1), Taken::Refused(0x58));
    }
}
