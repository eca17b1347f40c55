//! The dialects as tables: what came on the left, what it means on the right.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use bytes::BytesMut;

use super::*;
use crate::callback::ServiceName;
use crate::smpp::config::SmppConfig;
use crate::smpp::config::ussd::{UssdConfig, UssdSettings};
use crate::smpp::frame;
use crate::smpp::pdu::{self, Address, Pdu, Sm};
use crate::smpp::text;
use crate::smpp::tlv::{self, Tlvs};
use crate::store::Reply;
use proptest::prelude::*;

fn settings(toml: &str) -> UssdSettings {
    let config: UssdConfig = toml::from_str(toml).unwrap();
    let codes = [("*580#", "tns"), ("*581#", "other")]
        .map(|(code, service)| (code.to_owned(), ServiceName::from(service)));
    config.settings(codes.to_vec()).unwrap()
}

fn link() -> SmppConfig {
    SmppConfig {
        service_for: vec![("3949".to_owned(), ServiceName::from("tns"))],
        ..SmppConfig::default()
    }
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What came, written as `op=01 its=0a02 ref=0007 to=580 dcs=48 text=1 payload=1`.
struct Came {
    from: String,
    to: String,
    data_coding: u8,
    text: Vec<u8>,
    parameters: Vec<u8>,
}

impl Came {
    fn of(line: &str) -> Self {
        let mut came = Self {
            from: "212661000001".to_owned(),
            to: "580".to_owned(),
            data_coding: 0x0f,
            text: Vec::new(),
            parameters: Vec::new(),
        };
        for word in line.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap();
            let put = |came: &mut Self, tag| tlv::put(&mut came.parameters, tag, &octets(value));
            match key {
                "op" => put(&mut came, 0x0501),
                "its" => put(&mut came, 0x1383),
                "ref" => put(&mut came, 0x0204),
                "payload" => tlv::put(&mut came.parameters, 0x0424, value.as_bytes()),
                "from" => came.from = value.to_owned(),
                "to" => came.to = value.to_owned(),
                "dcs" => came.data_coding = u8::from_str_radix(value, 16).unwrap(),
                "text" => came.text = value.as_bytes().to_vec(),
                "hex" => came.text = octets(value),
                other => panic!("{other}"),
            }
        }
        came
    }

    fn sm(&self) -> Sm<'_> {
        Sm {
            source: Address {
                ton: 1,
                npi: 1,
                octets: self.from.as_bytes(),
            },
            destination: Address {
                ton: 0,
                npi: 1,
                octets: self.to.as_bytes(),
            },
            data_coding: self.data_coding,
            short_message: &self.text,
            tlvs: Tlvs::new(&self.parameters),
            ..Sm::default()
        }
    }
}

fn meant(settings: &UssdSettings, line: &str) -> String {
    let came = Came::of(line);
    match read(&link(), settings, &came.sm()) {
        Read::Sms => "sms".to_owned(),
        Read::Refused(field, status) => format!("refused {status}: {field}"),
        Read::Heard(heard) => {
            let said = match heard.said {
                Said::New(Dialled { service, rest }) => {
                    format!("new {} [{rest}]", service.map_or("-".into(), |s| s.0))
                }
                Said::Text { text, .. } => format!("text [{text}]"),
                Said::Abort => "abort".to_owned(),
                Said::Confirm => "confirm".to_owned(),
            };
            let sequence = heard.session.sequence;
            let sequence = sequence.map_or(String::new(), |number| format!(" number {number}"));
            format!("{said} in {}{sequence}", heard.session.id())
        }
    }
}

