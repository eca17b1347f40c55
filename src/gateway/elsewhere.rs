//! A conversation whose turn waits for an answer on another node: what comes meanwhile has its turn
//! afterwards, as it would on that node.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use crate::cache::Bell;
use crate::callback::{Msisdn, ServiceName};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::gateway::{Gateway, TurnError};
use crate::store::{Met, SessionKey, Store};

/// How often it is looked whether the other node is through, where it does not ring.
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
        // Heard from before the look, so that none is missed.
        let mut bells = self.cache.as_ref().map(|cache| {
            let through = Bell::Through(cache.through(service, subscriber));
            (cache.bells(), through)
        });
        let mut met = self.store.meet(service, subscriber, session).await?;
        for _ in 0..LOOKS_MAX {
            if !met.elsewhere || self.clock.now() >= until {
                break;
            }
            let look = sleep_until(Instant::now() + LOOK);
            match &mut bells {
                None => look.await,
                Some((bells, through)) => {
                    let rung = async {
                        loop {
                            match bells.recv().await {
                                Ok(bell) if bell == *through => return,
                                Ok(_) => {}
                                Err(RecvError::Lagged(_)) => return,
                                Err(RecvError::Closed) => std::future::pending().await,
                            }
                        }
                    };
                    tokio::select! {
                        () = look => {}
                        () = rung => {}
                    }
                }
            }
            met = self.store.meet(service, subscriber, session).await?;
        }
        Ok(met)
    }
}
