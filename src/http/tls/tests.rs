//! A listener over real sockets, met by clients with certificates made on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::path::Path;

use axum::{Extension, Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::Digest;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

use super::*;
use crate::http::caller::Peer;
use crate::http::server::{Limits, serve};

/// Everything that is awaited comes within this, or the test fails.
const SOON: Duration = Duration::from_secs(20);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, PEM.
#[derive(Clone)]
struct Pair {
    cert: String,
    key: String,
}

impl Pair {
    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn signs(&self, name: &str) -> Pair {
        self.signs_until(name, 4000)
    }

    /// With an end at the first day of a year.
    fn signs_until(&self, name: &str, year: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.0).unwrap().pem();
        let key = key.serialize_pem();
        Pair { cert, key }
    }
}

/// A listener that says who is on the other side.
struct Site {
    folder: TempDir,
    authority: Authority,
    certificates: Arc<Certificates>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    /// Rings when a request for `/slow` has come.
    came: Arc<Notify>,
    /// Lets its answer go.
    go: Arc<Notify>,
}

/// The numbers of the tests, but for the handshake.
fn limits(connections_max: usize, handshake: Duration) -> Limits {
    Limits {
        connections_max,
        handshake,
        head: LONG,
        idle: LONG,
    }
}

fn files(folder: &Path, clients: bool) -> ListenerTls {
    ListenerTls {
        cert_file: folder.join("cert.pem"),
        key_file: folder.join("key.pem"),
        client_ca_file: clients.then(|| folder.join("clients.pem")),
    }
}

impl Site {
    async fn new(limits: Limits) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        std::fs::write(folder.path().join("clients.pem"), authority.0.pem()).unwrap();
        write(folder.path(), &authority.signs("jisr.test"));
        let certificates = Arc::new(Certificates::load(files(folder.path(), true)).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (coming, going) = (Arc::clone(&came), Arc::clone(&go));
        let slow = async move || {
            coming.notify_one();
            going.notified().await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(|Extension(peer)| async { told(peer) }))
            .route("/slow", get(slow));
        let tls = Some(Arc::clone(&certificates));
        let served = tokio::spawn(serve(listener, router, limits, tls, stopped));
        Self {
            folder,
            authority,
            certificates,
            address,
            stop,
            served,
            came,
            go,
        }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn meet(&self, config: &Arc<ClientConfig>) -> io::Result<client::TlsStream<TcpStream>> {
        let name = ServerName::try_from("jisr.test").unwrap();
        TlsConnector::from(Arc::clone(config))
            .connect(name, self.tcp().await)
            .await
    }

    /// One request on a connection of its own.
    async fn ask(&self, config: &Arc<ClientConfig>) -> io::Result<String> {
        ask(&mut self.meet(config).await?, "/").await
    }

    fn client(&self, shows: Option<&Pair>) -> Arc<ClientConfig> {
        Arc::new(client(&self.authority, shows, &[&TLS13, &TLS12]))
    }

    fn look(&self) -> &'static str {
        self.look_at(0)
    }

    fn look_at(&self, now: u64) -> &'static str {
        match self.certificates.look(now) {
            Look::Same => "same",
            Look::Swapped => "swapped",
            Look::Refused(_) => "refused",
        }
    }
}

/// What the site answers to a peer.
fn told(peer: Peer) -> String {
    let Peer {
        address,
        certificate,
    } = peer;
    let certificate = certificate.map(|der| format!("{:x}", Marked(&der)));
    format!("{address} {}", certificate.as_deref().unwrap_or("none"))
}

/// What the site answers to one who shows this.
fn known(pair: &Pair) -> String {
    format!("127.0.0.1 {:x}", Marked(&pair.der()))
}

struct Marked<'a>(&'a [u8]);

impl std::fmt::LowerHex for Marked<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        sha2::Sha256::digest(self.0)
            .iter()
            .try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

fn write(folder: &Path, pair: &Pair) {
    std::fs::write(folder.join("cert.pem"), &pair.cert).unwrap();
    std::fs::write(folder.join("key.pem"), &pair.key).unwrap();
}

fn client(
    trusts: &Authority,
    shows: Option<&Pair>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusts.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match shows {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![pair.der()], key).unwrap()
        }
    }
}

/// One request on a connection that stays open; the body of its answer.
async fn ask<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: jisr.test\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    answer(stream).await
}

async fn answer<T: AsyncRead + Unpin>(stream: &mut T) -> io::Result<String> {
    let mut text = String::new();
    let read = async {
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                    .unwrap_or(0);
                if body.len() >= length {
                    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                    return Ok(body.to_owned());
                }
            }
            let mut bytes = [0; 1024];
            match stream.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => text.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
            }
        }
    };
    tokio::time::timeout(SOON, read).await.expect("no answer")
}

