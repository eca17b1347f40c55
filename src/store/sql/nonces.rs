//! What a signed request brings once only.

use std::collections::HashSet;

use futures_util::future::BoxFuture;

use super::engine::{Conn, Fault, sql};
use super::rows::{List, Rows};
use super::writer::Shared;
use super::{Inner, bytes};
use crate::clock::Moment;

/// Nonces that one round forgets: a busy link leaves millions a day, and callers wait for the writer.
const ROUND_MAX: i64 = 2_000;

/// A nonce at the door.
pub(super) struct NonceRow {
    key: Vec<u8>,
    until: i64,
    now: i64,
}

impl NonceRow {
    pub(super) fn of(inner: &Inner, link: &str, nonce: &[u8], until: Moment, now: Moment) -> Self {
        Self {
            key: inner.keys.mark("nonce", &[link.as_bytes(), nonce]).to_vec(),
            until: until.ms(),
            now: now.ms(),
        }
    }
}

/// One whose life is over is as good as none, tidied or not.
static OVER: List = List::new(
    "DELETE FROM nonces WHERE kept_until <= $1 AND key IN",
    1,
    "",
);
static PUT: Rows = Rows::new(
    "INSERT INTO nonces (key, kept_until)",
    2,
    "ON CONFLICT (key) DO NOTHING RETURNING key",
);

impl Shared for NonceRow {
    /// Whether it is fresh.
    type Answer = bool;

    fn write<'c>(
        c: &'c mut Conn,
        _: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<bool>, Fault>> {
        Box::pin(async move {
            let now = all.iter().map(|row| row.now).min().unwrap_or(i64::MIN);
            for (statement, list) in OVER.over(c.kind(), all) {
                let mut query = sql(statement).bind(now);
                for row in list {
                    query = query.bind(&row.key);
                }
                query.execute(&mut *c).await?;
            }
            let mut fresh = HashSet::new();
            for (statement, rows) in PUT.over(c.kind(), all.len()) {
                let mut query = sql(statement);
                for row in &all[rows] {
                    query = query.bind(&row.key).bind(row.until);
                }
                for row in query.fetch_all(&mut *c).await? {
                    fresh.insert(bytes(&row, "key")?);
                }
            }
            // Of several equal ones in a batch the first has it.
            Ok(all.iter().map(|row| fresh.remove(&row.key)).collect())
        })
    }
}

/// Forgets those whose life is over, at most [`ROUND_MAX`]. Tells whether there may be more.
pub(super) async fn forget(c: &mut Conn, now: Moment) -> Result<bool, Fault> {
    let gone = sql(
        "DELETE FROM nonces WHERE key IN (SELECT key FROM nonces WHERE kept_until <= $1 LIMIT $2)",
    )
    .bind(now.ms())
    .bind(ROUND_MAX)
    .execute(c)
    .await?;
    Ok(i64::try_from(gone.rows_affected()).is_ok_and(|rows| rows >= ROUND_MAX))
}
