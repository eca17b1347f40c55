//! A place in a request that the gateway makes, and what has to stand there.

use serde::Deserialize;
use serde_json::Value;

use crate::conformance::ask::{Values, fill};
use crate::conformance::bent::plain;
use crate::conformance::client::Wire;
use crate::smsc::alphabet::Alphabet;

/// A place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A parameter of the query or of the form.
    #[serde(default)]
    pub field: Option<String>,
    /// A JSON pointer.
    #[serde(default)]
    pub json: Option<String>,
    /// A header.
    #[serde(default)]
    pub header: Option<String>,
    /// A segment of the path, counted from 0, decoded.
    #[serde(default)]
    pub segment: Option<usize>,
    /// The value is octets in hexadecimal digits; the field that says in which alphabet
    /// (`data_coding`).
    #[serde(default)]
    pub octets: Option<String>,
    /// The value, with placeholders.
    #[serde(default)]
    pub is: Option<Value>,
}

/// A request taken apart.
pub struct Parts<'a> {
    wire: &'a Wire,
    fields: Vec<(String, String)>,
    json: Option<Value>,
}

impl<'a> Parts<'a> {
    /// Takes a request apart.
    pub fn of(wire: &'a Wire) -> Self {
        let query = wire.target.split_once('?').map_or("", |(_, query)| query);
        let body = String::from_utf8_lossy(&wire.body);
        let json: Option<Value> = serde_json::from_str(&body).ok();
        let mut fields = pairs(query);
        if json.is_none() {
            fields.extend(pairs(&body));
        }
        Self { wire, fields, json }
    }

    fn field(&self, name: &str) -> Option<String> {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    /// What stands at a place.
    pub fn at(&self, place: &Place) -> Option<String> {
        let found = if let Some(name) = &place.field {
            self.field(name)
        } else if let Some(pointer) = &place.json {
            self.json.as_ref()?.pointer(pointer).map(plain)
        } else if let Some(name) = &place.header {
            let headers = &self.wire.headers;
            let found = headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        } else {
            let path = self.wire.target.split('?').next().unwrap_or_default();
            let at = place.segment?;
            path.trim_start_matches('/').split('/').nth(at).map(decoded)
        }?;
        match &place.octets {
            None => Some(found),
            Some(coding) => {
                let coding = self.field(coding)?.parse().ok()?;
                let digits: Vec<char> = found.chars().collect();
                let octets: Option<Vec<u8>> = digits
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok())
                    .collect();
                Alphabet::of_coding(coding)?.read(&octets?)
            }
        }
    }

    /// What is wrong at a place.
    pub fn fault(&self, place: &Place, values: &Values) -> Option<String> {
        let found = self.at(place);
        match &place.is {
            None if found.is_none() => Some(format!("{} is there", place.name())),
            None => None,
            Some(wanted) => {
                let wanted = fill(&plain(wanted), values);
                (found.as_deref() != Some(wanted.as_str()))
                    .then(|| format!("{} is {wanted:?}", place.name()))
            }
        }
    }
}

impl Place {
    /// Its name, for the report.
    pub fn name(&self) -> String {
        match (&self.field, &self.json, &self.header, self.segment) {
            (Some(name), _, _, _) | (None, Some(name), _, _) => name.clone(),
            (None, None, Some(name), _) => format!("the header {name}"),
            (None, None, None, at) => format!("segment {} of the path", at.unwrap_or(0)),
        }
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(text).unwrap_or_default()
}

/// A segment of a path, decoded (RFC 3986, 2.1).
fn decoded(segment: &str) -> String {
    // In a path `+` stands for itself.
    let guarded = format!("x={}", segment.replace('+', "%2B"));
    pairs(&guarded).into_iter().next().unwrap_or_default().1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn wire(target: &str, body: &str) -> Wire {
        Wire {
            method: "POST".into(),
            target: target.into(),
            headers: vec![("authorization".into(), "App k".into())],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn places() {
        let at = |wire: &Wire, yaml: &str| {
            let place: Place = serde_saphyr::from_str(yaml).unwrap();
            Parts::of(wire).at(&place)
        };
        let form = wire(
            "/a/tel%3A%2B212/b?x=1",
            "text=a%26b+c&coding=8&hex=06450646",
        );
        assert_eq!(at(&form, "field: x").unwrap(), "1");
        assert_eq!(at(&form, "field: text").unwrap(), "a&b c");
        assert_eq!(at(&form, "segment: 1").unwrap(), "tel:+212");
        assert_eq!(at(&form, "header: Authorization").unwrap(), "App k");
        assert_eq!(at(&form, "{field: hex, octets: coding}").unwrap(), "من");
        assert_eq!(at(&form, "field: none"), None);
        let json = wire("/a", r#"{"m":[{"to":"+212","n":1}]}"#);
        assert_eq!(at(&json, "json: /m/0/to").unwrap(), "+212");
        assert_eq!(at(&json, "json: /m/0/n").unwrap(), "1");
    }
}