/// Waits until the other side has closed; a reset is an end as well.
async fn closed<T: AsyncRead + Unpin>(stream: &mut T) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection stays open");
}

/// The figures of a test, which has a thread of its own.
fn figures() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

/// Waits until a figure has a value.
async fn figure(handle: &PrometheusHandle, line: &str) {
    let seen = async {
        while !handle.render().lines().any(|at| at == line) {
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(SOON, seen).await;
    assert!(seen.is_ok(), "no {line} in\n{}", handle.render());
}

#[tokio::test]
async fn clients_are_known_by_the_certificate_of_the_right_authority() {
    let (recorder, handle) = figures();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(limits(8, LONG)).await;
    let stranger = Authority::new().signs("operator.test");
    let expired = site.authority.signs_until("operator.test", 2020);
    let right = site.authority.signs("operator.test");
    for version in [&TLS12, &TLS13] {
        let meets = async |shows: Option<&Pair>| {
            let config = Arc::new(client(&site.authority, shows, &[version]));
            site.ask(&config).await
        };
        assert_eq!(meets(Some(&right)).await.unwrap(), known(&right));
        assert_eq!(meets(None).await.unwrap(), "127.0.0.1 none");
        assert!(meets(Some(&stranger)).await.is_err(), "{version:?}");
        assert!(meets(Some(&expired)).await.is_err(), "{version:?}");
    }
    figure(&handle, "jisr_tls_handshakes_total{outcome=\"done\"} 4").await;
    figure(&handle, "jisr_tls_handshakes_total{outcome=\"refused\"} 4").await;
}

#[tokio::test]
async fn plain_text_is_closed_and_counted() {
    let (recorder, handle) = figures();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(limits(8, LONG)).await;
    let mut plain = site.tcp().await;
    assert!(ask(&mut plain, "/").await.is_err());
    closed(&mut plain).await;
    figure(&handle, "jisr_tls_handshakes_total{outcome=\"plain\"} 1").await;
    drop(site.tcp().await);
    figure(&handle, "jisr_tls_handshakes_total{outcome=\"cut\"} 1").await;
    assert!(site.ask(&site.client(None)).await.is_ok());
}

#[tokio::test]
async fn http_1_is_what_is_spoken_inside() {
    let site = Site::new(limits(8, LONG)).await;
    for (offers, speaks) in [
        (&["h2", "http/1.1"][..], true),
        (&["h2"], false),
        (&[], true),
    ] {
        let mut config = client(&site.authority, None, &[&TLS13]);
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        let met = site.meet(&Arc::new(config)).await;
        assert_eq!(met.is_ok(), speaks, "{offers:?}");
    }
}

#[tokio::test]
async fn new_connections_are_met_with_the_new_certificate() {
    let (recorder, handle) = figures();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(limits(8, LONG)).await;
    figure(&handle, "jisr_tls_certificate_expires_seconds 64060588800").await;
    let client = site.client(None);
    let mut old = site.meet(&client).await.unwrap();
    assert_eq!(site.look(), "same");

    let renewed = site.authority.signs_until("jisr.test", 3000);
    write(site.folder.path(), &renewed);
    assert_eq!(site.look(), "swapped");
    assert_eq!(site.look(), "same");
    figure(&handle, "jisr_tls_certificate_expires_seconds 32503680000").await;
    figure(&handle, "jisr_tls_reloads_total{outcome=\"swapped\"} 1").await;

    let new = site.meet(&client).await.unwrap();
    let leaf = |stream: &client::TlsStream<TcpStream>| {
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    assert_eq!(leaf(&new), renewed.der());
    assert_ne!(leaf(&old), renewed.der());
    assert_eq!(ask(&mut old, "/").await.unwrap(), "127.0.0.1 none");
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing() {
    let (recorder, handle) = figures();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(limits(8, LONG)).await;
    let here = site.folder.path();
    let file = |name: &str| here.join(name);
    let read = |name: &str| std::fs::read(file(name)).unwrap();
    let (cert, key) = (read("cert.pem"), read("key.pem"));
    let client = site.client(None);
    let next = site.authority.signs("jisr.test");
    let expired = site.authority.signs_until("jisr.test", 2020);
    let in_2021 = 1_609_459_200;

    // The certificate comes first, its key at the next look.
    std::fs::write(file("cert.pem"), &next.cert).unwrap();
    assert_eq!([site.look(), site.look()], ["refused", "same"]);
    assert!(site.ask(&client).await.is_ok());
    std::fs::write(file("cert.pem"), &cert).unwrap();
    assert_eq!(site.look(), "same");
    // The same mistake again is told again.
    std::fs::write(file("cert.pem"), &next.cert).unwrap();
    assert_eq!(site.look(), "refused");
    std::fs::write(file("cert.pem"), "").unwrap();
    assert_eq!([site.look(), site.look()], ["refused", "same"]);
    std::fs::remove_file(file("key.pem")).unwrap();
    assert_eq!([site.look(), site.look()], ["refused", "same"]);
    std::fs::write(file("key.pem"), &key).unwrap();
    std::fs::write(file("cert.pem"), &cert).unwrap();
    assert_eq!(site.look(), "same");
    std::fs::write(file("clients.pem"), "no authority").unwrap();
    assert_eq!([site.look(), site.look()], ["refused", "same"]);
    std::fs::write(file("clients.pem"), site.authority.0.pem()).unwrap();
    write(here, &expired);
    assert_eq!(site.look_at(in_2021), "refused");
    figure(&handle, "jisr_tls_reloads_total{outcome=\"refused\"} 6").await;
    assert!(site.ask(&client).await.is_ok());

    write(here, &next);
    assert_eq!([site.look(), site.look()], ["swapped", "same"]);
    // What was in use before is a change like any other.
    std::fs::write(file("cert.pem"), &cert).unwrap();
    assert_eq!(site.look(), "refused");
    std::fs::write(file("key.pem"), &key).unwrap();
    assert_eq!([site.look(), site.look()], ["swapped", "same"]);
    assert!(site.ask(&client).await.is_ok());
}

/// A ticket of a session before must not save a client whose authority is known no longer.
#[tokio::test]
async fn an_authority_that_went_takes_its_clients_with_it() {
    let site = Site::new(limits(8, LONG)).await;
    let operator = site.authority.signs("operator.test");
    let client = site.client(Some(&operator));
    for _ in 0..2 {
        assert_eq!(site.ask(&client).await.unwrap(), known(&operator));
    }
    let clients = site.folder.path().join("clients.pem");
    std::fs::write(clients, Authority::new().0.pem()).unwrap();
    assert_eq!(site.look(), "swapped");
    assert!(site.ask(&client).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stands_still_is_closed() {
    let (recorder, handle) = figures();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(limits(8, HANDSHAKE)).await;
    for (count, begins) in [(1, &b""[..]), (2, b"\x16\x03\x01\x02\x00\x01")] {
        let began = tokio::time::Instant::now();
        let mut stream = site.tcp().await;
        stream.write_all(begins).await.unwrap();
        let mut rest = Vec::new();
        // The end is awaited without a timer, so that time goes on to the listener's.
        let _reset = stream.read_to_end(&mut rest).await;
        let late = format!("jisr_tls_handshakes_total{{outcome=\"late\"}} {count}");
        assert!(handle.render().contains(&late), "{}", handle.render());
        assert_eq!(began.elapsed().as_secs(), HANDSHAKE.as_secs());
    }
}

#[tokio::test]
async fn nobody_waits_for_the_handshake_of_another() {
    let site = Site::new(limits(2, LONG)).await;
    let _still = site.tcp().await;
    assert!(site.ask(&site.client(None)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_takes_a_place() {
    let site = Site::new(limits(1, LONG)).await;
    let still = site.tcp().await;
    let client = site.client(None);
    let ask = site.ask(&client);
    tokio::pin!(ask);
    let waits = tokio::time::timeout(LONG / 2, &mut ask).await;
    assert!(waits.is_err(), "two at once");
    tokio::time::resume();
    drop(still);
    assert!(ask.await.is_ok());
}

#[tokio::test]
async fn a_stop_lets_answers_out_and_handshakes_go() {
    let site = Site::new(limits(8, LONG)).await;
    let mut still = site.tcp().await;
    let mut idle = site.meet(&site.client(None)).await.unwrap();
    assert!(ask(&mut idle, "/").await.is_ok());
    let mut slow = site.meet(&site.client(None)).await.unwrap();
    let answered = tokio::spawn(async move { ask(&mut slow, "/slow").await });
    site.came.notified().await;
    site.stop.send_replace(true);
    closed(&mut still).await;
    closed(&mut idle).await;
    site.go.notify_one();
    assert_eq!(answered.await.unwrap().unwrap(), "slow");
    let ended = tokio::time::timeout(SOON, site.served).await;
    assert!(ended.is_ok(), "it does not stop");
}

#[tokio::test]
async fn without_tls_there_is_a_peer_too() {
    let router = Router::new().route("/", get(|Extension(peer)| async { told(peer) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, router, limits(8, LONG), None, stopped));
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut stream, "/").await.unwrap(), "127.0.0.1 none");
}
