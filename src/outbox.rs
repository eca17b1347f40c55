//! Messages on their way out: claimed from the ledger, handed to a carrier, brought to a final
//! state.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, watch};

use crate::callback::LinkName;
use crate::clock::{Clock, Moment};
use crate::store::{Message, MessageId, PartOutcome, Store, StoreError};

/// What became of one part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReport {
    /// Which part, from 0.
    pub part: u8,
    /// How many the message has.
    pub parts: u8,
    /// What the operator said.
    pub outcome: PartOutcome,
}

/// A link that can carry messages to subscribers.
pub trait Carrier: Send + Sync + 'static {
    /// The link.
    fn link(&self) -> &LinkName;

    /// Whether it could write now; a pump claims nothing for a link that is down.
    fn is_up(&self) -> bool;

    /// Waits until [`Carrier::is_up`] may have changed.
    fn changed(&self) -> impl Future<Output = ()> + Send;

    /// Sends the parts named in the message (all where none is named) and waits for the operator's
    /// word on each, no longer than the link's response time-out. The bytes of a part are a
    /// function of the message alone, so that another attempt sends the same.
    fn carry(&self, message: &Message) -> impl Future<Output = Vec<PartReport>> + Send;
}

/// Messages of a link that are on their way at once.
const AT_ONCE: u32 = 10;
/// How often a pump looks without being rung, for retries that fall due.
const LOOK: Duration = Duration::from_millis(500);

/// Claims what is to be sent on a link, has it carried, and records what the operator said. Returns
/// how many messages it took.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be read or written; what was claimed is then an unknown
/// outcome, which the next epoch finds.
pub async fn pump_once<S: Store, C: Carrier>(
    store: &S,
    carrier: &C,
    epoch: u64,
    clock: &dyn Clock,
) -> Result<usize, StoreError> {
    if !carrier.is_up() {
        return Ok(0);
    }
    let claimed = store
        .claim_messages(carrier.link(), epoch, clock.now(), AT_ONCE)
        .await?;
    let mut carried: FuturesUnordered<_> = claimed
        .iter()
        .map(|message| async move { (message.id, carrier.carry(message).await) })
        .collect();
    // Each message of the batch is carried to its end, even where the ledger fails for one.
    let mut failed = None;
    while let Some((id, reports)) = carried.next().await {
        for report in reports {
            tracing::debug!(link = %carrier.link(), message = id.0, part = report.part, "carried");
            let recorded = store
                .part_done(id, report.part, report.parts, &report.outcome, clock.now())
                .await;
            failed = recorded.err().or(failed);
        }
    }
    drop(carried);
    match failed {
        Some(error) => Err(error),
        None => Ok(claimed.len()),
    }
}

