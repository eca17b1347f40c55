//! The accept loop: hyper's HTTP/1 server with every deadline and limit set.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::http::connection::{Busy, HeadTimed};

/// Bytes of a request head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header fields of a request.
const FIELDS_MAX: usize = 32;
/// How long open connections may take to end at a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What a server keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Silence between requests.
    pub idle: Duration,
}

/// Serves until `stop` is told, then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stop.changed() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _from)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others have to end first.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let busy = Busy::default();
        let io = TokioIo::new(HeadTimed::new(stream, busy.clone(), limits.head));
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (router, busy) = (router.clone(), busy.clone());
            busy.begin();
            async move {
                let answer = router.oneshot(request.map(Body::new)).await;
                busy.end();
                answer
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(FIELDS_MAX)
            .serve_connection(io, service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A connection that ends badly is the other side's business; its requests had answers.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open at the stop");
    }
}
