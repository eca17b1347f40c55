//! A delivery receipt as an operator posts it.

use crate::operator::CallbackError;
use crate::operator::field::Value;
use crate::operator::request::Request;
use crate::operator::rule::{self, Rule, Test};
use crate::operator::sms::file::State;
use crate::operator::sms::inbound::{HeardAll, Inbound, text};
use crate::store::{ReceiptIds, ReceiptState};

/// Bytes of an id that are taken; our own token has 64.
const ID_BYTES_MAX: usize = 128;

/// `receipts:`, proved.
#[derive(Clone, Debug)]
pub struct Receipts {
    /// How it is asked.
    pub inbound: Inbound,
    /// Which field is the id.
    pub id: usize,
    /// In which forms it may be that of an answer.
    pub ids: ReceiptIds,
    /// What a receipt tells.
    pub states: Vec<Rule<State>>,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardReceipt {
    /// The id as it stands there.
    pub id: String,
    /// What became of the message or part.
    pub state: ReceiptState,
}

impl Receipts {
    /// Reads a request.
    ///
    /// # Errors
    /// [`CallbackError`] as [`Inbound::hear`].
    pub fn hear(&self, request: Request<'_>) -> Result<HeardAll<HeardReceipt>, CallbackError> {
        self.inbound.hear(request, &|values| self.one(values))
    }

    /// Whether a rule asks that field what became of the message.
    pub fn is_told_by(&self, at: usize) -> bool {
        let mut asking = self.states.iter().filter(|rule| rule.test != Test::Always);
        asking.any(|rule| rule.field == at)
    }

    /// Faults what tells the state and is not there. An unknown word may be a new one and is the
    /// rules' to judge; without any word it is no receipt.
    fn told(&self, values: &[Option<Value<'_>>]) -> Result<(), CallbackError> {
        let lacking =
            self.inbound
                .fields
                .iter()
                .zip(values)
                .enumerate()
                .find(|(at, (field, value))| {
                    value.is_none() && !field.optional && self.is_told_by(*at)
                });
        match lacking {
            Some((_, (field, _))) => Err(CallbackError::Missing(field.shown().into())),
            None => Ok(()),
        }
    }

    fn one(&self, values: &[Option<Value<'_>>]) -> Result<Option<HeardReceipt>, CallbackError> {
        let id = text(values, Some(self.id));
        if id.is_some_and(|id| id.len() > ID_BYTES_MAX || id.contains(char::is_control)) {
            return Err(self.inbound.malformed(self.id, "1 to 128 bytes of text"));
        }
        self.told(values)?;
        let state = match rule::first(&self.states, values) {
            Some(State::Ignored) => return Ok(None),
            Some(State::Underway) => ReceiptState::Underway,
            Some(State::Delivered) => ReceiptState::Delivered,
            Some(State::Expired) => ReceiptState::Expired,
            Some(State::Failed) => ReceiptState::Failed,
            None => {
                self.inbound.whole(values)?;
                let asked = self.states.first().map_or(self.id, |rule| rule.field);
                let expected = "one of the values that the operator documents";
                return Err(self.inbound.malformed(asked, expected));
            }
        };
        self.inbound.whole(values)?;
        let id = id.ok_or_else(|| CallbackError::Missing(self.inbound.shown(self.id).into()))?;
        Ok(Some(HeardReceipt {
            id: id.to_owned(),
            state,
        }))
    }
}
