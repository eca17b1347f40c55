//! A visitor of a ledger that others serve: it looks, and does with single messages what an
//! administrator says. It is no node: it makes no tables, counts as no opening, claims nothing.

mod acts;
mod listing;

use std::sync::Arc;

use super::engine::{self, Conn, Fault, said, sql};
use super::{PROOF, bytes, hold};
use crate::clock::{Chance, Moment};
use crate::store::by_hand::{
    Cancelled, Filter, Hand, Hold, HoldReason, Listed, Older, Overview, Released, SentAgain, Shown,
};
use crate::store::seal::Keys;
use crate::store::{MessageId, StoreError};

/// Rounds of a release, each in a transaction of its own, so that turns wait for no more than one.
const RELEASE_ROUNDS_MAX: usize = 10_000;

/// One connection beside those that serve the ledger.
pub struct Visitor {
    conn: Conn,
    keys: Keys,
    chance: Arc<dyn Chance>,
}

/// What a visitor's work needs beside its connection.
struct Tools<'a> {
    keys: &'a Keys,
    chance: &'a dyn Chance,
}

impl Tools<'_> {
    /// The hold that is in force, with its note.
    async fn held(&self, c: &mut Conn) -> Result<Option<Hold>, Fault> {
        let Some(row) = hold::current(c).await? else {
            return Ok(None);
        };
        let place = row.id.to_be_bytes();
        let note = row
            .note
            .and_then(|sealed| self.open(hold::note_place(&place), &sealed).ok());
        Ok(Some(Hold { note, ..row.hold }))
    }
}

impl Visitor {
    /// Opens a ledger that is there, whether anybody serves it or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] naming the place and the mend; [`StoreError::Sealed`] when the
    /// ledger was made with other keys.
    pub async fn open(url: &str, keys: Keys, chance: Arc<dyn Chance>) -> Result<Self, StoreError> {
        let mut conn = engine::visit(url).await?;
        let proof = sql("SELECT content FROM meta WHERE name = 'keys'")
            .fetch_optional(&mut conn)
            .await?;
        if let Some(proof) = proof {
            keys.open(PROOF, &bytes(&proof, "content")?)?;
        }
        Ok(Self { conn, keys, chance })
    }

    /// What time it is on the ledger's server; none where it is a file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn time(&mut self) -> Result<Option<Moment>, StoreError> {
        Ok(self.conn.time().await?)
    }

    /// The outbox at one point in time. Dead letters are counted from `since` on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn overview(&mut self, now: Moment, since: Moment) -> Result<Overview, StoreError> {
        self.look(async |c, tools| listing::overview(c, tools, now, since).await)
            .await
    }

    /// Messages, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn messages(&mut self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        self.look(async |c, tools| listing::messages(c, tools, filter).await)
            .await
    }

    /// Everything that is known of one message; none where there is no such message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn message(&mut self, id: MessageId) -> Result<Option<Shown>, StoreError> {
        self.look(async |c, tools| listing::message(c, tools, id).await)
            .await
    }

    /// Puts a message into the queue again: the same bytes to the same number, within its validity.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing has changed then.
    pub async fn send_again(
        &mut self,
        id: MessageId,
        hand: &Hand,
    ) -> Result<SentAgain, StoreError> {
        self.change(async |c, tools| acts::send_again(c, tools, id, hand).await)
            .await
    }

    /// Sees to it that a message does not go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing has changed then.
    pub async fn cancel(&mut self, id: MessageId, hand: &Hand) -> Result<Cancelled, StoreError> {
        self.change(async |c, tools| acts::cancel(c, tools, id, hand).await)
            .await
    }

    /// Holds the outbox: nothing is claimed any more. Tells the hold that is in force now, and whether
    /// it is this one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing has changed then.
    pub async fn hold(
        &mut self,
        why: HoldReason,
        hand: &Hand,
    ) -> Result<(Option<Hold>, bool), StoreError> {
        self.change(async |c, tools| {
            let is_new = hold::current(c).await?.is_none();
            let id = hold::next_id(c).await?;
            let note = match &hand.why {
                Some(note) => Some(tools.seal(hold::note_place(&id.to_be_bytes()), note)?),
                None => None,
            };
            hold::begin(c, why, &hand.who, note, hand.at).await?;
            Ok((tools.held(c).await?, is_new))
        })
        .await
    }

    /// Ends the hold. Messages of a ledger that was put back which are older than the hold become what
    /// `older` says. None where nothing is held.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the outbox is held still, and may be released again.
    pub async fn release(
        &mut self,
        older: Older,
        hand: &Hand,
    ) -> Result<Option<Released>, StoreError> {
        let mut all: Option<Released> = None;
        for _ in 0..RELEASE_ROUNDS_MAX {
            let round = self
                .change(async |c, _| {
                    let Some(row) = hold::current(c).await? else {
                        return Ok(None);
                    };
                    let round = hold::release(c, &row, older, &hand.who, hand.at).await?;
                    Ok(Some(round))
                })
                .await?;
            let Some((round, is_over)) = round else {
                return Ok(all);
            };
            let before = all.map_or(0, |all| all.older);
            all = Some(Released {
                older: before + round.older,
                others: round.others,
            });
            if is_over {
                return Ok(all);
            }
        }
        Err(StoreError::Unavailable(
            "there is no end of older messages; the outbox is held still".to_owned(),
        ))
    }

    async fn look<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Conn, &Tools<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.conn.begin_look().await?;
        self.end(work).await
    }

    /// Changes the ledger in a transaction of its own, alone among all who write.
    async fn change<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Conn, &Tools<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.conn.begin().await?;
        self.end(work).await
    }

    async fn end<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Conn, &Tools<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let tools = Tools {
            keys: &self.keys,
            chance: &*self.chance,
        };
        match work(&mut self.conn, &tools).await {
            Ok(done) => {
                said(&mut self.conn, "COMMIT").await?;
                Ok(done)
            }
            Err(fault) => {
                // What broke the transaction says more than what its end may say.
                let _ = said(&mut self.conn, "ROLLBACK").await;
                Err(fault.into())
            }
        }
    }
}
