//! A message of the outbox as submit_sm.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::Moment;
use crate::smpp::command::Status;
use crate::smpp::config::{Long, SmppConfig, Validity};
use crate::smpp::part::{self, Part};
use crate::smpp::pdu::{Address, EncodeError, Pdu, Sm};
use crate::smpp::receipt;
use crate::smpp::text;
use crate::smpp::tlv::{self, Tlvs};
use crate::store::{Message, MessageId, PartOutcome};

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
/// message and the link alone; only the validity is what is left of its life.
///
/// # Errors
/// A refusal with a reason of this house where the message fits no submit_sm: too long a text or
/// sender; or where the link cuts it into another number of parts than it did before, so that what
/// is left would not fit what was sent.
pub fn parts(
    config: &SmppConfig,
    message: &Message,
    life: Duration,
) -> Result<Vec<Outgoing>, PartOutcome> {
    let refused = |reason: &str| PartOutcome::Refused(reason.to_owned());
    let messages = &config.messages;
    let octets = text::encode_as(&message.text, &messages.writing(config.version))
        .map_err(|_| refused("text too long"))?;
    let total = u8::try_from(octets.parts.len()).map_err(|_| refused("text too long"))?;
    if message.total != 0 && message.total != total {
        return Err(refused("cut into another number of parts"));
    }
    let validity = life_of(config, message, life);
    let sm = Sm {
        service_type: messages.service_type.as_bytes(),
        source: sender(config, &message.from),
        destination: Address {
            ton: config.destination_ton,
            npi: config.destination_npi,
            octets: message.to.digits().as_bytes(),
        },
        validity: validity.as_bytes(),
        registered_delivery: messages.receipts.octet(),
        data_coding: octets.data_coding,
        ..Sm::default()
    };

    (0..total)
        .zip(&octets.parts)
        .filter(|(number, _)| message.parts.is_empty() || message.parts.contains(number))
        .map(|(number, body)| {
            let place = Part {
                reference: reference(message.id),
                total,
                number: number + 1,
            };
            let long = Some(messages.long(config.version)).filter(|_| octets.long);
            let pdu = submit(sm, long, place, body)
                .map_err(|error| refused(&format!("{} does not fit", error.field)))?;
            Ok(Outgoing {
                part: number,
                parts: total,
                pdu,
            })
        })
        .collect()
}

/// One part as submit_sm, told to be one in the way of the link; a message that is not long is told
/// in none.
fn submit(
    sm: Sm<'_>,
    long: Option<Long>,
    place: Part,
    body: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    let mut short_message = Vec::with_capacity(part::HEADER16_LEN + body.len());
    let mut tlvs = Vec::new();
    match long {
        Some(Long::Udh8) => {
            let [_, reference] = place.reference.to_be_bytes();
            let header = part::header(reference, place.total, place.number);
            short_message.extend_from_slice(&header);
        }
        Some(Long::Udh16) => {
            let header = part::header16(place.reference, place.total, place.number);
            short_message.extend_from_slice(&header);
        }
        Some(Long::Sar) => part::put_sar(&mut tlvs, place),
        Some(Long::Payload) => tlv::put(&mut tlvs, tlv::MESSAGE_PAYLOAD, body),
        None => {}
    }
    let esm_class = if short_message.is_empty() {
        0
    } else {
        part::ESM_UDHI
    };
    if long != Some(Long::Payload) {
        short_message.extend_from_slice(body);
    }
    let sm = Sm {
        esm_class,
        short_message: &short_message,
        tlvs: Tlvs::new(&tlvs),
        ..sm
    };
    Pdu::SubmitSm(sm).encode(Status::OK, 0)
}

/// How many parts a message has, for reports on all of them: as it was cut before, or as this link
/// cuts it; 1 where it cannot be sent at all.
pub fn count(config: &SmppConfig, message: &Message) -> u8 {
    if message.total != 0 {
        return message.total;
    }
    text::encode_as(&message.text, &config.messages.writing(config.version))
        .ok()
        .and_then(|octets| u8::try_from(octets.parts.len()).ok())
        .unwrap_or(1)
}

/// What tells the parts of one long message from those of others: the same at every attempt, and
/// different for messages that follow each other. Every octet of the id counts, since the time
/// stands in the upper ones. The lower octet, which is all that a short header has, tells as much
/// as one octet can.
pub fn reference(id: MessageId) -> u16 {
    let fold = |factor: u8| {
        let octets = id.0.to_be_bytes().into_iter();
        octets.fold(0, |sum: u8, octet| {
            sum.wrapping_mul(factor).wrapping_add(octet)
        })
    };
    u16::from_be_bytes([fold(113), fold(31)])
}

/// The sender as it goes over this link.
fn sender<'a>(config: &SmppConfig, from: &'a str) -> Address<'a> {
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

