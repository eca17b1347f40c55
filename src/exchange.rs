//! How an operator's API is reached: one request and its answer over a pooled connection, with a clear
//! word on what was written.
//!
//! Why hyper-util may keep its `retry_canceled_requests`: it sends a request again only where its
//! connection hands the request back (`TrySendError::take_message`), and a connection of hyper's
//! HTTP/1 does so only for one that still lay in its queue. As soon as it takes a request out of the
//! queue to write its head, whatever goes wrong is told without the request, and nobody can send it
//! again. So a connection that died while it was idle costs nothing, and none is written twice.

mod fresh;
mod pace;
mod status;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::callback::LinkName;
use crate::exchange::fresh::Fresh;
pub use crate::exchange::pace::{Paced, RequestPace};
use crate::operator::api::Outgoing;
use crate::tls::{self, TlsFault};

/// The most bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long an idle connection is kept: less than servers commonly do, since one that the server
/// closes in the moment in which we write leaves an unknown outcome.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// Idle connections that are kept at most.
const IDLE_MAX: usize = 16;

/// What links to an operator's API have in common, whatever goes over them.
#[derive(Clone)]
pub struct ApiSettings {
    /// The link.
    pub link: LinkName,
    /// PEM certificates of the authority behind the API's; without it the public ones are trusted.
    pub ca_file: Option<PathBuf>,
    /// How long a connection with its TLS may take.
    pub connect: Duration,
    /// How long the whole answer may take from then on.
    pub response: Duration,
    /// Requests a second at most; none until the operator throttles.
    pub rate: Option<f64>,
    /// Requests on their way at once, at most.
    pub window: usize,
}

impl ApiSettings {
    /// A link with the usual limits: 5 s to connect, 10 s to answer, ten requests at once.
    pub fn of(link: LinkName) -> Self {
        Self {
            link,
            ca_file: None,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(10),
            rate: None,
            window: 10,
        }
    }
}

/// The request for the wire; none where its address is none.
pub fn request(outgoing: &Outgoing) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing
        .url
        .parse()
        .ok()
        .filter(|uri: &hyper::Uri| uri.host().is_some())?;
    *request.headers_mut() = outgoing.headers.clone();
    Some(request)
}

/// What came back of a request.
pub struct Returned {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// None where it broke off, came too late or was larger than [`ANSWER_BYTES_MAX`].
    pub body: Option<Bytes>,
}

/// Why nothing came back. The text says what, never with whom or about what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Not one octet of the request was written.
    NotSent(&'static str),
    /// The request may have been read.
    Unanswered(&'static str),
}

/// A pool of connections.
pub struct Exchange {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// The same without idle connections.
    unpooled: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    fresh: Fresh,
    connect: Duration,
    response: Duration,
}

impl Exchange {
    /// The settings' `connect` holds until there is a connection with its TLS, `response` from then on
    /// to the last octet of the answer.
    ///
    /// # Errors
    /// [`TlsFault`] when the authorities cannot be read.
    pub fn new(settings: &ApiSettings) -> Result<Self, TlsFault> {
        let (connect, response) = (settings.connect, settings.response);
        let tls = tls::client(settings.ca_file.as_deref(), None, None)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = |idle: usize| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_FOR)
                .pool_max_idle_per_host(idle)
                .build(connector.clone())
        };
        Ok(Self {
            client: client(IDLE_MAX),
            unpooled: client(0),
            fresh: Fresh::new(settings.link.clone()),
            connect,
            response,
        })
    }

    /// Sends a request once. Redirects are answers like others.
    ///
    /// # Errors
    /// [`Broken`], which tells whether anything of it was written.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Returned, Broken> {
        self.send_by(request, None).await
    }

    /// The same, where all has to be over by some time.
    ///
    /// # Errors
    /// As there.
    pub async fn send_by(
        &self,
        mut request: Request<Full<Bytes>>,
        by: Option<Instant>,
    ) -> Result<Returned, Broken> {
        let within = |wait: Duration| {
            let until = Instant::now() + wait;
            by.map_or(until, |by| by.min(until))
        };
        let mut connection = capture_connection(&mut request);
        let client = match self.fresh.wanted() {
            true => &self.unpooled,
            false => &self.client,
        };
        let mut sent = std::pin::pin!(client.request(request));
        // The client tells of the connection right before it hands the request to it.
        let has_connection = async { drop(connection.wait_for_connection_metadata().await) };
        let early = tokio::select! {
            biased;
            early = &mut sent => Some(early),
            () = has_connection => None,
            () = sleep_until(within(self.connect)) => return Err(Broken::NotSent("no connection in time")),
        };
        let is_reused = {
            let known = connection.connection_metadata();
            known
                .as_ref()
                .is_some_and(|known| self.fresh.is_reused(known))
        };
        let until = within(self.response);
        let told = match early {
            Some(told) => told,
            None => timeout_at(until, sent)
                .await
                .map_err(|_elapsed| Broken::Unanswered("no answer in time"))?,
        };
        let response = told.map_err(|error| {
            if error.is_connect() {
                Broken::NotSent("no connection")
            } else if is_canceled(&error) {
                Broken::NotSent("the connection had gone")
            } else {
                if is_reused {
                    self.fresh.broke();
                }
                Broken::Unanswered("the connection broke")
            }
        })?;
        let (head, body) = response.into_parts();
        let body = timeout_at(until, Limited::new(body, ANSWER_BYTES_MAX).collect()).await;
        let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes());
        Ok(Returned {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// Whether hyper gave the request up before it wrote any of it.
fn is_canceled(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
            return cause.is_canceled();
        }
        next = cause.source();
    }
    false
}
