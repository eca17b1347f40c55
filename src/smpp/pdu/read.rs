//! From a cut frame to a PDU, leniently: nothing is refused that can still be understood, and
//! nothing is copied.

use crate::smpp::command::{Command, Status};
use crate::smpp::frame::Frame;
use crate::smpp::pdu::{
    Address, Alert, Bind, BindResp, Outbind, Pdu, QueryResp, Replacement, Sm, SmResp, Which,
};
use crate::smpp::tlv::Tlvs;

/// Why a frame could not be read; either way its sequence number is known and it can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No such command: generic_nack with ESME_RINVCMDID.
    #[error("unknown command 0x{0:08x}")]
    UnknownCommand(u32),
    /// The body is wrong: the matching answer, if there is one, with this status.
    #[error("the body of {} is wrong: status {status}", command.as_str())]
    Body {
        /// What it is.
        command: Command,
        /// What to answer.
        status: Status,
    },
}

/// Reads a frame. The number is that of stray octets behind what was understood.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(frame: &Frame) -> Result<(Pdu<'_>, usize), DecodeError> {
    let command = Command::of(frame.header.command)
        .ok_or(DecodeError::UnknownCommand(frame.header.command))?;
    let mut body = Reader(&frame.body);
    let read = pdu(command, &mut body).map_err(|status| DecodeError::Body { command, status })?;
    let stray = match read {
        Pdu::SubmitSm(Sm { tlvs, .. })
        | Pdu::DeliverSm(Sm { tlvs, .. })
        | Pdu::DataSm(Sm { tlvs, .. })
        | Pdu::SubmitSmResp(SmResp { tlvs, .. })
        | Pdu::DeliverSmResp(SmResp { tlvs, .. })
        | Pdu::DataSmResp(SmResp { tlvs, .. })
        | Pdu::BindResp(_, BindResp { tlvs, .. })
        | Pdu::AlertNotification(Alert { tlvs, .. })
        | Pdu::ReplaceSm(Replacement { tlvs, .. }) => tlvs.stray(),
        Pdu::Bind(..)
        | Pdu::Outbind(_)
        | Pdu::QuerySm(_)
        | Pdu::QuerySmResp(_)
        | Pdu::CancelSm(_)
        | Pdu::CancelSmResp
        | Pdu::ReplaceSmResp
        | Pdu::Unbind
        | Pdu::UnbindResp
        | Pdu::EnquireLink
        | Pdu::EnquireLinkResp
        | Pdu::GenericNack => body.0.len(),
    };
    Ok((read, stray))
}

fn pdu<'a>(command: Command, body: &mut Reader<'a>) -> Result<Pdu<'a>, Status> {
    Ok(match command {
        Command::SubmitSm => Pdu::SubmitSm(body.sm()?),
        Command::DeliverSm => Pdu::DeliverSm(body.sm()?),
        Command::DataSm => Pdu::DataSm(body.data_sm()?),
        Command::SubmitSmResp => Pdu::SubmitSmResp(body.sm_resp()),
        Command::DeliverSmResp => Pdu::DeliverSmResp(body.sm_resp()),
        Command::DataSmResp => Pdu::DataSmResp(body.sm_resp()),
        Command::BindReceiver | Command::BindTransmitter | Command::BindTransceiver => {
            Pdu::Bind(command, body.bind()?)
        }
        Command::BindReceiverResp | Command::BindTransmitterResp | Command::BindTransceiverResp => {
            let system_id = body.last_text();
            let tlvs = body.tlvs();
            Pdu::BindResp(command, BindResp { system_id, tlvs })
        }
        Command::Outbind => Pdu::Outbind(Outbind {
            system_id: body.text()?,
            password: body.last_text(),
        }),
        Command::AlertNotification => Pdu::AlertNotification(Alert {
            source: body.address()?,
            esme: body.address()?,
            tlvs: body.tlvs(),
        }),
        Command::QuerySm => Pdu::QuerySm(Which {
            message_id: body.text()?,
            source: body.last_address()?,
            ..Which::default()
        }),
        Command::QuerySmResp => Pdu::QuerySmResp(body.query_resp()?),
        Command::CancelSm => Pdu::CancelSm(Which {
            service_type: body.text()?,
            message_id: body.text()?,
            source: body.address()?,
            destination: body.last_address()?,
        }),
        Command::ReplaceSm => Pdu::ReplaceSm(body.replacement()?),
        Command::CancelSmResp => Pdu::CancelSmResp,
        Command::ReplaceSmResp => Pdu::ReplaceSmResp,
        Command::Unbind => Pdu::Unbind,
        Command::UnbindResp => Pdu::UnbindResp,
        Command::EnquireLink => Pdu::EnquireLink,
        Command::EnquireLinkResp => Pdu::EnquireLinkResp,
        Command::GenericNack => Pdu::GenericNack,
    })
}

