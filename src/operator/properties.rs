//! What holds for every built-in shape, whatever comes and whatever is shown.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::callback::ServiceName;
use crate::finding::Source;
use crate::operator::api::account::Account;
use crate::operator::compile;
use crate::operator::file::Is;
use crate::operator::reply::{Answer, ReplyBody};
use crate::operator::request::{BodyKind, Request};
use crate::operator::sample::Sample;
use crate::operator::shape::Shapes;
use crate::operator::ussd::UssdShape;
use crate::store::Reply;

/// All shapes of USSD.
static SHAPES: LazyLock<Vec<UssdShape>> = LazyLock::new(|| {
    let shapes = Shapes::load(&[]).unwrap();
    let files = shapes.iter().map(|shape| shapes.source(&shape.head().name));
    files
        .flatten()
        .filter(|source| source.text().contains("\nchannel: ussd\n"))
        .map(|source: &Source| compile::ussd(source).unwrap())
        .collect()
});

/// What somebody typed: in no error, ever.
const CANARY: &str = "7c4n4ry7";

fn codes() -> Vec<(String, ServiceName)> {
    vec![("*580#".to_owned(), ServiceName::from("tns"))]
}

/// Hears a request and, if it is taken, answers it; errors are looked through for the canary.
fn whole_way(shape: &UssdShape, request: Request<'_>) {
    let error = match shape.hear(request) {
        Ok(heard) => {
            let reply = Reply {
                text: "Bonjour".to_owned(),
                ends: false,
            };
            good(&shape.answer(&heard, &reply));
            match shape.meaning(&heard, &codes()) {
                Ok(_) => return,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    let answer = shape.refuse(error.status(), &error.to_string());
    good(&answer);
    for said in [format!("{error} {error:?}"), answer.body] {
        assert!(!said.contains(CANARY), "{}: {said}", shape.head.name);
    }
}

/// An answer that HTTP can carry, and whose body is what its content type says.
fn good(answer: &Answer) {
    assert!((200..600).contains(&answer.status));
    for (name, value) in &answer.headers {
        HeaderName::try_from(name).unwrap();
        HeaderValue::try_from(value).unwrap();
    }
    let kind = answer
        .headers
        .iter()
        .find(|(name, _)| name == "content-type");
    match kind.map(|(_, value)| value.as_str()) {
        None => assert_eq!(answer.body, ""),
        Some(kind) if kind.contains("json") => {
            let _: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        }
        Some(kind) if kind.contains("xml") => {
            roxmltree::Document::parse(&answer.body).unwrap();
        }
        Some(_) => {}
    }
}

/// Bytes that look like what operators send, or like nothing.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(CANARY.as_bytes().to_vec()),
        Just(b"&".to_vec()),
        Just(b"=".to_vec()),
        Just(b"%00".to_vec()),
        Just(b"%".to_vec()),
        Just(b"{\"".to_vec()),
        Just(b"\":\"".to_vec()),
        Just(b"\"}".to_vec()),
        Just(b"<ussd>".to_vec()),
        Just(b"<!DOCTYPE a>".to_vec()),
        Just(b"\xff".to_vec()),
        Just("١٢".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A text of a screen: all planes, and what breaks JSON, XML and lines of headers.
fn screen() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("]]>".to_owned()),
        Just("\u{2028}\u{2029}".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n\t \"'".to_owned()),
        Just("</string><!--".to_owned()),
        Just("&amp;&#0;".to_owned()),
        Just("{text}{{".to_owned()),
        Just("😀مرحبا".to_owned()),
        Just("|\\u0000\\".to_owned()),
        Just("\u{0}\u{1}\u{1b}\u{7f}\u{85}\u{feff}\u{fffe}\u{ffff}".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// One of the samples.
fn sample_of(shape: &UssdShape, at: usize) -> &Sample {
    &shape.samples[at % shape.samples.len()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_panic_a_shape_or_reach_an_error(
        body in bytes(), query in bytes(), rest in bytes(), value in bytes(), method in 0..3_usize,
    ) {
        let query = String::from_utf8_lossy(&query);
        let rest = format!("/{}", String::from_utf8_lossy(&rest));
        for shape in SHAPES.iter() {
            let mut headers = HeaderMap::new();
            let types = shape.media_types.iter();
            for kind in types.take(1) {
                headers.append("content-type", kind.parse().unwrap());
            }
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append("x-msisdn", value.clone());
                headers.append(HeaderName::from_static("host"), value);
            }
            for rest in ["", "/session/1/start", &rest] {
                let methods = ["GET", "POST", "PUT"];
                let method = methods[method];
                whole_way(shape, Request { method, rest, query: Some(&query), headers: &headers, body: &body });
            }
        }
    }

    #[test]
    fn a_sample_with_some_bytes_changed_panics_nothing(
        at in 0..16_usize, place in any::<prop::sample::Index>(), with in bytes(), cut in 0..3_usize,
    ) {
        for shape in SHAPES.iter() {
            let sample = sample_of(shape, at);
            let mut body = sample.body.clone().into_bytes();
            let mut query = sample.query.clone().unwrap_or_default().into_bytes();
            for text in [&mut body, &mut query] {
                let from = place.index(text.len() + 1);
                let to = (from + cut).min(text.len());
                text.splice(from..to, with.iter().copied());
            }
            let query = String::from_utf8_lossy(&query);
            let request = Request { query: Some(&query), body: &body, ..sample.request() };
            whole_way(shape, request);
        }
    }

    #[test]
    fn what_is_typed_reaches_no_error(at in 0..16_usize) {
        for shape in SHAPES.iter() {
            let sample = sample_of(shape, at);
            let marked = |text: &str| match shape.hear(sample.request()) {
                Ok(heard) if !heard.input.is_empty() => text.replace(&heard.input, CANARY),
                Ok(heard) => text.replace(&heard.session, CANARY),
                Err(_) => text.to_owned(),
            };
            let body = marked(&sample.body);
            let query = sample.query.as_deref().map(marked);
            whole_way(shape, Request { query: query.as_deref(), body: body.as_bytes(), ..sample.request() });
            // The same twice, so that there is something to refuse.
            let twice = query.map(|query| format!("{query}&{query}"));
            let doubled = body.repeat(2);
            whole_way(shape, Request { query: twice.as_deref(), body: doubled.as_bytes(), ..sample.request() });
        }
    }

    #[test]
    fn every_screen_is_read_back_as_it_was(text in screen(), ends in any::<bool>()) {
        for shape in SHAPES.iter() {
            for sample in &shape.samples {
                let Ok(heard) = shape.hear(sample.request()) else { continue };
                let reply = Reply { text: text.clone(), ends };
                let answer = shape.answer(&heard, &reply);
                good(&answer);
                if !matches!(heard.is, Is::End | Is::Ignored) {
                    let posted = shape.posted(&Account::sample(), &heard, &reply);
                    read_back(shape, posted.as_ref().map_or(&answer, |posted| &posted.answer), &text);
                }
            }
        }
    }

    #[test]
    fn whatever_an_error_says_the_refusal_is_well_formed(detail in screen(), status in 400..600_u16) {
        for shape in SHAPES.iter() {
            good(&shape.refuse(status, &detail));
        }
    }
}

/// Looks for the screen in the answer, as the operator's reader would.
fn read_back(shape: &UssdShape, answer: &Answer, text: &str) {
    let name = &shape.head.name;
    match &shape.screens().body {
        ReplyBody::Json(_) => {
            let read: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert!(
                texts_of(&read).contains(&text.to_owned()),
                "{name}: {}",
                answer.body
            );
        }
        ReplyBody::Xml(_) => {
            let lost = |c: &char| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            let mut wanted: String = text.chars().filter(|c| !lost(c)).collect();
            for (from, _) in &shape.screens().replace {
                wanted = wanted.replace(*from, "");
            }
            let document = roxmltree::Document::parse(&answer.body).unwrap();
            let texts = document.descendants().flat_map(|node| {
                let all: String = node
                    .children()
                    .filter_map(|child| child.text().filter(|_| child.is_text()))
                    .collect();
                node.attributes()
                    .map(|a| a.value().to_owned())
                    .chain([all])
                    .collect::<Vec<_>>()
            });
            assert!(
                texts.into_iter().any(|found| found == wanted),
                "{name}: {}",
                answer.body
            );
        }
        ReplyBody::Text(_) => {
            let mut wanted = text.to_owned();
            for (from, to) in &shape.screens().replace {
                wanted = wanted.replace(*from, to);
            }
            assert!(answer.body.contains(&wanted), "{name}: {}", answer.body);
        }
        ReplyBody::Empty => panic!("{name} shows nothing"),
    }
}

fn texts_of(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        serde_json::Value::Object(map) => map.values().flat_map(texts_of).collect(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            Vec::new()
        }
    }
}

#[test]
fn every_shape_is_shown_by_enough() {
    let file = Shapes::load(&[]).unwrap();
    for shape in SHAPES.iter() {
        let name = &shape.head.name;
        let text = file.source(name).unwrap().text().to_owned();
        let about = &shape.head.about;
        let sentences = about.matches(". ").count() + usize::from(about.ends_with('.'));
        assert!(
            (2..=6).contains(&sentences),
            "{name}: {sentences} sentences"
        );
        assert!(shape.samples.len() >= 2, "{name}");
        assert!(!shape.head.authentication.is_empty(), "{name}");
        assert_eq!(
            shape.body == BodyKind::None,
            shape.methods == ["GET"],
            "{name}"
        );
        let known = [
            "hmac",
            "twilio",
            "vonage",
            "basic",
            "bearer",
            "key",
            "path",
            "addresses",
            "certificate",
        ];
        for kind in &shape.head.authentication {
            assert!(known.contains(&kind.as_str()), "{name}: {kind}");
        }
        let arabic = text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
        assert!(
            arabic || ["africastalking", "generic"].contains(&name.as_str()),
            "{name} shows no Arabic"
        );
        for sample in &shape.samples {
            assert!(
                !sample.source.is_empty() && sample.date.len() == 10,
                "{name}: {}",
                sample.what
            );
        }
    }
}
