//! What goes to an operator, with holes: `CON {text}`. `{{` and `}}` are braces.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// Levels of a JSON template; serialisation goes down as many.
const DEPTH_MAX: usize = 16;

/// A text with holes; `H` says what goes into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<H>(Vec<Piece<H>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<H> {
    Text(String),
    Hole(H),
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What stands in the template at the place, to find it by: the hole, or the whole text.
    pub near: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// What goes into a hole.
#[derive(Clone, PartialEq, Eq)]
pub struct Fill<'a> {
    /// As text.
    pub text: Cow<'a, str>,
    /// Whether it stands in JSON without quotes: a number or a flag.
    pub bare: bool,
}

impl std::fmt::Debug for Fill<'_> {
    /// Never the content: it is a screen, a number, what somebody typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fill(…)")
    }
}

impl<'a> Fill<'a> {
    /// A text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            bare: false,
        }
    }

    /// `true` or `false`.
    pub fn flag(flag: bool) -> Self {
        Self {
            text: Cow::Borrowed(if flag { "true" } else { "false" }),
            bare: true,
        }
    }
}

/// How the content of holes is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// For XML, in elements and attributes alike.
    Xml,
    /// For a query, a form or a segment of a path.
    Url,
    /// For a header: only visible characters and spaces of ASCII are left.
    Header,
}

impl<H> Template<H> {
    /// Reads one; `hole` knows the names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, hole: &dyn Fn(&str) -> Option<H>) -> Result<Self, Misfit> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let from = &rest[at..];
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let Some(end) = from.find('}').filter(|_| from.starts_with('{')) else {
                return Err(Misfit {
                    near: Some(text.to_owned()),
                    message: format!(
                        "a single brace in `{text}`: write {{{{ or }}}} for a brace, {{NAME}} for a hole"
                    ),
                });
            };
            let name = &from[1..end];
            let known = hole(name).ok_or_else(|| Misfit {
                near: Some(format!("{{{name}}}")),
                message: format!("{{{name}}} is no field and nothing that can be filled in"),
            })?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Hole(known));
            rest = &from[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The text with its holes filled; an empty hole leaves nothing.
    pub fn fill<'a>(&self, escape: Escape, fill: &(dyn Fn(&H) -> Option<Fill<'a>> + '_)) -> String {
        self.fill_replacing(escape, &[], fill)
    }

    /// The same, where other texts stand for some characters of what is filled in: these go out as
    /// they are, without being escaped.
    pub fn fill_replacing<'a>(
        &self,
        escape: Escape,
        replace: &[(char, String)],
        fill: &(dyn Fn(&H) -> Option<Fill<'a>> + '_),
    ) -> String {
        let mut filled = String::with_capacity(256);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Hole(hole) => {
                    if let Some(fill) = fill(hole) {
                        replaced(&mut filled, &fill.text, escape, replace);
                    }
                }
            }
        }
        filled
    }

    /// The holes, in their order.
    pub fn holes(&self) -> impl Iterator<Item = &H> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Hole(hole) => Some(hole),
        })
    }

    /// The hole, where there is nothing else.
    fn only(&self) -> Option<&H> {
        match self.0.as_slice() {
            [Piece::Hole(hole)] => Some(hole),
            _ => None,
        }
    }
}

fn replaced(out: &mut String, text: &str, escape: Escape, replace: &[(char, String)]) {
    let mut rest = text;
    while let Some(at) = rest.find(|c| replace.iter().any(|(known, _)| *known == c)) {
        escaped(out, &rest[..at], escape);
        let mut chars = rest[at..].chars();
        let found = replace
            .iter()
            .find(|(known, _)| chars.as_str().starts_with(*known));
        if let Some((_, instead)) = found {
            out.push_str(instead);
        }
        chars.next();
        rest = chars.as_str();
    }
    escaped(out, rest, escape);
}

/// Whether XML 1.0 has the character at all (2.2, production 2), be it as a reference.
fn in_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn escaped(out: &mut String, text: &str, escape: Escape) {
    match escape {
        Escape::None => out.push_str(text),
        Escape::Xml => {
            for c in text.chars() {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&apos;"),
                    // A reader turns a bare one into a space or a line feed (XML 1.0, 2.11, 3.3.3).
                    '\n' => out.push_str("&#10;"),
                    '\t' => out.push_str("&#9;"),
                    '\r' => out.push_str("&#13;"),
                    c if in_xml(c) => out.push(c),
                    _ => {}
                }
            }
        }
        Escape::Url => out.extend(percent_encoding::utf8_percent_encode(
            text,
            percent_encoding::NON_ALPHANUMERIC,
        )),
        Escape::Header => out.extend(text.chars().filter(|c| matches!(c, ' '..='~'))),
    }
}

/// Something, or one thing while the session goes on and another at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// The same for both.
    Same(T),
    /// `continue:` and `end:`.
    Of {
        /// While it goes on.
        carry_on: T,
        /// At its end.
        end: T,
    },
}

