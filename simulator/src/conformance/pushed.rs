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
/// The status by which a callback is acknowledged, and that a posted screen counts as.
const OK: u16 = 200;
/// So long nothing may come after a screen for it to be the only one.
pub const QUIET: Duration = Duration::from_millis(500);

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
    OK
}

/// A screen that was posted.
#[derive(Clone, Debug)]
struct Posted {
    came: Came,
    /// What was expected of it and is not so.
    wrong: Option<String>,
    at: Instant,
}

/// Screens that no callback asked for.
#[derive(Clone, Debug)]
pub struct Unasked {
    /// How many, in words, and what is wrong with the first.
    pub what: String,
    /// The first, where one was kept.
    pub first: Option<Came>,
}

/// What came, against what was asked for.
#[derive(Debug, Default)]
struct Ledger {
    /// Screens that nobody has looked at.
    waiting: Vec<Posted>,
    /// Sessions of which one screen more may come, once for each.
    allowed: Vec<Values>,
    /// How many came unasked, and the first of them.
    unasked: usize,
    first: Option<Posted>,
    /// How many came when there was no room for more.
    dropped: usize,
}

impl Ledger {
    fn keep(&mut self, posted: Posted) {
        match self.waiting.len() < KEPT_MAX {
            true => self.waiting.push(posted),
            false => self.dropped += 1,
        }
    }

    /// The oldest screen of a session.
    fn found(&mut self, session: &Rule, values: &Values) -> Option<Posted> {
        let mut all = self.waiting.iter();
        let at = all.position(|posted| Parts::of(&posted.came).holds(session, values))?;
        Some(self.waiting.remove(at))
    }

    /// Counts a screen that nobody waits for.
    fn leave(&mut self, session: &Rule, posted: Posted) {
        if posted.wrong.is_none() {
            let parts = Parts::of(&posted.came);
            let mut allowed = self.allowed.iter();
            if let Some(at) = allowed.position(|values| parts.holds(session, values)) {
                self.allowed.remove(at);
                return;
            }
        }
        self.unasked += 1;
        self.first.get_or_insert(posted);
    }

    fn unasked(&mut self, session: &Rule) -> Option<Unasked> {
        for posted in std::mem::take(&mut self.waiting) {
            self.leave(session, posted);
        }
        if self.unasked + self.dropped == 0 {
            return None;
        }
        let mut what = format!("{} came besides", self.unasked);
        if let Some(wrong) = self.first.as_ref().and_then(|first| first.wrong.as_ref()) {
            what.push_str(&format!(", the first not {wrong}"));
        }
        if self.dropped > 0 {
            let dropped = self.dropped;
            what.push_str(&format!(", and {dropped} more than can be looked at"));
        }
        Some(Unasked {
            what,
            first: self.first.as_ref().map(|first| first.came.clone()),
        })
    }
}

struct Inner {
    form: PushForm,
    proof: Values,
    ledger: Mutex<Ledger>,
    news: Notify,
}

