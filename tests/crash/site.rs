//! A gateway's place: its folder, its ledger, and everybody around it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use simulator::phone::Phones;
use simulator::proxy::Proxy;
use simulator::registry::Registry;
use simulator::smsc::{Login, Smsc};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Held;
use crate::platform::Platform;
use crate::program::{How, Program};
use crate::row::Room;

const TOKEN: &str = "sample-token";
const SYSTEM_ID: &str = "jisr";
const PASSWORD: &str = "secret";
/// A page of the administration is not longer than this.
const PAGE_MAX: u64 = 16 * 1024 * 1024;

/// Where ports are looked for: below those that a kernel gives to connections, so that none of these is
/// taken between the death of a program and its next start.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

tokio::task_local! {
    /// The mistake that is planted in every program that is started within.
    pub static PLANTED: &'static str;
}

/// Ports between the first of two runs whose process ids are neighbours.
const SPREAD: u32 = 1_999;

/// Where the ledger is.
#[derive(Clone)]
pub enum Ledger {
    /// In a file of the folder.
    Lite,
    /// On a server.
    Pg {
        /// The database's address.
        direct: String,
        /// The address that the program is told.
        url: String,
    },
}

/// How a site is set up.
pub struct Setup {
    /// Where the ledger is.
    pub ledger: Ledger,
    /// How many copies of a callback go at once, at most.
    pub copies: u64,
    /// The seed of a piece of network between the program and the message centre, where there is one.
    pub between: Option<u64>,
    /// How many nodes there are.
    pub nodes: usize,
    /// The address of Redis, where there is one.
    pub cache: Option<String>,
    /// The room that it has already.
    pub room: Option<Room>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ledger: Ledger::Lite,
            copies: 1,
            between: None,
            nodes: 1,
            cache: None,
            room: None,
        }
    }
}

/// A gateway's place.
pub struct Site {
    pub folder: TempDir,
    pub ledger: Ledger,
    pub phones: Phones,
    pub smsc: Smsc,
    pub registry: Registry,
    pub platform: Platform,
    /// What stands between the program and the message centre.
    pub between: Option<Proxy>,
    /// Where the ledger's folder is seen, where that is not where the program sees it.
    pub seen_at: OnceLock<PathBuf>,
    /// Where each node listens: for operators, and for administration.
    nodes: Vec<(SocketAddr, SocketAddr)>,
    /// The mistake that is planted in the program.
    plant: Option<&'static str>,
    room: Room,
}

