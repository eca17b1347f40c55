//! The platform against a stub of a gateway.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use axum::Router;
use axum::body::Bytes as Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;

#[test]
fn answers() {
    let screen = |text: &str, open| {
        Ok(Screen {
            text: text.into(),
            open,
        })
    };
    let table = [
        ("CON 1. Oui", screen("1. Oui", true)),
        ("END مرحبا", screen("مرحبا", false)),
        ("CON ", Err(CallbackError::Prefix)),
        ("CON", Err(CallbackError::Prefix)),
        (" CON x", Err(CallbackError::Prefix)),
        ("\u{feff}CON x", Err(CallbackError::Prefix)),
        ("con x", Err(CallbackError::Prefix)),
        ("", Err(CallbackError::Prefix)),
    ];
    for (body, expected) in table {
        assert_eq!(read_answer(body), expected, "{body:?}");
    }
}

#[test]
fn codes() {
    let code = |service: &str, text: &str| Ok((service.to_owned(), text.to_owned()));
    let table = [
        ("*580#", code("*580#", "")),
        ("*580*1*1#", code("*580#", "1*1")),
        ("*580*BE740215#", code("*580#", "BE740215")),
        ("580#", Err(CallbackError::BadCode)),
        ("*580", Err(CallbackError::BadCode)),
        ("**1#", Err(CallbackError::BadCode)),
    ];
    for (typed, expected) in table {
        assert_eq!(split_code(typed), expected, "{typed}");
    }
}

#[test]
fn session_ids_differ() {
    let (one, two) = (Ids::default(), Ids::default());
    let ids = [one.next(), one.next(), two.next(), two.next()];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 4);
    assert!(
        ids.iter()
            .all(|id| id.len() == 38 && id.starts_with("ATUid_"))
    );
}

async fn stub(answer: fn(HashMap<String, String>) -> Response) -> (crate::web::Server, String) {
    let app = Router::new().route(
        "/ussd/sim",
        post(move |body: Body| async move {
            let form: HashMap<String, String> =
                serde_urlencoded::from_bytes(&body).unwrap_or_default();
            answer(form)
        }),
    );
    let server = crate::web::Server::start(app, 0).await.unwrap();
    let url = format!("{}/ussd/sim", server.url());
    (server, url)
}

/// Answers with everything that it was sent; `bye` at the end of the way ends the session.
fn echo(form: HashMap<String, String>) -> Response {
    let word = if form["text"].ends_with("bye") {
        "END"
    } else {
        "CON"
    };
    format!(
        "{word} {} {} {} [{}]",
        form["phoneNumber"], form["serviceCode"], form["networkCode"], form["text"]
    )
    .into_response()
}

#[tokio::test]
async fn the_way_grows_until_the_end() {
    let (_server, url) = stub(echo).await;
    let operator = Operator::new(url);
    let phone = Phone::new("+212661000001", None);
    let text = |screen: Result<Screen, CallbackError>| screen.unwrap().text;
    assert_eq!(
        text(operator.dial(&phone, "*580*1#").await),
        "+212661000001 *580# 99999 [1]"
    );
    assert_eq!(
        text(operator.press(&phone, "a&b=ç").await),
        "+212661000001 *580# 99999 [1*a&b=ç]"
    );
    let earlier = operator.last_callback(&phone).unwrap();
    assert!(!operator.press(&phone, "bye").await.unwrap().open);
    assert_eq!(
        operator.press(&phone, "1").await,
        Err(CallbackError::NoSession)
    );

    let again = operator.resend(&earlier).await;
    assert_eq!(text(again), "+212661000001 *580# 99999 [1*a&b=ç]");
    assert!(
        !phone.screen().unwrap().open,
        "a late answer is shown nowhere"
    );
}

#[tokio::test]
async fn a_redial_is_a_new_session_and_a_hang_up_forgets() {
    let (_server, url) = stub(echo).await;
    let operator = Operator::new(url);
    let phone = Phone::new("+212661000001", None);
    operator.dial(&phone, "*580#").await.unwrap();
    let first = operator.last_callback(&phone).unwrap();
    operator.dial(&phone, "*580#").await.unwrap();
    assert_ne!(
        operator.last_callback(&phone).unwrap().session(),
        first.session()
    );
    operator.hang_up(&phone);
    assert_eq!(
        operator.press(&phone, "1").await,
        Err(CallbackError::NoSession)
    );
    assert_eq!(phone.screen(), None);
}

#[tokio::test]
async fn bad_answers_are_told_apart() {
    fn bad(form: HashMap<String, String>) -> Response {
        match form["text"].as_str() {
            "1" => (StatusCode::NOT_FOUND, "CON x").into_response(),
            "2" => axum::response::Html("CON x").into_response(),
            "3" => "Welcome".into_response(),
            "4" => vec![b'x'; ANSWER_BYTES_MAX + 1].into_response(),
            _ => ([(CONTENT_TYPE, "text/plain")], vec![b'C', 0xff]).into_response(),
        }
    }
    let (_server, url) = stub(bad).await;
    let operator = Operator::new(url);
    let phone = Phone::new("+212661000001", None);
    let table = [
        ("*580*1#", CallbackError::Status(404)),
        (
            "*580*2#",
            CallbackError::ContentType("text/html; charset=utf-8".into()),
        ),
        ("*580*3#", CallbackError::Prefix),
        (
            "*580*4#",
            CallbackError::ContentType("application/octet-stream".into()),
        ),
        ("*580*5#", CallbackError::NotText),
    ];
    for (code, expected) in table {
        assert_eq!(operator.dial(&phone, code).await, Err(expected), "{code}");
        assert!(operator.last_callback(&phone).is_none());
    }
}
