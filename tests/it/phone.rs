//! A gateway in this process with a clock, a random source and a registry that obey the test, and
//! the phones that talk to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use jisr::book::{Book, NoNumberOnFile};
use jisr::callback::{Callback, Channel, Input, LinkName, Msisdn, Repeat, ServiceName};
use jisr::clock::{Chance, Clock, Moment};
use jisr::config::Config;
use jisr::console::parts;
use jisr::desk::sandbox::SandboxRegistry;
use jisr::desk::{Identity, Lookup, NewAccount, Opened, Registry, RegistryError};
use jisr::drawer::{Drawer, Letter};
use jisr::gateway::Gateway;
use jisr::outbox::{self, Carrier, PartReport};
use jisr::screen::Limit;
use jisr::store::seal::Keys;
use jisr::store::sql::SqlStore;
use jisr::store::{Message, NewSms, PartOutcome, Receipt, ReceiptIds, ReceiptState, Reply, Store};
use tempfile::TempDir;

/// Monday 23 November 2026, 10:00 in Morocco.
pub const MONDAY: i64 = 1_795_424_400_000;
/// Rounds of texts, due times and messages after one event.
const ROUNDS_MAX: u32 = 64;

/// The steps in which time goes by.
const STEP_MIN: Duration = Duration::from_secs(5);
const STEP_MAX: Duration = Duration::from_secs(10 * 60);

/// A clock that stands until it is moved.
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn at(ms: i64) -> Self {
        Self(AtomicI64::new(ms))
    }

    pub fn forward(&self, wait: Duration) {
        self.0
            .fetch_add(i64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment::from_ms(self.0.load(Ordering::SeqCst))
    }
}

/// Random bytes from a seed (SplitMix64).
pub struct Seeded(AtomicU64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Chance for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)
                .wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// How the registry behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Up = 0,
    Down = 1,
    /// It carries the order out, and its answer is lost.
    Mute = 2,
    /// It says nothing at all.
    Silent = 3,
}

/// The sandbox's registry with moods and counts.
#[derive(Clone)]
pub struct MoodyRegistry(Arc<Moody>);

struct Moody {
    inner: SandboxRegistry,
    mood: AtomicU8,
    lookups: AtomicU64,
    asked: tokio::sync::Notify,
    opened: Mutex<BTreeMap<String, u64>>,
}

impl MoodyRegistry {
    pub fn set(&self, mood: Mood) {
        self.0.mood.store(mood as u8, Ordering::SeqCst);
    }

    pub fn lookups(&self) -> u64 {
        self.0.lookups.load(Ordering::SeqCst)
    }

    /// Waits until a silent registry has been asked.
    pub async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// How often each idempotency key was sent.
    pub fn opened(&self) -> BTreeMap<String, u64> {
        self.0.opened.lock().unwrap().clone()
    }

    fn answer<T>(&self, answer: Result<T, RegistryError>) -> Result<T, RegistryError> {
        match self.0.mood.load(Ordering::SeqCst) {
            0 => answer,
            _ => Err(RegistryError::Unavailable(
                "as the test wants it".to_owned(),
            )),
        }
    }

    fn is_down(&self) -> bool {
        self.0.mood.load(Ordering::SeqCst) == Mood::Down as u8
    }
}

impl Registry for MoodyRegistry {
    async fn lookup(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        self.0.lookups.fetch_add(1, Ordering::SeqCst);
        if self.0.mood.load(Ordering::SeqCst) == Mood::Silent as u8 {
            self.0.asked.notify_one();
            std::future::pending::<()>().await;
        }
        if self.is_down() {
            return Err(RegistryError::Unavailable(
                "as the test wants it".to_owned(),
            ));
        }
        let answer = self.0.inner.lookup(who).await;
        self.answer(answer)
    }

    async fn open_account(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        if self.is_down() {
            return Err(RegistryError::Unavailable(
                "as the test wants it".to_owned(),
            ));
        }
        *self
            .0
            .opened
            .lock()
            .unwrap()
            .entry(account.idempotency_key.clone())
            .or_default() += 1;
        let answer = self.0.inner.open_account(account).await;
        self.answer(answer)
    }

