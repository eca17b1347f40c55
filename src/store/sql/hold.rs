//! Holds of the outbox: while one is not over, nothing is claimed.

use super::engine::{Conn, Fault, sql};
use super::standing::Standings;
use super::{maybe_bytes, number, text};
use crate::clock::Moment;
use crate::store::by_hand::{Hold, HoldReason, Older, Released};
use crate::store::seal::Place;

/// Messages that one round of a release moves.
const ROUND_MAX: i64 = 1000;
/// Who holds, where nobody did it by hand.
pub(super) const ITSELF: &str = "jisr";

/// A hold as its row has it, the note still sealed.
pub(super) struct HoldRow {
    /// Its number.
    pub id: i64,
    /// What is known of it.
    pub hold: Hold,
    /// The note.
    pub note: Option<Vec<u8>>,
}

/// Where the note of a hold is sealed; its row is named by the hold's number.
pub(super) fn note_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "holds",
        column: "note",
        row,
    }
}

/// The hold that is in force.
pub(super) async fn current(c: &mut Conn) -> Result<Option<HoldRow>, Fault> {
    let row = sql(
        "SELECT id, why, note, who, begun_at, as_of FROM holds WHERE over_at IS NULL ORDER BY id LIMIT 1",
    )
    .fetch_optional(c)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let word = text(&row, "why")?;
    let why = HoldReason::ALL.into_iter().find(|why| why.name() == word);
    let as_of: Option<i64> = row.get("as_of")?;
    Ok(Some(HoldRow {
        id: number(&row, "id")?,
        hold: Hold {
            // A reason that a later version has: held is held.
            why: why.unwrap_or(HoldReason::Restored),
            note: None,
            who: text(&row, "who")?,
            begun_at: Moment::from_ms(number(&row, "begun_at")?),
            as_of: as_of.map(Moment::from_ms),
        },
        note: maybe_bytes(&row, "note")?,
    }))
}

/// The number of the next hold.
pub(super) async fn next_id(c: &mut Conn) -> Result<i64, Fault> {
    sql("SELECT COALESCE(MAX(id), 0) + 1 FROM holds")
        .one(c)
        .await
}

/// Holds the outbox, unless it is held already. What a ledger that was put back knows ends with the
/// latest moment that it has seen.
pub(super) async fn begin(
    c: &mut Conn,
    why: HoldReason,
    who: &str,
    note: Option<Vec<u8>>,
    now: Moment,
) -> Result<(), Fault> {
    if current(c).await?.is_some() {
        return Ok(());
    }
    let as_of: Option<i64> = match why {
        HoldReason::ByHand => None,
        HoldReason::Restored | HoldReason::Older | HoldReason::Moved => {
            sql("SELECT number FROM meta WHERE name = 'clock'")
                .maybe(&mut *c)
                .await?
        }
    };
    let id = next_id(c).await?;
    sql("INSERT INTO holds (id, why, note, who, begun_at, as_of) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(why.name())
        .bind(note)
        .bind(who)
        .bind(now.ms())
        .bind(as_of)
        .execute(c)
        .await?;
    Ok(())
}

/// One round of a release. Tells what it did, and whether the hold is over with it.
pub(super) async fn release(
    c: &mut Conn,
    row: &HoldRow,
    older: Older,
    who: &str,
    now: Moment,
) -> Result<(Released, bool), Fault> {
    // What a person held has been where it is all the time.
    let suspects: Vec<i64> = match row.hold.why {
        HoldReason::ByHand => Vec::new(),
        HoldReason::Restored | HoldReason::Older | HoldReason::Moved => {
            sql("SELECT id FROM outbox WHERE state = 'queued' AND created_at <= $1 ORDER BY id LIMIT $2")
                .bind(row.hold.begun_at.ms())
                .bind(ROUND_MAX)
                .all(&mut *c)
                .await?
        }
    };
    let mut standings = Standings::read(c, &suspects).await?;
    standings.all().for_each(|message| match older {
        Older::Unknown => message.doubt(now),
        Older::Cancel => message.cancel("restored", now),
    });
    standings.write(c).await?;
    let mut released = Released {
        older: suspects.len() as u64,
        others: 0,
    };
    if i64::try_from(suspects.len()).is_ok_and(|moved| moved >= ROUND_MAX) {
        return Ok((released, false));
    }
    let others: i64 = sql("SELECT COUNT(*) FROM outbox WHERE state = 'queued'")
        .one(&mut *c)
        .await?;
    released.others = super::count(others);
    sql("UPDATE holds SET over_at = $1, over_by = $2, older = $3 WHERE id = $4")
        .bind(now.ms())
        .bind(who)
        .bind(older.name())
        .bind(row.id)
        .execute(c)
        .await?;
    Ok((released, true))
}
