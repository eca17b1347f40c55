//! The accept loop: hyper's HTTP/1 server with every deadline and limit set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use crate::brake::Brake;
use crate::http::caller::Peer;
use crate::http::connection::{Busy, Timed};
use crate::http::tls::{Certificates, Outcome};

/// Bytes of a request head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header fields of a request.
const FIELDS_MAX: usize = 32;
/// How long open connections may take to end at a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What a server keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; one that still shakes hands is one of them.
    pub connections_max: usize,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Silence between requests, and while an answer waits to be taken.
    pub idle: Duration,
}

/// Serves until `stop` is told, then lets open requests end. With `tls` every connection begins with
/// a handshake. Each request has its [`Peer`] among its extensions.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Certificates>>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let brake = Arc::new(Brake::default());
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
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
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
        let peer = Peer {
            address: from.ip().to_canonical(),
            certificate: None,
        };
        let (router, watcher) = (router.clone(), graceful.watcher());
        let (tls, mut stop, brake) = (tls.clone(), stop.clone(), Arc::clone(&brake));
        // Its own task, so that nobody waits for the handshake of another.
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, router, limits, watcher).await,
                Some(tls) => {
                    let shaken = tokio::select! {
                        shaken = tls.shake(stream, limits.handshake) => shaken,
                        _ = stop.changed() => return,
                    };
                    match shaken {
                        Ok(stream) => {
                            let certificate = shown(&stream);
                            let peer = Peer {
                                certificate,
                                ..peer
                            };
                            converse(stream, peer, router, limits, watcher).await;
                        }
                        Err((outcome, error)) => unshaken(&brake, from, outcome, &error),
                    }
                }
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

/// Answers the requests of one connection until it ends.
async fn converse<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: T,
    peer: Peer,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) {
    let busy = Busy::default();
    let timed = Timed::new(stream, busy.clone(), limits.head, limits.idle);
    let io = TokioIo::new(timed);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let (router, busy) = (router.clone(), busy.clone());
        busy.begin();
        request.extensions_mut().insert(peer.clone());
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
    // A connection that ends badly is the other side's business; its requests had answers.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// The certificate that the other side has shown, which was proven in the handshake.
fn shown(stream: &TlsStream<TcpStream>) -> Option<Arc<[u8]>> {
    let (_, connection) = stream.get_ref();
    let leaf = connection.peer_certificates()?.first()?;
    Some(Arc::from(leaf.as_ref()))
}

/// An operator that comes without TLS or with a wrong certificate all night is to be seen in the
/// log; whoever only looks whether the port is open is not.
fn unshaken(brake: &Brake, from: SocketAddr, outcome: Outcome, error: &std::io::Error) {
    match outcome {
        Outcome::Plain | Outcome::Refused | Outcome::Late if brake.lets() => {
            tracing::warn!(%from, outcome = outcome.name(), %error, "no TLS handshake");
        }
        Outcome::Plain | Outcome::Refused | Outcome::Late | Outcome::Cut | Outcome::Done => {
            tracing::debug!(%from, outcome = outcome.name(), %error, "no TLS handshake");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Config, Http};
    use crate::http::tls::HANDSHAKE;

    #[test]
    fn the_guide_has_the_numbers() {
        let guide = include_str!("../../docs/listening.md");
        let http = Http::default();
        for row in [
            format!("| {} | `connections_max` |", http.connections_max),
            format!("| TLS handshake | {} s |", HANDSHAKE.as_secs()),
            format!("| {} ms | `header_ms` |", http.header_ms),
            format!("| {} KiB, {FIELDS_MAX} fields |", HEAD_BYTES_MAX / 1024),
            format!("| body | {} ms | `body_ms` |", http.body_ms),
            format!("| {} bytes | `body_bytes_max` |", http.body_bytes_max),
            format!("| {} ms | `idle_ms` |", http.idle_ms),
            format!("| at a stop | {} s |", DRAIN.as_secs()),
        ] {
            assert!(guide.contains(&row), "{row}");
        }
        let examples: Vec<&str> = guide.split("```toml\n").skip(1).collect();
        assert_eq!(examples.len(), 2);
        for example in examples {
            let example = example.split("```").next().unwrap();
            toml::from_str::<Config>(example).unwrap();
        }
    }
}
