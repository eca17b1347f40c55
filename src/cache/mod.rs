//! Redis beside the ledger: a cache of conversations, a bell between nodes, and the speed of links.
//!
//! It is never the truth, and nobody waits for it. Gone, empty, stale or slow it costs time: a key press
//! reads the ledger, a bell that was not heard is a look later, and a link goes at this node's share of
//! its speed.

mod address;
mod bells;
mod conversations;
mod server;
mod speed;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast, watch};

pub use address::{Address, BadAddress, Kind};
pub use bells::Bell;
pub use conversations::Recalled;
pub use server::Missed;
pub use speed::Taker;

use crate::clock::Chance;
use crate::store::seal::Keys;
use server::Server;

/// How long a write may take, for which nobody waits.
const WRITE: Duration = Duration::from_millis(500);
/// Writes on their way at once; what comes beyond is not written.
const WRITES_MAX: usize = 512;
/// Bells that wait to be heard.
const BELLS_MAX: usize = 256;

/// What nodes share beside the ledger.
pub struct Cache {
    server: Server,
    up: watch::Receiver<bool>,
    keys: Keys,
    chance: Arc<dyn Chance>,
    /// What every key begins with: gateways with other keys are apart.
    prefix: String,
    room: Arc<Semaphore>,
    heard: broadcast::Sender<Bell>,
}

impl Cache {
    /// A cache that is not connected yet; [`Cache::keep`] does it. `authorities` are those of the
    /// servers' certificates, PEM; none means the public ones.
    pub fn new(
        address: Address,
        authorities: Option<Vec<u8>>,
        keys: Keys,
        chance: Arc<dyn Chance>,
    ) -> Self {
        let server = Server::new(address, authorities);
        let of = keys.mark("cache-prefix", &[]);
        let prefix = format!("jisr:{:02x}{:02x}{:02x}{:02x}:", of[0], of[1], of[2], of[3]);
        Self {
            up: server.up(),
            server,
            keys,
            chance,
            prefix,
            room: Arc::new(Semaphore::new(WRITES_MAX)),
            heard: broadcast::Sender::new(BELLS_MAX),
        }
    }

    /// Whether it is connected at present.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Whether it is connected, now and later.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.up.clone()
    }

    /// Where it is, for people: without user and password.
    pub fn shown(&self) -> String {
        self.server.address().to_string()
    }

    /// Keeps the connections until `stop` is told.
    pub async fn keep(&self, stop: watch::Receiver<bool>) {
        tokio::join!(self.server.keep(stop.clone()), self.hear(stop));
    }

    /// Writes in the background, and not at all where too much is on its way.
    fn write(self: &Arc<Self>, cmd: redis::Cmd) {
        if !*self.up.borrow() {
            return;
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            metrics::counter!("jisr_cache_writes_total", "outcome" => "full").increment(1);
            return;
        };
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = match cache.server.ask::<redis::Value>(&cmd, WRITE).await {
                Ok(_) => "done",
                Err(missed) => missed.name(),
            };
            metrics::counter!("jisr_cache_writes_total", "outcome" => outcome).increment(1);
            drop(room);
        });
    }
}
