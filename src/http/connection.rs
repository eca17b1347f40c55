//! A connection whose request head must arrive, and whose answer must be taken, in time.
//!
//! hyper's own header timer also runs while a kept-alive connection is idle, so that one number
//! would have to serve for both. Here the timer starts with the first byte of a request. For answers
//! hyper has none: whoever asks and never reads would hold its place for good. And where an answer
//! comes before the whole request did, hyper closes at once, which takes the answer from the hands of
//! whoever still sends: here what still comes is thrown away first (RFC 9112, section 9.6).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long what still comes is thrown away once the last answer is out.
const LINGER: Duration = Duration::from_secs(2);

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
    /// Our side is closed; until then the other one may still send.
    linger: Option<Pin<Box<Sleep>>>,
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
            linger: None,
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

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Timed<T> {
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
        if this.linger.is_none() {
            let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.unstuck(cx, shut))?;
        }
        let linger = this
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let mut waste = [0; 4096];
        while linger.as_mut().poll(cx).is_pending() {
            let mut waste = ReadBuf::new(&mut waste);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut waste)) {
                Ok(()) if !waste.filled().is_empty() => {}
                // The other side has closed as well, or is gone.
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
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
    async fn whoever_still_sends_gets_the_answer() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut timed = Timed::new(server, Busy::default(), HEAD, TAKEN);
        let serves = tokio::spawn(async move {
            timed.write_all(b"413").await.unwrap();
            timed.shutdown().await.unwrap();
        });
        client.write_all(&[b'x'; 64 * 1024]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "413");
        drop(client);
        let began = Instant::now();
        serves.await.unwrap();
        assert!(began.elapsed() < LINGER, "it waits for nobody");

        // Not for good.
        let (_client, server) = tokio::io::duplex(64);
        let mut timed = Timed::new(server, Busy::default(), HEAD, TAKEN);
        timed.shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
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
