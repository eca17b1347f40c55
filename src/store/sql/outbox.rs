//! The queue of messages: put in with what caused them, claimed before a byte is written, sent
//! again on request, forgotten in the end. Where each stands is told by [`super::standing`].

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault, sql};
use super::rows::{List, Rows};
use super::standing::{BACK_OFF_MAX, GRACE, Standing, Standings, state_of};
use super::writer::Verdict;
use super::{Inner, bytes, count, fair, int, maybe_bytes, ms, number, text, witness};
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::plant::{Plant, planted};
use crate::store::seal::Place;
use crate::store::{Mark, Message, MessageId, MessageKind, MessageState, NewMessage, StoreError};

/// What has to pass before the same message goes again on request.
const RESEND_AFTER: Duration = Duration::from_secs(60);
/// A claimed message without a word for so long is an unknown outcome.
const SENDING_MAX: Duration = Duration::from_secs(300);
/// Rows that one round of tidying moves.
const ROUND_MAX: i64 = 1000;

/// What a message's row seals.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) to: Msisdn,
    text: String,
}

/// A message with its body sealed, which the writer can take with it.
pub(super) struct NewRow {
    id: i64,
    key: Vec<u8>,
    conversation: Vec<u8>,
    service: String,
    link: String,
    sender: String,
    recipient: Vec<u8>,
    kind: MessageKind,
    content: Vec<u8>,
    valid_until: i64,
    at: i64,
}

pub(super) fn body_place(key: &[u8]) -> Place<'_> {
    Place {
        table: "outbox",
        column: "content",
        row: key,
    }
}

impl NewRow {
    /// Seals the body.
    pub(super) fn of(inner: &Inner, message: &NewMessage, at: Moment) -> Result<Self, StoreError> {
        let body = Body {
            to: message.to.clone(),
            text: message.text.clone(),
        };
        Ok(Self {
            id: inner.next_id(at),
            key: message.key.to_vec(),
            conversation: message.conversation.0.to_vec(),
            service: message.service.0.clone(),
            link: message.link.0.clone(),
            sender: message.from.clone(),
            recipient: inner.number(&message.to),
            kind: message.kind,
            content: inner.seal(body_place(&message.key), &body)?,
            valid_until: message.valid_until.ms(),
            at: at.ms(),
        })
    }
}

/// The kind that a word stands for.
pub(super) fn kind_of(word: &str) -> MessageKind {
    MessageKind::ALL
        .into_iter()
        .find(|kind| kind.name() == word)
        // Only this file writes the column.
        .unwrap_or(MessageKind::Notice)
}

/// Codes and passwords first, then replies, then notices.
fn priority(kind: MessageKind) -> i64 {
    match kind {
        MessageKind::Code | MessageKind::Password => 0,
        MessageKind::Reply => 1,
        MessageKind::Notice => 2,
    }
}

static INSERT: Rows = Rows::new(
    "INSERT INTO outbox (id, key, conversation, service, link, sender, recipient, kind, priority, flow, content,
         state, parts, attempts, counted, unknowns, epoch, created_at, sent_at, next_at, valid_until, changed_at)",
    22,
    "ON CONFLICT (key) DO NOTHING",
);

