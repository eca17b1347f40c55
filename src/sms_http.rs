//! Messages that go out over an operator's HTTP API: a [`Carrier`] that sends what a [`Speaker`]
//! writes and makes outcomes of what it reads.
//!
//! Nothing is sent twice but by the outbox: what was surely not written is told as such, and
//! whatever may have been read without a whole answer is an unknown outcome.

mod gate;
mod judge;
pub mod receipt_token;
mod shape;
mod speaker;
#[cfg(test)]
mod tests;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use http_body_util::Full;
use hyper::Request;
use hyper::header::AUTHORIZATION;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::callback::LinkName;
use crate::clock::{Chance, Clock};
use crate::exchange::{self, ApiSettings, Broken, Exchange, RequestPace, Returned};
use crate::outbox::{Carrier, PartReport};
use crate::sms_http::gate::{Gate, Standing};
use crate::sms_http::judge::{LinkWord, judge};
pub use crate::sms_http::shape::{Marks, ShapeSpeaker};
pub use crate::sms_http::speaker::{Answer, Outgoing, Speaker, Word};
pub use crate::sms_http::token::TokenSettings;
use crate::sms_http::token::{Token, Tokens};
use crate::store::{Message, PartOutcome};

/// How an operator's API is used.
#[derive(Clone)]
pub struct SmsHttpSettings {
    /// How it is reached.
    pub api: ApiSettings,
    /// Where a token is fetched, if the API wants one.
    pub token: Option<TokenSettings>,
}

impl SmsHttpSettings {
    /// A link with the usual limits.
    pub fn of(link: LinkName) -> Self {
        Self {
            api: ApiSettings::of(link),
            token: None,
        }
    }
}

/// Why a link over HTTP cannot be used. Names the setting; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {text}")]
pub struct SmsHttpFault {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong and what is expected.
    pub text: String,
}

/// A link over an operator's HTTP API.
pub struct SmsHttp<S> {
    settings: SmsHttpSettings,
    speaker: S,
    exchange: Exchange,
    tokens: Option<Tokens>,
    gate: Gate,
    pace: RequestPace,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    figures: Mutex<HashMap<&'static str, metrics::Counter>>,
}

