//! One bind of a link: connecting, binding and carrying on, again and again.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::{Chance, Moment};
use crate::smpp::frame;
use crate::smpp::link::board::Record;
use crate::smpp::link::inbox::Inbox;
use crate::smpp::link::serving::Serving;
use crate::smpp::link::shared::Shared;
use crate::smpp::link::stream::{Stream, read_some, write_some};
use crate::smpp::retry::{Attempt, Retry};
use crate::smpp::session::{Close, Input, Session};
use crate::smpp::status::BindState;

/// What is taken off the time from which deliveries may come again: the runtime's time and the
/// clock's may differ by as much.
const UNREAD_SLACK: Duration = Duration::from_millis(50);

/// How often a bind that another node has is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How long the last octets of a connection may take.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// One bind of a link.
pub(super) struct BindTask<I> {
    pub shared: Arc<Shared>,
    pub inbox: Arc<I>,
    pub chance: Arc<dyn Chance>,
    /// Which of the link's binds this is.
    pub at: usize,
    pub stop: watch::Receiver<bool>,
}

impl<I: Inbox> BindTask<I> {
    /// Connects, binds and keeps on until the link is stopped.
    pub async fn run(mut self) {
        let config = Arc::clone(&self.shared.config);
        let mut retry = Retry::new(config.retry);
        // A bind whose end the ledger does not know yet, and from when on what came may come again.
        let mut unclosed = None;
        while !self.is_stopping() {
            let (bind, of) = self.granted();
            if !self.inbox.may_bind(&config.name, bind, of).await {
                self.becomes(BindState::Elsewhere);
                self.rest(LOOK).await;
                continue;
            }
            let begun = self.shared.account().begin(self.shared.time.now());
            if let Err(wait) = begun {
                self.rest(wait).await;
                continue;
            }
            let attempt = self.attempt(&mut unclosed).await;
            self.inbox.let_go(&config.name, bind).await;
            self.judge(attempt);
            if self.is_stopping() {
                break;
            }
            let pause = retry.pause(attempt, self.chance());
            self.becomes(BindState::Waiting);
            tracing::warn!(
                link = %config.name,
                bind = self.record().name,
                pause_ms = pause.as_millis(),
                "connecting again after a pause"
            );
            self.rest(pause).await;
        }
        self.becomes(BindState::Ended);
        self.settle(&mut unclosed).await;
    }

