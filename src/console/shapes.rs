//! The shapes of HTTP links: those built in, those of the folder, and which link has which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::book::LinkRules;
use crate::config::{Config, ConfigError, LinkConfig, SmsHttp, UssdHttp};
use crate::console::Failure;
use crate::finding::{Finding, Source, Span};
use crate::operator::file::SessionIds;
use crate::operator::shape::{Shape, Shapes};
use crate::operator::sms::SmsShape;
use crate::operator::ussd::UssdShape;
use crate::screen::Limit;

/// Files of a folder that are read at most.
const FILES_MAX: usize = 200;
/// How long a worker looks at an empty screen, however long the operator would wait.
const SCREEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// All shapes that there are for this configuration.
///
/// # Errors
/// [`Failure`] with every finding printed.
pub fn load(config: &Config) -> Result<Shapes, Failure> {
    let files = match &config.http.shapes {
        Some(folder) => files(folder)?,
        None => Vec::new(),
    };
    Shapes::load(&files).map_err(|findings| {
        Failure::Failed(
            findings
                .into_iter()
                .map(|finding| format!("{:?}", miette::Report::new(finding)))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })
}

/// What lies in the folder of shapes and is not read: a warning each, but for pages for people and
/// what is hidden.
///
/// # Errors
/// [`Failure`] where the folder cannot be read.
pub fn passed_over(config: &Config) -> Result<Vec<Finding>, Failure> {
    let Some(folder) = &config.http.shapes else {
        return Ok(Vec::new());
    };
    let warned = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        if is_shape(&path)
            || name.starts_with('.')
            || name.to_ascii_uppercase().starts_with("README")
        {
            return None;
        }
        let mend = if path.is_dir() {
            "put its files into the folder of shapes itself, or take it away".to_owned()
        } else {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            format!("rename it to {stem}.yaml if it is a shape, or take it away")
        };
        Some(Source::new(&path.display().to_string(), "").warning(
            "O006",
            Span::default(),
            "this is not read: a shape is a file NAME.yaml",
            mend,
        ))
    };
    Ok(paths(folder)?.into_iter().filter_map(warned).collect())
}

fn is_shape(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "yaml")
}

/// What lies in the folder, by name.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let wrong = |error: std::io::Error| {
        Failure::Failed(format!(
            "{}: cannot be read: {error}\n  help: let http.shapes name a folder with one file NAME.yaml a shape",
            folder.display()
        ))
    };
    let mut paths = std::fs::read_dir(folder)
        .map_err(wrong)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    paths.sort();
    Ok(paths)
}

fn files(folder: &Path) -> Result<Vec<Source>, Failure> {
    let mut paths = paths(folder)?;
    paths.retain(|path| is_shape(path));
    if paths.len() > FILES_MAX {
        return Err(Failure::Failed(format!(
            "{}: has more than {FILES_MAX} shapes\n  help: keep those that links use",
            folder.display()
        )));
    }
    paths
        .iter()
        .map(|path| {
            let bytes = crate::tls::read(path).map_err(Failure::Failed)?;
            let text = String::from_utf8(bytes).map_err(|error| {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
                Failure::Failed(format!(
                    "{}:{line}: it is no text in UTF-8\n  help: save the file as UTF-8, or take it out of the folder where it is no shape",
                    path.display()
                ))
            })?;
            Ok(Source::new(&path.display().to_string(), &text))
        })
        .collect()
}

/// The names of the shapes that links have, each once.
pub fn used(config: &Config) -> BTreeSet<&str> {
    config
        .links
        .iter()
        .filter_map(|link| match link {
            LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) => Some(http.shape.as_str()),
            LinkConfig::SmsHttp(sms) => Some(sms.shape.as_str()),
            LinkConfig::Smpp(_) => None,
        })
        .collect()
}

/// The shape of the link at this place.
///
/// # Errors
/// [`ConfigError`] where there is none of that name, it is of the other channel, or it is switched
/// off.
pub fn of(link: &UssdHttp, index: usize, shapes: &Shapes) -> Result<Arc<UssdShape>, ConfigError> {
    match named(&link.name, &link.shape, index, shapes)? {
        Shape::Ussd(shape) => Ok(Arc::clone(shape)),
        Shape::Sms(shape) => Err(ConfigError::wrong(
            &format!("link[{index}].shape"),
            &format!("the shape {} is one of SMS", shape.head.name),
            "let the link be of kind sms-http, or take a shape of USSD",
        )),
    }
}

/// The shape of the link of messages at this place.
///
/// # Errors
/// As [`of`], and where a service sends on a link in whose shape nothing goes out.
pub fn sms(link: &SmsHttp, index: usize, shapes: &Shapes) -> Result<Arc<SmsShape>, ConfigError> {
    match named(&link.name, &link.shape, index, shapes)? {
        Shape::Sms(shape) => Ok(Arc::clone(shape)),
        Shape::Ussd(shape) => Err(ConfigError::wrong(
            &format!("link[{index}].shape"),
            &format!("the shape {} is one of USSD", shape.head.name),
            "let the link be of kind ussd-http, or take a shape of SMS",
        )),
    }
}

