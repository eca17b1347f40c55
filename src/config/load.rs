//! Reading the configuration: the file, the environment over it, and what has to hang together.

use super::auth::{self, AuthFault};
use super::{
    Config, LinkConfig, RegistryKind, ServiceConfig, SmsHttp, UssdHttp, first_language, help_line,
    place, shown,
};
use crate::finding::{Finding, Source, Span};
use crate::smpp::config::{SettingFault, SmppConfig};
use crate::tls::{Setting, TlsFault};

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
            if let Err(error) = toml::from_str::<Config>(text) {
                return Err(link_fault(name, text)
                    .unwrap_or_else(|| ConfigError::of_file(name, text, &error)));
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
                    message: plain(error.into_inner().message()),
                }
            })?;
        config.completed().map_err(|error| match file {
            Some((name, text)) => error.placed(name, text),
            None => error,
        })
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
            let services = vec!["tns".to_owned()];
            self.links
                .push(LinkConfig::Sandbox(UssdHttp::plain("sandbox", services)));
        }
        if self.services.is_empty() {
            let carries = |link: &&LinkConfig| {
                matches!(
                    link,
                    LinkConfig::Smpp(_) | LinkConfig::SmsHttp(_) | LinkConfig::Sandbox(_)
                )
            };
            let receives =
                |link: &LinkConfig| matches!(link, LinkConfig::Smpp(smpp) if !smpp.bind.sends());
            // One that only receives is taken where there is no other, and then found wrong by name.
            let sms_link = self
                .links
                .iter()
                .filter(carries)
                .min_by_key(|link| receives(link))
                .map(|link| link.name().to_owned());
            let Some(sms_link) = sms_link else {
                return Err(ConfigError::wrong(
                    "service",
                    "no link can carry its messages",
                    "add a link of kind smpp or sms-http",
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
        self.store.prove()?;
        self.cache.prove()?;
        let mut names = std::collections::BTreeSet::new();
        for (index, link) in self.links.iter().enumerate() {
            let name = link.name();
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            let good =
                (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.');
            if !good {
                return Err(ConfigError::wrong(
                    &format!("link[{index}].name"),
                    "that is no name of a link: it stands in the address that the operator calls",
                    "use letters, digits, `-`, `_` and `.`, at most 64",
                ));
            }
            if !names.insert(name) {
                return Err(ConfigError::wrong(
                    &format!("link[{index}].name"),
                    &format!("a link before it is named {} too", link.name()),
                    "give each its own name",
                ));
            }
            for service in link.services() {
                if !self.services.iter().any(|known| known.name == *service) {
                    return Err(ConfigError::wrong(
                        &format!("link[{index}].services"),
                        &format!(
                            "link {} names the service {service}, which is not configured",
                            link.name()
                        ),
                        "write a [[service]] with that name",
                    ));
                }
            }
        }
        for (index, link) in self.links.iter().enumerate() {
            if let LinkConfig::Smpp(smpp) = link
                && let Some(ussd) = &smpp.ussd
                && let Some(other) = ussd
                    .services
                    .iter()
                    .find(|name| !smpp.services.contains(name))
            {
                return Err(ConfigError::wrong(
                    &format!("link[{index}].ussd.services"),
                    &format!(
                        "service {other} is none of the services of link {}",
                        smpp.name
                    ),
                    "name it in the services of the link too",
                ));
            }
        }
        for (index, service) in self.services.iter().enumerate() {
            let carrier = self
                .links
                .iter()
                .enumerate()
                .find(|(_, link)| link.name() == service.sms_link);
            match carrier {
                // That something goes out in its shape is proved with the shapes.
                Some((_, LinkConfig::Sandbox(_) | LinkConfig::SmsHttp(_))) => {}
                Some((_, LinkConfig::Smpp(smpp))) if smpp.bind.sends() => {}
                Some((at, LinkConfig::Smpp(smpp))) => {
                    return Err(ConfigError::wrong(
                        &format!("link[{at}].bind"),
                        &format!(
                            "service {} sends its messages on link {}, and nothing can be submitted on receivers",
                            service.name, smpp.name
                        ),
                        "write bind = \"transceiver\" or \"pair\", or name another link as sms_link of the service",
                    ));
                }
                Some((_, LinkConfig::UssdHttp(_))) | None => {
                    return Err(ConfigError::wrong(
                        &format!("service[{index}].sms_link"),
                        &format!(
                            "service {} sends on {}, which is no link of kind smpp, sms-http or sandbox",
                            service.name, service.sms_link
                        ),
                        "name a [[link]] of one of these kinds",
                    ));
                }
            }
            if service.ussd.is_empty() || service.sms.is_empty() || service.keywords.is_empty() {
                return Err(ConfigError::wrong(
                    &format!("service[{index}]"),
                    &format!(
                        "service {} lacks a USSD code, a short number or a keyword",
                        service.name
                    ),
                    "give ussd, sms and keywords at least one value each",
                ));
            }
        }
        for (index, service) in self.services.iter().enumerate() {
            let code =
                |code: &String| code.len() > 2 && code.starts_with('*') && code.ends_with('#');
            if !service.ussd.iter().all(code) {
                return Err(ConfigError::wrong(
                    &format!("service[{index}].ussd"),
                    &format!("service {} has a code that nobody can dial", service.name),
                    "write codes as \"*580#\"",
                ));
            }
            let short =
                |number: &String| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if !service.sms.iter().all(short) {
                return Err(ConfigError::wrong(
                    &format!("service[{index}].sms"),
                    &format!(
                        "service {} has a short number that is not digits",
                        service.name
                    ),
                    "write short numbers as \"5800\"",
                ));
            }
        }
        for (index, link) in self.links.iter().enumerate() {
            match link {
                LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) => {
                    http.prove(index)?;
                    auth::prove(
                        &http.auth,
                        index,
                        &http.name,
                        matches!(link, LinkConfig::UssdHttp(_)),
                        http.public_url.as_deref(),
                        self.http.client_ca(),
                    )?;
                }
                LinkConfig::SmsHttp(sms) => {
                    sms.prove(index)?;
                    auth::prove(
                        &sms.auth,
                        index,
                        &sms.name,
                        true,
                        sms.public_url.as_deref(),
                        self.http.client_ca(),
                    )?;
                }
                LinkConfig::Smpp(smpp) => smpp
                    .check()
                    .map_err(|fault| ConfigError::of_link(index, &fault))?,
            }
        }
        let sandboxed = |link: &&LinkConfig| matches!(link, LinkConfig::Sandbox(_));
        if let Some(open) = self.links.iter().find(sandboxed)
            && !self.http.listen.ip().is_loopback()
        {
            return Err(ConfigError::wrong(
                "http.listen",
                &format!(
                    "link {} is a sandbox, which may listen on loopback only",
                    open.name()
                ),
                "listen on 127.0.0.1, or make it a link of kind ussd-http with [[link.auth]]",
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
        let shown = self
            .links
            .iter()
            .position(|link| matches!(link, LinkConfig::Sandbox(_)));
        if let Some(index) = shown.filter(|_| !sandbox) {
            return Err(ConfigError::wrong(
                &format!("link[{index}].kind"),
                "a sandbox link shows messages, and this registry has real people",
                "take the link out, or use registry.kind = \"sandbox\"",
            ));
        }
        Ok(())
    }
}

const NO_SECTION: &str = "expected JISR_SECTION__KEY, such as JISR_HTTP__LISTEN";

/// Sets `SECTION__KEY` or `SECTION__SECTION__KEY` in the table; lists and numbers are read as TOML,
/// all else is text.
fn lay(table: &mut toml::Table, path: &str, value: &str) -> Option<()> {
    let path = path.to_ascii_lowercase();
    let (sections, key) = path.rsplit_once("__")?;
    if key.is_empty() || sections.split("__").any(str::is_empty) {
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
    let mut section = table;
    for name in sections.split("__") {
        section = section
            .entry(name)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()?;
    }
    section.insert(key.to_owned(), value);
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
        let span = Span {
            at: span.start,
            len: span.len(),
        };
        // Of the whole file only services and links are lists of sections.
        let message = match error.message() {
            SINGLE => "expected its header in double brackets: [[service]], [[link]]".to_owned(),
            message => plain(message),
        };
        Self::at(name, text, span, &message, MEND)
    }

    /// A fault of one link over SMPP; `index` is its place among the links.
    pub fn of_link(index: usize, fault: &SettingFault) -> Self {
        let key = format!("link[{index}].{}", fault.key);
        Self::wrong(&key, &fault.message, &fault.mend)
    }

    /// A fault of one `[[link.auth]]`; `index` is the link's place, `at` its own.
    pub fn of_auth(index: usize, at: usize, fault: &AuthFault) -> Self {
        let section = format!("link[{index}].auth[{at}]");
        let key = match fault.key {
            "" => section,
            key => format!("{section}.{key}"),
        };
        Self::wrong(&key, &fault.message, &fault.mend)
    }

    /// A fault of the files of `[http.tls]`.
    pub fn of_listener(fault: &TlsFault) -> Self {
        let key = match fault.setting {
            Setting::CaFile => "client_ca_file",
            Setting::CertFile => "cert_file",
            Setting::KeyFile => "key_file",
        };
        Self::wrong(
            &format!("http.tls.{key}"),
            &fault.message,
            "name PEM files that this user may read; docs/listening.md says what stands in each",
        )
    }

    fn at(name: &str, text: &str, span: Span, message: &str, mend: &str) -> Self {
        Self::File(Box::new(
            Source::new(name, &shown::without_secrets(text)).error(
                "C001",
                span,
                message.to_owned(),
                mend,
            ),
        ))
    }

    /// With its place in the file, where the key or a section around it stands there.
    pub fn placed(self, name: &str, text: &str) -> Self {
        match self {
            Self::Wrong { key, message, mend } => {
                let place = place::of(text, &key);
                let key = bare(&key);
                match place {
                    Some(span) => Self::at(name, text, span, &format!("{key}: {message}"), &mend),
                    None => Self::Wrong { key, message, mend },
                }
            }
            Self::File(_) | Self::Variable { .. } => self,
        }
    }

    pub(crate) fn wrong(key: &str, message: &str, mend: &str) -> Self {
        Self::Wrong {
            key: key.to_owned(),
            message: message.to_owned(),
            mend: mend.to_owned(),
        }
    }
}

/// What to do about a fault of the file.
const MEND: &str = "the README has a whole configuration with all sections and keys";
/// The same of a link over SMPP, and of USSD on it.
const MEND_SMPP: &str = "docs/smpp.md has every setting with its default and its range";
const MEND_USSD: &str = "docs/smpp-ussd.md has every setting with its default and its range";
const MEND_AUTH: &str = "docs/signing.md has every kind of [[link.auth]] with its keys";
/// What the reader says of a section where it wants a list of them.
const SINGLE: &str = "invalid type: map, expected a sequence";

/// The fault of a `[[link]]`, with its place: the form in which links are told apart by their kind
/// loses it, so each is read again by itself.
fn link_fault(name: &str, text: &str) -> Option<ConfigError> {
    #[derive(serde::Deserialize)]
    struct Links {
        #[serde(default)]
        link: Vec<toml::Table>,
    }
    let links: Links = toml::from_str(text).ok()?;
    links
        .link
        .into_iter()
        .enumerate()
        .find_map(|(index, mut table)| {
            let kind = table.remove("kind")?;
            let auths = table.get("auth").cloned();
            let table = toml::Value::Table(table);
            let (fault, smpp) = match kind.as_str()? {
                "ussd-http" | "sandbox" => (
                    serde_path_to_error::deserialize::<_, UssdHttp>(table).err()?,
                    false,
                ),
                "sms-http" => (
                    serde_path_to_error::deserialize::<_, SmsHttp>(table).err()?,
                    false,
                ),
                "smpp" => (
                    serde_path_to_error::deserialize::<_, SmppConfig>(table).err()?,
                    true,
                ),
                _ => return None,
            };
            let (below, fault) = match auth_fault(&fault, auths) {
                Some((below, fault)) => (below, fault),
                None => (fault.path().to_string(), fault.into_inner()),
            };
            let mend = match (smpp, below == "ussd" || below.starts_with("ussd.")) {
                (true, true) => MEND_USSD,
                (true, false) => MEND_SMPP,
                (false, _) if below.starts_with("auth") => MEND_AUTH,
                (false, _) => MEND,
            };
            let path = format!("link[{index}].{below}");
            let message = plain(fault.message());
            let span = place::of(text, &path)?;
            let key = bare(&path);
            Some(ConfigError::at(
                name,
                text,
                span,
                &format!("{key}: {message}"),
                mend,
            ))
        })
}

/// The fault of a `[[link.auth]]` with its key: it loses that for the same reason, and is found by
/// the same means.
fn auth_fault(
    fault: &serde_path_to_error::Error<toml::de::Error>,
    auths: Option<toml::Value>,
) -> Option<(String, toml::de::Error)> {
    let auths = auths.filter(|_| fault.path().to_string().starts_with("auth"))?;
    let toml::Value::Array(auths) = auths else {
        return None;
    };
    auths.into_iter().enumerate().find_map(|(at, auth)| {
        let toml::Value::Table(mut table) = auth else {
            return None;
        };
        let kind = table.remove("kind")?;
        let fault = auth::read(kind.as_str()?, toml::Value::Table(table)).err()?;
        let below = match fault.path().to_string() {
            // What is missing, or the whole of it.
            path if path == "." => format!("auth[{at}]"),
            path => format!("auth[{at}].{path}"),
        };
        Some((below, fault.into_inner()))
    })
}

/// A key without the numbers of its sections, as people write it.
fn bare(path: &str) -> String {
    let mut steps = path
        .split('.')
        .map(|step| step.split('[').next().unwrap_or(step));
    let key: Vec<&str> = steps.by_ref().filter(|step| !step.is_empty()).collect();
    key.join(".")
}

/// A message of the reader without the value that it found, in words for administrators.
fn plain(message: &str) -> String {
    if message.contains("untagged enum Ops") {
        return "expected a list of operations such as [0x02, 0x12], or { all_but = [0x13] }"
            .to_owned();
    }
    if message.contains("invalid socket address") {
        return "expected an address with its port, such as 127.0.0.1:8080".to_owned();
    }
    let expected = message.find("expected").map(|at| &message[at..]);
    match expected {
        Some(expected) if message.starts_with("invalid") => WORDS
            .iter()
            .fold(expected.to_owned(), |text, (word, words)| {
                text.replace(word, words)
            }),
        Some(_) | None => message.to_owned(),
    }
}

/// The reader's names of types, and what a file has for them.
const WORDS: [(&str, &str); 24] = [
    ("u8", "a number from 0 to 255"),
    ("u16", "a number from 0 to 65535"),
    ("u32", "a whole number"),
    ("u64", "a whole number"),
    ("usize", "a whole number"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a string", "a text in quotes"),
    ("string only", "a text in quotes"),
    ("path string", "the path of a file in quotes"),
    ("a sequence", "a list in brackets"),
    ("struct Http", "a section [http]"),
    ("struct ListenerTls", "a section [http.tls]"),
    ("struct Admin", "a section [admin]"),
    ("struct StoreConfig", "a section [store]"),
    ("struct CacheConfig", "a section [cache]"),
    ("struct RegistryConfig", "a section [registry]"),
    ("struct Security", "a section [security]"),
    ("struct Log", "a section [log]"),
    ("struct ServiceConfig", "a section [[service]]"),
    ("struct TlsConfig", "a section [link.tls]"),
    ("struct RetryConfig", "a section [link.retry]"),
    ("struct Messages", "a section [link.messages]"),
    ("struct UssdConfig", "a section [link.ussd]"),
];

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
    fn an_address_that_is_none_says_what_was_expected() {
        let told = load("", &[("JISR_HTTP__LISTEN", "foo")]).err().unwrap();
        assert!(
            told.contains("expected an address with its port, such as 127.0.0.1:8080"),
            "{told}"
        );
    }

    #[test]
    fn a_ledger_of_another_kind_is_refused_before_anything_is_made() {
        for url in ["mysql://SECRET@host/db", "http://host"] {
            let told = load("", &[("JISR_STORE__URL", url)]).err().unwrap();
            assert!(
                told.contains("store.url") && !told.contains("SECRET"),
                "{told}"
            );
        }
        for url in ["sqlite:a.db", "a.db", "/a:b/c.db", "postgresql://h/d"] {
            assert!(load("", &[("JISR_STORE__URL", url)]).is_ok(), "{url}");
        }
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
    fn the_listeners_tls_and_proxies_are_read() {
        assert_eq!(load("", &[]).unwrap().http.tls, None);
        let file = "[http]\nproxies = [\"10.0.0.1\", \"::1/128\"]\n[http.tls]\ncert_file = \"c\"\nkey_file = \"k\"\n";
        let env = [
            ("JISR_HTTP__TLS__KEY_FILE", "other"),
            ("JISR_HTTP__TLS__CLIENT_CA_FILE", "a"),
        ];
        let http = load(file, &env).unwrap().http;
        let proxies: Vec<String> = http.proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.1/32", "::1/128"]);
        let tls = http.tls.unwrap();
        assert_eq!(
            [Some(tls.cert_file), Some(tls.key_file), tls.client_ca_file],
            ["c", "other", "a"].map(|name| Some(name.into()))
        );
        let env = [("JISR_HTTP__PROXIES", "[\"192.0.2.1\"]")];
        assert_eq!(load(file, &env).unwrap().http.proxies.len(), 1);
        // Which a rule about certificates needs.
        let rule = "[[link]]\nkind=\"sandbox\"\nname=\"a\"\nservices=[\"tns\"]\n[[link.auth]]\nkind=\"certificate\"\nnames=[\"op.example\"]\n";
        let with = |files: &str| load(&format!("{file}{files}\n{rule}"), &[]);
        assert!(with("client_ca_file = \"a\"").is_ok());
        assert!(
            with("")
                .unwrap_err()
                .contains("nothing says which authority")
        );
    }

    #[test]
    fn mistakes_name_their_place() {
        let two = "[[link]]\nkind=\"sandbox\"\nname=\"a\"\nservices=[\"tns\"]\n[[link]]\nkind=\"smpp\"\nname=\"b\"\nhost=\"h\"\nport=127777\nsystem_id=\"s\"\nservices=[\"tns\"]\n";
        let unknown = two.replace("port=127777", "prot=1");
        let whole = two.replace("port=127777", "port=2775");
        let late = format!("{whole}[link.retry]\nfirst_ms=500\nlongest_ms=1\n");
        let strange = late.replace("longest_ms", "longest");
        let absent = whole.replace("host=\"h\"\n", "");
        for (file, env, expected) in [
            (
                two,
                vec![],
                "9:1 link.port: expected a number from 0 to 65535",
            ),
            (unknown.as_str(), vec![], "9:1 link.prot: unknown field"),
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
                "http.listen: link sandbox is a sandbox, which may listen on loopback only",
            ),
            (
                "[http]\ntls = true\n",
                vec![],
                "2:7 expected a section [http.tls]",
            ),
            (
                "[http.tls]\ncert_file = \"c\"\n",
                vec![],
                "1:1 missing field `key_file`",
            ),
            (
                "[http.tls]\ncert_file = 5\nkey_file = \"k\"\n",
                vec![],
                "2:13 expected the path of a file in quotes",
            ),
            (
                "[http.tls]\ncert_file = \"c\"\nkey_file = \"k\"\nca_file = \"a\"\n",
                vec![],
                "4:1 unknown field",
            ),
            (
                "[http]\nproxies = [\"10.0.0.1/8\"]\n",
                vec![],
                "2:11 expected addresses and networks",
            ),
            (
                "",
                vec![("JISR_HTTP__PROXIES", "[\"proxy.example\"]")],
                "environment variable JISR_HTTP__PROXIES: expected addresses and networks",
            ),
            (
                "",
                vec![("JISR_HTTP__TLS__CERT_FILE", "c")],
                "JISR_HTTP__TLS",
            ),
            (
                "",
                vec![("JISR_HTTP____TLS", "c")],
                "expected JISR_SECTION__KEY",
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
                late.as_str(),
                vec![],
                "14:1 link.retry.longest_ms: retry.first_ms (500) is longer than retry.longest_ms (1)",
            ),
            (
                strange.as_str(),
                vec![],
                "14:1 link.retry.longest: unknown field",
            ),
            (absent.as_str(), vec![], "5:1 link.host: it is missing"),
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

    /// What is written behind a link that works, and what is told of it.
    #[test]
    fn mistakes_in_a_link_are_told_in_words_of_the_file() {
        let link = "[[link]]\nkind=\"smpp\"\nname=\"a\"\nhost=\"h\"\nport=1\nsystem_id=\"s\"\nservices=[\"tns\"]\n";
        for (written, expected) in [
            ("tls = true", "8:1 link.tls: expected a section [link.tls]"),
            (
                "retry = 5",
                "8:1 link.retry: expected a section [link.retry]",
            ),
            (
                "messages = \"gsm\"",
                "8:1 link.messages: expected a section [link.messages]",
            ),
            (
                "ussd = \"default\"",
                "8:1 link.ussd: expected a section [link.ussd]",
            ),
            (
                "[link.ussd]\ncontinue = \"all\"",
                "9:1 link.ussd.continue: expected a list of operations such as [0x02, 0x12], or { all_but = [0x13] }",
            ),
            (
                "[link.ussd]\nunits = 200",
                "9:1 link.ussd.units: a screen is longer than short_message can be",
            ),
            (
                "response_ms = 3000",
                "8:1 link.response_ms: accept_ms (4000) is longer than response_ms (3000)",
            ),
            (
                "password_file = 5",
                "8:1 link.password_file: expected the path of a file in quotes",
            ),
            ("rate = \"5\"", "8:1 link.rate: expected a number"),
            (
                "version = 3.4",
                "8:1 link.version: expected a text in quotes",
            ),
            (
                "source_ton = 256",
                "8:1 link.source_ton: expected a number from 0 to 255",
            ),
            (
                "bind = \"receiver\"",
                "8:1 link.bind: service tns sends its messages on link a, and nothing can be submitted",
            ),
            (
                "[[link]]\nkind=\"sandbox\"\nname=\"a\"\nservices=[\"tns\"]",
                "10:1 link.name: a link before it is named a too",
            ),
            (
                "[[link]]\nkind=\"sandbox\"\nname=\"b\"\nservices=[\"no\"]",
                "11:1 link.services: link b names the service no",
            ),
            (
                "[[link]]\nkind=\"sandbox\"\nname=\"b\"\nservices=[\"tns\"]\nunits=39",
                "12:1 link.units: a screen of link b is too small",
            ),
            (
                "[[service]]\nname=\"tns\"\ndialog=\"tns\"\nussd=[\"*580#\"]\nsms=[\"5800\"]\nkeywords=[\"TNS\"]\nsms_link=\"b\"",
                "14:1 service.sms_link: service tns sends on b, which is no link of kind",
            ),
        ] {
            let error = load(&format!("{link}{written}\n"), &[]).unwrap_err();
            assert!(error.contains(expected), "{written}: {error}");
        }
        // A receiver beside a transmitter is how some operators want it.
        let beside = link.replace("name=\"a\"", "name=\"b\"\nbind=\"transmitter\"");
        let config = load(&format!("{link}bind = \"receiver\"\n{beside}"), &[]).unwrap();
        assert_eq!(config.services[0].sms_link, "b");
        let single = link.replace("[[link]]", "[link]");
        let error = load(&single, &[]).unwrap_err();
        assert!(error.contains("[[service]], [[link]]"), "{error}");
    }

    /// Whoever reads that a value is wrong also reads where all of them stand.
    #[test]
    fn help_names_the_page_that_has_the_setting() {
        let link = "[[link]]\nkind=\"smpp\"\nname=\"a\"\nhost=\"h\"\nport=1\nsystem_id=\"s\"\nservices=[\"tns\"]\n";
        for (written, expected) in [
            ("tls = true", "docs/smpp.md"),
            ("window = 0", "docs/smpp.md"),
            ("[link.ussd]\nunit = 5", "docs/smpp-ussd.md"),
            ("[[link]]\nkind=\"sandbox\"\nnames=\"b\"", "the README"),
        ] {
            let file = format!("{link}{written}\n");
            let told = match Config::load(Some(("jisr.toml", &file)), &[]) {
                Err(ConfigError::File(finding)) => finding.mend,
                other => panic!("{written}: {other:?}"),
            };
            assert!(told.contains(expected), "{written}: {told}");
        }
    }
}