/// Pumps a link until `stop` is told. `bell` is rung when a message was queued.
///
/// Up to [`AT_ONCE`] messages are on their way, each on its own: one that the operator leaves
/// unanswered holds up no other. An operator that throttles is left alone for a while, each time
/// twice as long, and then tried with one message.
pub async fn pump<S: Store, C: Carrier>(
    store: &S,
    carrier: &C,
    clock: &dyn Clock,
    bell: &Notify,
    mut stop: watch::Receiver<bool>,
) {
    let mut epoch = None;
    let mut carried = FuturesUnordered::new();
    let mut pace = Pace::default();
    loop {
        let stopping = *stop.borrow();
        if stopping && carried.is_empty() {
            return;
        }
        let rung = bell.notified();
        // Asked at every round, since `changed` waits for another answer than the last one.
        let up = carrier.is_up();
        metrics::gauge!("jisr_link_up", "link" => carrier.link().as_str().to_owned())
            .set(f64::from(u8::from(up)));
        let room = pace.room(clock.now(), carried.len());
        let claimed = match epoch {
            _ if stopping || room == 0 || !up => Ok(Vec::new()),
            Some(epoch) => {
                store
                    .claim_messages(carrier.link(), epoch, clock.now(), room)
                    .await
            }
            None => match store.begin_epoch(carrier.link(), clock.now()).await {
                Ok(begun) => {
                    epoch = Some(begun);
                    continue;
                }
                Err(error) => Err(error),
            },
        };
        match claimed {
            Ok(messages) => carried.extend(messages.into_iter().map(|message| async move {
                let reports = carrier.carry(&message).await;
                (message.id, reports)
            })),
            Err(error) => {
                epoch = None;
                tracing::error!(link = %carrier.link(), %error, "the outbox waits");
            }
        }
        tokio::select! {
            Some((id, reports)) = carried.next(), if !carried.is_empty() => {
                for report in reports {
                    pace.heard(&report.outcome, clock.now(), carrier.link());
                    told(carrier.link(), id, &report);
                    let done = store
                        .part_done(id, report.part, report.parts, &report.outcome, clock.now())
                        .await;
                    if let Err(error) = done {
                        // What was claimed and not recorded is an unknown outcome, which the next
                        // epoch finds.
                        epoch = None;
                        tracing::error!(link = %carrier.link(), %error, "an outcome is not recorded");
                    }
                }
            }
            () = rung => {}
            () = carrier.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// One line for what an administrator has to know of a part: whatever was not simply taken.
fn told(link: &LinkName, message: MessageId, report: &PartReport) {
    let outcome = report.outcome.name();
    metrics::counter!("jisr_parts_total", "link" => link.as_str().to_owned(), "outcome" => outcome)
        .increment(1);
    match &report.outcome {
        PartOutcome::Accepted(_) | PartOutcome::Throttled | PartOutcome::NotSent => {
            tracing::debug!(%link, message = message.0, part = report.part, outcome, "carried");
        }
        PartOutcome::Temporary(reason) | PartOutcome::Refused(reason) => {
            tracing::warn!(%link, message = message.0, part = report.part, outcome, reason, "not taken");
        }
        PartOutcome::Unknown => {
            tracing::warn!(%link, message = message.0, part = report.part, outcome, "no answer");
        }
    }
}

/// How fast a link is used: all of its window, but after throttling a pause and then one message.
#[derive(Default)]
struct Pace {
    pause: Duration,
    until: Option<Moment>,
}

impl Pace {
    /// How many messages may be begun now.
    fn room(&self, now: Moment, on_their_way: usize) -> u32 {
        match self.until {
            Some(until) if now < until => 0,
            // The operator has not taken anything since it throttled.
            Some(_) => u32::from(on_their_way == 0),
            None => AT_ONCE.saturating_sub(u32::try_from(on_their_way).unwrap_or(u32::MAX)),
        }
    }

    fn heard(&mut self, outcome: &PartOutcome, now: Moment, link: &LinkName) {
        match outcome {
            PartOutcome::Throttled => {
                // Several answers to one burst are one word.
                if self.until.is_some_and(|until| now < until) {
                    return;
                }
                self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                self.until = Some(now.plus(self.pause));
                tracing::warn!(%link, pause_ms = self.pause.as_millis(), "throttled by the operator");
            }
            PartOutcome::Accepted(_) => {
                if self.until.is_some_and(|until| now >= until) {
                    (self.pause, self.until) = (Duration::ZERO, None);
                }
            }
            PartOutcome::Temporary(_)
            | PartOutcome::Refused(_)
            | PartOutcome::Unknown
            | PartOutcome::NotSent => {}
        }
    }
}

/// The pauses after throttling.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_pauses_and_then_probes() {
        let link = LinkName::from("a");
        let at = |seconds: i64| Moment::from_ms(seconds * 1000);
        let mut pace = Pace::default();
        assert_eq!(pace.room(at(0), 3), AT_ONCE - 3);
        for _ in 0..3 {
            pace.heard(&PartOutcome::Throttled, at(0), &link);
        }
        assert_eq!(pace.room(at(0), 0), 0, "one burst, one pause");
        assert_eq!(
            (pace.room(at(1), 0), pace.room(at(1), 1)),
            (1, 0),
            "then one at a time"
        );
        pace.heard(&PartOutcome::Throttled, at(1), &link);
        assert_eq!(
            (pace.room(at(2), 0), pace.room(at(3), 0)),
            (0, 1),
            "twice as long"
        );
        pace.heard(&PartOutcome::Accepted("1".to_owned()), at(3), &link);
        assert_eq!(pace.room(at(3), 0), AT_ONCE);
    }

    #[test]
    fn the_pause_has_an_end() {
        let mut pace = Pace::default();
        for minute in 0..20 {
            pace.heard(
                &PartOutcome::Throttled,
                Moment::from_ms(minute * 60_000),
                &LinkName::from("a"),
            );
        }
        assert_eq!(pace.pause, PAUSE_MAX);
    }
}
