//! Files that are no shapes: what is said, where, and how it is mended.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::finding::{Finding, Source};
use crate::operator::compile;
use crate::operator::shape::Shape;

const GOOD: &str = r#"shape: sample
channel: ussd
title: A sample
known: whole
sources: [a page]
request:
  methods: [POST]
  body: json
  fields:
    session: json /session
    subscriber: json /msisdn
    code: json /code
    event: json /event
    input: json /input
reads:
  input: last
  code: always
  event:
    - { field: event, equals: [new], is: new }
    - { is: continue }
repeat: none
reply:
  json: { text: "{text}", more: "{continues}" }
limits: { septets: 182, units: 80 }
deadline_ms: 5000
session_ms: 180000
samples:
  - what: a dial
    mark: composed
    source: a page
    date: 2026-11-23
    request: |
      POST /
      Content-Type: application/json

      {}
    reads: { refused: field event is missing }
"#;

fn parse(text: &str) -> Result<Shape, Box<Finding>> {
    Shape::parse(&Source::new("sample.yaml", text))
}

/// Lines with what faults are looked for by, before all places.
const DECOY: &str = "about: >-
  shape: x enabled: false because: sources: [] methods: [POST] fields: session: subscriber: first path session
  code: never code: reads: event: field: kind field: event is: repeat: path repeat: key: reply: {nothing} closed:
  refused: text: {text {txt} {who} headers: X Key a b Content-Length push: path: method: GET method: json: answer:
  says: user: status: xml: replace: limits: deadline_ms: samples: dialled_by: known: part a dial
";

/// A row of a table: what is replaced, by what, where the fault is, what is said of it, its mend.
type Row<'a> = (&'a str, &'a str, (usize, usize), &'a str, &'a str);

/// The good file with each row's replacement, what is said of it and where; and the same behind lines
/// that have the words of all places.
fn check(good: &str, rows: &[Row<'_>]) {
    let mut wrong = String::new();
    for (from, to, place, says, mend) in rows {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        let broken = good.replace(from, to);
        let below = format!("{DECOY}{broken}");
        let further = (place.0 + DECOY.lines().count(), place.1);
        for (text, place) in [(&broken, *place), (&below, further)] {
            let seen = match parse(text) {
                Ok(_) => "taken".to_owned(),
                Err(finding)
                    if finding.place() == place
                        && finding.message.contains(says)
                        && finding.mend.contains(mend) =>
                {
                    continue;
                }
                Err(finding) => format!(
                    "{:?} {} | {}",
                    finding.place(),
                    finding.message,
                    finding.mend
                ),
            };
            wrong.push_str(&format!(
                "{to}\n  expected {place:?} {says} | {mend}\n  seen     {seen}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_good_one_is_good() {
    assert!(parse(GOOD).is_ok(), "{:?}", parse(GOOD).map(|_| ()));
}

/// Where the number is told at the dial only, the session's id has to tell the rest.
#[test]
fn a_number_that_is_told_first_needs_an_id_that_is_always_there() {
    const FIRST: &str = "  input: last\n  subscriber: first\n";
    let first = GOOD.replace("  input: last\n", FIRST);
    assert!(parse(&first).is_ok(), "{:?}", parse(&first).map(|_| ()));
    let sample = "    dialled_by: \"0661000002\"\n    reads: { refused";
    let dialled = first.replace("    reads: { refused", sample);
    assert!(parse(&dialled).is_ok(), "{:?}", parse(&dialled).map(|_| ()));
    let rows = [
        (
            "    session: json /session\n",
            "",
            (16, 3),
            "no field `session` that is always there",
            "`subscriber: always`",
        ),
        (
            "session: json /session",
            "session: { at: json /session, optional: true }",
            (17, 3),
            "no field `session` that is always there",
            "without `optional: true`",
        ),
        (
            "    reads: { refused",
            "    dialled_by: nobody\n    reads: { refused",
            (38, 5),
            "sample `a dial`: that is no phone number",
            "E.164",
        ),
        (
            "    reads: { refused",
            "    dialled_by: \"nobody\"\n    reads: { refused",
            (38, 5),
            "sample `a dial`: that is no phone number",
            "E.164",
        ),
    ];
    check(&first, &rows);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place_and_a_mend() {
    let yaml = "docs/operators.md has every key";
    let rows = [
        (
            "title: A sample",
            "title: A sample\ncolour: red",
            (4, 1),
            "unknown field `colour`",
            yaml,
        ),
        (
            "  body: json",
            "  body: yaml",
            (8, 9),
            "unknown variant `yaml`",
            yaml,
        ),
        (
            "known: whole",
            "known: half",
            (4, 8),
            "unknown variant `half`",
            yaml,
        ),
        (
            "channel: ussd",
            "channel: fax",
            (2, 10),
            "unknown variant `fax`",
            yaml,
        ),
        (
            "channel: ussd\n",
            "",
            (26, 1),
            "missing field `channel`",
            yaml,
        ),
        (
            "limits: { septets: 182, units: 80 }",
            "limits: { septets: 182 }",
            (24, 11),
            "missing field `units`",
            yaml,
        ),
        (
            "deadline_ms: 5000",
            "deadline_ms: soon",
            (25, 14),
            "expected a whole number",
            yaml,
        ),
        (
            "known: whole",
            "known: whole\nenabled: no",
            (5, 10),
            "",
            yaml,
        ),
        (
            "title: A sample",
            "title: A sample\ntitle: B",
            (4, 1),
            "duplicate",
            yaml,
        ),
        (
            "shape: sample",
            "shape: Sample One",
            (1, 1),
            "that is no name of a shape",
            "small letters",
        ),
        (
            "known: whole",
            "known: whole\nenabled: false",
            (5, 1),
            "nobody will know why",
            "`because:`",
        ),
        (
            "known: whole",
            "known: part",
            (4, 1),
            "nobody will know what is missing",
            "`because:`",
        ),
        (
            "known: whole",
            "known: part\nenabled: false\nbecause: \" \"",
            (4, 1),
            "nobody will know what is missing",
            "`because:`",
        ),
        (
            "sources: [a page]",
            "sources: []",
            (5, 1),
            "there is no source",
            "document or capture",
        ),
        (
            "methods: [POST]",
            "methods: [post]",
            (7, 3),
            "no methods of callbacks",
            "in capitals",
        ),
        (
            "methods: [POST]",
            "methods: []",
            (7, 3),
            "no methods of callbacks",
            "in capitals",
        ),
        (
            "json /session",
            "json session",
            (10, 14),
            "`session` is no JSON pointer",
            yaml,
        ),
        (
            "json /session",
            "xml /a[b]",
            (10, 14),
            "`/a[b]` is no path",
            yaml,
        ),
        (
            "json /session",
            "cookie session",
            (10, 14),
            "is no place",
            yaml,
        ),
        (
            "json /session",
            "json",
            (10, 14),
            "is no JSON pointer",
            yaml,
        ),
        (
            "json /session",
            "query",
            (10, 14),
            "`query` lacks a name",
            yaml,
        ),
        (
            "json /session",
            "form session",
            (10, 5),
            "stands in `form`, which this request does not have",
            "`body:`",
        ),
        (
            "json /session",
            "path session",
            (10, 5),
            "stands in `path`, which this request does not have",
            "`path:`",
        ),
        (
            "json /session",
            "{ at: json /session, part: { of: \";\", nth: 0 } }",
            (10, 5),
            "counted from 1",
            "nth: 1",
        ),
        (
            "    session: json",
            "    text: json",
            (10, 5),
            "`text` is what replies call something else",
            "another name",
        ),
        (
            "    subscriber: json /msisdn\n",
            "",
            (9, 3),
            "there is no field `subscriber`",
            "say where it stands",
        ),
        (
            "    input: json /input\n",
            "",
            (9, 3),
            "there is no field `input`",
            "say where it stands",
        ),
        (
            "    code: json /code\n",
            "",
            (16, 3),
            "the code is said to be told",
            "`code: never`",
        ),
        (
            "  code: always",
            "  code: never",
            (17, 3),
            "a field `code` that is never told",
            "take the field away",
        ),
        (
            "  input: last\n  code: always",
            "  input: last\n  subscriber: never\n  code: always",
            (17, 15),
            "unknown variant `never`",
            yaml,
        ),
        (
            "    reads: { refused",
            "    dialled_by: \"+212661000002\"\n    reads: { refused",
            (37, 5),
            "every request tells the number",
            "write `subscriber: first`",
        ),
        (
            "  body: json",
            "  body: json\n  path: session",
            (9, 9),
            "`session` is no path",
            "{session}",
        ),
        (
            "field: event, equals",
            "field: kind, equals",
            (19, 9),
            "`kind` is no field",
            "take one of session",
        ),
        (
            "equals: [new], is",
            "equals: [new], given: true, is",
            (19, 9),
            "a rule asks one thing of one field",
            "one of `equals",
        ),
        (
            "field: event, equals: [new], is",
            "field: event, is",
            (19, 9),
            "a rule asks one thing of one field",
            "one of `equals",
        ),
        (
            "equals: [new], is: new",
            "equals: [new], is: fresh",
            (19, 42),
            "unknown variant `fresh`",
            yaml,
        ),
        (
            "  event:\n    - { field: event, equals: [new], is: new }\n    - { is: continue }\n",
            "",
            (15, 1),
            "nothing tells a dial from a key press",
            "event: [{ is: unsaid }]",
        ),
        (
            "repeat: none",
            "repeat: path",
            (21, 1),
            "tells no repeat",
            "repeat: none",
        ),
        (
            "repeat: none",
            "repeat: never",
            (21, 9),
            "expected `path`, `none`, or `key:`",
            yaml,
        ),
        (
            "repeat: none",
            "repeat: { key: [session, id] }",
            (21, 11),
            "`id` is no field",
            "take one of session",
        ),
        (
            "  input: last",
            "  input: path",
            (21, 1),
            "the path tells a repeat",
            "repeat: path",
        ),
        (
            "{text}",
            "{txt}",
            (23, 18),
            "{txt} is no field",
            "{text}, {msisdn}",
        ),
        ("{text}", "{text", (23, 18), "a single brace", "{text}"),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  json: { a: 1 }\n  text: hello",
            (22, 1),
            "a reply has one body",
            "one of `text:`",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  text: { continue: \"{text}\", end: hello }",
            (22, 1),
            "the screen is nowhere in the reply",
            "`{text}`",
        ),
        (
            "    - { field: event, equals: [new], is: new }\n    - { is: continue }",
            "    - { is: continue }\n    - { field: event, equals: [new], is: new }",
            (18, 3),
            "never asked",
            "the last one",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  status: 200",
            (22, 1),
            "shows nothing",
            "one of `text:`",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  text: \"{text}\"\n  status: 99",
            (24, 3),
            "no status",
            "200 to 599",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  text: \"{text}\"\n  headers: { \"a b\": x }",
            (24, 15),
            "`a b` is no name of a header",
            "as the operator's document does",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  xml: <a><b>{text}</a>",
            (23, 3),
            "is no XML",
            "close every element",
        ),
        (
            "  json: { text: \"{text}\", more: \"{continues}\" }",
            "  text: \"{text}\"\n  replace: { ab: c }",
            (24, 3),
            "`ab` is not one character",
            "one character each",
        ),
        (
            "more: \"{continues}\" }",
            "more: 1 }\n  replace: { a: b }",
            (24, 3),
            "only a text or XML lacks characters",
            "JSON holds",
        ),
        (
            "septets: 182, units: 80",
            "septets: 10, units: 80",
            (24, 1),
            "too small for any text",
            "at least",
        ),
        (
            "septets: 182, units: 80",
            "septets: -1, units: 80",
            (24, 20),
            "expected a whole number",
            yaml,
        ),
        (
            "deadline_ms: 5000",
            "deadline_ms: 100",
            (25, 1),
            "no time to answer",
            "at least 2000",
        ),
        (
            "      POST /\n",
            "      POST\n",
            (28, 11),
            "there is no method and path",
            "METHOD /PATH",
        ),
        (
            "      POST /\n",
            "      POST x\n",
            (28, 11),
            "does not begin with `/`",
            "METHOD /PATH",
        ),
        (
            "      Content-Type: application/json\n",
            "      Content-Type\n",
            (28, 11),
            "a line is no header",
            "a line a header",
        ),
        (
            "    mark: composed",
            "    mark: sure",
            (29, 11),
            "unknown variant `sure`",
            yaml,
        ),
        (
            "    source: a page\n",
            "",
            (36, 5),
            "missing field `source`",
            yaml,
        ),
    ];
    check(GOOD, &rows);
}

#[test]
fn a_screen_goes_in_one_way_and_can_be_posted() {
    const REPLY: &str = "reply:\n  json: { text: \"{text}\", more: \"{continues}\" }\n";
    const PUSH: &str = "push:\n  path: /screens/{session}\n  basic: true\n  headers: { X-Key: \"{secret}\" }\n  json: { text: \"{text}\", user: \"{user}\", last: \"{ends}\" }\n  answer:\n    body: json\n    fields: { code: json /code }\n    says: [{ field: code, equals: [\"0\"], is: accepted }]\n";
    assert!(GOOD.contains(REPLY));
    let good = GOOD.replace(REPLY, PUSH);
    assert!(parse(&good).is_ok(), "{:?}", parse(&good).map(|_| ()));
    let rows = [
        (
            PUSH,
            "",
            (1, 1),
            "nothing says how a screen goes back",
            "write `reply:`",
        ),
        (
            "push:\n",
            &format!("{REPLY}push:\n"),
            (24, 1),
            "a screen goes in one way",
            "`closed:` is what callbacks are answered",
        ),
        (
            "{text}",
            "text",
            (22, 1),
            "the screen is nowhere in the push",
            "in `continue:` and `end:` alike",
        ),
        (
            "  json: { text: \"{text}\", user: \"{user}\", last: \"{ends}\" }\n",
            "",
            (22, 1),
            "a push without a body shows nothing",
            "write one of `text:`, `json:`, `xml:`",
        ),
        (
            "{user}",
            "{who}",
            (26, 34),
            "{who} is no field",
            "fill in {user}, {secret}, {text}",
        ),
        (
            "{session}",
            "{who}",
            (23, 18),
            "{who} is no field",
            "fill in {user}",
        ),
        (
            "path: /screens",
            "path: screens",
            (23, 3),
            "behind the link's `url`",
            "begin it with `/`",
        ),
        (
            "  basic: true",
            "  method: GET",
            (24, 3),
            "a GET has no body",
            "write POST or PUT",
        ),
        (
            "  basic: true",
            "  method: HEAD",
            (24, 3),
            "no method to send with",
            "in capitals",
        ),
        (
            "  basic: true",
            "  status: 200",
            (24, 3),
            "unknown field `status`",
            "docs/operators.md",
        ),
        (
            "X-Key",
            "\"X Key\"",
            (25, 15),
            "`X Key` is no name of a header",
            "as the operator's document does",
        ),
        (
            "X-Key",
            "Content-Length",
            (25, 14),
            "`Content-Length` is not a shape's to say",
            "take it away",
        ),
        (
            "{secret}",
            "{secret",
            (25, 22),
            "a single brace in `{secret`",
            "fill in {user}",
        ),
        (
            "json: { text",
            "text: x\n  json: { text",
            (22, 1),
            "a reply has one body",
            "write one of",
        ),
        (
            "says: [{ field: code, equals: [\"0\"], is: accepted }]",
            "says: []",
            (30, 5),
            "nothing tells that it was taken",
            "is: accepted",
        ),
        (
            "is: accepted",
            "is: taken",
            (30, 46),
            "unknown variant `taken`",
            "docs/operators.md",
        ),
        (
            "    input: json /input",
            "    input: json /input\n    user: json /user",
            (15, 5),
            "`user` is what `push:` calls something else",
            "give the field another name",
        ),
    ];
    check(&good, &rows);
    // Elsewhere they are no holes.
    let answered = GOOD.replace("{continues}", "{secret}");
    assert!(parse(&answered).is_err());
    let closed = good.replace("limits:", "closed: { text: \"{user}\" }\nlimits:");
    assert!(parse(&closed).is_err());
}

#[test]
fn a_shape_shows_what_it_is_for() {
    let (head, _) = GOOD.split_once("samples:").unwrap();
    let finding = parse(&format!("{head}samples: []\n")).unwrap_err();
    assert!(
        finding.message.contains("there is no sample"),
        "{}",
        finding.message
    );
}

#[test]
fn words_of_yaml_1_1_are_texts() {
    for word in ["N", "no", "y", "off", "YES"] {
        let text = GOOD.replace("more: \"{continues}\"", &format!("more: {word}"));
        let shape = compile::ussd(&Source::new("sample.yaml", &text)).unwrap();
        let reply = shape.reply.answer(200, false, &|_| None);
        assert_eq!(reply.body, format!("{{\"more\":\"{word}\"}}"));
        let text = GOOD.replace("equals: [new]", &format!("equals: [{word}]"));
        assert!(parse(&text).is_ok(), "{word}");
    }
}

#[test]
fn a_file_cannot_be_larger_than_its_limits() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x]\n");
    for (name, of) in ["b", "c", "d", "e"].iter().zip(["a", "b", "c", "d"]) {
        bomb.push_str(&format!(
            "{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n"
        ));
    }
    let nodes = format!("{GOOD}{}", "# x\n".repeat(10)).replace(
        "equals: [new]",
        &format!("equals: [{}]", "a, ".repeat(21_000)),
    );
    // As many as can be: what is wrong behind them still has its place.
    let most = format!("[{}]", "a, ".repeat(19_800));
    let many = GOOD.replace("equals: [new]", &format!("equals: {most}"));
    assert!(parse(&many).is_ok());
    let place = parse(&many.replace("deadline_ms: 5000", "deadline_ms: 1"));
    assert_eq!(place.unwrap_err().place(), (25, 1));
    let deep = GOOD.replace(
        "more: \"{continues}\"",
        &format!("more: {}{}", "[".repeat(60), "]".repeat(60)),
    );
    let large = format!("{GOOD}# {}\n", "x".repeat(256 * 1024));
    for (text, says) in [
        (bomb + GOOD, "anchor"),
        (nodes, "budget"),
        (deep, "budget"),
        (large, "at most 262144 bytes"),
    ] {
        let finding = parse(&text).unwrap_err();
        assert!(
            finding.message.contains(says),
            "{says}: {}",
            finding.message
        );
        assert!(finding.message.len() < 500, "{}", finding.message.len());
    }
    assert!(compile::channel(&Source::new("x", "\u{0}")).is_err());
}
