//! What a call page asks for: carried out at the desk, and its answer as the next event.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::book::{Book, NoNumberOnFile, Service};
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::conversation::{CallKind, Conversation, SlotName, Value};
use crate::desk::credentials::{shown, temporary_password};
use crate::desk::{
    IdKind, Identity, Lookup, NewAccount, Opened, Registry, RegistryError, Standing,
};
use crate::engine::Answer;
use crate::gateway::{Gateway, Turn, TurnError, facts};
use crate::plant::{Plant, planted};
use crate::store::{
    CODE_LIFE, CodeSent, CodeTried, CodeWanted, EffectState, Mark, MessageKind, MessageState,
    NewEffect, NewMessage, Store,
};

/// Failed matches of a number a day.
const FAILURES_BY_NUMBER_MAX: u32 = 5;
/// Failed matches of an identity in 30 days, from numbers not bound to it.
const FAILURES_OF_IDENTITY_MAX: u32 = 10;
/// Passwords for one registration number before a person has to look at it.
const GENERATIONS_MAX: u32 = 16;
/// The fact under which the number on file is kept; no text may read it.
pub const PHONE_ON_FILE: &str = "phone_on_file";

/// What a call brought.
#[derive(Default)]
pub(super) struct Performed {
    /// The answer; none if it did not come in time.
    pub answer: Option<Answer>,
    /// Messages that the next save takes along.
    pub messages: Vec<NewMessage>,
    /// An effect's result that the next save takes along.
    pub result: Option<(Mark, EffectState)>,
}

/// Whether a worker looks at an empty screen until a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// One does.
    Screen,
    /// Nobody does: the outcome goes out by SMS.
    Late,
}

