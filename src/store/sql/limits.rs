//! The limits on one-time codes: per number, and per block of a thousand numbers.

use std::time::Duration;

use super::engine::{Conn, Fault, sql};
use super::{Inner, number};
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::plant::{Plant, planted};

/// The limits on codes; the defaults are the numbers of the service's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a code lives.
    pub life: Duration,
    /// Tries of one code.
    pub tries_max: u32,
    /// What has to pass after the first sending of a code, after the second, and so on; the last
    /// one repeats.
    pub waits: [Duration; 2],
    /// Sendings to a number within [`Rules::short`].
    pub short_max: u32,
    /// The short window.
    pub short: Duration,
    /// Sendings to a number within [`Rules::long`].
    pub long_max: u32,
    /// The long window.
    pub long: Duration,
    /// Sendings to a block of 1,000 numbers within [`Rules::short`] from which on it is looked at.
    pub block_max: u32,
    /// The share of them, in percent, that has to be used.
    pub block_used_percent: u32,
    /// How long a block is stopped.
    pub block_stop: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            life: crate::store::CODE_LIFE,
            tries_max: 3,
            waits: [Duration::from_secs(60), Duration::from_secs(120)],
            short_max: 3,
            short: Duration::from_secs(10 * 60),
            long_max: 5,
            long: Duration::from_secs(24 * 3600),
            block_max: 20,
            block_used_percent: 20,
            block_stop: Duration::from_secs(3600),
        }
    }
}

/// The last digits of a number that are left out of its block.
const BLOCK_DIGITS: usize = 3;

/// The keyed hash of the block that a number is in.
pub(super) fn block_mark(inner: &Inner, to: &Msisdn) -> Vec<u8> {
    let digits = to.digits();
    let block = &digits[..digits.len().saturating_sub(BLOCK_DIGITS)];
    inner
        .keys
        .mark("block of numbers", &[block.as_bytes()])
        .to_vec()
}

/// Whether the number or its block is used up. What its owner asked for and what others asked for
/// are counted apart, so that a stranger cannot use up a worker's share.
pub(super) async fn is_limited(
    c: &mut Conn,
    rules: &Rules,
    recipient: &[u8],
    block: &[u8],
    by_owner: bool,
    now: Moment,
) -> Result<bool, Fault> {
    if planted(Plant::LimitsForgotten) {
        return Ok(false);
    }
    for (window, limit) in [(rules.short, rules.short_max), (rules.long, rules.long_max)] {
        let sent: i64 = sql(
            "SELECT COUNT(*) FROM code_sends WHERE recipient = $1 AND by_owner = $2 AND sent_at > $3",
        )
        .bind(recipient.to_vec())
        .bind(i64::from(by_owner))
        .bind(now.minus(window).ms())
        .one(&mut *c)
        .await?;
        if sent >= i64::from(limit) {
            return Ok(true);
        }
    }

    let stopped_until: Option<i64> =
        sql("SELECT stopped_until FROM code_blocks WHERE number_block = $1 AND by_owner = $2")
            .bind(block.to_vec())
            .bind(i64::from(by_owner))
            .maybe(&mut *c)
            .await?;
    if stopped_until.is_some_and(|until| until > now.ms()) {
        return Ok(true);
    }
    let row = sql(
        "SELECT COUNT(*) AS sent, COUNT(CASE WHEN used = 1 THEN 1 END) AS used FROM code_sends
         WHERE number_block = $1 AND by_owner = $2 AND sent_at > $3",
    )
    .bind(block.to_vec())
    .bind(i64::from(by_owner))
    .bind(now.minus(rules.short).ms())
    .fetch_one(&mut *c)
    .await?;
    let (sent, used) = (number(&row, "sent")?, number(&row, "used")?);
    if sent < i64::from(rules.block_max) || used * 100 >= sent * i64::from(rules.block_used_percent)
    {
        return Ok(false);
    }
    sql(
        "INSERT INTO code_blocks (number_block, by_owner, stopped_until) VALUES ($1, $2, $3)
         ON CONFLICT (number_block, by_owner) DO UPDATE SET stopped_until = excluded.stopped_until",
    )
    .bind(block.to_vec())
    .bind(i64::from(by_owner))
    .bind(now.plus(rules.block_stop).ms())
    .execute(c)
    .await?;
    Ok(true)
}
