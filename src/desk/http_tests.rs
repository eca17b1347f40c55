//! The client against a small server that does as each test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::civil::date;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Moment;
use crate::desk::IdKind;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Moment {
        Moment::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// What the server does with a request.
#[derive(Clone)]
enum Does {
    /// Answers with this status and body.
    Says(u16, String),
    /// Says 503 after two seconds.
    Late,
    /// Never answers.
    Hangs,
    /// Sends the head of an answer and then nothing.
    Stalls,
    /// Points elsewhere.
    Redirects,
}

/// A server that goes through its list, the last entry for ever, and remembers what came.
struct Server {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[derive(Clone)]
struct Play {
    list: Arc<Vec<Does>>,
    heard: Arc<Mutex<Vec<String>>>,
}

async fn serve(list: Vec<Does>) -> Server {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let play = Play {
        list: Arc::new(list),
        heard: heard.clone(),
    };
    let router = axum::Router::new().fallback(answer).with_state(play);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let stream = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service),
            );
        }
    });
    Server {
        url,
        heard,
        running,
    }
}

async fn answer(State(play): State<Play>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .map_or("-", |value| value.to_str().unwrap())
            .to_owned()
    };
    let number = {
        let mut heard = play.heard.lock().unwrap();
        heard.push(format!(
            "{uri} {} {} {body}",
            header("authorization"),
            header("idempotency-key")
        ));
        heard.len() - 1
    };
    match play.list[number.min(play.list.len() - 1)].clone() {
        Does::Says(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Does::Late => {
            tokio::time::sleep(Duration::from_secs(2)).await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Does::Hangs => std::future::pending().await,
        Does::Stalls => axum::body::Body::new(Stalled).into_response(),
        Does::Redirects => (
            StatusCode::FOUND,
            [("location", "https://elsewhere.example/")],
            "",
        )
            .into_response(),
    }
}

/// A body that never comes.
struct Stalled;

impl hyper::body::Body for Stalled {
    type Data = Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

fn client(url: &str) -> (HttpRegistry, Arc<Hand>) {
    let clock = Arc::new(Hand(AtomicI64::new(0)));
    let mut config = HttpRegistryConfig::at(url);
    config.token = Some("TOKEN".into());
    (HttpRegistry::new(config, clock.clone()).unwrap(), clock)
}

fn somebody() -> Identity {
    Identity {
        kind: IdKind::Cnie,
        number: "ZZ999999".into(),
        expiry: date(2031, 6, 14),
        birth: date(1984, 3, 5),
    }
}

fn account() -> NewAccount {
    NewAccount {
        registration: "118206455".into(),
        generation: 1,
        password: Some("ACDEFGHJKMNP".into()),
        email: None,
        idempotency_key: "key-1".into(),
    }
}

fn says(status: u16, body: &str) -> Does {
    Does::Says(status, body.into())
}

/// Looks somebody up; `no match`, `match` or the error, and how many requests the server heard.
async fn check(list: Vec<Does>, expected: &str, requests: usize) {
    let server = serve(list).await;
    let (registry, _) = client(&server.url);
    let found = match registry.lookup(&somebody()).await {
        Ok(Lookup::NoMatch) => "no match".to_owned(),
        Ok(Lookup::Match(_)) => "match".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected);
    assert_eq!(server.heard.lock().unwrap().len(), requests, "{expected}");
}

const NO_MATCH: &str = r#"{"match":false}"#;

#[tokio::test]
async fn a_lookup_says_what_the_contract_says() {
    let server = serve(vec![says(200, NO_MATCH)]).await;
    let (registry, _) = client(&format!("{}/registry/", server.url));
    assert!(matches!(
        registry.lookup(&somebody()).await,
        Ok(Lookup::NoMatch)
    ));
    assert_eq!(
        *server.heard.lock().unwrap(),
        [
            r#"/registry/v1/lookups Bearer TOKEN - {"birth":"1984-03-05","expiry":"2031-06-14","id_number":"ZZ999999","id_type":"cnie"}"#
        ]
    );
}

#[tokio::test]
async fn answers_of_every_kind() {
    let down = "the registry does not answer: ";
    let broken = "the registry broke the contract: ";
    check(vec![says(503, ""), says(200, NO_MATCH)], "no match", 2).await;
    check(vec![says(503, "")], &format!("{down}status 503"), 2).await;
    check(vec![says(429, "")], &format!("{down}status 429"), 1).await;
    check(vec![says(500, "ZZ999999")], &format!("{down}status 500"), 1).await;
    check(
        vec![says(401, "")],
        &format!("{down}status 401: it refuses the token or the client certificate"),
        1,
    )
    .await;
    check(
        vec![says(400, "ZZ999999")],
        &format!("{broken}status 400: not one of this call"),
        1,
    )
    .await;
    check(
        vec![Does::Redirects],
        &format!("{broken}status 302: not one of this call"),
        1,
    )
    .await;
    check(
        vec![says(200, "<html>ZZ999999")],
        &format!("{broken}the body: expected a JSON object"),
        1,
    )
    .await;
    check(
        vec![says(200, r#"{"match":"ZZ999999"}"#)],
        &format!("{broken}match: expected true or false"),
        1,
    )
    .await;
    let large = format!("{NO_MATCH}{}", " ".repeat(ANSWER_BYTES_MAX));
    check(
        vec![says(200, &large)],
        &format!("{broken}the body: expected at most 64 KiB"),
        1,
    )
    .await;
}

/// The clock stands still and jumps to the deadline when nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn a_registry_that_hangs_is_left_at_the_deadline() {
    for does in [Does::Hangs, Does::Stalls, Does::Late] {
        let server = serve(vec![does.clone()]).await;
        let (registry, _) = client(&server.url);
        let start = Instant::now();
        let error = registry.lookup(&somebody()).await.err().unwrap();
        assert!(matches!(error, RegistryError::Unavailable(_)), "{error}");
        assert!(
            start.elapsed() <= Duration::from_millis(3_001),
            "{:?}",
            start.elapsed()
        );
        let attempts = if matches!(does, Does::Late) { 2 } else { 1 };
        assert!(
            server.heard.lock().unwrap().len() <= attempts,
            "a lookup that hangs is not sent again"
        );
    }
}

#[tokio::test]
async fn nobody_listens() {
    // The port was free a moment ago, and is closed again.
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (registry, _) = client(&url);
    let error = registry.lookup(&somebody()).await.err().unwrap();
    assert_eq!(error, RegistryError::Unavailable("no connection".into()));
}

#[tokio::test]
async fn five_failures_keep_it_from_being_asked_for_ten_seconds() {
    let mut list = vec![says(500, ""); 5];
    list.push(says(200, NO_MATCH));
    let server = serve(list).await;
    let (registry, clock) = client(&server.url);
    let heard = || server.heard.lock().unwrap().len();
    for _ in 0..5 {
        assert!(registry.lookup(&somebody()).await.is_err());
    }
    assert!(matches!(
        registry.lookup(&somebody()).await,
        Err(RegistryError::Unavailable(_))
    ));
    assert_eq!(heard(), 5, "it was asked although it failed five times");
    clock.0.store(10_000, Ordering::Relaxed);
    assert!(registry.lookup(&somebody()).await.is_ok());
    assert!(registry.lookup(&somebody()).await.is_ok());
    assert_eq!(heard(), 7);
}

#[tokio::test]
async fn an_account_is_opened_again_only_with_the_same_key() {
    let server = serve(vec![says(503, ""), says(201, r#"{"result":"opened"}"#)]).await;
    let (registry, _) = client(&server.url);
    assert_eq!(registry.open_account(&account()).await, Ok(Opened::Opened));
    let line = r#"/v1/accounts Bearer TOKEN key-1 {"generation":1,"password":"ACDEFGHJKMNP","registration":"118206455"}"#;
    assert_eq!(*server.heard.lock().unwrap(), [line, line]);

    for (status, body, expected) in [
        (409, r#"{"result":"already"}"#, Ok(Opened::Already)),
        (422, r#"{"result":"refused"}"#, Ok(Opened::Refused)),
        (
            422,
            r#"{"result":"opened"}"#,
            Err(RegistryError::Contract(
                "result: expected the word of this status".into(),
            )),
        ),
        (
            200,
            r#"{"result":"opened"}"#,
            Err(RegistryError::Contract(
                "status 200: not one of this call".into(),
            )),
        ),
    ] {
        let server = serve(vec![says(status, body)]).await;
        assert_eq!(
            client(&server.url).0.open_account(&account()).await,
            expected,
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_revocation_names_the_generation() {
    let server = serve(vec![says(204, "")]).await;
    let (registry, _) = client(&server.url);
    assert_eq!(registry.revoke_password("118206455", 2).await, Ok(()));
    assert!(registry.revoke_password("../x", 2).await.is_err());
    assert_eq!(
        *server.heard.lock().unwrap(),
        [r#"/v1/accounts/118206455/revocations Bearer TOKEN - {"generation":2}"#]
    );
}

#[tokio::test]
async fn it_keeps_the_contract_with_the_simulated_agency() {
    let agency = simulator::registry::Registry::start("TOKEN", 0)
        .await
        .unwrap();
    let (registry, _) = client(&agency.url());
    crate::desk::contract::holds(&registry).await;
}

#[test]
fn addresses() {
    for (url, fits) in [
        ("https://registry.agency.example", true),
        ("https://registry.agency.example:8443/api/", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://registry.agency.example", false),
        ("registry.agency.example", false),
        ("ftp://registry.agency.example", false),
        ("https://user:SECRET@registry.agency.example", false),
        ("https://registry.agency.example/?key=SECRET", false),
        ("", false),
    ] {
        let base = base(url);
        assert_eq!(base.is_ok(), fits, "{url}");
        if let Err(error) = base {
            assert!(
                error.to_string().starts_with("registry.url: ")
                    && !error.to_string().contains("SECRET"),
                "{error}"
            );
        }
    }
}
