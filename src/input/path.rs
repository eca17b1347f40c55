//! Cumulative paths: what an operator that sends `1*2*BE740215` at each key press means by it.

use std::fmt;

/// Segments of a dial string that are used. More are no dial string.
const DIAL_SEGMENTS_MAX: usize = 16;

/// What a path means for the conversation.
#[derive(Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// The remembered path again: the stored reply, byte for byte.
    Repeat,
    /// Older than the remembered one, or beside it: no step, the current page.
    Late,
    /// These inputs, in turn; none of them is a plain start.
    Inputs(Vec<&'a str>),
}

impl fmt::Debug for Step<'_> {
    /// Never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeat => f.write_str("Repeat"),
            Self::Late => f.write_str("Late"),
            Self::Inputs(inputs) => write!(f, "Inputs({} of them)", inputs.len()),
        }
    }
}

/// What is kept of the last path of a session: its length in bytes, and whether a text of that
/// length has its keyed hash.
pub type Remembered<'f> = (usize, &'f dyn Fn(&str) -> bool);

/// Rule 5 of the once-only rules: equal to the remembered path, a repeat; a prefix of it, late;
/// extends it by `*`, the whole rest is one input, so that a `*` inside an answer stays. With
/// nothing remembered it is a dial string: if every segment is one or two digits, each is an
/// input in turn, else a plain start.
///
/// A remembered plain dial has length 0: then the whole path is one input.
pub fn step<'a>(remembered: Option<Remembered<'_>>, path: &'a str) -> Step<'a> {
    let Some((len, is_remembered)) = remembered else {
        return Step::Inputs(dial_string(path));
    };
    // A shorter one cannot be told from a prefix by the hash of the whole; both are late.
    let Some((head, rest)) = path.split_at_checked(len) else {
        return Step::Late;
    };
    if !is_remembered(head) {
        return Step::Late;
    }
    match (head, rest.strip_prefix('*')) {
        (_, None) if rest.is_empty() => Step::Repeat,
        ("", _) => Step::Inputs(vec![rest]),
        (_, Some(input)) => Step::Inputs(vec![input]),
        (_, None) => Step::Late,
    }
}

fn dial_string(path: &str) -> Vec<&str> {
    let is_short = |segment: &str| {
        matches!(segment.len(), 1 | 2) && segment.bytes().all(|b| b.is_ascii_digit())
    };
    let segments: Vec<&str> = path.split('*').take(DIAL_SEGMENTS_MAX + 1).collect();
    let usable = segments.len() <= DIAL_SEGMENTS_MAX && segments.iter().all(|s| is_short(s));
    if usable { segments } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    fn after<'a>(before: &str, path: &'a str) -> Step<'a> {
        step(Some((before.len(), &|text: &str| text == before)), path)
    }

    #[test]
    fn known_sessions() {
        for (before, path, expected) in [
            ("", "", Step::Repeat),
            ("", "1", Step::Inputs(vec!["1"])),
            ("", "1*1", Step::Inputs(vec!["1*1"])),
            ("", "*1", Step::Inputs(vec!["*1"])),
            ("1", "1", Step::Repeat),
            ("1", "", Step::Late),
            ("1", "2", Step::Late),
            ("1", "12", Step::Late),
            ("1", "1*2", Step::Inputs(vec!["2"])),
            ("1", "1*", Step::Inputs(vec![""])),
            ("1", "1**", Step::Inputs(vec!["*"])),
            ("1*2", "1*2*5*3*1984", Step::Inputs(vec!["5*3*1984"])),
            ("1*2", "1*3*5", Step::Late),
            ("1*2", "1", Step::Late),
            ("1*2", "1*2", Step::Repeat),
            ("1*سلام", "1*سلام*نعم", Step::Inputs(vec!["نعم"])),
            ("1*a", "1*é*x", Step::Late), // the length falls within a letter
        ] {
            assert!(after(before, path) == expected, "{before:?} {path:?}");
        }
    }

    #[test]
    fn new_sessions() {
        let long = vec!["1"; DIAL_SEGMENTS_MAX + 1].join("*");
        for (path, expected) in [
            ("", vec![]),
            ("1", vec!["1"]),
            ("1*1", vec!["1", "1"]),
            ("00*12*3", vec!["00", "12", "3"]),
            ("1*", vec![]),
            ("*1", vec![]),
            ("1**1", vec![]),
            ("1*123", vec![]),
            ("BE740215", vec![]),
            ("1*a", vec![]),
            ("1*٢", vec![]),
            (&long, vec![]),
            (&long[2..], vec!["1"; DIAL_SEGMENTS_MAX]),
        ] {
            assert!(step(None, path) == Step::Inputs(expected), "{path:?}");
        }
    }

    #[test]
    fn debug_keeps_the_content() {
        assert_eq!(
            format!("{:?}", after("1", "1*BE740215")),
            "Inputs(1 of them)"
        );
    }

    proptest! {
        #[test]
        fn never_panics(before in any::<String>(), path in any::<String>(), len in 0usize..40) {
            let _ = after(&before, &path);
            let _ = step(Some((len, &|_| true)), &path);
            let _ = step(None, &path);
        }

        #[test]
        fn each_answer_comes_through_once(answers in prop::collection::vec("[0-9*a-z]{0,4}", 1..6)) {
            let mut before = String::new();
            for answer in answers {
                let path = if before.is_empty() { answer.clone() } else { format!("{before}*{answer}") };
                // An empty answer to a plain dial cannot be told from the dial itself.
                if path.is_empty() { continue; }
                prop_assert!(after(&before, &path) == Step::Inputs(vec![answer.as_str()]));
                prop_assert!(after(&path, &path) == Step::Repeat);
                prop_assert!(after(&path, &before) == Step::Late);
                before = path;
            }
        }
    }
}
