//! The text of the configuration as a finding may show it: a finding prints the lines around its
//! place, and there may stand a secret.

/// Keys whose values may be seen. Any other may be a secret's, misspelt; what is wrong with it says the
/// finding itself.
const SEEN: [&str; 42] = [
    "allow",
    "bind",
    "binds",
    "dialect",
    "dialog",
    "filter",
    "first_language",
    "format",
    "header",
    "help_line",
    "host",
    "keys",
    "keywords",
    "kind",
    "listen",
    "method",
    "name",
    "names",
    "no_number_on_file",
    "once",
    "port",
    "proxies",
    "public_url",
    "query",
    "receipt_ids",
    "sender",
    "services",
    "session_ms",
    "sha256",
    "shape",
    "shapes",
    "skew_s",
    "sms",
    "sms_link",
    "system_id",
    "system_type",
    "units",
    "url",
    "user",
    "user_query",
    "ussd",
    "version",
];

/// The same text, byte for byte as long, with stars for what may be a secret.
pub(super) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // Whether the value that a line goes on with may be seen.
    let mut seen = false;
    // Behind a text of several lines.
    let mut open: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        if let Some(quotes) = open {
            shown.push_str(&starred(line));
            if line.contains(quotes) {
                open = None;
            }
            continue;
        }
        let bare = line.trim();
        let is_header = bare.starts_with('[') && bare.ends_with(']') && !bare.contains('=');
        let value = match line.find('=') {
            _ if bare.starts_with('#') || (is_header && !seen) => line.len(),
            Some(at) => {
                seen = may_be_seen(line[..at].trim(), &line[at + 1..]);
                if seen { line.len() } else { at + 1 }
            }
            None if seen || bare.chars().all(|c| "[]{},".contains(c)) => line.len(),
            None => 0,
        };
        shown.push_str(&line[..value]);
        shown.push_str(&starred(&line[value..]));
        open = ["\"\"\"", "'''"]
            .into_iter()
            .find(|quotes| line[value..].matches(quotes).count() == 1);
    }
    shown
}

/// Whether the value behind a key may be seen: one of a known key without user and password in an
/// address, a number, a flag.
fn may_be_seen(key: &str, value: &str) -> bool {
    let value = value.split('#').next().unwrap_or_default().trim();
    let is_plain = matches!(value, "true" | "false")
        || !value.is_empty()
            && value
                .bytes()
                .all(|b| b.is_ascii_digit() || b"._-+".contains(&b));
    let is_known = SEEN.contains(&key) || key.ends_with("_file") || key.ends_with("_ms");
    let has_user = value.contains("://") && value.contains('@');
    let is_secret = ["secret", "password", "token"]
        .iter()
        .any(|word| key.contains(word) && !key.ends_with("_file"));
    !is_secret && (is_known && !has_user && !value.contains(['{', '=']) || is_plain)
}

/// Stars for all but spaces, quotes and line ends; as many bytes.
fn starred(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' ' | '\t' | '\r' | '\n' | '"' | '\'' => c.to_string(),
            other => "*".repeat(other.len_utf8()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_stars() {
        for (line, expected) in [
            ("secret = \"abc\"", "secret = \"***\""),
            ("  password='é'\r\n", "  password='**'\r\n"),
            ("pasword = \"abc\"", "pasword = \"***\""),
            ("api_key = 123", "api_key = 123"),
            ("token = 123", "token = ***"),
            ("secret.x = \"abc\"", "secret.x = \"***\""),
            ("secret =\n\"abc\"", "secret =\n\"***\""),
            ("secret = [\n\"abc\"\n]", "secret = *\n\"***\"\n]"),
            ("secret_file = \"abc\"", "secret_file = \"abc\""),
            ("name = \"secret\"", "name = \"secret\""),
            (
                "services = [\n  \"tns\",\n]\nabc",
                "services = [\n  \"tns\",\n]\nabc",
            ),
            ("abc", "***"),
            ("url = \"https://u:p@h\"", "url = \"*************\""),
            ("url = \"https://h\"", "url = \"https://h\""),
            (
                "auth = [{ kind = \"hmac\", x = \"abc\" }]",
                "auth = ** **** * \"****\"* * * \"***\" **",
            ),
            (
                "secret = \"\"\"\nabc\n\"\"\"\nname = \"x\"",
                "secret = \"\"\"\n***\n\"\"\"\nname = \"x\"",
            ),
            (
                "[[link.auth]]\nkind = \"hmac\"\nsercet = \"abc\"\n[http]\nlissten = \"abc\"\nbody_ms = 5",
                "[[link.auth]]\nkind = \"hmac\"\nsercet = \"***\"\n[http]\nlissten = \"***\"\nbody_ms = 5",
            ),
            ("", ""),
        ] {
            let shown = without_secrets(line);
            assert_eq!(shown, expected);
            assert_eq!(shown.len(), line.len());
        }
    }
}
