//! Due times: rows that wake a conversation up, claimed for a lease so that one worker has each.

use std::time::Duration;

use sqlx::Row as _;

use super::engine::{Conn, Fault};
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

/// Sets a due time; one of the same kind is replaced and free for claiming.
pub(super) async fn put(c: &mut Conn, due: Due) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO due (conversation, kind, at, number, attempts, claimed_until) VALUES ($1, $2, $3, $4, $5, 0)
         ON CONFLICT (conversation, kind) DO UPDATE SET at = excluded.at, number = excluded.number,
             attempts = excluded.attempts, claimed_until = 0",
    )
    .bind(due.conversation.0.to_vec())
    .bind(word(due.kind))
    .bind(due.at.ms())
    .bind(int(due.number))
    .bind(int(due.attempts))
    .execute(c)
    .await?;
    Ok(())
}

/// Removes a due time of a kind.
pub(super) async fn remove(c: &mut Conn, conversation: &[u8], kind: DueKind) -> Result<(), Fault> {
    sqlx::query("DELETE FROM due WHERE conversation = $1 AND kind = $2")
        .bind(conversation.to_vec())
        .bind(word(kind))
        .execute(c)
        .await?;
    Ok(())
}

/// Claims what has come due, the longest overdue first.
pub(super) async fn claim(
    c: &mut Conn,
    now: Moment,
    lease: Duration,
    limit: u32,
) -> Result<Verdict<Vec<Due>>, Fault> {
    let rows = sqlx::query(
        "SELECT conversation, kind, at, number, attempts, claimed_until FROM due
         WHERE at <= $1 AND claimed_until <= $1 ORDER BY at LIMIT $2",
    )
    .bind(now.ms())
    .bind(i64::from(limit))
    .fetch_all(&mut *c)
    .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let (conversation, kind, attempts) = (
            bytes(&row, "conversation")?,
            text(&row, "kind")?,
            number(&row, "attempts")?,
        );
        let won = sqlx::query(
            "UPDATE due SET claimed_until = $3, attempts = attempts + 1
             WHERE conversation = $1 AND kind = $2 AND claimed_until = $4",
        )
        .bind(&conversation)
        .bind(&kind)
        .bind(now.ms().saturating_add(ms(lease)))
        .bind(number(&row, "claimed_until")?)
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
    sqlx::query(
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
    let row = sqlx::query(
        "SELECT (SELECT MIN(CASE WHEN claimed_until > at THEN claimed_until ELSE at END) FROM due) AS due_at,
                (SELECT MIN(next_at) FROM outbox WHERE state IN ('queued', 'unknown')) AS message_at",
    )
    .fetch_one(c)
    .await?;
    let due_at: Option<i64> = row.try_get("due_at")?;
    let message_at: Option<i64> = row.try_get("message_at")?;
    Ok(due_at
        .into_iter()
        .chain(message_at)
        .min()
        .map(Moment::from_ms))
}
