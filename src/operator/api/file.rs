//! What shapes of both channels say of an operator's API, as it is written.

use serde::Deserialize;

use crate::operator::file::{FieldFile, Ordered, RuleFile};
use crate::operator::request::BodyKind;

/// `answer:` of `send:` and of `push:`. The field `http` is the status.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerFile {
    /// How the body is written.
    #[serde(default)]
    pub body: BodyKind,
    /// Its fields; `id` is what a message is called from now on.
    #[serde(default)]
    pub fields: Ordered<FieldFile>,
    /// What it says, where its status does not say it already.
    pub says: Vec<RuleFile<Says>>,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It took what was sent.
    Accepted,
    /// It is asked too often.
    Throttled,
    /// Not now.
    Temporary,
    /// Never.
    Refused,
    /// It may or may not have taken it.
    Unknown,
    /// It refuses whatever we send; what was sent is not at fault.
    LinkFault,
    /// What the status says: 401 and 403 refuse us, 429 throttles, other 4xx refuse what was sent, 503
    /// is not now, other 5xx are unknown.
    ByStatus,
}
