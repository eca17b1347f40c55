//! A small correct gateway in four shapes, to see that the checks pass where they should and that
//! each planted fault is found. It is written without the descriptions that judge it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hmac_of::signature;

use crate::conformance::client::{Client, Tls, Wire};
use crate::web::Server;

/// The secret of every link here.
pub const SECRET: &str = "sample-secret";

#[derive(Default)]
struct State {
    nonces: HashSet<String>,
    people: HashMap<String, Person>,
    api: String,
    texts: HashSet<String>,
}

#[derive(Default)]
struct Person {
    session: String,
    page: usize,
    path: String,
    answers: BTreeMap<String, String>,
}

const PAGES: [&str; 4] = [
    "1. العربية\n2. Français",
    "Conditions:\n1. J'accepte\n2. Plus",
    "Que voulez-vous faire ?\n1. Mon dossier",
    "Votre carte ?\n1. CNIE",
];

/// Serves `/ussd/NAME` for each of the four.
pub async fn start() -> Server {
    start_for(([127, 0, 0, 1], 1).into()).await
}

/// The same, and `/sms/generic-sms` with an operator's API at an address.
pub async fn start_for(api: SocketAddr) -> Server {
    let state = Arc::new(Mutex::new(State {
        api: format!("http://{api}"),
        ..State::default()
    }));
    let router = Router::new().fallback(
        move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let state = Arc::clone(&state);
            async move { answer(&mut state.lock().unwrap(), &method, &uri, &headers, &body) }
        },
    );
    Server::start(router.layer(axum::extract::DefaultBodyLimit::disable()), 0)
        .await
        .unwrap()
}

fn refused(status: u16, why: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, format!("{{\"detail\":\"{why}\"}}")).into_response()
}

fn answer(
    state: &mut State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if uri.to_string().len() > 8 * 1024 {
        return refused(431, "too large");
    }
    let path = uri.path();
    let shape = path.strip_prefix("/ussd/").or(path.strip_prefix("/sms/"));
    let shape = shape.unwrap_or_default();
    let (shape, rest) = shape.split_once('/').unwrap_or((shape, ""));
    let known = [
        "africastalking",
        "hubtel",
        "airtel",
        "truroute",
        "generic-sms",
    ]
    .contains(&shape);
    let at = header("x-jisr-timestamp").unwrap_or_default();
    let nonce = header("x-jisr-nonce").unwrap_or_default();
    let target = uri.path_and_query().unwrap().as_str();
    let wanted = format!("v1={}", signature(method.as_str(), target, at, nonce, body));
    let now = crate::conformance::run::unix_now();
    let fresh = at
        .parse::<i64>()
        .is_ok_and(|at| (now - 300..=now + 300).contains(&at));
    if !known || !fresh || header("x-jisr-signature") != Some(wanted.as_str()) {
        return refused(401, "not authenticated");
    }
    if !state.nonces.insert(format!("{shape} {nonce}")) {
        return refused(409, "this nonce was used");
    }
    if *method
        != if shape == "airtel" {
            Method::GET
        } else {
            Method::POST
        }
    {
        return refused(405, "another method");
    }
    let kind = header("content-type").unwrap_or_default();
    let right = match shape {
        "africastalking" => "application/x-www-form-urlencoded",
        "hubtel" | "generic-sms" => "application/json",
        "truroute" => "text/xml",
        _ => "",
    };
    if !kind.starts_with(right) {
        return refused(415, "another content type");
    }
    if body.len() > 16 * 1024 {
        return refused(413, "too large");
    }
    let fields = match shape {
        "africastalking" => pairs(body),
        "airtel" => pairs(uri.query().unwrap_or_default().as_bytes()),
        "hubtel" | "generic-sms" => members(body),
        _ => elements(body),
    };
    let fields = match fields {
        Ok(fields) => fields,
        Err(why) => return refused(400, &why),
    };
    if shape == "generic-sms" {
        return text(state, rest == "receipts", &fields);
    }
    let (session, msisdn, kind, input) = match shape {
        "africastalking" => ("sessionId", "phoneNumber", "serviceCode", "text"),
        "airtel" => ("SessionID", "MSISDN", "", "input"),
        "hubtel" => ("SessionId", "Mobile", "Type", "Message"),
        _ => ("sessionid", "msisdn", "type", "msg"),
    };
    if rest == "events" || fields.contains_key("clean") {
        return StatusCode::OK.into_response();
    }
    for name in [session, msisdn, kind, input] {
        if !name.is_empty() && !fields.contains_key(name) {
            return refused(400, &format!("{name} is missing"));
        }
    }
    let number = fields[msisdn].trim_start_matches('+');
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused(400, &format!("{msisdn} is no number"));
    }
    if let Some(sequence) = fields.get("Sequence")
        && sequence.parse::<u64>().is_err()
    {
        return refused(400, "Sequence is no number");
    }
    let (first, over) = match (shape, fields.get(kind).map(String::as_str)) {
        ("hubtel", Some("Initiation")) | ("truroute", Some("1")) => (true, false),
        ("hubtel", Some("Response")) | ("truroute", Some("2")) => (false, false),
        ("hubtel" | "truroute", Some("Release" | "Timeout" | "3" | "4")) => (false, true),
        ("hubtel" | "truroute", _) => return refused(400, &format!("{kind} is not known")),
        (_, _) => (false, false),
    };
    if over {
        return StatusCode::OK.into_response();
    }
    let key = match shape {
        "africastalking" => Some(fields[input].clone()),
        "hubtel" => fields.get("Sequence").cloned(),
        _ => None,
    };
    let person = state.people.entry(format!("{shape} {number}")).or_default();
    let (text, open) = turn(
        person,
        &fields[session],
        first,
        &fields[input],
        key,
        shape == "africastalking",
    );
    screen(shape, &fields[session], &text, open)
}

