//! Conversations by USSD over SMPP: an operator of raw octets for each dialect, written from what
//! is known of the dialects, against a link and a gateway.

use std::sync::Arc;
use std::time::Duration;

use jisr::callback::{LinkName, ServiceName};
use jisr::clock::{Clock, Moment};
use jisr::gateway::{Begun, Gateway, UssdCall};
use jisr::outbox::PartReport;
use jisr::smpp::config::ussd::{UssdConfig, UssdSettings};
use jisr::smpp::config::{RetryConfig, SmppConfig};
use jisr::smpp::link::{self, Inbox, LinkHandle};
use jisr::store::sql::SqlStore;
use jisr::store::{Accepted, Mark, MessageId, NewSms, Receipt, Reply, Store, StoreError};
use simulator::phone::Phones;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::phone::{LINK, Mood, MoodyRegistry, SERVICE, Setup, World};
use crate::program::message_centre;

/// Who has an account.
const AMINA: &str = "212661000001";
const YOUSSEF: &str = "212661000002";
/// Only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(20);

const SERVICE_OP: u16 = 0x0501;
const ITS: u16 = 0x1383;
const REFERENCE: u16 = 0x0204;
const PAYLOAD: u16 = 0x0424;

/// Where a session's id stands.
#[derive(Clone, Copy, PartialEq)]
enum Id {
    Its,
    Reference,
}

/// What an operator says.
#[derive(Clone, Copy)]
struct Tongue {
    name: &'static str,
    new: u8,
    typed: u8,
    /// The operation that aborts; none sets the end bit, or leaves the operation out.
    abort: Abort,
    wait: u8,
    end: u8,
    /// Whether the last screen has the end bit.
    end_bit: bool,
    id: Id,
    /// Whether the dialled code is the text of the first message.
    code_in_text: bool,
    confirms: bool,
}

#[derive(Clone, Copy)]
enum Abort {
    Op(u8),
    EndBit(u8),
    NoOp,
    Never,
}

const TONGUES: [Tongue; 5] = [
    Tongue {
        name: "default",
        new: 0x01,
        typed: 0x02,
        abort: Abort::EndBit(0x12),
        wait: 0x02,
        end: 0x02,
        end_bit: true,
        id: Id::Its,
        code_in_text: false,
        confirms: false,
    },
    Tongue {
        name: "sixdee",
        new: 0x01,
        typed: 0x12,
        abort: Abort::Op(0x81),
        wait: 0x02,
        end: 0x17,
        end_bit: true,
        id: Id::Its,
        code_in_text: true,
        confirms: false,
    },
    Tongue {
        name: "mica",
        new: 0x01,
        typed: 0x12,
        abort: Abort::Op(0x81),
        wait: 0x02,
        end: 0x17,
        end_bit: false,
        id: Id::Reference,
        code_in_text: true,
        confirms: false,
    },
    Tongue {
        name: "pssr",
        new: 0x01,
        typed: 0x12,
        abort: Abort::Never,
        wait: 0x02,
        end: 0x11,
        end_bit: false,
        id: Id::Its,
        code_in_text: false,
        confirms: false,
    },
    Tongue {
        name: "notify",
        new: 0x01,
        typed: 0x12,
        abort: Abort::NoOp,
        wait: 0x02,
        end: 0x03,
        end_bit: false,
        id: Id::Reference,
        code_in_text: true,
        confirms: true,
    },
];

/// What a link hands over, as the program wires it.
struct Door(Arc<Gateway<SqlStore, MoodyRegistry>>);

impl Inbox for Door {
    async fn accept(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        self.0.accept_sms(sms).await
    }

    async fn receipt(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.0.store.receipt(&receipt).await
    }

    fn ussd(&self, call: UssdCall) -> Begun {
        self.0.begin_call(call)
    }

    fn busy(&self, call: &UssdCall) -> Reply {
        self.0.apology(call, "busy")
    }