/// Puts messages in the queue; those whose key is there already are passed over.
pub(super) async fn insert<'a>(
    c: &mut Conn,
    all: impl Iterator<Item = &'a NewRow>,
) -> Result<(), Fault> {
    let all: Vec<&NewRow> = all.collect();
    for (statement, rows) in INSERT.over(c.kind(), all.len()) {
        let mut query = sql(statement);
        for row in &all[rows] {
            query = query
                .bind(row.id)
                .bind(row.key.clone())
                .bind(row.conversation.clone())
                .bind(row.service.clone())
                .bind(row.link.clone())
                .bind(row.sender.clone())
                .bind(row.recipient.clone())
                .bind(row.kind.name())
                .bind(priority(row.kind))
                .bind(fair::flow(priority(row.kind), &row.recipient, &row.service))
                .bind(row.content.clone())
                .bind(MessageState::Queued.name());
            // Parts, attempts, counted, unknowns, epoch.
            for _ in 0..5 {
                query = query.bind(0_i64);
            }
            query = query
                .bind(row.at)
                .bind(0_i64)
                .bind(row.at)
                .bind(row.valid_until)
                .bind(row.at);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

static CLAIM: List = List::new(
    "UPDATE outbox SET state = 'sending', epoch = $1, sent_at = $2, changed_at = $3, node = $4, counted = 0,
         claims = claims + 1
     WHERE id IN",
    4,
    "",
);
static CLAIM_PARTS: List = List::new(
    "UPDATE outbox_part SET state = 'sending' WHERE state = 'queued' AND message IN",
    0,
    "RETURNING message, part",
);

static BODIES: List = List::new(
    "SELECT id, key, sender, kind, content, valid_until, attempts, parts, claims FROM outbox WHERE id IN",
    0,
    "",
);

/// Claims messages of a link, with their bodies; tells how many claims there were with this one.
pub(super) async fn claim(
    c: &mut Conn,
    inner: &Inner,
    link: String,
    epoch: u64,
    now: Moment,
    limit: u32,
) -> Result<Verdict<(Vec<Message>, Option<i64>)>, Fault> {
    let row = sql(
        "SELECT (SELECT epoch FROM senders WHERE link = $1 AND node = $2) AS epoch,
             (SELECT COUNT(*) FROM holds WHERE over_at IS NULL) AS held,
             (SELECT MAX(number) FROM meta WHERE name = 'claims') AS claims",
    )
    .bind(&link)
    .bind(inner.node)
    .fetch_one(&mut *c)
    .await?;
    if row.get::<Option<i64>>("epoch")? != Some(int(epoch)) {
        // A later epoch of this node's has begun.
        return Ok(Verdict::Undo((Vec::new(), None)));
    }
    if number(&row, "held")? != 0 || witness::is_behind(c, inner, row.get("claims")?, now).await? {
        return Ok(Verdict::Keep((Vec::new(), None)));
    }
    let over = ids(c, FIRST_OVER_UNSENT, now).await?;
    change(c, &over, |message| message.expire(true, now)).await?;

    let next = fair::next(c, &inner.turns, &link, now, limit).await?;
    let mut rows = HashMap::with_capacity(next.len());
    for (statement, list) in BODIES.over(c.kind(), &next) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(*id);
        }
        for row in query.fetch_all(&mut *c).await? {
            rows.insert(number(&row, "id")?, row);
        }
    }
    // In the order in which they are to go.
    let rows = next.iter().filter_map(|id| rows.remove(id));
    let mut claimed = Vec::with_capacity(next.len());
    let mut with_parts = Vec::new();
    for row in rows {
        let id = number(&row, "id")?;
        let body = maybe_bytes(&row, "content")?.and_then(|sealed| {
            inner
                .open::<Body>(body_place(&bytes(&row, "key").ok()?), &sealed)
                .ok()
        });
        let Some(body) = body else {
            // One damaged row must not hold up the others; its key may yet be put back.
            tracing::error!(
                id,
                "the body of a message cannot be opened: wrong key, or damaged"
            );
            set_aside(c, id, now).await?;
            continue;
        };
        let mut text = body.text;
        if number(&row, "attempts")? != 0 && planted(Plant::OtherBytesOnResend) {
            text.push('.');
        }
        let total = count(number(&row, "parts")?);
        if total != 0 {
            with_parts.push(id);
        }
        claimed.push(Message {
            id: MessageId(id),
            from: super::text(&row, "sender")?,
            to: body.to,
            kind: kind_of(&super::text(&row, "kind")?),
            text,
            valid_until: Moment::from_ms(number(&row, "valid_until")?),
            parts: Vec::new(),
            total,
            attempts: count(number(&row, "attempts")?),
            claim: count(number(&row, "claims")?.saturating_add(1)),
        });
    }
    for (statement, list) in CLAIM.over(c.kind(), &claimed) {
        let mut query = sql(statement)
            .bind(int(epoch))
            .bind(now.ms())
            .bind(now.ms())
            .bind(inner.node);
        for message in list {
            query = query.bind(message.id.0);
        }
        query.execute(&mut *c).await?;
    }
    let mut parts: HashMap<i64, Vec<u8>> = HashMap::new();
    for (statement, list) in CLAIM_PARTS.over(c.kind(), &with_parts) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(*id);
        }
        for row in query.fetch_all(&mut *c).await? {
            let of_message = parts.entry(number(&row, "message")?).or_default();
            of_message.push(count(number(&row, "part")?));
        }
    }
    for message in &mut claimed {
        message.parts = parts.remove(&message.id.0).unwrap_or_default();
        message.parts.sort_unstable();
    }
    if claimed.is_empty() {
        return Ok(Verdict::Keep((claimed, None)));
    }
    let claims = witness::count_claim(c).await?;
    Ok(Verdict::Keep((claimed, Some(claims))))
}

