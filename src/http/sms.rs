//! `/sms/LINK`: messages of subscribers, and `/sms/LINK/receipts`, what became of ours.
//!
//! A message is acknowledged when it is durable, and not before.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use axum::routing::any;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::brake::Brake;
use crate::callback::{LinkName, ServiceName};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::Gateway;
use crate::http::entry::{Entry, NotFresh, sent};
use crate::operator::CallbackError;
use crate::operator::auth::Auth;
use crate::operator::reply::{Answer, problem};
use crate::operator::request;
use crate::operator::sms::SmsShape;
use crate::operator::sms::inbound::HeardAll;
use crate::operator::sms::incoming::HeardSms;
use crate::operator::sms::receipts::HeardReceipt;
use crate::sms_http::receipt_token::Part;
use crate::store::{Accepted, Mark, NewSms, PartOutcome, Receipt, Store};

/// How long the ledger may take. What is not acknowledged by then is answered 503, and operators that come
/// again do so; the shapes say which do, under `retries:`.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// How many times larger than another body one with a batch may be: a hundred receipts are usual.
pub const BATCH: usize = 8;

/// A link of messages over HTTP.
pub struct SmsLink {
    /// How its requests look.
    pub shape: Arc<SmsShape>,
    /// The services that it carries.
    pub services: Vec<ServiceName>,
    /// Their short numbers.
    pub numbers: Vec<(String, ServiceName)>,
    /// Who may call.
    pub auth: Auth,
    /// What tells repeats of messages without ids.
    pub nameless: Nameless,
}

/// What this door needs.
pub struct Door<S, R> {
    /// The gateway.
    pub gateway: Arc<Gateway<S, R>>,
    /// What lets requests in.
    pub entry: Entry,
    /// The links that call here.
    pub links: BTreeMap<LinkName, SmsLink>,
}

/// The route of the operators' listener for messages.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    Router::new()
        .route("/sms/{*rest}", any(sms::<S, R>))
        .with_state(door)
}

async fn sms<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    request: Request<Body>,
) -> Response {
    sent(match answer(&door, request).await {
        Ok(answer) | Err(answer) => answer,
    })
}

async fn answer<S: Store, R: Registry>(
    door: &Arc<Door<S, R>>,
    request: Request<Body>,
) -> Result<Answer, Answer> {
    let came = door.entry.come("/sms/", request).await?;
    let found = door.links.get_key_value(came.name.as_str());
    let known = found.map(|(link, of)| (link, &of.auth));
    let admitted = door.entry.admit(&came, known)?;
    let Some((link, of)) = found else {
        return Err(problem(404, "no such link"));
    };
    let rest = admitted.rest;
    let below = rest.strip_prefix("/receipts");
    let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
    let taken = async {
        match admitted.fresh(&door.gateway.store, link, came.at).await {
            Ok(()) => {}
            Err(NotFresh::Again(answer)) => return Err(answer),
            Err(NotFresh::Unknown) => return Err(unavailable()),
        }
        match below {
            Some(below) => receipts(door, link, of, came.request(below), came.at).await,
            None => incoming(door, link, of, came.request(rest), came.at).await,
        }
    };
    // Late is as if the operator had hung up.
    tokio::time::timeout(TAKEN_WITHIN, taken)
        .await
        .unwrap_or_else(|_late| {
            count(link, below.map_or(MESSAGE, |_| RECEIPT), "failed");
            tracing::error!(%link, "the ledger does not answer; what came waits at the operator");
            Err(unavailable())
        })
}

async fn incoming<S: Store, R: Registry>(
    door: &Arc<Door<S, R>>,
    link: &LinkName,
    of: &SmsLink,
    request: request::Request<'_>,
    at: Moment,
) -> Result<Answer, Answer> {
    let Some(shape) = &of.shape.incoming else {
        return Err(problem(404, "no messages come in on this link"));
    };
    let refused =
        |error: &CallbackError| refused(door, link, MESSAGE, &shape.inbound.methods, error);
    let HeardAll {
        elements,
        answer,
        unknown,
    } = shape.hear(request).map_err(|error| refused(&error))?;
    count_unknown(link, unknown);
    let is_batch = shape.inbound.each.is_some();
    let mut messages = Vec::new();
    let mut unusable = Unusable::default();
    for element in elements {
        let to = shape.to;
        let taken = element.and_then(|heard| {
            heard
                .map(|heard| {
                    let service = of.service(&heard).ok_or_else(|| {
                        let field = to.and_then(|to| shape.inbound.fields.get(to));
                        CallbackError::NoService(field.map_or("to", |field| field.shown()).into())
                    })?;
                    Ok((heard, service.clone()))
                })
                .transpose()
        });
        match taken {
            Ok(Some(taken)) => messages.push(taken),
            Ok(None) => count(link, MESSAGE, "ignored"),
            Err(error) if is_batch => unusable.add(link, MESSAGE, error),
            Err(error) => return Err(refused(&error)),
        }
    }
    unusable.tell(&door.entry.brake, link, MESSAGE);
    let bind = of.nameless.requests.fetch_add(1, Ordering::Relaxed);
    let new = messages
        .into_iter()
        .map(|(heard, service)| new_sms(door, link, heard, service, bind, at))
        .collect();
    let (told, stored) = oneshot::channel();
    let (answered, heard) = oneshot::channel();
    // It goes on where the operator hangs up: what is durable by then is known as such.
    tokio::spawn(take_in(
        Arc::clone(door),
        link.clone(),
        Arc::clone(&of.nameless.under_way),
        Batch { new, bind, at },
        told,
        heard,
    ));
    let stored = stored.await;
    // Nobody is there to hear it only where the task has died.
    let _ = answered.send(());
    match stored {
        Ok(true) => Ok(answer),
        Ok(false) | Err(_) => Err(unavailable()),
    }
}

