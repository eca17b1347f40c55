//! An SMS operator: texts in, texts out, receipts.

use serde::Deserialize;

/// An SMS operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Its name, for the report.
    pub operator: String,
}
