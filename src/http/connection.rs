//! A connection whose request head must arrive, and whose answer must be taken, in time.
//!
//! hyper's own header timer also runs while a kept-alive connection is idle, so that one number
//! would have to serve for both. Here the timer starts with the first byte of a request. For answers
//! hyper has none: whoever asks and never reads would hold its place for good.

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

/// A stream that fails when a request head takes too long, or when nothing of an answer is taken for
/// too long.
pub struct Timed<T> {
    stream: T,
    busy: Busy,
    head: Duration,
    taken: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<T> Timed<T> {
    /// Times the heads on `stream`, and how long a write may stand still.
    pub fn new(stream: T, busy: Busy, head: Duration, taken: Duration) -> Self {
        Self {
            stream,
            busy,
            head,
            taken,
            timer: None,
            stuck: None,
        }
    }

    /// What a write came to, or an error when none has gone on for too long.
    fn unstuck<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.taken)));
        if stuck.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the answer was not taken",
            )));
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
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

impl<T: AsyncWrite + Unpin> AsyncWrite for Timed<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.unstuck(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.unstuck(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.unstuck(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HEAD: Duration = Duration::from_secs(3);
    const TAKEN: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_ends_it() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut timed = Timed::new(server, Busy::default(), HEAD, TAKEN);
        let began = Instant::now();
        let writes = tokio::spawn(async move { timed.write_all(&[0; 64 * 4]).await });
        // Slowly taken is taken.
        for _ in 0..2 {
            tokio::time::sleep(TAKEN / 2 + HEAD).await;
            client.read_exact(&mut [0; 64]).await.unwrap();
        }
        let error = writes.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), (TAKEN * 2 + HEAD * 2).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_waits_and_a_slow_head_does_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let busy = Busy::default();
        let mut timed = Timed::new(server, busy.clone(), HEAD, TAKEN);
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
        let mut timed = Timed::new(server, busy.clone(), HEAD, TAKEN);
        let mut bytes = [0; 16];
        client.write_all(b"POST").await.unwrap();
        assert_eq!(timed.read(&mut bytes).await.unwrap(), 4);
        busy.begin();
        let waits = tokio::time::timeout(Duration::from_secs(10), timed.read(&mut bytes)).await;
        assert!(waits.is_err());
    }
}
