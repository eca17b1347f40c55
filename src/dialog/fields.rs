//! The keys of a map of a dialog file, read with findings for what does not belong there.

use crate::dialog::tree::{Key, Node, Tree};
use crate::finding::{Finding, Source, Span, nearest};

/// Findings as they are made while a file is read.
#[derive(Debug)]
pub struct Log {
    /// The file.
    pub source: Source,
    /// What was found so far.
    pub found: Vec<Finding>,
}

impl Log {
    /// Notes an error.
    pub fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.found
            .push(self.source.error(code, span, message, mend));
    }

    /// A node that has to be text.
    pub fn text<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        match &node.tree {
            Tree::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            Tree::Text(_) | Tree::Nothing => {
                self.error(
                    "D004",
                    node.span,
                    format!("{what} is empty"),
                    "write it, or take the key away",
                );
                None
            }
            Tree::List(_) | Tree::Map(_) => {
                self.wrong(node, what, "a single word");
                None
            }
        }
    }

    /// A node that has to be the name of a page or slot: small letters, digits and `_`.
    pub fn name<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        let text = self.text(node, what)?;
        self.is_name(text, node.span, what, '_').then_some(text)
    }

    /// A node that has to be the name of a Fluent message: small letters, digits and `-`.
    pub fn message<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        let text = self.text(node, what)?;
        self.is_name(text, node.span, what, '-').then_some(text)
    }

    /// Whether `text` is a name of small letters, digits and `joint`; notes it if not.
    pub fn is_name(&mut self, text: &str, span: Span, what: &str, joint: char) -> bool {
        let good = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint);
        if !good {
            self.error(
                "D006",
                span,
                format!(
                    "`{}` is not a name for {what}",
                    text.chars().take(60).collect::<String>()
                ),
                format!("use small letters, digits and `{joint}`, a letter first, at most 40"),
            );
        }
        good
    }

    /// A node that has to be `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.text(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.wrong(node, what, "`true` or `false`");
                None
            }
        }
    }

    /// A node that has to be a whole number from 1.
    pub fn number(&mut self, node: &Node, what: &str) -> Option<u32> {
        match self.text(node, what)?.parse::<u32>() {
            Ok(number) if number > 0 => Some(number),
            Ok(_) | Err(_) => {
                self.wrong(node, what, "a whole number from 1");
                None
            }
        }
    }

    /// A node that has to be a list.
    pub fn list<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a [Node]> {
        match &node.tree {
            Tree::List(items) => Some(items),
            Tree::Nothing | Tree::Text(_) | Tree::Map(_) => {
                self.wrong(node, what, "a list");
                None
            }
        }
    }

    /// A node that has to be one of the closed set `known`; `named` gives the name of each.
    pub fn one_of<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        known: &[T],
        named: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(node, what)?;
        let found = known.iter().copied().find(|&one| named(one) == text);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|&one| named(one)).collect();
            self.error(
                "D007",
                node.span,
                format!("there is no {what} `{text}`"),
                meant(text, &names),
            );
        }
        found
    }

    /// A finding that a node is not of the right shape.
    pub fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = match &node.tree {
            Tree::Text(text) => {
                format!("{what} is `{}`", text.chars().take(40).collect::<String>())
            }
            Tree::Nothing | Tree::List(_) | Tree::Map(_) => {
                format!("{what} is {}", node.tree.described())
            }
        };
        self.error(
            "D004",
            node.span,
            format!("{message}; {expected} is expected"),
            format!("write {expected}"),
        );
    }
}

/// The mend of a misspelt word.
pub fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? (one of: {})", known.join(", ")),
        None => format!("write one of: {}", known.join(", ")),
    }
}

/// The keys of one map.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// What the map describes, for findings.
    pub what: &'a str,
    /// Where a missing key is told: the map's name.
    pub span: Span,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// Opens a map.
    pub fn open(node: &'a Node, what: &'a str, span: Span, log: &mut Log) -> Option<Self> {
        match &node.tree {
            Tree::Map(entries) => Some(Self {
                what,
                span,
                entries,
            }),
            Tree::Nothing | Tree::Text(_) | Tree::List(_) => {
                log.wrong(node, what, "a map of keys");
                None
            }
        }
    }

    /// The same map under another name.
    pub fn called<'b>(self, what: &'b str) -> Fields<'b>
    where
        'a: 'b,
    {
        Fields { what, ..self }
    }

    /// Notes every key that is not `known`. A key of `elsewhere` belongs to other maps of this
    /// sort: that is another mistake (`D005`) than a misspelt one (`D002`).
    pub fn only(&self, known: &[&str], elsewhere: &[&str], log: &mut Log) {
        for (key, _) in self.entries {
            if known.contains(&key.name.as_str()) {
                continue;
            }
            let name: String = key.name.chars().take(60).collect();
            if elsewhere.contains(&key.name.as_str()) {
                log.error(
                    "D005",
                    key.span,
                    format!("{} has no `{name}`", self.what),
                    format!(
                        "take it away, or change the kind (keys here: {})",
                        known.join(", ")
                    ),
                );
            } else {
                log.error(
                    "D002",
                    key.span,
                    format!("{} has no key `{name}`", self.what),
                    meant(&name, known),
                );
            }
        }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node)
    }

    /// The value of a key that has to be there.
    pub fn need(&self, key: &str, log: &mut Log) -> Option<&'a Node> {
        let found = self.get(key);
        if found.is_none() {
            log.error(
                "D003",
                self.span,
                format!("{} has no `{key}`", self.what),
                format!("add `{key}:`"),
            );
        }
        found
    }

    /// Every key with its value, in the order of the file.
    pub fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }
}
