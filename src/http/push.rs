//! Callbacks whose screens go in requests of ours: acknowledged as soon as the turn is durable, the
//! screen posted behind it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::callback::LinkName;
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Begun, Gateway, UssdCall};
use crate::http::callbacks::{Door, UssdLink, nothing};
use crate::http::entry::count;
use crate::operator::file::Is;
use crate::operator::reply::{Answer, problem};
use crate::operator::ussd::Heard;
use crate::store::{Reply, Store};
use crate::ussd_push::{Pusher, Whose};

/// Runs the turn of a callback and has its screen posted; the answer is the acknowledgement, and it
/// leaves as soon as the callback is durable, or when the link's time for an answer is over.
pub(super) async fn pushed<S: Store, R: Registry>(
    door: &Door<S, R>,
    of: &UssdLink,
    pusher: &Arc<Pusher>,
    heard: Heard,
    call: UssdCall,
) -> Answer {
    let link = call.link.clone();
    let whose = Whose::of(&call);
    let Some(place) = pusher.place(whose, left(door, &link, call.at)) else {
        count(link.as_str(), "shed");
        tracing::warn!(%link, "too many screens are on their way");
        return problem(503, "too many callbacks are on their way; come again");
    };
    let answer = of.shape.answer(&heard, &nothing());
    let (spoken, gateway) = (call.clone(), Arc::clone(&door.gateway));
    let Begun { kept, reply } = door.gateway.begin_call(call);
    // Let go when this returns: the acknowledgement is on its way then, and the screen may follow.
    let (_acknowledged, after) = oneshot::channel::<()>();
    place.post(heard, async move {
        let reply = match reply.await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(link = %spoken.link, panicked = error.is_panic(), "no answer");
                gateway.apology(&spoken, "failed")
            }
        };
        drop(after.await);
        reply
    });
    // What failed before it was durable is told to the subscriber, not asked for again.
    drop(tokio::time::timeout(door.gateway.answer_time(&link), kept).await);
    count(link.as_str(), "answered");
    answer
}

/// Has something posted without a turn, where screens are posted at all.
pub(super) fn say<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    heard: &Heard,
    (reply, at): (&Reply, Moment),
) {
    let Some(pusher) = &of.push else {
        return;
    };
    // Nobody looks at a session that is over.
    if matches!(heard.is, Is::End | Is::Ignored) {
        return;
    }
    let whose = Whose {
        session: (heard.subscriber.clone(), heard.session.clone()),
        repeat: None,
    };
    if let Some(place) = pusher.place(whose, left(door, link, at)) {
        place.post(heard.clone(), std::future::ready(reply.clone()));
    }
}

/// What is left of the link's deadline for a callback.
fn left<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    at: Moment,
) -> std::time::Duration {
    let gateway: &Gateway<S, R> = &door.gateway;
    let rules = gateway.book().links.get(link).copied().unwrap_or_default();
    rules
        .deadline
        .saturating_sub(door.entry.clock.now().since(at))
}
