//! A link over SMPP: the task that owns the socket and does what the session says.

mod handle;
mod inbox;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::{Chance, Clock, Moment};
use crate::outbox::PartReport;
use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::frame::{self, Frame, Raw};
pub use crate::smpp::link::handle::LinkHandle;
use crate::smpp::link::handle::{Far, Request};
pub use crate::smpp::link::inbox::Inbox;
use crate::smpp::link::inbox::{count, take_in};
use crate::smpp::retry::{Attempt, Retry};
use crate::smpp::session::{Close, Delivered, Input, Odd, Output, Session};
use crate::store::PartOutcome;

/// Room for one read.
const READ_LEN: usize = 8 * 1024;

/// With so many octets unwritten, nothing more is read or submitted.
const WRITE_LEN_MAX: usize = 256 * 1024;

/// How long the last octets of a connection may take.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Makes a link: the handle for the outbox, and the task, which connects, binds and keeps on until
/// [`LinkHandle::stop`].
pub fn open<I: Inbox>(
    config: SmppConfig,
    inbox: Arc<I>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> (LinkHandle, impl Future<Output = ()> + Send + 'static) {
    let config = Arc::new(config);
    let (handle, far) = LinkHandle::new(Arc::clone(&config), Arc::clone(&clock));
    let time = Time {
        base: clock.now(),
        from: Instant::now(),
    };
    let link = Link {
        config,
        inbox,
        clock,
        chance,
        time,
        far,
    };
    (handle, link.run())
}

/// A clock for time-outs, which nobody can set back.
#[derive(Clone, Copy)]
struct Time {
    base: Moment,
    from: Instant,
}

impl Time {
    fn now(self) -> Moment {
        self.base.plus(self.from.elapsed())
    }

    fn instant(self, moment: Moment) -> Instant {
        self.from + moment.since(self.base)
    }
}

struct Link<I> {
    config: Arc<SmppConfig>,
    inbox: Arc<I>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    time: Time,
    far: Far,
}

impl<I: Inbox> Link<I> {
    async fn run(mut self) {
        let mut retry = Retry::new(self.config.retry);
        // A bind whose end the ledger does not know yet.
        let mut unclosed = None;
        while !self.is_stopping() {
            let attempt = self.attempt(&mut unclosed).await;
            if self.is_stopping() {
                break;
            }
            let pause = retry.pause(attempt, self.time.now(), self.chance());
            tracing::warn!(link = %self.config.name, pause_ms = pause.as_millis(), "connecting again after a pause");
            self.rest(pause).await;
        }
        self.far.requests.close();
        not_sent(&mut self.far.requests);
        self.settle(&mut unclosed).await;
    }

    fn is_stopping(&self) -> bool {
        // A sender that is gone means that no handle is left.
        *self.far.stop.borrow() || self.far.stop.has_changed().is_err()
    }

    fn chance(&self) -> u64 {
        let mut octets = [0; 8];
        self.chance.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    /// Waits, and meanwhile sends back what still comes.
    async fn rest(&mut self, pause: Duration) {
        let end = sleep(pause);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                () = stopped(&mut self.far.stop) => return,
                Some(request) = self.far.requests.recv() => request.end(PartOutcome::NotSent),
            }
        }
    }

    /// Tells the ledger of a closed bind. Without that, repeats of its messages would not be
    /// recognised on the next one.
    async fn settle(&self, unclosed: &mut Option<u64>) -> bool {
        let Some(bind) = *unclosed else { return true };
        let wait = Duration::from_millis(self.config.accept_ms);
        let recorded = matches!(
            timeout(wait, self.inbox.closed(&self.config.name, bind)).await,
            Ok(Ok(()))
        );
        if recorded {
            *unclosed = None;
        } else {
            tracing::warn!(link = %self.config.name, "the end of the bind could not be recorded");
        }
        recorded
    }

    /// One connection, from the attempt to its end.
    async fn attempt(&mut self, unclosed: &mut Option<u64>) -> Attempt {
        if !self.settle(unclosed).await {
            return Attempt::Failed;
        }
        let config = Arc::clone(&self.config);
        let connected = tokio::select! {
            connected = timeout(
                Duration::from_millis(config.connect_ms),
                TcpStream::connect((config.host.as_str(), config.port)),
            ) => connected,
            () = stopped(&mut self.far.stop) => return Attempt::Failed,
        };
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::warn!(link = %config.name, kind = ?error.kind(), "no connection");
                return Attempt::Failed;
            }
            Err(_) => {
                tracing::warn!(link = %config.name, "no connection in time");
                return Attempt::Failed;
            }
        };
        // 63 bits, which fit a signed column.
        let bind = self.chance() >> 1;
        let attempt = self.serve(stream, bind).await;
        if matches!(attempt, Attempt::Bound(_)) {
            *unclosed = Some(bind);
            self.settle(unclosed).await;
        }
        attempt
    }

    /// Carries a connection through to its end.
    async fn serve(&mut self, stream: TcpStream, bind: u64) -> Attempt {
        // Small PDUs are batched here already; the answer to one must not wait for another.
        if stream.set_nodelay(true).is_err() {
            return Attempt::Failed;
        }
        let mut outputs = Vec::new();
        let opened = Session::open(
            self.config.numbers(),
            self.config.bind(),
            self.time.now(),
            &mut outputs,
        );
        let mut session = match opened {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(link = %self.config.name, field = error.field, "a setting does not fit the bind");
                return Attempt::Refused;
            }
        };
        let mut serving = Serving {
            config: Arc::clone(&self.config),
            inbox: Arc::clone(&self.inbox),
            clock: Arc::clone(&self.clock),
            bind,
            out: BytesMut::new(),
            errands: FuturesUnordered::new(),
            waiting: HashMap::new(),
            bound_at: None,
        };
        let (mut reader, mut writer) = stream.into_split();
        let mut buffer = BytesMut::new();
        let mut stopping = false;

        let why = loop {
            let close = serving.obey(&mut outputs, self.time.now(), &self.far.up);
            if let Some(why) = close {
                break why;
            }
            let may_read = serving.has_room();
            if may_read {
                let cut = frame::cut(&mut buffer);
                let input = match cut {
                    Ok(Some(frame)) => Some(Input::Frame(frame)),
                    Ok(None) if buffer.is_empty() => None,
                    Ok(None) => {
                        session.on(Input::Partial, self.time.now(), &mut outputs);
                        None
                    }
                    Err(error) => Some(Input::Broken(error)),
                };
                if let Some(input) = input {
                    session.on(input, self.time.now(), &mut outputs);
                    continue;
                }
                buffer.reserve(READ_LEN);
            }
            let due = session
                .due()
                .map_or(Instant::now(), |due| self.time.instant(due));
            let input = tokio::select! {
                read = reader.read_buf(&mut buffer), if may_read => match read {
                    Ok(0) | Err(_) => Input::Lost,
                    Ok(_) => continue,
                },
                written = writer.write_buf(&mut serving.out), if serving.out.has_remaining() => match written {
                    Ok(0) | Err(_) => Input::Lost,
                    Ok(_) => continue,
                },
                Some(done) = serving.errands.next() => match done {
                    Some((delivered, status)) => Input::Answer(delivered, status),
                    None => continue,
                },
                Some(request) = self.far.requests.recv(), if session.has_room() && serving.has_room() => {
                    if request.is_stale() {
                        request.end(PartOutcome::NotSent);
                        continue;
                    }
                    let Request { ticket, pdu, reply, .. } = request;
                    serving.waiting.insert(ticket.number, reply);
                    Input::Submit(ticket, Raw(pdu))
                },
                () = sleep_until(due) => Input::Tick,
                () = stopped(&mut self.far.stop), if !stopping => {
                    stopping = true;
                    self.far.up.send_replace(false);
                    Input::Stop
                },
            };
            session.on(input, self.time.now(), &mut outputs);
        };

        self.far.up.send_replace(false);
        not_sent(&mut self.far.requests);
        if self.is_stopping() {
            tracing::info!(link = %self.config.name, ?why, "the connection ends");
        } else {
            tracing::warn!(link = %self.config.name, ?why, "the connection ends");
        }
        // What cannot be written now is lost with the connection either way.
        if timeout(LAST_WRITE, writer.write_all_buf(&mut serving.out))
            .await
            .is_ok_and(|done| done.is_ok())
        {
            drop(timeout(LAST_WRITE, writer.shutdown()).await);
        }
        // Each has its own deadline.
        while serving.errands.next().await.is_some() {}

        match (serving.bound_at, why) {
            (Some(at), _) => Attempt::Bound(self.time.now().since(at)),
            (None, Close::Refused(status)) if status.is_about_credentials() => Attempt::Refused,
            (None, _) => Attempt::Failed,
        }
    }
}

