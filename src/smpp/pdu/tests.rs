//! Octets against PDUs, right and wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::smpp::command::Status;
use crate::smpp::frame::{self, Frame, PDU_LEN_MAX};
use crate::smpp::tlv;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn frame_of(command: u32, body: &[u8]) -> Frame {
    let header = frame::Header {
        command,
        status: Status::OK,
        sequence: 9,
    };
    Frame {
        header,
        body: Bytes::copy_from_slice(body),
    }
}

fn again(pdu: &Pdu<'_>) -> Frame {
    let octets = pdu.encode(Status(0x58), 7).unwrap();
    let frame = frame::cut(&mut BytesMut::from(&octets[..]))
        .unwrap()
        .unwrap();
    assert_eq!(
        (frame.header.status, frame.header.sequence),
        (Status(0x58), 7)
    );
    frame
}

/// An octet string of a deliver_sm with these fields in the middle.
fn delivery(source: &[u8], length: u8, text: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1, 1];
    body.extend_from_slice(source);
    body.extend_from_slice(b"\0\0\x013949\0\x00\x00\x00\0\0\x00\x00\x00\x00");
    body.push(length);
    body.extend_from_slice(text);
    body
}

#[test]
fn a_submit_is_written_octet_by_octet() {
    let sm = Sm {
        source: Address {
            ton: 0,
            npi: 1,
            octets: b"3949",
        },
        destination: Address {
            ton: 1,
            npi: 1,
            octets: b"212661000001",
        },
        validity: b"000000000500000R",
        registered_delivery: 1,
        short_message: b"Oui",
        ..Sm::default()
    };
    let expected = [
        &[0, 0, 0, 68, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2][..],
        b"\0\x00\x013949\0\x01\x01212661000001\0",
        b"\x00\x00\x00\x00",
        b"000000000500000R",
        b"\0\x01\x00\x00\x00\x03Oui",
    ]
    .concat();
    assert_eq!(Pdu::SubmitSm(sm).encode(Status::OK, 2).unwrap(), expected);
}

#[test]
fn a_bind_is_written_octet_by_octet() {
    let bind = Bind {
        system_id: b"jisr",
        password: b"secret",
        interface_version: 0x34,
        ..Bind::default()
    };
    let expected = [
        &[0, 0, 0, 33, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1][..],
        b"jisr\0secret\0\0\x34\x00\x00\0",
    ]
    .concat();
    assert_eq!(
        Pdu::Bind(Command::BindTransceiver, bind)
            .encode(Status::OK, 1)
            .unwrap(),
        expected
    );
}

