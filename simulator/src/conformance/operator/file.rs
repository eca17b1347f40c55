//! Reads a description as YAML 1.2, and proves that it fits together: a fault names the file, the
//! line, the key and the mend.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::conformance::ask::{Asked, Body, Values};
use crate::conformance::operator::{AnswerForm, Description, Ussd};
use crate::conformance::read::Rule;
use crate::conformance::xml::Element;

/// Where the language of descriptions is told.
const GUIDE: &str = "docs/operators.md tells every key, at \"Proving it from the other side\"";

/// What a description is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// USSD as callbacks.
    Ussd,
    /// SMS in, SMS out and receipts.
    Sms,
}

#[derive(Deserialize)]
struct Head {
    kind: Kind,
}

/// A description; `file` is the name that faults have.
///
/// # Errors
/// `FILE:LINE:COLUMN: KEY: what is wrong`, and the mend on a line of its own.
pub fn read(file: &str, text: &str) -> Result<Description, String> {
    let head: Head = parsed(file, text)?;
    let (description, callbacks) = match head.kind {
        Kind::Ussd => {
            let ussd: Box<Ussd> = parsed(file, text)?;
            (Description::Ussd(ussd.clone()), *ussd)
        }
        Kind::Sms => {
            let sms: Box<crate::conformance::sms::Sms> = parsed(file, text)?;
            let callbacks = sms.as_callbacks();
            (Description::Sms(sms), callbacks)
        }
    };
    match unknown(&callbacks).or_else(|| lost(&callbacks.answer)) {
        None => Ok(description),
        Some(fault) => Err(fault.at(file, text)),
    }
}

fn parsed<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        // `n` and `yes` are words of operators.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error
            .without_snippet()
            .render_with_formatter(&serde_saphyr::DefaultMessageFormatter);
        let Some(place) = error.location() else {
            return format!("{file}: {message}\n  help: {GUIDE}");
        };
        let (line, column) = (place.line(), place.column());
        // The reader ends some messages with the place, which stands in front here.
        let message = message
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .replace("expected a string", "expected a text")
            .replace("invalid u64", "expected a whole number")
            .replace("invalid usize", "expected a whole number")
            .replace("invalid u16", "expected a whole number")
            .replace("expected u64", "expected a whole number")
            .replace("expected usize", "expected a whole number")
            .replace("expected u16", "expected a whole number");
        let lines = text.lines();
        let key = key(
            lines,
            usize::try_from(line).unwrap_or(1),
            usize::try_from(column).unwrap_or(1),
        );
        let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
        format!("{file}:{line}:{column}: {key}{message}\n  help: {GUIDE}")
    })
}

/// The key in whose value a place is, both counted from 1: the last one before it in its line, or
/// that of a line before which it is within.
fn key<'a>(lines: impl Iterator<Item = &'a str>, line: usize, column: usize) -> Option<&'a str> {
    let lines: Vec<&str> = lines.take(line).collect();
    let (last, before) = lines.split_last()?;
    let end = last.char_indices().nth(column.saturating_sub(1));
    let start = &last[..end.map_or(last.len(), |(at, _)| at)];
    let named = |text: &'a str| {
        let (text, _) = text.rsplit_once(':')?;
        let word = text.rsplit(['{', ',', ' ', '[']).next()?;
        let word = word.trim_matches(['"', '\'']);
        (!word.is_empty()).then_some(word)
    };
    if let Some(key) = named(start) {
        return Some(key);
    }
    let depth = |line: &str| line.len() - line.trim_start().len();
    let own = depth(last);
    let mut above = before.iter().rev();
    above
        .find(|line| !line.trim().is_empty() && depth(line) < own)
        .and_then(|line| named(line))
}

/// Something that does not fit, at a word behind a key.
struct Fault {
    key: &'static str,
    word: String,
    message: String,
    mend: String,
}

impl Fault {
    fn at(&self, file: &str, text: &str) -> String {
        let begins = |line: &str| line.trim_start().starts_with(&format!("{}:", self.key));
        let top = text.lines().position(begins).unwrap_or(0);
        let found = text.lines().enumerate().skip(top);
        let found = found
            .filter_map(|(line, text)| Some((line, text.find(&self.word)?)))
            .map(|(line, at)| (line + 1, at + 1))
            .next();
        let (line, column) = found.unwrap_or((top + 1, 1));
        format!(
            "{file}:{line}:{column}: {}: {}\n  help: {}",
            self.key, self.message, self.mend
        )
    }
}