/// An answer with facts, before it has its number.
type Outcome = (&'static str, Vec<(&'static str, Value)>);

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Performs a call within what is left of the turn's deadline. A registry that is ill is as
    /// good as late: the ledger has the call, and it is tried again.
    pub(super) async fn perform_until(
        &self,
        book: &Book,
        turn: &Turn<'_>,
        conversation: &Conversation,
        number: u32,
        call: CallKind,
    ) -> Result<Performed, TurnError> {
        let left = turn.until.since(self.clock.now());
        let about = (conversation, number, call);
        let performed = self.perform(book, turn.service, about, Patience::Screen, turn.at);
        match tokio::time::timeout(left.max(Duration::from_millis(1)), performed).await {
            Ok(performed) => performed,
            Err(_late) => Ok(Performed::default()),
        }
    }

    /// Performs a call. Without an answer, the registry did not give one.
    pub(super) async fn perform(
        &self,
        book: &Book,
        service: &Service,
        (conversation, number, call): (&Conversation, u32, CallKind),
        patience: Patience,
        at: Moment,
    ) -> Result<Performed, TurnError> {
        let outcome = match call {
            CallKind::Lookup => {
                self.look_up(book, conversation, number, patience, at)
                    .await?
            }
            CallKind::SendCode => Some(
                self.send_code(book, service, conversation, number, at)
                    .await?,
            ),
            CallKind::VerifyCode => Some(self.verify_code(conversation, number, at).await?),
            CallKind::ResendPassword => {
                Some(self.resend_password(service, conversation, at).await?)
            }
            CallKind::OpenAccount => {
                return self
                    .open_account(book, service, (conversation, number), patience, at)
                    .await;
            }
        };
        Ok(Performed {
            answer: outcome.map(|outcome| answer(number, outcome)),
            ..Performed::default()
        })
    }

    /// The intent of an effect whose secret has to be in the ledger before it is carried out.
    pub(super) async fn intent(
        &self,
        conversation: &Conversation,
        call: CallKind,
        at: Moment,
    ) -> Result<Option<NewEffect>, TurnError> {
        match call {
            CallKind::OpenAccount => {
                let (generation, key) = self.generation(conversation).await?;
                let registration = text_fact(conversation, "registration").unwrap_or_default();
                let secret = temporary_password(&*self.chance);
                Ok(Some(NewEffect {
                    key,
                    conversation: conversation.id,
                    subject: format!("{generation} {registration}"),
                    secret,
                    at,
                }))
            }
            CallKind::Lookup
            | CallKind::SendCode
            | CallKind::VerifyCode
            | CallKind::ResendPassword => Ok(None),
        }
    }

    async fn look_up(
        &self,
        book: &Book,
        conversation: &Conversation,
        number: u32,
        patience: Patience,
        at: Moment,
    ) -> Result<Option<Outcome>, TurnError> {
        let Some(who) = identity(conversation) else {
            return Ok(Some(("no_match", Vec::new())));
        };
        let subject = self.store.mark(
            "identity",
            &[who.kind.word().as_bytes(), who.number.as_bytes()],
        );
        let failures = self
            .store
            .match_failures(&conversation.subscriber, &subject, at)
            .await?;
        if failures.by_number >= FAILURES_BY_NUMBER_MAX {
            return Ok(Some(("limited", Vec::new())));
        }
        let looked_up = match patience {
            Patience::Screen => self.registry.lookup(&who).await,
            Patience::Late => self.registry.lookup_late(&who).await,
        };
        match looked_up {
            Ok(Lookup::Match(person)) => {
                let stranger = person.phone.as_ref() != Some(&conversation.subscriber);
                if stranger && failures.of_identity >= FAILURES_OF_IDENTITY_MAX {
                    return Ok(Some(("limited", Vec::new())));
                }
                let mut facts =
                    facts::of(&person, &conversation.subscriber, book.no_number_on_file);
                if let Standing::Registered {
                    registration,
                    account: true,
                } = &person.standing
                {
                    let (_, key) = self.generation_of(registration).await?;
                    match self.store.effect(&key).await? {
                        // We opened it, and the password has not gone out yet: to the worker it is
                        // not open, and asking again carries the same password on.
                        Some(effect) if effect.state == EffectState::Intended => {
                            facts.push(("account", Value::Flag(false)));
                        }
                        Some(effect)
                            if effect
                                .message
                                .is_some_and(|(_, state)| is_on_its_way(state)) =>
                        {
                            facts.push(("password_on_its_way", Value::Flag(true)));
                        }
                        Some(_) | None => {}
                    }
                }
                Ok(Some(("found", facts)))
            }
            Ok(Lookup::NoMatch) => {
                let key = self
                    .store
                    .mark("match", &[&conversation.id.0, &number.to_be_bytes()]);
                self.store
                    .match_failed(&conversation.subscriber, &subject, &key, at)
                    .await?;
                if failures.of_identity >= FAILURES_OF_IDENTITY_MAX {
                    return Ok(Some(("limited", Vec::new())));
                }
                Ok(Some(("no_match", Vec::new())))
            }
            Err(error @ (RegistryError::Unavailable(_) | RegistryError::Contract(_))) => {
                tracing::warn!(conversation = %conversation.id, call = CallKind::Lookup.name(), %error, "no answer");
                Ok(None)
            }
        }
    }

    /// Sends the code to the number on file, or by the agency's choice to the calling number where
    /// the registry holds none; never to a number that was typed.
    async fn send_code(
        &self,
        book: &Book,
        service: &Service,
        conversation: &Conversation,
        number: u32,
        at: Moment,
    ) -> Result<Outcome, TurnError> {
        let Some(to) = destination(conversation) else {
            return Ok(("limited", Vec::new()));
        };
        if !to.is_moroccan_mobile() {
            return Ok(("limited", Vec::new()));
        }
        let key = self
            .store
            .mark("code", &[&conversation.id.0, &number.to_be_bytes()]);
        let text = book.wording(service).text(
            conversation,
            "sms-code",
            &[
                ("code", "{code}".to_owned()),
                ("minutes", (CODE_LIFE.as_secs() / 60).to_string()),
            ],
        )?;
        let mut message = self.message(
            service,
            conversation,
            key,
            MessageKind::Code,
            crate::screen::alphabet::fold(&text),
            at,
        );
        message.to = to.clone();
        let sent = self
            .store
            .send_code(CodeWanted {
                conversation: conversation.id,
                asked_by_owner: to == conversation.subscriber,
                to,
                key,
                fresh: self.six_digits(),
                message,
                at,
            })
            .await?;
        self.ring(&service.sms_link);
        Ok(match sent {
            CodeSent::Sent { .. } => ("sent", Vec::new()),
            CodeSent::TooSoon { wait } => {
                let seconds = i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
                ("too_soon", vec![("wait_seconds", Value::Number(seconds))])
            }
            CodeSent::Limited => ("limited", Vec::new()),
        })
    }

    async fn verify_code(
        &self,
        conversation: &Conversation,
        number: u32,
        at: Moment,
    ) -> Result<Outcome, TurnError> {
        let typed = conversation
            .slots
            .get(&SlotName::from("code"))
            .map(Value::shown)
            .unwrap_or_default();
        let Some(to) = destination(conversation) else {
            return Ok(("expired", Vec::new()));
        };
        let key = self
            .store
            .mark("try", &[&conversation.id.0, &number.to_be_bytes()]);
        Ok(
            match self
                .store
                .try_code(conversation.id, &to, &typed, &key, at)
                .await?
            {
                CodeTried::Right => ("right", vec![("proved", Value::Flag(true))]),
                CodeTried::Wrong { left } => (
                    "wrong",
                    vec![("tries_left", Value::Number(i64::from(left)))],
                ),
                CodeTried::Spent => ("spent", Vec::new()),
                CodeTried::Expired => ("expired", Vec::new()),
            },
        )
    }

    /// Opens the account with the first password that was minted for its key, and puts that
    /// password into the outbox in the same transaction as the result.
    async fn open_account(
        &self,
        book: &Book,
        service: &Service,
        (conversation, number): (&Conversation, u32),
        patience: Patience,
        at: Moment,
    ) -> Result<Performed, TurnError> {
        let say = |outcome: Outcome| Performed {
            answer: Some(answer(number, outcome)),
            ..Performed::default()
        };
        let (Some(registration), Some(to)) = (
            text_fact(conversation, "registration"),
            destination(conversation),
        ) else {
            return Ok(say(("refused", Vec::new())));
        };
        if !to.is_moroccan_mobile() {
            return Ok(say(("refused", Vec::new())));
        }
        let (generation, key) = self.generation(conversation).await?;
        let Some(effect) = self.store.effect(&key).await? else {
            // What was intended was taken back meanwhile, and of another generation nobody has minted a
            // password: it has to be asked for anew.
            return Ok(say(("unavailable", Vec::new())));
        };
        let password = match (effect.state, effect.secret) {
            (EffectState::Intended, Some(password)) => password,
            (EffectState::Done, _) | (EffectState::Intended, None) => {
                let on_its_way = effect
                    .message
                    .is_some_and(|(_, state)| is_on_its_way(state));
                return Ok(say((
                    "already",
                    vec![("password_on_its_way", Value::Flag(on_its_way))],
                )));
            }
            (EffectState::Refused | EffectState::Revoked, _) => {
                return Ok(say(("refused", Vec::new())));
            }
        };
        let account = NewAccount {
            registration,
            generation,
            password: (!book.registry_delivers_password).then_some(password),
            email: conversation
                .slots
                .get(&SlotName::from("email"))
                .map(Value::shown),
            idempotency_key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let opened = match patience {
            Patience::Screen => self.registry.open_account(&account).await,
            Patience::Late => self.registry.open_account_late(&account).await,
        };
        match opened {
            Ok(Opened::Opened) => {
                let opened = Performed {
                    result: Some((key, EffectState::Done)),
                    ..say(("opened", Vec::new()))
                };
                let Some(password) = account.password else {
                    return Ok(opened);
                };
                let text = book.wording(service).text(
                    conversation,
                    "sms-password",
                    &[("password", shown(&password))],
                )?;
                let text = crate::screen::alphabet::fold(&text);
                let mut message =
                    self.message(service, conversation, key, MessageKind::Password, text, at);
                message.to = to;
                Ok(Performed {
                    messages: vec![message],
                    ..opened
                })
            }
            Ok(Opened::Already) => Ok(Performed {
                result: Some((key, EffectState::Refused)),
                ..say(("already", vec![("password_on_its_way", Value::Flag(false))]))
            }),
            Ok(Opened::Refused) => Ok(Performed {
                result: Some((key, EffectState::Refused)),
                ..say(("refused", Vec::new()))
            }),
            Err(error @ (RegistryError::Unavailable(_) | RegistryError::Contract(_))) => {
                tracing::warn!(conversation = %conversation.id, call = CallKind::OpenAccount.name(), %error, "no answer");
                Ok(Performed::default())
            }
        }
    }

    async fn resend_password(
        &self,
        service: &Service,
        conversation: &Conversation,
        at: Moment,
    ) -> Result<Outcome, TurnError> {
        let (_, key) = self.generation(conversation).await?;
        let sent = self.store.resend_message(&key, at).await?;
        self.ring(&service.sms_link);
        Ok(match sent {
            Some(Duration::ZERO) => ("sent", Vec::new()),
            Some(_wait) => ("too_soon", Vec::new()),
            None => ("gone", Vec::new()),
        })
    }

    /// The generation of password that is in force for the person of this conversation, and its
    /// key: a new one only after the last was revoked or refused.
    async fn generation(&self, conversation: &Conversation) -> Result<(u32, Mark), TurnError> {
        let registration = text_fact(conversation, "registration").unwrap_or_default();
        self.generation_of(&registration).await
    }

    pub(super) async fn generation_of(&self, registration: &str) -> Result<(u32, Mark), TurnError> {
        for generation in 1..GENERATIONS_MAX {
            let key = self.password_key(registration, generation);
            match self.store.effect(&key).await?.map(|effect| effect.state) {
                // Nothing of it is in force, and another try is another key.
                Some(EffectState::Revoked | EffectState::Refused) => {}
                Some(EffectState::Intended | EffectState::Done) | None => {
                    return Ok((generation, key));
                }
            }
        }
        Ok((
            GENERATIONS_MAX,
            self.password_key(registration, GENERATIONS_MAX),
        ))
    }

    fn password_key(&self, registration: &str, generation: u32) -> Mark {
        if planted(Plant::KeyOfItsOwn) {
            let mut unlike = [0; 8];
            self.chance.fill(&mut unlike);
            return self
                .store
                .mark("password", &[registration.as_bytes(), &unlike]);
        }
        self.store.mark(
            "password",
            &[registration.as_bytes(), &generation.to_be_bytes()],
        )
    }

    fn six_digits(&self) -> String {
        // Rejection keeps every code equally likely; 2^32 - 2^32 % 10^6 is the last whole multiple.
        const WHOLE: u32 = u32::MAX - u32::MAX % 1_000_000;
        const DRAWS_MAX: usize = 64;
        let mut drawn = 0;
        for _ in 0..DRAWS_MAX {
            let mut bytes = [0; 4];
            self.chance.fill(&mut bytes);
            drawn = u32::from_be_bytes(bytes);
            if drawn < WHOLE {
                break;
            }
        }
        format!("{:06}", drawn % 1_000_000)
    }
}

