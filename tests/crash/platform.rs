//! An operator's USSD platform that does not give up: a callback without an answer goes again, the same
//! bytes, until there is one. It writes down everything that was acknowledged.
//!
//! Two ways to call, as the operators' documents have them: a form with the whole path joined by `*`
//! (`africastalking`), and JSON with an id for each callback (`generic`).

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Held;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(15);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(100);
/// How long a callback goes again before the platform gives up.
pub const PATIENCE: Duration = Duration::from_secs(150);
/// An answer is not longer than this.
const ANSWER_MAX: u64 = 64 * 1024;

/// What the apology for a fault of the gateway's own begins with, in the service's first language, and
/// the one for too many at once: nothing was done, and neither is a turn's reply.
const APOLOGIES: [&str; 2] = ["عذرا", "الخدمة مشغولة"];

/// How a link's callbacks look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The whole path each time: the last one of a session can be told when it comes again.
    Path,
    /// An id each: any can be told.
    Key,
}

/// A callback, ready to go as often as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    shape: Shape,
    session: String,
    body: String,
}

/// What a phone shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The text.
    pub text: String,
    /// Whether the session goes on.
    pub open: bool,
}

impl Screen {
    /// Whether it says that nothing was done, for a reason of the gateway's own.
    pub fn is_apology(&self) -> bool {
        !self.open && APOLOGIES.iter().any(|word| self.text.contains(word))
    }
}

/// A callback that was answered.
#[derive(Clone, Debug)]
struct Acknowledged {
    callback: Callback,
    /// The answer's body, byte for byte.
    answer: String,
    /// Whether it was a turn's reply, and no apology.
    is_reply: bool,
    at: Instant,
}

/// A session that is under way on a phone.
pub struct Session {
    shape: Shape,
    number: &'static str,
    id: String,
    path: String,
    hops: u32,
    /// Which node is to take the next callback, by number.
    turn: usize,
    /// Which one answered the last.
    answered_by: Option<usize>,
}

/// The platform.
pub struct Platform {
    /// The nodes that take the callbacks of a session by turns; one that does not answer is passed over.
    gateways: Vec<SocketAddr>,
    changed: AtomicUsize,
    stayed: AtomicUsize,
    /// How many copies of each callback go at once, by turns; all are to get the same answer.
    copies: u64,
    /// Milliseconds between a page and the answer to it.
    pace: AtomicU64,
    sessions: AtomicU64,
    failures: AtomicU64,
    apologies: AtomicU64,
    longest: Mutex<Duration>,
    unequal: Mutex<Vec<String>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

impl Platform {
    /// A platform that calls the nodes of a gateway; each callback goes once, or 1 to `copies` times at
    /// once.
    pub fn new(gateways: Vec<SocketAddr>, copies: u64) -> Self {
        Self {
            gateways,
            changed: AtomicUsize::new(0),
            stayed: AtomicUsize::new(0),
            copies: copies.max(1),
            pace: AtomicU64::new(0),
            sessions: AtomicU64::new(1),
            failures: AtomicU64::new(0),
            apologies: AtomicU64::new(0),
            longest: Mutex::default(),
            unequal: Mutex::default(),
            acknowledged: Mutex::default(),
        }
    }

    /// From now on people take so long to read a page.
    pub fn set_pace(&self, pace: Duration) {
        let ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
        self.pace.store(ms, Ordering::Relaxed);
    }

    /// Begins a session: the phone has dialled.
    pub fn session(&self, shape: Shape, number: &'static str) -> Session {
        let id = self.sessions.fetch_add(1, Ordering::Relaxed);
        Session {
            shape,
            number,
            id: format!("s-{id}"),
            path: String::new(),
            hops: 0,
            turn: usize::try_from(id).unwrap_or(0),
            answered_by: None,
        }
    }

    /// The next callback of a session: the dial, or what was typed.
    pub async fn hop(&self, session: &mut Session, typed: Option<&str>) -> Held<Screen> {
        let pace = self.pace.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(pace)).await;
        let callback = session.next(typed);
        let began = Instant::now();
        let copies = 1 + u64::from(session.hops) % self.copies;
        loop {
            let mut all = Vec::new();
            for _ in 0..copies {
                session.turn += 1;
                all.push(post(self.gateway(session.turn), callback.clone()));
            }
            let mut answers = futures_util::future::join_all(all).await;
            if let Some(Ok(first)) = answers.pop() {
                // Copies that came through have to agree.
                for answer in answers.iter().flatten() {
                    if *answer != first {
                        let mut unequal = self.unequal.lock().unwrap();
                        unequal.push(format!("{answer:?} beside {first:?}"));
                    }
                }
                let screen = callback.shape.read(&first)?;
                self.answered(session);
                let is_reply = !screen.is_apology();
                if !is_reply {
                    self.apologies.fetch_add(1, Ordering::Relaxed);
                }
                self.acknowledged.lock().unwrap().push(Acknowledged {
                    callback,
                    answer: first,
                    is_reply,
                    at: Instant::now(),
                });
                return Ok(screen);
            }
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.waited(began.elapsed());
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "a callback got no answer for {} s",
                    PATIENCE.as_secs()
                ));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn waited(&self, waited: Duration) {
        let mut longest = self.longest.lock().unwrap();
        *longest = waited.max(*longest);
    }

