//! The one writer. Many jobs share a transaction and its fsync; each has a savepoint, so that one
//! that fails takes back its own work and nobody else's. Nobody is answered before the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::engine::{BEGIN, Conn, Fault, checkpoint};
use crate::store::StoreError;

/// Jobs that wait for the writer; callers beyond that wait for room.
const QUEUE_MAX: usize = 1024;
/// Jobs that share a commit.
const BATCH_MAX: usize = 64;
/// Commits between two moves of the log into the file.
const COMMITS_PER_CHECKPOINT: u64 = 64;

/// What a job wants done with what it wrote.
pub(super) enum Verdict<T> {
    /// Commit it.
    Keep(T),
    /// Take it back; the answer stands.
    Undo(T),
}

/// Called when the disk has failed, with the reason. The process must not go on: after a failed
/// fsync nobody knows what the file holds, and only opening it anew reads what is really there.
pub type OnDiskFailure = Arc<dyn Fn(&str) + Send + Sync>;

type Deliver = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Outcome> + Send>;

struct Outcome {
    keep: bool,
    /// The batch cannot be saved, and why.
    disk: Option<String>,
    deliver: Deliver,
}

/// A handle to the writer; the writer ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the writer on its connection.
    pub(super) fn start(conn: Conn, on_disk_failure: OnDiskFailure) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(run(conn, queue, on_disk_failure, commits.clone()));
        Self { jobs, commits }
    }

    /// Transactions so far: each one is an fsync, shared by the jobs in it.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` in the next transaction; it is durable when this returns.
    ///
    /// # Errors
    /// The job's own, or [`StoreError::Unavailable`] when the transaction did not come about.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Verdict<T>, Fault>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let work = work(conn);
            Box::pin(async move {
                let (keep, disk, result) = match work.await {
                    Ok(Verdict::Keep(value)) => (true, None, Ok(value)),
                    Ok(Verdict::Undo(value)) => (false, None, Ok(value)),
                    Err(Fault::Engine { text, disk: true }) => (
                        false,
                        Some(text.clone()),
                        Err(StoreError::Unavailable(text)),
                    ),
                    Err(fault) => (false, None, Err(fault.into())),
                };
                // A caller that has gone away needs no answer; its work stands all the same.
                let deliver: Deliver =
                    Box::new(move |committed| drop(answer.send(committed.and(result))));
                Outcome {
                    keep,
                    disk,
                    deliver,
                }
            })
        });
        let stopped = || {
            StoreError::Unavailable(
                "the writer gave no answer: the transaction did not come about".to_owned(),
            )
        };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(
    mut conn: Conn,
    mut queue: mpsc::Receiver<Job>,
    on_disk_failure: OnDiskFailure,
    commits: Arc<AtomicU64>,
) {
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            let Ok(next) = queue.try_recv() else { break };
            batch.push(next);
        }

        let mut delivers = Vec::with_capacity(batch.len());
        let mut outcome = together(&mut conn, batch, &mut delivers).await;
        if let Err(Fault::Engine { disk: false, .. } | Fault::Store(_)) = &outcome {
            // SQLite may have rolled back by itself; then this says so, and that is all.
            if let Err(Fault::Engine { text, disk: true }) = said(&mut conn, "ROLLBACK").await {
                outcome = Err(Fault::Engine { text, disk: true });
            }
        }
        let failed = match &outcome {
            Ok(()) => None,
            Err(Fault::Engine { text, .. }) => Some(text.clone()),
            Err(Fault::Store(error)) => Some(error.to_string()),
        };
        if let Err(Fault::Engine { text, disk: true }) = &outcome {
            on_disk_failure(text);
        }
        for deliver in delivers {
            deliver(
                failed
                    .clone()
                    .map_or(Ok(()), |text| Err(StoreError::Unavailable(text))),
            );
        }
        if let Err(Fault::Engine { disk: true, .. }) = outcome {
            return;
        }

        let so_far = commits.fetch_add(1, Ordering::Relaxed) + 1;
        if so_far.is_multiple_of(COMMITS_PER_CHECKPOINT) {
            match checkpoint(&mut conn).await {
                Err(Fault::Engine { text, disk: true }) => return on_disk_failure(&text),
                // Busy or full: the log grows until the next time.
                Ok(()) | Err(Fault::Engine { .. } | Fault::Store(_)) => {}
            }
        }
    }
}

