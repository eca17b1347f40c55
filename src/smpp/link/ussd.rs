//! USSD on one connection: turns under way, screens that wait for the window, and what became of
//! them. All of it ends with the connection: a screen is for a phone that is looked at now.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout};

use crate::callback::{Input, Msisdn, Repeat, ServiceName};
use crate::clock::Moment;
use crate::gateway::{Begun, UssdCall};
use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::config::ussd::UssdSettings;
use crate::smpp::frame::{Frame, Raw};
use crate::smpp::link::inbox::Inbox;
use crate::smpp::link::serving::Errand;
use crate::smpp::pdu::{self, Pdu};
use crate::smpp::session::{Delivered, Ticket};
use crate::smpp::ussd::{Heard, Read, Said, Session, WayBack, read, write};
use crate::store::{MessageId, PartOutcome, Reply};

/// The bit of a ticket's number that tells a screen from a part of a message.
const SCREEN: u64 = 1 << 63;
/// The first pause after a screen was throttled; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether a ticket is that of a screen.
pub(super) fn is_screen(ticket: Ticket) -> bool {
    ticket.number & SCREEN != 0
}

/// Which session, on this link.
type Key = (Msisdn, String);

/// A turn that has ended, with its answer; none where it broke.
pub(super) struct Done {
    back: Back,
    reply: Option<Reply>,
}

type Turn = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Where an answer goes, and for how long.
struct Back {
    key: Key,
    /// Which callback of its session it answers.
    callback: u64,
    way_back: WayBack,
    session: Session,
    until: Instant,
}

/// A screen on its way.
pub(super) struct Screen {
    pdu: Vec<u8>,
    key: Key,
    /// After this nobody looks any more.
    until: Instant,
    /// Not before, since the operator is busy.
    from: Instant,
    pause: Duration,
}

/// USSD on one connection.
pub(super) struct Dialogues {
    config: Arc<SmppConfig>,
    services: Vec<ServiceName>,
    /// The last callback of each session that waits for its answer: only that one is answered.
    latest: HashMap<Key, u64>,
    /// Turns whose callback is not acknowledged yet; their answers go after that.
    unacknowledged: VecDeque<(Delivered, Turn)>,
    /// Turns under way.
    pub turns: FuturesUnordered<Turn>,
    /// Screens that wait for the window, in their order.
    screens: VecDeque<Screen>,
    /// Screens without the operator's answer, by ticket.
    flying: HashMap<u64, Screen>,
    callbacks: u64,
    tickets: u64,
}

impl Dialogues {
    /// None yet.
    pub fn new(config: &Arc<SmppConfig>) -> Self {
        let settings = config.ussd_settings.as_ref();
        Self {
            config: Arc::clone(config),
            services: settings.map_or(Vec::new(), |settings| settings.services()),
            latest: HashMap::new(),
            unacknowledged: VecDeque::new(),
            turns: FuturesUnordered::new(),
            screens: VecDeque::new(),
            flying: HashMap::new(),
            callbacks: 0,
            tickets: 0,
        }
    }

    /// Begins the turn of a delivery that is USSD; the errand ends with what to answer to it. None
    /// for one that is not.
    pub fn hear<I: Inbox>(
        &mut self,
        inbox: &I,
        delivered: Delivered,
        frame: &Frame,
        bind: u64,
        at: Moment,
    ) -> Option<Errand> {
        let config = Arc::clone(&self.config);
        let settings = config.ussd_settings.as_deref()?;
        let (Pdu::DeliverSm(sm) | Pdu::DataSm(sm), _) = pdu::decode(frame).ok()? else {
            return None;
        };
        let heard = match read(&config, settings, &sm) {
            Read::Sms => return None,
            Read::Refused(field, status) => {
                self.count("refused");
                tracing::warn!(link = %config.name, field, %status, "USSD refused");
                return Some(at_once(delivered, status));
            }
            Read::Heard(heard) => heard,
        };
        let octets = [sm.source.octets, sm.destination.octets, &frame.body[..]];
        let fingerprint = inbox.fingerprint(&octets);
        Some(self.begin(inbox, settings, delivered, heard, (fingerprint, bind), at))
    }

