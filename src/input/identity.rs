//! The numbers of identity documents.

use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{one_of, satisfy};
use nom::combinator::{all_consuming, recognize};
use nom::{IResult, Parser};

use crate::input::{Reading, Wrong, words};

/// The two documents that the procedure knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// Carte nationale d'identité électronique.
    Cnie,
    /// Carte de séjour.
    Sejour,
}

impl IdKind {
    /// Both, in the order of the menu.
    pub const ALL: [Self; 2] = [Self::Cnie, Self::Sejour];

    /// The word in dialog files, in the contract and in CSV files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cnie => "cnie",
            Self::Sejour => "sejour",
        }
    }

    /// The kind with that [`word`](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The longest CNIE number: at most two letters and seven digits, but eight characters in all.
const CNIE_LENGTH_MAX: usize = 8;
/// The shortest and the longest number of a carte de séjour; its form is published nowhere.
const SEJOUR_LENGTHS: (usize, usize) = (4, 12);
/// Fewer digits are real in a CNIE number, but rare enough to ask.
const USUAL_DIGITS_MIN: usize = 4;
/// How many readings are offered at most.
const READINGS_MAX: usize = 4;

/// Upper case, ASCII digits, without spaces and `. - _ /`: as numbers are stored and compared.
pub fn normal(text: &str) -> String {
    words::normal(text)
        .chars()
        .filter(|c| !matches!(c, ' ' | '.' | '-' | '_' | '/'))
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Reads the number of a document of that kind.
///
/// A CNIE number is one or two letters and up to seven digits, the first not 0 (cnie.ma); a carte
/// de séjour has 4 to 12 letters and digits. One of less than four digits is
/// [`Reading::Several`] with itself, to be confirmed; so is one that only fits, or fits better,
/// with O for 0 or I for 1 exchanged: the correction is offered, never applied silently. The
/// `example` of the prompt is [`Wrong::Example`].
pub fn read(text: &str, kind: IdKind, example: &str) -> Reading<String> {
    let example = normal(example);
    let typed = typed(text, kind);
    let mut readings = match kind {
        IdKind::Cnie if is_cnie(&typed) => vec![typed.clone()],
        IdKind::Cnie => corrected_cnie(&typed),
        IdKind::Sejour if is_sejour(&typed) => sejour_readings(&typed),
        IdKind::Sejour => Vec::new(),
    };
    if readings.is_empty() {
        return Reading::Wrong(Wrong::Form);
    }
    readings.retain(|reading| *reading != example);
    match &readings[..] {
        [] => Reading::Wrong(Wrong::Example),
        [one] if *one == typed && !(kind == IdKind::Cnie && is_rare(one)) => Reading::One(typed),
        _ => Reading::Several(readings),
    }
}

/// [`normal`], without a "CIN" or "CNIE" before the number, which cannot be part of it.
fn typed(text: &str, kind: IdKind) -> String {
    let typed = normal(&text.replace(':', " "));
    match kind {
        IdKind::Cnie => {
            let bare = typed
                .strip_prefix("CNIE")
                .or_else(|| typed.strip_prefix("CIN"));
            bare.filter(|rest| is_cnie(rest))
                .map(str::to_owned)
                .unwrap_or(typed)
        }
        IdKind::Sejour => typed,
    }
}

fn is_rare(number: &str) -> bool {
    number.bytes().filter(u8::is_ascii_digit).count() < USUAL_DIGITS_MIN
}

/// Whether a [`normal`] text has the form of a CNIE number.
pub fn is_cnie(number: &str) -> bool {
    number.len() <= CNIE_LENGTH_MAX && all_consuming(cnie).parse(number).is_ok()
}

/// Whether a [`normal`] text may be the number of a carte de séjour.
pub fn is_sejour(number: &str) -> bool {
    let (min, max) = SEJOUR_LENGTHS;
    let form = take_while_m_n(min, max, |c: char| {
        c.is_ascii_uppercase() || c.is_ascii_digit()
    });
    let parsed: IResult<&str, &str> = all_consuming(form).parse(number);
    parsed.is_ok()
}

fn cnie(text: &str) -> IResult<&str, &str> {
    recognize((
        satisfy(|c| c.is_ascii_uppercase()),
        take_while_m_n(0, 1, |c: char| c.is_ascii_uppercase()),
        one_of("123456789"),
        take_while_m_n(0, 6, |c: char| c.is_ascii_digit()),
    ))
    .parse(text)
}

/// The CNIE numbers that come of exchanging O and 0, I and 1 in as few places as possible. Digits
/// alone are no mistyped number, but rather a date.
fn corrected_cnie(typed: &str) -> Vec<String> {
    if typed.len() > CNIE_LENGTH_MAX || !typed.contains(|c: char| c.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let places: Vec<usize> = (0..typed.len())
        .filter(|at| exchanged(typed.as_bytes()[*at]).is_some())
        .collect();
    // At most eight places: 256 ways.
    let mut ways: Vec<(u32, String)> = (1..1_u32 << places.len())
        .map(|way| {
            let text = typed.bytes().enumerate().map(|(at, byte)| {
                let place = places.iter().position(|place| *place == at);
                let other = place
                    .filter(|place| way >> place & 1 == 1)
                    .and_then(|_| exchanged(byte));
                char::from(other.unwrap_or(byte))
            });
            (way.count_ones(), text.collect())
        })
        .filter(|(_, text): &(u32, String)| is_cnie(text))
        .collect();
    let fewest = ways.iter().map(|(changes, _)| *changes).min();
    ways.retain(|(changes, _)| Some(*changes) == fewest);
    ways.into_iter()
        .map(|(_, text)| text)
        .take(READINGS_MAX)
        .collect()
}

/// What was typed and, where an O or I stands between digits, the same with 0 or 1 there.
fn sejour_readings(typed: &str) -> Vec<String> {
    let bytes = typed.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let corrected: String = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| match byte {
            b'O' | b'I' if is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)) => {
                char::from(exchanged(*byte).unwrap_or(*byte))
            }
            other => char::from(*other),
        })
        .collect();
    if corrected == typed {
        vec![corrected]
    } else {
        vec![corrected, typed.to_owned()]
    }
}

