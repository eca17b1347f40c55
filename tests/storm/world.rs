//! Nodes that live, die and come back over one ledger, and the operator's way to them.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jisr::book::Book;
use jisr::callback::{Callback, LinkName};
use jisr::clock::{Clock, Moment};
use jisr::gateway::Gateway;
use jisr::node::{Ended, Listener, Node};
use jisr::outbox;
use jisr::store::sql::model::Model;
use jisr::store::{Accepted, NewSms, NodeId, Receipt, Reply, Store};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::registry::ModelRegistry;
use crate::seed::Dice;
use crate::sky::{Over, Sky, Watch};
use crate::smsc::{Line, Smsc};

/// The one link.
pub const LINK: &str = "sandbox";
/// The one service.
pub const SERVICE: &str = "tns";

/// Jumps of the clock in one storm.
const JUMPS_MAX: u32 = 2;

type Gate = Gateway<Model, ModelRegistry>;

/// A node that lives.
struct Living {
    gateway: Arc<Gate>,
    clock: Arc<Watch>,
    over: Arc<Over>,
    tasks: Vec<AbortHandle>,
}

/// The whole.
pub struct World {
    pub sky: Arc<Sky>,
    pub ledger: Model,
    pub centre: Arc<Smsc>,
    registry: ModelRegistry,
    book: Arc<Book>,
    seed: u64,
    started: Mutex<u64>,
    nodes: Mutex<Vec<Option<Living>>>,
}

/// Nobody sets a clock by the ledger's.
struct Deaf;

impl Listener for Deaf {
    fn time(&self, _: Moment, _: Duration) {}
}

impl World {
    pub fn new(seed: u64, sky: &Arc<Sky>, book: &Arc<Book>) -> Arc<Self> {
        let chance = Arc::new(Dice::new(seed, 3));
        let nodes = sky.parameters.nodes;
        let world = Arc::new_cyclic(|world| Self {
            sky: Arc::clone(sky),
            ledger: Model::new(chance),
            centre: Arc::new(Smsc::new(sky, world.clone())),
            registry: ModelRegistry::new(sky),
            book: Arc::clone(book),
            seed,
            started: Mutex::new(0),
            nodes: Mutex::new((0..nodes).map(|_| None).collect()),
        });
        for slot in 0..nodes {
            world.start(slot);
        }
        world
    }

    /// Starts a node, as another one than was there before.
    pub fn start(self: &Arc<Self>, slot: usize) {
        let number = {
            let mut started = self.started.lock().unwrap();
            *started += 1;
            *started
        };
        let sky = &self.sky;
        let skew = i64::try_from(sky.parameters.skew.as_millis()).unwrap();
        let skew_ms = match skew {
            0 => 0,
            skew => i64::try_from(sky.dice.below(2 * skew as u64)).unwrap() - skew,
        };
        let chance = Arc::new(Dice::new(self.seed, 100 + number));
        let over = Arc::new(Over {
            sky: Arc::clone(sky),
            cut_until: AtomicI64::new(0),
        });
        let store = self.ledger.join(chance.clone(), over.clone());
        let clock = Arc::new(Watch {
            sky: Arc::clone(sky),
            skew_ms,
        });
        let gateway = Gateway::new(
            store,
            self.registry.clone(),
            Arc::clone(&self.book),
            clock.clone(),
            chance,
        );
        let gateway = Arc::new(gateway.looking_every(sky.parameters.look));
        sky.seen(|| format!("node {slot} starts as {}", gateway.store.node().0));
        self.nodes.lock().unwrap()[slot] = Some(Living {
            gateway: Arc::clone(&gateway),
            clock: clock.clone(),
            over,
            tasks: Vec::new(),
        });
        let world = Arc::downgrade(self);
        let node = Arc::new(Node::default());
        self.tends(slot, &node);
        self.on(slot, async move {
            let (_stop, stopped) = watch::channel(false);
            let ended = node.keep(&gateway.store, &*clock, &Deaf, stopped).await;
            if let (Ended::Buried, Some(world)) = (ended, world.upgrade()) {
                world.sky.rare("a node that lives is buried");
                let again = Arc::clone(&world);
                // Not by itself: it ends with the node.
                let _task = tokio::spawn(async move {
                    again.crash(slot);
                    again.start(slot);
                });
            }
        });
        self.pumps(slot);
    }

