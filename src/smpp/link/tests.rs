//! A link against a peer of a few lines, over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ussd;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::clock::Moment;
use crate::outbox::PartReport;
use crate::smpp::command::Status;
use crate::smpp::frame::{self, Frame};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::stream::Stream;
use super::*;
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::gateway::{Begun, Kept, UssdCall};
use crate::outbox::Carrier;
use crate::smpp::command::Command;
use crate::smpp::config::RetryConfig;
use crate::smpp::pdu::{self, Address, BindResp, Pdu, Sm, SmResp};
use crate::store::{
    Accepted, Mark, Message, MessageId, MessageKind, NewSms, Receipt, ReceiptState, Reply, SmsId,
    StoreError,
};

/// Far longer than anything here takes; only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Moment {
        Moment::from_ms(1_700_000_000_000)
    }
}

struct Counting(AtomicU64);
impl Chance for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let next = self.0.fetch_add(2, Ordering::Relaxed);
        bytes.copy_from_slice(&next.to_le_bytes()[..bytes.len()]);
    }
}

/// What the link handed over, as lines, and how it was received.
struct Memory {
    lines: Mutex<Vec<String>>,
    /// Answers to give before all is well.
    failures: Mutex<VecDeque<StoreError>>,
    /// One permit for each message that may be taken in.
    gate: Semaphore,
    busy: Mutex<(usize, usize)>,
    told: Semaphore,
    /// USSD turns that the test has to end.
    turns: Mutex<VecDeque<ussd::Turning>>,
}

impl Memory {
    fn say(&self, line: String) {
        self.lines.lock().unwrap().push(line);
        self.told.add_permits(1);
    }

    fn fails(&self) -> Option<StoreError> {
        self.failures.lock().unwrap().pop_front()
    }

    /// The next so many lines, in the order of their coming.
    async fn lines(&self, count: u32) -> Vec<String> {
        soon("lines of the inbox", self.told.acquire_many(count))
            .await
            .unwrap()
            .forget();
        self.lines.lock().unwrap().drain(..count as usize).collect()
    }
}

impl Inbox for Memory {
    async fn accept(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        {
            let mut busy = self.busy.lock().unwrap();
            busy.0 += 1;
            busy.1 = busy.1.max(busy.0);
        }
        self.gate.acquire().await.unwrap().forget();
        self.busy.lock().unwrap().0 -= 1;
        if let Some(error) = self.fails() {
            return Err(error);
        }
        self.say(format!(
            "sms {} to {} of {} on {}: {} {:?} bind {}",
            sms.subscriber.as_str(),
            sms.to,
            sms.service,
            sms.link,
            sms.text,
            sms.part,
            sms.bind
        ));
        Ok(Accepted::Stored(SmsId(1)))
    }

    fn ussd(&self, call: UssdCall) -> Begun {
        self.dialled(call)
    }

    fn busy(&self, _: &UssdCall) -> Reply {
        Reply {
            text: "busy".to_owned(),
            ends: true,
        }
    }

    async fn receipt(&self, receipt: Receipt) -> Result<(), StoreError> {
        if let Some(error) = self.fails() {
            return Err(error);
        }
        assert_eq!(receipt.at, Fixed.now());
        self.say(format!(
            "receipt {} {:?}",
            receipt.message_id, receipt.state
        ));
        Ok(())
    }

    async fn closed(&self, link: &LinkName, bind: u64, _: Moment) -> Result<(), StoreError> {
        if let Some(error) = self.fails() {
            return Err(error);
        }
        self.say(format!("closed {link} {bind}"));
        Ok(())
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> Mark {
        assert_eq!(parts.len(), 3);
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        let mut mark = [7; 32];
        mark[..8].copy_from_slice(&hasher.finish().to_be_bytes());
        mark
    }

    async fn late(&self, (message, _claim): (MessageId, u32), report: PartReport) {
        self.say(format!(
            "late {} {}/{} {:?}",
            message.0, report.part, report.parts, report.outcome
        ));
    }
}

/// One connection at the operator's side.
struct Peer {
    stream: Stream,
    buffer: BytesMut,
    patience: Duration,
}

impl Peer {
    async fn read(&mut self) -> Frame {
        self.read_or_end().await.expect("the connection is open")
    }

