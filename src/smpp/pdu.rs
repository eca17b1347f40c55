//! PDUs: what stands inside a cut frame (SMPP 3.4, chapter 4), read leniently and written
//! strictly. Addresses and texts stay octets: operators send what they like.

mod read;
mod write;

use std::fmt;

use crate::smpp::command::Command;
pub use crate::smpp::pdu::read::{DecodeError, decode};
pub use crate::smpp::pdu::write::{EncodeError, SHORT_MESSAGE_MAX};
use crate::smpp::tlv::Tlvs;

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
    /// 0x34 for SMPP 3.4.
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
    /// outbind: recognised, its body left alone.
    Outbind,
    /// alert_notification: recognised, its body left alone.
    AlertNotification,
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
            Self::Outbind => Command::Outbind,
            Self::AlertNotification => Command::AlertNotification,
        }
    }
}

#[cfg(test)]
mod tests;
