//! An SMS operator: texts in, texts out through an API that is played here, receipts.

pub mod api;
pub mod checks;
pub mod place;
pub mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::conformance::operator::file::Kind;
use crate::conformance::operator::{AnswerForm, Ask, Lacks, Limits, Numbered, Repeat, Typed, Ussd};
use crate::conformance::read::Rule;
use crate::conformance::sms::place::Place;

/// An SMS operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// What it is a description of.
    pub kind: Kind,
    /// Its name, for the report.
    pub operator: String,
    /// The document that says so.
    pub document: String,
    /// By what a repeat is recognised.
    #[serde(default)]
    pub repeat: Repeat,
    /// Milliseconds within which a text has to be acknowledged.
    #[serde(default = "deadline_ms")]
    pub deadline_ms: u64,
    /// Fields without which a text is refused.
    #[serde(default)]
    pub required: Vec<String>,
    /// Fields with a value that they never have.
    #[serde(default)]
    pub wrong: BTreeMap<String, Value>,
    /// How a text comes.
    pub ask: Ask,
    /// What is different in a part of a longer text; without it, texts come whole.
    #[serde(default)]
    pub part: Option<Ask>,
    /// The list that holds several texts, by JSON pointer; without it, texts come alone.
    #[serde(default)]
    pub batch: Option<String>,
    /// How a text is acknowledged.
    pub acknowledge: Acknowledge,
    /// How a receipt comes.
    pub receipt: Receipt,
    /// The API for texts that go out.
    pub api: Api,
}

fn deadline_ms() -> u64 {
    10_000
}

/// What acknowledges something.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Any of these.
    pub status: Vec<u16>,
    /// The media type, without parameters.
    #[serde(default, rename = "type")]
    pub content_type: Option<String>,
    /// What has to be in it.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// How a receipt comes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The request. Its path is below the link, if the text did not name a URL.
    pub ask: Ask,
    /// What stands for a state: placeholders of the request, or escapes in the URL.
    pub states: BTreeMap<String, BTreeMap<String, String>>,
    /// How it is acknowledged, if otherwise than a text.
    #[serde(default)]
    pub acknowledge: Option<Acknowledge>,
    /// Whether an id that nobody knows can be sent: not where the gateway makes the URL.
    #[serde(default = "yes")]
    pub unknown: bool,
}

fn yes() -> bool {
    true
}

/// The API for texts that go out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where a token is had (RFC 6749, 4.4).
    #[serde(default)]
    pub token: Option<Token>,
    /// The ways in which a text can be given; the first whose path fits counts.
    pub send: Vec<Send>,
}

/// Where a token is had.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its paths.
    pub paths: Vec<String>,
    /// What has to be in the request.
    pub rules: Vec<Place>,
}

/// A way in which a text can be given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Its methods.
    pub methods: Vec<String>,
    /// Its path, `*` for any segment.
    pub path: String,
    /// What proves who gives it.
    pub proof: Vec<Place>,
    /// To whom it goes.
    pub to: Place,
    /// From whom it comes.
    pub from: Place,
    /// The text: the first place that has one.
    pub text: Vec<Place>,
    /// What has to be there beside a text in the GSM alphabet.
    #[serde(default)]
    pub gsm: Vec<Place>,
    /// What has to be there beside any other text.
    #[serde(default)]
    pub other: Vec<Place>,
    /// What has to be there besides.
    #[serde(default)]
    pub also: Vec<Place>,
    /// Where the URL for receipts stands.
    #[serde(default)]
    pub receipts: Option<Place>,
    /// The id, if the gateway gives it.
    #[serde(default)]
    pub id: Option<Place>,
    /// The answer to one that is taken.
    pub accepted: Reply,
    /// The answer to one that should come again later.
    pub throttled: Reply,
    /// The answer to one that is refused for good.
    pub refused: Reply,
}

/// An answer of the API, with placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// A JSON document.
    #[serde(default)]
    pub json: Option<Value>,
    /// A text.
    #[serde(default)]
    pub text: Option<String>,
}

impl Sms {
    /// The operator of texts as one of callbacks, for the checks that both have.
    pub fn as_callbacks(&self) -> Ussd {
        Ussd {
            kind: self.kind,
            operator: self.operator.clone(),
            document: self.document.clone(),
            lacks: Lacks::default(),
            input: Typed::Last,
            repeat: self.repeat,
            deadline_ms: self.deadline_ms,
            limits: Limits::default(),
            dial_strings: false,
            session_id: false,
            number: Numbered::Always,
            cookies: false,
            carry: BTreeMap::new(),
            required: self.required.clone(),
            wrong: self.wrong.clone(),
            refusal: None,
            any_type: false,
            ask: self.ask.clone(),
            new: Ask::default(),
            more: Ask::default(),
            end: None,
            timeout: None,
            pushed: None,
            answer: AnswerForm {
                status: self.acknowledge.status.first().copied().unwrap_or(200),
                content_type: None,
                text: Rule {
                    body: true,
                    ..Rule::default()
                },
                more: Vec::new(),
                end: Vec::new(),
                also: Vec::new(),
            },
            acknowledge: 200,
        }
    }
}
