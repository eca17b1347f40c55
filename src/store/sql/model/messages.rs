//! The outbox in the model. Where a message stands is told by the rules of the real one
//! ([`Standing`]).

use std::collections::BTreeMap;
use std::time::Duration;

use super::due::Dues;
use super::nodes::Nodes;
use super::turns::Whose;
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::conversation::ConversationId;
use crate::plant::{Plant, planted};
use crate::store::sql::Inner;
use crate::store::sql::engine::Fault;
use crate::store::sql::message_id::{forms, forms_of_answer, normal};
use crate::store::sql::standing::{GRACE, Standing};
use crate::store::{
    Due, DueKind, Mark, Message, MessageId, MessageKind, MessageState, NewMessage, PartOutcome,
    Receipt, ReceiptIds, ReceiptState,
};

const RESEND_AFTER: Duration = Duration::from_secs(60);
const SENDING_MAX: Duration = Duration::from_secs(300);

struct Row {
    key: Mark,
    new: NewMessage,
    standing: Standing,
    text: Option<String>,
    epoch: u64,
    node: i64,
    sent_at: Moment,
    changed_at: Moment,
}

/// A message as whoever looks from outside sees it.
#[derive(Clone)]
pub struct Seen {
    /// Its row.
    pub id: MessageId,
    /// Whose conversation.
    pub conversation: ConversationId,
    /// To whom.
    pub to: Msisdn,
    /// What kind.
    pub kind: MessageKind,
    /// Where it stands.
    pub state: MessageState,
    /// Its parts; 0 before a link's first word on it.
    pub parts: u8,
    /// After this it does not go.
    pub valid_until: Moment,
}

/// What has happened to a message, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It stands there now.
    To(MessageState),
    /// A takeover or a link's silence left it unknown what became of it, or of a part.
    Unknown,
    /// It was asked for again.
    Again,
    /// It was sent again by hand.
    ByHand,
}

struct PartId {
    message: i64,
    part: u8,
    link: LinkName,
    normal: String,
    id: String,
    at: Moment,
}

struct Early {
    link: LinkName,
    form: String,
    state: ReceiptState,
    at: Moment,
}

/// The outbox.
#[derive(Default)]
pub(super) struct Messages {
    rows: BTreeMap<i64, Row>,
    by_key: BTreeMap<Mark, i64>,
    epochs: BTreeMap<LinkName, u64>,
    senders: BTreeMap<(LinkName, i64), u64>,
    part_ids: Vec<PartId>,
    early: BTreeMap<i64, Early>,
    /// Whether nothing goes until it is released.
    pub held: bool,
    /// What happened to each.
    pub journal: Vec<(MessageId, Turned)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    MayBeMeant,
    AreOthers,
}

fn priority(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Code | MessageKind::Password => 0,
        MessageKind::Reply => 1,
        MessageKind::Notice => 2,
    }
}

fn exactly(form: &str) -> String {
    format!("={form}")
}

fn unsettled(form: &str) -> String {
    format!("?{form}")
}

impl Messages {
    /// Puts a message in the queue.
    pub(super) fn insert(&mut self, inner: &Inner, message: &NewMessage, at: Moment) {
        if self.by_key.contains_key(&message.key) {
            return;
        }
        let id = inner.next_id(at);
        let link = message.link.as_str();
        self.by_key.insert(message.key, id);
        let row = Row {
            key: message.key,
            standing: Standing::fresh(MessageId(id), message.conversation, message.kind, link, at),
            new: message.clone(),
            text: Some(message.text.clone()),
            epoch: 0,
            node: 0,
            sent_at: Moment::from_ms(0),
            changed_at: at,
        };
        self.rows.insert(id, row);
        let queued = Turned::To(MessageState::Queued);
        self.journal.push((MessageId(id), queued));
    }

    /// Changes a message by a rule, and draws what follows.
    fn change<T>(
        &mut self,
        id: i64,
        due: &mut Dues,
        rule: impl FnOnce(&mut Standing) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let Some(row) = self.rows.get_mut(&id) else {
            return Ok(None);
        };
        row.standing.read_again(row.text.is_some());
        let (before, unknowns) = (row.standing.state(), row.standing.unknowns());
        let ruled = rule(&mut row.standing)?;
        let (state, moved_at) = (row.standing.state(), row.standing.moved_at());
        for _ in unknowns..row.standing.unknowns() {
            self.journal.push((MessageId(id), Turned::Unknown));
        }
        if state != before {
            self.journal.push((MessageId(id), Turned::To(state)));
        }
        if let Some(at) = moved_at {
            row.changed_at = at;
        }
        if row.standing.is_final() {
            row.text = None;
        }
        let number = u64::try_from(id).unwrap_or_default();
        match row.standing.revocation() {
            None => {}
            Some(false) => due.no_revocation(row.new.conversation, number),
            Some(true) => due.put(&Due {
                conversation: row.new.conversation,
                kind: DueKind::Revoke,
                at: moved_at.unwrap_or(Moment::from_ms(0)),
                number,
                attempts: 0,
            }),
        }
        Ok(Some(ruled))
    }

