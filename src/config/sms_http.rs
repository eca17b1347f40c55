//! `[[link]]` of kind `sms-http`: messages over HTTP, in and out.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use super::api::{self, ApiConfig};
use super::auth::{AuthConfig, Secret};

/// A link of kind `sms-http`. All times are in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsHttp {
    /// Its name.
    pub name: String,
    /// Its shape: the name of a built-in one or of one of the shapes' folder.
    pub shape: String,
    /// The services whose short numbers it carries.
    pub services: Vec<String>,
    /// Where the operator's API is, `https://api.operator.example`.
    #[serde(default)]
    pub url: Option<String>,
    /// Our user there.
    #[serde(default)]
    pub user: Option<String>,
    /// Our password, key or token there.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file with it alone.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The sender of messages, where it is not the service's short number.
    #[serde(default)]
    pub sender: Option<String>,
    /// Scheme and host as the operator calls us, for receipts and for what it signs.
    #[serde(default)]
    pub public_url: Option<String>,
    /// PEM certificates of the authority behind the API's; without it the public ones are trusted.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Requests a second at most; 0 means no limit until the operator throttles.
    #[serde(default)]
    pub rate: f64,
    /// Messages on their way at once, at most.
    #[serde(default = "api::window")]
    pub window: usize,
    /// How long the API may take to answer.
    #[serde(default = "api::response_ms")]
    pub response_ms: u64,
    /// How long a connection to it may take.
    #[serde(default = "api::connect_ms")]
    pub connect_ms: u64,
    /// Who may call: every one listed has to pass.
    #[serde(default)]
    pub auth: Vec<AuthConfig>,
}

impl SmsHttp {
    /// How its API is reached.
    pub fn api(&self) -> ApiConfig<'_> {
        ApiConfig {
            name: &self.name,
            url: self.url.as_deref(),
            user: self.user.as_deref(),
            secret: self.secret.as_ref(),
            secret_file: self.secret_file.as_deref(),
            ca_file: self.ca_file.as_deref(),
            rate: self.rate,
            window: self.window,
            response_ms: self.response_ms,
            connect_ms: self.connect_ms,
        }
    }

    /// Whether it can work; `index` is its place among the links.
    pub(super) fn prove(&self, index: usize) -> Result<(), ConfigError> {
        self.api().prove(index)?;
        let wrong = |key: &str, message: String, mend: &str| {
            Err(ConfigError::wrong(
                &format!("link[{index}].{key}"),
                &message,
                mend,
            ))
        };
        let name = &self.name;
        if let Some(url) = &self.public_url {
            let uri = url.parse::<http::Uri>().ok();
            let good = uri.is_some_and(|uri| {
                uri.host().is_some()
                    && matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.query().is_none()
                    && matches!(uri.path(), "" | "/")
            });
            if !good {
                return wrong(
                    "public_url",
                    format!("link {name} has no public address"),
                    "write scheme and host as the operator calls them, https://jisr.example",
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::Config;

    const PAGE: &str = include_str!("../../docs/sms-http.md");

    /// The configuration of the page.
    fn page() -> &'static str {
        let block = PAGE.split("```toml\n").nth(1).unwrap();
        block.split("```").next().unwrap()
    }

    #[test]
    fn the_configuration_of_the_page_is_one() {
        if let Err(error) = Config::load(Some(("jisr.toml", page())), &[]) {
            panic!("{error:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_told() {
        for (from, to, expected) in [
            (
                "https://api.aggregator.example",
                "api.example",
                "no address of an API",
            ),
            (
                "https://api.aggregator.example",
                "ftp://x",
                "no address of an API",
            ),
            (
                "https://api.aggregator.example",
                "https://u:SECRET@x",
                "no address of an API",
            ),
            (
                "https://api.aggregator.example",
                "https://x/?key=SECRET",
                "no address of an API",
            ),
            (
                "https://jisr.example",
                "https://jisr.example/sms",
                "no public address",
            ),
            (
                "secret_file = \"aggregator.secret\"",
                "secret_file = \"x\"\nsecret = \"SECRET\"",
                "has a secret and a file",
            ),
            (
                "response_ms = 10000",
                "response_ms = 60000",
                "cannot wait so long",
            ),
            ("connect_ms = 5000", "connect_ms = 1", "cannot wait so long"),
            ("window = 10", "window = 0", "cannot have so many requests"),
            ("rate = 20.0", "rate = -1.0", "cannot go at that rate"),
            ("rate = 20.0", "rate = nan", "cannot go at that rate"),
            ("rate = 20.0", "speed = 20.0", "unknown field `speed`"),
            ("[[link.auth]]", "[[link.nobody]]", "unknown field `nobody`"),
        ] {
            assert!(page().contains(from), "{from}");
            let text = page().replacen(from, to, 1);
            let error = Config::load(Some(("jisr.toml", &text)), &[]).err();
            let error = format!("{:?} {}", error, error.as_ref().unwrap());
            assert!(error.contains(expected), "{to}: {error}");
        }
        let alone = page().split("[[link.auth]]").next().unwrap();
        assert!(
            Config::load(Some(("jisr.toml", alone)), &[]).is_err(),
            "nobody shows who calls"
        );
    }
}
