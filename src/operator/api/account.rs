//! Who we are at an operator's API.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

/// Our account at the operator.
#[derive(Clone)]
pub struct Account {
    /// Where the API is, without a slash at its end.
    pub url: String,
    /// The user.
    pub user: String,
    /// The secret.
    pub secret: String,
}

impl Account {
    /// The account of all samples.
    pub fn sample() -> Self {
        Self {
            url: "https://api.example".to_owned(),
            user: "user".to_owned(),
            secret: "secret".to_owned(),
        }
    }

    /// The header of user and secret as Basic (RFC 7617); none where they fit no header.
    pub fn basic(&self) -> Option<HeaderValue> {
        let pair = format!("{}:{}", self.user, self.secret);
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
