//! How one operator asks and what it wants to be answered, as data: a YAML file of a few lines.
//!
//! The built-in ones stand in `operators/`, each written from what the operator or somebody who
//! connected to it published; an integrator writes another for an operator of their own.

pub mod file;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::conformance::operator::file::Kind;
use crate::conformance::pushed::PushForm;
use crate::conformance::read::Rule;
use crate::conformance::sms::Sms;

/// A description as it stands in a file.
#[derive(Clone, Debug)]
pub enum Description {
    /// USSD as callbacks.
    Ussd(Box<Ussd>),
    /// SMS in, SMS out and receipts.
    Sms(Box<Sms>),
}

/// A USSD operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ussd {
    /// What it is a description of.
    pub kind: Kind,
    /// Its name, for the report.
    pub operator: String,
    /// The document that says so, for the report's clauses.
    pub document: String,
    /// What a key press carries.
    #[serde(default)]
    pub input: Typed,
    /// By what a repeat is recognised.
    #[serde(default)]
    pub repeat: Repeat,
    /// Milliseconds within which it wants an answer.
    pub deadline_ms: u64,
    /// Why the contract has no room for some checks.
    #[serde(default)]
    pub lacks: Lacks,
    /// How much a screen holds.
    #[serde(default)]
    pub limits: Limits,
    /// A dial string `*580*1*1#` reaches the gateway.
    #[serde(default)]
    pub dial_strings: bool,
    /// Whether a session has an id that each callback carries.
    #[serde(default = "yes")]
    pub session_id: bool,
    /// Which callbacks have the number.
    #[serde(default)]
    pub number: Numbered,
    /// Cookies come back.
    #[serde(default)]
    pub cookies: bool,
    /// What comes back in the next callback: placeholders, and where an answer has them.
    #[serde(default)]
    pub carry: BTreeMap<String, Rule>,
    /// Fields without which a callback is refused.
    #[serde(default)]
    pub required: Vec<String>,
    /// Fields with a value that they never have.
    #[serde(default)]
    pub wrong: BTreeMap<String, Value>,
    /// How a callback that cannot be taken is answered, where the document says so; else the status
    /// alone tells.
    #[serde(default)]
    pub refusal: Option<RefusalForm>,
    /// The document names no content type of callbacks.
    #[serde(default)]
    pub any_type: bool,
    /// What all callbacks have in common.
    pub ask: Ask,
    /// What is different when somebody dials.
    #[serde(default)]
    pub new: Ask,
    /// What is different when somebody presses a key.
    #[serde(default, rename = "continue")]
    pub more: Ask,
    /// How the gateway learns that somebody hung up; without it, it does not.
    #[serde(default)]
    pub end: Option<Ask>,
    /// How the gateway learns that nobody answered; without it, it does not.
    #[serde(default)]
    pub timeout: Option<Ask>,
    /// How screens come, where they are not in the answers; `answer` is then how they are read.
    #[serde(default)]
    pub pushed: Option<PushForm>,
    /// How an answer is read.
    pub answer: AnswerForm,
    /// The status that acknowledges `end` and `timeout`.
    #[serde(default = "ok")]
    pub acknowledge: u16,
}

/// What an operator does not tell, each with what its document has instead, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lacks {
    /// That a subscriber has hung up.
    pub end: Option<String>,
    /// That a subscriber has not answered in time.
    pub timeout: Option<String>,
    /// Anything by which a repeat is recognised.
    pub repeat: Option<String>,
}

/// What a key press carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Typed {
    /// What was typed now.
    #[default]
    Last,
    /// All that was typed in the session, joined by `*`.
    Path,
}

/// Which callbacks have the subscriber's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbered {
    /// All.
    #[default]
    Always,
    /// The first one of a session.
    First,
}

/// By what a repeat is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// An id of the callback, or its number within the session.
    Key,
    /// The whole path that was typed.
    Path,
    /// Nothing.
    #[default]
    None,
}

