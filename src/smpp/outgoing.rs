//! A message of the outbox as submit_sm.

use std::time::Duration;

use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::part;
use crate::smpp::pdu::{Address, Pdu, Sm};
use crate::smpp::text;
use crate::store::{Message, MessageId, PartOutcome};

/// A receipt for the final state, whatever it is (SMPP 3.4, 5.2.17).
const RECEIPT_WANTED: u8 = 1;

/// The longest validity that the relative form is written with: its months and years have no
/// fixed length.
const VALIDITY_MAX: Duration = Duration::from_secs(27 * 86_400);

/// One part, ready to be numbered and sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which part, from 0.
    pub part: u8,
    /// How many the message has.
    pub parts: u8,
    /// The whole submit_sm with sequence number 0.
    pub pdu: Vec<u8>,
}

/// The parts of a message that are to be sent now. Text and header of a part follow from the
/// message alone; only the validity is what is left of its life.
///
/// # Errors
/// A refusal with a reason of this house where the message fits no submit_sm: too long a text or
/// sender.
pub fn parts(
    config: &SmppConfig,
    message: &Message,
    life: Duration,
) -> Result<Vec<Outgoing>, PartOutcome> {
    let refused = |reason: &str| PartOutcome::Refused(reason.to_owned());
    let octets = text::encode(&message.text).map_err(|_| refused("text too long"))?;
    let total = u8::try_from(octets.parts.len()).map_err(|_| refused("text too long"))?;
    let validity = relative(life);
    let source = source(config, &message.from);
    let destination = Address {
        ton: config.destination_ton,
        npi: config.destination_npi,
        octets: message.to.digits().as_bytes(),
    };

    (0..total)
        .zip(&octets.parts)
        .filter(|(number, _)| message.parts.is_empty() || message.parts.contains(number))
        .map(|(number, body)| {
            let mut short_message = Vec::with_capacity(part::HEADER_LEN + body.len());
            if total > 1 {
                let header = part::header(reference(message.id), total, number + 1);
                short_message.extend_from_slice(&header);
            }
            short_message.extend_from_slice(body);
            let sm = Sm {
                source,
                destination,
                esm_class: if total > 1 { part::ESM_UDHI } else { 0 },
                validity: validity.as_bytes(),
                registered_delivery: RECEIPT_WANTED,
                data_coding: octets.data_coding,
                short_message: &short_message,
                ..Sm::default()
            };
            let pdu = Pdu::SubmitSm(sm)
                .encode(Status::OK, 0)
                .map_err(|error| refused(&format!("{} does not fit", error.field)))?;
            Ok(Outgoing {
                part: number,
                parts: total,
                pdu,
            })
        })
        .collect()
}

/// How many parts a message has, for reports on all of them; 1 where it cannot be sent at all.
pub fn count(message: &Message) -> u8 {
    text::encode(&message.text)
        .ok()
        .and_then(|octets| u8::try_from(octets.parts.len()).ok())
        .unwrap_or(1)
}

/// What tells the parts of one long message from those of others: the same at every attempt, and
/// different for messages that follow each other. Every octet of the id counts, since the time
/// stands in the upper ones.
fn reference(id: MessageId) -> u8 {
    let octets = id.0.to_be_bytes().into_iter();
    octets.fold(0, |sum: u8, octet| sum.wrapping_mul(31).wrapping_add(octet))
}

fn source<'a>(config: &SmppConfig, from: &'a str) -> Address<'a> {
    let number = from.strip_prefix('+').unwrap_or(from);
    if number.bytes().all(|octet| octet.is_ascii_digit()) {
        Address {
            ton: config.source_ton,
            npi: config.source_npi,
            octets: number.as_bytes(),
        }
    } else {
        Address {
            ton: 5,
            npi: 0,
            octets: from.as_bytes(),
        }
    }
}

/// A relative time (SMPP 3.4, 7.1.1): `YYMMDDhhmmss000R`, from the operator's own clock, at least
/// a second.
fn relative(life: Duration) -> String {
    let seconds = life.min(VALIDITY_MAX).as_secs().max(1);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hours, minutes) = (rest / 3_600, rest % 3_600 / 60);
    format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", rest % 60)
}

