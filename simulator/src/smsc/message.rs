//! Messages as PDUs: what a `submit_sm` or `data_sm` carries, and the `deliver_sm` or `data_sm` that
//! carries something to the gateway.

use std::str::FromStr;

use rusmpp::pdus::{AlertNotification, DataSm, DeliverSm, SubmitSm};
use rusmpp::tlvs::{
    MessageDeliveryRequestTlvValue, MessageSubmissionRequestTlvValue, Tlv, TlvValue,
};
use rusmpp::types::{AnyOctetString, COctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, MessagePayload, MsAvailabilityStatus, Npi, RegisteredDelivery, Ton,
};

use super::parts::Place;

/// `esm_class` with the user data header indicator (SMPP 3.4, 5.2.12).
pub const UDHI: u8 = 0x40;

/// The text is too long, or an address is none that SMPP can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be carried: an address over 20 octets or more than 255 parts")]
pub struct Unsendable;

/// A `submit_sm`, or a `data_sm` of the gateway: what the message centre needs of it.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// `source_addr`.
    pub from: String,
    /// `destination_addr` with `+`.
    pub to: String,
    /// `esm_class`.
    pub esm_class: u8,
    /// `data_coding`.
    pub data_coding: u8,
    /// `registered_delivery`.
    pub registered_delivery: u8,
    /// `short_message`, or `message_payload` where that is empty (SMPP 3.4, 3.2.3).
    pub octets: Vec<u8>,
    /// Where it stands in its message by `sar_*`, if it has them.
    pub sar: Option<Place>,
    /// `ussd_service_op`.
    pub ussd_op: Option<u8>,
    /// `its_session_info`, big end first.
    pub session_info: Option<u16>,
    /// `user_message_reference`.
    pub reference: Option<u16>,
}

/// A C-octet string without its NUL.
pub fn plain<const MIN: usize, const MAX: usize>(text: &COctetString<MIN, MAX>) -> &str {
    text.as_str().trim_end_matches('\0')
}

fn subscriber(address: &str) -> String {
    format!("+{}", address.trim_start_matches('+'))
}

impl Submitted {
    /// What a `submit_sm` carries.
    pub fn by_submit_sm(pdu: &SubmitSm) -> Self {
        let mut submitted = Self {
            from: plain(&pdu.source_addr).to_owned(),
            to: subscriber(plain(&pdu.destination_addr)),
            esm_class: u8::from(pdu.esm_class),
            data_coding: u8::from(pdu.data_coding),
            registered_delivery: u8::from(pdu.registered_delivery),
            octets: pdu.short_message().as_ref().to_vec(),
            sar: None,
            ussd_op: None,
            session_info: None,
            reference: None,
        };
        submitted.read(pdu.tlvs());
        submitted
    }

    /// What a `data_sm` carries.
    pub fn by_data_sm(pdu: &DataSm) -> Self {
        let mut submitted = Self {
            from: plain(&pdu.source_addr).to_owned(),
            to: subscriber(plain(&pdu.destination_addr)),
            esm_class: u8::from(pdu.esm_class),
            data_coding: u8::from(pdu.data_coding),
            registered_delivery: u8::from(pdu.registered_delivery),
            octets: Vec::new(),
            sar: None,
            ussd_op: None,
            session_info: None,
            reference: None,
        };
        submitted.read(pdu.tlvs());
        submitted
    }

    fn read(&mut self, tlvs: &[Tlv]) {
        let (mut reference, mut total, mut number) = (None, None, None);
        for value in tlvs.iter().filter_map(Tlv::value) {
            #[allow(
                clippy::wildcard_enum_match_arm,
                reason = "rusmpp's list is open, and most of it is not looked at here"
            )]
            match value {
                TlvValue::MessagePayload(payload) if self.octets.is_empty() => {
                    self.octets = payload.value.as_ref().to_vec();
                }
                TlvValue::SarMsgRefNum(value) => reference = Some(*value),
                TlvValue::SarTotalSegments(value) => total = Some(*value),
                TlvValue::SarSegmentSeqnum(value) => number = Some(*value),
                TlvValue::UssdServiceOp(op) => self.ussd_op = Some(u8::from(*op)),
                TlvValue::ItsSessionInfo(info) => {
                    self.session_info = Some(u16::from_be_bytes([
                        info.session_number,
                        info.sequence_number,
                    ]));
                }
                TlvValue::UserMessageReference(reference) => {
                    self.reference = Some(reference.value);
                }
                _ => {}
            }
        }
        if let (Some(reference), Some(total), Some(number)) = (reference, total, number) {
            self.sar = Some(Place {
                reference,
                total,
                number,
            });
        }
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

/// `message_payload`.
pub fn payload(octets: &[u8]) -> MessageDeliveryRequestTlvValue {
    MessageDeliveryRequestTlvValue::MessagePayload(MessagePayload {
        value: AnyOctetString::from_slice(octets),
    })
}

/// The same message as a `data_sm`, which carries it in `message_payload` (SMPP 3.4, 4.7.1).
pub fn data_sm(pdu: &DeliverSm) -> DataSm {
    let short = pdu.short_message().as_ref();
    let mut tlvs: Vec<MessageSubmissionRequestTlvValue> = Vec::new();
    if !short.is_empty() {
        tlvs.push(MessageSubmissionRequestTlvValue::MessagePayload(
            MessagePayload {
                value: AnyOctetString::from_slice(short),
            },
        ));
    }
    for value in pdu.tlvs().iter().filter_map(Tlv::value) {
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "only what is put into deliver_sm here"
        )]
        let same = match value.clone() {
            TlvValue::MessagePayload(it) => MessageSubmissionRequestTlvValue::MessagePayload(it),
            TlvValue::SarMsgRefNum(it) => MessageSubmissionRequestTlvValue::SarMsgRefNum(it),
            TlvValue::SarTotalSegments(it) => {
                MessageSubmissionRequestTlvValue::SarTotalSegments(it)
            }
            TlvValue::SarSegmentSeqnum(it) => {
                MessageSubmissionRequestTlvValue::SarSegmentSeqnum(it)
            }
            TlvValue::UssdServiceOp(it) => MessageSubmissionRequestTlvValue::UssdServiceOp(it),
            TlvValue::ItsSessionInfo(it) => MessageSubmissionRequestTlvValue::ItsSessionInfo(it),
            TlvValue::UserMessageReference(it) => {
                MessageSubmissionRequestTlvValue::UserMessageReference(it)
            }
            TlvValue::Other { tag, value } => {
                MessageSubmissionRequestTlvValue::Other { tag, value }
            }
            _ => continue,
        };
        tlvs.push(same);
    }
    DataSm::new(
        pdu.service_type.clone(),
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr.clone(),
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr.clone(),
        pdu.esm_class,
        pdu.registered_delivery,
        pdu.data_coding,
        tlvs,
    )
}

/// An `alert_notification` (SMPP 3.4, 4.12.1): the phone can be reached again.
///
/// # Errors
/// [`Unsendable`].
pub fn alert(phone: &str, short_number: &str) -> Result<AlertNotification, Unsendable> {
    Ok(AlertNotification::builder()
        .source_addr_ton(Ton::International)
        .source_addr_npi(Npi::Isdn)
        .source_addr(COctetString::from_str(phone.trim_start_matches('+')).map_err(|_| Unsendable)?)
        .esme_addr_ton(Ton::Unknown)
        .esme_addr_npi(Npi::Unknown)
        .esme_addr(COctetString::from_str(short_number).map_err(|_| Unsendable)?)
        .ms_availability_status(Some(MsAvailabilityStatus::Available))
        .build())
}
