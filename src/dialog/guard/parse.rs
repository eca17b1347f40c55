//! The parser of guards.
//!
//! ```text
//! guard  = both { "or" both }
//! both   = one { "and" one }
//! one    = "not" one | "(" guard ")" | "filled" "(" name ")"
//!        | name "==" word | name "!=" word | name "in" "[" word { "," word } "]" | name
//! ```
//!

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::multispace0;
use nom::combinator::{opt, recognize, value};
use nom::error::{ErrorKind, ParseError};
use nom::multi::separated_list1;
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use crate::dialog::guard::{Guard, Kind};
use crate::finding::nearest;

/// The longest guard, in bytes.
pub const GUARD_BYTES_MAX: usize = 400;
/// How deep parentheses and `not` nest.
pub const GUARD_DEPTH_MAX: usize = 8;
/// Words that are no names.
pub const RESERVED: [&str; 5] = ["and", "or", "not", "in", "filled"];

/// Why a text is no guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFault {
    /// Where, in bytes from the beginning of the guard.
    pub at: usize,
    /// How many bytes are meant.
    pub len: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Guard {
    /// Reads a guard; `names` tells the type of each name that is declared.
    ///
    /// # Errors
    /// [`GuardFault`] with the first place that is no guard, names nothing that is declared, or
    /// compares with a word that the name never has.
    pub fn parse(text: &str, names: &dyn Fn(&str) -> Option<Kind>) -> Result<Self, GuardFault> {
        if text.len() > GUARD_BYTES_MAX {
            let message = format!("a guard has at most {GUARD_BYTES_MAX} bytes");
            return Err(GuardFault {
                at: 0,
                len: text.len(),
                message,
            });
        }
        let read = either(text, names, 0).and_then(|(rest, guard)| match rest.trim_start() {
            "" => Ok(guard),
            rest => Err(fault(
                rest,
                word_length(rest),
                "`and`, `or` or the end of the guard is expected here",
            )),
        });
        read.map_err(|error| match error {
            nom::Err::Error(fault) | nom::Err::Failure(fault) => GuardFault {
                at: text.len() - fault.rest.len(),
                len: fault.len,
                message: fault.message,
            },
            nom::Err::Incomplete(_) => GuardFault {
                at: text.len(),
                len: 0,
                message: "the guard is not complete".to_owned(),
            },
        })
    }
}

type Names<'n> = &'n dyn Fn(&str) -> Option<Kind>;
type Step<'a, T> = IResult<&'a str, T, Fault<'a>>;

/// A fault while reading: the text from its place on.
#[derive(Debug)]
struct Fault<'a> {
    rest: &'a str,
    len: usize,
    message: String,
}

impl<'a> ParseError<&'a str> for Fault<'a> {
    fn from_error_kind(rest: &'a str, _: ErrorKind) -> Self {
        let trimmed = rest.trim_start();
        Self {
            rest: trimmed,
            len: word_length(trimmed),
            message: "a name, `not`, `filled(slot)` or `(` is expected here".to_owned(),
        }
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// A fault that ends the reading.
fn fault(rest: &str, len: usize, message: impl Into<String>) -> nom::Err<Fault<'_>> {
    nom::Err::Failure(Fault {
        rest,
        len,
        message: message.into(),
    })
}

/// The length of the word or sign at the beginning.
fn word_length(rest: &str) -> usize {
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    if word == 0 {
        rest.chars().next().map_or(0, char::len_utf8)
    } else {
        word
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A word: letters, digits, `_` and `-`.
fn word(input: &str) -> Step<'_, &str> {
    preceded(multispace0, take_while1(is_word)).parse(input)
}

/// A name: begins with a letter.
fn name(input: &str) -> Step<'_, &str> {
    let first = take_while1(|c: char| c.is_ascii_alphabetic());
    preceded(multispace0, recognize(pair(first, take_while(is_word)))).parse(input)
}

/// A sign after optional space.
fn sign<'a>(sign: &'static str) -> impl Parser<&'a str, Output = &'a str, Error = Fault<'a>> {
    preceded(multispace0, tag(sign))
}

/// The word that joins or turns guards.
fn keyword<'a>(input: &'a str, keyword: &str) -> Option<&'a str> {
    let (rest, found) = word(input).ok()?;
    (found == keyword).then_some(rest)
}

fn either<'a>(input: &'a str, names: Names, depth: usize) -> Step<'a, Guard> {
    let (mut rest, mut guard) = both(input, names, depth)?;
    // Each turn eats two letters at least, and the guard's length is bounded.
    while let Some(after) = keyword(rest, "or") {
        let (after, right) = both(after, names, depth)?;
        guard = Guard::Or(Box::new(guard), Box::new(right));
        rest = after;
    }
    Ok((rest, guard))
}

