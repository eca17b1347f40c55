//! The parts of a running gateway, put together from the configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::book::{Book, LinkRules, NoNumberOnFile, Service};
use crate::cache::Cache;
use crate::callback::{LinkName, ServiceName};
use crate::config::{Config, ConfigError, LinkConfig, RegistryKind, ServiceConfig};
use crate::console::{Failure, check, files, shapes};
use crate::desk::catalogue;
use crate::desk::http::{HttpRegistry, HttpRegistryConfig};
use crate::desk::sandbox::SandboxRegistry;
use crate::desk::{Identity, Lookup, NewAccount, Opened, Registry, RegistryError};
use crate::dialog::{Dialog, load};
use crate::engine::Examples;
use crate::input::example;
use crate::locale::Locales;
use crate::operator::shape::Shapes;
use crate::render::ServiceWords;
use crate::screen::Limit;
use crate::smpp::config::SmppConfig;
use crate::smpp::config::ussd::UssdSettings;
use crate::store::StoreError;
use crate::store::seal::Keys;
use crate::store::sql::SqlStore;
use crate::system::{SystemChance, SystemClock};

/// The dialogs that are built in, by file.
pub const DIALOGS: &[(&str, &str, &str)] = &[(
    "tns",
    "dialogs/tns.yaml",
    include_str!("../../dialogs/tns.yaml"),
)];

/// How soon a text is answered, be it with "the answer will come".
const SMS_DEADLINE: Duration = Duration::from_secs(5);

/// The examples of the prompts; none is a person of the sandbox.
pub fn examples() -> Examples {
    Examples {
        cnie: example::CNIE.to_owned(),
        sejour: example::SEJOUR.to_owned(),
        expiry: example::EXPIRY,
        birth: example::BIRTH,
    }
}

/// Reads the configuration: the file that was named, or `jisr.toml` here, or nothing.
///
/// # Errors
/// [`Failure`], printed with file, line and caret.
pub fn config(named: Option<&Path>) -> Result<Config, Failure> {
    loaded(named).map(|(config, _)| config)
}

/// The same, with the files that its links name read once, so that a missing one is told before
/// anything begins.
///
/// # Errors
/// [`Failure`], printed with file, line and caret.
pub fn config_with_files(named: Option<&Path>) -> Result<Config, Failure> {
    let (config, text) = loaded(named)?;
    let shapes = shapes::load(&config)?;
    shapes::prove_push(&config, &shapes)
        .and_then(|()| shapes::prove_sms(&config, &shapes))
        .and_then(|()| files::check(&config))
        .map_err(|error| {
            unfit(match text {
                Some((name, text)) => error.placed(&name, &text),
                None => error,
            })
        })?;
    Ok(config)
}

/// The configuration, and the name and text of its file where there is one.
fn loaded(named: Option<&Path>) -> Result<(Config, Option<(String, String)>), Failure> {
    let here = Path::new("jisr.toml");
    let path = named.or_else(|| here.exists().then_some(here));
    let text = match path {
        Some(path) => Some((
            path.display().to_string(),
            std::fs::read_to_string(path).map_err(|error| {
                Failure::Failed(format!("{}: cannot be read: {error}", path.display()))
            })?,
        )),
        None => None,
    };
    let env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut config = Config::load(
        text.as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
        &env,
    )
    .map_err(unfit)?;
    if config.http.shapes.is_none() {
        let beside = path
            .and_then(Path::parent)
            .unwrap_or(Path::new(""))
            .join("shapes");
        config.http.shapes = beside.is_dir().then_some(beside);
    }
    Ok((config, text))
}

fn unfit(error: ConfigError) -> Failure {
    match error {
        ConfigError::File(finding) => {
            Failure::Failed(format!("{:?}", miette::Report::new(*finding)))
        }
        other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => Failure::of(other),
    }
}

/// The registry that the configuration names.
pub enum AnyRegistry {
    /// People imported from a file.
    Sandbox(SandboxRegistry),
    /// The agency's API.
    Http(Box<HttpRegistry>),
}

impl Registry for AnyRegistry {
    async fn lookup(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        match self {
            Self::Sandbox(registry) => registry.lookup(who).await,
            Self::Http(registry) => registry.lookup(who).await,
        }
    }

    async fn open_account(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        match self {
            Self::Sandbox(registry) => registry.open_account(account).await,
            Self::Http(registry) => registry.open_account(account).await,
        }
    }

    async fn lookup_late(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        match self {
            Self::Sandbox(registry) => registry.lookup_late(who).await,
            Self::Http(registry) => registry.lookup_late(who).await,
        }
    }

