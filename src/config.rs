//! The configuration: `jisr.toml`, overridden by `JISR_SECTION__KEY` in the environment. Everything
//! has a working default but the agency's choice of section `security`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::finding::Finding;

/// The whole of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Operators' callbacks.
    pub http: Http,
    /// Administration.
    pub admin: Admin,
    /// The ledger.
    pub store: StoreConfig,
    /// The registry.
    pub registry: RegistryConfig,
    /// Keys and choices.
    pub security: Security,
    /// Logs.
    pub log: Log,
    /// The offerings; none means the service `tns` on `*580#` and 5800.
    #[serde(rename = "service")]
    pub services: Vec<ServiceConfig>,
    /// The operators; none means a sandbox link named `sandbox`.
    #[serde(rename = "link")]
    pub links: Vec<LinkConfig>,
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where operators' callbacks come in. Loopback only, until links authenticate.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections_max: usize,
    /// Milliseconds for the header of a request.
    pub header_ms: u64,
    /// Milliseconds for the body of a request; the answer then has the link's `deadline_ms`.
    pub body_ms: u64,
    /// Milliseconds of silence between requests.
    pub idle_ms: u64,
    /// Bytes of a body.
    pub body_bytes_max: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections_max: 4096,
            header_ms: 3_000,
            body_ms: 5_000,
            idle_ms: 30_000,
            body_bytes_max: 16 * 1024,
        }
    }
}

/// `[admin]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where administration listens; loopback unless you know why.
    pub listen: SocketAddr,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
        }
    }
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite://PATH`.
    pub url: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite://jisr-data/jisr.db".to_owned(),
        }
    }
}

impl StoreConfig {
    /// The file of the database.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(
            self.url
                .strip_prefix("sqlite://")
                .or_else(|| self.url.strip_prefix("sqlite:"))
                .unwrap_or(&self.url),
        )
    }

    /// A file beside the database.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path()
            .parent()
            .unwrap_or_else(|| Path::new("."))
            .join(name)
    }
}

/// Which registry answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryKind {
    /// People imported from a file.
    #[default]
    Sandbox,
    /// The agency's API.
    Http,
}

/// `[registry]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// `sandbox` or `http`.
    pub kind: RegistryKind,
    /// The API's address, for `http`.
    pub url: Option<String>,
    /// A file with the bearer token.
    pub token_file: Option<PathBuf>,
    /// Whether it makes temporary passwords and delivers them itself; otherwise the gateway does.
    pub delivers_password: bool,
    /// Milliseconds for a lookup, both attempts together.
    pub deadline_ms: Option<u64>,
    /// Certificates to trust, PEM; none means the public ones.
    pub ca_file: Option<PathBuf>,
    /// Our certificate for mutual TLS, PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
}

/// `[security]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// What to do for a person for whom the registry holds no number. No default outside the
    /// sandbox: the agency must choose.
    pub no_number_on_file: Option<NoNumberChoice>,
    /// The file with the sealing keys; made at the first start. None means `jisr.keys` beside the
    /// database.
    pub keys: Option<PathBuf>,
}

/// `guide` or `agency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoNumberChoice {
    /// The code goes to the calling number, as the guide has it.
    Guide,
    /// No number and no password by text.
    Agency,
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// A filter such as `info` or `jisr=debug`.
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

/// `[[service]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Its name.
    pub name: String,
    /// Its dialog, `tns`.
    pub dialog: String,
    /// The codes that reach it.
    pub ussd: Vec<String>,
    /// The short numbers that reach it.
    pub sms: Vec<String>,
    /// The keywords with which a text may begin.
    pub keywords: Vec<String>,
    /// The link on which its messages go.
    pub sms_link: String,
    /// The number of a human voice.
    #[serde(default = "help_line")]
    pub help_line: String,
    /// The language of a number that has not chosen one.
    #[serde(default = "first_language")]
    pub first_language: String,
}

fn help_line() -> String {
    "3939".to_owned()
}

fn first_language() -> String {
    "ar".to_owned()
}

/// `[[link]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LinkConfig {
    /// USSD callbacks over HTTP on `/ussd/NAME`.
    UssdHttp(UssdHttp),
    /// An SMPP bind.
    Smpp(SmppLink),
    /// USSD callbacks as `ussd-http`; messages are kept in memory and shown on the administration
    /// listener. For trying out, on loopback.
    Sandbox(UssdHttp),
}

