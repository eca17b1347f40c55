//! The administration listener: whether it lives, whether it can work, its figures, its documents,
//! and the phones of a sandbox link.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::callback::LinkName;
use crate::clock::Clock;
use crate::desk::Registry;
use crate::drawer::Drawer;
use crate::gateway::Gateway;
use crate::http::docs::Docs;
use crate::http::entry::sent;
use crate::http::sandbox;
use crate::operator::reply;
use crate::smpp::link::LinkHandle;
use crate::smpp::status::{BindState, BindStatus, LinkStatus};
use crate::store::by_hand::Hold;
use crate::store::{MessageState, Store};

/// An error for people at this listener (RFC 9457).
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    sent(reply::problem(status.as_u16(), detail))
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
    /// Whether the outbox is held.
    pub held: watch::Receiver<Option<Hold>>,
    /// The OpenAPI document and its page.
    pub docs: Docs,
}

/// The routes of the administration listener.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready::<S, R>))
        .route("/metrics", get(figures::<S, R>))
        .route("/links", get(links::<S, R>))
        .route("/docs", get(|| async { Docs::moved() }))
        .route("/docs/", get(page::<S, R>))
        .route("/docs/openapi.json", get(document::<S, R>))
        .route("/docs/{file}", get(page_file::<S, R>));
    // Without a sandbox link there are no phones, and nothing to ask of them.
    let router = if door.drawers.is_empty() {
        router
    } else {
        router
            .route("/sandbox/sms/{number}", get(sandbox::letters::<S, R>))
            .route("/sandbox/sms", post(sandbox::text::<S, R>))
    };
    router
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async {
            problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "there is no such method here; the header Allow has those that there are",
            )
        })
        .with_state(door)
}

fn nothing_here() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "there is nothing here; /docs says what there is",
    )
}

async fn page<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    door.docs.file("").unwrap_or_else(nothing_here)
}

async fn page_file<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    file: Result<Path<String>, PathRejection>,
) -> Response {
    let file = file.ok().and_then(|Path(name)| door.docs.file(&name));
    file.unwrap_or_else(nothing_here)
}

async fn document<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    door.docs.document()
}

async fn ready<S: Store, R: Registry>(State(door): State<Arc<Door<S, R>>>) -> Response {
    match door.gateway.store.ready().await {
        // Callbacks are answered all the same: whoever asks whether to send them here is told yes.
        Ok(()) => match &*door.held.borrow() {
            None => "ready\n".into_response(),
            Some(held) => format!(
                "ready\nthe outbox is HELD since {}: {}; to let messages go: jisr outbox release\n",
                jiff::Timestamp::from_millisecond(held.begun_at.ms()).unwrap_or_default(),
                held.why.told()
            )
            .into_response(),
        },
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
