//! Whether a link may be used now: open, in a pause that the operator asked for, down until a time,
//! or tried with one message.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::callback::LinkName;
use crate::clock::Chance;
use crate::sms_http::judge::LinkWord;

/// The pauses after failures to get an answer: the first, and the longest to which they double.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The same after the operator refused us, which only people mend.
const FAULT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// The same after it throttled us and did not say for how long.
const BUSY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// After so many exchanges without an answer, with no answer between, the link counts as down: a
/// message that gets no answer may be sent three times, then it is lost.
const SILENT_MAX: u32 = 3;

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing may be begun.
    Down,
    /// The link is up, but the operator asked for a pause.
    Pause,
    /// One message may go, to see.
    Probe,
    /// All is well.
    Open,
}

/// The gate of one link.
pub(super) struct Gate {
    link: LinkName,
    state: Mutex<State>,
    changes: watch::Sender<()>,
    /// What [`Gate::tell`] told last, as the number of its [`Standing`].
    told: AtomicU8,
    chance: Arc<dyn Chance>,
}

struct State {
    /// Grows when the link goes down or comes up: what was begun before says nothing new.
    round: u64,
    /// Failures in a row; 0 while it is up.
    failures: u32,
    /// Exchanges without an answer in a row.
    silent: u32,
    /// When the next try may be made, while there are failures.
    again_at: Instant,
    /// Times in a row that it throttled us and did not say for how long.
    throttled: u32,
    /// Until when the operator wants to be left alone.
    pause_until: Instant,
}

impl State {
    fn standing(&self, now: Instant) -> Standing {
        if self.failures > 0 && now < self.again_at {
            Standing::Down
        } else if now < self.pause_until {
            Standing::Pause
        } else if self.failures > 0 {
            Standing::Probe
        } else {
            Standing::Open
        }
    }

    /// When time alone changes the standing.
    fn turns_at(&self, now: Instant) -> Option<Instant> {
        match self.standing(now) {
            Standing::Down => Some(self.again_at),
            Standing::Pause => Some(self.pause_until),
            Standing::Probe | Standing::Open => None,
        }
    }
}

