//! The registry behind the agency's API: a client of `docs/registry-openapi.yaml` with a deadline
//! for every attempt, few and safe repetitions, and a breaker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::desk::breaker::{Breaker, Haste};
use crate::desk::{Identity, Lookup, NewAccount, Opened, Registry, RegistryError, tls, wire};

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Attempts of one call: the second only where the first cannot have changed anything.
const ATTEMPTS_MAX: u32 = 2;
/// How long a call may take for which no worker waits before a screen.
const LATE_WITHIN: Duration = Duration::from_secs(70);

/// Idle connections that are kept, and for how long.
const IDLE_MAX: usize = 16;
const IDLE_FOR: Duration = Duration::from_secs(30);

/// How the agency's API is reached.
#[derive(Clone)]
pub struct HttpRegistryConfig {
    /// Where it is, `https://registry.agency.example`; a path is put before the contract's paths.
    /// `http` is taken for loopback only.
    pub url: String,
    /// The bearer token, if it is not in a file.
    pub token: Option<String>,
    /// A file that holds the bearer token.
    pub token_file: Option<PathBuf>,
    /// PEM certificates of the authority that signed the agency's certificate; without it, the
    /// public authorities are trusted.
    pub ca_file: Option<PathBuf>,
    /// Our client certificate and what leads to its root, PEM; goes with `client_key_file`.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub client_key_file: Option<PathBuf>,
    /// How long a lookup may take, both attempts together.
    pub lookup_within: Duration,
    /// How long one attempt to open an account or to revoke a password may take.
    pub change_within: Duration,
}

impl HttpRegistryConfig {
    /// The API at `url` with the default deadlines of 3 s and 10 s, without a token.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: None,
            token_file: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            lookup_within: Duration::from_secs(3),
            change_within: Duration::from_secs(10),
        }
    }
}

/// Why the settings do not lead to a client. Names the setting; never holds a token or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registry.{setting}: {text}")]
pub struct HttpRegistryError {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong and what is expected.
    pub text: String,
}

impl HttpRegistryError {
    pub(super) fn new(setting: &'static str, text: impl Into<String>) -> Self {
        Self {
            setting,
            text: text.into(),
        }
    }
}

/// A client of the agency's API.
pub struct HttpRegistry {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
    lookup_within: Duration,
    change_within: Duration,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

/// One call of the contract, ready to be sent as often as it is safe.
struct Call<'a> {
    path: String,
    body: Bytes,
    idempotency_key: Option<&'a str>,
    by: Haste,
}

/// Why one attempt brought no answer.
struct Failure {
    error: RegistryError,
    /// Whether another attempt at once is safe and may help.
    again: bool,
}

impl HttpRegistry {
    /// Reads the files that the settings name and prepares the client. It does not connect.
    ///
    /// # Errors
    /// [`HttpRegistryError`] with the setting that is wrong.
    pub fn new(
        config: HttpRegistryConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpRegistryError> {
        let base = base(&config.url)?;
        let authorization = tls::bearer(config.token.as_deref(), config.token_file.as_deref())?;
        let tls = tls::client(
            config.ca_file.as_deref(),
            config.client_cert_file.as_deref(),
            config.client_key_file.as_deref(),
        )?;
        for (setting, wait) in [
            ("deadline_ms", config.lookup_within),
            ("change_within", config.change_within),
        ] {
            if wait < Duration::from_millis(100) || wait > Duration::from_secs(60) {
                return Err(HttpRegistryError::new(
                    setting,
                    "expected between 100 ms and 60 s",
                ));
            }
        }

        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        // Half of a lookup's time, so that a lost packet leaves time for the second attempt.
        connector.set_connect_timeout(Some(config.lookup_within / 2));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);

        Ok(Self {
            client,
            base,
            authorization,
            lookup_within: config.lookup_within,
            change_within: config.change_within,
            breaker: Breaker::new(),
            clock,
        })
    }

