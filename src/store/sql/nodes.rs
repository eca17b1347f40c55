//! Nodes: who has the ledger open, who is over, and what each holds for all.
//!
//! No clock decides. A node shows that it lives by counting its beats; whoever sees one that counts no
//! further buries it, and from then on nothing that it writes counts ([`is_over`]).

use super::engine::{Conn, Fault, sql};
use super::standing;
use super::writer::Verdict;
use super::{count, due, int, number, sms};
use crate::clock::Moment;
use crate::store::{Beaten, NodeId, Pulse, StoreError};

/// Nodes that may live at once: each has a row of ids of its own.
pub(super) const SLOTS: i64 = 256;
/// Nodes that are over are known for as long as what they took in may come again.
const KNOWN_MS: i64 = 72 * 3600 * 1000;

/// What a node says when it finds that it was buried.
pub(super) fn buried() -> Fault {
    Fault::Store(StoreError::Buried)
}

/// Makes a node of this opening: its number and its slot. Nodes that came before there was a table of
/// them are over; they were last known to live when a text was taken in, or the clock was looked at.
pub(super) async fn join(c: &mut Conn) -> Result<(i64, i64), Fault> {
    let id: i64 = sql("INSERT INTO meta (name, number) VALUES ('instance', 1)
         ON CONFLICT (name) DO UPDATE SET number = meta.number + 1 RETURNING number")
    .one(&mut *c)
    .await?;
    sql("INSERT INTO nodes (id, slot, beat, over, seen_at)
         SELECT s.instance, 0, 0, 1, MAX(s.received_at) FROM sms_seen s
         WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = s.instance) GROUP BY s.instance")
    .execute(&mut *c)
    .await?;
    let taken: Vec<i64> = sql("SELECT slot FROM nodes WHERE over = 0")
        .all(&mut *c)
        .await?;
    let Some(slot) = (0..SLOTS).find(|slot| !taken.contains(slot)) else {
        return Err(Fault::Store(StoreError::Unavailable(format!(
            "{SLOTS} nodes have this ledger open, which is all that there may be"
        ))));
    };
    sql("INSERT INTO nodes (id, slot, beat, over, seen_at) VALUES ($1, $2, 0, 0, 0)")
        .bind(id)
        .bind(slot)
        .execute(&mut *c)
        .await?;
    Ok((id, slot))
}

/// Buries every node but this one: nobody else can have the ledger open.
pub(super) async fn alone(c: &mut Conn, me: i64) -> Result<(), Fault> {
    let others: Vec<i64> = sql("SELECT id FROM nodes WHERE over = 0 AND id <> $1")
        .bind(me)
        .all(&mut *c)
        .await?;
    for other in others {
        end(c, me, other).await?;
    }
    // What was nobody's before there were nodes.
    inherit(c, me, 0).await
}

/// Whether a node is over.
pub(super) async fn is_over(c: &mut Conn, node: i64) -> Result<bool, Fault> {
    let lives: Option<i64> = sql("SELECT id FROM nodes WHERE id = $1 AND over = 0")
        .bind(node)
        .maybe(c)
        .await?;
    Ok(lives.is_none())
}

/// One more beat; tells the others that are not over, and their beats.
pub(super) async fn beat(c: &mut Conn, me: i64, now: Moment) -> Result<Verdict<Beaten>, Fault> {
    sql("UPDATE nodes SET beat = beat + 1, seen_at = $2 WHERE id = $1 AND over = 0")
        .bind(me)
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
    let rows = sql("SELECT id, beat FROM nodes WHERE over = 0 AND id <> $1 ORDER BY id")
        .bind(me)
        .fetch_all(&mut *c)
        .await?;
    let mut others = Vec::with_capacity(rows.len());
    for row in rows {
        others.push(Pulse {
            node: NodeId(number(&row, "id")?),
            beat: count(number(&row, "beat")?),
        });
    }
    let time = c.time().await?;
    Ok(Verdict::Keep(Beaten { others, time }))
}

/// Buries a node that has not counted further, and takes over what it had in hand; tells whether it
/// stood as it was seen.
pub(super) async fn bury(
    c: &mut Conn,
    me: i64,
    dead: Pulse,
    now: Moment,
) -> Result<Verdict<bool>, Fault> {
    let stands: Option<i64> =
        sql("SELECT id FROM nodes WHERE id = $1 AND beat = $2 AND over = 0 AND id <> $3")
            .bind(dead.node.0)
            .bind(int(dead.beat))
            .bind(me)
            .maybe(&mut *c)
            .await?;
    if stands.is_none() {
        return Ok(Verdict::Keep(false));
    }
    end(c, me, dead.node.0).await?;
    standing::lose_sight_of(c, dead.node.0, None, now).await?;
    Ok(Verdict::Keep(true))
}

/// This node ends by itself: what it had in hand is anybody's at once.
pub(super) async fn leave(c: &mut Conn, me: i64, now: Moment) -> Result<Verdict<()>, Fault> {
    let heir: Option<i64> = sql("SELECT MIN(id) FROM nodes WHERE over = 0 AND id <> $1")
        .bind(me)
        .one(&mut *c)
        .await?;
    end(c, heir.unwrap_or(0), me).await?;
    standing::lose_sight_of(c, me, None, now).await?;
    Ok(Verdict::Keep(()))
}

/// A node is over, and what it had in hand is its heir's.
async fn end(c: &mut Conn, heir: i64, node: i64) -> Result<(), Fault> {
    // It lived at least until it took its last text in.
    sql("UPDATE nodes SET over = 1, seen_at = (
             SELECT MAX(at) FROM (
                 SELECT n.seen_at AS at FROM nodes n WHERE n.id = $1
                 UNION ALL SELECT COALESCE(MAX(s.received_at), 0) FROM sms_seen s WHERE s.instance = $1) AS seen)
         WHERE id = $1")
    .bind(node)
    .execute(&mut *c)
    .await?;
    inherit(c, heir, node).await
}

async fn inherit(c: &mut Conn, heir: i64, node: i64) -> Result<(), Fault> {
    sms::inherit(c, heir, node).await?;
    due::set_free(c, node).await
}

/// Takes what one node does for all, where nobody who lives holds it; tells its epoch.
pub(super) async fn lease(
    c: &mut Conn,
    me: i64,
    name: String,
) -> Result<Verdict<Option<u64>>, Fault> {
    let row = sql("INSERT INTO leases (name, node, epoch) VALUES ($1, $2, 1)
         ON CONFLICT (name) DO UPDATE SET node = excluded.node,
             epoch = leases.epoch + CASE WHEN leases.node = excluded.node THEN 0 ELSE 1 END
         WHERE leases.node = excluded.node
            OR NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = leases.node AND n.over = 0)
         RETURNING epoch")
    .bind(name)
    .bind(me)
    .fetch_optional(c)
    .await?;
    let epoch = row.map(|row| number(&row, "epoch")).transpose()?;
    Ok(Verdict::Keep(epoch.map(count)))
}

/// Lets go of it.
pub(super) async fn release(c: &mut Conn, me: i64, name: String) -> Result<Verdict<()>, Fault> {
    sql("UPDATE leases SET node = 0 WHERE name = $1 AND node = $2")
        .bind(name)
        .bind(me)
        .execute(c)
        .await?;
    Ok(Verdict::Keep(()))
}

/// Knows that this node lives, and forgets those that have been over for long.
pub(super) async fn tidy(c: &mut Conn, me: i64, now: Moment) -> Result<(), Fault> {
    sql("UPDATE nodes SET seen_at = $2 WHERE id = $1 AND seen_at < $2")
        .bind(me)
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
    for query in [
        "DELETE FROM senders WHERE node IN (SELECT id FROM nodes WHERE over = 1 AND seen_at <= $1)",
        "DELETE FROM nodes WHERE over = 1 AND seen_at <= $1",
    ] {
        sql(query)
            .bind(now.ms().saturating_sub(KNOWN_MS))
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
