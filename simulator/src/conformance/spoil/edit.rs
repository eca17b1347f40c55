//! Changes an answer at the place of a rule.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::conformance::bent::{plain, replaced};
use crate::conformance::client::{Came, Wire};
use crate::conformance::read::{Parts, Rule};
use crate::conformance::xml::Element;

/// Takes out what stands at a rule's place.
pub fn cut(came: &mut Came, rule: &Rule) {
    if let Some(start) = &rule.starts {
        if let Some(rest) = body(came).strip_prefix(start.as_str()) {
            came.body = rest.as_bytes().to_vec();
        }
    } else if let Some(name) = &rule.header {
        came.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    } else if let Some(pointer) = &rule.json {
        json(came, |document| {
            let (folder, name) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Value::Object(members)) = document.pointer_mut(folder) {
                members.remove(name);
            }
        });
    } else if let Some(path) = &rule.xml {
        xml(came, path, |_| String::new());
    }
}

/// Writes what another rule wants where the first one holds.
pub fn swap(came: &mut Came, rule: &Rule, other: &Rule) {
    match (&rule.starts, &other.starts, &other.is) {
        (Some(start), Some(instead), _) => {
            if let Some(rest) = body(came).strip_prefix(start.as_str()) {
                came.body = format!("{instead}{rest}").into_bytes();
            }
        }
        (_, _, Some(value)) => set(came, other, value),
        (_, _, None) => cut(came, rule),
    }
}

/// Writes a value at a rule's place.
pub fn set(came: &mut Came, rule: &Rule, value: &Value) {
    let text = plain(value);
    if let Some(name) = &rule.header {
        header(came, name, &text);
    } else if let Some(pointer) = &rule.json {
        json(came, |document| {
            if let Some(there) = document.pointer_mut(pointer) {
                *there = value.clone();
            }
        });
    } else if let Some(path) = &rule.xml {
        let name = last(path);
        xml(came, path, |whole| match name.strip_prefix('@') {
            Some(name) => format!(" {name}=\"{text}\""),
            None => {
                // The attributes of an element stay.
                let tag = whole.split_inclusive('>').next();
                let tag = tag.filter(|tag| tag.starts_with(&format!("<{name} ")));
                let tag = tag.map_or_else(|| format!("<{name}>"), str::to_owned);
                format!("{tag}{text}</{name}>")
            }
        });
    } else if let Some(at) = rule.piece {
        let whole = body(came);
        let pieces = whole.split('|').enumerate();
        let pieces: Vec<&str> = pieces
            .map(|(place, piece)| if place == at { text.as_str() } else { piece })
            .collect();
        came.body = pieces.join("|").into_bytes();
    } else {
        came.body = text.into_bytes();
    }
}

/// Writes more behind the text of a screen.
pub fn lengthen(came: &mut Came, rule: &Rule, more: &str) {
    if let Some(Value::String(text)) = Parts::of(came).at(rule) {
        let text = quick_text(rule, &text);
        set(came, rule, &Value::from(format!("{text}{more}")));
    }
}

/// What was read from XML is escaped before it is written there again.
fn quick_text(rule: &Rule, text: &str) -> String {
    match rule.xml {
        Some(_) => quick_xml::escape::escape(text).into_owned(),
        None => text.to_owned(),
    }
}

/// Writes a header.
pub fn header(came: &mut Came, name: &str, value: &str) {
    came.headers
        .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    came.headers
        .push((name.to_ascii_lowercase(), value.to_owned()));
}

/// Whether a request has a word in its body or its query.
pub fn mentions(asked: &Wire, word: &str) -> bool {
    String::from_utf8_lossy(&asked.body).contains(word) || asked.target.contains(word)
}

/// Whether a request has a field twice.
pub fn has_twice(asked: &Wire) -> bool {
    let text = String::from_utf8_lossy(&asked.body).into_owned();
    let query = asked.target.split_once('?').map_or("", |(_, query)| query);
    let names: Vec<&str> = match text.trim_start().chars().next() {
        Some('{') => text
            .split('"')
            .zip(text.split('"').skip(1))
            .filter(|(_, after)| after.starts_with(':'))
            .map(|(name, _)| name)
            .collect(),
        Some('<') => text
            .split('<')
            .filter(|piece| !piece.starts_with('/'))
            .filter_map(|piece| piece.split(['>', ' ', '/']).next())
            .filter(|name| !name.is_empty())
            .collect(),
        Some(_) | None => text
            .split('&')
            .chain(query.split('&'))
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, _)| name)
            .collect(),
    };
    let once: BTreeSet<&&str> = names.iter().collect();
    once.len() < names.len()
}

/// Whether a request's body is broken: cut, or no form.
pub fn is_broken(asked: &Wire) -> bool {
    let Ok(text) = std::str::from_utf8(&asked.body) else {
        return false;
    };
    match text.trim_start().chars().next() {
        Some('{') => serde_json::from_str::<Value>(text).is_err(),
        Some('<') => Element::parse(text.as_bytes()).is_err(),
        Some(_) => !text.contains('='),
        None => false,
    }
}

fn body(came: &Came) -> String {
    String::from_utf8_lossy(&came.body).into_owned()
}

fn json(came: &mut Came, change: impl FnOnce(&mut Value)) {
    if let Ok(mut document) = serde_json::from_slice::<Value>(&came.body) {
        change(&mut document);
        came.body = document.to_string().into_bytes();
    }
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn xml(came: &mut Came, path: &str, instead: impl FnOnce(&str) -> String) {
    let mut text = body(came);
    let name = last(path);
    replaced(&mut text, name.trim_start_matches('@'), instead);
    came.body = text.into_bytes();
}
