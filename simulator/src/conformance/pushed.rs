//! The operator's own address for screens, of an operator that wants nothing back but that its
//! callback was heard: each screen comes in a request of the gateway's.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use tokio::sync::Notify;

use crate::conformance::ask::Values;
use crate::conformance::client::Came;
use crate::conformance::read::{Parts, Rule};
use crate::conformance::sms::api::Login;
use crate::web::Server;

/// Screens that are kept until somebody looks at them.
const KEPT_MAX: usize = 10_000;
/// The largest screen that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// How screens come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushForm {
    /// The method.
    #[serde(default = "post")]
    pub method: String,
    /// The path.
    #[serde(default = "root")]
    pub path: String,
    /// What tells the session of a screen.
    pub session: Rule,
    /// What shows who posts it: all of it, with `{user}` and `{secret}`.
    #[serde(default)]
    pub proof: Vec<Rule>,
    /// What a screen is answered that is taken.
    pub took: PushAnswer,
    /// What any other is answered.
    pub refuses: PushAnswer,
}

/// What a screen is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushAnswer {
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The content type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// The body.
    pub body: String,
}

fn post() -> String {
    "POST".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn ok() -> u16 {
    200
}

struct Inner {
    form: PushForm,
    proof: Values,
    /// Screens that nobody has looked at, with what was wrong with them, and when they came.
    screens: Mutex<Vec<(Came, Option<String>, Instant)>>,
    news: Notify,
}

/// The address. Dropping it stops it.
pub struct Pushed {
    inner: Arc<Inner>,
    _server: Server,
}

impl Pushed {
    /// Listens for screens.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(form: PushForm, login: &Login, listen: SocketAddr) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            form,
            proof: [
                ("user".to_owned(), login.user.clone()),
                ("secret".to_owned(), login.secret.clone()),
            ]
            .into(),
            screens: Mutex::default(),
            news: Notify::new(),
        });
        let serving = Arc::clone(&inner);
        let router = Router::new().fallback(move |request: Request| {
            let inner = Arc::clone(&serving);
            async move { inner.take(request).await }
        });
        Ok(Self {
            _server: Server::start_at(router, listen).await?,
            inner,
        })
    }

    /// Forgets the screens of a callback's session that nobody has looked at.
    pub fn forget(&self, values: &Values) {
        let session = &self.inner.form.session;
        let mut screens = self.inner.screens();
        screens.retain(|(came, _, _)| !Parts::of(came).holds(session, values));
    }

    /// What the operator has of a callback that was answered so: the screen that is posted for it.
    /// An answer that is no acknowledgement stays what it is.
    ///
    /// # Errors
    /// Why there is no screen.
    pub async fn screen(
        &self,
        values: &Values,
        answer: Result<Came, String>,
        wait: Duration,
    ) -> Result<Came, String> {
        let answer = answer?;
        if answer.status != ok() {
            return Ok(answer);
        }
        if !answer.body.is_empty() {
            return Err("the callback is answered with a body; the screen has to be posted".into());
        }
        let answered = Instant::now();
        let screen = async {
            loop {
                let news = self.inner.news.notified();
                if let Some(found) = self.inner.found(values) {
                    return found;
                }
                news.await;
            }
        };
        let Ok((came, wrong, at)) = tokio::time::timeout(wait, screen).await else {
            return Err(format!(
                "no screen was posted within {} ms",
                wait.as_millis()
            ));
        };
        match wrong {
            Some(wrong) => Err(format!("a screen was posted, but not {wrong}")),
            None => Ok(Came {
                took: answer.took + at.saturating_duration_since(answered),
                ..came
            }),
        }
    }
}