    fn gateway(&self, turn: usize) -> SocketAddr {
        self.gateways[turn % self.gateways.len()]
    }

    /// Counts whether another node answered than the one before.
    fn answered(&self, session: &mut Session) {
        let by = session.turn % self.gateways.len();
        match session.answered_by.replace(by) {
            Some(before) if before != by => self.changed.fetch_add(1, Ordering::Relaxed),
            Some(_) => self.stayed.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
    }

    /// Callbacks that another node answered than the one before of their session, and those that the
    /// same did.
    pub fn changes(&self) -> (usize, usize) {
        (
            self.changed.load(Ordering::Relaxed),
            self.stayed.load(Ordering::Relaxed),
        )
    }

    /// Callbacks that were answered with a turn's reply.
    pub fn acknowledged(&self) -> usize {
        let all = self.acknowledged.lock().unwrap();
        all.iter().filter(|one| one.is_reply).count()
    }

    /// Attempts without an answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How long the longest callback went without an answer.
    pub fn longest(&self) -> Duration {
        *self.longest.lock().unwrap()
    }

    /// Answers that were an apology.
    pub fn apologies(&self) -> u64 {
        self.apologies.load(Ordering::Relaxed)
    }

    /// Sends everything that was acknowledged and can be told again, and compares byte for byte: how
    /// many were sent, and what was wrong.
    pub async fn repeat_all(&self) -> (usize, Vec<String>) {
        let all = self.acknowledged.lock().unwrap().clone();
        let mut wrong = self.unequal.lock().unwrap().clone();
        let mut sent = 0;
        for (at, one) in all.iter().enumerate() {
            let told = match one.callback.shape {
                Shape::Key => true,
                // The path that came last of a session that still lives.
                Shape::Path => {
                    let later = &all[at + 1..];
                    let is_last = !later
                        .iter()
                        .any(|other| other.callback.session == one.callback.session);
                    is_last && one.at.elapsed() < SESSION
                }
            };
            if !told || !one.is_reply {
                continue;
            }
            sent += 1;
            match post(self.gateway(sent), one.callback.clone()).await {
                Ok(again) if again == one.answer => {}
                Ok(again) => wrong.push(format!(
                    "{} was answered {:?}, and then {again:?}",
                    one.callback.session, one.answer
                )),
                Err(why) => wrong.push(format!("{}: {why}", one.callback.session)),
            }
        }
        (sent, wrong)
    }
}

/// Well within the time for which the operators keep a session.
const SESSION: Duration = Duration::from_secs(150);

impl Session {
    fn next(&mut self, typed: Option<&str>) -> Callback {
        self.hops += 1;
        if let Some(typed) = typed {
            if !self.path.is_empty() {
                self.path.push('*');
            }
            self.path.push_str(typed);
        }
        let body = match self.shape {
            Shape::Path => [
                ("phoneNumber", self.number),
                ("serviceCode", "*580#"),
                ("text", &self.path),
                ("sessionId", &self.id),
                ("networkCode", "99999"),
            ]
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .join("&"),
            Shape::Key => json!({
                "session": self.id,
                "msisdn": self.number,
                "code": "*580#",
                "event": if typed.is_some() { "continue" } else { "new" },
                "input": typed.unwrap_or_default(),
                "id": format!("c-{}", self.hops),
                "network": "60401",
            })
            .to_string(),
        };
        Callback {
            shape: self.shape,
            session: self.id.clone(),
            body,
        }
    }
}

impl Shape {
    fn path(self) -> &'static str {
        match self {
            Self::Path => "/ussd/path",
            Self::Key => "/ussd/key",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Path => "application/x-www-form-urlencoded",
            Self::Key => "application/json",
        }
    }

    fn read(self, answer: &str) -> Held<Screen> {
        let wrong = || format!("no answer of this shape: {answer:?}");
        match self {
            Self::Path => match (answer.strip_prefix("CON "), answer.strip_prefix("END ")) {
                (Some(text), _) => Ok(Screen {
                    text: text.to_owned(),
                    open: true,
                }),
                (None, Some(text)) => Ok(Screen {
                    text: text.to_owned(),
                    open: false,
                }),
                (None, None) => Err(wrong()),
            },
            Self::Key => {
                let value: Value = serde_json::from_str(answer).map_err(|_| wrong())?;
                let text = value["text"].as_str().ok_or_else(wrong)?;
                Ok(Screen {
                    text: text.to_owned(),
                    open: value["continue"].as_bool().ok_or_else(wrong)?,
                })
            }
        }
    }
}

/// A value of a form.
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Posts a callback once; the body of an answer with status 200.
async fn post(gateway: SocketAddr, callback: Callback) -> Held<String> {
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{}",
        callback.shape.path(),
        callback.shape.content_type(),
        callback.body.len(),
        callback.body
    );
    let answered = async {
        let mut stream = TcpStream::connect(gateway).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(ATTEMPT, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("no answer in time".to_owned()),
    };
    let text = String::from_utf8(answer).map_err(|_| "an answer that is no text".to_owned())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("an answer without end")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let status = head.split(' ').nth(1).unwrap_or_default();
    match (status, length) {
        ("200", Some(length)) if length == body.len() => Ok(body.to_owned()),
        ("200", _) => Err("an answer that is cut".to_owned()),
        (status, _) => Err(format!("status {status}")),
    }
}
