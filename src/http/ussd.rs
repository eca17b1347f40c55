//! `POST /ussd/{link}`: an operator's USSD callback.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::callback::{LinkName, ServiceName};
use crate::clock::Clock;
use crate::desk::Registry;
use crate::gateway::Gateway;
use crate::operator::{CallbackError, africastalking};
use crate::store::Store;

/// What this door needs.
pub struct Door<S, R> {
    /// The gateway.
    pub gateway: Arc<Gateway<S, R>>,
    /// The clock that is read once a callback.
    pub clock: Arc<dyn Clock>,
    /// The links that call here, with the services each reaches.
    pub links: BTreeMap<LinkName, Vec<ServiceName>>,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// How long a body may take.
    pub body_time: Duration,
}

/// The routes of the operators' listener.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    Router::new()
        .route("/ussd/{link}", post(callback::<S, R>))
        .fallback(|| async {
            problem(
                StatusCode::NOT_FOUND,
                "there is nothing here; USSD callbacks go to POST /ussd/LINK",
            )
        })
        .method_not_allowed_fallback(|| async {
            problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "USSD callbacks are sent by POST",
            )
        })
        .with_state(door)
}

async fn callback<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    link: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let Ok(Path(link)) = link else {
        return refused("", StatusCode::NOT_FOUND, "no such link");
    };
    let link = LinkName(link);
    let Some(services) = door.links.get(&link) else {
        return refused("", StatusCode::NOT_FOUND, "no such link");
    };
    if !is_form(request.headers()) {
        return refused(
            link.as_str(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected application/x-www-form-urlencoded",
        );
    }
    let body = match body(&door, &link, request).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let at = door.clock.now();
    let form = match africastalking::Form::parse(&body) {
        Ok(form) => form,
        Err(error) => return refuse(&link, error),
    };
    let book = door.gateway.book();
    let service = services.iter().find(|name| {
        book.services
            .get(*name)
            .is_some_and(|service| service.ussd.contains(&form.service_code))
    });
    let Some(service) = service.cloned() else {
        return refuse(&link, CallbackError::NoService("serviceCode"));
    };
    let callback = form.into_callback(link.clone(), service.clone(), at);
    let reply = match door.gateway.begin(callback).reply.await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(%link, panicked = error.is_panic(), "no answer");
            book.apology(&link, &service, "failed")
        }
    };
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        africastalking::body(&reply),
    )
        .into_response()
}

async fn body<S, R>(
    door: &Door<S, R>,
    link: &LinkName,
    request: Request<Body>,
) -> Result<Vec<u8>, Response> {
    let limited = Limited::new(request.into_body(), door.body_bytes_max);
    match tokio::time::timeout(door.body_time, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(refused(
            link.as_str(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
        )),
        Ok(Err(_cut)) => Err(refused(
            link.as_str(),
            StatusCode::BAD_REQUEST,
            "the body was cut",
        )),
        Err(_late) => {
            let mut late = refused(
                link.as_str(),
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long",
            );
            late.headers_mut().insert(
                header::CONNECTION,
                header::HeaderValue::from_static("close"),
            );
            Err(late)
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

fn refuse(link: &LinkName, error: CallbackError) -> Response {
    tracing::warn!(%link, %error, "callback refused");
    problem(StatusCode::BAD_REQUEST, &error.to_string())
}

/// [`problem`], with a line in the log: an operator that is refused all night is to be seen there.
/// A link that there is not goes without its name, which anybody may have sent.
fn refused(link: &str, status: StatusCode, detail: &str) -> Response {
    tracing::warn!(link, status = status.as_u16(), detail, "callback refused");
    problem(status, detail)
}

/// An error for the operator's engineer (RFC 9457), which names the place and never the content.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "status": status.as_u16(),
        "title": status.canonical_reason().unwrap_or("error"),
        "detail": detail,
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}