    async fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        if self.is_down() {
            return Err(RegistryError::Unavailable(
                "as the test wants it".to_owned(),
            ));
        }
        let answer = self.0.inner.revoke_password(registration, generation).await;
        self.answer(answer)
    }
}

/// A drawer that can be told what to answer.
pub struct Postman {
    drawer: Drawer,
    outcome: Mutex<Option<PartOutcome>>,
    /// Every message that was carried, by its text: how often.
    pub carried: Mutex<BTreeMap<String, u64>>,
}

impl Carrier for Postman {
    fn link(&self) -> &LinkName {
        self.drawer.link()
    }

    fn is_up(&self) -> bool {
        true
    }

    fn at_once(&self) -> usize {
        10
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        *self
            .carried
            .lock()
            .unwrap()
            .entry(message.text.clone())
            .or_default() += 1;
        let told = self.outcome.lock().unwrap().clone();
        match told {
            Some(outcome) => vec![PartReport {
                part: 0,
                parts: 1,
                outcome,
            }],
            None => self.drawer.carry(message).await,
        }
    }
}

/// What surrounds one gateway.
pub struct World {
    pub gateway: Arc<Gateway<SqlStore, MoodyRegistry>>,
    pub registry: MoodyRegistry,
    pub postman: Postman,
    pub clock: Arc<HandClock>,
    pub chance: Arc<Seeded>,
    pub folder: Arc<TempDir>,
    epoch: u64,
    policy: NoNumberOnFile,
    limit: Limit,
    deadline: Duration,
}

/// How a world is made.
#[derive(Clone, Copy)]
pub struct Setup {
    pub policy: NoNumberOnFile,
    pub limit: Limit,
    pub seed: u64,
    /// Within which the operator wants an answer.
    pub deadline: Duration,
    /// Whether the operator's session ids come again.
    pub ids_recur: bool,
    /// Whether screens go in requests of ours.
    pub posted: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: NoNumberOnFile::Guide,
            limit: Limit::USSD,
            seed: 7,
            deadline: Duration::from_secs(5),
            ids_recur: false,
            posted: false,
        }
    }
}

pub const SERVICE: &str = "tns";
pub const LINK: &str = "sandbox";

