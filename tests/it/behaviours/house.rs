//! A gateway in this process with a real ledger and a real link, bound to the simulator's message
//! centre over the loopback; its clock can be put forward.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jisr::book::NoNumberOnFile;
use jisr::callback::{LinkName, Msisdn, ServiceName};
use jisr::clock::{Clock, Moment};
use jisr::desk::sandbox::SandboxRegistry;
use jisr::gateway::{Begun, Gateway, UssdCall};
use jisr::outbox::{self, Carrier, PartReport};
use jisr::screen::Limit;
use jisr::smpp::config::{RetryConfig, SmppConfig};
use jisr::smpp::link::{self, Inbox, LinkHandle};
use jisr::store::seal::Keys;
use jisr::store::sql::SqlStore;
use jisr::store::{Accepted, Mark, MessageId, NewSms, Receipt, Reply, Store, StoreError};
use jisr::system::{SystemChance, SystemClock};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use simulator::phone::{Phone, Phones};
use simulator::smsc::{Behaviour, CommandId, Dose, Login, Smsc};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::phone::{SERVICE, book};
use crate::program::ask;

/// Everything that is awaited comes within this, also where many houses share a busy machine.
pub const SOON: Duration = Duration::from_secs(60);
/// Between two looks at what cannot ring.
const LOOK: Duration = Duration::from_millis(10);
/// Tells the links of the houses of one process apart, for the figures.
static HOUSES: AtomicI64 = AtomicI64::new(0);

/// What the grace of an unknown outcome needs to be over, and any pause after a refusal.
pub const AFTER_THE_GRACE: Duration = Duration::from_secs(61);

/// The figures of this process; every house has its own link in them.
fn figures() -> &'static PrometheusHandle {
    static FIGURES: OnceLock<PrometheusHandle> = OnceLock::new();
    FIGURES.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// The system's clock, and some time ahead of it.
struct AheadClock(AtomicI64);

impl Clock for AheadClock {
    fn now(&self) -> Moment {
        let ahead = u64::try_from(self.0.load(Ordering::SeqCst)).unwrap();
        SystemClock.now().plus(Duration::from_millis(ahead))
    }
}

type Running = Gateway<SqlStore, SandboxRegistry>;

struct HouseInbox(Arc<Running>, Arc<AheadClock>);

impl Inbox for HouseInbox {
    async fn accept(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        self.0.accept_sms(sms).await
    }

    async fn receipt(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.0.store.receipt(&receipt).await
    }

