//! This node among the others: it shows that it lives, buries those that do not, and knows its share of
//! what the nodes hold together.
//!
//! Nobody's wall clock decides. A node counts; another that has not seen it count for almost a [`LEASE`]
//! of its own time buries it, in the ledger, which from then on takes nothing more from it. A node that
//! could not count for somewhat less lets go by itself of what must not be held twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::callback::LinkName;
use crate::clock::{Clock, Moment};
use crate::plant::{Plant, planted};
use crate::store::{Beaten, NodeId, Pulse, Store, StoreError};

/// How often a node counts where others may be there; a node that is alone for good counts less often.
pub const BEAT: Duration = Duration::from_secs(1);
const BEAT_ALONE: Duration = Duration::from_secs(10);
/// Within so long after its last count a node is taken for dead, and two seconds later at most its binds
/// are another's.
pub const LEASE: Duration = Duration::from_secs(6);
/// Who is not seen to count for so long is dead: the last count may have been seen one beat late.
const SILENT: Duration = Duration::from_secs(5);
/// A node that could not count for so long lets go of what must not be held twice. It is seen to be
/// silent later than it is, so that there is time for that.
const ADRIFT: Duration = Duration::from_secs(4);
/// How long one beat is waited for, and a burial, which goes on by itself.
const WORD: Duration = Duration::from_secs(1);
/// How long the ledger's word on a lease is waited for.
const LEASE_WORD: Duration = Duration::from_secs(2);

/// How this node stands among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it has counted a short time ago.
    pub is_in: bool,
    /// Whether there may be others: the ledger is on a server.
    pub is_shared: bool,
    /// Its place among those that live, from 0.
    pub rank: usize,
    /// How many live, this one among them.
    pub nodes: usize,
}

/// Why a node counts no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The others took it for dead. The process has to end, since nothing that it writes counts.
    Buried,
}

/// This node.
#[derive(Default)]
pub struct Node {
    standing: watch::Sender<Standing>,
    /// The binds that it may hold, by their links, and how many connections each has: a pair has two.
    binds: Mutex<HashMap<LinkName, BTreeMap<usize, usize>>>,
}

/// What is told with each beat that went through: how long the word took, and what time it is for all.
pub trait Listener: Send + Sync {
    /// The ledger's time, told `ago`.
    fn time(&self, time: Moment, ago: Duration);
}

/// How far the others had counted, and since when they have not counted further.
#[derive(Default)]
struct Others(HashMap<NodeId, (u64, Instant)>);

impl Others {
    /// Takes in how far they have counted; gives those that have not for too long.
    fn heard(&mut self, pulses: &[Pulse], now: Instant) -> Vec<Pulse> {
        self.0
            .retain(|node, _| pulses.iter().any(|pulse| pulse.node == *node));
        let mut dead = Vec::new();
        for pulse in pulses {
            let seen = self.0.entry(pulse.node).or_insert((pulse.beat, now));
            if seen.0 != pulse.beat {
                *seen = (pulse.beat, now);
            } else if now.saturating_duration_since(seen.1) >= SILENT
                && !planted(Plant::NobodyIsBuried)
            {
                dead.push(*pulse);
            }
        }
        dead
    }

    /// While this node did not hear them, it does not know whether they have counted.
    fn unheard(&mut self) {
        self.0.clear();
    }
}

impl Node {
    /// How it stands, now and later.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Counts for the first time, so that it is known what this node may hold.
    ///
    /// # Errors
    /// [`StoreError`] of the ledger, which was open a moment ago.
    pub async fn enter<S: Store>(
        &self,
        store: &S,
        clock: &dyn Clock,
        listener: &dyn Listener,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let beaten = store.beat(clock.now()).await?;
        if let Some(time) = beaten.time {
            listener.time(time, began.elapsed() / 2);
        }
        self.stands(store.node(), &beaten);
        Ok(())
    }

