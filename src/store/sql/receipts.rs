//! Delivery receipts, matched to parts by the operator's id in every form it comes in, also when
//! they come before the id itself.

use super::engine::{Conn, Fault};
use super::message_id::{forms, normal};
use super::writer::Verdict;
use super::{Inner, count, number, standing, text};
use crate::clock::Moment;
use crate::store::{MessageState, Receipt, ReceiptState};

fn word(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Underway => "underway",
        ReceiptState::Delivered => "delivered",
        ReceiptState::Expired => "expired",
        ReceiptState::Failed => "failed",
    }
}

fn state_of(word: &str) -> ReceiptState {
    match word {
        "delivered" => ReceiptState::Delivered,
        "expired" => ReceiptState::Expired,
        "failed" => ReceiptState::Failed,
        // Only this file writes the column.
        _ => ReceiptState::Underway,
    }
}

/// Remembers the id under which the operator took a part.
pub(super) async fn remember_id(
    c: &mut Conn,
    message: i64,
    part: u8,
    link: &str,
    id: &str,
    now: Moment,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO part_ids (message, part, link, message_id, accepted_at, normal) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (message, part, message_id) DO NOTHING",
    )
    .bind(message)
    .bind(i64::from(part))
    .bind(link)
    .bind(id)
    .bind(now.ms())
    .bind(normal(id))
    .execute(c)
    .await?;
    Ok(())
}

/// Applies a receipt to its part, or keeps it until that is known.
pub(super) async fn take(
    c: &mut Conn,
    inner: &Inner,
    receipt: Receipt,
) -> Result<Verdict<()>, Fault> {
    for form in forms(&receipt.message_id) {
        // Ids come round again, and read in the other base they may be another message's: one that
        // has had its last word is not meant. The receipt may have overtaken its own response, and
        // waits for it.
        let row = sqlx::query(
            "SELECT i.message, i.part, i.accepted_at,
                 (SELECT MAX(o.accepted_at) FROM part_ids o WHERE o.message = i.message AND o.part = i.part) AS newest
             FROM part_ids i JOIN outbox_part p ON p.message = i.message AND p.part = i.part
             WHERE i.link = $1 AND i.normal = $2 AND p.state NOT IN ('delivered', 'failed')
             ORDER BY i.message DESC LIMIT 1",
        )
        .bind(&receipt.link.0)
        .bind(form)
        .fetch_optional(&mut *c)
        .await?;
        let Some(row) = row else { continue };
        let (message, part) = (number(&row, "message")?, count(number(&row, "part")?));
        // A part that was sent again stands by its newest sending, unless an older one arrived.
        let newest = number(&row, "accepted_at")? == number(&row, "newest")?;
        if newest || receipt.state == ReceiptState::Delivered {
            apply(c, message, part, receipt.state).await?;
            standing::follow_parts(c, message, receipt.at, None).await?;
        }
        return Ok(Verdict::Keep(()));
    }
    // That a part is under way says nothing that its response will not say.
    if receipt.state != ReceiptState::Underway {
        sqlx::query("INSERT INTO receipts (id, link, normal, state, received_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(inner.next_id(receipt.at))
            .bind(&receipt.link.0)
            .bind(normal(&receipt.message_id))
            .bind(word(receipt.state))
            .bind(receipt.at.ms())
            .execute(c)
            .await?;
    }
    Ok(Verdict::Keep(()))
}

/// The receipts that came before their id, oldest first. One that is older than the message is
/// another message's, from a time before the operator's ids came round.
pub(super) async fn early(
    c: &mut Conn,
    link: &str,
    id: &str,
    created_at: i64,
) -> Result<Vec<ReceiptState>, Fault> {
    let mut found = Vec::new();
    for form in forms(id) {
        let rows = sqlx::query(
            "DELETE FROM receipts WHERE link = $1 AND normal = $2 AND received_at >= $3 RETURNING id, state",
        )
        .bind(link)
        .bind(form)
        .bind(created_at)
        .fetch_all(&mut *c)
        .await?;
        for row in rows {
            found.push((number(&row, "id")?, state_of(&text(&row, "state")?)));
        }
        if !found.is_empty() {
            break;
        }
    }
    found.sort_unstable_by_key(|(id, _)| *id);
    Ok(found.into_iter().map(|(_, state)| state).collect())
}

/// Moves one part by a receipt's word. Delivered and failed stay; expired may still be delivered.
pub(super) async fn apply(
    c: &mut Conn,
    message: i64,
    part: u8,
    word: ReceiptState,
) -> Result<(), Fault> {
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM outbox_part WHERE message = $1 AND part = $2")
            .bind(message)
            .bind(i64::from(part))
            .fetch_optional(&mut *c)
            .await?;
    let Some(state) = state else { return Ok(()) };
    let next = match (word, standing::state_of(&state)) {
        (ReceiptState::Underway, _)
        | (_, MessageState::Delivered | MessageState::Failed | MessageState::Cancelled)
        | (ReceiptState::Expired | ReceiptState::Failed, MessageState::Expired) => return Ok(()),
        // It goes again already, on request or after an unknown outcome.
        (
            ReceiptState::Expired | ReceiptState::Failed,
            MessageState::Queued | MessageState::Sending,
        ) => return Ok(()),
        (ReceiptState::Delivered, _) => MessageState::Delivered,
        (ReceiptState::Expired, MessageState::Sent | MessageState::Unknown) => {
            MessageState::Expired
        }
        (ReceiptState::Failed, MessageState::Sent | MessageState::Unknown) => MessageState::Failed,
    };
    standing::set_part(c, message, part, next, None).await
}
