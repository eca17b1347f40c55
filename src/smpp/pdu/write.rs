//! From a PDU to octets, strictly: every field within the bounds of the standard.

use crate::smpp::command::Status;
use crate::smpp::frame::{self, PDU_LEN_MAX};
use crate::smpp::pdu::{Address, Pdu, Sm};

/// The longest short_message (SMPP 3.4, 5.2.22).
pub const SHORT_MESSAGE_MAX: usize = 254;

/// Why a PDU cannot be written: a value of ours does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is too long, or holds a NUL")]
pub struct EncodeError {
    /// Which.
    pub field: &'static str,
}

impl Pdu<'_> {
    /// The whole PDU as octets. [`Pdu::Outbind`] and [`Pdu::AlertNotification`] are written
    /// without a body, since nobody here sends them.
    ///
    /// # Errors
    /// [`EncodeError`] names the field that does not fit (maxima of SMPP 3.4, chapter 4, without
    /// the NUL).
    pub fn encode(&self, status: Status, sequence: u32) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(256);
        frame::begin(&mut out, self.command(), status, sequence);
        match self {
            Self::Bind(_, bind) => {
                put_text(&mut out, "system_id", bind.system_id, 15)?;
                put_text(&mut out, "password", bind.password, 8)?;
                put_text(&mut out, "system_type", bind.system_type, 12)?;
                out.push(bind.interface_version);
                put_address(&mut out, "address_range", bind.address_range, 40)?;
            }
            Self::BindResp(_, resp) => {
                put_text(&mut out, "system_id", resp.system_id, 15)?;
                out.extend_from_slice(resp.tlvs.raw());
            }
            Self::SubmitSm(sm) | Self::DeliverSm(sm) => put_sm(&mut out, sm)?,
            Self::DataSm(sm) => {
                put_text(&mut out, "service_type", sm.service_type, 5)?;
                put_address(&mut out, "source_addr", sm.source, 64)?;
                put_address(&mut out, "destination_addr", sm.destination, 64)?;
                out.extend_from_slice(&[sm.esm_class, sm.registered_delivery, sm.data_coding]);
                out.extend_from_slice(sm.tlvs.raw());
            }
            Self::SubmitSmResp(resp) | Self::DeliverSmResp(resp) | Self::DataSmResp(resp) => {
                put_text(&mut out, "message_id", resp.message_id, 64)?;
                out.extend_from_slice(resp.tlvs.raw());
            }
            Self::Unbind
            | Self::UnbindResp
            | Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::GenericNack
            | Self::Outbind
            | Self::AlertNotification => {}
        }
        if out.len() > PDU_LEN_MAX {
            return Err(EncodeError { field: "the PDU" });
        }
        frame::finish(&mut out);
        Ok(out)
    }
}

fn put_sm(out: &mut Vec<u8>, sm: &Sm<'_>) -> Result<(), EncodeError> {
    let length = u8::try_from(sm.short_message.len())
        .ok()
        .filter(|length| usize::from(*length) <= SHORT_MESSAGE_MAX)
        .ok_or(EncodeError {
            field: "short_message",
        })?;
    put_text(out, "service_type", sm.service_type, 5)?;
    put_address(out, "source_addr", sm.source, 20)?;
    put_address(out, "destination_addr", sm.destination, 20)?;
    out.extend_from_slice(&[sm.esm_class, sm.protocol_id, sm.priority]);
    put_text(out, "schedule_delivery_time", sm.schedule, 16)?;
    put_text(out, "validity_period", sm.validity, 16)?;
    out.extend_from_slice(&[
        sm.registered_delivery,
        sm.replace,
        sm.data_coding,
        sm.stored_text,
        length,
    ]);
    out.extend_from_slice(sm.short_message);
    out.extend_from_slice(sm.tlvs.raw());
    Ok(())
}

fn put_address(
    out: &mut Vec<u8>,
    field: &'static str,
    address: Address<'_>,
    max: usize,
) -> Result<(), EncodeError> {
    out.extend_from_slice(&[address.ton, address.npi]);
    put_text(out, field, address.octets, max)
}

fn put_text(
    out: &mut Vec<u8>,
    field: &'static str,
    text: &[u8],
    max: usize,
) -> Result<(), EncodeError> {
    if text.len() > max || text.contains(&0) {
        return Err(EncodeError { field });
    }
    out.extend_from_slice(text);
    out.push(0);
    Ok(())
}
