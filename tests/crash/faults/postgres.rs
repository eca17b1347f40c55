//! PostgreSQL under the ledger: restarts, outages, cuts.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simulator::proxy::{Manner, Proxy, Way};
use simulator::servers::{NoServer, Postgres, Stop};
use tokio::sync::OnceCell;

use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{How, Program, until};
use crate::row::Room;
use crate::site::{Ledger, Setup, Site};
use crate::witness::{Lives, judge};

/// How long the server or the network to it is gone.
const GONE: Duration = Duration::from_secs(10);
/// Connections that are to be reset.
const RESETS: u64 = 10;
/// A connection carries so many octets, on average.
const OCTETS: u64 = 60_000;

/// A server, a network to it, and a site.
pub(super) struct Place {
    pub(super) site: Arc<Site>,
    server: Arc<Mutex<Postgres>>,
    network: Proxy,
}

/// What becomes of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nothing: one serves all such rows, each with a database of its own.
    Shared,
    /// The row does it harm.
    Own,
}

/// The server that rows share; it ends with this process.
static SHARED: OnceCell<Arc<Mutex<Postgres>>> = OnceCell::const_new();

pub(super) async fn started() -> Result<Arc<Mutex<Postgres>>, NoServer> {
    let started = tokio::task::spawn_blocking(|| Postgres::start(true)).await;
    let server = started.map_err(|error| NoServer::Failed {
        name: "postgres",
        why: error.to_string(),
    })??;
    Ok(Arc::new(Mutex::new(server)))
}

/// A server, and a database that nobody has used; the reason where there is none.
pub(super) async fn database(whose: Whose) -> Held<Result<(Arc<Mutex<Postgres>>, String), String>> {
    let server = match whose {
        Whose::Own => started().await,
        Whose::Shared => SHARED.get_or_try_init(started).await.cloned(),
    };
    let server = match server {
        Ok(server) => server,
        Err(missing @ NoServer::NotHere(_)) => return Ok(Err(missing.to_string())),
        Err(error @ NoServer::Failed { .. }) => return Err(error.to_string()),
    };
    let of = Arc::clone(&server);
    let address = tokio::task::spawn_blocking(move || of.lock().unwrap().database()).await;
    let address = address.map_err(|error| error.to_string())?;
    Ok(Ok((server, address.map_err(|error| error.to_string())?)))
}

/// Everything around nodes over a server; the reason where there is none.
pub(super) async fn place(
    context: Context,
    whose: Whose,
    nodes: usize,
    cache: Option<String>,
) -> Held<Result<Place, String>> {
    let room = Room::taken().await;
    let (server, direct) = match database(whose).await? {
        Ok(made) => made,
        Err(why) => return Ok(Err(why)),
    };
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], server.lock().unwrap().port()));
    let network = Proxy::start(to, context.seed)
        .await
        .map_err(|error| error.to_string())?;
    let url = direct.replace(&to.to_string(), &network.address().to_string());
    let setup = Setup {
        ledger: Ledger::Pg { direct, url },
        nodes,
        cache,
        room: Some(room),
        ..Setup::default()
    };
    let site = Arc::new(Site::new(setup).await?);
    Ok(Ok(Place {
        site,
        server,
        network,
    }))
}

impl Place {
    /// Does something to the server, which takes its time.
    async fn serve<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Postgres) -> T + Send + 'static,
    ) -> Held<T> {
        let server = Arc::clone(&self.server);
        let done = tokio::task::spawn_blocking(move || what(&mut server.lock().unwrap()));
        done.await.map_err(|error| error.to_string())
    }

    /// Stops the server and starts it again after a while.
    pub(super) async fn restart(&self, how: Stop, after: Duration) -> Held<()> {
        self.serve(move |server| server.stop(how)).await?;
        tokio::time::sleep(after).await;
        let started = self.serve(Postgres::run).await?;
        started.map_err(|error| error.to_string())
    }
}

/// Everybody over PostgreSQL, with something that happens on their way.
async fn while_under_way<F: Future<Output = Held<String>>>(
    context: Context,
    whose: Whose,
    strike: impl FnOnce(Arc<Place>, Arc<tokio::sync::Mutex<Program>>) -> F,
) -> Held<Seen> {
    let place = match place(context, whose, 1, None).await? {
        Ok(place) => Arc::new(place),
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = Arc::clone(&place.site);
    let program = Arc::new(tokio::sync::Mutex::new(site.start(&How::default()).await?));
    let lives = Lives::begin(&site);
    under_way(&site, 20).await?;
    let struck = strike(Arc::clone(&place), Arc::clone(&program)).await?;
    let mut program = program.lock().await;
    if program.is_over() {
        return Err(format!("it has ended:\n{}", program.last_words()));
    }
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(format!("{struck}{}", account.words())))
}

/// No fault.
pub async fn nothing(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Shared, |_, _| async { Ok(String::new()) }).await
}

/// `kill -9` of the program.
pub async fn kill(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Shared, |place, program| async move {
        let mut kills = 0;
        for seen in [30, 50, 70] {
            if under_way(&place.site, seen).await.is_err() {
                break;
            }
            let mut program = program.lock().await;
            program.kill().await?;
            *program = place.site.start(&How::default()).await?;
            kills += 1;
        }
        Ok(format!("{kills} kills; "))
    })
    .await
}

/// A restart that tells its clients.
pub async fn restart_fast(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Own, |place, _| async move {
        restarts(&place, Stop::Fast).await
    })
    .await
}

/// A restart as after a power cut.
pub async fn restart_immediate(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Own, |place, _| async move {
        restarts(&place, Stop::Immediate).await
    })
    .await
}

/// `kill -9` of the process from which the others hang.
pub async fn killed(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Own, |place, _| async move {
        restarts(&place, Stop::Killed).await
    })
    .await
}

async fn restarts(place: &Place, how: Stop) -> Held<String> {
    let began = Instant::now();
    for seen in [30, 60] {
        under_way(&place.site, seen).await?;
        place.restart(how, Duration::ZERO).await?;
    }
    Ok(format!(
        "2 restarts in {:.1} s; ",
        began.elapsed().as_secs_f64()
    ))
}

/// A server that is gone for a while.
pub async fn stopped(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Own, |place, _| async move {
        place.site.rests();
        place.restart(Stop::Fast, GONE).await?;
        Ok(String::new())
    })
    .await
}

/// Connections that break in the middle.
pub async fn cut(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Shared, |place, _| async move {
        place.site.rests();
        for reset in 1..=RESETS {
            let way = match reset % 2 {
                0 => Way::There,
                _ => Way::Back,
            };
            let before = place.network.resets();
            place.network.set(Manner::CutsAfter(way, OCTETS));
            if until("a connection breaks", Duration::from_secs(10), || async {
                place.network.resets() > before
            })
            .await
            .is_err()
            {
                break;
            }
        }
        place.network.set(Manner::Well);
        Ok(format!("{} resets; ", place.network.resets()))
    })
    .await
}

/// A network that carries nothing for a while.
pub async fn stalled(context: Context) -> Held<Seen> {
    while_under_way(context, Whose::Shared, |place, _| async move {
        place.site.rests();
        place.network.set(Manner::Stalled);
        tokio::time::sleep(GONE).await;
        place.network.set(Manner::Well);
        Ok(String::new())
    })
    .await
}