    fn each(&mut self, ids: &[i64], due: &mut Dues, mut rule: impl FnMut(&mut Standing)) {
        for id in ids {
            // These rules never refuse.
            let _ruled = self.change(*id, due, |one| {
                rule(one);
                Ok(())
            });
        }
    }

    fn those(&self, which: impl Fn(&Row) -> bool) -> Vec<i64> {
        let found = self.rows.iter().filter(|(_, row)| which(row));
        found.map(|(id, _)| *id).collect()
    }

    /// A new epoch of a node's sending on a link.
    pub(super) fn begin_epoch(
        &mut self,
        nodes: &Nodes,
        me: i64,
        link: &LinkName,
        now: Moment,
        due: &mut Dues,
    ) -> u64 {
        let epoch = self.epochs.entry(link.clone()).or_default();
        *epoch += 1;
        let epoch = *epoch;
        self.senders.insert((link.clone(), me), epoch);
        self.lose_sight_of(nodes, me, Some(link), now, due);
        epoch
    }

    /// What a node was sending is an unknown outcome, and so is what nodes were that are over.
    pub(super) fn lose_sight_of(
        &mut self,
        nodes: &Nodes,
        node: i64,
        link: Option<&LinkName>,
        now: Moment,
        due: &mut Dues,
    ) {
        let left = self.those(|row| {
            row.standing.state() == MessageState::Sending
                && link.is_none_or(|link| row.new.link == *link)
                && (row.node == node || !nodes.lives(row.node))
        });
        self.each(&left, due, |one| one.lose_sight(now));
    }

    /// Claims messages of a link.
    pub(super) fn claim(
        &mut self,
        me: i64,
        (link, epoch): (&LinkName, u64),
        now: Moment,
        limit: u32,
        due: &mut Dues,
    ) -> Vec<Message> {
        if self.held || self.senders.get(&(link.clone(), me)) != Some(&epoch) {
            return Vec::new();
        }
        let queued = |row: &Row| row.standing.state() == MessageState::Queued;
        let over = self.those(|row| queued(row) && row.new.valid_until <= now);
        self.each(&over, due, |one| one.expire(true, now));
        let mut going = self.those(|row| {
            queued(row)
                && row.new.link == *link
                && row.standing.next_at() <= now
                && row.new.valid_until > now
        });
        going.sort_by_key(|id| (self.rows.get(id).map(|row| priority(row.new.kind)), *id));
        going.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let mut claimed = Vec::new();
        for id in going {
            let parts = self.change(id, due, |one| Ok(one.claimed(now)));
            let (Ok(Some(parts)), Some(row)) = (parts, self.rows.get_mut(&id)) else {
                continue;
            };
            (row.epoch, row.node, row.sent_at) = (epoch, me, now);
            let (attempts, total) = row.standing.counts();
            let mut text = row.text.clone().unwrap_or_default();
            let claim = row.standing.claims();
            if claim > 1 && planted(Plant::OtherBytesOnResend) {
                text.push('.');
            }
            claimed.push(Message {
                id: MessageId(id),
                from: row.new.from.clone(),
                to: row.new.to.clone(),
                kind: row.new.kind,
                text,
                valid_until: row.new.valid_until,
                parts,
                total,
                attempts,
                claim,
            });
        }
        claimed
    }

