//! The carrier against a small server on a real socket that does as each test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::store::{MessageId, MessageKind};
use crate::system::{SystemChance, SystemClock};

/// What the server does with a request once it has read it.
#[derive(Clone, Debug)]
enum Does {
    /// Writes these octets and goes on reading.
    Says(String),
    /// Writes these octets and closes.
    SaysAndCloses(String),
    /// Never answers.
    Hangs,
}

/// Head and body of an answer.
fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn ok(id: &str) -> Does {
    Does::Says(answer("202 Accepted", "", id))
}

fn says(status: &str) -> Does {
    Does::Says(answer(status, "", ""))
}

/// A server that goes through its list, the last entry for ever, and remembers what came.
struct Server {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicU64>,
    running: JoinHandle<()>,
}

impl Server {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[derive(Clone)]
struct Script {
    list: Arc<Vec<Does>>,
    heard: Arc<Mutex<Vec<String>>>,
}

async fn serve(list: Vec<Does>) -> Server {
    serve_tls(list, None).await
}

async fn serve_tls(list: Vec<Does>, tls: Option<tokio_rustls::TlsAcceptor>) -> Server {
    let script = Script {
        list: Arc::new(list),
        heard: Arc::default(),
    };
    let heard = script.heard.clone();
    let connections = Arc::new(AtomicU64::new(0));
    let counted = connections.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = match tls {
        None => format!("http://{address}"),
        Some(_) => format!("https://localhost:{}", address.port()),
    };
    let running = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let (script, tls) = (script.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => talk(stream, script).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            talk(stream, script).await;
                        }
                    }
                }
            });
        }
    });
    Server {
        url,
        heard,
        connections,
        running,
    }
}

/// Reads requests one after the other: the first line, what proves us, and the body.
async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Script) {
    let mut read = Vec::new();
    loop {
        let (line, length) = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = read.drain(..end + 4).collect();
                let head = String::from_utf8(head).unwrap();
                let value = |name: &str| {
                    head.lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                };
                let length = value("content-length:").map_or(0, |n| n.parse().unwrap());
                let line = head.lines().next().unwrap();
                let key = value("authorization:").unwrap_or("-");
                break (format!("{line} {key}"), length);
            }
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        while read.len() < length {
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let body: Vec<u8> = read.drain(..length).collect();
        let number = {
            let mut heard = script.heard.lock().unwrap();
            heard.push(format!("{line} {}", String::from_utf8(body).unwrap()));
            heard.len() - 1
        };
        match script.list[number.min(script.list.len() - 1)].clone() {
            Does::Says(octets) => {
                if stream.write_all(octets.as_bytes()).await.is_err() {
                    return;
                }
            }
            Does::SaysAndCloses(octets) => {
                drop(stream.write_all(octets.as_bytes()).await);
                drop(stream.shutdown().await);
                return;
            }
            Does::Hangs => std::future::pending().await,
        }
    }
}

/// Posts the text; a 202 has the id as its body.
struct Plain {
    url: String,
    parts: u8,
}

impl Speaker for Plain {
    fn requests(&self, message: &Message) -> Result<Vec<Outgoing>, PartOutcome> {
        if message.text.is_empty() {
            return Err(PartOutcome::Refused("no text".into()));
        }
        let wanted = |part: &u8| message.parts.is_empty() || message.parts.contains(part);
        Ok((0..self.parts)
            .filter(wanted)
            .map(|part| Outgoing {
                part,
                parts: self.parts,
                method: Method::POST,
                url: format!("{}/messages?part={part}", self.url),
                headers: HeaderMap::new(),
                body: Bytes::from(message.text.clone()),
            })
            .collect())
    }

    fn parts(&self, _: &Message) -> u8 {
        self.parts
    }

    fn read(&self, _: &Message, _: u8, answer: &Answer) -> Word {
        match answer.status.as_u16() {
            202 => Word::Accepted(String::from_utf8_lossy(&answer.body).into_owned()),
            _ => Word::ByStatus,
        }
    }
}

fn settings() -> SmsHttpSettings {
    SmsHttpSettings::of(LinkName::from("api"))
}

fn carrier_with(url: &str, settings: SmsHttpSettings) -> SmsHttp<Plain> {
    let speaker = Plain {
        url: url.to_owned(),
        parts: 1,
    };
    SmsHttp::new(
        settings,
        speaker,
        Arc::new(SystemClock),
        Arc::new(SystemChance),
    )
    .unwrap()
}

fn carrier(url: &str) -> SmsHttp<Plain> {
    carrier_with(url, settings())
}

fn message(text: &str) -> Message {
    Message {
        id: MessageId(7),
        from: "3949".into(),
        to: Msisdn::parse("+212661000001").unwrap(),
        kind: MessageKind::Reply,
        text: text.into(),
        valid_until: Moment::from_ms(i64::MAX),
        parts: Vec::new(),
        total: 0,
        attempts: 0,
        claim: 1,
    }
}