    /// Texts, due times and tidying of a node.
    fn tends(self: &Arc<Self>, slot: usize, node: &Arc<Node>) {
        let Some((gateway, clock)) = self.at(slot) else {
            return;
        };
        let pause = move |sky: &Sky| match sky.is_calm() {
            true => Duration::from_secs(4),
            false => Duration::from_millis(200) + sky.dice.wait(Duration::from_secs(2)),
        };
        let texts = Arc::clone(&gateway);
        self.on(slot, async move {
            let (_stop, stopped) = watch::channel(false);
            texts.texts(stopped).await;
        });
        let due = Arc::clone(&gateway);
        self.on(slot, async move {
            let (_stop, stopped) = watch::channel(false);
            due.due_times(stopped).await;
        });
        let (looks, its_clock) = (Arc::clone(&gateway), clock.clone());
        self.on(slot, async move {
            let (_stop, stopped) = watch::channel(false);
            outbox::look(&looks.store, &*its_clock, &looks.bells, stopped).await;
        });
        let (sky, node) = (Arc::clone(&self.sky), Arc::clone(node));
        self.on(slot, async move {
            for round in 0_u32.. {
                if round % 4 == 0 && node.does(&gateway.store, "tidy").await {
                    let _failed = gateway.store.tidy(clock.now()).await;
                }
                sleep(pause(&sky)).await;
            }
        });
    }

    fn pumps(self: &Arc<Self>, slot: usize) {
        let Some((gateway, clock)) = self.at(slot) else {
            return;
        };
        let line = Line {
            centre: Arc::clone(&self.centre),
            link: LinkName::from(LINK),
        };
        self.on(slot, async move {
            let (_stop, stopped) = watch::channel(false);
            let bell = gateway.bells.of(&line.link);
            outbox::pump(&gateway.store, &line, &*clock, &bell, stopped).await;
        });
    }

    fn at(&self, slot: usize) -> Option<(Arc<Gate>, Arc<Watch>)> {
        let nodes = self.nodes.lock().unwrap();
        let living = nodes.get(slot)?.as_ref()?;
        Some((Arc::clone(&living.gateway), Arc::clone(&living.clock)))
    }

