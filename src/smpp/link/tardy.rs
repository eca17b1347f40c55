//! Messages that the ledger took longer with than an operator waits.
//!
//! The operator was asked to come again, but what was begun goes on, and on the same bind the second
//! coming would be taken for a new message. So it gets the word on the first.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{FutureExt, Shared};

use crate::clock::Moment;
use crate::store::{Mark, StoreError};

/// Messages that are kept; while the ledger is busy with so many, none is begun. What had been begun
/// by then, at most `inbound` on each bind, is kept beyond.
const KEPT_MAX: usize = 256;
/// How long an operator that was asked to come again is waited for.
const COMES_AGAIN: Duration = Duration::from_secs(10 * 60);

/// The ledger's work on one message: whether it has it.
pub(super) type Storing = Shared<Pin<Box<dyn Future<Output = Result<(), StoreRefused>> + Send>>>;

/// The ledger refused. Why is in its own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoreRefused;

impl From<StoreError> for StoreRefused {
    fn from(_: StoreError) -> Self {
        Self
    }
}

/// Work that takes a message in.
pub(super) fn storing<F>(work: F) -> Storing
where
    F: Future<Output = Result<(), StoreRefused>> + Send + 'static,
{
    let work: Pin<Box<dyn Future<Output = Result<(), StoreRefused>> + Send>> = Box::pin(work);
    work.shared()
}

struct Kept {
    fingerprint: Mark,
    since: Moment,
    storing: Storing,
    /// The connection that it ends with; none where it outlives it.
    open: Option<Weak<()>>,
}

/// The work that nobody waits for at present, by the fingerprint of its message.
pub(super) struct Tardy {
    kept: Mutex<VecDeque<Kept>>,
    most: usize,
    comes_again: Duration,
}

impl Default for Tardy {
    fn default() -> Self {
        Self::new(KEPT_MAX, COMES_AGAIN)
    }
}

impl Tardy {
    /// For so many, of which each comes again within so long.
    pub fn new(most: usize, comes_again: Duration) -> Self {
        Self {
            kept: Mutex::default(),
            most,
            comes_again,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work on an equal message, for one coming of it; none where there was none or the ledger
    /// has refused it.
    pub fn take(&self, fingerprint: &Mark, now: Moment) -> Option<Storing> {
        self.remove(fingerprint, now).map(|one| one.storing)
    }

    /// The same of what was kept by [`Tardy::keep_while`], and the connection that it ends with.
    pub fn take_while(&self, fingerprint: &Mark, now: Moment) -> Option<(Storing, Weak<()>)> {
        let one = self.remove(fingerprint, now)?;
        Some((one.storing, one.open?))
    }

    fn remove(&self, fingerprint: &Mark, now: Moment) -> Option<Kept> {
        let mut kept = self.lock();
        kept.retain(|one| {
            let is_open = one.open.as_ref().is_none_or(|open| open.strong_count() > 0);
            let in_time = now < one.since.plus(self.comes_again);
            is_open && (one.storing.peek().is_none() || in_time)
        });
        let at = kept
            .iter()
            .position(|one| one.fingerprint == *fingerprint)?;
        let one = kept.remove(at)?;
        match one.storing.peek() {
            Some(Err(StoreRefused)) => None,
            Some(Ok(())) | None => Some(one),
        }
    }

    /// Whether the ledger is behind with so many that no other is to be begun.
    pub fn is_full(&self) -> bool {
        let kept = self.lock();
        kept.len() >= self.most && kept.iter().all(|one| one.storing.peek().is_none())
    }

    /// Keeps work that took too long; it goes on meanwhile. What is done gives way to it.
    pub fn keep(&self, fingerprint: Mark, since: Moment, storing: Storing) {
        self.add(fingerprint, since, storing, None);
    }

    /// The same, until the connection has closed on which it came; then the ledger tells what is a
    /// repeat.
    pub fn keep_while(&self, open: Weak<()>, fingerprint: Mark, since: Moment, storing: Storing) {
        self.add(fingerprint, since, storing, Some(open));
    }

    fn add(&self, fingerprint: Mark, since: Moment, storing: Storing, open: Option<Weak<()>>) {
        tokio::spawn(storing.clone());
        let mut kept = self.lock();
        if kept.len() >= self.most {
            let done = kept.iter().position(|one| one.storing.peek().is_some());
            let _forgotten = done.and_then(|at| kept.remove(at));
        }
        kept.push_back(Kept {
            fingerprint,
            since,
            storing,
            open,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::sync::Arc;

    fn mark(number: usize) -> Mark {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_be_bytes());
        mark
    }

    const THEN: Moment = Moment::from_ms(1_000_000);

    #[tokio::test]
    async fn each_is_taken_once() {
        let tardy = Tardy::default();
        tardy.keep(mark(1), THEN, storing(pending()));
        assert!(tardy.take(&mark(2), THEN).is_none());
        assert!(tardy.take(&mark(1), THEN).is_some());
        assert!(tardy.take(&mark(1), THEN).is_none());
    }

    #[tokio::test]
    async fn what_is_behind_keeps_the_door_shut_and_what_is_done_gives_way() {
        let tardy = Tardy::default();
        for number in 1..KEPT_MAX {
            tardy.keep(mark(number), THEN, storing(pending()));
        }
        let done = storing(ready(Ok(())));
        assert_eq!(done.clone().await, Ok(()));
        tardy.keep(mark(0), THEN, done);
        assert!(!tardy.is_full());
        tardy.keep(mark(KEPT_MAX), THEN, storing(pending()));
        assert!(tardy.is_full());
        assert!(tardy.take(&mark(0), THEN).is_none());
        assert_eq!(tardy.lock().len(), KEPT_MAX);
    }

    #[tokio::test]
    async fn what_was_refused_is_begun_again_and_what_was_stored_is_forgotten_in_time() {
        let tardy = Tardy::default();
        for (number, end) in [(1, Err(StoreRefused)), (2, Ok(())), (3, Ok(()))] {
            let work = storing(ready(end));
            assert_eq!(work.clone().await, end);
            tardy.keep(mark(number), THEN, work);
        }
        assert!(tardy.take(&mark(1), THEN).is_none());
        assert!(tardy.take(&mark(2), THEN).is_some());
        assert!(tardy.take(&mark(3), THEN.plus(COMES_AGAIN)).is_none());
    }

    #[tokio::test]
    async fn what_ends_with_its_connection_is_not_taken_after_that() {
        let tardy = Tardy::default();
        let open = Arc::new(());
        for number in [1, 2] {
            let work = storing(pending());
            tardy.keep_while(Arc::downgrade(&open), mark(number), THEN, work);
        }
        assert!(tardy.take_while(&mark(1), THEN).is_some());
        drop(open);
        assert!(tardy.take_while(&mark(2), THEN).is_none());
        assert_eq!(tardy.lock().len(), 0);
    }

    /// The work goes on although nobody waits for it.
    #[tokio::test]
    async fn it_ends_by_itself() {
        let tardy = Tardy::default();
        let (said, heard) = tokio::sync::oneshot::channel();
        let work = async move {
            said.send(()).map_err(|()| StoreRefused)?;
            Ok(())
        };
        tardy.keep(mark(1), THEN, storing(work));
        assert_eq!(heard.await, Ok(()));
    }
}
