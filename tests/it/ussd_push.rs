//! Screens that go in requests of ours, over the real program: the test is the operator's own address,
//! and answers each screen when it likes.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::program::{Program, SOON, change, exchange, until};

const SEGMENT: &str = "sample-segment-0001";
const PASSWORD: &str = "s&cret-of-the-operator";
const TOOK: &str = "<Response status_code=\"0\"/>";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A screen that has come.
struct Posted {
    head: String,
    body: String,
    stream: Box<dyn Stream>,
}

impl Posted {
    async fn read(mut stream: Box<dyn Stream>) -> Option<Self> {
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    let (head, body) = (head.to_owned(), body.to_owned());
                    return Some(Self { head, body, stream });
                }
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// What stands between these in the body.
    fn part(&self, from: &str, to: &str) -> &str {
        let rest = self.body.split_once(from).expect(from).1;
        rest.split_once(to).unwrap().0
    }

    fn session(&self) -> &str {
        self.part("SessionID=\"", "\"")
    }

    fn ends(&self) -> bool {
        self.part("Flags=\"", "\"") == "1"
    }

    fn text(&self) -> String {
        let text = self.part("<USSText Type=\"TEXT\">", "</USSText>");
        text.replace("&#10;", "\n").replace("&apos;", "'")
    }

    async fn answer(mut self, status: u16, body: &str) {
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(answer.as_bytes()).await.unwrap();
        self.stream.shutdown().await.unwrap();
    }

    async fn take(self) {
        self.answer(200, TOOK).await;
    }
}

/// The operator.
struct Integrat {
    url: String,
    posts: mpsc::UnboundedReceiver<Posted>,
}

impl Integrat {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ussd", listener.local_addr().unwrap());
        let (tell, posts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    if let Some(posted) = Posted::read(Box::new(stream)).await {
                        drop(tell.send(posted));
                    }
                });
            }
        });
        Self { url, posts }
    }

    /// The same with TLS, where the first connection breaks before it is one. Beside it the file of
    /// its authority.
    async fn with_tls(folder: &Path) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("ca.pem"), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, posts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            while let Ok((stream, _)) = listener.accept().await {
                let stream = acceptor.accept(stream).await.unwrap();
                let posted = Posted::read(Box::new(stream)).await;
                drop(tell.send(posted.unwrap()));
            }
        });
        let url = format!("https://localhost:{port}/ussd");
        (Self { url, posts }, "ca_file = \"ca.pem\"\n".to_owned())
    }

    /// The next screen.
    async fn posted(&mut self) -> Posted {
        let posted = tokio::time::timeout(SOON, self.posts.recv()).await;
        posted.expect("no screen is posted").unwrap()
    }
}

/// A gateway with one link to that operator.
async fn gateway(folder: &Path, operator: &Integrat, link: &str, more: &str) -> Program {
    let config = format!(
        r#"{more}
[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "smsc"

[[link]]
kind = "smpp"
name = "smsc"
host = "127.0.0.1"
port = 1
system_id = "jisr"
password = "sample"
services = ["tns"]

[[link]]
kind = "ussd-http"
name = "hxg"
shape = "integrat"
services = ["tns"]
url = "{}"
user = "jisr<1>"
secret = "{PASSWORD}"
{link}
[[link.auth]]
kind = "path"
secret = "{SEGMENT}"
"#,
        operator.url
    );
    std::fs::write(folder.join("jisr.toml"), config).unwrap();
    Program::start(folder, &[]).await
}

/// A phone in a session of its own.
struct Phone<'p> {
    program: &'p Program,
    number: &'static str,
    session: u32,
}

impl<'p> Phone<'p> {
    fn new(program: &'p Program, session: u32) -> Self {
        Self {
            program,
            number: "212661000001",
            session,
        }
    }

