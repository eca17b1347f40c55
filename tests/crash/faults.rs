//! The faults, a line each.

mod clock;
mod disk;
mod kill;
mod links;
mod nodes;
mod planted;
mod postgres;
mod postgres_points;
mod process;
mod redis;

use std::pin::Pin;

use std::time::Duration;

use crate::Held;
use crate::program::until;
use crate::row::When;
use crate::site::Site;

/// How a run is set.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Whether everything is to be tried.
    pub long: bool,
    /// Of everything that has chance in it.
    pub seed: u64,
    /// Which piece of the row's points, from 0, and of how many.
    pub piece: (usize, usize),
}

impl Context {
    /// The same with the short set's number of points.
    fn short(self) -> Self {
        Self {
            long: false,
            piece: (0, 1),
            ..self
        }
    }
}

/// What came of a fault that was not broken.
pub enum Seen {
    /// The promise was kept, and what was seen.
    Held(String),
    /// It could not be injected here, and why.
    NotRun(String),
}

/// What a fault does.
pub type Run = fn(Context) -> Pin<Box<dyn Future<Output = Held<Seen>> + Send>>;

/// Pieces of the row with the most points (2,500 writes): each is to take some minutes.
const PIECES: usize = 16;

/// A fault.
#[derive(Clone, Copy)]
pub struct Fault {
    /// By which it is called.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// What is promised.
    pub promised: &'static str,
    /// Whether it is in the short set.
    pub short: bool,
    /// When it runs beside the others.
    pub when: When,
    /// What does it.
    pub run: Run,
}

impl Fault {
    /// In how many pieces the long set runs it.
    pub fn pieces(&self) -> usize {
        match self.name {
            "kill-at-write" => PIECES,
            _ => 1,
        }
    }
}

macro_rules! fault {
    ($name:literal, $set:ident $when:ident, $what:literal, $promised:literal, $run:path) => {
        Fault {
            name: $name,
            what: $what,
            promised: $promised,
            short: fault!($set),
            when: When::$when,
            run: |context| Box::pin($run(context)),
        }
    };
    (short) => {
        true
    };
    (long) => {
        false
    };
}

