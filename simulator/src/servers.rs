//! Real servers of this machine on its loopback, each in a folder of its own: PostgreSQL, Redis.
//!
//! A server ends when what started it ends, however that was: it listens to a pipe that only its
//! starter holds.

mod redis;

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use redis::{Cluster, Redis, Sentinel};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);
/// Where distributions keep the programs of PostgreSQL, beside the search path.
const POSTGRES_FOLDERS: &str = "/usr/lib/postgresql";
/// Whom a server runs as that refuses to run as root, where root it is.
const POSTGRES_USER: &str = "postgres";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum NoServer {
    /// Its program is not on this machine.
    #[error("{0} is not installed")]
    NotHere(&'static str),
    /// It did not start.
    #[error("{name} did not start: {why}")]
    Failed {
        /// Which.
        name: &'static str,
        /// What it said last.
        why: String,
    },
}

impl NoServer {
    fn of(name: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Failed {
            name,
            why: error.to_string(),
        }
    }
}

/// A PostgreSQL server.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Running>,
    databases: AtomicU32,
    before: Vec<String>,
}

/// A child that ends with the pipe.
struct Running {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It was told to end at once; the status says nothing that matters here.
        drop(self.child.wait());
    }
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It disconnects everybody and writes down what it has.
    Fast,
    /// It ends at once, as if its machine had lost power.
    Immediate,
    /// `kill -9` of its first process; others that it has started notice that by themselves.
    Killed,
}

/// How texts are ordered: as the collations of languages do, which look at signs last, so that whoever
/// counts on the order of octets is found out; and as octets where the server was built without them.
const ORDERS: [&[&str]; 2] = [
    &["--locale-provider=icu", "--icu-locale=und-u-ka-shifted"],
    &[],
];

impl Postgres {
    /// Makes a cluster and starts a server on it; with `durable` it waits for the disk at each commit.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn start(durable: bool) -> Result<Self, NoServer> {
        let name = "postgres";
        let failed = NoServer::of(name);
        let programs = programs().ok_or(NoServer::NotHere(name))?;
        let folder = tempfile::Builder::new()
            .prefix("jisr-postgres-")
            .tempdir()
            .map_err(&failed)?;
        if is_root() {
            let done = Command::new("chown")
                .arg(POSTGRES_USER)
                .arg(folder.path())
                .status()
                .map_err(&failed)?;
            if !done.success() {
                return Err(NoServer::Failed {
                    name,
                    why: format!("there is no user {POSTGRES_USER}"),
                });
            }
        }
        let mut made = Err(String::new());
        for order in ORDERS {
            let done = as_server(&programs.join("initdb"))
                .current_dir(folder.path())
                .args(["--auth=trust", "--username=jisr", "--encoding=UTF8"])
                .args(["--locale=C", "--no-sync"])
                .args(order)
                .arg("--pgdata")
                .arg(folder.path().join("data"))
                .output()
                .map_err(&failed)?;
            made = match done.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
            };
            if made.is_ok() {
                break;
            }
        }
        if let Err(why) = made {
            return Err(NoServer::Failed { name, why });
        }
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\nfsync = {0}\nfull_page_writes = {0}\n",
            if durable { "on" } else { "off" }
        );
        std::fs::write(folder.path().join("data/postgresql.auto.conf"), settings)
            .map_err(&failed)?;
        let mut server = Self {
            folder,
            programs,
            port: free_port().map_err(&failed)?,
            running: None,
            databases: AtomicU32::new(0),
            before: Vec::new(),
        };
        server.run()?;
        Ok(server)
    }

    /// What stands before it on the command line from the next [`Postgres::run`] on, such as a tracer;
    /// nothing where it is empty. It may write to the server's folder.
    pub fn behind(&mut self, before: Vec<String>) {
        self.before = before;
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process from which the others hang, while it runs.
    pub fn process(&self) -> Option<u32> {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Starts it again after [`Postgres::stop`], on the same port.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn run(&mut self) -> Result<(), NoServer> {
        let name = "postgres";
        let failed = NoServer::of(name);
        let until = Instant::now() + START_MAX;
        self.spawn()?;
        while Instant::now() < until {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .map_err(&failed)?;
            if ready.success() {
                return Ok(());
            }
            // After a kill the processes of the one before may take a moment to notice.
            if self.log().contains("still in use") {
                self.stop(Stop::Fast);
                self.spawn()?;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.running = None;
        Err(NoServer::Failed {
            name,
            why: self.log(),
        })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn spawn(&mut self) -> Result<(), NoServer> {
        let failed = NoServer::of("postgres");
        let log = std::fs::File::create(self.folder.path().join("log")).map_err(&failed)?;
        // The shell waits for the end of its input, which comes with the end of this process.
        let script = r#""$@" </dev/null & server=$!
            while read -r signal; do
                kill -s "$signal" $server; wait $server; exit
            done
            kill -s QUIT $server; wait $server; rm -rf "$PWD""#;
        let mut child = as_server(Path::new("/bin/sh"))
            .current_dir(self.folder.path())
            .args(["-c", script, "sh"])
            .args(&self.before)
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(&failed)?)
            .stderr(log)
            .spawn()
            .map_err(&failed)?;
        let pipe = child.stdin.take();
        self.running = Some(Running { child, pipe });
        Ok(())
    }

    /// Stops it and waits until it has ended.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT\n",
            Stop::Immediate => "QUIT\n",
            Stop::Killed => "KILL\n",
        };
        if let Some(mut running) = self.running.take() {
            if let Some(pipe) = &mut running.pipe {
                // Where it has ended already there is nobody to tell.
                drop(pipe.write_all(signal.as_bytes()));
            }
            drop(running.child.wait());
        }
    }

    /// The address of a database of a name.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://jisr@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database that nobody has used, and gives its address.
    ///
    /// # Errors
    /// [`NoServer::Failed`] with the server's word.
    pub fn database(&self) -> Result<String, NoServer> {
        self.database_like("template1")
    }

    /// The same with everything that is in another of a name, to which nobody is connected: quicker than
    /// making its tables anew.
    ///
    /// # Errors
    /// [`NoServer::Failed`] with the server's word.
    pub fn database_like(&self, template: &str) -> Result<String, NoServer> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("ledger_{number}");
        self.say(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
        )?;
        Ok(self.url(&name))
    }

    /// Runs a statement on a database, as its owner by hand.
    ///
    /// # Errors
    /// [`NoServer::Failed`] with the server's word.
    pub fn say(&self, database: &str, statement: &str) -> Result<String, NoServer> {
        let name = "psql";
        let said = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statement,
            ])
            .arg(self.url(database))
            .output()
            .map_err(NoServer::of(name))?;
        if said.status.success() {
            Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
        } else {
            Err(NoServer::Failed {
                name,
                why: String::from_utf8_lossy(&said.stderr).into_owned(),
            })
        }
    }
}

/// A port of the loopback that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}

/// A program as a user that PostgreSQL accepts.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid",
            POSTGRES_USER,
            "--regid",
            POSTGRES_USER,
            "--clear-groups",
        ])
        .arg(program);
    command
}

/// The folder with the newest server's programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(POSTGRES_FOLDERS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    versions
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(on_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}
