//! Every sample of every built-in shape of SMS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::operator::shape::{Shape, Shapes};

fn shapes() -> Shapes {
    Shapes::load(&[]).unwrap_or_else(|findings| {
        let shown: Vec<String> = findings
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
    })
}

#[test]
fn every_sample_is_read_written_and_answered_as_it_says() {
    let (mut wrong, mut played) = (Vec::new(), 0);
    for shape in shapes().iter() {
        let Shape::Sms(shape) = shape else { continue };
        for sample in &shape.samples {
            played += 1;
            for difference in shape.play(sample).differences {
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
    assert!(played >= 15, "{played} samples");
}
