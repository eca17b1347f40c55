//! Names and values as forms and query strings have them
//! (application/x-www-form-urlencoded, WHATWG URL).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Pairs of one request at most; operators send about ten.
const PAIRS_MAX: usize = 256;

/// Names with their values, in their order.
pub type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads them.
///
/// # Errors
/// What was expected, where a name or value is not UTF-8 or there are too many.
pub fn parse(text: &[u8]) -> Result<Pairs<'_>, &'static str> {
    let mut pairs = Vec::with_capacity(8);
    for pair in text.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        if pairs.len() == PAIRS_MAX {
            return Err("a form of at most 256 fields");
        }
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match at {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[pair.len()..]),
        };
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

fn decoded(text: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    const WRONG: &str = "a form in UTF-8";
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(text)
            .map(Cow::Borrowed)
            .map_err(|_| WRONG);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes = percent_decode(&spaced).collect::<Vec<u8>>();
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pairs_are_read_as_browsers_write_them() {
        for (text, expected) in [
            ("a=1&b=%2A580%23", &[("a", "1"), ("b", "*580#")][..]),
            ("a=1+2%2B3&&b", &[("a", "1 2+3"), ("b", "")]),
            ("", &[]),
            ("=x", &[("", "x")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=%D9%A1", &[("a", "١")]),
            ("a=100%&b=%zz", &[("a", "100%"), ("b", "%zz")]),
            ("a=é", &[("a", "é")]),
        ] {
            let pairs = parse(text.as_bytes()).unwrap();
            let shown: Vec<_> = pairs.iter().map(|(a, b)| (&**a, &**b)).collect();
            assert_eq!(shown, expected, "{text}");
        }
        for text in [&b"a=%ff"[..], b"\xff=1", b"a=%D9"] {
            assert_eq!(parse(text), Err("a form in UTF-8"));
        }
        assert!(parse(&b"a&".repeat(256)).is_ok());
        assert!(parse(&b"a&".repeat(257)).is_err());
    }
}