    async fn closed(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> Result<(), StoreError> {
        self.0.store.close_bind(link, bind, unread_from).await
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> Mark {
        self.0.store.mark("deliver_sm", parts)
    }

    async fn late(&self, _: (MessageId, u32), _: PartReport) {}
}

fn settings(config: &UssdConfig) -> UssdSettings {
    let codes = vec![("*580#".to_owned(), ServiceName::from(SERVICE))];
    config.settings(codes).unwrap()
}

/// Begins a link of a world.
fn linked(world: &World, config: SmppConfig) -> LinkHandle {
    let door = Arc::new(Door(world.gateway.clone()));
    let clock: Arc<dyn Clock> = world.clock.clone();
    let (handle, task) =
        link::open(config, door, clock, world.chance.clone()).expect("no certificates");
    tokio::spawn(task);
    handle
}

/// A world with a link to an operator.
struct Site {
    world: World,
    listener: TcpListener,
    _link: LinkHandle,
    tongue: Tongue,
}

impl Site {
    async fn new(tongue: Tongue, change: impl FnOnce(&mut UssdConfig)) -> (Self, Bind) {
        let world = World::new(Setup {
            deadline: Duration::from_secs(2),
            ..Setup::default()
        })
        .await;
        Self::of(world, tongue, change).await
    }

    async fn of(
        world: World,
        tongue: Tongue,
        change: impl FnOnce(&mut UssdConfig),
    ) -> (Self, Bind) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut ussd = UssdConfig::of(tongue.name);
        change(&mut ussd);
        let config = SmppConfig {
            name: LinkName::from(LINK),
            port: listener.local_addr().unwrap().port(),
            service_for: vec![("5800".to_owned(), ServiceName::from(SERVICE))],
            ussd_settings: Some(Arc::new(settings(&ussd))),
            retry: RetryConfig {
                first_ms: 1,
                longest_ms: 1,
                ..RetryConfig::default()
            },
            ..SmppConfig::default()
        };
        let handle = linked(&world, config);
        let site = Self {
            world,
            listener,
            _link: handle,
            tongue,
        };
        let bind = site.bound().await;
        (site, bind)
    }

    async fn bound(&self) -> Bind {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("nobody connects").unwrap();
        let mut bind = Bind {
            stream,
            sequence: 100,
        };
        let (command, sequence, _, _) = bind.reads().await;
        assert_eq!(command, 0x0000_0009, "bind_transceiver");
        bind.writes(0x8000_0009, 0, sequence, b"SMSC\0").await;
        bind
    }

    fn phone(&self, number: &'static str, session: u16) -> Phone {
        Phone {
            number,
            session,
            tongue: self.tongue,
            in_payload: false,
        }
    }
}

/// One connection at the operator's side.
struct Bind {
    stream: TcpStream,
    sequence: u32,
}

/// What a phone shows.
#[derive(Debug, PartialEq)]
struct Screen {
    text: String,
    open: bool,
    data_coding: u8,
    in_payload: bool,
}

impl Bind {
    /// Command, sequence, status and body of the next PDU.
    async fn reads(&mut self) -> (u32, u32, u32, Vec<u8>) {
        let read = async {
            let mut header = [0; 16];
            self.stream.read_exact(&mut header).await.unwrap();
            let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
            let mut body = vec![0; word(0) as usize - 16];
            self.stream.read_exact(&mut body).await.unwrap();
            (word(4), word(12), word(8), body)
        };
        timeout(PATIENCE, read).await.expect("nothing comes")
    }

    async fn writes(&mut self, command: u32, status: u32, sequence: u32, body: &[u8]) {
        let mut pdu = u32::try_from(body.len() + 16)
            .unwrap()
            .to_be_bytes()
            .to_vec();
        for word in [command, status, sequence] {
            pdu.extend_from_slice(&word.to_be_bytes());
        }
        pdu.extend_from_slice(body);
        self.stream.write_all(&pdu).await.unwrap();
    }

    /// A deliver_sm; its sequence number.
    async fn delivers(&mut self, body: &[u8]) -> u32 {
        self.sequence += 1;
        self.writes(5, 0, self.sequence, body).await;
        self.sequence
    }

    /// The next PDU answers that deliver_sm with that status.
    async fn is_answered(&mut self, sequence: u32, status: u32) {
        let (command, answered, told, _) = self.reads().await;
        assert_eq!(
            (command, answered, told),
            (0x8000_0005, sequence, status),
            "deliver_sm_resp comes first"
        );
    }

