//! The turn of a text message: it runs after the message was acknowledged, in order per
//! subscriber, and its screen goes out as a message.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::callback::Channel;
use crate::desk::Registry;
use crate::engine::Event;
use crate::gateway::calls::Performed;
use crate::gateway::line::Line;
use crate::gateway::{DEADLINE_MARGIN, Gateway, RACES_PER_TURN_MAX, Turn, TurnError};
use crate::input::words::{self, Command};
use crate::plant::{Plant, planted};
use crate::screen::Limit;
use crate::store::{Accepted, NewSms, Sms, Store, StoreError, SubscriberChange};

/// Turns of texts at the same time.
const TURNS_MAX: usize = 512;
/// Texts read at once.
const READ_MAX: usize = 256;
/// Of so many looks, one is at all that waits, and not only at what is new.
const LOOKS_PER_WHOLE: u64 = 40;

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Takes in an SMS or a part of one, and wakes who runs the turns. It is durable when this
    /// returns, and may be acknowledged.
    ///
    /// # Errors
    /// [`StoreError`]; the operator is then told to try again.
    pub async fn accept_sms(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        let accepted = self.store.accept_sms(sms).await;
        if accepted.is_err() && planted(Plant::TextAcknowledgedUnsaved) {
            return Ok(Accepted::Repeat);
        }
        let accepted = accepted?;
        match accepted {
            Accepted::Stored(_) => self.inbox_bell.notify_one(),
            Accepted::Elsewhere(_) => self.ring_for_text(),
            Accepted::Repeat | Accepted::Part => {}
        }
        Ok(accepted)
    }

    /// Runs the turns of texts as they come, until `stop` is told: in order for each number, many
    /// numbers side by side, so that they share the ledger's commits.
    pub async fn texts(&self, mut stop: watch::Receiver<bool>) {
        let mut line = Line::default();
        let mut turns = FuturesUnordered::new();
        let mut look = interval(self.look);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut unread, mut looks) = (true, 0_u64);
        loop {
            let stopping = *stop.borrow();
            if stopping && turns.is_empty() {
                return;
            }
            if !stopping && unread && line.room() > 0 {
                match self.read_texts(&mut line).await {
                    Ok(more) => unread = more,
                    Err(error) => {
                        unread = false;
                        tracing::error!(%error, "texts wait");
                    }
                }
            }
            while !stopping && turns.len() < TURNS_MAX {
                let Some(sms) = line.next() else { break };
                turns.push(self.turn_of(sms));
            }
            // In this order, so that a run is the same each time.
            tokio::select! {
                biased;
                Some(first) = turns.next(), if !turns.is_empty() => {
                    let mut next = Some(first);
                    while let Some((sms, went_well)) = next {
                        if went_well {
                            line.done(&sms);
                        } else {
                            line.failed(&sms, self.clock.now());
                        }
                        next = turns.next().now_or_never().flatten();
                    }
                }
                () = self.inbox_bell.notified() => unread = true,
                _ = look.tick() => {
                    line.wake(self.clock.now());
                    looks += 1;
                    if looks % LOOKS_PER_WHOLE == 0 {
                        line.again();
                    }
                    unread = true;
                }
                _ = stop.changed() => {}
            }
        }
    }

    /// Runs the turns of all texts that wait, each once; tells how many went well.
    ///
    /// # Errors
    /// [`TurnError::Store`] when the ledger cannot be read. What fails with one text is logged, and
    /// the text stays.
    pub async fn tend_texts(&self) -> Result<usize, TurnError> {
        let mut line = Line::default();
        let mut turns = FuturesUnordered::new();
        let (mut done, mut unread) = (0, true);
        loop {
            if unread && line.room() > 0 {
                unread = self.read_texts(&mut line).await?;
            }
            while turns.len() < TURNS_MAX {
                let Some(sms) = line.next() else { break };
                turns.push(self.turn_of(sms));
            }
            match turns.next().await {
                Some((sms, true)) => {
                    line.done(&sms);
                    done += 1;
                }
                Some((sms, false)) => line.failed(&sms, self.clock.now()),
                None => return Ok(done),
            }
        }
    }

    /// Reads texts into the line; tells whether there may be more.
    async fn read_texts(&self, line: &mut Line) -> Result<bool, StoreError> {
        let room = line.room().min(READ_MAX);
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let texts = self.store.waiting_sms(line.read_to(), limit).await?;
        let more = texts.len() == room;
        texts.into_iter().for_each(|sms| line.put(sms));
        Ok(more)
    }

    /// One text's turn, and whether it went well.
    async fn turn_of(&self, sms: Sms) -> (Sms, bool) {
        let ended = self.sms(&sms).await;
        if let Err(error) = &ended {
            tracing::error!(sms = sms.id.0, %error, "turn failed; the message is kept");
        }
        let went_well = ended.is_ok();
        (sms, went_well)
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
        if planted(Plant::TextDoneBeforeReply) {
            self.store.drop_sms(sms.id).await?;
        }
        let link = book.links.get(&sms.link).copied().unwrap_or_default();
        for race in 0..RACES_PER_TURN_MAX {
            let now = self.clock.now();
            let until = now.plus(link.deadline.saturating_sub(DEADLINE_MARGIN));
            let met = self
                .meet(&sms.service, &sms.subscriber, None, until)
                .await?;
            let mut turn = Turn {
                key: self.store.mark("sms", &[&sms.id.0.to_be_bytes()]),
                service,
                subscriber: &sms.subscriber,
                channel: Channel::Sms,
                at: now,
                limit: Limit::SMS,
                until,
                session_life: link.session,
                shows: true,
                arrival: None,
                session: None,
                owns: false,
                after: met.current,
                recalled: None,
                sms: Some(sms.id),
                kept: None,
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
            let mut begun = false;
            if let Some(current) = &met.conversation {
                // Where the conversation has not moved since the text came, nothing of it was done.
                let may_be = current.stepped_at >= sms.at || current.pending.is_some() || race > 0;
                begun = may_be && turn_was_begun(&self.store, &turn, current).await?;
                if begun && current.pending.is_none() {
                    // An earlier run was cut, and what it had asked was answered at its due time, with a
                    // text of its own.
                    self.store.drop_sms(sms.id).await?;
                    return Ok(());
                }
            }
            let conversation =
                self.conversation_for(&book, &turn, &met.subscriber, met.conversation, goes_on);
            let event = if begun {
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
) -> Result<bool, TurnError> {
    let first = store.mark("step", &[&turn.key, &0_u32.to_be_bytes()]);
    Ok(store.has_turn(conversation.id, &first).await?)
}
