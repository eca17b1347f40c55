//! A visitor of a ledger that others serve: it looks, and does with single messages what an
//! administrator says. It is no node: it makes no tables, counts as no opening, claims nothing.

mod acts;
mod listing;

use std::sync::Arc;

use super::engine::{self, Conn, Fault, said, sql};
use super::{PROOF, bytes};
use crate::clock::{Chance, Moment};
use crate::store::by_hand::{Cancelled, Filter, Hand, Listed, Overview, SentAgain, Shown};
use crate::store::seal::Keys;
use crate::store::{MessageId, StoreError};

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
