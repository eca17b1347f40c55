//! Where a message stands: what links and crashes say of its parts, and what follows for the whole.
//!
//! A message stands where its parts stand ([`aggregate`]). Before a link's first word on it nobody
//! knows how many parts it has; until then its own row tells.

use std::time::Duration;

use super::engine::{Conn, Fault, Row};
use super::outbox::kind_of;
use super::writer::Verdict;
use super::{Inner, bytes, count, due, number, receipts, text};
use crate::clock::Moment;
use crate::store::{Due, DueKind, MessageKind, MessageState, PartOutcome, StoreError};

/// Sendings after an unknown outcome.
const UNKNOWNS_MAX: i64 = 2;
/// How long an unknown outcome waits for a late answer or receipt.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// The wait after a link said that it is too fast.
const AFTER_THROTTLE: Duration = Duration::from_secs(2);
/// The wait after a link was down.
const AFTER_NOT_SENT: Duration = Duration::from_secs(1);
/// The wait after the first passing error; it doubles with each.
const BACK_OFF: Duration = Duration::from_secs(5);
/// The longest of those waits.
pub(super) const BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// Bytes of an operator's reason that are kept.
const REASON_MAX: usize = 64;

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

fn is_final(state: MessageState) -> bool {
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

/// A message's row, without its body.
struct Standing {
    id: i64,
    conversation: Vec<u8>,
    kind: MessageKind,
    state: MessageState,
    link: String,
    has_body: bool,
    parts: i64,
    attempts: i64,
    counted: bool,
    unknowns: i64,
    created_at: i64,
    next_at: i64,
}

impl Standing {
    async fn read(c: &mut Conn, id: i64) -> Result<Option<Self>, Fault> {
        let row = sqlx::query(
            "SELECT id, conversation, kind, state, link, parts, attempts, counted, unknowns, created_at, next_at,
                 CAST(CASE WHEN content IS NULL THEN 0 ELSE 1 END AS BIGINT) AS has_body
             FROM outbox WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(c)
        .await?;
        row.as_ref().map(Self::of).transpose()
    }

    fn of(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            id: number(row, "id")?,
            conversation: bytes(row, "conversation")?,
            kind: kind_of(&text(row, "kind")?),
            state: state_of(&text(row, "state")?),
            link: text(row, "link")?,
            has_body: number(row, "has_body")? != 0,
            parts: number(row, "parts")?,
            attempts: number(row, "attempts")?,
            counted: number(row, "counted")? != 0,
            unknowns: number(row, "unknowns")?,
            created_at: number(row, "created_at")?,
            next_at: number(row, "next_at")?,
        })
    }
}

/// Moves a message to a state, as far as the rules of final states let it. `lost` tells whether an
/// end that is not a delivery means that its text surely or probably never arrived.
async fn move_to(
    c: &mut Conn,
    message: &Standing,
    state: MessageState,
    lost: bool,
    now: Moment,
    next_at: i64,
) -> Result<(), Fault> {
    let late_delivery = message.state == MessageState::Expired && state == MessageState::Delivered;
    if is_final(message.state) && !late_delivery {
        return Ok(());
    }
    // Without a body nothing can go again.
    let state = if state == MessageState::Queued && !message.has_body {
        MessageState::Failed
    } else {
        state
    };
    let next_at = match (message.state, state) {
        // Another part's word does not make the grace longer.
        (MessageState::Unknown, MessageState::Unknown) => message.next_at,
        (_, MessageState::Unknown) => now.plus(GRACE).ms(),
        (_, _) => next_at,
    };
    let query = if is_final(state) {
        "UPDATE outbox SET state = $2, next_at = $3, changed_at = $4, content = NULL WHERE id = $1"
    } else {
        "UPDATE outbox SET state = $2, next_at = $3, changed_at = $4 WHERE id = $1"
    };
    sqlx::query(query)
        .bind(message.id)
        .bind(state.name())
        .bind(next_at)
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
    if message.kind != MessageKind::Password {
        return Ok(());
    }
    if late_delivery {
        // It arrived after all; unless the revocation has begun, there is none.
        sqlx::query("DELETE FROM due WHERE conversation = $1 AND kind = 'revoke' AND number = $2 AND attempts = 0")
            .bind(&message.conversation)
            .bind(message.id)
            .execute(c)
            .await?;
    } else if lost && matches!(state, MessageState::Failed | MessageState::Expired) {
        let due = Due {
            conversation: super::conversation_id(&message.conversation),
            kind: DueKind::Revoke,
            at: now,
            number: count(message.id),
            attempts: 0,
        };
        due::put(c, due).await?;
    }
    Ok(())
}

