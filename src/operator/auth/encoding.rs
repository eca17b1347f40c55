//! Signatures as text: hexadecimal, and what a body is said to be.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

/// So many bytes from hexadecimal in either case; nothing where it is anything else.
pub(super) fn unhex(text: &str, len: usize) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != len || !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok())
        .collect()
}

/// What a body is, as its one content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
    /// Another, none, or several.
    Other,
}

impl BodyKind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (Some(one), None) = (types.next(), types.next()) else {
            return Self::Other;
        };
        let essence = one.as_bytes().split(|byte| *byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Self::Form
        } else if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_and_comes() {
        assert_eq!(hex(&[0x00, 0x9f, 0xff]), "009fff");
        for (text, len, bytes) in [
            ("009fFF", 3, Some(vec![0x00, 0x9f, 0xff])),
            ("", 0, Some(vec![])),
            ("009fFF", 2, None),
            ("009fF", 3, None),
            ("009fFF0", 3, None),
            ("00 9f", 2, None),
            ("+1+2", 2, None),
            ("éé", 2, None),
        ] {
            assert_eq!(unhex(text, len), bytes, "{text}");
        }
    }

    #[test]
    fn a_body_is_what_its_one_type_says() {
        use http::HeaderValue;

        use BodyKind::{Form, Json, Other};
        let form = "application/x-www-form-urlencoded";
        for (types, kind) in [
            (&[form][..], Form),
            (&["Application/X-WWW-Form-URLEncoded ; charset=utf-8"], Form),
            (&["application/json;charset=utf-8"], Json),
            (&["application/jsonp"], Other),
            (&["text/plain"], Other),
            (&[""], Other),
            (&[], Other),
            (&[form, form], Other),
            (&[form, "application/json"], Other),
        ] {
            let mut headers = HeaderMap::new();
            for one in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(one));
            }
            assert_eq!(BodyKind::of(&headers), kind, "{types:?}");
        }
    }
}
