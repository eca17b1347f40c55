//! Callbacks whose screens go in requests of ours: acknowledged as soon as the turn is durable, the
//! screen posted behind it.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::callback::LinkName;
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Begun, UssdCall};
use crate::http::callbacks::{Door, UssdLink, nothing};
use crate::http::entry::count;
use crate::operator::file::Is;
use crate::operator::reply::{Answer, problem};
use crate::operator::ussd::Heard;
use crate::store::{Mark, Reply, Store};
use crate::ussd_push::{Pusher, Whose};

/// Runs the turn of a callback and has its screen posted; the answer is the acknowledgement. It
/// leaves as soon as the callback is durable.
///
/// Where the ledger cannot keep it, or not before the link's time for an answer is over, it is
/// acknowledged all the same, and counted apart: an END that says so is posted, since somebody waits
/// before an empty screen. An operator that came again would have a second screen shown after it.
pub(super) async fn pushed<S: Store, R: Registry>(
    door: &Door<S, R>,
    of: &UssdLink,
    pusher: &Arc<Pusher>,
    heard: Heard,
    call: UssdCall,
) -> Answer {
    let (link, at) = (call.link.clone(), call.at);
    let whose = Whose {
        session: session(door, &link, &heard),
        repeat: door.gateway.repeat_mark(&call),
    };
    let Some(queued) = pusher.queue(whose, door.gateway.left_to_post(&link, at)) else {
        count(link.as_str(), "shed");
        return problem(503, "too many callbacks are on their way; come again");
    };
    let answer = of.shape.answer(&heard, &nothing());
    let (spoken, gateway) = (call.clone(), Arc::clone(&door.gateway));
    let Begun { kept, reply } = door.gateway.begin_call(call);
    // Let go when this returns: the acknowledgement is on its way then, and the screen may follow.
    let (_acknowledged, after) = oneshot::channel::<()>();
    queued.post(heard, async move {
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
    let outcome = match timeout(door.gateway.left(&link, at), kept).await {
        Ok(Ok(())) => "answered",
        // It never will be durable: the gateway has told the log why.
        Ok(Err(_closed)) => "failed",
        // It may be durable in the end, and whoever dials again goes on behind it.
        Err(_late) => "failed",
    };
    count(link.as_str(), outcome);
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
        session: session(door, link, heard),
        repeat: None,
    };
    // Where too many are on their way, the pusher counts and tells it.
    if let Some(queued) = pusher.queue(whose, door.gateway.left_to_post(link, at)) {
        queued.post(heard.clone(), std::future::ready(reply.clone()));
    }
}

/// What tells the operator's session from others of its link, with its number where that is known.
pub(super) fn session<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    heard: &Heard,
) -> Mark {
    let caller = heard.subscriber.as_ref();
    let parts = [
        link.as_str().as_bytes(),
        caller.map_or("", |caller| caller.as_str()).as_bytes(),
        heard.session.as_bytes(),
    ];
    door.gateway.store.mark("posted-session", &parts)
}
