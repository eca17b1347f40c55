//! Failed identity matches, by number and by identity.

use std::time::Duration;

use super::engine::{Conn, Fault, sql};
use super::writer::Verdict;
use super::{count as small, highwater, ms};
use crate::clock::Moment;
use crate::store::MatchFailures;

/// How long a number's failures count.
const OF_NUMBER: Duration = Duration::from_secs(24 * 3600);
/// How long an identity's failures count.
const OF_IDENTITY: Duration = Duration::from_secs(30 * 24 * 3600);

/// Counts failures within their windows.
pub(super) async fn count(
    c: &mut Conn,
    subscriber: Vec<u8>,
    identity: Vec<u8>,
    now: Moment,
) -> Result<MatchFailures, Fault> {
    let row = sql(
        "SELECT (SELECT COUNT(*) FROM attempts WHERE subscriber = $1 AND failed_at > $3) AS by_number,
                (SELECT COUNT(*) FROM attempts WHERE identity = $2 AND failed_at > $4) AS of_identity",
    )
    .bind(subscriber)
    .bind(identity)
    .bind(now.ms().saturating_sub(ms(OF_NUMBER)))
    .bind(now.ms().saturating_sub(ms(OF_IDENTITY)))
    .fetch_one(c)
    .await?;
    Ok(MatchFailures {
        by_number: small(row.get("by_number")?),
        of_identity: small(row.get("of_identity")?),
    })
}

/// Records a failure, once per key.
pub(super) async fn record(
    c: &mut Conn,
    subscriber: Vec<u8>,
    identity: Vec<u8>,
    key: Vec<u8>,
    now: Moment,
) -> Result<Verdict<()>, Fault> {
    let now = highwater::settle(c, now).await?;
    sql(
        "INSERT INTO attempts (key, subscriber, identity, failed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(key)
    .bind(subscriber)
    .bind(identity)
    .bind(now.ms())
    .execute(c)
    .await?;
    Ok(Verdict::Keep(()))
}
