#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use crate::conformance::client::{Client, Tls};
use crate::conformance::operator::{Description, Ussd};
use crate::conformance::report::Report;
use crate::conformance::run::{Event, Run};
use crate::conformance::seed::Seed;
use crate::conformance::sign::Proofs;
use crate::conformance::xml::Element;
use crate::conformance::{Plan, model, operator, run};

async fn judged(url: &str, shape: &str) -> Report {
    let proofs = format!("hmac:{}", model::SECRET).parse().unwrap();
    let target = format!("{url}/ussd/{shape}");
    let plan = Plan {
        seed: Some(580),
        ..Plan::new(shape, &target, proofs)
    };
    run(&plan).await.unwrap()
}

#[tokio::test]
async fn a_good_gateway_is_green_in_every_shape() {
    let gateway = model::start().await;
    for shape in ["africastalking", "hubtel", "airtel", "truroute"] {
        let report = judged(&gateway.url(), shape).await;
        println!("{report}");
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test]
async fn a_closed_port_is_told_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/ussd/x", listener.local_addr().unwrap());
    drop(listener);
    let error = run(&Plan::new("generic", &target, Proofs::default())).await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("is the gateway running"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn every_built_in_operator_asks_without_a_hole() {
    for name in operator::names() {
        let Description::Ussd(ussd) = operator::load(name).unwrap() else {
            continue;
        };
        let ends = ussd.end.is_some();
        let times_out = ussd.timeout.is_some();
        let mut run = quiet_run(*ussd);
        let mut caller = run.caller();
        for (event, told) in [
            (Event::New, true),
            (Event::Continue, true),
            (Event::End, ends),
            (Event::Timeout, times_out),
        ] {
            let wire = run.callback(&mut caller, event, "1").asked.wire("");
            let text = format!("{}{}", wire.target, String::from_utf8(wire.body).unwrap());
            let hole = operator::PLACEHOLDERS
                .iter()
                .chain(&["user_object", "client_state"])
                .find(|name| text.contains(&format!("{{{name}}}")));
            assert_eq!(hole, None, "{name} {event:?}: {text}");
            assert!(!text.contains("|number"), "{name}: {text}");
            if told && text.starts_with('<') {
                Element::parse(text.as_bytes()).unwrap();
            }
        }
        // A field that is said to be required is there to be left out, of a key press or a dial.
        let [press, dial] =
            [Event::Continue, Event::New].map(|event| run.callback(&mut caller, event, "1").asked);
        for field in run
            .operator
            .required
            .iter()
            .chain(run.operator.wrong.keys())
        {
            let asked = match press.without(field) {
                Some(_) => &press,
                None => &dial,
            };
            assert!(asked.without(field).is_some(), "{name}: no field {field}");
            assert!(asked.twice(field).is_some(), "{name}: no field {field}");
            assert!(asked.not_text(field).is_some(), "{name}: no field {field}");
        }
    }
}

fn quiet_run(ussd: Ussd) -> Run {
    let plan = Plan::new("", "http://localhost/ussd/x", Proofs::default());
    let client = Client::new(String::new(), Duration::from_secs(1), Tls::default()).unwrap();
    Run::new(ussd, plan.settings().unwrap(), Seed::new(1), client)
}
