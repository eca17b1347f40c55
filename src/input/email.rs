//! E-mail addresses.

use email_address::{EmailAddress, Options};

use crate::input::{Reading, Wrong, words};

/// The longest address that is taken, in characters.
const LENGTH_MAX: usize = 80;

/// Reads an address in ASCII with a dot in its domain, of at most 80 characters; the domain comes
/// back in lower case. Spaces around the `@` and a full stop at the end are passed over.
///
/// The library decides by RFC 5321 and 5322; quoted local parts and domain literals, which the
/// standard has and nobody's portal takes, are refused.
pub fn read(text: &str) -> Reading<String> {
    let text = words::normal(text).replace(" @", "@").replace("@ ", "@");
    let text = text.trim_end_matches(['.', ',', ' ']);
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    let plain = text.is_ascii() && !text.contains(['"', ' ']) && text.len() <= LENGTH_MAX;
    match EmailAddress::parse_with_options(text, options) {
        Ok(address) if plain => Reading::One(format!(
            "{}@{}",
            address.local_part(),
            address.domain().to_ascii_lowercase()
        )),
        Ok(_) | Err(_) => Reading::Wrong(Wrong::Form),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn read_addresses() {
        for (text, expected) in [
            ("a@b.ma", "a@b.ma"),
            (" Fatima.Z@Exemple.MA ", "Fatima.Z@exemple.ma"),
            ("fatima @ exemple.ma", "fatima@exemple.ma"),
            (
                "fatima+cnss@mail.exemple.ma.",
                "fatima+cnss@mail.exemple.ma",
            ),
            ("ali_٢٠٢٠@exemple.ma", "ali_2020@exemple.ma"),
            ("\u{200E}ali@exemple.ma\u{200F}", "ali@exemple.ma"),
        ] {
            assert!(read(text) == Reading::One(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn refused() {
        let long = format!("{}@{}.ma", "a".repeat(40), "b".repeat(40));
        for text in [
            "",
            "1",
            "fatima",
            "fatima@",
            "@exemple.ma",
            "fatima@exemple",
            "fatima@exemple..ma",
            "fatima@.ma",
            "fatima@-exemple.ma",
            "fatima@@exemple.ma",
            "fatima zohra@exemple.ma",
            "\"fatima zohra\"@exemple.ma",
            "Fatima <fatima@exemple.ma>",
            "fatima@[127.0.0.1]",
            "فاطمة@exemple.ma",
            "fatima@exemplé.ma",
            &long,
        ] {
            assert!(read(text) == Reading::Wrong(Wrong::Form), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), left in "[ -~]{0,20}", right in "[ -~]{0,20}") {
            let _ = read(&text);
            let _ = read(&format!("{left}@{right}"));
        }

        #[test]
        fn what_is_taken_stays(text in "[A-Za-z0-9._+ -]{1,10}@[A-Za-z0-9. -]{1,12}") {
            if let Reading::One(address) = read(&text) {
                prop_assert!(address.len() <= LENGTH_MAX);
                prop_assert!(read(&address) == Reading::One(address));
            }
        }
    }
}
