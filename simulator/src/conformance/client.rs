//! Sends a request to the gateway and keeps what came, byte for byte.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
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

/// A client of one gateway. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    wait: Duration,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// A client for scheme, host and port, such as `http://127.0.0.1:8080`, that trusts the usual
    /// authorities, or those of a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn new(base: String, wait: Duration, authorities: Option<&Path>) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = HttpsConnectorBuilder::new();
        let builder = match authorities {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
                    roots
                        .add(certificate.map_err(io::Error::other)?)
                        .map_err(io::Error::other)?;
                }
                builder.with_tls_config(config.with_root_certificates(roots).with_no_client_auth())
            }
            None => builder
                .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
                .map_err(io::Error::other)?,
        };
        Ok(Self {
            base,
            wait,
            pool: Pool::builder(TokioExecutor::new())
                .build(builder.https_or_http().enable_http1().build()),
        })
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// What the operator would have seen instead, in words.
    pub async fn send(&self, wire: &Wire) -> Result<Came, String> {
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
            let answer = self
                .pool
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

/// The innermost reason.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
