//! Redis servers: one alone, a master and a replica that sentinels watch, and a cluster of masters.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{NoServer, Running, START_MAX, Stop, free_port};

/// The name under which sentinels know the master.
const MASTER: &str = "main";
/// How many sentinels watch it.
const SENTINELS: usize = 3;
/// How many masters a cluster has.
const MASTERS: usize = 3;
/// How long a silence is, in milliseconds, until a server counts as gone among its like.
const DOWN_MS: &str = "500";
/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(50);

/// What a program of Redis is started as.
#[derive(Clone, Copy)]
enum Kind {
    Server,
    Sentinel,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Server => "redis-server",
            Self::Sentinel => "redis-sentinel",
        }
    }
}

/// A Redis server. It writes nothing down but when told to ([`Redis::keep`]), so that it comes back
/// empty.
pub struct Redis {
    folder: TempDir,
    kind: Kind,
    port: u16,
    settings: String,
    running: Option<Running>,
}

impl Redis {
    /// Starts one that stands alone.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn start() -> Result<Self, NoServer> {
        Self::with(Kind::Server, |_port| String::new())
    }

    fn with(kind: Kind, settings: impl Fn(u16) -> String) -> Result<Self, NoServer> {
        let name = kind.program();
        if !is_here(name) {
            return Err(NoServer::NotHere(name));
        }
        let failed = NoServer::of(name);
        let port = free_port().map_err(&failed)?;
        let folder = tempfile::Builder::new()
            .prefix("jisr-redis-")
            .tempdir()
            .map_err(&failed)?;
        let common = format!("port {port}\nbind 127.0.0.1\ndaemonize no\n");
        let own = match kind {
            Kind::Server => "save \"\"\nappendonly no\n",
            Kind::Sentinel => "",
        };
        let mut server = Self {
            folder,
            kind,
            port,
            settings: format!("{common}{own}{}", settings(port)),
            running: None,
        };
        server.run()?;
        Ok(server)
    }

    /// Starts it again after [`Redis::stop`], on the same port: empty, or with what was kept.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn run(&mut self) -> Result<(), NoServer> {
        let name = self.kind.program();
        let failed = NoServer::of(name);
        let file = self.folder.path().join("conf");
        std::fs::write(&file, &self.settings).map_err(&failed)?;
        let log = std::fs::File::create(self.folder.path().join("log")).map_err(&failed)?;
        // The shell waits for the end of its input, which comes with the end of this process.
        let script = r#""$@" </dev/null & server=$!
            while read -r signal; do
                kill -s "$signal" $server; wait $server; exit
            done
            kill -s KILL $server; wait $server; rm -rf "$PWD""#;
        let mut child = Command::new("/bin/sh")
            .current_dir(self.folder.path())
            .args(["-c", script, "sh", name])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(&failed)?)
            .stderr(log)
            .spawn()
            .map_err(&failed)?;
        let pipe = child.stdin.take();
        self.running = Some(Running { child, pipe });
        let ready = || self.say(&["PING"]).is_ok_and(|said| said == "PONG");
        if until(ready) {
            return Ok(());
        }
        self.running = None;
        let why = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        Err(NoServer::Failed { name, why })
    }

    /// Stops it and waits until it has ended.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "TERM\n",
            Stop::Immediate | Stop::Killed => "KILL\n",
        };
        if let Some(mut running) = self.running.take() {
            if let Some(pipe) = &mut running.pipe {
                // Where it has ended already there is nobody to tell.
                drop(pipe.write_all(signal.as_bytes()));
            }
            drop(running.child.wait());
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://{}", self.place())
    }

    /// Host and port.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says one command to it by hand, and gives its answer as `redis-cli` prints it.
    ///
    /// # Errors
    /// [`NoServer::Failed`] with the server's word.
    pub fn say(&self, command: &[&str]) -> Result<String, NoServer> {
        cli(&[&["-e", "-p", &self.port.to_string()], command].concat())
    }

    /// Forgets everything at once.
    ///
    /// # Errors
    /// As for [`Redis::say`].
    pub fn flush(&self) -> Result<(), NoServer> {
        self.say(&["FLUSHALL"]).map(drop)
    }

    /// Answers nobody for so long, and everybody afterwards.
    ///
    /// # Errors
    /// As for [`Redis::say`].
    pub fn pause(&self, time: Duration) -> Result<(), NoServer> {
        let ms = time.as_millis().to_string();
        self.say(&["CLIENT", "PAUSE", &ms, "ALL"]).map(drop)
    }

    /// Writes down what it has; with that it comes back after a [`Redis::stop`].
    ///
    /// # Errors
    /// As for [`Redis::say`].
    pub fn keep(&self) -> Result<(), NoServer> {
        self.say(&["SAVE"]).map(drop)
    }

    /// What it wrote down is gone: it comes back empty.
    pub fn lose(&self) {
        // Where nothing was kept there is nothing to lose.
        drop(std::fs::remove_file(self.folder.path().join("dump.rdb")));
    }

    /// All that it has, as its file holds it.
    ///
    /// # Errors
    /// As for [`Redis::say`], and where the file cannot be read.
    pub fn dump(&self) -> Result<Vec<u8>, NoServer> {
        self.keep()?;
        std::fs::read(self.folder.path().join("dump.rdb"))
            .map_err(NoServer::of(self.kind.program()))
    }
}