/// Proves that links whose shapes post screens say where to, and that others say nothing of it.
///
/// # Errors
/// As [`of`], and with the key that is missing or too much.
pub fn prove_push(config: &Config, shapes: &Shapes) -> Result<(), ConfigError> {
    for (index, link) in config.links.iter().enumerate() {
        let (LinkConfig::UssdHttp(link) | LinkConfig::Sandbox(link)) = link else {
            continue;
        };
        let shape = of(link, index, shapes)?;
        let wrong = |key: &str, message: &str, mend: &str| {
            ConfigError::wrong(
                &format!("link[{index}].{key}"),
                &format!("link {} {message}", link.name),
                mend,
            )
        };
        let Some(push) = &shape.push else {
            if let Some(key) = link.api_key() {
                return Err(wrong(
                    key,
                    &format!(
                        "says how screens are posted, and its shape {} puts them into its answers",
                        shape.head.name
                    ),
                    "take it away",
                ));
            }
            continue;
        };
        let (user, secret) = push.wants();
        let has_secret = link.secret.is_some() || link.secret_file.is_some();
        for (key, missing, mend) in [
            (
                "url",
                link.url.is_none(),
                "write the operator's address for screens, url = \"https://api.operator.example\"",
            ),
            (
                "user",
                user && link.user.is_none(),
                "write our user at the operator, user = \"NAME\"",
            ),
            (
                "secret",
                secret && !has_secret,
                "write secret_file = \"FILE\" with our secret at the operator",
            ),
        ] {
            if missing {
                let why = format!("has no {key}, which its shape posts screens with");
                return Err(wrong(key, &why, mend));
            }
        }
    }
    Ok(())
}

/// Proves the shapes of all links of messages, and that those on which services send can.
///
/// # Errors
/// As [`sms`], for the first.
pub fn prove_sms(config: &Config, shapes: &Shapes) -> Result<(), ConfigError> {
    for (index, link) in config.links.iter().enumerate() {
        let LinkConfig::SmsHttp(link) = link else {
            continue;
        };
        let shape = sms(link, index, shapes)?;
        let sends = config
            .services
            .iter()
            .find(|service| service.sms_link == link.name);
        if let Some(service) = sends
            && shape.send.is_none()
        {
            return Err(ConfigError::wrong(
                &format!("link[{index}].shape"),
                &format!(
                    "service {} sends on link {}, and nothing goes out in the shape {}",
                    service.name, link.name, shape.head.name
                ),
                "take another shape, or name another link as sms_link of the service",
            ));
        }
        if shape.send.is_some() && link.url.is_none() {
            return Err(ConfigError::wrong(
                &format!("link[{index}].url"),
                &format!("link {} has no address to send to", link.name),
                "write the address of the operator's API, url = \"https://api.operator.example\"",
            ));
        }
    }
    Ok(())
}

/// The shape of that name, which the link at this place has.
fn named<'s>(
    link: &str,
    name: &str,
    index: usize,
    shapes: &'s Shapes,
) -> Result<&'s Shape, ConfigError> {
    let key = format!("link[{index}].shape");
    let Some(shape) = shapes.get(name) else {
        let known: Vec<&str> = shapes
            .iter()
            .map(|shape| shape.head().name.as_str())
            .collect();
        // A file of that name may call itself otherwise.
        let file_of = |shape: &&Shape| {
            let source = shapes.source(&shape.head().name);
            let file = source.map(|source| Path::new(source.file()));
            file.and_then(Path::file_stem)
                .is_some_and(|stem| stem.eq_ignore_ascii_case(name))
        };
        if let Some(shape) = shapes.iter().find(file_of) {
            let own = &shape.head().name;
            let file = shapes.source(own).map_or(name, Source::file);
            return Err(ConfigError::wrong(
                &key,
                &format!("link {link} has the shape {name}, and {file} names itself {own}"),
                &format!("write shape = \"{own}\", or `shape: {name}` in that file"),
            ));
        }
        return Err(ConfigError::wrong(
            &key,
            &format!("link {link} has the shape {name}, which there is not"),
            &format!(
                "take one of {}, or put its file into the folder of shapes",
                known.join(", ")
            ),
        ));
    };
    let head = shape.head();
    if !head.enabled {
        return Err(ConfigError::wrong(
            &key,
            &format!("the shape {} is switched off: {}", head.name, head.because),
            "copy its file into the folder of shapes, complete it there with the operator's contract, and take `enabled: false` out",
        ));
    }
    Ok(shape)
}

/// Every link with a shape, and its shape.
///
/// # Errors
/// As [`of`], for the first.
pub fn links<'c>(
    config: &'c Config,
    shapes: &Shapes,
) -> Result<Vec<(&'c UssdHttp, Arc<UssdShape>)>, ConfigError> {
    config
        .links
        .iter()
        .enumerate()
        .filter_map(|(index, link)| match link {
            LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) => {
                Some(of(http, index, shapes).map(|shape| (http, shape)))
            }
            LinkConfig::Smpp(_) | LinkConfig::SmsHttp(_) => None,
        })
        .collect()
}

/// What the gateway minds of a link: what it says itself, and else its shape.
pub fn rules(link: &UssdHttp, shape: &UssdShape) -> LinkRules {
    LinkRules {
        limit: Limit {
            septets: link.septets.unwrap_or(shape.limit.septets),
            units: link.units.unwrap_or(shape.limit.units),
        },
        deadline: link
            .deadline_ms
            .map_or(shape.deadline.min(SCREEN_WAIT_MAX), Duration::from_millis),
        session: link
            .session_ms
            .map_or(shape.session_life, Duration::from_millis),
        ids_recur: shape.session_ids == SessionIds::Recur,
        posted: shape.push.is_some(),
    }
}