    /// The links that have a message to be sent now.
    pub(super) fn links_due(&self, now: Moment) -> Vec<LinkName> {
        let due = self.rows.values().filter(|row| {
            row.standing.state() == MessageState::Queued && row.standing.next_at() <= now
        });
        let mut links: Vec<LinkName> = due.map(|row| row.new.link.clone()).collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    /// When the next wants attention.
    pub(super) fn next(&self) -> Option<Moment> {
        let waits = self.rows.values().filter(|row| {
            matches!(
                row.standing.state(),
                MessageState::Queued | MessageState::Unknown
            )
        });
        waits.map(|row| row.standing.next_at()).min()
    }

    /// A link's word on a part.
    pub(super) fn told(
        &mut self,
        inner: &Inner,
        (id, claim): (MessageId, Option<u32>),
        part: (u8, u8),
        outcome: &PartOutcome,
        at: Moment,
        due: &mut Dues,
    ) -> Result<(), Fault> {
        let Some(row) = self.rows.get(&id.0) else {
            return Ok(());
        };
        let (link, created_at) = (row.new.link.clone(), row.standing.created_at());
        let mut early = std::mem::take(&mut self.early);
        let told = self.change(id.0, due, |one| {
            one.told(inner, claim, part, outcome, at, |operators_id| {
                take_early(&mut early, &link, operators_id, created_at)
            })
        });
        self.early = early;
        if let Some(Some(operators_id)) = told? {
            let is_there =
                |one: &PartId| one.message == id.0 && one.part == part.0 && one.id == operators_id;
            if !self.part_ids.iter().any(is_there) {
                self.part_ids.push(PartId {
                    message: id.0,
                    part: part.0,
                    link,
                    normal: normal(&operators_id),
                    id: operators_id,
                    at,
                });
            }
        }
        Ok(())
    }

    fn candidate(&self, link: &LinkName, form: &str) -> Option<(i64, u8, bool)> {
        let open = self.part_ids.iter().filter(|one| {
            let row = self.rows.get(&one.message);
            let state = row.and_then(|row| row.standing.part(one.part));
            one.link == *link
                && one.normal == form
                && match state {
                    None => false,
                    Some(MessageState::Delivered | MessageState::Failed) => {
                        planted(Plant::FinalStateOverwritten)
                    }
                    Some(_) => true,
                }
        });
        let one = open.max_by_key(|one| one.message)?;
        let of_part = |other: &&PartId| other.message == one.message && other.part == one.part;
        let newest = self.part_ids.iter().filter(of_part).map(|one| one.at).max();
        Some((one.message, one.part, newest == Some(one.at)))
    }

    fn knows(&self, link: &LinkName, form: &str) -> bool {
        self.part_ids.iter().any(|one| {
            one.link == *link && one.normal == form && self.rows.contains_key(&one.message)
        })
    }

    fn oldest_on_wire(&self, link: &LinkName) -> Option<Moment> {
        let on_wire = self
            .rows
            .values()
            .filter(|row| row.new.link == *link && row.standing.state() == MessageState::Sending);
        on_wire.map(|row| row.sent_at).min()
    }

    fn newest_on_wire(&self, link: &LinkName) -> Option<Moment> {
        let on_wire = self.rows.values().filter(|row| {
            let state = row.standing.state();
            row.new.link == *link && matches!(state, MessageState::Sending | MessageState::Unknown)
        });
        on_wire.map(|row| row.standing.created_at()).max()
    }

    /// Applies a receipt, or keeps it.
    pub(super) fn receipt(&mut self, inner: &Inner, receipt: &Receipt, due: &mut Dues) {
        self.take(inner, receipt, Unanswered::MayBeMeant, due);
    }

    fn take(&mut self, inner: &Inner, receipt: &Receipt, unanswered: Unanswered, due: &mut Dues) {
        let link = &receipt.link;
        let all = forms_of_answer(&receipt.message_id, receipt.ids);
        let [exact, others @ ..] = &all[..] else {
            return;
        };
        if let Some(meant) = self.candidate(link, exact) {
            self.apply(meant, receipt, due);
            return;
        }
        if receipt.state == ReceiptState::Underway {
            return;
        }
        let twin = others.iter().find_map(|form| self.candidate(link, form));
        let is_known = self.knows(link, exact);
        let form = if !is_known && twin.is_none() {
            match (unanswered, receipt.ids) {
                (Unanswered::AreOthers, _) => exactly(exact),
                (Unanswered::MayBeMeant, ReceiptIds::Any) => normal(&receipt.message_id),
                (
                    Unanswered::MayBeMeant,
                    ReceiptIds::Same | ReceiptIds::HexAnswer | ReceiptIds::DecimalAnswer,
                ) => exactly(&all.concat()),
            }
        } else {
            let is_awaited =
                unanswered == Unanswered::MayBeMeant && self.oldest_on_wire(link).is_some();
            match twin {
                _ if is_known && is_awaited => exactly(exact),
                _ if is_known => return,
                Some(_) if is_awaited => unsettled(exact),
                Some(one) => {
                    self.apply(one, receipt, due);
                    return;
                }
                None => return,
            }
        };
        if planted(Plant::EarlyReceiptDropped) {
            return;
        }
        let early = Early {
            link: link.clone(),
            form,
            state: receipt.state,
            // What was on the wire when it came is older, whatever the clocks say.
            at: self
                .newest_on_wire(link)
                .max(Some(receipt.at))
                .unwrap_or(receipt.at),
        };
        self.early.insert(inner.next_id(receipt.at), early);
    }

    /// A part that was sent again stands by its newest sending, unless an older one arrived.
    fn apply(
        &mut self,
        (message, part, newest): (i64, u8, bool),
        receipt: &Receipt,
        due: &mut Dues,
    ) {
        if newest || receipt.state == ReceiptState::Delivered {
            self.each(&[message], due, |one| {
                one.received(part, receipt.state, receipt.at);
            });
        }
    }

    /// Settles what waited for its exact id in vain.
    fn settle(&mut self, inner: &Inner, due: &mut Dues) {
        let waits: Vec<i64> = self
            .early
            .iter()
            .filter(|(_, one)| {
                let before = self.oldest_on_wire(&one.link);
                one.form.starts_with('?') && before.is_none_or(|before| one.at < before)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in waits {
            let Some(one) = self.early.remove(&id) else {
                continue;
            };
            let receipt = Receipt {
                link: one.link,
                message_id: one.form[1..].to_owned(),
                ids: ReceiptIds::Any,
                state: one.state,
                at: one.at,
            };
            self.take(inner, &receipt, Unanswered::AreOthers, due);
        }
    }

    /// Brings forward what waits, and ends what is over.
    pub(super) fn move_on(&mut self, inner: &Inner, now: Moment, due: &mut Dues) {
        use MessageState::{Queued, Sending, Sent, Unknown};
        self.settle(inner, due);
        let stands = |row: &Row, states: &[MessageState]| states.contains(&row.standing.state());
        let silent =
            self.those(|row| stands(row, &[Sending]) && row.sent_at <= now.minus(SENDING_MAX));
        self.each(&silent, due, |one| one.lose_sight(now));
        for (states, until, lost) in [
            (&[Queued][..], now, true),
            (&[Unknown, Sending], now.minus(GRACE), true),
            (&[Sent], now.minus(GRACE), false),
        ] {
            let over = self.those(|row| stands(row, states) && row.new.valid_until <= until);
            self.each(&over, due, |one| one.expire(lost, now));
        }
        let again = self.those(|row| {
            stands(row, &[Unknown]) && row.standing.next_at() <= now && row.new.valid_until > now
        });
        self.each(&again, due, |one| one.try_again(now));
    }

    /// Forgets what has been final for long, and receipts that nobody waited for.
    pub(super) fn forget(&mut self, rows_before: Moment, receipts_before: Moment) {
        self.rows
            .retain(|_, row| !(row.standing.is_final() && row.changed_at <= rows_before));
        let rows = &self.rows;
        self.by_key.retain(|_, id| rows.contains_key(id));
        self.part_ids.retain(|one| rows.contains_key(&one.message));
        self.early.retain(|_, one| one.at > receipts_before);
    }

    /// Puts a message into the queue again.
    pub(super) fn resend(&mut self, key: &Mark, now: Moment) -> Option<Duration> {
        let id = *self.by_key.get(key)?;
        let row = self.rows.get_mut(&id)?;
        if row.text.is_none() || row.new.valid_until <= now {
            return None;
        }
        // One that went in the future went now.
        row.sent_at = row.sent_at.min(now);
        let free_at = row.sent_at.plus(RESEND_AFTER);
        match row.standing.state() {
            MessageState::Queued => Some(Duration::ZERO),
            MessageState::Sending | MessageState::Unknown => {
                Some(free_at.since(now).max(Duration::from_secs(1)))
            }
            MessageState::Sent if free_at > now => Some(free_at.since(now)),
            MessageState::Sent => {
                row.standing.read_again(true);
                row.standing.goes_again(now);
                row.changed_at = now;
                self.journal.push((MessageId(id), Turned::Again));
                let queued = Turned::To(MessageState::Queued);
                self.journal.push((MessageId(id), queued));
                Some(Duration::ZERO)
            }
            MessageState::Delivered
            | MessageState::Failed
            | MessageState::Expired
            | MessageState::Cancelled => None,
        }
    }

    /// The same bytes once more, because somebody wants it. Whether it may be is judged as the real
    /// ledger does.
    pub(super) fn send_again(&mut self, id: MessageId, now: Moment, due: &mut Dues) -> bool {
        let Some(row) = self.rows.get_mut(&id.0) else {
            return false;
        };
        row.sent_at = row.sent_at.min(now);
        let is_free = match row.standing.state() {
            MessageState::Queued | MessageState::Unknown => true,
            MessageState::Sent => row.sent_at.plus(RESEND_AFTER) <= now,
            MessageState::Sending
            | MessageState::Delivered
            | MessageState::Failed
            | MessageState::Expired
            | MessageState::Cancelled => false,
        };
        if !is_free || row.text.is_none() || row.new.valid_until <= now {
            return false;
        }
        self.journal.push((id, Turned::ByHand));
        self.each(&[id.0], due, |one| one.go_again(now));
        true
    }

    /// What has not gone does not go, because somebody wants it.
    pub(super) fn cancel_by_hand(&mut self, id: MessageId, now: Moment, due: &mut Dues) -> bool {
        let state = self.rows.get(&id.0).map(|row| row.standing.state());
        if !matches!(state, Some(MessageState::Queued | MessageState::Unknown)) {
            return false;
        }
        self.each(&[id.0], due, |one| one.cancel("by hand", now));
        true
    }

    fn cancel(&mut self, now: Moment, which: impl Fn(&Row) -> bool) {
        for (id, row) in &mut self.rows {
            if row.standing.state() == MessageState::Queued && which(row) {
                row.standing.set_state(MessageState::Cancelled, now);
                (row.text, row.changed_at) = (None, now);
                let cancelled = Turned::To(MessageState::Cancelled);
                self.journal.push((MessageId(*id), cancelled));
            }
        }
    }

    /// After STOP.
    pub(super) fn cancel_notices(&mut self, whose: &Whose, at: Moment) {
        self.cancel(at, |row| {
            row.new.service == whose.0
                && row.new.to == whose.1
                && row.new.kind == MessageKind::Notice
        });
    }

    /// A conversation is erased.
    pub(super) fn erase(&mut self, id: ConversationId) {
        let of = |row: &Row| row.new.conversation == id;
        let unchanged = Moment::from_ms(0);
        for row in self.rows.values_mut().filter(|row| of(row)) {
            if row.standing.state() == MessageState::Queued {
                let at = row.changed_at.max(unchanged);
                row.standing.set_state(MessageState::Cancelled, at);
            }
            row.text = None;
        }
    }

    /// The message with a key.
    pub(super) fn state_by_key(&self, key: &Mark) -> Option<(MessageId, MessageState)> {
        let id = *self.by_key.get(key)?;
        let row = self.rows.get(&id)?;
        Some((MessageId(id), row.standing.state()))
    }

    /// The key of a message.
    pub(super) fn key(&self, id: MessageId) -> Option<Mark> {
        self.rows.get(&id.0).map(|row| row.key)
    }

    /// How many stand in each state.
    pub(super) fn counts(&self) -> Vec<(MessageState, u64)> {
        let mut counts: BTreeMap<MessageState, u64> = BTreeMap::new();
        for row in self.rows.values() {
            *counts.entry(row.standing.state()).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// The operator's ids of parts.
    pub(super) fn part_ids(&self) -> Vec<(MessageId, u8, String)> {
        let ids = self.part_ids.iter();
        ids.map(|one| (MessageId(one.message), one.part, one.id.clone()))
            .collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Seen> {
        self.rows.iter().map(|(id, row)| Seen {
            id: MessageId(*id),
            conversation: row.new.conversation,
            to: row.new.to.clone(),
            kind: row.new.kind,
            state: row.standing.state(),
            parts: row.standing.counts().1,
            valid_until: row.new.valid_until,
        })
    }
}

/// What came early under an id, and not before its message.
fn take_early(
    early: &mut BTreeMap<i64, Early>,
    link: &LinkName,
    operators_id: &str,
    created_at: Moment,
) -> Vec<ReceiptState> {
    let own = normal(operators_id);
    let waiting = [exactly(&own), unsettled(&own)]
        .into_iter()
        .chain(forms(operators_id));
    for form in waiting {
        let its_own = |one: &Early| one.link == *link && one.form == form && one.at >= created_at;
        let taken: Vec<ReceiptState> = early
            .extract_if(.., |_, one| its_own(one))
            .map(|(_, one)| one.state)
            .collect();
        if !taken.is_empty() {
            return taken;
        }
    }
    Vec::new()
}