/// A link of kind `ussd-http` or `sandbox`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UssdHttp {
    /// Its name.
    pub name: String,
    /// Its shape: `africastalking`.
    #[serde(default)]
    pub shape: ShapeName,
    /// The services that it reaches.
    pub services: Vec<String>,
    /// Septets of a screen.
    #[serde(default = "septets")]
    pub septets: usize,
    /// UCS-2 units of a screen.
    #[serde(default = "units")]
    pub units: usize,
    /// Milliseconds within which the operator wants an answer.
    #[serde(default = "deadline_ms")]
    pub deadline_ms: u64,
    /// Milliseconds that a silent session lives.
    #[serde(default = "session_ms")]
    pub session_ms: u64,
}

/// The shapes that are built in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShapeName {
    /// Africa's Talking.
    #[default]
    Africastalking,
}

fn septets() -> usize {
    182
}

fn units() -> usize {
    80
}

fn deadline_ms() -> u64 {
    5_000
}

fn session_ms() -> u64 {
    180_000
}

/// A link of kind `smpp`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmppLink {
    /// Its name.
    pub name: String,
    /// The SMSC.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are.
    pub system_id: String,
    /// The password; `password_file` keeps it out of this file.
    #[serde(default)]
    pub password: Option<String>,
    /// A file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The system type.
    #[serde(default)]
    pub system_type: String,
    /// The services whose short numbers it carries.
    pub services: Vec<String>,
}

impl UssdHttp {
    fn prove(&self) -> Result<(), ConfigError> {
        let least = crate::screen::fit::LIMIT_MIN;
        if self.septets < least.septets || self.units < least.units {
            return Err(ConfigError::wrong(
                "link.septets, link.units",
                &format!("a screen of link {} is too small for any text", self.name),
                &format!(
                    "give at least {} septets and {} units",
                    least.septets, least.units
                ),
            ));
        }
        if self.deadline_ms < DEADLINE_MS_MIN {
            return Err(ConfigError::wrong(
                "link.deadline_ms",
                &format!("link {} leaves no time to answer", self.name),
                &format!("give at least {DEADLINE_MS_MIN} milliseconds"),
            ));
        }
        Ok(())
    }
}

/// The least time for an answer, of which a second is kept back for saving and the way.
const DEADLINE_MS_MIN: u64 = 2_000;

impl LinkConfig {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::UssdHttp(link) | Self::Sandbox(link) => &link.name,
            Self::Smpp(link) => &link.name,
        }
    }

    /// The services that it reaches.
    pub fn services(&self) -> &[String] {
        match self {
            Self::UssdHttp(link) | Self::Sandbox(link) => &link.services,
            Self::Smpp(link) => &link.services,
        }
    }
}

/// The prefix of overriding environment variables.
const ENV_PREFIX: &str = "JISR_";
/// A variable of ours that is no setting.
const ENV_CONFIG: &str = "JISR_CONFIG";

