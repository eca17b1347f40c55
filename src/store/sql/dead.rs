//! Messages that failed for good: told once, by one node, and kept with their reason for as long as the
//! metadata of messages is.

use super::engine::{Conn, Fault, sql};
use super::outbox::kind_of;
use super::rows::List;
use super::standing::state_of;
use super::writer::Verdict;
use super::{SqlStore, count, number, text};
use crate::callback::LinkName;
use crate::store::by_hand::DeadLetter;
use crate::store::{MessageId, StoreError};

/// Dead letters of one round.
const ROUND_MAX: i64 = 500;

static TOLD: List = List::new("UPDATE outbox SET dead = 1 WHERE id IN", 0, "");

impl SqlStore {
    /// Takes dead letters that nobody was told of, at most 500; whoever takes them tells them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; they are there the next time.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        // Most of the time there are none, and nothing has to be written.
        let untold = self
            .read(|c, _| {
                Box::pin(async move {
                    sql("SELECT COUNT(*) FROM (SELECT id FROM outbox WHERE dead = 0 LIMIT 1) AS untold")
                        .one::<i64>(c)
                        .await
                })
            })
            .await?;
        if untold == 0 {
            return Ok(Vec::new());
        }
        self.write(|c, _| Box::pin(async move { take(c).await.map(Verdict::Keep) }))
            .await
    }
}

async fn take(c: &mut Conn) -> Result<Vec<DeadLetter>, Fault> {
    let rows = sql(
        "SELECT id, link, kind, state, reason, attempts FROM outbox WHERE dead = 0 ORDER BY changed_at LIMIT $1",
    )
    .bind(ROUND_MAX)
    .fetch_all(&mut *c)
    .await?;
    let letters = rows
        .iter()
        .map(|row| {
            Ok(DeadLetter {
                id: MessageId(number(row, "id")?),
                link: LinkName(text(row, "link")?),
                kind: kind_of(&text(row, "kind")?),
                state: state_of(&text(row, "state")?),
                reason: row.get("reason")?,
                attempts: count(number(row, "attempts")?),
            })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    for (statement, list) in TOLD.over(c.kind(), &letters) {
        let mut query = sql(statement);
        for letter in list {
            query = query.bind(letter.id.0);
        }
        query.execute(&mut *c).await?;
    }
    Ok(letters)
}
