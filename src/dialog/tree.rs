//! The text of a YAML file as a tree of which every node knows its place, so that a finding can
//! point at it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::finding::{Finding, Source, Span};

/// The longest file that is read, in bytes.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// Levels of a dialog at most.
const DEPTH_MAX: usize = 12;

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands: the whole of a scalar, the beginning of a list or map.
    pub span: Span,
    /// What it is.
    pub tree: Tree,
}

impl Node {
    /// The stretch of the value behind these keys, and of the key itself; of a list, a number counts
    /// from 0. As far as the keys lead, where they lead nowhere. `len` is that of the node's text.
    pub fn behind(&self, keys: &[String], len: usize) -> Span {
        let (mut node, mut at, mut end) = (self, 0, len);
        for key in keys {
            let found = match &node.tree {
                Tree::Map(entries) => entries
                    .iter()
                    .position(|(known, _)| known.name == *key)
                    .and_then(|which| {
                        let next = entries.get(which + 1).map(|(key, _)| key.span.at);
                        entries
                            .get(which)
                            .map(|(key, value)| (value, key.span.at, next))
                    }),
                Tree::List(items) => key.parse::<usize>().ok().and_then(|which| {
                    let next = items.get(which + 1).map(|item| item.span.at);
                    items.get(which).map(|item| (item, item.span.at, next))
                }),
                Tree::Nothing | Tree::Text(_) => None,
            };
            let Some((value, begin, next)) = found else {
                break;
            };
            (node, at, end) = (value, begin, next.unwrap_or(end));
        }
        Span {
            at,
            len: end.saturating_sub(at),
        }
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Tree {
    /// Nothing stands there.
    Nothing,
    /// A scalar, as written, without quotes.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The key.
    pub name: String,
}

impl Tree {
    /// What it is, in words for a finding.
    pub fn described(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a single word or text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map of keys",
        }
    }
}

/// Reads YAML. Anchors, aliases and more than one document are refused, as are deep nesting and
/// more nodes than a dialog needs: a file that somebody sends in must cost little to refuse.
///
/// # Errors
/// One finding `D001` at the first place that cannot be read.
pub fn parse(source: &Source) -> Result<Node, Box<Finding>> {
    let text = source.text();
    if text.len() > SOURCE_BYTES_MAX {
        return Err(Box::new(source.error(
            "D001",
            Span::default(),
            format!(
                "the file has {} bytes; at most {SOURCE_BYTES_MAX} are read",
                text.len()
            ),
            "split the dialog",
        )));
    }
    read(text, DEPTH_MAX).map_err(|error| {
        let span = error
            .location()
            .map_or_else(Span::default, |place| span(&place, text));
        Box::new(source.error(
            "D001",
            span,
            format!("this is not YAML as dialogs use it: {}", error.without_snippet().render()),
            "mend the YAML: plain maps and lists, two spaces of indent, each key once, no anchors; quote a text that holds `: `, `#` or brackets",
        ))
    })
}

/// Reads YAML of any purpose, so many levels deep at most.
///
/// # Errors
/// What the reader says.
pub fn read(text: &str, depth_max: usize) -> Result<Node, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: budget(depth_max),
        strict_booleans: true,
        with_snippet: false,
    };
    let raw = serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options)?;
    Ok(node(raw, text))
}

/// What a file may cost to read, so many levels deep at most: whoever reads one in another way too has
/// to stop where this does.
pub fn budget(depth_max: usize) -> Option<serde_saphyr::Budget> {
    serde_saphyr::budget! {
        max_depth: depth_max,
        max_nodes: 20_000,
        max_events: 60_000,
        max_anchors: 0,
        max_aliases: 0,
        max_documents: 1,
        max_total_scalar_bytes: SOURCE_BYTES_MAX,
    }
}

/// The span of a location in bytes. The reader gives bytes for text that is in memory; if it did
/// not, its character offset would be the nearest.
fn span(place: &Location, text: &str) -> Span {
    let place = place.span();
    let fit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(text.len());
    Span {
        at: fit(place.byte_offset().unwrap_or_else(|| place.offset())),
        len: fit(place.byte_len().unwrap_or_else(|| place.len())),
    }
}

/// A node as serde gives it; scalars that YAML has a type for are told from their place.
enum Raw {
    Nothing,
    Typed,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

/// Depth is bounded by the budget, so recursion is safe.
fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let span = span(&raw.referenced, text);
    let tree = match raw.value {
        Raw::Nothing => Tree::Nothing,
        Raw::Typed => Tree::Text(
            text.get(span.at..span.at + span.len)
                .unwrap_or_default()
                .to_owned(),
        ),
        Raw::Text(word) => Tree::Text(word),
        Raw::List(items) => Tree::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => Tree::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key {
                        span: self::span(&key.referenced, text),
                        name: key.value,
                    };
                    (key, node(value, text))
                })
                .collect(),
        ),
    };
    Node { span, tree }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNode;

        impl<'de> Visitor<'de> for AnyNode {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a word, a list or a map")
            }

            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Nothing)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
                Ok(Raw::Typed)
            }

            fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Raw::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Raw::Map(map))
            }
        }

        deserializer.deserialize_any(AnyNode)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// The tree on one line: `text@line:column`.
    fn printed(source: &Source, node: &Node) -> String {
        let place = |span: Span| {
            let (line, column) = source.place(span.at);
            format!("{line}:{column}+{}", span.len)
        };
        match &node.tree {
            Tree::Nothing => "~".to_owned(),
            Tree::Text(text) => format!("{text}@{}", place(node.span)),
            Tree::List(items) => {
                format!(
                    "[{}]",
                    items
                        .iter()
                        .map(|item| printed(source, item))
                        .collect::<Vec<_>>()
                        .join(" ")
                )
            }
            Tree::Map(entries) => format!(
                "{{{}}}",
                entries
                    .iter()
                    .map(|(key, value)| format!(
                        "{}@{} {}",
                        key.name,
                        place(key.span),
                        printed(source, value)
                    ))
                    .collect::<Vec<_>>()
                    .join(" ")
            ),
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        for (text, tree) in [
            ("a: 1", "{a@1:1+1 1@1:4+1}"),
            (
                "é: [no, 0612, 12:30, 'q x', true]",
                "{é@1:1+2 [no@1:5+2 0612@1:9+4 12:30@1:15+5 q x@1:22+5 true@1:29+4]}",
            ),
            (
                "a:\n  - { b: c d, e: 1.50 }\n",
                "{a@1:1+1 [{b@2:7+1 c d@2:10+3 e@2:15+1 1.50@2:18+4}]}",
            ),
            ("a:\n", "{a@1:1+1 ~}"),
        ] {
            let source = Source::new("a.yaml", text);
            assert_eq!(printed(&source, &parse(&source).unwrap()), tree, "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_yaml_is_refused_at_its_place() {
        let deep = "[".repeat(20_000);
        let long = format!("# {}", "x".repeat(SOURCE_BYTES_MAX));
        let bomb = "a: &a [x, x]\nb: *a\n";
        for (text, line) in [
            ("a: 1\na: 2\n", 2),
            ("a: [1\nb: 2\n", 1),
            (bomb, 1),
            (deep.as_str(), 1),
            (long.as_str(), 1),
            ("a: 1\n---\nb: 2\n", 2),
        ] {
            let source = Source::new("a.yaml", text);
            let finding = parse(&source).unwrap_err();
            assert_eq!(finding.code, "D001");
            assert!(
                finding.place().0 >= line,
                "{:?} {}",
                finding.place(),
                finding.message
            );
        }
    }
}
