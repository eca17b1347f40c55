#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::conformance::client::{Client, Tls, Wire};
use crate::conformance::operator::Description;
use crate::conformance::report::Report;
use crate::conformance::seed::Seed;
use crate::conformance::sign::Proofs;
use crate::conformance::sms::api::{Login, Operator};
use crate::conformance::sms::run::Patience;
use crate::conformance::spoil::{self, Fault};
use crate::conformance::{Plan, model, operator, run};

/// An address of this machine that is free now.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

async fn judged(gateway: &str, listen: SocketAddr) -> Report {
    let proofs: Proofs = format!("hmac:{}", model::SECRET).parse().unwrap();
    let target = format!("{gateway}/sms/generic-sms");
    let plan = Plan {
        listen,
        patience: Patience {
            comes: Duration::from_secs(10),
            quiet: Duration::from_millis(300),
        },
        ..Plan::new("generic-sms", &target, proofs)
    };
    run(&plan).await.unwrap()
}

#[tokio::test]
async fn a_good_gateway_is_green() {
    let listen = free();
    let gateway = model::start_for(listen).await;
    let report = judged(&gateway.url(), listen).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn each_planted_fault_is_found_in_its_own_line() {
    for (fault, lines) in [
        (
            Fault::WrongAcknowledgement,
            "sms.acknowledged receipt.acknowledged",
        ),
        (Fault::FieldNotNamed, "error.missing"),
        (Fault::ErrorEcho, "error.quiet"),
        (Fault::MethodAccepted, "error.method"),
        (Fault::StaleAccepted, "auth.stale"),
    ] {
        let listen = free();
        let gateway = model::start_for(listen).await;
        let plan = spoil::Plan {
            origin: gateway.url(),
            description: operator::load("generic-sms").unwrap(),
            proofs: format!("hmac:{}", model::SECRET).parse().unwrap(),
            fault,
            late: Duration::ZERO,
            screens: None,
        };
        let spoiler = spoil::start(plan, free()).await.unwrap();
        let report = judged(&spoiler.url(), listen).await;
        assert_eq!(report.failed().join(" "), lines, "{fault:?}\n{report}");
    }
}

/// What the API of an operator finds wrong with a request.
async fn found(shape: &str, line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let Description::Sms(sms) = operator::load(shape).unwrap() else {
        panic!("{shape} carries no texts");
    };
    let login = Login {
        user: "u".into(),
        secret: "s".into(),
        sender: "5800".into(),
    };
    let api = Operator::start(sms.api.clone(), &login, Seed::new(1), free());
    let api = api.await.unwrap();
    let client = Client::new(api.url(), Duration::from_secs(10), Tls::default()).unwrap();
    let (method, target) = line.split_once(' ').unwrap();
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let wire = Wire {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.iter().map(pair).collect(),
        body: body.as_bytes().to_vec(),
    };
    client.send(&wire).await.unwrap();
    let faults = api.all().into_iter().flat_map(|sent| sent.faults);
    let faults: Vec<String> = faults
        .map(|(facet, expected)| format!("{facet:?}: {expected}"))
        .chain(api.unexpected().map(|_| "Address".to_owned()))
        .collect();
    faults.join("; ")
}

#[tokio::test]
async fn the_api_finds_what_is_wrong_with_a_text() {
    let kannel = "GET /cgi-bin/sendsms?username=u&password=s&to=212600000001&from=5800\
                  &dlr-mask=19&dlr-url=http%3A%2F%2Fh%2F%25d";
    let bearer = [("authorization", "Bearer s")];
    let generic =
        r#"{"id":"1","from":"5800","to":"+212600000001","text":"a","receipts":"http://h"}"#;
    let jasmin = "username=u&password=s&to=212600000001&from=5800&dlr=yes&dlr-url=h&dlr-level=2\
                  &dlr-method=POST";
    for (shape, line, headers, body, faults) in [
        (
            "generic-sms",
            "POST /messages",
            &bearer[..],
            generic.to_owned(),
            "",
        ),
        (
            "generic-sms",
            "POST /message",
            &bearer[..],
            generic.to_owned(),
            "Address",
        ),
        (
            "generic-sms",
            "POST /messages",
            &[("authorization", "Bearer x")][..],
            generic.replace("+2126", "2126"),
            "Proof: the header authorization is \"Bearer s\"; To: /to is \"+212600000001\"",
        ),
        (
            "generic-sms",
            "POST /messages",
            &bearer[..],
            generic
                .replace("5800", "1")
                .replace("text", "txt")
                .replace("id", "di"),
            "Text: a text in /text; From: /from is \"5800\"; Also: /id is there",
        ),
        (
            "kannel",
            &format!("{kannel}&coding=0&text=a%26b"),
            &[],
            String::new(),
            "",
        ),
        (
            "kannel",
            &format!("{kannel}&coding=0&charset=UTF-8&text=%D9%85"),
            &[],
            String::new(),
            "Coding: coding is \"2\"",
        ),
        (
            "jasmin",
            "POST /send",
            &[],
            format!("{jasmin}&coding=8&hex-content=0645"),
            "",
        ),
        (
            "jasmin",
            "POST /send",
            &[],
            format!("{jasmin}&coding=0&content=%D9%85"),
            "Coding: coding is \"8\"",
        ),
    ] {
        assert_eq!(
            found(shape, line, headers, &body).await,
            faults,
            "{shape} {line}"
        );
    }
}