/// A text or a receipt: taken, and a text is answered once.
fn text(state: &mut State, receipt: bool, fields: &Fields) -> Response {
    let wanted: &[&str] = match receipt {
        true => &["id", "state"],
        false => &["id", "from", "text"],
    };
    if let Some(name) = wanted.iter().find(|name| !fields.contains_key(**name)) {
        return refused(400, &format!("{name} is missing"));
    }
    if !receipt && state.texts.insert(fields["id"].clone()) {
        tokio::spawn(answer_text(
            state.api.clone(),
            fields["id"].clone(),
            fields["from"].clone(),
        ));
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::ACCEPTED, kind, r#"{"accepted":true}"#).into_response()
}

async fn answer_text(api: String, id: String, to: String) {
    let client = Client::new(api, Duration::from_secs(10), Tls::default()).unwrap();
    let body = serde_json::json!({
        "id": id, "from": "5800", "to": to, "text": PAGES[0],
        "receipts": "http://127.0.0.1/sms/generic-sms/receipts",
    });
    let wire = Wire {
        method: "POST".into(),
        target: "/messages".into(),
        headers: vec![
            ("authorization".into(), "Bearer sample-secret".into()),
            ("content-type".into(), "application/json".into()),
        ],
        body: body.to_string().into_bytes(),
    };
    for _ in 0..3 {
        match client.send(&wire).await {
            Ok(came) if came.status == 429 => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(_) | Err(_) => return,
        }
    }
}

/// A turn: the text, and whether the session goes on.
fn turn(
    person: &mut Person,
    session: &str,
    first: bool,
    input: &str,
    key: Option<String>,
    path: bool,
) -> (String, bool) {
    if person.session != session {
        // An older session is told by its name: sessions that were here before are kept.
        if person.answers.contains_key(&format!("was {session}")) {
            return ("Terminé".to_owned(), false);
        }
        let before = std::mem::take(&mut person.session);
        *person = Person {
            session: session.to_owned(),
            answers: [(format!("was {before}"), String::new())].into(),
            ..Person::default()
        };
        if path {
            input.clone_into(&mut person.path);
        }
        let text = PAGES[0].to_owned();
        person.answers.extend(key.map(|key| (key, text.clone())));
        return (text, true);
    }
    if let Some(text) = key.as_ref().and_then(|key| person.answers.get(key)) {
        return (text.clone(), true);
    }
    let typed = match path {
        true => {
            let Some(rest) = input.strip_prefix(&person.path) else {
                return (PAGES[person.page].to_owned(), true);
            };
            let rest = rest.strip_prefix('*').unwrap_or(rest).to_owned();
            input.clone_into(&mut person.path);
            rest
        }
        false => input.to_owned(),
    };
    let text = if ["1", "١"].contains(&typed.as_str()) {
        person.page = (person.page + 1).min(PAGES.len() - 1);
        PAGES[person.page].to_owned()
    } else if first {
        PAGES[0].to_owned()
    } else {
        format!("Non.\n{}", PAGES[person.page])
    };
    person.answers.extend(key.map(|key| (key, text.clone())));
    (text, true)
}

fn screen(shape: &str, session: &str, text: &str, open: bool) -> Response {
    let which = |yes, no| if open { yes } else { no };
    let (kind, body) = match shape {
        "africastalking" => ("text/plain", format!("{} {text}", which("CON", "END"))),
        "airtel" => ("text/plain; charset=utf-8", text.to_owned()),
        "hubtel" => (
            "application/json",
            serde_json::json!({
                "SessionId": session, "Type": which("response", "release"), "Message": text,
                "Label": "", "DataType": which("input", "display"), "FieldType": "text",
            })
            .to_string(),
        ),
        _ => (
            "text/xml",
            format!(
                "<ussd><type>{}</type><msg>{}</msg></ussd>",
                which("2", "3"),
                quick_xml::escape::escape(text)
            ),
        ),
    };
    let mut answer = Response::builder().header(header::CONTENT_TYPE, kind);
    if shape == "airtel" {
        answer = answer
            .header("Freeflow", which("FC", "FB"))
            .header("charge", "N")
            .header("amount", "0");
    }
    answer.body(Body::from(body)).unwrap()
}

type Fields = BTreeMap<String, String>;

fn once(fields: &mut Fields, name: String, value: String) -> Result<(), String> {
    match fields.insert(name.clone(), value) {
        Some(_) => Err(format!("{name} is there twice")),
        None => Ok(()),
    }
}

fn pairs(bytes: &[u8]) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for pair in bytes.split(|byte| *byte == b'&') {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default());
        let (name, value) = (half()?, half()?);
        once(&mut fields, name, value)?;
    }
    Ok(fields)
}

