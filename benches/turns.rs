//! How many turns a second the real program carries, on each store, waiting for the disk and not, and what
//! a second node and a Redis buy.
//!
//! `cargo bench --bench turns` starts everything by itself on this machine's loopback: the program of an
//! optimised build, PostgreSQL and Redis where they are installed, and callers that post callbacks over
//! HTTP, each from a number of its own. All share this machine's cores. Each round plays every row once on
//! a ledger that nobody has used, so that what else the machine does hits all rows alike; the table has
//! the medians of the rounds.
//!
//! Without waiting for the disk PostgreSQL runs with `fsync = off`. The ledger that is a file has no such
//! setting: the program has to be one into which tests may plant mistakes, as cargo builds it for benches.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "benches"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use simulator::gateway::{Addresses, Gateway};
use simulator::load::process::used;
use simulator::load::{Report, ussd_by};
use simulator::operator::Operator;
use simulator::servers::{NoServer, Postgres, Redis};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jisr");
/// Callbacks before those that count: caches are filled, statements prepared.
const WARM_UP: u64 = 300;

/// Where the ledger is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Sqlite,
    Postgres,
    PostgresAndRedis,
}

/// One row of the table.
#[derive(Clone, Copy)]
struct Row {
    store: Store,
    nodes: usize,
    /// Whether a commit waits for the disk.
    durable: bool,
    callers: u32,
}

impl Row {
    fn name(&self) -> String {
        let store = match self.store {
            Store::Sqlite => "SQLite",
            Store::Postgres => "PostgreSQL",
            Store::PostgresAndRedis => "PostgreSQL and Redis",
        };
        let nodes = match self.nodes {
            1 => "1 node".to_owned(),
            nodes => format!("{nodes} nodes"),
        };
        let disk = if self.durable { "waits" } else { "does not" };
        format!("| {store} | {nodes} | {disk} | {} |", self.callers)
    }
}

/// What one run came to.
#[derive(Clone, Copy, Default)]
struct Figures {
    turns_a_second: f64,
    median_ms: f64,
    p99_ms: f64,
    turns_a_commit: f64,
    commit_ms: f64,
    /// Of all nodes.
    node_us_a_turn: f64,
    /// Of the whole time, how much of one core all nodes used.
    cores: f64,
}

/// The servers; none where this machine does not have them.
struct Servers {
    durable: Option<Postgres>,
    fast: Option<Postgres>,
    redis: Option<Redis>,
}

struct Wanted {
    rounds: usize,
    seconds: f64,
    only: Option<String>,
}

impl Wanted {
    /// `--rounds 5 --seconds 4 --only WORDS`, behind `cargo bench --bench turns --`.
    fn read() -> Self {
        let mut wanted = Self {
            rounds: 5,
            seconds: 4.0,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the option");
            match argument.as_str() {
                "--rounds" => wanted.rounds = value().parse().expect("a number of rounds"),
                "--seconds" => wanted.seconds = value().parse().expect("seconds of a run"),
                "--only" => wanted.only = Some(value()),
                // What cargo says to every bench.
                "--bench" => {}
                other => panic!("{other}: there are --rounds N, --seconds S, --only WORDS"),
            }
        }
        wanted
    }
}

#[tokio::main]
async fn main() {
    let wanted = Wanted::read();
    let servers = Servers {
        durable: here(Postgres::start(true)),
        fast: here(Postgres::start(false)),
        redis: here(Redis::start()),
    };
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|row| {
            let words = wanted.only.as_deref();
            words.is_none_or(|words| row.name().contains(words)) && servers.have(row)
        })
        .collect();
    println!("{}", machine());
    let mut figures = vec![Vec::new(); rows.len()];
    for round in 1..=wanted.rounds {
        for (row, figures) in rows.iter().zip(&mut figures) {
            let seen = play(row, &servers, wanted.seconds).await;
            eprintln!(
                "round {round} {} {:.0} turns/s",
                row.name(),
                seen.turns_a_second
            );
            figures.push(seen);
        }
    }
    println!("{}", table(&rows, &figures));
    println!("{}", machine());
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for callers in [64, 1] {
        for (store, nodes) in [
            (Store::Sqlite, 1),
            (Store::Postgres, 1),
            (Store::PostgresAndRedis, 1),
            (Store::Postgres, 2),
            (Store::PostgresAndRedis, 2),
        ] {
            for durable in [true, false] {
                rows.push(Row {
                    store,
                    nodes,
                    durable,
                    callers,
                });
            }
        }
    }
    rows
}

