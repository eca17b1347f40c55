//! The sections of a shape's file with `channel: sms`, as they are written.

use serde::Deserialize;

use crate::operator::api::file::AnswerFile;
use crate::operator::file::{Mark, Ordered, ReplyFile, RequestFile, RuleFile};
use crate::operator::template::Tree;
use crate::store::ReceiptIds;

/// `incoming:`. Fields with a meaning: `from`, `to`, `message`, `octets` (hexadecimal) with `coding`
/// (data_coding of SMPP), `id`, and of a part `reference`, `total`, `number` from 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncomingFile {
    /// How the operator asks.
    pub request: RequestFile,
    /// A JSON pointer to a list of messages; JSON fields are then those of an element.
    #[serde(default)]
    pub each: Option<String>,
    /// Fields of the form that may be no text; they are passed over where they are none.
    #[serde(default)]
    pub not_text: Vec<String>,
    /// What a request is; a message where nothing is said.
    #[serde(default)]
    pub what: Vec<RuleFile<What>>,
    /// The acknowledgement.
    #[serde(default)]
    pub answer: ReplyFile,
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A message.
    Message,
    /// Nothing that counts: it is acknowledged.
    Ignored,
}

/// `receipts:`. The field `id` is that of the API's answer, or our own token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsFile {
    /// How the operator asks; the path is that below `/receipts`.
    pub request: RequestFile,
    /// A JSON pointer to a list of receipts; JSON fields are then those of an element.
    #[serde(default)]
    pub each: Option<String>,
    /// Fields of the form that may be no text; they are passed over where they are none.
    #[serde(default)]
    pub not_text: Vec<String>,
    /// In which forms the id may be that of an answer.
    #[serde(default = "same")]
    pub ids: ReceiptIds,
    /// What a receipt tells.
    pub state: Vec<RuleFile<State>>,
    /// The acknowledgement.
    #[serde(default)]
    pub answer: ReplyFile,
}

fn same() -> ReceiptIds {
    ReceiptIds::Same
}

/// What a receipt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// On its way.
    Underway,
    /// On the phone.
    Delivered,
    /// Given up because its time was over.
    Expired,
    /// Given up for another reason.
    Failed,
    /// Nothing that counts.
    Ignored,
}

/// `send:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendFile {
    /// The method.
    #[serde(default = "post")]
    pub method: String,
    /// The path behind the link's `url`.
    pub path: String,
    /// The query.
    #[serde(default)]
    pub query: Ordered<String>,
    /// Headers.
    #[serde(default)]
    pub headers: Ordered<String>,
    /// Whether user and secret go as Basic.
    #[serde(default)]
    pub basic: bool,
    /// Where a token is fetched with user and secret, which then goes as Bearer.
    #[serde(default)]
    pub token: Option<TokenFile>,
    /// A form.
    #[serde(default)]
    pub form: Option<Ordered<String>>,
    /// JSON.
    #[serde(default)]
    pub json: Option<Tree>,
    /// XML; what is filled in is escaped.
    #[serde(default)]
    pub xml: Option<String>,
    /// Who cuts a long text.
    #[serde(default)]
    pub parts: Cut,
    /// What `{coding}` is for texts of the GSM alphabet and for all others.
    #[serde(default)]
    pub coding: CodingFile,
    /// Whose id a receipt has.
    #[serde(default)]
    pub ids: Ids,
    /// What the API answers.
    pub answer: AnswerFile,
}

fn post() -> String {
    "POST".to_owned()
}

/// `token:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// The path behind the link's `url`.
    pub path: String,
    /// What is asked for.
    #[serde(default)]
    pub scope: Option<String>,
}

/// Who cuts a long text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The operator.
    #[default]
    Whole,
    /// We; one request a part.
    OneByOne,
}

/// `coding: { gsm: "0", ucs2: "8" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CodingFile {
    /// Of the GSM alphabet.
    pub gsm: String,
    /// Of UCS-2.
    pub ucs2: String,
}

impl Default for CodingFile {
    /// data_coding of SMPP.
    fn default() -> Self {
        Self {
            gsm: "0".to_owned(),
            ucs2: "8".to_owned(),
        }
    }
}

/// Whose id a receipt has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ids {
    /// That of the API's answer, in its field `id`.
    #[default]
    Theirs,
    /// The token that we gave, in `{token}` or within `{receipts}`.
    Ours,
}

/// Which section a sample is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// `incoming:`.
    Incoming,
    /// `receipts:`.
    Receipts,
    /// `send:`.
    Send,
}

/// One sample.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSampleFile {
    /// What it is, in a few words.
    pub what: String,
    /// Which section it is of.
    pub of: Of,
    /// Where it comes from.
    pub mark: Mark,
    /// Its document.
    pub source: String,
    /// When that was read, `2026-10-09`.
    pub date: String,
    /// The request: a line with method and path, headers, an empty line, the body. Of `incoming` and
    /// `receipts` the path is that below the link or `/receipts`; of `send` the whole address.
    pub request: String,
    /// Of `incoming` and `receipts`: what is read, by field, an entry for each element.
    #[serde(default)]
    pub reads: Vec<Ordered<String>>,
    /// Of `send`: the text that goes out.
    #[serde(default)]
    pub message: Option<String>,
    /// The answer: of `incoming` and `receipts` ours, of `send` that of the API.
    #[serde(default)]
    pub answer: Option<String>,
    /// Of `send`: what that answer says, such as `accepted 17`.
    #[serde(default)]
    pub says: Option<String>,
}
