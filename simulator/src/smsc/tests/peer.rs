//! The rest of a full peer: roles, versions, what is asked about stored messages, data_sm, outbind,
//! and how texts and receipts are carried.

use super::*;
use crate::smsc::frame::Frame;
use rusmpp::pdus::{
    BindReceiver, BindTransmitter, CancelSm, DataSm, QuerySm, ReplaceSm, SubmitSmResp,
};
use rusmpp::tlvs::{MessageSubmissionRequestTlvValue, TlvValue};
use rusmpp::types::AnyOctetString;
use rusmpp::values::{InterfaceVersion, MessagePayload, MessageState};
use tokio::net::TcpListener;

fn text<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
    COctetString::from_str(text).unwrap()
}

fn transmitter() -> BindTransmitter {
    BindTransmitter::builder()
        .system_id(text("jisr"))
        .password(text("secret"))
        .build()
}

fn receiver(version: InterfaceVersion) -> BindReceiver {
    BindReceiver::builder()
        .system_id(text("jisr"))
        .password(text("secret"))
        .interface_version(version)
        .build()
}

#[tokio::test]
async fn a_transmitter_and_a_receiver_are_one_gateway() {
    let (smsc, phone) = smsc().await;
    let mut submits = Esme::bound_as(&smsc, transmitter()).await;
    let mut receives = Esme::bound_as(&smsc, receiver(InterfaceVersion::Smpp3_4)).await;
    assert_eq!(smsc.roles(), [Role::Transmitter, Role::Receiver]);
    let refused = receives.ask(submit(0, 0, b"x")).await;
    assert_eq!(refused.status(), CommandStatus::EsmeRinvbndsts);

    let id = message_id(&submits.ask(submit(0, 0, b"a")).await);
    let (sequence, receipt) = receives.delivery().await;
    let begins = format!("id:{id} ");
    assert!(
        receipt
            .short_message()
            .as_ref()
            .starts_with(begins.as_bytes())
    );
    receives.answer(sequence, CommandStatus::EsmeRok).await;

    // What is for a receiver alone waits until there is one.
    drop(receives);
    let texting = {
        let smsc = smsc.clone();
        tokio::spawn(async move { smsc.text(&phone, "5800", "TNS", SOON).await })
    };
    let alive = submits.ask(Pdu::EnquireLink).await;
    assert_eq!(alive.id(), CommandId::EnquireLinkResp);
    let mut receives = Esme::bound_as(&smsc, receiver(InterfaceVersion::Smpp3_4)).await;
    let (sequence, _) = receives.delivery().await;
    receives.answer(sequence, CommandStatus::EsmeRok).await;
    assert_eq!(texting.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn versions_have_what_they_know() {
    let (smsc, _) = smsc().await;
    smsc.set(|settings| settings.version = 0x50);
    let table = [
        (InterfaceVersion::Smpp3_3OrEarlier(0x33), None),
        (InterfaceVersion::Smpp3_4, Some(InterfaceVersion::Smpp3_4)),
        (InterfaceVersion::Smpp5_0, Some(InterfaceVersion::Smpp5_0)),
    ];
    for (theirs, expected) in table {
        let mut esme = Esme::connect(&smsc).await;
        let bound = esme.ask(receiver(theirs)).await;
        match bound.pdu() {
            Some(Pdu::BindReceiverResp(bound)) => {
                assert_eq!(bound.sc_interface_version(), expected, "{theirs:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    smsc.set(|settings| settings.congestion = Some(80));
    let mut esme = Esme::bound(&smsc).await;
    match esme.ask(submit(0, 0, b"a")).await.pdu() {
        Some(Pdu::SubmitSmResp(answer)) => {
            let tags: Vec<u16> = answer.tlvs().iter().map(|tlv| tlv.tag().into()).collect();
            assert_eq!(tags, [0x0428], "congestion_state");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stored_message_is_asked_about_replaced_and_cancelled() {
    let (smsc, phone) = smsc().await;
    smsc.switch(PHONE, false);
    let mut esme = Esme::bound(&smsc).await;
    let first = message_id(&esme.ask(submit(0, 0, b"first")).await);
    let second = message_id(&esme.ask(submit(0, 0, b"second")).await);
    let query = |id: &str| {
        QuerySm::builder()
            .message_id(text(id))
            .source_addr(text("5800"))
            .build()
    };
    let state = |answer: Command| match answer.pdu() {
        Some(Pdu::QuerySmResp(answer)) => answer.message_state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(esme.ask(query(&first)).await), MessageState::Enroute);
    let replace = ReplaceSm::builder()
        .message_id(text(&first))
        .source_addr(text("5800"))
        .short_message(OctetString::from_slice(b"other").unwrap())
        .build();
    assert_eq!(esme.ask(replace).await.status(), CommandStatus::EsmeRok);
    let cancel = || {
        let cancel = CancelSm::builder().message_id(text(&second));
        cancel.source_addr(text("5800")).build()
    };
    assert_eq!(esme.ask(cancel()).await.status(), CommandStatus::EsmeRok);
    assert_eq!(
        esme.ask(cancel()).await.status(),
        CommandStatus::EsmeRcancelfail
    );
    assert_eq!(
        esme.ask(query("1")).await.status(),
        CommandStatus::EsmeRqueryfail
    );

    smsc.switch(PHONE, true);
    let (_, sms) = phone.sms(0, SOON, |_| true).await.unwrap();
    assert_eq!((sms.text.as_str(), phone.received()), ("other", 1));
    let (sequence, receipt) = esme.delivery().await;
    assert!(
        receipt
            .short_message()
            .as_ref()
            .starts_with(format!("id:{first} ").as_bytes())
    );
    esme.answer(sequence, CommandStatus::EsmeRok).await;
    assert_eq!(
        state(esme.ask(query(&first)).await),
        MessageState::Delivered
    );
    assert_eq!(state(esme.ask(query(&second)).await), MessageState::Deleted);
}

#[tokio::test]
async fn data_sm_both_ways() {
    let (smsc, phone) = smsc().await;
    smsc.set(|settings| settings.data_sm = true);
    let mut esme = Esme::bound(&smsc).await;
    let payload = MessageSubmissionRequestTlvValue::MessagePayload(MessagePayload {
        value: AnyOctetString::from_slice(b"by data sm"),
    });
    let data = DataSm::builder()
        .source_addr(text("5800"))
        .destination_addr(text("212661000001"))
        .esm_class(EsmClass::from(0))
        .registered_delivery(RegisteredDelivery::from(0))
        .push_tlv(payload)
        .build();
    assert_eq!(esme.ask(data).await.id(), CommandId::DataSmResp);
    assert_eq!(phone.inbox(0)[0].text, "by data sm");
    let texting = {
        let smsc = smsc.clone();
        tokio::spawn(async move { smsc.text(&phone, "5800", "TNS", SOON).await })
    };
    let command = esme.next().await.unwrap();
    match command.pdu() {
        Some(Pdu::DataSm(data)) => match data.tlvs()[0].value() {
            Some(TlvValue::MessagePayload(payload)) => assert_eq!(payload.value.as_ref(), b"TNS"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    esme.answer(command.sequence_number(), CommandStatus::EsmeRok)
        .await;
    assert_eq!(texting.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn it_calls_a_gateway_that_listens() {
    let (smsc, _) = smsc().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    smsc.outbind(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (reader, writer) = stream.into_split();
    let mut esme = Esme {
        frames: FramedRead::new(reader, Cutter),
        writer,
        sequence: 0,
    };
    assert_eq!(esme.next().await.unwrap().id(), CommandId::Outbind);
    let bound = esme.ask(receiver(InterfaceVersion::Smpp3_4)).await;
    assert_eq!(bound.id(), CommandId::BindReceiverResp);
    assert_eq!(smsc.roles(), [Role::Receiver]);
    smsc.unbind();
    let unbind = esme.next().await.unwrap();
    assert_eq!(unbind.id(), CommandId::Unbind);
    let answer = encode(
        CommandStatus::EsmeRok,
        unbind.sequence_number(),
        Pdu::UnbindResp,
    );
    esme.writer.write_all(&answer).await.unwrap();
    assert!(esme.next().await.is_none());
}

#[tokio::test]
async fn parts_are_joined_by_either_header_by_parameters_and_by_payload() {
    let (smsc, phone) = smsc().await;
    smsc.set_receipts(Receipts::None);
    let mut esme = Esme::bound(&smsc).await;
    let mut place = Place {
        reference: 1,
        total: 3,
        number: 1,
    };
    esme.ask(submit(0, 0x40, &place.write(b"one "))).await;
    place.number = 2;
    esme.ask(submit(0, 0x40, &place.write16(b"two "))).await;
    let mut by_sar = submit(0, 0, b"three");
    by_sar.push_tlv(MessageSubmissionRequestTlvValue::SarMsgRefNum(1));
    by_sar.push_tlv(MessageSubmissionRequestTlvValue::SarTotalSegments(3));
    by_sar.push_tlv(MessageSubmissionRequestTlvValue::SarSegmentSeqnum(3));
    esme.ask(by_sar).await;
    let mut whole = submit(0, 0, b"");
    whole.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(
        MessagePayload {
            value: AnyOctetString::from_slice(&[b'x'; 300]),
        },
    ));
    esme.ask(whole).await;
    let texts: Vec<String> = phone.inbox(0).into_iter().map(|sms| sms.text).collect();
    assert_eq!(texts, ["one two three".to_owned(), "x".repeat(300)]);
}

#[tokio::test]
async fn some_spoilt_answers_as_octets() {
    let (smsc, _) = smsc().await;
    smsc.set_receipts(Receipts::None);
    // Behaviour, `command_id`, how many octets more or less than a good answer, sequence aside.
    let good = encode(
        CommandStatus::EsmeRok,
        2,
        SubmitSmResp::new(text("3000000001"), vec![]),
    );
    let table = [
        (Behaviour::IdWithoutNul, 0x8000_0004, -1, 0),
        (Behaviour::EmptyId, 0x8000_0004, -10, 0),
        (Behaviour::TrailingBytes, 0x8000_0004, 3, 0),
        (Behaviour::UnknownTlvs, 0x8000_0004, 11, 0),
        (Behaviour::WrongSequence, 0x8000_0004, 0, 0x0100_0000),
        (Behaviour::BodilessError, 0x8000_0004, -11, 0),
        (Behaviour::NackForResponse, 0x8000_0000, -11, 0),
    ];
    for (behaviour, id, more, aside) in table {
        let mut esme = Esme::bound(&smsc).await;
        smsc.misbehave(behaviour, Dose::Times(1));
        esme.send(submit(0, 0, b"x")).await;
        let frame: Frame = esme.frames.next().await.unwrap().unwrap();
        let length = i64::try_from(good.len()).unwrap() + more;
        assert_eq!(
            (
                frame.id,
                i64::try_from(frame.len()).unwrap(),
                frame.sequence
            ),
            (id, length, 2 + aside),
            "{behaviour}"
        );
        smsc.behave(behaviour);
    }
}
