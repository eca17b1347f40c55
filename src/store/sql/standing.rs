//! Where a message stands: what links and crashes say of its parts, and what follows for the whole.
//!
//! A message stands where its parts stand ([`aggregate`]). Before a link's first word on it nobody
//! knows how many parts it has; until then its own row tells.
//!
//! The rules are pure: [`Standings`] reads the rows of many messages at once, words move them in
//! memory, and what has changed is written back by statements over many rows.

#[cfg(feature = "plant")]
mod apart;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::engine::{Conn, Fault, Row, sql};
use super::outbox::kind_of;
use super::receipts::{self, Early, NewId};
use super::rows::{List, Rows};
use super::writer::{Shared, Verdict};
use super::{Inner, bytes, count, due, number, text};
use crate::clock::Moment;
use crate::plant::{Plant, planted};
use crate::store::{
    Due, DueKind, MessageKind, MessageState, PartOutcome, ReceiptState, StoreError,
};

/// Sendings after an unknown outcome.
const UNKNOWNS_MAX: i64 = 2;
/// How long an unknown outcome waits for a late answer or receipt.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// The bound of the wait after a link said that it is too fast, whose pace goes down as well.
const AFTER_THROTTLE: Duration = Duration::from_secs(4);
/// The wait after a link was down.
const AFTER_NOT_SENT: Duration = Duration::from_secs(1);
/// The bound of the wait after the first passing error; it doubles with each. The wait itself is drawn
/// from nothing to the bound.
const BACK_OFF: Duration = Duration::from_secs(5);
/// The shortest of those waits: twice as long as the outbox takes to look.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
/// The highest of those bounds.
pub(super) const BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// Bytes of an operator's reason that are kept.
const REASON_MAX: usize = 64;

// Reasons that are the ledger's own words; the others are codes of the operators.

/// The link said that it is too fast.
const THROTTLED: &str = "throttled";
/// The link was down.
const NOT_SENT: &str = "not sent";
/// No answer came, or the process that waited for it died.
const NO_ANSWER: &str = "no answer";
/// It was taken, and no receipt came within its validity.
const NO_RECEIPT: &str = "no receipt";
/// The ledger was put back, and it may have gone since its backup.
const RESTORED: &str = "restored";
/// A receipt ended it.
const RECEIPT: &str = "receipt";

/// The state that a word stands for.
pub(super) fn state_of(word: &str) -> MessageState {
    [
        MessageState::Queued,
        MessageState::Sending,
        MessageState::Sent,
        MessageState::Unknown,
        MessageState::Delivered,
        MessageState::Failed,
        MessageState::Expired,
    ]
    .into_iter()
    .find(|state| state.name() == word)
    // Only this file and the queue's write the column.
    .unwrap_or(MessageState::Cancelled)
}

/// Whether nothing moves a message from a state any more, but for a late delivery.
pub(super) fn is_final(state: MessageState) -> bool {
    match state {
        MessageState::Queued
        | MessageState::Sending
        | MessageState::Sent
        | MessageState::Unknown => false,
        MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => true,
    }
}

/// Where a message stands, by its parts: on the wire while one is; lost with the first that is
/// lost; else where the part stands that is furthest behind.
fn aggregate(parts: &[MessageState]) -> Option<MessageState> {
    [
        MessageState::Sending,
        MessageState::Failed,
        MessageState::Cancelled,
        MessageState::Expired,
        MessageState::Unknown,
        MessageState::Queued,
        MessageState::Sent,
        MessageState::Delivered,
    ]
    .into_iter()
    .find(|state| parts.contains(state))
}

/// What can change of a message's row.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Changing {
    state: MessageState,
    parts: i64,
    attempts: i64,
    counted: bool,
    unknowns: i64,
    next_at: i64,
    /// A new reason; the row keeps its own where there is none.
    reason: Option<String>,
    /// It has failed for good, which nobody was told yet.
    is_dead: bool,
}

