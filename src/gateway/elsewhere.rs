//! A conversation whose turn waits for an answer on another node: what comes meanwhile has its turn
//! afterwards, as it would on that node.

use std::time::Duration;

use crate::callback::{Msisdn, ServiceName};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Gateway, TurnError};
use crate::store::{Met, SessionKey, Store};

/// How often it is looked whether the other node is through.
const LOOK: Duration = Duration::from_millis(100);
/// Looks at most, whatever the deadline of a link: a minute.
const LOOKS_MAX: u32 = 600;

impl<S: Store, R: Registry> Gateway<S, R> {
    /// What a callback or a text meets, once no other node has the conversation in a turn, or when
    /// `until` has come: a node may hang with a turn that it will not end.
    pub(super) async fn meet(
        &self,
        service: &ServiceName,
        subscriber: &Msisdn,
        session: Option<&SessionKey>,
        until: Moment,
    ) -> Result<Met, TurnError> {
        let mut met = self.store.meet(service, subscriber, session).await?;
        for _ in 0..LOOKS_MAX {
            if !met.elsewhere || self.clock.now() >= until {
                break;
            }
            tokio::time::sleep(LOOK).await;
            met = self.store.meet(service, subscriber, session).await?;
        }
        Ok(met)
    }
}
