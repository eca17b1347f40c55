//! The message centre as a gateway sees it: a raw client that sends rusmpp's octets over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;
mod tls;

use futures_util::StreamExt;
use rusmpp::pdus::{BindTransceiver, DeliverSm, DeliverSmResp, SubmitSm};
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, RegisteredDelivery};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use std::str::FromStr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::FramedRead;

use super::frame::{Cutter, encode};
use super::message::Submitted;
use super::parts::Place;
use super::*;
use crate::phone::Phone;

const SOON: Duration = Duration::from_secs(5);
const PHONE: &str = "+212661000001";

struct Esme {
    frames: FramedRead<OwnedReadHalf, Cutter>,
    writer: OwnedWriteHalf,
    sequence: u32,
}

impl Esme {
    async fn connect(smsc: &Smsc) -> Self {
        let (reader, writer) = TcpStream::connect(smsc.address())
            .await
            .unwrap()
            .into_split();
        Self {
            frames: FramedRead::new(reader, Cutter),
            writer,
            sequence: 0,
        }
    }

    async fn bound(smsc: &Smsc) -> Self {
        Self::bound_as(smsc, bind("jisr", "secret")).await
    }

    async fn bound_as(smsc: &Smsc, bind: impl Into<Pdu>) -> Self {
        let mut esme = Self::connect(smsc).await;
        let bound = esme.ask(bind).await;
        assert_eq!(bound.status(), CommandStatus::EsmeRok);
        esme
    }

    async fn send(&mut self, pdu: impl Into<Pdu>) {
        self.sequence += 1;
        let bytes = encode(CommandStatus::EsmeRok, self.sequence, pdu);
        self.writer.write_all(&bytes).await.unwrap();
    }

    /// The next PDU, or nothing once the connection is closed.
    async fn next(&mut self) -> Option<Command> {
        let frame = tokio::time::timeout(SOON, self.frames.next())
            .await
            .unwrap()?;
        Some(frame.ok()?.read().unwrap())
    }

    async fn ask(&mut self, pdu: impl Into<Pdu>) -> Command {
        self.send(pdu).await;
        let answer = self.next().await.unwrap();
        assert_eq!(answer.sequence_number(), self.sequence);
        answer
    }

    async fn delivery(&mut self) -> (u32, DeliverSm) {
        let command = self.next().await.unwrap();
        match command.pdu() {
            Some(Pdu::DeliverSm(pdu)) => (command.sequence_number(), pdu.clone()),
            other => panic!("expected deliver_sm, got {other:?}"),
        }
    }

    async fn answer(&mut self, sequence: u32, status: CommandStatus) {
        let bytes = encode(status, sequence, DeliverSmResp::default());
        self.writer.write_all(&bytes).await.unwrap();
    }
}

async fn smsc() -> (Smsc, Phone) {
    let phones = Phones::default();
    let login = Login {
        system_id: "jisr".into(),
        password: "secret".into(),
    };
    let smsc = Smsc::start(phones.clone(), login, 0).await.unwrap();
    (smsc, phones.phone(PHONE))
}

fn bind(system_id: &str, password: &str) -> BindTransceiver {
    BindTransceiver::builder()
        .system_id(COctetString::from_str(system_id).unwrap())
        .password(COctetString::from_str(password).unwrap())
        .build()
}

fn submit(coding: u8, esm_class: u8, octets: &[u8]) -> SubmitSm {
    SubmitSm::builder()
        .source_addr(COctetString::from_str("5800").unwrap())
        .destination_addr(COctetString::from_str("212661000001").unwrap())
        .esm_class(EsmClass::from(esm_class))
        .registered_delivery(RegisteredDelivery::from(1))
        .data_coding(DataCoding::from(coding))
        .short_message(OctetString::from_slice(octets).unwrap())
        .build()
}

fn message_id(command: &Command) -> String {
    match command.pdu() {
        Some(Pdu::SubmitSmResp(pdu)) => pdu.message_id().as_str().trim_end_matches('\0').to_owned(),
        other => panic!("expected submit_sm_resp, got {other:?}"),
    }
}

#[tokio::test]
async fn who_may_bind() {
    let (smsc, _) = smsc().await;
    let table = [
        ("jisr", "wrong", CommandStatus::EsmeRinvpaswd),
        ("other", "secret", CommandStatus::EsmeRinvsysid),
        ("jisr", "secret", CommandStatus::EsmeRok),
    ];
    for (system_id, password, expected) in table {
        let mut esme = Esme::connect(&smsc).await;
        assert_eq!(
            esme.ask(bind(system_id, password)).await.status(),
            expected,
            "{system_id}"
        );
        let after = esme.ask(submit(0, 0, b"x")).await.status();
        let bound = expected == CommandStatus::EsmeRok;
        assert_eq!(after == CommandStatus::EsmeRok, bound, "{after:?}");
    }
}

