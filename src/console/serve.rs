//! `jisr serve`: the gateway with its doors, until it is told to stop.

mod document;
mod outbox;
mod push;
mod smpp;
mod sms_http;
mod speed;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use crate::brake::Brake;
use crate::callback::{LinkName, ServiceName};
use crate::clock::{Chance, Clock, Moment};
use crate::config::{Config, ConfigError, LinkConfig, LogFormat, RegistryKind};
use crate::console::out::say;
use crate::console::parts::{self, AnyRegistry};
use crate::console::{Failure, files, shapes};
use crate::drawer::Drawer;
use crate::gateway::Gateway;
use crate::http::callbacks::UssdLink;
use crate::http::docs::Docs;
use crate::http::entry::Entry;
use crate::http::server::{Limits, serve};
use crate::http::tls::{Certificates, HANDSHAKE};
use crate::http::{admin, callbacks, sms};
use crate::node::{Ended, Listener, Node};
use crate::operator::shape::Shapes;
use crate::outbox::{self as pumps, Carrier};
use crate::plant::{Plant, planted};
use crate::store::sql::SqlStore;
use crate::store::{Receipt, ReceiptIds, ReceiptState, Store};
use crate::system::{LedgerClock, SystemChance};
use crate::ussd_push::Pusher;

/// How often the ledger is tidied.
const TIDY: Duration = Duration::from_secs(10);
/// How long the last word with the ledger may take.
const LEAVE: Duration = Duration::from_secs(2);
/// How long everything may take to end at a stop.
const DRAIN: Duration = Duration::from_secs(20);

/// The exit code of a node that the others took for dead: to be started anew (`EX_TEMPFAIL` of sysexits).
const BURIED: i32 = 75;

/// The gateway as the command line runs it.
type Running = Gateway<SqlStore, AnyRegistry>;

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// [`Failure`] when it cannot start.
pub fn run(config: Option<&Path>) -> Result<(), Failure> {
    let config = parts::config_with_files(config)?;
    log(&config)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::of)?
        .block_on(gateway(config))
}