    async fn open_account_late(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        match self {
            Self::Sandbox(registry) => registry.open_account_late(account).await,
            Self::Http(registry) => registry.open_account_late(account).await,
        }
    }

    async fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        match self {
            Self::Sandbox(registry) => registry.revoke_password(registration, generation).await,
            Self::Http(registry) => registry.revoke_password(registration, generation).await,
        }
    }
}

/// The keys: read, or made at the first start.
///
/// # Errors
/// [`Failure`] naming the file.
pub fn keys(config: &Config) -> Result<Keys, Failure> {
    let path = keys_file(config);
    if path.exists() {
        return Keys::load(&path).map_err(Failure::of);
    }
    if !config.store.is_on_a_server() && config.store.path().exists() {
        return Err(Failure::Failed(format!(
            "{}: the keys of the ledger {} are missing\n  help: put the file back; without it what is stored cannot be read",
            path.display(),
            config.store.path().display()
        )));
    }
    make_folder_of(&path)?;
    Keys::create(&path, &SystemChance).map_err(Failure::of)
}

/// The keys of a ledger that is there; none are made.
///
/// # Errors
/// [`Failure`] naming the file.
pub fn keys_that_are_there(config: &Config) -> Result<Keys, Failure> {
    let path = keys_file(config);
    if !path.exists() {
        return Err(Failure::Failed(format!(
            "{}: the keys of the ledger {} are not there\n  help: name the configuration of jisr serve with --config, and start it in the same folder",
            path.display(),
            config.store.shown()
        )));
    }
    Keys::load(&path).map_err(Failure::of)
}

/// Makes the folder in which a file is to be, where it is not there.
///
/// # Errors
/// [`Failure`] naming the folder.
pub fn make_folder_of(file: &Path) -> Result<(), Failure> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|error| {
                Failure::Failed(format!(
                    "{}: cannot be made: {error}\n  help: start jisr in a folder to which this user may write",
                    folder.display()
                ))
            }),
        Some(_) | None => Ok(()),
    }
}

fn keys_file(config: &Config) -> std::path::PathBuf {
    let given = config.security.keys.clone();
    given.unwrap_or_else(|| config.store.beside("jisr.keys"))
}

/// The ledger.
///
/// # Errors
/// [`Failure`] naming the file and the mend.
pub async fn store(config: &Config) -> Result<SqlStore, Failure> {
    let opened = SqlStore::open(&config.store.url, keys(config)?, Arc::new(SystemChance)).await;
    opened.map_err(|error| match error {
        StoreError::Sealed { .. } if config.store.is_on_a_server() => Failure::Failed(format!(
            "{error}\n  help: all nodes of a ledger have the same keys: copy the file of one that serves it to {}, or name it in security.keys",
            config.store.beside("jisr.keys").display()
        )),
        StoreError::Sealed { .. } | StoreError::Unavailable(_) | StoreError::Buried => Failure::of(error),
    })
}

/// The Redis beside the ledger, where there is one; it is not connected yet, and need not be there.
///
/// # Errors
/// [`Failure`] naming a file that cannot be read.
pub fn cache(config: &Config) -> Result<Option<Arc<Cache>>, Failure> {
    let Some(mut address) = config.cache.address().map_err(Failure::of)? else {
        return Ok(None);
    };
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| {
            Failure::Failed(format!("{}: cannot be read: {error}", path.display()))
        })
    };
    if let Some(path) = &config.cache.password_file {
        let text = Zeroizing::new(read(path)?);
        let text = std::str::from_utf8(&text)
            .map_err(|_| Failure::Failed(format!("{}: the password is no text", path.display())))?;
        address.password = Some(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        ));
    }
    let authorities = config.cache.ca_file.as_deref().map(read).transpose()?;
    let (keys, chance) = (keys(config)?, Arc::new(SystemChance));
    Ok(Some(Arc::new(Cache::new(
        address,
        authorities,
        keys,
        chance,
    ))))
}

/// The registry.
///
/// # Errors
/// [`Failure`] with the reason.
pub async fn registry(config: &Config) -> Result<AnyRegistry, Failure> {
    match config.registry.kind {
        RegistryKind::Sandbox => Ok(AnyRegistry::Sandbox(sandbox(config).await?)),
        RegistryKind::Http => {
            let given = &config.registry;
            let mut http = HttpRegistryConfig::at(given.url.as_deref().unwrap_or_default());
            http.token_file.clone_from(&given.token_file);
            http.ca_file.clone_from(&given.ca_file);
            http.client_cert_file.clone_from(&given.cert_file);
            http.client_key_file.clone_from(&given.key_file);
            if let Some(ms) = given.deadline_ms {
                http.lookup_within = Duration::from_millis(ms);
            }
            let registry = HttpRegistry::new(http, Arc::new(SystemClock)).map_err(Failure::of)?;
            Ok(AnyRegistry::Http(Box::new(registry)))
        }
    }
}