/// One part's row.
#[derive(Clone, PartialEq, Eq)]
struct Part {
    state: MessageState,
    unknowns: i64,
    /// A new reason, as above.
    reason: Option<String>,
}

/// What is to become of the revocation of a password.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Revocation {
    /// It falls due.
    Due,
    /// It is not needed, unless it has begun.
    Over,
}

/// A message and its parts, without its body.
pub(super) struct Standing {
    id: i64,
    conversation: Vec<u8>,
    kind: MessageKind,
    link: String,
    has_body: bool,
    created_at: i64,
    claims: i64,
    now: Changing,
    read: Changing,
    parts: BTreeMap<u8, Part>,
    parts_read: BTreeMap<u8, Part>,
    /// When it moved; none if it did not.
    moved_at: Option<Moment>,
    revocation: Option<Revocation>,
}

impl Standing {
    fn of(row: &Row) -> Result<Self, Fault> {
        let now = Changing {
            state: state_of(&text(row, "state")?),
            parts: number(row, "parts")?,
            attempts: number(row, "attempts")?,
            counted: number(row, "counted")? != 0,
            unknowns: number(row, "unknowns")?,
            next_at: number(row, "next_at")?,
            reason: None,
            is_dead: false,
        };
        Ok(Self {
            id: number(row, "id")?,
            conversation: bytes(row, "conversation")?,
            kind: kind_of(&text(row, "kind")?),
            link: text(row, "link")?,
            has_body: number(row, "has_body")? != 0,
            created_at: number(row, "created_at")?,
            claims: number(row, "claims")?,
            read: now.clone(),
            now,
            parts: BTreeMap::new(),
            parts_read: BTreeMap::new(),
            moved_at: None,
            revocation: None,
        })
    }

    /// Where it stands.
    pub(in crate::store::sql) fn state(&self) -> MessageState {
        self.now.state
    }

    /// How a part stands.
    pub(super) fn part(&self, part: u8) -> Option<MessageState> {
        self.parts.get(&part).map(|part| part.state)
    }

    /// Moves the message to a state, as far as the rules of final states let it. `lost` tells
    /// whether an end that is not a delivery means that its text surely or probably never arrived.
    fn move_to(&mut self, state: MessageState, lost: bool, now: Moment, next_at: i64) {
        let late_delivery =
            self.now.state == MessageState::Expired && state == MessageState::Delivered;
        if is_final(self.now.state) && !late_delivery && !planted(Plant::FinalStateOverwritten) {
            return;
        }
        // Without a body nothing can go again.
        let state = if state == MessageState::Queued && !self.has_body {
            MessageState::Failed
        } else {
            state
        };
        self.now.next_at = match (self.now.state, state) {
            // Another part's word does not make the grace longer.
            (MessageState::Unknown, MessageState::Unknown) => self.now.next_at,
            (_, MessageState::Unknown) => now.plus(GRACE).ms(),
            (_, _) => next_at,
        };
        self.now.state = state;
        self.now.is_dead = match state {
            MessageState::Failed => true,
            MessageState::Expired => lost,
            MessageState::Queued
            | MessageState::Sending
            | MessageState::Sent
            | MessageState::Unknown
            | MessageState::Delivered
            | MessageState::Cancelled => false,
        };
        self.moved_at = Some(now);
        if self.kind != MessageKind::Password {
            return;
        }
        if late_delivery {
            self.revocation = Some(Revocation::Over);
        } else if lost && is_final(state) && state != MessageState::Delivered {
            self.revocation = Some(Revocation::Due);
        }
    }

    /// Moves the message to where its parts stand now.
    fn follow_parts(&mut self, now: Moment, next_at: Option<i64>) {
        let states: Vec<MessageState> = self.parts.values().map(|part| part.state).collect();
        if let Some(state) = aggregate(&states) {
            let next_at = next_at.map_or(self.now.next_at, |at| at.max(self.now.next_at));
            self.move_to(state, true, now, next_at);
        }
    }