/// Holds the ledger's folder for this process: two of them on one SQLite file would send each
/// other's messages as unknown outcomes.
fn lock(config: &Config) -> Result<std::fs::File, Failure> {
    let path = config.store.beside("jisr.lock");
    parts::make_folder_of(&path)?;
    let file = std::fs::File::create(&path).map_err(|error| {
        Failure::Failed(format!(
            "{}: cannot be written: {error}\n  help: let this user write to the folder, or set JISR_STORE__URL to another",
            path.display()
        ))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(error) => Err(Failure::Failed(format!(
            "{}: another jisr serves this ledger ({error})\n  help: stop it first, or set JISR_STORE__URL to another file",
            path.display()
        ))),
    }
}

fn log(config: &Config) -> Result<(), Failure> {
    // PostgreSQL's notices tell of tables that are there already; a filter that names them shows them.
    let filter = format!("sqlx::postgres::notice=warn,{}", config.log.filter);
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Failed(format!("configuration, log.filter: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that cannot be written must not take the gateway with it.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

async fn gateway(config: Config) -> Result<(), Failure> {
    // From the beginning: who is told to stop while it starts ends as well as it can.
    let told = Told::new()?;
    // A ledger on a server is many nodes'.
    let _lock = match config.store.is_on_a_server() {
        true => None,
        false => Some(lock(&config)?),
    };
    let cache = parts::cache(&config)?;
    let store = parts::store(&config).await?;
    let ledger_clock = Arc::new(LedgerClock::default());
    let clock: Arc<dyn Clock> = Arc::clone(&ledger_clock) as Arc<dyn Clock>;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    // From the beginning, so that no other node takes one for dead that is slow to read its files.
    let node = Arc::new(Node::default());
    node.enter(&store, &*clock, &*ledger_clock)
        .await
        .map_err(Failure::of)?;
    // It counts until everything else has ended: what is under way at a stop is still this node's.
    let (ended, until_ended) = watch::channel(false);
    let mut counting = tokio::spawn(count(
        store.clone(),
        Arc::clone(&node),
        ledger_clock,
        until_ended,
    ));
    let registry = parts::registry(&config).await?;
    for file in shapes::passed_over(&config)? {
        let (path, mend) = (file.source.file(), &file.mend);
        tracing::warn!(path, %mend, "a file in the folder of shapes is not read");
    }
    let shapes = shapes::load(&config)?;
    let book = parts::book(&config, &shapes, parts::lists(&config)?)?;
    let chance: Arc<dyn Chance> = Arc::new(SystemChance);
    let held = outbox::look_back(&config, &store, clock.now()).await?;
    let gateway = Gateway::new(
        store,
        registry,
        book,
        Arc::clone(&clock),
        Arc::clone(&chance),
    );
    let gateway = Arc::new(gateway.with_cache(cache.clone()));
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| Failure::Failed(format!("figures cannot be kept: {error}")))?;

    let callbacks = bind(config.http.listen, "http.listen").await?;
    let administration = bind(config.admin.listen, "admin.listen").await?;
    let (tell_held, held) = watch::channel(held);
    tasks.spawn(outbox::watch(
        Arc::clone(&gateway),
        Arc::clone(&clock),
        tell_held,
        stopped.clone(),
    ));

    if let Some(cache) = &cache {
        let (cache, stopped) = (Arc::clone(cache), stopped.clone());
        tasks.spawn(async move { cache.keep(stopped).await });
    }
    tasks.spawn(hear(Arc::clone(&gateway), stopped.clone()));
    let meter = |link: &str, binds| speed::Meter {
        node: Arc::clone(&node),
        number: gateway.store.node().0,
        cache: cache.clone(),
        link: LinkName(link.to_owned()),
        binds,
    };
    let mut drawers = BTreeMap::new();
    let mut links = Vec::new();
    for (index, link) in config.links.iter().enumerate() {
        match link {
            LinkConfig::UssdHttp(_) => {}
            LinkConfig::SmsHttp(link) => {
                let given = sms_http::Given {
                    index,
                    link,
                    shapes: &shapes,
                    clock: &clock,
                    chance: &chance,
                };
                if let Some(carrier) = sms_http::carrier(&mut tasks, &gateway, &given, &stopped)? {
                    let meter = meter(carrier.link().as_str(), None);
                    tasks.spawn(meter.keep(Arc::clone(&carrier), stopped.clone()));
                    carry(&mut tasks, &gateway, carrier, &clock, &stopped);
                }
            }
            LinkConfig::Sandbox(link) => {
                let drawer = Arc::new(Drawer::new(LinkName(link.name.clone())));
                drawers.insert(LinkName(link.name.clone()), Arc::clone(&drawer));
                tasks.spawn(receipts(
                    Arc::clone(&gateway),
                    Arc::clone(&drawer),
                    Arc::clone(&clock),
                    stopped.clone(),
                ));
                carry(&mut tasks, &gateway, drawer, &clock, &stopped);
            }
            LinkConfig::Smpp(link) => {
                let parts = (&gateway, &node, &clock);
                let carrier = smpp::link(&mut tasks, parts, &config, link, &stopped)?;
                links.push(Arc::clone(&carrier));
                let meter = meter(link.name.as_str(), Some(carrier.binds()));
                tasks.spawn(meter.keep(Arc::clone(&carrier), stopped.clone()));
                carry(&mut tasks, &gateway, carrier, &clock, &stopped);
            }
        }
    }
    tasks.spawn(texts(Arc::clone(&gateway), stopped.clone()));
    tasks.spawn(look(
        Arc::clone(&gateway),
        Arc::clone(&clock),
        stopped.clone(),
    ));
    tasks.spawn(due_times(Arc::clone(&gateway), stopped.clone()));
    tasks.spawn(tidy(
        Arc::clone(&gateway),
        Arc::clone(&node),
        Arc::clone(&clock),
        stopped.clone(),
    ));

    let certificates = certificates(&config)?;
    if let Some(certificates) = &certificates {
        tasks.spawn(Arc::clone(certificates).keep(Arc::clone(&clock), stopped.clone()));
    }
    if in_clear(&config) {
        tracing::warn!(
            listen = %config.http.listen,
            "callbacks come in without TLS, and secrets with them in the clear, unless a proxy in front has it: see [http.tls]"
        );
    }
    let pushers = push::pushers(&config, &shapes)?;
    let limits = Limits {
        connections_max: config.http.connections_max,
        handshake: HANDSHAKE,
        head: Duration::from_millis(config.http.header_ms),
        idle: Duration::from_millis(config.http.idle_ms),
    };
    let entry = |body_bytes_max| Entry {
        clock: Arc::clone(&clock),
        body_bytes_max,
        body_time: Duration::from_millis(config.http.body_ms),
        proxies: config.http.proxies.clone(),
        brake: Brake::default(),
    };
    let door = callbacks::Door {
        gateway: Arc::clone(&gateway),
        entry: entry(config.http.body_bytes_max),
        links: ussd_links(&config, &shapes, &pushers)?,
    };
    let messages = sms::Door {
        gateway: Arc::clone(&gateway),
        entry: entry(config.http.body_bytes_max.saturating_mul(sms::BATCH)),
        links: sms_http::links(&config, &shapes)?,
    };
    let called = format!(
        "{}://{}",
        scheme(&config),
        callbacks.local_addr().map_err(Failure::of)?
    );
    let document = document::document(&config, &shapes, called).map_err(Failure::of)?;
    let admin = admin::Door {
        cache,
        gateway: Arc::clone(&gateway),
        clock: Arc::clone(&clock),
        metrics,
        drawers,
        links,
        held,
        docs: Docs::new(&document),
    };
    match greet(&config, &callbacks, &administration) {
        // A gateway goes on where nobody reads its greeting to the end.
        Ok(()) | Err(Failure::Closed) => {}
        Err(failure @ (Failure::Failed(_) | Failure::Usage(_))) => return Err(failure),
    }
    tasks.spawn(serve(
        callbacks,
        callbacks::router(Arc::new(door)).merge(sms::router(Arc::new(messages))),
        limits,
        certificates,
        stopped.clone(),
    ));
    tasks.spawn(serve(
        administration,
        admin::router(Arc::new(admin)),
        limits,
        None,
        stopped,
    ));

    let failed = tokio::select! {
        () = told.wait() => false,
        // No task ends before the stop but by a defect; half a gateway would be worse than none.
        _ended = tasks.join_next() => true,
        _ended = &mut counting => true,
    };
    if failed {
        tracing::error!("a part of the gateway ended by itself; stopping the rest");
    } else {
        tracing::info!("stopping: what is under way ends first");
    }
    // Every task holds a receiver, so this reaches them all.
    stop.send_replace(true);
    gateway.bells.ring_all();
    gateway.inbox_bell.notify_one();
    let drain = match planted(Plant::StopDoesNotWait) {
        true => Duration::ZERO,
        false => DRAIN,
    };
    let drained = tokio::time::timeout(drain, async {
        while tasks.join_next().await.is_some() {}
        // Nobody calls any more: what is still to be shown is under way.
        for pusher in pushers.values().filter(|pusher| !pusher.is_idle()) {
            tracing::info!("stopping: the screens that are under way end first");
            pusher.idle().await;
        }
    })
    .await;
    if drained.is_err() {
        tracing::warn!("not everything ended in time; the ledger has the rest");
    }
    ended.send_replace(true);
    // Others take over at once; without a word they do so when the lease is over.
    let left = gateway.store.leave(clock.now());
    if !matches!(tokio::time::timeout(LEAVE, left).await, Ok(Ok(()))) {
        tracing::warn!("the end of this node is not recorded; the others will see it");
    }
    if failed {
        return Err(Failure::Failed(
            "a part of the gateway ended by itself".to_owned(),
        ));
    }
    Ok(())
}

async fn bind(address: std::net::SocketAddr, key: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
            "configuration, {key}: cannot listen on {address}: {error}\n  help: free the port or choose another, such as JISR_{}={}:0",
            key.to_ascii_uppercase().replace('.', "__"),
            address.ip()
        ))
    })
}

