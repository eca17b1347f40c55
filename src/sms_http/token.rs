//! OAuth 2.0 client credentials (RFC 6749, section 4.4): one token for all that goes out on a link.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::exchange::{Broken, Returned};
use crate::sms_http::judge::LinkWord;

/// So long before its end a token is not used any more.
const EARLY: Duration = Duration::from_secs(60);

/// How long a token is used that does not tell its life (RFC 6749, section 5.1, only recommends it).
const LIFE: Duration = Duration::from_secs(600);

/// The longest life that is believed; a token that dies earlier is renewed when it is refused.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Where tokens come from.
#[derive(Clone)]
pub struct TokenSettings {
    /// The token endpoint.
    pub url: String,
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: String,
    /// What is asked for, where the operator wants that told.
    pub scope: Option<String>,
}

/// A token in use.
#[derive(Clone)]
pub(super) struct Token {
    /// The value of `Authorization`.
    pub authorization: HeaderValue,
    /// Which one, counted from 1.
    number: u64,
}

/// The tokens of a link.
pub(super) struct Tokens {
    uri: Uri,
    authorization: HeaderValue,
    form: String,
    held: Mutex<Option<(Token, Instant)>>,
    /// Fetches that have ended, so that those who waited for one share its failure.
    fetches: AtomicU64,
    last_failure: std::sync::Mutex<Option<LinkWord>>,
}

impl Tokens {
    /// None where the address or the secret can stand in no request.
    pub fn new(settings: &TokenSettings) -> Option<Self> {
        let escaped =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        let pair = format!("{}:{}", escaped(&settings.id), escaped(&settings.secret));
        let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut authorization = HeaderValue::try_from(basic).ok()?;
        authorization.set_sensitive(true);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &settings.scope {
            form.append_pair("scope", scope);
        }
        Some(Self {
            uri: settings
                .url
                .parse()
                .ok()
                .filter(|uri: &Uri| uri.host().is_some())?,
            authorization,
            form: form.finish(),
            held: Mutex::new(None),
            fetches: AtomicU64::new(0),
            last_failure: std::sync::Mutex::new(None),
        })
    }

    /// The token, fetched with `send` if there is none or `refused` is the one that there is. Of
    /// many who ask at once one fetches, and all get what came of it.
    ///
    /// # Errors
    /// What the failure says of the link. Nothing of a message was sent.
    pub async fn get<F, S>(&self, refused: Option<&Token>, send: F) -> Result<Token, LinkWord>
    where
        F: FnOnce(Request<Full<Bytes>>) -> S,
        S: Future<Output = Result<Returned, Broken>>,
    {
        let before = self.fetches.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some((token, until)) = &*held
            && now < *until
            && refused.is_none_or(|refused| refused.number != token.number)
        {
            return Ok(token.clone());
        }
        if self.fetches.load(Ordering::Acquire) != before
            && let Some(failure) = self.failure().clone()
        {
            return Err(failure);
        }
        let fetched = read(send(self.request()).await);
        let number = self.fetches.fetch_add(1, Ordering::AcqRel) + 1;
        match fetched {
            Ok((authorization, life)) => {
                let token = Token {
                    authorization,
                    number,
                };
                *held = Some((token.clone(), now + life));
                *self.failure() = None;
                Ok(token)
            }
            Err(word) => {
                *held = None;
                *self.failure() = Some(word.clone());
                Err(word)
            }
        }
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<LinkWord>> {
        self.last_failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(self.form.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        request
    }
}

/// The answer of a token endpoint (RFC 6749, section 5.1). Some write the life as text.
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

/// The header, and how long it is good for from when it was asked for.
fn read(returned: Result<Returned, Broken>) -> Result<(HeaderValue, Duration), LinkWord> {
    let returned = returned.map_err(|broken| match broken {
        Broken::NotSent(why) | Broken::Unanswered(why) => LinkWord::Away(why),
    })?;
    let status = returned.status;
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(LinkWord::Away("no token now"));
    }
    if !status.is_success() {
        return Err(LinkWord::Fault(format!("token: http {}", status.as_u16())));
    }
    let fault = || LinkWord::Fault("token: not understood".to_owned());
    let body = returned.body.ok_or(LinkWord::Away("half a token"))?;
    let issued: Issued = serde_json::from_slice(&body).map_err(|_| fault())?;
    let bearer = format!("Bearer {}", issued.access_token);
    let mut header = HeaderValue::try_from(bearer).map_err(|_| fault())?;
    header.set_sensitive(true);
    let life = match issued.expires_in {
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(seconds)) => seconds.trim().parse().ok(),
        None => None,
    };
    let life = life.map_or(LIFE, Duration::from_secs).min(LIFE_MAX);
    Ok((header, life.saturating_sub(EARLY).max(life / 2)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::time::advance;

    fn tokens() -> Tokens {
        Tokens::new(&TokenSettings {
            url: "https://api.example/token".into(),
            id: "us".into(),
            secret: "SECRET".into(),
            scope: Some("sms".into()),
        })
        .unwrap()
    }

    fn returned(status: StatusCode, body: &str) -> Result<Returned, Broken> {
        Ok(Returned {
            status,
            headers: hyper::HeaderMap::new(),
            body: Some(Bytes::from(body.to_owned())),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_until_a_minute_before_its_end() {
        for (life, kept) in [
            (r#","expires_in":3600"#, 3540),
            (r#","expires_in":"3600""#, 3540),
            (r#","expires_in":100"#, 50),
            (r#","expires_in":"soon""#, 540),
            ("", 540),
            (r#","expires_in":999999999"#, 24 * 3600 - 60),
        ] {
            let (tokens, fetches) = (tokens(), AtomicUsize::new(0));
            let body = format!(r#"{{"access_token":"T"{life}}}"#);
            let ask = || {
                tokens.get(None, |_| async {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    returned(StatusCode::OK, &body)
                })
            };
            let count = || fetches.load(Ordering::Relaxed);
            assert!(ask().await.is_ok_and(|t| t.authorization == "Bearer T"));
            advance(Duration::from_secs(kept) - Duration::from_millis(1)).await;
            assert!(ask().await.is_ok());
            assert_eq!(count(), 1, "{life}");
            advance(Duration::from_millis(1)).await;
            assert!(ask().await.is_ok());
            assert_eq!(count(), 2, "{life}");
        }
    }

    #[test]
    fn answers_are_tokens_or_say_why_not() {
        let fault = |why: &str| Some(LinkWord::Fault(why.to_owned()));
        let bad = "token: not understood";
        for (status, body, word) in [
            (200, r#"{"access_token":"T"}"#, None),
            (200, r#"{"access_token":"T\r\nx: y"}"#, fault(bad)),
            (200, r#"{"token":"T"}"#, fault(bad)),
            (200, "", fault(bad)),
            (302, "", fault("token: http 302")),
            (
                400,
                r#"{"error":"invalid_client"}"#,
                fault("token: http 400"),
            ),
            (429, "", Some(LinkWord::Away("no token now"))),
            (503, "", Some(LinkWord::Away("no token now"))),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(returned(status, body)).err(), word, "{status} {body}");
        }
    }
}