    /// Counts until `stop` is told or the others have buried this node, and buries those that count no
    /// further. At the stop the caller ends what is under way, and then leaves ([`Store::leave`]).
    pub async fn keep<S: Store>(
        &self,
        store: &S,
        clock: &dyn Clock,
        listener: &dyn Listener,
        mut stop: watch::Receiver<bool>,
    ) -> Ended {
        let mut others = Others::default();
        let (mut beat, mut counted_at) = (BEAT, Instant::now());
        while !*stop.borrow() {
            let began = Instant::now();
            match timeout(WORD, store.beat(clock.now())).await {
                Ok(Ok(beaten)) => {
                    counted_at = began;
                    if let Some(time) = beaten.time {
                        listener.time(time, began.elapsed() / 2);
                    }
                    beat = match beaten.time {
                        Some(_) => BEAT,
                        None => BEAT_ALONE,
                    };
                    let mut beaten = beaten;
                    for dead in others.heard(&beaten.others, Instant::now()) {
                        if self.bury(store, clock, dead).await {
                            beaten.others.retain(|other| other.node != dead.node);
                        }
                    }
                    self.stands(store.node(), &beaten);
                }
                Ok(Err(StoreError::Buried)) => return Ended::Buried,
                Ok(Err(error)) => {
                    others.unheard();
                    tracing::warn!(%error, "this node cannot show that it lives");
                }
                Err(_late) => {
                    others.unheard();
                    tracing::warn!(
                        "this node cannot show that it lives: the ledger does not answer"
                    );
                }
            }
            if counted_at.elapsed() >= ADRIFT {
                self.drifts();
            }
            tokio::select! {
                () = tokio::time::sleep_until(began + beat) => {}
                _ = stop.changed() => {}
            }
        }
        Ended::Stopped
    }

    fn stands(&self, me: NodeId, beaten: &Beaten) {
        let standing = Standing {
            is_in: true,
            is_shared: beaten.time.is_some(),
            rank: beaten.others.iter().filter(|one| one.node < me).count(),
            nodes: beaten.others.len() + 1,
        };
        self.standing.send_if_modified(|before| {
            let changed = *before != standing;
            if changed {
                tracing::info!(node = me.0, nodes = standing.nodes, "nodes that live");
                metrics::gauge!("jisr_nodes")
                    .set(f64::from(u32::try_from(standing.nodes).unwrap_or(u32::MAX)));
            }
            *before = standing;
            changed
        });
    }

    fn drifts(&self) {
        self.standing.send_if_modified(|standing| {
            // A ledger in a file is nobody else's.
            let was_in = standing.is_shared && std::mem::replace(&mut standing.is_in, false);
            if was_in {
                tracing::error!(
                    "the ledger cannot be reached for so long that others may take over: the binds of this node are let go"
                );
            }
            was_in
        });
    }

    /// Tells whether it was buried here.
    async fn bury<S: Store>(&self, store: &S, clock: &dyn Clock, dead: Pulse) -> bool {
        match timeout(WORD, store.bury(dead, clock.now())).await {
            Ok(Ok(true)) => {
                tracing::warn!(
                    node = dead.node.0,
                    "a node has died; what it had in hand is taken over"
                );
                metrics::counter!("jisr_nodes_buried_total").increment(1);
                true
            }
            // It has counted, or another was quicker.
            Ok(Ok(false)) => false,
            // Where it was not buried after all, it is seen again at the next beat.
            Ok(Err(error)) => {
                tracing::warn!(node = dead.node.0, %error, "a dead node is not taken over yet");
                false
            }
            Err(_late) => {
                tracing::warn!(node = dead.node.0, "a dead node is not taken over yet");
                false
            }
        }
    }

    /// Takes a bind of a link, one of `of` that the operator lets all nodes have together: where it is
    /// this node's share, and no other node that lives holds it.
    pub async fn may_bind<S: Store>(
        &self,
        store: &S,
        link: &LinkName,
        bind: usize,
        of: usize,
    ) -> bool {
        let standing = *self.standing.borrow();
        if !standing.is_in || !self.has_room(link, bind, of, standing) {
            return false;
        }
        if !standing.is_shared {
            self.holds(link, bind);
            return true;
        }
        match timeout(LEASE_WORD, store.lease(&name(link, bind))).await {
            Ok(Ok(Some(_epoch))) => {
                self.holds(link, bind);
                true
            }
            // Another has it, or nobody knows.
            Ok(Ok(None) | Err(_)) | Err(_) => false,
        }
    }

    /// Returns when a bind has to be let go: others may take this node for dead, or have come and have
    /// less than their share.
    pub async fn must_let_go(&self, link: &LinkName, bind: usize, of: usize) {
        let mut standing = self.standing();
        let goes =
            |standing: &Standing| !standing.is_in || !self.has_room(link, bind, of, *standing);
        if standing.wait_for(goes).await.is_err() {
            // This node is gone, and its binds with it.
            std::future::pending::<()>().await;
        }
    }

    /// Whether this node does what one node does for all, such as tidying.
    pub async fn does<S: Store>(&self, store: &S, what: &str) -> bool {
        let standing = *self.standing.borrow();
        match standing.is_shared {
            false => standing.is_in,
            true => {
                standing.is_in
                    && matches!(
                        timeout(LEASE_WORD, store.lease(what)).await,
                        Ok(Ok(Some(_epoch)))
                    )
            }
        }
    }

