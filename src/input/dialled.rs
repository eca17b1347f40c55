//! Dialled codes: which of ours a dial string is, and what was dialled behind it.

use crate::callback::ServiceName;

/// Octets of a dial string that are looked at; networks carry fewer.
const DIAL_LEN_MAX: usize = 200;

/// A code of ours in what was dialled.
#[derive(Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The service that it reaches.
    pub service: &'a ServiceName,
    /// What was dialled behind it, without the `*` between and the `#` at the end: `1*1` of
    /// `*580*1*1#`.
    pub rest: &'a str,
}

/// Finds the code that a dial string is, or begins with; the longest of several. `*580#`, `580`,
/// `*580` and `#580#` are the same code: operators leave signs out.
pub fn find<'a>(codes: &'a [(String, ServiceName)], dialled: &'a str) -> Option<Found<'a>> {
    let dialled = bare(dialled);
    if dialled.is_empty() || dialled.len() > DIAL_LEN_MAX {
        return None;
    }
    codes
        .iter()
        .filter_map(|(code, service)| {
            let code = bare(code);
            let rest = dialled.strip_prefix(code).filter(|_| !code.is_empty())?;
            let rest = match rest.strip_prefix('*') {
                Some(rest) => rest,
                None if rest.is_empty() => "",
                // `*5801#` is not `*580#`.
                None => return None,
            };
            Some((code.len(), Found { service, rest }))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, found)| found)
}

/// Whether a text is dialled rather than typed: it begins with `*` or `#` and ends with `#`.
pub fn is_dialled(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['*', '#']) && text.len() > 1 && text.ends_with('#')
}

fn bare(dialled: &str) -> &str {
    dialled
        .trim()
        .trim_start_matches(['*', '#', '+'])
        .trim_end_matches('#')
        .trim_end_matches('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_they_are_written() {
        let codes = [
            ("*580#".to_owned(), ServiceName::from("tns")),
            ("*580*7#".to_owned(), ServiceName::from("other")),
            ("#".to_owned(), ServiceName::from("nothing")),
        ];
        for (dialled, expected) in [
            ("*580#", Some(("tns", ""))),
            ("580", Some(("tns", ""))),
            ("*580", Some(("tns", ""))),
            ("#580#", Some(("tns", ""))),
            (" *580# ", Some(("tns", ""))),
            ("*580*#", Some(("tns", ""))),
            ("*580*1*1#", Some(("tns", "1*1"))),
            ("*580*7#", Some(("other", ""))),
            ("*580*7*2#", Some(("other", "2"))),
            ("*580*77#", Some(("tns", "77"))),
            ("*5801#", None),
            ("*581#", None),
            ("#", None),
            ("", None),
            ("٥٨٠", None),
        ] {
            let found = find(&codes, dialled);
            let shown = found.map(|found| (found.service.as_str(), found.rest));
            assert_eq!(shown, expected, "{dialled}");
        }
    }

    #[test]
    fn what_is_typed_is_not_dialled() {
        for (text, dialled) in [
            ("*580#", true),
            ("#580#", true),
            ("*580*1#", true),
            ("580", false),
            ("*580", false),
            ("*", false),
            ("#", false),
            ("1", false),
            ("", false),
        ] {
            assert_eq!(is_dialled(text), dialled, "{text}");
        }
    }
}