    /// Sends a call, a second time where that is safe: `within` holds for one attempt, or for all
    /// of them where `shared` is set.
    async fn call(
        &self,
        call: &Call<'_>,
        within: Duration,
        shared: bool,
    ) -> Result<(StatusCode, Bytes), RegistryError> {
        let mut deadline = Instant::now() + within;
        let mut last = unavailable("it was not asked");
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(Failure {
                    error,
                    again: false,
                }) => return Err(error),
                Err(Failure { error, again: true }) => last = error,
            }
            if !shared {
                deadline = Instant::now() + within;
            }
        }
        Err(last)
    }

    /// Sends a call once.
    async fn attempt(
        &self,
        call: &Call<'_>,
        deadline: Instant,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let once = |error| Failure {
            error,
            again: false,
        };
        let request = self.request(call).map_err(once)?;
        let Some(leave) = self.breaker.admit(&*self.clock, call.by) else {
            return Err(once(unavailable(
                "it failed several times in a row; waiting before the next try",
            )));
        };

        let sent = timeout_at(deadline, self.client.request(request)).await;
        let response = match sent {
            Err(_elapsed) => return Err(once(unavailable("no answer in time"))),
            // Nothing was sent on a connection that was not made.
            Ok(Err(error)) if error.is_connect() => {
                return Err(Failure {
                    error: unavailable("no connection"),
                    again: true,
                });
            }
            Ok(Err(_)) => return Err(once(unavailable("the connection broke"))),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Err(Failure {
                error: unavailable("status 503"),
                again: true,
            });
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(once(unavailable(&format!("status {}", status.as_u16()))));
        }

        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        match timeout_at(deadline, body).await {
            Err(_elapsed) => Err(once(unavailable("no whole answer in time"))),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                leave.answered();
                Err(once(RegistryError::Contract(
                    "the body: expected at most 64 KiB".into(),
                )))
            }
            Ok(Err(_)) => Err(once(unavailable("the connection broke within an answer"))),
            Ok(Ok(body)) => {
                leave.answered();
                Ok((status, body.to_bytes()))
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, RegistryError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{}", self.base, call.path))
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        request.body(Full::new(call.body.clone())).map_err(|_| {
            RegistryError::Contract("the idempotency key: expected visible ASCII characters".into())
        })
    }
}

impl HttpRegistry {
    async fn look_up(
        &self,
        who: &Identity,
        within: Duration,
        by: Haste,
    ) -> Result<Lookup, RegistryError> {
        let call = Call {
            path: "/v1/lookups".into(),
            body: wire::lookup_body(who).into(),
            idempotency_key: None,
            by,
        };
        match self.call(&call, within, true).await? {
            (StatusCode::OK, body) => wire::lookup_answer(&body),
            (status, _) => Err(unexpected(status)),
        }
    }

    async fn open(
        &self,
        account: &NewAccount,
        within: Duration,
        by: Haste,
    ) -> Result<Opened, RegistryError> {
        let call = Call {
            path: "/v1/accounts".into(),
            body: wire::account_body(account).into(),
            idempotency_key: Some(&account.idempotency_key),
            by,
        };
        let (status, body) = self.call(&call, within, false).await?;
        match status {
            StatusCode::CREATED => wire::opened_answer(&body, Opened::Opened),
            StatusCode::CONFLICT => wire::opened_answer(&body, Opened::Already),
            StatusCode::UNPROCESSABLE_ENTITY => wire::opened_answer(&body, Opened::Refused),
            status => Err(unexpected(status)),
        }
    }
}

impl Registry for HttpRegistry {
    async fn lookup(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        self.look_up(who, self.lookup_within, Haste::Hurried).await
    }

    async fn lookup_late(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        self.look_up(who, self.lookup_within.max(LATE_WITHIN), Haste::Patient)
            .await
    }

    async fn open_account(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        self.open(account, self.change_within, Haste::Hurried).await
    }

    async fn open_account_late(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        self.open(account, self.change_within.max(LATE_WITHIN), Haste::Patient)
            .await
    }

    async fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        if !wire::is_registration(registration) {
            return Err(RegistryError::Contract(
                "the registration number: expected nine digits".into(),
            ));
        }
        let call = Call {
            path: format!("/v1/accounts/{registration}/revocations"),
            body: wire::revocation_body(generation).into(),
            idempotency_key: None,
            by: Haste::Patient,
        };
        match self.call(&call, self.change_within, false).await? {
            (StatusCode::NO_CONTENT, _) => Ok(()),
            (status, _) => Err(unexpected(status)),
        }
    }
}

/// A token that is refused can be mended without a new version of the gateway, so asking again may
/// help; any other status is outside the contract.
fn unexpected(status: StatusCode) -> RegistryError {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => unavailable(&format!(
            "status {}: it refuses the token or the client certificate",
            status.as_u16()
        )),
        status => {
            RegistryError::Contract(format!("status {}: not one of this call", status.as_u16()))
        }
    }
}

fn unavailable(text: &str) -> RegistryError {
    RegistryError::Unavailable(text.to_owned())
}

/// The address before the contract's paths, without a slash at its end.
fn base(url: &str) -> Result<String, HttpRegistryError> {
    let wrong = |text| HttpRegistryError::new("url", text);
    let uri: Uri = url
        .parse()
        .map_err(|_| wrong("not an address; expected https://host[:port][/path]"))?;
    let host = uri
        .host()
        .ok_or_else(|| wrong("no host; expected https://host[:port][/path]"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare == "localhost"
        || bare
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(wrong("holds a user name; use registry.token_file"));
    }
    if uri.query().is_some() {
        return Err(wrong("holds a query; expected https://host[:port][/path]"));
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if loopback => {}
        Some("http") => return Err(wrong("http would send identities in the clear; use https")),
        Some(_) | None => return Err(wrong("expected https://")),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "stub_tests.rs"]
mod stub_tests;
