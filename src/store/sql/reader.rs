//! What many turns meet, read together: those that ask while a look is under way share the next one.

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::engine::{Conn, Fault, Readers};
use super::turn::{self, Meeting};
use super::{Arc, Inner};
use crate::store::{Met, StoreError};

/// Questions that wait; who asks beyond that waits for room.
const QUEUE_MAX: usize = 1024;
/// Questions of one look.
const LOOK_MAX: usize = 512;

type Answer = Result<Met, StoreError>;

/// A handle to the reader, which ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Reader {
    asked: mpsc::Sender<(Meeting, oneshot::Sender<Answer>)>,
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the reader gave no answer".to_owned())
}

impl Reader {
    /// Starts a reader on its own connections.
    pub(super) fn start(readers: Readers, inner: Arc<Inner>) -> Self {
        let (asked, queue) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(readers, inner, queue));
        Self { asked }
    }

    /// What a turn meets.
    pub(super) async fn meet(&self, meeting: Meeting) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.asked
            .send((meeting, answer))
            .await
            .map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(
    readers: Readers,
    inner: Arc<Inner>,
    mut queue: mpsc::Receiver<(Meeting, oneshot::Sender<Answer>)>,
) {
    let mut asked = Vec::with_capacity(LOOK_MAX);
    while queue.recv_many(&mut asked, LOOK_MAX).await > 0 {
        let (meetings, callers): (Vec<Meeting>, Vec<_>) = asked.drain(..).unzip();
        match look(&readers, &inner, &meetings).await {
            Ok(all) => {
                for (caller, met) in callers.into_iter().zip(all) {
                    // A caller that has gone away needs no answer.
                    drop(caller.send(met));
                }
            }
            Err(fault) => {
                let text = StoreError::from(fault).to_string();
                for caller in callers {
                    drop(caller.send(Err(StoreError::Unavailable(text.clone()))));
                }
            }
        }
    }
}

/// One look, at one point in time.
async fn look(
    readers: &Readers,
    inner: &Inner,
    meetings: &[Meeting],
) -> Result<Vec<Answer>, Fault> {
    let mut look = readers.begin().await?;
    let met = together(&mut look, inner, meetings).await;
    look.end().await?;
    met
}

fn together<'c>(
    c: &'c mut Conn,
    inner: &'c Inner,
    meetings: &'c [Meeting],
) -> BoxFuture<'c, Result<Vec<Answer>, Fault>> {
    Box::pin(turn::meet(c, inner, meetings))
}