impl Config {
    /// Reads a file, if there is one, and lays the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`], with file, line and caret, or the name of the variable.
    pub fn load(file: Option<(&str, &str)>, env: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        if let Some((name, text)) = file {
            // Read whole first: an error of the file then has its place.
            if let Err(error) = toml::from_str::<Self>(text) {
                return Err(ConfigError::of_file(name, text, &error));
            }
            table =
                toml::from_str(text).map_err(|error| ConfigError::of_file(name, text, &error))?;
        }
        for (variable, value) in env {
            let Some(path) = variable.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            if variable == ENV_CONFIG {
                continue;
            }
            lay(&mut table, path, value).ok_or_else(|| ConfigError::Variable {
                variable: variable.clone(),
                message: NO_SECTION.to_owned(),
            })?;
        }
        let config: Self =
            serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
                let path = error.path().to_string();
                let variable = format!(
                    "{ENV_PREFIX}{}",
                    path.to_ascii_uppercase().replace('.', "__")
                );
                let variable = env
                    .iter()
                    .map(|(name, _)| name)
                    .find(|name| variable.starts_with(name.as_str()) || name.starts_with(&variable))
                    .cloned()
                    .unwrap_or(variable);
                ConfigError::Variable {
                    variable,
                    message: error.into_inner().message().to_owned(),
                }
            })?;
        config.completed()
    }

    /// Puts the defaults that depend on each other, and proves what hangs together.
    fn completed(mut self) -> Result<Self, ConfigError> {
        let sandbox = self.registry.kind == RegistryKind::Sandbox;
        if self.links.is_empty() {
            if !sandbox {
                return Err(ConfigError::wrong(
                    "link",
                    "there is none",
                    "write a [[link]] for each operator",
                ));
            }
            self.links.push(LinkConfig::Sandbox(UssdHttp {
                name: "sandbox".to_owned(),
                shape: ShapeName::default(),
                services: vec!["tns".to_owned()],
                septets: septets(),
                units: units(),
                deadline_ms: deadline_ms(),
                session_ms: session_ms(),
            }));
        }
        if self.services.is_empty() {
            let sms_link = self
                .links
                .iter()
                .find(|link| matches!(link, LinkConfig::Smpp(_) | LinkConfig::Sandbox(_)))
                .map(|link| link.name().to_owned());
            let Some(sms_link) = sms_link else {
                return Err(ConfigError::wrong(
                    "service",
                    "no link can carry its messages",
                    "add a link of kind smpp",
                ));
            };
            self.services.push(ServiceConfig {
                name: "tns".to_owned(),
                dialog: "tns".to_owned(),
                ussd: vec!["*580#".to_owned()],
                sms: vec!["5800".to_owned()],
                keywords: vec!["TNS".to_owned()],
                sms_link,
                help_line: help_line(),
                first_language: first_language(),
            });
        }
        self.prove(sandbox)?;
        Ok(self)
    }

    fn prove(&self, sandbox: bool) -> Result<(), ConfigError> {
        let mut names = std::collections::BTreeSet::new();
        for link in &self.links {
            if !names.insert(link.name()) {
                return Err(ConfigError::wrong(
                    "link.name",
                    "two links have the same name",
                    "give each its own",
                ));
            }
            for service in link.services() {
                if !self.services.iter().any(|known| known.name == *service) {
                    return Err(ConfigError::wrong(
                        "link.services",
                        &format!(
                            "link {} names the service {service}, which is not configured",
                            link.name()
                        ),
                        "write a [[service]] with that name",
                    ));
                }
            }
        }
        for service in &self.services {
            let carries = self.links.iter().any(|link| {
                link.name() == service.sms_link
                    && matches!(link, LinkConfig::Smpp(_) | LinkConfig::Sandbox(_))
            });
            if !carries {
                return Err(ConfigError::wrong(
                    "service.sms_link",
                    &format!(
                        "service {} sends on {}, which is no link of kind smpp or sandbox",
                        service.name, service.sms_link
                    ),
                    "name a [[link]] of one of these kinds",
                ));
            }
            if service.ussd.is_empty() || service.sms.is_empty() || service.keywords.is_empty() {
                return Err(ConfigError::wrong(
                    "service",
                    &format!(
                        "service {} lacks a USSD code, a short number or a keyword",
                        service.name
                    ),
                    "give ussd, sms and keywords at least one value each",
                ));
            }
        }
        for service in &self.services {
            let code =
                |code: &String| code.len() > 2 && code.starts_with('*') && code.ends_with('#');
            if !service.ussd.iter().all(code) {
                return Err(ConfigError::wrong(
                    "service.ussd",
                    &format!("service {} has a code that nobody can dial", service.name),
                    "write codes as \"*580#\"",
                ));
            }
            let short =
                |number: &String| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if !service.sms.iter().all(short) {
                return Err(ConfigError::wrong(
                    "service.sms",
                    &format!(
                        "service {} has a short number that is not digits",
                        service.name
                    ),
                    "write short numbers as \"5800\"",
                ));
            }
        }
        for link in &self.links {
            match link {
                LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) => http.prove()?,
                LinkConfig::Smpp(_) => {}
            }
        }
        if !self.http.listen.ip().is_loopback() {
            return Err(ConfigError::wrong(
                "http.listen",
                "links that do not authenticate may listen on loopback only",
                "listen on 127.0.0.1 and put a proxy that authenticates the operator in front",
            ));
        }
        if !sandbox && self.registry.url.is_none() {
            return Err(ConfigError::wrong(
                "registry.url",
                "it is missing",
                "write the address of the agency's API",
            ));
        }
        if !sandbox && self.security.no_number_on_file.is_none() {
            return Err(ConfigError::wrong(
                "security.no_number_on_file",
                "the agency has to choose what happens where it holds no number of a person",
                "write \"guide\" (the code goes to the calling number) or \"agency\" (nothing by text)",
            ));
        }
        if !sandbox
            && self
                .links
                .iter()
                .any(|link| matches!(link, LinkConfig::Sandbox(_)))
        {
            return Err(ConfigError::wrong(
                "link.kind",
                "a sandbox link shows messages, and this registry has real people",
                "take the link out, or use registry.kind = \"sandbox\"",
            ));
        }
        Ok(())
    }
}

const NO_SECTION: &str = "expected JISR_SECTION__KEY, such as JISR_HTTP__LISTEN";