#[tokio::test]
async fn a_text_is_delivered_and_its_receipt_comes() {
    let (smsc, phone) = smsc().await;
    let mut esme = Esme::bound(&smsc).await;
    assert_eq!(
        esme.ask(Pdu::EnquireLink).await.id(),
        CommandId::EnquireLinkResp
    );

    // 0x05 is é in the default alphabet.
    let id = message_id(&esme.ask(submit(0, 0, b"\x05t\x05")).await);
    let (sequence, receipt) = esme.delivery().await;
    esme.answer(sequence, CommandStatus::EsmeRok).await;
    assert_eq!(u8::from(receipt.esm_class), 0x04);
    let text = String::from_utf8(receipt.short_message().as_ref().to_vec()).unwrap();
    assert!(
        text.starts_with(&format!("id:{id} sub:001 dlvrd:001 ")),
        "{text}"
    );
    assert!(text.contains("stat:DELIVRD err:000"), "{text}");

    let arabic: Vec<u8> = "رقم".encode_utf16().flat_map(u16::to_be_bytes).collect();
    esme.send(submit(8, 0, &arabic)).await;
    let (_, sms) = phone.sms(1, SOON, |_| true).await.unwrap();
    assert_eq!((sms.from.as_str(), sms.text.as_str()), ("5800", "رقم"));
    assert_eq!(phone.inbox(0)[0].text, "été");
    assert_eq!(smsc.submit_count(PHONE, "été"), 1);
}

#[tokio::test]
async fn parts_are_joined_and_repeats_are_seen() {
    let (smsc, phone) = smsc().await;
    smsc.set_receipts(Receipts::None);
    let mut esme = Esme::bound(&smsc).await;
    for number in [2, 1] {
        let octets = [b'0' + number; 10];
        let part = Place {
            reference: 9,
            total: 2,
            number,
        }
        .write(&octets);
        esme.ask(submit(0, 0x40, &part)).await;
    }
    let (_, sms) = phone.sms(0, SOON, |_| true).await.unwrap();
    assert_eq!(sms.text, "11111111112222222222");
    assert_eq!(smsc.submits()[0].parts, 2);
    assert_eq!(smsc.parts_repeated(), 0);
    esme.ask(submit(0, 0, b"twice")).await;
    esme.ask(submit(0, 0, b"twice")).await;
    assert_eq!(smsc.submit_count(PHONE, "twice"), 2);
    assert_eq!(smsc.parts_repeated(), 1);
}

#[tokio::test]
async fn it_misbehaves_when_told_to() {
    let (smsc, phone) = smsc().await;
    smsc.set_receipts(Receipts::None);
    let mut esme = Esme::bound(&smsc).await;

    smsc.throttle(1);
    assert_eq!(
        esme.ask(submit(0, 0, b"a")).await.status(),
        CommandStatus::EsmeRthrottled
    );
    assert_eq!(phone.received(), 0);

    smsc.drop_responses(&[2]);
    assert_eq!(
        esme.ask(submit(0, 0, b"b")).await.status(),
        CommandStatus::EsmeRok
    );
    esme.send(submit(0, 0, b"c")).await;
    assert_eq!(
        esme.ask(Pdu::EnquireLink).await.id(),
        CommandId::EnquireLinkResp
    );
    assert_eq!(phone.inbox(1)[0].text, "c", "taken without a response");

    smsc.set_receipts(Receipts::AtOnce);
    smsc.set_unreachable(PHONE, true);
    esme.ask(submit(0, 0, b"d")).await;
    let (_, receipt) = esme.delivery().await;
    let text = String::from_utf8(receipt.short_message().as_ref().to_vec()).unwrap();
    assert!(
        text.contains("dlvrd:000") && text.contains("stat:UNDELIV"),
        "{text}"
    );
    assert_eq!(phone.received(), 2);

    smsc.close();
    assert!(esme.next().await.is_none());
    assert_eq!(
        Esme::bound(&smsc).await.delivery().await.1,
        receipt,
        "unanswered, so sent again"
    );
}

/// What was written last long ago is no reason to cut what is written now.
#[tokio::test]
async fn a_quiet_link_stays() {
    let (smsc, _) = smsc().await;
    let mut esme = Esme::bound(&smsc).await;
    for _ in 0..8 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(30)).await;
        tokio::time::resume();
        let answer = esme.ask(Pdu::EnquireLink).await;
        assert_eq!(answer.id(), CommandId::EnquireLinkResp);
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_come_late() {
    let login = Login {
        system_id: "jisr".into(),
        password: "secret".into(),
    };
    let settings = Settings {
        receipts: Receipts::After(Duration::from_secs(3)),
        ..Settings::default()
    };
    let centre = Arc::new(Centre::new(Phones::default(), login, settings));
    let answer = centre.submit(&Submitted::by_submit_sm(&submit(0, 0, b"a")));
    assert_eq!(answer.status, CommandStatus::EsmeRok);
    centre.send_receipts(answer.receipts);
    let receipts = async |wait_ms| {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        usize::from(centre.next(1).is_some())
    };
    assert_eq!(
        [
            receipts(2_900).await,
            receipts(200).await,
            receipts(9_000).await
        ],
        [0, 1, 0]
    );
}

