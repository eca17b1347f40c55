//! The program itself as a child process, in a folder of its own, and what surrounds it: phones, an
//! operator, a message centre.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simulator::operator::Operator;
use simulator::phone::{Phone, Phones, Screen};
use simulator::smsc::{Login, Smsc};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Everything that is awaited comes within this, or the test fails.
pub const SOON: Duration = Duration::from_secs(20);
/// Between two looks at what cannot ring.
const LOOK: Duration = Duration::from_millis(10);
/// Output of a program that is kept.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

const SYSTEM_ID: &str = "jisr";
const PASSWORD: &str = "secret";

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_jisr");

/// A command of the program in `folder`, with nothing of ours in the environment.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JISR_") {
            command.env_remove(name);
        }
    }
    command
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command that ends by itself.
pub async fn run(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Ended {
    let mut command = command(folder, arguments);
    command.envs(env.iter().copied());
    let output = tokio::time::timeout(SOON, command.output()).await;
    Ended::of(output.expect("it does not end").unwrap())
}

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    /// Standard output, then standard error.
    pub output: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Self {
            code: output.status.code(),
            output: text,
        }
    }
}

/// Looks until it holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(SOON, looking).await.is_err() {
        panic!("in vain: {what}");
    }
}

/// A stream's text so far.
#[derive(Clone)]
pub struct Heard {
    text: Arc<Mutex<String>>,
    length: watch::Receiver<usize>,
}

impl Heard {
    fn listen(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (told, length) = watch::channel(0);
        let heard = Arc::clone(&text);
        tokio::spawn(async move {
            let mut bytes = [0; 8192];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let mut heard = heard.lock().unwrap();
                if heard.len() < OUTPUT_MAX {
                    heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
                }
                told.send_replace(heard.len());
            }
        });
        Self { text, length }
    }

    pub fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits until something is said `times` times.
    pub async fn says(&self, what: &str, times: usize) {
        let mut length = self.length.clone();
        let said = async {
            loop {
                length.borrow_and_update();
                if self.text().matches(what).count() >= times {
                    return true;
                }
                if length.changed().await.is_err() {
                    return self.text().matches(what).count() >= times;
                }
            }
        };
        let said = tokio::time::timeout(SOON, said).await;
        assert_eq!(said, Ok(true), "it never said {what}:\n{}", self.text());
    }
}

/// A running `jisr serve`.
pub struct Program {
    child: Child,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    pub stdout: Heard,
    pub stderr: Heard,
}

impl Program {
    /// Starts it on free ports, and waits until it listens.
    pub async fn start(folder: &Path, env: &[(&str, &str)]) -> Self {
        let mut child = command(folder, &["serve"])
            .env("JISR_HTTP__LISTEN", "127.0.0.1:0")
            .env("JISR_ADMIN__LISTEN", "127.0.0.1:0")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Heard::listen(child.stdout.take().unwrap());
        let stderr = Heard::listen(child.stderr.take().unwrap());
        let told = async {
            let mut length = stdout.length.clone();
            while !stdout.text().contains("ledger ") {
                length.changed().await.ok()?;
            }
            Some(())
        };
        let told = tokio::time::timeout(SOON, told).await;
        assert_eq!(told, Ok(Some(())), "it does not start:\n{}", stderr.text());
        let greeting = stdout.text();
        let address = |name: &str| {
            let line = greeting.lines().find(|line| line.starts_with(name));
            let address = line.and_then(|line| line.split("://").nth(1)?.split('/').next());
            address.unwrap().parse().unwrap()
        };
        Self {
            http: address("callbacks"),
            admin: address("administration"),
            child,
            stdout,
            stderr,
        }
    }