fn decoded(bytes: &[u8]) -> Result<String, String> {
    let mut plain = Vec::new();
    let mut rest = bytes;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(&more[..2.min(more.len())]).unwrap_or_default();
                plain.push(u8::from_str_radix(digits, 16).map_err(|_| "bad escape")?);
                rest = &more[2..];
            }
            b'+' => plain.push(b' '),
            byte => plain.push(*byte),
        }
    }
    String::from_utf8(plain).map_err(|_| "not UTF-8".to_owned())
}

fn members(bytes: &[u8]) -> Result<Fields, String> {
    struct Once(Fields);
    impl<'de> serde::Deserialize<'de> for Once {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_map(Once(Fields::new()))
        }
    }
    impl<'de> serde::de::Visitor<'de> for Once {
        type Value = Self;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: serde::de::MapAccess<'de>>(mut self, mut map: M) -> Result<Self, M::Error> {
            while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                let value = match value {
                    serde_json::Value::String(text) => text,
                    serde_json::Value::Number(number) => number.to_string(),
                    serde_json::Value::Null
                    | serde_json::Value::Bool(_)
                    | serde_json::Value::Array(_)
                    | serde_json::Value::Object(_) => {
                        return Err(serde::de::Error::custom("another type"));
                    }
                };
                once(&mut self.0, name, value).map_err(serde::de::Error::custom)?;
            }
            Ok(self)
        }
    }
    serde_json::from_slice::<Once>(bytes)
        .map(|once| once.0)
        .map_err(|_| "no such object".to_owned())
}

fn elements(bytes: &[u8]) -> Result<Fields, String> {
    let root = crate::conformance::xml::Element::parse(bytes)?;
    let mut fields = Fields::new();
    for child in root.children {
        once(&mut fields, child.name, child.text)?;
    }
    Ok(fields)
}

/// The signature, made once more and otherwise than the side that is tested.
mod hmac_of {
    use ring::hmac::{Context, HMAC_SHA256, Key};

    pub fn signature(method: &str, target: &str, at: &str, nonce: &str, body: &[u8]) -> String {
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let mut context = Context::with_key(&Key::new(HMAC_SHA256, super::SECRET.as_bytes()));
        for line in [method, target, at, nonce] {
            context.update(line.as_bytes());
            context.update(b"\n");
        }
        let body = ring::digest::digest(&ring::digest::SHA256, body);
        context.update(hex(body.as_ref()).as_bytes());
        hex(context.sign().as_ref())
    }
}
