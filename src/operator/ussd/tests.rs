//! What single words of the language mean, each on a shape of its own.
#![allow(clippy::unwrap_used)]

use http::HeaderMap;

use super::*;
use crate::finding::Source;
use crate::operator::compile;

const HEAD: &str = r#"shape: sample
channel: ussd
title: A sample
known: whole
sources: [a page]
limits: { septets: 182, units: 80 }
deadline_ms: 5000
session_ms: 180000
samples: [{ what: a, mark: composed, source: a page, date: 2026-11-23, request: "GET /", reads: {} }]
"#;

fn shape(rest: &str) -> UssdShape {
    compile::ussd(&Source::new("sample.yaml", &format!("{HEAD}{rest}"))).unwrap()
}

fn hear(shape: &UssdShape, query: &str) -> Result<Heard, CallbackError> {
    shape.hear(Request {
        method: "GET",
        rest: "",
        query: Some(query),
        headers: &HeaderMap::new(),
        body: b"",
    })
}

/// Event and input of a query, or what is wrong with it.
fn read(shape: &UssdShape, query: &str) -> String {
    match hear(shape, query) {
        Ok(heard) => format!("{} {}", heard.is.word(), heard.input),
        Err(error) => error.to_string(),
    }
}

const LAST: &str = r#"
request:
  methods: [GET]
  fields:
    session: query s
    subscriber: { at: query n, optional: true }
    input: { at: query i, optional: true }
    turn: { at: query t, optional: true, digits: true }
    abort: { at: query a, optional: true }
    new: { at: query new, optional: true }
reads:
  input: last
  code: never
  event:
    - { field: abort, other_than: ["0", "NULL"], any_case: true, is: end }
    - { field: new, given: true, is: new }
    - { is: continue }
repeat: none
reply:
  text: { continue: "{dcs}|{text}|{url}", end: "{text}" }
  replace: { "|": "/", "\n": "<br>" }
refused: { status: 200, text: "{status} {detail}" }
"#;

#[test]
fn rules_and_fields_mean_what_they_say() {
    let shape = shape(LAST);
    for (query, expected) in [
        ("s=1&n=212661000001&i=7", "continue 7"),
        ("s=1&n=212661000001&i=7&a=0", "continue 7"),
        ("s=1&n=212661000001&i=7&a=null", "continue 7"),
        ("s=1&n=212661000001&i=7&a=1", "end 7"),
        ("s=1&n=212661000001&i=7&a=", "end 7"),
        // A dial may bring nothing, a key press brings what was pressed.
        ("s=1&n=212661000001&new", "new "),
        ("s=1&n=212661000001&i=", "continue "),
        ("s=1&n=212661000001", "field i is missing"),
        // An end that does not say whose closes nothing; anything else says it.
        ("s=1&a=1", "ignored "),
        ("s=%0A&a=1", "field s is not 1 to 128 bytes of text"),
        ("s=1&i=7", "field n is missing"),
        ("s=1&n=212661000001&i=7&t=12", "continue 7"),
        (
            "s=1&n=212661000001&i=7&t=first",
            "field t is not a number in digits",
        ),
        (
            "s=1&n=212661000001&i=7&t=",
            "field t is not a number in digits",
        ),
        (
            "s=1&n=212661000001&i=7&t=%D9%A1",
            "field t is not a number in digits",
        ),
    ] {
        assert_eq!(read(&shape, query), expected, "{query}");
    }
}

#[test]
fn replies_say_the_coding_and_the_url() {
    let shape = shape(LAST);
    let mut heard = hear(&shape, "s=1&n=212661000001&i=7").unwrap();
    heard.url = "https://gw.example/ussd/a|b".to_owned();
    for (text, ends, expected) in [
        (
            "Solde|1\n2",
            false,
            "15|Solde/1<br>2|https://gw.example/ussd/a/b",
        ),
        ("مرحبا", false, "72|مرحبا|https://gw.example/ussd/a/b"),
        ("|\n", true, "/<br>"),
    ] {
        let reply = Reply {
            text: text.to_owned(),
            ends,
        };
        assert_eq!(shape.answer(&heard, &reply).body, expected);
    }
}

