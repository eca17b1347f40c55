//! The parameters of a request as a signature covers them: those of the query and of the body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::encoding::BodyKind;
use super::{Evidence, Why};

/// Names and values, decoded, in the order in which they came.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The pairs of a form or a query.
pub(super) fn form(text: &[u8]) -> Pairs<'_> {
    form_urlencoded::parse(text).collect()
}

/// The pairs of the query.
pub(super) fn query<'a>(evidence: &Evidence<'a>) -> Pairs<'a> {
    form(evidence.query.unwrap_or_default().as_bytes())
}

/// The one value of a name.
///
/// # Errors
/// [`Why::Unsigned`] when it is not there or empty, [`Why::Malformed`] when it stands twice.
pub(super) fn one<'p>(pairs: &'p Pairs<'_>, name: &str) -> Result<&'p str, Why> {
    let mut all = pairs.iter().filter(|(given, _)| given == name);
    let (_, value) = all.next().ok_or(Why::Unsigned)?;
    if all.next().is_some() {
        return Err(Why::Malformed);
    }
    if value.is_empty() {
        return Err(Why::Unsigned);
    }
    Ok(value)
}

/// The pairs of query and body together, whichever of the two the operator uses.
///
/// # Errors
/// [`Why::Malformed`] when the body is neither a form nor a flat JSON object.
pub(super) fn all<'a>(evidence: &Evidence<'a>) -> Result<Pairs<'a>, Why> {
    let mut pairs = query(evidence);
    if evidence.body.is_empty() {
        return Ok(pairs);
    }
    match BodyKind::of(evidence.headers) {
        BodyKind::Form => pairs.extend(form(evidence.body)),
        BodyKind::Json => {
            let Flat(body) = serde_json::from_slice(evidence.body).map_err(|_| Why::Malformed)?;
            pairs.extend(
                body.into_iter()
                    .map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))),
            );
        }
        BodyKind::Other => return Err(Why::Malformed),
    }
    Ok(pairs)
}

/// A JSON object of texts, numbers and truths; with its doubles, which a map would swallow.
struct Flat(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Flat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flat object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    let text = match value {
                        serde_json::Value::String(text) => text,
                        serde_json::Value::Number(number) => number.to_string(),
                        serde_json::Value::Bool(truth) => truth.to_string(),
                        serde_json::Value::Null => String::new(),
                        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                            return Err(A::Error::custom("nested"));
                        }
                    };
                    pairs.push((name, text));
                }
                Ok(Flat(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