/// How much a screen holds. All that are given count.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Septets of a text in the GSM alphabet.
    pub septets: usize,
    /// UTF-16 units of any other text.
    pub units: usize,
    /// Characters of any text.
    pub characters: Option<usize>,
}

impl Default for Limits {
    /// 160 octets (3GPP TS 23.038, 5).
    fn default() -> Self {
        Self {
            septets: 182,
            units: 80,
            characters: None,
        }
    }
}

/// A request with placeholders, or what is different in it from another one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The method; POST with a body, else GET.
    #[serde(default)]
    pub method: Option<String>,
    /// The path below the link.
    #[serde(default)]
    pub path: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields of a form.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    /// A JSON document.
    #[serde(default)]
    pub json: Option<Value>,
    /// An XML document.
    #[serde(default)]
    pub xml: Option<String>,
    /// Plain text.
    #[serde(default)]
    pub text: Option<String>,
    /// The content type, if not that of the body's kind.
    #[serde(default, rename = "type")]
    pub content_type: Option<String>,
    /// Nothing of the common one is taken over.
    #[serde(default)]
    pub alone: bool,
}

impl Ask {
    /// The common request with what is different in this one.
    pub fn over(&self, common: &Self) -> Self {
        if self.alone {
            return self.clone();
        }
        let join = |below: &BTreeMap<String, String>, above: &BTreeMap<String, String>| {
            let mut joined = below.clone();
            joined.extend(above.clone());
            joined
        };
        let json = match (&common.json, &self.json) {
            (Some(below), Some(above)) => Some(merged(below, above)),
            (below, above) => above.clone().or_else(|| below.clone()),
        };
        Self {
            method: self.method.clone().or_else(|| common.method.clone()),
            path: self.path.clone().or_else(|| common.path.clone()),
            headers: join(&common.headers, &self.headers),
            query: join(&common.query, &self.query),
            form: join(&common.form, &self.form),
            json,
            xml: self.xml.clone().or_else(|| common.xml.clone()),
            text: self.text.clone().or_else(|| common.text.clone()),
            content_type: self
                .content_type
                .clone()
                .or_else(|| common.content_type.clone()),
            alone: false,
        }
    }
}

/// Objects are joined member by member, everything else is replaced.
fn merged(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            let mut joined = below.clone();
            for (name, value) in above {
                let value = match joined.get(name) {
                    Some(there) => merged(there, value),
                    None => value.clone(),
                };
                joined.insert(name.clone(), value);
            }
            Value::Object(joined)
        }
        (_, above) => above.clone(),
    }
}

/// How an answer is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The status of every screen.
    #[serde(default = "ok")]
    pub status: u16,
    /// The media type, without parameters.
    #[serde(default, rename = "type")]
    pub content_type: Option<String>,
    /// Where the text of the screen stands.
    pub text: Rule,
    /// What says that the session goes on: all of it.
    #[serde(rename = "continue")]
    pub more: Vec<Rule>,
    /// What says that it is over: all of it.
    pub end: Vec<Rule>,
    /// What has to be in each answer besides.
    #[serde(default)]
    pub also: Vec<Rule>,
}

impl AnswerForm {
    /// Whether an answer is a JSON or an XML document.
    pub fn is_document(&self) -> bool {
        self.rules()
            .any(|rule| rule.json.is_some() || rule.xml.is_some())
    }

    /// The rules that every answer is read by.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.more.iter().chain(&self.end).chain([&self.text])
    }
}

/// How an error is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalForm {
    /// The status, for operators that read no answer but with their own; 400 if not given.
    #[serde(default)]
    pub status: Option<u16>,
    /// The media type, without parameters.
    #[serde(default, rename = "type")]
    pub content_type: Option<String>,
    /// What tells that it is an error, be it in the body or in a header: all of it. `{status}` is
    /// the number of the error, 400.
    pub tells: Vec<Rule>,
}