/// What is left of an answer to a callback that only has to acknowledge it: nothing, or the answer
/// that is no acknowledgement.
///
/// # Errors
/// Why it is neither.
fn acknowledged(answer: Result<Came, String>) -> Result<Result<Duration, Came>, String> {
    let answer = answer?;
    if answer.status != OK {
        return Ok(Err(answer));
    }
    if !answer.body.is_empty() {
        return Err("the callback is answered with a body; the screen has to be posted".into());
    }
    Ok(Ok(answer.took))
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
            ledger: Mutex::default(),
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

    /// Before a callback of a session is sent: what came in it and nobody looked at came unasked.
    pub fn begin(&self, values: &Values) {
        let session = &self.inner.form.session;
        let mut ledger = self.inner.ledger();
        while let Some(posted) = ledger.found(session, values) {
            ledger.leave(session, posted);
        }
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
        let took = match acknowledged(answer)? {
            Ok(took) => took,
            Err(answer) => return Ok(answer),
        };
        let answered = Instant::now();
        let Some(posted) = self.next(values, wait).await else {
            return Err(self.missing(wait));
        };
        judged(posted, answered, took)
    }

    /// The same of two equal callbacks at once: both have to be acknowledged, and they share a
    /// screen, or each has one where a repeat is not `marked`.
    pub async fn screens(
        &self,
        values: &Values,
        [one, other]: [Result<Came, String>; 2],
        marked: bool,
        wait: Duration,
    ) -> [Result<Came, String>; 2] {
        let answered = Instant::now();
        let first = self.screen(values, one, wait).await;
        let took = match acknowledged(other) {
            Ok(Ok(took)) => took,
            Ok(Err(answer)) => return [first, Ok(answer)],
            Err(why) => return [first, Err(why)],
        };
        if marked {
            return [first.clone(), first];
        }
        let second = match self.next(values, QUIET).await {
            Some(posted) => judged(posted, answered, took),
            None => {
                // It may yet come, for the first one was a turn of its own if it was faster.
                self.inner.ledger().allowed.push(values.clone());
                first.clone()
            }
        };
        [first, second]
    }

    /// Screens that no callback asked for, up to now. To be asked once, when nothing is waited for.
    pub fn unasked(&self) -> Option<Unasked> {
        self.inner.ledger().unasked(&self.inner.form.session)
    }

    /// What the operator has of a repeat that is marked as one: the screen that the first one got,
    /// once it is acknowledged.
    ///
    /// # Errors
    /// Why there is none.
    pub fn repeated(
        &self,
        answer: Result<Came, String>,
        first: &Result<Came, String>,
    ) -> Result<Came, String> {
        match acknowledged(answer)? {
            Ok(_) => first.clone(),
            Err(answer) => Ok(answer),
        }
    }

    /// The next screen of a session, if one comes in time.
    async fn next(&self, values: &Values, wait: Duration) -> Option<Posted> {
        let screen = async {
            loop {
                let news = self.inner.news.notified();
                let found = self.inner.ledger().found(&self.inner.form.session, values);
                if let Some(found) = found {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(wait, screen).await.ok()
    }

    /// Why there is no screen.
    fn missing(&self, wait: Duration) -> String {
        let ledger = self.inner.ledger();
        let mut waiting = ledger.waiting.iter();
        let wrong = waiting.find_map(|posted| posted.wrong.as_ref());
        let told = wrong.map(|wrong| format!("; what came is not {wrong}"));
        let wait = wait.as_millis();
        format!(
            "no screen was posted within {wait} ms{}",
            told.unwrap_or_default()
        )
    }
}

/// A screen as what its callback got, where nothing is wrong with it.
fn judged(posted: Posted, answered: Instant, took: Duration) -> Result<Came, String> {
    match posted.wrong {
        Some(wrong) => Err(format!("a screen was posted, but not {wrong}")),
        None => Ok(Came {
            took: took + posted.at.saturating_duration_since(answered),
            ..posted.came
        }),
    }
}

impl Inner {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BYTES_MAX).collect().await;
        let readable = body.is_ok();
        let body = body.map(|body| body.to_bytes().to_vec());
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let came = Came {
            status: OK,
            headers: headers.collect(),
            body: body.unwrap_or_default(),
            took: Duration::ZERO,
        };
        let wrong = match readable {
            true => self.wrong(&came, head.method.as_str(), head.uri.path()),
            false => Some(format!(
                "readable: it breaks off, or has more than {BYTES_MAX} bytes"
            )),
        };
        let answer = match wrong {
            None => &self.form.took,
            Some(_) => &self.form.refuses,
        };
        self.ledger().keep(Posted {
            came,
            wrong,
            at: Instant::now(),
        });
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
        if parts.at(&form.session).is_none() {
            let place = place(&form.session, "session");
            return Some(format!("readable: it has no {place}"));
        }
        let mut proof = form.proof.iter();
        let lacks = proof.find(|rule| !parts.holds(rule, &self.proof))?;
        Some(format!("with our {}", place(lacks, "proof")))
    }
}

/// The name of a rule's place, or what stands for it.
fn place<'a>(rule: &'a Rule, what: &'a str) -> &'a str {
    let place = rule.xml.as_ref().or(rule.json.as_ref());
    place.or(rule.header.as_ref()).map_or(what, String::as_str)
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

    fn values(session: &str) -> Values {
        [("digits".into(), session.into())].into()
    }

    /// Integrat's address, and what posts there.
    async fn started() -> (Pushed, Client) {
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
        let url = pushed._server.url();
        let client = Client::new(url, Duration::from_secs(5), Tls::default()).unwrap();
        (pushed, client)
    }

    const WAIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_screen_is_its_sessions_and_shows_who_posts_it() {
        let (pushed, client) = started().await;
        for (session, password, took) in [("1", "s", true), ("2", "other", false)] {
            let said = client.send(&screen(session, password)).await.unwrap();
            let said = String::from_utf8(said.body).unwrap();
            assert_eq!(said.contains("status_code=\"0\""), took, "{said}");
        }
        let found = pushed.screen(&values("1"), empty(), WAIT).await;
        assert!(found.is_ok());
        let found = pushed.screen(&values("2"), empty(), WAIT).await;
        assert_eq!(
            found.err().unwrap(),
            "a screen was posted, but not with our Message/Request/Password"
        );
        // What was looked at is not there a second time.
        let found = pushed.screen(&values("1"), empty(), Duration::ZERO).await;
        assert_eq!(found.err().unwrap(), "no screen was posted within 0 ms");
        assert!(pushed.unasked().is_none());
        let bodied = empty().map(|came| Came {
            body: b"x".to_vec(),
            ..came
        });
        assert!(pushed.screen(&values("1"), bodied, WAIT).await.is_err());
        // An error is the answer itself.
        let refused = pushed
            .screen(&values("1"), status(400), WAIT)
            .await
            .unwrap();
        assert_eq!(refused.status, 400);
    }

    fn status(status: u16) -> Result<Came, String> {
        empty().map(|came| Came { status, ..came })
    }

    #[tokio::test]
    async fn a_screen_that_nobody_asked_for_is_counted() {
        // Posted in these sessions; the callbacks answered are of session 1.
        for (posted, counted) in [
            (&["1"][..], None),
            (&["1", "1"], Some("1 came besides")),
            (&["1", "2", "3"], Some("2 came besides")),
        ] {
            let (pushed, client) = started().await;
            pushed.begin(&values("1"));
            for session in posted {
                client.send(&screen(session, "s")).await.unwrap();
            }
            let found = pushed.screen(&values("1"), empty(), WAIT).await;
            assert!(found.is_ok());
            pushed.begin(&values("1"));
            let unasked = pushed.unasked().map(|unasked| unasked.what);
            assert_eq!(unasked.as_deref(), counted, "{posted:?}");
        }
    }

    #[tokio::test]
    async fn both_of_two_at_once_are_judged() {
        // The answers to both, how many screens came, whether a repeat is marked, what is made of the
        // two, how many are too many.
        for (answers, screens, marked, made, counted) in [
            ([200, 200], 1, false, [200, 200], None),
            ([200, 200], 2, false, [200, 200], None),
            ([200, 200], 3, false, [200, 200], Some("1 came besides")),
            ([200, 200], 1, true, [200, 200], None),
            ([200, 200], 2, true, [200, 200], Some("1 came besides")),
            ([200, 500], 1, false, [200, 500], None),
            ([200, 500], 2, false, [200, 500], Some("1 came besides")),
            ([500, 200], 1, false, [500, 200], None),
        ] {
            let (pushed, client) = started().await;
            for _ in 0..screens {
                client.send(&screen("1", "s")).await.unwrap();
            }
            let found = pushed
                .screens(&values("1"), answers.map(status), marked, WAIT)
                .await
                .map(|came| came.unwrap().status);
            assert_eq!(found, made, "{answers:?} {screens}");
            let unasked = pushed.unasked().map(|unasked| unasked.what);
            assert_eq!(unasked.as_deref(), counted, "{answers:?} {screens}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_to_be_so() {
        let large = "x".repeat(BYTES_MAX + 1);
        for (body, told) in [
            (
                large.as_str(),
                "readable: it breaks off, or has more than 65536 bytes",
            ),
            (
                "<Message><Req",
                "readable: it has no Message/Request/@SessionID",
            ),
            ("", "readable: it has no Message/Request/@SessionID"),
        ] {
            let (pushed, client) = started().await;
            let wire = Wire {
                body: body.as_bytes().to_vec(),
                ..screen("1", "s")
            };
            // Whoever sends too much may find the connection closed instead of an answer.
            let _ = client.send(&wire).await;
            let found = pushed.screen(&values("1"), empty(), Duration::ZERO).await;
            let said = format!("no screen was posted within 0 ms; what came is not {told}");
            assert_eq!(found.err().unwrap(), said);
            let unasked = pushed.unasked().unwrap().what;
            assert_eq!(unasked, format!("1 came besides, the first not {told}"));
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut ledger = Ledger::default();
        let posted = Posted {
            came: empty().unwrap(),
            wrong: None,
            at: Instant::now(),
        };
        for _ in 0..KEPT_MAX + 2 {
            ledger.keep(posted.clone());
        }
        let session = Rule::default();
        let what = ledger.unasked(&session).unwrap().what;
        assert_eq!(what, "10000 came besides, and 2 more than can be looked at");
    }
}
