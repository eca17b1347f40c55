//! People with phones: they dial, read, type, mistype, hang up, text, and want to come to an end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jisr::callback::{Callback, Channel, Input, LinkName, Msisdn, Repeat, ServiceName};
use jisr::conversation::{Aside, Progress};
use jisr::store::{Accepted, NewSms, Reply, Store};
use tokio::time::sleep;

use crate::registry::{PEOPLE, Somebody};
use crate::sky::Sky;
use crate::world::{LINK, SERVICE, World};

/// Key presses of a session at most.
const KEYS_MAX: usize = 40;
/// Sessions that it may take to come to an end in calm weather.
const SESSIONS_MAX: usize = 24;

/// How a phone's operator tells repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Path,
    Key,
    /// No ids, neither of callbacks nor of sessions.
    Nothing,
}

/// Somebody with a phone.
pub struct Caller {
    world: Arc<World>,
    number: Msisdn,
    who: &'static Somebody,
    telling: Telling,
    count: AtomicU64,
    /// The code that they typed last; nobody types one twice for long.
    typed: Mutex<Option<String>>,
}

/// A callback that was sent, and what came of it.
struct Sent {
    callback: Callback,
    /// The first answer.
    reply: Mutex<Option<Reply>>,
}

impl Caller {
    pub fn new(world: &Arc<World>, which: usize) -> Arc<Self> {
        let sky = &world.sky;
        // Some call for somebody else.
        let whose = match sky.dice.hits(150) {
            true => (which + 1) % PEOPLE.len(),
            false => which % PEOPLE.len(),
        };
        Arc::new(Self {
            world: Arc::clone(world),
            number: Msisdn::parse(PEOPLE[which % PEOPLE.len()].phone).unwrap(),
            who: &PEOPLE[whose],
            telling: sky.dice.of(&[
                Telling::Path,
                Telling::Path,
                Telling::Key,
                Telling::Key,
                Telling::Nothing,
            ]),
            count: AtomicU64::new(0),
            typed: Mutex::default(),
        })
    }

