//! The end of a link that the outbox holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::callback::LinkName;
use crate::exchange::Paced;
use crate::outbox::{Carrier, PartReport};
use crate::smpp::link::queue::Request;
use crate::smpp::link::shared::Shared;
use crate::smpp::outgoing::{self, Outgoing};
use crate::smpp::pace::Pace;
use crate::smpp::session::Ticket;
use crate::smpp::status::LinkStatus;
use crate::store::{Message, PartOutcome};

/// The end of a link that the outbox holds: a [`Carrier`]. The link ends when the last clone is
/// gone.
pub struct LinkHandle {
    holder: Arc<Holder>,
    /// On how many binds submits could go when [`Carrier::is_up`] was asked last through this
    /// clone.
    told: AtomicUsize,
}

/// What all clones hold together.
struct Holder(Arc<Shared>);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.stop.send_replace(true);
    }
}

impl LinkHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            holder: Arc::new(Holder(shared)),
            told: AtomicUsize::new(0),
        }
    }

    fn shared(&self) -> &Shared {
        &self.holder.0
    }

    /// Asks the link to unbind and end; its task is done within the drain time and a little.
    pub fn stop(&self) {
        self.shared().stop.send_replace(true);
    }

    /// How many binds it has, on all nodes together.
    pub fn binds(&self) -> usize {
        self.shared().config.count.max(1)
    }

    /// How it stands.
    pub fn status(&self) -> LinkStatus {
        self.shared().status()
    }

    async fn part(&self, message: &Message, outgoing: Outgoing) -> PartReport {
        let Outgoing { part, parts, pdu } = outgoing;
        let shared = self.shared();
        let report = |outcome| PartReport {
            part,
            parts,
            outcome,
        };
        let number = shared.ticket();
        let ticket = Ticket {
            number,
            message: message.id,
            claim: message.claim,
            part,
            parts,
        };
        let until = Instant::now() + shared.patience();
        let (reply, mut told) = oneshot::channel();
        shared.queue.push(Request {
            ticket,
            pdu,
            until,
            reply,
        });
        // The last bind may have gone between the look at it and the push.
        if *shared.up.borrow() == 0 && shared.queue.remove(number) {
            return report(PartOutcome::NotSent);
        }
        let told = match timeout_at(until, &mut told).await {
            Ok(told) => told,
            Err(_) if shared.queue.remove(number) => return report(PartOutcome::NotSent),
            // A bind has taken it, and answers everything that it takes: at the latest when the
            // answer's time is over or the connection is.
            Err(_) => told.await,
        };
        // Without a word, octets may have been written.
        report(told.unwrap_or(PartOutcome::Unknown))
    }
}

impl Paced for LinkHandle {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.shared().pace()
    }
}

impl Clone for LinkHandle {
    fn clone(&self) -> Self {
        Self {
            holder: Arc::clone(&self.holder),
            told: AtomicUsize::new(self.told.load(Ordering::Relaxed)),
        }
    }
}

impl Carrier for LinkHandle {
    fn link(&self) -> &LinkName {
        &self.shared().config.name
    }

    fn is_up(&self) -> bool {
        let up = *self.shared().up.borrow();
        self.told.store(up, Ordering::Relaxed);
        up > 0
    }

    fn is_open(&self) -> bool {
        *self.shared().up.borrow() > 0
    }

    /// The windows of the binds that are up; fewer after throttling, so that messages wait in the
    /// ledger, where urgent ones overtake others.
    fn at_once(&self) -> usize {
        let shared = self.shared();
        let binds = (*shared.up.borrow()).max(1);
        let windows = shared.config.window.max(1).saturating_mul(binds);
        windows.min(shared.pace().soon())
    }

    /// Returns as soon as the state is another than the one that [`Carrier::is_up`] told last
    /// through this clone, so that no change between the two calls is missed. It never returns
    /// once the link has ended while it was down.
    async fn changed(&self) {
        let told = self.told.load(Ordering::Relaxed);
        let mut up = self.shared().up.subscribe();
        if up.wait_for(|up| *up != told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Each part waits at most the response time-out and the time that the rate demands for room
    /// in a window, and a response time-out for its answer.
    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        let shared = self.shared();
        let life = message.valid_until.since(shared.clock.now());
        // Not by `is_up`, which would tell whoever waits for a change that they know it.
        let is_down = *shared.up.borrow() == 0;
        let failed = if life.is_zero() || is_down {
            PartOutcome::NotSent
        } else {
            match outgoing::parts(&shared.config, message, life) {
                Ok(parts) => {
                    return join_all(parts.into_iter().map(|one| self.part(message, one))).await;
                }
                Err(refused) => {
                    if let PartOutcome::Refused(reason) = &refused {
                        tracing::error!(
                            link = %shared.config.name,
                            id = message.id.0,
                            reason,
                            "a message cannot be sent on this link"
                        );
                    }
                    refused
                }
            }
        };
        let parts = outgoing::count(&self.shared().config, message);
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