/// Registration number and generation of a password's effect, from its subject.
pub(super) fn password_of(subject: &str) -> Option<(&str, u32)> {
    let (generation, registration) = subject.split_once(' ')?;
    Some((registration, generation.parse().ok()?))
}

fn answer(number: u32, (outcome, facts): Outcome) -> Answer {
    let facts: BTreeMap<String, Value> = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Answer {
        number,
        outcome,
        facts,
    }
}

fn is_on_its_way(state: MessageState) -> bool {
    match state {
        MessageState::Queued
        | MessageState::Sending
        | MessageState::Sent
        | MessageState::Unknown => true,
        MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => false,
    }
}

fn text_fact(conversation: &Conversation, name: &str) -> Option<String> {
    conversation.facts.get(name).map(Value::shown)
}

/// Where codes and passwords go: the number on file, or the calling one where the registry holds
/// none. With the policy `agency` no dialog comes here without a number on file.
fn destination(conversation: &Conversation) -> Option<Msisdn> {
    match text_fact(conversation, PHONE_ON_FILE) {
        Some(number) => Msisdn::parse(&number).ok(),
        None => {
            let by_guide =
                text_fact(conversation, "policy").as_deref() == Some(NoNumberOnFile::Guide.word());
            by_guide.then(|| conversation.subscriber.clone())
        }
    }
}

fn identity(conversation: &Conversation) -> Option<Identity> {
    let slot = |name: &str| conversation.slots.get(&SlotName::from(name));
    let kind = IdKind::from_word(&slot("id_type")?.shown())?;
    match (slot("id_number")?, slot("expiry")?, slot("birth")?) {
        (Value::Text(number), Value::Day(expiry), Value::Day(birth)) => Some(Identity {
            kind,
            number: number.clone(),
            expiry: *expiry,
            birth: *birth,
        }),
        _ => None,
    }
}
