//! One-time codes, their limits, failed matches, and the highest time seen, in the model.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CodeMade, Ledger};
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::conversation::ConversationId;
use crate::plant::{Plant, planted};
use crate::store::sql::Inner;
use crate::store::{CodeSent, CodeTried, CodeWanted, Mark, MatchFailures};

/// How far behind the highest time a moment may be.
const LATE_MAX: Duration = Duration::from_secs(60);
const OF_NUMBER: Duration = Duration::from_secs(24 * 3600);
const OF_IDENTITY: Duration = Duration::from_secs(30 * 24 * 3600);
/// The last digits of a number that are left out of its block.
const BLOCK_DIGITS: usize = 3;

type CodeKey = (ConversationId, Msisdn);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Living,
    Used,
    Spent,
    Dead,
}

struct Code {
    digits: Option<String>,
    state: State,
    tries: u32,
    sends: usize,
    sent_at: Moment,
    expires_at: Moment,
}

struct Sending {
    conversation: ConversationId,
    to: Msisdn,
    by_owner: bool,
    used: bool,
    sent_at: Moment,
    expires_at: Moment,
}

struct Failure {
    subscriber: Msisdn,
    identity: Mark,
    at: Moment,
}

/// Codes and counters.
#[derive(Default)]
pub(super) struct Codes {
    codes: BTreeMap<CodeKey, Code>,
    sendings: BTreeMap<Mark, Sending>,
    tries: BTreeMap<(ConversationId, Mark), (CodeTried, Moment)>,
    blocks: BTreeMap<(String, bool), Moment>,
    failures: BTreeMap<Mark, Failure>,
    highest: Option<Moment>,
}

fn block(to: &Msisdn) -> String {
    let digits = to.digits();
    digits[..digits.len().saturating_sub(BLOCK_DIGITS)].to_owned()
}

impl Codes {
    /// The moment to judge limits by: never before the highest one seen.
    pub(super) fn settle(&mut self, now: Moment) -> Moment {
        let highest = self.highest.unwrap_or(Moment::from_ms(i64::MIN));
        if planted(Plant::ClockRevivesCode) {
            return now;
        }
        if highest > now && highest.since(now) <= LATE_MAX {
            return highest;
        }
        if highest > now {
            let shifted = |at: Moment| Moment::from_ms(now.ms() + (at.ms() - highest.ms()));
            for code in self.codes.values_mut() {
                code.expires_at = shifted(code.expires_at);
                code.sent_at = code.sent_at.min(now);
            }
            for sending in self.sendings.values_mut() {
                sending.sent_at = sending.sent_at.min(now);
            }
            for until in self.blocks.values_mut().filter(|until| **until > highest) {
                *until = shifted(*until);
            }
            for failure in self.failures.values_mut() {
                failure.at = failure.at.min(now);
            }
        }
        self.highest = Some(now);
        now
    }