/// What a status in the answer to a submit_sm means.
pub fn outcome(status: Status, message_id: &[u8]) -> PartOutcome {
    match status {
        Status::OK => PartOutcome::Accepted(text::latin1(message_id).trim().to_owned()),
        Status::THROTTLED | Status::QUEUE_FULL => PartOutcome::Throttled,
        Status::SYSTEM_ERROR | Status::SUBMIT_FAILED | Status::DELIVERY_FAILED => {
            PartOutcome::Temporary(format!("smpp {status}"))
        }
        Status(_) => PartOutcome::Refused(format!("smpp {status}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::callback::Msisdn;
    use crate::clock::Moment;
    use crate::smpp::frame::{self, Frame};
    use crate::smpp::pdu;
    use crate::store::MessageKind;
    use bytes::BytesMut;

    fn message(text: &str, from: &str, parts: &[u8]) -> Message {
        Message {
            id: MessageId(0x0107),
            from: from.to_owned(),
            to: Msisdn::parse("+212661000001").unwrap(),
            kind: MessageKind::Reply,
            text: text.to_owned(),
            valid_until: Moment::from_ms(300_000),
            parts: parts.to_vec(),
            attempts: 0,
        }
    }

    fn sent(message: &Message) -> Vec<Frame> {
        parts(&SmppConfig::default(), message, Duration::from_secs(300))
            .unwrap()
            .iter()
            .map(|outgoing| {
                frame::cut(&mut BytesMut::from(&outgoing.pdu[..]))
                    .unwrap()
                    .unwrap()
            })
            .collect()
    }

    fn shown(frame: &Frame) -> String {
        let (read, stray) = pdu::decode(frame).unwrap();
        assert_eq!(stray, 0);
        let Pdu::SubmitSm(sm) = read else {
            panic!("{read:?}")
        };
        let (octets, part) = part::read(&sm);
        format!(
            "{}/{} {} -> {}/{} {} esm {:#04x} dcs {} rd {} {} {:?} {} octets",
            sm.source.ton,
            sm.source.npi,
            text::latin1(sm.source.octets),
            sm.destination.ton,
            sm.destination.npi,
            text::latin1(sm.destination.octets),
            sm.esm_class,
            sm.data_coding,
            sm.registered_delivery,
            text::latin1(sm.validity),
            part.map(|p| (p.reference, p.total, p.number)),
            octets.len()
        )
    }

    #[test]
    fn messages_become_submits() {
        let long = "a".repeat(200);
        for (text, from, only, expected) in [
            (
                "Bonjour",
                "3949",
                &[][..],
                vec![
                    "0/1 3949 -> 1/1 212661000001 esm 0x00 dcs 0 rd 1 000000000500000R None 7 octets",
                ],
            ),
            (
                "مر",
                "CNSS",
                &[],
                vec![
                    "5/0 CNSS -> 1/1 212661000001 esm 0x00 dcs 8 rd 1 000000000500000R None 4 octets",
                ],
            ),
            (
                &long,
                "3949",
                &[],
                vec![
                    "0/1 3949 -> 1/1 212661000001 esm 0x40 dcs 0 rd 1 000000000500000R Some((38, 2, 1)) 153 octets",
                    "0/1 3949 -> 1/1 212661000001 esm 0x40 dcs 0 rd 1 000000000500000R Some((38, 2, 2)) 47 octets",
                ],
            ),
            (
                &long,
                "3949",
                &[1],
                vec![
                    "0/1 3949 -> 1/1 212661000001 esm 0x40 dcs 0 rd 1 000000000500000R Some((38, 2, 2)) 47 octets",
                ],
            ),
        ] {
            let found: Vec<String> = sent(&message(text, from, only)).iter().map(shown).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn messages_that_follow_each_other_have_other_references() {
        // The ledger's ids have the milliseconds in their upper bits and mostly zeros below.
        let references: std::collections::BTreeSet<u8> = (0..256)
            .map(|ms| reference(MessageId((1_783_209_600_000 + ms) << 20 | 1 << 12)))
            .collect();
        assert_eq!(references.len(), 256);
    }

    #[test]
    fn another_attempt_sends_the_same_octets() {
        let whole = sent(&message(&"م".repeat(150), "3949", &[]));
        let again = sent(&Message {
            attempts: 2,
            ..message(&"م".repeat(150), "3949", &[0, 1, 2])
        });
        assert_eq!(whole.len(), 3);
        assert!(whole == again);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, from, reason) in [
            (
                "a",
                "a sender with far too many letters",
                "source_addr does not fit",
            ),
            (&"a".repeat(40_000)[..], "3949", "text too long"),
        ] {
            let refused = parts(
                &SmppConfig::default(),
                &message(text, from, &[]),
                Duration::from_secs(1),
            );
            assert!(
                refused.err() == Some(PartOutcome::Refused(reason.to_owned())),
                "{reason}"
            );
        }
    }

    #[test]
    fn lives_are_relative_times() {
        for (seconds, expected) in [
            (0, "000000000001000R"),
            (299, "000000000459000R"),
            (86_400 + 3_661, "000001010101000R"),
            (999 * 86_400, "000027000000000R"),
        ] {
            assert_eq!(
                relative(Duration::from_secs(seconds)),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn statuses_have_outcomes() {
        for (status, expected) in [
            (0x00, PartOutcome::Accepted("a1".to_owned())),
            (0x14, PartOutcome::Throttled),
            (0x58, PartOutcome::Throttled),
            (0x08, PartOutcome::Temporary("smpp 0x08".to_owned())),
            (0x45, PartOutcome::Temporary("smpp 0x45".to_owned())),
            (0xfe, PartOutcome::Temporary("smpp 0xfe".to_owned())),
            (0x0b, PartOutcome::Refused("smpp 0x0b".to_owned())),
            (0x0400, PartOutcome::Refused("smpp 0x400".to_owned())),
        ] {
            assert_eq!(outcome(Status(status), b"a1"), expected);
        }
    }
}