fn new_sms<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    heard: HeardSms,
    service: ServiceName,
    bind: u64,
    at: Moment,
) -> NewSms {
    let to = heard.to.unwrap_or_default();
    let part = heard.part.unwrap_or_default();
    let part_octets = [part.0.to_be_bytes(), [part.1, part.2]].concat();
    let fingerprint = door.gateway.store.mark(
        "sms-http",
        &[
            link.as_str().as_bytes(),
            heard.from.as_str().as_bytes(),
            to.as_bytes(),
            heard.text.as_bytes(),
            &part_octets,
        ],
    );
    NewSms {
        link: link.clone(),
        service,
        subscriber: heard.from,
        to,
        text: heard.text,
        message_id: heard.id,
        fingerprint,
        bind,
        part: heard.part,
        at,
    }
}

/// The messages of one request.
struct Batch {
    new: Vec<NewSms>,
    /// The request, to the ledger: each is a bind of its own.
    bind: u64,
    at: Moment,
}

/// Makes messages durable, says whether all are, and remembers those without ids of which the
/// operator may not have heard.
async fn take_in<S: Store, R: Registry>(
    door: Arc<Door<S, R>>,
    link: LinkName,
    under_way: UnderWay,
    batch: Batch,
    told: oneshot::Sender<bool>,
    answered: oneshot::Receiver<()>,
) {
    let Batch { new, bind, at } = batch;
    let mut marks: Vec<Mark> = new
        .iter()
        .filter(|sms| sms.message_id.is_none())
        .map(|sms| sms.fingerprint)
        .collect();
    // In one order, so that no two requests wait for each other.
    marks.sort_unstable();
    marks.dedup();
    let mut held = Vec::with_capacity(marks.len());
    for mark in &marks {
        let place = Arc::clone(lock(&under_way).entry(*mark).or_default());
        let known = Arc::clone(&place).lock_owned().await;
        held.push((*mark, place, known));
    }
    let is_answered = |sms: &NewSms| {
        sms.message_id.is_none()
            && held
                .iter()
                .any(|(mark, _, known)| *mark == sms.fingerprint && **known)
    };
    let taken = join_all(new.into_iter().map(|sms| {
        // It came while an equal one was waiting for its answer.
        let repeats = is_answered(&sms);
        let door = &door;
        async move {
            if repeats {
                Ok(Accepted::Repeat)
            } else {
                door.gateway.accept_sms(sms).await
            }
        }
    }))
    .await;
    let mut all = true;
    for one in taken {
        match one {
            Ok(Accepted::Stored(_) | Accepted::Elsewhere(_)) => count(&link, MESSAGE, "stored"),
            Ok(Accepted::Part) => count(&link, MESSAGE, "part"),
            Ok(Accepted::Repeat) => count(&link, MESSAGE, "repeat"),
            Err(error) => {
                all = false;
                count(&link, MESSAGE, "failed");
                if let Some(left_out) = door.entry.brake.lets_of(link.as_str(), "message waits") {
                    tracing::error!(%link, left_out, %error, "a message waits at the operator");
                }
            }
        }
    }
    let is_heard = told.send(all).is_ok() && answered.await.is_ok();
    let is_done = all && is_heard;
    if !is_done
        && !held.is_empty()
        && let Err(error) = door.gateway.store.close_bind(&link, bind, at).await
    {
        tracing::error!(%link, %error, "a message that comes again will be another");
    }
    for (mark, place, mut known) in held {
        *known = is_done;
        let mut under_way = lock(&under_way);
        if under_way
            .get(&mark)
            .is_some_and(|now| Arc::ptr_eq(now, &place))
        {
            under_way.remove(&mark);
        }
    }
}

/// Messages without ids whose requests are not answered yet, and whether they were in the end.
type UnderWay = Arc<Mutex<HashMap<Mark, Arc<tokio::sync::Mutex<bool>>>>>;

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashMap<Mark, Arc<tokio::sync::Mutex<bool>>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells repeats of messages without ids: an equal one is the same as long as the first was
/// not answered.
#[derive(Default)]
pub struct Nameless {
    requests: AtomicU64,
    under_way: UnderWay,
}