    /// The whole answer to an event.
    async fn event(&self, kind: &str, typed: Option<&str>) -> String {
        let text = typed.map_or_else(String::new, |typed| {
            format!("<USSText Type=\"TEXT\">{typed}</USSText>")
        });
        let (session, number) = (self.session, self.number);
        let body = format!(
            "<Message><Version Version=\"1.0\"/><Response Type=\"OnUSSEvent\"><OnUSSEvent Type=\"{kind}\"><USSContext SessionID=\"{session}\" NetworkSID=\"1\" MSISDN=\"{number}\" Script=\"s\" ConnStr=\"*580#\"/>{text}</OnUSSEvent></Response></Message>"
        );
        let request = format!(
            "POST /ussd/hxg/{SEGMENT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(self.program.http, request.as_bytes()).await
    }

    /// The same, which has to be acknowledged with nothing.
    async fn tells(&self, kind: &str, typed: Option<&str>) {
        let answer = self.event(kind, typed).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
    }

    async fn dials(&self) {
        self.tells("Open", None).await;
    }

    async fn types(&self, typed: &str) {
        self.tells("Request", Some(typed)).await;
    }
}

/// What a figure of the link comes to for an outcome, as soon as it has come so far.
async fn counts(program: &Program, figure: &str, outcome: &str, count: u64) {
    let line = format!("{figure}{{link=\"hxg\",outcome=\"{outcome}\"}} ");
    until(&format!("{line}{count}"), || async {
        let figures = program.shows("/metrics").await;
        let mut lines = figures.lines();
        let value = lines.find_map(|at| at.strip_prefix(&line)?.trim().parse().ok());
        value.unwrap_or(0) == count
    })
    .await;
}

/// So many screens have an outcome.
async fn pushes(program: &Program, outcome: &str, count: u64) {
    counts(program, "jisr_ussd_pushes_total", outcome, count).await;
}

/// So many callbacks have an outcome.
async fn callbacks(program: &Program, outcome: &str, count: u64) {
    counts(program, "jisr_callbacks_total", outcome, count).await;
}

#[tokio::test]
async fn a_whole_conversation_goes_in_requests_of_ours() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let mut program = gateway(folder.path(), &operator, "", "").await;
    let phone = Phone::new(&program, 1);
    // It announces itself three times, and is one dial.
    phone.tells("New", None).await;
    phone.dials().await;
    phone.tells("Request", Some("REQ")).await;
    let first = operator.posted().await;
    assert!(
        first.head.starts_with("POST /ussd HTTP/1.1"),
        "{}",
        first.head
    );
    let kind = "content-type: text/xml; charset=utf-8";
    assert!(first.head.contains(kind), "{}", first.head);
    assert_eq!(
        first.part("<UserID Orientation=\"TR\">", "</Password>"),
        "jisr&lt;1&gt;</UserID><Password>s&amp;cret-of-the-operator"
    );
    assert!(first.text().contains("2 Français") && !first.ends());
    first.take().await;
    for (typed, shows) in [
        ("2", "1 Accepter"),
        ("1", "1 Numéro d'immatriculation"),
        ("1", "Quelle carte"),
        ("1", "AB123456"),
        ("BE740215", "expiration"),
        ("14062031", "naissance"),
        ("05031984", "C'est juste ?"),
    ] {
        phone.types(typed).await;
        let screen = operator.posted().await;
        assert!(
            screen.text().contains(shows) && !screen.ends(),
            "{}",
            screen.text()
        );
        assert_eq!(screen.session(), "1");
        screen.take().await;
    }
    phone.types("1").await;
    let last = operator.posted().await;
    assert!(
        last.text().contains("104882317") && last.ends(),
        "{}",
        last.text()
    );
    last.take().await;
    phone.tells("Close", None).await;
    pushes(&program, "taken", 9).await;
    callbacks(&program, "closed", 1).await;
    // Nothing else was posted, not for what announces itself and not for the end: who is stopped has
    // nothing on its way any more.
    assert!(program.stop().await.success());
    assert!(operator.posts.try_recv().is_err());
}

#[tokio::test]
async fn a_slow_operator_is_waited_for_and_order_is_kept() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let program = gateway(folder.path(), &operator, "deadline_ms = 20000\n", "").await;
    let (phone, other) = (Phone::new(&program, 1), Phone::new(&program, 2));
    let other = Phone {
        number: "212661000002",
        ..other
    };
    phone.dials().await;
    let first = operator.posted().await;
    // The callback is answered while the screen of the one before is still on its way.
    phone.types("2").await;
    other.dials().await;
    let between = operator.posted().await;
    assert_eq!(between.session(), "2", "a newer screen overtook");
    between.take().await;
    other.types("2").await;
    let between = operator.posted().await;
    assert_eq!(between.session(), "2", "a newer screen overtook");
    between.take().await;
    first.take().await;
    let second = operator.posted().await;
    assert!(second.session() == "1" && second.text().contains("1 Accepter"));
    second.take().await;
}

#[tokio::test]
async fn a_lost_answer_is_not_asked_for_again() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let program = gateway(folder.path(), &operator, "", "").await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    drop(operator.posted().await);
    program.stderr.says("unanswered", 1).await;
    // The phone shows it all the same, and goes on.
    phone.types("2").await;
    let next = operator.posted().await;
    assert!(
        next.text().contains("1 Accepter"),
        "posted again: {}",
        next.text()
    );
    next.take().await;
    pushes(&program, "taken", 1).await;
    pushes(&program, "unanswered", 1).await;
}

#[tokio::test]
async fn what_was_not_written_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let (mut operator, link) = Integrat::with_tls(folder.path()).await;
    let program = gateway(folder.path(), &operator, &link, "").await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    let first = operator.posted().await;
    assert!(first.text().contains("2 Français"));
    first.take().await;
    phone.types("2").await;
    operator.posted().await.take().await;
    pushes(&program, "taken", 2).await;
}