impl<T> Choice<T> {
    /// The one for a reply that ends the session or does not.
    pub fn of(&self, ends: bool) -> &T {
        match self {
            Self::Same(same) => same,
            Self::Of { end, .. } if ends => end,
            Self::Of { carry_on, .. } => carry_on,
        }
    }

    /// The same with other contents.
    ///
    /// # Errors
    /// What `change` says.
    pub fn map<U, E>(&self, change: &dyn Fn(&T) -> Result<U, E>) -> Result<Choice<U>, E> {
        Ok(match self {
            Self::Same(same) => Choice::Same(change(same)?),
            Self::Of { carry_on, end } => Choice::Of {
                carry_on: change(carry_on)?,
                end: change(end)?,
            },
        })
    }
}

impl<'de> Deserialize<'de> for Choice<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tree::deserialize(deserializer)? {
            Tree::Text(text) | Tree::Bare(text) => Ok(Self::Same(text)),
            Tree::Choice(both) => match *both {
                (
                    Tree::Text(carry_on) | Tree::Bare(carry_on),
                    Tree::Text(end) | Tree::Bare(end),
                ) => Ok(Self::Of { carry_on, end }),
                _ => Err(serde::de::Error::custom(CHOICE)),
            },
            Tree::List(_) | Tree::Object(_) => Err(serde::de::Error::custom(CHOICE)),
        }
    }
}

const CHOICE: &str = "expected a text, or `continue:` and `end:` with a text each";

/// JSON as a shape writes it, holes in its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A number, `true`, `false` or `null`.
    Bare(String),
    /// A text, perhaps with holes.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object.
    Object(Vec<(String, Tree)>),
    /// One while the session goes on, the other at its end.
    Choice(Box<(Tree, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeReader)
    }
}

struct TreeReader;

impl<'de> Visitor<'de> for TreeReader {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bare("null".to_owned()))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bare("null".to_owned()))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bare(flag.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Bare(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Bare(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tree, E> {
        match serde_json::Number::from_f64(number) {
            Some(number) => Ok(Tree::Bare(number.to_string())),
            None => Err(E::custom("expected a number that JSON has")),
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names == ["continue", "end"] {
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            let mut both = entries.into_iter().map(|(_, tree)| tree);
            if let (Some(carry_on), Some(end)) = (both.next(), both.next()) {
                return Ok(Tree::Choice(Box::new((carry_on, end))));
            }
            return Ok(Tree::Object(Vec::new()));
        }
        Ok(Tree::Object(entries))
    }
}

/// JSON with holes, ready to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonTemplate<H> {
    /// As it stands.
    Bare(String),
    /// A text; where it is one hole and nothing else, what goes in may be a number or a flag, and
    /// an empty hole takes its key away.
    Text(Template<H>),
    /// A list.
    List(Vec<JsonTemplate<H>>),
    /// An object.
    Object(Vec<(String, JsonTemplate<H>)>),
    /// One while the session goes on, the other at its end.
    Choice(Box<(JsonTemplate<H>, JsonTemplate<H>)>),
}

impl<H> JsonTemplate<H> {
    /// Reads one; `hole` knows the names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(tree: &Tree, hole: &dyn Fn(&str) -> Option<H>) -> Result<Self, Misfit> {
        Self::parse_at(tree, hole, 0)
    }

    fn parse_at(
        tree: &Tree,
        hole: &dyn Fn(&str) -> Option<H>,
        depth: usize,
    ) -> Result<Self, Misfit> {
        if depth > DEPTH_MAX {
            return Err(Misfit {
                near: None,
                message: format!("more than {DEPTH_MAX} levels"),
            });
        }
        let deeper = |tree: &Tree| Self::parse_at(tree, hole, depth + 1);
        Ok(match tree {
            Tree::Bare(text) => Self::Bare(text.clone()),
            Tree::Text(text) => Self::Text(Template::parse(text, hole)?),
            Tree::List(items) => Self::List(items.iter().map(deeper).collect::<Result<_, _>>()?),
            Tree::Object(entries) => Self::Object(
                entries
                    .iter()
                    .map(|(name, tree)| Ok((name.clone(), deeper(tree)?)))
                    .collect::<Result<_, Misfit>>()?,
            ),
            Tree::Choice(both) => Self::Choice(Box::new((deeper(&both.0)?, deeper(&both.1)?))),
        })
    }

    /// The JSON with its holes filled.
    pub fn fill<'a>(&self, ends: bool, fill: &(dyn Fn(&H) -> Option<Fill<'a>> + '_)) -> String {
        let mut filled = String::with_capacity(256);
        if !self.write(&mut filled, ends, fill) {
            filled.push_str("null");
        }
        filled
    }

    /// Hands every hole to `see`.
    pub fn holes(&self, see: &mut dyn FnMut(&H)) {
        match self {
            Self::Bare(_) => {}
            Self::Text(template) => template.holes().for_each(see),
            Self::List(items) => items.iter().for_each(|item| item.holes(see)),
            Self::Object(entries) => entries.iter().for_each(|(_, value)| value.holes(see)),
            Self::Choice(both) => {
                both.0.holes(see);
                both.1.holes(see);
            }
        }
    }

    /// Writes it; false where there is nothing to write.
    fn write<'a>(
        &self,
        out: &mut String,
        ends: bool,
        fill: &(dyn Fn(&H) -> Option<Fill<'a>> + '_),
    ) -> bool {
        match self {
            Self::Bare(text) => out.push_str(text),
            Self::Text(template) => match template.only() {
                Some(hole) => match fill(hole) {
                    Some(fill) if fill.bare => out.push_str(&fill.text),
                    Some(fill) => quoted(out, &fill.text),
                    None => return false,
                },
                None => quoted(out, &template.fill(Escape::None, fill)),
            },
            Self::List(items) => {
                out.push('[');
                let mut first = true;
                for item in items {
                    let before = out.len();
                    if !first {
                        out.push(',');
                    }
                    if item.write(out, ends, fill) {
                        first = false;
                    } else {
                        out.truncate(before);
                    }
                }
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                let mut first = true;
                for (name, value) in entries {
                    let before = out.len();
                    if !first {
                        out.push(',');
                    }
                    quoted(out, name);
                    out.push(':');
                    if value.write(out, ends, fill) {
                        first = false;
                    } else {
                        out.truncate(before);
                    }
                }
                out.push('}');
            }
            Self::Choice(both) => {
                let one = if ends { &both.1 } else { &both.0 };
                return one.write(out, ends, fill);
            }
        }
        true
    }
}

