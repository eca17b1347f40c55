//! PDUs: what stands inside a cut frame (SMPP 3.4, chapter 4), read leniently and written
//! strictly. Addresses and texts stay octets: operators send what they like.

mod read;
mod write;

use std::fmt;

use crate::smpp::command::Command;
pub use crate::smpp::pdu::read::{DecodeError, decode};
pub use crate::smpp::pdu::write::{EncodeError, SHORT_MESSAGE_MAX};
use crate::smpp::tlv::{self, Tlvs};

/// An address with its type of number and numbering plan.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// Type of number (5.2.5).
    pub ton: u8,
    /// Numbering plan (5.2.6).
    pub npi: u8,
    /// The octets of the address.
    pub octets: &'a [u8],
}

/// A bind request of any kind.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Who binds.
    pub system_id: &'a [u8],
    /// With what.
    pub password: &'a [u8],
    /// What it is.
    pub system_type: &'a [u8],
    /// 0x33 for SMPP 3.3 and all before it, 0x34 for 3.4, 0x50 for 5.0.
    pub interface_version: u8,
    /// Which addresses it serves; empty means that the operator knows.
    pub address_range: Address<'a>,
}

/// An answer to a bind.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct BindResp<'a> {
    /// Who answers.
    pub system_id: &'a [u8],
    /// For example sc_interface_version.
    pub tlvs: Tlvs<'a>,
}

impl BindResp<'_> {
    /// The version that the operator speaks, in whatever length it came; none from those who speak
    /// SMPP 3.3, or do not tell.
    pub fn interface_version(&self) -> Option<u8> {
        u8::try_from(self.tlvs.number(tlv::INTERFACE_VERSION)?).ok()
    }
}

/// submit_sm, deliver_sm and data_sm; the last has no short_message, schedule, validity,
/// protocol, priority, replacement or stored text, and those stay empty.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sm<'a> {
    /// The service type, mostly empty.
    pub service_type: &'a [u8],
    /// From.
    pub source: Address<'a>,
    /// To.
    pub destination: Address<'a>,
    /// Mode, type and features (5.2.12).
    pub esm_class: u8,
    /// Protocol identifier.
    pub protocol_id: u8,
    /// Priority.
    pub priority: u8,
    /// When to deliver; empty means now.
    pub schedule: &'a [u8],
    /// Until when to try; 16 octets or empty.
    pub validity: &'a [u8],
    /// Which receipts are wanted (5.2.17).
    pub registered_delivery: u8,
    /// Whether an earlier one is replaced.
    pub replace: u8,
    /// The coding of the text (5.2.19).
    pub data_coding: u8,
    /// A text stored at the operator.
    pub stored_text: u8,
    /// The text, perhaps behind a user data header.
    pub short_message: &'a [u8],
    /// The optional parameters.
    pub tlvs: Tlvs<'a>,
}

/// An answer to submit_sm, deliver_sm or data_sm.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SmResp<'a> {
    /// The id that the operator gave; empty in answers to deliver_sm and in refusals.
    pub message_id: &'a [u8],
    /// The optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl SmResp<'_> {
    /// How busy the operator is, from 0 (idle) to 100 (SMPP 5.0, 4.8.4.18); what is above that is
    /// reserved, and read as 100.
    pub fn congestion(&self) -> Option<u8> {
        let percent = self.tlvs.number(tlv::CONGESTION)?.min(100);
        u8::try_from(percent).ok()
    }
}

/// outbind: the operator asks for a bind.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Outbind<'a> {
    /// Who asks.
    pub system_id: &'a [u8],
    /// With what.
    pub password: &'a [u8],
}

/// alert_notification: a phone can be reached again.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Alert<'a> {
    /// The phone.
    pub source: Address<'a>,
    /// Who wanted to know.
    pub esme: Address<'a>,
    /// For example ms_availability_status.
    pub tlvs: Tlvs<'a>,
}

/// query_sm and cancel_sm. A query has neither service type nor destination, and those stay empty.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Which<'a> {
    /// The service type, where all messages of one are meant.
    pub service_type: &'a [u8],
    /// The id that the operator gave; empty in a cancel_sm that means all to one destination.
    pub message_id: &'a [u8],
    /// From, as it was when it was sent.
    pub source: Address<'a>,
    /// To, as it was when it was sent.
    pub destination: Address<'a>,
}

