//! A run against one gateway: subscribers that nobody has used, their callbacks, and what was
//! wrong with any answer.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::conformance::ask::{Asked, Values};
use crate::conformance::bent::plain;
use crate::conformance::client::{Came, Client, Shows, Wire};
use crate::conformance::operator::{Ask, Repeat, Ussd};
use crate::conformance::pushed::Pushed;
use crate::conformance::read::{Facet, Parts, Read, read};
use crate::conformance::report::Verdict;
use crate::conformance::seed::Seed;
use crate::conformance::shown;
use crate::conformance::sign::hex;
use crate::conformance::sign::{Manner, Proofs, Stamp};

use crate::smsc::alphabet::Alphabet;

/// So long after its time a screen that is posted is still waited for, to be told as late.
const LATE: Duration = Duration::from_secs(1);

/// What a run needs to know besides the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme, host and port of the gateway.
    pub origin: String,
    /// The same as the gateway knows itself, for signatures over the whole URL.
    pub signed_origin: String,
    /// The path of the link.
    pub link: String,
    /// How callbacks are proved.
    pub proofs: Proofs,
    /// The service code, `*580#`.
    pub code: String,
    /// The network's MCC and MNC.
    pub network: String,
    /// A key that the first screen takes.
    pub key: String,
    /// A key that the first screen refuses.
    pub wrong_key: String,
    /// The short number that texts go to.
    pub short_number: String,
    /// What a text begins with.
    pub keyword: String,
    /// The user of the operator's API.
    pub user: String,
    /// Secrets besides those of the proofs that no report shows.
    pub hidden: Vec<String>,
    /// Within what an answer has to come; the operator's own if not given.
    pub deadline: Option<Duration>,
}

impl Settings {
    /// Everything that no report may show.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.proofs.secrets();
        secrets.extend(self.hidden.clone());
        secrets
    }
}

/// A subscriber in a session.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The number without `+`.
    pub msisdn: String,
    /// The operator's session.
    pub session: String,
    /// All that was typed.
    path: String,
    /// The number of the last callback.
    sequence: u64,
    /// What the last answer gave to bring back.
    carried: Values,
    /// Cookies of the session.
    cookies: BTreeMap<String, String>,
}

/// What an operator tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody dials.
    New,
    /// Somebody presses a key.
    Continue,
    /// Somebody hangs up.
    End,
    /// Nobody answered in time.
    Timeout,
}

/// One callback that can be sent again.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The request before it is signed.
    pub asked: Asked,
    /// What stands in it.
    pub values: Values,
}

/// A callback and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub sent: Wire,
    /// The answer, or why there is none.
    pub came: Result<Came, String>,
    /// What the operator makes of it.
    pub read: Read,
}

/// What was wrong with any answer.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many answers were looked at.
    pub answers: usize,
    /// The first fault of each facet: what was expected, and where.
    pub faults: BTreeMap<Facet, (String, Exchange)>,
    /// The slowest answer.
    pub slowest: Option<(Duration, Exchange)>,
    /// An error that said too much: what it said, and where.
    pub told: Option<(String, Exchange)>,
    /// Errors that were looked at.
    pub errors: usize,
    /// The first error that was not told as the operator wants it: what was expected, and where.
    pub untold: Option<(String, Exchange)>,
    /// Errors that were told as the operator wants it.
    pub told_well: usize,
}

/// A run.
pub struct Run {
    /// The operator.
    pub operator: Ussd,
    /// The settings.
    pub settings: Settings,
    /// Where names come from.
    pub seed: Seed,
    /// What was wrong.
    pub tally: Tally,
    /// Where screens come, of an operator that wants them posted.
    pub pushed: Option<Pushed>,
    client: Client,
}

impl Run {
    /// A run that has sent nothing yet.
    pub fn new(operator: Ussd, settings: Settings, seed: Seed, client: Client) -> Self {
        Self {
            operator,
            settings,
            seed,
            tally: Tally::default(),
            pushed: None,
            client,
        }
    }

    /// Milliseconds within which the operator wants an answer.
    pub fn deadline(&self) -> Duration {
        let own = Duration::from_millis(self.operator.deadline_ms);
        self.settings.deadline.unwrap_or(own)
    }

    /// A subscriber that nobody has used, who has not dialled yet.
    pub fn caller(&mut self) -> Caller {
        Caller {
            msisdn: self.seed.msisdn(),
            session: self.seed.id(),
            path: String::new(),
            sequence: 0,
            carried: Values::new(),
            cookies: BTreeMap::new(),
        }
    }

