//! The queue of messages: put in with what caused them, claimed before a byte is written, sent
//! again on request, forgotten in the end. Where each stands is told by [`super::standing`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault};
use super::standing::{BACK_OFF_MAX, GRACE, expire, lose_sight, state_of, try_again};
use super::writer::Verdict;
use super::{Inner, bytes, count, int, maybe_bytes, ms, number, text};
use crate::callback::Msisdn;
use crate::clock::Moment;
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
struct Body {
    to: Msisdn,
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

fn body_place(key: &[u8]) -> Place<'_> {
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

fn kind_word(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Code => "code",
        MessageKind::Password => "password",
        MessageKind::Reply => "reply",
        MessageKind::Notice => "notice",
    }
}

/// The kind that a word stands for.
pub(super) fn kind_of(word: &str) -> MessageKind {
    match word {
        "code" => MessageKind::Code,
        "password" => MessageKind::Password,
        "reply" => MessageKind::Reply,
        // Only this file writes the column.
        _ => MessageKind::Notice,
    }
}

/// Codes and passwords first, then replies, then notices.
fn priority(kind: MessageKind) -> i64 {
    match kind {
        MessageKind::Code | MessageKind::Password => 0,
        MessageKind::Reply => 1,
        MessageKind::Notice => 2,
    }
}

/// Puts a message in the queue; one whose key is there already is passed over.
pub(super) async fn insert(c: &mut Conn, row: NewRow) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO outbox (id, key, conversation, service, link, sender, recipient, kind, priority, content, state,
             parts, attempts, counted, unknowns, epoch, created_at, sent_at, next_at, valid_until, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', 0, 0, 0, 0, 0, $11, 0, $11, $12, $11)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(row.id)
    .bind(row.key)
    .bind(row.conversation)
    .bind(row.service)
    .bind(row.link)
    .bind(row.sender)
    .bind(row.recipient)
    .bind(kind_word(row.kind))
    .bind(priority(row.kind))
    .bind(row.content)
    .bind(row.at)
    .bind(row.valid_until)
    .execute(c)
    .await?;
    Ok(())
}

/// Claims messages of a link, with their bodies.
pub(super) async fn claim(
    c: &mut Conn,
    inner: &Inner,
    link: String,
    epoch: u64,
    now: Moment,
    limit: u32,
) -> Result<Verdict<Vec<Message>>, Fault> {
    let current: Option<i64> = sqlx::query_scalar("SELECT epoch FROM epochs WHERE link = $1")
        .bind(&link)
        .fetch_optional(&mut *c)
        .await?;
    if current != Some(int(epoch)) {
        // Somebody else sends on this link now.
        return Ok(Verdict::Undo(Vec::new()));
    }
    let over: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM outbox WHERE state = 'queued' AND link = $1 AND valid_until <= $2 LIMIT $3",
    )
    .bind(&link)
    .bind(now.ms())
    .bind(ROUND_MAX)
    .fetch_all(&mut *c)
    .await?;
    for id in over {
        expire(c, id, true, now).await?;
    }

    let rows = sqlx::query(
        "SELECT id, key, sender, kind, content, valid_until, attempts FROM outbox
         WHERE state = 'queued' AND link = $1 AND next_at <= $2 AND valid_until > $2
         ORDER BY priority, id LIMIT $3",
    )
    .bind(&link)
    .bind(now.ms())
    .bind(i64::from(limit))
    .fetch_all(&mut *c)
    .await?;
    let mut claimed = Vec::with_capacity(rows.len());
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
                message = id,
                "the body of a message cannot be opened: wrong key, or damaged"
            );
            set_aside(c, id, now).await?;
            continue;
        };
        sqlx::query(
            "UPDATE outbox SET state = 'sending', epoch = $2, sent_at = $3, changed_at = $3, counted = 0 WHERE id = $1",
        )
        .bind(id)
        .bind(int(epoch))
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
        let parts: Vec<i64> = sqlx::query_scalar(
            "UPDATE outbox_part SET state = 'sending' WHERE message = $1 AND state = 'queued' RETURNING part",
        )
        .bind(id)
        .fetch_all(&mut *c)
        .await?;
        let mut parts: Vec<u8> = parts.into_iter().map(count).collect();
        parts.sort_unstable();
        claimed.push(Message {
            id: MessageId(id),
            from: text(&row, "sender")?,
            to: body.to,
            kind: kind_of(&text(&row, "kind")?),
            text: body.text,
            valid_until: Moment::from_ms(number(&row, "valid_until")?),
            parts,
            attempts: count(number(&row, "attempts")?),
        });
    }
    Ok(Verdict::Keep(claimed))
}

