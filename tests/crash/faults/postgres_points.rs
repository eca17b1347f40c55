//! `kill -9` of a process of PostgreSQL at enumerated points, while everybody is on their way. Its first
//! process then ends all the others, and comes back as after a crash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simulator::servers::{NoServer, Postgres, Stop};

use super::kill::{KILL, spread};
use super::postgres::started;
use super::{Context, Seen};
use crate::Held;
use crate::program::{How, LOOK, SOON, signal, until};
use crate::row::Room;
use crate::site::{Ledger, Setup, Site};
use crate::trace::Trace;
use crate::witness::{Account, Lives, judge};

/// What writes its log, and what makes that durable.
const WRITES: &str = "pwrite64";
const SYNCS: &str = "fdatasync";
/// Points that are tried.
const POINTS_SHORT: usize = 3;
const POINTS_LONG: usize = 40;
/// The work is done within this, or the fault has not struck.
const WORK: Duration = Duration::from_secs(60);
/// How often the program is started anew, as by whoever keeps it running, while the server comes back.
const STARTS_MAX: usize = 40;

type Server = Arc<Mutex<Postgres>>;

/// At what it writes.
pub async fn at_write(context: Context) -> Held<Seen> {
    at(WRITES, context).await
}

/// At what it makes durable.
pub async fn at_sync(context: Context) -> Held<Seen> {
    at(SYNCS, context).await
}

async fn at(calls: &'static str, context: Context) -> Held<Seen> {
    if let Some(why) = Trace::cannot().await {
        return Ok(Seen::NotRun(why));
    }
    let room = Room::taken().await;
    let server = match started().await {
        Ok(server) => server,
        Err(missing @ NoServer::NotHere(_)) => return Ok(Seen::NotRun(missing.to_string())),
        Err(error @ NoServer::Failed { .. }) => return Err(error.to_string()),
    };
    drop(room);
    let total = count(&server, calls).await?;
    let most = match context.long {
        true => POINTS_LONG,
        false => POINTS_SHORT,
    };
    let (mut struck, mut sum, mut wrong) = (0, Account::default(), Vec::new());
    for number in spread(total, most, context.seed) {
        match killed(&server, calls, number).await {
            Ok(Some(account)) => {
                struck += 1;
                sum.add(&account);
            }
            // The work was done before.
            Ok(None) => {}
            Err(why) => wrong.push(format!("at {calls} {number}: {why}")),
        }
    }
    if !wrong.is_empty() {
        let tried = struck + wrong.len();
        let wrong = wrong.join("\n");
        return Err(format!("{wrong} (one of {tried} points)"));
    }
    if struck == 0 {
        return Err("no point was ever reached".to_owned());
    }
    Ok(Seen::Held(format!(
        "{struck} kill points of {total} tried, 0 rows lost: {}",
        sum.words()
    )))
}

/// Does something to the server, which takes its time.
async fn to<T: Send + 'static>(
    server: &Server,
    what: impl FnOnce(&mut Postgres) -> Result<T, NoServer> + Send + 'static,
) -> Held<T> {
    let server = Arc::clone(server);
    let done = tokio::task::spawn_blocking(move || what(&mut server.lock().unwrap())).await;
    let done = done.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}

/// A site over a new database, and the server behind a tracer.
async fn traced(server: &Server, how: impl FnOnce(&Trace) -> How) -> Held<(Arc<Site>, Trace)> {
    let room = Room::taken().await;
    let trace = Trace::new(server.lock().unwrap().folder(), "points");
    let mut before = how(&trace).before;
    // It is to let go when it is told to, though it writes to a file.
    before.insert(1, "-I2".to_owned());
    let direct = to(server, move |server| {
        let direct = server.database()?;
        server.stop(Stop::Fast);
        server.behind(before);
        server.run()?;
        Ok(direct)
    })
    .await?;
    let ledger = Ledger::Pg {
        url: direct.clone(),
        direct,
    };
    let setup = Setup {
        ledger,
        room: Some(room),
        ..Setup::default()
    };
    Ok((Arc::new(Site::new(setup).await?), trace))
}

/// The server without a tracer again.
async fn untraced(server: &Server) -> Held<()> {
    to(server, |server| {
        server.stop(Stop::Immediate);
        server.behind(Vec::new());
        server.run()
    })
    .await
}

/// How many calls the process makes that makes most of them: the one behind the ledger's writer.
async fn count(server: &Server, calls: &'static str) -> Held<usize> {
    let (site, trace) = traced(server, |trace| trace.counting(calls)).await?;
    let mut program = site.start(&How::default()).await?;
    Lives::begin(&site).end().await?;
    program.stop().await?;
    let log = trace.so_far();
    untraced(server).await?;
    let mut by_process: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log
        .lines()
        .filter(|line| line.contains(&format!(" {calls}(")))
    {
        let process = line.split(' ').next().unwrap_or_default();
        *by_process.entry(process).or_default() += 1;
    }
    let most = by_process.into_values().max();
    most.ok_or_else(|| format!("no {calls} at all"))
}

/// The work with a kill at one point; none where it was done before that.
async fn killed(server: &Server, calls: &'static str, number: usize) -> Held<Option<Account>> {
    let inject = format!("{calls}:{KILL}:when={number}");
    let (site, trace) = traced(server, |trace| trace.injecting(calls, &inject)).await?;
    let mut program = site.spawn(&How::default())?;
    let lives = Lives::begin(&site);
    let has_struck = || trace.so_far().contains("killed by SIGKILL");
    let began = Instant::now();
    while !has_struck() && !lives.are_over() && began.elapsed() < WORK {
        tokio::time::sleep(LOOK).await;
    }
    let struck = has_struck();
    // The others that come after it would meet the same end.
    released(server).await?;
    for _ in 0..STARTS_MAX {
        // Who starts while the server is gone gives up.
        if program.listens().await {
            break;
        }
        program.kill().await?;
        tokio::time::sleep(LOOK * 10).await;
        program = site.spawn(&How::default())?;
    }
    let judged = judge(&site, &mut program, lives).await;
    let stopped = program.stop().await;
    untraced(server).await?;
    let account = judged?;
    stopped?;
    Ok(struck.then_some(account))
}

/// Tells the tracer to let go. Where the first process has ended with the others, since it could not come
/// back, it is started anew, as by whoever keeps it running.
async fn released(server: &Server) -> Held<()> {
    let process = server.lock().unwrap().process();
    let status = move || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("TracerPid:"))?;
        line.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    if let Some(tracer) = status().filter(|tracer| *tracer != 0) {
        signal(tracer, "TERM").await?;
    }
    until("the tracer lets go", SOON, || async {
        status().is_none_or(|tracer| tracer == 0)
    })
    .await?;
    match status() {
        Some(_) => Ok(()),
        None => untraced(server).await,
    }
}
