//! A sample played through its shape: what is read of it, and what it is answered.

use serde::Serialize;

use crate::operator::CallbackError;
use crate::operator::api::account::Account;
use crate::operator::file::Is;
use crate::operator::reply::Answer;
use crate::operator::sample::Sample;
use crate::operator::ussd::push::Posted;
use crate::operator::ussd::{Heard, UssdShape};
use crate::store::Reply;

/// The URL that every sample is sent to.
const SAMPLE_URL: &str = "https://gateway.example/ussd/link";

/// What became of a sample.
#[derive(Clone)]
pub struct Played {
    /// What was read of it, by name.
    pub reads: Result<Vec<(&'static str, String)>, CallbackError>,
    /// What it was answered, where the sample has a screen or needs none.
    pub answer: Option<Answer>,
    /// What is posted, where the shape does that and the sample has a screen.
    pub pushed: Option<Posted>,
    /// What is otherwise than the sample says.
    pub differences: Vec<Difference>,
}

/// Something that is otherwise than a sample says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub what: String,
    /// As the sample says.
    pub expected: String,
    /// As it is.
    pub seen: String,
}

impl Is {
    /// The word in shapes.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Continue => "continue",
            Self::End => "end",
            Self::Unsaid => "unsaid",
            Self::Ignored => "ignored",
        }
    }
}

/// A sample as the door has it: with the URL that was called, and with the number that the ledger
/// knows where the request tells none.
pub(super) fn heard(shape: &UssdShape, sample: &Sample) -> Result<Heard, CallbackError> {
    let mut heard = shape.hear(sample.request())?;
    SAMPLE_URL.clone_into(&mut heard.url);
    if heard.subscriber.is_none() && heard.is != Is::Ignored {
        heard.subscriber.clone_from(&sample.dialled_by);
    }
    Ok(heard)
}

/// Plays a sample.
pub fn ussd(shape: &UssdShape, sample: &Sample) -> Played {
    let heard = match heard(shape, sample) {
        Ok(heard) => heard,
        Err(error) => return refused(shape, sample, error),
    };
    let reads = reads(&heard);
    let mut differences = Vec::new();
    for (name, expected) in &sample.reads {
        let seen = reads.iter().find(|(known, _)| known == name);
        let seen = seen.map_or("nothing of that name", |(_, value)| value.as_str());
        differ(&mut differences, name, expected, seen);
    }
    let over = matches!(heard.is, Is::End | Is::Ignored);
    let reply = match (&sample.screen, over) {
        (Some((text, ends)), _) => Some(Reply {
            text: text.clone(),
            ends: *ends,
        }),
        (None, true) => Some(Reply {
            text: String::new(),
            ends: true,
        }),
        (None, false) => None,
    };
    let account = Account::sample();
    let screen = reply.as_ref().filter(|_| !over);
    let pushed = screen.and_then(|reply| shape.posted(&account, &heard, reply));
    let answer = reply.map(|reply| shape.answer(&heard, &reply));
    if let (Some(expected), Some(answer)) = (&sample.answer, &answer) {
        differ_shown(&mut differences, "answer", expected, &answer.shown());
    }
    if let Some(expected) = &sample.pushed {
        let seen = pushed.as_ref().map_or_else(
            || "nothing is posted".to_owned(),
            |pushed| pushed.shown().trim_end().to_owned(),
        );
        differ_shown(&mut differences, "pushed", expected, &seen);
    }
    Played {
        reads: Ok(reads),
        answer,
        pushed,
        differences,
    }
}

/// A sample that shows a fault says so in `reads: { refused: TEXT }`.
fn refused(shape: &UssdShape, sample: &Sample, error: CallbackError) -> Played {
    let answer = shape.refuse(error.status(), &error.to_string());
    let mut differences = Vec::new();
    let expected = sample.reads.iter().find(|(name, _)| name == "refused");
    let seen = error.to_string();
    match expected {
        Some((_, expected)) => differ(&mut differences, "refused", expected, &seen),
        None => differ(&mut differences, "refused", "taken", &seen),
    }
    if let Some(expected) = &sample.answer {
        differ_shown(&mut differences, "answer", expected, &answer.shown());
    }
    Played {
        reads: Err(error),
        answer: Some(answer),
        pushed: None,
        differences,
    }
}

fn reads(heard: &Heard) -> Vec<(&'static str, String)> {
    let mut reads = vec![("event", heard.is.word().to_owned())];
    if let Some(subscriber) = &heard.subscriber {
        reads.push(("subscriber", subscriber.as_str().to_owned()));
    }
    if heard.is != Is::Ignored {
        reads.push(("session", heard.session.clone()));
        reads.push(("input", heard.input.clone()));
    }
    reads.extend(heard.code.clone().map(|code| ("code", code)));
    reads.extend(heard.network.clone().map(|network| ("network", network)));
    let key = heard.key.as_ref().map(|key| key.replace('\u{0}', " "));
    reads.extend(key.map(|key| ("key", key.trim_end().to_owned())));
    reads
}

fn differ(differences: &mut Vec<Difference>, what: &str, expected: &str, seen: &str) {
    if expected != seen {
        differences.push(Difference {
            what: what.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
        });
    }
}

/// Answers and requests as text: the order of their headers does not count (RFC 9110, 5.3), nor do
/// capitals in the names of headers.
fn differ_shown(differences: &mut Vec<Difference>, what: &str, expected: &str, seen: &str) {
    let (expected, seen) = (expected.trim_end(), seen.trim_end());
    if sorted(expected) != sorted(seen) {
        differ(differences, what, expected, seen);
    }
}

/// The first line, the headers sorted, the body.
fn sorted(shown: &str) -> (&str, Vec<String>, &str) {
    let (head, body) = shown.split_once("\n\n").unwrap_or((shown, ""));
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let mut headers: Vec<String> = headers
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        })
        .collect();
    headers.sort();
    (first, headers, body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use crate::operator::shape::{Shape, Shapes};

    use super::*;

    #[test]
    fn headers_have_no_order() {
        for (expected, seen, same) in [
            ("200\nA: 1\nb: 2\n\nx", "200\nb: 2\na: 1\n\nx\n", true),
            ("200\na: 1\nb: 2\n\nx", "200\na: 2\nb: 1\n\nx", false),
            ("200\na: 1\na: 1", "200\na: 1", false),
            ("200\n\ny\nx", "200\n\nx\ny", false),
            ("200", "201", false),
        ] {
            let mut differences = Vec::new();
            differ_shown(&mut differences, "answer", expected, seen);
            assert_eq!(differences.is_empty(), same, "{expected:?} {seen:?}");
        }
    }

    #[test]
    fn every_sample_of_every_built_in_shape_is_read_and_answered_as_it_says() {
        let shapes = match Shapes::load(&[]) {
            Ok(shapes) => shapes,
            Err(findings) => {
                let shown: Vec<_> = findings
                    .iter()
                    .map(|f| {
                        format!(
                            "{}:{:?} {} | {}",
                            f.source.file(),
                            f.place(),
                            f.message,
                            f.mend
                        )
                    })
                    .collect();
                panic!("{}", shown.join("\n"))
            }
        };
        let mut wrong = Vec::new();
        for shape in shapes.iter() {
            let Shape::Ussd(shape) = shape else {
                continue;
            };
            for sample in &shape.samples {
                for difference in ussd(shape, sample).differences {
                    wrong.push(format!(
                        "{}, {}: {}\n  expected {:?}\n  seen     {:?}",
                        shape.head.name,
                        sample.what,
                        difference.what,
                        difference.expected,
                        difference.seen
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