#[tokio::test]
async fn a_text_from_a_phone_waits_for_a_bind_and_for_its_answer() {
    let (smsc, phone) = smsc().await;
    assert_eq!(
        smsc.until_bound(Duration::from_millis(1)).await,
        Err(NotBound { waited_ms: 1 })
    );
    let texting = {
        let (smsc, phone) = (smsc.clone(), phone.clone());
        tokio::spawn(async move { smsc.text(&phone, "5800", "مساعدة", SOON).await })
    };
    let mut first = Esme::bound(&smsc).await;
    let (_, lost) = first.delivery().await;
    drop(first);

    let mut second = Esme::bound(&smsc).await;
    let (sequence, again) = second.delivery().await;
    assert_eq!(
        again, lost,
        "without an answer it comes again, with the same octets"
    );
    assert_eq!(
        again.source_addr.as_str().trim_end_matches('\0'),
        "212661000001"
    );
    assert_eq!(u8::from(again.esm_class), 0);
    assert_eq!(u8::from(again.data_coding), 8);
    second.answer(sequence, CommandStatus::EsmeRok).await;
    assert_eq!(texting.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_long_text_from_a_phone_comes_in_parts() {
    let (smsc, phone) = smsc().await;
    let mut esme = Esme::bound(&smsc).await;
    let long = "abcdefghij".repeat(20);
    let texting = {
        let (smsc, long) = (smsc.clone(), long.clone());
        tokio::spawn(async move { smsc.text(&phone, "5800", &long, SOON).await })
    };
    let mut text = Vec::new();
    for number in 1..=2 {
        let (sequence, part) = esme.delivery().await;
        assert_eq!(u8::from(part.esm_class), 0x40);
        let octets: &[u8] = part.short_message().as_ref();
        let (place, octets) = Place::read(octets).unwrap();
        assert_eq!(
            place.map(|place| (place.total, place.number)),
            Some((2, number))
        );
        text.extend_from_slice(octets);
        let status = if number == 1 {
            CommandStatus::EsmeRok
        } else {
            CommandStatus::EsmeRsyserr
        };
        esme.answer(sequence, status).await;
    }
    assert_eq!(Alphabet::Gsm7.read(&text), Some(long));
    assert_eq!(texting.await.unwrap(), Err(TextError::Refused(0x08)));
}

#[tokio::test]
async fn what_cannot_be_read_is_nacked_and_the_bind_lives_on() {
    let (smsc, _) = smsc().await;
    let mut esme = Esme::bound(&smsc).await;
    let unknown = [0, 0, 0, 16, 0, 0, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0, 77];
    esme.writer.write_all(&unknown).await.unwrap();
    let nack = esme.next().await.unwrap();
    assert_eq!(nack.id(), CommandId::GenericNack);
    assert_eq!(
        (nack.status(), nack.sequence_number()),
        (CommandStatus::EsmeRinvcmdid, 77)
    );
    let broken = [0, 0, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 78, 1, 2];
    esme.writer.write_all(&broken).await.unwrap();
    assert_eq!(
        esme.next().await.unwrap().status(),
        CommandStatus::EsmeRinvcmdlen
    );
    esme.sequence = 99;
    assert_eq!(
        esme.ask(Pdu::EnquireLink).await.id(),
        CommandId::EnquireLinkResp
    );
    esme.send(Pdu::Unbind).await;
    assert_eq!(esme.next().await.unwrap().id(), CommandId::UnbindResp);
    assert!(esme.next().await.is_none());
}

#[tokio::test]
async fn a_receipt_may_come_before_the_response() {
    let (smsc, _) = smsc().await;
    smsc.set_receipts(Receipts::BeforeResponse);
    let mut esme = Esme::bound(&smsc).await;
    esme.send(submit(0, 0, b"a")).await;
    let (_, receipt) = esme.delivery().await;
    let id = message_id(&esme.next().await.unwrap());
    assert!(
        receipt
            .short_message()
            .as_ref()
            .starts_with(format!("id:{id} ").as_bytes())
    );
}

#[tokio::test]
async fn it_asks_for_a_sign_of_life() {
    let (smsc, _) = smsc().await;
    let mut esme = Esme::bound(&smsc).await;
    let asking = {
        let smsc = smsc.clone();
        tokio::spawn(async move { smsc.enquire(SOON).await })
    };
    let enquiry = esme.next().await.unwrap();
    assert_eq!(enquiry.id(), CommandId::EnquireLink);
    let sequence = enquiry.sequence_number();
    let bytes = encode(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp);
    esme.writer.write_all(&bytes).await.unwrap();
    assert_eq!(asking.await.unwrap(), 1);
    assert_eq!(
        smsc.enquire(Duration::from_millis(20)).await,
        0,
        "no answer the second time"
    );
}