    fn set_part(&mut self, part: u8, state: MessageState, reason: Option<String>) {
        let Some(part) = self.parts.get_mut(&part) else {
            return;
        };
        part.state = state;
        part.unknowns += i64::from(state == MessageState::Unknown);
        if let Some(reason) = reason {
            let reason: String = reason.chars().take(REASON_MAX).collect();
            part.reason = Some(reason.clone());
            self.now.reason = Some(reason);
        }
    }

    /// Counts an attempt, once per claim.
    fn count_attempt(&mut self) {
        if !self.now.counted {
            self.now.attempts += 1;
            self.now.counted = true;
        }
    }

    /// A link's word on one part, but for what it means that it was taken: that is told by the
    /// operator's id, which is returned.
    fn word<'w>(&mut self, inner: &Inner, word: &'w Word) -> Result<Option<&'w str>, Fault> {
        let (part, parts) = word.part;
        if part >= parts || (self.now.parts != 0 && self.now.parts != i64::from(parts)) {
            let text = format!(
                "message {} has {} parts, a word came on part {part} of {parts}",
                self.id, self.now.parts
            );
            return Err(Fault::Store(StoreError::Unavailable(text)));
        }
        if self.now.parts == 0 {
            // The first word tells how many parts there are; each stands where the message stood.
            self.now.parts = i64::from(parts);
            let first = Part {
                state: self.now.state,
                unknowns: self.now.unknowns,
                reason: None,
            };
            self.parts = (0..parts).map(|part| (part, first.clone())).collect();
        }
        let Some(state) = self.part(part) else {
            return Ok(None);
        };
        // A late word counts as long as nothing better is known, and no later sending of the part has
        // begun: that one will have a word of its own.
        let is_of_another = word
            .claim
            .is_some_and(|claim| i64::from(claim) != self.claims)
            && !planted(Plant::WordOfAnotherClaim);
        let awaited =
            matches!(state, MessageState::Sending | MessageState::Unknown) && !is_of_another;

        let (next, counts, wait, reason) = match &word.outcome {
            PartOutcome::Accepted(operators_id) => {
                if !is_final(state) {
                    self.set_part(part, MessageState::Sent, None);
                }
                return Ok(Some(operators_id));
            }
            PartOutcome::Throttled => (
                MessageState::Queued,
                false,
                Some(inner.spread(BACK_OFF_MIN, AFTER_THROTTLE)),
                Some(THROTTLED.to_owned()),
            ),
            PartOutcome::NotSent => (
                MessageState::Queued,
                false,
                Some(AFTER_NOT_SENT),
                Some(NOT_SENT.to_owned()),
            ),
            PartOutcome::Temporary(reason) => {
                // Another part's word may have counted this attempt already.
                let before = self.now.attempts - i64::from(self.now.counted);
                let step = u32::try_from(before).unwrap_or_default().min(16);
                let wait = BACK_OFF.saturating_mul(1 << step).min(BACK_OFF_MAX);
                (
                    MessageState::Queued,
                    true,
                    Some(inner.spread(BACK_OFF_MIN, wait)),
                    Some(reason.clone()),
                )
            }
            PartOutcome::Refused(reason) => {
                (MessageState::Failed, true, None, Some(reason.clone()))
            }
            PartOutcome::Unknown => (
                MessageState::Unknown,
                true,
                None,
                Some(NO_ANSWER.to_owned()),
            ),
        };
        if !awaited || (next == MessageState::Unknown && state == MessageState::Unknown) {
            return Ok(None);
        }
        self.set_part(part, next, reason);
        if counts {
            self.count_attempt();
        }
        self.follow_parts(word.at, wait.map(|wait| word.at.plus(wait).ms()));
        Ok(None)
    }

    /// Moves one part by a receipt's word. Delivered and failed stay; expired may still be
    /// delivered.
    fn receipt(&mut self, part: u8, word: ReceiptState) {
        let Some(state) = self.part(part) else { return };
        let next = match (word, state) {
            (ReceiptState::Failed, MessageState::Delivered)
                if planted(Plant::FinalStateOverwritten) =>
            {
                MessageState::Failed
            }
            (ReceiptState::Underway, _)
            | (_, MessageState::Delivered | MessageState::Failed | MessageState::Cancelled)
            | (ReceiptState::Expired | ReceiptState::Failed, MessageState::Expired) => return,
            // It goes again already, on request or after an unknown outcome.
            (
                ReceiptState::Expired | ReceiptState::Failed,
                MessageState::Queued | MessageState::Sending,
            ) => return,
            (ReceiptState::Delivered, _) => MessageState::Delivered,
            (ReceiptState::Expired, MessageState::Sent | MessageState::Unknown) => {
                MessageState::Expired
            }
            (ReceiptState::Failed, MessageState::Sent | MessageState::Unknown) => {
                MessageState::Failed
            }
        };
        let reason = (next != MessageState::Delivered).then(|| RECEIPT.to_owned());
        self.set_part(part, next, reason);
    }

    /// Applies a receipt, and what follows from it.
    pub(super) fn received(&mut self, part: u8, word: ReceiptState, now: Moment) {
        self.receipt(part, word);
        self.follow_parts(now, None);
    }

    /// Ends a message whose time is over.
    pub(super) fn expire(&mut self, lost: bool, now: Moment) {
        if !lost {
            self.now.reason = Some(NO_RECEIPT.to_owned());
        }
        self.move_to(MessageState::Expired, lost, now, now.ms());
        for part in self.parts.values_mut() {
            if !matches!(part.state, MessageState::Delivered | MessageState::Failed) {
                part.state = MessageState::Expired;
            }
        }
    }

    /// What is on the wire without a word becomes an unknown outcome.
    pub(super) fn lose_sight(&mut self, now: Moment) {
        if planted(Plant::SendingIsQueuedAgain) && self.now.parts == 0 {
            return self.move_to(MessageState::Queued, true, now, now.ms());
        }
        self.count_attempt();
        if planted(Plant::SilentlySentAgain) {
            let on_wire = |part: &&mut Part| part.state == MessageState::Sending;
            for part in self.parts.values_mut().filter(on_wire) {
                part.state = MessageState::Queued;
            }
            self.move_to(MessageState::Queued, false, now, now.ms());
            return;
        }
        self.now.reason = Some(NO_ANSWER.to_owned());
        if self.now.parts == 0 {
            self.now.unknowns += 1;
            self.move_to(MessageState::Unknown, true, now, self.now.next_at);
            return;
        }
        for part in self.parts.values_mut() {
            if part.state == MessageState::Sending {
                part.state = MessageState::Unknown;
                part.unknowns += 1;
            }
        }
        self.follow_parts(now, None);
    }

    /// Queues what has not arrived for all that is known, at once: the same bytes once more.
    pub(super) fn go_again(&mut self, now: Moment) {
        for part in self.parts.values_mut() {
            if part.state != MessageState::Delivered {
                part.state = MessageState::Queued;
            }
        }
        self.move_to(MessageState::Queued, true, now, now.ms());
    }

    /// What waits may have gone without the ledger's knowing, since it was put back: an unknown outcome.
    pub(super) fn doubt(&mut self, now: Moment) {
        self.now.reason = Some(RESTORED.to_owned());
        if self.now.parts == 0 {
            self.now.unknowns += 1;
            self.move_to(MessageState::Unknown, true, now, self.now.next_at);
            return;
        }
        for part in self.parts.values_mut() {
            if part.state == MessageState::Queued {
                part.state = MessageState::Unknown;
                part.unknowns += 1;
            }
        }
        self.follow_parts(now, None);
    }

    /// Ends a message that is not to go any more.
    pub(super) fn cancel(&mut self, reason: &'static str, now: Moment) {
        for part in self.parts.values_mut() {
            if !is_final(part.state) {
                part.state = MessageState::Cancelled;
            }
        }
        self.now.reason = Some(reason.to_owned());
        self.move_to(MessageState::Cancelled, true, now, now.ms());
    }

    /// Queues an unknown outcome whose grace is over, or gives it up after too many.
    pub(super) fn try_again(&mut self, now: Moment) {
        let next = |unknowns: i64| {
            if unknowns > UNKNOWNS_MAX && !planted(Plant::UnknownSentForEver) {
                MessageState::Failed
            } else {
                MessageState::Queued
            }
        };
        if self.now.parts == 0 {
            self.move_to(next(self.now.unknowns), true, now, now.ms());
            return;
        }
        for part in self.parts.values_mut() {
            if part.state == MessageState::Unknown {
                part.state = next(part.unknowns);
            }
        }
        self.follow_parts(now, None);
    }
}