fn both<'a>(input: &'a str, names: Names, depth: usize) -> Step<'a, Guard> {
    let (mut rest, mut guard) = one(input, names, depth)?;
    while let Some(after) = keyword(rest, "and") {
        let (after, right) = one(after, names, depth)?;
        guard = Guard::And(Box::new(guard), Box::new(right));
        rest = after;
    }
    Ok((rest, guard))
}

fn one<'a>(input: &'a str, names: Names, depth: usize) -> Step<'a, Guard> {
    if depth >= GUARD_DEPTH_MAX {
        return Err(fault(
            input,
            1,
            format!("a guard nests at most {GUARD_DEPTH_MAX} deep"),
        ));
    }
    if let Some(rest) = keyword(input, "not") {
        let (rest, guard) = one(rest, names, depth + 1)?;
        return Ok((rest, Guard::Not(Box::new(guard))));
    }
    if let (rest, Some(_)) = opt(sign("(")).parse(input)? {
        let (rest, guard) = either(rest, names, depth + 1)?;
        let (rest, closed) = opt(sign(")")).parse(rest)?;
        return match closed {
            Some(_) => Ok((rest, guard)),
            None => Err(fault(
                rest.trim_start(),
                word_length(rest.trim_start()),
                "`)` is expected here",
            )),
        };
    }
    if let Some(rest) = keyword(input, "filled")
        && let (rest, Some(_)) = opt(sign("(")).parse(rest)?
    {
        return filled(rest, names);
    }
    compared(input, names)
}

/// `filled(` is read; the slot and `)` follow.
fn filled<'a>(input: &'a str, names: Names) -> Step<'a, Guard> {
    let (rest, slot) = name(input)?;
    match names(slot) {
        None => return Err(unknown(slot, input)),
        Some(Kind::Choice(_) | Kind::Slot) => {}
        Some(Kind::Word(_) | Kind::Flag | Kind::Shown) => {
            return Err(fault(
                input.trim_start(),
                slot.len(),
                format!("`filled` asks about slots; `{slot}` is a fact"),
            ));
        }
    }
    match opt(sign(")")).parse(rest)? {
        (rest, Some(_)) => Ok((rest, Guard::Filled(slot.to_owned()))),
        (rest, None) => Err(fault(
            rest.trim_start(),
            word_length(rest.trim_start()),
            "`)` is expected here",
        )),
    }
}

/// How a name is compared.
#[derive(Clone, Copy)]
enum Sign {
    Is,
    IsNot,
    In,
}

fn compared<'a>(input: &'a str, names: Names) -> Step<'a, Guard> {
    let (rest, read) = name(input)?;
    let here = input.trim_start();
    if RESERVED.contains(&read) {
        return Err(fault(
            here,
            read.len(),
            "a name, `not`, `filled(slot)` or `(` is expected here",
        ));
    }
    let Some(kind) = names(read) else {
        return Err(unknown(read, input));
    };
    let is_in = |rest| keyword(rest, "in");
    let (rest, sign) = match is_in(rest) {
        Some(after) => (after, Some(Sign::In)),
        None => opt(alt((
            value(Sign::Is, sign("==")),
            value(Sign::IsNot, sign("!=")),
        )))
        .parse(rest)?,
    };
    let words: Vec<&str> = match &kind {
        Kind::Choice(words) => words.iter().map(String::as_str).collect(),
        Kind::Word(words) => words.to_vec(),
        Kind::Flag => match sign {
            None => return Ok((rest, Guard::Flag(read.to_owned()))),
            Some(_) => {
                let message = format!("`{read}` is yes or no: write `{read}` or `not {read}`");
                return Err(fault(here, read.len(), message));
            }
        },
        Kind::Slot => {
            let message = format!("of `{read}` a guard can only ask `filled({read})`");
            return Err(fault(here, read.len(), message));
        }
        Kind::Shown => {
            let message = format!("`{read}` is only shown; guards read words and flags");
            return Err(fault(here, read.len(), message));
        }
    };
    let Some(sign) = sign else {
        let message = format!(
            "`{read}` is a word, not yes or no: compare it, as in `{read} == {}`",
            words.join("|")
        );
        return Err(fault(here, read.len(), message));
    };
    let one_word = |input: &'a str| -> Step<'a, String> {
        let (rest, found) = word(input)?;
        if words.contains(&found) {
            return Ok((rest, found.to_owned()));
        }
        let near = nearest(found, words.iter().copied())
            .map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        let message = format!(
            "`{read}` is never `{found}`{near} (one of {})",
            words.join(", ")
        );
        Err(fault(input.trim_start(), found.len(), message))
    };
    let no_word = |error| match error {
        nom::Err::Error(Fault { rest, len, .. }) => fault(
            rest,
            len,
            format!("one of {} is expected here", words.join(", ")),
        ),
        other @ (nom::Err::Failure(_) | nom::Err::Incomplete(_)) => other,
    };
    match sign {
        Sign::Is => one_word(rest)
            .map(|(rest, word)| (rest, Guard::Is(read.to_owned(), word)))
            .map_err(no_word),
        Sign::IsNot => one_word(rest)
            .map(|(rest, word)| (rest, Guard::IsNot(read.to_owned(), word)))
            .map_err(no_word),
        Sign::In => {
            let list = delimited(
                self::sign("["),
                separated_list1(self::sign(","), one_word),
                self::sign("]"),
            )
            .parse(rest);
            let (rest, list) = list.map_err(|error| match error {
                nom::Err::Error(Fault { rest, len, .. }) => {
                    fault(rest, len, "a list such as `[a, b]` is expected here")
                }
                other @ (nom::Err::Failure(_) | nom::Err::Incomplete(_)) => other,
            })?;
            let guard = list
                .into_iter()
                .map(|word| Guard::Is(read.to_owned(), word))
                .reduce(|left, right| Guard::Or(Box::new(left), Box::new(right)));
            match guard {
                Some(guard) => Ok((rest, guard)),
                None => Err(fault(rest, 0, "a list such as `[a, b]` is expected here")),
            }
        }
    }
}

