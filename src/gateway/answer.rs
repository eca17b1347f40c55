//! What every door does with a USSD callback: there is an answer in time, whatever happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::book::Book;
use crate::callback::{Callback, Channel, Input, LinkName, Msisdn, Repeat, ServiceName};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Gateway, TurnError};
use crate::screen::{Content, fit};
use crate::store::{Reply, Store};

/// What is kept back of the deadline for the way to the operator.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// Tells a door, once, that what came is durable.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<oneshot::Sender<()>>>);

impl Kept {
    /// One that tells; the other end hears nothing, and is closed, if it never became durable.
    pub fn pair() -> (Self, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        (Self(Mutex::new(Some(tell))), told)
    }

    /// It is durable.
    pub fn tell(&self) {
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            // Nobody may be waiting any more.
            let _heard = tell.send(());
        }
    }
}

/// A callback whose turn has begun. It goes on whether or not anybody waits for it.
#[derive(Debug)]
pub struct Begun {
    /// Told when the callback is durable; closed if it never was.
    pub kept: oneshot::Receiver<()>,
    /// The answer.
    pub reply: JoinHandle<Reply>,
}

/// A callback whose service its door does not know for sure.
#[derive(Clone, Debug)]
pub struct UssdCall {
    /// The link.
    pub link: LinkName,
    /// The services that can be dialled on it.
    pub services: Vec<ServiceName>,
    /// The one of the code that was dialled, where that is one of ours.
    pub service: Option<ServiceName>,
    /// Who.
    pub subscriber: Msisdn,
    /// The operator's session.
    pub session: String,
    /// How a repeat of it is told.
    pub repeat: Repeat,
    /// What.
    pub input: Input,
    /// When.
    pub at: Moment,
}

impl UssdCall {
    /// The service in whose name something is said when none is known.
    fn speaker(&self) -> Option<&ServiceName> {
        self.service.as_ref().or_else(|| self.services.first())
    }

    fn callback(self, service: ServiceName) -> Callback {
        Callback {
            link: self.link,
            service,
            subscriber: self.subscriber,
            channel: Channel::Ussd,
            session: Some(self.session),
            repeat: self.repeat,
            input: self.input,
            at: self.at,
        }
    }
}

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Begins the turn of a callback. The reply comes within the link's deadline: that of the
    /// turn, or a valid END that says what happened. An operator that hangs up does not cut the
    /// turn in two.
    pub fn begin(self: &Arc<Self>, callback: Callback) -> Begun {
        let (kept, told) = Kept::pair();
        let gateway = Arc::clone(self);
        Begun {
            kept: told,
            reply: tokio::spawn(async move { gateway.answer(callback, kept).await }),
        }
    }

    async fn answer(self: Arc<Self>, callback: Callback, kept: Kept) -> Reply {
        let book = self.book();
        let (link, service) = (callback.link.clone(), callback.service.clone());
        let at = callback.at;
        // A task of its own: what is late goes on.
        let gateway = Arc::clone(&self);
        let turn = tokio::spawn(async move { gateway.ussd_kept(&callback, &kept).await });
        let why = match tokio::time::timeout(self.left(&link, at), turn).await {
            Ok(Ok(Ok(reply))) => return reply,
            Ok(Ok(Err(error))) => {
                if let Some(left_out) = self.brake.lets_of(link.as_str(), "no turn") {
                    tracing::error!(%link, left_out, %error, "no turn");
                }
                "failed"
            }
            Ok(Err(error)) => {
                tracing::error!(%link, panicked = error.is_panic(), "no turn");
                "failed"
            }
            Err(_late) => {
                if let Some(left_out) = self.brake.lets_of(link.as_str(), "late") {
                    tracing::warn!(%link, left_out, "the turn is late; the subscriber is asked to try again");
                }
                "busy"
            }
        };
        book.apology(&link, &service, why)
    }

    /// Begins the turn of a callback like [`Gateway::begin`], once it is known for which service it
    /// is: that of the dialled code, or the one in whose session something was typed. A code that
    /// is none of ours, and a session that is over, get a valid END.
    pub fn begin_call(self: &Arc<Self>, call: UssdCall) -> Begun {
        let (kept, told) = Kept::pair();
        let gateway = Arc::clone(self);
        Begun {
            kept: told,
            reply: tokio::spawn(async move {
                let service = match gateway.service_of(&call).await {
                    Ok(Some(service)) => service,
                    Ok(None) => {
                        // Nothing of it has to last.
                        kept.tell();
                        return gateway.apology(&call, "over");
                    }
                    Err(error) => {
                        let link = &call.link;
                        if let Some(left_out) = gateway.brake.lets_of(link.as_str(), "no turn") {
                            tracing::error!(%link, left_out, %error, "no turn");
                        }
                        return gateway.apology(&call, "failed");
                    }
                };
                gateway.answer(call.callback(service), kept).await
            }),
        }
    }

    /// How much time is left for the answer to what came on a link at `at`, the way to the operator
    /// kept back.
    pub fn left(&self, link: &LinkName, at: Moment) -> Duration {
        self.left_to_post(link, at).saturating_sub(ANSWER_MARGIN)
    }

    /// How much is left of the link's deadline itself, within which a screen has to be posted: the
    /// way to the operator is part of that.
    pub fn left_to_post(&self, link: &LinkName, at: Moment) -> Duration {
        let rules = self.book().links.get(link).copied().unwrap_or_default();
        let passed = self.clock.now().since(at);
        rules.deadline.saturating_sub(passed)
    }

    /// What is said to a call without a turn; see [`Book::apology`].
    pub fn apology(&self, call: &UssdCall, id: &str) -> Reply {
        let book = self.book();
        match call.speaker() {
            Some(service) => book.apology(&call.link, service, id),
            None => Reply {
                text: String::new(),
                ends: true,
            },
        }
    }

    async fn service_of(&self, call: &UssdCall) -> Result<Option<ServiceName>, TurnError> {
        let says = !matches!(call.input, Input::Unsaid { .. });
        if says && call.service.is_some() || matches!(call.input, Input::Dial(_)) {
            return Ok(call.service.clone());
        }
        if let [only] = call.services.as_slice() {
            return Ok(Some(only.clone()));
        }
        for service in &call.services {
            let met = self.store.meet(service, &call.subscriber, None).await?;
            if met
                .owner
                .is_some_and(|(link, id)| link == call.link && id == call.session)
            {
                return Ok(Some(service.clone()));
            }
        }
        // In nobody's session it is a dial.
        Ok(call.service.clone())
    }
}

impl Book {
    /// A valid END, so that the subscriber reads a sentence and not the operator's error: the text
    /// `id` of the gateway's own. It is in the service's first language, since the ledger that
    /// knows the subscriber's may be what failed.
    pub fn apology(&self, link: &LinkName, service: &ServiceName, id: &str) -> Reply {
        let Some(service) = self.services.get(service) else {
            return Reply {
                text: String::new(),
                ends: true,
            };
        };
        let words = &service.words;
        let args = BTreeMap::from([
            ("dial", words.dial.clone()),
            ("help_line", words.help_line.clone()),
            ("number", words.number.clone()),
        ]);
        let text = self.locales.text(&words.first_language, id, &args);
        let content = Content {
            body: text.unwrap_or_else(|_| words.help_line.clone()),
            ..Content::default()
        };
        let limit = self.links.get(link).copied().unwrap_or_default().limit;
        Reply {
            text: fit::fit(&content, limit, 0).text,
            ends: true,
        }
    }
}
