//! Sends a request to the gateway and keeps what came, byte for byte.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A request as it goes out.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The method.
    pub method: String,
    /// Path and query as they stand on the request line.
    pub target: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Came {
    /// The status.
    pub status: u16,
    /// Headers in order; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

impl Came {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The content type without its parameters, in lower case.
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        let media = whole.split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    }
}

/// A client's certificate (mutual TLS), as files.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The certificate and those between it and its authority, PEM.
    pub certificate: &'a Path,
    /// Its private key, PEM.
    pub key: &'a Path,
}

/// What a client trusts and shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tls<'a> {
    /// Authorities to trust, PEM; the usual ones if not given.
    pub authorities: Option<&'a Path>,
    /// The operator's certificate; none is shown if not given.
    pub identity: Option<Identity<'a>>,
    /// A certificate that the gateway's listener takes and the link refuses.
    pub stranger: Option<Identity<'a>>,
}

/// Which certificate a request goes out with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The operator's, where there is one.
    Own,
    /// None.
    Nothing,
    /// Somebody else's, where there is one; else the operator's.
    Strangers,
}

type HttpsPool = Pool<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client of one gateway. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    wait: Duration,
    own: HttpsPool,
    /// The same client without its certificate, where it has one: a connection is one side's for
    /// as long as it lasts.
    bare: Option<HttpsPool>,
    stranger: Option<HttpsPool>,
}

impl Client {
    /// A client for scheme, host and port, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should; the error names it.
    pub fn new(base: String, wait: Duration, tls: Tls<'_>) -> io::Result<Self> {
        let made = |identity| pool(tls.authorities, identity);
        Ok(Self {
            base,
            wait,
            own: made(tls.identity)?,
            bare: tls.identity.map(|_| made(None)).transpose()?,
            stranger: tls
                .stranger
                .map(|identity| made(Some(identity)))
                .transpose()?,
        })
    }

    /// Whether it has a certificate to show.
    pub fn has_identity(&self) -> bool {
        self.bare.is_some()
    }

    /// Whether it has a certificate that the link refuses.
    pub fn has_stranger(&self) -> bool {
        self.stranger.is_some()
    }

    /// Sends a request with the operator's certificate, where there is one, and waits for the whole
    /// answer.
    ///
    /// # Errors
    /// What the operator would have seen instead, in words.
    pub async fn send(&self, wire: &Wire) -> Result<Came, String> {
        self.send_as(wire, Shows::Own).await
    }

    /// Sends a request with any certificate and waits for the whole answer.
    ///
    /// # Errors
    /// What the operator would have seen instead, in words.
    pub async fn send_as(&self, wire: &Wire, shows: Shows) -> Result<Came, String> {
        let other = match shows {
            Shows::Own => None,
            Shows::Nothing => self.bare.as_ref(),
            Shows::Strangers => self.stranger.as_ref(),
        };
        let pool = other.unwrap_or(&self.own);
        let mut request = Request::builder()
            .method(wire.method.as_str())
            .uri(format!("{}{}", self.base, wire.target));
        for (name, value) in &wire.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request = request
            .body(Full::new(Bytes::from(wire.body.clone())))
            .map_err(|error| format!("the request cannot be made: {error}"))?;
        let asked = Instant::now();
        let answer = async {
            let answer = pool
                .request(request)
                .await
                .map_err(|error| format!("no answer: {}", cause(&error)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| format!("the answer breaks off: {error}"))?;
            let headers = head.headers.iter().filter_map(|(name, value)| {
                Some((name.to_string(), value.to_str().ok()?.to_owned()))
            });
            Ok(Came {
                status: head.status.as_u16(),
                headers: headers.collect(),
                body: body.to_bytes().to_vec(),
                took: asked.elapsed(),
            })
        };
        match tokio::time::timeout(self.wait, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} ms", self.wait.as_millis())),
        }
    }
}

/// Connections that trust these authorities and show this certificate.
fn pool(authorities: Option<&Path>, identity: Option<Identity<'_>>) -> io::Result<HttpsPool> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = match authorities {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| in_file(path, error))?;
            }
            config.with_root_certificates(roots)
        }
        None => config.with_webpki_roots(),
    };
    let config = match identity {
        Some(Identity { certificate, key }) => {
            let chain = certificates(certificate)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error))?;
            config
                .with_client_auth_cert(chain, private)
                .map_err(|error| in_file(key, error))?
        }
        None => config.with_no_client_auth(),
    };
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Pool::builder(TokioExecutor::new()).build(connector))
}

/// All certificates of a PEM file, at least one.
fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| in_file(path, error))?;
    match certificates.is_empty() {
        true => Err(in_file(path, "expected a certificate in PEM")),
        false => Ok(certificates),
    }
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

/// The innermost reason.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