    /// The next PDU is a screen for this phone; it is taken.
    async fn shows(&mut self, phone: &Phone) -> Screen {
        let (command, sequence, _, body) = self.reads().await;
        assert_eq!(command, 4, "submit_sm");
        self.writes(0x8000_0004, 0, sequence, b"id\0").await;
        phone.reads(&body)
    }

    /// Nothing else is on the wire.
    async fn is_silent(&mut self) {
        self.writes(0x15, 0, 9_999, b"").await;
        let (command, sequence, _, _) = self.reads().await;
        assert_eq!(
            (command, sequence),
            (0x8000_0015, 9_999),
            "something else came"
        );
    }

    async fn says(&mut self, phone: &Phone, body: &[u8]) -> Screen {
        let sequence = self.delivers(body).await;
        self.is_answered(sequence, 0).await;
        let screen = self.shows(phone).await;
        if !screen.open && phone.tongue.confirms {
            let sequence = self.delivers(&phone.sm(Some(0x13), "", false)).await;
            self.is_answered(sequence, 0).await;
        }
        screen
    }

    /// A key whose screen comes, and is not acknowledged any more.
    async fn press_and_fail(&mut self, phone: &Phone, key: &str) -> Screen {
        let sequence = self.delivers(&phone.typed(key)).await;
        self.is_answered(sequence, 0).await;
        let (command, _, _, body) = self.reads().await;
        assert_eq!(command, 4, "submit_sm");
        phone.reads(&body)
    }

    async fn dial(&mut self, phone: &Phone, code: &str) -> Screen {
        self.says(phone, &phone.dialled(code)).await
    }

    async fn press(&mut self, phone: &Phone, keys: &[&str]) -> Screen {
        let mut last = None;
        for key in keys {
            last = Some(self.says(phone, &phone.typed(key)).await);
        }
        last.unwrap()
    }

    /// Dials, takes French and accepts.
    async fn home(&mut self, phone: &Phone) {
        self.dial(phone, "*580#").await;
        let home = self.press(phone, &["2", "1"]).await;
        assert!(home.text.contains("Que voulez-vous"), "{}", home.text);
    }
}

/// A phone in a session.
#[derive(Clone)]
struct Phone {
    number: &'static str,
    session: u16,
    tongue: Tongue,
    /// Whether the operator puts what it types into message_payload.
    in_payload: bool,
}

fn put(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    out.extend_from_slice(value);
}

impl Phone {
    fn dialled(&self, code: &str) -> Vec<u8> {
        let text = if self.tongue.code_in_text { code } else { "" };
        let to = if self.tongue.code_in_text {
            "580"
        } else {
            code
        };
        self.made(Some(self.tongue.new), to, text, false)
    }

    fn typed(&self, text: &str) -> Vec<u8> {
        self.sm(Some(self.tongue.typed), text, false)
    }

    fn aborts(&self) -> Vec<u8> {
        match self.tongue.abort {
            Abort::Op(op) => self.sm(Some(op), "", false),
            Abort::EndBit(op) => self.sm(Some(op), "", true),
            Abort::NoOp => self.sm(None, "", false),
            Abort::Never => panic!("no abort"),
        }
    }

    fn sm(&self, op: Option<u8>, text: &str, ends: bool) -> Vec<u8> {
        self.made(op, "580", text, ends)
    }