    /// `kill -9`, and waits until it is dead.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn stop(&mut self) -> ExitStatus {
        let id = self.child.id().expect("it has not ended");
        // `kill` is a builtin of every POSIX shell, so no further program is needed.
        let told = Command::new("sh")
            .args(["-c", &format!("kill -TERM {id}")])
            .status();
        assert!(told.await.unwrap().success());
        let ended = tokio::time::timeout(SOON, self.child.wait()).await;
        ended.expect("it does not stop").unwrap()
    }

    /// What a path of the administration shows.
    pub async fn shows(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        exchange(self.admin, request.as_bytes()).await
    }

    /// How many messages stand at a state.
    pub async fn messages(&self, state: &str) -> u64 {
        figure(&self.shows("/metrics").await, state)
    }

    /// Waits until that many messages are delivered and none is on its way.
    pub async fn until_delivered(&self, count: u64) {
        let mut last = String::new();
        let settled = async {
            loop {
                last = self.shows("/metrics").await;
                let on_the_way: u64 = ["queued", "sending", "sent", "unknown"]
                    .map(|state| figure(&last, state))
                    .iter()
                    .sum();
                if on_the_way == 0 && figure(&last, "delivered") == count {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let settled = tokio::time::timeout(SOON, settled).await;
        assert!(settled.is_ok(), "not {count} messages delivered:\n{last}");
    }
}

/// The messages that stand at a state, from the figures.
fn figure(figures: &str, state: &str) -> u64 {
    let line = format!("jisr_messages{{state=\"{state}\"}} ");
    figures
        .lines()
        .find_map(|at| at.strip_prefix(&line)?.trim().parse().ok())
        .unwrap_or(0)
}

/// Sends bytes and reads until the other side closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(&mut stream).await
}

/// Everything until the other side closes.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well; what came before it counts.
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A value of a database file, from a query with one row and one column.
pub async fn ask(file: &Path, query: &'static str) -> i64 {
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .unwrap();
    sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// Changes a database file from outside; tells how many rows changed.
pub async fn change(file: &Path, statement: &'static str) -> u64 {
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await;
    done.unwrap().rows_affected()
}

/// A gateway with an operator and a message centre around it.
pub struct Site {
    pub folder: TempDir,
    pub phones: Phones,
    pub smsc: Option<Smsc>,
    smsc_at: SocketAddr,
    pub program: Program,
    pub operator: Operator,
}

/// How a site is set up.
#[derive(Default)]
pub struct Setup<'a> {
    /// More of the configuration: sections other than service and link.
    pub config: &'a str,
    /// Milliseconds within which the operator wants an answer; 0 is the default.
    pub deadline_ms: u64,
    /// What stands in the file `token`.
    pub token: &'a str,
    /// People to import before the start, as CSV; none means the built-in ones.
    pub people: &'a str,
}

impl Site {
    /// A message centre, a gateway bound to it, and an operator.
    pub async fn new(setup: Setup<'_>) -> Self {
        let mut site = Self::unbound(setup).await;
        site.bound().await;
        site
    }

    /// The same, without waiting for the bind.
    pub async fn unbound(setup: Setup<'_>) -> Self {
        let phones = Phones::new(None);
        let smsc = message_centre(&phones, 0).await;
        Self::around(phones, smsc, setup).await
    }

    /// A gateway for a message centre that is there.
    pub async fn around(phones: Phones, smsc: Smsc, setup: Setup<'_>) -> Self {
        let smsc_at = smsc.address();
        let folder = TempDir::new().unwrap();
        let config = config(&setup, smsc_at);
        std::fs::write(folder.path().join("jisr.toml"), config).unwrap();
        std::fs::write(folder.path().join("token"), setup.token).unwrap();
        if !setup.people.is_empty() {
            std::fs::write(folder.path().join("people.csv"), setup.people).unwrap();
            let ended = run(folder.path(), &["import", "people", "people.csv"], &[]).await;
            assert_eq!(ended.code, Some(0), "{}", ended.output);
        }
        let program = Program::start(folder.path(), &[]).await;
        let operator = Operator::new(format!("http://{}/ussd/sim", program.http));
        Self {
            folder,
            phones,
            smsc: Some(smsc),
            smsc_at,
            program,
            operator,
        }
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("data/jisr.db")
    }

    pub fn phone(&self, number: &str) -> Hand<'_> {
        Hand {
            site: self,
            phone: self.phones.phone(number),
        }
    }

    pub fn smsc(&self) -> &Smsc {
        self.smsc.as_ref().unwrap()
    }

    pub async fn bound(&mut self) {
        let bound = self.smsc().until_bound(SOON).await;
        assert!(bound.is_ok(), "no bind:\n{}", self.program.stderr.text());
    }

    /// The message centre goes, and the gateway has noticed.
    pub async fn smsc_goes(&mut self) {
        let before = self.program.stderr.text();
        let times = before.matches("the connection ends").count() + 1;
        self.smsc = None;
        self.program.stderr.says("the connection ends", times).await;
    }

    /// The message centre is back, at the same address.
    pub async fn smsc_comes(&mut self) {
        self.smsc = Some(message_centre(&self.phones, self.smsc_at.port()).await);
    }

    /// `kill -9`, then the same folder and the same addresses again.
    pub async fn crash(&mut self) {
        self.program.kill().await;
        let (http, admin) = (
            self.program.http.to_string(),
            self.program.admin.to_string(),
        );
        let env = [
            ("JISR_HTTP__LISTEN", http.as_str()),
            ("JISR_ADMIN__LISTEN", &admin),
        ];
        self.program = Program::start(self.folder.path(), &env).await;
    }

    /// Nothing waits to be done: no call is owed, no text waits, no message is on its way.
    pub async fn at_rest(&self) {
        let ledger = self.ledger();
        let owed = async {
            loop {
                let owed = "SELECT (SELECT count(*) FROM due WHERE kind IN ('call', 'revoke'))
                    + (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending', 'sent', 'unknown'))";
                if ask(&ledger, owed).await == 0 {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(SOON, owed).await.is_err() {
            let due = ask(&ledger, "SELECT count(*) FROM due WHERE kind = 'call'").await;
            let figures = self.program.shows("/metrics").await;
            panic!("{due} calls are owed, and\n{figures}");
        }
    }
}

/// A message centre on a port of the loopback; 0 takes a free one.
pub async fn message_centre(phones: &Phones, port: u16) -> Smsc {
    let login = Login {
        system_id: SYSTEM_ID.to_owned(),
        password: PASSWORD.to_owned(),
    };
    Smsc::start(phones.clone(), login, port).await.unwrap()
}

/// The configuration of a gateway with an HTTP USSD link and an SMPP link.
pub fn config(setup: &Setup<'_>, smsc: SocketAddr) -> String {
    let deadline_ms = match setup.deadline_ms {
        0 => 5000,
        ms => ms,
    };
    format!(
        r#"{more}

[store]
url = "sqlite://data/jisr.db"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "smsc"

[[link]]
kind = "ussd-http"
name = "sim"
services = ["tns"]
deadline_ms = {deadline_ms}
[[link.auth]]
kind = "addresses"
allow = ["127.0.0.1"]

[[link]]
kind = "smpp"
name = "smsc"
host = "{host}"
port = {port}
system_id = "{SYSTEM_ID}"
password = "{PASSWORD}"
services = ["tns"]
"#,
        more = setup.config,
        host = smsc.ip(),
        port = smsc.port(),
    )
}

/// A phone in somebody's hand.
pub struct Hand<'a> {
    site: &'a Site,
    pub phone: Phone,
}

impl Hand<'_> {
    pub async fn dial(&self, code: &str) -> Screen {
        let shown = self.site.operator.dial(&self.phone, code).await;
        shown.unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    /// Presses keys, one screen each; the last screen.
    pub async fn press(&self, keys: &[&str]) -> Screen {
        let mut last = None;
        for key in keys {
            let shown = self.site.operator.press(&self.phone, key).await;
            last = Some(shown.unwrap_or_else(|error| panic!("{key}: {error}")));
        }
        last.unwrap()
    }

    /// Dials, takes French and accepts.
    pub async fn home(&self) -> Screen {
        self.dial("*580#").await;
        let home = self.press(&["2", "1"]).await;
        see(&home, &["Que voulez-vous"]);
        home
    }

    /// From the home page to the answer of the registry.
    pub async fn identify(&self, card: &str, number: &str, expiry: &str, birth: &str) -> Screen {
        let summary = self.press(&["1", card, number, expiry, birth]).await;
        see(&summary, &["C'est juste ?", number]);
        self.press(&["1"]).await
    }

    pub async fn text(&self, text: &str) {
        let taken = self.site.smsc().text(&self.phone, "5800", text, SOON).await;
        taken.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The first message from a position on that holds something.
    pub async fn sms(&self, from: usize, what: &str) -> String {
        let got = self
            .phone
            .sms(from, SOON, |sms| sms.text.contains(what))
            .await;
        match got {
            Ok((_, sms)) => sms.text,
            Err(error) => panic!(
                "{what}: {error}; there is {:?}\n{}",
                self.phone.inbox(from),
                self.site.program.stderr.text()
            ),
        }
    }

    /// How many messages hold something.
    pub fn count(&self, what: &str) -> usize {
        let inbox = self.phone.inbox(0);
        inbox.iter().filter(|sms| sms.text.contains(what)).count()
    }

    /// The code of the last message with one, from a position on.
    pub async fn code(&self, from: usize) -> String {
        code_in(&self.sms(from, "Votre code: ").await)
    }
}

/// The code in a French message.
pub fn code_in(text: &str) -> String {
    let code = text.split("Votre code: ").nth(1).unwrap();
    code.chars().take_while(char::is_ascii_digit).collect()
}

/// The password in a French message, as it stands there.
pub fn password_in(text: &str) -> String {
    let password = text.split("Mot de passe MaCNSS:\n").nth(1).unwrap();
    password.lines().next().unwrap().to_owned()
}

/// A screen shows all of it.
pub fn see(screen: &Screen, what: &[&str]) {
    for what in what {
        assert!(screen.text.contains(what), "{what}: {screen:?}");
    }
}