/// `op=02 its=0a02 dcs=0f from=580 to=212661000001 text=…`, as it goes out.
fn goes(settings: &UssdSettings, line: &str, text: &str, ends: bool) -> (String, Vec<u8>) {
    let came = Came::of(line);
    let Read::Heard(heard) = read(&link(), settings, &came.sm()) else {
        panic!("{line}")
    };
    let reply = Reply {
        text: text.to_owned(),
        ends,
    };
    let written = write(settings, &heard.way_back, &heard.session, &reply).unwrap();
    let frame = frame::cut(&mut BytesMut::from(&written[..]))
        .unwrap()
        .unwrap();
    let (Pdu::SubmitSm(sm), 0) = pdu::decode(&frame).unwrap() else {
        panic!("no submit_sm")
    };
    assert_eq!(
        (sm.registered_delivery, sm.esm_class, sm.validity),
        (0, 0, &b""[..])
    );
    assert_eq!((sm.source.ton, sm.source.npi), (0, 1));
    assert_eq!((sm.destination.ton, sm.destination.npi), (1, 1));
    let mut shown = Vec::new();
    for (tag, value) in sm.tlvs.iter() {
        let name = match tag {
            0x0501 => "op",
            0x1383 => "its",
            0x0204 => "ref",
            0x0424 => "payload",
            other => panic!("{other}"),
        };
        shown.push(match name {
            "payload" => format!("payload[{}]", text::latin1(value)),
            name => format!("{name}={}", hex(value)),
        });
    }
    shown.push(format!("dcs={:02x}", sm.data_coding));
    if !sm.service_type.is_empty() {
        shown.push(format!("type={}", text::latin1(sm.service_type)));
    }
    shown.push(format!("from={}", text::latin1(sm.source.octets)));
    shown.push(format!("to={}", text::latin1(sm.destination.octets)));
    if !sm.short_message.is_empty() {
        shown.push(match sm.data_coding {
            0x48 | 0x08 => format!("hex[{}]", hex(sm.short_message)),
            _ => format!("[{}]", text::latin1(sm.short_message)),
        });
    }
    (shown.join(" "), written)
}

fn check_in(toml: &str, table: &[(&str, &str)]) {
    let settings = settings(toml);
    for (line, expected) in table {
        assert_eq!(meant(&settings, line), *expected, "{toml}: {line}");
    }
}

fn check_out(toml: &str, table: &[(&str, &str, bool, &str)]) {
    let settings = settings(toml);
    for (line, text, ends, expected) in table {
        assert_eq!(
            goes(&settings, line, text, *ends).0,
            *expected,
            "{toml}: {line}"
        );
    }
}

#[test]
fn default_in() {
    check_in(
        "dialect = \"default\"",
        &[
            ("op=01 its=0a02", "new tns [] in a02"),
            ("op=01 its=0a02 to=*580#", "new tns [] in a02"),
            ("op=01 its=0a02 to=*580*1*1#", "new tns [1*1] in a02"),
            ("op=01 its=0a02 to=581", "new other [] in a02"),
            ("op=01 its=0a02 to=999", "new - [] in a02"),
            // The code is looked for in the address, but a dial string tells the rest.
            ("op=01 its=0a02 text=*580#", "new tns [] in a02"),
            ("op=01 its=0a02 text=*580*2#", "new tns [2] in a02"),
            ("op=01 its=0a02 text=*581*2#", "new tns [] in a02"),
            ("op=01 its=0a02 to=999 text=*580#", "new - [] in a02"),
            ("op=02 its=0a02 text=1", "text [1] in a02"),
            ("op=12 its=0a02 text=BE740215", "text [BE740215] in a02"),
            ("op=12 its=0a02", "text [] in a02"),
            ("op=11 its=0a02", "abort in a02"),
            ("op=02 its=0a03 text=1", "abort in a02"),
            ("op=12 its=0a03", "abort in a02"),
            // A dial is one, even with the end bit.
            ("op=01 its=0a03", "new tns [] in a02"),
            ("op=10 its=0a02 text=1", "refused 0xc4: ussd_service_op"),
            ("op=13 its=0a02", "refused 0xc4: ussd_service_op"),
            ("to=3949 text=TNS", "sms"),
            ("its=0a02 text=TNS", "sms"),
        ],
    );
}

#[test]
fn sixdee_in() {
    check_in(
        "dialect = \"sixdee\"",
        &[
            ("op=01 its=0a02 text=*580#", "new tns [] in a02"),
            ("op=01 its=0a02 text=580", "new tns [] in a02"),
            ("op=01 its=0a02 to=999 text=*581*3#", "new other [3] in a02"),
            ("op=01 its=0a02", "new tns [] in a02"),
            ("op=01 its=0a02 to=999 text=*99#", "new - [] in a02"),
            ("op=12 its=0a02 text=1", "text [1] in a02"),
            ("op=02 its=0a02 text=1", "refused 0xc4: ussd_service_op"),
            ("op=81 its=0a02", "abort in a02"),
            ("op=12 its=0a03 text=1", "abort in a02"),
            ("to=3949 text=TNS", "sms"),
        ],
    );
}

