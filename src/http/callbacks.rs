//! `/ussd/LINK`: an operator's USSD callback, in whatever shape the link has.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use axum::routing::any;

use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Gateway, UssdCall};
use crate::http::entry::{Entry, NotFresh, count, sent};
use crate::http::push;
use crate::operator::CallbackError;
use crate::operator::auth::Auth;
use crate::operator::file::{Is, NumberGiven};
use crate::operator::reply::{Answer, problem};
use crate::operator::ussd::{Heard, UssdShape};
use crate::store::{Reply, SessionKey, Store, StoreError};
use crate::ussd_push::Pusher;

/// A link of USSD callbacks over HTTP.
pub struct UssdLink {
    /// How its callbacks look.
    pub shape: Arc<UssdShape>,
    /// The services that it reaches.
    pub services: Vec<ServiceName>,
    /// Their codes.
    pub codes: Vec<(String, ServiceName)>,
    /// Who may call.
    pub auth: Auth,
    /// Scheme and host as the operator calls them, where the link says.
    pub public_url: Option<String>,
    /// What posts the screens, where the shape has them posted.
    pub push: Option<Arc<Pusher>>,
}

/// What this door needs.
pub struct Door<S, R> {
    /// The gateway.
    pub gateway: Arc<Gateway<S, R>>,
    /// What lets requests in.
    pub entry: Entry,
    /// The links that call here.
    pub links: BTreeMap<LinkName, UssdLink>,
}

/// The routes of the operators' listener.
pub fn router<S: Store, R: Registry>(door: Arc<Door<S, R>>) -> Router {
    Router::new()
        .route("/ussd/{*rest}", any(ussd::<S, R>))
        .fallback(|| async {
            sent(problem(
                404,
                "there is nothing here; USSD callbacks go to /ussd/LINK, messages to /sms/LINK",
            ))
        })
        .with_state(door)
}

async fn ussd<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    request: Request<Body>,
) -> Response {
    sent(match answer(&door, request).await {
        Ok(answer) | Err(answer) => answer,
    })
}

async fn answer<S: Store, R: Registry>(
    door: &Door<S, R>,
    request: Request<Body>,
) -> Result<Answer, Answer> {
    let came = door.entry.come("/ussd/", request).await?;
    let found = door.links.get_key_value(came.name.as_str());
    let known = found.map(|(link, of)| (link, &of.auth));
    let admitted = door.entry.admit(&came, known)?;
    let Some((link, of)) = found else {
        return Err(problem(404, "no such link"));
    };
    let left = door.gateway.left(link, came.at);
    let fresh = admitted.fresh(&door.gateway.store, link, came.at);
    let fresh = match tokio::time::timeout(left, fresh).await {
        Ok(Ok(())) => true,
        Ok(Err(NotFresh::Again(answer))) => return Err(answer),
        Ok(Err(NotFresh::Unknown)) | Err(_) => false,
    };
    let mut heard = of
        .shape
        .hear(came.request(admitted.rest))
        .map_err(|error| refused(door, link, of, &error))?;
    if !fresh {
        // Whoever dialled reads a sentence, not the operator's error.
        count(link.as_str(), "failed");
        let reply = apology(door, link, of, "failed");
        push::say(door, link, of, &heard, (&reply, came.at))?;
        return Ok(of.shape.answer(&heard, &reply));
    }
    heard.url = came.url(of.public_url.as_deref());
    Ok(turn(door, link, of, heard, came.at).await)
}