#[test]
fn what_is_written_is_read() {
    let mut raw = Vec::new();
    tlv::put(&mut raw, 0x1400, b"vendor");
    let tlvs = Tlvs::new(&raw);
    let address = Address {
        ton: 1,
        npi: 1,
        octets: b"212661000001",
    };
    let sm = Sm {
        service_type: b"CMT",
        source: address,
        destination: Address {
            ton: 0,
            npi: 0,
            octets: b"3949",
        },
        esm_class: 0x40,
        protocol_id: 1,
        priority: 2,
        schedule: b"000000000100000R",
        validity: b"000000000500000R",
        registered_delivery: 1,
        replace: 1,
        data_coding: 8,
        stored_text: 3,
        short_message: &[0, 255, 7],
        tlvs,
    };
    let data = Sm {
        source: address,
        esm_class: 4,
        registered_delivery: 1,
        data_coding: 8,
        tlvs,
        ..Sm::default()
    };
    let bind = Bind {
        system_id: b"jisr",
        password: b"secret",
        system_type: b"ussd",
        interface_version: 0x34,
        address_range: address,
    };
    let resp = SmResp {
        message_id: b"a1b2",
        tlvs,
    };
    let bind_resp = BindResp {
        system_id: b"smsc",
        tlvs,
    };
    let outbind = Outbind {
        system_id: b"smsc",
        password: b"secret",
    };
    let alert = Alert {
        source: address,
        esme: address,
        tlvs,
    };
    let query = Which {
        message_id: b"a1b2",
        source: address,
        ..Which::default()
    };
    let query_resp = QueryResp {
        message_id: b"a1b2",
        final_date: b"260901120000000+",
        message_state: 2,
        error_code: 7,
    };
    let cancel = Which {
        service_type: b"CMT",
        message_id: b"",
        source: address,
        destination: address,
    };
    let replacement = Replacement {
        message_id: b"a1b2",
        source: address,
        schedule: b"000000000100000R",
        validity: b"000000000500000R",
        registered_delivery: 1,
        stored_text: 3,
        short_message: &[0, 255, 7],
        tlvs,
    };
    for pdu in [
        Pdu::Bind(Command::BindReceiver, bind),
        Pdu::Bind(Command::BindTransmitter, bind),
        Pdu::Bind(Command::BindTransceiver, bind),
        Pdu::BindResp(Command::BindReceiverResp, bind_resp),
        Pdu::BindResp(Command::BindTransmitterResp, bind_resp),
        Pdu::BindResp(Command::BindTransceiverResp, bind_resp),
        Pdu::SubmitSm(sm),
        Pdu::SubmitSmResp(resp),
        Pdu::DeliverSm(sm),
        Pdu::DeliverSmResp(resp),
        Pdu::DataSm(data),
        Pdu::DataSmResp(resp),
        Pdu::Unbind,
        Pdu::UnbindResp,
        Pdu::EnquireLink,
        Pdu::EnquireLinkResp,
        Pdu::GenericNack,
        Pdu::Outbind(outbind),
        Pdu::AlertNotification(alert),
        Pdu::QuerySm(query),
        Pdu::QuerySmResp(query_resp),
        Pdu::CancelSm(cancel),
        Pdu::CancelSmResp,
        Pdu::ReplaceSm(replacement),
        Pdu::ReplaceSmResp,
    ] {
        let frame = again(&pdu);
        let (read, stray) = decode(&frame).unwrap();
        assert_eq!((read, stray), (pdu, 0));
        assert!(!format!("{read:?}").contains("661"));
    }
}

#[test]
fn deviations_are_taken() {
    let text = |pdu: Pdu<'_>| {
        if let Pdu::SubmitSmResp(resp) = pdu {
            return resp.message_id.escape_ascii().to_string();
        }
        let Pdu::DeliverSm(sm) = pdu else {
            return format!("{pdu:?}");
        };
        format!(
            "{:?} {:?}",
            sm.source.octets.escape_ascii().to_string(),
            sm.short_message.escape_ascii().to_string()
        )
    };
    for (command, body, stray, expected) in [
        (
            Command::DeliverSm,
            delivery(b"Caf\xe9", 2, b"ab"),
            0,
            r#""Caf\\xe9" "ab""#,
        ),
        (
            Command::DeliverSm,
            delivery(&[b'1'; 30], 0, b""),
            0,
            r#""111111111111111111111111111111" """#,
        ),
        (
            Command::DeliverSm,
            delivery(b"2126", 2, b"ab\0\0"),
            2,
            r#""2126" "ab""#,
        ),
        (
            Command::DeliverSm,
            delivery(b"2126", 255, &[b'x'; 255]),
            0,
            &format!("\"2126\" {:?}", "x".repeat(255)),
        ),
        (Command::SubmitSmResp, b"a1".to_vec(), 0, "a1"),
        (Command::SubmitSmResp, b"a1\0x".to_vec(), 1, "a1"),
        (Command::SubmitSmResp, vec![], 0, ""),
        (
            Command::SubmitSmResp,
            [b'9'; 70].to_vec(),
            0,
            &"9".repeat(70),
        ),
        (Command::EnquireLink, b"body".to_vec(), 4, "enquire_link"),
        (
            Command::BindTransceiverResp,
            vec![],
            0,
            "bind_transceiver_resp",
        ),
        (
            Command::AlertNotification,
            b"\x01\x012126\0\x00\x003949\0\x04\x22\x00\x01\x00xy".to_vec(),
            2,
            "alert_notification",
        ),
        (Command::Outbind, b"smsc\0secret".to_vec(), 0, "outbind"),
        (Command::Outbind, b"smsc\0secret\0x".to_vec(), 1, "outbind"),
        (
            Command::QuerySm,
            b"a1\0\x01\x013949".to_vec(),
            0,
            "query_sm",
        ),
        (
            Command::QuerySmResp,
            b"a1\0\0\x02\0\0".to_vec(),
            1,
            "query_sm_resp",
        ),
        (
            Command::CancelSm,
            b"\0a1\0\x01\x013949\0\x01\x012126".to_vec(),
            0,
            "cancel_sm",
        ),
        (Command::CancelSmResp, b"\0".to_vec(), 1, "cancel_sm_resp"),
        (
            Command::ReplaceSmResp,
            b"a1\0".to_vec(),
            3,
            "replace_sm_resp",
        ),
        (
            Command::ReplaceSm,
            b"a1\0\x01\x013949\0\0\0\x01\0\x02abc".to_vec(),
            1,
            "replace_sm",
        ),
        (Command::Unbind, b"xyz".to_vec(), 3, "unbind"),
        (Command::GenericNack, b"x".to_vec(), 1, "generic_nack"),
        (
            Command::BindTransceiver,
            b"jisr\0pw\0\0\x34\0\0".to_vec(),
            0,
            "bind_transceiver",
        ),
        (
            Command::BindTransceiver,
            b"jisr\0pw\0\0\x34\0\0\0\x02\x10\x00\x01\x34".to_vec(),
            5,
            "bind_transceiver",
        ),
    ] {
        let frame = frame_of(command.id(), &body);
        let (read, found) = decode(&frame).unwrap();
        assert_eq!(
            (text(read).as_str(), found),
            (expected, stray),
            "{}",
            command.as_str()
        );
    }
}

