//! What befalls the process: signals, and limits on what it may have.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use simulator::registry::Mood;
use tokio::net::TcpStream;

use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{How, Program, until};
use crate::site::{Setup, Site};
use crate::witness::{Account, Lives, judge};

/// It ends within this after SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);
/// How slow the registry is then.
const SLOW: Duration = Duration::from_millis(1_200);
/// How long it is stopped.
const STOPPED: Duration = Duration::from_secs(30);
/// What it may have of descriptors, and how many connections try for them.
const DESCRIPTORS: usize = 64;
const CONNECTIONS: usize = 100;
/// How long the connections stay.
const STAY: Duration = Duration::from_secs(3);
/// What it may have of memory.
const MEMORY: u64 = 60 * 1024 * 1024;

/// SIGTERM under load.
pub async fn sigterm(_: Context) -> Held<Seen> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let mut program = site.start(&How::default()).await?;
    site.registry.set_mood(Mood::Slow(SLOW));
    let lives = Lives::begin(&site);
    until("the registry is asked", DRAIN, || async {
        site.registry.counts().calls >= 2
    })
    .await?;
    let began = Instant::now();
    program.signal("TERM").await?;
    let status = program.ended(DRAIN + Duration::from_secs(5)).await?;
    let took = began.elapsed();
    if !status.success() || took > DRAIN {
        return Err(format!(
            "it ended with {status} after {:.1} s:\n{}",
            took.as_secs_f64(),
            program.last_words()
        ));
    }
    if took < SLOW / 2 {
        return Err(format!(
            "it did not wait for what was under way, but ended after {:.1} s; {} attempts unanswered:\n{}",
            took.as_secs_f64(),
            site.platform.failures(),
            program.last_words()
        ));
    }
    site.registry.set_mood(Mood::Well);
    let mut program = site.start(&How::default()).await?;
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    if account.unknowns > 0 {
        return Err(format!("what was under way was left: {}", account.words()));
    }
    Ok(Seen::Held(format!(
        "exit code 0 after {:.1} s; {}",
        took.as_secs_f64(),
        account.words()
    )))
}

/// SIGSTOP for a while.
pub async fn sigstop(_: Context) -> Held<Seen> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    under_way(&site, 20).await?;
    program.signal("STOP").await?;
    site.rests();
    tokio::time::sleep(STOPPED).await;
    program.signal("CONT").await?;
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(account.words()))
}

/// Few descriptors, and more connections than that.
pub async fn descriptors(_: Context) -> Held<Seen> {
    let how = How::behind(&[
        "sh",
        "-c",
        &format!("ulimit -n {DESCRIPTORS}; exec \"$@\""),
        "sh",
    ]);
    let site = Arc::new(Site::new(Setup::default()).await?);
    let program = site.start(&how).await?;
    let account = crowded(&site, program, CONNECTIONS).await?;
    Ok(Seen::Held(account.words()))
}

/// Little memory.
pub async fn memory(_: Context) -> Held<Seen> {
    let Some(group) = Group::new() else {
        return Ok(Seen::NotRun(
            "no cgroup for memory can be made here".to_owned(),
        ));
    };
    let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.0.display());
    let site = Arc::new(Site::new(Setup::default()).await?);
    let program = site
        .start(&How::behind(&["sh", "-c", &enter, "sh"]))
        .await?;
    let account = crowded(&site, program, 300).await?;
    Ok(Seen::Held(format!(
        "at most {} MiB; {}",
        group.most() / (1024 * 1024),
        account.words()
    )))
}

/// Everybody, beside connections that say nothing and stay for a while.
async fn crowded(site: &Arc<Site>, mut program: Program, count: usize) -> Held<Account> {
    let mut idle = Vec::new();
    for _ in 0..count {
        // One that is refused has been tried.
        idle.extend(TcpStream::connect(site.http()).await.ok());
    }
    let lives = Lives::begin(site);
    tokio::time::sleep(STAY).await;
    if program.is_over() {
        return Err(format!("it has ended:\n{}", program.last_words()));
    }
    drop(idle);
    let account = judge(site, &mut program, lives).await?;
    program.stop().await?;
    Ok(account)
}

/// A control group of this process, removed when it is dropped.
struct Group(PathBuf);

impl Group {
    /// A group with a limit of [`MEMORY`]; none where this user may not make one.
    fn new() -> Option<Self> {
        let name = format!("jisr-crash-{}", std::process::id());
        for (root, limit) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let group = Path::new(root).join(&name);
            if std::fs::create_dir(&group).is_err() {
                continue;
            }
            let group = Self(group);
            if std::fs::write(group.0.join(limit), MEMORY.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    /// The most that was used.
    fn most(&self) -> u64 {
        ["memory.max_usage_in_bytes", "memory.peak"]
            .iter()
            .find_map(|name| {
                std::fs::read_to_string(self.0.join(name))
                    .ok()?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty by now; where it is not, nothing is lost.
        let _ = std::fs::remove_dir(&self.0);
    }
}