    fn made(&self, op: Option<u8>, to: &str, text: &str, ends: bool) -> Vec<u8> {
        let ascii = text.is_ascii();
        let octets: Vec<u8> = if ascii {
            text.bytes().collect()
        } else {
            text.encode_utf16().flat_map(u16::to_be_bytes).collect()
        };
        let mut body = b"\0\x01\x01".to_vec();
        body.extend_from_slice(self.number.as_bytes());
        body.extend_from_slice(b"\0\0\x01");
        body.extend_from_slice(to.as_bytes());
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0]);
        body.extend_from_slice(&[if ascii { 0x0f } else { 0x48 }, 0]);
        let short = if self.in_payload { &[][..] } else { &octets };
        body.push(u8::try_from(short.len()).unwrap());
        body.extend_from_slice(short);
        if let Some(op) = op {
            put(&mut body, SERVICE_OP, &[op]);
        }
        match self.tongue.id {
            Id::Its => {
                let info = (self.session & 0xfffe) | u16::from(ends);
                put(&mut body, ITS, &info.to_be_bytes());
            }
            Id::Reference => put(&mut body, REFERENCE, &self.session.to_be_bytes()),
        }
        if self.in_payload {
            put(&mut body, PAYLOAD, &octets);
        }
        body
    }

    /// Reads a submit_sm for this phone.
    fn reads(&self, body: &[u8]) -> Screen {
        let mut rest = body;
        let _service_type = text_after(&mut rest, 0);
        let _from = text_after(&mut rest, 2);
        let to = text_after(&mut rest, 2);
        assert_eq!(to, self.number, "the screen of another phone");
        rest = &rest[3..];
        let (schedule, validity) = (text_after(&mut rest, 0), text_after(&mut rest, 0));
        assert_eq!((schedule, validity), (String::new(), String::new()));
        let [registered, _, data_coding, _, length] = rest[..5] else {
            panic!("short")
        };
        assert_eq!(registered, 0, "no receipt");
        let (short, mut parameters) = rest[5..].split_at(usize::from(length));
        let (mut op, mut id, mut payload) = (None, None, None);
        while let [a, b, c, d, behind @ ..] = parameters {
            let (value, next) = behind.split_at(usize::from(u16::from_be_bytes([*c, *d])));
            match u16::from_be_bytes([*a, *b]) {
                SERVICE_OP => op = Some(value[0]),
                ITS => id = Some((Id::Its, u16::from_be_bytes(value.try_into().unwrap()))),
                REFERENCE => {
                    id = Some((Id::Reference, u16::from_be_bytes(value.try_into().unwrap())));
                }
                PAYLOAD => payload = Some(value),
                other => panic!("{other:#x}"),
            }
            parameters = next;
        }
        let (kind, id) = id.expect("a session");
        assert!(kind == self.tongue.id);
        let (op, tongue) = (op.expect("an operation"), self.tongue);
        let end_bit = kind == Id::Its && tongue.end_bit && id & 1 == 1;
        let open = if tongue.wait == tongue.end {
            !end_bit
        } else {
            op == tongue.wait
        };
        assert_eq!(op, if open { tongue.wait } else { tongue.end });
        assert_eq!(end_bit, tongue.end_bit && !open);
        let expected = match kind {
            Id::Its => (self.session & 0xfffe) | u16::from(end_bit),
            Id::Reference => self.session,
        };
        assert_eq!(id, expected, "the session of another");
        let octets = payload.unwrap_or(short);
        let text = match data_coding {
            0x0f => octets.iter().map(|octet| gsm(*octet)).collect(),
            0x48 => {
                let units = octets
                    .chunks(2)
                    .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                let units: Vec<u16> = units.collect();
                String::from_utf16(&units).unwrap()
            }
            other => panic!("data_coding {other:#x}"),
        };
        Screen {
            text,
            open,
            data_coding,
            in_payload: payload.is_some(),
        }
    }
}

fn text_after(rest: &mut &[u8], skip: usize) -> String {
    *rest = &rest[skip..];
    let at = rest.iter().position(|octet| *octet == 0).unwrap();
    let read = String::from_utf8(rest[..at].to_vec()).unwrap();
    *rest = &rest[at + 1..];
    read
}

/// What these screens have of the GSM alphabet.
fn gsm(octet: u8) -> char {
    match octet {
        0x00 => '@',
        0x04 => 'è',
        0x05 => 'é',
        0x06 => 'ù',
        0x08 => 'ò',
        0x11 => '_',
        0x1f => 'É',
        0x7f => 'à',
        other => char::from(other),
    }
}

fn tongue(name: &str) -> Tongue {
    *TONGUES.iter().find(|tongue| tongue.name == name).unwrap()
}

#[tokio::test]
async fn from_dial_to_number_in_each_dialect() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        bind.home(&phone).await;
        let keys = ["1", "1", "BE740215", "14062031", "05031984"];
        let summary = bind.press(&phone, &keys).await;
        assert!(summary.text.contains("C'est juste ?"), "{}", summary.text);
        let last = bind.press(&phone, &["1"]).await;
        assert!(
            !last.open && last.text.contains("104882317"),
            "{}: {}",
            tongue.name,
            last.text
        );
        bind.is_silent().await;
        // Its session has ended, its conversation too: a new dial is new, even with the old id.
        let again = bind.dial(&phone, "*580#").await;
        assert!(again.text.contains("Que voulez-vous"), "{}", again.text);
    }
}

