//! The one writer. Many jobs share a transaction and its fsync. Those of a kind are written together,
//! by statements over many rows; one that fails takes back its own work and nobody else's. Nobody is
//! answered before the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Inner;
use super::engine::{Conn, Fault, Means, Place, said};
use super::nodes;
use super::nonces::NonceRow;
use super::standing::Word;
use super::turn::SaveRows;
use crate::plant::{Plant, planted};
use crate::store::{NewSms, Receipt, StoreError};

/// Jobs that wait for the writer; callers beyond that wait for room.
const QUEUE_MAX: usize = 2048;
/// Jobs that share a commit.
const BATCH_MAX: usize = 1024;
/// Commits, and jobs, between two moves of the log into the file: few commits may be large.
const COMMITS_PER_CHECKPOINT: u64 = 64;
const JOBS_PER_CHECKPOINT: usize = 16 * 1024;

/// Tries to make a connection that has gone, and the pause between them: a server that is restarted is
/// back within a second or two, and whoever waits before a screen has time for that.
const AGAIN_MAX: usize = 12;
const AGAIN: Duration = Duration::from_millis(150);

/// What a job wants done with what it wrote.
pub(super) enum Verdict<T> {
    /// Commit it.
    Keep(T),
    /// Take it back; the answer stands.
    Undo(T),
}

/// What is written for many callers at once.
pub(super) trait Shared: Send + Sync + Sized + 'static {
    /// What each caller is told.
    type Answer: Send + 'static;

    /// Writes all of them as if one after the other, and answers in their order. One that leaves no
    /// trace takes back its own work. With an error nothing of it stays, and each is written alone.
    fn write<'c>(
        c: &'c mut Conn,
        inner: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, Fault>>;
}

/// Called when the disk has failed, with the reason. The process must not go on: after a failed
/// fsync nobody knows what the file holds, and only opening it anew reads what is really there.
pub type OnDiskFailure = Arc<dyn Fn(&str) + Send + Sync>;

type Deliver = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Alone = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Outcome> + Send>;

/// One of many, and who waits for its answer.
pub(super) struct Asked<S: Shared> {
    what: S,
    answer: oneshot::Sender<Result<S::Answer, StoreError>>,
}

/// What the writer is asked to do.
pub(super) enum Job {
    /// A text at the door.
    Text(Asked<NewSms>),
    /// The end of a turn's step.
    Step(Box<Asked<SaveRows>>),
    /// A link's word on a part.
    Word(Asked<Word>),
    /// A receipt.
    Receipt(Asked<Receipt>),
    /// What may come once only.
    Nonce(Asked<NonceRow>),
    /// Anything else.
    Alone(Alone),
}

impl From<Asked<NewSms>> for Job {
    fn from(asked: Asked<NewSms>) -> Self {
        Self::Text(asked)
    }
}

impl From<Asked<SaveRows>> for Job {
    fn from(asked: Asked<SaveRows>) -> Self {
        Self::Step(Box::new(asked))
    }
}

impl From<Asked<Word>> for Job {
    fn from(asked: Asked<Word>) -> Self {
        Self::Word(asked)
    }
}

impl From<Asked<Receipt>> for Job {
    fn from(asked: Asked<Receipt>) -> Self {
        Self::Receipt(asked)
    }
}

impl From<Asked<NonceRow>> for Job {
    fn from(asked: Asked<NonceRow>) -> Self {
        Self::Nonce(asked)
    }
}

/// The jobs of one transaction, by kind. Their callers wait for none of each other, so any order is
/// one in which they could have come.
#[derive(Default)]
struct Batch {
    texts: Vec<Asked<NewSms>>,
    steps: Vec<Asked<SaveRows>>,
    words: Vec<Asked<Word>>,
    receipts: Vec<Asked<Receipt>>,
    nonces: Vec<Asked<NonceRow>>,
    alone: Vec<Alone>,
}

