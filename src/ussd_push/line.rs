//! The screens of one session, one after the other: the newest callback's is the one that counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Mark;

/// Sessions of a link at most that are remembered, about 300 octets each, and 40 for each repeat that is known. Beyond them the one that
/// was remembered first is forgotten where none of its screens is under way: a repeat would be
/// posted again.
const LINES_MAX: usize = 50_000;

/// Sessions at most that are looked at with every callback, whether they are over.
const LOOKS: usize = 2;

/// Whose screen it is, and what tells that it came before. Nothing of it is in clear.
pub struct Whose {
    /// What tells the operator's session from others.
    pub session: Mark,
    /// What a repeat of the callback has in common with it; none where nothing tells a repeat.
    pub repeat: Option<Mark>,
    /// Whether it may begin another session under the same id, whose callbacks are marked anew: it
    /// is no repeat then but of the newest.
    pub may_begin: bool,
}

/// Callbacks of a session at most whose repeats are known; what is older comes again as if it were
/// new.
const REPEATS_MAX: usize = 16;

/// How far the screen of a callback is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of it can be on the phone.
    #[default]
    Lost,
    /// It is on its way, and not written yet.
    Comes,
    /// It is being written, or was: the phone may show it, which the ledger does not know yet.
    Written,
    /// The phone shows it for all that is known, and the ledger knows.
    Shown,
    /// The phone may show that there was no turn.
    Apology,
}

/// What is known of the newest callback of a session.
#[derive(Default)]
struct Newest {
    /// Which one, counted from 1.
    number: u64,
    /// What tells repeats of the last ones, with their numbers, the newest at the end.
    repeats: VecDeque<(u64, Mark)>,
    /// How far its screen is.
    stage: Stage,
}

impl Newest {
    /// Whether a callback repeats one of the last.
    fn repeated(&self, whose: &Whose) -> Option<u64> {
        let mark = whose.repeat.as_ref()?;
        let found = self.repeats.iter().find(|(_, known)| known == mark);
        let number = found.map(|(number, _)| *number)?;
        (number == self.number || !whose.may_begin).then_some(number)
    }

    /// Takes in one that is to be the newest.
    fn take(&mut self, whose: Whose) {
        self.number += 1;
        self.stage = Stage::Comes;
        if whose.may_begin {
            self.repeats.clear();
        }
        if let Some(mark) = whose.repeat {
            self.repeats.retain(|(_, known)| *known != mark);
            if self.repeats.len() >= REPEATS_MAX {
                self.repeats.pop_front();
            }
            self.repeats.push_back((self.number, mark));
        }
    }
}

#[derive(Default)]
struct Line {
    newest: Mutex<Newest>,
    turn: tokio::sync::Mutex<()>,
}

impl Line {
    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line of a session, and when something came in it last.
type Seen = (Arc<Line>, Instant);

#[derive(Default)]
struct Known {
    lines: HashMap<Mark, Seen>,
    /// Each of them once, with the time at which it was looked at last.
    looks: VecDeque<(Mark, Instant)>,
}

impl Known {
    /// Looks whether the first few are over, and forgets those. A line is forgotten between one and
    /// two lives after what came last in it.
    fn sweep(&mut self, life: Duration, now: Instant) {
        for _ in 0..LOOKS {
            let due = |(_, looked): &mut (Mark, Instant)| now - *looked >= life;
            let Some((session, _)) = self.looks.pop_front_if(due) else {
                return;
            };
            self.forget_if(session, now, |(line, seen)| {
                is_idle(line) && now - *seen >= life
            });
        }
    }

    /// Makes room for one more.
    fn make_room(&mut self, now: Instant) {
        // As many are under way as the pusher takes at most, which is far less.
        for _ in 0..self.looks.len() {
            if self.lines.len() < LINES_MAX {
                return;
            }
            let Some((session, _)) = self.looks.pop_front() else {
                return;
            };
            self.forget_if(session, now, |(line, _)| is_idle(line));
        }
    }

