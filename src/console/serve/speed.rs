//! How fast the links of this node may go, where other nodes go on the same ones.
//!
//! With a Redis the nodes take their rights out of one bucket for each link, so that one may use what
//! another leaves. Without one, or while it does not answer, each goes at its own part: of a link over
//! SMPP as its binds are of all, of one over HTTP as it is of the nodes that live.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cache::{Cache, Taker};
use crate::callback::LinkName;
use crate::exchange::Paced;
use crate::node::{BEAT, Node};
use crate::smpp::pace::Allowance;

/// How often rights are asked for while somebody waits for them.
const ASK: Duration = Duration::from_millis(10);
/// How often a node says that it is here; more often than the bucket forgets it.
const HERE: Duration = Duration::from_millis(250);
/// How long a node that has just come sends nothing of its own part, where others may not have seen yet
/// that they have less.
const COMES: Duration = BEAT.saturating_mul(2);

/// What is needed to meter a link.
pub(super) struct Meter {
    /// The node among the others.
    pub node: Arc<Node>,
    /// Its number.
    pub number: i64,
    /// The Redis, where there is one.
    pub cache: Option<Arc<Cache>>,
    /// The link.
    pub link: LinkName,
    /// How many binds it has; none where it is over HTTP.
    pub binds: Option<usize>,
}

impl Meter {
    /// Metes out the link's speed until `stop` is told; at once where it has no limit.
    pub(super) async fn keep<P: Paced>(self, paced: Arc<P>, mut stop: watch::Receiver<bool>) {
        let Some(limit) = paced.pace().limit() else {
            // Nothing that ends is waited for.
            let _told = stop.wait_for(|stop| *stop).await;
            return;
        };
        let began = Instant::now();
        let mut said: Option<Instant> = None;
        while !*stop.borrow() {
            let (part, is_shared) = self.part();
            let wanted = paced.pace().wanted();
            let is_time = said.is_none_or(|at| at.elapsed() >= HERE);
            if let Some(cache) = self
                .cache
                .as_ref()
                .filter(|cache| is_shared && cache.is_up())
            {
                if is_time || wanted > 0.0 {
                    let taker = Taker {
                        of: self.link.as_str(),
                        node: self.number,
                        part,
                        limit,
                    };
                    said = Some(Instant::now());
                    match cache.take_rights(taker, wanted).await {
                        Ok(granted) => {
                            let mut pace = paced.pace();
                            pace.allow(Allowance::Granted);
                            pace.grant(granted);
                        }
                        Err(_missed) => self.alone(&*paced, part, began, is_shared),
                    }
                }
            } else {
                self.alone(&*paced, part, began, is_shared);
            }
            tokio::select! {
                () = sleep(ASK) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// The node goes at its own part.
    fn alone<P: Paced>(&self, paced: &P, part: f64, began: Instant, is_shared: bool) {
        let comes = is_shared && part < 1.0 && self.binds.is_none() && began.elapsed() < COMES;
        let part = if comes { 0.0 } else { part };
        paced.pace().allow(Allowance::Part(part));
    }

    /// The part of the link that is this node's, and whether there may be others.
    fn part(&self) -> (f64, bool) {
        let standing = *self.node.standing().borrow();
        let part = match self.binds {
            Some(of) => self.node.part_of_binds(&self.link, of),
            None => {
                let nodes = u32::try_from(standing.nodes.max(1)).unwrap_or(u32::MAX);
                1.0 / f64::from(nodes)
            }
        };
        (part, standing.is_shared)
    }
}
