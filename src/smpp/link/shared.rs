//! What the binds of one link and its handles share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::callback::Msisdn;
use crate::clock::{Clock, Moment};
use crate::smpp::config::SmppConfig;
use crate::smpp::link::board::Record;
use crate::smpp::link::queue::Queue;
use crate::smpp::link::stream::Dial;
use crate::smpp::link::tardy::Tardy;
use crate::smpp::pace::Pace;
use crate::smpp::retry::Account;
use crate::smpp::status::LinkStatus;

/// A clock for time-outs, which nobody can set back.
#[derive(Clone, Copy)]
pub(super) struct Time {
    base: Moment,
    from: Instant,
}

impl Time {
    pub fn new(base: Moment) -> Self {
        Self {
            base,
            from: Instant::now(),
        }
    }

    pub fn now(self) -> Moment {
        self.base.plus(self.from.elapsed())
    }

    pub fn instant(self, moment: Moment) -> Instant {
        self.from + moment.since(self.base)
    }
}

/// Which USSD session, on this link.
pub(super) type SessionOf = (Msisdn, String);

/// The last callback of each USSD session to which something is still to be said: only that one is
/// answered, on whichever bind the next one comes. It holds no more than there are [`Newest`].
#[derive(Default)]
pub(super) struct Sessions(Mutex<Last>);

#[derive(Default)]
struct Last {
    callbacks: u64,
    of: HashMap<SessionOf, u64>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A callback of it has come; those before it are overtaken.
    pub fn newest(self: &Arc<Self>, session: SessionOf) -> Newest {
        let mut last = self.lock();
        last.callbacks += 1;
        let callback = last.callbacks;
        last.of.insert(session.clone(), callback);
        drop(last);
        Newest {
            sessions: Arc::clone(self),
            session,
            callback,
        }
    }

    /// It is over: what is still to be said to it, nobody would see.
    pub fn end(&self, session: &SessionOf) {
        self.lock().of.remove(session);
    }
}

/// A callback that is to be answered, as long as it is the last one of its session.
pub(super) struct Newest {
    sessions: Arc<Sessions>,
    session: SessionOf,
    callback: u64,
}

impl Newest {
    /// Whether its session has neither gone on nor ended.
    pub fn holds(&self) -> bool {
        self.sessions.lock().of.get(&self.session) == Some(&self.callback)
    }
}

impl Drop for Newest {
    fn drop(&mut self) {
        let mut last = self.sessions.lock();
        if last.of.get(&self.session) == Some(&self.callback) {
            last.of.remove(&self.session);
        }
    }
}

/// As many as may be under way. What comes again after its session's life belongs to another one.
fn tardy_callbacks(config: &SmppConfig, binds: usize) -> Tardy {
    config
        .ussd_settings
        .as_ref()
        .map_or_else(Tardy::default, |settings| {
            let most = settings.at_once.saturating_mul(2).saturating_mul(binds);
            Tardy::new(most, settings.session())
        })
}

/// What the binds of one link and its handles share.
pub(super) struct Shared {
    pub config: Arc<SmppConfig>,
    pub clock: Arc<dyn Clock>,
    pub time: Time,
    pub dial: Dial,
    pub queue: Queue,
    pub board: Vec<Record>,
    /// What the ledger took too long with, on any of the binds.
    pub tardy: Tardy,
    /// The same of USSD callbacks.
    pub tardy_callbacks: Tardy,
    /// USSD sessions to which something is still to be said, from any of the binds.
    pub sessions: Arc<Sessions>,
    /// Binds on which a submit could go now.
    pub up: watch::Sender<usize>,
    pub stop: watch::Sender<bool>,
    pace: Mutex<Pace>,
    account: Mutex<Account>,
    tickets: AtomicU64,
}

impl Shared {
    pub fn new(config: SmppConfig, clock: Arc<dyn Clock>, dial: Dial) -> Self {
        let now = clock.now();
        let board: Vec<Record> = (1..=config.count.max(1))
            .flat_map(|number| {
                let kinds = config.bind.kinds();
                kinds
                    .iter()
                    .map(move |kind| Record::new(*kind, number, now))
            })
            .collect();
        Self {
            time: Time::new(now),
            dial,
            queue: Queue::default(),
            tardy: Tardy::default(),
            tardy_callbacks: tardy_callbacks(&config, board.len()),
            sessions: Arc::default(),
            board,
            up: watch::channel(0).0,
            stop: watch::channel(false).0,
            pace: Mutex::new(Pace::new(config.limit())),
            account: Mutex::new(Account::new(config.retry)),
            tickets: AtomicU64::new(0),
            clock,
            config: Arc::new(config),
        }
    }

    pub fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    pub fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits may go on one bind more.
    pub fn step_up(&self) {
        self.up.send_modify(|up| *up += 1);
    }

    /// Submits may go on one bind less; what waits for the last one goes back.
    pub fn step_down(&self) {
        self.up.send_modify(|up| *up = up.saturating_sub(1));
        if *self.up.borrow() == 0 {
            self.queue.send_back();
        } else {
            self.queue.bell.notify_one();
        }
    }

    /// How long a part may wait for its turn: a response time-out beside the time that the rate
    /// needs for those before it.
    pub fn patience(&self) -> Duration {
        let waiting = self.queue.len().saturating_add(1);
        Duration::from_millis(self.config.response_ms) + self.pace().time_for(waiting)
    }

    pub fn status(&self) -> LinkStatus {
        let (rate, limit) = {
            let pace = self.pace();
            (pace.rate(), pace.limit())
        };
        LinkStatus {
            link: self.config.name.as_str().to_owned(),
            peer: self.config.peer(),
            rate,
            limit,
            queued: self.queue.len(),
            binds: self
                .board
                .iter()
                .map(|record| record.status(self.config.window.max(1)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn session(id: &str) -> SessionOf {
        (Msisdn::parse("+212661000001").unwrap(), id.to_owned())
    }

    #[test]
    fn only_the_last_callback_of_a_session_is_answered_and_nothing_is_left_behind() {
        let sessions = Arc::new(Sessions::default());
        let (first, other) = (sessions.newest(session("1")), sessions.newest(session("2")));
        let second = sessions.newest(session("1"));
        let hold = (first.holds(), second.holds(), other.holds());
        assert_eq!(hold, (false, true, true));
        drop(first);
        assert!(second.holds());
        sessions.end(&session("1"));
        assert!(!second.holds());
        assert_eq!(sessions.lock().of.len(), 1);
        drop((second, other));
        assert!(sessions.lock().of.is_empty());
    }
}
