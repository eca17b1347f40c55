//! Two nodes over one PostgreSQL, of which something befalls one.

use std::time::{Duration, Instant};

use simulator::servers::Stop;

use super::postgres::{Place, Whose, place};
use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{How, Program, until};
use crate::witness::{Account, Lives, judge_all};

/// Callbacks that meet a dead node are answered by the other within this.
const ANSWERED: Duration = Duration::from_secs(1);
/// A lease, and two seconds.
const TAKEN_OVER: Duration = Duration::from_secs(8);
/// How long a node is stopped.
const STOPPED: Duration = Duration::from_secs(30);

/// Two nodes, under way.
pub(super) struct Pair {
    pub(super) place: Place,
    pub(super) nodes: Vec<Program>,
}

impl Pair {
    async fn start(context: Context, whose: Whose) -> Held<Result<Self, String>> {
        Self::with(context, whose, None).await
    }

    /// Two nodes, with Redis at an address; the reason where there is no server for their ledger.
    pub(super) async fn with(
        context: Context,
        whose: Whose,
        cache: Option<String>,
    ) -> Held<Result<Self, String>> {
        let place = match place(context, whose, 2, cache).await? {
            Ok(place) => place,
            Err(why) => return Ok(Err(why)),
        };
        let mut nodes = Vec::new();
        for number in 0..2 {
            nodes.push(place.site.start_node(number, &How::default()).await?);
        }
        Ok(Ok(Self { place, nodes }))
    }

    /// Starts a node anew.
    pub(super) async fn again(&mut self, number: usize) -> Held<()> {
        self.nodes[number] = self.place.site.start_node(number, &How::default()).await?;
        Ok(())
    }

    /// Compares everything.
    pub(super) async fn account(&mut self, lives: Lives) -> Held<Account> {
        judge_all(&self.place.site, &mut self.nodes, lives).await
    }

    /// Ends both well.
    pub(super) async fn stop(&mut self) -> Held<()> {
        for node in &mut self.nodes {
            node.stop().await?;
        }
        Ok(())
    }

    /// Compares everything, and ends both well.
    async fn end(mut self, lives: Lives, seen: String) -> Held<Seen> {
        let account = self.account(lives).await?;
        self.stop().await?;
        Ok(Seen::Held(format!("{seen}{}", account.words())))
    }

    /// Waits until a node is bound; how long that took.
    async fn bound(&self, since: Instant) -> Held<Duration> {
        let bound = self.place.site.smsc.until_bound(TAKEN_OVER * 2).await;
        bound.map_err(|error| error.to_string())?;
        Ok(since.elapsed())
    }
}

/// No fault.
pub async fn nothing(context: Context) -> Held<Seen> {
    let pair = match Pair::start(context, Whose::Shared).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let lives = Lives::begin(&pair.place.site);
    pair.end(lives, String::new()).await
}

/// One dies, then the other.
pub async fn killed(context: Context) -> Held<Seen> {
    let mut pair = match Pair::start(context, Whose::Shared).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = std::sync::Arc::clone(&pair.place.site);
    let lives = Lives::begin(&site);
    let mut slowest = Duration::ZERO;
    for (number, seen) in [(0, 20), (1, 45)] {
        under_way(&site, seen).await?;
        let began = Instant::now();
        pair.nodes[number].kill().await?;
        let before = site.platform.longest();
        let other = &pair.nodes[1 - number];
        let taken = pair.bound(began).await;
        let taken =
            taken.map_err(|why| format!("{why}; the other node:\n{}", other.last_words()))?;
        slowest = slowest.max(taken);
        if taken > TAKEN_OVER {
            return Err(format!(
                "a bind was taken over after {:.1} s",
                taken.as_secs_f64()
            ));
        }
        let waited = site.platform.longest();
        if waited > before && waited > ANSWERED {
            return Err(format!(
                "a callback waited for {:.1} s",
                waited.as_secs_f64()
            ));
        }
        pair.again(number).await?;
    }
    let longest = site.platform.longest();
    let seen = format!(
        "2 kills; a bind was there again after at most {:.1} s, no callback waited longer than {} ms; ",
        slowest.as_secs_f64(),
        longest.as_millis()
    );
    pair.end(lives, seen).await
}

/// Each of them in turn, and the server.
pub async fn upgraded(context: Context) -> Held<Seen> {
    let mut pair = match Pair::start(context, Whose::Own).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = std::sync::Arc::clone(&pair.place.site);
    let lives = Lives::begin(&site);
    for (number, seen) in [(0, 15), (1, 35)] {
        under_way(&site, seen).await?;
        pair.nodes[number].stop().await?;
        pair.again(number).await?;
    }
    under_way(&site, 55).await?;
    pair.place.restart(Stop::Fast, Duration::ZERO).await?;
    pair.end(lives, String::new()).await
}

/// One that says nothing for long, and then goes on.
pub async fn stopped(context: Context) -> Held<Seen> {
    let mut pair = match Pair::start(context, Whose::Shared).await? {
        Ok(pair) => pair,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    let site = std::sync::Arc::clone(&pair.place.site);
    let lives = Lives::begin(&site);
    under_way(&site, 30).await?;
    pair.nodes[0].signal("STOP").await?;
    site.rests();
    tokio::time::sleep(STOPPED).await;
    pair.nodes[0].signal("CONT").await?;
    let node = &mut pair.nodes[0];
    let status = node.ended(TAKEN_OVER).await?;
    // Whoever keeps it running starts it anew, as another node.
    until("its port is free", TAKEN_OVER, || async {
        std::net::TcpListener::bind(site.http()).is_ok()
    })
    .await?;
    pair.again(0).await?;
    let seen = format!("it ended by itself with {status}; ");
    pair.end(lives, seen).await
}
