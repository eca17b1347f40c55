//! The connection to Redis: made in the background, given up when it fails, made again after a pause.
//!
//! Nobody waits for it. Whoever wants something of a Redis that is gone is told so at once; one that is
//! slow is waited for as long as each question says, and after a few such waits it counts as gone.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError, RedisFuture,
    ServerErrorKind, TlsCertificates, Value,
};
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::cache::address::{Address, Kind};

/// How long a connection may take, with handshake and the first answer.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one sentinel is waited for.
const SENTINEL: Duration = Duration::from_millis(500);
/// How long any answer may take, whoever waits for it.
const ANSWER: Duration = Duration::from_secs(1);
/// How often a connection is tried that nobody uses.
const PING: Duration = Duration::from_secs(1);
/// The pause before the next attempt, which doubles up to the other.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A connection that has held for so long was a good one: the pause begins anew.
const HELD: Duration = Duration::from_secs(10);
/// So many answers in a row that come too late, and it counts as gone.
const LATE_MAX: u32 = 3;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// There is no connection at present.
    Gone,
    /// It did not come in time.
    Late,
    /// The server, or the way to it, failed.
    Failed,
}

impl Missed {
    /// The name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// One connection.
#[derive(Clone)]
enum Conn {
    One(MultiplexedConnection),
    Many(ClusterConnection),
}

impl ConnectionLike for Conn {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Many(many) => many.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Many(many) => many.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Many(many) => many.get_db(),
        }
    }
}

/// A connection that stands, and its number.
struct Link {
    number: u64,
    conn: Conn,
}

/// What is needed to connect.
pub struct Server {
    address: Address,
    /// The authorities of the servers' certificates, PEM; none means the public ones.
    authorities: Option<Vec<u8>>,
    link: ArcSwapOption<Link>,
    up: watch::Sender<bool>,
    numbers: AtomicU64,
    /// Answers that came too late, one after the other.
    late: AtomicU32,
    /// Rung when the connection was given up.
    given_up: Notify,
}