/// Sets `SECTION__KEY` in the table; lists and numbers are read as TOML, all else is text.
fn lay(table: &mut toml::Table, path: &str, value: &str) -> Option<()> {
    let path = path.to_ascii_lowercase();
    let (section, key) = path.split_once("__")?;
    if section.is_empty() || key.is_empty() {
        return None;
    }
    let read = toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut read| read.remove("v"));
    let value = match read {
        Some(
            read @ (toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_)),
        ) => read,
        Some(_) | None => toml::Value::String(value.to_owned()),
    };
    let section = table
        .entry(section)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    section.as_table_mut()?.insert(key.to_owned(), value);
    Some(())
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// In the file, with its place.
    #[error("{}", .0.message)]
    File(Box<Finding>),
    /// In an environment variable.
    #[error("environment variable {variable}: {message}")]
    Variable {
        /// Which.
        variable: String,
        /// What was expected.
        message: String,
    },
    /// What does not hang together.
    #[error("configuration, {key}: {message}\n  help: {mend}")]
    Wrong {
        /// The key.
        key: String,
        /// What is wrong.
        message: String,
        /// What to do.
        mend: String,
    },
}

impl ConfigError {
    fn of_file(name: &str, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let span = crate::finding::Span {
            at: span.start,
            len: span.len(),
        };
        let finding = crate::finding::Source::new(name, text).error(
            "C001",
            span,
            error.message().to_owned(),
            "see `jisr serve --help` and the README for the sections and their keys",
        );
        Self::File(Box::new(finding))
    }

    fn wrong(key: &str, message: &str, mend: &str) -> Self {
        Self::Wrong {
            key: key.to_owned(),
            message: message.to_owned(),
            mend: mend.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::load(Some(("jisr.toml", file)), &env).map_err(|error| match error {
            ConfigError::File(finding) => {
                let (line, column) = finding.place();
                format!("{line}:{column} {}", finding.message)
            }
            other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => other.to_string(),
        })
    }

    #[test]
    fn nothing_given_is_a_sandbox_on_loopback() {
        let config = Config::load(None, &[]).unwrap();
        assert_eq!(config.links.len(), 1);
        assert_eq!(config.links[0].name(), "sandbox");
        assert_eq!(config.services[0].ussd, ["*580#"]);
        assert!(config.http.listen.ip().is_loopback());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let file = "[http]\nlisten = \"127.0.0.1:9000\"\nbody_bytes_max = 100\n";
        let config = load(
            file,
            &[
                ("JISR_HTTP__LISTEN", "127.0.0.1:9001"),
                ("JISR_CONFIG", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.http.listen.port(), 9001);
        assert_eq!(config.http.body_bytes_max, 100);
        let config = load(
            file,
            &[
                ("JISR_HTTP__BODY_BYTES_MAX", "7"),
                ("JISR_STORE__URL", "sqlite:///tmp/x.db"),
            ],
        );
        let config = config.unwrap();
        assert_eq!(
            (config.http.body_bytes_max, config.store.url.as_str()),
            (7, "sqlite:///tmp/x.db")
        );
    }

    #[test]
    fn mistakes_name_their_place() {
        for (file, env, expected) in [
            ("[http]\nlisten = 5\n", vec![], "2:10"),
            ("[http]\nlissten = \"x\"\n", vec![], "2:1 unknown field"),
            (
                "",
                vec![("JISR_HTTP__LISTEN", "here")],
                "environment variable JISR_HTTP__LISTEN",
            ),
            (
                "",
                vec![("JISR_HTTP__LISSTEN", "here")],
                "JISR_HTTP__LISSTEN",
            ),
            (
                "",
                vec![("JISR_HTTP", "here")],
                "expected JISR_SECTION__KEY",
            ),
            (
                "[http]\nlisten = \"0.0.0.0:80\"\n",
                vec![],
                "http.listen: links that do not authenticate",
            ),
            (
                "[registry]\nkind = \"http\"\nurl = \"https://x\"\n",
                vec![],
                "link: there is none",
            ),
            (
                "[registry]\nkind=\"http\"\nurl=\"https://x\"\n[[link]]\nkind=\"smpp\"\nname=\"a\"\nhost=\"h\"\nport=1\nsystem_id=\"s\"\nservices=[\"tns\"]\n",
                vec![],
                "security.no_number_on_file",
            ),
            (
                "[[link]]\nkind=\"sandbox\"\nname=\"a\"\nservices=[\"nowhere\"]\n",
                vec![],
                "names the service nowhere",
            ),
        ] {
            let error = load(file, &env).unwrap_err();
            assert!(error.contains(expected), "{file} {env:?}: {error}");
        }
    }
}
