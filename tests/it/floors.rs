//! Imports point down: the words and the pure floor know no runtime, no wire, no clock, no chance.

use std::path::{Path, PathBuf};

/// What floors 0 and 1 must not name.
const ABSENT: [&str; 14] = [
    "tokio",
    "hyper",
    "axum",
    "sqlx",
    "redis",
    "tracing",
    "getrandom",
    "rustls::",
    "SystemTime",
    "Instant::now",
    "std::fs",
    "std::net",
    "std::thread",
    "Timestamp::now",
];

/// Floors 0 and 1, as files and folders of `src`.
const PURE: [&str; 12] = [
    "callback.rs",
    "clock.rs",
    "conversation.rs",
    "finding.rs",
    "dialog",
    "engine",
    "input",
    "screen",
    "locale",
    "locale.rs",
    "render.rs",
    "operator",
];

/// The pure part of `src/smpp`: everything but these.
const SMPP_DOORS: [&str; 4] = ["link.rs", "link", "handle.rs", "inbox.rs"];

/// Floors from the bottom, and what stands on each; a file may import its own floor and those below.
const FLOORS: [(&str, u8); 32] = [
    ("callback", 0),
    ("clock", 0),
    ("plant", 0),
    ("conversation", 0),
    ("finding", 0),
    ("dialog", 1),
    ("engine", 1),
    ("input", 1),
    ("screen", 1),
    ("locale", 1),
    ("render", 1),
    ("check", 1),
    ("operator", 1),
    ("store", 2),
    ("desk", 2),
    ("outbox", 2),
    ("node", 2),
    ("drawer", 2),
    ("system", 2),
    ("config", 2),
    ("book", 2),
    ("brake", 2),
    ("tls", 2),
    ("exchange", 2),
    ("smpp", 1),
    ("smpp::link", 4),
    ("sms_http", 4),
    ("ussd_push", 3),
    ("gateway", 3),
    ("http", 4),
    ("console", 4),
    ("main", 4),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flat_map(|entry| sources(&entry.unwrap().path()))
        .collect();
    found.retain(|file| file.extension().is_some_and(|kind| kind == "rs"));
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file without its comments and without the tests at its bottom.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_pure_floors_know_no_outside() {
    let mut pure: Vec<PathBuf> = PURE
        .iter()
        .flat_map(|name| sources(&src().join(name)))
        .collect();
    pure.extend(sources(&src().join("smpp")).into_iter().filter(|file| {
        !SMPP_DOORS.iter().any(|door| {
            file.strip_prefix(src().join("smpp"))
                .unwrap()
                .starts_with(door)
        })
    }));
    assert!(pure.len() > 40, "{} files", pure.len());
    for file in pure {
        let code = code(&file);
        for word in ABSENT {
            assert!(!code.contains(word), "{} names {word}", file.display());
        }
    }
}

/// `message` is the text of a line; a field of that name would be a second one in JSON.
#[test]
fn no_field_of_a_log_is_named_as_its_text() {
    for file in sources(&src()) {
        let code = code(&file);
        for log in code.split("tracing::").skip(1) {
            let log = log.split(";\n").next().unwrap();
            let is_log = ["trace!", "debug!", "info!", "warn!", "error!"]
                .iter()
                .any(|level| log.starts_with(level));
            let named = [
                "message =",
                "%message",
                "?message",
                "(message,",
                " message,",
            ]
            .iter()
            .any(|field| log.contains(field));
            assert!(!(is_log && named), "{}: {log}", file.display());
        }
    }
}

#[test]
fn imports_point_down() {
    let floor = |module: &str| {
        FLOORS
            .iter()
            .find(|(name, _)| *name == module)
            .map(|(_, floor)| *floor)
    };
    for file in sources(&src()) {
        let relative = file.strip_prefix(src()).unwrap().to_owned();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .replace(".rs", "");
        if module == "lib" {
            continue;
        }
        let module = if SMPP_DOORS
            .iter()
            .any(|door| relative.starts_with(Path::new("smpp").join(door)))
        {
            "smpp::link".to_owned()
        } else {
            module
        };
        let own = floor(&module).unwrap_or_else(|| panic!("{module} stands on no floor"));
        for line in code(&file).lines() {
            let Some(rest) = line
                .trim()
                .strip_prefix("use crate::")
                .or_else(|| line.trim().strip_prefix("pub use crate::"))
            else {
                continue;
            };
            let imported: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            let imported = if rest.starts_with("smpp::link") {
                "smpp::link".to_owned()
            } else {
                imported
            };
            // The shapes of replies and receipts are words of the ledger that the pure floor speaks.
            let word_of_the_ledger = imported == "store" && own >= 1;
            if let Some(theirs) = floor(&imported) {
                assert!(
                    theirs <= own || word_of_the_ledger,
                    "{}: {line}",
                    file.display()
                );
            }
        }
    }
}