impl Server {
    /// A server that is not connected yet; [`Server::keep`] does it.
    pub fn new(address: Address, authorities: Option<Vec<u8>>) -> Self {
        Self {
            address,
            authorities,
            link: ArcSwapOption::empty(),
            up: watch::Sender::new(false),
            numbers: AtomicU64::new(0),
            late: AtomicU32::new(0),
            given_up: Notify::new(),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it is connected, now and later.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Asks one thing, and waits for the answer no longer than `within`.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn ask<T: FromRedisValue>(&self, cmd: &Cmd, within: Duration) -> Result<T, Missed> {
        let link = self.link.load_full().ok_or(Missed::Gone)?;
        let mut conn = link.conn.clone();
        match timeout(within, cmd.query_async(&mut conn)).await {
            Ok(Ok(answer)) => {
                self.late.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => {
                if is_lost(&error) {
                    self.give_up(link.number);
                }
                tracing::debug!(code = error.code(), "Redis refused");
                Err(Missed::Failed)
            }
            Err(_late) => {
                if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_MAX {
                    self.give_up(link.number);
                }
                Err(Missed::Late)
            }
        }
    }

    fn give_up(&self, number: u64) {
        if self
            .link
            .load()
            .as_ref()
            .is_some_and(|link| link.number == number)
        {
            self.link.store(None);
            self.given_up.notify_one();
        }
    }

    /// Keeps the connection until `stop` is told.
    pub async fn keep(&self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSE_MIN;
        let mut told = None;
        while !*stop.borrow() {
            match timeout(CONNECT, self.connect()).await {
                Ok(Ok(conn)) => {
                    let since = Instant::now();
                    self.late.store(0, Ordering::Relaxed);
                    let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                    self.link.store(Some(Arc::new(Link { number, conn })));
                    self.tells(&mut told, true);
                    self.watch(number, &mut stop).await;
                    if since.elapsed() >= HELD {
                        pause = PAUSE_MIN;
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(code = error.code(), "Redis cannot be reached");
                }
                Err(_late) => tracing::debug!("Redis does not answer"),
            }
            if *stop.borrow() {
                break;
            }
            self.tells(&mut told, false);
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.changed() => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.link.store(None);
        self.up.send_replace(false);
    }

    /// One line for each change, which is rare.
    fn tells(&self, told: &mut Option<bool>, up: bool) {
        if told.replace(up) == Some(up) {
            return;
        }
        metrics::gauge!("jisr_cache_up").set(f64::from(u8::from(up)));
        self.up.send_replace(up);
        if up {
            tracing::info!(redis = %self.address, "Redis is connected");
        } else {
            tracing::warn!(redis = %self.address, "Redis is not there; everything goes on without it, from the ledger");
        }
    }

    /// Returns when the connection is given up, by whoever uses it or because it does not answer.
    async fn watch(&self, number: u64, stop: &mut watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.given_up.notified() => {}
                () = sleep(PING) => {
                    let answered = self.ask::<Value>(&redis::cmd("PING"), ANSWER).await;
                    if answered == Err(Missed::Late) {
                        self.give_up(number);
                    }
                }
                _ = stop.changed() => return,
            }
            if self
                .link
                .load()
                .as_ref()
                .is_none_or(|link| link.number != number)
            {
                return;
            }
        }
    }

    async fn connect(&self) -> Result<Conn, RedisError> {
        let mut conn = match &self.address.kind {
            Kind::Single { .. } | Kind::Sentinel { .. } => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(Some(ANSWER));
                let client = self.client().await?;
                let opened = client.get_multiplexed_async_connection_with_config(&config);
                Conn::One(opened.await?)
            }
            Kind::Cluster => {
                let nodes: Vec<_> = self
                    .address
                    .hosts
                    .iter()
                    .map(|(host, port)| self.info(host, *port, true))
                    .collect::<Result<_, _>>()?;
                let mut builder = ClusterClient::builder(nodes)
                    .connection_timeout(CONNECT)
                    .response_timeout(ANSWER)
                    .retries(1);
                if let Some(certificates) = self.certificates() {
                    builder = builder.certs(certificates);
                }
                Conn::Many(builder.build()?.get_async_connection().await?)
            }
        };
        let _pong: Value = redis::cmd("PING").query_async(&mut conn).await?;
        Ok(conn)
    }

    /// A server to speak to: the one there is, the master, or any of a cluster.
    ///
    /// # Errors
    /// Where no sentinel knows of a master.
    async fn client(&self) -> Result<Client, RedisError> {
        match &self.address.kind {
            Kind::Single { .. } | Kind::Cluster => {
                // Of a cluster each attempt tries another.
                let turn = self.numbers.fetch_add(1, Ordering::Relaxed);
                let hosts = &self.address.hosts;
                let at = usize::try_from(turn).unwrap_or_default() % hosts.len().max(1);
                match hosts.get(at) {
                    Some((host, port)) => self.open(host, *port, true),
                    None => Err(nobody()),
                }
            }
            Kind::Sentinel { master } => {
                for (host, port) in &self.address.hosts {
                    let asked = timeout(SENTINEL, self.master(host, *port, master)).await;
                    if let Ok(Ok((host, port))) = asked {
                        return self.open(&host, port, true);
                    }
                }
                Err(nobody())
            }
        }
    }

    /// Where a sentinel says that the master is.
    async fn master(&self, host: &str, port: u16, name: &str) -> Result<(String, u16), RedisError> {
        let client = self.open(host, port, false)?;
        let mut conn = client.get_multiplexed_async_connection().await?;
        let known: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(name)
            .query_async(&mut conn)
            .await?;
        known.ok_or_else(nobody)
    }

    fn open(&self, host: &str, port: u16, is_server: bool) -> Result<Client, RedisError> {
        let info = self.info(host, port, is_server)?;
        match self.certificates() {
            Some(certificates) if self.address.tls => Client::build_with_tls(info, certificates),
            Some(_) | None => Client::open(info),
        }
    }

    /// Sentinels have no databases, and are asked without a password.
    fn info(&self, host: &str, port: u16, is_server: bool) -> Result<ConnectionInfo, RedisError> {
        let host = host.to_owned();
        let addr = match self.address.tls {
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            false => ConnectionAddr::Tcp(host, port),
        };
        let mut settings = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        if is_server {
            if let Kind::Single { database } = self.address.kind {
                settings = settings.set_db(database);
            }
            if let Some(user) = &self.address.user {
                settings = settings.set_username(user);
            }
            if let Some(password) = &self.address.password {
                settings = settings.set_password(password.as_str());
            }
        }
        Ok(addr.into_connection_info()?.set_redis_settings(settings))
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        self.authorities
            .as_ref()
            .map(|authorities| TlsCertificates {
                client_tls: None,
                root_cert: Some(authorities.clone()),
            })
    }

    /// A connection of its own on which bells are heard.
    pub(super) async fn listen(&self, channel: &str) -> Option<redis::aio::PubSub> {
        let opened = async {
            let mut heard = self.client().await?.get_async_pubsub().await?;
            heard.subscribe(channel).await?;
            Ok::<_, RedisError>(heard)
        };
        timeout(CONNECT, opened).await.ok()?.ok()
    }
}

fn nobody() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "nobody knows where the server is"))
}

/// Whether after such an error another connection is needed: this one is broken, or its server is not
/// the one that may be written to any more.
fn is_lost(error: &RedisError) -> bool {
    if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
        return true;
    }
    matches!(
        error.kind(),
        redis::ErrorKind::Server(
            ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
        )
    )
}