/// The links that have a message to be sent now. It goes from link to link, whatever the length of
/// their queues.
pub(super) async fn links_due(c: &mut Conn, now: Moment) -> Result<Vec<LinkName>, Fault> {
    let links: Vec<String> = sql(
        "WITH RECURSIVE links (link) AS (
             SELECT MIN(link) FROM outbox WHERE state = 'queued'
             UNION ALL
             SELECT (SELECT MIN(link) FROM outbox WHERE state = 'queued' AND link > links.link)
             FROM links WHERE links.link IS NOT NULL)
         SELECT link FROM links WHERE link IS NOT NULL AND EXISTS (
             SELECT 1 FROM outbox o WHERE o.state = 'queued' AND o.link = links.link AND o.next_at <= $1)
             AND NOT EXISTS (SELECT 1 FROM holds WHERE over_at IS NULL)",
    )
    .bind(now.ms())
    .all(c)
    .await?;
    Ok(links.into_iter().map(LinkName).collect())
}

/// Changes messages by a rule.
async fn change(c: &mut Conn, ids: &[i64], rule: impl FnMut(&mut Standing)) -> Result<(), Fault> {
    let mut all = Standings::read(c, ids).await?;
    all.all().for_each(rule);
    all.write(c).await
}

async fn set_aside(c: &mut Conn, id: i64, now: Moment) -> Result<(), Fault> {
    sql("UPDATE outbox SET next_at = $2, reason = 'sealed' WHERE id = $1")
        .bind(id)
        .bind(now.plus(BACK_OFF_MAX).ms())
        .execute(c)
        .await?;
    Ok(())
}

