//! The operator's USSD platform in the shape of Africa's Talking, seen from the network's side: it
//! posts a form for every key press and shows what comes back.
//!
//! The form has `phoneNumber`, `serviceCode`, `text`, `sessionId` and `networkCode`; `text` is
//! empty on the first hop and afterwards the whole way joined by `*`. The answer is 200,
//! `text/plain`, and begins exactly with `CON ` or `END `. A dial string `*580*1*1#` arrives as
//! the code `*580#` with `text` = `1*1` on the first hop.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::phone::{Happening, Phone, Screen};

/// The operator waits this long for an answer (its help pages: application response 15 s).
pub const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// The largest answer that is read, in bytes; a screen has at most 160 octets.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Why there is no screen to show. None of them carries what was typed or answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The callback URL could not be reached, or the connection broke.
    #[error("the gateway could not be reached: {0}")]
    Unreachable(String),
    /// No answer within [`ANSWER_WAIT`].
    #[error("no answer within the operator's time")]
    TooLate,
    /// Another status than 200.
    #[error("status {0}, expected 200")]
    Status(u16),
    /// Another content type than `text/plain`.
    #[error("content type {0:?}, expected text/plain")]
    ContentType(String),
    /// The body is no UTF-8 text or too long.
    #[error("the answer is no UTF-8 text of at most {ANSWER_BYTES_MAX} bytes")]
    NotText,
    /// The body begins otherwise, or nothing follows.
    #[error("response should start with a CON or an END, and say something")]
    Prefix,
    /// A key press without an open session.
    #[error("there is no open session on this phone")]
    NoSession,
    /// The dialled text is none of `*…#`.
    #[error("not a code: expected *digits#, with more segments between stars")]
    BadCode,
}

/// One callback as it was sent, to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    number: String,
    service_code: String,
    session: String,
    text: String,
}

impl Callback {
    /// The cumulative text of this hop.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The operator's session id.
    pub fn session(&self) -> &str {
        &self.session
    }
}

struct Session {
    last: Callback,
}

struct Inner {
    /// The gateway's nodes, in turn.
    urls: Vec<String>,
    next: AtomicUsize,
    network_code: String,
    client: Client<HttpConnector, Full<Bytes>>,
    sessions: Mutex<HashMap<String, Session>>,
    ids: Ids,
}

/// The USSD platform of one operator with one callback URL. Clones are the same platform.
#[derive(Clone)]
pub struct Operator(Arc<Inner>);

impl Operator {
    /// A platform that posts to `url`, for example `http://127.0.0.1:8080/ussd/sim`. Callbacks
    /// carry the sandbox's network code 99999.
    pub fn new(url: impl Into<String>) -> Self {
        Self::in_turn(vec![url.into()])
    }

