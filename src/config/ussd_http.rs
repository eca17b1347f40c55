//! `[[link]]` of kind `ussd-http` or `sandbox`: USSD callbacks over HTTP.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use super::api::{self, ApiConfig};
use super::auth::{AuthConfig, Secret};
use crate::operator::compile::{DEADLINE_MS_MAX, DEADLINE_MS_MIN, SESSION_MS_MAX};

/// A link of kind `ussd-http` or `sandbox`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UssdHttp {
    /// Its name.
    pub name: String,
    /// Its shape: the name of a built-in one or of one of the shapes' folder.
    #[serde(default = "first_shape")]
    pub shape: String,
    /// The services that it reaches.
    pub services: Vec<String>,
    /// Septets of a screen, where they are not the shape's.
    #[serde(default)]
    pub septets: Option<usize>,
    /// UCS-2 units of a screen, where they are not the shape's.
    #[serde(default)]
    pub units: Option<usize>,
    /// Milliseconds within which the operator wants an answer, where they are not the shape's.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// Milliseconds that a silent session lives, where they are not the shape's.
    #[serde(default)]
    pub session_ms: Option<u64>,
    /// Scheme and host as the operator calls them, where it signs them.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where screens go, of a shape that posts them: the operator's address,
    /// `https://api.operator.example`.
    #[serde(default)]
    pub url: Option<String>,
    /// Our user there.
    #[serde(default)]
    pub user: Option<String>,
    /// Our secret there.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file with it alone.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// PEM certificates of the authority behind that address; without it the public ones are trusted.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Screens a second at most; 0 means no limit until the operator throttles.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Screens on their way at once, at most.
    #[serde(default)]
    pub window: Option<usize>,
    /// Milliseconds that the operator may take to answer to a screen.
    #[serde(default)]
    pub response_ms: Option<u64>,
    /// Milliseconds that a connection to it may take.
    #[serde(default)]
    pub connect_ms: Option<u64>,
    /// Who may call: every one listed has to pass.
    #[serde(default)]
    pub auth: Vec<AuthConfig>,
}

pub(super) fn first_shape() -> String {
    "africastalking".to_owned()
}

impl UssdHttp {
    /// A link of a name that says nothing else but its services.
    pub(super) fn plain(name: &str, services: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            shape: first_shape(),
            services,
            septets: None,
            units: None,
            deadline_ms: None,
            session_ms: None,
            public_url: None,
            url: None,
            user: None,
            secret: None,
            secret_file: None,
            ca_file: None,
            rate: None,
            window: None,
            response_ms: None,
            connect_ms: None,
            auth: Vec::new(),
        }
    }

    /// How the operator's address is reached, where the shape posts screens.
    pub fn api(&self) -> ApiConfig<'_> {
        ApiConfig {
            name: &self.name,
            url: self.url.as_deref(),
            user: self.user.as_deref(),
            secret: self.secret.as_ref(),
            secret_file: self.secret_file.as_deref(),
            ca_file: self.ca_file.as_deref(),
            rate: self.rate.unwrap_or_default(),
            window: self.window.unwrap_or_else(api::window),
            response_ms: self.response_ms.unwrap_or_else(api::response_ms),
            connect_ms: self.connect_ms.unwrap_or_else(api::connect_ms),
        }
    }

    /// The first key about the operator's address that it has, which only a shape that posts screens
    /// wants.
    pub fn api_key(&self) -> Option<&'static str> {
        [
            ("url", self.url.is_some()),
            ("user", self.user.is_some()),
            ("secret", self.secret.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("rate", self.rate.is_some()),
            ("window", self.window.is_some()),
            ("response_ms", self.response_ms.is_some()),
            ("connect_ms", self.connect_ms.is_some()),
        ]
        .into_iter()
        .find_map(|(key, given)| given.then_some(key))
    }

    /// Whether it can work; `index` is its place among the links.
    pub(super) fn prove(&self, index: usize) -> Result<(), ConfigError> {
        self.api().prove(index)?;
        let least = crate::screen::fit::LIMIT_MIN;
        let few = |given: Option<usize>, least: usize| given.is_some_and(|given| given < least);
        if few(self.septets, least.septets) || few(self.units, least.units) {
            let key = if few(self.septets, least.septets) {
                "septets"
            } else {
                "units"
            };
            return Err(ConfigError::wrong(
                &format!("link[{index}].{key}"),
                &format!("a screen of link {} is too small for any text", self.name),
                &format!(
                    "give at least {} septets and {} units",
                    least.septets, least.units
                ),
            ));
        }
        if self
            .deadline_ms
            .is_some_and(|given| given < DEADLINE_MS_MIN)
        {
            return Err(ConfigError::wrong(
                &format!("link[{index}].deadline_ms"),
                &format!("link {} leaves no time to answer", self.name),
                &format!("give at least {DEADLINE_MS_MIN} milliseconds"),
            ));
        }
        for (key, given, most) in [
            ("deadline_ms", self.deadline_ms, DEADLINE_MS_MAX),
            ("session_ms", self.session_ms, SESSION_MS_MAX),
        ] {
            if given.is_some_and(|given| given > most) {
                return Err(ConfigError::wrong(
                    &format!("link[{index}].{key}"),
                    &format!("nobody waits on link {} for so long", self.name),
                    &format!("give at most {most} milliseconds"),
                ));
            }
        }
        Ok(())
    }
}
