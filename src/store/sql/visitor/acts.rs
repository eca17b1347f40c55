//! What is done with a message by hand: a transaction each, with a row that says who it was.

use serde::de::DeserializeOwned;

use super::super::engine::{Conn, Fault, sql};
use super::super::outbox::free_at;
use super::super::standing::{Standings, is_final, state_of};
use super::super::{bytes, maybe_bytes, number, text};
use super::Tools;
use crate::clock::Moment;
use crate::store::by_hand::{Act, Cancelled, Hand, SentAgain};
use crate::store::seal::Place;
use crate::store::{MessageId, MessageKind, MessageState, StoreError};

const SENT_AGAIN: &str = "sent again";
const CANCELLED: &str = "cancelled";

impl Tools<'_> {
    /// Opens a sealed value of the ledger.
    pub(super) fn open<T: DeserializeOwned>(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        let plain = self.keys.open(place, sealed)?;
        rmp_serde::from_slice(&plain).map_err(|_| StoreError::Sealed { table: place.table })
    }

    /// Seals what a person said.
    pub(super) fn seal(&self, place: Place<'_>, said: &str) -> Result<Vec<u8>, StoreError> {
        let plain =
            rmp_serde::to_vec(said).map_err(|_| StoreError::Sealed { table: place.table })?;
        self.keys.seal(place, &plain, self.chance)
    }
}

fn why_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "outbox_acts",
        column: "why",
        row,
    }
}

fn why_row(message: MessageId, act: i64) -> Vec<u8> {
    [message.0.to_be_bytes(), act.to_be_bytes()].concat()
}

/// What was done with a message, oldest first.
pub(super) async fn of(
    c: &mut Conn,
    tools: &Tools<'_>,
    message: MessageId,
) -> Result<Vec<Act>, Fault> {
    let rows = sql(
        "SELECT number, act, was, who, why, done_at FROM outbox_acts WHERE message = $1 ORDER BY number",
    )
    .bind(message.0)
    .fetch_all(c)
    .await?;
    let mut acts = Vec::with_capacity(rows.len());
    for row in &rows {
        let place = why_row(message, number(row, "number")?);
        acts.push(Act {
            act: text(row, "act")?,
            was: state_of(&text(row, "was")?),
            who: text(row, "who")?,
            why: maybe_bytes(row, "why")?
                .and_then(|sealed| tools.open(why_place(&place), &sealed).ok()),
            at: Moment::from_ms(number(row, "done_at")?),
        });
    }
    Ok(acts)
}

async fn note(
    c: &mut Conn,
    tools: &Tools<'_>,
    message: MessageId,
    (act, was): (&'static str, MessageState),
    hand: &Hand,
) -> Result<(), Fault> {
    let next: i64 = sql("SELECT COALESCE(MAX(number), 0) + 1 FROM outbox_acts WHERE message = $1")
        .bind(message.0)
        .one(&mut *c)
        .await?;
    let why = match &hand.why {
        Some(why) => Some(tools.seal(why_place(&why_row(message, next)), why)?),
        None => None,
    };
    sql(
        "INSERT INTO outbox_acts (message, number, act, was, who, why, done_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(message.0)
    .bind(next)
    .bind(act)
    .bind(was.name())
    .bind(hand.who.as_str())
    .bind(why)
    .bind(hand.at.ms())
    .execute(c)
    .await?;
    Ok(())
}

/// The same bytes to the same number, once more.
pub(super) async fn send_again(
    c: &mut Conn,
    tools: &Tools<'_>,
    id: MessageId,
    hand: &Hand,
) -> Result<SentAgain, Fault> {
    let row = sql(
        "SELECT kind, state, service, recipient, content, sent_at, valid_until FROM outbox WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else {
        return Ok(SentAgain::Absent);
    };
    let was = state_of(&text(&row, "state")?);
    let valid_until = Moment::from_ms(number(&row, "valid_until")?);
    if is_final(was) || maybe_bytes(&row, "content")?.is_none() {
        return Ok(SentAgain::Final(was));
    }
    if valid_until <= hand.at {
        return Ok(SentAgain::PastValidity(valid_until));
    }
    let sent_at = Moment::from_ms(number(&row, "sent_at")?);
    let free_at = free_at(c, id.0, sent_at, hand.at).await?;
    match was {
        MessageState::Sending => return Ok(SentAgain::OnTheWire),
        MessageState::Sent if free_at > hand.at => return Ok(SentAgain::TooSoon(free_at)),
        MessageState::Queued
        | MessageState::Sent
        | MessageState::Unknown
        | MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => {}
    }
    let is_notice = text(&row, "kind")? == MessageKind::Notice.name();
    let stopped: Option<i64> =
        sql("SELECT stopped FROM subscribers WHERE service = $1 AND subscriber = $2")
            .bind(text(&row, "service")?)
            .bind(bytes(&row, "recipient")?)
            .maybe(&mut *c)
            .await?;
    if is_notice && stopped.unwrap_or(0) != 0 {
        return Ok(SentAgain::Stopped);
    }
    let mut standings = Standings::read(c, &[id.0]).await?;
    if let Some(message) = standings.get(id.0) {
        message.go_again(hand.at);
    }
    standings.write(c).await?;
    note(c, tools, id, (SENT_AGAIN, was), hand).await?;
    Ok(SentAgain::Queued(was))
}

/// A message that has not gone does not go.
pub(super) async fn cancel(
    c: &mut Conn,
    tools: &Tools<'_>,
    id: MessageId,
    hand: &Hand,
) -> Result<Cancelled, Fault> {
    let mut standings = Standings::read(c, &[id.0]).await?;
    let Some(message) = standings.get(id.0) else {
        return Ok(Cancelled::Absent);
    };
    let was = message.state();
    match was {
        MessageState::Sending => return Ok(Cancelled::OnTheWire),
        MessageState::Sent => return Ok(Cancelled::Sent),
        MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => return Ok(Cancelled::Final(was)),
        MessageState::Queued | MessageState::Unknown => {}
    }
    message.cancel("by hand", hand.at);
    standings.write(c).await?;
    note(c, tools, id, (CANCELLED, was), hand).await?;
    Ok(Cancelled::Done(was))
}
