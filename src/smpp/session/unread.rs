//! Which of our answers the operator may not have read.
//!
//! Octets arrive in their order: who answers a request of ours has read every answer that was written
//! before it. What is not shown in that way may come again on another bind.

use std::collections::VecDeque;

use crate::clock::Moment;

/// Answers that are told apart; of more, the oldest are as one.
const TOLD_APART_MAX: usize = 4096;

/// Answers that were written, until they are shown to have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    written: u64,
    /// The number of an answer, and when what it answers came.
    answers: VecDeque<(u64, Moment)>,
}

impl Unread {
    /// An answer was written, to what came at this moment.
    pub fn answered(&mut self, came: Moment) {
        self.written += 1;
        if self.answers.len() >= TOLD_APART_MAX
            && let Some((_, oldest)) = self.answers.pop_front()
            && let Some((_, next)) = self.answers.front_mut()
        {
            *next = oldest.min(*next);
        }
        self.answers.push_back((self.written, came));
    }

    /// How many answers a request comes behind that is written now.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// A request that came behind so many answers was answered.
    pub fn read(&mut self, behind: u64) {
        while self
            .answers
            .pop_front_if(|(number, _)| *number <= behind)
            .is_some()
        {}
    }

    /// When the oldest of what they answer came.
    pub fn since(&self) -> Option<Moment> {
        self.answers.iter().map(|(_, came)| *came).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Moment {
        Moment::from_ms(ms)
    }

    #[test]
    fn an_answered_request_shows_what_was_before_it() {
        let mut unread = Unread::default();
        assert_eq!(unread.since(), None);
        unread.answered(at(20));
        let request = unread.written();
        unread.answered(at(10));
        unread.answered(at(30));
        assert_eq!(unread.since(), Some(at(10)));
        unread.read(request);
        assert_eq!(unread.since(), Some(at(10)));
        unread.read(request + 1);
        assert_eq!(unread.since(), Some(at(30)));
        unread.read(unread.written());
        assert_eq!(unread.since(), None);
    }

    #[test]
    fn of_very_many_the_oldest_are_as_one() {
        let mut unread = Unread::default();
        let most = u64::try_from(TOLD_APART_MAX).unwrap_or(u64::MAX);
        for came in 0..2 * most {
            unread.answered(at(i64::try_from(came).unwrap_or(0)));
        }
        assert_eq!(unread.answers.len(), TOLD_APART_MAX);
        unread.read(most);
        assert_eq!(
            unread.since(),
            Some(at(0)),
            "none is taken for read too early"
        );
        unread.read(most + 1);
        assert_eq!(
            unread.since(),
            Some(at(i64::try_from(most).unwrap_or(0) + 1))
        );
    }
}
