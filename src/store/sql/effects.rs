//! Effects: intents with their sealed secret, and what came of them.

use super::engine::{Conn, Fault, sql};
use super::{Inner, bytes, conversation_id, maybe_bytes, outbox, text};
use crate::store::seal::Place;
use crate::store::{Effect, EffectState, Mark, NewEffect, StoreError};

/// An intent with its secret sealed, which the writer can take with it.
pub(super) struct NewRow {
    key: Vec<u8>,
    conversation: Vec<u8>,
    subject: Vec<u8>,
    secret: Vec<u8>,
    at: i64,
}

fn place(key: &[u8]) -> Place<'_> {
    Place {
        table: "effects",
        column: "secret",
        row: key,
    }
}

fn subject_place(key: &[u8]) -> Place<'_> {
    Place {
        table: "effects",
        column: "subject",
        row: key,
    }
}

fn word(state: EffectState) -> &'static str {
    match state {
        EffectState::Intended => "intended",
        EffectState::Done => "done",
        EffectState::Refused => "refused",
        EffectState::Revoked => "revoked",
    }
}

fn state_of(word: &str) -> EffectState {
    match word {
        "done" => EffectState::Done,
        "refused" => EffectState::Refused,
        "revoked" => EffectState::Revoked,
        // Only this file writes the column.
        _ => EffectState::Intended,
    }
}

impl NewRow {
    /// Seals the secret.
    pub(super) fn of(inner: &Inner, effect: &NewEffect) -> Result<Self, StoreError> {
        Ok(Self {
            key: effect.key.to_vec(),
            conversation: effect.conversation.0.to_vec(),
            subject: inner.seal(subject_place(&effect.key), &effect.subject)?,
            secret: inner.seal(place(&effect.key), &effect.secret)?,
            at: effect.at.ms(),
        })
    }
}

/// Records an intent; the first one for a key stands.
pub(super) async fn intend(c: &mut Conn, row: &NewRow) -> Result<(), Fault> {
    sql(
        "INSERT INTO effects (key, conversation, subject, secret, state, intended_at)
         VALUES ($1, $2, $3, $4, 'intended', $5)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(row.key.clone())
    .bind(row.conversation.clone())
    .bind(row.subject.clone())
    .bind(row.secret.clone())
    .bind(row.at)
    .execute(c)
    .await?;
    Ok(())
}

/// Records a result and erases the secret. Refused and revoked are final; what was done can only
/// be revoked.
pub(super) async fn result(c: &mut Conn, key: Mark, state: EffectState) -> Result<(), Fault> {
    let query = match state {
        EffectState::Intended => return Ok(()),
        EffectState::Done | EffectState::Refused => {
            "UPDATE effects SET state = $2, secret = NULL WHERE key = $1 AND state = 'intended'"
        }
        EffectState::Revoked => {
            "UPDATE effects SET state = $2, secret = NULL WHERE key = $1 AND state IN ('intended', 'done')"
        }
    };
    sql(query)
        .bind(key.to_vec())
        .bind(word(state))
        .execute(c)
        .await?;
    Ok(())
}

/// The effect with a key, and the message that carries its secret: the one with the same key.
pub(super) async fn find(c: &mut Conn, inner: &Inner, key: Mark) -> Result<Option<Effect>, Fault> {
    let row = sql("SELECT conversation, subject, secret, state FROM effects WHERE key = $1")
        .bind(key.to_vec())
        .fetch_optional(&mut *c)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let secret = match maybe_bytes(&row, "secret")? {
        Some(sealed) => Some(inner.open(place(&key), &sealed)?),
        None => None,
    };
    Ok(Some(Effect {
        key,
        conversation: conversation_id(&bytes(&row, "conversation")?),
        subject: inner.open(subject_place(&key), &bytes(&row, "subject")?)?,
        secret,
        state: state_of(&text(&row, "state")?),
        message: outbox::state_by_key(c, key).await?,
    }))
}

/// The effect whose secret a message carries: the one with the message's key.
pub(super) async fn of_message(
    c: &mut Conn,
    inner: &Inner,
    message: i64,
) -> Result<Option<Effect>, Fault> {
    let key: Option<Vec<u8>> = sql("SELECT key FROM outbox WHERE id = $1")
        .bind(message)
        .maybe(&mut *c)
        .await?;
    match key.and_then(|key| Mark::try_from(key).ok()) {
        Some(key) => find(c, inner, key).await,
        None => Ok(None),
    }
}
