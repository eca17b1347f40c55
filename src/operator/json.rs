//! JSON in which each key stands once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value in the order of its text.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object; no key stands twice.
    Object(Vec<(String, Json)>),
}

impl fmt::Debug for Json {
    /// Never the content: it is what an operator sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

impl Json {
    /// Reads a whole text. Nesting is bounded by the reader at 128 levels.
    ///
    /// # Errors
    /// What was expected; never what stood there.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "JSON in UTF-8")?;
        serde_json::from_str(text).map_err(|error| {
            // A key of the text would be in the error's own words.
            if error.is_data() {
                "JSON in which each key stands once"
            } else {
                "JSON"
            }
        })
    }

    /// What stands at a pointer (RFC 6901), given as its steps.
    pub fn at(&self, steps: &[String]) -> Option<&Self> {
        steps.iter().try_fold(self, |at, step| match at {
            Self::Object(entries) => entries
                .iter()
                .find(|(key, _)| key == step)
                .map(|(_, value)| value),
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) => None,
        })
    }

    /// A single value as text; none of a list or an object, and none of `null`.
    pub fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(written(number))),
            Self::Flag(true) => Some(Cow::Borrowed("true")),
            Self::Flag(false) => Some(Cow::Borrowed("false")),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        serde_json::Number::from_f64(number)
            .map(Json::Number)
            .ok_or_else(|| E::custom("a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries: Vec<(String, Json)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("a key stands twice"));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Json::Object(entries))
    }
}

/// A number as a text: what is whole has all its digits, and no exponent as the shortest would.
fn written(number: &serde_json::Number) -> String {
    // 2^64: what is larger is no number of anything.
    const WHOLE_MAX: f64 = 18_446_744_073_709_551_616.0;
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < WHOLE_MAX => {
            format!("{value:.1}")
        }
        Some(_) | None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn steps(pointer: &str) -> Vec<String> {
        pointer.split('/').skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn values_are_found_and_shown_as_text() {
        let json = Json::parse(
            r#"{"a":{"b":["x",{"c":7}]},"flag":true,"none":null,"big":212661000001,"wide":4115256789276734.0,"part":2.5,"text":"é"}"#
                .as_bytes(),
        )
        .unwrap();
        for (pointer, expected) in [
            ("/a/b/0", Some("x")),
            ("/a/b/1/c", Some("7")),
            ("/flag", Some("true")),
            ("/none", None),
            ("/big", Some("212661000001")),
            ("/wide", Some("4115256789276734.0")),
            ("/part", Some("2.5")),
            ("/text", Some("é")),
            ("/a", None),
            ("/a/b/2", None),
            ("/a/b/x", None),
            ("/text/0", None),
        ] {
            let found = json.at(&steps(pointer)).and_then(Json::scalar);
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_without_its_content() {
        for (body, expected) in [
            (
                &b"{\"a\":1,\"a\":2}"[..],
                "JSON in which each key stands once",
            ),
            (
                b"{\"x\":{\"a\":1,\"a\":2}}",
                "JSON in which each key stands once",
            ),
            (b"{", "JSON"),
            (b"", "JSON"),
            (b"{} x", "JSON"),
            (b"\"\xff\"", "JSON in UTF-8"),
            (b"\"\\ud800\"", "JSON"),
        ] {
            assert_eq!(Json::parse(body), Err(expected));
        }
        let deep = "[".repeat(10_000);
        assert_eq!(Json::parse(deep.as_bytes()), Err("JSON"));
    }
}
