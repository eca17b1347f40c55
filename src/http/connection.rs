//! A connection whose request head must arrive in time.
//!
//! hyper's own header timer also runs while a kept-alive connection is idle, so that one number
//! would have to serve for both. Here the timer starts with the first byte of a request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Whether a request is being answered, told by the service to its connection.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    /// The head has arrived.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The answer is ready; the next byte begins another head.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that fails when a request head takes too long.
pub struct HeadTimed<T> {
    stream: T,
    busy: Busy,
    head: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> HeadTimed<T> {
    /// Times the heads on `stream`.
    pub fn new(stream: T, busy: Busy, head: Duration) -> Self {
        Self {
            stream,
            busy,
            head,
            timer: None,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HeadTimed<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.busy.is() {
            this.timer = None;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if !this.busy.is() && this.timer.is_none() && buffer.filled().len() > before {
            this.timer = Some(Box::pin(tokio::time::sleep_until(
                Instant::now() + this.head,
            )));
        }
        if polled.is_pending()
            && let Some(timer) = &mut this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the request head took too long",
            )));
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HeadTimed<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_waits_and_a_slow_head_does_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let busy = Busy::default();
        let mut timed = HeadTimed::new(server, busy.clone(), Duration::from_secs(3));
        let mut bytes = [0; 16];

        // Idle: nothing happens for longer than the head may take.
        let idle = tokio::time::timeout(Duration::from_secs(10), timed.read(&mut bytes)).await;
        assert!(idle.is_err());

        client.write_all(b"POST").await.unwrap();
        assert_eq!(timed.read(&mut bytes).await.unwrap(), 4);
        let error = timed.read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_under_way_stops_the_timer() {
        let (mut client, server) = tokio::io::duplex(64);
        let busy = Busy::default();
        let mut timed = HeadTimed::new(server, busy.clone(), Duration::from_secs(3));
        let mut bytes = [0; 16];
        client.write_all(b"POST").await.unwrap();
        assert_eq!(timed.read(&mut bytes).await.unwrap(), 4);
        busy.begin();
        let waits = tokio::time::timeout(Duration::from_secs(10), timed.read(&mut bytes)).await;
        assert!(waits.is_err());
    }
}
