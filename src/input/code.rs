//! One-time codes: six digits.

use nom::bytes::complete::take_while;
use nom::character::complete::{one_of, satisfy};
use nom::combinator::{all_consuming, opt};
use nom::multi::count;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::input::{Reading, Wrong, words};

/// How many letters may stand before a code that is texted back: "le code est".
const LEAD_MAX: usize = 40;

/// Reads six digits; spaces and dashes between them, Arabic digits, words before ("code 123456")
/// and punctuation after are tolerated.
pub fn read(text: &str) -> Reading<String> {
    match code(&words::normal(text)) {
        Ok((_, code)) => Reading::One(code),
        Err(_) => Reading::Wrong(Wrong::Form),
    }
}

fn code(text: &str) -> IResult<&str, String> {
    let digit = || satisfy(|c| c.is_ascii_digit());
    let lead = take_while(|c: char| !c.is_ascii_digit());
    let short = nom::combinator::verify(lead, |lead: &str| lead.chars().count() <= LEAD_MAX);
    let digits = (digit(), count(preceded(opt(one_of(" -.")), digit()), 5));
    let tail = take_while(|c: char| matches!(c, '.' | '!' | '#' | ' '));
    let (rest, (first, others)) =
        all_consuming(terminated(preceded(short, digits), tail)).parse(text)?;
    Ok((rest, std::iter::once(first).chain(others).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn read_codes() {
        for text in [
            "123456",
            " 123456 ",
            "123 456",
            "123-456",
            "12 34 56",
            "1 2 3 4 5 6",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "\u{200F}١٢٣ ٤٥٦",
            "code 123456",
            "CODE: 123456.",
            "le code est 123456",
            "الرمز ١٢٣٤٥٦",
            "lkod 123-456",
            "123456#",
        ] {
            assert!(read(text) == Reading::One("123456".to_owned()), "{text:?}");
        }
        assert!(read("000000") == Reading::One("000000".to_owned()));
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "12345",
            "1234567",
            "123456 7",
            "12345a",
            "1a2b3c4d5e6f",
            "code",
            "123--456",
            "123456 3939",
            "3awn 123456",
            "0612345678",
            "123456 votre code",
        ] {
            assert!(read(text) == Reading::Wrong(Wrong::Form), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn any_six(code in "[0-9]{6}", lead in "[a-zé ]{0,20}") {
            let read = read(&format!("{lead}{code}"));
            prop_assert!(read == Reading::One(code));
        }
    }
}
