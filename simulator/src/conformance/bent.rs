//! Bends a good request: a field less, a field twice, bytes that are no text.

use serde_json::Value;

use crate::conformance::ask::{Asked, Body, Pairs};

/// Stands where bytes that are no text will be.
const MARK: &str = "bytes-that-are-no-text";
/// Bytes that no UTF-8 text has.
const NO_TEXT: &[u8] = b"\xc3\x28\xff";

impl Asked {
    /// With a field that the operator does not send yet.
    pub fn with_extra(&self) -> Self {
        let mut bent = self.clone();
        match &mut bent.body {
            Body::Xml(text) => {
                // Inside of the root, which ends last.
                if let Some(end) = text.rfind("</") {
                    text.insert_str(end, "<notKnownYet>1</notKnownYet>");
                }
            }
            Body::None | Body::Form(_) | Body::Json(_) | Body::Bytes(_) => {
                bent.parameter("notKnownYet", "1");
            }
        }
        bent
    }

    /// Without a field; nothing where it has none of that name.
    pub fn without(&self, field: &str) -> Option<Self> {
        let mut bent = self.clone();
        let taken = match &mut bent.body {
            Body::Json(value) => taken(value, field),
            Body::Xml(text) => replaced(text, field, |_| String::new()),
            Body::Form(pairs) => took(pairs, field),
            Body::None | Body::Bytes(_) => false,
        };
        (took(&mut bent.query, field) || taken).then_some(bent)
    }

    /// With a field twice, the second time with another value.
    pub fn twice(&self, field: &str) -> Option<Self> {
        let mut bent = self.clone();
        if let Some(pairs) = bent.pairs_with(field) {
            pairs.push((field.to_owned(), b"1".to_vec()));
            return Some(bent);
        }
        match &mut bent.body {
            Body::Json(value) => {
                let text = value.to_string();
                let name = format!("{}:", Value::from(field));
                let at = text.find(&name)?;
                let twice = format!("{}{name}\"1\",{}", &text[..at], &text[at..]);
                bent.body = Body::Bytes(twice.into_bytes());
                Some(bent)
            }
            Body::Xml(text) => {
                replaced(text, field, |whole| format!("{whole}{whole}")).then_some(bent)
            }
            Body::None | Body::Form(_) | Body::Bytes(_) => None,
        }
    }

    /// With another value in a field.
    pub fn with(&self, field: &str, value: &Value) -> Option<Self> {
        let text = plain(value);
        let mut bent = self.clone();
        if let Some(pairs) = bent.pairs_with(field) {
            for (_, there) in pairs.iter_mut().filter(|(name, _)| name == field) {
                text.as_bytes().clone_into(there);
            }
            return Some(bent);
        }
        let changed = match &mut bent.body {
            Body::Json(document) => put(document, field, value),
            Body::Xml(document) => replaced(document, field, |whole| {
                if let Some((before, after)) = string(whole) {
                    format!("{before}{text}{after}")
                } else if whole.starts_with('<') {
                    let name = &whole[..whole.find('>').map_or(0, |end| end + 1)];
                    format!("{name}{text}</{field}>")
                } else {
                    format!(" {field}=\"{text}\"")
                }
            }),
            Body::None | Body::Form(_) | Body::Bytes(_) => false,
        };
        changed.then_some(bent)
    }

    /// With bytes that are no UTF-8 in a field.
    pub fn not_text(&self, field: &str) -> Option<Self> {
        let mut bent = self.with(field, &Value::from(MARK))?;
        for pairs in [Some(&mut bent.query), form(&mut bent.body)]
            .into_iter()
            .flatten()
        {
            for (_, value) in pairs {
                if value == MARK.as_bytes() {
                    *value = NO_TEXT.to_vec();
                }
            }
        }
        let text = match &bent.body {
            Body::Json(value) => value.to_string(),
            Body::Xml(text) => text.clone(),
            Body::None | Body::Form(_) | Body::Bytes(_) => return Some(bent),
        };
        let (before, after) = text.split_once(MARK)?;
        bent.body = Body::Bytes([before.as_bytes(), NO_TEXT, after.as_bytes()].concat());
        Some(bent)
    }