/// query_sm_resp.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct QueryResp<'a> {
    /// The id that was asked for.
    pub message_id: &'a [u8],
    /// When it came to its end; empty before.
    pub final_date: &'a [u8],
    /// What became of it (5.2.28).
    pub message_state: u8,
    /// The network's reason, where it failed.
    pub error_code: u8,
}

/// replace_sm.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Replacement<'a> {
    /// The id that the operator gave.
    pub message_id: &'a [u8],
    /// From, as it was when it was sent.
    pub source: Address<'a>,
    /// When to deliver; empty leaves it as it was.
    pub schedule: &'a [u8],
    /// Until when to try; empty leaves it as it was.
    pub validity: &'a [u8],
    /// Which receipts are wanted.
    pub registered_delivery: u8,
    /// A text stored at the operator.
    pub stored_text: u8,
    /// The new text, in the coding of the old one.
    pub short_message: &'a [u8],
    /// The optional parameters; SMPP 5.0 has message_payload here.
    pub tlvs: Tlvs<'a>,
}

/// What a frame holds. Which bind, which answer: the command tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// bind_receiver, bind_transmitter, bind_transceiver.
    Bind(Command, Bind<'a>),
    /// Their answers.
    BindResp(Command, BindResp<'a>),
    /// submit_sm.
    SubmitSm(Sm<'a>),
    /// submit_sm_resp.
    SubmitSmResp(SmResp<'a>),
    /// deliver_sm.
    DeliverSm(Sm<'a>),
    /// deliver_sm_resp.
    DeliverSmResp(SmResp<'a>),
    /// data_sm.
    DataSm(Sm<'a>),
    /// data_sm_resp.
    DataSmResp(SmResp<'a>),
    /// unbind.
    Unbind,
    /// unbind_resp.
    UnbindResp,
    /// enquire_link.
    EnquireLink,
    /// enquire_link_resp.
    EnquireLinkResp,
    /// generic_nack.
    GenericNack,
    /// outbind.
    Outbind(Outbind<'a>),
    /// alert_notification.
    AlertNotification(Alert<'a>),
    /// query_sm.
    QuerySm(Which<'a>),
    /// query_sm_resp.
    QuerySmResp(QueryResp<'a>),
    /// cancel_sm.
    CancelSm(Which<'a>),
    /// cancel_sm_resp.
    CancelSmResp,
    /// replace_sm.
    ReplaceSm(Replacement<'a>),
    /// replace_sm_resp.
    ReplaceSmResp,
}

impl fmt::Debug for Pdu<'_> {
    /// The name only: bodies hold numbers, texts and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command().as_str())
    }
}

impl Pdu<'_> {
    /// Its command.
    pub fn command(&self) -> Command {
        match self {
            Self::Bind(command, _) | Self::BindResp(command, _) => *command,
            Self::SubmitSm(_) => Command::SubmitSm,
            Self::SubmitSmResp(_) => Command::SubmitSmResp,
            Self::DeliverSm(_) => Command::DeliverSm,
            Self::DeliverSmResp(_) => Command::DeliverSmResp,
            Self::DataSm(_) => Command::DataSm,
            Self::DataSmResp(_) => Command::DataSmResp,
            Self::Unbind => Command::Unbind,
            Self::UnbindResp => Command::UnbindResp,
            Self::EnquireLink => Command::EnquireLink,
            Self::EnquireLinkResp => Command::EnquireLinkResp,
            Self::GenericNack => Command::GenericNack,
            Self::Outbind(_) => Command::Outbind,
            Self::AlertNotification(_) => Command::AlertNotification,
            Self::QuerySm(_) => Command::QuerySm,
            Self::QuerySmResp(_) => Command::QuerySmResp,
            Self::CancelSm(_) => Command::CancelSm,
            Self::CancelSmResp => Command::CancelSmResp,
            Self::ReplaceSm(_) => Command::ReplaceSm,
            Self::ReplaceSmResp => Command::ReplaceSmResp,
        }
    }
}

#[cfg(test)]
mod tests;