/// The sandbox's registry, in a file of its own beside the ledger.
///
/// # Errors
/// [`Failure`] naming the file.
pub async fn sandbox(config: &Config) -> Result<SandboxRegistry, Failure> {
    let path = config.store.beside("sandbox.db");
    make_folder_of(&path)?;
    SandboxRegistry::open(
        &format!("sqlite://{}", path.display()),
        keys(config)?,
        Arc::new(SystemClock),
        Arc::new(SystemChance),
    )
    .await
    .map_err(|error| {
        Failure::Failed(format!(
            "{error}\n  help: it is {}; this user has to be allowed to write to the file and its folder",
            path.display()
        ))
    })
}

/// What the gateway goes by; proved by the same checks as `jisr check`.
///
/// # Errors
/// [`Failure`] with every finding printed.
pub fn book(
    config: &Config,
    shapes: &Shapes,
    lists: crate::dialog::lists::Lists,
) -> Result<Book, Failure> {
    let locales = Locales::embedded().map_err(printed)?;
    let mut services = BTreeMap::new();
    for given in &config.services {
        let dialog = Arc::new(dialog(&given.dialog)?);
        let first_language = crate::conversation::Language(given.first_language.clone());
        if !locales.languages().any(|known| *known == first_language) {
            return Err(Failure::Failed(format!(
                "configuration, service.first_language: there is no language {first_language}\n  help: take one of {}",
                locales
                    .languages()
                    .map(|language| language.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        let words = ServiceWords {
            dial: given.ussd.first().cloned().unwrap_or_default(),
            number: given.sms.first().cloned().unwrap_or_default(),
            keyword: given.keywords.first().cloned().unwrap_or_default(),
            help_line: given.help_line.clone(),
            first_language,
        };
        services.insert(
            ServiceName(given.name.clone()),
            Service {
                name: ServiceName(given.name.clone()),
                dialog,
                ussd: given.ussd.clone(),
                sms: given.sms.clone(),
                keywords: given.keywords.clone(),
                words,
                sms_link: LinkName(given.sms_link.clone()),
            },
        );
    }
    let mut links: BTreeMap<_, _> = shapes::links(config, shapes)
        .map_err(Failure::of)?
        .into_iter()
        .map(|(link, shape)| (LinkName(link.name.clone()), shapes::rules(link, &shape)))
        .collect();
    links.extend(config.links.iter().filter_map(|link| match link {
        LinkConfig::UssdHttp(_) | LinkConfig::Sandbox(_) => None,
        LinkConfig::SmsHttp(link) => {
            let rules = LinkRules {
                deadline: SMS_DEADLINE,
                ..LinkRules::default()
            };
            Some((LinkName(link.name.clone()), rules))
        }
        LinkConfig::Smpp(link) => {
            let rules = match ussd(config, link) {
                Some(ussd) => LinkRules {
                    limit: ussd.limit(),
                    deadline: ussd.deadline(),
                    session: ussd.session(),
                    ids_recur: false,
                    posted: false,
                },
                None => LinkRules {
                    deadline: SMS_DEADLINE,
                    ..LinkRules::default()
                },
            };
            Some((link.name.clone(), rules))
        }
    }));
    // Only the sandbox comes here without a choice.
    let no_number_on_file = config
        .security
        .no_number_on_file
        .unwrap_or(NoNumberOnFile::Guide);
    let book = Book {
        services,
        links,
        locales,
        lists,
        examples: examples(),
        no_number_on_file,
        registry_delivers_password: config.registry.delivers_password,
    };
    check::prove_book(&book, &limits(config, shapes)?)?;
    Ok(book)
}

/// The limits of the links' screens, by name; a link with messages and USSD has one for each.
///
/// # Errors
/// [`Failure`] where a link has no shape.
pub fn limits<'c>(config: &'c Config, shapes: &Shapes) -> Result<Vec<(&'c str, Limit)>, Failure> {
    let mut limits: Vec<_> = shapes::links(config, shapes)
        .map_err(Failure::of)?
        .into_iter()
        .map(|(link, shape)| (link.name.as_str(), shapes::rules(link, &shape).limit))
        .collect();
    for link in &config.links {
        match link {
            LinkConfig::UssdHttp(_) | LinkConfig::Sandbox(_) => {}
            LinkConfig::SmsHttp(given) => limits.push((given.name.as_str(), Limit::SMS)),
            LinkConfig::Smpp(given) => {
                let ussd = ussd(config, given).map(|ussd| ussd.limit());
                let both = [Some(Limit::SMS), ussd].into_iter().flatten();
                limits.extend(both.map(|limit| (given.name.as_str(), limit)));
            }
        }
    }
    Ok(limits)
}

/// USSD on a link over SMPP, with the codes of its services.
pub fn ussd(config: &Config, link: &SmppConfig) -> Option<UssdSettings> {
    let given = link.ussd.as_ref()?;
    let reached = if given.services.is_empty() {
        &link.services
    } else {
        &given.services
    };
    let reached: Vec<_> = reached.iter().cloned().map(ServiceName).collect();
    let codes = codes(config, &reached);
    // The configuration was proved when it was loaded.
    given.settings(codes).ok()
}

/// The codes that reach these services.
pub fn codes(config: &Config, services: &[ServiceName]) -> Vec<(String, ServiceName)> {
    reaching(config, services, |service| &service.ussd)
}

/// The short numbers of these services.
pub fn numbers(config: &Config, services: &[ServiceName]) -> Vec<(String, ServiceName)> {
    reaching(config, services, |service| &service.sms)
}

fn reaching(
    config: &Config,
    services: &[ServiceName],
    by: fn(&ServiceConfig) -> &Vec<String>,
) -> Vec<(String, ServiceName)> {
    let named = |service: &ServiceConfig| ServiceName(service.name.clone());
    config
        .services
        .iter()
        .filter(|service| services.contains(&named(service)))
        .flat_map(|service| {
            by(service)
                .iter()
                .map(move |one| (one.clone(), named(service)))
        })
        .collect()
}

/// A built-in dialog.
///
/// # Errors
/// [`Failure`] with every finding, or naming the dialogs that there are.
pub fn dialog(name: &str) -> Result<Dialog, Failure> {
    match DIALOGS.iter().find(|(known, _, _)| *known == name) {
        Some((_, file, source)) => load::load(file, source).map_err(printed),
        None => Err(Failure::Failed(format!(
            "configuration, service.dialog: there is no dialog {name}\n  help: take one of {}",
            DIALOGS
                .iter()
                .map(|(known, _, _)| *known)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// Findings as people read them.
pub fn printed<D: miette::Diagnostic + Send + Sync + 'static>(findings: Vec<D>) -> Failure {
    let texts: Vec<String> = findings
        .into_iter()
        .map(|finding| format!("{:?}", miette::Report::new(finding)))
        .collect();
    Failure::Failed(texts.join("\n"))
}

/// The lists: imported ones where there are any, else the built-in samples.
///
/// # Errors
/// [`Failure`] when what was imported cannot be read.
pub fn lists(config: &Config) -> Result<crate::dialog::lists::Lists, Failure> {
    catalogue::load(&config.store.beside("catalogue")).map_err(Failure::of)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_link_with_ussd_has_the_screens_of_its_dialect() {
        let text = r#"
            [[service]]
            name = "tns"
            dialog = "tns"
            ussd = ["*580#"]
            sms = ["5800"]
            keywords = ["TNS"]
            sms_link = "operator"

            [[link]]
            kind = "smpp"
            name = "operator"
            host = "127.0.0.1"
            port = 2775
            system_id = "jisr"
            services = ["tns"]

            [link.ussd]
            dialect = "sixdee"
            septets = 160
            units = 70
            deadline_ms = 9000
            session_ms = 60000
        "#;
        let config = Config::load(Some(("jisr.toml", text)), &[]).ok().unwrap();
        let ussd = Limit {
            septets: 160,
            units: 70,
        };
        assert_eq!(
            limits(&config, &Shapes::load(&[]).unwrap()).ok().unwrap(),
            [("operator", Limit::SMS), ("operator", ussd)]
        );
        let book = book(
            &config,
            &Shapes::load(&[]).unwrap(),
            catalogue::embedded().clone(),
        )
        .ok()
        .unwrap();
        let rules = book.links[&LinkName::from("operator")];
        assert_eq!(rules.limit, ussd);
        assert_eq!(rules.deadline, Duration::from_secs(9));
        assert_eq!(rules.session, Duration::from_secs(60));
        let LinkConfig::Smpp(link) = &config.links[0] else {
            panic!("smpp")
        };
        let codes = super::ussd(&config, link).unwrap().codes;
        assert_eq!(codes, [("*580#".to_owned(), ServiceName::from("tns"))]);
        let other = text.replace("dialect = \"sixdee\"", "services = [\"another\"]");
        assert!(Config::load(Some(("jisr.toml", &other)), &[]).is_err());
    }
}
