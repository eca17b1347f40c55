//! The configuration: `jisr.toml`, overridden by `JISR_SECTION__KEY` in the environment. Everything
//! has a working default but the agency's choice of section `security`.

mod api;
pub mod auth;
mod cache;
mod load;
pub mod network;
mod place;
mod shown;
mod sms_http;
mod ussd_http;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

pub use api::ApiConfig;
pub use auth::{AuthConfig, Secret};
pub use cache::CacheConfig;
pub use load::ConfigError;
pub use sms_http::SmsHttp;
pub use ussd_http::UssdHttp;

use crate::book::NoNumberOnFile;
use crate::smpp::config::SmppConfig;

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
    /// Redis beside the ledger.
    pub cache: CacheConfig,
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
    /// Where operators' callbacks come in; on loopback only where there is a sandbox link.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections_max: usize,
    /// Milliseconds for the header of a request.
    pub header_ms: u64,
    /// Milliseconds for the body of a request; the answer then has the link's `deadline_ms`.
    pub body_ms: u64,
    /// Milliseconds of silence between requests, and while an answer waits to be taken.
    pub idle_ms: u64,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// The folder with further shapes; none means `shapes` beside the configuration.
    pub shapes: Option<PathBuf>,
    /// The proxies whose `X-Forwarded-For` is believed; single addresses are networks of one.
    #[serde(deserialize_with = "network::list")]
    pub proxies: Vec<IpNet>,
    /// `[http.tls]`; none means that HTTP is spoken in the clear.
    pub tls: Option<ListenerTls>,
}

/// `[http.tls]`: the files, all PEM, which are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Our certificate, with those between it and its authority behind it.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// The authorities whose clients are known: with them a certificate is asked for, and proven
    /// where one is shown.
    pub client_ca_file: Option<PathBuf>,
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
            shapes: None,
            proxies: Vec::new(),
            tls: None,
        }
    }
}

impl Http {
    /// Whether certificates of clients are asked for and verified.
    pub fn client_ca(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.client_ca_file.is_some())
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

/// Where a node keeps its own files unless they are beside its ledger: keys, the sandbox's people,
/// catalogues.
const BESIDE: &str = "jisr-data";

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: format!("sqlite://{BESIDE}/jisr.db"),
        }
    }
}

impl StoreConfig {
    /// Whether there is an engine for it: before a folder is made of what is no path.
    fn prove(&self) -> Result<(), ConfigError> {
        match self.url.split_once("://") {
            Some((scheme, _)) if scheme != "sqlite" && !self.is_on_a_server() => {
                Err(ConfigError::wrong(
                    "store.url",
                    "there is no ledger of that kind",
                    "write sqlite://PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE",
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The file of the database.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(
            self.url
                .strip_prefix("sqlite://")
                .or_else(|| self.url.strip_prefix("sqlite:"))
                .unwrap_or(&self.url),
        )
    }

    /// Whether the ledger is on a server, and not in a file of this machine.
    pub fn is_on_a_server(&self) -> bool {
        self.url.starts_with("postgres://") || self.url.starts_with("postgresql://")
    }

    /// The ledger for people: its file, or its server and database without user and password.
    pub fn shown(&self) -> String {
        match self.url.split_once("://") {
            Some((scheme, rest)) if self.is_on_a_server() => {
                let place = rest.split('?').next().unwrap_or_default();
                let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
                format!("{scheme}://{place}")
            }
            Some(_) | None => self.path().display().to_string(),
        }
    }

    /// A file beside the database; in the folder `jisr-data` where that is on a server.
    pub fn beside(&self, name: &str) -> PathBuf {
        if self.is_on_a_server() {
            return Path::new(BESIDE).join(name);
        }
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
    pub no_number_on_file: Option<NoNumberOnFile>,
    /// The file with the sealing keys; made at the first start. None means `jisr.keys` beside the
    /// database.
    pub keys: Option<PathBuf>,
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
    /// Messages over SMPP.
    Smpp(Box<SmppConfig>),
    /// Messages over HTTP, in and out: callbacks on `/sms/NAME`, and an operator's API.
    SmsHttp(Box<SmsHttp>),
    /// USSD callbacks as `ussd-http`; messages are kept in memory and shown on the administration
    /// listener. For trying out, on loopback.
    Sandbox(UssdHttp),
}

impl LinkConfig {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::UssdHttp(link) | Self::Sandbox(link) => &link.name,
            Self::Smpp(link) => link.name.as_str(),
            Self::SmsHttp(link) => &link.name,
        }
    }

    /// The services that it reaches.
    pub fn services(&self) -> &[String] {
        match self {
            Self::UssdHttp(link) | Self::Sandbox(link) => &link.services,
            Self::Smpp(link) => &link.services,
            Self::SmsHttp(link) => &link.services,
        }
    }
}