/// Moves a message to where its parts stand now.
pub(super) async fn follow_parts(
    c: &mut Conn,
    id: i64,
    now: Moment,
    next_at: Option<i64>,
) -> Result<(), Fault> {
    let Some(message) = Standing::read(c, id).await? else {
        return Ok(());
    };
    let states: Vec<String> =
        sqlx::query_scalar("SELECT state FROM outbox_part WHERE message = $1")
            .bind(id)
            .fetch_all(&mut *c)
            .await?;
    let states: Vec<MessageState> = states.iter().map(|word| state_of(word)).collect();
    let Some(state) = aggregate(&states) else {
        return Ok(());
    };
    let next_at = next_at.map_or(message.next_at, |at| at.max(message.next_at));
    move_to(c, &message, state, true, now, next_at).await
}

/// Ends a message whose time is over.
pub(super) async fn expire(c: &mut Conn, id: i64, lost: bool, now: Moment) -> Result<(), Fault> {
    let Some(message) = Standing::read(c, id).await? else {
        return Ok(());
    };
    move_to(c, &message, MessageState::Expired, lost, now, now.ms()).await?;
    sqlx::query("UPDATE outbox_part SET state = 'expired' WHERE message = $1 AND state NOT IN ('delivered', 'failed')")
        .bind(id)
        .execute(c)
        .await?;
    Ok(())
}

/// Records a link's word on one part.
pub(super) async fn part_done(
    c: &mut Conn,
    inner: &Inner,
    id: i64,
    (part, parts): (u8, u8),
    outcome: PartOutcome,
    now: Moment,
) -> Result<Verdict<()>, Fault> {
    let Some(message) = Standing::read(c, id).await? else {
        return Ok(Verdict::Keep(()));
    };
    if part >= parts || (message.parts != 0 && message.parts != i64::from(parts)) {
        let text = format!(
            "message {id} has {} parts, a word came on part {part} of {parts}",
            message.parts
        );
        return Err(Fault::Store(StoreError::Unavailable(text)));
    }
    if message.parts == 0 {
        make_parts(c, &message, parts).await?;
    }
    let state: String =
        sqlx::query_scalar("SELECT state FROM outbox_part WHERE message = $1 AND part = $2")
            .bind(id)
            .bind(i64::from(part))
            .fetch_one(&mut *c)
            .await?;
    let state = state_of(&state);
    // A late word counts as long as nothing better is known.
    let awaited = matches!(state, MessageState::Sending | MessageState::Unknown);

    let (next, counts, wait, reason) = match outcome {
        PartOutcome::Accepted(operators_id) => {
            taken(c, &message, (part, state), &operators_id, now).await?;
            return Ok(Verdict::Keep(()));
        }
        PartOutcome::Throttled => (MessageState::Queued, false, Some(AFTER_THROTTLE), None),
        PartOutcome::NotSent => (MessageState::Queued, false, Some(AFTER_NOT_SENT), None),
        PartOutcome::Temporary(reason) => {
            let step = u32::try_from(message.attempts).unwrap_or(u32::MAX).min(16);
            let wait = BACK_OFF.saturating_mul(1 << step).min(BACK_OFF_MAX);
            (
                MessageState::Queued,
                true,
                Some(inner.spread(wait)),
                Some(reason),
            )
        }
        PartOutcome::Refused(reason) => (MessageState::Failed, true, None, Some(reason)),
        PartOutcome::Unknown => (MessageState::Unknown, true, None, None),
    };
    if !awaited || (next == MessageState::Unknown && state == MessageState::Unknown) {
        return Ok(Verdict::Keep(()));
    }
    set_part(c, id, part, next, reason.as_deref()).await?;
    if counts {
        count_attempt(c, &message).await?;
    }
    follow_parts(c, id, now, wait.map(|wait| now.plus(wait).ms())).await?;
    Ok(Verdict::Keep(()))
}

/// The operator took a part: its id is remembered, and what came early under it is applied.
async fn taken(
    c: &mut Conn,
    message: &Standing,
    (part, state): (u8, MessageState),
    operators_id: &str,
    now: Moment,
) -> Result<(), Fault> {
    receipts::remember_id(c, message.id, part, &message.link, operators_id, now).await?;
    if !is_final(state) {
        set_part(c, message.id, part, MessageState::Sent, None).await?;
    }
    for word in receipts::early(c, &message.link, operators_id, message.created_at).await? {
        receipts::apply(c, message.id, part, word).await?;
    }
    count_attempt(c, message).await?;
    follow_parts(c, message.id, now, None).await
}