#[tokio::test]
async fn an_abort_and_a_redial_ask_whether_to_go_on() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        bind.home(&phone).await;
        bind.press(&phone, &["1", "1"]).await;
        if !matches!(tongue.abort, Abort::Never) {
            let sequence = bind.delivers(&phone.aborts()).await;
            bind.is_answered(sequence, 0).await;
            bind.is_silent().await;
        }
        let again = site.phone(AMINA, 0x0b02);
        let asked = bind.dial(&again, "*580#").await;
        assert!(
            asked.text.contains("Bon retour"),
            "{}: {}",
            tongue.name,
            asked.text
        );
        let page = bind.press(&again, &["1"]).await;
        assert!(page.text.contains("carte"), "{}", page.text);
    }
}

#[tokio::test]
async fn arabic_goes_in_ucs2_and_comes_in_it() {
    let (site, mut bind) = Site::new(tongue("mica"), |_| {}).await;
    let phone = site.phone(AMINA, 7);
    let languages = bind.dial(&phone, "*580#").await;
    assert_eq!(languages.data_coding, 0x48);
    let consent = bind.press(&phone, &["\u{661}"]).await;
    assert_eq!(consent.data_coding, 0x48);
    assert!(
        consent.text.contains("CNSS") || consent.text.contains('ا'),
        "{}",
        consent.text
    );
    assert!(consent.text.encode_utf16().count() <= 80);
}

#[tokio::test]
async fn texts_in_message_payload_both_ways() {
    let (site, mut bind) = Site::new(tongue("default"), |config| {
        config.text = Some(jisr::smpp::ussd::dialect::TextIn::MessagePayload);
    })
    .await;
    let mut phone = site.phone(AMINA, 0x0a02);
    phone.in_payload = true;
    let languages = bind.dial(&phone, "*580#").await;
    assert!(languages.in_payload);
    let home = bind.press(&phone, &["2", "1"]).await;
    assert!(
        home.in_payload && home.text.contains("Que voulez-vous"),
        "{}",
        home.text
    );
}

#[tokio::test]
async fn a_dial_string_goes_to_its_page() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        bind.home(&phone).await;
        let card = bind.press(&phone, &["1"]).await;
        let other = site.phone(YOUSSEF, 0x0b02);
        bind.home(&other).await;
        let direct = site.phone(YOUSSEF, 0x0c02);
        // The language and the consent are known of this number; the dial string is the menu's.
        bind.dial(&direct, "*580#").await;
        bind.press(&direct, &["2"]).await;
        let direct = site.phone(YOUSSEF, 0x0d02);
        let shown = bind.dial(&direct, "*580*1#").await;
        assert!(
            shown.text == card.text || shown.text.contains("Bon retour"),
            "{}: {}",
            tongue.name,
            shown.text
        );
    }
}

