//! How a link reaches an operator's API: what links over which we send have in common.

use std::path::Path;
use std::time::Duration;

use super::ConfigError;
use super::auth::Secret;

/// The longest wait for an answer: a stop waits for what is under way.
const RESPONSE_MS_MAX: u64 = 12_000;
/// The longest wait for a connection.
const CONNECT_MS_MAX: u64 = 6_000;
/// The shortest of both.
const WAIT_MS_MIN: u64 = 100;
/// Requests on their way at once at most.
const WINDOW_MAX: usize = 1_000;
/// Requests a second at most.
const RATE_MAX: f64 = 10_000.0;

/// What a `[[link]]` says of the operator's API. All times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct ApiConfig<'c> {
    /// The link's name.
    pub name: &'c str,
    /// Where the API is.
    pub url: Option<&'c str>,
    /// Our user there.
    pub user: Option<&'c str>,
    /// Our secret there.
    pub secret: Option<&'c Secret>,
    /// A file with it alone.
    pub secret_file: Option<&'c Path>,
    /// PEM certificates of the authority behind the API's.
    pub ca_file: Option<&'c Path>,
    /// Requests a second at most; 0 means no limit until the operator throttles.
    pub rate: f64,
    /// Requests on their way at once, at most.
    pub window: usize,
    /// How long the API may take to answer.
    pub response_ms: u64,
    /// How long a connection to it may take.
    pub connect_ms: u64,
}

pub(super) fn window() -> usize {
    10
}

pub(super) fn response_ms() -> u64 {
    10_000
}

pub(super) fn connect_ms() -> u64 {
    5_000
}

impl ApiConfig<'_> {
    /// How long an answer may take.
    pub fn response(&self) -> Duration {
        Duration::from_millis(self.response_ms)
    }

    /// How long a connection may take.
    pub fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    /// Whether it can work; `index` is the link's place.
    pub(super) fn prove(&self, index: usize) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: String, mend: &str| {
            Err(ConfigError::wrong(
                &format!("link[{index}].{key}"),
                &message,
                mend,
            ))
        };
        let name = self.name;
        if let Some(url) = self.url {
            let uri = url.parse::<http::Uri>().ok();
            let good = uri.is_some_and(|uri| {
                uri.host().is_some()
                    && matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.query().is_none()
                    && !url.contains('@')
            });
            if !good {
                return wrong(
                    "url",
                    format!("link {name} has no address of an API"),
                    "write https://host[:port][/path], without user, password or query",
                );
            }
        }
        if self.secret.is_some() && self.secret_file.is_some() {
            return wrong(
                "secret",
                format!("link {name} has a secret and a file with it"),
                "give one of secret and secret_file",
            );
        }
        for (key, given, most) in [
            ("response_ms", self.response_ms, RESPONSE_MS_MAX),
            ("connect_ms", self.connect_ms, CONNECT_MS_MAX),
        ] {
            if !(WAIT_MS_MIN..=most).contains(&given) {
                return wrong(
                    key,
                    format!("link {name} cannot wait so long or so short"),
                    &format!("give {WAIT_MS_MIN} to {most} milliseconds"),
                );
            }
        }
        if !(1..=WINDOW_MAX).contains(&self.window) {
            return wrong(
                "window",
                format!("link {name} cannot have so many requests on their way"),
                &format!("give 1 to {WINDOW_MAX}"),
            );
        }
        if !(0.0..=RATE_MAX).contains(&self.rate) {
            return wrong(
                "rate",
                format!("link {name} cannot go at that rate"),
                "give requests a second, up to 10000, or 0 for no limit",
            );
        }
        Ok(())
    }
}
