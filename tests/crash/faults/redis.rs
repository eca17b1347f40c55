//! Redis beside the ledger of two nodes: whatever becomes of it, nobody sees another screen, an apology or
//! another message.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simulator::servers::{NoServer, Redis, Sentinel, Stop};

use super::nodes::Pair;
use super::postgres::Whose;
use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{LOOK, SOON, signal, until};
use crate::site::Site;
use crate::witness::Lives;

/// At how many answered callbacks something happens.
const POINTS: [usize; 3] = [15, 35, 55];
/// How long Redis answers nobody, at each point.
const PAUSED: Duration = Duration::from_secs(3);
/// What happens again and again goes on for so long, where people do not get on.
const STRIKES: Duration = Duration::from_secs(20);
/// Between a page and the answer to it, so that there is time to restart everything.
const PACE: Duration = Duration::from_millis(1_800);
/// How long its process is stopped.
const STOPPED: Duration = Duration::from_secs(10);
/// Puts each entry that has changed back to what was first seen of it; tells how many.
const OLD_AGAIN: &str = "local put = 0
for _, key in ipairs(redis.call('KEYS', 'jisr:*:c:*')) do
    local now, old = redis.call('GET', key), redis.call('GET', 'old ' .. key)
    if not old then redis.call('SET', 'old ' .. key, now)
    elseif old ~= now then redis.call('SET', key, old, 'PX', 600000) put = put + 1 end
end
return put";

/// A server that is done something to, which takes its time.
type Server<T> = Arc<Mutex<T>>;

/// Starts a server; the reason where there is none.
async fn started<T: Send + 'static>(
    start: impl FnOnce() -> Result<T, NoServer> + Send + 'static,
) -> Held<Result<Server<T>, String>> {
    let started = tokio::task::spawn_blocking(start).await;
    match started.map_err(|error| error.to_string())? {
        Ok(server) => Ok(Ok(Arc::new(Mutex::new(server)))),
        Err(missing @ NoServer::NotHere(_)) => Ok(Err(missing.to_string())),
        Err(error @ NoServer::Failed { .. }) => Err(error.to_string()),
    }
}

/// Does something to a server.
async fn to<T: Send + 'static, R: Send + 'static>(
    server: &Server<T>,
    what: impl FnOnce(&mut T) -> Result<R, NoServer> + Send + 'static,
) -> Held<R> {
    let server = Arc::clone(server);
    let done = tokio::task::spawn_blocking(move || what(&mut server.lock().unwrap())).await;
    let done = done.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}

