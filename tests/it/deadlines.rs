//! A registry that takes its time, under a clock that jumps: the answer leaves within the link's
//! deadline, or a valid END does, and the outcome follows by SMS, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jisr::book::NoNumberOnFile;
use jisr::callback::{Input, ServiceName};
use jisr::callback::{LinkName, Msisdn, Repeat};
use jisr::clock::{Clock, Moment};
use jisr::desk::{Identity, Lookup, NewAccount, Opened, Person, Registry, RegistryError, Standing};
use jisr::gateway::{Gateway, UssdCall};
use jisr::outbox::{self, Carrier, PartReport};
use jisr::screen::Limit;
use jisr::store::seal::Keys;
use jisr::store::sql::SqlStore;
use jisr::store::{Message, PartOutcome, Reply, Store};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::awake::{Awake, AwakeStore};
use crate::phone::{LINK, MONDAY, SERVICE, Seeded, book};

const ME: &str = "+212661000003";

/// The paused clock of the runtime, as the gateway reads time.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Moment {
        Moment::from_ms(MONDAY).plus(self.0.elapsed())
    }
}

/// A registry that knows one person, after a while; it counts how often it was asked.
#[derive(Clone)]
struct Slow {
    delay: Duration,
    asked: Arc<AtomicU32>,
}

impl Registry for Slow {
    async fn lookup(&self, _: &Identity) -> Result<Lookup, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        Ok(Lookup::Match(Box::new(Person {
            standing: Standing::Registered {
                registration: "104882317".to_owned(),
                account: true,
            },
            phone: Msisdn::parse(ME).ok(),
            name: "EXEMPLE Yasmine".to_owned(),
            address: "1 rue Exemple".to_owned(),
            email: "y@example.org".to_owned(),
        })))
    }

    async fn open_account(&self, _: &NewAccount) -> Result<Opened, RegistryError> {
        Err(RegistryError::Contract("nobody opens one here".to_owned()))
    }

    async fn revoke_password(&self, _: &str, _: u32) -> Result<(), RegistryError> {
        Err(RegistryError::Contract("nobody opens one here".to_owned()))
    }
}

/// Takes every message, and keeps it.
struct Phone {
    link: LinkName,
    got: std::sync::Mutex<Vec<String>>,
}

impl Carrier for Phone {
    fn link(&self) -> &LinkName {
        &self.link
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
        self.got.lock().unwrap().push(message.text.clone());
        vec![PartReport {
            part: 0,
            parts: 1,
            outcome: PartOutcome::Accepted(message.id.0.to_string()),
        }]
    }
}

struct House {
    gateway: Arc<Gateway<AwakeStore, Slow>>,
    registry: Slow,
    phone: Phone,
    clock: Arc<Paused>,
    epoch: u64,
    _folder: TempDir,
}

