//! Messages on their way out: claimed from the ledger, handed to a carrier, brought to a final
//! state.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::callback::LinkName;
use crate::clock::{Clock, Moment};
use crate::plant::{Plant, planted};
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

    /// The same, asked by whoever does not wait for [`Carrier::changed`].
    fn is_open(&self) -> bool {
        self.is_up()
    }

    /// How many messages may be on their way on it at once, while it is up.
    fn at_once(&self) -> usize;

    /// Waits until [`Carrier::is_up`] may have changed.
    fn changed(&self) -> impl Future<Output = ()> + Send;

    /// Sends the parts named in the message (all where none is named) and waits for the operator's
    /// word on each, no longer than the link's response time-out. The bytes of a part are a
    /// function of the message alone, so that another attempt sends the same.
    fn carry(&self, message: &Message) -> impl Future<Output = Vec<PartReport>> + Send;
}

/// How often messages are looked for whose time has come.
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
        .claim_messages(carrier.link(), epoch, clock.now(), count(carrier.at_once()))
        .await?;
    let mut carried: FuturesUnordered<_> = claimed
        .iter()
        .map(|message| async move { ((message.id, message.claim), carrier.carry(message).await) })
        .collect();
    // Each message of the batch is carried to its end, even where the ledger fails for one.
    let mut failed = None;
    while let Some(((id, claim), reports)) = carried.next().await {
        for report in reports {
            tracing::debug!(link = %carrier.link(), id = id.0, part = report.part, "carried");
            let recorded = store
                .part_done(
                    id,
                    Some(claim),
                    report.part,
                    report.parts,
                    &report.outcome,
                    clock.now(),
                )
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

/// Whether a link could write now.
type IsUp = Box<dyn Fn() -> bool + Send + Sync>;

/// What wakes pumps: one bell a link, so that a message for one link wakes no other.
#[derive(Default)]
pub struct Bells {
    of: Mutex<HashMap<LinkName, Arc<Notify>>>,
    up: Mutex<HashMap<LinkName, IsUp>>,
}

impl Bells {
    /// The bell of a link.
    pub fn of(&self, link: &LinkName) -> Arc<Notify> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(of.entry(link.clone()).or_default())
    }

    /// Rings for one link: a message of it is queued. A bell that rings while its pump is busy is
    /// heard afterwards.
    pub fn ring(&self, link: &LinkName) {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = of.get(link) {
            bell.notify_one();
        }
    }

    /// A link has a carrier here.
    pub fn carried<C: Carrier>(&self, carrier: &Arc<C>) {
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Arc::clone(carrier);
        up.insert(carrier.link().clone(), Box::new(move || of.is_open()));
    }

    /// Whether what is queued for a link goes out from here.
    pub fn goes_here(&self, link: &LinkName) -> bool {
        let up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        up.get(link).is_some_and(|is_up| is_up())
    }

    /// Rings for every link.
    pub fn ring_all(&self) {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.values().for_each(|bell| bell.notify_one());
    }
}

/// Looks for messages whose time has come, such as retries, and rings for their links: one look for
/// all links, however many there are.
pub async fn look<S: Store>(
    store: &S,
    clock: &dyn Clock,
    bells: &Bells,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        match store.links_due(clock.now()).await {
            Ok(_) if planted(Plant::NobodyLooks) => {}
            Ok(links) => links.iter().for_each(|link| bells.ring(link)),
            Err(error) => tracing::error!(%error, "the outbox cannot be looked at"),
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Pumps a link until `stop` is told. `bell` is rung when a message of the link can be sent.
///
/// Up to [`Carrier::at_once`] messages are on their way, each on its own: one that the operator leaves
/// unanswered holds up no other, and neither does the ledger, which takes the outcomes of many
/// together. How fast an operator may be used is the carrier's business, which says so by how many it
/// wants at once.
pub async fn pump<S: Store, C: Carrier>(
    store: &S,
    carrier: &C,
    clock: &dyn Clock,
    bell: &Notify,
    mut stop: watch::Receiver<bool>,
) {
    let link = carrier.link();
    let mut figures = Figures::new(link);
    let mut epoch = None;
    let mut wanted = true;
    // Until when the ledger, which has failed, is left alone.
    let mut rests: Option<Instant> = None;
    // One claim at a time: what comes free meanwhile is claimed by the next.
    let mut claiming = FuturesUnordered::new();
    let mut carried = FuturesUnordered::new();
    let mut recorded = FuturesUnordered::new();
    loop {
        let stopping = *stop.borrow();
        if stopping && claiming.is_empty() && carried.is_empty() && recorded.is_empty() {
            return;
        }
        // Asked at every round, since `changed` waits for another answer than the last one.
        let up = carrier.is_up();
        figures.up(up);
        let room = carrier.at_once().saturating_sub(carried.len());
        let may_claim = up && wanted && !stopping && claiming.is_empty() && rests.is_none();
        // A new epoch finds what the last one left unknown, so nothing may be on its way by then.
        let nothing_goes = carried.is_empty() && recorded.is_empty();
        if may_claim
            && room > 0
            && recorded.len() < RECORDING_MAX
            && (epoch.is_some() || nothing_goes)
        {
            match epoch {
                Some(epoch) => {
                    wanted = false;
                    claiming.push(async move {
                        let claimed = store
                            .claim_messages(link, epoch, clock.now(), count(room))
                            .await;
                        (room, claimed)
                    });
                }
                None => match store.begin_epoch(link, clock.now()).await {
                    Ok(begun) => {
                        epoch = Some(begun);
                        continue;
                    }
                    Err(error) => {
                        rests = Some(Instant::now() + LOOK);
                        tracing::error!(%link, %error, "the outbox waits");
                    }
                },
            }
        }
        // In this order, so that a run is the same each time. The bell comes first: it is heard once, and
        // holds up nothing.
        tokio::select! {
            biased;
            () = bell.notified() => wanted = true,
            Some((room, claimed)) = claiming.next(), if !claiming.is_empty() => match claimed {
                Ok(messages) => {
                    // There may be more.
                    wanted |= messages.len() == room;
                    carried.extend(messages.into_iter().map(|message| async move {
                        let reports = carrier.carry(&message).await;
                        ((message.id, message.claim), reports)
                    }));
                }
                Err(error) => {
                    (epoch, wanted) = (None, true);
                    rests = Some(Instant::now() + LOOK);
                    tracing::error!(%link, %error, "the outbox waits");
                }
            },
            Some(first) = carried.next(), if !carried.is_empty() => {
                let mut next = Some(first);
                while let Some((of, reports)) = next {
                    for report in reports {
                        let now = clock.now();
                        figures.told(of.0, &report);
                        let stop = stop.clone();
                        recorded.push(async move { record(store, of, &report, now, stop).await });
                    }
                    next = carried.next().now_or_never().flatten();
                }
            }
            Some(done) = recorded.next(), if !recorded.is_empty() => {
                let mut next = Some(done);
                while let Some(done) = next {
                    if let Err(error) = done {
                        // What was claimed and not recorded is an unknown outcome, which the next
                        // epoch finds.
                        (epoch, wanted) = (None, true);
                        rests = Some(Instant::now() + LOOK);
                        tracing::error!(%link, %error, "an outcome is not recorded");
                    }
                    next = recorded.next().now_or_never().flatten();
                }
            }
            () = carrier.changed() => wanted = true,
            () = sleep_until(rests), if rests.is_some() && !stopping => rests = None,
            _ = stop.changed() => {}
        }
    }
}

/// Records an outcome; tries again while the ledger cannot, since what is not recorded is unknown,
/// and goes again.
async fn record<S: Store>(
    store: &S,
    (id, claim): (MessageId, u32),
    report: &PartReport,
    at: Moment,
    mut stop: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        let PartReport {
            part,
            parts,
            outcome,
        } = report;
        // The ledger may have taken what it gave no answer to, and the part may be on its way again: the
        // claim tells that this word is not about that.
        let done = store
            .part_done(id, Some(claim), *part, *parts, outcome, at)
            .await;
        tries += 1;
        if done.is_ok() || tries == RECORD_TRIES || *stop.borrow() {
            return done;
        }
        if tries == 1
            && let Err(error) = &done
        {
            tracing::error!(%error, "an outcome waits for the ledger");
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Sleeps until a time that there is; for ever where there is none.
async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// How often an outcome is tried to be recorded, with [`LOOK`] between: five minutes, within which a
/// full disk can be seen to.
const RECORD_TRIES: u32 = 600;

/// Outcomes in the ledger's hands, beyond which a link claims nothing more.
const RECORDING_MAX: usize = 4096;

/// What `/metrics` and the log tell of a link's parts.
struct Figures<'a> {
    link: &'a LinkName,
    up: metrics::Gauge,
    was_up: Option<bool>,
    parts: HashMap<&'static str, metrics::Counter>,
}

impl<'a> Figures<'a> {
    fn new(link: &'a LinkName) -> Self {
        Self {
            link,
            up: metrics::gauge!("jisr_link_up", "link" => link.as_str().to_owned()),
            was_up: None,
            parts: HashMap::new(),
        }
    }

    fn up(&mut self, up: bool) {
        if self.was_up.replace(up) != Some(up) {
            self.up.set(f64::from(u8::from(up)));
        }
    }

    /// One line for what an administrator has to know of a part: whatever was not simply taken.
    fn told(&mut self, message: MessageId, report: &PartReport) {
        let (link, outcome) = (self.link, report.outcome.name());
        let counter = self.parts.entry(outcome).or_insert_with(|| {
            metrics::counter!("jisr_parts_total", "link" => link.as_str().to_owned(), "outcome" => outcome)
        });
        counter.increment(1);
        match &report.outcome {
            PartOutcome::Accepted(_) | PartOutcome::Throttled | PartOutcome::NotSent => {
                tracing::debug!(%link, id = message.0, part = report.part, outcome, "carried");
            }
            PartOutcome::Temporary(reason) | PartOutcome::Refused(reason) => {
                tracing::warn!(%link, id = message.0, part = report.part, outcome, reason, "not taken");
            }
            PartOutcome::Unknown => {
                tracing::warn!(%link, id = message.0, part = report.part, outcome, "no answer");
            }
        }
    }
}

fn count(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::sql::SqlStore;
    use crate::store::{MessageKind, MessageState, NewMessage, contract};

    /// A link that takes every message at once, or leaves each without an answer for ever.
    struct Link {
        name: LinkName,
        answers: bool,
        asked: Mutex<Vec<MessageKind>>,
        room: usize,
    }

    impl Link {
        fn new(name: &str, answers: bool, room: usize) -> Self {
            Self {
                name: name.into(),
                answers,
                asked: Mutex::default(),
                room,
            }
        }

        fn asked(&self) -> Vec<MessageKind> {
            self.asked.lock().unwrap().clone()
        }
    }

    impl Carrier for Link {
        fn link(&self) -> &LinkName {
            &self.name
        }

        fn is_up(&self) -> bool {
            true
        }

        fn at_once(&self) -> usize {
            self.room
        }

        async fn changed(&self) {
            std::future::pending().await
        }

        async fn carry(&self, message: &Message) -> Vec<PartReport> {
            self.asked.lock().unwrap().push(message.kind);
            if !self.answers {
                std::future::pending::<()>().await;
            }
            vec![PartReport {
                part: 0,
                parts: 1,
                outcome: PartOutcome::Accepted(message.id.0.to_string()),
            }]
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Moment {
            contract::at(10)
        }
    }

    fn on(link: &str, which: u32, kind: MessageKind) -> NewMessage {
        NewMessage {
            link: link.into(),
            to: contract::number(which),
            ..contract::message(&format!("{link} {which} {}", kind.name()), kind)
        }
    }

    async fn ledger() -> SqlStore {
        let keys = crate::store::seal::Keys::for_testing();
        let opened = SqlStore::open(
            ":memory:",
            keys,
            Arc::new(crate::store::contract::Counted::default()),
        );
        opened.await.unwrap()
    }

    /// Runs the pumps of links beside what is told.
    async fn beside_pumps(links: &[&Link], store: &SqlStore, told: impl Future<Output = ()>) {
        let bells = Bells::default();
        let (_stop, stopped) = watch::channel(false);
        let mut pumps: FuturesUnordered<_> = links
            .iter()
            .map(|link| {
                let (bell, stopped) = (bells.of(&link.name), stopped.clone());
                async move { pump(store, *link, &Noon, &bell, stopped).await }
            })
            .collect();
        tokio::select! {
            () = told => {}
            _ = pumps.next() => panic!("a pump ended"),
        }
    }

    /// Waits until so many messages stand at `sent`.
    async fn sent(store: &SqlStore, count: u64) {
        const LOOKS_MAX: usize = 20_000;
        for _ in 0..LOOKS_MAX {
            if contract::standing(store, MessageState::Sent).await >= count {
                return;
            }
        }
        panic!("not {count} messages are sent");
    }

    #[tokio::test]
    async fn a_link_that_never_answers_holds_up_no_other() {
        let store = ledger().await;
        let queue: Vec<_> = (0..40)
            .flat_map(|which| {
                let kind = MessageKind::Reply;
                [on("dead", which, kind), on("well", which, kind)]
            })
            .collect();
        contract::queue(&store, &queue, 0).await;
        let (dead, well) = (Link::new("dead", false, 10), Link::new("well", true, 10));
        beside_pumps(&[&dead, &well], &store, sent(&store, 40)).await;
        assert_eq!(well.asked().len(), 40);
        assert_eq!(dead.asked().len(), 10, "no more than it has room for");
    }

    #[tokio::test]
    async fn codes_overtake_a_flood_on_their_link() {
        const FLOOD: u32 = 200;
        let store = ledger().await;
        let flood: Vec<_> = (0..FLOOD)
            .map(|which| on("op", which, MessageKind::Notice))
            .collect();
        contract::queue(&store, &flood, 0).await;
        let urgent = [
            on("op", 1, MessageKind::Code),
            on("op", 2, MessageKind::Reply),
        ];
        let link = Link::new("op", true, 5);
        let before = Mutex::new(0);
        beside_pumps(&[&link], &store, async {
            sent(&store, 10).await;
            contract::queue(&store, &urgent, 1).await;
            *before.lock().unwrap() = link.asked().len();
            sent(&store, u64::from(FLOOD) + 2).await;
        })
        .await;
        let before = before.into_inner().unwrap();
        let kinds = link.asked();
        let place = |kind| kinds.iter().position(|one| *one == kind).unwrap();
        // What was claimed by then goes first, and then at once what is urgent.
        let (code, reply) = (place(MessageKind::Code), place(MessageKind::Reply));
        assert!(code <= before + 10, "{before} {code}");
        assert!(reply <= before + 20, "{before} {reply}");
        assert!(before < 150, "it came in the middle: {before}");
    }
}