/// When a message may be asked for again. One that went in the future went now: the clock was set back,
/// and the wait is no longer by that.
pub(super) async fn free_at(
    c: &mut Conn,
    id: i64,
    sent_at: Moment,
    now: Moment,
) -> Result<Moment, Fault> {
    if sent_at > now {
        sql("UPDATE outbox SET sent_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now.ms())
            .execute(c)
            .await?;
    }
    Ok(sent_at.min(now).plus(RESEND_AFTER))
}

/// Puts a message into the queue again, the same bytes to the same number.
pub(super) async fn resend(
    c: &mut Conn,
    key: Mark,
    now: Moment,
) -> Result<Verdict<Option<Duration>>, Fault> {
    let row = sql(
        "SELECT id, state, sent_at FROM outbox WHERE key = $1 AND content IS NOT NULL AND valid_until > $2",
    )
    .bind(key.to_vec())
    .bind(now.ms())
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else {
        return Ok(Verdict::Keep(None));
    };
    let (id, sent_at) = (number(&row, "id")?, number(&row, "sent_at")?);
    let free_at = free_at(c, id, Moment::from_ms(sent_at), now).await?;
    let wait = match state_of(&text(&row, "state")?) {
        // It goes anyway.
        MessageState::Queued => Duration::ZERO,
        // It may be arriving right now.
        MessageState::Sending | MessageState::Unknown => {
            free_at.since(now).max(Duration::from_secs(1))
        }
        MessageState::Sent if free_at > now => free_at.since(now),
        MessageState::Sent => {
            sql("UPDATE outbox_part SET state = 'queued' WHERE message = $1")
                .bind(id)
                .execute(&mut *c)
                .await?;
            sql("UPDATE outbox SET state = 'queued', next_at = $2, changed_at = $2 WHERE id = $1")
                .bind(id)
                .bind(now.ms())
                .execute(c)
                .await?;
            Duration::ZERO
        }
        MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => {
            return Ok(Verdict::Keep(None));
        }
    };
    Ok(Verdict::Keep(Some(wait)))
}

/// After STOP: what was not asked for and has not been sent does not go.
pub(super) async fn cancel_notices(
    c: &mut Conn,
    service: &str,
    recipient: &[u8],
    at: Moment,
) -> Result<(), Fault> {
    sql(
        "UPDATE outbox SET state = 'cancelled', is_open = 0, content = NULL, changed_at = $3, reason = 'stopped'
         WHERE service = $1 AND recipient = $2 AND state = 'queued' AND kind = 'notice'",
    )
    .bind(service)
    .bind(recipient.to_vec())
    .bind(at.ms())
    .execute(c)
    .await?;
    Ok(())
}

/// The message with a key.
pub(super) async fn state_by_key(
    c: &mut Conn,
    key: Mark,
) -> Result<Option<(MessageId, MessageState)>, Fault> {
    let row = sql("SELECT id, state FROM outbox WHERE key = $1")
        .bind(key.to_vec())
        .fetch_optional(c)
        .await?;
    row.map(|row| {
        Ok((
            MessageId(number(&row, "id")?),
            state_of(&text(&row, "state")?),
        ))
    })
    .transpose()
}

/// How many messages stand in each state.
pub(super) async fn counts(c: &mut Conn) -> Result<Vec<(MessageState, u64)>, Fault> {
    let rows = sql("SELECT state, COUNT(*) AS messages FROM outbox GROUP BY state")
        .fetch_all(c)
        .await?;
    let mut counts = rows
        .iter()
        .map(|row| {
            Ok((
                state_of(&text(row, "state")?),
                count(number(row, "messages")?),
            ))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    counts.sort_unstable();
    Ok(counts)
}

/// Brings forward what waits, and ends what is over: at most [`ROUND_MAX`] messages of each kind.
/// Tells whether there may be more.
pub(super) async fn move_on(c: &mut Conn, now: Moment) -> Result<bool, Fault> {
    let silent = ids(
        c,
        "SELECT id FROM outbox WHERE state = 'sending' AND sent_at <= $1 LIMIT $2",
        now.minus(SENDING_MAX),
    )
    .await?;
    change(c, &silent, |message| message.lose_sight(now)).await?;
    let never_sent = ids(c, OVER_UNSENT, now).await?;
    change(c, &never_sent, |message| message.expire(true, now)).await?;
    // What is on the wire gets its grace before it is given up; what was taken without a receipt
    // is not known to be lost.
    let over = now.minus(GRACE);
    let unknown = ids(c, OVER_UNKNOWN, over).await?;
    change(c, &unknown, |message| message.expire(true, now)).await?;
    let sent = ids(c, OVER_SENT, over).await?;
    change(c, &sent, |message| message.expire(false, now)).await?;
    let again = ids(
        c,
        "SELECT id FROM outbox WHERE state = 'unknown' AND next_at <= $1 AND valid_until > $1 LIMIT $2",
        now,
    )
    .await?;
    change(c, &again, |message| message.try_again(now)).await?;
    Ok([silent, never_sent, unknown, sent, again]
        .iter()
        .any(|round| i64::try_from(round.len()).is_ok_and(|rows| rows >= ROUND_MAX)))
}

/// Forgets messages so long after their end.
pub(super) async fn forget(
    c: &mut Conn,
    now: Moment,
    metadata_kept: Duration,
) -> Result<(), Fault> {
    sql("DELETE FROM outbox WHERE changed_at <= $1 AND is_open = 0")
        .bind(now.ms().saturating_sub(ms(metadata_kept)))
        .execute(c)
        .await?;
    Ok(())
}

// Messages whose validity was over at a moment, the oldest first, by their states. The index by
// time is the one to go by (hence `+`): in a state there may be all messages of days.
const OVER_UNSENT: &str = "SELECT id FROM outbox
     WHERE is_open = 1 AND valid_until <= $1 AND (state || '') = 'queued' ORDER BY valid_until LIMIT $2";
const OVER_UNKNOWN: &str = "SELECT id FROM outbox
     WHERE is_open = 1 AND valid_until <= $1 AND (state || '') IN ('unknown', 'sending') ORDER BY valid_until LIMIT $2";
const OVER_SENT: &str = "SELECT id FROM outbox
     WHERE is_open = 1 AND valid_until <= $1 AND (state || '') = 'sent' ORDER BY valid_until LIMIT $2";
/// As the first, of the messages whose time was over first only: before each claim.
const FIRST_OVER_UNSENT: &str = "SELECT id FROM (SELECT id, state FROM outbox
         WHERE is_open = 1 AND valid_until <= $1 ORDER BY valid_until LIMIT $2) AS over
     WHERE state = 'queued'";

async fn ids(c: &mut Conn, query: &'static str, at: Moment) -> Result<Vec<i64>, Fault> {
    sql(query).bind(at.ms()).bind(ROUND_MAX).all(c).await
}