#[tokio::test]
async fn a_code_that_is_none_of_ours_gets_an_end() {
    for tongue in TONGUES.iter().filter(|tongue| tongue.name != "notify") {
        let (site, mut bind) = Site::new(*tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        // In the address as well, for the dialect that looks at both.
        let mut body = phone.made(Some(tongue.new), "*999#", "*999#", false);
        if tongue.code_in_text && tongue.name == "mica" {
            body = phone.dialled("*999#");
        }
        let screen = bind.says(&phone, &body).await;
        assert!(
            !screen.open && screen.text.contains("*580#"),
            "{}: {}",
            tongue.name,
            screen.text
        );
    }
}

#[tokio::test]
async fn what_is_no_operation_of_the_dialect_is_refused() {
    let (site, mut bind) = Site::new(tongue("mica"), |_| {}).await;
    let phone = site.phone(AMINA, 7);
    let sequence = bind.delivers(&phone.sm(Some(0x02), "1", false)).await;
    bind.is_answered(sequence, 0xc4).await;
    bind.home(&phone).await;
}

#[tokio::test]
async fn two_phones_do_not_mix() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        // Even under one session number.
        let (a, b) = (site.phone(AMINA, 0x0a02), site.phone(YOUSSEF, 0x0a02));
        bind.dial(&a, "*580#").await;
        bind.dial(&b, "*580#").await;
        bind.press(&a, &["2"]).await;
        bind.press(&b, &["2"]).await;
        let home = bind.press(&a, &["1"]).await;
        let (x, y) = (a.typed("1"), b.typed("1"));
        let (first, second) = (bind.delivers(&x).await, bind.delivers(&y).await);
        // Both at once; the answers may cross, and each screen is for its own phone.
        let (mut acknowledged, mut shown) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (command, sequence, status, body) = bind.reads().await;
            match command {
                0x8000_0005 => {
                    assert_eq!(status, 0);
                    acknowledged.push(sequence);
                }
                4 => {
                    bind.writes(0x8000_0004, 0, sequence, b"id\0").await;
                    let of_a = body.windows(12).any(|w| w == AMINA.as_bytes());
                    let phone = if of_a { &a } else { &b };
                    let asked = if of_a { first } else { second };
                    assert!(
                        acknowledged.contains(&asked),
                        "the acknowledgement goes first"
                    );
                    shown.push((of_a, phone.reads(&body)));
                }
                other => panic!("{other:#x}"),
            }
        }
        shown.sort_by_key(|(of_a, _)| !of_a);
        assert_ne!(shown[0].1, home, "one step for A");
        assert!(
            shown[1].1.text.contains("Que voulez-vous"),
            "one step for B"
        );
    }
}

/// Rule 4: a deliver_sm without an id, again on the next bind.
#[tokio::test]
async fn a_repeat_on_a_new_bind_gets_the_stored_screen() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        let a_second = || site.world.clock.forward(Duration::from_secs(1));
        // The consent is another `1`, of the same octets.
        bind.home(&phone).await;
        a_second();
        let card = bind.press_and_fail(&phone, "1").await;
        drop(bind);
        let mut bind = site.bound().await;
        a_second();
        let again = bind.press(&phone, &["1"]).await;
        assert_eq!(again, card, "{}: a repeat", tongue.name);
        a_second();
        let number = bind.press(&phone, &["2"]).await;
        drop(bind);
        // Octets that came before, but not last: nobody repeats what was answered.
        let mut bind = site.bound().await;
        a_second();
        let wrong = bind.press(&phone, &["1"]).await;
        assert_ne!(wrong, card, "{}: a new answer", tongue.name);
        assert_ne!(wrong, number, "{}: which is wrong there", tongue.name);
    }
}

/// The same after the process died: its binds are over.
#[tokio::test]
async fn a_repeat_after_a_crash_gets_the_stored_screen() {
    let (site, mut bind) = Site::new(tongue("sixdee"), |_| {}).await;
    let phone = site.phone(AMINA, 0x0a02);
    bind.home(&phone).await;
    let card = bind.press_and_fail(&phone, "1").await;
    drop(bind);
    let world = site.world.reborn().await;
    let (_site, mut bind) = Site::of(world, tongue("sixdee"), |_| {}).await;
    let again = bind.press(&phone, &["1"]).await;
    assert_eq!(again, card);
}

/// Where the operator moves the sequence, the number of an exchange tells a repeat on one bind.
#[tokio::test]
async fn a_moving_sequence_tells_a_repeat() {
    let (site, mut bind) = Site::new(tongue("default"), |config| {
        config.sequence = Some(jisr::smpp::ussd::dialect::Sequence::Echoed);
        config.reply_and_end = Some(0x03);
    })
    .await;
    let at = |number: u16| {
        let mut phone = site.phone(AMINA, 0x0a00 | (number << 1));
        phone.tongue.end = 0x03;
        phone
    };
    bind.dial(&at(0), "*580#").await;
    bind.press(&at(1), &["2"]).await;
    let home = bind.press(&at(2), &["1"]).await;
    assert_eq!(
        bind.press(&at(2), &["1"]).await,
        home,
        "the same exchange again"
    );
    let card = bind.press(&at(3), &["1"]).await;
    assert_ne!(card, home, "the next one");
}