    fn begin<I: Inbox>(
        &mut self,
        inbox: &I,
        settings: &UssdSettings,
        delivered: Delivered,
        heard: Heard,
        (fingerprint, bind): ([u8; 32], u64),
        at: Moment,
    ) -> Errand {
        let octets = Repeat::Octets { fingerprint, bind };
        let (kind, input, service, repeat) = match heard.said {
            Said::Confirm => {
                self.count("confirm");
                return at_once(delivered, Status::OK);
            }
            Said::Abort => ("abort", Input::Closed, None, Repeat::None),
            Said::New(dialled) => ("new", Input::Dial(dialled.rest), dialled.service, octets),
            Said::Text { text, service } => {
                let repeat = heard.session.sequence.map_or(octets, Repeat::Number);
                ("text", Input::Text(text), service, repeat)
            }
        };
        self.count(kind);
        let key = (heard.subscriber.clone(), heard.session.id().to_owned());
        self.callbacks += 1;
        let callback = self.callbacks;
        let closes = input == Input::Closed;
        let begins = matches!(input, Input::Dial(_));
        let call = UssdCall {
            link: self.config.name.clone(),
            services: self.services.clone(),
            service,
            subscriber: heard.subscriber,
            session: key.1.clone(),
            repeat,
            input,
            at,
        };
        if closes {
            // What is still to be said to it, nobody would see.
            self.latest.remove(&key);
            self.screens.retain(|screen| screen.key != key);
            // The turn goes on by itself. Lost with this process, the session ends by its time.
            drop(inbox.ussd(call));
            return at_once(delivered, Status::OK);
        }
        let back = Back {
            key: key.clone(),
            callback,
            way_back: heard.way_back,
            session: heard.session,
            until: Instant::now() + settings.deadline(),
        };
        let under_way = self.turns.len() + self.unacknowledged.len();
        if begins && under_way >= settings.at_once {
            self.count("shed");
            self.latest.insert(key, callback);
            let reply = Some(inbox.busy(&call));
            let turn = Box::pin(std::future::ready(Done { back, reply }));
            self.unacknowledged.push_back((delivered, turn));
            return at_once(delivered, Status::OK);
        }
        if under_way >= settings.at_once * 2 {
            self.count("shed");
            return at_once(delivered, Status::THROTTLED);
        }
        self.latest.insert(key, callback);
        let Begun { kept, reply } = inbox.ussd(call);
        let turn = async move {
            // A turn that panicked has been logged where it was begun.
            let reply = reply.await.ok();
            Done { back, reply }
        };
        self.unacknowledged.push_back((delivered, Box::pin(turn)));
        let (link, wait) = (
            self.config.name.clone(),
            Duration::from_millis(self.config.accept_ms),
        );
        Box::pin(async move {
            let status = match timeout(wait, kept).await {
                // What failed before it was durable is told to the subscriber, not asked for again.
                Ok(Ok(()) | Err(_)) => Status::OK,
                Err(_late) => {
                    tracing::warn!(%link, "the ledger took too long with a callback");
                    Status::QUEUE_FULL
                }
            };
            Some((delivered, status))
        })
    }

    /// A delivery is being answered: the screen may follow.
    pub fn answered(&mut self, delivered: Delivered) {
        let at = self
            .unacknowledged
            .iter()
            .position(|(waits, _)| *waits == delivered);
        if let Some((_, turn)) = at.and_then(|at| self.unacknowledged.remove(at)) {
            self.turns.push(turn);
        }
    }

