//! From a PDU to octets, strictly: every field within the bounds of the standard.
//!
//! A PDU is measured before anything of it is written, so that one that does not fit leaves nothing
//! behind in a buffer that others share.

use bytes::BufMut;

use crate::smpp::command::Status;
use crate::smpp::frame::{HEADER_LEN, PDU_LEN_MAX};
use crate::smpp::pdu::{Address, Bind, Pdu, QueryResp, Replacement, Sm, Which};

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
    /// The whole PDU as octets.
    ///
    /// # Errors
    /// [`EncodeError`] names the field that does not fit (maxima of SMPP 3.4, chapter 4, without
    /// the NUL).
    pub fn encode(&self, status: Status, sequence: u32) -> Result<Vec<u8>, EncodeError> {
        let length = self.length()?;
        let mut out = Vec::with_capacity(length);
        self.put(length, status, sequence, &mut out);
        Ok(out)
    }

    /// Appends the whole PDU to `out`, which may hold others already; nothing is allocated where
    /// there is room.
    ///
    /// # Errors
    /// As [`Pdu::encode`]; nothing has been written then.
    pub fn encode_into(
        &self,
        status: Status,
        sequence: u32,
        out: &mut impl BufMut,
    ) -> Result<(), EncodeError> {
        let length = self.length()?;
        self.put(length, status, sequence, out);
        Ok(())
    }

    /// The octets that it takes.
    fn length(&self) -> Result<usize, EncodeError> {
        let body = match self {
            Self::SubmitSm(sm) | Self::DeliverSm(sm) => sm_length(sm)?,
            Self::DataSm(sm) => {
                text("service_type", sm.service_type, 5)?
                    + address("source_addr", sm.source, 64)?
                    + address("destination_addr", sm.destination, 64)?
                    + 3
                    + sm.tlvs.raw().len()
            }
            Self::SubmitSmResp(resp) | Self::DeliverSmResp(resp) | Self::DataSmResp(resp) => {
                text("message_id", resp.message_id, 64)? + resp.tlvs.raw().len()
            }
            Self::Bind(_, bind) => {
                text("system_id", bind.system_id, 15)?
                    + text("password", bind.password, 8)?
                    + text("system_type", bind.system_type, 12)?
                    + 1
                    + address("address_range", bind.address_range, 40)?
            }
            Self::BindResp(_, resp) => {
                text("system_id", resp.system_id, 15)? + resp.tlvs.raw().len()
            }
            Self::Outbind(outbind) => {
                text("system_id", outbind.system_id, 15)? + text("password", outbind.password, 8)?
            }
            Self::AlertNotification(alert) => {
                address("source_addr", alert.source, 64)?
                    + address("esme_addr", alert.esme, 64)?
                    + alert.tlvs.raw().len()
            }
            Self::QuerySm(which) => {
                text("message_id", which.message_id, 64)?
                    + address("source_addr", which.source, 20)?
            }
            Self::QuerySmResp(resp) => {
                text("message_id", resp.message_id, 64)?
                    + text("final_date", resp.final_date, 16)?
                    + 2
            }
            Self::CancelSm(which) => {
                text("service_type", which.service_type, 5)?
                    + text("message_id", which.message_id, 64)?
                    + address("source_addr", which.source, 20)?
                    + address("destination_addr", which.destination, 20)?
            }
            Self::ReplaceSm(replacement) => replacement_length(replacement)?,
            Self::Unbind
            | Self::UnbindResp
            | Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::CancelSmResp
            | Self::ReplaceSmResp
            | Self::GenericNack => 0,
        };
        Some(HEADER_LEN + body)
            .filter(|length| *length <= PDU_LEN_MAX)
            .ok_or(EncodeError { field: "the PDU" })
    }

    /// Writes what has been measured.
    fn put(&self, length: usize, status: Status, sequence: u32, out: &mut impl BufMut) {
        let mut header = [0; HEADER_LEN];
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let numbers = [length, self.command().id(), status.0, sequence];
        for (place, number) in header.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        out.put_slice(&header);
        match self {
            Self::SubmitSm(sm) | Self::DeliverSm(sm) => put_sm(out, sm),
            Self::DataSm(sm) => {
                put_text(out, sm.service_type);
                put_address(out, sm.source);
                put_address(out, sm.destination);
                out.put_slice(&[sm.esm_class, sm.registered_delivery, sm.data_coding]);
                out.put_slice(sm.tlvs.raw());
            }
            Self::SubmitSmResp(resp) | Self::DeliverSmResp(resp) | Self::DataSmResp(resp) => {
                put_text(out, resp.message_id);
                out.put_slice(resp.tlvs.raw());
            }
            Self::Bind(_, bind) => put_bind(out, bind),
            Self::BindResp(_, resp) => {
                put_text(out, resp.system_id);
                out.put_slice(resp.tlvs.raw());
            }
            Self::Outbind(outbind) => {
                put_text(out, outbind.system_id);
                put_text(out, outbind.password);
            }
            Self::AlertNotification(alert) => {
                put_address(out, alert.source);
                put_address(out, alert.esme);
                out.put_slice(alert.tlvs.raw());
            }
            Self::QuerySm(which) => {
                put_text(out, which.message_id);
                put_address(out, which.source);
            }
            Self::QuerySmResp(resp) => put_query_resp(out, resp),
            Self::CancelSm(which) => put_cancel(out, which),
            Self::ReplaceSm(replacement) => put_replacement(out, replacement),
            Self::Unbind
            | Self::UnbindResp
            | Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::CancelSmResp
            | Self::ReplaceSmResp
            | Self::GenericNack => {}
        }
    }
}