    /// The next callback of a caller. With [`Event::New`], `typed` is what was dialled behind the
    /// code.
    pub fn callback(&mut self, caller: &mut Caller, event: Event, typed: &str) -> Callback {
        let operator = &self.operator;
        let ask = match event {
            Event::New => &operator.new,
            Event::Continue => &operator.more,
            Event::End => operator.end.as_ref().unwrap_or(&operator.more),
            Event::Timeout => operator.timeout.as_ref().unwrap_or(&operator.more),
        };
        let ask: Ask = ask.over(&operator.ask);
        match event {
            Event::New => typed.clone_into(&mut caller.path),
            Event::Continue if caller.path.is_empty() => typed.clone_into(&mut caller.path),
            Event::Continue => caller.path = format!("{}*{typed}", caller.path),
            Event::End | Event::Timeout => {}
        }
        caller.sequence += 1;
        let values = self.values(caller, typed);
        let mut asked = Asked::from(&ask, &values);
        if !caller.cookies.is_empty() {
            let cookies: Vec<String> = caller
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            asked
                .headers
                .push(("cookie".to_owned(), cookies.join("; ")));
        }
        Callback { asked, values }
    }

    fn values(&mut self, caller: &Caller, typed: &str) -> Values {
        let code = self.settings.code.clone();
        let bare = code.trim_matches(['*', '#']).to_owned();
        let dialled = match typed {
            "" => code.clone(),
            typed => format!("*{bare}*{typed}#"),
        };
        let whole = match caller.path.as_str() {
            "" => code.clone(),
            path => format!("*{bare}*{path}#"),
        };
        let now = unix_now();
        let time = jiff::Timestamp::from_second(now).unwrap_or_default();
        let text = match typed {
            "" => &self.settings.keyword,
            typed => typed,
        };
        let alphabet = Alphabet::of(text);
        let kind = match alphabet {
            Alphabet::Gsm7 => "text",
            Alphabet::Ucs2 => "unicode",
        };
        // As much of the id as a transaction number of 31 bits holds.
        let digits = u64::from_str_radix(&caller.session[..8], 16).unwrap_or(0) >> 1;
        let own = [
            ("digits", digits.to_string()),
            ("session", caller.session.clone()),
            ("msisdn", caller.msisdn.clone()),
            ("code", code),
            ("bare", bare),
            ("dialled", dialled),
            ("whole", whole),
            ("input", typed.to_owned()),
            ("text", text.to_owned()),
            ("user", self.settings.user.clone()),
            ("coding", alphabet.data_coding().to_string()),
            ("hex", hex(&alphabet.parts(text, 0).concat())),
            ("type", kind.to_owned()),
            ("short", self.settings.short_number.clone()),
            ("path", caller.path.clone()),
            ("sequence", caller.sequence.to_string()),
            ("id", self.seed.id()),
            ("now", now.to_string()),
            ("time", time.to_string()),
            ("network", self.settings.network.clone()),
        ];
        let nothing = self
            .operator
            .carry
            .keys()
            .map(|name| (name.clone(), String::new()));
        let mut values: Values = nothing.collect();
        values.extend(caller.carried.clone());
        values.extend(own.map(|(name, value)| (name.to_owned(), value)));
        values
    }

    /// Somebody dials, with something behind the code or not.
    pub async fn dial(&mut self, caller: &mut Caller, behind: &str) -> Exchange {
        let callback = self.callback(caller, Event::New, behind);
        let exchange = self.good(&callback).await;
        self.carry(caller, &exchange);
        exchange
    }

    /// Somebody presses a key.
    pub async fn press(&mut self, caller: &mut Caller, typed: &str) -> Exchange {
        let callback = self.callback(caller, Event::Continue, typed);
        let exchange = self.good(&callback).await;
        self.carry(caller, &exchange);
        exchange
    }

