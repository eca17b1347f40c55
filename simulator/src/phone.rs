//! A phone: its number, the USSD screen that it shows, and its SMS inbox.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

/// How many happenings and messages a phone keeps; the oldest go first.
const KEPT_MAX: usize = 1_000;

/// What the phone shows of a USSD session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Screen {
    /// The text, as it came.
    pub text: String,
    /// Whether the session waits for an answer.
    pub open: bool,
}

/// A message in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sms {
    /// The sender as the network shows it: a short number or a name.
    pub from: String,
    /// The text, its parts joined.
    pub text: String,
}

/// Something that happened on a phone, for its history and for who watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// Its owner dialled a code.
    Dialled {
        /// As typed, for example `*580#`.
        code: String,
    },
    /// Its owner answered a USSD screen.
    Pressed {
        /// What was typed.
        text: String,
    },
    /// The network showed a screen.
    Shown {
        /// The screen.
        screen: Screen,
    },
    /// The USSD session ended without a last screen: hung up, or lost.
    HungUp,
    /// Its owner sent a message.
    Texted {
        /// The short number.
        to: String,
        /// The text.
        text: String,
    },
    /// A message arrived.
    Received {
        /// The message.
        sms: Sms,
    },
}

/// Who is told of every happening, in order, at once.
pub type Watcher = Arc<dyn Fn(&str, &Happening) + Send + Sync>;

#[derive(Default)]
struct State {
    screen: Option<Screen>,
    inbox: VecDeque<Sms>,
    /// How many messages were dropped from the front of `inbox`.
    inbox_dropped: usize,
    history: VecDeque<Happening>,
}

struct Inner {
    number: String,
    state: Mutex<State>,
    /// Counts happenings; whoever waits for one waits here.
    changed: watch::Sender<u64>,
    watcher: Option<Watcher>,
}

/// A phone. Clones are the same phone.
#[derive(Clone)]
pub struct Phone(Arc<Inner>);

/// The awaited message did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such SMS within {waited_ms} ms")]
pub struct NoSms {
    /// How long was waited.
    pub waited_ms: u128,
}

impl Phone {
    /// A phone with this number in E.164, for example `+212661000001`.
    pub fn new(number: impl Into<String>, watcher: Option<Watcher>) -> Self {
        Self(Arc::new(Inner {
            number: number.into(),
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            watcher,
        }))
    }

    /// Its number in E.164.
    pub fn number(&self) -> &str {
        &self.0.number
    }

    /// The USSD screen that it shows, if any.
    pub fn screen(&self) -> Option<Screen> {
        self.lock().screen.clone()
    }

    /// How many messages have ever arrived: the position that the next one gets.
    pub fn received(&self) -> usize {
        let state = self.lock();
        state.inbox_dropped + state.inbox.len()
    }

    /// The messages from position `from` on, oldest first.
    pub fn inbox(&self, from: usize) -> Vec<Sms> {
        let state = self.lock();
        state
            .inbox
            .iter()
            .skip(from.saturating_sub(state.inbox_dropped))
            .cloned()
            .collect()
    }

    /// What happened, oldest first; bounded.
    pub fn history(&self) -> Vec<Happening> {
        self.lock().history.iter().cloned().collect()
    }