/// Everybody over two nodes with Redis, and what happens to it meanwhile.
async fn beside<T: Send + 'static, F: Future<Output = Held<String>>>(
    context: Context,
    start: impl FnOnce() -> Result<T, NoServer> + Send + 'static,
    url: impl FnOnce(&T) -> String,
    strike: impl FnOnce(Arc<Site>, Server<T>) -> F,
) -> Held<Seen> {
    let server = match started(start).await? {
        Ok(server) => server,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let url = url(&server.lock().unwrap());
    let mut pair = match Pair::with(context, Whose::Shared, Some(url)).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = Arc::clone(&pair.place.site);
    for node in &pair.nodes {
        until("Redis is connected", SOON, || async {
            node.log().contains("Redis is connected")
        })
        .await?;
    }
    let lives = Lives::begin(&site);
    let struck = strike(Arc::clone(&site), Arc::clone(&server)).await?;
    let account = pair.account(lives).await?;
    let hits = site.figure(&["jisr_cache_recalls_total", "hit"]).await;
    let stale = site.figure(&["jisr_cache_stale_total"]).await;
    pair.stop().await?;
    if hits < 1.0 {
        return Err("nothing was ever recalled".to_owned());
    }
    // It costs time, and nothing that anybody sees.
    if account.failures + account.apologies + account.redials as u64 > 0 || account.unknowns > 0 {
        return Err(format!("somebody noticed: {}", account.words()));
    }
    Ok(Seen::Held(format!(
        "{struck}{hits} recalled, {stale} of them stale; {}",
        account.words()
    )))
}

/// The same over one server.
async fn alone<F: Future<Output = Held<String>>>(
    context: Context,
    strike: impl FnOnce(Arc<Site>, Server<Redis>) -> F,
) -> Held<Seen> {
    beside(context, Redis::start, Redis::url, strike).await
}

/// No fault.
pub async fn nothing(context: Context) -> Held<Seen> {
    alone(context, |_, _| async { Ok(String::new()) }).await
}

/// Everything forgotten, again and again.
pub async fn flushed(context: Context) -> Held<Seen> {
    alone(context, |site, redis| async move {
        let (mut times, began) = (0, Instant::now());
        while site.platform.acknowledged() < POINTS[2] && began.elapsed() < STRIKES {
            to(&redis, |redis| redis.flush()).await?;
            times += 1;
            tokio::time::sleep(LOOK).await;
        }
        Ok(format!("{times} times; "))
    })
    .await
}

/// Old entries over newer ones, again and again.
pub async fn stale(context: Context) -> Held<Seen> {
    alone(context, |site, redis| async move {
        let (mut put, began) = (0_u64, Instant::now());
        while site.platform.acknowledged() < POINTS[2] && began.elapsed() < STRIKES {
            let said = to(&redis, |redis| redis.say(&["EVAL", OLD_AGAIN, "0"])).await?;
            put += said.parse::<u64>().map_err(|_| said.clone())?;
            tokio::time::sleep(LOOK).await;
        }
        if put == 0 {
            return Err("no entry was ever older than another".to_owned());
        }
        Ok(format!("{put} old entries put back; "))
    })
    .await
}

/// Silence: of its commands, then of its process.
pub async fn paused(context: Context) -> Held<Seen> {
    alone(context, |site, redis| async move {
        under_way(&site, POINTS[0]).await?;
        to(&redis, |redis| redis.pause(PAUSED)).await?;
        under_way(&site, POINTS[1]).await?;
        let said = to(&redis, |redis| redis.say(&["INFO", "server"])).await?;
        let id = said
            .lines()
            .find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
            .ok_or("it does not say which process it is")?;
        signal(id, "STOP").await?;
        site.rests();
        tokio::time::sleep(STOPPED).await;
        signal(id, "CONT").await?;
        Ok(String::new())
    })
    .await
}

/// Killed and started again: empty, and with what it had long before.
pub async fn restarted(context: Context) -> Held<Seen> {
    alone(context, |site, redis| async move {
        for (at, point) in POINTS.into_iter().enumerate() {
            under_way(&site, point).await?;
            to(&redis, move |redis| {
                redis.stop(Stop::Immediate);
                redis.run()?;
                // What is kept here comes back at the next start.
                if at == 0 { redis.keep() } else { Ok(()) }
            })
            .await?;
        }
        Ok(format!("{} kills; ", POINTS.len()))
    })
    .await
}

/// The master dies, and its replica has not heard of everything.
pub async fn fails_over(context: Context) -> Held<Seen> {
    beside(
        context,
        Sentinel::start,
        Sentinel::url,
        |site, sentinel| async move {
            under_way(&site, POINTS[0]).await?;
            to(&sentinel, Sentinel::fail_over).await?;
            Ok(String::new())
        },
    )
    .await
}

/// Gone for good.
pub async fn gone(context: Context) -> Held<Seen> {
    alone(context, |site, redis| async move {
        under_way(&site, POINTS[0]).await?;
        to(&redis, |redis| {
            redis.stop(Stop::Immediate);
            Ok(())
        })
        .await?;
        Ok(String::new())
    })
    .await
}

/// A server, or a node.
#[derive(Clone, Copy, Debug)]
enum Restarted {
    Ledger(Stop),
    Redis(Stop),
    Node(usize, Stop),
}

/// Each server in turn: told to stop and started again, and then the same with a kill.
pub async fn each_in_turn(context: Context) -> Held<Seen> {
    let redis = match started(Redis::start).await? {
        Ok(redis) => redis,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let url = redis.lock().unwrap().url();
    let mut pair = match Pair::with(context, Whose::Own, Some(url)).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = Arc::clone(&pair.place.site);
    site.platform.set_pace(PACE);
    let lives = Lives::begin(&site);
    let mut acknowledged = 5;
    for how in [Stop::Fast, Stop::Immediate] {
        for what in [
            Restarted::Ledger(how),
            Restarted::Redis(how),
            Restarted::Node(0, how),
            Restarted::Node(1, how),
        ] {
            under_way(&site, acknowledged).await?;
            match what {
                Restarted::Ledger(how) => pair.place.restart(how, Duration::ZERO).await?,
                Restarted::Redis(how) => {
                    to(&redis, move |redis| {
                        redis.stop(how);
                        redis.run()
                    })
                    .await?;
                }
                Restarted::Node(number, Stop::Fast) => {
                    pair.nodes[number].stop().await?;
                    pair.again(number).await?;
                }
                Restarted::Node(number, Stop::Immediate | Stop::Killed) => {
                    pair.nodes[number].kill().await?;
                    pair.again(number).await?;
                }
            }
            acknowledged = site.platform.acknowledged() + 3;
        }
    }
    if lives.are_over() {
        return Err("everybody was through before each server was restarted".to_owned());
    }
    let account = pair.account(lives).await?;
    let (changed, stayed) = site.platform.changes();
    pair.stop().await?;
    if changed <= 2 * stayed {
        return Err(format!(
            "only {changed} turns were on another node than the one before, {stayed} on the same"
        ));
    }
    Ok(Seen::Held(format!(
        "8 restarts; {changed} turns on another node than the one before, {stayed} on the same, since the other was away; {}",
        account.words()
    )))
}