async fn set_aside(c: &mut Conn, id: i64, now: Moment) -> Result<(), Fault> {
    sqlx::query("UPDATE outbox SET next_at = $2, reason = 'sealed' WHERE id = $1")
        .bind(id)
        .bind(now.plus(BACK_OFF_MAX).ms())
        .execute(c)
        .await?;
    Ok(())
}

/// Puts a message into the queue again, the same bytes to the same number.
pub(super) async fn resend(
    c: &mut Conn,
    key: Mark,
    now: Moment,
) -> Result<Verdict<Option<Duration>>, Fault> {
    let row = sqlx::query(
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
    let free_at = Moment::from_ms(sent_at).plus(RESEND_AFTER);
    let wait = match state_of(&text(&row, "state")?) {
        // It goes anyway.
        MessageState::Queued => Duration::ZERO,
        // It may be arriving right now.
        MessageState::Sending | MessageState::Unknown => {
            free_at.since(now).max(Duration::from_secs(1))
        }
        MessageState::Sent if free_at > now => free_at.since(now),
        MessageState::Sent => {
            sqlx::query("UPDATE outbox_part SET state = 'queued' WHERE message = $1")
                .bind(id)
                .execute(&mut *c)
                .await?;
            sqlx::query(
                "UPDATE outbox SET state = 'queued', next_at = $2, changed_at = $2 WHERE id = $1",
            )
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
    sqlx::query(
        "UPDATE outbox SET state = 'cancelled', content = NULL, changed_at = $3, reason = 'stopped'
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
    let row = sqlx::query("SELECT id, state FROM outbox WHERE key = $1")
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
    let rows = sqlx::query("SELECT state, COUNT(*) AS messages FROM outbox GROUP BY state")
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

/// Brings forward what waits, and ends what is over.
pub(super) async fn tidy(c: &mut Conn, now: Moment, metadata_kept: Duration) -> Result<(), Fault> {
    for id in ids(
        c,
        "SELECT id FROM outbox WHERE state = 'sending' AND sent_at <= $1 LIMIT $2",
        now.minus(SENDING_MAX),
    )
    .await?
    {
        lose_sight(c, id, now).await?;
    }
    for id in ids(
        c,
        "SELECT id FROM outbox WHERE state = 'queued' AND valid_until <= $1 LIMIT $2",
        now,
    )
    .await?
    {
        expire(c, id, true, now).await?;
    }
    // What is on the wire gets its grace before it is given up; what was taken without a receipt
    // is not known to be lost.
    let over = now.minus(GRACE);
    for id in ids(
        c,
        "SELECT id FROM outbox WHERE state IN ('unknown', 'sending') AND valid_until <= $1 LIMIT $2",
        over,
    )
    .await?
    {
        expire(c, id, true, now).await?;
    }
    for id in ids(
        c,
        "SELECT id FROM outbox WHERE state = 'sent' AND valid_until <= $1 LIMIT $2",
        over,
    )
    .await?
    {
        expire(c, id, false, now).await?;
    }
    for id in ids(
        c,
        "SELECT id FROM outbox WHERE state = 'unknown' AND next_at <= $1 AND valid_until > $1 LIMIT $2",
        now,
    )
    .await?
    {
        try_again(c, id, now).await?;
    }
    sqlx::query(
        "DELETE FROM outbox WHERE changed_at <= $1 AND state IN ('delivered', 'failed', 'expired', 'cancelled')",
    )
    .bind(now.ms().saturating_sub(ms(metadata_kept)))
    .execute(c)
    .await?;
    Ok(())
}

async fn ids(c: &mut Conn, query: &'static str, at: Moment) -> Result<Vec<i64>, Fault> {
    Ok(sqlx::query_scalar(query)
        .bind(at.ms())
        .bind(ROUND_MAX)
        .fetch_all(c)
        .await?)
}
