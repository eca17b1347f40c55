//! Forgetting: every row has a time after which it goes.

use std::time::Duration;

use super::engine::{Conn, Fault, sql};
use super::writer::Verdict;
use super::{Inner, bytes, codes, highwater, nodes, nonces, outbox, receipts, sms};
use crate::clock::Moment;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A conversation is erased so long after its last step.
const CONVERSATION: Duration = DAY;
/// Inbox keys with their replies, sessions and unmatched receipts.
const INBOX: Duration = Duration::from_secs(72 * 3600);
/// What is known of a message after its end.
const METADATA: Duration = Duration::from_secs(90 * 24 * 3600);
/// Counters of codes and identities.
const COUNTERS: Duration = Duration::from_secs(30 * 24 * 3600);
/// Conversations that one round erases.
const ROUND_MAX: i64 = 500;
/// Receipts of a link that one round settles.
const SETTLED_MAX: i64 = 1000;

/// How often messages move on and nonces are forgotten, each time in another transaction, so that the
/// writer's other callers wait for no more than one.
pub(super) const ROUNDS_MAX: usize = 64;

/// Moves on what waits, and forgets nonces, once. Tells whether there may be more of either.
pub(super) async fn move_on(
    c: &mut Conn,
    inner: &Inner,
    now: Moment,
) -> Result<Verdict<bool>, Fault> {
    // Before anything expires: what is known of it first.
    let more = receipts::settle(c, inner, SETTLED_MAX).await?;
    let more = nonces::forget(c, now).await? || more;
    Ok(Verdict::Keep(outbox::move_on(c, now).await? || more))
}

/// Settles what the time is, and forgets what is past its own. Tells the time.
pub(super) async fn tidy(c: &mut Conn, me: i64, now: Moment) -> Result<Verdict<Moment>, Fault> {
    let now = highwater::settle(c, now).await?;
    outbox::forget(c, now, METADATA).await?;
    sms::tidy(c, now, INBOX).await?;
    nodes::tidy(c, me, now).await?;
    codes::tidy(c, now, COUNTERS).await?;
    for query in [
        "DELETE FROM inbox_ussd WHERE received_at <= $1",
        "DELETE FROM sessions WHERE seen_at <= $1",
        "DELETE FROM owners WHERE since <= $1",
        "DELETE FROM diallers WHERE dialled_at <= $1",
        "DELETE FROM receipts WHERE received_at <= $1",
    ] {
        sql(query)
            .bind(now.minus(INBOX).ms())
            .execute(&mut *c)
            .await?;
    }
    // Whose erasing was due has gone by then; this is for those that were left behind.
    let old = sql("SELECT id FROM conversations WHERE updated_at <= $1 LIMIT $2")
        .bind(now.minus(CONVERSATION).minus(HOUR).ms())
        .bind(ROUND_MAX)
        .fetch_all(&mut *c)
        .await?;
    for row in old {
        erase(c, &bytes(&row, "id")?).await?;
    }
    Ok(Verdict::Keep(now))
}

/// Removes a conversation with all that belongs to it. What stays: the sealed replies of its
/// callbacks, for repeats, until their own time is over; its messages' metadata, counters
/// without content, the keys of its effects (so that nothing is minted twice), the secret of an
/// effect whose result is not known, and a revocation that is due.
pub(super) async fn erase(c: &mut Conn, id: &[u8]) -> Result<(), Fault> {
    for query in [
        "DELETE FROM turns WHERE conversation = $1",
        "DELETE FROM current_conversations WHERE conversation = $1",
        "DELETE FROM due WHERE conversation = $1 AND kind <> 'revoke'",
        "DELETE FROM codes WHERE conversation = $1",
        "DELETE FROM code_tries WHERE conversation = $1",
        "UPDATE outbox SET state = 'cancelled', is_open = 0, reason = 'erased' WHERE conversation = $1 AND state = 'queued'",
        "UPDATE outbox SET content = NULL WHERE conversation = $1",
        "DELETE FROM conversations WHERE id = $1",
    ] {
        sql(query).bind(id.to_vec()).execute(&mut *c).await?;
    }
    Ok(())
}
