//! The registry as the gateway sees it, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

const OPEN: &str = r#"{"registration":"118206455","generation":1,"password":"7KQMWX3PRH4T"}"#;

/// Posts a body; gives the status and the body of the answer.
async fn ask(registry: &Registry, path: &str, key: &str, body: &str) -> (u16, String) {
    ask_as(registry, "token", path, key, body).await
}

async fn ask_as(r: &Registry, token: &str, path: &str, key: &str, body: &str) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = hyper::Request::post(format!("{}{path}", r.url()))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn registry() -> Registry {
    Registry::start("token", 0).await.unwrap()
}

fn lookup(id_type: &str, number: &str, expiry: &str, birth: &str) -> String {
    json!({ "id_type": id_type, "id_number": number, "expiry": expiry, "birth": birth }).to_string()
}

#[tokio::test]
async fn who_somebody_is() {
    let registry = registry().await;
    let (status, body) = ask(
        &registry,
        "/v1/lookups",
        "",
        &lookup("cnie", "BE740215", "2031-06-14", "1984-03-05"),
    )
    .await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["person"]["registration"], "104882317");
    assert_eq!(body["person"]["account"], true);

    let table = [
        lookup("cnie", "BE740216", "2031-06-14", "1984-03-05"),
        lookup("cnie", "BE740215", "2031-06-15", "1984-03-05"),
        lookup("cnie", "BE740215", "2031-06-14", "1984-03-06"),
        lookup("sejour", "BE740215", "2031-06-14", "1984-03-05"),
    ];
    for body in table {
        assert_eq!(
            ask(&registry, "/v1/lookups", "", &body).await,
            (200, r#"{"match":false}"#.to_owned()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn malformed_requests_name_the_field() {
    let registry = registry().await;
    let table = [
        ("/v1/lookups", "", "{}".to_owned(), "body:"),
        (
            "/v1/lookups",
            "",
            lookup("passport", "BE740215", "2031-06-14", "1984-03-05"),
            "id_type:",
        ),
        (
            "/v1/lookups",
            "",
            lookup("cnie", "be740215", "2031-06-14", "1984-03-05"),
            "id_number:",
        ),
        (
            "/v1/lookups",
            "",
            lookup("cnie", "BE740215", "14/06/2031", "1984-03-05"),
            "expiry:",
        ),
        (
            "/v1/lookups",
            "",
            lookup("cnie", "BE740215", "2031-06-14", "1984-02-30"),
            "birth:",
        ),
        ("/v1/accounts", "", OPEN.to_owned(), "Idempotency-Key:"),
        (
            "/v1/accounts",
            "k",
            OPEN.replace("118206455", "11820645"),
            "registration:",
        ),
        (
            "/v1/accounts",
            "k",
            OPEN.replace(":1,", ":0,"),
            "generation:",
        ),
        (
            "/v1/accounts",
            "k",
            OPEN.replace("7KQM", "0KQM"),
            "password:",
        ),
        (
            "/v1/accounts/12/revocations",
            "",
            r#"{"generation":1}"#.to_owned(),
            "registration:",
        ),
    ];
    for (path, key, body, field) in table {
        let (status, answer) = ask(&registry, path, key, &body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(
            answer["detail"].as_str().unwrap().starts_with(field),
            "{answer}"
        );
    }
    assert_eq!(
        ask_as(&registry, "other", "/v1/lookups", "", "{}").await.0,
        401
    );
}

#[tokio::test]
async fn an_account_is_opened_once_a_key() {
    let registry = registry().await;
    let opened = (201, r#"{"result":"opened"}"#.to_owned());
    assert_eq!(ask(&registry, "/v1/accounts", "k1", OPEN).await, opened);
    assert_eq!(ask(&registry, "/v1/accounts", "k1", OPEN).await, opened);
    assert_eq!(ask(&registry, "/v1/accounts", "k2", OPEN).await.0, 409);
    assert_eq!(
        ask(
            &registry,
            "/v1/accounts",
            "k1",
            &OPEN.replace("7KQM", "9KQM")
        )
        .await
        .0,
        400
    );
    assert_eq!(
        registry.counts().opened,
        BTreeMap::from([("k1".to_owned(), 1)])
    );

    let revoke = "/v1/accounts/118206455/revocations";
    assert_eq!(
        ask(&registry, revoke, "", r#"{"generation":2}"#).await.0,
        204
    );
    assert_eq!(
        ask(&registry, "/v1/accounts", "k3", OPEN).await.0,
        409,
        "another generation"
    );
    assert_eq!(
        ask(&registry, revoke, "", r#"{"generation":1}"#).await.0,
        204
    );
    assert_eq!(
        ask(&registry, "/v1/accounts", "k4", OPEN).await.0,
        422,
        "revoked"
    );
    let second = OPEN.replace(":1,", ":2,");
    assert_eq!(ask(&registry, "/v1/accounts", "k5", &second).await, opened);

    registry.refuse("100000042");
    let refused = OPEN.replace("118206455", "100000042");
    assert_eq!(ask(&registry, "/v1/accounts", "k6", &refused).await.0, 422);
    assert_eq!(
        ask(
            &registry,
            "/v1/accounts",
            "k7",
            &OPEN.replace("118206455", "999999999")
        )
        .await
        .0,
        422
    );
}

#[tokio::test]
async fn moods() {
    let registry = registry().await;
    let body = lookup("cnie", "A10", "2030-05-05", "1950-12-12");
    registry.set_mood(Mood::Fails(2));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(ask(&registry, "/v1/lookups", "", &body).await.0);
    }
    assert_eq!(seen, [503, 503, 200]);
    registry.set_mood(Mood::Down);
    assert_eq!(ask(&registry, "/v1/lookups", "", &body).await.0, 503);
    registry.set_mood(Mood::Slow(Duration::from_millis(1)));
    assert_eq!(ask(&registry, "/v1/lookups", "", &body).await.0, 200);
    registry.set_mood(Mood::Silent);
    let silent = ask(&registry, "/v1/lookups", "", &body);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), silent)
            .await
            .is_err()
    );
    assert_eq!((registry.counts().calls, registry.counts().lookups), (6, 2));
}
