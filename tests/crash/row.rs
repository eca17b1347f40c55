//! A row of the table while it runs: what it shares the machine with, and how long it may take.
//!
//! A row is pieces of work, each at a site of its own: a program is started, people use it, something
//! strikes. Only so many pieces are done at once ([`ROOM`]); what waits for a clock (the grace of an
//! unknown outcome, a node that is stopped for half a minute) leaves its room to others. Rows that wait
//! for long get theirs first, so that the others are done meanwhile; rows that measure time or
//! limit the machine have all of it, when nobody else wants any.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Held;
use crate::program::LOOK;

/// Pieces of work at once: they keep two cores busy.
const ROOM: usize = 4;

/// When a row gets its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Before all others, with all of it: it measures time, and waits for long afterwards.
    AloneFirst,
    /// Before others: it waits for long afterwards.
    First,
    /// Beside the others.
    Beside,
    /// When nobody else wants any, and then all of it: it measures time.
    Alone,
}

/// What a row knows of itself.
#[derive(Debug)]
pub struct Row {
    when: When,
    /// When it got its first room.
    began: OnceLock<Instant>,
}

tokio::task_local! {
    /// The row that runs in this task.
    static ROW: std::sync::Arc<Row>;
}

/// Runs a row, no longer than `bound` from when it got its first room; what came of it and how long that
/// took.
pub async fn run<T>(
    when: When,
    bound: Duration,
    fault: impl Future<Output = Held<T>>,
) -> (Held<T>, Duration) {
    let row = std::sync::Arc::new(Row {
        when,
        began: OnceLock::new(),
    });
    let too_long = async {
        while row.took() < bound {
            tokio::time::sleep(LOOK * 10).await;
        }
    };
    let seen = ROW.scope(std::sync::Arc::clone(&row), fault);
    let seen = tokio::select! {
        seen = seen => seen,
        () = too_long => Err(format!("it ran over its bound of {} s", bound.as_secs())),
    };
    (seen, row.took())
}

impl Row {
    fn took(&self) -> Duration {
        self.began.get().map_or(Duration::ZERO, Instant::elapsed)
    }
}

/// The room of a piece of work, until it is left or dropped.
#[derive(Debug)]
pub struct Room {
    size: Mutex<usize>,
}

impl Room {
    /// Waits until there is room.
    pub async fn taken() -> Self {
        let row = ROW.try_with(std::sync::Arc::clone).ok();
        let when = row.as_ref().map_or(When::Beside, |row| row.when);
        let size = match when {
            When::First | When::Beside => 1,
            When::AloneFirst | When::Alone => ROOM,
        };
        let room = match QUEUE.wait(when, size) {
            Ok(room) => room,
            // The sender is in the queue until it has sent.
            Err(told) => told.await.unwrap_or_else(|_| Self::of(0)),
        };
        if let Some(row) = row {
            row.began.get_or_init(Instant::now);
        }
        room
    }

    /// Leaves it to others: what follows is waiting.
    pub fn leave(&self) {
        let size = std::mem::take(&mut *self.size.lock().unwrap_or_else(PoisonError::into_inner));
        if size > 0 {
            QUEUE.left(size);
        }
    }

    fn of(size: usize) -> Self {
        Self {
            size: Mutex::new(size),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Who waits for room, in their order: when, then who came first.
type Waiting = BTreeMap<(When, u64), (usize, oneshot::Sender<Room>)>;

struct Queue(Mutex<(usize, u64, Waiting)>);

static QUEUE: LazyLock<Queue> = LazyLock::new(|| Queue(Mutex::new((ROOM, 0, BTreeMap::new()))));

impl Queue {
    fn wait(&self, when: When, size: usize) -> Result<Room, oneshot::Receiver<Room>> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (free, number, waiting) = &mut *queue;
        let is_next = waiting.keys().next().is_none_or(|(first, _)| when < *first);
        if is_next && *free >= size {
            *free -= size;
            return Ok(Room::of(size));
        }
        let (tell, told) = oneshot::channel();
        *number += 1;
        waiting.insert((when, *number), (size, tell));
        Err(told)
    }

    fn left(&self, size: usize) {
        let mut next = Vec::new();
        {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (free, _, waiting) = &mut *queue;
            *free += size;
            while let Some(first) = waiting.first_entry() {
                if first.get().0 > *free {
                    break;
                }
                let (size, tell) = first.remove();
                *free -= size;
                next.push((tell, Room::of(size)));
            }
        }
        // Who waits no more drops it, and it is the next one's.
        for (tell, room) in next {
            drop(tell.send(room));
        }
    }
}