impl World {
    pub async fn new(setup: Setup) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let clock = Arc::new(HandClock::at(MONDAY));
        let chance = Arc::new(Seeded::new(setup.seed));
        let url = format!("sqlite://{}", folder.path().join("sandbox.db").display());
        let inner = SandboxRegistry::open(&url, Keys::for_testing(), clock.clone(), chance.clone())
            .await
            .unwrap();
        let registry = MoodyRegistry(Arc::new(Moody {
            inner,
            mood: AtomicU8::new(0),
            lookups: AtomicU64::new(0),
            asked: tokio::sync::Notify::new(),
            opened: Mutex::default(),
        }));
        Self::open(folder, clock, chance, registry, setup).await
    }

    async fn open(
        folder: Arc<TempDir>,
        clock: Arc<HandClock>,
        chance: Arc<Seeded>,
        registry: MoodyRegistry,
        setup: Setup,
    ) -> Self {
        let url = format!("sqlite://{}", folder.path().join("jisr.db").display());
        let store = SqlStore::open(
            &url,
            Keys::for_testing(),
            Arc::new(Seeded::new(setup.seed + 2)),
        )
        .await
        .unwrap();
        let drawer = Drawer::new(LinkName::from(LINK));
        let epoch = store.begin_epoch(drawer.link(), clock.now()).await.unwrap();
        let mut book = book(setup.policy, setup.limit);
        for link in book.links.values_mut() {
            link.deadline = setup.deadline;
            link.ids_recur = setup.ids_recur;
            link.posted = setup.posted;
        }
        let gateway = Gateway::new(store, registry.clone(), book, clock.clone(), chance.clone());
        Self {
            gateway: Arc::new(gateway),
            registry,
            postman: Postman {
                drawer,
                outcome: Mutex::default(),
                carried: Mutex::default(),
            },
            clock,
            chance,
            folder,
            epoch,
            policy: setup.policy,
            limit: setup.limit,
            deadline: setup.deadline,
        }
    }

    /// The same ledger in a new process, as after a crash: nothing of the old one is told to stop.
    pub async fn reborn(self) -> Self {
        let setup = Setup {
            policy: self.policy,
            limit: self.limit,
            seed: 0,
            deadline: self.deadline,
            ids_recur: false,
            posted: false,
        };
        let (folder, clock, chance, registry) = (
            self.folder.clone(),
            self.clock.clone(),
            self.chance.clone(),
            self.registry.clone(),
        );
        drop(self);
        Self::open(folder, clock, chance, registry, setup).await
    }

    /// What the operator says to the next messages; `None` takes them.
    pub fn operator_says(&self, outcome: Option<PartOutcome>) {
        *self.postman.outcome.lock().unwrap() = outcome;
    }

    /// Runs texts, due times and messages until nothing moves.
    pub async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            let tended = self.gateway.tend().await.unwrap();
            let sent =
                outbox::pump_once(&self.gateway.store, &self.postman, self.epoch, &*self.clock)
                    .await
                    .unwrap();
            if tended == 0 && sent == 0 {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Time goes by, in steps from one due time to the next, as the loops of the real program see
    /// it.
    pub async fn wait(&self, wait: Duration) {
        let mut left = wait;
        while left > Duration::ZERO {
            let due = self.gateway.store.next_due().await.unwrap();
            let until_due = due.map_or(STEP_MAX, |due| due.since(self.clock.now()));
            let now = until_due.clamp(STEP_MIN, STEP_MAX).min(left);
            self.clock.forward(now);
            left -= now;
            self.gateway.store.tidy(self.clock.now()).await.unwrap();
            self.settle().await;
        }
    }

    /// The messages that have come in since.
    pub fn mail(&self) -> Vec<(Msisdn, Letter)> {
        self.postman.drawer.empty()
    }

    /// A receipt for everything under that id.
    pub async fn receipt(&self, message_id: &str, state: ReceiptState) {
        let receipt = Receipt {
            link: LinkName::from(LINK),
            message_id: message_id.to_owned(),
            ids: ReceiptIds::Any,
            state,
            at: self.clock.now(),
        };
        self.gateway.store.receipt(&receipt).await.unwrap();
    }

    pub async fn callback(&self, phone: &str, session: &str, path: &str) -> Reply {
        self.gateway
            .ussd(&self.made(phone, session, path))
            .await
            .unwrap()
    }

    pub fn made(&self, phone: &str, session: &str, path: &str) -> Callback {
        Callback {
            link: LinkName::from(LINK),
            service: ServiceName::from(SERVICE),
            subscriber: Msisdn::parse(phone).unwrap(),
            channel: Channel::Ussd,
            session: Some(session.to_owned()),
            repeat: Repeat::Path,
            input: Input::Path(path.to_owned()),
            at: self.clock.now(),
        }
    }

    pub async fn text(&self, phone: &str, text: &str) {
        let mut unlike = [0; 8];
        self.chance.fill(&mut unlike);
        let sms = NewSms {
            link: LinkName::from(LINK),
            service: ServiceName::from(SERVICE),
            subscriber: Msisdn::parse(phone).unwrap(),
            to: "5800".to_owned(),
            text: text.to_owned(),
            message_id: None,
            fingerprint: self
                .gateway
                .store
                .mark("test-sms", &[phone.as_bytes(), text.as_bytes(), &unlike]),
            bind: 1,
            part: None,
            at: self.clock.now(),
        };
        self.gateway.accept_sms(sms).await.unwrap();
    }
}

/// The book of the default configuration.
pub fn book(policy: NoNumberOnFile, limit: Limit) -> Book {
    let Ok(config) = Config::load(None, &[]) else {
        panic!("the default configuration")
    };
    let Ok(mut book) = parts::book(
        &config,
        &jisr::operator::shape::Shapes::load(&[]).unwrap(),
        jisr::desk::catalogue::embedded().clone(),
    ) else {
        panic!("the built-in book")
    };
    book.no_number_on_file = policy;
    for link in book.links.values_mut() {
        link.limit = limit;
    }
    book
}