/// A JSON text in its quotes (RFC 8259, section 7).
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hole(name: &str) -> Option<String> {
        ["text", "flag", "none", "number"]
            .contains(&name)
            .then(|| name.to_owned())
    }

    #[allow(clippy::ptr_arg, reason = "holes are texts here")]
    fn fill(name: &String) -> Option<Fill<'static>> {
        match name.as_str() {
            "text" => Some(Fill::text("a <\"é\n&")),
            "flag" => Some(Fill::flag(true)),
            "number" => Some(Fill {
                text: "7".into(),
                bare: true,
            }),
            _ => None,
        }
    }

    #[test]
    fn texts_are_filled_and_escaped() {
        for (template, escape, expected) in [
            ("CON {text}", Escape::None, "CON a <\"é\n&"),
            (
                "<a b=\"{text}\"/>",
                Escape::Xml,
                "<a b=\"a &lt;&quot;é&#10;&amp;\"/>",
            ),
            (
                "?t={text}&n={none}",
                Escape::Url,
                "?t=a%20%3C%22%C3%A9%0A%26&n=",
            ),
            ("x {text}", Escape::Header, "x a <\"&"),
            ("{{{flag}}}", Escape::None, "{true}"),
            ("", Escape::None, ""),
        ] {
            let template = Template::parse(template, &hole).unwrap();
            assert_eq!(template.fill(escape, &fill), expected);
        }
        for (wrong, says) in [
            ("{", "single brace"),
            ("}", "single brace"),
            ("{text", "single brace"),
            ("{what}", "{what} is no field"),
        ] {
            let error = Template::parse(wrong, &hole).unwrap_err().message;
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    fn json(yaml: &str, ends: bool) -> String {
        let tree: Tree = serde_saphyr::from_str(yaml).unwrap();
        JsonTemplate::parse(&tree, &hole).unwrap().fill(ends, &fill)
    }

    #[test]
    fn json_keeps_its_order_and_its_types() {
        let yaml = "
b: \"{text}\"
a: { continue: response, end: release }
n: \"{number}\"
none: \"{none}\"
some: \"x {none}\"
deep: { f: \"{flag}\", s: \"0000\", i: 3, list: [\"{none}\", null, \"{flag}\"] }
";
        assert_eq!(
            json(yaml, false),
            r#"{"b":"a <\"é\n&","a":"response","n":7,"some":"x ","deep":{"f":true,"s":"0000","i":3,"list":[null,true]}}"#
        );
        assert!(json(yaml, true).contains(r#""a":"release""#));
        let read: serde_json::Value = serde_json::from_str(&json(yaml, true)).unwrap();
        assert_eq!(read["b"], "a <\"é\n&");
    }

    #[test]
    fn a_choice_has_two_texts() {
        let same: Choice<String> = serde_saphyr::from_str("\"N\"").unwrap();
        assert_eq!(same.of(true), "N");
        let both: Choice<String> = serde_saphyr::from_str("{ continue: FC, end: FB }").unwrap();
        assert_eq!(
            (both.of(false).as_str(), both.of(true).as_str()),
            ("FC", "FB")
        );
        assert!(serde_saphyr::from_str::<Choice<String>>("{ continue: FC }").is_err());
        assert!(serde_saphyr::from_str::<Choice<String>>("[a]").is_err());
    }
}
