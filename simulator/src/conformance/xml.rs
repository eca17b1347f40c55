//! A small document from an operator's XML: elements, attributes and text, found by path.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements within each other; more is refused.
const DEPTH_MAX: usize = 32;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The name without its prefix.
    pub name: String,
    /// Attributes as they stand there.
    pub attributes: Vec<(String, String)>,
    /// All text within, of children too.
    pub text: String,
    /// Elements within.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut open = vec![Self::default()];
        loop {
            let place = reader.buffer_position();
            let broken = |what: &str| format!("not XML at byte {place}: {what}");
            match reader.read_event().map_err(|_| broken("malformed"))? {
                Event::Start(start) => {
                    if open.len() > DEPTH_MAX {
                        return Err(broken("too deep"));
                    }
                    open.push(Self::of(&start).ok_or_else(|| broken("attribute"))?);
                }
                Event::Empty(start) => {
                    let element = Self::of(&start).ok_or_else(|| broken("attribute"))?;
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(element);
                    }
                }
                Event::End(_) => {
                    let Some(element) = open.pop() else {
                        return Err(broken("an end too many"));
                    };
                    let Some(parent) = open.last_mut() else {
                        return Err(broken("an end too many"));
                    };
                    parent.text.push_str(&element.text);
                    parent.children.push(element);
                }
                Event::Text(piece) => {
                    let piece = piece.decode().map_err(|_| broken("text"))?;
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&piece);
                    }
                }
                Event::CData(piece) => {
                    let piece = piece.decode().map_err(|_| broken("text"))?;
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&piece);
                    }
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().map_err(|_| broken("reference"))?;
                    let said = match reference.resolve_char_ref() {
                        Ok(Some(character)) => character.to_string(),
                        Ok(None) => quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(|| broken("reference"))?
                            .to_owned(),
                        Err(_) => return Err(broken("reference")),
                    };
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&said);
                    }
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        let mut root = match open.len() {
            1 => open.swap_remove(0),
            _ => return Err("not XML: it ends early".to_owned()),
        };
        match root.children.len() {
            1 => Ok(root.children.swap_remove(0)),
            _ => Err("not XML: expected one root element".to_owned()),
        }
    }

    fn of(start: &BytesStart<'_>) -> Option<Self> {
        let name = String::from_utf8(start.local_name().as_ref().to_vec()).ok()?;
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let name = String::from_utf8(attribute.key.local_name().as_ref().to_vec()).ok()?;
            attributes.push((name, attribute.unescape_value().ok()?.into_owned()));
        }
        Some(Self {
            name,
            attributes,
            ..Self::default()
        })
    }

    /// What stands at a path from the root on: names between slashes, `*` for any, `@name` at the
    /// end for an attribute, and `member[NAME]` for the one whose child `name` says so (XML-RPC).
    /// A slash in front, as shapes write it, is the same.
    pub fn at(&self, path: &str) -> Option<String> {
        let mut steps = path.strip_prefix('/').unwrap_or(path).split('/');
        let first = steps.next()?;
        if first != "*" && first != self.name {
            return None;
        }
        self.below(&steps.collect::<Vec<_>>())
    }

    fn below(&self, steps: &[&str]) -> Option<String> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(self.text.clone());
        };
        if let Some(name) = step.strip_prefix('@') {
            return self
                .attributes
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone());
        }
        self.children
            .iter()
            .filter(|child| child.is(step))
            .find_map(|child| child.below(rest))
    }

    fn is(&self, step: &str) -> bool {
        match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((element, named)) => {
                self.name == element
                    && self
                        .children
                        .iter()
                        .any(|child| child.name == "name" && child.text.trim() == named)
            }
            None => *step == *"*" || self.name == step,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn found_by_path() {
        let document = Element::parse(
            "<?xml version=\"1.0\"?><d><a b=\"1 &lt; 2\">x &amp; &#233;<c/></a><a><e>\u{645}</e></a>\
             <member><name>action</name><value>end</value></member></d>"
                .as_bytes(),
        )
        .unwrap();
        for (path, found) in [
            ("d/a", Some("x & é")),
            ("*/a/@b", Some("1 < 2")),
            ("/d/a/@b", Some("1 < 2")),
            ("//a/@b", None),
            ("d/a/e", Some("\u{645}")),
            ("d/*/e", Some("\u{645}")),
            ("d/a/c", Some("")),
            ("d/member[action]/value", Some("end")),
            ("d/member[text]/value", None),
            ("x/a", None),
            ("d/f", None),
        ] {
            assert_eq!(document.at(path).as_deref(), found, "{path}");
        }
    }

    #[test]
    fn refused() {
        for bytes in [
            &b"<a><b></a>"[..],
            b"<a>",
            b"",
            b"<a/><b/>",
            b"<a>\xff</a>",
            b"<a>&nothing;</a>",
        ] {
            assert!(Element::parse(bytes).is_err(), "{bytes:?}");
        }
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        assert!(Element::parse(deep.as_bytes()).is_err());
    }
}