fn sm_length(sm: &Sm<'_>) -> Result<usize, EncodeError> {
    Ok(text("service_type", sm.service_type, 5)?
        + address("source_addr", sm.source, 20)?
        + address("destination_addr", sm.destination, 20)?
        + 3
        + text("schedule_delivery_time", sm.schedule, 16)?
        + text("validity_period", sm.validity, 16)?
        + 4
        + short_message(sm.short_message)?
        + sm.tlvs.raw().len())
}

fn replacement_length(replacement: &Replacement<'_>) -> Result<usize, EncodeError> {
    Ok(text("message_id", replacement.message_id, 64)?
        + address("source_addr", replacement.source, 20)?
        + text("schedule_delivery_time", replacement.schedule, 16)?
        + text("validity_period", replacement.validity, 16)?
        + 2
        + short_message(replacement.short_message)?
        + replacement.tlvs.raw().len())
}

/// Its octets and its NUL.
#[inline]
fn text(field: &'static str, text: &[u8], max: usize) -> Result<usize, EncodeError> {
    if text.len() > max || text.contains(&0) {
        return Err(EncodeError { field });
    }
    Ok(text.len() + 1)
}

#[inline]
fn address(field: &'static str, address: Address<'_>, max: usize) -> Result<usize, EncodeError> {
    Ok(2 + text(field, address.octets, max)?)
}

/// Its octets and their number.
fn short_message(octets: &[u8]) -> Result<usize, EncodeError> {
    if octets.len() > SHORT_MESSAGE_MAX {
        return Err(EncodeError {
            field: "short_message",
        });
    }
    Ok(octets.len() + 1)
}

#[inline]
fn put_sm(out: &mut impl BufMut, sm: &Sm<'_>) {
    put_text(out, sm.service_type);
    put_address(out, sm.source);
    put_address(out, sm.destination);
    out.put_slice(&[sm.esm_class, sm.protocol_id, sm.priority]);
    put_text(out, sm.schedule);
    put_text(out, sm.validity);
    out.put_slice(&[
        sm.registered_delivery,
        sm.replace,
        sm.data_coding,
        sm.stored_text,
    ]);
    put_short_message(out, sm.short_message);
    out.put_slice(sm.tlvs.raw());
}

fn put_bind(out: &mut impl BufMut, bind: &Bind<'_>) {
    put_text(out, bind.system_id);
    put_text(out, bind.password);
    put_text(out, bind.system_type);
    out.put_u8(bind.interface_version);
    put_address(out, bind.address_range);
}

fn put_query_resp(out: &mut impl BufMut, resp: &QueryResp<'_>) {
    put_text(out, resp.message_id);
    put_text(out, resp.final_date);
    out.put_slice(&[resp.message_state, resp.error_code]);
}

fn put_cancel(out: &mut impl BufMut, which: &Which<'_>) {
    put_text(out, which.service_type);
    put_text(out, which.message_id);
    put_address(out, which.source);
    put_address(out, which.destination);
}

fn put_replacement(out: &mut impl BufMut, replacement: &Replacement<'_>) {
    put_text(out, replacement.message_id);
    put_address(out, replacement.source);
    put_text(out, replacement.schedule);
    put_text(out, replacement.validity);
    out.put_slice(&[replacement.registered_delivery, replacement.stored_text]);
    put_short_message(out, replacement.short_message);
    out.put_slice(replacement.tlvs.raw());
}

/// What does not fit has been refused before.
fn put_short_message(out: &mut impl BufMut, octets: &[u8]) {
    out.put_u8(u8::try_from(octets.len()).unwrap_or(0));
    out.put_slice(octets);
}

#[inline]
fn put_address(out: &mut impl BufMut, address: Address<'_>) {
    out.put_slice(&[address.ton, address.npi]);
    put_text(out, address.octets);
}

#[inline]
fn put_text(out: &mut impl BufMut, text: &[u8]) {
    out.put_slice(text);
    out.put_u8(0);
}