    /// Keeps what the operator brings back with the next callback.
    pub fn carry(&self, caller: &mut Caller, exchange: &Exchange) {
        let Ok(came) = &exchange.came else { return };
        if self.operator.cookies {
            for (name, value) in &came.headers {
                if name == "set-cookie"
                    && let Some((name, value)) = value
                        .split(';')
                        .next()
                        .and_then(|cookie| cookie.split_once('='))
                {
                    let (name, value) = (name.trim(), value.trim());
                    caller.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let parts = Parts::of(came);
        for (name, rule) in &self.operator.carry {
            let value = parts.at(rule).as_ref().map(plain).unwrap_or_default();
            caller.carried.insert(name.clone(), value);
        }
    }

    /// Sends a callback that has to be answered with a screen.
    pub async fn good(&mut self, callback: &Callback) -> Exchange {
        if let Some(pushed) = &self.pushed {
            pushed.begin(&callback.values);
        }
        let mut exchange = self.send(&callback.asked, Manner::Right).await;
        if let Some(pushed) = &self.pushed {
            let wait = self.deadline() + LATE;
            exchange.came = pushed.screen(&callback.values, exchange.came, wait).await;
        }
        self.noted(exchange, &callback.values)
    }

    /// Sends a callback once more that is marked as the same, and had `first` before.
    pub async fn again(&mut self, callback: &Callback, first: &Exchange) -> Exchange {
        let Some(pushed) = &self.pushed else {
            return self.good(callback).await;
        };
        pushed.begin(&callback.values);
        let mut exchange = self.send(&callback.asked, Manner::Right).await;
        if let Some(pushed) = &self.pushed {
            exchange.came = pushed.repeated(exchange.came, &first.came);
        }
        self.noted(exchange, &callback.values)
    }

    /// Sends the same callback twice at once.
    pub async fn at_once(&mut self, callback: &Callback) -> [Exchange; 2] {
        let first = self.signed(&callback.asked, Manner::Right);
        let second = self.signed(&callback.asked, Manner::Right);
        if let Some(pushed) = &self.pushed {
            pushed.begin(&callback.values);
        }
        let (mut one, mut other) =
            tokio::join!(self.client.send(&first), self.client.send(&second));
        if let Some(pushed) = &self.pushed {
            let wait = self.deadline() + LATE;
            let marked = self.operator.repeat != Repeat::None;
            [one, other] = pushed
                .screens(&callback.values, [one, other], marked, wait)
                .await;
        }
        [(first, one), (second, other)].map(|(sent, came)| {
            let exchange = Exchange {
                sent,
                came,
                read: Read::default(),
            };
            self.noted(exchange, &callback.values)
        })
    }

    /// Waits for the screen of a callback that was sent by [`Self::send_wire`], where screens are
    /// posted, so that it is not one that nobody asked for.
    pub async fn drained(&mut self, callback: &Callback, exchange: &Exchange) {
        if let Some(pushed) = &self.pushed {
            let wait = self.deadline() + LATE;
            let came = exchange.came.clone();
            // What is wrong with it is told where its screen is looked at.
            drop(pushed.screen(&callback.values, came, wait).await);
        }
    }

    /// Reads an answer and keeps what is wrong with it.
    fn noted(&mut self, mut exchange: Exchange, values: &Values) -> Exchange {
        let Ok(came) = &exchange.came else {
            return exchange;
        };
        self.tally.answers += 1;
        exchange.read = read(&self.operator.answer, &self.operator.limits, values, came);
        let took = came.took;
        for (facet, expected) in &exchange.read.faults {
            if !self.tally.faults.contains_key(facet) {
                let fault = (expected.clone(), exchange.clone());
                self.tally.faults.insert(*facet, fault);
            }
        }
        if self
            .tally
            .slowest
            .as_ref()
            .is_none_or(|(slowest, _)| took > *slowest)
        {
            self.tally.slowest = Some((took, exchange.clone()));
        }
        exchange
    }

    /// Signs a request now, with a nonce of its own.
    pub fn signed(&mut self, asked: &Asked, manner: Manner) -> Wire {
        let stamp = Stamp {
            now: unix_now(),
            nonce: self.seed.id(),
        };
        let Settings {
            signed_origin,
            link,
            proofs,
            ..
        } = &self.settings;
        proofs.sign(asked, signed_origin, link, manner, &stamp)
    }

    /// Sends any request.
    pub async fn send(&mut self, asked: &Asked, manner: Manner) -> Exchange {
        self.send_as(asked, manner, Shows::Own).await
    }

    /// Sends any request with any certificate.
    async fn send_as(&mut self, asked: &Asked, manner: Manner, shows: Shows) -> Exchange {
        let sent = self.signed(asked, manner);
        let came = self.client.send_as(&sent, shows).await;
        Exchange {
            sent,
            came,
            read: Read::default(),
        }
    }

    /// Every way to leave out what proves a callback: all of it, and each half where a link wants
    /// a secret and a certificate. None where there is nothing to leave out.
    pub fn unproved(&self) -> Vec<(Manner, Shows)> {
        let secrets = !self.settings.proofs.0.is_empty();
        match (secrets, self.client.has_identity()) {
            (false, false) => Vec::new(),
            (true, false) => vec![(Manner::Unsigned, Shows::Own)],
            (false, true) => vec![(Manner::Right, Shows::Nothing)],
            (true, true) => vec![
                (Manner::Unsigned, Shows::Nothing),
                (Manner::Unsigned, Shows::Own),
                (Manner::Right, Shows::Nothing),
            ],
        }
    }

    /// Every way to prove a callback wrongly.
    pub fn misproved(&self) -> Vec<(Manner, Shows)> {
        let secrets = !self.settings.proofs.0.is_empty();
        let secret = secrets.then_some((Manner::WrongSecret, Shows::Own));
        let certificate = self.client.has_stranger();
        let certificate = certificate.then_some((Manner::Right, Shows::Strangers));
        secret.into_iter().chain(certificate).collect()
    }

    /// Sends bytes as they are.
    pub async fn send_wire(&mut self, sent: Wire) -> Exchange {
        let came = self.client.send(&sent).await;
        Exchange {
            sent,
            came,
            read: Read::default(),
        }
    }

    /// Sends a request that has to be refused, whose answer may tell none of `private`.
    pub async fn bad(&mut self, asked: &Asked, manner: Manner, private: &[&str]) -> Exchange {
        self.bad_as(asked, manner, Shows::Own, private).await
    }

    /// The same with any certificate.
    pub async fn bad_as(
        &mut self,
        asked: &Asked,
        manner: Manner,
        shows: Shows,
        private: &[&str],
    ) -> Exchange {
        let exchange = self.send_as(asked, manner, shows).await;
        if let Ok(came) = &exchange.came {
            self.tally.errors += 1;
            let body = String::from_utf8_lossy(&came.body);
            let headers = came.headers.iter().map(|(_, value)| value.as_str());
            let places: Vec<&str> = headers.chain([body.as_ref()]).collect();
            let told = private
                .iter()
                .find(|private| places.iter().any(|place| place.contains(**private)));
            if let (Some(told), None) = (told, &self.tally.told) {
                self.tally.told = Some(((*told).to_owned(), exchange.clone()));
            }
        }
        exchange
    }

    /// A screen came, of an open or of any session.
    ///
    /// # Errors
    /// The verdict otherwise.
    pub fn screen(&self, exchange: &Exchange, open: bool) -> Result<String, Verdict> {
        let expected = if open {
            "a screen, and the session goes on"
        } else {
            "a screen"
        };
        let came = exchange
            .came
            .as_ref()
            .map_err(|_| self.fails(expected, exchange))?;
        match &exchange.read.text {
            Some(text)
                if came.status == self.operator.answer.status
                    && (!open || exchange.read.open != Some(false)) =>
            {
                Ok(text.clone())
            }
            // The cause in the first line: the reader finds the fault's own line far below.
            Some(_) | None => match exchange.read.cause() {
                Some(fault) => Err(self.fails(format!("{expected}: {fault}"), exchange)),
                None => Err(self.fails(expected, exchange)),
            },
        }
    }

    /// A verdict: what was expected did not come.
    pub fn fails(&self, expected: impl Into<String>, exchange: &Exchange) -> Verdict {
        let secrets = self.settings.secrets();
        Verdict::Fail {
            expected: expected.into(),
            sent: shown::request(&exchange.sent, &secrets),
            came: shown::answer(&exchange.came, &secrets),
        }
    }

    /// A verdict: not the very bytes came that are wanted, which are shown.
    pub fn differs(&self, expected: &str, wanted: &[u8], exchange: &Exchange) -> Verdict {
        let secrets = self.settings.secrets();
        let wanted = shown::masked(&shown::escaped(wanted), &secrets);
        self.fails(format!("{expected}:\n{wanted}"), exchange)
    }

    /// A verdict: it came.
    pub fn passes(&self, exchange: &Exchange) -> Verdict {
        let secrets = self.settings.secrets();
        Verdict::Pass {
            sent: shown::request(&exchange.sent, &secrets),
            came: shown::answer(&exchange.came, &secrets),
        }
    }
}

/// Unix seconds.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
