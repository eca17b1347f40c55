//! USSD over SMPP: a phone dials a code, and every step of the session is a `deliver_sm` with
//! parameters that each operator fills in its own way.

mod dialect;

use std::collections::BTreeMap;

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::MessageDeliveryRequestTlvValue;
use rusmpp::values::{ItsSessionInfo, UserMessageReference, UssdServiceOp};
use rusmpp::{CommandStatus, Pdu};

use dialect::{CodeIn, IdIn};
pub use dialect::{Dialect, NoDialect};

use super::alphabet::Alphabet;
use super::manners::Seeded;
use super::message::{Submitted, Unsendable, deliver_sm};
use crate::phone::Screen;

/// Bit 0 of `its_session_info` ends the session.
const END_BIT: u16 = 1;

/// One session of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Session {
    id: u16,
    code: String,
}

/// What comes of the gateway's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What the phone shows.
    pub screen: Screen,
    /// What the platform sends back to confirm it, in the dialect that wants that.
    pub confirmation: Option<Pdu>,
}

/// The open sessions, by phone; a phone has one at most.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<String, Session>);

/// One step on its way to the gateway.
struct Step<'a> {
    op: Option<u8>,
    ends: bool,
    to: &'a str,
    text: &'a str,
}

impl Sessions {
    /// A phone dials a code: a new session, in place of any other.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn dial(
        &mut self,
        dialect: Dialect,
        chance: &mut Seeded,
        phone: &str,
        code: &str,
    ) -> Result<DeliverSm, Unsendable> {
        let rules = dialect.rules();
        // Never 0, and never with the end's bit.
        let id = u16::try_from(chance.below(0x7ffe)).unwrap_or(0) * 2 + 2;
        let session = Session {
            id,
            code: code.to_owned(),
        };
        let service: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let in_text = match rules.code_in {
            CodeIn::Destination => false,
            CodeIn::Text => true,
            CodeIn::Either => chance.below(2) == 0,
        };
        let step = Step {
            op: Some(rules.new),
            ends: false,
            to: if in_text { &service } else { code },
            text: if in_text { code } else { "" },
        };
        let pdu = session.step(dialect, phone, &step)?;
        self.0.insert(phone.to_owned(), session);
        Ok(pdu)
    }

    /// The phone's owner answers a screen; nothing where no session is open.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn press(
        &self,
        dialect: Dialect,
        chance: &mut Seeded,
        phone: &str,
        text: &str,
    ) -> Result<Option<DeliverSm>, Unsendable> {
        let Some(session) = self.0.get(phone) else {
            return Ok(None);
        };
        let ops = dialect.rules().go_on;
        let step = Step {
            op: ops.get(chance.below(ops.len())).copied(),
            ends: false,
            to: &session.destination(dialect),
            text,
        };
        session.step(dialect, phone, &step).map(Some)
    }

    /// The phone's owner hangs up: the gateway is told in the dialects that have a way to.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn abort(
        &mut self,
        dialect: Dialect,
        chance: &mut Seeded,
        phone: &str,
    ) -> Result<Option<DeliverSm>, Unsendable> {
        let Some(session) = self.0.remove(phone) else {
            return Ok(None);
        };
        let ways = dialect.rules().abort;
        let Some(way) = ways.get(chance.below(ways.len())) else {
            return Ok(None);
        };
        let step = Step {
            op: way.op,
            ends: way.end_bit,
            to: &session.destination(dialect),
            text: "",
        };
        session.step(dialect, phone, &step).map(Some)
    }

    /// The session is lost, and the gateway is not told.
    pub fn cut(&mut self, phone: &str) {
        self.0.remove(phone);
    }

    /// Takes the gateway's reply: a `submit_sm` with `ussd_service_op`.
    ///
    /// # Errors
    /// The status to answer with: no such session, or parameters that the dialect does not have.
    pub fn reply(
        &mut self,
        dialect: Dialect,
        submitted: &Submitted,
    ) -> Result<Reply, CommandStatus> {
        let rules = dialect.rules();
        let session = self.0.get(&submitted.to);
        let session = session.ok_or(CommandStatus::EsmeRinvdstadr)?.clone();
        let (id, bit) = match rules.id_in {
            IdIn::SessionInfo => {
                let info = submitted.session_info;
                let info = info.ok_or(CommandStatus::EsmeRmissingtlv)?;
                (info & !END_BIT, info & END_BIT == END_BIT)
            }
            IdIn::SessionInfoEchoed => {
                let info = submitted.session_info;
                (info.ok_or(CommandStatus::EsmeRmissingtlv)?, false)
            }
            IdIn::Reference => {
                let reference = submitted.reference;
                (reference.ok_or(CommandStatus::EsmeRmissingtlv)?, false)
            }
        };
        if id != session.id {
            return Err(CommandStatus::EsmeRinvdstadr);
        }
        let op = submitted.ussd_op.ok_or(CommandStatus::EsmeRmissingtlv)?;
        let open = if (op, bit) == (rules.wait, false) {
            true
        } else if (op, bit) == (rules.end.op.unwrap_or(0), rules.end.end_bit) {
            false
        } else {
            return Err(CommandStatus::EsmeRinvtlvval);
        };
        let alphabet = Alphabet::of_coding(submitted.data_coding);
        let text = alphabet.and_then(|alphabet| alphabet.read(&submitted.octets));
        let text = text.ok_or(CommandStatus::EsmeRinvdcs)?;
        let mut confirmation = None;
        if !open {
            if let Some(op) = rules.confirms_end {
                let step = Step {
                    op: Some(op),
                    ends: false,
                    to: &session.destination(dialect),
                    text: "",
                };
                let pdu = session.step(dialect, &submitted.to, &step);
                confirmation = pdu.ok().map(Pdu::from);
            }
            self.0.remove(&submitted.to);
        }
        Ok(Reply {
            screen: Screen { text, open },
            confirmation,
        })
    }
}

impl Session {
    /// Where the steps behind the first go.
    fn destination(&self, dialect: Dialect) -> String {
        match dialect.rules().code_in {
            CodeIn::Destination => self.code.clone(),
            CodeIn::Text | CodeIn::Either => self
                .code
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect(),
        }
    }

    fn step(
        &self,
        dialect: Dialect,
        phone: &str,
        step: &Step<'_>,
    ) -> Result<DeliverSm, Unsendable> {
        let alphabet = Alphabet::of(step.text);
        let octets = alphabet.parts(step.text, 0).concat();
        let mut pdu = deliver_sm(phone, step.to, 0, alphabet.data_coding(), &octets)?;
        if let Some(op) = step.op {
            let op = UssdServiceOp::from(op);
            pdu.push_tlv(MessageDeliveryRequestTlvValue::UssdServiceOp(op));
        }
        let end = if step.ends { END_BIT } else { 0 };
        match dialect.rules().id_in {
            IdIn::SessionInfo | IdIn::SessionInfoEchoed => {
                let [number, sequence] = (self.id | end).to_be_bytes();
                let info = ItsSessionInfo::new(number, sequence);
                pdu.push_tlv(MessageDeliveryRequestTlvValue::ItsSessionInfo(info));
            }
            IdIn::Reference => {
                let reference = UserMessageReference::new(self.id);
                pdu.push_tlv(MessageDeliveryRequestTlvValue::UserMessageReference(
                    reference,
                ));
            }
        }
        Ok(pdu)
    }
}

#[cfg(test)]
mod tests;