/// The registry's silence is not the operator's: the callback is acknowledged once it is durable,
/// the subscriber reads in time that the outcome follows, and it does.
#[tokio::test]
async fn a_slow_registry_holds_no_acknowledgement() {
    let (site, mut bind) = Site::new(tongue("default"), |_| {}).await;
    let phone = site.phone(AMINA, 0x0a02);
    bind.home(&phone).await;
    bind.press(&phone, &["1", "1", "BE740215", "14062031", "05031984"])
        .await;
    site.world.registry.set(Mood::Silent);
    let sequence = bind.delivers(&phone.typed("1")).await;
    bind.is_answered(sequence, 0).await;
    site.world.registry.asked().await;
    bind.is_silent().await;
    let last = bind.shows(&phone).await;
    assert!(!last.open && last.text.contains("SMS"), "{}", last.text);
    site.world.registry.set(Mood::Up);
    site.world.wait(Duration::from_secs(60)).await;
    let mail = site.world.mail();
    let outcomes = mail
        .iter()
        .filter(|(_, letter)| letter.text.contains("104882317"));
    assert_eq!(outcomes.count(), 1, "the outcome follows, once");
}

#[tokio::test]
async fn messages_come_on_the_same_bind() {
    for tongue in TONGUES {
        let (site, mut bind) = Site::new(tongue, |_| {}).await;
        let phone = site.phone(AMINA, 0x0a02);
        bind.home(&phone).await;
        let text = b"\0\x01\x01212661000001\0\0\x015800\0\0\0\0\0\0\0\0\0\0\x03TNS";
        let sequence = bind.delivers(text).await;
        bind.is_answered(sequence, 0).await;
        site.world.settle().await;
        assert_eq!(
            site.world.mail().len(),
            1,
            "{}: it is answered",
            tongue.name
        );
        // The text has moved the conversation on: the next key shows the page, and does not act.
        let page = bind.press(&phone, &["1"]).await;
        assert!(page.open, "{}: {}", tongue.name, page.text);
        bind.is_silent().await;
    }
}

/// The same through the simulator's message centre, which knows the dialects by itself.
#[tokio::test]
async fn from_dial_to_number_through_a_message_centre() {
    for dialect in simulator::smsc::Dialect::ALL {
        let world = World::new(Setup::default()).await;
        let phones = Phones::new(None);
        let smsc = message_centre(&phones, 0).await;
        smsc.set(|settings| settings.dialect = dialect);
        let config = SmppConfig {
            name: LinkName::from(LINK),
            port: smsc.address().port(),
            system_id: "jisr".to_owned(),
            password: "secret".to_owned(),
            service_for: vec![("5800".to_owned(), ServiceName::from(SERVICE))],
            ussd_settings: Some(Arc::new(settings(&UssdConfig::of(dialect.name())))),
            ..SmppConfig::default()
        };
        let _link = linked(&world, config);
        smsc.until_bound(PATIENCE).await.unwrap();
        let phone = phones.phone("+212661000001");
        let press = async |keys: &[&str]| {
            let mut last = None;
            for key in keys {
                let shown = smsc.press(&phone, key, PATIENCE).await;
                last = Some(shown.unwrap_or_else(|error| panic!("{dialect}, {key}: {error}")));
            }
            last.unwrap()
        };
        smsc.dial(&phone, "*580#", PATIENCE).await.unwrap();
        press(&["2", "1", "1", "1"]).await;
        // Hung up in the middle, whether or not the dialect tells us.
        smsc.abort(&phone).unwrap();
        let asked = smsc.dial(&phone, "*580#", PATIENCE).await.unwrap();
        assert!(
            asked.text.contains("Bon retour"),
            "{dialect}: {}",
            asked.text
        );
        let last = press(&["1", "BE740215", "14062031", "05031984", "1"]).await;
        assert!(
            !last.open && last.text.contains("104882317"),
            "{dialect}: {}",
            last.text
        );
        assert_eq!(smsc.until_quiet(PATIENCE).await, 0);
        let texted = smsc.text(&phone, "5800", "TNS", PATIENCE).await;
        assert_eq!(texted, Ok(()), "{dialect}: a message on the same bind");
    }
}
