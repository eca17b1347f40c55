//! Callbacks whose screens go in requests of ours: acknowledged as soon as the turn is durable, the
//! screen posted behind it.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::callback::{Input, LinkName, Repeat};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Begun, Gateway, UssdCall};
use crate::http::callbacks::{Door, UssdLink, nothing};
use crate::http::entry::count;
use crate::operator::file::Is;
use crate::operator::reply::{Answer, problem};
use crate::operator::ussd::Heard;
use crate::store::{Mark, Reply, SessionKey, Store};
use crate::ussd_push::{Pusher, Said, Whose};

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
        may_begin: may_begin(door, &link, &call.input),
    };
    let Some(queued) = pusher.queue(whose, door.gateway.left_to_post(&link, at)) else {
        return shed(&link);
    };
    let key = SessionKey {
        link: link.clone(),
        subscriber: call.subscriber.clone(),
        id: call.session.clone(),
    };
    // Whoever presses a key while the answer to their screen is on its way has it before their eyes.
    if queued.follows_written() {
        let told = shown(&door.gateway, &key, at);
        // Too late, and the page comes again.
        drop(timeout(door.gateway.left(&link, at), told).await);
    }
    let answer = of.shape.answer(&heard, &nothing());
    let (spoken, gateway) = (call.clone(), Arc::clone(&door.gateway));
    let Begun { kept, reply } = door.gateway.begin_call(call);
    let kept = kept.map(|told| told.is_ok()).shared();
    let told = kept.clone();
    let teller = Arc::clone(&door.gateway);
    // Let go when this returns: the acknowledgement is on its way then, and the screen may follow.
    let (_acknowledged, after) = oneshot::channel::<()>();
    let said = async move {
        let reply = match reply.await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(link = %spoken.link, panicked = error.is_panic(), "no answer");
                gateway.apology(&spoken, "failed")
            }
        };
        let is_kept = told.now_or_never().unwrap_or(false);
        drop(after.await);
        Said { reply, is_kept }
    };
    queued.post(heard, said, async move { shown(&teller, &key, at).await });
    let outcome = match timeout(door.gateway.left(&link, at), kept).await {
        Ok(true) => "answered",
        // It never will be durable: the gateway has told the log why.
        Ok(false) => "failed",
        // It may be durable in the end, and whoever dials again goes on behind it.
        Err(_late) => "failed",
    };
    count(link.as_str(), outcome);
    answer
}

/// Lets the ledger know that a screen may be on the phone, and says whether it does. Where it does
/// not, the next key brings the page again; what is wrong with the ledger is told by the turns.
async fn shown<S: Store, R: Registry>(
    gateway: &Gateway<S, R>,
    session: &SessionKey,
    at: Moment,
) -> bool {
    gateway.shown(session, at).await.is_ok()
}

/// Whether a callback may begin another session under an id that is known.
fn may_begin<S: Store, R: Registry>(door: &Door<S, R>, link: &LinkName, input: &Input) -> bool {
    let rules = door.gateway.book().links.get(link).copied();
    let is_dial = match input {
        Input::Dial(_) => true,
        Input::Path(path) => path.is_empty(),
        Input::Text(_) | Input::Unsaid { .. } | Input::Closed => false,
    };
    is_dial && rules.is_some_and(|rules| rules.ids_recur)
}

/// The answer where too many screens are on their way.
fn shed(link: &LinkName) -> Answer {
    count(link.as_str(), "shed");
    let mut answer = problem(503, "too many callbacks are on their way; come again");
    answer
        .headers
        .push(("retry-after".to_owned(), "1".to_owned()));
    answer
}

/// Has something posted without a turn, where screens are posted at all.
///
/// # Errors
/// The answer in place of the acknowledgement, where too many are on their way.
pub(super) fn say<S: Store, R: Registry>(
    door: &Door<S, R>,
    link: &LinkName,
    of: &UssdLink,
    heard: &Heard,
    (reply, at): (&Reply, Moment),
) -> Result<(), Answer> {
    let Some(pusher) = &of.push else {
        return Ok(());
    };
    // Nobody looks at a session that is over.
    if matches!(heard.is, Is::End | Is::Ignored) {
        return Ok(());
    }
    // Whose it is may not be known, but that it comes again is.
    let meant = of.shape.meaning(heard, &of.codes).ok();
    let whose = session(door, link, heard);
    let mark = |told: &[u8]| door.gateway.store.mark("said", &[&whose, told]);
    let repeat = meant.and_then(|meant| match (&meant.repeat, &meant.input) {
        (Repeat::Key(id), _) => Some(mark(id.as_bytes())),
        (Repeat::Path, Input::Path(path)) => Some(mark(path.as_bytes())),
        (Repeat::Path | Repeat::Number(_) | Repeat::None | Repeat::Octets { .. }, _) => None,
    });
    let whose = Whose {
        session: whose,
        repeat,
        may_begin: false,
    };
    let queued = pusher.queue(whose, door.gateway.left_to_post(link, at));
    let queued = queued.ok_or_else(|| shed(link))?;
    let said = Said {
        reply: reply.clone(),
        is_kept: false,
    };
    let nothing_to_know = std::future::ready(true);
    queued.post(heard.clone(), std::future::ready(said), nothing_to_know);
    Ok(())
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