/// Runs a batch in one transaction. Every job leaves its way to answer in `delivers`, also when the
/// transaction breaks; jobs that had no turn any more are answered by their dropped channel.
async fn together(
    conn: &mut Conn,
    batch: Vec<Job>,
    delivers: &mut Vec<Deliver>,
) -> Result<(), Fault> {
    said(conn, BEGIN).await?;
    for job in batch {
        said(conn, "SAVEPOINT job").await?;
        let Outcome {
            keep,
            disk,
            deliver,
        } = job(conn).await;
        delivers.push(deliver);
        if let Some(text) = disk {
            return Err(Fault::Engine { text, disk: true });
        }
        if !keep {
            said(conn, "ROLLBACK TO job").await?;
        }
        said(conn, "RELEASE job").await?;
    }
    said(conn, "COMMIT").await
}

async fn said(conn: &mut Conn, statement: &'static str) -> Result<(), Fault> {
    sqlx::query(statement).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::Mutex;

    use super::super::engine;
    use super::*;

    type Reasons = Arc<Mutex<Vec<String>>>;

    async fn writer() -> (Writer, Reasons) {
        let (conn, _) = engine::open(":memory:").await.unwrap();
        let reasons = Reasons::default();
        let kept = reasons.clone();
        let writer = Writer::start(
            conn,
            Arc::new(move |text| kept.lock().unwrap().push(text.to_owned())),
        );
        for statement in [
            "CREATE TABLE t (x BIGINT PRIMARY KEY)",
            "CREATE TABLE child (x BIGINT REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED)",
        ] {
            does(&writer, statement).await.unwrap();
        }
        (writer, reasons)
    }

    async fn does(writer: &Writer, statement: &'static str) -> Result<(), StoreError> {
        writer
            .run(move |c| Box::pin(async move { said(c, statement).await.map(Verdict::Keep) }))
            .await
    }

    async fn rows(writer: &Writer) -> i64 {
        fn count(c: &mut Conn) -> BoxFuture<'_, Result<Verdict<i64>, Fault>> {
            Box::pin(async move {
                Ok(Verdict::Keep(
                    sqlx::query_scalar("SELECT COUNT(*) FROM t")
                        .fetch_one(c)
                        .await?,
                ))
            })
        }
        writer.run(count).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_fails_takes_back_its_own_work_only() {
        let (writer, reasons) = writer().await;
        fn half(c: &mut Conn) -> BoxFuture<'_, Result<Verdict<()>, Fault>> {
            Box::pin(async move {
                said(c, "INSERT INTO t VALUES (7)").await?;
                said(c, "INSERT INTO t VALUES (1)").await?;
                Ok(Verdict::Keep(()))
            })
        }
        fn undone(c: &mut Conn) -> BoxFuture<'_, Result<Verdict<&'static str>, Fault>> {
            Box::pin(async move {
                said(c, "INSERT INTO t VALUES (8)").await?;
                Ok(Verdict::Undo("answered"))
            })
        }
        // One task, so that all four are in the queue before the writer has its turn.
        let (one, two, three, four) = tokio::join!(
            does(&writer, "INSERT INTO t VALUES (1)"),
            writer.run(half),
            writer.run(undone),
            does(&writer, "INSERT INTO t VALUES (2)"),
        );
        assert!(one.is_ok() && matches!(two, Err(StoreError::Unavailable(_))) && four.is_ok());
        assert_eq!(three.unwrap(), "answered");
        assert_eq!(rows(&writer).await, 2);
        assert!(reasons.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_failed_commit_answers_nobody_with_success() {
        let (writer, reasons) = writer().await;
        let (one, two) = tokio::join!(
            does(&writer, "INSERT INTO t VALUES (1)"),
            // The constraint is looked at by COMMIT, which fails.
            does(&writer, "INSERT INTO child VALUES (99)"),
        );
        for result in [one, two] {
            assert!(
                matches!(result, Err(StoreError::Unavailable(_))),
                "{result:?}"
            );
        }
        assert_eq!(rows(&writer).await, 0);
        does(&writer, "INSERT INTO t VALUES (2)").await.unwrap();
        assert!(reasons.lock().unwrap().is_empty(), "not the disk's fault");
    }

    #[tokio::test]
    async fn a_failed_disk_ends_the_writer() {
        let (writer, reasons) = writer().await;
        fn broken(_: &mut Conn) -> BoxFuture<'_, Result<Verdict<()>, Fault>> {
            Box::pin(async {
                Err(Fault::Engine {
                    text: "disk I/O error".to_owned(),
                    disk: true,
                })
            })
        }
        let (one, two, three) = tokio::join!(
            does(&writer, "INSERT INTO t VALUES (1)"),
            writer.run(broken),
            does(&writer, "INSERT INTO t VALUES (2)"),
        );
        for result in [one, two, three] {
            assert!(
                matches!(result, Err(StoreError::Unavailable(_))),
                "{result:?}"
            );
        }
        assert_eq!(*reasons.lock().unwrap(), ["disk I/O error"]);
        assert!(
            does(&writer, "INSERT INTO t VALUES (3)").await.is_err(),
            "it never goes on"
        );
    }
}
