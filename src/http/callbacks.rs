//! `/ussd/LINK`: an operator's USSD callback, in whatever shape the link has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::callback::{LinkName, ServiceName};
use crate::clock::Clock;
use crate::desk::Registry;
use crate::gateway::{Gateway, UssdCall};
use crate::operator::CallbackError;
use crate::operator::file::Is;
use crate::operator::reply::Answer;
use crate::operator::request;
use crate::operator::ussd::{Heard, UssdShape, problem};
use crate::store::Store;

/// A link of USSD callbacks over HTTP.
pub struct UssdLink {
    /// How its callbacks look.
    pub shape: Arc<UssdShape>,
    /// The services that it reaches.
    pub services: Vec<ServiceName>,
    /// Their codes.
    pub codes: Vec<(String, ServiceName)>,
}

/// What this door needs.
pub struct Door<S, R> {
    /// The gateway.
    pub gateway: Arc<Gateway<S, R>>,
    /// The clock that is read once a callback.
    pub clock: Arc<dyn Clock>,
    /// The links that call here.
    pub links: BTreeMap<LinkName, UssdLink>,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// How long a body may take.
    pub body_time: Duration,
}

/// The routes of the operators' listener.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    Router::new()
        .route("/ussd/{*rest}", any(ussd::<S, R>))
        .fallback(|| async {
            sent(problem(
                404,
                "there is nothing here; USSD callbacks go to /ussd/LINK",
            ))
        })
        .with_state(door)
}

async fn ussd<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let below = parts.uri.path().strip_prefix("/ussd/").unwrap_or_default();
    let (name, rest) = match below.find('/') {
        Some(at) => (&below[..at], &below[at..]),
        None => (below, ""),
    };
    let link = LinkName(name.to_owned());
    let body = match whole(body, door.body_bytes_max, door.body_time).await {
        Ok(body) => body,
        Err(fault) => return sent(fault.answer(name)),
    };
    let Some(found) = door.links.get(&link) else {
        count("", "no_link");
        return sent(problem(404, "no such link"));
    };
    let request = request::Request {
        method: parts.method.as_str(),
        rest,
        query: parts.uri.query(),
        headers: &parts.headers,
        body: &body,
    };
    let at = door.clock.now();
    match found.shape.hear(request) {
        Ok(mut heard) => {
            heard.url = called(&parts);
            sent(turn(&door, &link, found, heard, at).await)
        }
        Err(error) => sent(refused(&link, found, &error)),
    }
}

/// The URL that was called, without its query, as far as the request tells.
fn called(parts: &axum::http::request::Parts) -> String {
    let host = parts.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("https://{host}{}", parts.uri.path())
}

/// The turn of a callback, and its answer.
async fn turn<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    heard: Heard,
    at: crate::clock::Moment,
) -> Answer {
    if heard.unknown > 0 {
        let unknown = u64::try_from(heard.unknown).unwrap_or(u64::MAX);
        metrics::counter!("jisr_callback_unknown_fields_total", "link" => link.as_str().to_owned())
            .increment(unknown);
    }
    let nothing = crate::store::Reply {
        text: String::new(),
        ends: true,
    };
    let Some(subscriber) = heard.subscriber.clone() else {
        count(link.as_str(), "ignored");
        return of.shape.answer(&heard, &nothing);
    };
    let meant = match of.shape.meaning(&heard, &of.codes) {
        Ok(meant) => meant,
        Err(error) => return refused(link, of, &error),
    };
    if let Some(network) = &heard.network {
        metrics::counter!(
            "jisr_callback_networks_total",
            "link" => link.as_str().to_owned(),
            "network" => network.clone()
        )
        .increment(1);
    }
    let only = match of.services.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let call = UssdCall {
        link: link.clone(),
        services: of.services.clone(),
        service: meant.service.or(only),
        subscriber,
        session: heard.session.clone(),
        repeat: meant.repeat,
        input: meant.input,
        at,
    };
    let spoken = call.clone();
    let reply = match door.gateway.begin_call(call).reply.await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(%link, panicked = error.is_panic(), "no answer");
            door.gateway.apology(&spoken, "failed")
        }
    };
    count(
        link.as_str(),
        if heard.is == Is::End {
            "closed"
        } else {
            "answered"
        },
    );
    of.shape.answer(&heard, &reply)
}

/// What cannot be taken, with a line in the log: an operator that is refused all night is to be
/// seen there.
fn refused(link: &LinkName, of: &UssdLink, error: &CallbackError) -> Answer {
    tracing::warn!(%link, status = error.status(), %error, "callback refused");
    count(link.as_str(), "refused");
    let mut answer = of.shape.refuse(error.status(), &error.to_string());
    if answer.status == 405 {
        answer
            .headers
            .push(("allow".to_owned(), of.shape.methods.join(", ")));
    }
    answer
}

/// One more callback of a link, and what became of it.
fn count(link: &str, outcome: &'static str) {
    metrics::counter!("jisr_callbacks_total", "link" => link.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// Why a body did not come whole.
pub(super) enum BodyFault {
    /// It is larger than the limit.
    TooLarge,
    /// The connection ended before it did.
    Cut,
    /// It took longer than the limit.
    Late,
}

impl BodyFault {
    /// The answer to it.
    pub(super) fn answer(&self, link: &str) -> Answer {
        let (status, detail) = match self {
            Self::TooLarge => (413, "the body is too large"),
            Self::Cut => (400, "the body was cut"),
            Self::Late => (408, "the body took too long"),
        };
        tracing::warn!(link, status, detail, "callback refused");
        let mut answer = problem(status, detail);
        if !matches!(self, Self::Cut) {
            answer.headers.push(("connection".into(), "close".into()));
        }
        answer
    }
}

/// A body, whole and within its limits.
pub(super) async fn whole(
    body: Body,
    bytes_max: usize,
    time: Duration,
) -> Result<axum::body::Bytes, BodyFault> {
    let limited = Limited::new(body, bytes_max);
    match tokio::time::timeout(time, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Ok(Err(_cut)) => Err(BodyFault::Cut),
        Err(_late) => Err(BodyFault::Late),
    }
}

/// An answer of the pure floor as this door sends it.
pub(super) fn sent(answer: Answer) -> Response {
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
