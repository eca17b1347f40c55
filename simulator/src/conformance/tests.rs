#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::conformance::report::Report;
use crate::conformance::{Plan, model, run};

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