/// Many messages, read together and written back together.
pub(super) struct Standings(HashMap<i64, Standing>);

static READ: List = List::new(
    "SELECT id, conversation, kind, state, link, parts, attempts, counted, unknowns, claims, created_at, next_at,
         CAST(CASE WHEN content IS NULL THEN 0 ELSE 1 END AS BIGINT) AS has_body
     FROM outbox WHERE id IN",
    0,
    "",
);
static READ_PARTS: List = List::new(
    "SELECT message, part, state, unknowns FROM outbox_part WHERE message IN",
    0,
    "",
);
static WRITE_PARTS: Rows = Rows::new(
    "INSERT INTO outbox_part (message, part, state, unknowns, reason)",
    5,
    "ON CONFLICT (message, part) DO UPDATE SET state = excluded.state, unknowns = excluded.unknowns,
         reason = COALESCE(excluded.reason, outbox_part.reason)",
);
// What stays open keeps its place in the indexes by time.
static WRITE: List = List::new(
    "UPDATE outbox SET state = $1, parts = $2, attempts = $3, counted = $4, unknowns = $5,
         changed_at = COALESCE($6, changed_at)
     WHERE id IN",
    6,
    "",
);
static WRITE_ALL: List = List::new(
    "UPDATE outbox SET state = $1, parts = $2, attempts = $3, counted = $4, unknowns = $5,
         changed_at = COALESCE($6, changed_at), next_at = $7, reason = COALESCE($8, reason), content = CASE WHEN $9 = 0 THEN NULL ELSE content END,
         is_open = $10, dead = $11
     WHERE id IN",
    11,
    "",
);