    /// Writes down what happened and wakes whoever waits.
    pub fn record(&self, happening: Happening) {
        {
            let mut state = self.lock();
            match &happening {
                Happening::Shown { screen } => state.screen = Some(screen.clone()),
                Happening::Dialled { .. } | Happening::HungUp => state.screen = None,
                Happening::Received { sms } => {
                    state.inbox.push_back(sms.clone());
                    if state.inbox.len() > KEPT_MAX {
                        state.inbox.pop_front();
                        state.inbox_dropped += 1;
                    }
                }
                Happening::Pressed { .. } | Happening::Texted { .. } => {}
            }
            if state.history.len() == KEPT_MAX {
                state.history.pop_front();
            }
            state.history.push_back(happening.clone());
        }
        if let Some(watcher) = &self.0.watcher {
            watcher(&self.0.number, &happening);
        }
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// How many happenings there were.
    pub fn happenings(&self) -> u64 {
        *self.0.changed.borrow()
    }

    /// Waits until there were more than `seen` happenings, at most `wait`; tells how many.
    pub async fn changed_since(&self, seen: u64, wait: Duration) -> u64 {
        let mut changed = self.0.changed.subscribe();
        // Running out of time is an ordinary answer: the count as it was.
        let _ = tokio::time::timeout(wait, changed.wait_for(|count| *count > seen)).await;
        self.happenings()
    }

    /// The first message from position `from` on that `is_it` takes, with its position; waits for
    /// it at most `wait`.
    ///
    /// # Errors
    /// [`NoSms`] when none came.
    pub async fn sms(
        &self,
        from: usize,
        wait: Duration,
        is_it: impl Fn(&Sms) -> bool,
    ) -> Result<(usize, Sms), NoSms> {
        let mut changed = self.0.changed.subscribe();
        let look = || {
            let first = from.max(self.lock().inbox_dropped);
            self.inbox(first)
                .into_iter()
                .enumerate()
                .find(|(_, sms)| is_it(sms))
                .map(|(at, sms)| (first + at, sms))
        };
        let found = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = look() {
                    return found;
                }
                if changed.changed().await.is_err() {
                    // The sender lives as long as this phone, so this never ends otherwise.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(wait, found).await.map_err(|_| NoSms {
            waited_ms: wait.as_millis(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

/// All phones of the network, by number. Clones are the same set.
#[derive(Clone, Default)]
pub struct Phones {
    all: Arc<Mutex<BTreeMap<String, Phone>>>,
    watcher: Option<Watcher>,
}

impl Phones {
    /// No phones yet; `watcher` is told of everything on any of them.
    pub fn new(watcher: Option<Watcher>) -> Self {
        Self {
            all: Arc::default(),
            watcher,
        }
    }

    /// The phone with this number; there is one from the first time that it is asked for. A
    /// missing `+` is put in front, as SMPP addresses come without.
    pub fn phone(&self, number: &str) -> Phone {
        let number = format!("+{}", number.trim_start_matches('+'));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(number.clone())
            .or_insert_with(|| Phone::new(number, self.watcher.clone()))
            .clone()
    }

    /// Every phone that was ever asked for.
    pub fn all(&self) -> Vec<Phone> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn sms(text: &str) -> Happening {
        Happening::Received {
            sms: Sms {
                from: "5800".into(),
                text: text.into(),
            },
        }
    }

    #[tokio::test]
    async fn a_waiting_reader_gets_the_message_that_it_waits_for() {
        let phones = Phones::default();
        let phone = phones.phone("212661000001");
        phone.record(sms("earlier"));
        let waiting = {
            let phone = phone.clone();
            tokio::spawn(async move { phone.sms(1, SOON, |sms| sms.text.contains('b')).await })
        };
        phones.phone("+212661000001").record(sms("a"));
        phones.phone("+212661000001").record(sms("b"));
        let (at, got) = waiting.await.unwrap().unwrap();
        assert_eq!((at, got.text.as_str()), (2, "b"));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_came() {
        let phone = Phone::new("+212661000001", None);
        phone.record(sms("earlier"));
        let got = phone.sms(1, Duration::from_millis(200), |_| true).await;
        assert_eq!(got, Err(NoSms { waited_ms: 200 }));
    }

    #[test]
    fn what_is_kept_is_bounded_and_positions_stay() {
        let phone = Phone::new("+212661000001", None);
        for at in 0..=KEPT_MAX {
            phone.record(sms(&at.to_string()));
        }
        assert_eq!(phone.history().len(), KEPT_MAX);
        assert_eq!(phone.received(), KEPT_MAX + 1);
        assert_eq!(phone.inbox(KEPT_MAX)[0].text, KEPT_MAX.to_string());
        assert_eq!(phone.inbox(0)[0].text, "1");
    }

    #[test]
    fn the_screen_goes_when_the_session_goes() {
        let phone = Phone::new("+212661000001", None);
        let screen = Screen {
            text: "1. Oui".into(),
            open: true,
        };
        phone.record(Happening::Shown {
            screen: screen.clone(),
        });
        assert_eq!(phone.screen(), Some(screen));
        phone.record(Happening::HungUp);
        assert_eq!(phone.screen(), None);
    }
}