fn here<T>(started: Result<T, NoServer>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(NoServer::NotHere(what)) => {
            println!("not run: what needs {what}, which is not installed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

impl Servers {
    fn have(&self, row: &Row) -> bool {
        match row.store {
            Store::Sqlite => true,
            Store::Postgres => self.durable.is_some() && self.fast.is_some(),
            Store::PostgresAndRedis => {
                self.durable.is_some() && self.fast.is_some() && self.redis.is_some()
            }
        }
    }

    /// Where the ledger of a row is, and its cache: both as nobody has used them.
    fn urls(&self, row: &Row, folder: &Path) -> (String, Option<String>) {
        let server = if row.durable {
            &self.durable
        } else {
            &self.fast
        };
        let database = || server.as_ref().unwrap().database().unwrap();
        match row.store {
            Store::Sqlite => (
                format!("sqlite://{}", folder.join("jisr.db").display()),
                None,
            ),
            Store::Postgres => (database(), None),
            Store::PostgresAndRedis => {
                let redis = self.redis.as_ref().unwrap();
                redis.flush().unwrap();
                (database(), Some(redis.url()))
            }
        }
    }
}

/// A node that runs.
struct Node {
    gateway: Gateway,
    addresses: Addresses,
}

impl Node {
    async fn start(row: &Row, root: &Path, number: usize, urls: &(String, Option<String>)) -> Self {
        let folder = root.join(format!("node-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let addresses = Addresses::free().unwrap();
        let mut config = format!(
            "[http]\nlisten = \"{}\"\n[admin]\nlisten = \"{}\"\n[store]\nurl = \"{}\"\n[security]\nkeys = \"{}\"\n",
            addresses.http,
            addresses.admin,
            urls.0,
            root.join("jisr.keys").display(),
        );
        if let Some(url) = &urls.1 {
            write!(config, "[cache]\nurl = \"{url}\"\n").unwrap();
        }
        let mut command = Command::new(PROGRAM);
        if row.store == Store::Sqlite && !row.durable {
            command.env("PLANTED", "commits-not-synced");
        }
        let gateway = Gateway::launch(command, &folder, addresses, &config).await;
        Self {
            gateway: gateway.unwrap(),
            addresses,
        }
    }

    fn cpu(&self) -> Duration {
        self.gateway.id().map_or(Duration::ZERO, |id| used(id).cpu)
    }

    /// The sum of a figure, over its labels.
    async fn figure(&self, name: &str) -> f64 {
        let mut stream = tokio::net::TcpStream::connect(self.addresses.admin)
            .await
            .unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }
}

/// What all nodes have counted so far.
struct Counted {
    turns: f64,
    commits: f64,
    commit_us: f64,
    cpu: Duration,
}

impl Counted {
    async fn of(nodes: &[Node]) -> Self {
        let mut all = Self {
            turns: 0.0,
            commits: 0.0,
            commit_us: 0.0,
            cpu: Duration::ZERO,
        };
        for node in nodes {
            all.turns += node.figure("jisr_turns_total").await;
            all.commits += node.figure("jisr_ledger_commits_total").await;
            all.commit_us += node.figure("jisr_ledger_commit_us_total").await;
            all.cpu += node.cpu();
        }
        all
    }
}

async fn play(row: &Row, servers: &Servers, seconds: f64) -> Figures {
    let root = TempDir::new().unwrap();
    let urls = servers.urls(row, root.path());
    let mut nodes = Vec::new();
    for number in 0..row.nodes {
        nodes.push(Node::start(row, root.path(), number, &urls).await);
    }
    let of = |node: &Node| format!("http://{}/ussd/sandbox", node.addresses.http);
    let operator = Operator::in_turn(nodes.iter().map(of).collect());

    let warm_up = if row.callers == 1 {
        WARM_UP / 5
    } else {
        WARM_UP
    };
    let first = load(&operator, 0, warm_up, row.callers).await;
    // So many that it takes about as long as was asked for.
    let rate = first.took.len() as f64 / first.whole.as_secs_f64();
    let callbacks = (rate * seconds).max(100.0) as u64;
    let before = Counted::of(&nodes).await;
    let report = load(&operator, 10_000_000, callbacks, row.callers).await;
    let after = Counted::of(&nodes).await;
    for node in nodes {
        assert!(
            node.gateway.stop().await.unwrap(),
            "a node did not end well"
        );
    }

    let whole = report.whole.as_secs_f64();
    let turns = after.turns - before.turns;
    let commits = (after.commits - before.commits).max(1.0);
    let cpu = (after.cpu - before.cpu).as_secs_f64();
    let ms = |share| report.quantile(share).as_secs_f64() * 1000.0;
    Figures {
        turns_a_second: turns / whole,
        median_ms: ms(0.5),
        p99_ms: ms(0.99),
        turns_a_commit: turns / commits,
        commit_ms: (after.commit_us - before.commit_us) / commits / 1000.0,
        node_us_a_turn: cpu * 1e6 / turns,
        cores: cpu / whole,
    }
}

async fn load(operator: &Operator, first: u64, callbacks: u64, callers: u32) -> Report {
    let report = ussd_by(operator, first, callbacks, callers).await;
    assert_eq!(report.failed, 0, "callbacks without an answer");
    report
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut all: Vec<f64> = figures.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn table(rows: &[Row], figures: &[Vec<Figures>]) -> String {
    let mut text = String::from(
        "\n| ledger | nodes | a commit for the disk | callers | turns/s | least to most | median | 99 % | turns a commit | a commit | nodes' processor a turn | cores of nodes |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (row, figures) in rows.iter().zip(figures) {
        let all = |of: fn(&Figures) -> f64| figures.iter().map(of);
        writeln!(
            text,
            "{} {:.0} | {:.0} to {:.0} | {:.1} ms | {:.1} ms | {:.1} | {:.2} ms | {:.0} µs | {:.2} |",
            row.name(),
            median(figures, |f| f.turns_a_second),
            all(|f| f.turns_a_second).fold(f64::INFINITY, f64::min),
            all(|f| f.turns_a_second).fold(0.0, f64::max),
            median(figures, |f| f.median_ms),
            median(figures, |f| f.p99_ms),
            median(figures, |f| f.turns_a_commit),
            median(figures, |f| f.commit_ms),
            median(figures, |f| f.node_us_a_turn),
            median(figures, |f| f.cores),
        )
        .unwrap();
    }
    text
}

/// What the figures were seen on: cores, what else ran, and the disk's time for 4 KiB.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let folder = TempDir::new().unwrap();
    let mut file = File::create(folder.path().join("probe")).unwrap();
    let mut took = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    format!(
        "{cores} cores ({model}), load {}, an fsync of 4 KiB {:.2} ms (99 %: {:.2} ms)",
        load.join(" "),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
    )
}
