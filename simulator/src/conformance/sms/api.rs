//! The operator's API for texts that go out, played on an address of this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::conformance::ask::{Values, fill, filled};
use crate::conformance::client::Wire;
use crate::conformance::seed::Seed;
use crate::conformance::sms::place::Parts;
use crate::conformance::sms::{Api, Reply, Send};
use crate::smsc::alphabet::septets;
use crate::web::Server;

/// Texts that are kept.
const KEPT_MAX: usize = 10_000;

/// What of a text that goes out can be wrong, each a line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// The address: method and path.
    Address,
    /// What proves who gives it.
    Proof,
    /// To whom it goes.
    To,
    /// From whom it comes.
    From,
    /// The text.
    Text,
    /// What says in which alphabet it is.
    Coding,
    /// What has to be there besides.
    Also,
}

/// One text that went out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The request.
    pub wire: Wire,
    /// The number it goes to, digits only.
    pub to: String,
    /// The text.
    pub text: String,
    /// The id that it has with the operator.
    pub id: String,
    /// The URL for receipts that it names.
    pub receipts: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<(Facet, String)>,
    /// What it was answered.
    pub answered: Mood,
}

/// How the API answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It takes all.
    #[default]
    Well,
    /// It wants the next one to that number later.
    Throttles,
    /// It refuses the next one to that number.
    Refuses,
    /// It does not know the token of the next one to that number.
    TokenExpired,
    /// It takes the next one to that number and hands it over before it answers.
    ReceiptFirst,
}

/// Handed over before it is answered.
pub type Early = (Sent, oneshot::Sender<()>);

#[derive(Default)]
struct Heard {
    sent: Vec<Sent>,
    moods: BTreeMap<String, Mood>,
    tokens: usize,
    last: Option<Instant>,
    unexpected: Option<Wire>,
}

struct Inner {
    api: Api,
    /// Placeholders that all rules share.
    common: Values,
    heard: Mutex<Heard>,
    seed: Mutex<Seed>,
    news: Notify,
    early: mpsc::UnboundedSender<Early>,
}

/// The API. Dropping it stops it.
pub struct Operator {
    inner: Arc<Inner>,
    server: Server,
    early: mpsc::UnboundedReceiver<Early>,
}

/// What the API wants to be shown.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The secret.
    pub secret: String,
    /// The sender.
    pub sender: String,
}