    fn is_limited(&mut self, inner: &Inner, to: &Msisdn, by_owner: bool, now: Moment) -> bool {
        let rules = &inner.rules;
        if planted(Plant::LimitsForgotten) {
            return false;
        }
        for (window, limit) in [(rules.short, rules.short_max), (rules.long, rules.long_max)] {
            let since = now.minus(window);
            let sent = self
                .sendings
                .values()
                .filter(|one| one.to == *to && one.by_owner == by_owner && one.sent_at > since);
            if sent.count() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return true;
            }
        }
        let block = (block(to), by_owner);
        if self.blocks.get(&block).is_some_and(|until| *until > now) {
            return true;
        }
        let since = now.minus(rules.short);
        let of_block = self.sendings.values().filter(|one| {
            self::block(&one.to) == block.0 && one.by_owner == by_owner && one.sent_at > since
        });
        let (sent, used) = of_block.fold((0, 0), |(sent, used), one| {
            (sent + 1, used + u32::from(one.used))
        });
        if sent < rules.block_max || used * 100 >= sent * rules.block_used_percent {
            return false;
        }
        self.blocks.insert(block, now.plus(rules.block_stop));
        true
    }

    /// Tries a code.
    pub(super) fn attempt(
        &mut self,
        inner: &Inner,
        (conversation, to): (ConversationId, &Msisdn),
        typed: &str,
        key: &Mark,
        now: Moment,
    ) -> CodeTried {
        if let Some((before, _)) = self.tries.get(&(conversation, *key)) {
            return *before;
        }
        let now = self.settle(now);
        let tried = self.judge(inner, (conversation, to), typed.trim(), now);
        self.tries.insert((conversation, *key), (tried, now));
        tried
    }

    fn judge(
        &mut self,
        inner: &Inner,
        (conversation, to): (ConversationId, &Msisdn),
        typed: &str,
        now: Moment,
    ) -> CodeTried {
        let Some(code) = self.codes.get_mut(&(conversation, to.clone())) else {
            return CodeTried::Expired;
        };
        let end = |code: &mut Code, state| (code.state, code.digits) = (state, None);
        if code.expires_at <= now {
            end(code, State::Dead);
            return CodeTried::Expired;
        }
        match code.state {
            State::Living => {}
            State::Spent => return CodeTried::Spent,
            State::Used | State::Dead => return CodeTried::Expired,
        }
        code.tries += 1;
        if code.digits.as_deref() == Some(typed) {
            end(code, State::Used);
            let of = |one: &&mut Sending| one.conversation == conversation && one.to == *to;
            for sending in self.sendings.values_mut().filter(of) {
                sending.used = true;
            }
            return CodeTried::Right;
        }
        let left = inner.rules.tries_max.saturating_sub(code.tries);
        if left == 0 {
            end(code, State::Spent);
            return CodeTried::Spent;
        }
        CodeTried::Wrong { left }
    }

    /// Counts failures within their windows.
    pub(super) fn count(&self, who: &Msisdn, identity: &Mark, now: Moment) -> MatchFailures {
        let count = |which: &dyn Fn(&Failure) -> bool| {
            let found = self.failures.values().filter(|one| which(one)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        MatchFailures {
            by_number: count(&|one| one.subscriber == *who && one.at > now.minus(OF_NUMBER)),
            of_identity: count(&|one| one.identity == *identity && one.at > now.minus(OF_IDENTITY)),
        }
    }

    /// Records a failure, once per key.
    pub(super) fn failed(&mut self, who: &Msisdn, identity: &Mark, key: &Mark, now: Moment) {
        let at = self.settle(now);
        self.failures.entry(*key).or_insert_with(|| Failure {
            subscriber: who.clone(),
            identity: *identity,
            at,
        });
    }

    /// Erases what has expired.
    pub(super) fn tidy(&mut self, now: Moment, before: Moment) {
        let living = |code: &&mut Code| code.state == State::Living && code.expires_at <= now;
        for code in self.codes.values_mut().filter(living) {
            (code.state, code.digits) = (State::Dead, None);
        }
        self.codes.retain(|_, code| code.expires_at > before);
        self.sendings.retain(|_, one| one.sent_at > before);
        self.tries.retain(|_, (_, at)| *at > before);
        self.blocks.retain(|_, until| *until > before);
        self.failures.retain(|_, one| one.at > before);
    }

    /// A conversation is erased.
    pub(super) fn erase(&mut self, id: ConversationId) {
        self.codes.retain(|(of, _), _| *of != id);
        self.tries.retain(|(of, _), _| *of != id);
    }
}

impl Ledger {
    /// Sends a code, or the living one again, within the limits.
    pub(super) fn send_code(
        &mut self,
        inner: &Inner,
        wanted: &CodeWanted,
        time: Option<Moment>,
    ) -> CodeSent {
        let rules = &inner.rules;
        let codes = &mut self.codes;
        if let Some(before) = codes.sendings.get(&wanted.key) {
            return CodeSent::Sent {
                until: before.expires_at,
            };
        }
        let now = codes.settle(wanted.at);
        let key = (wanted.conversation, wanted.to.clone());
        if let Some(code) = codes.codes.get(&key) {
            let at = code.sends.clamp(1, rules.waits.len()) - 1;
            let free_at = code.sent_at.plus(rules.waits[at]);
            if free_at > now {
                let wait = free_at.since(now);
                return CodeSent::TooSoon { wait };
            }
        }
        if codes.is_limited(inner, &wanted.to, wanted.asked_by_owner, now) {
            return CodeSent::Limited;
        }
        let living = codes.codes.get_mut(&key).filter(|code| {
            code.state == State::Living
                && code.tries < rules.tries_max
                && code.expires_at > now
                && !planted(Plant::CodeMintedAgain)
        });
        let (digits, until) = match living {
            Some(code) => {
                code.sends += 1;
                code.sent_at = now;
                (code.digits.clone().unwrap_or_default(), code.expires_at)
            }
            None => {
                let until = now.plus(rules.life);
                let code = Code {
                    digits: Some(wanted.fresh.clone()),
                    state: State::Living,
                    tries: 0,
                    sends: 1,
                    sent_at: now,
                    expires_at: until,
                };
                codes.codes.insert(key, code);
                (wanted.fresh.clone(), until)
            }
        };
        codes.sendings.insert(
            wanted.key,
            Sending {
                conversation: wanted.conversation,
                to: wanted.to.clone(),
                by_owner: wanted.asked_by_owner,
                used: false,
                sent_at: now,
                expires_at: until,
            },
        );
        let mut message = wanted.message.clone();
        message.text = message.text.replace("{code}", &digits);
        message.valid_until = until;
        self.made.push(CodeMade {
            conversation: wanted.conversation,
            to: wanted.to.clone(),
            text: message.text.clone(),
            at: time,
            by_owner: wanted.asked_by_owner,
        });
        self.messages.insert(inner, &message, wanted.at);
        CodeSent::Sent { until }
    }
}