    /// Lets go of a bind that is closed, so that another node may have it.
    pub async fn let_go<S: Store>(&self, store: &S, link: &LinkName, bind: usize) {
        let free = self.leaves(link, bind) && self.standing.borrow().is_shared;
        if free
            && !matches!(
                timeout(LEASE_WORD, store.release(&name(link, bind))).await,
                Ok(Ok(()))
            )
        {
            tracing::warn!(%link, bind, "the end of a lease is not recorded; this node has it until it takes the bind again or ends");
        }
    }

    fn holds(&self, link: &LinkName, bind: usize) {
        let mut binds = self.lock();
        *binds
            .entry(link.clone())
            .or_default()
            .entry(bind)
            .or_default() += 1;
    }

    /// Tells whether it was the last connection of the bind.
    fn leaves(&self, link: &LinkName, bind: usize) -> bool {
        let mut binds = self.lock();
        let Some(held) = binds.get_mut(link) else {
            return false;
        };
        let Some(connections) = held.get_mut(&bind) else {
            return false;
        };
        *connections = connections.saturating_sub(1);
        let is_last = *connections == 0;
        if is_last {
            held.remove(&bind);
        }
        is_last
    }

    /// Whether a bind is within this node's share: the first ones that it holds are.
    fn has_room(&self, link: &LinkName, bind: usize, of: usize, standing: Standing) -> bool {
        let binds = self.lock();
        let before = match binds.get(link) {
            Some(held) if held.contains_key(&bind) => held.range(..bind).count(),
            Some(held) => held.len(),
            None => 0,
        };
        before < share(of, standing)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LinkName, BTreeMap<usize, usize>>> {
        self.binds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of `of` binds are this node's: as many as the others', and one of those that are left over
/// where it came early.
fn share(of: usize, standing: Standing) -> usize {
    let nodes = standing.nodes.max(1);
    of / nodes + usize::from(standing.rank < of % nodes)
}

fn name(link: &LinkName, bind: usize) -> String {
    format!("bind/{link}/{bind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(node: i64, beat: u64) -> Pulse {
        Pulse {
            node: NodeId(node),
            beat,
        }
    }

    #[test]
    fn the_shares_of_all_are_all_that_there_is() {
        for of in 0..9 {
            for nodes in 1..6 {
                let shares = (0..nodes).map(|rank| {
                    let standing = Standing {
                        is_in: true,
                        is_shared: true,
                        rank,
                        nodes,
                    };
                    share(of, standing)
                });
                assert_eq!(shares.sum::<usize>(), of, "{nodes}");
            }
        }
    }

    #[test]
    fn a_pair_is_held_until_both_of_its_connections_have_gone() {
        let (node, link) = (Node::default(), LinkName::from("a"));
        let standing = Standing {
            is_in: true,
            is_shared: true,
            rank: 0,
            nodes: 2,
        };
        let room = |bind| node.has_room(&link, bind, 3, standing);
        assert!(room(0) && room(2));
        node.holds(&link, 1);
        node.holds(&link, 1);
        node.holds(&link, 2);
        assert!(!room(0), "two of three are its share");
        assert!(room(1) && room(2), "and those it holds");
        assert!(!node.leaves(&link, 1));
        assert!(!room(0));
        assert!(node.leaves(&link, 1));
        assert!(room(0) && !node.leaves(&link, 1));
        // Another has come: of what it holds the first is its share.
        node.holds(&link, 0);
        let three = Standing {
            nodes: 3,
            ..standing
        };
        let stays = |bind| node.has_room(&link, bind, 3, three);
        assert_eq!((stays(0), stays(2)), (true, false));
    }

    #[test]
    fn who_has_not_counted_for_a_lease_is_dead() {
        let mut others = Others::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(others.heard(&[pulse(1, 0), pulse(2, 0)], at(0)), []);
        assert_eq!(others.heard(&[pulse(1, 0), pulse(2, 1)], at(4)), []);
        assert_eq!(
            others.heard(&[pulse(1, 0), pulse(2, 1)], at(5)),
            [pulse(1, 0)]
        );
        // This node did not hear anything meanwhile: they may well have counted.
        others.unheard();
        assert_eq!(others.heard(&[pulse(1, 0), pulse(2, 1)], at(60)), []);
        assert_eq!(others.heard(&[pulse(2, 1)], at(66)), [pulse(2, 1)]);
        // One that came back under another number is another.
        assert_eq!(others.heard(&[pulse(3, 0)], at(67)), []);
    }
}