impl Operator {
    /// Starts the API.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(
        api: Api,
        login: &Login,
        seed: Seed,
        listen: SocketAddr,
    ) -> io::Result<Self> {
        let (told, early) = mpsc::unbounded_channel();
        let basic = STANDARD.encode(format!("{}:{}", login.user, login.secret));
        let common = [
            ("user", login.user.clone()),
            ("secret", login.secret.clone()),
            ("sender", login.sender.clone()),
            ("basic", basic),
        ];
        let inner = Arc::new(Inner {
            api,
            common: common
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
            heard: Mutex::default(),
            seed: Mutex::new(seed),
            news: Notify::new(),
            early: told,
        });
        let serving = Arc::clone(&inner);
        let router = Router::new().fallback(move |request: Request| {
            let inner = Arc::clone(&serving);
            async move { inner.answer(request).await }
        });
        Ok(Self {
            server: Server::start_at(router, listen).await?,
            inner,
            early,
        })
    }

    /// Its address as the beginning of a URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How the next text to a number is answered.
    pub fn set_mood(&self, number: &str, mood: Mood) {
        self.inner.heard().moods.insert(number.to_owned(), mood);
    }

    /// All texts to a number so far.
    pub fn to(&self, number: &str) -> Vec<Sent> {
        let heard = self.inner.heard();
        let to = heard.sent.iter().filter(|sent| sent.to == number);
        to.cloned().collect()
    }

    /// All texts so far.
    pub fn all(&self) -> Vec<Sent> {
        self.inner.heard().sent.clone()
    }

    /// How often a token was asked for.
    pub fn tokens(&self) -> usize {
        self.inner.heard().tokens
    }

    /// A request that was none of the API.
    pub fn unexpected(&self) -> Option<Wire> {
        self.inner.heard().unexpected.clone()
    }

    /// Waits until something holds of the texts to a number.
    pub async fn until(
        &self,
        number: &str,
        patience: Duration,
        holds: impl Fn(&[Sent]) -> bool,
    ) -> bool {
        let looking = async {
            loop {
                let news = self.inner.news.notified();
                if holds(&self.to(number)) {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(patience, looking).await.is_ok()
    }

    /// Waits until no text came for a while.
    pub async fn quiet(&self, quiet: Duration) {
        let mut since = Instant::now();
        loop {
            let heard = self.inner.heard().last;
            since = heard.map_or(since, |last| last.max(since));
            if since.elapsed() >= quiet {
                return;
            }
            tokio::time::sleep_until(since + quiet).await;
        }
    }

    /// The next text that is handed over before it is answered.
    pub async fn early(&mut self, patience: Duration) -> Option<Early> {
        let early = tokio::time::timeout(patience, self.early.recv()).await;
        early.ok().flatten()
    }
}

impl Inner {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> String {
        self.seed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .id()
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let wire = Wire {
            method: head.method.to_string(),
            target: head
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
            headers: headers.collect(),
            body: body.unwrap_or_default().to_vec(),
        };
        let path = wire.target.split('?').next().unwrap_or_default().to_owned();
        if let Some(token) = &self.api.token
            && token.paths.contains(&path)
        {
            return self.token(&wire, token);
        }
        let fits = |send: &&Send| fits(&path, &send.path) && send.methods.contains(&wire.method);
        let Some(send) = self.api.send.iter().find(fits) else {
            self.heard().unexpected.get_or_insert(wire);
            return answered(404, "text/plain", "no such resource".to_owned());
        };
        self.send(wire, send).await
    }

    fn token(&self, wire: &Wire, token: &crate::conformance::sms::Token) -> Response {
        let parts = Parts::of(wire);
        let right = token
            .rules
            .iter()
            .all(|rule| parts.fault(rule, &self.common).is_none());
        let mut heard = self.heard();
        heard.tokens += 1;
        heard.last = Some(Instant::now());
        if !right {
            let error = serde_json::json!({"error": "invalid_client"});
            return answered(401, "application/json", error.to_string());
        }
        let token = serde_json::json!({
            "token_type": "Bearer",
            "access_token": format!("token-{}", heard.tokens),
            "expires_in": "3600",
        });
        answered(200, "application/json", token.to_string())
    }

    async fn send(&self, wire: Wire, send: &Send) -> Response {
        let parts = Parts::of(&wire);
        let digits =
            |text: String| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        let to = parts.at(&send.to).map(digits).unwrap_or_default();
        let mut values = self.common.clone();
        let id = send
            .id
            .as_ref()
            .and_then(|place| parts.at(place))
            .unwrap_or_else(|| self.draw());
        values.insert("msisdn".to_owned(), to.clone());
        values.insert("id".to_owned(), id.clone());
        let mood = self.heard().moods.remove(&to).unwrap_or_default();
        // The token that was given last is the one that counts.
        let tokens = self.heard().tokens;
        values.insert("token".to_owned(), format!("token-{tokens}"));
        let text = send.text.iter().find_map(|place| parts.at(place));
        let sent = Sent {
            faults: faults(&parts, send, &values, &to, text.as_deref()),
            receipts: send.receipts.as_ref().and_then(|place| parts.at(place)),
            text: text.unwrap_or_default(),
            wire: wire.clone(),
            to,
            id,
            answered: mood,
        };
        {
            let mut heard = self.heard();
            if heard.sent.len() < KEPT_MAX {
                heard.sent.push(sent.clone());
            }
            heard.last = Some(Instant::now());
        }
        self.news.notify_waiters();
        if mood == Mood::ReceiptFirst {
            let (done, told) = oneshot::channel();
            if self.early.send((sent, done)).is_ok() {
                // Whoever holds the text answers or goes away.
                let _ = told.await;
            }
        }
        let reply = match mood {
            Mood::Well | Mood::ReceiptFirst => &send.accepted,
            Mood::Throttles => &send.throttled,
            Mood::Refuses => &send.refused,
            Mood::TokenExpired => {
                let error = serde_json::json!({"code": 42, "message": "Expired credentials"});
                return answered(401, "application/json", error.to_string());
            }
        };
        reply.response(&values)
    }
}

/// What is wrong with a text.
fn faults(
    parts: &Parts<'_>,
    send: &Send,
    values: &Values,
    to: &str,
    text: Option<&str>,
) -> Vec<(Facet, String)> {
    let mut faults = Vec::new();
    if to.is_empty() {
        faults.push((Facet::To, format!("{} is a number", send.to.name())));
    }
    let alphabet = match text.map(septets) {
        Some(Some(_)) => &send.gsm,
        Some(None) => &send.other,
        None => {
            let names: Vec<String> = send.text.iter().map(|place| place.name()).collect();
            faults.push((Facet::Text, format!("a text in {}", names.join(" or "))));
            &Vec::new()
        }
    };
    for (facet, places) in [
        (Facet::Proof, &send.proof),
        (Facet::To, &vec![send.to.clone()]),
        (Facet::From, &vec![send.from.clone()]),
        (Facet::Coding, alphabet),
        (Facet::Also, &send.also),
    ] {
        for place in places {
            if let Some(expected) = parts.fault(place, values) {
                faults.push((facet, expected));
            }
        }
    }
    faults
}

/// Whether a path is one of a pattern's, `*` for any segment.
fn fits(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), pattern.split('/').collect());
    path.len() == pattern.len()
        && path
            .iter()
            .zip(pattern)
            .all(|(segment, wanted)| wanted == "*" || *segment == wanted)
}

impl Reply {
    fn response(&self, values: &Values) -> Response {
        match (&self.json, &self.text) {
            (Some(json), _) => {
                let json: Value = filled(json, values);
                answered(self.status, "application/json", json.to_string())
            }
            (None, text) => {
                let text = fill(text.as_deref().unwrap_or_default(), values);
                answered(self.status, "text/html", text)
            }
        }
    }
}

fn answered(status: u16, kind: &str, body: String) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap_or_default()
}
