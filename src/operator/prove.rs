//! Proves a shape by its samples: what is read or answered otherwise than they say is a finding.

use crate::finding::{Finding, Source, Span};
use crate::operator::play::{self, Difference};
use crate::operator::shape::Shape;

/// What stands before what a sample is.
const WHAT: &str = "what:";

/// A finding (O005) for everything that a sample of a shape says and that is not so. `source` is the
/// file that the shape was read from.
pub fn samples(shape: &Shape, source: &Source) -> Vec<Finding> {
    let played: Vec<(&str, Vec<Difference>)> = match shape {
        Shape::Ussd(shape) => shape
            .samples
            .iter()
            .map(|sample| {
                let played = play::ussd(shape, sample);
                (sample.what.as_str(), played.differences)
            })
            .collect(),
        Shape::Sms(shape) => shape
            .samples
            .iter()
            .map(|sample| (sample.what.as_str(), shape.play(sample).differences))
            .collect(),
    };
    let mut findings = Vec::new();
    for (index, (what, differences)) in played.into_iter().enumerate() {
        for difference in differences {
            let Difference {
                what: about,
                expected,
                seen,
            } = difference;
            findings.push(source.error(
                "O005",
                place(source.text(), index, what),
                format!("the sample says {about} {expected:?}, and it is {seen:?}"),
                format!(
                    "mend the shape, or the sample where the operator really sends something \
                     else; jisr links test --shape {} shows all bytes",
                    shape.head().name
                ),
            ));
        }
    }
    findings
}

/// Where the sample of this number stands, by what it is; else where the samples begin.
fn place(text: &str, index: usize, what: &str) -> Span {
    let begin = text.find("\nsamples:").map_or(0, |at| at + 1);
    let found = |at: usize| {
        let rest = &text[at + WHAT.len()..];
        let value = rest.trim_start().trim_start_matches(['"', '\'']);
        value.starts_with(what)
    };
    let places: Vec<usize> = text[begin..]
        .match_indices(WHAT)
        .map(|(at, _)| begin + at)
        .filter(|at| text[..*at].ends_with("- ") || text[..*at].ends_with("  "))
        .collect();
    let by_number = places.get(index).copied().filter(|at| found(*at));
    let place = by_number.or_else(|| places.into_iter().find(|at| found(*at)));
    match place {
        Some(at) => Span {
            at,
            len: text[at..].lines().next().map_or(0, str::len),
        },
        None => Span {
            at: begin,
            len: "samples:".len(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::operator::shape::Shapes;

    /// What is found in a built-in shape whose text is changed, with the line that it stands on.
    fn found(name: &str, from: &str, to: &str) -> Vec<String> {
        let shapes = Shapes::load(&[]).unwrap();
        let text = shapes.source(name).unwrap().text();
        assert!(text.contains(from), "{name}: {from}");
        let source = Source::new("changed.yaml", &text.replacen(from, to, 1));
        let shape = Shape::parse(&source).map_err(|finding| finding.message.clone());
        samples(&shape.unwrap(), &source)
            .iter()
            .map(|finding| {
                let line = source.text()[..finding.span.at].lines().count() - 1;
                let line = source.text().lines().nth(line).unwrap();
                format!("{} | {}", line.trim(), finding.message)
            })
            .collect()
    }

    #[test]
    fn all_that_are_built_in_are_as_their_samples_say() {
        let shapes = Shapes::load(&[]).unwrap();
        for shape in shapes.iter() {
            let source = shapes.source(&shape.head().name).unwrap();
            let found = samples(shape, source);
            let messages: Vec<_> = found.iter().map(|one| &one.message).collect();
            assert!(messages.is_empty(), "{}: {messages:?}", source.file());
        }
    }

    #[test]
    fn what_is_otherwise_is_found_at_its_sample() {
        let wrong_shape = found(
            "generic",
            "continue: \"{continues}\"",
            "continue: \"{ends}\"",
        );
        assert!(!wrong_shape.is_empty());
        for one in &wrong_shape {
            assert!(one.starts_with("- what: "), "{one}");
            assert!(one.contains("the sample says answer"), "{one}");
        }
        let places: std::collections::BTreeSet<_> = wrong_shape
            .iter()
            .map(|one| one.split(" | ").next())
            .collect();
        assert_eq!(places.len(), wrong_shape.len(), "one for each sample");
        let wrong_sample = found("generic-sms", "state: delivered", "state: failed");
        assert_eq!(wrong_sample.len(), 1, "{wrong_sample:?}");
        assert!(
            wrong_sample[0].contains("says state \"failed\", and it is \"delivered\""),
            "{wrong_sample:?}"
        );
    }
}
