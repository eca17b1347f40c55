//! What one node has written and another need not look for: rung here, and, where there is a Redis, at
//! the other nodes.

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::cache::Bell;
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::desk::Registry;
use crate::gateway::Gateway;
use crate::store::Store;

impl<S: Store, R: Registry> Gateway<S, R> {
    /// A message of a link is queued. The others are told where it cannot go from here.
    pub(super) fn ring(&self, link: &LinkName) {
        self.bells.ring(link);
        if let Some(cache) = self.cache.as_ref().filter(|_| !self.bells.goes_here(link)) {
            cache.ring(&Bell::Link(link.clone()));
        }
    }

    /// A text has come whose turn another node has.
    pub(super) fn ring_for_text(&self) {
        if let Some(cache) = &self.cache {
            cache.ring(&Bell::Text);
        }
    }

    /// A turn for which others may have waited on other nodes is through.
    pub(super) fn ring_through(&self, service: &ServiceName, subscriber: &Msisdn) {
        if let Some(cache) = &self.cache {
            cache.ring(&Bell::Through(cache.through(service, subscriber)));
        }
    }

    /// Passes on here what other nodes ring, until `stop` is told.
    pub async fn hear(&self, mut stop: watch::Receiver<bool>) {
        let Some(cache) = &self.cache else {
            let _told = stop.wait_for(|stop| *stop).await;
            return;
        };
        let mut bells = cache.bells();
        loop {
            tokio::select! {
                heard = bells.recv() => match heard {
                    Ok(Bell::Link(link)) => self.bells.ring(&link),
                    Ok(Bell::Text) => self.inbox_bell.notify_one(),
                    // Who waits for it hears it as well.
                    Ok(Bell::Through(_)) => {}
                    Err(RecvError::Lagged(_)) => {
                        self.bells.ring_all();
                        self.inbox_bell.notify_one();
                    }
                    Err(RecvError::Closed) => {
                        let _told = stop.wait_for(|stop| *stop).await;
                        return;
                    }
                },
                _ = stop.changed() => return,
            }
        }
    }
}