impl Batch {
    fn put(&mut self, job: Job) {
        match job {
            Job::Text(asked) => self.texts.push(asked),
            Job::Step(asked) => self.steps.push(*asked),
            Job::Word(asked) => self.words.push(asked),
            Job::Receipt(asked) => self.receipts.push(asked),
            Job::Nonce(asked) => self.nonces.push(asked),
            Job::Alone(alone) => self.alone.push(alone),
        }
    }
}

impl Batch {
    /// Tells every caller why nothing of it was done.
    fn refuse(self, fault: &Fault) {
        fn all<S: Shared>(asked: Vec<Asked<S>>, text: &str) {
            for one in asked {
                // A caller that has gone away needs no answer.
                drop(
                    one.answer
                        .send(Err(StoreError::Unavailable(text.to_owned()))),
                );
            }
        }
        let text = told(fault);
        all(self.texts, &text);
        all(self.steps, &text);
        all(self.words, &text);
        all(self.receipts, &text);
        all(self.nonces, &text);
        // These are answered by their dropped channels.
        drop(self.alone);
    }
}

pub(super) struct Outcome {
    keep: bool,
    /// The batch cannot be saved, and why.
    broken: Option<(String, Means)>,
    deliver: Deliver,
}

/// A handle to the writer; the writer ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    commits: Arc<AtomicU64>,
    buried: Arc<AtomicBool>,
}

fn stopped() -> StoreError {
    StoreError::Unavailable(
        "the writer gave no answer: the transaction did not come about".to_owned(),
    )
}

impl Writer {
    /// Starts the writer on its connection.
    pub(super) fn start(
        (place, conn): (Place, Conn),
        inner: Arc<Inner>,
        on_disk_failure: OnDiskFailure,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        let buried = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(
            (place, conn),
            inner,
            queue,
            on_disk_failure,
            Arc::clone(&commits),
            Arc::clone(&buried),
        ));
        Self {
            jobs,
            commits,
            buried,
        }
    }

    /// A word of the writer, or why there is none.
    fn judged<T>(&self, word: Result<Result<T, StoreError>, RecvError>) -> Result<T, StoreError> {
        match word {
            Ok(Ok(value)) => Ok(value),
            _ if self.buried.load(Ordering::Relaxed) => Err(StoreError::Buried),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(stopped()),
        }
    }

    /// Transactions so far: each one is an fsync, shared by the jobs in it.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Writes one of many in the next transaction; it is durable when this returns.
    ///
    /// # Errors
    /// Its own, or [`StoreError::Unavailable`] when the transaction did not come about.
    pub(super) async fn share<S: Shared>(&self, what: S) -> Result<S::Answer, StoreError>
    where
        Job: From<Asked<S>>,
    {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { what, answer };
        self.jobs.send(asked.into()).await.map_err(|_| stopped())?;
        self.judged(answered.await)
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
        let job: Alone = Box::new(move |conn| {
            let work = work(conn);
            Box::pin(async move {
                let (keep, broken, result) = match work.await {
                    Ok(Verdict::Keep(value)) => (true, None, Ok(value)),
                    Ok(Verdict::Undo(value)) => (false, None, Ok(value)),
                    Err(Fault::Engine {
                        text,
                        means: means @ (Means::Disk | Means::Gone),
                    }) => (
                        false,
                        Some((text.clone(), means)),
                        Err(StoreError::Unavailable(text)),
                    ),
                    Err(fault) => (false, None, Err(fault.into())),
                };
                Outcome {
                    keep,
                    broken,
                    deliver: deliver(answer, result),
                }
            })
        });
        self.jobs
            .send(Job::Alone(job))
            .await
            .map_err(|_| stopped())?;
        self.judged(answered.await)
    }
}

/// What answers a caller once the fate of the transaction is known.
fn deliver<T: Send + 'static>(
    answer: oneshot::Sender<Result<T, StoreError>>,
    result: Result<T, StoreError>,
) -> Deliver {
    // A caller that has gone away needs no answer; its work stands all the same.
    Box::new(move |committed| drop(answer.send(committed.and(result))))
}