    /// A platform in front of several nodes of one gateway, as a balancer without a memory: each
    /// callback goes to the next of `urls`, which has at least one, and to the one after that where
    /// nobody listens.
    pub fn in_turn(urls: Vec<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Arc::new(Inner {
            urls,
            next: AtomicUsize::new(0),
            network_code: "99999".to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            sessions: Mutex::default(),
            ids: Ids::default(),
        }))
    }

    /// The callback URL; of several the first.
    pub fn url(&self) -> &str {
        self.0.urls.first().map_or("", String::as_str)
    }

    /// Dials `code` (`*580#`, or a dial string `*580*1*1#`) on a phone: a new session; an older
    /// one of this phone is forgotten without a word to the gateway, as networks do.
    ///
    /// # Errors
    /// Any [`CallbackError`]; the session is then over.
    pub async fn dial(&self, phone: &Phone, code: &str) -> Result<Screen, CallbackError> {
        let (service_code, text) = split_code(code)?;
        phone.record(Happening::Dialled {
            code: code.to_owned(),
        });
        let callback = Callback {
            number: phone.number().to_owned(),
            service_code,
            session: self.0.ids.next(),
            text,
        };
        self.hop(phone, callback).await
    }

    /// Answers the screen of the phone's open session.
    ///
    /// # Errors
    /// Any [`CallbackError`]; the session is then over.
    pub async fn press(&self, phone: &Phone, typed: &str) -> Result<Screen, CallbackError> {
        let last = self.last_callback(phone).ok_or(CallbackError::NoSession)?;
        phone.record(Happening::Pressed {
            text: typed.to_owned(),
        });
        let text = if last.text.is_empty() {
            typed.to_owned()
        } else {
            format!("{}*{typed}", last.text)
        };
        self.hop(phone, Callback { text, ..last }).await
    }

    /// Ends the phone's session; the gateway is not told.
    pub fn hang_up(&self, phone: &Phone) {
        if self
            .sessions(|sessions| sessions.remove(phone.number()))
            .is_some()
        {
            phone.record(Happening::HungUp);
        }
    }

    /// The last callback of the phone's open session.
    pub fn last_callback(&self, phone: &Phone) -> Option<Callback> {
        self.sessions(|sessions| {
            sessions
                .get(phone.number())
                .map(|session| session.last.clone())
        })
    }

    /// Sends a callback once more, or late: the answer is returned and shown nowhere, and no
    /// session is changed by it.
    ///
    /// # Errors
    /// Any [`CallbackError`].
    pub async fn resend(&self, callback: &Callback) -> Result<Screen, CallbackError> {
        tokio::time::timeout(ANSWER_WAIT, self.post(callback))
            .await
            .unwrap_or(Err(CallbackError::TooLate))
    }

    async fn hop(&self, phone: &Phone, callback: Callback) -> Result<Screen, CallbackError> {
        let number = phone.number().to_owned();
        let answer = self.resend(&callback).await;
        match &answer {
            Ok(screen) if screen.open => {
                self.sessions(|sessions| sessions.insert(number, Session { last: callback }));
            }
            Ok(_) | Err(_) => {
                self.sessions(|sessions| sessions.remove(&number));
            }
        }
        match &answer {
            Ok(screen) => phone.record(Happening::Shown {
                screen: screen.clone(),
            }),
            Err(_) => phone.record(Happening::HungUp),
        }
        answer
    }

    async fn post(&self, callback: &Callback) -> Result<Screen, CallbackError> {
        let first = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mut answer = Err(CallbackError::Unreachable("there is no address".to_owned()));
        for turn in 0..self.0.urls.len() {
            let url = &self.0.urls[(first + turn) % self.0.urls.len()];
            answer = self.post_to(url, callback).await;
            if !matches!(answer, Err(CallbackError::Unreachable(_))) {
                break;
            }
        }
        answer
    }

    async fn post_to(&self, url: &str, callback: &Callback) -> Result<Screen, CallbackError> {
        let form = serde_urlencoded::to_string([
            ("phoneNumber", callback.number.as_str()),
            ("serviceCode", &callback.service_code),
            ("text", &callback.text),
            ("sessionId", &callback.session),
            ("networkCode", &self.0.network_code),
        ])
        .map_err(|error| CallbackError::Unreachable(error.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(USER_AGENT, "at-ussd-api/1.0")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| CallbackError::Unreachable(error.to_string()))?;
        let answer = self
            .0
            .client
            .request(request)
            .await
            .map_err(|error| CallbackError::Unreachable(error.to_string()))?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(CallbackError::Status(status.as_u16()));
        }
        let content_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if content_type.split(';').next().unwrap_or_default().trim() != "text/plain" {
            return Err(CallbackError::ContentType(content_type));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|_| CallbackError::NotText)?
            .to_bytes();
        read_answer(std::str::from_utf8(&body).map_err(|_| CallbackError::NotText)?)
    }

    fn sessions<T>(&self, change: impl FnOnce(&mut HashMap<String, Session>) -> T) -> T {
        change(
            &mut self
                .0
                .sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// The body of an answer as a screen.
fn read_answer(body: &str) -> Result<Screen, CallbackError> {
    let (text, open) = match (body.strip_prefix("CON "), body.strip_prefix("END ")) {
        (Some(text), _) => (text, true),
        (None, Some(text)) => (text, false),
        (None, None) => return Err(CallbackError::Prefix),
    };
    if text.trim().is_empty() {
        return Err(CallbackError::Prefix);
    }
    Ok(Screen {
        text: text.to_owned(),
        open,
    })
}

/// `*580*1*1#` is the code `*580#` and the text `1*1`.
fn split_code(code: &str) -> Result<(String, String), CallbackError> {
    let inside = code
        .strip_prefix('*')
        .and_then(|rest| rest.strip_suffix('#'))
        .ok_or(CallbackError::BadCode)?;
    let (service, rest) = inside.split_once('*').unwrap_or((inside, ""));
    if service.is_empty() || !service.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CallbackError::BadCode);
    }
    Ok((format!("*{service}#"), rest.to_owned()))
}

/// Session ids that no other run of the simulator has used.
#[derive(Default)]
struct Ids {
    random: RandomState,
    count: std::sync::atomic::AtomicU64,
}

impl Ids {
    fn next(&self) -> String {
        let count = self
            .count
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let half = |salt: u64| {
            let mut hasher = self.random.build_hasher();
            hasher.write_u64(salt);
            hasher.write_u64(count);
            hasher.finish()
        };
        format!("ATUid_{:016x}{:016x}", half(0), half(1))
    }
}

#[cfg(test)]
mod tests;