impl House {
    async fn new(delay: Duration, deadline: Duration) -> Self {
        let awake = Awake::now();
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("jisr.db").display());
        let store = SqlStore::open(&url, Keys::for_testing(), Arc::new(Seeded::new(9)));
        let store = AwakeStore::new(store.await.unwrap());
        let clock = Arc::new(Paused(Instant::now()));
        let mut book = book(NoNumberOnFile::Guide, Limit::USSD);
        for link in book.links.values_mut() {
            link.deadline = deadline;
        }
        let registry = Slow {
            delay,
            asked: Arc::default(),
        };
        let link = LinkName::from(LINK);
        let epoch = store.begin_epoch(&link, clock.now()).await.unwrap();
        let chance = Arc::new(Seeded::new(7));
        let gateway = Gateway::new(store, registry.clone(), book, clock.clone(), chance);
        drop(awake);
        Self {
            gateway: Arc::new(gateway),
            registry,
            phone: Phone {
                link,
                got: std::sync::Mutex::default(),
            },
            clock,
            epoch,
            _folder: folder,
        }
    }

    /// One key press as a door hands it over, and how long its answer took.
    async fn press(&self, session: &str, path: &str) -> (Reply, Duration) {
        let began = Instant::now();
        let call = UssdCall {
            link: LinkName::from(LINK),
            services: vec![ServiceName::from(SERVICE)],
            service: Some(ServiceName::from(SERVICE)),
            subscriber: Msisdn::parse(ME).unwrap(),
            session: session.to_owned(),
            repeat: Repeat::Path,
            input: Input::Path(path.to_owned()),
            at: self.clock.now(),
        };
        let reply = self.gateway.begin_call(call).reply.await.unwrap();
        (reply, began.elapsed())
    }

    /// Lets time go by, in which what falls due is attended to and messages go out.
    async fn wait(&self, time: Duration) {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let gateway = Arc::clone(&self.gateway);
        let due = tokio::spawn(async move { gateway.due_times(stopped).await });
        let until = Instant::now() + time;
        while Instant::now() < until {
            let store = &self.gateway.store;
            outbox::pump_once(store, &self.phone, self.epoch, &*self.clock)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stop.send_replace(true);
        due.await.unwrap();
    }

    fn messages(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for text in self.phone.got.lock().unwrap().iter() {
            *counted.entry(text.clone()).or_default() += 1;
        }
        counted
    }
}

/// The keys until the summary, each behind the one before.
const KEYS: [&str; 7] = ["2", "1", "1", "1", "D3345", "20012028", "01071961"];

async fn played(delay: Duration, deadline: Duration) {
    let name = format!("the registry takes {delay:?}, the operator waits {deadline:?}");
    let house = House::new(delay, deadline).await;
    let mut path = String::new();
    house.press("s", "").await;
    for key in KEYS {
        path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}*{key}")
        };
        let (reply, _) = house.press("s", &path).await;
        assert!(!reply.ends, "{name}: {}", reply.text);
    }
    path.push_str("*1");
    let (reply, took) = house.press("s", &path).await;
    // Half a second is kept back for the way to the operator.
    let limit = deadline - Duration::from_millis(500);
    assert!(took <= limit, "{name}: {took:?}");
    assert!(
        !reply.text.is_empty() && reply.text.chars().count() <= 182,
        "{name}"
    );
    let in_time = delay < deadline - Duration::from_secs(1);
    assert_eq!(
        reply.text.contains("104882317"),
        in_time,
        "{name}: {}",
        reply.text
    );
    if !in_time {
        assert!(reply.ends, "{name}: {}", reply.text);
    }
    // The same callback again, as an operator sends it that was not patient enough.
    let (again, _) = house.press("s", &path).await;
    assert_eq!(again, reply, "{name}");

    house.wait(delay * 2 + Duration::from_secs(30)).await;
    let messages = house.messages();
    let outcome: Vec<_> = messages
        .iter()
        .filter(|(text, _)| text.contains("104882317"))
        .collect();
    assert_eq!(outcome.len(), 1, "{name}: {messages:?}");
    assert!(
        outcome.iter().all(|(_, times)| **times == 1),
        "{name}: {messages:?}"
    );
    assert!(house.registry.asked.load(Ordering::SeqCst) >= 1);
}

/// All of them side by side: the clock jumps only when none of them has anything left to do.
#[tokio::test(start_paused = true)]
async fn the_answer_leaves_in_time_or_an_end_does_and_the_outcome_follows_once() {
    let ms = Duration::from_millis;
    let short = [0, 900, 1_100, 4_000].map(|delay| played(ms(delay), ms(2_000)));
    let usual = [0, 400, 3_900, 4_100, 4_600, 9_000, 20_000, 35_000, 60_000]
        .map(|delay| played(ms(delay), ms(5_000)));
    let long = [0, 9_000, 13_900, 14_100, 60_000].map(|delay| played(ms(delay), ms(15_000)));
    let all = short.into_iter().chain(usual).chain(long);
    futures_util::future::join_all(all).await;
}