fn exchanged(byte: u8) -> Option<u8> {
    match byte {
        b'O' => Some(b'0'),
        b'0' => Some(b'O'),
        b'I' => Some(b'1'),
        b'1' => Some(b'I'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::input::example;

    fn check(kind: IdKind, example: &str, text: &str, expected: &[&str]) {
        let expected = match expected {
            ["one", number] => Reading::One((*number).to_owned()),
            ["ask", numbers @ ..] => {
                Reading::Several(numbers.iter().map(|n| (*n).to_owned()).collect())
            }
            ["example"] => Reading::Wrong(Wrong::Example),
            _ => Reading::Wrong(Wrong::Form),
        };
        assert!(
            read(text, kind, example) == expected,
            "{text:?} {:?}",
            read(text, kind, example)
        );
    }

    #[test]
    fn national_cards() {
        for (text, expected) in [
            ("BE740215", &["one", "BE740215"][..]),
            (" be 740215 ", &["one", "BE740215"]),
            ("Be-740.215", &["one", "BE740215"]),
            ("be_740/215", &["one", "BE740215"]),
            ("BE٧٤٠٢١٥", &["one", "BE740215"]),
            ("be۷۴۰۲۱۵", &["one", "BE740215"]),
            ("\u{200F}BE740215\u{200E}", &["one", "BE740215"]),
            ("CIN BE740215", &["one", "BE740215"]),
            ("cnie: BE740215", &["one", "BE740215"]),
            ("D3345", &["one", "D3345"]),
            ("A1234567", &["one", "A1234567"]),
            ("AI12345", &["one", "AI12345"]),
            ("A10", &["ask", "A10"]),
            ("d334", &["ask", "D334"]),
            ("BE74O215", &["ask", "BE740215"]),
            ("BEI40215", &["ask", "BE140215"]),
            ("beIo2i5", &["ask", "BE10215"]),
            ("BI4O215", &["ask", "BI40215"]), // and not B140215, which changes more
            ("0C51834", &["ask", "OC51834"]),
            ("1C51834", &["ask", "IC51834"]),
            ("1051834", &["form"]),
            ("AB123456", &["example"]),
            ("ab 123-456", &["example"]),
            ("ABI23456", &["example"]),
            ("", &["form"]),
            ("BE", &["form"]),
            ("740215", &["form"]),
            ("BE040215", &["form"]),
            ("BEE40215", &["form"]),
            ("BE7402155", &["form"]),
            ("BE74021A", &["form"]),
            ("بE740215", &["form"]),
            ("ÉE740215", &["form"]),
            ("14/06/2031", &["form"]),
        ] {
            check(IdKind::Cnie, example::CNIE, text, expected);
        }
    }

    #[test]
    fn residence_cards() {
        for (text, expected) in [
            ("R204518M", &["one", "R204518M"][..]),
            ("r 204518 m", &["one", "R204518M"]),
            ("R٢٠٤٥١٨M", &["one", "R204518M"]),
            ("1234", &["one", "1234"]),
            ("ABCDEF123456", &["one", "ABCDEF123456"]),
            ("O204518I", &["one", "O204518I"]),
            ("R2O4518M", &["ask", "R204518M", "R2O4518M"]),
            ("R2045I8M", &["ask", "R204518M", "R2045I8M"]),
            ("A123456B", &["example"]),
            ("a-123456-b", &["example"]),
            ("A12", &["form"]),
            ("ABCDEF1234567", &["form"]),
            ("R204518*", &["form"]),
            ("بطاقة", &["form"]),
            ("", &["form"]),
        ] {
            check(IdKind::Sejour, example::SEJOUR, text, expected);
        }
    }

    #[test]
    fn words_of_kinds() {
        for kind in IdKind::ALL {
            assert_eq!(IdKind::from_word(kind.word()), Some(kind));
        }
        assert_eq!(IdKind::from_word("passport"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), near in "[OI01A-C .]{0,10}") {
            for kind in IdKind::ALL {
                let _ = read(&text, kind, &text);
                let _ = read(&near, kind, "");
            }
        }

        #[test]
        fn as_people_write_it(number in "[A-Z]{1,2}[1-9][0-9]{3,5}", gap in "[ ._/-]{0,2}", at in 1usize..5) {
            let text = format!("{}{gap}{}", &number[..at], &number[at..]).to_lowercase();
            prop_assert!(read(&text, IdKind::Cnie, "") == Reading::One(number));
        }

        #[test]
        fn what_is_offered_has_the_form(text in "[OI01A-C]{1,9}") {
            for kind in IdKind::ALL {
                let fits = |number: &String| match kind {
                    IdKind::Cnie => is_cnie(number),
                    IdKind::Sejour => is_sejour(number),
                };
                match read(&text, kind, "") {
                    Reading::One(number) => prop_assert!(fits(&number) && number == text),
                    Reading::Several(numbers) => {
                        prop_assert!(!numbers.is_empty() && numbers.len() <= READINGS_MAX);
                        prop_assert!(numbers.iter().all(fits));
                    }
                    Reading::Wrong(_) => {}
                }
            }
        }
    }
}