/// Returns once the link is to stop, or nobody holds it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Sends back what waits for a window that is not there.
fn not_sent(requests: &mut mpsc::Receiver<Request>) {
    while let Ok(request) = requests.try_recv() {
        request.end(PartOutcome::NotSent);
    }
}

/// What is going on for a delivery; it ends with what to answer, if anything.
type Errand = Pin<Box<dyn Future<Output = Option<(Delivered, Status)>> + Send>>;

/// What belongs to one connection beside its session.
struct Serving<I> {
    config: Arc<SmppConfig>,
    inbox: Arc<I>,
    clock: Arc<dyn Clock>,
    bind: u64,
    /// Octets to be written.
    out: BytesMut,
    /// Deliveries in the ledger's hands. They are begun in the order in which they came.
    errands: FuturesUnordered<Errand>,
    /// Who waits for which ticket.
    waiting: HashMap<u64, oneshot::Sender<PartOutcome>>,
    bound_at: Option<Moment>,
}

impl<I: Inbox> Serving<I> {
    /// Whether more may be begun.
    fn has_room(&self) -> bool {
        self.errands.len() < self.config.inbound.max(1) && self.out.len() < WRITE_LEN_MAX
    }

    /// Does what the session says; the last of it may be to close.
    fn obey(
        &mut self,
        outputs: &mut Vec<Output>,
        now: Moment,
        up: &watch::Sender<bool>,
    ) -> Option<Close> {
        let mut close = None;
        for output in outputs.drain(..) {
            match output {
                Output::Write(Raw(octets)) => self.out.extend_from_slice(&octets),
                Output::Bound => {
                    self.bound_at = Some(now);
                    up.send_replace(true);
                    tracing::info!(link = %self.config.name, "bound");
                }
                Output::Deliver(delivered, frame) => self.deliver(delivered, frame),
                Output::Done(ticket, outcome) => {
                    if let Some(reply) = self.waiting.remove(&ticket.number) {
                        // Whoever asked may have gone; the ledger then has it as unknown.
                        drop(reply.send(outcome));
                    }
                }
                Output::Late(ticket, outcome) => {
                    let inbox = Arc::clone(&self.inbox);
                    let report = PartReport {
                        part: ticket.part,
                        parts: ticket.parts,
                        outcome,
                    };
                    let wait = Duration::from_millis(self.config.accept_ms);
                    self.errands.push(Box::pin(async move {
                        drop(timeout(wait, inbox.late(ticket.message, report)).await);
                        None
                    }));
                }
                Output::Odd(odd) => self.count(odd),
                Output::Close(why) => close = Some(why),
            }
        }
        close
    }

    fn deliver(&mut self, delivered: Delivered, frame: Frame) {
        let at = self.clock.now();
        let (config, inbox, bind) = (Arc::clone(&self.config), Arc::clone(&self.inbox), self.bind);
        self.errands.push(Box::pin(async move {
            let status = take_in(&config, inbox.as_ref(), bind, at, &frame).await;
            Some((delivered, status))
        }));
    }

    fn count(&self, odd: Odd) {
        let kind = match odd {
            Odd::Stray(_) => "stray_octets",
            Odd::UnknownCommand => "unknown_command",
            Odd::BadBody => "bad_body",
            Odd::Unasked => "unasked_answer",
            Odd::Misplaced => "misplaced_request",
            Odd::Ignored => "ignored",
        };
        count(&self.config.name, kind);
    }
}

#[cfg(test)]
mod tests;
