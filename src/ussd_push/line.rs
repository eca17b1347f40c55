//! The screens of one session, one after the other: the newest callback's is the one that counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::callback::{Input, Msisdn, Repeat};
use crate::gateway::UssdCall;

/// Between two looks for sessions that are over.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// An operator's session, with its number where that is known.
pub type SessionOf = (Option<Msisdn>, String);

/// Whose screen it is, and what tells that it came before.
pub struct Whose {
    /// The session.
    pub session: SessionOf,
    /// What a repeat of the callback has in common with it; none where nothing tells a repeat.
    pub repeat: Option<String>,
}

impl Whose {
    /// That of a callback.
    pub fn of(call: &UssdCall) -> Self {
        let repeat = match (&call.repeat, &call.input) {
            (Repeat::Key(key), _) => Some(format!("key {key}")),
            (Repeat::Number(number), _) => Some(format!("number {number}")),
            (Repeat::Path, Input::Path(path)) => Some(format!("path {path}")),
            (
                Repeat::Path,
                Input::Dial(_) | Input::Text(_) | Input::Unsaid { .. } | Input::Closed,
            )
            | (Repeat::None | Repeat::Octets { .. }, _) => None,
        };
        Self {
            session: (Some(call.subscriber.clone()), call.session.clone()),
            repeat,
        }
    }
}

/// What is known of the newest callback of a session.
#[derive(Default)]
struct Newest {
    /// Which one, counted from 1.
    number: u64,
    /// What tells a repeat of it.
    repeat: Option<String>,
    /// Whether the phone shows its screen, or will: not where it was not taken.
    shows: bool,
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

struct Known {
    lines: HashMap<SessionOf, (Arc<Line>, Instant)>,
    swept: Instant,
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
            known: Mutex::new(Known {
                lines: HashMap::new(),
                swept: Instant::now(),
            }),
            life,
        }
    }

    /// The ticket of a callback, with which it is its session's newest. None for a repeat of the
    /// newest one whose screen is on its way or was taken, for all we know.
    pub(super) fn ticket(&self, whose: Whose) -> Option<Ticket> {
        let line = self.line(whose.session);
        let number = {
            let mut newest = line.newest();
            if newest.shows && whose.repeat.is_some() && newest.repeat == whose.repeat {
                return None;
            }
            newest.number += 1;
            newest.repeat = whose.repeat;
            newest.shows = true;
            newest.number
        };
        Some(Ticket { line, number })
    }

    /// Whatever waits for the session is out of date.
    pub(super) fn close(&self, session: &SessionOf) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((line, _)) = known.lines.remove(session) {
            line.newest().number += 1;
        }
    }

    fn line(&self, session: SessionOf) -> Arc<Line> {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if now - known.swept >= SWEEP_EVERY {
            known.swept = now;
            let life = self.life;
            let lives =
                |line: &Arc<Line>, seen: Instant| Arc::strong_count(line) > 1 || now - seen < life;
            known.lines.retain(|_, (line, seen)| lives(line, *seen));
        }
        let (line, seen) = known
            .lines
            .entry(session)
            .or_insert_with(|| (Arc::default(), now));
        *seen = now;
        Arc::clone(line)
    }
}

/// A callback in the line of its session.
pub(super) struct Ticket {
    line: Arc<Line>,
    number: u64,
}

impl Ticket {
    /// Whether nothing newer has come.
    pub(super) fn holds(&self) -> bool {
        self.line.newest().number == self.number
    }

    /// Waits until those before are done with.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.line.turn.lock().await
    }

    /// Its screen is done with: it may be shown, or a repeat may bring it.
    pub(super) fn done(&self, may_show: bool) {
        let mut newest = self.line.newest();
        if newest.number == self.number {
            newest.shows = may_show;
        }
    }
}