    /// The query or the form, whichever has the field.
    fn pairs_with(&mut self, field: &str) -> Option<&mut Pairs> {
        [Some(&mut self.query), form(&mut self.body)]
            .into_iter()
            .flatten()
            .find(|pairs| pairs.iter().any(|(name, _)| name == field))
    }

    /// Cut in the middle, or none of its kind.
    pub fn malformed(&self) -> Option<Self> {
        let mut bent = self.clone();
        let text = match &self.body {
            Body::Json(value) => value.to_string(),
            Body::Xml(text) => text.clone(),
            Body::Form(_) => "\u{0}<<<{\"".to_owned(),
            Body::None | Body::Bytes(_) => return None,
        };
        let cut = match &self.body {
            Body::Form(_) => text.len(),
            Body::None | Body::Json(_) | Body::Xml(_) | Body::Bytes(_) => {
                text.floor_char_boundary(text.len() * 2 / 3)
            }
        };
        bent.body = Body::Bytes(text.as_bytes()[..cut].to_vec());
        Some(bent)
    }

    /// With a query that is far too large.
    pub fn with_long_head(&self, bytes: usize) -> Self {
        let mut bent = self.clone();
        let padding = ("notKnownYet".to_owned(), vec![b'x'; bytes]);
        bent.query.push(padding);
        bent
    }

    /// Far too large.
    pub fn too_large(&self, bytes: usize) -> Option<Self> {
        let mut bent = self.clone();
        match &mut bent.body {
            Body::None | Body::Bytes(_) => return None,
            Body::Xml(text) => {
                let padding = format!("<!--{}-->", "x".repeat(bytes));
                let end = text.rfind("</")?;
                text.insert_str(end, &padding);
            }
            Body::Form(_) | Body::Json(_) => bent.parameter("notKnownYet", &"x".repeat(bytes)),
        }
        Some(bent)
    }
}

/// A value as it stands in a form: texts without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn form(body: &mut Body) -> Option<&mut Pairs> {
    match body {
        Body::Form(pairs) => Some(pairs),
        Body::None | Body::Json(_) | Body::Xml(_) | Body::Bytes(_) => None,
    }
}

fn took(pairs: &mut Pairs, field: &str) -> bool {
    let before = pairs.len();
    pairs.retain(|(name, _)| name != field);
    pairs.len() < before
}