    async fn closed(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> Result<(), StoreError> {
        self.0.store.close_bind(link, bind, unread_from).await
    }

    async fn late(&self, (message, claim): (MessageId, u32), report: PartReport) {
        let PartReport {
            part,
            parts,
            outcome,
        } = report;
        let done =
            self.0
                .store
                .part_done(message, Some(claim), part, parts, &outcome, self.1.now());
        done.await.unwrap();
    }

    fn ussd(&self, call: UssdCall) -> Begun {
        self.0.begin_call(call)
    }

    fn busy(&self, call: &UssdCall) -> Reply {
        self.0.apology(call, "busy")
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> Mark {
        self.0.store.mark("deliver_sm", parts)
    }
}

/// What can be said otherwise before a house is opened.
pub struct Plan {
    /// The link.
    pub config: SmppConfig,
    /// Behaviours that are on before the first bind.
    pub from_the_start: Vec<(Behaviour, Dose)>,
    /// Workers whose text waits at the message centre before anybody binds.
    pub waiting: u32,
}

impl Plan {
    /// Time-outs as an operator has them, but for the pauses between attempts.
    pub fn new() -> Self {
        let retry = RetryConfig {
            first_ms: 20,
            longest_ms: 100,
            locked_ms: 200,
            ..RetryConfig::default()
        };
        Self {
            config: SmppConfig {
                password: "secret".to_owned(),
                service_for: vec![("5800".to_owned(), ServiceName::from(SERVICE))],
                response_ms: 10_000,
                // The ledgers of many houses share a machine.
                accept_ms: 20_000,
                retry,
                ..SmppConfig::default()
            },
            from_the_start: Vec::new(),
            waiting: 0,
        }
    }

    /// A behaviour that is on before the first bind.
    pub fn with(mut self, behaviour: Behaviour, dose: Dose) -> Self {
        self.from_the_start.push((behaviour, dose));
        self
    }

    /// Another setting of the link.
    pub fn set(mut self, change: impl FnOnce(&mut SmppConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// A worker's text waits at the message centre before anybody binds.
    pub fn waiting(mut self) -> Self {
        self.waiting += 1;
        self
    }
}

/// A gateway with its message centre.
pub struct House {
    pub smsc: Smsc,
    pub phones: Phones,
    gateway: Arc<Running>,
    clock: Arc<AheadClock>,
    link: LinkName,
    handle: Arc<LinkHandle>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    folder: TempDir,
}

impl House {
    /// Opens it; the link begins to bind.
    pub async fn open(plan: Plan) -> Self {
        figures();
        let phones = Phones::new(None);
        let login = Login {
            system_id: "jisr".to_owned(),
            password: "secret".to_owned(),
        };
        let smsc = Smsc::start(phones.clone(), login, 0).await.unwrap();
        for (behaviour, dose) in &plan.from_the_start {
            smsc.misbehave(*behaviour, *dose);
        }
        for worker in 1..=plan.waiting {
            let (smsc, phone) = (smsc.clone(), phones.phone(&number(worker)));
            let before = phone.happenings();
            let texting = phone.clone();
            tokio::spawn(async move { smsc.text(&texting, "5800", "TNS", SOON).await });
            assert!(phone.changed_since(before, SOON).await > before);
        }
        let link = format!("house{}", HOUSES.fetch_add(1, Ordering::SeqCst));
        let link = LinkName::from(link.as_str());
        let folder = folder();
        let clock = Arc::new(AheadClock(AtomicI64::new(0)));
        let chance = Arc::new(SystemChance);
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let keys = Keys::for_testing;
        let registry =
            SandboxRegistry::open(&url("sandbox.db"), keys(), clock.clone(), chance.clone())
                .await
                .unwrap();
        let store = SqlStore::open(&url("jisr.db"), keys(), chance.clone())
            .await
            .unwrap();
        let mut book = book(NoNumberOnFile::Guide, Limit::USSD);
        let rules = book.links.values().next().copied().unwrap();
        book.links.insert(link.clone(), rules);
        for service in book.services.values_mut() {
            service.sms_link = link.clone();
        }
        let gateway = Gateway::new(store, registry, book, clock.clone(), chance.clone());
        let gateway = Arc::new(gateway);
        let config = SmppConfig {
            name: link.clone(),
            port: smsc.address().port(),
            ..plan.config
        };
        let inbox = Arc::new(HouseInbox(gateway.clone(), clock.clone()));
        let (handle, task) = link::open(config, inbox, clock.clone(), chance).unwrap();
        let handle = Arc::new(handle);
        let (stop, stopped) = watch::channel(false);
        let mut house = Self {
            smsc,
            phones,
            gateway,
            clock,
            link,
            handle,
            stop,
            tasks: vec![tokio::spawn(task)],
            folder,
        };
        house.run(stopped);
        house
    }

    fn run(&mut self, stopped: watch::Receiver<bool>) {
        let (gateway, handle, clock) = (
            self.gateway.clone(),
            self.handle.clone(),
            self.clock.clone(),
        );
        let pumped = stopped.clone();
        self.tasks.push(tokio::spawn(async move {
            let bell = gateway.bells.of(Carrier::link(&*handle));
            outbox::pump(&gateway.store, &*handle, &*clock, &bell, pumped).await;
        }));
        let (gateway, clock) = (self.gateway.clone(), self.clock.clone());
        let looked = stopped.clone();
        self.tasks.push(tokio::spawn(async move {
            outbox::look(&gateway.store, &*clock, &gateway.bells, looked).await;
        }));
        let gateway = self.gateway.clone();
        self.tasks.push(tokio::spawn(async move {
            gateway.texts(stopped).await;
        }));
    }

    /// The same, once it is bound.
    pub async fn bound(plan: Plan) -> Self {
        let house = Self::open(plan).await;
        house.is_bound().await;
        house
    }

    pub async fn is_bound(&self) {
        self.smsc.until_bound(SOON).await.unwrap();
    }

    /// The message centre has answered so many submits.
    pub async fn until_answered(&self, times: u64) {
        let answered = || self.smsc.traffic().went(CommandId::SubmitSmResp);
        let all = async {
            while answered() < times {
                tokio::time::sleep(LOOK).await;
            }
        };
        let ended = tokio::time::timeout(SOON, all).await;
        assert!(ended.is_ok(), "{} answers", answered());
    }

    /// The gateway has bound that often.
    pub async fn binds(&self, times: u64) {
        let binds = || self.smsc.traffic().went(CommandId::BindTransceiverResp);
        let bound = async {
            while binds() < times {
                tokio::time::sleep(LOOK).await;
            }
        };
        let bound = tokio::time::timeout(SOON, bound).await;
        assert!(bound.is_ok(), "{} binds", binds());
    }

    /// A worker's phone.
    pub fn worker(&self, worker: u32) -> Phone {
        self.phones.phone(&number(worker))
    }

    /// A worker texts, through the message centre.
    pub async fn texts(&self, worker: u32, text: &str) {
        let phone = self.worker(worker);
        let taken = self.smsc.text(&phone, "5800", text, SOON).await;
        taken.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The gateway has a text of a worker without the message centre's doing, so that all that
    /// this sees is the answer.
    pub async fn owes(&self, worker: u32) {
        let sms = NewSms {
            link: self.link.clone(),
            service: ServiceName::from(SERVICE),
            subscriber: Msisdn::parse(&number(worker)).unwrap(),
            to: "5800".to_owned(),
            text: "TNS".to_owned(),
            message_id: None,
            fingerprint: self
                .gateway
                .store
                .mark("test", &[number(worker).as_bytes()]),
            bind: 0,
            part: None,
            at: self.clock.now(),
        };
        self.gateway.accept_sms(sms).await.unwrap();
    }

    /// A worker has the answer to the first text, as message number `at` from 0.
    pub async fn answered(&self, worker: u32, at: usize) {
        let got = self.worker(worker).sms(at, SOON, |_| true).await;
        match got {
            Ok((_, sms)) => assert!(sms.text.contains("Langue"), "{}", sms.text),
            Err(error) => panic!("worker {worker}: {error}\n{}", self.standing().await),
        }
    }

    /// Time goes by in the ledger.
    pub async fn later(&self, wait: Duration) {
        let ahead = i64::try_from(wait.as_millis()).unwrap();
        self.clock.0.fetch_add(ahead, Ordering::SeqCst);
        self.gateway.store.tidy(self.clock.now()).await.unwrap();
        self.gateway.bells.ring_all();
    }

    /// A behaviour has struck so often.
    pub async fn struck(&self, behaviour: Behaviour, times: u64) {
        let struck = self.smsc.until_struck(behaviour, times, SOON).await;
        assert!(struck, "{behaviour}: {:?}", self.smsc.struck());
    }

    /// So many messages stand at a state of the outbox.
    pub async fn stand(&self, state: &str, count: i64) {
        let query = counting(state);
        self.until(&format!("{count} messages {state}"), query, count)
            .await;
    }

    async fn until(&self, what: &str, query: &'static str, count: i64) {
        let looking = async {
            while ask(&self.ledger(), query).await != count {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(SOON, looking).await.is_err() {
            panic!("in vain: {what}\n{}", self.standing().await);
        }
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("jisr.db")
    }

    /// How often the message centre's peer was odd, by kind, as the figures have it.
    pub fn odd(&self) -> Vec<(String, u64)> {
        let link = format!("link=\"{}\"", self.link);
        let shown = figures().render();
        let lines = shown
            .lines()
            .filter(|line| line.starts_with("jisr_smpp_odd_total{") && line.contains(&link));
        let mut odd: Vec<(String, u64)> = lines
            .map(|line| {
                let kind = line.split("kind=\"").nth(1).unwrap().split('"').next();
                let count = line.rsplit(' ').next().unwrap().parse().unwrap();
                (kind.unwrap().to_owned(), count)
            })
            .collect();
        odd.sort();
        odd
    }

    /// How many outcomes were recorded as unknown.
    pub async fn unknown(&self) -> i64 {
        ask(
            &self.ledger(),
            "SELECT (SELECT COALESCE(SUM(unknowns), 0) FROM outbox)
                + (SELECT COALESCE(SUM(unknowns), 0) FROM outbox_part)",
        )
        .await
    }

    /// Where everything stands, for who waits in vain.
    async fn standing(&self) -> String {
        let mut shown = format!(
            "{}{:?}\nbound {}, odd {:?}, unknown {}\n",
            self.smsc.traffic(),
            self.smsc.struck(),
            self.smsc.bound(),
            self.odd(),
            self.unknown().await
        );
        for state in STATES {
            let count = ask(&self.ledger(), counting(state)).await;
            writeln!(shown, "{state} {count}").unwrap();
        }
        shown
    }

    /// The end of every story: a last worker texts and is answered, so the bind works; nothing
    /// that was for the gateway is left; nothing went out more often than once and once more for
    /// each unknown outcome. Tells what was to be seen.
    pub async fn ends(&self, behaviour: Behaviour) -> String {
        const LAST: u32 = 99;
        assert!(
            self.smsc.struck().contains_key(&behaviour),
            "it never struck"
        );
        self.texts(LAST, "TNS").await;
        self.answered(LAST, 0).await;
        assert_eq!(self.smsc.until_quiet(SOON).await, 0, "left at the centre");
        let unknown = self.unknown().await;
        let submits = self.smsc.submits();
        let mut again = 0;
        for (at, submit) in submits.iter().enumerate() {
            let same = |other: &&simulator::smsc::Submit| {
                other.to == submit.to && other.text == submit.text
            };
            again += i64::from(submits[..at].iter().any(|other| same(&other)));
        }
        assert!(
            again <= unknown,
            "{again} were sent again, {unknown} were unknown\n{}",
            self.standing().await
        );
        let owed = "SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')";
        self.until("no message waits", owed, 0).await;
        let odd: Vec<String> = self.odd().into_iter().map(|(kind, _)| kind).collect();
        let odd = if odd.is_empty() {
            "nothing".to_owned()
        } else {
            odd.join(" ")
        };
        let arrived: usize = self.phones.all().iter().map(Phone::received).sum();
        format!(
            "binds {}, submits {}, arrived {arrived}, unknown {unknown}, odd {odd}",
            self.binds_came(),
            self.smsc.traffic().came(CommandId::SubmitSm),
        )
    }

    fn binds_came(&self) -> u64 {
        let traffic = self.smsc.traffic();
        let kinds = [
            CommandId::BindTransceiver,
            CommandId::BindTransmitter,
            CommandId::BindReceiver,
        ];
        kinds.map(|kind| traffic.came(kind)).iter().sum()
    }

    /// The link is told to stop; it has ended within its time for that.
    pub async fn stops(mut self) {
        self.stop.send_replace(true);
        self.handle.stop();
        for task in std::mem::take(&mut self.tasks) {
            let ended = tokio::time::timeout(SOON, task).await;
            ended.expect("a task does not end").unwrap();
        }
    }
}

impl Drop for House {
    /// Nothing of it goes on beside the other houses.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The states of the outbox.
const STATES: [&str; 7] = [
    "queued",
    "sending",
    "sent",
    "unknown",
    "delivered",
    "failed",
    "expired",
];

/// The query that counts the messages of a state.
fn counting(state: &str) -> &'static str {
    match state {
        "queued" => "SELECT count(*) FROM outbox WHERE state = 'queued'",
        "sending" => "SELECT count(*) FROM outbox WHERE state = 'sending'",
        "sent" => "SELECT count(*) FROM outbox WHERE state = 'sent'",
        "unknown" => "SELECT count(*) FROM outbox WHERE state = 'unknown'",
        "delivered" => "SELECT count(*) FROM outbox WHERE state = 'delivered'",
        "failed" => "SELECT count(*) FROM outbox WHERE state = 'failed'",
        "expired" => "SELECT count(*) FROM outbox WHERE state = 'expired'",
        other => panic!("no state {other}"),
    }
}

/// A folder in memory where there is one: what is played here is the wire, not the disk, and forty
/// ledgers at once would wait for it.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

/// A worker's number.
fn number(worker: u32) -> String {
    format!("+2126610001{worker:02}")
}
