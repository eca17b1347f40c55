//! The turn of a text message: it runs after the message was acknowledged, in order per
//! subscriber, and its screen goes out as a message.

use crate::callback::Channel;
use crate::desk::Registry;
use crate::engine::Event;
use crate::gateway::calls::Performed;
use crate::gateway::{DEADLINE_MARGIN, Gateway, RACES_PER_TURN_MAX, Turn, TurnError};
use crate::input::words::{self, Command};
use crate::screen::Limit;
use crate::store::{Accepted, NewSms, Sms, Store, StoreError, SubscriberChange};

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Takes in an SMS or a part of one, and wakes who runs the turns. It is durable when this
    /// returns, and may be acknowledged.
    ///
    /// # Errors
    /// [`StoreError`]; the operator is then told to try again.
    pub async fn accept_sms(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        let accepted = self.store.accept_sms(sms).await?;
        self.inbox_bell.notify_one();
        Ok(accepted)
    }

    /// Runs the turn of one SMS from the inbox. The inbox row is done when this returns `Ok`.
    ///
    /// # Errors
    /// [`TurnError`]; the row stays and is tried again.
    pub async fn sms(&self, sms: &Sms) -> Result<(), TurnError> {
        let book = self.book();
        let _held = self.held.take(&sms.service, &sms.subscriber).await;
        let Some(service) = book.services.get(&sms.service) else {
            self.store.drop_sms(sms.id).await?;
            return Ok(());
        };
        let link = book.links.get(&sms.link).copied().unwrap_or_default();
        for _ in 0..RACES_PER_TURN_MAX {
            let now = self.clock.now();
            let met = self.store.meet(&sms.service, &sms.subscriber, None).await?;
            let mut turn = Turn {
                key: self.store.mark("sms", &[&sms.id.0.to_be_bytes()]),
                service,
                subscriber: &sms.subscriber,
                channel: Channel::Sms,
                at: now,
                limit: Limit::SMS,
                until: now.plus(link.deadline.saturating_sub(DEADLINE_MARGIN)),
                session_life: link.session,
                arrival: None,
                session: None,
                owns: false,
                sms: Some(sms.id),
                changes: Vec::new(),
                outcome: None,
            };
            let command = words::command(&sms.text);
            if met.subscriber.stopped && command != Some(Command::Stop) {
                turn.changes.push(SubscriberChange::Stopped(false));
            }
            let goes_on = met.conversation.as_ref().is_some_and(|current| {
                command == Some(Command::Next)
                    && current.has_more()
                    && current.channel == Channel::Sms
            });
            let began = met
                .conversation
                .as_ref()
                .and_then(|current| current.pending.as_ref())
                .is_some();
            let conversation =
                self.conversation_for(&book, &turn, &met.subscriber, met.conversation, goes_on);
            let mine = turn_was_begun(&self.store, &turn, &conversation, began).await?;
            let event = if mine {
                Event::Again
            } else {
                Event::Typed(sms.text.clone())
            };
            if self
                .run(&book, &mut turn, conversation, event, Performed::default())
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(TurnError::Raced)
    }
}

/// Whether an earlier run of this very turn was cut after its first save, so that its input has
/// been taken already.
async fn turn_was_begun<S: Store>(
    store: &S,
    turn: &Turn<'_>,
    conversation: &crate::conversation::Conversation,
    pending: bool,
) -> Result<bool, TurnError> {
    if !pending {
        return Ok(false);
    }
    let first = store.mark("step", &[&turn.key, &0_u32.to_be_bytes()]);
    Ok(store.has_turn(conversation.id, &first).await?)
}
