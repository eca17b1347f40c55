//! What tests and the command line do with the message centre: phones that text and dial, and
//! waiting for what comes of it.

use std::time::Duration;

use rusmpp::{CommandStatus, Pdu};

use super::behaviour::Behaviour;
use super::centre::{Centre, State};
use super::esme::{Errand, Role};
use super::message::Unsendable;
use super::queue::{Kind, Taken};
use super::{Smsc, Submit};
use crate::phone::{Happening, Phone, Screen};

/// Why a text from a phone did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It cannot be carried.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// No answer to all its parts in time; it stays in the queue.
    #[error("the gateway did not answer every deliver_sm in time")]
    NotTaken,
    /// The gateway refused a part.
    #[error("the gateway refused a deliver_sm with status {0:#010x}")]
    Refused(u32),
}

/// Why a phone shows no screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UssdError {
    /// It cannot be carried.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// The phone has no open session.
    #[error("no USSD session is open on this phone")]
    NoSession,
    /// No screen in time; the session is lost.
    #[error("the gateway sent no screen in time")]
    NoAnswer,
    /// The gateway refused the step.
    #[error("the gateway refused the step with status {0:#010x}")]
    Refused(u32),
}

/// Nobody bound in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no gateway bound to the message centre within {waited_ms} ms")]
pub struct NotBound {
    /// How long was waited.
    pub waited_ms: u128,
}

impl Smsc {
    /// How many connections are bound.
    pub fn bound(&self) -> usize {
        self.0.centre.lock().esmes.count()
    }

    /// What those that are bound may do.
    pub fn roles(&self) -> Vec<Role> {
        self.0.centre.lock().esmes.roles()
    }

    /// Waits until a connection is bound, at most `wait`.
    ///
    /// # Errors
    /// [`NotBound`] when none is.
    pub async fn until_bound(&self, wait: Duration) -> Result<(), NotBound> {
        self.until(wait, |state| (state.esmes.count() > 0).then_some(()))
            .await
            .ok_or(NotBound {
                waited_ms: wait.as_millis(),
            })
    }

    /// Waits until a behaviour has struck that often, at most `wait`; whether it did.
    pub async fn until_struck(&self, behaviour: Behaviour, times: u64, wait: Duration) -> bool {
        let struck = |state: &State| {
            let struck = state.manners.struck();
            let often = struck.get(&behaviour).copied().unwrap_or(0);
            (often >= times).then_some(())
        };
        self.until(wait, struck).await.is_some()
    }

    /// Waits until the gateway has answered everything that was for it, at most `wait`; tells how
    /// many requests are left.
    pub async fn until_quiet(&self, wait: Duration) -> usize {
        let quiet = |state: &State| (state.queue.unanswered() == 0).then_some(0);
        match self.until(wait, quiet).await {
            Some(none) => none,
            None => self.0.centre.lock().queue.unanswered(),
        }
    }

    /// Waits for the first submitted message that `is_it` takes, at most `wait`.
    pub async fn until_submitted(
        &self,
        wait: Duration,
        is_it: impl Fn(&Submit) -> bool,
    ) -> Option<Submit> {
        self.until(wait, |state| state.store.submits().into_iter().find(&is_it))
            .await
    }

    /// Sends a text from a phone to a short number; returns when the gateway has answered every
    /// part with status 0, within `wait`.
    ///
    /// # Errors
    /// [`TextError`].
    pub async fn text(
        &self,
        phone: &Phone,
        to: &str,
        text: &str,
        wait: Duration,
    ) -> Result<(), TextError> {
        phone.record(Happening::Texted {
            to: to.to_owned(),
            text: text.to_owned(),
        });
        let message = self.0.centre.text(phone.number(), to, text)?;
        let taken = self.until(wait, |state| match state.queue.taken(message) {
            Taken::Waiting => None,
            Taken::All => Some(Ok(())),
            Taken::Refused(status) => Some(Err(TextError::Refused(status))),
        });
        taken.await.unwrap_or(Err(TextError::NotTaken))
    }

    /// Dials a code on a phone; the first screen, within `wait`.
    ///
    /// # Errors
    /// [`UssdError`].
    pub async fn dial(
        &self,
        phone: &Phone,
        code: &str,
        wait: Duration,
    ) -> Result<Screen, UssdError> {
        let seen = {
            phone.record(Happening::Dialled {
                code: code.to_owned(),
            });
            phone.happenings()
        };
        let message = self.0.centre.change(|state| {
            let dialect = state.settings.dialect;
            let chance = &mut state.manners.chance;
            let pdu = state.sessions.dial(dialect, chance, phone.number(), code)?;
            Ok::<u64, Unsendable>(state.step(pdu.into()))
        })?;
        self.shown(phone, message, seen, wait).await
    }

