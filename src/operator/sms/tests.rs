//! Every sample of every built-in shape of SMS, and what shapes can be wrong about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::{HeaderMap, StatusCode};

use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::finding::Source;
use crate::operator::CallbackError;
use crate::operator::api::{Answer, Outgoing, Word};
use crate::operator::request::Request;
use crate::operator::shape::{Shape, Shapes};
use crate::operator::sms::receipts::HeardReceipt;
use crate::operator::sms::sample::SmsSample;
use crate::operator::sms::send::{Send, SmsAccount};
use crate::store::{Message, MessageId, MessageKind, PartOutcome};

fn shapes() -> Shapes {
    Shapes::load(&[]).unwrap_or_else(|findings| {
        let shown: Vec<String> = findings
            .iter()
            .map(|f| {
                format!(
                    "{}:{:?} {} | {}",
                    f.source.file(),
                    f.place(),
                    f.message,
                    f.mend
                )
            })
            .collect();
        panic!("{}", shown.join("\n"))
    })
}

#[test]
fn every_sample_is_read_written_and_answered_as_it_says() {
    let (mut wrong, mut played) = (Vec::new(), 0);
    for shape in shapes().iter() {
        let Shape::Sms(shape) = shape else { continue };
        for sample in &shape.samples {
            played += 1;
            for difference in shape.play(sample).differences {
                wrong.push(format!(
                    "{}, {}: {}\n  expected {:?}\n  seen     {:?}",
                    shape.head.name,
                    sample.what,
                    difference.what,
                    difference.expected,
                    difference.seen
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played >= 15, "{played} samples");
}

/// A shape that sends parts by themselves, with everything that can be filled in.
const PARTS: &str = r#"
shape: parts
channel: sms
title: Parts
known: whole
sources: [none]
send:
  path: /{user}/send
  parts: one_by_one
  coding: { gsm: plain, ucs2: wide }
  query: { udh: "{udh}", secret: "{secret}", none: "{receipts}/{token}" }
  headers: { x-id: "{token}", x-part: "{number}" }
  json: { to: "{digits}", text: "{text}", octets: "{octets}", coding: "{coding}", ref: "{reference}", parts: "{parts}", number: "{number}" }
  ids: theirs
  answer:
    body: json
    fields: { id: { at: json /id, optional: true }, code: { at: json /code, optional: true } }
    says:
      - { field: code, begins: ["4"], is: refused }
      - { field: http, equals: ["200"], is: accepted }
samples:
  - what: one
    of: send
    mark: composed
    source: none
    date: 2026-11-23
    message: a
    request: GET /
"#;

fn parsed(text: &str) -> Result<Shape, String> {
    Shape::parse(&Source::new("x.yaml", text)).map_err(|finding| finding.message.clone())
}

fn sending(text: &str) -> Send {
    match parsed(text) {
        Ok(Shape::Sms(shape)) => shape.send.clone().unwrap(),
        Ok(Shape::Ussd(_)) => panic!("USSD"),
        Err(message) => panic!("{message}"),
    }
}

fn message(text: &str, parts: &[u8]) -> Message {
    Message {
        id: MessageId(0x0107),
        from: "3949".into(),
        to: Msisdn::parse("+212661000001").unwrap(),
        kind: MessageKind::Reply,
        text: text.into(),
        valid_until: Moment::from_ms(0),
        parts: parts.to_vec(),
        total: 0,
        attempts: 0,
        claim: 1,
    }
}

fn account(receipts: Option<&str>) -> SmsAccount {
    SmsAccount {
        receipts: receipts.map(str::to_owned),
        ..SmsSample::account()
    }
}

#[test]
fn long_texts_are_cut_with_what_tells_their_parts() {
    let send = sending(PARTS);
    let shown = |text: &str, parts: &[u8]| -> Vec<String> {
        let built = send.requests(&account(None), &message(text, parts), &|part| {
            format!("t{part}")
        });
        let shown = |one: &Outgoing| {
            let body = String::from_utf8(one.body.to_vec()).unwrap();
            let part = one.headers.get("x-part").map(|part| part.to_str().unwrap());
            let url = one.url.strip_prefix("https://api.example").unwrap();
            format!("{}/{} {part:?} {url} {body}", one.part, one.parts)
        };
        built.unwrap().iter().map(shown).collect()
    };
    // Nothing tells of parts where there is one; the address for receipts is not set.
    assert_eq!(
        shown("é", &[]),
        [
            r#"0/1 None /user/send?secret=secret {"to":"212661000001","text":"é","octets":"05","coding":"plain"}"#
        ]
    );
    let long = "م".repeat(70) + "b";
    let first: String = "م".repeat(67);
    let wide = |text: &str| -> String {
        text.encode_utf16()
            .map(|unit| format!("{unit:04X}"))
            .collect()
    };
    let second = "مممb";
    assert_eq!(
        shown(&long, &[]),
        [
            format!(
                r#"0/2 Some("1") /user/send?udh=050003260201&secret=secret {{"to":"212661000001","text":"{first}","octets":"{}","coding":"wide","ref":30758,"parts":2,"number":1}}"#,
                wide(&first)
            ),
            format!(
                r#"1/2 Some("2") /user/send?udh=050003260202&secret=secret {{"to":"212661000001","text":"{second}","octets":"{}","coding":"wide","ref":30758,"parts":2,"number":2}}"#,
                wide(second)
            ),
        ]
    );
    assert_eq!(shown(&long, &[1]).len(), 1, "only what is wanted");
    assert_eq!(shown(&long, &[]), shown(&long, &[]), "the same bytes again");
    assert_eq!(send.parts(&message(&long, &[])), 2);

    let mut cut_before = message(&long, &[]);
    cut_before.total = 3;
    let refused = |message: &Message| {
        send.requests(&account(None), message, &|_| String::new())
            .err()
    };
    let another = "cut into another number of parts";
    assert_eq!(
        refused(&cut_before),
        Some(PartOutcome::Refused(another.into()))
    );
    let endless = message(&"م".repeat(70_000), &[]);
    assert_eq!(
        refused(&endless),
        Some(PartOutcome::Refused("text too long".into()))
    );
}

/// The text of a subscriber opens nothing in a query, a form, JSON or XML, and no header.
#[test]
fn what_is_filled_in_stays_where_it_is() {
    let nasty = "a&b=c\"}<d>\r\n{secret}%41";
    for (template, expected) in [
        (
            "form: { text: \"{text}\" }",
            "text=a%26b%3Dc%22%7D%3Cd%3E%0D%0A%7Bsecret%7D%2541",
        ),
        (
            "json: { text: \"{text}\" }",
            r#"{"text":"a&b=c\"}<d>\r\n{secret}%41"}"#,
        ),
        (
            "xml: \"<t>{text}</t>\"",
            "<t>a&amp;b=c&quot;}&lt;d&gt;&#13;&#10;{secret}%41</t>",
        ),
    ] {
        let json = PARTS.find("  json:").unwrap();
        let end = PARTS[json..].find('\n').unwrap() + json;
        let text = format!("{}  {template}{}", &PARTS[..json], &PARTS[end..])
            .replace("one_by_one", "whole")
            .replace("{number}", "{text}");
        let send = sending(&text);
        let mut message = message(nasty, &[]);
        message.from = nasty.to_owned();
        let built = send.requests(&account(None), &message, &|_| "t".into());
        let built = built.unwrap();
        assert_eq!(String::from_utf8_lossy(&built[0].body), expected);
        assert_eq!(built[0].headers["x-part"], "a&b=c\"}<d>{secret}%41");
    }
}

#[test]
fn a_reason_holds_no_more_than_a_code() {
    let send = sending(PARTS);
    for (status, body, word) in [
        (200, r#"{"id":"17"}"#, Word::Accepted("17".into())),
        (200, r#"{"id":17}"#, Word::Accepted("17".into())),
        // It was taken; a receipt will not be understood.
        (200, r#"{"id":""}"#, Word::Accepted("token".into())),
        (200, "<html>", Word::Accepted("token".into())),
        (
            200,
            r#"{"code":"4_BAD"}"#,
            Word::Refused("code 4_BAD".into()),
        ),
        (200, r#"{"code":4012}"#, Word::Refused("code 4012".into())),
        (
            200,
            r#"{"code":"4 212661000001"}"#,
            Word::Refused("code".into()),
        ),
        (
            200,
            r#"{"code":"4212661000001"}"#,
            Word::Refused("code".into()),
        ),
        (500, r#"{"id":"17"}"#, Word::ByStatus),
    ] {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        assert_eq!(send.read("token", &answer), word, "{body}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    assert!(parsed(PARTS).is_ok());
    for (from, to, expected) in [
        (
            "path: /{user}/send",
            "path: https://x/y",
            "the path stands behind the link's `url`",
        ),
        (
            "{udh}",
            "{header}",
            "{header} is no field and nothing that can be filled in",
        ),
        ("x-id:", "\"x id\":", "`x id` is no name of a header"),
        ("ids: theirs", "ids: ours", "nobody will give our ids back"),
        ("ids: theirs", "form: { a: b }", "a request has one body"),
        (
            "ids: theirs",
            "method: FETCH",
            "that is no method to send with",
        ),
        ("field: http", "field: status", "`status` is no field"),
        (
            "field: code, begins: [\"4\"]",
            "begins: [\"4\"]",
            "a rule asks one thing of one field",
        ),
        (
            "    of: send",
            "    of: incoming",
            "there is no sample of `send:`, so nothing shows that it is right",
        ),
        (
            "send:\n",
            "incoming: { request: { methods: [POST], body: form, fields: { from: form a } } }\nsend:\n",
            "there is no field with the text",
        ),
        (
            "send:\n",
            "incoming: { request: { methods: [POST], body: form, fields: { message: form a } } }\nsend:\n",
            "there is no field `from` in `incoming:`",
        ),
        (
            "send:\n",
            "incoming: { request: { methods: [POST], body: form, fields: { from: form a, message: form b, total: form c } } }\nsend:\n",
            "a part is told by three fields",
        ),
        (
            "send:\n",
            "incoming: { request: { methods: [POST], body: form, fields: { from: form a, message: form b } }, each: /x }\nsend:\n",
            "a list of elements stands in JSON",
        ),
        (
            "send:\n",
            "incoming: { request: { methods: [POST], body: json, fields: { from: json /a, message: json /b } }, not_text: [x] }\nsend:\n",
            "only a form has fields that may be no text",
        ),
        (
            "send:\n",
            "receipts: { request: { methods: [POST], body: form, fields: { id: form a } }, state: [] }\nsend:\n",
            "nothing tells what became of a message",
        ),
    ] {
        assert!(PARTS.contains(from), "{from}");
        let text = PARTS.replacen(from, to, 1);
        let message = parsed(&text).map(|_| ());
        assert_eq!(message, Err(expected.to_owned()), "{to}");
        // The place is where it is wrong, and not where the same words stand before.
        let decoy = "about: >-\n  channel: sms ids: ours state: each: /x each: not_text: method: path: basic: send: says: incoming: receipts: {header} x id field: status field: code is: samples:\n";
        let behind = format!("{decoy}{text}");
        let finding = Shape::parse(&Source::new("x.yaml", &behind)).unwrap_err();
        let alone = Shape::parse(&Source::new("x.yaml", &text)).unwrap_err();
        assert_eq!(finding.message, expected);
        assert_eq!(finding.place().0, alone.place().0 + 2, "{to}");
        assert!(finding.place().0 > 2, "{to}: {:?}", finding.place());
    }
}

/// An unknown state may be a new one and is the shape's to judge; without any it is no receipt. An
/// element of a batch takes nobody with it.
#[test]
fn a_receipt_says_what_became_of_the_message() {
    let post = |name: &str, method: &str, rest: &str, query: Option<&str>, body: &str| {
        let shapes = shapes();
        let Some(Shape::Sms(shape)) = shapes.get(name) else {
            panic!("no {name}")
        };
        let receipts = shape.receipts.as_ref().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(kind) = receipts.inbound.media_types.first() {
            headers.insert("content-type", kind.parse().unwrap());
        }
        let request = Request {
            method,
            rest,
            query,
            headers: &headers,
            body: body.as_bytes(),
        };
        let one = |one: Result<Option<HeardReceipt>, CallbackError>| match one {
            Ok(Some(heard)) => format!("{} {:?}", heard.id, heard.state),
            Ok(None) => "ignored".to_owned(),
            Err(error) => error.to_string(),
        };
        match receipts.hear(request) {
            Ok(heard) => heard.elements.into_iter().map(one).collect(),
            Err(error) => vec![error.to_string()],
        }
    };
    for (name, body, expected) in [
        ("generic-sms", r#"{"id":"a"}"#, "field state is missing"),
        (
            "generic-sms",
            r#"{"id":"a","state":null}"#,
            "field state is missing",
        ),
        ("africastalking-sms", "id=a", "field status is missing"),
        ("africastalking-sms", "id=a&status=", "ignored"),
        ("africastalking-sms", "id=a&status=New", "ignored"),
        ("africastalking-sms", "id=a&status=Sent", "a Underway"),
        ("africastalking-sms", "status=Sent", "field id is missing"),
        ("jasmin", "id=a&level=1", "field message_status is missing"),
        ("twilio", "MessageSid=a", "field MessageStatus is missing"),
        ("vonage", "messageId=a", "field status is missing"),
        (
            "orange-sms",
            r#"{"deliveryInfoNotification":{"callbackData":"a","deliveryInfo":{}}}"#,
            "field deliveryStatus is missing",
        ),
    ] {
        assert_eq!(
            post(name, "POST", "", None, body),
            [expected],
            "{name} {body}"
        );
    }
    let kannel = |query| post("kannel", "GET", "/a", query, "");
    assert_eq!(kannel(None), ["field state is missing"]);
    assert_eq!(kannel(Some("state=64")), ["ignored"]);
    assert_eq!(kannel(Some("state=8")), ["a Underway"]);
    let batch = r#"{"results":[
        {"messageId":"a"},
        {"messageId":"b","status":{"name":"DELIVERED_TO_OPERATOR"}},
        {"messageId":"c","status":{"groupName":"NEW"}},
        {"messageId":"d","status":{"groupName":"DELIVERED"}}]}"#;
    assert_eq!(
        post("infobip-sms", "POST", "", None, batch),
        [
            "field groupName is missing",
            "field groupName is missing",
            "ignored",
            "d Delivered"
        ]
    );
}