/// A master and its replica, and sentinels that make the one the other when the master is gone.
pub struct Sentinel {
    servers: [Redis; 2],
    sentinels: Vec<Redis>,
}

impl Sentinel {
    /// Starts them all, and waits until every sentinel knows the replica and the others.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn start() -> Result<Self, NoServer> {
        let first = Redis::start()?;
        let port = first.port;
        let second = Redis::with(Kind::Server, |_own| {
            format!("replicaof 127.0.0.1 {port}\nrepl-diskless-sync-delay 0\n")
        })?;
        let watch = |_own| {
            format!(
                "sentinel monitor {MASTER} 127.0.0.1 {port} 2\nsentinel down-after-milliseconds {MASTER} {DOWN_MS}\nsentinel failover-timeout {MASTER} 2000\n"
            )
        };
        let sentinels = (0..SENTINELS).map(|_| Redis::with(Kind::Sentinel, watch));
        let all = Self {
            servers: [first, second],
            sentinels: sentinels.collect::<Result<_, _>>()?,
        };
        let knows = |sentinel: &Redis| {
            let said = sentinel
                .say(&["SENTINEL", "MASTER", MASTER])
                .unwrap_or_default();
            let told = |key: &str| {
                let mut lines = said.lines().skip_while(|line| *line != key);
                lines.nth(1).and_then(|value| value.parse::<usize>().ok())
            };
            told("num-slaves") == Some(1)
                && told("num-other-sentinels") == Some(SENTINELS - 1)
                && sentinel.say(&["SENTINEL", "CKQUORUM", MASTER]).is_ok()
        };
        let linked = || {
            let said = all.servers[1].say(&["INFO", "replication"]);
            said.is_ok_and(|said| said.contains("master_link_status:up"))
        };
        if until(|| linked() && all.sentinels.iter().all(knows)) {
            Ok(all)
        } else {
            Err(NoServer::Failed {
                name: Kind::Sentinel.program(),
                why: "they do not know each other".to_owned(),
            })
        }
    }

    /// The address of all: its sentinels, and the name of the master.
    pub fn url(&self) -> String {
        let places: Vec<_> = self.sentinels.iter().map(Redis::place).collect();
        format!("redis-sentinel://{}/{MASTER}", places.join(","))
    }

    /// Which of the servers the sentinels call master: 0 or 1.
    pub fn master(&self) -> Option<usize> {
        let said = self.sentinels[0]
            .say(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])
            .ok()?;
        let port: u16 = said.lines().nth(1)?.parse().ok()?;
        self.servers.iter().position(|server| server.port == port)
    }

    /// The servers.
    pub fn servers(&mut self) -> &mut [Redis; 2] {
        &mut self.servers
    }

    /// Ends the master as by a power cut, and waits until the other has taken over; what was not with
    /// it yet is lost.
    ///
    /// # Errors
    /// [`NoServer::Failed`] where it does not.
    pub fn fail_over(&mut self) -> Result<(), NoServer> {
        let failed = |why: &str| NoServer::Failed {
            name: Kind::Sentinel.program(),
            why: why.to_owned(),
        };
        let before = self.master().ok_or_else(|| failed("there is no master"))?;
        self.servers[before].stop(Stop::Immediate);
        let after = 1 - before;
        let leads = || {
            let said = self.servers[after].say(&["ROLE"]);
            said.is_ok_and(|said| said.starts_with("master")) && self.master() == Some(after)
        };
        if until(leads) {
            Ok(())
        } else {
            Err(failed("nobody took over"))
        }
    }
}

