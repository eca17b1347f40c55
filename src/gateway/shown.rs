//! Screens that go in requests of ours: what was shown is known only when one was taken.

use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::Gateway;
use crate::store::{SessionKey, Store, StoreError};

impl<S: Store, R: Registry> Gateway<S, R> {
    /// The screen of the callback that came at `at` is on the phone for all that is known: a key
    /// pressed from now on acts on its page. Until this is told, one gets the page again and no step,
    /// so that nobody passes what they never read; a gateway that dies in between errs that way.
    ///
    /// # Errors
    /// [`StoreError`], also where the ledger does not answer within the link's deadline.
    pub async fn shown(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        let told = self.store.shown(session, at);
        let wait = self.left_to_post(&session.link, self.clock.now());
        super::dialler::within(wait, told).await
    }
}