    /// A turn has ended: its screen gets in line, unless its session has gone on or away.
    pub fn done(&mut self, done: Done) {
        let Done { back, reply } = done;
        if self.latest.get(&back.key) != Some(&back.callback) {
            self.count_screen("overtaken");
            return;
        }
        self.latest.remove(&back.key);
        let (Some(reply), Some(settings)) = (reply, &self.config.ussd_settings) else {
            self.count_screen("broken");
            return;
        };
        match write(settings, &back.way_back, &back.session, &reply) {
            Ok(pdu) => self.screens.push_back(Screen {
                pdu,
                key: back.key,
                until: back.until,
                from: Instant::now(),
                pause: PAUSE,
            }),
            Err(error) => {
                self.count_screen("unwritable");
                tracing::error!(link = %self.config.name, field = error.field, "a screen does not fit its PDU");
            }
        }
    }

    /// The next screen to be sent; those that come too late are dropped.
    pub fn next(&mut self, now: Instant) -> Option<(Ticket, Raw)> {
        let before = self.screens.len();
        self.screens.retain(|screen| screen.until > now);
        for _ in self.screens.len()..before {
            self.count_screen("late");
        }
        let at = self.screens.iter().position(|screen| screen.from <= now)?;
        let screen = self.screens.remove(at)?;
        self.tickets += 1;
        let number = self.tickets | SCREEN;
        let pdu = Raw(screen.pdu.clone());
        self.flying.insert(number, screen);
        // It is no message of the outbox.
        let ticket = Ticket {
            number,
            message: MessageId(0),
            part: 0,
            parts: 1,
        };
        Some((ticket, pdu))
    }

    /// Whether a screen could go now.
    pub fn has_next(&self, now: Instant) -> bool {
        self.screens.iter().any(|screen| screen.from <= now)
    }

    /// The screens of a bind that only receives; another bind of the link sends them.
    pub fn hand_over(&mut self) -> VecDeque<Screen> {
        std::mem::take(&mut self.screens)
    }

    /// Takes over screens of a bind that only receives.
    pub fn take_over(&mut self, screens: VecDeque<Screen>) {
        self.screens.extend(screens);
    }

    /// When a screen that was throttled may go again.
    pub fn wakes(&self) -> Option<Instant> {
        let now = Instant::now();
        let waits = self.screens.iter().map(|screen| screen.from);
        // Those whose time has come wait for the window.
        waits.filter(|from| *from > now).min()
    }

    /// The operator's word on a screen. Only a throttled one goes again: whatever else happened,
    /// it may be on the phone.
    pub fn told(&mut self, ticket: Ticket, outcome: &PartOutcome, now: Instant) {
        let Some(mut screen) = self.flying.remove(&ticket.number) else {
            // The answer came after its time, and was counted then.
            return;
        };
        let again = *outcome == PartOutcome::Throttled && now + screen.pause < screen.until;
        if again && !self.latest.contains_key(&screen.key) {
            self.count_screen("again");
            screen.from = now + screen.pause;
            screen.pause = (screen.pause * 2).min(PAUSE_MAX);
            self.screens.push_back(screen);
            return;
        }
        self.count_screen(outcome.name());
        if !matches!(outcome, PartOutcome::Accepted(_)) {
            tracing::warn!(link = %self.config.name, outcome = outcome.name(), "a screen did not go");
        }
    }

    /// One more callback.
    fn count(&self, kind: &'static str) {
        let link = self.config.name.as_str().to_owned();
        metrics::counter!("jisr_smpp_ussd_total", "link" => link, "kind" => kind).increment(1);
    }

    /// One more screen, and what became of it.
    fn count_screen(&self, outcome: &'static str) {
        let link = self.config.name.as_str().to_owned();
        metrics::counter!("jisr_smpp_screens_total", "link" => link, "outcome" => outcome)
            .increment(1);
    }
}

impl Drop for Dialogues {
    /// What was still to be said ends with its connection.
    fn drop(&mut self) {
        let lost = self.screens.len() + self.turns.len() + self.unacknowledged.len();
        for _ in 0..lost {
            self.count_screen("lost");
        }
    }
}

/// An answer without anything to wait for.
fn at_once(delivered: Delivered, status: Status) -> Errand {
    Box::pin(std::future::ready(Some((delivered, status))))
}
