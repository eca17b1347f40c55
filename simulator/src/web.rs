//! Serves an axum router on the loopback, for the registry, the page and the tests' stubs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 256;

/// A head that takes longer closes the connection.
const HEAD_WAIT: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on a port of the loopback; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(router: Router, port: u16) -> io::Result<Self> {
        Self::start_at(router, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// Serves `router` on an address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_at(router: Router, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            address,
            serving: tokio::spawn(serve(listener, router)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as the beginning of a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    // Dropped with this task, it ends every connection too.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let router = router.clone();
        connections.spawn(async move {
            let service = TowerToHyperService::new(router);
            // A connection that breaks concerns nobody but its peer.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WAIT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}