impl Standings {
    /// Reads messages with their parts; those that are not there are left out.
    pub(super) async fn read(c: &mut Conn, ids: &[i64]) -> Result<Self, Fault> {
        let mut all = HashMap::with_capacity(ids.len());
        for (statement, list) in READ.over(c.kind(), ids) {
            let mut query = sql(statement);
            for id in list {
                query = query.bind(*id);
            }
            for row in query.fetch_all(&mut *c).await? {
                let one = Standing::of(&row)?;
                all.insert(one.id, one);
            }
        }
        let with_parts: Vec<i64> = all
            .values()
            .filter(|one| one.now.parts != 0)
            .map(|one| one.id)
            .collect();
        for (statement, list) in READ_PARTS.over(c.kind(), &with_parts) {
            let mut query = sql(statement);
            for id in list {
                query = query.bind(*id);
            }
            for row in query.fetch_all(&mut *c).await? {
                let part = Part {
                    state: state_of(&text(&row, "state")?),
                    unknowns: number(&row, "unknowns")?,
                    reason: None,
                };
                if let Some(one) = all.get_mut(&number(&row, "message")?) {
                    let place = count(number(&row, "part")?);
                    one.parts.insert(place, part.clone());
                    one.parts_read.insert(place, part);
                }
            }
        }
        Ok(Self(all))
    }

    /// One of them.
    pub(super) fn get(&mut self, id: i64) -> Option<&mut Standing> {
        self.0.get_mut(&id)
    }