#[test]
fn mica_in() {
    check_in(
        "dialect = \"mica\"",
        &[
            ("op=01 ref=0007 to=999 text=*580#", "new tns [] in 7"),
            ("op=01 ref=0007 text=*580*1*1#", "new tns [1*1] in 7"),
            ("op=01 ref=0007 to=*580#", "new tns [] in 7"),
            ("op=01 ref=0007 text=*99#", "new - [] in 7"),
            ("op=12 ref=0007 text=1", "text [1] in 7"),
            ("op=12 ref=0007 its=0a03 text=1", "text [1] in 7"),
            ("op=81 ref=0007", "abort in 7"),
            ("op=11 ref=0007", "refused 0xc4: ussd_service_op"),
            ("to=3949 text=TNS", "sms"),
        ],
    );
}

#[test]
fn pssr_in() {
    check_in(
        "dialect = \"pssr\"",
        &[
            ("op=01 its=0a02 to=*580#", "new tns [] in a02"),
            ("op=01 its=0a03", "new tns [] in a03"),
            ("op=12 its=0a03 text=1", "text [1] in a03"),
            ("op=11 its=0a02", "refused 0xc4: ussd_service_op"),
            ("to=3949 text=TNS", "sms"),
        ],
    );
}

#[test]
fn notify_in() {
    check_in(
        "dialect = \"notify\"",
        &[
            ("op=01 ref=0007 text=*580#", "new tns [] in 7"),
            ("op=12 ref=0007 text=*580*1*1#", "new tns [1*1] in 7"),
            ("op=12 ref=0007 text=1", "text [1] in 7"),
            ("op=02 ref=0007 text=580", "text [580] in 7"),
            ("op=12 ref=0007 text=*99#", "text [*99#] in 7"),
            ("op=13 ref=0007", "confirm in 7"),
            ("op=13 ref=0007 text=*580#", "confirm in 7"),
            ("ref=0007", "abort in 7"),
            ("ref=0007 to=3949 text=bye", "abort in 7"),
            ("to=580", "abort in "),
            ("to=3949 text=TNS", "sms"),
            ("to=3949", "abort in "),
        ],
    );
}

#[test]
fn what_is_certain_is_taken_in_any_length() {
    check_in(
        "dialect = \"default\"",
        &[
            ("op=0001 its=0a02", "new tns [] in a02"),
            ("op=00000012 its=0a02 text=1", "text [1] in a02"),
            ("op=0112 its=0a02 text=1", "refused 0xc4: ussd_service_op"),
            ("op= its=0a02 text=1", "refused 0xc4: ussd_service_op"),
            // One octet is the session's number alone; without any, the phone has one session.
            ("op=12 its=0a text=1", "text [1] in a00"),
            ("op=12 its=00000a03", "abort in a02"),
            ("op=12 its=01000a02 text=1", "text [1] in 1000a02"),
            (
                "op=12 its=010203040506070809 text=1",
                "refused 0xc4: the session's id",
            ),
            ("op=01", "new tns [] in "),
            ("op=12 its= text=1", "text [1] in "),
            ("op=01 its=0a02 from=INFO", "refused 0x0a: source_addr"),
        ],
    );
    check_in(
        "dialect = \"mica\"",
        &[
            ("op=12 ref=07 text=1", "text [1] in 7"),
            ("op=12 ref=00000007 text=1", "text [1] in 7"),
        ],
    );
}

