//! What a deliver_sm or data_sm of the operator is.

use crate::callback::{Msisdn, ServiceName};
use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::part::{self, Part};
use crate::smpp::pdu::{Address, Sm};
use crate::smpp::receipt::{self, Told};
use crate::smpp::{text, tlv};

/// What it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A receipt.
    Receipt(Told),
    /// A message of a subscriber, or a part of one.
    Text(Text),
    /// Nothing that can be used, and nothing that would get better if it came again: it is
    /// acknowledged and counted.
    Useless(&'static str),
    /// It is answered with this status.
    Refused(Status),
}

/// A message of a subscriber, or a part of one.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// From.
    pub subscriber: Msisdn,
    /// The short number.
    pub to: String,
    /// Its service.
    pub service: ServiceName,
    /// What they wrote; the halves of characters at the edges of a part are marked for
    /// [`crate::screen::halves::join`].
    pub text: String,
    /// The operator's id, where it gives one.
    pub message_id: Option<String>,
    /// Which part.
    pub part: Option<Part>,
}

/// Reads a message of the operator.
pub fn read(config: &SmppConfig, sm: &Sm<'_>) -> Incoming {
    if receipt::is_receipt(sm) {
        return receipt::read(sm).map_or(
            Incoming::Useless("a receipt without id or state"),
            Incoming::Receipt,
        );
    }
    let to = text::latin1(sm.destination.octets).trim().to_owned();
    let Some(service) = config.service(&to) else {
        return Incoming::Refused(Status::BAD_DESTINATION);
    };
    let Some(subscriber) = subscriber(sm.source) else {
        return Incoming::Refused(Status::BAD_SOURCE);
    };
    let (octets, part) = part::read(sm);
    let zero = config.messages.default_alphabet;
    let message_id = sm
        .tlvs
        .text(tlv::RECEIPTED_MESSAGE_ID)
        .filter(|id| !id.is_empty())
        .map(text::latin1);

    Incoming::Text(Text {
        subscriber,
        to,
        service: service.clone(),
        // A part may begin or end with half a character, whose other half is elsewhere.
        text: match part {
            Some(_) => text::decode_part(zero, sm.data_coding, octets),
            None => text::decode_as(zero, sm.data_coding, octets),
        },
        message_id,
        part,
    })
}