    async fn read_or_end(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = frame::cut(&mut self.buffer).expect("the link writes whole frames")
            {
                return Some(frame);
            }
            let read = timeout(self.patience, self.stream.read_buf(&mut self.buffer)).await;
            match read.expect("octets of the link or its end come in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next PDU as a line.
    async fn hears(&mut self) -> String {
        let frame = self.read().await;
        let (read, _) = pdu::decode(&frame).unwrap();
        format!("{read:?} {} {}", frame.header.sequence, frame.header.status)
    }

    async fn raw(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    async fn says(&mut self, pdu: Pdu<'_>, status: Status, sequence: u32) {
        self.raw(&pdu.encode(status, sequence).unwrap()).await;
    }

    async fn delivers(&mut self, sequence: u32, sm: Sm<'_>) {
        self.says(Pdu::DeliverSm(sm), Status::OK, sequence).await;
    }

    async fn answers(&mut self, sequence: u32, status: Status, id: &str) {
        let resp = SmResp {
            message_id: id.as_bytes(),
            ..SmResp::default()
        };
        self.says(Pdu::SubmitSmResp(resp), status, sequence).await;
    }
}

struct House {
    way: Way,
    inbox: Arc<Memory>,
    handle: LinkHandle,
    task: JoinHandle<()>,
}

/// How the link reaches its peers.
enum Way {
    Loopback(TcpListener),
    /// Pipes that hold so many octets, for tests whose time is not the world's.
    Pipes(mpsc::Sender<DuplexStream>, usize),
}

impl House {
    async fn new(change: impl FnOnce(&mut SmppConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self::with(Way::Loopback(listener), Dial::Network(None), |config| {
            config.port = port;
            change(config);
        })
    }

    /// Over pipes, which is deterministic while the time is paused.
    fn piped(octets: usize, change: impl FnOnce(&mut SmppConfig)) -> Self {
        let (sender, pipes) = mpsc::channel(64);
        let dial = Dial::Pipes(tokio::sync::Mutex::new(pipes));
        Self::with(Way::Pipes(sender, octets), dial, |config| {
            config.connect_ms = 3_600_000;
            change(config);
        })
    }

    fn with(way: Way, dial: Dial, change: impl FnOnce(&mut SmppConfig)) -> Self {
        let mut config = SmppConfig {
            name: LinkName::from("iam"),
            system_id: "jisr".to_owned(),
            password: "s3cret".to_owned(),
            service_for: vec![("3949".to_owned(), ServiceName::from("tns"))],
            retry: RetryConfig {
                first_ms: 1,
                longest_ms: 1,
                ..RetryConfig::default()
            },
            ..SmppConfig::default()
        };
        change(&mut config);
        let inbox = Arc::new(Memory {
            lines: Mutex::new(Vec::new()),
            failures: Mutex::new(VecDeque::new()),
            gate: Semaphore::new(1_000),
            busy: Mutex::new((0, 0)),
            told: Semaphore::new(0),
            turns: Mutex::new(VecDeque::new()),
        });
        let (handle, task) = begin(
            config,
            Arc::clone(&inbox),
            Arc::new(Fixed),
            Arc::new(Counting(AtomicU64::new(2))),
            dial,
        );
        Self {
            way,
            inbox,
            handle,
            task: tokio::spawn(task),
        }
    }

    async fn connection(&self) -> Peer {
        let (stream, patience) = match &self.way {
            Way::Loopback(listener) => {
                let (stream, _) = soon("a connection", listener.accept()).await.unwrap();
                (Stream::Plain(stream), PATIENCE)
            }
            Way::Pipes(sender, octets) => {
                let (near, far) = tokio::io::duplex(*octets);
                sender.send(far).await.unwrap();
                (Stream::Pipe(near), Duration::from_secs(3_600))
            }
        };
        Peer {
            stream,
            buffer: BytesMut::new(),
            patience,
        }
    }

    /// A connection that is bound at both ends.
    async fn bound(&self) -> Peer {
        let (peer, command) = self.bound_as_asked().await;
        assert_eq!(command, Command::BindTransceiver);
        peer
    }

    /// The same, whatever bind it is.
    async fn bound_as_asked(&self) -> (Peer, Command) {
        let mut peer = self.connection().await;
        let request = peer.read().await;
        let (read, _) = pdu::decode(&request).unwrap();
        let Pdu::Bind(command, bind) = read else {
            panic!("{read:?}")
        };
        let up = self.handle.status().up();
        assert_eq!(
            (bind.system_id, bind.password),
            (&b"jisr"[..], &b"s3cret"[..])
        );
        assert_eq!(bind.interface_version, 0x34);
        let resp = Pdu::BindResp(command.answer().unwrap(), BindResp::default());
        peer.says(resp, Status::OK, request.header.sequence).await;
        // The link says nothing when it is bound; an enquire_link is answered after that.
        peer.says(Pdu::EnquireLink, Status::OK, 900).await;
        assert_eq!(peer.hears().await, "enquire_link_resp 900 0x00");
        assert_eq!(self.handle.status().up(), up + 1);
        self.handle.is_up();
        (peer, command)
    }

    /// A message on its way, carried by a task of its own.
    fn carry(&self, text: &str) -> JoinHandle<String> {
        let (handle, message) = (self.handle.clone(), message(text));
        tokio::spawn(async move { shown(&handle.carry(&message).await) })
    }
}

fn shown(reports: &[PartReport]) -> String {
    let lines: Vec<String> = reports
        .iter()
        .map(|r| format!("{}/{} {:?}", r.part, r.parts, r.outcome))
        .collect();
    lines.join(", ")
}

fn message(text: &str) -> Message {
    Message {
        id: MessageId(7),
        from: "3949".to_owned(),
        to: Msisdn::parse("+212661000001").unwrap(),
        kind: MessageKind::Reply,
        text: text.to_owned(),
        valid_until: Fixed.now().plus(Duration::from_secs(300)),
        parts: Vec::new(),
        total: 0,
        attempts: 0,
        claim: 1,
    }
}

fn sms(text: &[u8]) -> Sm<'_> {
    Sm {
        source: Address {
            ton: 1,
            npi: 1,
            octets: b"212661000001",
        },
        destination: Address {
            ton: 0,
            npi: 1,
            octets: b"3949",
        },
        short_message: text,
        ..Sm::default()
    }
}

mod binds;
mod pressure;
mod silence;

#[tokio::test]
async fn a_delivery_is_answered_when_it_is_durable() {
    let house = House::new(|_| {}).await;
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    peer.delivers(5, sms(b"TNS")).await;
    peer.says(Pdu::EnquireLink, Status::OK, 6).await;
    assert_eq!(peer.hears().await, "enquire_link_resp 6 0x00");
    house.inbox.gate.add_permits(1);
    assert_eq!(peer.hears().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        house.inbox.lines(1).await,
        ["sms +212661000001 to 3949 of tns on iam: TNS None bind 1"]
    );
}

#[tokio::test]
async fn what_is_not_durable_is_asked_for_again() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    house
        .inbox
        .failures
        .lock()
        .unwrap()
        .push_back(StoreError::Unavailable("full".to_owned()));
    peer.delivers(5, sms(b"TNS")).await;
    assert_eq!(peer.hears().await, "deliver_sm_resp 5 0x14");
    peer.delivers(6, sms(b"TNS")).await;
    assert_eq!(peer.hears().await, "deliver_sm_resp 6 0x00");
    assert_eq!(house.inbox.lines(1).await.len(), 1);
}

#[tokio::test]
async fn a_ledger_that_hangs_is_not_waited_for() {
    let house = House::new(|config| config.accept_ms = 20).await;
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    peer.delivers(5, sms(b"TNS")).await;
    assert_eq!(peer.hears().await, "deliver_sm_resp 5 0x14");
}

#[tokio::test]
async fn receipts_and_strangers_find_their_way() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    for (sequence, sm, status) in [
        (
            1,
            Sm {
                esm_class: 4,
                ..sms(b"id:0A1B stat:DELIVRD err:000 text:x")
            },
            "0x00",
        ),
        (
            2,
            Sm {
                esm_class: 4,
                ..sms(b"nothing of a receipt")
            },
            "0x00",
        ),
        (
            3,
            Sm {
                destination: Address {
                    ton: 0,
                    npi: 0,
                    octets: b"9999",
                },
                ..sms(b"TNS")
            },
            "0x0b",
        ),
        (
            4,
            Sm {
                source: Address {
                    ton: 5,
                    npi: 0,
                    octets: b"PROMO",
                },
                ..sms(b"TNS")
            },
            "0x0a",
        ),
    ] {
        peer.delivers(sequence, sm).await;
        assert_eq!(
            peer.hears().await,
            format!("deliver_sm_resp {sequence} {status}")
        );
    }
    peer.says(
        Pdu::DataSm(Sm {
            short_message: b"",
            ..sms(b"")
        }),
        Status::OK,
        5,
    )
    .await;
    assert_eq!(peer.hears().await, "data_sm_resp 5 0x00");
    let expected = [
        format!("receipt 0A1B {:?}", ReceiptState::Delivered),
        "sms +212661000001 to 3949 of tns on iam:  None bind 1".to_owned(),
    ];
    assert_eq!(house.inbox.lines(2).await, expected);
}

#[tokio::test]
async fn no_more_is_taken_in_than_there_is_room_for() {
    let house = House::new(|config| config.inbound = 2).await;
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    for sequence in 1..=20 {
        peer.delivers(sequence, sms(b"TNS")).await;
    }
    for _ in 1..=20 {
        house.inbox.gate.add_permits(1);
        assert!(peer.hears().await.starts_with("deliver_sm_resp"));
    }
    assert_eq!(house.inbox.busy.lock().unwrap().1, 2);
}

#[tokio::test]
async fn what_cannot_be_understood_does_not_end_the_bind() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    // Unknown, then torn, then an enquire_link with a body, all in one write.
    let mut octets = frame::bare(Command::EnquireLink, Status::OK, 1);
    octets[5] = 1;
    octets.extend([0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
    octets.extend([0, 0, 0, 18, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0, 0, 3, b'a', b'b']);
    peer.raw(&octets).await;
    assert_eq!(peer.hears().await, "generic_nack 1 0x03");
    assert_eq!(peer.hears().await, "deliver_sm_resp 2 0xc2");
    assert_eq!(peer.hears().await, "enquire_link_resp 3 0x00");
    // One octet at a time is as good.
    for octet in Pdu::DeliverSm(sms(b"TNS")).encode(Status::OK, 4).unwrap() {
        peer.raw(&[octet]).await;
    }
    assert_eq!(peer.hears().await, "deliver_sm_resp 4 0x00");
}

#[tokio::test]
async fn a_stream_that_cannot_be_cut_ends_the_bind_and_the_next_begins() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&[0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(peer.hears().await, "generic_nack 0 0x02");
    assert!(peer.read_or_end().await.is_none());
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    house.bound().await;
}

#[tokio::test]
async fn statuses_come_back_as_outcomes() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    for (status, expected) in [
        (0x00, "0/1 Accepted(\"id\")"),
        (0x58, "0/1 Throttled"),
        (0x14, "0/1 Throttled"),
        (0x08, "0/1 Temporary(\"smpp 0x08\")"),
        (0x0b, "0/1 Refused(\"smpp 0x0b\")"),
    ] {
        let carried = house.carry("Bonjour");
        let submit = peer.read().await;
        peer.answers(submit.header.sequence, Status(status), "id")
            .await;
        assert_eq!(soon("the outcome", carried).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_window_holds_and_answers_may_cross() {
    let house = House::new(|config| config.window = 2).await;
    let mut peer = house.bound().await;
    let carried = house.carry(&"a".repeat(153 * 3));
    let (first, second) = (peer.read().await, peer.read().await);
    peer.says(Pdu::EnquireLink, Status::OK, 9).await;
    assert_eq!(peer.hears().await, "enquire_link_resp 9 0x00");
    peer.answers(second.header.sequence, Status::OK, "two")
        .await;
    let third = peer.read().await;
    peer.answers(third.header.sequence, Status::OK, "three")
        .await;
    peer.answers(first.header.sequence, Status(0x45), "").await;
    assert_eq!(
        soon("the outcome", carried).await.unwrap(),
        "0/3 Temporary(\"smpp 0x45\"), 1/3 Accepted(\"two\"), 2/3 Accepted(\"three\")"
    );
}

#[tokio::test]
async fn silence_is_unknown_and_a_late_answer_is_told() {
    let house = House::new(|config| config.response_ms = 30).await;
    let mut peer = house.bound().await;
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    assert_eq!(soon("the outcome", carried).await.unwrap(), "0/1 Unknown");
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(house.inbox.lines(1).await, ["late 7 0/1 Accepted(\"id\")"]);
}

#[tokio::test]
async fn a_lost_connection_leaves_unknown_outcomes_and_comes_back() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    let carried = house.carry("Bonjour");
    peer.read().await;
    drop(peer);
    assert_eq!(soon("the outcome", carried).await.unwrap(), "0/1 Unknown");
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    let mut peer = house.bound().await;
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(
        soon("the outcome", carried).await.unwrap(),
        "0/1 Accepted(\"id\")"
    );
}

#[tokio::test]
async fn nothing_is_sent_on_a_link_that_is_down_or_after_its_time() {
    let house = House::new(|_| {}).await;
    assert!(!house.handle.is_up());
    let reports = house
        .handle
        .carry(&Message {
            parts: vec![1],
            ..message(&"a".repeat(200))
        })
        .await;
    assert_eq!(shown(&reports), "1/2 NotSent");
    let cut_otherwise = Message {
        parts: vec![1, 2],
        total: 3,
        ..message(&"a".repeat(200))
    };
    assert_eq!(
        shown(&house.handle.carry(&cut_otherwise).await),
        "1/3 NotSent, 2/3 NotSent"
    );
    let _peer = house.bound().await;
    let late = Message {
        valid_until: Fixed.now(),
        ..message("Bonjour")
    };
    assert_eq!(shown(&house.handle.carry(&late).await), "0/1 NotSent");
}

#[tokio::test]
async fn a_message_that_is_cut_otherwise_by_now_is_refused() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    for (total, waiting, expected) in [
        (
            3,
            vec![1, 2],
            "1/3 Refused(\"cut into another number of parts\"), 2/3 Refused(\"cut into another number of parts\")",
        ),
        (
            1,
            vec![0],
            "0/1 Refused(\"cut into another number of parts\")",
        ),
    ] {
        let message = Message {
            parts: waiting,
            total,
            ..message(&"a".repeat(200))
        };
        assert_eq!(shown(&house.handle.carry(&message).await), expected);
    }
    // Nothing of it was written.
    let same = Message {
        parts: vec![1],
        total: 2,
        ..message(&"a".repeat(200))
    };
    let handle = house.handle.clone();
    let carried = tokio::spawn(async move { shown(&handle.carry(&same).await) });
    let submit = peer.read().await;
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(
        soon("the outcome", carried).await.unwrap(),
        "1/2 Accepted(\"id\")"
    );
}

#[tokio::test]
async fn the_end_of_a_bind_is_recorded_before_the_next_begins() {
    let house = House::new(|_| {}).await;
    let peer = house.bound().await;
    house.inbox.failures.lock().unwrap().extend([
        StoreError::Unavailable("full".to_owned()),
        StoreError::Unavailable("full".to_owned()),
    ]);
    drop(peer);
    house.connection().await;
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    assert!(house.inbox.failures.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_end_of_a_bind_waits_for_what_is_being_taken_in() {
    let house = House::new(|config| {
        config.window = 1;
        config.accept_ms = 60_000;
        config.retry.first_ms = 3_600_000;
        config.retry.longest_ms = 3_600_000;
    })
    .await;
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    peer.delivers(5, sms(b"TNS")).await;
    peer.says(Pdu::EnquireLink, Status::OK, 6).await;
    assert_eq!(peer.hears().await, "enquire_link_resp 6 0x00");
    let (written, queued) = (house.carry("Bonjour"), house.carry("Bonsoir"));
    peer.read().await;
    drop(peer);
    assert_eq!(soon("the outcome", written).await.unwrap(), "0/1 Unknown");
    assert_eq!(soon("the outcome", queued).await.unwrap(), "0/1 NotSent");
    house.inbox.gate.add_permits(1);
    assert_eq!(
        house.inbox.lines(2).await,
        [
            "sms +212661000001 to 3949 of tns on iam: TNS None bind 1",
            "closed iam 1"
        ]
    );
}

#[tokio::test]
async fn a_change_is_told_once_and_never_missed() {
    let house = House::new(|_| {}).await;
    assert!(!house.handle.is_up());
    assert!(house.handle.changed().now_or_never().is_none());
    let other = house.handle.clone();
    let _peer = house.bound().await;
    assert!(house.handle.changed().now_or_never().is_none());
    // The clone was told that the link is down, so that the change before this call counts.
    assert!(other.changed().now_or_never().is_some());
    assert!(other.is_up());
}

#[tokio::test]
async fn a_refused_bind_is_tried_again() {
    let house = House::new(|_| {}).await;
    for status in [Status::SYSTEM_ERROR, Status::BAD_PASSWORD] {
        let mut peer = house.connection().await;
        let request = peer.read().await;
        let resp = Pdu::BindResp(Command::BindTransceiverResp, BindResp::default());
        peer.says(resp, status, request.header.sequence).await;
        assert!(peer.read_or_end().await.is_none());
    }
    house.bound().await;
}

#[tokio::test]
async fn a_bind_without_an_answer_is_given_up() {
    let house = House::new(|config| config.bind_ms = 20).await;
    let mut peer = house.connection().await;
    peer.read().await;
    assert!(peer.read_or_end().await.is_none());
    house.connection().await;
}

#[tokio::test]
async fn stopping_finishes_what_is_begun_and_unbinds() {
    let house = House::new(|_| {}).await;
    let mut peer = house.bound().await;
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    house.handle.stop();
    while house.handle.is_up() {
        soon("the link to go down", house.handle.changed()).await;
    }
    peer.delivers(5, sms(b"TNS")).await;
    assert_eq!(peer.hears().await, "deliver_sm_resp 5 0x14");
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(
        soon("the outcome", carried).await.unwrap(),
        "0/1 Accepted(\"id\")"
    );
    assert_eq!(peer.hears().await, "unbind 3 0x00");
    peer.says(Pdu::UnbindResp, Status::OK, 3).await;
    soon("the end of the link", house.task).await.unwrap();
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    assert_eq!(
        shown(&house.handle.carry(&message("Bonjour")).await),
        "0/1 NotSent"
    );
}

#[tokio::test]
async fn a_link_that_nobody_holds_ends() {
    let House {
        way,
        inbox,
        handle,
        task,
    } = House::new(|_| {}).await;
    drop(handle);
    soon("the end of the link", task).await.unwrap();
    assert_eq!(inbox.lines(0).await.len(), 0);
    drop(way);
}