#[test]
fn texts_and_codings() {
    check_in(
        "",
        &[
            ("op=12 its=0a02 payload=1", "text [1] in a02"),
            ("op=12 its=0a02 text=2 payload=1", "text [2] in a02"),
            ("op=12 its=0a02 dcs=48 hex=06450631", "text [مر] in a02"),
            ("op=12 its=0a02 dcs=08 hex=06450631", "text [مر] in a02"),
            // A letter whose second octet is 0.
            ("op=12 its=0a02 dcs=48 hex=0100", "text [Ā] in a02"),
            ("op=12 its=0a02 dcs=00 hex=05", "text [é] in a02"),
            ("op=12 its=0a02 dcs=0f hex=0541", "text [éA] in a02"),
            ("op=12 its=0a02 dcs=03 hex=e9", "text [é] in a02"),
            // What fills the last octet, and the end of a string of C.
            ("op=12 its=0a02 hex=310d", "text [1] in a02"),
            ("op=12 its=0a02 hex=3100", "text [1] in a02"),
            ("op=12 its=0a02 dcs=48 hex=0031000d", "text [1] in a02"),
        ],
    );
    check_in(
        "gsm7_in = [3]\nucs2_in = [0x0f]",
        &[
            ("op=12 its=0a02 dcs=03 hex=05", "text [é] in a02"),
            ("op=12 its=0a02 dcs=0f hex=00e9", "text [é] in a02"),
        ],
    );
}

#[test]
fn a_moving_sequence_is_no_part_of_the_session() {
    let toml = "sequence = \"echoed\"";
    check_in(
        toml,
        &[
            ("op=01 its=0a00", "new tns [] in a00 number 0"),
            ("op=12 its=0a02 text=1", "text [1] in a00 number 1"),
            ("op=12 its=0afe text=1", "text [1] in a00 number 127"),
            ("op=12 its=0a05", "abort in a00 number 2"),
            ("op=12 text=1", "text [1] in "),
        ],
    );
    check_out(
        toml,
        &[(
            "op=12 its=0a04 text=1",
            "Oui",
            true,
            "op=02 its=0a05 dcs=0f from=580 to=212661000001 [Oui]",
        )],
    );
    check_out(
        "sequence = \"next\"",
        &[
            (
                "op=12 its=0a04 text=1",
                "Oui",
                false,
                "op=02 its=0a06 dcs=0f from=580 to=212661000001 [Oui]",
            ),
            (
                "op=12 its=0afe text=1",
                "Oui",
                false,
                "op=02 its=0a00 dcs=0f from=580 to=212661000001 [Oui]",
            ),
        ],
    );
}

#[test]
fn screens_out() {
    let came = "op=12 its=0a02 text=1";
    check_out(
        "dialect = \"default\"",
        &[
            (
                came,
                "Bonjour",
                false,
                "op=02 its=0a02 dcs=0f from=580 to=212661000001 [Bonjour]",
            ),
            (
                came,
                "Fin",
                true,
                "op=02 its=0a03 dcs=0f from=580 to=212661000001 [Fin]",
            ),
            // A dial with the end bit: the screen that waits takes it away.
            (
                "op=01 its=0a03",
                "Oui",
                false,
                "op=02 its=0a02 dcs=0f from=580 to=212661000001 [Oui]",
            ),
            (
                "op=12 its=0a text=1",
                "Fin",
                true,
                "op=02 its=0a01 dcs=0f from=580 to=212661000001 [Fin]",
            ),
            (
                "op=01",
                "Oui",
                false,
                "op=02 dcs=0f from=580 to=212661000001 [Oui]",
            ),
            (
                "op=01",
                "Fin",
                true,
                "op=02 its=0001 dcs=0f from=580 to=212661000001 [Fin]",
            ),
            (
                came,
                "مر",
                false,
                "op=02 its=0a02 dcs=48 from=580 to=212661000001 hex[06450631]",
            ),
        ],
    );
    check_out(
        "dialect = \"sixdee\"",
        &[
            (
                came,
                "Bonjour",
                false,
                "op=02 its=0a02 dcs=0f from=580 to=212661000001 [Bonjour]",
            ),
            (
                came,
                "Fin",
                true,
                "op=17 its=0a03 dcs=0f from=580 to=212661000001 [Fin]",
            ),
        ],
    );
    let came = "op=12 ref=0007 text=1";
    check_out(
        "dialect = \"mica\"",
        &[
            (
                came,
                "Bonjour",
                false,
                "op=02 ref=0007 dcs=0f from=580 to=212661000001 [Bonjour]",
            ),
            (
                came,
                "Fin",
                true,
                "op=17 ref=0007 dcs=0f from=580 to=212661000001 [Fin]",
            ),
            (
                "op=12 ref=07 text=1",
                "Fin",
                true,
                "op=17 ref=07 dcs=0f from=580 to=212661000001 [Fin]",
            ),
        ],
    );
    check_out(
        "dialect = \"notify\"",
        &[
            (
                came,
                "Bonjour",
                false,
                "op=02 ref=0007 dcs=0f from=580 to=212661000001 [Bonjour]",
            ),
            (
                came,
                "Fin",
                true,
                "op=03 ref=0007 dcs=0f from=580 to=212661000001 [Fin]",
            ),
        ],
    );
    let came = "op=12 its=0a03 text=1";
    check_out(
        "dialect = \"pssr\"",
        &[
            (
                came,
                "Bonjour",
                false,
                "op=02 its=0a03 dcs=0f from=580 to=212661000001 [Bonjour]",
            ),
            (
                came,
                "Fin",
                true,
                "op=11 its=0a03 dcs=0f from=580 to=212661000001 [Fin]",
            ),
        ],
    );
}