async fn carried(carrier: &SmsHttp<Plain>, text: &str) -> PartOutcome {
    let mut reports = carrier.carry(&message(text)).await;
    assert_eq!(reports.len(), 1);
    reports.remove(0).outcome
}

/// A port that was free a moment ago, and is closed again.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn accepted(id: &str) -> PartOutcome {
    PartOutcome::Accepted(id.into())
}

#[tokio::test]
async fn what_a_server_does_is_an_outcome() {
    let temporary = |code: &str| PartOutcome::Temporary(format!("http {code}"));
    let refused = |code: &str| PartOutcome::Refused(format!("http {code}"));
    let raw = |octets: &str| Does::Says(octets.to_owned());
    let cut = |octets: &str| Does::SaysAndCloses(octets.to_owned());
    let huge = "x".repeat(exchange::ANSWER_BYTES_MAX + 1);
    for (does, outcome, standing) in [
        (ok("42"), accepted("42"), Standing::Open),
        // Without the id that the shape looks for nobody knows.
        (says("200 OK"), PartOutcome::Unknown, Standing::Open),
        (says("400 Bad Request"), refused("400"), Standing::Open),
        (says("404 Not Found"), refused("404"), Standing::Open),
        (says("401 Unauthorized"), temporary("401"), Standing::Down),
        (says("403 Forbidden"), temporary("403"), Standing::Down),
        (
            says("429 Too Many Requests"),
            PartOutcome::Throttled,
            Standing::Pause,
        ),
        (
            Does::Says(answer("429 Too Many Requests", "retry-after: 7\r\n", "")),
            PartOutcome::Throttled,
            Standing::Pause,
        ),
        (
            says("500 Internal Server Error"),
            PartOutcome::Unknown,
            Standing::Open,
        ),
        (
            says("503 Service Unavailable"),
            temporary("503"),
            Standing::Open,
        ),
        (
            Does::Says(answer("503 Service Unavailable", "retry-after: 20\r\n", "")),
            temporary("503"),
            Standing::Pause,
        ),
        (
            Does::Says(answer(
                "302 Found",
                "location: http://elsewhere.example/\r\n",
                "",
            )),
            temporary("302"),
            Standing::Down,
        ),
        (cut(""), PartOutcome::Unknown, Standing::Open),
        (
            cut("HTTP/1.1 202 Acc"),
            PartOutcome::Unknown,
            Standing::Open,
        ),
        (
            cut("HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n42"),
            PartOutcome::Unknown,
            Standing::Open,
        ),
        // It said no before it broke off.
        (
            cut("HTTP/1.1 400 Bad\r\ncontent-length: 9\r\n\r\n42"),
            refused("400"),
            Standing::Open,
        ),
        (
            cut("HTTP/1.1 503 Busy\r\ncontent-length: 9\r\n\r\n42"),
            temporary("503"),
            Standing::Open,
        ),
        (
            raw("SSH-2.0-OpenSSH\r\n\r\n"),
            PartOutcome::Unknown,
            Standing::Open,
        ),
        (
            cut("HTTP/1.0 202 Accepted\r\n\r\n42"),
            accepted("42"),
            Standing::Open,
        ),
        (
            raw("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n2\r\n42\r\n0\r\n\r\n"),
            accepted("42"),
            Standing::Open,
        ),
        (
            Does::Says(answer("202 Accepted", "", &huge)),
            PartOutcome::Unknown,
            Standing::Open,
        ),
        (
            Does::Says(answer("400 Bad Request", "", &huge)),
            refused("400"),
            Standing::Open,
        ),
    ] {
        let server = serve(vec![does.clone()]).await;
        let carrier = carrier(&server.url);
        assert_eq!(carried(&carrier, "Bonjour").await, outcome, "{does:?}");
        assert_eq!(carrier.gate.tell(), standing, "{does:?}");
        assert_eq!(
            server.heard(),
            ["POST /messages?part=0 HTTP/1.1 - Bonjour"],
            "{does:?}: asked once, whatever comes"
        );
    }
}

#[tokio::test]
async fn what_was_not_written_is_not_sent() {
    let carrier = carrier(&nobody().await);
    assert!(carrier.is_up());
    assert_eq!(carried(&carrier, "x").await, PartOutcome::NotSent);
    assert!(!carrier.is_up());
    assert_eq!(carrier.at_once(), 0);

    // Nobody speaks TLS there.
    let server = serve(vec![ok("42")]).await;
    let mut settings = settings();
    settings.api.connect = Duration::from_millis(200);
    let carrier = carrier_with(&server.url.replace("http://", "https://"), settings);
    assert_eq!(carried(&carrier, "x").await, PartOutcome::NotSent);
    assert_eq!(server.heard(), [""; 0]);
}

