//! Bytes for people to read: escaped, cut, and without a secret.

use crate::conformance::client::{Came, Wire};

/// Bytes of a request or an answer that are shown.
const SHOWN_MAX: usize = 2000;

/// Headers of an answer that say nothing about it.
const QUIET: [&str; 6] = [
    "date",
    "connection",
    "content-length",
    "transfer-encoding",
    "server",
    "vary",
];

/// What stands for what, for whoever reads a report.
pub const LEGEND: &str = "␊ is a line feed, ␍ a carriage return, ␉ a tab; ⟨U+200F⟩ is a character \
    that cannot be seen, ⟨FF⟩ a byte that is no UTF-8. Nothing else is escaped: \\n is a backslash \
    and an n, as it was on the wire. *** is a secret; what else proves who calls is left out.";

/// Bytes as text: what cannot be seen is told, and all else stands as it came, so that what was
/// escaped on the wire is not escaped again. A line feed is also one here.
pub fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes[..bytes.len().min(SHOWN_MAX)].utf8_chunks() {
        for character in chunk.valid().chars() {
            let code = u32::from(character);
            match character {
                '\n' => shown.push_str("␊\n"),
                '\u{7f}' => shown.push('␡'),
                // The pictures of control characters (Unicode, U+2400 on).
                '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + code)),
                // Marks of direction would turn the report around.
                '\u{feff}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => shown.push_str(&format!("⟨U+{code:04X}⟩")),
                character if character.is_control() => {
                    shown.push_str(&format!("⟨U+{code:04X}⟩"));
                }
                character => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("⟨{byte:02X}⟩"));
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
            escaped("\u{feff}CON a\r\nب\u{200f}\u{0}\t".as_bytes()),
            "⟨U+FEFF⟩CON a␍␊\nب⟨U+200F⟩␀␉"
        );
        assert_eq!(escaped(b"a\xffb"), "a⟨FF⟩b");
        // What was escaped on the wire is shown as it was there.
        let json = r#"{"text":"CNSS\n\"1\" \\ \u0645","a&b":"<b>&amp;</b>"}"#;
        assert_eq!(escaped(json.as_bytes()), json);
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