/// The life of a message as this link has it told; empty for not at all.
fn life_of(config: &SmppConfig, message: &Message, life: Duration) -> String {
    match config.messages.validity {
        Validity::Relative => relative(life),
        Validity::Absolute => absolute(message.valid_until),
        Validity::None => String::new(),
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

/// An absolute time (SMPP 3.4, 7.1.1): `YYMMDDhhmmsst00+`, in UTC, to the second before it.
fn absolute(until: Moment) -> String {
    let time = jiff::Timestamp::from_millisecond(until.ms())
        .unwrap_or(jiff::Timestamp::MAX)
        .to_zoned(TimeZone::UTC);
    format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}000+",
        time.year().rem_euclid(100),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// What a status in the answer to a submit_sm means.
pub fn outcome(status: Status, message_id: &[u8]) -> PartOutcome {
    match status {
        Status::OK => PartOutcome::Accepted(receipt::id(&text::latin1(message_id))),
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
    use crate::smpp::config::{Messages, Receipts, Version};
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
            total: 0,
            attempts: 0,
            claim: 1,
        }
    }

    fn sent(message: &Message) -> Vec<Frame> {
        sent_on(&SmppConfig::default(), message)
    }

    fn sent_on(config: &SmppConfig, message: &Message) -> Vec<Frame> {
        parts(config, message, Duration::from_secs(300))
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
            .map(|ms| reference(MessageId((1_783_209_600_000 + ms) << 20 | 1 << 12)) as u8)
            .collect();
        assert_eq!(references.len(), 256);
    }

    #[test]
    fn long_messages_go_as_the_link_has_them() {
        let (gsm, units) = ("a".repeat(200), "م".repeat(71));
        for (version, long, text, expected) in [
            (
                Version::V34,
                Long::Udh8,
                &gsm,
                &[
                    "0x40 Some((38, 2, 1)) 153 +6",
                    "0x40 Some((38, 2, 2)) 47 +6",
                ][..],
            ),
            (
                Version::V34,
                Long::Udh16,
                &gsm,
                &[
                    "0x40 Some((30758, 2, 1)) 152 +7",
                    "0x40 Some((30758, 2, 2)) 48 +7",
                ],
            ),
            (
                Version::V34,
                Long::Sar,
                &gsm,
                &[
                    "0x00 Some((30758, 2, 1)) 153 +0",
                    "0x00 Some((30758, 2, 2)) 47 +0",
                ],
            ),
            (
                Version::V34,
                Long::Payload,
                &gsm,
                &["0x00 None 200 payload"],
            ),
            (
                Version::V34,
                Long::Payload,
                &units,
                &["0x00 None 142 payload"],
            ),
            (
                Version::V33,
                Long::Payload,
                &gsm,
                &[
                    "0x40 Some((38, 2, 1)) 153 +6",
                    "0x40 Some((38, 2, 2)) 47 +6",
                ],
            ),
            (
                Version::V33,
                Long::Sar,
                &units,
                &["0x40 Some((38, 2, 1)) 134 +6", "0x40 Some((38, 2, 2)) 8 +6"],
            ),
            (
                Version::V50,
                Long::Payload,
                &"a".repeat(160),
                &["0x00 None 160 +0"],
            ),
            (
                Version::V50,
                Long::Sar,
                &"a".repeat(160),
                &["0x00 None 160 +0"],
            ),
        ] {
            let config = SmppConfig {
                version,
                messages: Messages {
                    long,
                    ..Messages::default()
                },
                ..SmppConfig::default()
            };
            let message = message(text, "3949", &[]);
            let found: Vec<String> = sent_on(&config, &message)
                .iter()
                .map(|frame| {
                    let (Pdu::SubmitSm(sm), 0) = pdu::decode(frame).unwrap() else {
                        panic!("no submit")
                    };
                    let (octets, part) = part::read(&sm);
                    let part = part.map(|p| (p.reference, p.total, p.number));
                    let header = match sm.tlvs.get(tlv::MESSAGE_PAYLOAD) {
                        Some(_) => "payload".to_owned(),
                        None => format!("+{}", sm.short_message.len() - octets.len()),
                    };
                    assert!(version != Version::V33 || sm.tlvs.raw().is_empty());
                    format!("{:#04x} {part:?} {} {header}", sm.esm_class, octets.len())
                })
                .collect();
            assert_eq!(found, expected, "{version:?} {long:?}");
            assert_eq!(usize::from(count(&config, &message)), expected.len());
        }
    }

    #[test]
    fn the_fields_of_a_link_are_written() {
        let config = SmppConfig {
            source_ton: 3,
            source_npi: 0,
            destination_ton: 0,
            destination_npi: 8,
            messages: Messages {
                gsm_coding: 0xf1,
                service_type: "CMT".to_owned(),
                receipts: Receipts::None,
                validity: Validity::Absolute,
                ..Messages::default()
            },
            ..SmppConfig::default()
        };
        let message = Message {
            valid_until: Moment::from_ms(1_767_225_599_999),
            ..message("Oui", "3949", &[])
        };
        let frames = sent_on(&config, &message);
        assert_eq!(
            shown(&frames[0]),
            "3/0 3949 -> 0/8 212661000001 esm 0x00 dcs 241 rd 0 251231235959000+ None 3 octets"
        );
        let (Pdu::SubmitSm(sm), 0) = pdu::decode(&frames[0]).unwrap() else {
            panic!("no submit")
        };
        assert_eq!(sm.service_type, b"CMT");

        for (receipts, validity, expected) in [
            (Receipts::Final, Validity::None, "rd 1  None"),
            (
                Receipts::Failed,
                Validity::Relative,
                "rd 2 000000000500000R None",
            ),
        ] {
            let config = SmppConfig {
                messages: Messages {
                    receipts,
                    validity,
                    ..Messages::default()
                },
                ..SmppConfig::default()
            };
            let shown = shown(&sent_on(&config, &message)[0]);
            assert!(shown.contains(expected), "{shown}");
        }
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
