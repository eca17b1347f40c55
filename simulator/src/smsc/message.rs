//! Messages as PDUs: the text of a `submit_sm`, and `deliver_sm` with a text or a receipt.

use std::str::FromStr;

use rusmpp::pdus::{DeliverSm, SubmitSm};
use rusmpp::tlvs::TlvValue;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton};

/// `esm_class` with the user data header indicator (SMPP 3.4, 5.2.12).
pub const UDHI: u8 = 0x40;

/// `esm_class` of a receipt.
const RECEIPT: u8 = 0x04;

/// The text is too long, or an address is none that SMPP can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be carried: an address over 20 octets or more than 255 parts")]
pub struct Unsendable;

/// The text of a `submit_sm`: `short_message`, or `message_payload` where that is empty (SMPP 3.4,
/// 3.2.3).
pub fn octets(pdu: &SubmitSm) -> Vec<u8> {
    let short: &[u8] = pdu.short_message().as_ref();
    let payload = pdu.tlvs().iter().find_map(|tlv| match tlv.value() {
        Some(TlvValue::MessagePayload(payload)) => Some(payload.value.as_ref()),
        Some(_) | None => None,
    });
    if short.is_empty() {
        payload.unwrap_or(short).to_vec()
    } else {
        short.to_vec()
    }
}

/// A `deliver_sm` between a phone and a short number.
///
/// # Errors
/// [`Unsendable`].
pub fn deliver_sm(
    from: &str,
    to: &str,
    esm_class: u8,
    data_coding: u8,
    octets: &[u8],
) -> Result<DeliverSm, Unsendable> {
    let address = |number: &str| COctetString::from_str(number).map_err(|_| Unsendable);
    let kind = |number: &str| match number.strip_prefix('+') {
        Some(digits) => (Ton::International, Npi::Isdn, digits.to_owned()),
        None => (Ton::Unknown, Npi::Unknown, number.to_owned()),
    };
    let (source_ton, source_npi, source) = kind(from);
    let (dest_ton, dest_npi, dest) = kind(to);
    Ok(DeliverSm::builder()
        .source_addr_ton(source_ton)
        .source_addr_npi(source_npi)
        .source_addr(address(&source)?)
        .dest_addr_ton(dest_ton)
        .dest_addr_npi(dest_npi)
        .destination_addr(address(&dest)?)
        // rusmpp's default is no plain message but an acknowledgement, so it is always given.
        .esm_class(EsmClass::from(esm_class))
        .registered_delivery(RegisteredDelivery::from(0))
        .data_coding(DataCoding::from(data_coding))
        .short_message(OctetString::from_slice(octets).map_err(|_| Unsendable)?)
        .build())
}

/// The receipt of a message in its text form (SMPP 3.4, appendix B), from the phone to whom sent
/// the message; `ok` is whether it was delivered.
///
/// # Errors
/// [`Unsendable`].
pub fn receipt(from: &str, to: &str, id: &str, ok: bool) -> Result<DeliverSm, Unsendable> {
    let now = jiff::Zoned::now().strftime("%y%m%d%H%M").to_string();
    let (count, stat, err) = if ok {
        (1, "DELIVRD", "000")
    } else {
        (0, "UNDELIV", "001")
    };
    let text = format!(
        "id:{id} sub:001 dlvrd:{count:03} submit date:{now} done date:{now} stat:{stat} err:{err} \
         text:"
    );
    deliver_sm(from, to, RECEIPT, 0, text.as_bytes())
}