fn ok() -> u16 {
    200
}

fn yes() -> bool {
    true
}

/// What stands for something in a description, besides what it carries itself.
pub const PLACEHOLDERS: [&str; 21] = [
    "session", "digits", "msisdn", "code", "bare", "dialled", "whole", "input", "path", "sequence",
    "id", "now", "time", "network", "text", "short", "user", "coding", "hex", "octets", "type",
];

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It is neither built in nor a file.
    #[error("{name}: no such shape; there are {known}, or give a file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// All built-in names.
        known: String,
    },
    /// There is no such file, or it cannot be read.
    #[error("{name}: {error}")]
    File {
        /// The file.
        name: String,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no description: where, what is wrong, and the mend.
    #[error("{0}")]
    Broken(String),
}

/// A built-in description, or one from a file.
///
/// # Errors
/// [`DescriptionError`].
pub fn load(name: &str) -> Result<Description, DescriptionError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return file::read(name, text).map_err(DescriptionError::Broken);
    }
    if !name.contains(['.', '/']) {
        return Err(DescriptionError::Unknown {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        });
    }
    let text = std::fs::read_to_string(name).map_err(|error| DescriptionError::File {
        name: name.to_owned(),
        error,
    })?;
    file::read(name, &text).map_err(DescriptionError::Broken)
}

/// The names of the built-in descriptions.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../operators/", $name, ".yaml")))),*]
    };
}

/// The built-in descriptions.
const BUILT_IN: &[(&str, &str)] = built_in![
    "advanta",
    "africastalking",
    "africastalking-sms",
    "airtel",
    "arkesel",
    "cellulant",
    "crossgate",
    "dmark",
    "generic",
    "generic-sms",
    "hellio",
    "hollatags",
    "hubtel",
    "imimobile",
    "infobip",
    "infobip-sms",
    "integrat",
    "jasmin",
    "kannel",
    "madapi",
    "moolre",
    "mtech",
    "mtn-rwanda",
    "nalo",
    "oltranz",
    "oneapi",
    "orange-sms",
    "orange-xhtml",
    "restcomm",
    "safaricom",
    "sendexa",
    "trueafrican",
    "truroute",
    "twilio",
    "vodacom",
    "vonage",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn every_built_in_description_is_one() {
        for name in names() {
            let loaded = load(name);
            assert!(loaded.is_ok(), "{}", loaded.err().unwrap());
        }
    }

    #[test]
    fn what_an_operator_does_not_tell_has_its_reason() {
        for name in names() {
            let Description::Ussd(ussd) = load(name).unwrap() else {
                continue;
            };
            for (what, tells, reason) in [
                ("end", ussd.end.is_some(), &ussd.lacks.end),
                ("timeout", ussd.timeout.is_some(), &ussd.lacks.timeout),
                ("repeat", ussd.repeat != Repeat::None, &ussd.lacks.repeat),
            ] {
                assert!(
                    tells != reason.is_some(),
                    "{name}: write either {what}: or why there is none, in lacks: {{{what}: …}}"
                );
            }
        }
    }

    #[test]
    fn the_example_of_the_guide_is_one() {
        let guide = include_str!("../../operators/README.md");
        let example = guide.split("```").nth(1).unwrap();
        let example = example.strip_prefix("yaml\n").unwrap();
        let description = file::read("README.md", example).unwrap();
        assert!(matches!(description, Description::Ussd(ussd) if !ussd.dial_strings));
    }

    #[test]
    fn one_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        std::fs::write(&path, "kind: ussd\noperator: Mine\nnothing: 1\n").unwrap();
        let error = load(path.to_str().unwrap()).err().unwrap().to_string();
        assert!(error.contains("nothing"), "{error}");
        let error = load("mine").err().unwrap().to_string();
        assert!(
            error.contains("no such shape; there are advanta"),
            "{error}"
        );
    }
}