    /// All of them.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Standing> {
        self.0.values_mut()
    }

    /// Writes what has changed.
    pub(super) async fn write(self, c: &mut Conn) -> Result<(), Fault> {
        // By id, so that the rows are met in the order in which they lie.
        let mut all: Vec<Standing> = self.0.into_values().collect();
        all.sort_unstable_by_key(|one| one.id);

        let parts: Vec<(i64, u8, &Part)> = all
            .iter()
            .flat_map(|one| {
                let changed = |(at, part): &(&u8, &Part)| one.parts_read.get(at) != Some(*part);
                let of_one = one.parts.iter().filter(changed);
                of_one.map(|(at, part)| (one.id, *at, part))
            })
            .collect();
        for (statement, rows) in WRITE_PARTS.over(c.kind(), parts.len()) {
            let mut query = sql(statement);
            for (message, at, part) in &parts[rows] {
                query = query
                    .bind(*message)
                    .bind(i64::from(*at))
                    .bind(part.state.name())
                    .bind(part.unknowns)
                    .bind(part.reason.clone());
            }
            query.execute(&mut *c).await?;
        }

        // Most of a batch have come to the same place.
        let mut places: HashMap<(Changing, bool), Vec<&Standing>> = HashMap::new();
        let moved_at = all.iter().filter_map(|one| one.moved_at).max();
        for one in &all {
            if one.now == one.read && one.moved_at.is_none() {
                continue;
            }
            let all_columns = one.now.next_at != one.read.next_at
                || one.now.reason.is_some()
                || is_final(one.now.state);
            let mut place = one.now.clone();
            if !all_columns {
                place.next_at = 0;
            }
            places.entry((place, all_columns)).or_default().push(one);
        }
        for ((place, all_columns), those) in &places {
            let statement = if *all_columns { &WRITE_ALL } else { &WRITE };
            for (statement, list) in statement.over(c.kind(), those) {
                let mut query = sql(statement)
                    .bind(place.state.name())
                    .bind(place.parts)
                    .bind(place.attempts)
                    .bind(i64::from(place.counted))
                    .bind(place.unknowns)
                    .bind(moved_at.map(Moment::ms));
                if *all_columns {
                    query = query
                        .bind(place.next_at)
                        .bind(place.reason.clone())
                        .bind(i64::from(!is_final(place.state)))
                        .bind(i64::from(!is_final(place.state)))
                        .bind(place.is_dead.then_some(0));
                }
                for one in list {
                    query = query.bind(one.id);
                }
                query.execute(&mut *c).await?;
            }
        }

        for one in &all {
            revoke(c, one).await?;
        }
        Ok(())
    }
}

/// Sets or forgets the revocation of a password.
async fn revoke(c: &mut Conn, message: &Standing) -> Result<(), Fault> {
    match message.revocation {
        None => Ok(()),
        // It arrived after all; unless the revocation has begun, there is none.
        Some(Revocation::Over) => {
            sql("DELETE FROM due WHERE conversation = $1 AND kind = 'revoke' AND number = $2 AND attempts = 0")
                .bind(message.conversation.clone())
                .bind(message.id)
                .execute(c)
                .await?;
            Ok(())
        }
        Some(Revocation::Due) => {
            let due = Due {
                conversation: super::conversation_id(&message.conversation),
                kind: DueKind::Revoke,
                at: message.moved_at.unwrap_or(Moment::from_ms(0)),
                number: count(message.id),
                attempts: 0,
            };
            due::put(c, &[due]).await
        }
    }
}

/// A link's word on one part of a claimed message.
pub(super) struct Word {
    /// The message.
    pub id: i64,
    /// Of which claim it is; none where that is not known.
    pub claim: Option<u32>,
    /// Which part, and how many there are.
    pub part: (u8, u8),
    /// What the operator said.
    pub outcome: PartOutcome,
    /// When.
    pub at: Moment,
}

impl Shared for Word {
    type Answer = ();