    fn sky(&self) -> &Arc<Sky> {
        &self.world.sky
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn name(&self) -> String {
        let digits = self.number.digits();
        digits[digits.len() - 2..].to_owned()
    }

    /// Lives through the storm.
    pub async fn lives(self: Arc<Self>) {
        loop {
            sleep(Duration::from_millis(200) + self.sky().dice.wait(Duration::from_secs(20))).await;
            if self.sky().is_calm() {
                return;
            }
            match self.sky().dice.below(4) {
                0 => self.texts().await,
                1 => {
                    // Two sessions at once: the newer one owns the phone.
                    self.sky().rare("two sessions at once");
                    let other = Arc::clone(&self);
                    let _task = tokio::spawn(async move {
                        other.dials().await;
                    });
                    sleep(self.sky().dice.wait(Duration::from_secs(10))).await;
                    self.dials().await;
                }
                _ => {
                    self.dials().await;
                }
            }
        }
    }

    /// In calm weather everybody comes to an end.
    pub async fn comes_to_an_end(self: Arc<Self>) {
        for _ in 0..SESSIONS_MAX {
            if self.dials().await {
                return;
            }
            sleep(Duration::from_secs(30)).await;
        }
        let page = self.page();
        let how = format!("{} is still at {page}", self.name());
        self.sky().broken("G6 everybody is answered", how);
    }

    fn page(&self) -> String {
        let service = ServiceName::from(SERVICE);
        let current = self.world.ledger.current(&service, &self.number);
        let Some(current) = current else {
            return String::new();
        };
        match (&current.aside, current.progress) {
            (_, Progress::Ended) => "ended".to_owned(),
            (Some(Aside::Resume), _) => "resume".to_owned(),
            (Some(Aside::Readings { .. } | Aside::Help), _) => "aside".to_owned(),
            (None, _) => current.page.0,
        }
    }

    fn code(&self) -> Option<String> {
        // Who calls for somebody else is told the code by them.
        let on_file = Msisdn::parse(self.who.phone).unwrap();
        let letters = self.world.centre.letters(&on_file);
        letters.iter().rev().find_map(|text| code_of(text))
    }

    /// What they type where they are.
    fn types(&self, page: &str) -> String {
        let sky = self.sky();
        let p = sky.parameters;
        let day = |(year, month, day): (i16, i8, i8)| format!("{day:02}{month:02}{year}");
        if sky.hits(p.mistypes) {
            let odd = ["9", "0", "x", "12", "000000", "7", "00"];
            return sky.dice.of(&odd).to_owned();
        }
        let calm = sky.is_calm();
        let choice = |stormy: &str| if calm { "1" } else { stormy }.to_owned();
        match page {
            "language" => "2".to_owned(),
            "consent" | "home" | "id_type" | "summary" | "details" | "email" => "1".to_owned(),
            "id_number" => self.who.number.to_owned(),
            "expiry" => day(self.who.expiry),
            "birth" => day(self.who.birth),
            "code" | "code_wrong" | "code_too_soon" => match self.code() {
                // Not everybody waits for it, and some want it again.
                Some(_) | None if sky.hits(250) => "1".to_owned(),
                Some(code) if calm && self.typed.lock().unwrap().as_ref() == Some(&code) => {
                    "1".to_owned()
                }
                Some(code) => {
                    *self.typed.lock().unwrap() = Some(code.clone());
                    code
                }
                None => "1".to_owned(),
            },
            "resume" => choice(sky.dice.of(&["1", "1", "2"])),
            "ended" => "9".to_owned(),
            "no_match" => "3".to_owned(),
            "on_its_way" => sky.dice.of(&["1", "2"]).to_owned(),
            _ => "1".to_owned(),
        }
    }

    /// One session, as far as it goes; tells whether its conversation came to an end.
    async fn dials(self: &Arc<Self>) -> bool {
        let p = self.sky().parameters;
        let session = format!("{}-{}", self.name(), self.next());
        let mut path = String::new();
        let mut typed = None;
        for _ in 0..KEYS_MAX {
            let input = match (self.telling, &typed) {
                (Telling::Path, _) => Input::Path(path.clone()),
                (Telling::Key | Telling::Nothing, None) => Input::Dial(String::new()),
                (Telling::Key | Telling::Nothing, Some(typed)) => Input::Text(String::clone(typed)),
            };
            let repeat = match self.telling {
                Telling::Path => Repeat::Path,
                Telling::Key => Repeat::Key(format!("k{}", self.next())),
                Telling::Nothing => {
                    self.sky().rare("a callback without ids");
                    Repeat::None
                }
            };
            let callback = Callback {
                link: LinkName::from(LINK),
                service: ServiceName::from(SERVICE),
                subscriber: self.number.clone(),
                channel: Channel::Ussd,
                session: Some(match self.telling {
                    Telling::Path | Telling::Key => session.clone(),
                    Telling::Nothing => String::new(),
                }),
                repeat,
                input,
                at: self.sky().ledger_time(),
            };
            let Some(reply) = self.asks(callback).await else {
                return false;
            };
            let page = self.page();
            if reply.ends {
                return page == "ended" || page.is_empty();
            }
            if self.sky().hits(p.hangs_up) {
                self.sky().rare("somebody hangs up");
                return false;
            }
            sleep(Duration::from_millis(100) + self.sky().wait(p.thinks)).await;
            if page.starts_with("code") && self.code().is_none() {
                sleep(Duration::from_secs(5)).await;
            }
            if page.starts_with("code") && self.code().is_some() && self.sky().hits(200) {
                self.sky().rare("somebody leaves with a code in hand");
                return false;
            }
            let next = self.types(&page);
            if !path.is_empty() {
                path.push('*');
            }
            path.push_str(&next);
            typed = Some(next);
        }
        false
    }

    /// One callback, with what an operator makes of it: again where there was no answer, and again
    /// where there was one.
    async fn asks(self: &Arc<Self>, callback: Callback) -> Option<Reply> {
        let p = self.sky().parameters;
        let id = self.next();
        let sent = Arc::new(Sent {
            callback,
            reply: Mutex::default(),
        });
        let is_told = self.telling != Telling::Nothing;
        while is_told && self.sky().hits(p.again) {
            self.sky().rare("a callback comes again");
            let (caller, again) = (Arc::clone(self), Arc::clone(&sent));
            let late = self.sky().wait(p.late);
            let _task = tokio::spawn(async move {
                sleep(late).await;
                caller.asks_once(&again, id).await;
            });
        }
        // Where nothing tells a repeat, who has no answer dials again.
        for _ in 0..if is_told { 3 } else { 1 } {
            if let Some(reply) = self.asks_once(&sent, id).await {
                return Some(reply);
            }
            sleep(Duration::from_millis(300)).await;
        }
        None
    }

    async fn asks_once(&self, sent: &Sent, id: u64) -> Option<Reply> {
        self.sky().seen(|| format!("{} asks {id}", self.name()));
        let reply = self.world.calls_back(sent.callback.clone()).await;
        self.sky().seen(|| {
            let words = reply.as_ref().map(|reply| (&reply.text, reply.ends));
            format!("{} hears {id} {words:?}", self.name())
        });
        let reply = reply?;
        let mut first = sent.reply.lock().unwrap();
        match &*first {
            // Of a path that is older than the session's, the current page is all that there is.
            Some(before) if *before != reply && self.telling == Telling::Key => {
                let how = format!("{} was answered {id} twice, and not the same", self.name());
                self.sky().broken("G4 a repeat gets the same", how);
            }
            Some(_) => self.sky().rare("a repeat is answered"),
            None => {
                if !self.world.ledger.has_reply(&self.number, &reply) {
                    let how = format!("the answer to {id} of {} is not in the ledger", self.name());
                    self.sky().broken("G8 what was answered is kept", how);
                }
                *first = Some(reply.clone());
            }
        }
        Some(reply)
    }

    /// A text, told again until it is acknowledged, and sometimes after that.
    async fn texts(self: &Arc<Self>) {
        let sky = self.sky();
        let day = |(year, month, day): (i16, i8, i8)| format!("{day:02}{month:02}{year}");
        let (who, page) = (self.who, self.page());
        let text = match sky.dice.below(4) {
            0 => format!("TNS {} {} {}", who.number, day(who.expiry), day(who.birth)),
            1 => "STOP".to_owned(),
            _ => self.types(&page),
        };
        if text == "STOP" {
            sky.rare("somebody says STOP");
        }
        let number = self.next();
        let id = format!("{}-m{number}", self.name());
        let letters: Vec<char> = text.chars().collect();
        if letters.len() < 4 || !sky.dice.hits(300) {
            let _acknowledged = self.sends(&id, text, None).await;
            return;
        }
        sky.rare("a text in several parts");
        let reference = u16::try_from(number).unwrap();
        let of_part = letters.len().div_ceil(sky.dice.of(&[2, 3]));
        let parts = letters.chunks(of_part).map(String::from_iter);
        let mut parts: Vec<(u8, String)> = (1..).zip(parts).collect();
        let of = u8::try_from(parts.len()).unwrap();
        if sky.dice.hits(500) {
            sky.rare("parts of a text in another order");
            parts.reverse();
        }
        let (mut stored, mut is_whole) = (0, true);
        for (part, text) in parts {
            let id = format!("{id}-{part}");
            match self.sends(&id, text, Some((reference, of, part))).await {
                Some(times) => stored += times,
                None => is_whole = false,
            }
        }
        let joined = self.world.ledger.times_joined(&self.number, reference);
        if stored > 1 || joined > 1 {
            let how = format!("text {id} of {of} parts was taken in {joined} times");
            sky.broken("G4 a repeat gets the same", how);
        }
        if is_whole && joined == 0 {
            let how = format!("text {id} of {of} parts never became whole");
            sky.broken("G1 no accepted text is lost", how);
        }
    }

    /// Sends a text or a part of one until it is acknowledged, and perhaps again; tells how often it was
    /// taken in, and nothing where nobody acknowledged it.
    async fn sends(
        self: &Arc<Self>,
        id: &str,
        text: String,
        part: Option<(u16, u8, u8)>,
    ) -> Option<u32> {
        let (sky, p) = (self.sky(), self.sky().parameters);
        let sms = NewSms {
            link: LinkName::from(LINK),
            service: ServiceName::from(SERVICE),
            subscriber: self.number.clone(),
            to: "5800".to_owned(),
            text,
            message_id: Some(id.to_owned()),
            fingerprint: self.world.ledger.mark("text", &[id.as_bytes()]),
            bind: 1,
            part,
            at: sky.ledger_time(),
        };
        let (mut stored, mut is_acknowledged) = (0, false);
        let mut left = 1 + sky.dice.below(3);
        for _ in 0..200 {
            let said = self.world.texts(sms.clone()).await;
            sky.seen(|| format!("{} texts {id}: {said:?}", self.name()));
            match said {
                Some(Accepted::Stored(_) | Accepted::Elsewhere(_)) => stored += 1,
                Some(Accepted::Repeat) if part.is_some() => {
                    sky.rare("a part of a text comes again");
                }
                Some(Accepted::Repeat) => sky.rare("a text comes again"),
                Some(Accepted::Part) if part.is_some() => {}
                Some(Accepted::Part) => sky.broken("G1 texts", "a whole is no part".to_owned()),
                None => {
                    sleep(Duration::from_millis(200) + sky.wait(Duration::from_secs(2))).await;
                    continue;
                }
            }
            is_acknowledged = true;
            left -= 1;
            if left == 0 || !sky.hits(p.again) {
                break;
            }
            sleep(sky.wait(p.late)).await;
        }
        if stored > 1 {
            let how = format!("text {id} was taken in {stored} times");
            sky.broken("G4 a repeat gets the same", how);
        }
        is_acknowledged.then_some(stored)
    }
}

/// The six digits of a code.
pub fn code_of(text: &str) -> Option<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    let mut six = runs.filter(|run| run.len() == 6);
    six.next().map(str::to_owned)
}
