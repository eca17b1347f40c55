//! From a cut frame to a PDU, leniently: nothing is refused that can still be understood.

use nom::bytes::complete::{tag, take, take_till};
use nom::number::complete::u8 as octet;
use nom::{IResult, Parser};

use crate::smpp::command::{Command, Status};
use crate::smpp::frame::Frame;
use crate::smpp::pdu::{Address, Bind, BindResp, Pdu, Sm, SmResp};
use crate::smpp::tlv::Tlvs;

/// Why a frame could not be read; either way its sequence number is known and it can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No such command: generic_nack with ESME_RINVCMDID.
    #[error("unknown command 0x{0:08x}")]
    UnknownCommand(u32),
    /// The body is wrong: the matching answer with this status.
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
    let body = &frame.body[..];
    let failed = |status| DecodeError::Body { command, status };
    let bad_field = |_| failed(Status::BAD_PARAMETER_LENGTH);

    Ok(match command {
        Command::BindReceiver | Command::BindTransmitter | Command::BindTransceiver => {
            let (rest, read) = bind(body).map_err(bad_field)?;
            (Pdu::Bind(command, read), rest.len())
        }
        Command::BindReceiverResp | Command::BindTransmitterResp | Command::BindTransceiverResp => {
            let (system_id, tlvs) = last_text(body);
            (
                Pdu::BindResp(command, BindResp { system_id, tlvs }),
                tlvs.stray(),
            )
        }
        Command::SubmitSm => {
            let read = sm(body).map_err(failed)?;
            (Pdu::SubmitSm(read), read.tlvs.stray())
        }
        Command::DeliverSm => {
            let read = sm(body).map_err(failed)?;
            (Pdu::DeliverSm(read), read.tlvs.stray())
        }
        Command::DataSm => {
            let (_, read) = data_sm(body).map_err(bad_field)?;
            (Pdu::DataSm(read), read.tlvs.stray())
        }
        Command::SubmitSmResp => {
            let (message_id, tlvs) = last_text(body);
            (Pdu::SubmitSmResp(SmResp { message_id, tlvs }), tlvs.stray())
        }
        Command::DeliverSmResp => {
            let (message_id, tlvs) = last_text(body);
            (
                Pdu::DeliverSmResp(SmResp { message_id, tlvs }),
                tlvs.stray(),
            )
        }
        Command::DataSmResp => {
            let (message_id, tlvs) = last_text(body);
            (Pdu::DataSmResp(SmResp { message_id, tlvs }), tlvs.stray())
        }
        Command::Unbind => (Pdu::Unbind, body.len()),
        Command::UnbindResp => (Pdu::UnbindResp, body.len()),
        Command::EnquireLink => (Pdu::EnquireLink, body.len()),
        Command::EnquireLinkResp => (Pdu::EnquireLinkResp, body.len()),
        Command::GenericNack => (Pdu::GenericNack, body.len()),
        Command::Outbind => (Pdu::Outbind, 0),
        Command::AlertNotification => (Pdu::AlertNotification, 0),
    })
}

type Read<'a, T> = IResult<&'a [u8], T, ()>;

/// A C-octet string, without its NUL.
fn text(input: &[u8]) -> Read<'_, &[u8]> {
    let (rest, (read, _)) = (take_till(|o| o == 0), tag(&[0u8][..])).parse(input)?;
    Ok((rest, read))
}

/// The last C-octet string of a body, whose NUL may be missing, and the parameters behind it.
fn last_text(body: &[u8]) -> (&[u8], Tlvs<'_>) {
    match text(body) {
        Ok((rest, read)) => (read, Tlvs::new(rest)),
        Err(_) => (body, Tlvs::default()),
    }
}

fn address(input: &[u8]) -> Read<'_, Address<'_>> {
    let (rest, (ton, npi, octets)) = (octet, octet, text).parse(input)?;
    Ok((rest, Address { ton, npi, octets }))
}

fn bind(input: &[u8]) -> Read<'_, Bind<'_>> {
    let (rest, (system_id, password, system_type, interface_version, address_range)) =
        (text, text, text, octet, address).parse(input)?;
    Ok((
        rest,
        Bind {
            system_id,
            password,
            system_type,
            interface_version,
            address_range,
        },
    ))
}

fn sm(input: &[u8]) -> Result<Sm<'_>, Status> {
    let (rest, (service_type, source, destination, [esm_class, protocol_id, priority])) =
        (text, address, address, octets::<3>)
            .parse(input)
            .map_err(|_| Status::BAD_PARAMETER_LENGTH)?;
    let (
        rest,
        (
            schedule,
            validity,
            [
                registered_delivery,
                replace,
                data_coding,
                stored_text,
                length,
            ],
        ),
    ) = (text, text, octets::<5>)
        .parse(rest)
        .map_err(|_| Status::BAD_PARAMETER_LENGTH)?;
    let (rest, short_message) = take::<_, _, ()>(usize::from(length))
        .parse(rest)
        .map_err(|_| Status::BAD_MESSAGE_LENGTH)?;

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
        short_message,
        tlvs: Tlvs::new(rest),
    })
}

fn octets<const N: usize>(input: &[u8]) -> Read<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((read, rest)) => Ok((rest, *read)),
        None => Err(nom::Err::Error(())),
    }
}

fn data_sm(input: &[u8]) -> Read<'_, Sm<'_>> {
    let (rest, (service_type, source, destination, [esm_class, registered_delivery, data_coding])) =
        (text, address, address, octets::<3>).parse(input)?;
    let tlvs = Tlvs::new(rest);
    let read = Sm {
        service_type,
        source,
        destination,
        esm_class,
        registered_delivery,
        data_coding,
        tlvs,
        ..Sm::default()
    };
    Ok((&[], read))
}
