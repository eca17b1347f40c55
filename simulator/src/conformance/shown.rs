//! Bytes for people to read: escaped, cut, and without a secret.

use crate::conformance::client::{Came, Wire};

/// Bytes of a request or an answer that are shown.
const SHOWN_MAX: usize = 600;

/// Headers of an answer that say nothing about it.
const QUIET: [&str; 6] = [
    "date",
    "connection",
    "content-length",
    "transfer-encoding",
    "server",
    "vary",
];

/// Bytes as text: what cannot be seen is escaped, what is no UTF-8 is `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes[..bytes.len().min(SHOWN_MAX)].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => shown.push_str("\\n"),
                '\r' => shown.push_str("\\r"),
                '\t' => shown.push_str("\\t"),
                '\\' => shown.push_str("\\\\"),
                // Marks of direction would turn the report around.
                '\u{feff}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => {
                    shown.push_str(&format!("\\u{{{:04x}}}", u32::from(character)));
                }
                character if character.is_control() => {
                    shown.push_str(&format!("\\x{:02x}", u32::from(character)));
                }
                character => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if bytes.len() > SHOWN_MAX {
        shown.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    shown
}

/// A text without the secrets in it.
pub fn masked(text: &str, secrets: &[String]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        masked = masked.replace(secret, "***");
    }
    masked
}

/// A request: its line, its content type and its body. What proves it is left out.
pub fn request(wire: &Wire, secrets: &[String]) -> String {
    let mut shown = format!(
        "{} {}",
        wire.method,
        masked(&escaped(wire.target.as_bytes()), secrets)
    );
    for (name, value) in &wire.headers {
        if name == "content-type" {
            shown.push_str(&format!("\n{name}: {}", escaped(value.as_bytes())));
        }
    }
    if !wire.body.is_empty() {
        shown.push_str(&format!("\n\n{}", masked(&escaped(&wire.body), secrets)));
    }
    shown
}

/// An answer: its status, the headers that say something and its body.
pub fn answer(came: &Result<Came, String>, secrets: &[String]) -> String {
    match came {
        Err(why) => masked(why, secrets),
        Ok(came) => {
            let mut shown = format!("status {}", came.status);
            for (name, value) in &came.headers {
                if !QUIET.contains(&name.as_str()) {
                    shown.push_str(&format!("\n{name}: {}", escaped(value.as_bytes())));
                }
            }
            if !came.body.is_empty() {
                shown.push_str(&format!("\n\n{}", escaped(&came.body)));
            }
            masked(&shown, secrets)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(
            escaped("\u{feff}CON a\nب\u{200f}\u{0}\\".as_bytes()),
            "\\u{feff}CON a\\nب\\u{200f}\\x00\\\\"
        );
        assert_eq!(escaped(b"a\xffb"), "a\\xffb");
        assert!(escaped(&[b'x'; 3_000]).ends_with("… (3000 bytes)"));
    }

    #[test]
    fn no_secret_is_shown() {
        let wire = Wire {
            method: "GET".into(),
            target: "/ussd/x/s3cret/y?password=s3cret".into(),
            headers: vec![("authorization".into(), "Bearer s3cret".into())],
            body: b"s3cret".to_vec(),
        };
        let shown = request(&wire, &["s3cret".to_owned()]);
        assert_eq!(shown, "GET /ussd/x/***/y?password=***\n\n***");
    }
}