    /// Answers the screen of a phone; the next screen, within `wait`.
    ///
    /// # Errors
    /// [`UssdError`].
    pub async fn press(
        &self,
        phone: &Phone,
        text: &str,
        wait: Duration,
    ) -> Result<Screen, UssdError> {
        let seen = {
            phone.record(Happening::Pressed {
                text: text.to_owned(),
            });
            phone.happenings()
        };
        let message = self.0.centre.change(|state| {
            let dialect = state.settings.dialect;
            let chance = &mut state.manners.chance;
            let pdu = state
                .sessions
                .press(dialect, chance, phone.number(), text)?;
            Ok::<_, Unsendable>(pdu.map(|pdu| state.step(pdu.into())))
        })?;
        let message = message.ok_or(UssdError::NoSession)?;
        self.shown(phone, message, seen, wait).await
    }

    /// Waits for a screen behind the `seen` happenings of a phone, or for the step's refusal.
    async fn shown(
        &self,
        phone: &Phone,
        message: u64,
        seen: u64,
        wait: Duration,
    ) -> Result<Screen, UssdError> {
        let refused = self.until(wait, |state| match state.queue.taken(message) {
            Taken::Refused(status) => Some(UssdError::Refused(status)),
            Taken::Waiting | Taken::All => None,
        });
        let error = tokio::select! {
            happened = phone.changed_since(seen, wait) => {
                if happened > seen && let Some(screen) = phone.screen() {
                    return Ok(screen);
                }
                UssdError::NoAnswer
            }
            Some(refused) = refused => refused,
        };
        self.0.centre.lock().sessions.cut(phone.number());
        phone.record(Happening::HungUp);
        Err(error)
    }

    /// The phone's owner hangs up; whether the gateway is told depends on the dialect.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn abort(&self, phone: &Phone) -> Result<(), Unsendable> {
        phone.record(Happening::HungUp);
        self.0.centre.change(|state| {
            let dialect = state.settings.dialect;
            let chance = &mut state.manners.chance;
            if let Some(pdu) = state.sessions.abort(dialect, chance, phone.number())? {
                state.step(pdu.into());
            }
            Ok(())
        })
    }

    /// The network loses the session of a phone, and nobody is told.
    pub fn cut(&self, phone: &Phone) {
        self.0.centre.lock().sessions.cut(phone.number());
        phone.record(Happening::HungUp);
    }

    /// Tells the gateway by `alert_notification` that a phone can be reached again.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn alert(&self, phone: &Phone, short_number: &str) -> Result<usize, Unsendable> {
        let pdu = super::message::alert(phone.number(), short_number)?;
        let octets = super::frame::encode(CommandStatus::EsmeRok, 1, pdu);
        let state = self.0.centre.lock();
        Ok(state.esmes.send_all(&Errand::Write(octets)))
    }

    /// Sends `enquire_link` on every bound connection; returns how many answered within `wait`.
    pub async fn enquire(&self, wait: Duration) -> usize {
        let (asked, before) = {
            let state = self.0.centre.lock();
            let before = state.enquiries_answered;
            (state.esmes.send_all(&Errand::Enquire), before)
        };
        self.until(wait, |state| {
            let answered = state.enquiries_answered - before;
            (answered >= asked).then_some(answered)
        })
        .await
        .unwrap_or_else(|| self.0.centre.lock().enquiries_answered - before)
    }

    /// Everything that was submitted whole, in order.
    pub fn submits(&self) -> Vec<Submit> {
        self.0.centre.lock().store.submits()
    }

    /// How often a text was submitted to a number.
    pub fn submit_count(&self, to: &str, text: &str) -> usize {
        self.submits()
            .iter()
            .filter(|submit| submit.to == to && submit.text == text)
            .count()
    }

    /// How many parts (or undivided messages) came more than once with the same octets to the
    /// same number.
    pub fn parts_repeated(&self) -> usize {
        self.0.centre.lock().store.parts_repeated()
    }

    /// How many parts (or undivided messages) came beyond the first time that their octets came.
    pub fn parts_again(&self) -> usize {
        self.0.centre.lock().store.parts_again()
    }

    async fn until<T>(&self, wait: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let centre: &Centre = &self.0.centre;
        let mut changes = centre.changes();
        let found = async {
            loop {
                changes.borrow_and_update();
                let found = look(&centre.lock());
                if found.is_some() {
                    return found;
                }
                changes.changed().await.ok()?;
            }
        };
        tokio::time::timeout(wait, found).await.ok().flatten()
    }
}

impl State {
    fn step(&mut self, pdu: Pdu) -> u64 {
        let message = self.next_message();
        self.queue.push(message, Kind::Ussd, pdu);
        message
    }
}