#[tokio::test]
async fn what_gets_no_answer_in_time_is_unknown() {
    for does in [
        Does::Hangs,
        Does::Says("HTTP/1.1 202 Accepted\r\n".into()),
        Does::Says("HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n42".into()),
    ] {
        let server = serve(vec![does]).await;
        let mut settings = settings();
        settings.api.response = Duration::from_millis(200);
        let carrier = carrier_with(&server.url, settings);
        assert_eq!(carried(&carrier, "x").await, PartOutcome::Unknown);
        assert_eq!(server.heard().len(), 1);
    }
}

#[tokio::test]
async fn a_tls_that_never_comes_about_is_not_sent() {
    // It takes the connection and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut settings = settings();
    settings.api.connect = Duration::from_millis(200);
    let carrier = carrier_with(&url, settings);
    assert_eq!(carried(&carrier, "x").await, PartOutcome::NotSent);
    assert!(!carrier.is_up());
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = serve(vec![ok("1")]).await;
    let carrier = carrier(&server.url);
    for _ in 0..20 {
        assert_eq!(carried(&carrier, "x").await, accepted("1"));
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

/// The server takes the second request from a kept connection and closes it: it may have read it.
#[tokio::test]
async fn a_request_on_a_kept_connection_is_never_sent_twice() {
    let server = serve(vec![ok("1"), Does::SaysAndCloses(String::new()), ok("3")]).await;
    let carrier = carrier(&server.url);
    assert_eq!(carried(&carrier, "one").await, accepted("1"));
    assert_eq!(carried(&carrier, "two").await, PartOutcome::Unknown);
    assert_eq!(carried(&carrier, "three").await, accepted("3"));
    let bodies: Vec<String> = server
        .heard()
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(bodies, ["one", "two", "three"]);
}

/// The server closes each connection behind its answer, in the very moment in which the next
/// request is written: whatever that leads to, nothing is heard twice and nothing taken is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_that_dies_loses_nothing() {
    let dying = Does::SaysAndCloses(answer("202 Accepted", "", "42"));
    let server = serve(vec![dying]).await;
    let carrier = carrier(&server.url);
    let mut outcomes: HashMap<String, PartOutcome> = HashMap::new();
    for number in 0..200 {
        let text = format!("n{number}");
        let outcome = carried(&carrier, &text).await;
        outcomes.insert(text, outcome);
    }
    let heard = server.heard();
    for (text, outcome) in &outcomes {
        let times = heard
            .iter()
            .filter(|line| line.ends_with(&format!(" {text}")))
            .count();
        match outcome {
            PartOutcome::Accepted(_) => assert_eq!(times, 1, "{text}"),
            PartOutcome::Unknown => assert!(times <= 1, "{text}"),
            PartOutcome::NotSent
            | PartOutcome::Throttled
            | PartOutcome::Temporary(_)
            | PartOutcome::Refused(_) => panic!("{text}: {outcome:?}"),
        }
    }
}

/// The certificate of a server that calls itself localhost, and the file of its authority.
fn certificate(folder: &std::path::Path) -> (tokio_rustls::TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.join(format!("{}.pem", uuid()));
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), file)
}

fn uuid() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn only_the_right_certificate_gets_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let (acceptor, right) = certificate(folder.path());
    let (_, wrong) = certificate(folder.path());
    let server = serve_tls(vec![ok("42")], Some(acceptor)).await;
    for (ca_file, outcome) in [
        (Some(right), accepted("42")),
        (Some(wrong), PartOutcome::NotSent),
        (None, PartOutcome::NotSent),
    ] {
        let carrier = carrier_with(
            &server.url,
            SmsHttpSettings {
                api: ApiSettings {
                    ca_file,
                    ..settings().api
                },
                token: None,
            },
        );
        assert_eq!(carried(&carrier, "x").await, outcome);
    }
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn parts_go_one_by_one_where_the_api_wants_it() {
    let server = serve(vec![ok("42")]).await;
    let mut carrier = carrier(&server.url);
    carrier.speaker.parts = 3;
    let mut message = message("x");
    message.parts = vec![0, 2];
    let reports = carrier.carry(&message).await;
    let told: Vec<(u8, u8)> = reports.iter().map(|r| (r.part, r.parts)).collect();
    assert_eq!(told, [(0, 3), (2, 3)]);
    assert!(reports.iter().all(|r| r.outcome == accepted("42")));
    assert_eq!(server.heard().len(), 2);

    // What does not fit, or is past its time, is told for every part.
    message.text = String::new();
    let reports = carrier.carry(&message).await;
    let refused = PartOutcome::Refused("no text".into());
    assert!(reports.len() == 2 && reports.iter().all(|r| r.outcome == refused));
    message.text = "x".into();
    message.valid_until = Moment::default();
    let reports = carrier.carry(&message).await;
    assert!(reports.iter().all(|r| r.outcome == PartOutcome::NotSent));
    assert_eq!(server.heard().len(), 2);
}

