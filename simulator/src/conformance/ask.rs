//! Makes the operator's request from its description: placeholders are filled and each value is
//! encoded for the place where it stands.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::conformance::client::Wire;
use crate::conformance::operator::Ask;

/// What placeholders stand for: `{name}`.
pub type Values = BTreeMap<String, String>;

/// Fills a template. `{name}` without a value stays as it is, so that a typing mistake is seen.
pub fn fill(template: &str, values: &Values) -> String {
    fill_with(template, values, |value| value.to_owned())
}

fn fill_with(template: &str, values: &Values, encode: fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        match from[1..].find('}').map(|end| (&from[1..=end], end)) {
            Some((name, end)) if values.contains_key(name) => {
                filled.push_str(&encode(values.get(name).map_or("", String::as_str)));
                rest = &from[end + 2..];
            }
            Some(_) | None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Replaces escapes such as `%d` in a URL, encoded for a query.
pub fn fill_escapes(url: &str, escapes: &BTreeMap<String, String>) -> String {
    let mut filled = url.to_owned();
    for (escape, value) in escapes.iter().filter(|(name, _)| name.starts_with('%')) {
        filled = filled.replace(escape, &percent(value.as_bytes(), true));
    }
    filled
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3); in a form a space is `+`.
pub fn percent(bytes: &[u8], form: bool) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b' ' if form => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn xml_escaped(value: &str) -> String {
    quick_xml::escape::escape(value).into_owned()
}

/// Named values; those of a form can be bytes that are no text.
pub type Pairs = Vec<(String, Vec<u8>)>;

/// A body before it is bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// None.
    None,
    /// `application/x-www-form-urlencoded`.
    Form(Pairs),
    /// `application/json`.
    Json(Value),
    /// XML as text.
    Xml(String),
    /// Bytes of any type.
    Bytes(Vec<u8>),
}

/// A request whose parts can still be changed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path below the link, encoded; empty or beginning with a slash.
    pub path: String,
    /// Headers but the content type.
    pub headers: Vec<(String, String)>,
    /// The query.
    pub query: Pairs,
    /// The content type.
    pub content_type: Option<String>,
    /// The body.
    pub body: Body,
}

impl Asked {
    /// Fills a description.
    pub fn from(ask: &Ask, values: &Values) -> Self {
        let pairs = |map: &BTreeMap<String, String>| -> Pairs {
            map.iter()
                .map(|(name, value)| match value.as_str() {
                    // The text in the alphabet of the air, which is no UTF-8.
                    "{octets}" => (name.clone(), octets(values)),
                    value => (name.clone(), fill(value, values).into_bytes()),
                })
                .collect()
        };
        let (body, content_type) = if let Some(json) = &ask.json {
            (Body::Json(filled(json, values)), Some("application/json"))
        } else if let Some(xml) = &ask.xml {
            let xml = fill_with(xml.trim(), values, xml_escaped);
            (Body::Xml(xml), Some("text/xml; charset=utf-8"))
        } else if let Some(text) = &ask.text {
            let text = fill(text, values).into_bytes();
            (Body::Bytes(text), Some("text/plain; charset=utf-8"))
        } else if !ask.form.is_empty() {
            (
                Body::Form(pairs(&ask.form)),
                Some("application/x-www-form-urlencoded"),
            )
        } else {
            (Body::None, None)
        };
        let method = match (&ask.method, &body) {
            (Some(method), _) => method.clone(),
            (None, Body::None) => "GET".to_owned(),
            (None, _) => "POST".to_owned(),
        };
        let encode: fn(&str) -> String = |value| percent(value.as_bytes(), false);
        Self {
            method,
            path: fill_with(ask.path.as_deref().unwrap_or_default(), values, encode),
            headers: ask
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), fill(value, values)))
                .collect(),
            query: pairs(&ask.query),
            content_type: ask
                .content_type
                .clone()
                .or_else(|| content_type.map(str::to_owned)),
            body,
        }
    }

    /// The request's bytes, with the path of the link in front.
    pub fn wire(&self, link: &str) -> Wire {
        let mut target = format!("{link}{}", self.path);
        if !self.query.is_empty() {
            target.push('?');
            target.push_str(&encoded(&self.query));
        }
        let body = match &self.body {
            Body::None => Vec::new(),
            Body::Form(pairs) => encoded(pairs).into_bytes(),
            Body::Json(value) => value.to_string().into_bytes(),
            Body::Xml(text) => text.clone().into_bytes(),
            Body::Bytes(bytes) => bytes.clone(),
        };
        let mut headers = self.headers.clone();
        if let Some(content_type) = &self.content_type {
            headers.push(("content-type".to_owned(), content_type.clone()));
        }
        Wire {
            method: self.method.clone(),
            target,
            headers,
            body,
        }
    }
}

