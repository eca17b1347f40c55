//! Screens that an operator wants in requests of ours: each posted once, in the order of its
//! session, within the link's deadline.
//!
//! A post is repeated only where not an octet of it was written. One whose answer is lost is not:
//! the subscriber might see the screen twice, or in place of a newer one. What was not taken is not
//! kept either, since a screen is for a phone that is looked at now; the conversation stands in the
//! ledger, and goes on when the worker dials again.

mod line;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::Moment;
use crate::exchange::{self, ApiSettings, Broken, Exchange, Heard as Came};
use crate::http::brake::Brake;
use crate::operator::sms::api::{self, Outgoing, Word};
use crate::operator::sms::send::Account;
use crate::operator::ussd::{Heard, UssdShape};
use crate::smpp::pace::Pace;
use crate::sms_http::by_status;
use crate::store::Reply;
pub use crate::ussd_push::line::Whose;
use crate::ussd_push::line::{Lines, Ticket};

/// How often a screen is tried at most.
const TRIES_MAX: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Callbacks of a link at most whose screens are not done with; what comes beyond is not begun.
const UNDER_WAY_MAX: usize = 1_000;

/// What carries a request to the operator and its answer back.
pub trait Post: Send + Sync + 'static {
    /// Sends it once; everything is over by that time.
    ///
    /// # Errors
    /// [`Broken`], which tells whether anything of it was written.
    fn post(
        &self,
        request: Request<Full<Bytes>>,
        by: Instant,
    ) -> impl Future<Output = Result<Came, Broken>> + Send;
}

impl Post for Exchange {
    async fn post(&self, request: Request<Full<Bytes>>, by: Instant) -> Result<Came, Broken> {
        self.send_by(request, Some(by)).await
    }
}

/// What became of a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The operator took it.
    Taken,
    /// It said no; the reason is a code.
    Refused(String),
    /// It may have taken it.
    Unanswered(&'static str),
    /// Nothing of it was written.
    NotSent(&'static str),
    /// Its time was over before it could be written.
    Late,
    /// Its session has gone on, or away.
    Overtaken,
    /// It does not fit a request.
    Unwritable,
}

impl Outcome {
    /// The word in figures and the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused(_) => "refused",
            Self::Unanswered(_) => "unanswered",
            Self::NotSent(_) => "not_sent",
            Self::Late => "late",
            Self::Overtaken => "overtaken",
            Self::Unwritable => "unwritable",
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::Refused(reason) => reason,
            Self::Unanswered(why) | Self::NotSent(why) => why,
            Self::Taken | Self::Late | Self::Overtaken | Self::Unwritable => "",
        }
    }

    /// Whether the phone may show it.
    fn may_show(&self) -> bool {
        match self {
            Self::Taken | Self::Unanswered(_) => true,
            Self::Refused(_)
            | Self::NotSent(_)
            | Self::Late
            | Self::Overtaken
            | Self::Unwritable => false,
        }
    }
}

/// Posts the screens of one link.
pub struct Pusher<P = Exchange> {
    settings: ApiSettings,
    shape: Arc<UssdShape>,
    account: Account,
    post: P,
    lines: Lines,
    window: Semaphore,
    pace: Mutex<Pace>,
    /// The beginning of the pace's time, which nobody can set back.
    from: Instant,
    /// The callbacks whose screens are not done with.
    under_way: watch::Sender<usize>,
    brake: Brake,
}

impl<P: Post> Pusher<P> {
    /// For a link with that shape and account; `life` is how long a silent session lives. To be made
    /// within a runtime.
    pub fn new(
        settings: ApiSettings,
        shape: Arc<UssdShape>,
        account: Account,
        life: Duration,
        post: P,
    ) -> Self {
        Self {
            window: Semaphore::new(settings.window.max(1)),
            pace: Mutex::new(Pace::new(settings.rate)),
            from: Instant::now(),
            lines: Lines::new(life),
            under_way: watch::channel(0).0,
            brake: Brake::default(),
            settings,
            shape,
            account,
            post,
        }
    }

    /// A callback's place in the line of its session, which is taken before its turn begins; none
    /// where too many are under way. Its screen has to be posted within `left`.
    pub fn place(self: &Arc<Self>, whose: Whose, left: Duration) -> Option<Place<P>> {
        let mut is_free = false;
        self.under_way.send_if_modified(|under_way| {
            is_free = *under_way < UNDER_WAY_MAX;
            *under_way += usize::from(is_free);
            is_free
        });
        if !is_free {
            self.count("shed");
            return None;
        }
        let ticket = self.lines.ticket(whose);
        Some(Place {
            pusher: Arc::clone(self),
            ticket,
            until: Instant::now() + left,
        })
    }

    /// A session is over: what waits for it is not posted any more.
    pub fn closed(&self, heard: &Heard) {
        let session = (heard.subscriber.clone(), heard.session.clone());
        self.lines.close(&session);
    }

    /// Whether no screen is under way.
    pub fn is_idle(&self) -> bool {
        *self.under_way.borrow() == 0
    }

    /// Returns when no screen is under way.
    pub async fn idle(&self) {
        let mut under_way = self.under_way.subscribe();
        // The sender is in `self`.
        let _idle = under_way.wait_for(|under_way| *under_way == 0).await;
    }

