//! Whose session a callback is of, where the operator tells the number at the dial only.

use std::future::Future;
use std::time::Duration;

use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::Gateway;
use crate::store::{SessionKey, Store, StoreError};

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Remembers who dialled, so that the key presses behind it find their number.
    ///
    /// # Errors
    /// [`StoreError`], also where the ledger does not answer within the link's deadline.
    pub async fn dialled(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        self.in_time(&session.link, at, self.store.dialled(session, at))
            .await
    }

    /// Who dialled the session with this id on this link. Nobody, where the session has been silent
    /// for longer than it lives, or is over and its id may be another's by now: a number is said for
    /// sure at the dial only, and what is not sure begins nothing in somebody's name.
    ///
    /// # Errors
    /// As [`Gateway::dialled`].
    pub async fn dialler(
        &self,
        link: &LinkName,
        id: &str,
        at: Moment,
    ) -> Result<Option<Msisdn>, StoreError> {
        let found = self.in_time(link, at, self.store.dialler(link, id)).await?;
        let rules = self.book().links.get(link).copied().unwrap_or_default();
        Ok(found
            .filter(|(_, session)| {
                let silent = at.since(session.seen_at) > rules.session;
                !(silent || session.ended && rules.ids_recur)
            })
            .map(|(subscriber, _)| subscriber))
    }

    /// What the ledger says, as long as there is time to answer what came at `at`.
    async fn in_time<T>(
        &self,
        link: &LinkName,
        at: Moment,
        said: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        within(self.left(link, at), said).await
    }
}

/// What the ledger says, if it does so in time.
pub(super) async fn within<T>(
    left: Duration,
    said: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| {
        let told = "it gave no answer within the link's deadline";
        Err(StoreError::Unavailable(told.to_owned()))
    };
    tokio::time::timeout(left, said).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ledger_that_says_nothing_is_not_waited_for() {
        let left = Duration::from_millis(1500);
        let begun = Instant::now();
        let silent = within(left, std::future::pending::<Result<(), StoreError>>()).await;
        assert!(matches!(silent, Err(StoreError::Unavailable(_))));
        assert_eq!(begun.elapsed(), left);
        assert_eq!(within(Duration::ZERO, async { Ok(7) }).await.unwrap(), 7);
    }
}