/// What the listener of callbacks shows to those who connect; none without `[http.tls]`.
fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, Failure> {
    let Some(files) = &config.http.tls else {
        return Ok(None);
    };
    match Certificates::load(files.clone()) {
        Ok(certificates) => Ok(Some(Arc::new(certificates))),
        Err(fault) => Err(Failure::Failed(
            ConfigError::of_listener(&fault).to_string(),
        )),
    }
}

fn scheme(config: &Config) -> &'static str {
    match config.http.tls {
        Some(_) => "https",
        None => "http",
    }
}

/// Whether callbacks come over a network in the clear.
fn in_clear(config: &Config) -> bool {
    config.http.tls.is_none() && !config.http.listen.ip().to_canonical().is_loopback()
}

fn ussd_links(
    config: &Config,
    shapes: &Shapes,
    pushers: &BTreeMap<LinkName, Arc<Pusher>>,
) -> Result<BTreeMap<LinkName, UssdLink>, Failure> {
    let mut links = BTreeMap::new();
    for (index, link) in config.links.iter().enumerate() {
        let (LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http)) = link else {
            continue;
        };
        let services: Vec<_> = http.services.iter().cloned().map(ServiceName).collect();
        let link = UssdLink {
            auth: files::auth(config, index).map_err(Failure::of)?,
            public_url: http.public_url.clone(),
            shape: shapes::of(http, index, shapes).map_err(Failure::of)?,
            codes: parts::codes(config, &services),
            services,
            push: pushers.get(&LinkName(http.name.clone())).cloned(),
        };
        links.insert(LinkName(http.name.clone()), link);
    }
    Ok(links)
}