/// Masters that share the keys among them.
pub struct Cluster {
    servers: Vec<Redis>,
}

impl Cluster {
    /// Starts them, and waits until each knows that all keys have a master.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn start() -> Result<Self, NoServer> {
        let name = Kind::Server.program();
        let one = || {
            let bus = free_port().map_err(NoServer::of(name))?;
            Redis::with(Kind::Server, |_own| {
                format!("cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 1000\n")
            })
        };
        let servers = (0..MASTERS).map(|_| one()).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<String> = servers.iter().map(Redis::place).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        cli(&[&["--cluster", "create"], &places[..], &["--cluster-yes"]].concat())?;
        let stands = |server: &Redis| {
            let said = server.say(&["CLUSTER", "INFO"]);
            said.is_ok_and(|said| said.contains("cluster_state:ok"))
        };
        if until(|| servers.iter().all(stands)) {
            Ok(Self { servers })
        } else {
            Err(NoServer::Failed {
                name,
                why: "the cluster does not stand".to_owned(),
            })
        }
    }

    /// The address of all.
    pub fn url(&self) -> String {
        let places: Vec<_> = self.servers.iter().map(Redis::place).collect();
        format!("redis-cluster://{}", places.join(","))
    }

    /// The servers.
    pub fn servers(&mut self) -> &mut [Redis] {
        &mut self.servers
    }
}

fn cli(arguments: &[&str]) -> Result<String, NoServer> {
    let name = "redis-cli";
    let said = Command::new(name)
        .args(arguments)
        .output()
        .map_err(NoServer::of(name))?;
    let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if said.status.success() {
        Ok(text)
    } else {
        let why = format!("{text}{}", String::from_utf8_lossy(&said.stderr));
        Err(NoServer::Failed { name, why })
    }
}

/// Waits until something has come about, for as long as a server may take.
fn until(came: impl Fn() -> bool) -> bool {
    let end = Instant::now() + START_MAX;
    while Instant::now() < end {
        if came() {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}

fn is_here(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder: std::path::PathBuf| {
            let program: &Path = program.as_ref();
            folder.join(program).is_file()
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// None where it is not on this machine.
    fn here<T>(started: Result<T, NoServer>) -> Option<T> {
        match started {
            Ok(server) => Some(server),
            Err(NoServer::NotHere(what))
                if std::env::var("TEST_PEERS").as_deref() != Ok("require") =>
            {
                println!("not run: {what} is not installed");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn one_comes_back_empty_or_with_what_it_kept() {
        let Some(mut redis) = here(Redis::start()) else {
            return;
        };
        assert_eq!(redis.say(&["SET", "a", "1"]).unwrap(), "OK");
        redis.stop(Stop::Immediate);
        assert!(redis.say(&["PING"]).is_err());
        redis.run().unwrap();
        assert_eq!(redis.say(&["GET", "a"]).unwrap(), "");
        redis.say(&["SET", "a", "2"]).unwrap();
        redis.keep().unwrap();
        redis.flush().unwrap();
        redis.stop(Stop::Immediate);
        redis.run().unwrap();
        assert_eq!(redis.say(&["GET", "a"]).unwrap(), "2");
        redis.stop(Stop::Fast);
        redis.lose();
        redis.run().unwrap();
        assert_eq!(redis.say(&["GET", "a"]).unwrap(), "");
    }

    #[test]
    fn the_replica_takes_over() {
        let Some(mut sentinel) = here(Sentinel::start()) else {
            return;
        };
        assert_eq!(sentinel.master(), Some(0));
        sentinel.servers()[0].say(&["SET", "a", "1"]).unwrap();
        sentinel.servers()[0].say(&["WAIT", "1", "5000"]).unwrap();
        sentinel.fail_over().unwrap();
        assert_eq!(sentinel.master(), Some(1));
        assert_eq!(sentinel.servers()[1].say(&["GET", "a"]).unwrap(), "1");
    }

    #[test]
    fn a_cluster_shares_its_keys() {
        let Some(mut cluster) = here(Cluster::start()) else {
            return;
        };
        let moved = cluster.servers()[0].say(&["SET", "a", "1"]);
        let elsewhere = cluster.servers()[2].say(&["SET", "a", "1"]);
        // One of the three has the key; it is not both of these.
        assert!(moved.is_err() || elsewhere.is_err());
    }
}