    /// Forgets what was looked at, or puts it behind the others.
    fn forget_if(&mut self, session: Mark, now: Instant, is_over: impl Fn(&Seen) -> bool) {
        if self.lines.get(&session).is_none_or(is_over) {
            self.lines.remove(&session);
        } else {
            self.looks.push_back((session, now));
        }
    }
}

/// Whether nobody has a ticket for it.
fn is_idle(line: &Arc<Line>) -> bool {
    Arc::strong_count(line) == 1
}

/// The lines of all sessions of a link.
pub(super) struct Lines {
    known: Mutex<Known>,
    /// How long a silent session lives.
    life: Duration,
}

impl Lines {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            known: Mutex::default(),
            life,
        }
    }

    /// The ticket of a callback, with which it is its session's newest. None for a repeat: of the
    /// newest one whose screen is on its way or was taken, for all we know, and of any before it,
    /// whose screen has no place on the phone any more.
    pub(super) fn ticket(&self, whose: Whose) -> Option<Ticket> {
        let line = self.line(whose.session);
        let (number, before) = {
            let mut newest = line.newest();
            let before = newest.stage;
            let repeated = newest.repeated(&whose);
            let is_older = repeated.is_some_and(|number| number != newest.number);
            if is_older || repeated.is_some() && !matches!(before, Stage::Lost | Stage::Apology) {
                return None;
            }
            newest.take(whose);
            let before = match (before, repeated) {
                // Only to its own repeat it says anything.
                (Stage::Apology, None) => Stage::Lost,
                (before, _) => before,
            };
            (newest.number, before)
        };
        Some(Ticket {
            line,
            number,
            before,
            is_done: false,
        })
    }

    /// Whatever waits for the session is out of date.
    pub(super) fn close(&self, session: &Mark) {
        // It stays for as long as one that is silent: that each is looked at once keeps the
        // bookkeeping as small as what it is about.
        if let Some((line, _)) = self.known().lines.get(session) {
            let mut newest = line.newest();
            *newest = Newest {
                number: newest.number + 1,
                ..Newest::default()
            };
        }
    }

    fn line(&self, session: Mark) -> Arc<Line> {
        let now = Instant::now();
        let mut known = self.known();
        known.sweep(self.life, now);
        if let Some((line, seen)) = known.lines.get_mut(&session) {
            *seen = now;
            return Arc::clone(line);
        }
        known.make_room(now);
        let line: Arc<Line> = Arc::default();
        known.lines.insert(session, (Arc::clone(&line), now));
        known.looks.push_back((session, now));
        line
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A callback in the line of its session. Dropped before it is done with, by a task that failed, it
/// has shown nothing: a repeat may bring its screen.
pub(super) struct Ticket {
    line: Arc<Line>,
    number: u64,
    before: Stage,
    is_done: bool,
}

impl Ticket {
    /// Whether the screen before it may be on the phone without the ledger's knowing.
    pub(super) fn follows_written(&self) -> bool {
        self.before == Stage::Written
    }

    /// Whether it repeats one to which an apology was posted.
    pub(super) fn follows_apology(&self) -> bool {
        self.before == Stage::Apology
    }

    /// How far its screen is, as long as it is the newest.
    pub(super) fn is_at(&self, stage: Stage) {
        let mut newest = self.line.newest();
        if newest.number == self.number {
            newest.stage = stage;
        }
    }

    /// Whether nothing newer has come.
    pub(super) fn holds(&self) -> bool {
        self.line.newest().number == self.number
    }

    /// Waits until those before are done with.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.line.turn.lock().await
    }

    /// Its screen is done with. Behind an END nothing but its own repeat is one, since the id may be
    /// another session's from then on.
    pub(super) fn done(&mut self, stage: Stage, ends: bool) {
        self.is_done = true;
        let mut newest = self.line.newest();
        if newest.number == self.number {
            newest.stage = stage;
            if ends {
                newest.repeats.retain(|(number, _)| *number == self.number);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_done {
            self.done(Stage::Lost, false);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIFE: Duration = Duration::from_secs(180);

    fn whose(session: usize) -> Whose {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&session.to_be_bytes());
        Whose {
            session: mark,
            repeat: Some([1; 32]),
            may_begin: false,
        }
    }

    fn shown(lines: &Lines, session: usize) {
        lines
            .ticket(whose(session))
            .unwrap()
            .done(Stage::Shown, false);
    }

    /// How many are known, and how many are to be looked at.
    fn sizes(lines: &Lines) -> (usize, usize) {
        let known = lines.known();
        (known.lines.len(), known.looks.len())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_is_forgotten_a_few_with_every_callback() {
        let lines = Lines::new(LIFE);
        for session in 0..100 {
            shown(&lines, session);
        }
        tokio::time::advance(LIFE / 2).await;
        assert!(lines.ticket(whose(7)).is_none(), "its repeat");
        lines.close(&whose(8).session);
        shown(&lines, 8);
        tokio::time::advance(LIFE / 2).await;
        let under_way = lines.ticket(whose(100)).unwrap();
        assert_eq!(sizes(&lines), (99, 99));
        for session in 101..150 {
            shown(&lines, session);
        }
        // 7 and 8 were not silent for so long.
        assert_eq!(sizes(&lines), (52, 52));
        tokio::time::advance(LIFE).await;
        for _ in 0..60 {
            lines.close(&whose(148).session);
            shown(&lines, 148);
        }
        assert_eq!(sizes(&lines), (2, 2));
        drop(under_way);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_known_and_no_more() {
        let lines = Lines::new(LIFE);
        let under_way = lines.ticket(whose(0)).unwrap();
        for session in 1..LINES_MAX + 10 {
            shown(&lines, session);
        }
        assert_eq!(sizes(&lines), (LINES_MAX, LINES_MAX));
        assert!(
            lines.ticket(whose(0)).is_none(),
            "what is under way is known"
        );
        assert!(lines.ticket(whose(LINES_MAX)).is_none());
        assert!(lines.ticket(whose(1)).is_some(), "the first is forgotten");
        drop(under_way);
    }

    #[tokio::test(start_paused = true)]
    async fn who_fails_before_it_is_done_has_shown_nothing() {
        let lines = Lines::new(LIFE);
        drop(lines.ticket(whose(1)).unwrap());
        let older = lines.ticket(whose(1)).unwrap();
        let mut newer = whose(1);
        newer.repeat = Some([2; 32]);
        let newer = || Whose {
            repeat: newer.repeat,
            ..whose(1)
        };
        lines.ticket(newer()).unwrap().done(Stage::Shown, false);
        // What fails behind it says nothing of the newest.
        drop(older);
        assert!(lines.ticket(newer()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeat_of_an_older_one_has_no_place() {
        let marked = |mark: u8, may_begin| Whose {
            repeat: Some([mark; 32]),
            may_begin,
            ..whose(1)
        };
        let lines = Lines::new(LIFE);
        for mark in 1..=18 {
            let taken = lines.ticket(marked(mark, false));
            taken.unwrap().done(Stage::Shown, false);
        }
        // The newest was taken, and those before it are out of date; so many are known.
        for mark in 3..=18 {
            assert!(lines.ticket(marked(mark, false)).is_none(), "{mark}");
        }
        // One that was lost comes again, and is the newest still.
        lines
            .ticket(marked(19, false))
            .unwrap()
            .done(Stage::Lost, false);
        assert!(lines.ticket(marked(18, false)).is_none());
        let again = lines.ticket(marked(19, false)).unwrap();
        assert!(!again.follows_written() && again.holds());
        again.is_at(Stage::Written);
        assert!(lines.ticket(marked(19, false)).is_none());
        // Another session under the same id marks its callbacks as the first did.
        let mut dial = lines.ticket(marked(10, true)).unwrap();
        assert!(dial.follows_written());
        dial.done(Stage::Shown, false);
        assert!(lines.ticket(marked(10, true)).is_none(), "its repeat");
        lines
            .ticket(marked(11, false))
            .unwrap()
            .done(Stage::Shown, true);
        assert!(lines.ticket(marked(11, false)).is_none(), "its repeat");
        assert!(lines.ticket(marked(10, false)).is_some(), "behind an END");
    }

    #[tokio::test(start_paused = true)]
    async fn an_apology_is_no_screen_of_its_callback() {
        let lines = Lines::new(LIFE);
        lines.ticket(whose(1)).unwrap().done(Stage::Apology, true);
        let mut again = lines.ticket(whose(1)).unwrap();
        assert!(again.follows_apology());
        again.done(Stage::Shown, false);
        assert!(lines.ticket(whose(1)).is_none());
    }
}