impl Inner {
    fn screens(&self) -> MutexGuard<'_, Vec<(Came, Option<String>, Instant)>> {
        self.screens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self, values: &Values) -> Option<(Came, Option<String>, Instant)> {
        let mut screens = self.screens();
        let mut all = screens.iter();
        let at = all.position(|(came, _, _)| Parts::of(came).holds(&self.form.session, values))?;
        Some(screens.remove(at))
    }

    async fn take(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BYTES_MAX).collect().await;
        let body = body
            .map(|body| body.to_bytes().to_vec())
            .unwrap_or_default();
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let came = Came {
            status: ok(),
            headers: headers.collect(),
            body,
            took: Duration::ZERO,
        };
        let wrong = self.wrong(&came, head.method.as_str(), head.uri.path());
        let answer = match wrong {
            None => &self.form.took,
            Some(_) => &self.form.refuses,
        };
        {
            let mut screens = self.screens();
            if screens.len() < KEPT_MAX {
                screens.push((came, wrong, Instant::now()));
            }
        }
        self.news.notify_waiters();
        Response::builder()
            .status(answer.status)
            .header("content-type", answer.content_type.as_str())
            .body(Body::from(answer.body.clone()))
            .unwrap_or_default()
    }

    /// What was expected of a screen and is not so; never a secret.
    fn wrong(&self, came: &Came, method: &str, path: &str) -> Option<String> {
        let form = &self.form;
        if method != form.method || path != form.path {
            return Some(format!("as {} {}", form.method, form.path));
        }
        let parts = Parts::of(came);
        let mut proof = form.proof.iter();
        let lacks = proof.find(|rule| !parts.holds(rule, &self.proof))?;
        let place = lacks.xml.as_ref().or(lacks.json.as_ref());
        let place = place.or(lacks.header.as_ref());
        Some(format!(
            "with our {}",
            place.map_or("proof", String::as_str)
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::conformance::client::Tls;
    use crate::conformance::client::{Client, Wire};
    use crate::conformance::operator::{self, Description};

    fn screen(session: &str, password: &str) -> Wire {
        let body = format!(
            "<Message><Request Type=\"USSReply\" SessionID=\"{session}\"><UserID>u</UserID>\
             <Password>{password}</Password></Request></Message>"
        );
        Wire {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    fn empty() -> Result<Came, String> {
        Ok(Came {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            took: Duration::ZERO,
        })
    }

    #[tokio::test]
    async fn a_screen_is_its_sessions_and_shows_who_posts_it() {
        let Description::Ussd(ussd) = operator::load("integrat").unwrap() else {
            panic!("integrat carries no USSD");
        };
        let login = Login {
            user: "u".to_owned(),
            secret: "s".to_owned(),
            sender: String::new(),
        };
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let pushed = Pushed::start(ussd.pushed.unwrap(), &login, listen)
            .await
            .unwrap();
        let client =
            Client::new(pushed._server.url(), Duration::from_secs(5), Tls::default()).unwrap();
        let values = |session: &str| -> Values { [("digits".into(), session.into())].into() };
        let wait = Duration::from_secs(5);
        for (session, password, took) in [("1", "s", true), ("2", "other", false)] {
            let said = client.send(&screen(session, password)).await.unwrap();
            let said = String::from_utf8(said.body).unwrap();
            assert_eq!(said.contains("status_code=\"0\""), took, "{said}");
        }
        let found = pushed.screen(&values("1"), empty(), wait).await;
        assert!(found.is_ok());
        let found = pushed.screen(&values("2"), empty(), wait).await;
        assert_eq!(
            found.err().unwrap(),
            "a screen was posted, but not with our Message/Request/Password"
        );
        // What was looked at is not there a second time.
        let found = pushed.screen(&values("1"), empty(), Duration::ZERO).await;
        assert_eq!(found.err().unwrap(), "no screen was posted within 0 ms");
        let bodied = empty().map(|came| Came {
            body: b"x".to_vec(),
            ..came
        });
        assert!(pushed.screen(&values("1"), bodied, wait).await.is_err());
        // An error is the answer itself.
        let refused = empty().map(|came| Came {
            status: 400,
            ..came
        });
        let refused = pushed.screen(&values("1"), refused, wait).await.unwrap();
        assert_eq!(refused.status, 400);
    }
}
