//! A screen as submit_sm, on the way on which its callback came.

use std::fmt;

use crate::screen::alphabet::Alphabet;
use crate::smpp::command::Status;
use crate::smpp::config::ussd::UssdSettings;
use crate::smpp::pdu::{Address, EncodeError, Pdu, SHORT_MESSAGE_MAX, Sm};
use crate::smpp::text;
use crate::smpp::tlv::{self, Tlvs};
use crate::smpp::ussd::dialect::TextIn;
use crate::smpp::ussd::{SERVICE_OP, Session};
use crate::store::Reply;

/// The addresses of a callback: an answer goes from its destination to its source, octet for
/// octet, with their types.
#[derive(Clone, PartialEq, Eq)]
pub struct WayBack {
    from: Owned,
    to: Owned,
}

#[derive(Clone, PartialEq, Eq)]
struct Owned {
    ton: u8,
    npi: u8,
    octets: Vec<u8>,
}

impl Owned {
    fn of(address: Address<'_>) -> Self {
        Self {
            ton: address.ton,
            npi: address.npi,
            octets: address.octets.to_vec(),
        }
    }

    fn address(&self) -> Address<'_> {
        Address {
            ton: self.ton,
            npi: self.npi,
            octets: &self.octets,
        }
    }
}

impl fmt::Debug for WayBack {
    /// Never the addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WayBack(…)")
    }
}

impl WayBack {
    /// Of a callback.
    pub fn of(sm: &Sm<'_>) -> Self {
        Self {
            from: Owned::of(sm.destination),
            to: Owned::of(sm.source),
        }
    }
}

/// The whole submit_sm with sequence number 0. It asks for no receipt: who dials sees the screen.
/// A text that short_message cannot hold goes into message_payload in any dialect.
///
/// # Errors
/// [`EncodeError`] names the field that does not fit.
pub fn write(
    settings: &UssdSettings,
    way_back: &WayBack,
    session: &Session,
    reply: &Reply,
) -> Result<Vec<u8>, EncodeError> {
    let dialect = &settings.dialect;
    let (alphabet, octets) = text::whole(&reply.text);
    let op = if reply.ends {
        dialect.reply_and_end
    } else {
        dialect.reply_and_wait
    };
    let mut parameters = Vec::with_capacity(16);
    tlv::put(&mut parameters, SERVICE_OP, &[op]);
    if let Some((tag, value)) = session.answer(dialect, reply.ends) {
        tlv::put(&mut parameters, tag, &value);
    }
    let in_payload = match dialect.text {
        TextIn::MessagePayload => true,
        TextIn::ShortMessage => octets.len() > SHORT_MESSAGE_MAX,
    };
    if in_payload {
        tlv::put(&mut parameters, tlv::MESSAGE_PAYLOAD, &octets);
    }
    let sm = Sm {
        service_type: dialect.service_type.as_bytes(),
        source: way_back.from.address(),
        destination: way_back.to.address(),
        data_coding: match alphabet {
            Alphabet::Gsm7 => dialect.gsm7,
            Alphabet::Ucs2 => dialect.ucs2,
        },
        short_message: if in_payload { &[] } else { &octets },
        tlvs: Tlvs::new(&parameters),
        ..Sm::default()
    };
    Pdu::SubmitSm(sm).encode(Status::OK, 0)
}
