//! The listener of callbacks with TLS: a certificate is renewed while the program runs.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::program::{Program, Setup, config, exchange, run, until};

const CONFIG: &str =
    "[http.tls]\ncert_file = \"jisr.pem\"\nkey_file = \"jisr.key\"\nclient_ca_file = \"ca.pem\"\n";
const DIAL: &str = "sessionId=1&phoneNumber=%2B212661000001&serviceCode=*580%23&text=";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Writes a new certificate and its key into the folder.
    fn renews(&self, folder: &Path) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["jisr.test".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        std::fs::write(folder.join("jisr.pem"), &certificate).unwrap();
        std::fs::write(folder.join("jisr.key"), key.serialize_pem()).unwrap();
        CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()
    }

    async fn meets(&self, program: &Program) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(program.http).await.unwrap();
        let name = ServerName::try_from("jisr.test").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, tcp).await.unwrap()
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let (_, connection) = stream.get_ref();
    connection.peer_certificates().unwrap()[0].clone()
}

/// Dials on a connection, which ends with that.
async fn dial(mut stream: TlsStream<TcpStream>) -> String {
    let request = format!(
        "POST /ussd/sandbox HTTP/1.1\r\nhost: jisr.test\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{DIAL}",
        DIAL.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("jisr.toml"), CONFIG).unwrap();
    std::fs::write(file("ca.pem"), authority.0.pem()).unwrap();
    let first = authority.renews(folder.path());
    let mut program = Program::start(folder.path(), &[]).await;
    assert!(
        program.stdout.text().contains("https://"),
        "{}",
        program.stdout.text()
    );

    let old = authority.meets(&program).await;
    assert_eq!(shown(&old), first);
    let plain = exchange(program.http, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.contains("HTTP"), "{plain}");

    // What cannot be used is told once, and changes nothing.
    let key = std::fs::read(file("jisr.key")).unwrap();
    std::fs::write(file("jisr.key"), "no key").unwrap();
    let refused = "the old certificate goes on";
    program.stderr.says(refused, 1).await;
    let stderr = program.stderr.text();
    assert!(
        stderr.contains("jisr.key: expected a private key"),
        "{stderr}"
    );
    assert!(!stderr.contains("no key"), "{stderr}");
    assert_eq!(shown(&authority.meets(&program).await), first);
    std::fs::write(file("jisr.key"), key).unwrap();

    let second = authority.renews(folder.path());
    until("the second certificate", async || {
        shown(&authority.meets(&program).await) == second
    })
    .await;
    for stream in [old, authority.meets(&program).await] {
        let answer = dial(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("CON "), "{answer}");
    }
    let figures = program.shows("/metrics").await;
    for line in [
        "jisr_tls_reloads_total{outcome=\"swapped\"} 1",
        "jisr_tls_handshakes_total{outcome=\"plain\"} 1",
        "jisr_tls_certificate_expires_seconds ",
    ] {
        assert!(figures.contains(line), "no {line} in\n{figures}");
    }
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn certificates_are_read_by_check() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("jisr.toml"), CONFIG).unwrap();
    std::fs::write(file("ca.pem"), authority.0.pem()).unwrap();
    authority.renews(folder.path());
    let ended = run(folder.path(), &["check"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let ended = run(
        folder.path(),
        &["check"],
        &[("JISR_HTTP__TLS__KEY_FILE", "none.key")],
    )
    .await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    for told in ["http.tls.key_file", "none.key", "docs/listening.md"] {
        assert!(ended.output.contains(told), "{}", ended.output);
    }
}

#[tokio::test]
async fn secrets_in_the_clear_are_warned_of() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("ca.pem"), authority.0.pem()).unwrap();
    authority.renews(folder.path());
    // Nobody is there to bind to, which is of no matter here.
    let nobody = "127.0.0.1:1".parse().unwrap();
    let warning = "secrets with them in the clear";
    for (settings, listen, warned) in [
        ("", "127.0.0.1:0", false),
        ("", "0.0.0.0:0", true),
        (CONFIG, "0.0.0.0:0", false),
    ] {
        let setup = Setup {
            config: settings,
            ..Setup::default()
        };
        std::fs::write(file("jisr.toml"), config(&setup, nobody)).unwrap();
        let mut program = Program::start(folder.path(), &[("JISR_HTTP__LISTEN", listen)]).await;
        // It listens, so it has said what it has to; the stop has the last word.
        assert!(program.shows("/livez").await.contains("alive"));
        assert!(program.stop().await.success());
        program.stderr.says("stopping", 1).await;
        let stderr = program.stderr.text();
        assert_eq!(
            stderr.matches(warning).count(),
            usize::from(warned),
            "{stderr}"
        );
    }
}
