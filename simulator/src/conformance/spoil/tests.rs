#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use crate::conformance::operator;
use crate::conformance::spoil::{self, Fault};
use crate::conformance::{self, model};

const SHAPES: [&str; 4] = ["africastalking", "hubtel", "airtel", "truroute"];

/// What a fault turns red, in one shape.
async fn red(gateway: &str, shape: &str, fault: Fault) -> (Vec<&'static str>, String) {
    let proofs = format!("hmac:{}", model::SECRET)
        .parse::<conformance::sign::Proofs>()
        .unwrap();
    let plan = spoil::Plan {
        origin: gateway.to_owned(),
        description: operator::load(shape).unwrap(),
        proofs: proofs.clone(),
        fault,
        late: Duration::from_millis(600),
        screens: None,
    };
    let spoiler = spoil::start(plan, SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let target = format!("{}/ussd/{shape}", spoiler.url());
    let plan = conformance::Plan {
        deadline: (fault == Fault::TooLate).then_some(Duration::from_millis(500)),
        ..conformance::Plan::new(shape, &target, proofs)
    };
    let report = conformance::run(&plan).await.unwrap();
    (report.failed(), report.to_string())
}

/// The lines that a fault turns red, in each of the four shapes; one list where they agree.
fn expected(fault: Fault) -> Vec<&'static str> {
    let all = |lines: &'static str| vec![lines; 4];
    match fault {
        Fault::MarkerLost => all("answer.marker"),
        // Every check but the first one needs an open session.
        Fault::MarkerSwapped => all("ussd.new"),
        Fault::ByteOrderMark => all("answer.clean"),
        Fault::LeadingSpace => vec!["answer.clean", "", "", ""],
        Fault::WrongType => vec!["answer.type", "answer.type", "answer.type", ""],
        Fault::TooLong => all("answer.limit"),
        Fault::EmptyBody => vec![
            "ussd.new ussd.dial-string answer.marker answer.text",
            "ussd.new ussd.dial-string answer.document answer.marker answer.text answer.fields",
            "ussd.new answer.text",
            "ussd.new answer.document answer.marker answer.text",
        ],
        Fault::SessionSwapped => vec!["", "answer.fields", "", ""],
        Fault::RepeatDiffers => {
            let lines = "repeat.in-turn repeat.of-the-first repeat.at-once";
            vec![lines, lines, "", ""]
        }
        Fault::TooLate => all("answer.deadline"),
        Fault::UnknownFieldRefused => all("answer.status error.unknown-field"),
        Fault::FieldNotNamed => all("error.missing"),
        Fault::DuplicateAccepted => all("error.duplicate"),
        Fault::BareFiveHundred => vec!["error.malformed", "error.malformed", "", "error.malformed"],
        Fault::ContentTypeAccepted => {
            let line = "error.content-type";
            vec![line, line, "", line]
        }
        Fault::MethodAccepted => all("error.method"),
        // None of the four says how; the gateway itself is judged by some that do.
        Fault::ErrorFormLost => all(""),
        Fault::ErrorEcho => all("error.quiet"),
        Fault::UnsignedAccepted => all("auth.unsigned auth.nothing-learned"),
        Fault::SignatureIgnored => {
            let lines = "auth.wrong auth.changed auth.stale auth.future auth.nothing-learned";
            let and_replayed = "auth.wrong auth.changed auth.stale auth.future auth.replayed \
                                auth.nothing-learned";
            // Where repeats are recognised, a replay gets the same bytes, which harms nobody.
            vec![lines, lines, and_replayed, lines]
        }
        Fault::StaleAccepted => all("auth.stale"),
        Fault::ReplayAccepted => vec!["", "", "auth.replayed", ""],
        Fault::RefusalTells => all("auth.nothing-learned"),
        // None of the four has its screens posted; the gateway itself is judged by one that has.
        Fault::WrongAcknowledgement
        | Fault::PostedTwice
        | Fault::PostedLate
        | Fault::WrongSecret => all(""),
    }
}

#[tokio::test]
async fn each_planted_fault_is_found_in_its_own_line() {
    let gateway = model::start().await;
    for fault in Fault::value_variants() {
        for (shape, expected) in SHAPES.into_iter().zip(expected(*fault)) {
            let (failed, report) = red(&gateway.url(), shape, *fault).await;
            assert_eq!(failed.join(" "), expected, "{fault:?} {shape}\n{report}");
        }
    }
}
