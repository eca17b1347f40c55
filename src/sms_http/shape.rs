//! A shape and an account as a [`Speaker`].

use std::sync::Arc;

use crate::operator::sms::SmsShape;
use crate::operator::sms::send::{Send, SmsAccount};
use crate::sms_http::receipt_token::Part;
use crate::sms_http::speaker::{Answer, Outgoing, Speaker, Word};
use crate::store::{Mark, Message, PartOutcome};

/// The ledger's keyed hash, by purpose and parts.
pub type Marks = Arc<dyn Fn(&str, &[&[u8]]) -> Mark + std::marker::Send + Sync>;

/// Speaks as a shape says, for one account.
pub struct ShapeSpeaker {
    shape: Arc<SmsShape>,
    account: SmsAccount,
    marks: Marks,
}

impl ShapeSpeaker {
    /// None where nothing goes out in this shape.
    pub fn new(shape: Arc<SmsShape>, account: SmsAccount, marks: Marks) -> Option<Self> {
        shape.send.is_some().then_some(Self {
            shape,
            account,
            marks,
        })
    }

    fn send(&self) -> Option<&Send> {
        self.shape.send.as_ref()
    }

    /// Our own id of a part.
    fn token(&self, message: &Message, part: u8) -> String {
        let named = Part {
            message: message.id,
            part,
            parts: self.send().map_or(1, |send| send.parts(message)),
        };
        named.token(&*self.marks)
    }
}

impl Speaker for ShapeSpeaker {
    fn requests(&self, message: &Message) -> Result<Vec<Outgoing>, PartOutcome> {
        match self.send() {
            Some(send) => send.requests(&self.account, message, &|part| self.token(message, part)),
            // It was proved at the start.
            None => Err(PartOutcome::NotSent),
        }
    }

    fn parts(&self, message: &Message) -> u8 {
        self.send().map_or(1, |send| send.parts(message))
    }

    fn read(&self, message: &Message, part: u8, answer: &Answer) -> Word {
        match self.send() {
            Some(send) => {
                let ours = [
                    self.account.api.user.as_str(),
                    &self.account.api.secret,
                    &message.text,
                    message.to.as_str(),
                ];
                send.read(&self.token(message, part), answer).without(&ours)
            }
            None => Word::ByStatus,
        }
    }
}