/// All of them.
pub fn all() -> Vec<Fault> {
    vec![
        fault!(
            "nothing",
            short Alone,
            "no fault at all",
            "everybody gets what they came for, and nothing comes twice",
            kill::nothing
        ),
        // What the process meets.
        fault!(
            "kill-at-write",
            short First,
            "kill -9 at the N-th write to the ledger",
            "no row that was acknowledged is lost (G1, G8); nothing comes twice (G2, G3)",
            kill::at_write
        ),
        fault!(
            "kill-at-sync",
            short First,
            "kill -9 at the N-th fsync of the ledger",
            "the same",
            kill::at_sync
        ),
        fault!(
            "kill-at-send",
            short First,
            "kill -9 at the N-th octets that go to an operator or the registry",
            "the same; what was on its way is an unknown outcome, and its grace is kept",
            kill::at_send
        ),
        fault!(
            "power-cut",
            short First,
            "kill -9 at the N-th fsync, and what was not synced is wiped from the disk",
            "the same",
            disk::power_cut
        ),
        fault!(
            "sigterm-under-load",
            short Alone,
            "SIGTERM while everybody is on their way and the registry is slow",
            "what is under way ends first, within 20 s, with exit code 0; nothing is left unknown",
            process::sigterm
        ),
        fault!(
            "sigstop",
            short First,
            "SIGSTOP for 30 s",
            "it goes on where it was; nothing is lost, nothing comes twice",
            process::sigstop
        ),
        fault!(
            "descriptors",
            short First,
            "64 file descriptors, and 100 idle connections",
            "it does not end; when the connections go it goes on by itself",
            process::descriptors
        ),
        fault!(
            "memory",
            short Alone,
            "60 MB of memory in a cgroup, and 300 idle connections",
            "it lives, and everybody is served",
            process::memory
        ),
        // What the disk does.
        fault!(
            "sync-fails",
            short First,
            "EIO from the N-th fsync",
            "it exits with a line that says so, and never tries that fsync again; started anew it has everything",
            disk::sync_fails
        ),
        fault!(
            "disk-full",
            short Beside,
            "no room on the disk for some seconds, again and again",
            "apologies, and no program that ends; it goes on by itself when room returns",
            disk::full
        ),
        fault!(
            "corrupt",
            short Beside,
            "a ledger whose head, or a page in its middle, is overwritten; keys that are gone",
            "it refuses to start, and says which file and why",
            disk::corrupt
        ),
        fault!(
            "unwritable",
            short Beside,
            "a folder and a file that may only be read",
            "it refuses to start, and says which file and why",
            disk::unwritable
        ),
        // What clocks do.
        fault!(
            "clock-jumps",
            short Beside,
            "the clock goes 6 minutes forward and back; then 2 days back and forth",
            "no code lives again, no lock-out is over (G13)",
            clock::jumps
        ),
        // What operators do.
        fault!(
            "copies",
            short Beside,
            "each callback comes 1 to 5 times at once",
            "each copy gets the same reply, and there is one step (G4)",
            links::copies
        ),
        fault!(
            "smsc-silent",
            long First,
            "the message centre takes 30 % of the messages without an answer",
            "sent again after 60 s as a recorded unknown outcome, same bytes, no more than that (G2)",
            links::silent
        ),
        fault!(
            "smsc-cut",
            short First,
            "the connection to the message centre is reset in the middle of PDUs, again and again",
            "it binds again; nothing is lost (G1), sends are 1 + unknown outcomes (G2)",
            links::cut
        ),
        fault!(
            "smsc-half-open",
            long First,
            "the connection to the message centre stays open and carries nothing, or one way only",
            "it is noticed and made anew; nothing is lost",
            links::half_open
        ),
        fault!(
            "network-slow",
            long Beside,
            "every octet to and from the message centre 300 ms later",
            "nothing is lost, nothing comes twice",
            links::slow
        ),
        // What the server under the ledger does.
        fault!(
            "postgres",
            short Beside,
            "no fault at all, over PostgreSQL",
            "everybody gets what they came for, and nothing comes twice",
            postgres::nothing
        ),
        fault!(
            "postgres-kill",
            short Beside,
            "kill -9 while everybody is on their way, over PostgreSQL",
            "no row that was acknowledged is lost; nothing comes twice",
            postgres::kill
        ),
        fault!(
            "postgres-kill-at-write",
            short Beside,
            "kill -9 of a process of PostgreSQL at the N-th write to its log",
            "it connects again by itself; no row that was acknowledged is lost; nothing comes twice",
            postgres_points::at_write
        ),
        fault!(
            "postgres-kill-at-sync",
            short Beside,
            "kill -9 of a process of PostgreSQL at the N-th fsync of its log",
            "the same",
            postgres_points::at_sync
        ),
        fault!(
            "postgres-killed",
            short Beside,
            "kill -9 of PostgreSQL's first process, and a new start",
            "the same",
            postgres::killed
        ),
        fault!(
            "postgres-restart-fast",
            short Beside,
            "PostgreSQL restarts (fast)",
            "it connects again by itself; nothing is lost",
            postgres::restart_fast
        ),
        fault!(
            "postgres-restart-immediate",
            short Beside,
            "PostgreSQL restarts as after a power cut (immediate)",
            "the same",
            postgres::restart_immediate
        ),
        fault!(
            "postgres-stopped",
            short Beside,
            "PostgreSQL is gone for 10 s",
            "apologies within the deadline, and it goes on by itself",
            postgres::stopped
        ),
        fault!(
            "postgres-cut",
            short Beside,
            "connections to PostgreSQL are reset in the middle, again and again",
            "it connects again; a commit without an answer is neither lost nor done twice",
            postgres::cut
        ),
        fault!(
            "postgres-stalled",
            short Beside,
            "the network to PostgreSQL carries nothing for 10 s, with the connections open",
            "every statement has a deadline; apologies, and it goes on by itself",
            postgres::stalled
        ),
        // What happens to nodes.
        fault!(
            "nodes",
            short Beside,
            "two nodes over PostgreSQL that take callbacks by turns, no fault at all",
            "everybody gets what they came for, and nothing comes twice",
            nodes::nothing
        ),
        fault!(
            "node-killed",
            short AloneFirst,
            "kill -9 of one of two nodes, then of the other",
            "callbacks are answered by the other within 1 s; its bind is taken over within lease + 2 s = 8 s (G12)",
            nodes::killed
        ),
        fault!(
            "nodes-upgraded",
            short Beside,
            "SIGTERM and a new start of each of two nodes in turn, and of PostgreSQL",
            "nothing is lost, nothing comes twice",
            nodes::upgraded
        ),
        fault!(
            "node-stopped",
            short First,
            "SIGSTOP of one of two nodes for 30 s",
            "the other takes over; the one that was stopped ends by itself, and nothing that it writes counts",
            nodes::stopped
        ),
        // What Redis does, which stands beside the ledger of two nodes that take callbacks by turns.
        fault!(
            "redis",
            short Beside,
            "two nodes over PostgreSQL and Redis, no fault at all",
            "everybody gets what they came for, and nothing comes twice; what the other node did is recalled",
            redis::nothing
        ),
        fault!(
            "redis-flushed",
            short Beside,
            "FLUSHALL, again and again",
            "nobody sees an apology, another screen or another message",
            redis::flushed
        ),
        fault!(
            "redis-stale",
            short Beside,
            "old entries are put back over newer ones, again and again",
            "the same",
            redis::stale
        ),
        fault!(
            "redis-paused",
            short Beside,
            "Redis answers nobody for 3 s, and is stopped by SIGSTOP for 10 s",
            "the same",
            redis::paused
        ),
        fault!(
            "redis-restarted",
            short Beside,
            "Redis is killed and started again, three times: empty, and with what it had long before",
            "the same",
            redis::restarted
        ),
        fault!(
            "redis-failover",
            short Beside,
            "the master that sentinels watch is killed, and its replica takes over",
            "the same",
            redis::fails_over
        ),
        fault!(
            "redis-gone",
            short Beside,
            "Redis is killed for good",
            "the same",
            redis::gone
        ),
        fault!(
            "each-server-restarted",
            short Beside,
            "two nodes over PostgreSQL and Redis, conversations that change node at every turn; PostgreSQL, Redis, node one and node two are restarted in turn, told to, and then killed",
            "nothing is lost, nothing comes twice",
            redis::each_in_turn
        ),
        // Mistakes that are planted: each has to turn its test red.
        fault!(
            "planted-answer-before-commit",
            short Beside,
            "planted: callers are answered before COMMIT",
            "`power-cut` turns red",
            planted::answer_before_commit
        ),
        fault!(
            "planted-failed-sync-is-ignored",
            short Beside,
            "planted: a failed fsync is taken for a refused statement",
            "`sync-fails` turns red",
            planted::failed_sync_is_ignored
        ),
        fault!(
            "planted-sending-is-queued-again",
            short First,
            "planted: what was on its way at a kill is queued again without a word",
            "`kill-at-send` turns red",
            planted::sending_is_queued_again
        ),
        fault!(
            "planted-stop-does-not-wait",
            short Beside,
            "planted: SIGTERM ends the process at once",
            "`sigterm-under-load` turns red",
            planted::stop_does_not_wait
        ),
        fault!(
            "planted-cache-is-believed",
            short Beside,
            "planted: what Redis has is believed, whatever the ledger says of it",
            "`redis-stale` turns red",
            planted::cache_is_believed
        ),
    ]
}

/// How long people may take to get somewhere.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Waits until so many callbacks were answered: then everybody is in the middle of something.
async fn under_way(site: &Site, callbacks: usize) -> Held<()> {
    until("everybody is under way", UNDER_WAY, || async {
        site.platform.acknowledged() >= callbacks
    })
    .await
}
