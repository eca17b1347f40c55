//! A key press whose conversation Redis remembers: one step, which the ledger proves when it saves it.
//!
//! The cache stands in the gateway and not around the ledger, because only here it is known what is read
//! for: what it has may be believed for a step, whose save is compared with all of it, and for nothing
//! else ([`crate::cache`] says why). Whatever comes of it but a step begins again from the ledger.

use crate::book::{Book, LinkRules};
use crate::cache::Recalled;
use crate::callback::{Callback, Channel, Input, Repeat, ServiceName};
use crate::desk::Registry;
use crate::gateway::answer::Kept;
use crate::gateway::calls::Performed;
use crate::gateway::ussd::{Verdict, session_of};
use crate::gateway::{Gateway, Turn, TurnError};
use crate::store::{Met, Reply, SessionKey, Store, Subscriber};

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Answers a callback from what is remembered of its conversation; none where it has to be read.
    pub(super) async fn ussd_recalled(
        &self,
        book: &Book,
        link: LinkRules,
        callback: &Callback,
        kept: &Kept,
    ) -> Result<Option<Reply>, TurnError> {
        let Some(cache) = self.cache.as_ref().filter(|_| may_recall(callback, link)) else {
            return Ok(None);
        };
        let service = self.service(book, &callback.service)?;
        let session = session_of(callback);
        let recall = cache.recall(&service.name, &session, callback.at);
        let Some(recalled) = recall.await else {
            return Ok(None);
        };
        let Recalled {
            conversation,
            session: mark,
            saved_at,
        } = recalled;
        let id = conversation.id;
        let met = Met {
            subscriber: Subscriber::default(),
            current: Some(id),
            conversation: Some(conversation),
            session: Some(mark),
            owner: Some((session.link.clone(), session.id.clone())),
            elsewhere: false,
        };
        let verdict = self.judge(callback, &met, link);
        let Verdict::Step {
            event,
            key,
            mark,
            new_session: false,
        } = verdict
        else {
            return Ok(None);
        };
        let mut turn = self.turn(service, link, callback, kept);
        let subscriber = &met.subscriber;
        let conversation = self.conversation_for(book, &turn, subscriber, met.conversation, true);
        if conversation.id != id {
            return Ok(None);
        }
        turn.key = key;
        turn.after = met.current;
        turn.recalled = Some(saved_at);
        turn.arrival = Some(self.arrival(callback, key));
        turn.session = Some((session.clone(), mark));
        let ran = self
            .run(book, &mut turn, conversation, event, Performed::default())
            .await?;
        if ran.is_none() {
            metrics::counter!("jisr_cache_stale_total").increment(1);
            self.forget(&service.name, &session);
        }
        Ok(ran)
    }

    /// Remembers a conversation after the last save of a turn, for the next key press of its session;
    /// forgets it where there is none.
    pub(super) fn keep_in_mind(
        &self,
        turn: &Turn<'_>,
        conversation: &crate::conversation::Conversation,
        reply: &Reply,
    ) {
        let (Some(cache), Some((key, mark))) = (&self.cache, &turn.session) else {
            return;
        };
        let goes_on = turn.channel == Channel::Ussd
            && turn.shows
            && !reply.ends
            && conversation.pending.is_none();
        if !goes_on {
            return cache.forget(&turn.service.name, key);
        }
        let mut session = mark.clone();
        // As it was written.
        session.version += 1;
        let recalled = Recalled {
            conversation: conversation.clone(),
            session,
            saved_at: turn.at,
        };
        cache.remember(&turn.service.name, key, &recalled);
    }

    /// What is remembered of a session's conversation is over.
    pub(super) fn forget(&self, service: &ServiceName, session: &SessionKey) {
        if let Some(cache) = &self.cache {
            cache.forget(service, session);
        }
    }
}

/// Whether a callback may be answered from what is remembered. Where nothing in it tells a repeat, it
/// has to be known what the ledger had when it came.
fn may_recall(callback: &Callback, link: LinkRules) -> bool {
    let tells_repeats = match &callback.repeat {
        Repeat::Key(_) | Repeat::Path | Repeat::Number(_) => true,
        Repeat::None | Repeat::Octets { .. } => false,
    };
    let presses = match &callback.input {
        Input::Path(path) => !path.is_empty(),
        Input::Text(_) | Input::Unsaid { .. } => true,
        Input::Dial(_) | Input::Closed => false,
    };
    tells_repeats && presses && callback.session.is_some() && !link.posted
}