/// The octets that stand in `hex`.
fn octets(values: &Values) -> Vec<u8> {
    let digits = values.get("hex").map_or("", String::as_str).as_bytes();
    digits
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn encoded(pairs: &Pairs) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            format!(
                "{}={}",
                percent(name.as_bytes(), true),
                percent(value, true)
            )
        })
        .collect();
    pairs.join("&")
}

/// Fills every text of a document. A text that is one placeholder followed by `|number` becomes a
/// number.
pub fn filled(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(template) => match template.strip_suffix("|number") {
            Some(template) => {
                let text = fill(template, values);
                text.parse::<i64>().map_or(Value::String(text), Value::from)
            }
            None => Value::String(fill(template, values)),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), filled(member, values)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn values() -> Values {
        [
            ("input".to_owned(), "a&b <ü*\" c".to_owned()),
            ("sequence".to_owned(), "2".to_owned()),
        ]
        .into()
    }

    fn wire(yaml: &str) -> (String, String, String) {
        let ask: Ask = serde_saphyr::from_str(yaml).unwrap();
        let wire = Asked::from(&ask, &values()).wire("/ussd/x");
        let kind = wire.headers.first().map(|(_, value)| value.clone());
        (
            format!("{} {}", wire.method, wire.target),
            kind.unwrap_or_default(),
            String::from_utf8(wire.body).unwrap(),
        )
    }

    #[test]
    fn each_value_is_encoded_for_its_place() {
        let is = |yaml, line: &str, kind: &str, body: &str| {
            assert_eq!(
                wire(yaml),
                (line.into(), kind.into(), body.into()),
                "{yaml}"
            );
        };
        is(
            "query: {a: '+{input}'}",
            "GET /ussd/x?a=%2Ba%26b+%3C%C3%BC%2A%22+c",
            "",
            "",
        );
        is(
            "{path: '/s/{input}/start', form: {a: '{input}', b: ''}}",
            "POST /ussd/x/s/a%26b%20%3C%C3%BC%2A%22%20c/start",
            "application/x-www-form-urlencoded",
            "a=a%26b+%3C%C3%BC%2A%22+c&b=",
        );
        is(
            "{json: {a: '{input}', n: '{sequence}|number', x: '{sequence}', z: [null, true, '{y}']}}",
            "POST /ussd/x",
            "application/json",
            r#"{"a":"a&b <ü*\" c","n":2,"x":"2","z":[null,true,"{y}"]}"#,
        );
        is(
            "{method: PUT, xml: '<a b=\"{input}\">{input}</a>'}",
            "PUT /ussd/x",
            "text/xml; charset=utf-8",
            "<a b=\"a&amp;b &lt;ü*&quot; c\">a&amp;b &lt;ü*&quot; c</a>",
        );
    }

    #[test]
    fn one_request_is_told_by_its_difference_from_another() {
        let ask = |yaml| -> Ask { serde_saphyr::from_str(yaml).unwrap() };
        let common = ask("{json: {a: {b: 1, c: 2}, d: x}, query: {q: '1', r: '2'}}");
        let other = ask("{json: {a: {c: null}}, query: {q: '3'}}").over(&common);
        assert_eq!(
            other.json.unwrap().to_string(),
            r#"{"a":{"b":1,"c":null},"d":"x"}"#
        );
        assert_eq!(other.query["q"], "3");
        assert_eq!(other.query["r"], "2");
        let alone = ask("{alone: true, form: {a: b}}").over(&common);
        assert!(alone.json.is_none() && alone.query.is_empty());
    }
}
