//! The administration listener: whether it lives, whether it can work, its figures, and the phones
//! of a sandbox link.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;

use crate::callback::{LinkName, Msisdn};
use crate::clock::Clock;
use crate::desk::Registry;
use crate::drawer::Drawer;
use crate::gateway::Gateway;
use crate::http::callbacks::sent;
use crate::operator::ussd;
use crate::smpp::link::LinkHandle;
use crate::smpp::status::{BindState, BindStatus, LinkStatus};
use crate::store::{MessageState, NewSms, Store};

/// An error for people at this listener (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response {
    sent(ussd::problem(status.as_u16(), detail))
}

/// What this door needs.
pub struct Door<S, R> {
    /// The gateway.
    pub gateway: Arc<Gateway<S, R>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The figures.
    pub metrics: PrometheusHandle,
    /// The drawers of sandbox links.
    pub drawers: BTreeMap<LinkName, Arc<Drawer>>,
    /// The links over SMPP.
    pub links: Vec<Arc<LinkHandle>>,
}

/// The routes of the administration listener.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready::<S, R>))
        .route("/metrics", get(figures::<S, R>))
        .route("/links", get(links::<S, R>))
        .route("/sandbox/sms/{number}", get(letters::<S, R>))
        .route("/sandbox/sms", post(text::<S, R>))
        .fallback(|| async {
            problem(
                StatusCode::NOT_FOUND,
                "there is /livez, /readyz, /metrics and /links",
            )
        })
        .with_state(door)
}

async fn ready<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    match door.gateway.store.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

async fn figures<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    match door.gateway.store.message_counts().await {
        Ok(counts) => {
            for state in MessageState::ALL {
                metrics::gauge!("jisr_messages", "state" => state.name()).set(0.0);
            }
            for (state, count) in counts {
                metrics::gauge!("jisr_messages", "state" => state.name()).set(precise(count));
            }
            for link in &door.links {
                tell(&link.status());
            }
            (
                [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                door.metrics.render(),
            )
                .into_response()
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// How the links stand.
async fn links<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    let links: Vec<_> = door.links.iter().map(|link| link.status()).collect();
    Json(links).into_response()
}

/// The figures of one link: what `/links` has.
fn tell(link: &LinkStatus) {
    let name = || link.link.clone();
    for state in BindState::ALL {
        let binds = link.binds.iter().filter(|bind| bind.state == state).count();
        metrics::gauge!("jisr_smpp_binds", "link" => name(), "state" => state.as_str())
            .set(precise(binds as u64));
    }
    let sum =
        |of: fn(&BindStatus) -> usize| precise(link.binds.iter().map(of).sum::<usize>() as u64);
    metrics::gauge!("jisr_smpp_window_used", "link" => name()).set(sum(|bind| bind.in_flight));
    metrics::gauge!("jisr_smpp_window", "link" => name()).set(sum(|bind| bind.window));
    metrics::gauge!("jisr_smpp_waiting", "link" => name()).set(precise(link.queued as u64));
    // No limit is the highest rate.
    metrics::gauge!("jisr_smpp_rate", "link" => name()).set(link.rate.unwrap_or(f64::INFINITY));
    for (event, count) in link.figures().named() {
        metrics::counter!("jisr_smpp_events_total", "link" => name(), "event" => event)
            .absolute(count);
    }
}

/// A count as a gauge has it; exact up to 2^53.
#[allow(
    clippy::cast_precision_loss,
    reason = "counts of messages stay far below 2^53"
)]
fn precise(count: u64) -> f64 {
    count as f64
}

/// What a phone of the sandbox has received.
async fn letters<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = Msisdn::parse(&number) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the path does not end in a phone number",
        );
    };
    if door.drawers.is_empty() {
        return problem(StatusCode::NOT_FOUND, "no link is of kind sandbox");
    }
    let letters: Vec<_> = door
        .drawers
        .values()
        .flat_map(|drawer| drawer.of(&number))
        .collect();
    Json(letters).into_response()
}

/// A text from a phone of the sandbox.
#[derive(Deserialize)]
struct Text {
    from: String,
    to: String,
    text: String,
}

async fn text<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    Form(text): Form<Text>,
) -> Response {
    let Some(link) = door.drawers.keys().next() else {
        return problem(StatusCode::NOT_FOUND, "no link is of kind sandbox");
    };
    let Ok(from) = Msisdn::parse(&text.from) else {
        return problem(StatusCode::BAD_REQUEST, "field from is not a phone number");
    };
    let book = door.gateway.book();
    let Some(service) = book
        .services
        .values()
        .find(|service| service.sms.contains(&text.to))
    else {
        return problem(
            StatusCode::BAD_REQUEST,
            "field to is no short number of a service",
        );
    };
    let at = door.clock.now();
    let bytes = [
        text.from.as_bytes(),
        text.to.as_bytes(),
        text.text.as_bytes(),
        &at.ms().to_be_bytes(),
    ];
    let fingerprint = door.gateway.store.mark("sandbox-sms", &bytes);
    let sms = NewSms {
        link: link.clone(),
        service: service.name.clone(),
        subscriber: from,
        to: text.to.clone(),
        text: text.text.clone(),
        message_id: None,
        fingerprint,
        bind: 0,
        part: None,
        at,
    };
    match door.gateway.accept_sms(sms).await {
        Ok(_) => (StatusCode::ACCEPTED, "taken\n").into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}