impl SmsLink {
    /// The service of a message: that of the short number; without one, the only one.
    fn service(&self, heard: &HeardSms) -> Option<&ServiceName> {
        let Some(to) = &heard.to else {
            return match self.services.as_slice() {
                [only] => Some(only),
                _ => None,
            };
        };
        let known = |number: &str| {
            let found = self.numbers.iter().find(|(known, _)| known == number);
            found.map(|(_, service)| service)
        };
        let bare = to.strip_prefix('+').unwrap_or(to);
        // Some write the country before a short number.
        known(bare).or_else(|| known(bare.strip_prefix("212")?))
    }
}

async fn receipts<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &SmsLink,
    request: request::Request<'_>,
    at: Moment,
) -> Result<Answer, Answer> {
    let Some(shape) = &of.shape.receipts else {
        return Err(problem(404, "no receipts come in on this link"));
    };
    let heard = shape
        .hear(request)
        .map_err(|error| refused(door, link, RECEIPT, &shape.inbound.methods, &error))?;
    count_unknown(link, heard.unknown);
    let mut told = Vec::new();
    let mut unusable = Unusable::default();
    for element in heard.elements {
        match element {
            Ok(Some(receipt)) => told.push(receipt),
            Ok(None) => count(link, RECEIPT, "ignored"),
            Err(error) => unusable.add(link, RECEIPT, error),
        }
    }
    unusable.tell(&door.entry.brake, link, RECEIPT);
    let stored = join_all(
        told.into_iter()
            .map(|HeardReceipt { id, state }| async move {
                let receipt = Receipt {
                    link: link.clone(),
                    message_id: id,
                    ids: shape.ids,
                    state,
                    at,
                };
                let store = &door.gateway.store;
                let marks = |purpose: &str, parts: &[&[u8]]| store.mark(purpose, parts);
                if let Some(named) = Part::of(&receipt.message_id, &marks) {
                    // Whoever tells of a part has taken it, whatever became of the answer.
                    let taken = PartOutcome::Accepted(receipt.message_id.clone());
                    store
                        .part_done(named.message, None, named.part, named.parts, &taken, at)
                        .await?;
                }
                store.receipt(&receipt).await
            }),
    )
    .await;
    let mut all = true;
    for one in stored {
        match one {
            Ok(()) => count(link, RECEIPT, "stored"),
            Err(error) => {
                all = false;
                count(link, RECEIPT, "failed");
                if let Some(left_out) = door.entry.brake.lets_of(link.as_str(), "receipt waits") {
                    tracing::error!(%link, left_out, %error, "a receipt waits at the operator");
                }
            }
        }
    }
    if all {
        Ok(heard.answer)
    } else {
        Err(unavailable())
    }
}

const MESSAGE: &str = "message";
const RECEIPT: &str = "receipt";

/// One more of what came in on a link, and what became of it.
fn count(link: &LinkName, kind: &'static str, outcome: &'static str) {
    metrics::counter!(
        "jisr_sms_http_received_total",
        "link" => link.as_str().to_owned(),
        "kind" => kind,
        "outcome" => outcome
    )
    .increment(1);
}

fn count_unknown(link: &LinkName, unknown: usize) {
    if unknown > 0 {
        metrics::counter!("jisr_callback_unknown_fields_total", "link" => link.as_str().to_owned())
            .increment(u64::try_from(unknown).unwrap_or(u64::MAX));
    }
}

/// Elements of a batch that would be no better the next time: one line for all.
#[derive(Default)]
struct Unusable {
    first: Option<CallbackError>,
    count: usize,
}

impl Unusable {
    fn add(&mut self, link: &LinkName, kind: &'static str, error: CallbackError) {
        count(link, kind, "unusable");
        self.first.get_or_insert(error);
        self.count += 1;
    }

    fn tell(&self, brake: &Brake, link: &LinkName, kind: &'static str) {
        if let Some(error) = &self.first
            && let Some(left_out) = brake.lets_of(link.as_str(), "unusable")
        {
            let elements = self.count;
            tracing::warn!(%link, left_out, kind, elements, %error, "elements of a batch are acknowledged and not used");
        }
    }
}

fn refused<S, R>(
    door: &Door<S, R>,
    link: &LinkName,
    kind: &'static str,
    methods: &[String],
    error: &CallbackError,
) -> Answer {
    count(link, kind, "refused");
    if let Some(left_out) = door.entry.brake.lets_of(link.as_str(), kind) {
        tracing::warn!(%link, left_out, kind, status = error.status(), %error, "callback refused");
    }
    let mut answer = problem(error.status(), &error.to_string());
    if answer.status == 405 {
        answer
            .headers
            .push(("allow".to_owned(), methods.join(", ")));
    }
    answer
}

/// The ledger cannot take it now: the operator keeps it and comes again.
fn unavailable() -> Answer {
    let mut answer = problem(503, "it cannot be taken now; come again");
    answer
        .headers
        .push(("retry-after".to_owned(), "5".to_owned()));
    answer
}