/// Says where it listens, and how to try it.
fn greet(
    config: &Config,
    callbacks: &TcpListener,
    administration: &TcpListener,
) -> Result<(), Failure> {
    let http = callbacks.local_addr().map_err(Failure::of)?;
    let admin = administration.local_addr().map_err(Failure::of)?;
    let scheme = scheme(config);
    say!("callbacks       {scheme}://{http}/ussd/LINK  /sms/LINK")?;
    say!("administration  http://{admin}/readyz  /livez  /metrics  /links  /docs")?;
    say!("ledger          {}", config.store.shown())?;
    if let Ok(Some(redis)) = config.cache.address() {
        say!("redis           {redis}")?;
    }
    if config.registry.kind == RegistryKind::Sandbox {
        say!("registry        sandbox: sample people, no real person")?;
    }
    for link in &config.links {
        if let LinkConfig::Sandbox(sandbox) = link {
            let dial = config
                .services
                .first()
                .and_then(|service| service.ussd.first())
                .cloned()
                .unwrap_or_default();
            say!(
                "\nDial {dial} from a sample phone on link {}:",
                sandbox.name
            )?;
            if sandbox.shape == "africastalking" {
                say!(
                    "  curl -d 'sessionId=1&phoneNumber=%2B212661000001&networkCode=60401&serviceCode={}&text=' {scheme}://{http}/ussd/{}",
                    dial.replace('#', "%23"),
                    sandbox.name
                )?;
                say!(
                    "and send text=1, text=1*1 and so on, the whole path each time. Its messages:"
                )?;
            } else {
                say!(
                    "  its callbacks are of the shape {}: http://{admin}/docs",
                    sandbox.shape
                )?;
                say!("Its messages:")?;
            }
            say!("  curl http://{admin}/sandbox/sms/+212661000001")?;
        }
    }
    Ok(())
}