#[test]
fn settings_of_the_way_out() {
    let came = "op=12 its=0a02 text=1";
    check_out(
        "text = \"message_payload\"\nservice_type = \"USSD\"\ngsm7 = 0x00",
        &[(
            came,
            "Oui",
            false,
            "op=02 its=0a02 payload[Oui] dcs=00 type=USSD from=580 to=212661000001",
        )],
    );
    check_out(
        "ucs2 = 0x08\nreply_and_wait = 0x33",
        &[(
            came,
            "م",
            false,
            "op=33 its=0a02 dcs=08 from=580 to=212661000001 hex[0645]",
        )],
    );
    let long = "a".repeat(255);
    let payload = format!("op=02 its=0a02 payload[{long}] dcs=0f from=580 to=212661000001");
    check_out("", &[(came, &long, false, &payload)]);
}

/// One answer of each dialect, octet for octet: header, service_type, addresses, the mandatory
/// parameters of one octet, the text, then ussd_service_op and the session.
#[test]
fn the_octets_of_an_end() {
    let header = "0000003e000000040000000000000000";
    let addresses = "0001353830000101323132363631303030303031 00".replace(' ', "");
    for (dialect, came, parameters) in [
        ("default", "op=12 its=0a02", "0501000102138300020a03"),
        ("sixdee", "op=12 its=0a02", "0501000117138300020a03"),
        ("mica", "op=12 ref=0007", "0501000117020400020007"),
        ("pssr", "op=12 its=0a02", "0501000111138300020a02"),
        ("notify", "op=12 ref=0007", "0501000103020400020007"),
    ] {
        let settings = settings(&format!("dialect = \"{dialect}\""));
        let (_, written) = goes(&settings, came, "Fin", true);
        let expected = format!("{header}00{addresses}000000000000000f000346696e{parameters}");
        assert_eq!(hex(&written), expected, "{dialect}");
    }
}

proptest! {
    #[test]
    fn random_octets_never_panic(
        dialect in 0usize..5,
        data_coding: u8,
        source in proptest::collection::vec(any::<u8>(), 0..20),
        destination in proptest::collection::vec(any::<u8>(), 0..20),
        short_message in proptest::collection::vec(any::<u8>(), 0..200),
        op in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6)),
        id in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..12)),
        raw in proptest::collection::vec(any::<u8>(), 0..60),
        ends: bool,
    ) {
        let settings = settings(&format!("dialect = \"{}\"", dialect::BUILT_IN[dialect].0));
        let mut parameters = Vec::new();
        if let Some(op) = op {
            tlv::put(&mut parameters, SERVICE_OP, &op);
        }
        if let Some(id) = id {
            tlv::put(&mut parameters, ITS_SESSION_INFO, &id);
            tlv::put(&mut parameters, USER_MESSAGE_REFERENCE, &id);
        }
        parameters.extend(raw);
        let sm = Sm {
            source: Address { ton: 1, npi: 0, octets: &source },
            destination: Address { ton: 0, npi: 0, octets: &destination },
            data_coding,
            short_message: &short_message,
            tlvs: Tlvs::new(&parameters),
            ..Sm::default()
        };
        if let Read::Heard(heard) = read(&link(), &settings, &sm) {
            prop_assert!(heard.session.id().len() <= 16);
            let reply = Reply { text: "Fin".to_owned(), ends };
            // Addresses longer than the standard's cannot go back.
            let _written = write(&settings, &heard.way_back, &heard.session, &reply);
        }
    }
}