/// The turn of a callback, and its answer.
async fn turn<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    mut heard: Heard,
    at: Moment,
) -> Answer {
    if heard.unknown > 0 {
        let unknown = u64::try_from(heard.unknown).unwrap_or(u64::MAX);
        metrics::counter!("jisr_callback_unknown_fields_total", "link" => link.as_str().to_owned())
            .increment(unknown);
    }
    if heard.is == Is::Ignored {
        count(link.as_str(), "ignored");
        return of.shape.answer(&heard, &nothing());
    }
    // Nobody becomes the dialler of a session by what is refused.
    let meant = match of.shape.meaning(&heard, &of.codes) {
        Ok(meant) => meant,
        Err(error) => return refused(door, link, of, &error),
    };
    let subscriber = match whose(door, link, of, &heard, at).await {
        Ok(subscriber) => subscriber,
        Err(reply) => {
            return match push::say(door, link, of, &heard, (&reply, at)) {
                Ok(()) => of.shape.answer(&heard, &reply),
                Err(shed) => shed,
            };
        }
    };
    heard.subscriber = Some(subscriber.clone());
    if let Some(network) = &heard.network {
        metrics::counter!(
            "jisr_callback_networks_total",
            "link" => link.as_str().to_owned(),
            "network" => network.clone()
        )
        .increment(1);
    }
    let only = match of.services.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let call = UssdCall {
        link: link.clone(),
        services: of.services.clone(),
        service: meant.service.or(only),
        subscriber,
        session: heard.session.clone(),
        repeat: meant.repeat,
        input: meant.input,
        at,
    };
    if let Some(pusher) = &of.push {
        if heard.is != Is::End {
            return push::pushed(door, of, pusher, heard, call).await;
        }
        pusher.closed(&push::session(door, link, &heard));
    }
    let spoken = call.clone();
    let reply = match door.gateway.begin_call(call).reply.await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(%link, panicked = error.is_panic(), "no answer");
            door.gateway.apology(&spoken, "failed")
        }
    };
    count(
        link.as_str(),
        if heard.is == Is::End {
            "closed"
        } else {
            "answered"
        },
    );
    of.shape.answer(&heard, &reply)
}

/// Whose callback it is: as it says itself, or else as the dial of its session did.
///
/// # Errors
/// What is answered without a turn: a valid END.
async fn whose<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    heard: &Heard,
    at: Moment,
) -> Result<Msisdn, Reply> {
    let failed = |error: StoreError| {
        if let Some(left_out) = door.entry.brake.lets_of(link.as_str(), "whose") {
            tracing::error!(%link, left_out, %error, "the ledger does not say whose session it is");
        }
        count(link.as_str(), "failed");
        apology(door, link, of, "failed")
    };
    let nobodys = || {
        // Nobody's fault: it was silent for too long, or its dial never came. An end is
        // acknowledged and nothing else.
        count(link.as_str(), "nobodys");
        apology(door, link, of, "over")
    };
    let Some(subscriber) = &heard.subscriber else {
        let found = door.gateway.dialler(link, &heard.session, at).await;
        return found.map_err(failed)?.ok_or_else(nobodys);
    };
    match (of.shape.number_given, heard.is) {
        (NumberGiven::Always, _) | (NumberGiven::First, Is::End | Is::Ignored) => {}
        (NumberGiven::First, Is::New | Is::Unsaid) => {
            let session = SessionKey {
                link: link.clone(),
                subscriber: subscriber.clone(),
                id: heard.session.clone(),
            };
            let noted = door.gateway.dialled(&session, at).await;
            noted.map_err(failed)?;
        }
        // A number is said for sure at the dial only: one that is said later may agree with it, and
        // gives nobody the session of another.
        (NumberGiven::First, Is::Continue) => {
            let found = door.gateway.dialler(link, &heard.session, at).await;
            if found.map_err(failed)?.as_ref() != Some(subscriber) {
                return Err(nobodys());
            }
        }
    }
    Ok(subscriber.clone())
}

/// A valid END of the gateway's own, in the name of the link's first service.
fn apology<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    id: &str,
) -> Reply {
    let first = of.services.first();
    let said = first.map(|service| door.gateway.book().apology(link, service, id));
    said.unwrap_or_else(nothing)
}

/// An END without a word.
pub(super) fn nothing() -> Reply {
    Reply {
        text: String::new(),
        ends: true,
    }
}

/// What cannot be taken, with a line in the log: an operator that is refused all night is to be
/// seen there.
fn refused<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    error: &CallbackError,
) -> Answer {
    if let Some(left_out) = door.entry.brake.lets_of(link.as_str(), "refused") {
        tracing::warn!(%link, left_out, status = error.status(), %error, "callback refused");
    }
    count(link.as_str(), "refused");
    let mut answer = of.shape.refuse(error.status(), &error.to_string());
    if answer.status == 405 {
        answer
            .headers
            .push(("allow".to_owned(), of.shape.methods.join(", ")));
    }
    answer
}