/// Pumps the outbox of one link.
fn carry<C: Carrier>(
    tasks: &mut JoinSet<()>,
    gateway: &Arc<Running>,
    carrier: Arc<C>,
    clock: &Arc<dyn Clock>,
    stopped: &watch::Receiver<bool>,
) {
    let (gateway, clock, stopped) = (Arc::clone(gateway), Arc::clone(clock), stopped.clone());
    gateway.bells.carried(&carrier);
    tasks.spawn(async move {
        let bell = gateway.bells.of(carrier.link());
        pumps::pump(&gateway.store, &*carrier, &*clock, &bell, stopped).await;
    });
}

/// What is in the drawer is on the phone: the sandbox gives its receipts at once.
async fn receipts(
    gateway: Arc<Running>,
    drawer: Arc<Drawer>,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        for message_id in drawer.delivered() {
            let link = drawer.link().clone();
            let receipt = Receipt {
                link,
                message_id,
                ids: ReceiptIds::Same,
                state: ReceiptState::Delivered,
                at: clock.now(),
            };
            if let Err(error) = gateway.store.receipt(&receipt).await {
                tracing::error!(link = %drawer.link(), %error, "a receipt is lost");
            }
        }
        tokio::select! {
            () = drawer.bell.notified() => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Hears what other nodes ring.
async fn hear(gateway: Arc<Running>, stopped: watch::Receiver<bool>) {
    gateway.hear(stopped).await;
}

/// Runs the turns of texts as they come.
async fn texts(gateway: Arc<Running>, stopped: watch::Receiver<bool>) {
    gateway.texts(stopped).await;
}

/// Rings for links whose messages have come due.
async fn look(gateway: Arc<Running>, clock: Arc<dyn Clock>, stopped: watch::Receiver<bool>) {
    pumps::look(&gateway.store, &*clock, &gateway.bells, stopped).await;
}

/// Attends to due times as they come. It stands apart from the texts, which a slow registry must
/// not hold up.
async fn due_times(gateway: Arc<Running>, stopped: watch::Receiver<bool>) {
    gateway.due_times(stopped).await;
}

/// Forgets what is past its time.
async fn tidy(
    gateway: Arc<Running>,
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        if node.does(&gateway.store, "tidy").await
            && let Err(error) = gateway.store.tidy(clock.now()).await
        {
            tracing::error!(%error, "the ledger cannot be tidied");
        }
        tokio::select! {
            () = tokio::time::sleep(TIDY) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Counts among the nodes; what is buried must not go on.
async fn count(
    store: SqlStore,
    node: Arc<Node>,
    clock: Arc<LedgerClock>,
    stopped: watch::Receiver<bool>,
) {
    let ended = node.keep(&store, &*clock, &*clock, stopped).await;
    match ended {
        Ended::Stopped => {}
        Ended::Buried => {
            tracing::error!(
                "the other nodes took this one for dead while it did not answer; stopping, since nothing that it writes counts: it has to be started anew"
            );
            std::process::exit(BURIED);
        }
    }
}

impl Listener for LedgerClock {
    fn time(&self, time: Moment, ago: Duration) {
        self.set(time, ago);
    }
}

/// Where the word to stop comes in: SIGTERM or Ctrl-C.
struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Failure::of)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::of)?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_network_without_tls_is_warned_of() {
        let tls = "[http.tls]\ncert_file = \"c\"\nkey_file = \"k\"\n";
        for (listen, tls, expected) in [
            ("127.0.0.1:1", "", false),
            ("[::1]:1", "", false),
            ("[::ffff:127.0.0.1]:1", "", false),
            ("0.0.0.0:1", "", true),
            ("[::]:1", "", true),
            ("192.0.2.1:1", "", true),
            ("192.0.2.1:1", tls, false),
        ] {
            let mut config = Config::load(Some(("jisr.toml", tls)), &[]).unwrap();
            config.http.listen = listen.parse().unwrap();
            assert_eq!(in_clear(&config), expected, "{listen} {tls}");
        }
    }
}
