//! What can be said to an operator about a part that it has already: ask what became of it, take it
//! back, put another text in its place.
//!
//! Each gives a whole PDU with sequence number 0. The operator finds the part by the id of its
//! answer and the sender, which is written exactly as it was when the part was sent.

use std::time::Duration;

use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::outgoing::{life_of, sender};
use crate::smpp::pdu::{Address, EncodeError, Pdu, QueryResp, Replacement, Which};
use crate::smpp::{receipt, text};
use crate::store::{Message, ReceiptState};

/// Asks what became of a part: query_sm (SMPP 3.4, 4.8).
///
/// # Errors
/// [`EncodeError`] when the id or the sender does not fit.
pub fn query(config: &SmppConfig, message: &Message, id: &str) -> Result<Vec<u8>, EncodeError> {
    let which = Which {
        message_id: id.as_bytes(),
        source: sender(config, &message.from),
        ..Which::default()
    };
    Pdu::QuerySm(which).encode(Status::OK, 0)
}

/// Takes a part back: cancel_sm (SMPP 3.4, 4.9). An empty id would take back everything that was
/// sent to one number, so it is refused.
///
/// # Errors
/// [`EncodeError`] when there is no id, or it or the sender does not fit.
pub fn cancel(config: &SmppConfig, message: &Message, id: &str) -> Result<Vec<u8>, EncodeError> {
    if id.is_empty() {
        return Err(EncodeError {
            field: "message_id",
        });
    }
    let which = Which {
        service_type: config.messages.service_type.as_bytes(),
        message_id: id.as_bytes(),
        source: sender(config, &message.from),
        destination: Address {
            ton: config.destination_ton,
            npi: config.destination_npi,
            octets: message.to.digits().as_bytes(),
        },
    };
    Pdu::CancelSm(which).encode(Status::OK, 0)
}

/// Puts another text in the place of a part: replace_sm (SMPP 3.4, 4.10). The coding stays that of
/// the old text, so that the new one has to have the same, and to fit one part.
///
/// # Errors
/// [`EncodeError`] names what does not fit; the field is `short_message` for a text of another
/// coding, or of more than one part.
pub fn replace(
    config: &SmppConfig,
    message: &Message,
    id: &str,
    new: &str,
    life: Duration,
) -> Result<Vec<u8>, EncodeError> {
    let bad_text = EncodeError {
        field: "short_message",
    };
    let written = |text| {
        text::encode_as(text, &config.messages.writing(config.version)).map_err(|_| bad_text)
    };
    let (before, after) = (written(&message.text)?, written(new)?);
    if before.long || after.long || before.data_coding != after.data_coding {
        return Err(bad_text);
    }
    let validity = life_of(config, message, life);
    let replacement = Replacement {
        message_id: id.as_bytes(),
        source: sender(config, &message.from),
        validity: validity.as_bytes(),
        registered_delivery: config.messages.receipts.octet(),
        short_message: after.parts.first().map_or(&[], Vec::as_slice),
        ..Replacement::default()
    };
    Pdu::ReplaceSm(replacement).encode(Status::OK, 0)
}

/// What the answer to a query tells; none for a state that the standard does not have.
pub fn told(resp: &QueryResp<'_>) -> Option<ReceiptState> {
    receipt::numbered(u32::from(resp.message_state))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use bytes::BytesMut;

    use super::*;
    use crate::callback::Msisdn;
    use crate::clock::Moment;
    use crate::smpp::pdu;
    use crate::smpp::{frame, frame::Frame};
    use crate::store::{MessageId, MessageKind};

    fn message(text: &str) -> Message {
        Message {
            id: MessageId(7),
            from: "3949".to_owned(),
            to: Msisdn::parse("+212661000001").unwrap(),
            kind: MessageKind::Reply,
            text: text.to_owned(),
            valid_until: Moment::from_ms(300_000),
            parts: Vec::new(),
            attempts: 0,
        }
    }

    fn cut(octets: &[u8]) -> Frame {
        frame::cut(&mut BytesMut::from(octets)).unwrap().unwrap()
    }

    #[test]
    fn a_part_is_named_by_its_id_and_its_sender() {
        let config = SmppConfig::default();
        let source = Address {
            ton: 0,
            npi: 1,
            octets: b"3949",
        };
        let frame = cut(&query(&config, &message("a"), "a1").unwrap());
        let (Pdu::QuerySm(which), 0) = pdu::decode(&frame).unwrap() else {
            panic!("no query")
        };
        assert!(which.message_id == b"a1" && which.source == source);

        let frame = cut(&cancel(&config, &message("a"), "a1").unwrap());
        let (Pdu::CancelSm(which), 0) = pdu::decode(&frame).unwrap() else {
            panic!("no cancel")
        };
        assert!(which.message_id == b"a1" && which.source == source);
        assert_eq!(which.destination.octets, b"212661000001");

        let life = Duration::from_secs(300);
        let frame = cut(&replace(&config, &message("a"), "a1", "é", life).unwrap());
        let (Pdu::ReplaceSm(new), 0) = pdu::decode(&frame).unwrap() else {
            panic!("no replacement")
        };
        assert!(new.message_id == b"a1" && new.source == source);
        assert_eq!(new.short_message, b"\x05");
        assert_eq!(new.validity, b"000000000500000R");
        assert_eq!(new.registered_delivery, 1);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let config = SmppConfig::default();
        let life = Duration::from_secs(300);
        let (long, id) = ("a".repeat(161), "9".repeat(65));
        for (said, field) in [
            (query(&config, &message("a"), &id), "message_id"),
            (cancel(&config, &message("a"), &id), "message_id"),
            (cancel(&config, &message("a"), ""), "message_id"),
            (
                replace(&config, &message("a"), &id, "b", life),
                "message_id",
            ),
            (
                replace(&config, &message("a"), "1", &long, life),
                "short_message",
            ),
            (
                replace(&config, &message(&long), "1", "b", life),
                "short_message",
            ),
            (
                replace(&config, &message("a"), "1", "م", life),
                "short_message",
            ),
            (
                replace(&config, &message("م"), "1", "a", life),
                "short_message",
            ),
        ] {
            assert_eq!(said, Err(EncodeError { field }));
        }
    }

    #[test]
    fn states_are_told() {
        use ReceiptState::{Delivered, Expired, Failed, Underway};
        for (message_state, expected) in [
            (1, Some(Underway)),
            (2, Some(Delivered)),
            (3, Some(Expired)),
            (4, Some(Failed)),
            (5, Some(Failed)),
            (8, Some(Failed)),
            (77, None),
        ] {
            let resp = QueryResp {
                message_state,
                ..QueryResp::default()
            };
            assert_eq!(told(&resp), expected, "{message_state}");
        }
    }
}
