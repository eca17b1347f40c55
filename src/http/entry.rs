//! The entry to the operators' doors: a request comes whole and within its limits, and shows who it
//! is, before anybody reads it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use core::net::IpAddr;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ipnet::IpNet;

use crate::brake::Brake;
use crate::callback::LinkName;
use crate::clock::{Clock, Moment};
use crate::http::caller::{Peer, caller};
use crate::operator::auth::{Auth, Evidence, Nonce};
use crate::operator::reply::{Answer, problem};
use crate::operator::request;
use crate::store::Store;

/// What an entry keeps to.
pub struct Entry {
    /// The clock that is read once a request.
    pub clock: Arc<dyn Clock>,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// How long a body may take.
    pub body_time: Duration,
    /// The proxies whose word on the caller counts.
    pub proxies: Vec<IpNet>,
    /// What holds the log back.
    pub brake: Brake,
}

/// A request that came whole.
pub struct Came {
    parts: Parts,
    body: Bytes,
    /// The name behind `/ussd/` or `/sms/`, as it came.
    pub name: String,
    /// When it had arrived.
    pub at: Moment,
    from: Option<IpAddr>,
    certificate: Option<Arc<[u8]>>,
}

/// A request that was let in.
pub struct Admitted<'c> {
    /// The path below the link and its secret.
    pub rest: &'c str,
    nonce: Option<Nonce>,
    brake: &'c Brake,
}

/// Why a request that was let in may not go on.
pub enum NotFresh {
    /// It was signed once and came before: the answer.
    Again(Answer),
    /// The ledger cannot say.
    Unknown,
}

impl Admitted<'_> {
    /// Whether it came for the first time, where it was signed for one time only.
    ///
    /// # Errors
    /// [`NotFresh`].
    pub async fn fresh<S: Store>(
        &self,
        store: &S,
        link: &LinkName,
        at: Moment,
    ) -> Result<(), NotFresh> {
        let Some(nonce) = &self.nonce else {
            return Ok(());
        };
        match store.nonce(link, &nonce.value, nonce.until, at).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                if let Some(left_out) = self.brake.lets_of(link.as_str(), "again") {
                    tracing::warn!(%link, left_out, "a signed request came again");
                }
                count(link.as_str(), "replayed");
                let detail = "this request was signed once and came before";
                Err(NotFresh::Again(problem(409, detail)))
            }
            Err(error) => {
                if let Some(left_out) = self.brake.lets_of(link.as_str(), "nonce") {
                    tracing::error!(%link, left_out, %error, "a signed request cannot be told from a repeat");
                }
                Err(NotFresh::Unknown)
            }
        }
    }
}

impl Entry {
    /// Takes in a request for `/PREFIX/LINK…`.
    ///
    /// # Errors
    /// The answer, where the body is too large, cut or too slow.
    pub async fn come(&self, prefix: &str, request: Request<Body>) -> Result<Came, Answer> {
        let (parts, body) = request.into_parts();
        let body = whole(body, self.body_bytes_max, self.body_time).await;
        let body = body.inspect_err(|answer| self.not_whole(answer.status))?;
        let below = parts.uri.path().strip_prefix(prefix).unwrap_or_default();
        let name = below.split('/').next().unwrap_or_default().to_owned();
        let peer = parts.extensions.get::<Peer>();
        let from = peer.and_then(|peer| caller(peer.address, &parts.headers, &self.proxies));
        let certificate = peer.and_then(|peer| peer.certificate.clone());
        Ok(Came {
            body,
            name,
            at: self.clock.now(),
            from,
            certificate,
            parts,
        })
    }

