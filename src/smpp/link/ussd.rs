//! USSD on one connection: turns under way, screens that wait for the window, and what became of
//! them. All of it ends with the connection: a screen is for a phone that is looked at now.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout};

use crate::callback::{Input, Repeat, ServiceName};
use crate::clock::Moment;
use crate::gateway::{Begun, UssdCall};
use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::config::ussd::UssdSettings;
use crate::smpp::frame::{Frame, Raw};
use crate::smpp::link::inbox::Inbox;
use crate::smpp::link::serving::Errand;
use crate::smpp::link::shared::{Newest, Shared};
use crate::smpp::link::tardy::{Storing, storing};
use crate::smpp::pdu::{self, Pdu};
use crate::smpp::session::{Delivered, Ticket};
use crate::smpp::ussd::{Heard, Read, Said, Session, WayBack, read, write};
use crate::store::{Mark, MessageId, PartOutcome, Reply};

/// The bit of a ticket's number that tells a screen from a part of a message.
const SCREEN: u64 = 1 << 63;
/// The first pause after a screen was throttled; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// So many screens wait for the window at most; the oldest go first.
const SCREENS_MAX: usize = 1_000;

/// Whether a ticket is that of a screen.
pub(super) fn is_screen(ticket: Ticket) -> bool {
    ticket.number & SCREEN != 0
}

/// A turn that has ended.
pub(super) enum Done {
    /// With its answer; none where it broke.
    Turn(Box<Back>, Option<Reply>),
    /// That of a session which its subscriber had ended: there is nothing to say.
    Closed,
}

type Turn = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Where an answer goes, and for how long.
pub(super) struct Back {
    newest: Newest,
    way_back: WayBack,
    session: Session,
    until: Instant,
}

/// A screen on its way.
pub(super) struct Screen {
    pdu: Vec<u8>,
    newest: Newest,
    /// After this nobody looks any more.
    until: Instant,
    /// Not before, since the operator is busy.
    from: Instant,
    pause: Duration,
}

/// USSD on one connection.
pub(super) struct Dialogues {
    shared: Arc<Shared>,
    config: Arc<SmppConfig>,
    services: Vec<ServiceName>,
    /// There as long as the connection.
    open: Arc<()>,
    /// Turns whose callback is not acknowledged yet; their answers go after that.
    unacknowledged: VecDeque<(Delivered, Turn)>,
    /// Turns under way.
    pub turns: FuturesUnordered<Turn>,
    /// Screens that wait for the window, in their order.
    screens: VecDeque<Screen>,
    /// Screens without the operator's answer, by ticket.
    flying: HashMap<u64, Screen>,
    /// Those among the turns under way that say nothing.
    closing: usize,
    tickets: u64,
}