    async fn rest(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut self.stop) => {}
        }
    }

    /// Tells the account of an attempt that was not bound; of one that was it has been told.
    fn judge(&self, attempt: Attempt) {
        if matches!(attempt, Attempt::Bound(_)) {
            return;
        }
        let now = self.shared.time.now();
        let locked = self.shared.account().ended(attempt, now);
        if let Some(locked) = locked {
            tracing::error!(
                link = %self.shared.config.name,
                pause_s = locked.as_secs(),
                "the operator refuses the credentials; no bind tries them before that pause is over"
            );
        }
    }

    /// Which of those that the operator grants it belongs to, and how many there are: a pair is one, and
    /// both of it are on one node.
    fn granted(&self) -> (usize, usize) {
        let together = self.shared.config.bind.kinds().len().max(1);
        (self.at / together, self.shared.board.len() / together)
    }

    fn record(&self) -> &Record {
        &self.shared.board[self.at]
    }

    fn becomes(&self, state: BindState) {
        self.record().becomes(state, self.shared.clock.now());
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    fn chance(&self) -> u64 {
        let mut octets = [0; 8];
        self.chance.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    /// Tells the ledger of a closed bind. Without that, repeats of its messages would not be
    /// recognised on the next one.
    async fn settle(&self, unclosed: &mut Option<(u64, Moment)>) -> bool {
        let Some((bind, unread_from)) = *unclosed else {
            return true;
        };
        let config = &self.shared.config;
        let wait = Duration::from_millis(config.accept_ms);
        let recorded = matches!(
            timeout(wait, self.inbox.closed(&config.name, bind, unread_from)).await,
            Ok(Ok(()))
        );
        if recorded {
            *unclosed = None;
        } else {
            tracing::warn!(link = %config.name, "the end of the bind could not be recorded");
        }
        recorded
    }

    /// One connection, from the attempt to its end.
    async fn attempt(&mut self, unclosed: &mut Option<(u64, Moment)>) -> Attempt {
        if !self.settle(unclosed).await {
            return Attempt::Failed;
        }
        let shared = Arc::clone(&self.shared);
        self.becomes(BindState::Connecting);
        let connected = tokio::select! {
            connected = shared.dial.connect(&shared.config) => connected,
            () = stopped(&mut self.stop) => return Attempt::Failed,
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(cause) => {
                tracing::warn!(
                    link = %shared.config.name,
                    bind = self.record().name,
                    peer = shared.config.peer(),
                    cause,
                    "no connection"
                );
                self.record().failed(cause, shared.clock.now());
                return Attempt::Failed;
            }
        };
        // 63 bits, which fit a signed column.
        let bind = self.chance() >> 1;
        let (attempt, unread_from) = self.serve(stream, bind).await;
        if matches!(attempt, Attempt::Bound(_)) {
            *unclosed = Some((bind, unread_from));
            self.settle(unclosed).await;
        }
        attempt
    }

    /// Carries a connection through to its end; tells from when on what came may come again.
    async fn serve(&mut self, stream: Stream, bind: u64) -> (Attempt, Moment) {
        let shared = Arc::clone(&self.shared);
        let config = Arc::clone(&shared.config);
        let mut outputs = Vec::new();
        let granted = self.granted();
        self.becomes(BindState::Binding);
        let opened = Session::open(
            config.numbers(),
            self.record().kind,
            config.bind(),
            shared.time.now(),
            &mut outputs,
        );
        let mut session = match opened {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(link = %config.name, field = error.field, "a setting does not fit the bind");
                return (Attempt::Refused, shared.clock.now());
            }
        };
        let mut serving = Serving::new(Arc::clone(&shared), Arc::clone(&self.inbox), self.at, bind);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = BytesMut::new();
        let mut hold = Hold::new(Duration::from_millis(config.hold_ms));
        let mut unflushed = false;
        let mut stopping = false;

        let why = loop {
            let now = shared.time.now();
            if let Some(why) = serving.obey(&mut outputs, now) {
                break why;
            }
            let reading = hold.reading(serving.is_full(), now);
            let may_write = !serving.out.is_full();
            if may_write && reading != Reading::Nothing {
                let shed = reading == Reading::WhatIsThere;
                session.on(Input::Full(shed), now, &mut outputs);
                let input = match frame::cut(&mut buffer) {
                    Ok(Some(frame)) => Some(Input::Frame(frame)),
                    Ok(None) if buffer.is_empty() => None,
                    Ok(None) => {
                        session.on(Input::Partial, now, &mut outputs);
                        None
                    }
                    Err(error) => Some(Input::Broken(error)),
                };
                if let Some(input) = input {
                    session.on(input, now, &mut outputs);
                    continue;
                }
                if buffer.is_empty() {
                    buffer = BytesMut::new();
                }
            }
            let paced = serving.submit(&mut session, now, &mut outputs);
            self.record().set_in_flight(session.in_flight());
            if !outputs.is_empty() {
                continue;
            }
            let due = session
                .due()
                .into_iter()
                .chain(hold.due())
                .min()
                .map_or(Instant::now(), |due| shared.time.instant(due));
            let due = paced.map_or(due, |paced| due.min(paced));
            let retry = serving.dialogues.wakes();
            let unwritten = !serving.out.octets.is_empty();
            let has_room = session.has_room() && may_write && paced.is_none();
            let input = tokio::select! {
                read = read_some(&mut reader, &mut buffer), if may_write && reading == Reading::All => match read {
                    Ok(0) | Err(_) => Input::Lost,
                    Ok(_) => continue,
                },
                written = write_some(&mut writer, &mut serving.out.octets), if unwritten || unflushed => match written {
                    Ok(Some(0)) | Err(_) => Input::Lost,
                    Ok(Some(count)) => {
                        serving.out.wrote(count);
                        unflushed = true;
                        continue;
                    }
                    Ok(None) => {
                        unflushed = false;
                        continue;
                    }
                },
                Some(done) = serving.errands.next() => match done {
                    Some((delivered, status)) => {
                        serving.dialogues.answered(delivered);
                        Input::Answer(delivered, status)
                    }
                    None => continue,
                },
                Some(done) = serving.dialogues.turns.next() => {
                    serving.dialogues.done(done);
                    continue;
                },
                () = sleep_until(retry.unwrap_or(due)), if retry.is_some() => continue,
                () = shared.queue.bell.notified(), if has_room => continue,
                () = sleep_until(due) => Input::Tick,
                () = self.inbox.must_let_go(&config.name, granted.0, granted.1), if !stopping => {
                    tracing::info!(link = %config.name, bind = self.record().name, "the bind is left to another node");
                    stopping = true;
                    self.becomes(BindState::Draining);
                    serving.step_down();
                    Input::Stop
                },
                () = stopped(&mut self.stop), if !stopping => {
                    stopping = true;
                    self.becomes(BindState::Draining);
                    serving.step_down();
                    Input::Stop
                },
            };
            session.on(input, shared.time.now(), &mut outputs);
        };

        let unread_from = match session.unread_since() {
            Some(since) => {
                let ago = shared.time.now().since(since);
                shared.clock.now().minus(ago).minus(UNREAD_SLACK)
            }
            None => Moment::from_ms(i64::MAX),
        };
        self.record().set_in_flight(0);
        self.ends(why);
        // What cannot be written now is lost with the connection either way.
        if timeout(LAST_WRITE, writer.write_all_buf(&mut serving.out.octets))
            .await
            .is_ok_and(|done| done.is_ok())
        {
            drop(timeout(LAST_WRITE, writer.shutdown()).await);
        }
        // Each has its own deadline.
        while serving.errands.next().await.is_some() {}

        let attempt = match (serving.bound_at, why) {
            (Some(at), _) => Attempt::Bound(shared.time.now().since(at)),
            (None, Close::Refused(status)) if status.is_about_credentials() => Attempt::Refused,
            (None, _) => Attempt::Failed,
        };
        (attempt, unread_from)
    }

    fn ends(&self, why: Close) {
        let config = &self.shared.config;
        let (bind, peer, cause) = (&self.record().name, config.peer(), why.to_string());
        if self.is_stopping() {
            tracing::info!(link = %config.name, bind, peer, cause, "the connection ends");
        } else {
            tracing::warn!(link = %config.name, bind, peer, cause, "the connection ends");
            self.record().failed(cause, self.shared.clock.now());
            self.becomes(BindState::Waiting);
        }
    }
}

/// Returns once the link is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// What is read while the ledger may have no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// There is room.
    All,
    /// There is none: the operator's octets stay where they are.
    Nothing,
    /// There has been none for too long: what has arrived is answered.
    WhatIsThere,
}

/// Since when the ledger has no room.
struct Hold {
    longest: Duration,
    since: Option<Moment>,
    over: bool,
}

impl Hold {
    fn new(longest: Duration) -> Self {
        Self {
            longest,
            since: None,
            over: false,
        }
    }

    fn reading(&mut self, full: bool, now: Moment) -> Reading {
        if !full {
            (self.since, self.over) = (None, false);
            return Reading::All;
        }
        let since = *self.since.get_or_insert(now);
        self.over = since.plus(self.longest) <= now;
        if self.over {
            Reading::WhatIsThere
        } else {
            Reading::Nothing
        }
    }

    /// When it will have been too long.
    fn due(&self) -> Option<Moment> {
        let due = self.since.map(|since| since.plus(self.longest));
        due.filter(|_| !self.over)
    }
}
