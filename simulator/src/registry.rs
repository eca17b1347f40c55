//! The agency's registry as a server of its contract (`docs/registry-openapi.yaml`), with the
//! sample people, for the gateway's `http` registry. It can be slow, down, silent or fail a few
//! times, and counts what it was asked.

mod agency;
mod people;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::web::Server;
use agency::{Agency, NewAccount};
pub use agency::{Counts, Mood};
pub use people::{Person, people};

/// The largest body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

#[derive(Clone)]
struct Shared {
    agency: Arc<Mutex<Agency>>,
    token: Arc<str>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Agency> {
        self.agency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registry that serves until it is dropped.
pub struct Registry {
    server: Server,
    shared: Shared,
}

impl Registry {
    /// Serves the sample people on a port of the loopback; 0 takes a free one. `token` is what the
    /// gateway has to show.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(token: &str, port: u16) -> io::Result<Self> {
        let shared = Shared {
            agency: Arc::default(),
            token: token.into(),
        };
        let router = Router::new()
            .route("/v1/lookups", post(look_up))
            .route("/v1/accounts", post(open))
            .route("/v1/accounts/{registration}/revocations", post(revoke))
            .layer(middleware::from_fn_with_state(shared.clone(), receive))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(shared.clone());
        Ok(Self {
            server: Server::start(router, port).await?,
            shared,
        })
    }

    /// The beginning of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How it behaves from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.shared.lock().mood = mood;
    }

    /// Refuses accounts for this registration number from now on.
    pub fn refuse(&self, registration: &str) {
        self.shared.lock().refused.insert(registration.to_owned());
    }

    /// What it was asked so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }
}

/// An RFC 9457 problem. `detail` names a field, never a value.
fn problem(status: StatusCode, detail: Option<&str>) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
    });
    if let Some(detail) = detail {
        body["detail"] = detail.into();
    }
    (
        status,
        [(CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// Checks the token, counts the call and behaves as the mood is.
async fn receive(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if shown.and_then(|shown| shown.strip_prefix("Bearer ")) != Some(&*shared.token) {
        let mut refused = problem(StatusCode::UNAUTHORIZED, None);
        refused
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refused;
    }
    let mood = {
        let mut agency = shared.lock();
        agency.counts.calls += 1;
        let mood = agency.mood;
        if let Mood::Fails(left) = mood {
            agency.mood = if left > 1 {
                Mood::Fails(left - 1)
            } else {
                Mood::Well
            };
        }
        mood
    };
    match mood {
        Mood::Well => {}
        Mood::Slow(delay) => tokio::time::sleep(delay).await,
        Mood::Silent => std::future::pending().await,
        Mood::Down | Mood::Fails(_) => return problem(StatusCode::SERVICE_UNAVAILABLE, None),
    }
    next.run(request).await
}

/// Reads a JSON body, or says which field is wrong.
fn read<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T, Box<Response>> {
    // serde's message may repeat a value of the body, so it is not passed on.
    serde_json::from_slice(body).map_err(|_| malformed("body: expected the fields of the contract"))
}

fn malformed(detail: &str) -> Box<Response> {
    Box::new(problem(StatusCode::BAD_REQUEST, Some(detail)))
}

fn expect(holds: bool, detail: &str) -> Result<(), Box<Response>> {
    if holds {
        Ok(())
    } else {
        Err(malformed(detail))
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_registration(text: &str) -> bool {
    text.len() == 9 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_password(text: &str) -> bool {
    text.len() == 12
        && text
            .bytes()
            .all(|b| b"34679ACDEFGHJKMNPQRTUVWXY".contains(&b))
}

fn is_key(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

#[derive(Deserialize)]
struct LookUp {
    id_type: String,
    id_number: String,
    expiry: String,
    birth: String,
}

async fn look_up(State(shared): State<Shared>, body: Bytes) -> Response {
    match try_look_up(&shared, &body) {
        Ok(answer) => answer,
        Err(problem) => *problem,
    }
}

fn try_look_up(shared: &Shared, body: &Bytes) -> Result<Response, Box<Response>> {
    let asked: LookUp = read(body)?;
    expect(
        ["cnie", "sejour"].contains(&asked.id_type.as_str()),
        "id_type: expected cnie or sejour",
    )?;
    let number = asked.id_number.as_bytes();
    let plain = number
        .iter()
        .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    expect(
        plain && (2..=12).contains(&number.len()),
        "id_number: expected 2 to 12 of A-Z, 0-9",
    )?;
    expect(is_day(&asked.expiry), "expiry: expected yyyy-mm-dd")?;
    expect(is_day(&asked.birth), "birth: expected yyyy-mm-dd")?;

    let mut agency = shared.lock();
    agency.counts.lookups += 1;
    let found = agency.people.iter().find(|person| {
        person.id_type == asked.id_type
            && person.id_number == asked.id_number
            && person.expiry == asked.expiry
            && person.birth == asked.birth
    });
    let body = match found {
        Some(person) => json!({ "match": true, "person": person.shown() }),
        None => json!({ "match": false }),
    };
    Ok(answer(StatusCode::OK, &body))
}

async fn open(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    match try_open(&shared, &headers, &body) {
        Ok(answer) => answer,
        Err(problem) => *problem,
    }
}

fn try_open(shared: &Shared, headers: &HeaderMap, body: &Bytes) -> Result<Response, Box<Response>> {
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok());
    let key = key.unwrap_or_default().to_owned();
    expect(
        is_key(&key),
        "Idempotency-Key: expected 1 to 128 of A-Z, a-z, 0-9, . _ : -",
    )?;
    let asked: NewAccount = read(body)?;
    expect(
        is_registration(&asked.registration),
        "registration: expected nine digits",
    )?;
    expect(
        asked.generation >= 1,
        "generation: expected a whole number from 1",
    )?;
    let password = asked.password.as_deref().is_none_or(is_password);
    expect(
        password,
        "password: expected twelve characters of its alphabet",
    )?;

    let mut agency = shared.lock();
    let (status, result) = if let Some((first, status, result)) = agency.answers.get(&key) {
        expect(
            *first == asked,
            "Idempotency-Key: used before with another body",
        )?;
        (*status, result.clone())
    } else {
        let (status, result) = agency.open(&asked);
        if status == StatusCode::CREATED {
            *agency.counts.opened.entry(key.clone()).or_default() += 1;
        }
        let result = json!({ "result": result });
        agency.answers.insert(key, (asked, status, result.clone()));
        (status, result)
    };
    Ok(answer(status, &result))
}

#[derive(Deserialize)]
struct Revocation {
    generation: u32,
}

async fn revoke(
    State(shared): State<Shared>,
    Path(registration): Path<String>,
    body: Bytes,
) -> Response {
    let asked = expect(
        is_registration(&registration),
        "registration: expected nine digits",
    )
    .and_then(|()| read::<Revocation>(&body))
    .and_then(|asked| {
        expect(
            asked.generation >= 1,
            "generation: expected a whole number from 1",
        )?;
        Ok(asked)
    });
    match asked {
        Ok(asked) => {
            shared.lock().revoke(&registration, asked.generation);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => *problem,
    }
}

#[cfg(test)]
mod tests;
