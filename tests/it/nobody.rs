//! An inbox for links on which nothing comes in.

use std::sync::Arc;

use jisr::callback::LinkName;
use jisr::clock::Moment;
use jisr::gateway::{Begun, UssdCall};
use jisr::outbox::PartReport;
use jisr::smpp::config::{SettingFault, SmppConfig};
use jisr::smpp::link::{self, Inbox, LinkHandle};
use jisr::store::{Accepted, Mark, MessageId, NewSms, Receipt, Reply, StoreError};
use jisr::system::{SystemChance, SystemClock};

struct Nobody;

impl Inbox for Nobody {
    async fn accept(&self, _: NewSms) -> Result<Accepted, StoreError> {
        Err(StoreError::Unavailable("nobody is here".to_owned()))
    }

    async fn receipt(&self, _: Receipt) -> Result<(), StoreError> {
        Ok(())
    }

    fn ussd(&self, _: UssdCall) -> Begun {
        unreachable!("no link here has USSD")
    }

    fn busy(&self, _: &UssdCall) -> Reply {
        unreachable!("no link here has USSD")
    }

    async fn closed(&self, _: &LinkName, _: u64, _: Moment) -> Result<(), StoreError> {
        Ok(())
    }

    fn fingerprint(&self, _: &[&[u8]]) -> Mark {
        [0; 32]
    }

    async fn late(&self, _: (MessageId, u32), _: PartReport) {}
}

/// Begins a link by itself.
pub fn link(config: SmppConfig) -> Result<LinkHandle, SettingFault> {
    let (inbox, clock) = (Arc::new(Nobody), Arc::new(SystemClock));
    let (handle, task) = link::open(config, inbox, clock, Arc::new(SystemChance))?;
    tokio::spawn(task);
    Ok(handle)
}