impl<S: Speaker> SmsHttp<S> {
    /// Reads the files that the settings name. It does not connect. To be called within a runtime.
    ///
    /// # Errors
    /// [`SmsHttpFault`] with the setting that is wrong.
    pub fn new(
        settings: SmsHttpSettings,
        speaker: S,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, SmsHttpFault> {
        let exchange = Exchange::new(&settings.api).map_err(|fault| SmsHttpFault {
            setting: "ca_file",
            text: fault.message,
        })?;
        let tokens = match &settings.token {
            None => None,
            Some(token) => Some(Tokens::new(token).ok_or_else(|| SmsHttpFault {
                setting: "token_url",
                text: "expected https://host[:port]/path".to_owned(),
            })?),
        };
        Ok(Self {
            gate: Gate::new(settings.api.link.clone(), chance),
            pace: RequestPace::new(settings.api.rate),
            stop: watch::channel(false).0,
            figures: Mutex::default(),
            settings,
            speaker,
            exchange,
            tokens,
            clock,
        })
    }

    /// Nothing new is begun: what waits for its turn ends as not sent, what was written waits for
    /// its answer.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the right to send one request; false where it does not come in time.
    async fn turn(&self) -> bool {
        let ahead = self.pace.pace().time_for(self.settings.api.window.max(1));
        let until = Instant::now() + self.settings.api.response + ahead;
        let mut stop = self.stop.subscribe();
        let is_shut = || match self.gate.standing().0 {
            Standing::Down | Standing::Pause => true,
            Standing::Probe | Standing::Open => false,
        };
        tokio::select! {
            // A right that was given is not lost to a stop: that one is looked at first.
            biased;
            // The sender is in `self`.
            _ = stop.wait_for(|stop| *stop) => false,
            has_right = self.pace.turn(until, is_shut) => has_right,
        }
    }

    /// Sends one request and makes of it what the outbox needs to know.
    async fn part(&self, message: &Message, outgoing: Outgoing) -> PartReport {
        let (part, parts) = (outgoing.part, outgoing.parts);
        let report = |outcome| PartReport {
            part,
            parts,
            outcome,
        };
        if !self.turn().await {
            return report(PartOutcome::NotSent);
        }
        let (sent, (_, round)) = (self.pace.now(), self.gate.standing());
        let (outcome, word) = match self.with_token(&outgoing).await {
            Ok(returned) => judge(&self.speaker, message, part, returned, self.clock.now()),
            // Whatever is wrong, this message is not at fault, and has not gone.
            Err(word) => (PartOutcome::NotSent, word),
        };
        match &outcome {
            PartOutcome::Accepted(_) => self.pace.taken(),
            PartOutcome::Throttled => self.pace.throttled(sent),
            PartOutcome::NotSent => self.pace.give_back(),
            PartOutcome::Temporary(_) | PartOutcome::Refused(_) | PartOutcome::Unknown => {}
        }
        self.gate.learn(round, &word);
        self.count(&outcome);
        report(outcome)
    }

    /// Sends a request with the token that the API wants, if it wants one; once more with a new one
    /// where it was refused, since a refused request has done nothing.
    async fn with_token(&self, outgoing: &Outgoing) -> Result<Result<Returned, Broken>, LinkWord> {
        let Some(tokens) = &self.tokens else {
            return Ok(self.exchange.send(request(outgoing, None)?).await);
        };
        let fetch = |request| self.exchange.send(request);
        let token = tokens.get(None, fetch).await?;
        if *self.stop.borrow() {
            return Err(LinkWord::Fine);
        }
        let returned = self.exchange.send(request(outgoing, Some(&token))?).await;
        let refused = returned
            .as_ref()
            .is_ok_and(|returned| returned.status == hyper::StatusCode::UNAUTHORIZED);
        if !refused || *self.stop.borrow() {
            return Ok(returned);
        }
        let token = tokens.get(Some(&token), fetch).await?;
        Ok(self.exchange.send(request(outgoing, Some(&token))?).await)
    }

    fn count(&self, outcome: &PartOutcome) {
        let outcome = outcome.name();
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures
            .entry(outcome)
            .or_insert_with(|| {
                metrics::counter!(
                    "jisr_sms_http_requests_total",
                    "link" => self.settings.api.link.as_str().to_owned(),
                    "outcome" => outcome
                )
            })
            .increment(1);
    }
}

/// The request for the wire.
fn request(
    outgoing: &Outgoing,
    token: Option<&Token>,
) -> Result<Request<Full<bytes::Bytes>>, LinkWord> {
    // What is wrong with an address is its template, not the message: that is escaped.
    let mut request = exchange::request(outgoing)
        .ok_or_else(|| LinkWord::Fault("the address of the API is none".to_owned()))?;
    if let Some(token) = token {
        request
            .headers_mut()
            .insert(AUTHORIZATION, token.authorization.clone());
    }
    Ok(request)
}

impl<S: Speaker> crate::exchange::Paced for SmsHttp<S> {
    fn pace(&self) -> std::sync::MutexGuard<'_, crate::smpp::pace::Pace> {
        self.pace.pace()
    }
}

impl<S: Speaker> Carrier for SmsHttp<S> {
    fn link(&self) -> &LinkName {
        &self.settings.api.link
    }

    fn is_up(&self) -> bool {
        match self.gate.tell() {
            Standing::Down => false,
            // A pause that the operator asked for is no failure.
            Standing::Pause | Standing::Probe | Standing::Open => true,
        }
    }

    /// One while it is only tried whether the operator is there; fewer after throttling, so that
    /// messages wait in the ledger, where urgent ones overtake others.
    fn at_once(&self) -> usize {
        match self.gate.standing().0 {
            Standing::Down | Standing::Pause => 0,
            Standing::Probe => 1,
            Standing::Open => self.settings.api.window.max(1).min(self.pace.pace().soon()),
        }
    }

    async fn changed(&self) {
        self.gate.changed().await;
    }

    /// Each request waits for its turn at most for the response time-out and the time that the rate
    /// demands, then for a token, a connection and its answer within their time-outs.
    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        let is_over = message.valid_until <= self.clock.now();
        let failed = if is_over {
            PartOutcome::NotSent
        } else {
            match self.speaker.requests(message) {
                Ok(requests) => {
                    return join_all(requests.into_iter().map(|one| self.part(message, one))).await;
                }
                Err(refused) => {
                    if let PartOutcome::Refused(reason) = &refused {
                        tracing::error!(
                            link = %self.settings.api.link,
                            id = message.id.0,
                            reason,
                            "a message cannot be sent on this link"
                        );
                    }
                    refused
                }
            }
        };
        let parts = self.speaker.parts(message);
        (0..parts)
            .filter(|part| message.parts.is_empty() || message.parts.contains(part))
            .map(|part| PartReport {
                part,
                parts,
                outcome: failed.clone(),
            })
            .collect()
    }
}
