//! A web page with a phone on it, for trying a running gateway by hand. It is one file without
//! anything from outside, and speaks to the simulator only, as JSON under `/api`.

use std::io;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::phone::{Happening, Phone};
use crate::registry::people;
use crate::web::Server;
use crate::world::{CODE, SHORT_NUMBER, World};

const PAGE: &str = include_str!("page.html");

/// The page may load and call nothing but itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The largest body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// A question for news is answered after this at the latest.
const NEWS_WAIT: Duration = Duration::from_secs(20);

/// Serves the page for a world on a port of the loopback; 0 takes a free one.
///
/// # Errors
/// When the port cannot be listened on.
pub async fn serve(world: World, port: u16) -> io::Result<Server> {
    let router = Router::new()
        .route("/", get(page))
        .route("/api/people", get(samples))
        .route("/api/phone", get(phone))
        .route("/api/dial", post(dial))
        .route("/api/press", post(press))
        .route("/api/hangup", post(hang_up))
        .route("/api/text", post(text))
        .layer(middleware::from_fn(local_only))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(world);
    Server::start(router, port).await
}

/// Another site that makes its own name point here gets nothing (DNS rebinding).
async fn local_only(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this page is for this machine only").into_response()
    }
}

async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

/// The sample people and what they would type.
async fn samples() -> impl IntoResponse {
    let people: Vec<_> = people()
        .iter()
        .map(|person| {
            json!({
                "name": person.name,
                "id_type": person.id_type,
                "id_number": person.id_number,
                "expiry": person.expiry,
                "birth": person.birth,
                "standing": person.standing,
                "account": person.account,
                "phone": person.phone,
                "one_text": person.one_text(),
            })
        })
        .collect();
    Json(json!({ "code": CODE, "short_number": SHORT_NUMBER, "people": people }))
}

#[derive(Serialize)]
struct Shown {
    happenings: u64,
    history: Vec<Happening>,
    open: bool,
    problem: Option<String>,
}

fn show(phone: &Phone, problem: Option<String>) -> Json<Shown> {
    Json(Shown {
        happenings: phone.happenings(),
        open: phone.screen().is_some_and(|screen| screen.open),
        history: phone.history(),
        problem,
    })
}

/// The phone with a number in E.164, if it is one.
fn phone_of(world: &World, number: &str) -> Option<Phone> {
    let digits = number.strip_prefix('+')?;
    let plausible = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| world.phones.phone(number))
}

fn no_number() -> Response {
    (
        StatusCode::BAD_REQUEST,
        "number: expected + and 8 to 15 digits",
    )
        .into_response()
}

#[derive(Deserialize)]
struct News {
    number: String,
    /// How many happenings the page has seen.
    seen: u64,
}

/// The phone, once something new has happened on it.
async fn phone(State(world): State<World>, Query(news): Query<News>) -> Response {
    let Some(phone) = phone_of(&world, &news.number) else {
        return no_number();
    };
    phone.changed_since(news.seen, NEWS_WAIT).await;
    show(&phone, None).into_response()
}

#[derive(Deserialize)]
struct Typed {
    number: String,
    #[serde(default)]
    text: String,
}

async fn dial(State(world): State<World>, Json(typed): Json<Typed>) -> Response {
    let Some(phone) = phone_of(&world, &typed.number) else {
        return no_number();
    };
    let problem = world.dial(&phone, &typed.text).await.err();
    show(&phone, problem.map(|problem| problem.to_string())).into_response()
}

async fn press(State(world): State<World>, Json(typed): Json<Typed>) -> Response {
    let Some(phone) = phone_of(&world, &typed.number) else {
        return no_number();
    };
    let problem = world.operator.press(&phone, &typed.text).await.err();
    show(&phone, problem.map(|problem| problem.to_string())).into_response()
}

async fn hang_up(State(world): State<World>, Json(typed): Json<Typed>) -> Response {
    let Some(phone) = phone_of(&world, &typed.number) else {
        return no_number();
    };
    world.operator.hang_up(&phone);
    show(&phone, None).into_response()
}

async fn text(State(world): State<World>, Json(typed): Json<Typed>) -> Response {
    let Some(phone) = phone_of(&world, &typed.number) else {
        return no_number();
    };
    let problem = world.text(&phone, SHORT_NUMBER, &typed.text).await.err();
    show(&phone, problem.map(|problem| problem.to_string())).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use axum::body::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use serde_json::Value;

    async fn ask(method: &str, url: String, host: Option<&str>, body: &Value) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/json");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let answer = client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn the_page_stands_alone_and_says_that_all_is_sample() {
        assert!(PAGE.contains("sample"));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_phone_over_json() {
        let gateway = Router::new().route("/ussd/sim", post(|| async { "CON 1. نعم" }));
        let gateway = Server::start(gateway, 0).await.unwrap();
        let world = World::start(&format!("{}/ussd/sim", gateway.url()), 0, None)
            .await
            .unwrap();
        let page = serve(world.clone(), 0).await.unwrap();
        let url = |path: &str| format!("{}{path}", page.url());

        let (status, people) = ask("GET", url("/api/people"), None, &Value::Null).await;
        assert!(
            status == 200 && people.contains("TNS BE740215 14062031 05031984"),
            "{people}"
        );

        let typed = json!({ "number": "+212661000001", "text": "*580#" });
        let (_, shown) = ask("POST", url("/api/dial"), None, &typed).await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["open"], true);
        assert_eq!(shown["history"][1]["screen"]["text"], "1. نعم");
        assert_eq!(shown["happenings"], 2);

        let news = url("/api/phone?number=%2B212661000001&seen=1");
        assert!(
            ask("GET", news, None, &Value::Null)
                .await
                .1
                .contains("\"happenings\":2")
        );
        let (_, shown) = ask("POST", url("/api/hangup"), None, &typed).await;
        assert!(shown.contains("\"open\":false"), "{shown}");
        let (_, shown) = ask("POST", url("/api/press"), None, &typed).await;
        assert!(shown.contains("there is no open session"), "{shown}");

        let bad = json!({ "number": "0661", "text": "*580#" });
        assert_eq!(ask("POST", url("/api/dial"), None, &bad).await.0, 400);
        let elsewhere = ask(
            "GET",
            url("/api/people"),
            Some("evil.example:80"),
            &Value::Null,
        )
        .await;
        assert_eq!(elsewhere.0, 403);
    }
}
