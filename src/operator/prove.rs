//! Proves a shape by its samples: what is read or answered otherwise than they say is a finding.

use crate::finding::{Finding, Source};
use crate::operator::compile::Fault;
use crate::operator::play::{self, Difference};
use crate::operator::shape::Shape;

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
    for (number, (what, differences)) in played.into_iter().enumerate() {
        for Difference {
            what: about,
            expected,
            seen,
        } in differences
        {
            let fault = Fault::new(
                format!("{about}:"),
                format!("the sample \"{what}\" says {about} {expected:?}, and it is {seen:?}"),
                format!(
                    "mend the shape, or the sample where the operator really sends something \
                     else; jisr links test --shape {} shows all bytes",
                    shape.head().name
                ),
            );
            let fault = fault.within(number).within("samples");
            findings.push(fault.found("O005", source));
        }
    }
    findings
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
                format!("{} -- {}", line.trim(), finding.message)
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
            assert!(one.starts_with("answer: | -- the sample "), "{one}");
        }
        let wrong_sample = found("generic-sms", "state: delivered", "state: failed");
        assert_eq!(wrong_sample.len(), 1, "{wrong_sample:?}");
        assert!(
            wrong_sample[0].starts_with("- { id: \"17\", state: failed }")
                && wrong_sample[0].contains("says state \"failed\", and it is \"delivered\""),
            "{wrong_sample:?}"
        );
    }
}