    fn write<'c>(
        c: &'c mut Conn,
        inner: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<()>, Fault>> {
        Box::pin(words(c, inner, all))
    }
}

/// Records links' words, one after the other.
async fn words(c: &mut Conn, inner: &Inner, all: &[Word]) -> Result<Vec<()>, Fault> {
    let ids: Vec<i64> = all.iter().map(|word| word.id).collect();
    let mut standings = Standings::read(c, &ids).await?;
    let taken = all.iter().filter_map(|word| {
        let PartOutcome::Accepted(id) = &word.outcome else {
            return None;
        };
        Some((standings.0.get(&word.id)?.link.as_str(), id.as_str()))
    });
    let mut early = Early::read(c, taken.collect()).await?;
    let mut new_ids = Vec::new();
    for word in all {
        let Some(message) = standings.get(word.id) else {
            continue;
        };
        let Some(operators_id) = message.word(inner, word)? else {
            continue;
        };
        // It was taken: its id is remembered, and what came early under it is applied.
        let part = word.part.0;
        new_ids.push(NewId {
            message: word.id,
            part,
            link: message.link.clone(),
            id: operators_id,
            at: word.at,
        });
        for state in early.take(&message.link, operators_id, message.created_at) {
            message.receipt(part, state);
        }
        message.count_attempt();
        message.follow_parts(word.at, None);
    }
    receipts::remember(c, &new_ids).await?;
    early.forget_taken(c).await?;
    standings.write(c).await?;
    Ok(vec![(); all.len()])
}

/// A new epoch of a link; what an older one left on the wire becomes unknown.
pub(super) async fn begin_epoch(
    c: &mut Conn,
    me: i64,
    link: String,
    now: Moment,
) -> Result<Verdict<u64>, Fault> {
    let epoch: i64 = sql(
        "INSERT INTO epochs (link, epoch, begun_at) VALUES ($1, 1, $2)
         ON CONFLICT (link) DO UPDATE SET epoch = epochs.epoch + 1, begun_at = excluded.begun_at RETURNING epoch",
    )
    .bind(&link)
    .bind(now.ms())
    .one(&mut *c)
    .await?;
    sql("INSERT INTO senders (link, node, epoch) VALUES ($1, $2, $3)
         ON CONFLICT (link, node) DO UPDATE SET epoch = excluded.epoch")
    .bind(&link)
    .bind(me)
    .bind(epoch)
    .execute(&mut *c)
    .await?;
    lose_sight_of(c, me, Some(link), now).await?;
    Ok(Verdict::Keep(count(epoch)))
}

/// What a node was sending, on one link or on all, and what nodes were that are over: nobody knows what
/// became of it.
pub(super) async fn lose_sight_of(
    c: &mut Conn,
    node: i64,
    link: Option<String>,
    now: Moment,
) -> Result<(), Fault> {
    let left: Vec<i64> = sql(
        "SELECT id FROM outbox WHERE state = 'sending' AND link = COALESCE($2, link)
             AND (node = $1 OR node NOT IN (SELECT id FROM nodes WHERE over = 0))",
    )
    .bind(node)
    .bind(link)
    .all(&mut *c)
    .await?;
    let mut left = Standings::read(c, &left).await?;
    left.all().for_each(|message| message.lose_sight(now));
    left.write(c).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_where_its_parts_stand() {
        use MessageState::{Delivered, Expired, Failed, Queued, Sending, Sent, Unknown};
        for (parts, state) in [
            (&[][..], None),
            (&[Sent, Delivered], Some(Sent)),
            (&[Delivered, Delivered], Some(Delivered)),
            (&[Sent, Queued], Some(Queued)),
            (&[Unknown, Queued], Some(Unknown)),
            (&[Failed, Sending], Some(Sending)),
            (&[Failed, Delivered, Unknown], Some(Failed)),
            (&[Expired, Delivered], Some(Expired)),
        ] {
            assert_eq!(aggregate(parts), state, "{parts:?}");
        }
    }
}
