//! `kill -9` at enumerated points of a fixed piece of work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use super::{Context, Seen};
use crate::Held;
use crate::program::{How, LOOK, Program};
use crate::site::{PLANTED, Setup, Site};
use crate::trace::{Point, Trace};
use crate::witness::{Account, Lives, judge};

/// Points that are tried in the short set, of each kind.
const POINTS_SHORT: usize = 6;
/// Points that are tried at once: most of them wait, and those that work have their room.
const POINTS_AT_ONCE: usize = 48;
/// A kill as the call begins.
pub(super) const KILL: &str = "signal=SIGKILL";
/// The work is done within this, or the fault has not struck.
const WORK: Duration = Duration::from_secs(120);

/// No fault.
pub async fn nothing(_: Context) -> Held<Seen> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let mut program = site.start(&How::default()).await?;
    let began = Instant::now();
    let lives = Lives::begin(&site);
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    if account.failures + account.apologies + account.redials as u64 > 0 || account.unknowns > 0 {
        return Err(format!("without a fault: {}", account.words()));
    }
    Ok(Seen::Held(format!(
        "{} in {:.1} s",
        account.words(),
        began.elapsed().as_secs_f64()
    )))
}

/// At the ledger's fsyncs.
pub async fn at_sync(context: Context) -> Held<Seen> {
    at(Point::Sync, context).await
}

/// At the ledger's writes.
pub async fn at_write(context: Context) -> Held<Seen> {
    at(Point::Write, context).await
}

/// At what is sent.
pub async fn at_send(context: Context) -> Held<Seen> {
    at(Point::Send, context).await
}

async fn at(point: Point, context: Context) -> Held<Seen> {
    if let Some(why) = Trace::cannot().await {
        return Ok(Seen::NotRun(why));
    }
    let total = count(point).await?;
    let results = each(chosen(total, context), |number| killed(point, number)).await;
    let (mut struck, mut sum, mut wrong) = (0, Account::default(), Vec::new());
    for (number, result) in results {
        match result {
            Ok(Some(account)) => {
                struck += 1;
                sum.add(&account);
            }
            // The work was done before.
            Ok(None) => {}
            Err(why) => wrong.push(format!("at {} {number}: {why}", point.word())),
        }
    }
    if wrong.is_empty() {
        Ok(Seen::Held(format!(
            "{struck} kill points of {total} tried, 0 rows lost: {}",
            sum.words()
        )))
    } else {
        Err(format!(
            "{} of {struck} points: {}",
            wrong.len(),
            wrong.join("\n")
        ))
    }
}

/// Tries points, some at once. Where a mistake is planted the first that finds it is enough.
pub(super) async fn each<T, F: Future<Output = Held<T>>>(
    points: Vec<usize>,
    at: impl Fn(usize) -> F,
) -> Vec<(usize, Held<T>)> {
    let mut tried = stream::iter(points)
        .map(|number| {
            let tried = at(number);
            async move { (number, tried.await) }
        })
        .buffer_unordered(POINTS_AT_ONCE);
    let mut results = Vec::new();
    while let Some((number, result)) = tried.next().await {
        let found = result.is_err() && PLANTED.try_with(|_| ()).is_ok();
        results.push((number, result));
        if found {
            break;
        }
    }
    results
}

/// How many points of a kind the work has.
pub(super) async fn count(point: Point) -> Held<usize> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let trace = Trace::new(site.folder.path(), "count");
    let mut program = site.start(&trace.counting(point.calls())).await?;
    let lives = Lives::begin(&site);
    lives.end().await?;
    program.kill().await?;
    let log = trace.log().await?;
    let mut by_thread = std::collections::BTreeMap::new();
    for line in log.lines().filter(|line| is_call(line, point)) {
        let thread = line.split(' ').next().unwrap_or_default();
        *by_thread.entry(thread.to_owned()).or_insert(0) += 1;
    }
    // The tracer counts each thread's calls on its own, and strikes at the first that comes so far.
    by_thread
        .into_values()
        .max()
        .ok_or_else(|| format!("no {} at all", point.word()))
}

fn is_call(line: &str, point: Point) -> bool {
    point
        .calls()
        .split(',')
        .any(|call| line.contains(&format!(" {call}(")))
}

/// Every point, or some that are spread over all of them.
pub(super) fn chosen(total: usize, context: Context) -> Vec<usize> {
    let most = match context.long {
        true => total,
        false => POINTS_SHORT,
    };
    let (piece, of) = context.piece;
    let points = spread(total, most, context.seed).into_iter();
    points.skip(piece).step_by(of).collect()
}

/// So many points at most, spread over all of them.
pub(super) fn spread(total: usize, most: usize, seed: u64) -> Vec<usize> {
    let only = std::env::var("CRASH_POINT").ok();
    if let Some(point) = only.and_then(|point| point.parse().ok()) {
        return vec![point];
    }
    if total <= most {
        return (1..=total).collect();
    }
    let step = total as f64 / most as f64;
    let shift = (seed % 16) as f64 / 16.0;
    (0..most)
        .map(|at| 1 + ((at as f64 + shift) * step) as usize)
        .collect()
}

/// The work with a kill at one point; none where it was done before that.
async fn killed(point: Point, number: usize) -> Held<Option<Account>> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let trace = Trace::new(site.folder.path(), "kill");
    let inject = format!("{}:{KILL}:when={number}", point.calls());
    let mut program = site.spawn(&trace.injecting(point.calls(), &inject))?;
    let lives = Lives::begin(&site);
    let struck = dies(&mut program, &lives).await?;
    let mut program = site.start(&How::default()).await?;
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(struck.then_some(account))
}

/// Waits until the program has died or the work is done; whether it died by itself. It is dead then.
pub(super) async fn dies(program: &mut Program, lives: &Lives) -> Held<bool> {
    let began = Instant::now();
    while !program.is_over() && !lives.are_over() && began.elapsed() < WORK {
        tokio::time::sleep(LOOK).await;
    }
    let died = program.is_over();
    program.kill().await?;
    Ok(died)
}
