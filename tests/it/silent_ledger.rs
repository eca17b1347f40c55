//! A ledger that takes what it is asked and never answers, under a clock that jumps: whoever dialled
//! reads an END within the link's deadline, and an operator with a text is told to come again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac as Mac256, KeyInit, Mac};
use http_body_util::BodyExt;
use jisr::book::NoNumberOnFile;
use jisr::brake::Brake;
use jisr::callback::{LinkName, ServiceName};
use jisr::clock::{Clock, Moment};
use jisr::desk::{Identity, Lookup, NewAccount, Opened, Registry, RegistryError};
use jisr::exchange::{ApiSettings, Exchange};
use jisr::gateway::Gateway;
use jisr::http::callbacks::{self, UssdLink};
use jisr::http::entry::Entry;
use jisr::http::sms::{self, Nameless, SmsLink};
use jisr::operator::api::account::Account;
use jisr::operator::auth::{Auth, Hmac, Rule, Secrets};
use jisr::operator::shape::{Shape, Shapes};
use jisr::screen::Limit;
use jisr::store::seal::Keys;
use jisr::store::sql::SqlStore;
use jisr::ussd_push::Pusher;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::awake::{Awake, AwakeStore};
use crate::phone::{LINK, MONDAY, SERVICE, Seeded, book};

const SECRET: &str = "sample-secret-of-32-characters-0";
const FORM: &str = "application/x-www-form-urlencoded";
const DIAL: &str = "phoneNumber=%2B212661000001&serviceCode=*580%23&text=&sessionId=ATUid_1";
/// The link of an operator that tells the number at the dial only.
const FIRST: &str = "first";
/// The link of an operator that has its screens posted.
const POSTED: &str = "posted";
const OPEN: &str = r##"<Message><Version Version="1.0"/><Response Type="OnUSSEvent"><OnUSSEvent Type="Open"><USSContext SessionID="1" NetworkSID="1" MSISDN="212661000001" Script="s" ConnStr="*580#"/></OnUSSEvent></Response></Message>"##;
const TEXT: &str = r#"{"id":"m1","from":"+212661000001","to":"5800","text":"aide"}"#;
const RECEIPT: &str = r#"{"id":"a","state":"delivered"}"#;

struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Moment {
        Moment::from_ms(MONDAY).plus(self.0.elapsed())
    }
}

/// A registry that nobody asks.
struct Unasked;

impl Registry for Unasked {
    async fn lookup(&self, _: &Identity) -> Result<Lookup, RegistryError> {
        Err(RegistryError::Contract("nobody asks here".to_owned()))
    }

    async fn open_account(&self, _: &NewAccount) -> Result<Opened, RegistryError> {
        Err(RegistryError::Contract("nobody asks here".to_owned()))
    }

    async fn revoke_password(&self, _: &str, _: u32) -> Result<(), RegistryError> {
        Err(RegistryError::Contract("nobody asks here".to_owned()))
    }
}

struct House {
    gateway: Arc<Gateway<AwakeStore, Unasked>>,
    clock: Arc<Paused>,
    router: Router,
    is_signed: bool,
    _folder: TempDir,
}