impl Site {
    /// Everything around the program, which is not started yet.
    pub async fn new(mut setup: Setup) -> Held<Self> {
        let said = |error: std::io::Error| error.to_string();
        let room = match setup.room.take() {
            Some(room) => room,
            None => Room::taken().await,
        };
        let folder = tempfile::Builder::new()
            .prefix("jisr-crash-")
            .tempdir()
            .map_err(said)?;
        let phones = Phones::new(None);
        let login = Login {
            system_id: SYSTEM_ID.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let smsc = Smsc::start(phones.clone(), login, 0).await.map_err(said)?;
        let registry = Registry::start(TOKEN, 0).await.map_err(said)?;
        let nodes: Vec<_> = (0..setup.nodes).map(|_| (free(), free())).collect();
        let doors = nodes.iter().map(|(http, _)| *http).collect();
        let between = match setup.between {
            None => None,
            Some(seed) => Some(Proxy::start(smsc.address(), seed).await.map_err(said)?),
        };
        let centre = between.as_ref().map_or(smsc.address(), Proxy::address);
        let config = config(&setup, &registry.url(), centre);
        std::fs::write(folder.path().join("jisr.toml"), config).map_err(said)?;
        std::fs::write(folder.path().join("token"), TOKEN).map_err(said)?;
        Ok(Self {
            folder,
            ledger: setup.ledger,
            phones,
            smsc,
            registry,
            platform: Platform::new(doors, setup.copies),
            between,
            seen_at: OnceLock::new(),
            nodes,
            plant: PLANTED.try_with(|plant| *plant).ok(),
            room,
        })
    }

    /// What follows is waiting: others may work meanwhile.
    pub fn rests(&self) {
        self.room.leave();
    }

    /// Starts the program; it may not listen yet.
    pub fn spawn(&self, how: &How) -> Held<Program> {
        self.spawn_node(0, how)
    }

    fn spawn_node(&self, number: usize, how: &How) -> Held<Program> {
        let (http, admin) = self.nodes[number];
        let how = match self.plant {
            Some(plant) => how.clone().with("PLANTED", plant),
            None => how.clone(),
        };
        Program::spawn(self.folder.path(), http, admin, &how)
    }

    /// Starts the program and waits until it listens.
    pub async fn start(&self, how: &How) -> Held<Program> {
        self.start_node(0, how).await
    }

    /// The same for one of several nodes.
    pub async fn start_node(&self, number: usize, how: &How) -> Held<Program> {
        let program = self.spawn_node(number, how)?;
        if program.listens().await {
            return Ok(program);
        }
        Err(format!("it does not start:\n{}", program.last_words()))
    }

    /// Leaves the folder where it is, for whoever looks into a failure; `CRASH_KEEP` asks for it.
    pub fn left(&self) -> String {
        if std::env::var_os("CRASH_KEEP").is_none() {
            return String::new();
        }
        // What only the program sees goes with its disk.
        if self.seen_at.get().is_some()
            && let Ok(copied) = self.copied()
        {
            let to = self.folder.path().join("seen");
            let _ = std::fs::rename(copied.path(), to);
        }
        let kept = self.folder.path().with_extension("kept");
        match std::fs::rename(self.folder.path(), &kept) {
            Ok(()) => format!("\nits folder is {}", kept.display()),
            Err(error) => format!("\nits folder is lost: {error}"),
        }
    }

    /// Where operators call.
    pub fn http(&self) -> SocketAddr {
        self.nodes[0].0
    }

    /// The sum of a figure of all nodes, over the lines with all these words.
    pub async fn figure(&self, words: &[&str]) -> f64 {
        let mut sum = 0.0;
        for (_, admin) in &self.nodes {
            let text = shown(*admin, "/metrics").await.unwrap_or_default();
            let lines = text.lines().filter(|line| {
                !line.starts_with('#') && words.iter().all(|word| line.contains(word))
            });
            sum += lines
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
                .sum::<f64>();
        }
        sum
    }

    /// The ledger's file.
    pub fn file(&self) -> PathBuf {
        let folder = self
            .seen_at
            .get()
            .map_or(self.folder.path(), PathBuf::as_path);
        folder.join("data/jisr.db")
    }

    /// A copy of the ledger's file and log: SQLite resolves the way into another namespace to a path of
    /// this one.
    fn copied(&self) -> Held<TempDir> {
        let said = |error: std::io::Error| error.to_string();
        let copy = TempDir::new().map_err(said)?;
        for name in ["jisr.db", "jisr.db-wal"] {
            let from = self.file().with_file_name(name);
            std::fs::copy(from, copy.path().join(name)).map_err(said)?;
        }
        Ok(copy)
    }

    /// Moves SQLite's log into its file, as nobody has it open.
    pub async fn folded(&self) -> Held<()> {
        self.ask("PRAGMA wal_checkpoint(TRUNCATE)").await.map(drop)
    }

    /// A number from the ledger, by a query with one row and one column that is there always.
    pub async fn ask(&self, query: &'static str) -> Held<i64> {
        match &self.ledger {
            Ledger::Lite => {
                let copied = match self.seen_at.get() {
                    Some(_) => Some(self.copied()?),
                    None => None,
                };
                let copy = copied.as_ref().map(|folder| folder.path().join("jisr.db"));
                let mut connection = SqliteConnectOptions::new()
                    .filename(copy.unwrap_or_else(|| self.file()))
                    .busy_timeout(Duration::from_secs(10))
                    .connect()
                    .await
                    .map_err(|error| format!("the ledger cannot be opened: {error}"))?;
                sqlx::query_scalar(query)
                    .fetch_one(&mut connection)
                    .await
                    .map_err(|error| format!("{query}: {error}"))
            }
            Ledger::Pg { direct, .. } => {
                let cannot = |error: sqlx::Error| format!("{query}: {error}");
                let options: PgConnectOptions = direct.parse().map_err(cannot)?;
                let mut connection = options.connect().await.map_err(cannot)?;
                let said = sqlx::query_scalar(query).fetch_one(&mut connection).await;
                said.map_err(cannot)
            }
        }
    }
}

/// What a path of the administration shows.
async fn shown(admin: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(admin).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(PAGE_MAX).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A port of the loopback that nobody else of this process is given.
pub fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Other runs on this machine begin elsewhere, and far from here.
    let spread = std::process::id().wrapping_mul(SPREAD) % u32::from(span);
    let first = u16::try_from(spread).unwrap_or(0);
    for _ in 0..span {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (first + next % span) % span;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn config(setup: &Setup, registry: &str, smsc: SocketAddr) -> String {
    let url = match &setup.ledger {
        Ledger::Lite => "sqlite://data/jisr.db",
        Ledger::Pg { url, .. } => url,
    };
    let cache = match &setup.cache {
        None => String::new(),
        Some(url) => format!("\n[cache]\nurl = \"{url}\"\n"),
    };
    let link = |name: &str, shape: &str| {
        format!(
            r#"
[[link]]
kind = "ussd-http"
name = "{name}"
shape = "{shape}"
services = ["tns"]
deadline_ms = 5000
[[link.auth]]
kind = "addresses"
allow = ["127.0.0.1"]
"#
        )
    };
    format!(
        r#"
[store]
url = "{url}"
{cache}
[registry]
kind = "http"
url = "{registry}"
token_file = "token"

[security]
no_number_on_file = "guide"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "smsc"
{path}{key}
[[link]]
kind = "smpp"
name = "smsc"
host = "{host}"
port = {port}
system_id = "{SYSTEM_ID}"
password = "{PASSWORD}"
services = ["tns"]
"#,
        path = link("path", "africastalking"),
        key = link("key", "generic"),
        host = smsc.ip(),
        port = smsc.port(),
    )
}
