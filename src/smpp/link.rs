//! A link over SMPP: the tasks that own the sockets of its binds and do what their sessions say.

mod bind;
mod board;
mod handle;
mod inbox;
mod out;
mod queue;
mod serving;
mod shared;
mod stream;
mod tardy;
mod ussd;

use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::clock::{Chance, Clock};
use crate::smpp::config::{SettingFault, SmppConfig};
use crate::smpp::link::bind::BindTask;
pub use crate::smpp::link::handle::LinkHandle;
pub use crate::smpp::link::inbox::Inbox;
use crate::smpp::link::shared::Shared;
use crate::smpp::link::stream::Dial;

/// Whether the certificates and keys of a link can be used; nothing is begun.
///
/// # Errors
/// [`SettingFault`] names the setting.
pub fn check(config: &SmppConfig) -> Result<(), SettingFault> {
    Dial::new(config).map(drop)
}

/// Makes a link: the handle for the outbox, and the task, which connects, binds and keeps on until
/// [`LinkHandle::stop`].
///
/// # Errors
/// [`SettingFault`] when a certificate or key of its TLS cannot be used.
pub fn open<I: Inbox>(
    config: SmppConfig,
    inbox: Arc<I>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<(LinkHandle, impl Future<Output = ()> + Send + 'static), SettingFault> {
    let dial = Dial::new(&config)?;
    Ok(begin(config, inbox, clock, chance, dial))
}

fn begin<I: Inbox>(
    config: SmppConfig,
    inbox: Arc<I>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    dial: Dial,
) -> (LinkHandle, impl Future<Output = ()> + Send + 'static) {
    let shared = Arc::new(Shared::new(config, clock, dial));
    let handle = LinkHandle::new(Arc::clone(&shared));
    let mut binds: FuturesUnordered<_> = (0..shared.board.len())
        .map(|at| {
            let task = BindTask {
                shared: Arc::clone(&shared),
                inbox: Arc::clone(&inbox),
                chance: Arc::clone(&chance),
                at,
                stop: shared.stop.subscribe(),
            };
            Box::pin(task.run())
        })
        .collect();
    let task = async move {
        while binds.next().await.is_some() {}
        shared.queue.send_back();
    };
    (handle, task)
}

#[cfg(test)]
mod tests;