/// What is left of a body. Every field that is not there is [`Status::BAD_PARAMETER_LENGTH`].
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn octets<const N: usize>(&mut self) -> Result<[u8; N], Status> {
        let (read, rest) = self
            .0
            .split_first_chunk()
            .ok_or(Status::BAD_PARAMETER_LENGTH)?;
        self.0 = rest;
        Ok(*read)
    }

    /// A C-octet string, without its NUL.
    #[inline]
    fn text(&mut self) -> Result<&'a [u8], Status> {
        let body = self.0;
        let end = body
            .iter()
            .position(|octet| *octet == 0)
            .ok_or(Status::BAD_PARAMETER_LENGTH)?;
        self.0 = &body[end + 1..];
        Ok(&body[..end])
    }

    /// The last C-octet string of a body, whose NUL may be missing.
    fn last_text(&mut self) -> &'a [u8] {
        let whole = self.0;
        self.text().unwrap_or_else(|_| {
            self.0 = &[];
            whole
        })
    }

    #[inline]
    fn address(&mut self) -> Result<Address<'a>, Status> {
        let [ton, npi] = self.octets()?;
        let octets = self.text()?;
        Ok(Address { ton, npi, octets })
    }

    fn last_address(&mut self) -> Result<Address<'a>, Status> {
        let [ton, npi] = self.octets()?;
        let octets = self.last_text();
        Ok(Address { ton, npi, octets })
    }

    /// Everything that is left.
    fn tlvs(&mut self) -> Tlvs<'a> {
        Tlvs::new(std::mem::take(&mut self.0))
    }

    fn bind(&mut self) -> Result<Bind<'a>, Status> {
        let (system_id, password, system_type) = (self.text()?, self.text()?, self.text()?);
        let [interface_version] = self.octets()?;
        Ok(Bind {
            system_id,
            password,
            system_type,
            interface_version,
            address_range: self.last_address()?,
        })
    }

    fn sm_resp(&mut self) -> SmResp<'a> {
        let message_id = self.last_text();
        let tlvs = self.tlvs();
        SmResp { message_id, tlvs }
    }

    /// sm_length octets.
    fn short_message(&mut self, length: u8) -> Result<&'a [u8], Status> {
        let (read, rest) = self
            .0
            .split_at_checked(usize::from(length))
            .ok_or(Status::BAD_MESSAGE_LENGTH)?;
        self.0 = rest;
        Ok(read)
    }

    #[inline]
    fn sm(&mut self) -> Result<Sm<'a>, Status> {
        let service_type = self.text()?;
        let source = self.address()?;
        let destination = self.address()?;
        let [esm_class, protocol_id, priority] = self.octets()?;
        let schedule = self.text()?;
        let validity = self.text()?;
        let [
            registered_delivery,
            replace,
            data_coding,
            stored_text,
            length,
        ] = self.octets()?;
        Ok(Sm {
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            priority,
            schedule,
            validity,
            registered_delivery,
            replace,
            data_coding,
            stored_text,
            short_message: self.short_message(length)?,
            tlvs: self.tlvs(),
        })
    }

    fn data_sm(&mut self) -> Result<Sm<'a>, Status> {
        let service_type = self.text()?;
        let source = self.address()?;
        let destination = self.address()?;
        let [esm_class, registered_delivery, data_coding] = self.octets()?;
        Ok(Sm {
            service_type,
            source,
            destination,
            esm_class,
            registered_delivery,
            data_coding,
            tlvs: self.tlvs(),
            ..Sm::default()
        })
    }

    fn query_resp(&mut self) -> Result<QueryResp<'a>, Status> {
        let (message_id, final_date) = (self.text()?, self.text()?);
        let [message_state, error_code] = self.octets()?;
        Ok(QueryResp {
            message_id,
            final_date,
            message_state,
            error_code,
        })
    }

    fn replacement(&mut self) -> Result<Replacement<'a>, Status> {
        let message_id = self.text()?;
        let source = self.address()?;
        let (schedule, validity) = (self.text()?, self.text()?);
        let [registered_delivery, stored_text, length] = self.octets()?;
        Ok(Replacement {
            message_id,
            source,
            schedule,
            validity,
            registered_delivery,
            stored_text,
            short_message: self.short_message(length)?,
            tlvs: self.tlvs(),
        })
    }
}