fn with_token(url: &str) -> SmsHttpSettings {
    SmsHttpSettings {
        token: Some(TokenSettings {
            url: format!("{url}/token"),
            id: "us".into(),
            secret: "s&cret".into(),
            scope: None,
        }),
        ..settings()
    }
}

fn token(value: &str, life: &str) -> Does {
    let body = format!(r#"{{"access_token":"{value}","token_type":"Bearer","expires_in":{life}}}"#);
    Does::Says(answer("200 OK", "", &body))
}

#[tokio::test]
async fn a_token_is_fetched_once_for_many() {
    let mut list = vec![token("T1", "3600")];
    list.extend((0..10).map(|_| ok("1")));
    let server = serve(list).await;
    let carrier = carrier_with(&server.url, with_token(&server.url));
    let outcomes = join_all((0..10).map(|_| carried(&carrier, "x"))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == accepted("1")));
    let heard = server.heard();
    assert_eq!(heard.len(), 11);
    // us:s%26cret, as RFC 6749, section 2.3.1 wants it.
    assert_eq!(
        heard[0],
        "POST /token HTTP/1.1 Basic dXM6cyUyNmNyZXQ= grant_type=client_credentials"
    );
    assert!(heard[1..].iter().all(|line| line.contains(" Bearer T1 x")));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let unauthorized = || says("401 Unauthorized");
    let server = serve(vec![
        token("T1", "\"7776000\""),
        unauthorized(),
        token("T2", "3600"),
        ok("1"),
        // Now even a new one is refused.
        unauthorized(),
        token("T3", "3600"),
        unauthorized(),
    ])
    .await;
    let carrier = carrier_with(&server.url, with_token(&server.url));
    assert_eq!(carried(&carrier, "x").await, accepted("1"));
    let outcome = PartOutcome::Temporary("http 401".into());
    assert_eq!(carried(&carrier, "y").await, outcome);
    assert!(!carrier.is_up());
    assert_eq!(server.heard().len(), 7);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let html = Does::Says(answer("200 OK", "", "<html>"));
    for (does, asked) in [
        (says("401 Unauthorized"), 1),
        (says("500 Internal Server Error"), 1),
        (html, 1),
        (Does::SaysAndCloses(String::new()), 1),
    ] {
        let server = serve(vec![does]).await;
        let carrier = carrier_with(&server.url, with_token(&server.url));
        let outcomes = join_all((0..5).map(|_| carried(&carrier, "x"))).await;
        assert!(
            outcomes.iter().all(|one| *one == PartOutcome::NotSent),
            "{outcomes:?}"
        );
        assert!(!carrier.is_up());
        assert_eq!(server.heard().len(), asked, "one asks for all");
    }
}

/// Everything that waits for its turn ends at a stop, and what was written gets its answer.
#[tokio::test]
async fn a_stop_ends_what_was_not_begun() {
    let server = serve(vec![ok("1")]).await;
    let carrier = Arc::new(carrier_with(
        &server.url,
        SmsHttpSettings {
            api: ApiSettings {
                rate: Some(0.2),
                ..settings().api
            },
            token: None,
        },
    ));
    assert_eq!(carried(&carrier, "one").await, accepted("1"));
    let waiting = tokio::spawn({
        let carrier = carrier.clone();
        async move { carried(&carrier, "two").await }
    });
    tokio::task::yield_now().await;
    carrier.stop();
    assert_eq!(waiting.await.unwrap(), PartOutcome::NotSent);
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn a_throttled_link_sends_less() {
    let server = serve(vec![says("429 Too Many Requests")]).await;
    let carrier = carrier(&server.url);
    assert_eq!(carrier.at_once(), 10);
    assert_eq!(carried(&carrier, "x").await, PartOutcome::Throttled);
    assert!(carrier.is_up());
    assert!(carrier.at_once() < 10);
}

/// Nothing that could be personal is in what the carrier says of itself.
#[test]
fn addresses_and_tokens_that_are_none_are_faults_of_the_link() {
    let outgoing = Outgoing {
        part: 0,
        parts: 1,
        method: Method::GET,
        url: "http://SECRET number/".into(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let Err(LinkWord::Fault(why)) = request(&outgoing, None) else {
        panic!("a request to nowhere");
    };
    assert!(!why.contains("SECRET"));
    assert!(Tokens::new(&with_token("SECRET url").token.unwrap()).is_none());
}
