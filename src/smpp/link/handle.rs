//! The end of a link that the outbox holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::callback::LinkName;
use crate::clock::Clock;
use crate::outbox::{Carrier, PartReport};
use crate::smpp::config::SmppConfig;
use crate::smpp::outgoing::{self, Outgoing};
use crate::smpp::session::Ticket;
use crate::store::{Message, PartOutcome};

/// One part that waits for room in the window.
pub(super) struct Request {
    /// Whose answer it will be.
    pub ticket: Ticket,
    /// The submit_sm, not numbered yet.
    pub pdu: Vec<u8>,
    /// After this it is not begun any more.
    pub until: Instant,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<PartOutcome>,
}

impl Request {
    /// Whether nobody wants it to be sent any more.
    pub fn is_stale(&self) -> bool {
        self.until <= Instant::now() || self.reply.is_closed()
    }

    /// Gives the outcome; nobody may be there to hear it.
    pub fn end(self, outcome: PartOutcome) {
        drop(self.reply.send(outcome));
    }
}

/// What the handles of one link share.
struct Shared {
    config: Arc<SmppConfig>,
    clock: Arc<dyn Clock>,
    requests: mpsc::Sender<Request>,
    up: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    tickets: AtomicU64,
}

/// The end of a link that the outbox holds: a [`Carrier`]. The link ends when the last clone is
/// gone.
pub struct LinkHandle {
    shared: Arc<Shared>,
    /// What [`Carrier::is_up`] said last through this clone.
    told: AtomicBool,
}

/// The other end, for the link's task.
pub(super) struct Far {
    pub requests: mpsc::Receiver<Request>,
    pub up: watch::Sender<bool>,
    pub stop: watch::Receiver<bool>,
}

impl LinkHandle {
    pub(super) fn new(config: Arc<SmppConfig>, clock: Arc<dyn Clock>) -> (Self, Far) {
        let (requests, far_requests) = mpsc::channel(config.window.max(1));
        let (far_up, up) = watch::channel(false);
        let (stop, far_stop) = watch::channel(false);
        let shared = Shared {
            config,
            clock,
            requests,
            up,
            stop,
            tickets: AtomicU64::new(0),
        };
        let handle = Self {
            shared: Arc::new(shared),
            told: AtomicBool::new(false),
        };
        (
            handle,
            Far {
                requests: far_requests,
                up: far_up,
                stop: far_stop,
            },
        )
    }

    /// Asks the link to unbind and end; its task is done within the drain time and a little.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    async fn part(&self, message: &Message, outgoing: Outgoing) -> PartReport {
        let Outgoing { part, parts, pdu } = outgoing;
        let report = |outcome| PartReport {
            part,
            parts,
            outcome,
        };
        let number = self.shared.tickets.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket {
            number,
            message: message.id,
            part,
            parts,
        };
        let until = Instant::now() + Duration::from_millis(self.shared.config.response_ms);
        let (reply, told) = oneshot::channel();
        match timeout_at(
            until,
            self.shared.requests.send(Request {
                ticket,
                pdu,
                until,
                reply,
            }),
        )
        .await
        {
            // The link answers everything that it takes: at the latest when the answer's time is
            // over or the connection is. Without its word, octets may have been written.
            Ok(Ok(())) => report(told.await.unwrap_or(PartOutcome::Unknown)),
            Ok(Err(_)) | Err(_) => report(PartOutcome::NotSent),
        }
    }
}

impl Clone for LinkHandle {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            told: AtomicBool::new(self.told.load(Ordering::Relaxed)),
        }
    }
}

impl Carrier for LinkHandle {
    fn link(&self) -> &LinkName {
        &self.shared.config.name
    }

    fn is_up(&self) -> bool {
        let up = *self.shared.up.borrow();
        self.told.store(up, Ordering::Relaxed);
        up
    }

    /// Returns as soon as the state is another than the one that [`Carrier::is_up`] told last
    /// through this clone, so that no change between the two calls is missed. It never returns
    /// once the link has ended while it was down.
    async fn changed(&self) {
        let told = self.told.load(Ordering::Relaxed);
        let mut up = self.shared.up.clone();
        if up.wait_for(|up| *up != told).await.is_err() && !told {
            std::future::pending::<()>().await;
        }
    }

    /// Each part waits at most the response time-out for room in the window, and as long again for
    /// its answer.
    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        let life = message.valid_until.since(self.shared.clock.now());
        let failed = if life.is_zero() || !self.is_up() {
            PartOutcome::NotSent
        } else {
            match outgoing::parts(&self.shared.config, message, life) {
                Ok(parts) => {
                    return join_all(parts.into_iter().map(|one| self.part(message, one))).await;
                }
                Err(refused) => refused,
            }
        };
        let parts = outgoing::count(message);
        (0..parts)
            .filter(|part| message.parts.is_empty() || message.parts.contains(part))
            .map(|part| PartReport {
                part,
                parts,
                outcome: failed.clone(),
            })
            .collect()
    }
}
