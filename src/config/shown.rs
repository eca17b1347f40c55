//! The text of the configuration as a finding may show it: a finding prints the lines around its
//! place, and there may stand a secret.

/// Keys of `[[link.auth]]` whose values may be seen; a key that is none of them may be a secret's,
/// misspelt.
const SEEN: [&str; 14] = [
    "kind",
    "secret_file",
    "other_secret_file",
    "skew_s",
    "method",
    "once",
    "user",
    "header",
    "query",
    "user_query",
    "allow",
    "names",
    "sha256",
    "public_url",
];
/// What the key of a secret has in its name, wherever it stands.
const HIDDEN: [&str; 2] = ["secret", "password"];

/// The same text, byte for byte as long, with stars for secrets.
pub(super) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut in_auth = false;
    // Behind a text of several lines that is a secret.
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
        if bare.starts_with('[') {
            in_auth = bare.replace(' ', "").starts_with("[[link.auth]]");
        }
        match secret_at(line, in_auth) {
            Some(at) => {
                shown.push_str(&line[..at]);
                shown.push_str(&starred(&line[at..]));
                open = ["\"\"\"", "'''"]
                    .into_iter()
                    .find(|quotes| line[at..].matches(quotes).count() == 1);
            }
            None => shown.push_str(line),
        }
    }
    shown
}

/// Where the value of the first secret of a line begins.
fn secret_at(line: &str, in_auth: bool) -> Option<usize> {
    line.match_indices('=').map(|(at, _)| at).find_map(|at| {
        let key = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let from = key
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .map_or(0, |before| before + 1);
        let key = key.get(from..)?;
        let misspelt = in_auth && line[..at].trim() == key && !SEEN.contains(&key);
        let hidden = HIDDEN.iter().any(|word| key.contains(word)) && !key.ends_with("_file");
        (misspelt || hidden).then_some(at + 1)
    })
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
            ("other_secret = \"a=b c\"", "other_secret = \"*** *\""),
            ("\"secret\" = \"abc\"", "\"secret\" = \"***\""),
            ("secret_file = \"abc\"", "secret_file = \"abc\""),
            ("name = \"secret\"", "name = \"secret\""),
            ("secret abc", "secret abc"),
            ("", ""),
            (
                "auth = [{ kind = \"hmac\", secret = \"abc\" }]",
                "auth = [{ kind = \"hmac\", secret = \"***\" **",
            ),
            (
                "secret = \"\"\"\nabc\n\"\"\"\nname = \"x\"",
                "secret = \"\"\"\n***\n\"\"\"\nname = \"x\"",
            ),
            (
                "[[link.auth]]\nkind = \"hmac\"\nsercet = \"abc\"\n[http]\nlissten = \"abc\"",
                "[[link.auth]]\nkind = \"hmac\"\nsercet = \"***\"\n[http]\nlissten = \"abc\"",
            ),
        ] {
            let shown = without_secrets(line);
            assert_eq!(shown, expected);
            assert_eq!(shown.len(), line.len());
        }
    }
}