async fn run(
    (place, mut conn): (Place, Conn),
    inner: Arc<Inner>,
    mut queue: mpsc::Receiver<Job>,
    on_disk_failure: OnDiskFailure,
    commits: Arc<AtomicU64>,
    buried: Arc<AtomicBool>,
) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    let mut since = (0, 0);
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        let count = jobs.len();
        let mut batch = Batch::default();
        for job in jobs.drain(..) {
            batch.put(job);
        }

        let mut delivers = Vec::new();
        let outcome = match begin(&place, &mut conn, inner.node).await {
            Ok(()) => together(&mut conn, &inner, batch, &mut delivers).await,
            Err(fault) => {
                batch.refuse(&fault);
                Err(fault)
            }
        };
        if let Err(Fault::Store(StoreError::Buried)) = &outcome {
            buried.store(true, Ordering::Relaxed);
        }
        let outcome = match outcome {
            Err(Fault::Engine {
                means: Means::Disk, ..
            }) if planted(Plant::FailedSyncIsIgnored) => Ok(()),
            Err(fault) => Err(undo(&mut conn, fault).await),
            Ok(()) => Ok(()),
        };
        let failed = outcome.as_ref().err().map(told);
        if let Err(Fault::Engine {
            text,
            means: Means::Disk,
        }) = &outcome
        {
            on_disk_failure(text);
        }
        for deliver in delivers {
            deliver(
                failed
                    .clone()
                    .map_or(Ok(()), |text| Err(StoreError::Unavailable(text))),
            );
        }
        if let Err(Fault::Engine {
            means: Means::Disk, ..
        }) = outcome
        {
            return;
        }

        commits.fetch_add(1, Ordering::Relaxed);
        since.0 += 1;
        since.1 += count;
        if since.0 >= COMMITS_PER_CHECKPOINT || since.1 >= JOBS_PER_CHECKPOINT {
            since = (0, 0);
            match conn.checkpoint().await {
                Err(Fault::Engine {
                    text,
                    means: Means::Disk,
                }) => return on_disk_failure(&text),
                // Busy or full: the log grows until the next time.
                Ok(()) | Err(Fault::Engine { .. } | Fault::Store(_)) => {}
            }
        }
    }
}