/// The number of a sender: international with or without `+`, or national by its type of number.
/// Senders of letters and short numbers are no subscribers.
pub(super) fn subscriber(source: Address<'_>) -> Option<Msisdn> {
    let written = text::latin1(source.octets);
    let written = written.trim();
    let international = match source.ton {
        2 if written.len() == 9 && !written.starts_with('0') => format!("+212{written}"),
        1 if !written.starts_with(['+', '0']) => format!("+{written}"),
        5 => return None,
        _ => written.to_owned(),
    };
    Msisdn::parse(&international).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::config::Messages;
    use crate::smpp::text::DefaultAlphabet;
    use crate::smpp::tlv::Tlvs;
    use proptest::prelude::*;

    fn config() -> SmppConfig {
        SmppConfig {
            service_for: vec![("3949".to_owned(), ServiceName::from("tns"))],
            ..SmppConfig::default()
        }
    }

    fn shown(sm: &Sm<'_>) -> String {
        match read(&config(), sm) {
            Incoming::Receipt(told) => format!("receipt {} {:?}", told.id, told.state),
            Incoming::Text(text) => format!(
                "text {} to {} of {}: {} {:?}",
                text.subscriber.as_str(),
                text.to,
                text.service,
                text.text,
                text.part
                    .map(|part| (part.reference, part.total, part.number))
            ),
            Incoming::Useless(why) => format!("useless: {why}"),
            Incoming::Refused(status) => format!("refused {status}"),
        }
    }

    fn address(ton: u8, text: &str) -> Address<'_> {
        Address {
            ton,
            npi: 1,
            octets: text.as_bytes(),
        }
    }

    #[test]
    fn senders_and_short_numbers() {
        for (ton, source, destination, expected) in [
            (
                1,
                "212661000001",
                "3949",
                "text +212661000001 to 3949 of tns: TNS None",
            ),
            (
                1,
                "+212661000001",
                "+3949",
                "text +212661000001 to +3949 of tns: TNS None",
            ),
            (
                2,
                "661000001",
                "3949",
                "text +212661000001 to 3949 of tns: TNS None",
            ),
            (
                2,
                "0661000001",
                "3949",
                "text +212661000001 to 3949 of tns: TNS None",
            ),
            (
                0,
                "00212661000001",
                "3949",
                "text +212661000001 to 3949 of tns: TNS None",
            ),
            (1, "212661000001", "3950", "refused 0x0b"),
            (1, "212661000001", "", "refused 0x0b"),
            (5, "INFO", "3949", "refused 0x0a"),
            (5, "212661000001", "3949", "refused 0x0a"),
            (0, "3949", "3949", "refused 0x0a"),
            (0, "Caf\u{e9}", "3949", "refused 0x0a"),
        ] {
            let sm = Sm {
                source: address(ton, source),
                destination: address(0, destination),
                short_message: b"TNS",
                ..Sm::default()
            };
            assert_eq!(shown(&sm), expected, "{ton} {source} {destination}");
        }
    }

    #[test]
    fn receipts_need_no_known_short_number() {
        let receipt = Sm {
            esm_class: 4,
            short_message: b"id:7 stat:DELIVRD",
            ..Sm::default()
        };
        assert_eq!(shown(&receipt), "receipt 7 Delivered");
        let empty = Sm {
            esm_class: 4,
            short_message: b"hello",
            ..Sm::default()
        };
        assert_eq!(shown(&empty), "useless: a receipt without id or state");
    }

    #[test]
    fn parts_are_told_apart() {
        let sm = Sm {
            source: address(1, "212661000001"),
            destination: address(0, "3949"),
            esm_class: part::ESM_UDHI,
            data_coding: 8,
            short_message: b"\x05\x00\x03\x07\x02\x01\x06\x45",
            ..Sm::default()
        };
        assert_eq!(
            shown(&sm),
            "text +212661000001 to 3949 of tns: م Some((7, 2, 1))"
        );
    }

    #[test]
    fn the_text_is_read_as_the_link_has_it() {
        let latin1 = SmppConfig {
            messages: Messages {
                default_alphabet: DefaultAlphabet::Latin1,
                ..Messages::default()
            },
            ..config()
        };
        for (config, data_coding, header, octets, expected) in [
            (&config(), 0, false, &b"\x05_"[..], "é§"),
            (&latin1, 0, false, b"\xe9_", "é_"),
            (&config(), 8, false, b"\x00a\xd8\x3d", "a\u{fffd}"),
            (&config(), 8, true, b"\x00a\xd8\x3d", "a\u{10d83d}"),
            (&config(), 0, true, b"a\x1b", "a\u{10001b}"),
        ] {
            let mut short_message = b"\x05\x00\x03\x07\x02\x01".to_vec();
            if !header {
                short_message.clear();
            }
            short_message.extend_from_slice(octets);
            let sm = Sm {
                source: address(1, "212661000001"),
                destination: address(0, "3949"),
                esm_class: if header { part::ESM_UDHI } else { 0 },
                data_coding,
                short_message: &short_message,
                ..Sm::default()
            };
            let Incoming::Text(text) = read(config, &sm) else {
                panic!("no text: {}", shown(&sm))
            };
            assert_eq!(text.text, expected, "{data_coding} {octets:?}");
        }
    }

    proptest! {
        #[test]
        fn random_messages_never_panic(
            esm_class: u8,
            ton: u8,
            data_coding: u8,
            source in proptest::collection::vec(any::<u8>(), 0..20),
            short_message in proptest::collection::vec(any::<u8>(), 0..200),
            raw in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let sm = Sm {
                esm_class,
                data_coding,
                source: Address { ton, npi: 0, octets: &source },
                destination: address(0, "3949"),
                short_message: &short_message,
                tlvs: Tlvs::new(&raw),
                ..Sm::default()
            };
            shown(&sm);
        }
    }
}
