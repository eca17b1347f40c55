//! Reading the configuration: the file, the environment over it, and what has to hang together.

use super::{
    Config, LinkConfig, RegistryKind, ServiceConfig, ShapeName, UssdHttp, deadline_ms,
    first_language, help_line, place, septets, session_ms, units,
};
use crate::finding::{Finding, Source, Span};
use crate::smpp::config::SmppConfig;

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
                    message: error.into_inner().message().to_owned(),
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
        for (index, link) in self.links.iter().enumerate() {
            match link {
                LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) => http.prove()?,
                LinkConfig::Smpp(smpp) => smpp.check().map_err(|fault| {
                    let key = format!("link[{index}].{}", fault.key);
                    ConfigError::wrong(&key, &fault.message, &fault.mend)
                })?,
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
        let span = Span {
            at: span.start,
            len: span.len(),
        };
        Self::at(name, text, span, &plain(error.message()), MEND)
    }

    fn at(name: &str, text: &str, span: Span, message: &str, mend: &str) -> Self {
        Self::File(Box::new(Source::new(name, text).error(
            "C001",
            span,
            message.to_owned(),
            mend,
        )))
    }

    /// With its place in the file, where the key stands there.
    fn placed(self, name: &str, text: &str) -> Self {
        match self {
            Self::Wrong { key, message, mend } => {
                let last = key.rsplit('.').next().unwrap_or(&key);
                let exact = key.contains('[').then(|| place::of(text, &key)).flatten();
                match exact.or_else(|| span_of(text, 0, last)) {
                    Some(span) => {
                        let key = bare(&key);
                        Self::at(name, text, span, &format!("{key}: {message}"), &mend)
                    }
                    None => Self::Wrong { key, message, mend },
                }
            }
            Self::File(_) | Self::Variable { .. } => self,
        }
    }

    pub(super) fn wrong(key: &str, message: &str, mend: &str) -> Self {
        Self::Wrong {
            key: key.to_owned(),
            message: message.to_owned(),
            mend: mend.to_owned(),
        }
    }
}

/// What to do about a fault of the file.
const MEND: &str = "the README has a whole configuration with all sections and keys";

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
            let table = toml::Value::Table(table);
            let fault = match kind.as_str()? {
                "ussd-http" | "sandbox" => {
                    serde_path_to_error::deserialize::<_, UssdHttp>(table).err()
                }
                "smpp" => serde_path_to_error::deserialize::<_, SmppConfig>(table).err(),
                _ => None,
            }?;
            let path = format!("link[{index}].{}", fault.path());
            let message = plain(fault.into_inner().message());
            let span = place::of(text, &path)?;
            let key = bare(&path);
            Some(ConfigError::at(
                name,
                text,
                span,
                &format!("{key}: {message}"),
                MEND,
            ))
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

/// Where a key stands, from a place on.
fn span_of(text: &str, from: usize, key: &str) -> Option<Span> {
    let mut at = from;
    for line in text.get(from..)?.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(Span {
                at: at + indent,
                len: key.len(),
            });
        }
        at += line.len();
    }
    None
}

/// A message of the reader without the value that it found, in words for administrators.
fn plain(message: &str) -> String {
    let expected = message.find("expected").map(|at| &message[at..]);
    match expected {
        Some(expected) if message.starts_with("invalid") => [
            ("u16", "a number from 0 to 65535"),
            ("u64", "a whole number"),
            ("usize", "a whole number"),
            ("a boolean", "true or false"),
        ]
        .iter()
        .fold(expected.to_owned(), |text, (word, words)| {
            text.replace(word, words)
        }),
        Some(_) | None => message.to_owned(),
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
                late.as_str(),
                vec![],
                "14:1 link.retry.longest_ms: expected a number from 500",
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
}