    /// Runs something that dies with a node; gives what it gives, and nothing where it died.
    fn on<T: Send + 'static>(
        &self,
        slot: usize,
        what: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let task = tokio::spawn(what);
        let mut nodes = self.nodes.lock().unwrap();
        match nodes.get_mut(slot).and_then(Option::as_mut) {
            Some(living) => {
                living.tasks.retain(|task| !task.is_finished());
                living.tasks.push(task.abort_handle());
            }
            None => task.abort(),
        }
        task
    }

    /// A node dies: whatever it was at stops where it is.
    pub fn crash(&self, slot: usize) {
        let died = self.nodes.lock().unwrap()[slot].take();
        if let Some(living) = died {
            self.sky.seen(|| format!("node {slot} dies"));
            living.tasks.iter().for_each(AbortHandle::abort);
        }
    }

    /// Nodes crash and come back, and the clock of all jumps.
    pub async fn rages(self: Arc<Self>) {
        let p = self.sky.parameters;
        let mut jumps = 0;
        loop {
            let every = match p.crash_every.is_zero() {
                true => Duration::from_secs(15),
                false => p.crash_every,
            };
            sleep(Duration::from_millis(100) + self.sky.dice.wait(every * 2)).await;
            if self.sky.is_calm() {
                return;
            }
            if p.jumps && jumps < JUMPS_MAX && self.sky.dice.hits(300) {
                jumps += 1;
                let ms = self.sky.dice.of(&[-600_000, -300_000, 0, 30_000, 120_000]);
                self.sky.jump(ms);
                self.sky.seen(|| format!("the clock jumps by {ms} ms"));
                self.sky.rare("the clock jumps");
            }
            if self.sky.dice.hits(p.by_hand) {
                self.by_hand();
            }
            let slot = usize::try_from(self.sky.dice.below(p.nodes as u64)).unwrap();
            if !p.cut.is_zero() && self.sky.dice.hits(400) {
                self.cuts_off(slot, self.sky.dice.wait(p.cut * 2));
                continue;
            }
            if p.crash_every.is_zero() {
                continue;
            }
            self.crash(slot);
            self.sky.rare("a node crashes");
            let (world, away) = (Arc::clone(&self), self.sky.dice.wait(p.away));
            let _task = tokio::spawn(async move {
                sleep(away).await;
                if world.at(slot).is_none() {
                    world.start(slot);
                }
            });
        }
    }

    /// Somebody holds the outbox for a while, sends a message again, or cancels one.
    fn by_hand(self: &Arc<Self>) {
        let sky = &self.sky;
        let all = self.ledger.messages();
        let any = usize::try_from(sky.dice.below(all.len() as u64)).unwrap();
        let now = sky.ledger_time();
        match (sky.dice.below(3), all.get(any)) {
            (0, _) => {
                sky.seen(|| "the outbox is held".to_owned());
                sky.rare("the outbox is held");
                self.ledger.hold(true);
                let (world, how_long) = (Arc::clone(self), sky.dice.wait(Duration::from_secs(60)));
                let _task = tokio::spawn(async move {
                    sleep(how_long).await;
                    world.ledger.hold(false);
                    world.sky.seen(|| "the outbox is released".to_owned());
                });
            }
            (1, Some(one)) if self.ledger.send_again(one.id, now) => {
                sky.seen(|| format!("{} goes again by hand", one.id.0));
                sky.rare("a message goes again by hand");
            }
            (2, Some(one)) if self.ledger.cancel(one.id, now) => {
                sky.seen(|| format!("{} is cancelled by hand", one.id.0));
                sky.rare("a message is cancelled by hand");
            }
            (_, _) => {}
        }
    }

    /// The nodes that live.
    pub fn living(&self) -> Vec<NodeId> {
        let nodes = self.nodes.lock().unwrap();
        let living = nodes.iter().flatten();
        living.map(|one| one.gateway.store.node()).collect()
    }

    /// A node does not reach the ledger for a while; what it asked for comes late.
    fn cuts_off(&self, slot: usize, how_long: Duration) {
        let nodes = self.nodes.lock().unwrap();
        if let Some(living) = nodes.get(slot).and_then(Option::as_ref) {
            self.sky.seen(|| format!("node {slot} is cut off"));
            self.sky.rare("a node is cut off from the ledger");
            let until = i64::try_from((self.sky.elapsed() + how_long).as_millis()).unwrap();
            living.over.cut_until.store(until, Ordering::Relaxed);
        }
    }

    /// Every node is there.
    pub fn all_up(self: &Arc<Self>) {
        for slot in 0..self.sky.parameters.nodes {
            if self.at(slot).is_none() {
                self.start(slot);
            }
        }
    }

    /// Any node that lives.
    fn any(&self) -> Option<(usize, Arc<Gate>, Arc<Watch>)> {
        let nodes = self.sky.parameters.nodes as u64;
        let slot = usize::try_from(self.sky.dice.below(nodes)).unwrap();
        let (gateway, clock) = self.at(slot)?;
        Some((slot, gateway, clock))
    }

    /// A callback on any node: its answer, if there is one.
    pub async fn calls_back(&self, mut callback: Callback) -> Option<Reply> {
        let (slot, gateway, clock) = self.any()?;
        callback.at = clock.now();
        let reply = self
            .on(slot, async move { gateway.ussd(&callback).await })
            .await;
        reply.ok()?.ok()
    }

    /// A text at the door of any node: what is said to it, if anything is.
    pub async fn texts(&self, mut sms: NewSms) -> Option<Accepted> {
        let (slot, gateway, clock) = self.any()?;
        sms.at = clock.now();
        let (link, from, id) = (
            sms.link.clone(),
            sms.subscriber.clone(),
            sms.message_id.clone().unwrap_or_default(),
        );
        let accepted = self
            .on(slot, async move { gateway.accept_sms(sms).await })
            .await;
        let accepted = accepted.ok()?.ok()?;
        if !self.ledger.has_text(&link, &from, &id) {
            let how = "a text was acknowledged that is not in the ledger".to_owned();
            self.sky.broken("G8 what was acknowledged is kept", how);
        }
        Some(accepted)
    }

    /// A receipt, told again until it is taken.
    pub async fn takes_receipt(&self, receipt: Receipt) {
        loop {
            if let Some((slot, gateway, clock)) = self.any() {
                let receipt = Receipt {
                    at: clock.now(),
                    ..receipt.clone()
                };
                let took = self.on(slot, async move { gateway.store.receipt(&receipt).await });
                if let Ok(Ok(())) = took.await {
                    return;
                }
            }
            sleep(Duration::from_millis(500) + self.sky.wait(Duration::from_secs(5))).await;
        }
    }
}