/// The first word tells how many parts there are; each stands where the message stood.
async fn make_parts(c: &mut Conn, message: &Standing, parts: u8) -> Result<(), Fault> {
    sqlx::query("UPDATE outbox SET parts = $2 WHERE id = $1")
        .bind(message.id)
        .bind(i64::from(parts))
        .execute(&mut *c)
        .await?;
    for part in 0..parts {
        sqlx::query(
            "INSERT INTO outbox_part (message, part, state, unknowns) VALUES ($1, $2, $3, $4)",
        )
        .bind(message.id)
        .bind(i64::from(part))
        .bind(message.state.name())
        .bind(message.unknowns)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// Moves one part.
pub(super) async fn set_part(
    c: &mut Conn,
    message: i64,
    part: u8,
    state: MessageState,
    reason: Option<&str>,
) -> Result<(), Fault> {
    let reason = reason.map(|reason| reason.chars().take(REASON_MAX).collect::<String>());
    let unknown = i64::from(state == MessageState::Unknown);
    sqlx::query(
        "UPDATE outbox_part SET state = $3, unknowns = unknowns + $4, reason = COALESCE($5, reason)
         WHERE message = $1 AND part = $2",
    )
    .bind(message)
    .bind(i64::from(part))
    .bind(state.name())
    .bind(unknown)
    .bind(reason.clone())
    .execute(&mut *c)
    .await?;
    if let Some(reason) = reason {
        sqlx::query("UPDATE outbox SET reason = $2 WHERE id = $1")
            .bind(message)
            .bind(reason)
            .execute(c)
            .await?;
    }
    Ok(())
}

/// Counts an attempt, once per claim.
async fn count_attempt(c: &mut Conn, message: &Standing) -> Result<(), Fault> {
    if !message.counted {
        sqlx::query("UPDATE outbox SET attempts = attempts + 1, counted = 1 WHERE id = $1")
            .bind(message.id)
            .execute(c)
            .await?;
    }
    Ok(())
}

/// A new epoch of a link; what an older one left on the wire becomes unknown.
pub(super) async fn begin_epoch(
    c: &mut Conn,
    link: String,
    now: Moment,
) -> Result<Verdict<u64>, Fault> {
    let epoch: i64 = sqlx::query_scalar(
        "INSERT INTO epochs (link, epoch, begun_at) VALUES ($1, 1, $2)
         ON CONFLICT (link) DO UPDATE SET epoch = epochs.epoch + 1, begun_at = excluded.begun_at RETURNING epoch",
    )
    .bind(&link)
    .bind(now.ms())
    .fetch_one(&mut *c)
    .await?;
    let left: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM outbox WHERE state = 'sending' AND link = $1 AND epoch < $2",
    )
    .bind(&link)
    .bind(epoch)
    .fetch_all(&mut *c)
    .await?;
    for id in left {
        lose_sight(c, id, now).await?;
    }
    Ok(Verdict::Keep(count(epoch)))
}

/// What is on the wire without a word becomes an unknown outcome.
pub(super) async fn lose_sight(c: &mut Conn, id: i64, now: Moment) -> Result<(), Fault> {
    let Some(message) = Standing::read(c, id).await? else {
        return Ok(());
    };
    count_attempt(c, &message).await?;
    if message.parts == 0 {
        sqlx::query("UPDATE outbox SET unknowns = unknowns + 1 WHERE id = $1")
            .bind(id)
            .execute(&mut *c)
            .await?;
        return move_to(
            c,
            &message,
            MessageState::Unknown,
            true,
            now,
            message.next_at,
        )
        .await;
    }
    sqlx::query(
        "UPDATE outbox_part SET state = 'unknown', unknowns = unknowns + 1 WHERE message = $1 AND state = 'sending'",
    )
    .bind(id)
    .execute(&mut *c)
    .await?;
    follow_parts(c, id, now, None).await
}

/// Queues an unknown outcome whose grace is over, or gives it up after too many.
pub(super) async fn try_again(c: &mut Conn, id: i64, now: Moment) -> Result<(), Fault> {
    let Some(message) = Standing::read(c, id).await? else {
        return Ok(());
    };
    if message.parts == 0 {
        let state = if message.unknowns > UNKNOWNS_MAX {
            MessageState::Failed
        } else {
            MessageState::Queued
        };
        return move_to(c, &message, state, true, now, now.ms()).await;
    }
    sqlx::query(
        "UPDATE outbox_part SET state = CASE WHEN unknowns > $2 THEN 'failed' ELSE 'queued' END
         WHERE message = $1 AND state = 'unknown'",
    )
    .bind(id)
    .bind(UNKNOWNS_MAX)
    .execute(&mut *c)
    .await?;
    follow_parts(c, id, now, None).await
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
