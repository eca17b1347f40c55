//! Screens that an operator wants in requests of ours: each posted once, in the order of its
//! session, within the link's deadline.
//!
//! A post is repeated only where not an octet of it was written. One whose answer is lost is not:
//! the subscriber might see the screen twice, or in place of a newer one. What was not taken is not
//! kept either, since a screen is for a phone that is looked at now; the conversation stands in the
//! ledger, and goes on when the worker dials again.

mod line;
mod pace;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::brake::Brake;
use crate::exchange::{self, ApiSettings, Broken, Exchange, Returned};
use crate::operator::api::account::Account;
use crate::operator::api::{Outgoing, Word};
use crate::operator::ussd::{Heard, UssdShape};
use crate::store::{Mark, Reply};
pub use crate::ussd_push::line::Whose;
use crate::ussd_push::line::{Lines, Stage, Ticket};
use crate::ussd_push::pace::PostPace;

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
    ) -> impl Future<Output = Result<Returned, Broken>> + Send;
}

impl Post for Exchange {
    async fn post(&self, request: Request<Full<Bytes>>, by: Instant) -> Result<Returned, Broken> {
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
    pace: PostPace,
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
            pace: PostPace::new(settings.rate, settings.window),
            lines: Lines::new(life),
            under_way: watch::channel(0).0,
            brake: Brake::default(),
            settings,
            shape,
            account,
            post,
        }
    }

    /// Puts a callback into the line of its session, which is done before its turn begins; none
    /// where too many are under way. Its screen has to be posted within `left`.
    pub fn queue(self: &Arc<Self>, whose: Whose, left: Duration) -> Option<Queued<P>> {
        let mut is_free = false;
        self.under_way.send_if_modified(|under_way| {
            is_free = *under_way < UNDER_WAY_MAX;
            *under_way += usize::from(is_free);
            is_free
        });
        if !is_free {
            self.count("shed");
            if self.brake.lets() {
                let link = &self.settings.link;
                tracing::warn!(%link, "too many screens are on their way; this one is not posted");
            }
            return None;
        }
        let ticket = self.lines.ticket(whose);
        Some(Queued {
            pusher: Arc::clone(self),
            ticket,
            until: Instant::now() + left,
        })
    }

    /// A session is over: what waits for it is not posted any more.
    pub fn closed(&self, session: &Mark) {
        self.lines.close(session);
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
        let Ok(Ok(_free)) = timeout_at(until, self.window.acquire()).await else {
            return Outcome::Late;
        };
        let caller = heard
            .subscriber
            .as_ref()
            .map_or("", |caller| caller.as_str());
        let ours = [
            self.account.user.as_str(),
            &self.account.secret,
            &reply.text,
            caller,
            &heard.session,
        ];
        let mut outcome = Outcome::Late;
        for at in 0..TRIES_MAX {
            if at > 0 {
                sleep(PAUSE).await;
            }
            if !self.pace.turn(until).await || Instant::now() >= until {
                return outcome;
            }
            // It may have waited for long.
            if !ticket.holds() {
                return Outcome::Overtaken;
            }
            // From here on the phone may show it before we are told.
            ticket.is_at(Stage::Written);
            outcome = self.once(&outgoing, &ours, until).await;
            if !matches!(outcome, Outcome::NotSent(_)) {
                break;
            }
            ticket.is_at(Stage::Comes);
            self.pace.give_back();
        }
        outcome
    }

    async fn once(&self, outgoing: &Outgoing, ours: &[&str], until: Instant) -> Outcome {
        let Some(request) = exchange::request(outgoing) else {
            return Outcome::Unwritable;
        };
        let mut returned = match self.post.post(request, until).await {
            Ok(returned) => returned,
            Err(Broken::NotSent(why)) => return Outcome::NotSent(why),
            Err(Broken::Unanswered(why)) => return Outcome::Unanswered(why),
        };
        if !self.reads_body() {
            // Its status says it all, be the rest whole or not.
            returned.body.get_or_insert_default();
        }
        let retry_after = returned.headers.get(hyper::header::RETRY_AFTER);
        let retry_after = retry_after
            .and_then(|after| after.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let word = returned.word(|answer| {
            let push = self.shape.push.as_ref();
            let word = push.map_or(Word::ByStatus, |push| push.read(answer).without(ours));
            if word == Word::ByStatus && answer.status.is_success() {
                // A screen has no id that an answer could lack.
                return Word::Accepted(String::new());
            }
            word
        });
        match word {
            Some(Word::Accepted(_)) => Outcome::Taken,
            Some(Word::Throttled) => {
                self.pace.throttled(retry_after, until);
                Outcome::Refused("throttled".to_owned())
            }
            Some(Word::Temporary(reason) | Word::Refused(reason) | Word::LinkFault(reason)) => {
                Outcome::Refused(reason)
            }
            Some(Word::Unknown | Word::ByStatus) => Outcome::Unanswered("the answer does not tell"),
            None => Outcome::Unanswered("half an answer"),
        }
    }

    fn reads_body(&self) -> bool {
        let push = self.shape.push.as_ref();
        push.is_some_and(|push| push.answer.is_some())
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

/// What is to be posted.
pub struct Said {
    /// The screen.
    pub reply: Reply,
    /// Whether it is what the ledger keeps of the callback: else it says that there was no turn, and
    /// a repeat may bring another one.
    pub is_kept: bool,
}

/// A callback in the line of its session, until its screen is done with.
pub struct Queued<P: Post = Exchange> {
    pusher: Arc<Pusher<P>>,
    /// None for a repeat whose screen the first one brings.
    ticket: Option<Ticket>,
    until: Instant,
}

impl<P: Post> Queued<P> {
    /// Whether the screen before it in its session may be on the phone while the ledger does not
    /// know that yet: it was written, and its answer is not there.
    pub fn follows_written(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::follows_written)
    }

    /// Posts the screen when it is there, in a task that [`Pusher::idle`] waits for. `shown` is
    /// run when the phone shows it for all that is known, and says whether the ledger knows.
    pub fn post(
        mut self,
        heard: Heard,
        said: impl Future<Output = Said> + Send + 'static,
        shown: impl Future<Output = bool> + Send + 'static,
    ) {
        tokio::spawn(async move {
            let Said { reply, is_kept } = said.await;
            let Some(ticket) = &mut self.ticket else {
                self.pusher.count("again");
                return;
            };
            if !is_kept && ticket.follows_apology() {
                // One END is enough.
                self.pusher.count("again");
                ticket.done(Stage::Apology, reply.ends);
                return;
            }
            let carried = self.pusher.carry(ticket, self.until, &heard, &reply);
            let outcome = carried.await;
            let stage = if !outcome.may_show() {
                Stage::Lost
            } else if !is_kept {
                Stage::Apology
            } else if !ticket.holds() || shown.await {
                Stage::Shown
            } else {
                Stage::Written
            };
            ticket.done(stage, reply.ends);
            self.pusher.tell(&outcome);
        });
    }
}

impl<P: Post> Drop for Queued<P> {
    fn drop(&mut self) {
        let under_way = &self.pusher.under_way;
        under_way.send_modify(|under_way| *under_way = under_way.saturating_sub(1));
    }
}