impl House {
    /// A link of USSD and one of SMS, signed or open to everybody.
    async fn new(is_signed: bool, deadline: Duration) -> Self {
        let awake = Awake::now();
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("jisr.db").display());
        let store = SqlStore::open(&url, Keys::for_testing(), Arc::new(Seeded::new(9)));
        let store = AwakeStore::new(store.await.unwrap());
        drop(awake);
        let clock = Arc::new(Paused(Instant::now()));
        let mut book = book(NoNumberOnFile::Guide, Limit::USSD);
        for link in book.links.values_mut() {
            link.deadline = deadline;
        }
        let rules = book.links[&LinkName::from(LINK)];
        book.links.insert(LinkName::from(FIRST), rules);
        book.links.insert(LinkName::from(POSTED), rules);
        let chance = Arc::new(Seeded::new(7));
        let gateway = Arc::new(Gateway::new(store, Unasked, book, clock.clone(), chance));
        let shapes = Shapes::load(&[]).unwrap_or_else(|_| panic!("the built-in shapes"));
        let (
            Some(Shape::Ussd(ussd)),
            Some(Shape::Ussd(first)),
            Some(Shape::Ussd(posted)),
            Some(Shape::Sms(sms)),
        ) = (
            shapes.get("africastalking"),
            shapes.get("trueafrican"),
            shapes.get("integrat"),
            shapes.get("generic-sms"),
        )
        else {
            panic!("the shapes")
        };
        let auth = || match is_signed {
            true => {
                let secrets = Secrets::new(SECRET, None);
                Auth::of(vec![Rule::Hmac(Hmac::new(
                    secrets,
                    Duration::from_secs(300),
                ))])
            }
            false => Auth::open(),
        };
        let entry = || Entry {
            clock: clock.clone(),
            body_bytes_max: 16 * 1024,
            body_time: Duration::from_secs(5),
            proxies: Vec::new(),
            brake: Brake::default(),
        };
        let service = ServiceName::from(SERVICE);
        let calls_of = |shape| UssdLink {
            push: None,
            shape: Arc::clone(shape),
            services: vec![service.clone()],
            codes: vec![("*580#".to_owned(), service.clone())],
            auth: auth(),
            public_url: None,
        };
        let api = ApiSettings::of(LinkName::from(POSTED));
        let exchange = Exchange::new(&api).unwrap();
        // Nobody listens there: what is looked at is the acknowledgement.
        let account = Account {
            url: "http://127.0.0.1:1/ussd".to_owned(),
            user: "user".to_owned(),
            secret: "secret".to_owned(),
        };
        let pusher = Pusher::new(api, Arc::clone(posted), account, rules.session, exchange);
        let posted = UssdLink {
            push: Some(Arc::new(pusher)),
            ..calls_of(posted)
        };
        let sms = SmsLink {
            shape: Arc::clone(sms),
            numbers: vec![("5800".to_owned(), service.clone())],
            services: vec![service.clone()],
            auth: auth(),
            nameless: Nameless::default(),
        };
        let calls = callbacks::router(Arc::new(callbacks::Door {
            gateway: Arc::clone(&gateway),
            entry: entry(),
            links: BTreeMap::from([
                (LinkName::from(LINK), calls_of(ussd)),
                (LinkName::from(FIRST), calls_of(first)),
                (LinkName::from(POSTED), posted),
            ]),
        }));
        let texts = sms::router(Arc::new(sms::Door {
            gateway: Arc::clone(&gateway),
            entry: entry(),
            links: BTreeMap::from([(LinkName::from("texts"), sms)]),
        }));
        Self {
            gateway,
            clock,
            router: calls.merge(texts),
            is_signed,
            _folder: folder,
        }
    }

    fn silent(&self, is_silent: bool) {
        let store = &self.gateway.store;
        store.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// Status, whether it says when to come again, body, and how long it took.
    async fn post(&self, path: &str, nonce: &str, kind: &str, body: &str) -> Answered {
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", kind);
        if self.is_signed {
            let at = self.clock.now().ms() / 1000;
            let hex = |bytes: &[u8]| -> String {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let hash = hex(&Sha256::digest(body));
            let mut mac = Mac256::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(format!("POST\n{path}\n{at}\n{nonce}\n{hash}").as_bytes());
            request = request
                .header("x-jisr-timestamp", at)
                .header("x-jisr-nonce", nonce)
                .header(
                    "x-jisr-signature",
                    format!("v1={}", hex(&mac.finalize().into_bytes())),
                );
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let began = Instant::now();
        let answer = self.router.clone().oneshot(request);
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
        let answer = answer.expect("no answer at all").unwrap();
        let took = began.elapsed();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered {
            status: head.status,
            comes_again: head.headers.contains_key("retry-after"),
            body: String::from_utf8(body.to_vec()).unwrap(),
            took,
        }
    }
}

struct Answered {
    status: StatusCode,
    comes_again: bool,
    body: String,
    took: Duration,
}

async fn dialled(is_signed: bool, deadline: Duration) {
    let name = format!("signed {is_signed}, within {deadline:?}");
    let house = House::new(is_signed, deadline).await;
    let path = format!("/ussd/{LINK}");
    house.silent(true);
    let answer = house.post(&path, "n-1", FORM, DIAL).await;
    assert_eq!(answer.status, StatusCode::OK, "{name}");
    let text = answer.body.strip_prefix("END ").unwrap_or_default();
    assert!(
        (1..=182).contains(&text.chars().count()),
        "{name}: {}",
        answer.body
    );
    // Half a second is kept back for the way to the operator.
    let limit = deadline - Duration::from_millis(500);
    assert!(answer.took <= limit, "{name}: {:?}", answer.took);

    house.silent(false);
    // Somebody else: the turn of the first may be waiting still.
    let other = DIAL.replace("0001", "0002").replace("_1", "_2");
    let answer = house.post(&path, "n-2", FORM, &other).await;
    assert!(answer.body.starts_with("CON "), "{name}: {}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn whoever_dials_reads_an_end_in_time() {
    let seconds = Duration::from_secs;
    let all = [2, 5, 15].map(|deadline| {
        let deadline = seconds(deadline);
        futures_util::future::join(dialled(true, deadline), dialled(false, deadline))
    });
    futures_util::future::join_all(all).await;
}

/// A method of XML-RPC with one struct.
fn method(name: &str, members: &[(&str, &str)]) -> String {
    let members = members.iter().map(|(name, value)| {
        format!("<member><name>{name}</name><value><string>{value}</string></value></member>")
    });
    let members: String = members.collect();
    format!(
        "<?xml version='1.0'?><methodCall><methodName>{name}</methodName><params><param><value><struct>{members}</struct></value></param></params></methodCall>"
    )
}

async fn told_first(is_signed: bool, deadline: Duration) {
    let house = House::new(is_signed, deadline).await;
    let path = format!("/ussd/{FIRST}");
    let dial = |id, who| [("session", id), ("msisdn", who), ("shortcode", "*580#")];
    let first = method("USSD.INIT", &dial("1", "+212661000001"));
    let answer = house.post(&path, "n-1", "text/xml", &first).await;
    assert!(answer.body.contains(">cont<"), "{}", answer.body);
    house.silent(true);
    let dial = method("USSD.INIT", &dial("2", "+212661000002"));
    let press = method("USSD.CONT", &[("session", "1"), ("response", "2")]);
    let end = method("USSD.END", &[("session", "1")]);
    for (nonce, body, says) in [
        ("n-2", &dial, ">end<"),
        ("n-3", &press, ">end<"),
        ("n-4", &end, "<struct></struct>"),
    ] {
        let name = format!("signed {is_signed}, within {deadline:?}: {body}");
        let answer = house.post(&path, nonce, "text/xml", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert!(answer.body.contains(says), "{name}: {}", answer.body);
        let limit = deadline - Duration::from_millis(500);
        assert!(answer.took <= limit, "{name}: {:?}", answer.took);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_says_whose_a_key_press_is_an_end_comes_in_time() {
    let all = [(true, 2), (false, 2), (false, 5)]
        .map(|(is_signed, deadline)| told_first(is_signed, Duration::from_secs(deadline)));
    futures_util::future::join_all(all).await;
}

/// A ledger that says nothing, or one so slow that each wait for it alone would fit.
async fn acknowledged(is_signed: bool, deadline: Duration, slow: Option<Duration>) {
    let name = format!("signed {is_signed}, within {deadline:?}, slow {slow:?}");
    let house = House::new(is_signed, deadline).await;
    let path = format!("/ussd/{POSTED}");
    match slow {
        Some(slow) => {
            let slow = u64::try_from(slow.as_millis()).unwrap();
            let store = &house.gateway.store;
            store.slow_ms.store(slow, Ordering::SeqCst);
        }
        None => house.silent(true),
    }
    let answer = house.post(&path, "n-1", "text/xml", OPEN).await;
    assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.body);
    let limit = deadline - Duration::from_millis(500);
    assert!(answer.took <= limit, "{name}: {:?}", answer.took);
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_is_acknowledged_in_time() {
    let (seconds, slow) = (Duration::from_secs, Duration::from_millis(1200));
    futures_util::future::join_all([
        acknowledged(true, seconds(2), None),
        acknowledged(false, seconds(2), None),
        acknowledged(false, seconds(15), None),
        acknowledged(true, seconds(2), Some(slow)),
        acknowledged(false, seconds(2), Some(slow)),
        acknowledged(true, seconds(5), Some(3 * slow)),
    ])
    .await;
}

async fn texted(is_signed: bool, path: &str, body: &str) {
    let name = format!("signed {is_signed}, {path}");
    let house = House::new(is_signed, Duration::from_secs(5)).await;
    house.silent(true);
    let json = "application/json";
    let answer = house.post(path, "n-1", json, body).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
    assert!(answer.comes_again, "{name}: {}", answer.body);
    assert!(
        answer.took <= Duration::from_secs(10),
        "{name}: {:?}",
        answer.took
    );

    house.silent(false);
    let answer = house.post(path, "n-2", json, body).await;
    assert_eq!(
        answer.status,
        StatusCode::ACCEPTED,
        "{name}: {}",
        answer.body
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_with_a_text_is_told_to_come_again() {
    let all = [true, false].map(|is_signed| {
        futures_util::future::join(
            texted(is_signed, "/sms/texts", TEXT),
            texted(is_signed, "/sms/texts/receipts", RECEIPT),
        )
    });
    futures_util::future::join_all(all).await;
}