    /// Lets a request in by the rules of its link.
    ///
    /// # Errors
    /// The answer: 401, of which nothing can be learned, for a link that there is not as well.
    pub fn admit<'c>(
        &'c self,
        came: &'c Came,
        link: Option<(&LinkName, &Auth)>,
    ) -> Result<Admitted<'c>, Answer> {
        let path = came.parts.uri.path();
        let below = path
            .match_indices('/')
            .nth(2)
            .map_or("", |(at, _)| &path[at..]);
        let Some((link, auth)) = link else {
            return Err(self.stranger("", "no such link"));
        };
        let (secret, rest) = match below.strip_prefix('/').filter(|_| auth.takes_segment()) {
            Some(below) => match below.find('/') {
                Some(at) => (Some(&below[..at]), &below[at..]),
                None => (Some(below), ""),
            },
            None => (None, below),
        };
        let target = came.parts.uri.path_and_query();
        let evidence = Evidence {
            method: came.parts.method.as_str(),
            target: target.map_or(path, |target| target.as_str()),
            query: came.parts.uri.query(),
            headers: &came.parts.headers,
            body: &came.body,
            from: came.from,
            certificate: came.certificate.as_deref(),
            secret,
            at: came.at,
        };
        match auth.check(&evidence) {
            Ok(nonce) => Ok(Admitted {
                rest,
                nonce,
                brake: &self.brake,
            }),
            Err(refusal) => {
                let why = format!("{} {}", refusal.rule.name(), refusal.name());
                Err(self.stranger(link.as_str(), &why))
            }
        }
    }

    /// A body that did not come whole; whose it is, nobody knows yet.
    fn not_whole(&self, status: u16) {
        count("", "not_whole");
        if self.brake.lets() {
            tracing::warn!(status, "callback refused");
        }
    }

    /// One and the same answer for everybody who is not let in.
    fn stranger(&self, link: &str, why: &str) -> Answer {
        count(link, "not_admitted");
        if self.brake.lets() {
            tracing::warn!(link, why, "a caller was not let in");
        }
        let mut answer = problem(
            401,
            "the callback is not authenticated, or there is no such link",
        );
        // RFC 9110, section 15.5.2 wants one.
        answer.headers.push((
            "www-authenticate".into(),
            "Basic realm=\"callbacks\"".into(),
        ));
        answer
    }
}

/// A body, whole and within its limits.
///
/// # Errors
/// The answer, where it is too large, cut or too slow.
pub(super) async fn whole(body: Body, bytes_max: usize, time: Duration) -> Result<Bytes, Answer> {
    // Said before anything is read, it is answered before anything is asked for (RFC 9110, 10.1.1).
    let told = hyper::body::Body::size_hint(&body).lower();
    if told > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(not_read(413, "the body is too large"));
    }
    let limited = Limited::new(body, bytes_max);
    let (status, detail) = match tokio::time::timeout(time, limited.collect()).await {
        Ok(Ok(collected)) => return Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => (413, "the body is too large"),
        Ok(Err(_cut)) => (400, "the body was cut"),
        Err(_late) => (408, "the body took too long"),
    };
    Err(not_read(status, detail))
}

/// The answer to what was not read whole, behind which nothing else is.
fn not_read(status: u16, detail: &str) -> Answer {
    let mut answer = problem(status, detail);
    answer.headers.push(("connection".into(), "close".into()));
    answer
}

impl Came {
    /// The URL that was called, without its query: `public_url` is scheme and host as the operator
    /// calls them; without it, they are as far as the request tells.
    pub fn url(&self, public_url: Option<&str>) -> String {
        let path = self.parts.uri.path();
        match public_url {
            Some(public) => format!("{}{path}", public.trim_end_matches('/')),
            None => {
                let host = self.parts.headers.get(header::HOST);
                let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
                format!("https://{host}{path}")
            }
        }
    }

    /// The request as shapes read it; `rest` is the path below the link.
    pub fn request<'c>(&'c self, rest: &'c str) -> request::Request<'c> {
        request::Request {
            method: self.parts.method.as_str(),
            rest,
            query: self.parts.uri.query(),
            headers: &self.parts.headers,
            body: &self.body,
        }
    }
}

/// One more callback of a link, and what became of it.
pub(super) fn count(link: &str, outcome: &'static str) {
    metrics::counter!("jisr_callbacks_total", "link" => link.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// An answer of the pure floor as doors send it.
pub fn sent(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // Shapes are proved to have good ones.
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (
            header::HeaderName::try_from(name),
            header::HeaderValue::try_from(value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// A body that says how long it is, and never comes: who waits for `100 Continue` sends nothing.
    struct Told(u64);

    impl hyper::body::Body for Told {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_to_be_too_large_is_not_waited_for() {
        let time = Duration::from_secs(5);
        for (bytes, status, waited) in [
            (1_001, 413, false),
            (u64::MAX, 413, false),
            (1_000, 408, true),
        ] {
            let begun = tokio::time::Instant::now();
            let answer = whole(Body::new(Told(bytes)), 1_000, time).await;
            assert_eq!(answer.err().map(|answer| answer.status), Some(status));
            assert_eq!(begun.elapsed() >= time, waited, "{bytes}");
        }
    }
}
