//! Due times: rows that wake a conversation up, claimed for a lease so that one worker has each.

use std::time::Duration;

use super::engine::{Conn, Fault, sql};
use super::rows::{List, Rows};
use super::writer::Verdict;
use super::{bytes, conversation_id, count, int, ms, number, text};
use crate::clock::Moment;
use crate::store::{Due, DueKind};

fn word(kind: DueKind) -> &'static str {
    match kind {
        DueKind::Call => "call",
        DueKind::Silence => "silence",
        DueKind::Erase => "erase",
        DueKind::Revoke => "revoke",
    }
}

fn kind_of(word: &str) -> DueKind {
    match word {
        "call" => DueKind::Call,
        "silence" => DueKind::Silence,
        "revoke" => DueKind::Revoke,
        // Only this file writes the column.
        _ => DueKind::Erase,
    }
}

static PUT: Rows = Rows::new(
    "INSERT INTO due (conversation, kind, at, number, attempts, claimed_until)",
    6,
    "ON CONFLICT (conversation, kind) DO UPDATE SET at = excluded.at, number = excluded.number,
         attempts = excluded.attempts, claimed_until = 0, claimed_by = 0",
);
static REMOVE: List = List::new("DELETE FROM due WHERE kind = $1 AND conversation IN", 1, "");

/// Sets due times; one of the same conversation and kind is replaced and free for claiming.
pub(super) async fn put(c: &mut Conn, all: &[Due]) -> Result<(), Fault> {
    for (statement, rows) in PUT.over(c.kind(), all.len()) {
        let mut query = sql(statement);
        for due in &all[rows] {
            query = query
                .bind(due.conversation.0.to_vec())
                .bind(word(due.kind))
                .bind(due.at.ms())
                .bind(int(due.number))
                .bind(int(due.attempts))
                .bind(0_i64);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Removes the due times of a kind.
pub(super) async fn remove(
    c: &mut Conn,
    conversations: &[&[u8]],
    kind: DueKind,
) -> Result<(), Fault> {
    for (statement, list) in REMOVE.over(c.kind(), conversations) {
        let mut query = sql(statement).bind(word(kind));
        for conversation in list {
            query = query.bind(conversation.to_vec());
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Lets others claim what a node has claimed.
pub(super) async fn set_free(c: &mut Conn, node: i64) -> Result<(), Fault> {
    sql("UPDATE due SET claimed_until = 0, claimed_by = 0 WHERE claimed_by = $1 AND claimed_until > 0")
        .bind(node)
        .execute(c)
        .await?;
    Ok(())
}

/// Claims what has come due, the longest overdue first. What another node has claimed is free when that
/// node is over ([`set_free`]), and not before: it may still be at it.
pub(super) async fn claim(
    c: &mut Conn,
    me: i64,
    now: Moment,
    (lease, limit): (Duration, u32),
) -> Result<Verdict<Vec<Due>>, Fault> {
    let rows = sql(
        "SELECT conversation, kind, at, number, attempts, claimed_until FROM due
         WHERE at <= $1 AND claimed_until <= $1 AND claimed_by IN (0, $3) ORDER BY at LIMIT $2",
    )
    .bind(now.ms())
    .bind(i64::from(limit))
    .bind(me)
    .fetch_all(&mut *c)
    .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let (conversation, kind, attempts) = (
            bytes(&row, "conversation")?,
            text(&row, "kind")?,
            number(&row, "attempts")?,
        );
        let won = sql(
            "UPDATE due SET claimed_until = $3, claimed_by = $5, attempts = attempts + 1
             WHERE conversation = $1 AND kind = $2 AND claimed_until = $4",
        )
        .bind(&conversation)
        .bind(&kind)
        .bind(now.ms().saturating_add(ms(lease)))
        .bind(number(&row, "claimed_until")?)
        .bind(me)
        .execute(&mut *c)
        .await?;
        if won.rows_affected() == 1 {
            claimed.push(Due {
                conversation: conversation_id(&conversation),
                kind: kind_of(&kind),
                at: Moment::from_ms(number(&row, "at")?),
                number: count(number(&row, "number")?),
                attempts: count(attempts),
            });
        }
    }
    Ok(Verdict::Keep(claimed))
}

/// Ends a claimed due time; one that was put or claimed anew since stays.
pub(super) async fn end(c: &mut Conn, due: Due) -> Result<Verdict<()>, Fault> {
    sql(
        "DELETE FROM due WHERE conversation = $1 AND kind = $2 AND at = $3 AND number = $4 AND attempts = $5",
    )
    .bind(due.conversation.0.to_vec())
    .bind(word(due.kind))
    .bind(due.at.ms())
    .bind(int(due.number))
    .bind(int(due.attempts).saturating_add(1))
    .execute(c)
    .await?;
    Ok(Verdict::Keep(()))
}

/// The next moment at which a due time can be claimed or a message wants attention.
pub(super) async fn next(c: &mut Conn) -> Result<Option<Moment>, Fault> {
    let row = sql(
        "SELECT (SELECT MIN(CASE WHEN claimed_until > at THEN claimed_until ELSE at END) FROM due) AS due_at,
                (SELECT MIN(next_at) FROM outbox WHERE is_open = 1 AND state IN ('queued', 'unknown')) AS message_at",
    )
    .fetch_one(c)
    .await?;
    let due_at: Option<i64> = row.get("due_at")?;
    let message_at: Option<i64> = row.get("message_at")?;
    Ok(due_at
        .into_iter()
        .chain(message_at)
        .min()
        .map(Moment::from_ms))
}