/// Begins a transaction; where the connection has gone, on a new one. Nothing of the batch has been
/// done then, so it may wait until a server that is being restarted is back.
async fn begin(place: &Place, conn: &mut Conn, node: i64) -> Result<(), Fault> {
    let mut last = as_node(conn, node).await;
    for _ in 0..AGAIN_MAX {
        let Err(Fault::Engine {
            means: Means::Gone, ..
        }) = &last
        else {
            return last;
        };
        match place.again().await {
            Ok(new) => {
                *conn = new;
                last = as_node(conn, node).await;
            }
            Err(error) => {
                last = Err(Fault::Engine {
                    text: error.to_string(),
                    means: Means::Gone,
                });
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    last
}

/// Begins a transaction, in which nothing counts once the node is over.
async fn as_node(conn: &mut Conn, node: i64) -> Result<(), Fault> {
    conn.begin().await?;
    if nodes::is_over(conn, node).await? && !planted(Plant::BuriedNodeWrites) {
        return Err(nodes::buried());
    }
    Ok(())
}

/// Takes a transaction back that broke, and says what that means.
async fn undo(conn: &mut Conn, fault: Fault) -> Fault {
    match &fault {
        Fault::Engine {
            means: Means::Disk | Means::Gone,
            ..
        } => return fault,
        Fault::Engine {
            means: Means::Refused,
            ..
        }
        | Fault::Store(_) => {}
    }
    // SQLite may have rolled back by itself; then this says so, and that is all.
    match said(conn, "ROLLBACK").await {
        Err(
            worse @ Fault::Engine {
                means: Means::Disk, ..
            },
        ) => worse,
        Ok(()) | Err(Fault::Engine { .. } | Fault::Store(_)) => fault,
    }
}

/// A fault as callers are told.
fn told(fault: &Fault) -> String {
    match fault {
        Fault::Engine { text, .. } => text.clone(),
        Fault::Store(error) => error.to_string(),
    }
}

/// Runs a batch in the transaction that has begun, and commits it. Every job leaves its way to answer in `delivers`, also when the
/// transaction breaks; jobs that had no turn any more are answered by their dropped channel.
async fn together(
    conn: &mut Conn,
    inner: &Inner,
    batch: Batch,
    delivers: &mut Vec<Deliver>,
) -> Result<(), Fault> {
    share(conn, inner, batch.texts, delivers).await?;
    share(conn, inner, batch.words, delivers).await?;
    share(conn, inner, batch.receipts, delivers).await?;
    share(conn, inner, batch.nonces, delivers).await?;
    share(conn, inner, batch.steps, delivers).await?;
    for job in batch.alone {
        said(conn, "SAVEPOINT job").await?;
        let Outcome {
            keep,
            broken,
            deliver,
        } = job(conn).await;
        delivers.push(deliver);
        if let Some((text, means)) = broken {
            return Err(Fault::Engine { text, means });
        }
        if !keep {
            said(conn, "ROLLBACK TO job").await?;
        }
        said(conn, "RELEASE job").await?;
    }
    if planted(Plant::AnswerBeforeCommit) {
        delivers.drain(..).for_each(|deliver| deliver(Ok(())));
    }
    let began = Instant::now();
    said(conn, "COMMIT").await?;
    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    metrics::counter!("jisr_ledger_commits_total").increment(1);
    metrics::counter!("jisr_ledger_commit_us_total").increment(took);
    Ok(())
}

/// Writes all of a kind together, or each alone where that fails.
async fn share<S: Shared>(
    conn: &mut Conn,
    inner: &Inner,
    asked: Vec<Asked<S>>,
    delivers: &mut Vec<Deliver>,
) -> Result<(), Fault> {
    if asked.is_empty() {
        return Ok(());
    }
    let (all, callers): (Vec<S>, Vec<_>) = asked
        .into_iter()
        .map(|asked| (asked.what, asked.answer))
        .unzip();
    let mut callers = callers.into_iter();
    match attempt(conn, inner, &all).await? {
        Ok(answers) => delivers.extend(
            callers
                .zip(answers)
                .map(|(caller, answer)| deliver(caller, Ok(answer))),
        ),
        Err(error) if all.len() == 1 => {
            delivers.extend(callers.next().map(|caller| deliver(caller, Err(error))));
        }
        Err(_) => {
            for (caller, one) in callers.zip(&all) {
                let answers = attempt(conn, inner, std::slice::from_ref(one)).await?;
                let answer = answers.and_then(|mut answers| answers.pop().ok_or_else(stopped));
                delivers.push(deliver(caller, answer));
            }
        }
    }
    Ok(())
}

/// Writes all of them, or nothing. The outer error is the disk's, or that of the transaction.
async fn attempt<S: Shared>(
    conn: &mut Conn,
    inner: &Inner,
    all: &[S],
) -> Result<Result<Vec<S::Answer>, StoreError>, Fault> {
    said(conn, "SAVEPOINT kind").await?;
    let written = match S::write(conn, inner, all).await {
        Ok(answers) => Ok(answers),
        Err(
            fault @ Fault::Engine {
                means: Means::Disk | Means::Gone,
                ..
            },
        ) => return Err(fault),
        Err(fault) => {
            said(conn, "ROLLBACK TO kind").await?;
            Err(fault.into())
        }
    };
    said(conn, "RELEASE kind").await?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::Mutex;

    use super::super::engine::{self, sql};
    use super::*;

    type Reasons = Arc<Mutex<Vec<String>>>;

    async fn writer() -> (Writer, Reasons) {
        let (place, mut conn, _) = engine::open(":memory:").await.unwrap();
        nodes::join(&mut conn).await.unwrap();
        let inner = Arc::new(Inner::for_testing());
        let reasons = Reasons::default();
        let kept = reasons.clone();
        let writer = Writer::start(
            (place, conn),
            inner,
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
            Box::pin(async move { Ok(Verdict::Keep(sql("SELECT COUNT(*) FROM t").one(c).await?)) })
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
                    means: Means::Disk,
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