    async fn carry(
        &self,
        ticket: &Ticket,
        until: Instant,
        heard: &Heard,
        reply: &Reply,
    ) -> Outcome {
        let Some(outgoing) = self.shape.outgoing(&self.account, heard, reply) else {
            return Outcome::Unwritable;
        };
        // One after the other: the older screen is done with before the newer is begun.
        let Ok(_turn) = timeout_at(until, ticket.turn()).await else {
            return Outcome::Late;
        };
        if !ticket.holds() {
            return Outcome::Overtaken;
        }
        let Ok(Ok(_place)) = timeout_at(until, self.window.acquire()).await else {
            return Outcome::Late;
        };
        let mut outcome = Outcome::Late;
        for at in 0..TRIES_MAX {
            if at > 0 {
                sleep(PAUSE).await;
            }
            if !self.paced(until).await || Instant::now() >= until {
                return outcome;
            }
            // It may have waited for long.
            if !ticket.holds() {
                return Outcome::Overtaken;
            }
            outcome = self.once(&outgoing, until).await;
            if !matches!(outcome, Outcome::NotSent(_)) {
                break;
            }
            self.pace().give_back();
        }
        outcome
    }

    async fn once(&self, outgoing: &Outgoing, until: Instant) -> Outcome {
        let Some(request) = exchange::request(outgoing) else {
            return Outcome::Unwritable;
        };
        let sent = self.now();
        let came = match self.post.post(request, until).await {
            Ok(came) => came,
            Err(Broken::NotSent(why)) => return Outcome::NotSent(why),
            Err(Broken::Unanswered(why)) => return Outcome::Unanswered(why),
        };
        let word = match (came.body, self.reads_body()) {
            (Some(body), _) => {
                let answer = api::Answer {
                    status: came.status,
                    headers: came.headers,
                    body,
                };
                let push = self.shape.push.as_ref();
                push.map_or(Word::ByStatus, |push| push.read(&answer))
            }
            // Half an answer says enough where its status says it all, or says no.
            (None, reads) if !reads || !came.status.is_success() => Word::ByStatus,
            (None, _) => return Outcome::Unanswered("half an answer"),
        };
        let word = match word {
            Word::ByStatus if came.status.is_success() => Word::Accepted(String::new()),
            Word::ByStatus => by_status(came.status),
            Word::Accepted(_)
            | Word::Throttled
            | Word::Temporary(_)
            | Word::Refused(_)
            | Word::Unknown
            | Word::LinkFault(_) => word,
        };
        match word {
            Word::Accepted(_) => {
                self.pace().taken(self.now());
                Outcome::Taken
            }
            Word::Throttled => {
                self.pace().throttled(sent, self.now());
                Outcome::Refused("throttled".to_owned())
            }
            Word::Temporary(reason) | Word::Refused(reason) | Word::LinkFault(reason) => {
                Outcome::Refused(reason)
            }
            Word::Unknown | Word::ByStatus => Outcome::Unanswered("the answer does not tell"),
        }
    }

    fn reads_body(&self) -> bool {
        let push = self.shape.push.as_ref();
        push.is_some_and(|push| push.answer.is_some())
    }

    /// Waits for the right to send one request; false where it does not come in time.
    async fn paced(&self, until: Instant) -> bool {
        loop {
            let wait = match self.pace().take(self.now()) {
                Ok(()) => return true,
                Err(wait) => wait,
            };
            if Instant::now() + wait > until {
                return false;
            }
            sleep(wait).await;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::default().plus(self.from.elapsed())
    }

    /// Counts what became of a screen, and tells the log of one that was lost.
    fn tell(&self, outcome: &Outcome) {
        self.count(outcome.name());
        let lost = !matches!(outcome, Outcome::Taken | Outcome::Overtaken);
        if lost && self.brake.lets() {
            tracing::warn!(
                link = %self.settings.link,
                outcome = outcome.name(),
                why = outcome.why(),
                "a screen was not taken by the operator; whoever waits for it has to dial again"
            );
        }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(
            "jisr_ussd_pushes_total",
            "link" => self.settings.link.as_str().to_owned(),
            "outcome" => outcome
        )
        .increment(1);
    }
}

/// A callback's place in the line of its session, until its screen is done with.
pub struct Place<P: Post = Exchange> {
    pusher: Arc<Pusher<P>>,
    /// None for a repeat whose screen the first one brings.
    ticket: Option<Ticket>,
    until: Instant,
}

impl<P: Post> Place<P> {
    /// Posts the screen when it is there, in a task that [`Pusher::idle`] waits for.
    pub fn post(self, heard: Heard, reply: impl Future<Output = Reply> + Send + 'static) {
        tokio::spawn(async move {
            let reply = reply.await;
            let Some(ticket) = &self.ticket else {
                self.pusher.count("again");
                return;
            };
            let carried = self.pusher.carry(ticket, self.until, &heard, &reply);
            let outcome = carried.await;
            ticket.done(outcome.may_show());
            self.pusher.tell(&outcome);
        });
    }
}

impl<P: Post> Drop for Place<P> {
    fn drop(&mut self) {
        let under_way = &self.pusher.under_way;
        under_way.send_modify(|under_way| *under_way = under_way.saturating_sub(1));
    }
}