/// A name of `required` or `wrong` that neither a key press nor a dial has.
fn unknown(ussd: &Ussd) -> Option<Fault> {
    let asked = Asked::from(&ussd.more.over(&ussd.ask), &Values::new());
    let dial = Asked::from(&ussd.new.over(&ussd.ask), &Values::new());
    let required = ussd.required.iter().map(|name| ("required", name));
    let wrong = ussd.wrong.keys().map(|name| ("wrong", name));
    let (key, name) = required
        .chain(wrong)
        .find(|(_, name)| asked.without(name).is_none() && dial.without(name).is_none())?;
    let known = names(&asked);
    let own = name.rsplit(['/', '.', '@', ' ']).next().unwrap_or_default();
    let mend = match known.iter().find(|known| known.eq_ignore_ascii_case(own)) {
        Some(known) => format!("write {known}: a field's own name, without the way to it"),
        None => format!(
            "write the name of a field that a callback has, without the way to it: {}",
            known.join(", ")
        ),
    };
    Some(Fault {
        key,
        word: name.clone(),
        message: format!("no callback of this operator has a field {name}"),
        mend,
    })
}

/// A pointer that can find nothing.
fn lost(answer: &AnswerForm) -> Option<Fault> {
    let is_lost = |rule: &&Rule| {
        let pointer = rule.json.as_deref().unwrap_or_default();
        !pointer.is_empty() && !pointer.starts_with('/')
    };
    let rule = answer.rules().chain(&answer.also).find(is_lost)?;
    let pointer = rule.json.clone().unwrap_or_default();
    Some(Fault {
        key: "answer",
        message: format!("json: {pointer} is no JSON pointer (RFC 6901)"),
        mend: format!("write json: /{pointer}"),
        word: pointer,
    })
}

/// The names of all fields of a request, each once.
fn names(asked: &Asked) -> Vec<String> {
    let mut names: Vec<String> = asked.query.iter().map(|(name, _)| name.clone()).collect();
    match &asked.body {
        Body::Form(pairs) => names.extend(pairs.iter().map(|(name, _)| name.clone())),
        Body::Json(value) => members(value, &mut names),
        Body::Xml(text) => {
            if let Ok(root) = Element::parse(text.as_bytes()) {
                elements(&root, &mut names);
            }
        }
        Body::None | Body::Bytes(_) => {}
    }
    names.sort();
    names.dedup();
    names
}

fn members(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(there) => {
            for (name, value) in there {
                names.push(name.clone());
                members(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn elements(element: &Element, names: &mut Vec<String>) {
    names.extend(element.attributes.iter().map(|(name, _)| name.clone()));
    for child in &element.children {
        names.push(child.name.clone());
        elements(child, names);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MINE: &str = "\
kind: ussd
operator: Mine
document: sample
deadline_ms: 5000
required: [id, op, n]
wrong: { n: nobody }
ask:
  json: { id: \"{session}\", op: n, n: \"{msisdn}\", from: { tel: x } }
answer:
  text: { json: /screen }
  continue: [{ json: /last, is: false }]
  end: [{ json: /last, is: true }]
";

    #[test]
    fn faults_have_their_place_and_mend() {
        let description = read("mine.yaml", MINE).unwrap();
        let Description::Ussd(ussd) = description else {
            unreachable!("it is of USSD")
        };
        assert_eq!(ussd.required, ["id", "op", "n"]);
        assert_eq!(ussd.ask.json.unwrap()["op"], "n");
        for (from, to, told) in [
            (
                "5000",
                "5s",
                "mine.yaml:4:14: deadline_ms: expected a whole number\n",
            ),
            (
                "operator: Mine",
                "operator: [Mine]",
                "mine.yaml:2:11: operator: ",
            ),
            ("document", "documents", "mine.yaml:3:1: "),
            ("kind: ussd", "kind: usd", "mine.yaml:1:7: kind: "),
            (
                "[id, op, n]",
                "[id, /from/tel]",
                "mine.yaml:5:16: required: no callback of this operator has a field /from/tel\n  \
                 help: write tel: a field's own name, without the way to it",
            ),
            (
                "{ n: nobody }",
                "{ m: nobody }",
                "mine.yaml:6:10: wrong: no callback of this operator has a field m\n  \
                 help: write the name of a field that a callback has, without the way to it: \
                 from, id, n, op, tel",
            ),
            (
                "json: /screen",
                "json: screen",
                "mine.yaml:10:17: answer: json: screen is no JSON pointer (RFC 6901)\n  \
                 help: write json: /screen",
            ),
        ] {
            assert!(MINE.contains(from), "{from}");
            let error = read("mine.yaml", &MINE.replacen(from, to, 1))
                .err()
                .unwrap();
            assert!(error.starts_with(told), "{told}\n{error}");
            assert!(error.contains("\n  help: "), "{error}");
        }
    }
}