#[tokio::test]
async fn wrong_credentials_are_told_and_the_conversation_resumes_at_the_next_dial() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let program = gateway(folder.path(), &operator, "", "").await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    operator.posted().await.take().await;
    phone.types("2").await;
    operator.posted().await.take().await;
    phone.types("1").await;
    let menu = operator.posted().await;
    let shown = menu.text();
    menu.answer(
        200,
        "<Response status_code=\"-1\"><Data name=\"login_error\"/></Response>",
    )
    .await;
    program.stderr.says("refused", 1).await;
    let log = program.stderr.text();
    for secret in [PASSWORD, "212661000001", "jisr<1>", &shown, "Numéro"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    // Nothing was lost: a new session shows where the worker was.
    let again = Phone::new(&program, 7);
    again.dials().await;
    let resumed = operator.posted().await;
    assert_eq!((resumed.session(), resumed.text()), ("7", shown));
    resumed.take().await;
    pushes(&program, "refused", 1).await;
    pushes(&program, "taken", 3).await;
}

#[tokio::test]
async fn a_key_acts_on_no_page_that_was_refused_and_a_restart_knows() {
    const NO: &str = "<Response status_code=\"9\"/>";
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let mut program = gateway(folder.path(), &operator, "", "").await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    operator.posted().await.take().await;
    phone.types("2").await;
    let consent = operator.posted().await;
    let page = consent.text();
    assert!(page.contains("1 Accepter"), "{page}");
    consent.answer(200, NO).await;
    pushes(&program, "refused", 1).await;
    // Nobody has read it.
    phone.types("1").await;
    let again = operator.posted().await;
    assert_eq!(again.text(), page);
    again.answer(200, NO).await;
    pushes(&program, "refused", 2).await;
    program.kill().await;
    let program = Program::start(folder.path(), &[]).await;
    let phone = Phone::new(&program, 1);
    phone.types("1").await;
    let again = operator.posted().await;
    assert_eq!(again.text(), page);
    again.take().await;
    pushes(&program, "taken", 1).await;
    phone.types("1").await;
    let menu = operator.posted().await;
    assert!(menu.text().contains("Numéro"), "{}", menu.text());
    menu.take().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_screens_that_are_under_way() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let link = "deadline_ms = 3000\n";
    let mut program = gateway(folder.path(), &operator, link, "").await;
    Phone::new(&program, 1).dials().await;
    // Never answered: only the link's deadline ends it.
    let held = operator.posted().await;
    assert!(program.stop().await.success());
    program.stderr.says("unanswered", 1).await;
    let log = program.stderr.text();
    assert!(
        log.contains("screens that are under way end first"),
        "{log}"
    );
    assert!(!log.contains("not everything ended"), "{log}");
    drop(held);
}

#[tokio::test]
async fn a_registry_that_says_nothing_does_not_keep_the_end_from_being_posted() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = format!(
        "[registry]\nkind = \"http\"\nurl = \"http://{}\"\n[security]\nno_number_on_file = \"guide\"\n",
        silent.local_addr().unwrap()
    );
    let program = gateway(folder.path(), &operator, "deadline_ms = 3000\n", &more).await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    operator.posted().await.take().await;
    for typed in ["2", "1", "1", "1", "BE740215", "14062031", "05031984"] {
        phone.types(typed).await;
        operator.posted().await.take().await;
    }
    phone.types("1").await;
    let last = operator.posted().await;
    assert!(
        last.ends() && last.text().contains("SMS"),
        "{}",
        last.text()
    );
    last.take().await;
    // Every screen was in time.
    pushes(&program, "taken", 9).await;
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_ledger() {
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let mut program = gateway(folder.path(), &operator, "", "").await;
    let phone = Phone::new(&program, 1);
    phone.dials().await;
    operator.posted().await.take().await;
    phone.types("2").await;
    program.kill().await;
    let program = gateway(folder.path(), &operator, "", "").await;
    Phone::new(&program, 2).dials().await;
    // Whether or not the screen of session 1 was still posted.
    let mut resumed = operator.posted().await;
    if resumed.session() == "1" {
        resumed = operator.posted().await;
    }
    assert!(resumed.text().contains("1 Accepter"), "{}", resumed.text());
    resumed.take().await;
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_does_not_keep_the_end_from_being_posted() {
    const FULL: &str =
        "CREATE TRIGGER full BEFORE INSERT ON inbox_ussd BEGIN SELECT RAISE(ABORT, 'full'); END";
    let folder = TempDir::new().unwrap();
    let mut operator = Integrat::start().await;
    let program = gateway(folder.path(), &operator, "", "").await;
    change(&folder.path().join("jisr-data/jisr.db"), FULL).await;
    // It is acknowledged all the same: another one would have a second screen shown after the END.
    Phone::new(&program, 1).dials().await;
    let last = operator.posted().await;
    assert!(
        last.ends() && last.text().contains("3939"),
        "{}",
        last.text()
    );
    last.take().await;
    callbacks(&program, "failed", 1).await;
    pushes(&program, "taken", 1).await;
    // What is kept is counted apart.
    let file = folder.path().join("jisr-data/jisr.db");
    change(&file, "DROP TRIGGER full").await;
    Phone::new(&program, 2).dials().await;
    operator.posted().await.take().await;
    callbacks(&program, "answered", 1).await;
    callbacks(&program, "failed", 1).await;
}