fn unknown<'a>(name: &str, input: &'a str) -> nom::Err<Fault<'a>> {
    fault(
        input.trim_start(),
        name.len(),
        format!("`{name}` is no slot and no fact"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::dialog::guard::tests::names;

    fn read(text: &str) -> Result<String, String> {
        Guard::parse(text, &names)
            .map(|guard| guard.to_string())
            .map_err(|fault| format!("{}+{} {}", fault.at, fault.len, fault.message))
    }

    #[test]
    fn guards_are_read_and_written() {
        for (text, written) in [
            ("account", "account"),
            (" not  account ", "not account"),
            ("caller == other", "caller == other"),
            ("caller==other", "caller == other"),
            (
                "caller != on_file and not account",
                "caller != on_file and not account",
            ),
            (
                "filled(expiry) and filled( birth )",
                "filled(expiry) and filled(birth)",
            ),
            (
                "account or proved and caller == none",
                "account or proved and caller == none",
            ),
            (
                "(account or proved) and caller == none",
                "(account or proved) and caller == none",
            ),
            ("not (account or proved)", "not (account or proved)"),
            (
                "account or (proved or caller == none)",
                "account or (proved or caller == none)",
            ),
            (
                "caller in [other, none]",
                "caller == other or caller == none",
            ),
            ("not (caller in [other])", "not caller == other"),
            ("id_type == cnie", "id_type == cnie"),
            ("((account))", "account"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(written), "{text}");
            assert_eq!(read(written).as_deref(), Ok(written), "{written}");
        }
    }

    #[test]
    fn what_is_no_guard_is_told_at_its_place() {
        let nested = format!("{}account{}", "(".repeat(9), ")".repeat(9));
        let long = format!("account{}", " or account".repeat(40));
        for (text, found) in [
            ("", "0+0 a name"),
            ("accuont", "0+7 `accuont` is no slot"),
            (
                "caller == ohter",
                "10+5 `caller` is never `ohter`, did you mean `other`?",
            ),
            ("caller ==", "9+0 one of on_file, other, none"),
            ("caller", "0+6 `caller` is a word"),
            ("account == true", "0+7 `account` is yes or no"),
            ("expiry == x", "0+6 of `expiry` a guard can only ask"),
            ("tries_left == 1", "0+10 `tries_left` is only shown"),
            ("filled(account)", "7+7 `filled` asks about slots"),
            ("filled(email)", "7+5 `email` is no slot"),
            ("filled(expiry", "13+0 `)` is expected"),
            ("(account", "8+0 `)` is expected"),
            ("account and", "11+0 a name"),
            ("account and or proved", "12+2 a name"),
            ("account proved", "8+6 `and`, `or` or the end"),
            ("account & proved", "8+1 `and`, `or` or the end"),
            ("caller in other", "10+5 a list"),
            ("caller in [other, x]", "18+1 `caller` is never `x`"),
            ("caller = other", "0+6 `caller` is a word"),
            ("é", "0+2 a name"),
            (nested.as_str(), "8+1 a guard nests at most 8"),
            (long.as_str(), "0+447 a guard has at most 400"),
        ] {
            let told = read(text).unwrap_err();
            assert!(
                told.starts_with(found),
                "{text}
 told {told}
 want {found}"
            );
        }
    }

    proptest::proptest! {
        /// Whatever is read can be written and read again as the same; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "(account|caller|id_type|filled|not|and|or|in|==|!=|\\(|\\)|\\[|\\]|,|cnie|none|é| ){0,20}") {
            if let Ok(guard) = Guard::parse(&text, &names) {
                let again = Guard::parse(&guard.to_string(), &names);
                proptest::prop_assert_eq!(again, Ok(guard));
            }
        }
    }
}
