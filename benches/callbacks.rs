//! What a USSD callback costs between the bytes that came and the bytes that go, without the turn.
//!
//! `by hand` is what a parser and a writer take that were written for this one operator; `by shape`
//! does the same by a file. Each with what the door does anyway: the service of the code is found.

#![allow(missing_docs, reason = "benches")]

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use jisr::callback::{Msisdn, ServiceName};
use jisr::operator::request::Request;
use jisr::operator::shape::{Shape, Shapes};
use jisr::operator::ussd::UssdShape;
use jisr::store::Reply;

const FORM: &str = "phoneNumber=%2B212661000001&serviceCode=%2A580%23&text=2%2A1%2A1%2A1&sessionId=ATUid_0a1b2c3d4e5f60718293a4b5c6d7e8f9&networkCode=60401";
const JSON: &str = r#"{"session":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","msisdn":"+212661000001","code":"*580#","event":"continue","input":"1","id":"c-2","network":"60401"}"#;

fn reply() -> Reply {
    Reply {
        text: "Bonjour. Que voulez-vous ?\n1 Numéro d'immatriculation\n2 Pièces à fournir\n3 Mot de passe oublié\n4 Téléphone changé\n5 Autre".to_owned(),
        ends: false,
    }
}

fn codes() -> Vec<(String, ServiceName)> {
    vec![("*580#".to_owned(), ServiceName::from("tns"))]
}

/// One operator's form and nothing else: four fields, each once, bounded, and the number proved.
fn by_hand(body: &[u8], codes: &[(String, ServiceName)], reply: &Reply) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = serde_urlencoded::from_str(text).ok()?;
    let field = |name: &str| {
        let mut found = fields
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_ref());
        match (found.next(), found.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    };
    let bounded = |name, max: usize| {
        let value = field(name)?;
        let good = !value.is_empty() && value.len() <= max && !value.contains(char::is_control);
        good.then(|| value.to_owned())
    };
    let session = bounded("sessionId", 128)?;
    let subscriber = Msisdn::parse(field("phoneNumber")?).ok()?;
    let code = bounded("serviceCode", 128)?;
    let path = field("text")?.to_owned();
    let (_, service) = codes.iter().find(|(known, _)| *known == code)?;
    black_box((session, subscriber, path, service.clone()));
    Some(format!(
        "{} {}",
        if reply.ends { "END" } else { "CON" },
        reply.text
    ))
}

fn by_shape(
    shape: &UssdShape,
    request: Request<'_>,
    codes: &[(String, ServiceName)],
    reply: &Reply,
) -> Option<String> {
    let heard = shape.hear(request).ok()?;
    let meant = shape.meaning(&heard, codes).ok()?;
    black_box(&meant);
    Some(shape.answer(&heard, reply).body)
}

fn callbacks(criterion: &mut Criterion) {
    let (codes, reply) = (codes(), reply());
    let shapes = match Shapes::load(&[]) {
        Ok(shapes) => shapes,
        Err(findings) => panic!("{} shapes are wrong", findings.len()),
    };
    let mut group = criterion.benchmark_group("a callback");
    group.bench_function("by hand, a form", |bencher| {
        bencher.iter(|| by_hand(black_box(FORM.as_bytes()), &codes, &reply));
    });
    for (name, media_type, body) in [
        ("africastalking", "application/x-www-form-urlencoded", FORM),
        ("generic", "application/json", JSON),
    ] {
        let Some(Shape::Ussd(shape)) = shapes.get(name) else {
            panic!("no shape {name}");
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static(media_type));
        let request = Request {
            method: "POST",
            rest: "",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        assert!(by_shape(shape, request, &codes, &reply).is_some(), "{name}");
        group.bench_function(format!("by shape, {name}"), |bencher| {
            bencher.iter(|| by_shape(shape, black_box(request), &codes, &reply));
        });
    }
    group.finish();
}

criterion_group!(benches, callbacks);
criterion_main!(benches);
