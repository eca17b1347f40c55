//! What the binds of one link and its handles share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

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
        let board = (1..=config.count.max(1))
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