fn taken(value: &mut Value, field: &str) -> bool {
    match value {
        Value::Object(members) => {
            members.remove(field).is_some()
                || members.iter_mut().any(|(_, member)| taken(member, field))
        }
        Value::Array(items) => items.iter_mut().any(|item| taken(item, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn put(value: &mut Value, field: &str, new: &Value) -> bool {
    match value {
        Value::Object(members) => {
            if let Some(there) = members.get_mut(field) {
                *there = new.clone();
                return true;
            }
            members
                .iter_mut()
                .any(|(_, member)| put(member, field, new))
        }
        Value::Array(items) => items.iter_mut().any(|item| put(item, field, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What stands before and behind the text of a member of a struct (XML-RPC).
fn string(member: &str) -> Option<(&str, &str)> {
    let start = member.starts_with("<member>").then_some("<string>")?;
    let start = member.find(start)? + start.len();
    Some((&member[..start], &member[member.find("</string>")?..]))
}

/// Replaces an element with all that is in it, a member of a struct (XML-RPC), or an attribute with
/// the space before it.
pub(crate) fn replaced(text: &mut String, field: &str, with: impl FnOnce(&str) -> String) -> bool {
    let element = [format!("<{field}>"), format!("<{field} ")]
        .iter()
        .find_map(|start| text.find(start));
    let member = format!("<member><name>{field}</name>");
    let found = match element {
        None if text.contains(&member) => text.find(&member).and_then(|start| {
            let end = "</member>";
            let at = text[start..].find(end)?;
            Some(start..start + at + end.len())
        }),
        Some(start) => {
            let end = format!("</{field}>");
            text[start..]
                .find(&end)
                .map(|at| start..start + at + end.len())
        }
        None => {
            let name = format!(" {field}=\"");
            text.find(&name).and_then(|start| {
                let value = start + name.len();
                text[value..].find('"').map(|at| start..value + at + 1)
            })
        }
    };
    match found {
        Some(range) => {
            let new = with(&text[range.clone()]);
            text.replace_range(range, &new);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::conformance::ask::Values;

    fn asked(yaml: &str) -> Asked {
        Asked::from(&serde_saphyr::from_str(yaml).unwrap(), &Values::new())
    }

    fn shown(asked: Option<Asked>) -> String {
        let wire = asked.unwrap().wire("/l");
        format!("{} {}", wire.target, wire.body.escape_ascii())
    }

    #[test]
    fn bent_requests() {
        let form = asked("form: {a: b, c: d}");
        let query = asked("query: {a: b, c: d}");
        let json = asked("json: {o: {a: b}, c: d}");
        let xml = asked("xml: '<x e=\"f\"><a>b</a><c>d</c></x>'");
        for (bent, is) in [
            (form.without("a"), "/l c=d"),
            (form.twice("a"), "/l a=b&c=d&a=1"),
            (form.not_text("a"), "/l a=%C3%28%FF&c=d"),
            (Some(form.with_extra()), "/l a=b&c=d&notKnownYet=1"),
            (query.without("a"), "/l?c=d "),
            (query.twice("a"), "/l?a=b&c=d&a=1 "),
            (query.with("c", &Value::from("x")), "/l?a=b&c=x "),
            (json.without("a"), r#"/l {\"c\":\"d\",\"o\":{}}"#),
            (
                json.twice("a"),
                r#"/l {\"c\":\"d\",\"o\":{\"a\":\"1\",\"a\":\"b\"}}"#,
            ),
            (
                json.with("a", &Value::from(vec![1])),
                r#"/l {\"c\":\"d\",\"o\":{\"a\":[1]}}"#,
            ),
            (
                json.not_text("a"),
                r#"/l {\"c\":\"d\",\"o\":{\"a\":\"\xc3(\xff\"}}"#,
            ),
            (json.malformed(), r#"/l {\"c\":\"d\",\"o\":{\""#),
            (xml.without("a"), r#"/l <x e=\"f\"><c>d</c></x>"#),
            (xml.without("e"), "/l <x><a>b</a><c>d</c></x>"),
            (
                xml.twice("a"),
                r#"/l <x e=\"f\"><a>b</a><a>b</a><c>d</c></x>"#,
            ),
            (
                xml.with("a", &Value::from("z")),
                r#"/l <x e=\"f\"><a>z</a><c>d</c></x>"#,
            ),
            (
                xml.with("e", &Value::from("z")),
                r#"/l <x e=\"z\"><a>b</a><c>d</c></x>"#,
            ),
        ] {
            assert_eq!(shown(bent), is);
        }
        let member = |value: &str| {
            format!("<member><name>a</name><value><string>{value}</string></value></member>")
        };
        let call = asked(&format!("xml: '<m><struct>{}</struct></m>'", member("b")));
        let whole = |inner: &str| format!("/l <m><struct>{inner}</struct></m>");
        assert_eq!(shown(call.without("a")), whole(""));
        assert_eq!(shown(call.twice("a")), whole(&member("b").repeat(2)));
        let other = call.with("a", &Value::from("z"));
        assert_eq!(shown(other), whole(&member("z")));
        assert!(form.without("z").is_none() && xml.twice("z").is_none());
        assert!(query.malformed().is_none());
    }
}
