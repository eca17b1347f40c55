//! Fresh connections for operators that close theirs behind an answer without a word.
//!
//! A request that is written in the moment in which its idle connection is closed has an unknown
//! outcome, and may not be sent again (RFC 9112, section 9.3.1). So the operator that did this once
//! gets a connection for each request for a while.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::http::Extensions;
use hyper_util::client::legacy::connect::{Connected, HttpInfo};
use tokio::time::Instant;

use crate::callback::LinkName;

/// How long connections are fresh after one that was reused broke.
const FRESH_FOR: Duration = Duration::from_secs(10 * 60);
/// Connections at most that are known to have been used. Beyond them all are forgotten, and a break
/// of one that lives still is taken for that of a fresh one, once.
const USED_MAX: usize = 1_024;

/// Whether a link's requests go over connections of their own.
pub(super) struct Fresh {
    link: LinkName,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Our ends of connections that carried a request.
    used: HashSet<SocketAddr>,
    until: Option<Instant>,
}

impl Fresh {
    pub(super) fn new(link: LinkName) -> Self {
        Self {
            link,
            state: Mutex::default(),
        }
    }

    /// Whether the next request gets a fresh connection.
    pub(super) fn wanted(&self) -> bool {
        let mut state = self.state();
        let wanted = state.until.is_some_and(|until| Instant::now() < until);
        if !wanted && state.until.take().is_some() {
            state.used.clear();
        }
        wanted
    }

    /// Whether a connection has carried a request before this one.
    pub(super) fn is_reused(&self, connection: &Connected) -> bool {
        let mut known = Extensions::new();
        connection.get_extras(&mut known);
        let ours = known.get::<HttpInfo>().map(HttpInfo::local_addr);
        ours.is_some_and(|ours| self.carries(ours))
    }

    fn carries(&self, ours: SocketAddr) -> bool {
        let mut state = self.state();
        // Nothing is reused meanwhile, though a port may come again.
        if state.until.is_some() {
            return false;
        }
        if state.used.len() >= USED_MAX {
            state.used.clear();
        }
        !state.used.insert(ours)
    }

    /// A connection that was reused broke behind a request, without an answer.
    pub(super) fn broke(&self) {
        self.state().until = Some(Instant::now() + FRESH_FOR);
        metrics::counter!("jisr_api_closed_unsaid_total", "link" => self.link.as_str().to_owned())
            .increment(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::exchange::{ApiSettings, Broken, Exchange};

    /// An operator that answers the first request of a connection, and closes it behind having read
    /// the second.
    async fn closes_unsaid() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut read = [0; 1024];
                    let _read = stream.read(&mut read).await.unwrap();
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    stream.write_all(answer).await.unwrap();
                    drop(stream.read(&mut read).await);
                });
            }
        });
        url
    }

    #[tokio::test]
    async fn one_is_lost_and_no_more() {
        let url = closes_unsaid().await;
        let exchange = Exchange::new(&ApiSettings::of(LinkName::from("op"))).unwrap();
        let send = async || {
            let mut request = Request::new(Full::new(Bytes::from_static(b"x")));
            *request.method_mut() = hyper::Method::POST;
            *request.uri_mut() = url.parse().unwrap();
            exchange
                .send(request)
                .await
                .map(|returned| returned.status.as_u16())
        };
        assert_eq!(send().await, Ok(200));
        assert_eq!(
            send().await,
            Err(Broken::Unanswered("the connection broke"))
        );
        for _ in 0..20 {
            assert_eq!(send().await, Ok(200));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_while_connections_are_kept_again() {
        let fresh = Fresh::new(LinkName::from("op"));
        let ours = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert!(!fresh.carries(ours(1)) && fresh.carries(ours(1)) && !fresh.wanted());
        fresh.broke();
        assert!(fresh.wanted() && !fresh.carries(ours(1)));
        tokio::time::advance(FRESH_FOR).await;
        assert!(!fresh.wanted() && !fresh.carries(ours(1)));
        for port in 2..2_000 {
            assert!(!fresh.carries(ours(port)));
        }
        assert!(fresh.state().used.len() <= USED_MAX);
    }
}