#[test]
fn a_refusal_keeps_the_status_of_what_is_below_the_operators_words() {
    let shape = shape(LAST);
    for (status, expected) in [(400, 200), (404, 404), (405, 405), (415, 415)] {
        let answer = shape.refuse(status, "why");
        assert_eq!(
            (answer.status, answer.body),
            (expected, format!("{status} why"))
        );
    }
}

/// Where the path tells what a request is, another path is none, before anything else is read.
#[test]
fn a_path_that_tells_nothing_is_none() {
    let body = "reads: { input: last, code: never, event: [EVENTS] }\nrepeat: none\nreply: { text: \"{text}\" }\n";
    let fields = "session: query s, subscriber: query n, input: query i, step: ";
    let named = format!(
        "request: {{ methods: [GET], path: \"/{{step}}\", fields: {{ {fields} path step }} }}\n{body}"
    );
    let rest = format!("request: {{ methods: [GET], fields: {{ {fields} rest }} }}\n{body}");
    let closed =
        "{ field: step, equals: [WORD], is: new }, { field: step, equals: [last], is: end }";
    let open = format!("{closed}, {{ is: continue }}");
    for (file, events, word, path, expected) in [
        (&rest, closed, "\"\"", "", "field s is missing"),
        (
            &rest,
            closed,
            "\"\"",
            "/else",
            "there is nothing on this path; the shape has none below the link or last",
        ),
        (&rest, open.as_str(), "\"\"", "/else", "field s is missing"),
        (&named, closed, "first", "/first", "field s is missing"),
        (
            &named,
            closed,
            "first",
            "/else",
            "there is nothing on this path; the shape has /first or /last",
        ),
        (
            &named,
            closed,
            "first",
            "/",
            "there is nothing on this path; the shape has /first or /last",
        ),
    ] {
        let shape = shape(&file.replace("EVENTS", events).replace("WORD", word));
        let heard = shape.hear(Request {
            method: "GET",
            rest: path,
            query: None,
            headers: &HeaderMap::new(),
            body: b"",
        });
        let said = heard.err().map(|error| (error.status(), error.to_string()));
        let status = if expected.starts_with("there") {
            404
        } else {
            400
        };
        assert_eq!(said, Some((status, expected.to_owned())), "{path}");
    }
}

#[test]
fn a_path_may_have_the_code_before_it() {
    let shape = shape(
        r#"
request:
  methods: [GET]
  fields: { session: query s, subscriber: query n, code: query c, input: query i }
reads: { input: path, first: dialled, code: always }
repeat: path
reply: { text: "{text}" }
"#,
    );
    let codes = [
        ("*415#".to_owned(), ServiceName::from("one")),
        ("*415*33#".to_owned(), ServiceName::from("two")),
    ];
    for (code, input, expected) in [
        ("*415%23", "*415%23", Some(("one", ""))),
        ("*415%23", "*415*1*2%23", Some(("one", "1*2"))),
        ("*415%23", "*415*33*1%23", Some(("two", "1"))),
        ("*415", "", Some(("one", ""))),
        ("*415", "1*2", Some(("one", "1*2"))),
        ("*999%23", "*999*1%23", None),
    ] {
        let heard = hear(&shape, &format!("s=1&n=212661000001&c={code}&i={input}")).unwrap();
        let meant = shape.meaning(&heard, &codes).ok();
        let seen = meant.map(|meant| (meant.service, meant.input));
        let expected = expected.map(|(service, path)| {
            (
                Some(ServiceName::from(service)),
                Input::Path(path.to_owned()),
            )
        });
        assert!(seen == expected, "{code} {input}");
    }
}