#[test]
fn wrong_bodies_have_a_status() {
    for (command, body, status) in [
        (
            Command::DeliverSm,
            delivery(b"2126", 3, b"ab"),
            Status::BAD_MESSAGE_LENGTH,
        ),
        (Command::DeliverSm, vec![], Status::BAD_PARAMETER_LENGTH),
        (
            Command::DeliverSm,
            b"\0\x01\x012126".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::DataSm,
            b"\0\x01\x012126\0\0\0\0".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::BindTransceiver,
            b"id\0".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::SubmitSm,
            delivery(b"2126", 9, b"ab"),
            Status::BAD_MESSAGE_LENGTH,
        ),
        (
            Command::QuerySm,
            b"a1\0\x01".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::QuerySmResp,
            b"a1\0\0\x02".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::CancelSm,
            b"\0a1".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::ReplaceSm,
            b"a1\0\x01\x013949\0\0\0\x01".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::ReplaceSm,
            b"a1\0\x01\x013949\0\0\0\x01\0\x04abc".to_vec(),
            Status::BAD_MESSAGE_LENGTH,
        ),
        (
            Command::Outbind,
            b"smsc".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
        (
            Command::AlertNotification,
            b"\x01".to_vec(),
            Status::BAD_PARAMETER_LENGTH,
        ),
    ] {
        let frame = frame_of(command.id(), &body);
        assert_eq!(decode(&frame), Err(DecodeError::Body { command, status }));
    }
    for id in [0x0001_0000, 0x8001_0000, 0, 0x0a, 0x21, 0x0112, 0x8000_0102] {
        assert_eq!(
            decode(&frame_of(id, b"x")),
            Err(DecodeError::UnknownCommand(id))
        );
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let refused = |sm: Sm<'_>| Pdu::SubmitSm(sm).encode(Status::OK, 1).unwrap_err().field;
    assert_eq!(
        refused(Sm {
            short_message: &[0; 255],
            ..Sm::default()
        }),
        "short_message"
    );
    assert_eq!(
        refused(Sm {
            source: Address {
                ton: 0,
                npi: 0,
                octets: &[b'1'; 21]
            },
            ..Sm::default()
        }),
        "source_addr"
    );
    assert_eq!(
        refused(Sm {
            validity: b"a\0b",
            ..Sm::default()
        }),
        "validity_period"
    );
    assert_eq!(
        refused(Sm {
            tlvs: Tlvs::new(&[0; PDU_LEN_MAX]),
            ..Sm::default()
        }),
        "the PDU"
    );
}

#[test]
fn what_does_not_fit_leaves_nothing_behind() {
    let mut out = BytesMut::from(&b"before"[..]);
    let long = Sm {
        short_message: &[0; 255],
        ..Sm::default()
    };
    assert!(
        Pdu::SubmitSm(long)
            .encode_into(Status::OK, 1, &mut out)
            .is_err()
    );
    assert_eq!(&out[..], b"before");
    Pdu::EnquireLink
        .encode_into(Status::OK, 1, &mut out)
        .unwrap();
    Pdu::SubmitSm(Sm::default())
        .encode_into(Status::OK, 2, &mut out)
        .unwrap();
    let alone = [
        Pdu::EnquireLink.encode(Status::OK, 1).unwrap(),
        Pdu::SubmitSm(Sm::default()).encode(Status::OK, 2).unwrap(),
    ]
    .concat();
    assert_eq!(&out[6..], alone);
}

#[test]
fn versions_and_congestion_are_told_by_those_who_tell() {
    for (raw, version) in [
        (&b""[..], None),
        (b"\x02\x10\x00\x01\x34", Some(0x34)),
        (b"\x02\x10\x00\x02\x00\x50", Some(0x50)),
        (b"\x02\x10\x00\x00", None),
        (b"\x02\x10\x00\x02\x34\x00", None),
        (b"\x14\x00\x00\x01x\x02\x10\x00\x01\x33", Some(0x33)),
    ] {
        let body = [b"smsc\0", raw].concat();
        let frame = frame_of(Command::BindTransceiverResp.id(), &body);
        let (Pdu::BindResp(_, resp), 0) = decode(&frame).unwrap() else {
            panic!("no answer to a bind")
        };
        assert_eq!(resp.interface_version(), version, "{raw:?}");
    }
    for (raw, congestion) in [
        (&b""[..], None),
        (b"\x04\x28\x00\x01\x50", Some(80)),
        (b"\x04\x28\x00\x02\x00\x50", Some(80)),
        (b"\x04\x28\x00\x01\xff", Some(100)),
        (b"\x04\x28\x00\x00", None),
    ] {
        let body = [b"a1\0", raw].concat();
        let frame = frame_of(Command::SubmitSmResp.id(), &body);
        let (Pdu::SubmitSmResp(resp), 0) = decode(&frame).unwrap() else {
            panic!("no answer to a submit")
        };
        assert_eq!(resp.congestion(), congestion, "{raw:?}");
    }
}

/// A body that is nearly right: a good one with octets changed and its end cut off.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6);
    (changes, any::<proptest::sample::Index>(), any::<bool>()).prop_map(|(changes, end, whole)| {
        let mut body = delivery(b"212661000001", 5, b"hello");
        tlv::put(&mut body, tlv::MESSAGE_PAYLOAD, b"payload");
        for (at, octet) in changes {
            let at = at.index(body.len());
            body[at] = octet;
        }
        if !whole {
            body.truncate(end.index(body.len() + 1));
        }
        body
    })
}

proptest! {
    #[test]
    fn wrong_bodies_never_panic_and_can_be_answered(
        body in prop_oneof![nearly_right(), proptest::collection::vec(any::<u8>(), 0..300)],
        command in proptest::sample::select(vec![1u32, 2, 3, 4, 5, 6, 7, 8, 9, 0xb, 0x15, 0x102, 0x103, 0x8000_0000, 0x8000_0003, 0x8000_0004, 0x8000_0008, 0x8000_0009, 0x77]),
    ) {
        let frame = frame_of(command, &body);
        match decode(&frame) {
            Ok((read, stray)) => {
                prop_assert_eq!(read.command().id(), command);
                prop_assert!(stray <= body.len());
                // What was read and fits its fields is read again from what is written of it.
                if let Ok(octets) = read.encode(Status::OK, 9) {
                    let frame = frame::cut(&mut BytesMut::from(&octets[..])).unwrap().unwrap();
                    prop_assert_eq!(decode(&frame).unwrap().0, read);
                }
            }
            Err(DecodeError::Body { command: of, status }) => {
                prop_assert_eq!(of.id(), command);
                prop_assert!(!status.is_ok());
            }
            Err(DecodeError::UnknownCommand(id)) => prop_assert_eq!(id, command),
        }
    }
}