impl Dialogues {
    /// None yet.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let config = &shared.config;
        let settings = config.ussd_settings.as_ref();
        Self {
            shared: Arc::clone(shared),
            config: Arc::clone(config),
            services: settings.map_or(Vec::new(), |settings| settings.services()),
            open: Arc::new(()),
            unacknowledged: VecDeque::new(),
            turns: FuturesUnordered::new(),
            screens: VecDeque::new(),
            flying: HashMap::new(),
            closing: 0,
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
            self.shared.sessions.end(&key);
        }
        self.purge(Instant::now());
        let turns = self.turns.len() + self.unacknowledged.len();
        if turns + self.screens.len() >= settings.at_once.saturating_mul(2) {
            self.count("shed");
            return at_once(delivered, Status::THROTTLED);
        }
        if closes {
            // The turn goes on by itself. Lost with this process, the session ends by its time.
            let ended = inbox.ussd(call).reply;
            self.closing += 1;
            self.turns.push(Box::pin(async move {
                drop(ended.await);
                Done::Closed
            }));
            return at_once(delivered, Status::OK);
        }
        let tardy = &self.shared.tardy_callbacks;
        if let Some((begun, open)) = tardy.take_while(&fingerprint, at) {
            // The bind on which it came first says what there is to say.
            self.count("again");
            return self.wait(delivered, (fingerprint, at), begun, open);
        }
        if tardy.is_full() {
            self.count("shed");
            return at_once(delivered, Status::THROTTLED);
        }
        let back = Box::new(Back {
            newest: self.shared.sessions.newest(key),
            way_back: heard.way_back,
            session: heard.session,
            until: Instant::now() + settings.deadline(),
        });
        if begins && turns >= settings.at_once {
            self.count("shed");
            let reply = Some(inbox.busy(&call));
            let turn = Box::pin(std::future::ready(Done::Turn(back, reply)));
            self.unacknowledged.push_back((delivered, turn));
            return at_once(delivered, Status::OK);
        }
        let Begun { kept, reply } = inbox.ussd(call);
        let turn = async move {
            // A turn that panicked has been logged where it was begun.
            let reply = reply.await.ok();
            Done::Turn(back, reply)
        };
        self.unacknowledged.push_back((delivered, Box::pin(turn)));
        let begun = storing(async move {
            // What failed before it was durable is told to the subscriber, not asked for again.
            drop(kept.await);
            Ok(())
        });
        let open = Arc::downgrade(&self.open);
        self.wait(delivered, (fingerprint, at), begun, open)
    }

    /// The answer to a callback once it is durable. Where that takes too long the operator is asked
    /// to come again, and the equal callback that comes is taken for this one while the connection
    /// is open on which it came first.
    fn wait(
        &self,
        delivered: Delivered,
        (fingerprint, at): (Mark, Moment),
        begun: Storing,
        open: Weak<()>,
    ) -> Errand {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let wait = Duration::from_millis(shared.config.accept_ms);
            let status = if timeout(wait, begun.clone()).await.is_ok() {
                Status::OK
            } else {
                tracing::warn!(link = %shared.config.name, "the ledger took too long with a callback");
                let tardy = &shared.tardy_callbacks;
                tardy.keep_while(open, fingerprint, at, begun);
                Status::QUEUE_FULL
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
        let Done::Turn(back, reply) = done else {
            self.closing = self.closing.saturating_sub(1);
            return;
        };
        if !back.newest.holds() {
            self.count_screen("overtaken");
            return;
        }
        let (Some(reply), Some(settings)) = (reply, &self.config.ussd_settings) else {
            self.count_screen("broken");
            return;
        };
        match write(settings, &back.way_back, &back.session, &reply) {
            Ok(pdu) => {
                let from = Instant::now();
                self.line_up([Screen {
                    pdu,
                    newest: back.newest,
                    until: back.until,
                    from,
                    pause: PAUSE,
                }]);
            }
            Err(error) => {
                self.count_screen("unwritable");
                tracing::error!(link = %self.config.name, field = error.field, "a screen does not fit its PDU");
            }
        }
    }

    /// Screens get in line, before which those go that come too late.
    fn line_up(&mut self, screens: impl IntoIterator<Item = Screen>) {
        self.purge(Instant::now());
        for screen in screens {
            if self.screens.len() >= SCREENS_MAX {
                self.screens.pop_front();
                self.count_screen("late");
            }
            self.screens.push_back(screen);
        }
    }

    /// Drops the screens that nobody looks for any more.
    fn purge(&mut self, now: Instant) {
        let before = self.screens.len();
        self.screens.retain(|screen| screen.until > now);
        for _ in self.screens.len()..before {
            self.count_screen("late");
        }
    }

    /// The next screen to be sent; those that come too late, or whose session has gone on or away,
    /// are dropped.
    pub fn next(&mut self, now: Instant) -> Option<(Ticket, Raw)> {
        self.purge(now);
        let screen = loop {
            let at = self.screens.iter().position(|screen| screen.from <= now)?;
            let screen = self.screens.remove(at)?;
            if screen.newest.holds() {
                break screen;
            }
            self.count_screen("overtaken");
        };
        self.tickets += 1;
        let number = self.tickets | SCREEN;
        let pdu = Raw(screen.pdu.clone());
        self.flying.insert(number, screen);
        // It is no message of the outbox.
        let ticket = Ticket {
            number,
            message: MessageId(0),
            claim: 0,
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
        if !screens.is_empty() {
            self.line_up(screens);
        }
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
        if again && screen.newest.holds() {
            self.count_screen("again");
            screen.from = now + screen.pause;
            screen.pause = (screen.pause * 2).min(PAUSE_MAX);
            self.line_up([screen]);
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
        for _ in self.closing..lost {
            self.count_screen("lost");
        }
    }
}

/// An answer without anything to wait for.
fn at_once(delivered: Delivered, status: Status) -> Errand {
    Box::pin(std::future::ready(Some((delivered, status))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::callback::Msisdn;
    use crate::clock::Clock;
    use crate::smpp::link::stream::Dial;

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Moment {
            Moment::from_ms(1_700_000_000_000)
        }
    }

    fn shared() -> Arc<Shared> {
        let dial = Dial::Network(None);
        Arc::new(Shared::new(SmppConfig::default(), Arc::new(Fixed), dial))
    }

    fn screen(shared: &Arc<Shared>, number: usize, until: Instant) -> Screen {
        let session = (Msisdn::parse("+212661000001").unwrap(), number.to_string());
        Screen {
            pdu: number.to_string().into_bytes(),
            newest: shared.sessions.newest(session),
            until,
            from: Instant::now(),
            pause: PAUSE,
        }
    }

    /// Without room in the window nobody asks for the next one.
    #[tokio::test(start_paused = true)]
    async fn the_line_is_bounded_and_what_is_late_leaves_it() {
        let shared = shared();
        let mut dialogues = Dialogues::new(&shared);
        let (soon, later) = (PAUSE, PAUSE * 2);
        let now = Instant::now();
        for number in 0..SCREENS_MAX {
            dialogues.line_up([screen(&shared, number, now + soon)]);
        }
        dialogues.take_over(VecDeque::from([screen(&shared, SCREENS_MAX, now + later)]));
        assert_eq!(dialogues.screens.len(), SCREENS_MAX);
        assert_eq!(dialogues.screens[0].pdu, b"1");
        tokio::time::advance(soon).await;
        dialogues.line_up([screen(&shared, SCREENS_MAX + 1, now + later)]);
        let left: Vec<_> = dialogues.screens.iter().map(|one| &one.pdu[..]).collect();
        assert_eq!(left, [b"1000", b"1001"]);
    }
}
