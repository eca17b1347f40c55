//! How a long text from a phone is carried: in parts that say where they belong, or in one piece.

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::MessageDeliveryRequestTlvValue;

use super::alphabet::Alphabet;
use super::message::{self, UDHI, Unsendable};
use super::parts::Place;

/// What makes the parts of a long text one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joining {
    /// A user data header with a reference of 8 bits.
    #[default]
    Udh8,
    /// A user data header with a reference of 16 bits.
    Udh16,
    /// The parameters `sar_msg_ref_num`, `sar_total_segments`, `sar_segment_seqnum`.
    Sar,
    /// One piece in `message_payload`.
    Payload,
}

impl Joining {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Udh8, Self::Udh16, Self::Sar, Self::Payload];

    /// The octets that each part has to leave free in 140.
    fn room(self) -> usize {
        match self {
            // Where the operator itself takes the parameters from a header, that has 6.
            Self::Udh8 | Self::Sar | Self::Payload => 6,
            Self::Udh16 => 7,
        }
    }
}

/// The text of a phone as requests to the gateway, in order.
///
/// # Errors
/// [`Unsendable`].
pub fn deliveries(
    from: &str,
    to: &str,
    text: &str,
    joining: Joining,
    reference: u16,
) -> Result<Vec<DeliverSm>, Unsendable> {
    let alphabet = Alphabet::of(text);
    let coding = alphabet.data_coding();
    let parts = alphabet.parts(text, joining.room());
    let total = u8::try_from(parts.len()).map_err(|_| Unsendable)?;
    if total == 1 {
        return Ok(vec![message::deliver_sm(from, to, 0, coding, &parts[0])?]);
    }
    if joining == Joining::Payload {
        let mut pdu = message::deliver_sm(from, to, 0, coding, &[])?;
        pdu.push_tlv(message::payload(&parts.concat()));
        return Ok(vec![pdu]);
    }
    let part = |(number, octets): (u8, &Vec<u8>)| {
        let place = Place {
            reference,
            total,
            number,
        };
        match joining {
            Joining::Udh8 => message::deliver_sm(from, to, UDHI, coding, &place.write(octets)),
            Joining::Udh16 => message::deliver_sm(from, to, UDHI, coding, &place.write16(octets)),
            Joining::Sar | Joining::Payload => {
                let mut pdu = message::deliver_sm(from, to, 0, coding, octets)?;
                pdu.push_tlv(MessageDeliveryRequestTlvValue::SarMsgRefNum(reference));
                pdu.push_tlv(MessageDeliveryRequestTlvValue::SarTotalSegments(total));
                pdu.push_tlv(MessageDeliveryRequestTlvValue::SarSegmentSeqnum(number));
                Ok(pdu)
            }
        }
    };
    (1..=total).zip(&parts).map(part).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smsc::frame::encode;
    use rusmpp::CommandStatus;

    fn written(joining: Joining, text: &str) -> Vec<Vec<u8>> {
        let pdus = deliveries("+212661000001", "5800", text, joining, 0x0102).unwrap();
        let octets = |pdu| encode(CommandStatus::EsmeRok, 1, pdu).to_vec();
        pdus.into_iter().map(octets).collect()
    }

    #[test]
    fn a_short_text_is_one_plain_message() {
        for joining in Joining::ALL {
            let pdus = written(joining, "TNS");
            assert_eq!(pdus, written(Joining::Udh8, "TNS"));
            assert!(pdus[0].ends_with(b"\x03TNS"));
        }
    }

    #[test]
    fn a_long_text_by_each() {
        let text = "a".repeat(161);
        let table: [(Joining, &[&[u8]]); 4] = [
            (
                Joining::Udh8,
                &[
                    b"\x9f\x05\x00\x03\x02\x02\x01a",
                    b"\x0e\x05\x00\x03\x02\x02\x02a",
                ],
            ),
            (
                Joining::Udh16,
                &[
                    b"\x9f\x06\x08\x04\x01\x02\x02\x01a",
                    b"\x10\x06\x08\x04\x01\x02\x02\x02a",
                ],
            ),
            (
                Joining::Sar,
                &[
                    b"\x02\x0c\x00\x02\x01\x02\x02\x0e\x00\x01\x02\x02\x0f\x00\x01\x01",
                    b"\x02\x0c\x00\x02\x01\x02\x02\x0e\x00\x01\x02\x02\x0f\x00\x01\x02",
                ],
            ),
            (Joining::Payload, &[b"\x00\x04\x24\x00\xa1aaa"]),
        ];
        for (joining, expected) in table {
            let pdus = written(joining, &text);
            assert_eq!(pdus.len(), expected.len(), "{joining:?}");
            for (pdu, expected) in pdus.iter().zip(expected) {
                let found = pdu
                    .windows(expected.len())
                    .any(|octets| octets == *expected);
                assert!(found, "{joining:?} {pdu:?}");
            }
        }
    }
}