impl Gate {
    /// An open one.
    pub fn new(link: LinkName, chance: Arc<dyn Chance>) -> Self {
        let now = Instant::now();
        Self {
            link,
            state: Mutex::new(State {
                round: 0,
                failures: 0,
                silent: 0,
                again_at: now,
                throttled: 0,
                pause_until: now,
            }),
            changes: watch::channel(()).0,
            told: AtomicU8::new(Standing::Open as u8),
            chance,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands, and the round in which an exchange that begins now is.
    pub fn standing(&self) -> (Standing, u64) {
        let state = self.lock();
        (state.standing(Instant::now()), state.round)
    }

    /// As [`Gate::standing`], and [`Gate::changed`] waits for another.
    pub fn tell(&self) -> Standing {
        let (standing, _) = self.standing();
        self.told.store(standing as u8, Ordering::Relaxed);
        standing
    }

    /// Returns as soon as the standing is another than the one told last.
    pub async fn changed(&self) {
        let mut changes = self.changes.subscribe();
        loop {
            let now = Instant::now();
            let (standing, turns_at) = {
                let state = self.lock();
                (state.standing(now), state.turns_at(now))
            };
            if standing as u8 != self.told.load(Ordering::Relaxed) {
                return;
            }
            let turn = async {
                match turns_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = turn => {}
                // The sender is in `self`.
                _ = changes.changed() => {}
            }
        }
    }

    /// Takes note of what an exchange that began in `round` said.
    pub fn learn(&self, round: u64, word: &LinkWord) {
        match word {
            LinkWord::Fine => {
                self.answered();
                self.lock().throttled = 0;
            }
            LinkWord::Pause(wait) => {
                self.answered();
                let mut state = self.lock();
                state.pause_until = state.pause_until.max(Instant::now() + *wait);
                drop(state);
                self.changes.send_replace(());
            }
            LinkWord::Busy => {
                self.answered();
                let mut state = self.lock();
                let now = Instant::now();
                // What was under way together is throttled together.
                if now >= state.pause_until {
                    state.pause_until = now + self.spread(BUSY, state.throttled);
                    state.throttled = state.throttled.saturating_add(1);
                }
                drop(state);
                self.changes.send_replace(());
            }
            LinkWord::Fault(reason) => self.failed(round, FAULT, reason),
            LinkWord::Away(why) => self.failed(round, AWAY, why),
            LinkWord::Silent(why) => {
                let mut state = self.lock();
                state.silent = state.silent.saturating_add(1);
                let enough = state.failures > 0 || state.silent >= SILENT_MAX;
                drop(state);
                if enough {
                    self.failed(round, AWAY, why);
                }
            }
        }
    }

    fn answered(&self) {
        let mut state = self.lock();
        state.silent = 0;
        if state.failures == 0 {
            return;
        }
        state.failures = 0;
        state.round += 1;
        drop(state);
        tracing::info!(link = %self.link, "the link is up");
        self.changes.send_replace(());
    }

    /// The pause after so many before it: at least half of its step, so that links do not come in
    /// step.
    fn spread(&self, (first, longest): (Duration, Duration), before: u32) -> Duration {
        let step = first.saturating_mul(1 << before.min(16)).min(longest);
        let half = u64::try_from((step / 2).as_millis()).unwrap_or(u64::MAX);
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        let jitter = u64::from_le_bytes(bytes) % half.saturating_add(1);
        Duration::from_millis(half.saturating_add(jitter))
    }

    fn failed(&self, round: u64, pauses: (Duration, Duration), why: &str) {
        let mut state = self.lock();
        // What was under way together fails together.
        if state.round != round {
            return;
        }
        let wait = self.spread(pauses, state.failures);
        state.failures = state.failures.saturating_add(1);
        state.round += 1;
        state.again_at = Instant::now() + wait;
        let first = state.failures == 1;
        drop(state);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        // One line when it goes down; the tries after it are for whoever looks closely.
        if first {
            tracing::warn!(link = %self.link, why, wait_ms, "the link is down");
        } else {
            tracing::debug!(link = %self.link, why, wait_ms, "the link is still down");
        }
        self.changes.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    /// Always the longest pause of its step.
    struct Most;

    impl Chance for Most {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn gate() -> Gate {
        Gate::new(LinkName::from("api"), Arc::new(Most))
    }

    /// Fails in the present round and tells how long the gate is down.
    async fn down_for(gate: &Gate, word: &LinkWord) -> Duration {
        gate.learn(gate.standing().1, word);
        assert_eq!(gate.tell(), Standing::Down);
        let from = Instant::now();
        gate.changed().await;
        assert_eq!(gate.tell(), Standing::Probe);
        from.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_to_a_bound_and_an_answer_ends_them() {
        for (word, seconds) in [
            (LinkWord::Away("x"), [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]),
            (
                LinkWord::Fault("x".into()),
                [2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0],
            ),
        ] {
            let gate = gate();
            for seconds in seconds {
                let wait = down_for(&gate, &word).await;
                assert!((wait.as_secs_f64() - seconds).abs() < 0.01, "{wait:?}");
            }
            gate.learn(gate.standing().1, &LinkWord::Fine);
            assert_eq!(gate.tell(), Standing::Open);
            let wait = down_for(&gate, &word).await;
            assert!((wait.as_secs_f64() - seconds[0]).abs() < 0.01, "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_together_is_one_failure() {
        let gate = gate();
        let (_, round) = gate.standing();
        for _ in 0..10 {
            gate.learn(round, &LinkWord::Away("x"));
        }
        assert_eq!(gate.lock().failures, 1);
        // One that began before and was answered shows that the operator is there.
        gate.learn(round, &LinkWord::Fine);
        assert_eq!(gate.tell(), Standing::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_takes_a_link_down_in_the_end() {
        let gate = gate();
        for word in [
            LinkWord::Silent("x"),
            LinkWord::Silent("x"),
            LinkWord::Fine,
            LinkWord::Silent("x"),
            LinkWord::Silent("x"),
        ] {
            gate.learn(0, &word);
            assert_eq!(gate.tell(), Standing::Open);
        }
        gate.learn(0, &LinkWord::Silent("x"));
        assert_eq!(gate.tell(), Standing::Down);
        gate.changed().await;
        // Whoever is only tried goes down again at once.
        assert_eq!(gate.tell(), Standing::Probe);
        gate.learn(gate.standing().1, &LinkWord::Silent("x"));
        assert_eq!(gate.tell(), Standing::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_without_a_time_pauses_longer_each_time() {
        let gate = gate();
        for seconds in [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] {
            // Ten of a window are one.
            for _ in 0..10 {
                gate.learn(0, &LinkWord::Busy);
            }
            assert_eq!(gate.tell(), Standing::Pause);
            let from = Instant::now();
            gate.changed().await;
            let wait = from.elapsed().as_secs_f64();
            assert!((wait - seconds).abs() < 0.01, "{wait}");
            assert_eq!(gate.tell(), Standing::Open);
        }
        gate.learn(0, &LinkWord::Fine);
        gate.learn(0, &LinkWord::Busy);
        gate.tell();
        let from = Instant::now();
        gate.changed().await;
        assert!(from.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_by_itself_and_leaves_the_link_up() {
        let gate = gate();
        let seconds = Duration::from_secs;
        gate.learn(0, &LinkWord::Pause(seconds(7)));
        // A shorter one does not shorten it.
        gate.learn(0, &LinkWord::Pause(seconds(1)));
        assert_eq!(gate.tell(), Standing::Pause);
        advance(seconds(6)).await;
        assert!(timeout(Duration::ZERO, gate.changed()).await.is_err());
        let from = Instant::now();
        gate.changed().await;
        assert!(from.elapsed() <= seconds(1) + Duration::from_millis(1));
        assert_eq!(gate.tell(), Standing::Open);
    }
}
