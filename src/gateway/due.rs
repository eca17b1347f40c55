//! What falls due: calls to try again, sessions that fell silent.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::callback::Channel;
use crate::conversation::{CallKind, Conversation, Progress};
use crate::desk::Registry;
use crate::dialog::PageKind;
use crate::engine::{Answer, Event};
use crate::gateway::calls::{Patience, Performed, password_of};
use crate::gateway::{Gateway, KEEP, Turn, TurnError};
use crate::plant::{Plant, planted};
use crate::screen::{Limit, alphabet};
use crate::store::{
    Due, DueKind, EffectState, MessageId, MessageKind, Save, Store, SubscriberChange,
};

/// Due times taken at once.
const AT_ONCE: u32 = 32;
/// How long one claim of a due time holds; a call without an answer is tried again after it.
const LEASE: Duration = Duration::from_secs(15);
/// How long one attempt of a late call may take, for which nobody waits; longer than a claim, which
/// is why what is in hand is known (`in_hand`).
const LATE_CALL: Duration = Duration::from_secs(75);
/// How long a turn of a late answer may take.
const LATE_TURN: Duration = Duration::from_secs(10);
/// Due times in hand at once.
const IN_HAND_MAX: usize = 512;
/// How long a call is tried before the subscriber is told that it failed.
const GIVE_UP: Duration = Duration::from_secs(30 * 60);

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Attends to everything that waits: texts first, then due times. Returns how much it did; the
    /// caller comes again at once until that is nothing.
    ///
    /// # Errors
    /// As for [`Gateway::tend_texts`].
    pub async fn tend(&self) -> Result<usize, TurnError> {
        Ok(self.tend_texts().await? + self.tend_due().await?)
    }

    /// Attends to due times as they come, until `stop` is told; one that takes long holds up no
    /// other.
    pub async fn due_times(&self, mut stop: watch::Receiver<bool>) {
        let mut attended = FuturesUnordered::new();
        loop {
            // A sender that is gone is a stop as well.
            let stopping = *stop.borrow() || stop.has_changed().is_err();
            if stopping && attended.is_empty() {
                return;
            }
            let mut more = false;
            if !stopping && attended.len() < IN_HAND_MAX {
                match self.store.claim_due(self.clock.now(), LEASE, AT_ONCE).await {
                    Ok(due) => {
                        more = due.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
                        attended.extend(due.into_iter().map(|due| self.attend_logged(due)));
                    }
                    Err(error) => tracing::error!(%error, "due times wait"),
                }
            }
            // In this order, so that a run is the same each time.
            tokio::select! {
                biased;
                Some(()) = attended.next(), if !attended.is_empty() => {
                    // What ended with it is taken along: the ledger is looked at once for all.
                    while attended.next().now_or_never().flatten().is_some() {}
                }
                () = tokio::time::sleep(self.look), if !more && !stopping => {}
                () = std::future::ready(()), if more => {}
                _ = stop.changed(), if !stopping => {}
            }
        }
    }

    async fn attend_logged(&self, due: Due) {
        if let Err(error) = self.attend(&due).await {
            tracing::error!(conversation = %due.conversation, kind = ?due.kind, %error, "due time failed");
        }
    }

    /// Attends to due times that have come, each to its end.
    ///
    /// # Errors
    /// [`TurnError::Store`] when the ledger cannot be read. What fails with one row is logged, and
    /// the row is tried again.
    pub async fn tend_due(&self) -> Result<usize, TurnError> {
        let due = self
            .store
            .claim_due(self.clock.now(), LEASE, AT_ONCE)
            .await?;
        let mut attended: FuturesUnordered<_> = due
            .iter()
            .map(|due| async move { (due, self.attend(due).await) })
            .collect();
        let mut done = 0;
        while let Some((due, result)) = attended.next().await {
            match result {
                Ok(()) => done += 1,
                Err(error) => {
                    tracing::error!(conversation = %due.conversation, kind = ?due.kind, %error, "due time failed");
                }
            }
        }
        Ok(done)
    }

    async fn attend(&self, due: &Due) -> Result<(), TurnError> {
        if planted(Plant::DueEndedBeforeTurn) {
            self.store.end_due(due).await?;
        }
        match due.kind {
            // It concerns the account, whatever has become of the conversation.
            DueKind::Revoke => match self.in_hand.take(due) {
                Some(_in_hand) => self.revoke(due).await,
                None => Ok(()),
            },
            DueKind::Call => {
                let Some(_in_hand) = self.in_hand.take(due) else {
                    // The claim is over, and the call is still under way here.
                    return Ok(());
                };
                match self.store.conversation(due.conversation).await? {
                    Some(conversation) => self.call_again(due, conversation).await,
                    None => Ok(self.store.end_due(due).await?),
                }
            }
            DueKind::Silence | DueKind::Erase => self.left_alone(due).await,
        }
    }

    /// A conversation that nobody has moved for long.
    async fn left_alone(&self, due: &Due) -> Result<(), TurnError> {
        let Some(conversation) = self.store.conversation(due.conversation).await? else {
            return Ok(self.store.end_due(due).await?);
        };
        let _held = self
            .held
            .take(&conversation.service, &conversation.subscriber)
            .await;
        // It may have moved while this waited for its turn.
        let Some(conversation) = self.store.conversation(due.conversation).await? else {
            return Ok(self.store.end_due(due).await?);
        };
        if due.kind == DueKind::Silence {
            return self.fell_silent(due, conversation).await;
        }
        if self.clock.now().since(conversation.stepped_at) >= KEEP {
            self.store.erase(conversation.id).await?;
        }
        Ok(self.store.end_due(due).await?)
    }

    /// A call whose answer was late, or whose turn died: it is made again, and the outcome goes
    /// out by SMS, once.
    async fn call_again(&self, due: &Due, conversation: Conversation) -> Result<(), TurnError> {
        let book = self.book();
        let held = || {
            self.held
                .take(&conversation.service, &conversation.subscriber)
        };
        let pending = conversation
            .pending
            .clone()
            .filter(|pending| u64::from(pending.number) == due.number);
        let (Some(pending), Some(service)) = (pending, book.services.get(&conversation.service))
        else {
            return Ok(self.store.end_due(due).await?);
        };
        if !book.knows(&conversation) {
            return Ok(self.store.end_due(due).await?);
        }
        let now = self.clock.now();
        // The registry may take its time, and whoever dials meanwhile is told so at once: their
        // turns are not held up. Only the ledger's own calls are so short that they may.
        let asks_outside = matches!(pending.call, CallKind::Lookup | CallKind::OpenAccount);
        let before = match asks_outside {
            true => None,
            false => {
                let held = held().await;
                if !self.is_awaited(due).await? {
                    return Ok(self.store.end_due(due).await?);
                }
                Some(held)
            }
        };
        let about = (&conversation, pending.number, pending.call);
        let performed = self.perform(&book, service, about, Patience::Late, now);
        let mut performed = match tokio::time::timeout(LATE_CALL, performed).await {
            Ok(performed) => performed?,
            Err(_late) => Performed::default(),
        };
        let _held = match before {
            Some(before) => before,
            None => held().await,
        };
        // It may have moved meanwhile; the answer counts while this call is awaited.
        let Some(conversation) = self.store.conversation(due.conversation).await? else {
            return Ok(self.store.end_due(due).await?);
        };
        let awaited = conversation.pending.as_ref();
        if awaited.is_none_or(|awaited| awaited.number != pending.number) {
            return Ok(self.store.end_due(due).await?);
        }
        let now = self.clock.now();
        let answer = match performed.answer.take() {
            Some(answer) => answer,
            None if now.since(pending.asked_at) >= GIVE_UP && pending.call.may_be_late() => {
                Answer {
                    number: pending.number,
                    outcome: given_up(pending.call),
                    facts: Default::default(),
                }
            }
            // The lease ends, and it is tried again.
            None => return Ok(()),
        };
        let subscriber = conversation.subscriber.clone();
        let mut turn = Turn {
            key: self
                .store
                .mark("late", &[&conversation.id.0, &pending.number.to_be_bytes()]),
            service,
            subscriber: &subscriber,
            channel: Channel::Sms,
            at: now,
            limit: Limit::SMS,
            until: now.plus(LATE_TURN),
            session_life: LATE_TURN,
            shows: true,
            arrival: None,
            session: None,
            owns: false,
            after: None,
            recalled: None,
            sms: None,
            kept: None,
            changes: Vec::new(),
            outcome: None,
        };
        turn.outcome = Some(answer.outcome);
        // A lost race leaves the due time; the next claim sees the conversation as it is then.
        self.run(
            &book,
            &mut turn,
            conversation,
            Event::Answered(answer),
            performed,
        )
        .await?;
        Ok(())
    }

    /// Whether a conversation still waits for the call.
    async fn is_awaited(&self, due: &Due) -> Result<bool, TurnError> {
        let conversation = self.store.conversation(due.conversation).await?;
        let pending = conversation.and_then(|conversation| conversation.pending);
        Ok(pending.is_some_and(|pending| u64::from(pending.number) == due.number))
    }

    /// A USSD session timed out: one message a day says how to go on.
    async fn fell_silent(
        &self,
        due: &Due,
        mut conversation: Conversation,
    ) -> Result<(), TurnError> {
        let book = self.book();
        let met = self
            .store
            .meet(&conversation.service, &conversation.subscriber, None)
            .await?;
        let now = self.clock.now();
        let service = book.services.get(&conversation.service);
        let wanted = conversation.revision == due.number
            && conversation.progress == Progress::Open
            && conversation.is_begun()
            && !met.subscriber.stopped
            && met.subscriber.hinted_on != Some(now.day());
        let (true, Some(service)) = (wanted, service) else {
            return Ok(self.store.end_due(due).await?);
        };
        match service
            .dialog
            .pages
            .get(&conversation.page)
            .map(|page| &page.kind)
        {
            Some(PageKind::Menu { .. } | PageKind::List { .. } | PageKind::Ask { .. }) => {}
            // What was said needs no answer.
            Some(PageKind::Say { .. } | PageKind::Call { .. } | PageKind::Wait | PageKind::End)
            | None => {
                return Ok(self.store.end_due(due).await?);
            }
        }
        let text = alphabet::fold(&book.wording(service).text(&conversation, "hint", &[])?);
        conversation.revision += 1;
        let key = self
            .store
            .mark("hint", &[&conversation.id.0, &due.number.to_be_bytes()]);
        let message = self.message(service, &conversation, key, MessageKind::Notice, text, now);
        self.store
            .save(Save {
                turn: key,
                conversation: &conversation,
                after: None,
                recalled: None,
                arrival: None,
                asks: false,
                sms_done: None,
                session: None,
                owns: false,
                subscriber: &[SubscriberChange::Hinted(now.day())],
                messages: &[message],
                intent: None,
                result: None,
                due: &[],
                not_due: &[DueKind::Silence],
                at: now,
            })
            .await?;
        self.ring(&service.sms_link);
        tracing::info!(conversation = %conversation.id, page = %conversation.page, "fell silent");
        Ok(())
    }

    /// A password whose message failed for good is taken back, so that it can be asked for again.
    async fn revoke(&self, due: &Due) -> Result<(), TurnError> {
        let message = MessageId(i64::try_from(due.number).unwrap_or(i64::MAX));
        let effect = self.store.effect_of(message).await?;
        let Some(effect) = effect.filter(|effect| effect.state == EffectState::Done) else {
            return Ok(self.store.end_due(due).await?);
        };
        let Some((registration, generation)) = password_of(&effect.subject) else {
            return Ok(self.store.end_due(due).await?);
        };
        let revoking = self.registry.revoke_password(registration, generation);
        match tokio::time::timeout(LATE_CALL, revoking).await {
            Ok(Ok(())) => {
                self.store.revoke_effect(&effect.key).await?;
                Ok(self.store.end_due(due).await?)
            }
            // The lease ends, and it is tried again.
            Ok(Err(error)) => {
                tracing::warn!(conversation = %due.conversation, %error, "a password waits to be revoked");
                Ok(())
            }
            Err(_late) => Ok(()),
        }
    }
}

/// The outcome of a call that was given up.
fn given_up(call: CallKind) -> &'static str {
    match call {
        CallKind::Lookup | CallKind::OpenAccount => "unavailable",
        CallKind::SendCode => "limited",
        CallKind::VerifyCode => "expired",
        CallKind::ResendPassword => "gone",
    }
}
