//! The links over SMPP of a running gateway.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Running;
use crate::callback::{LinkName, ServiceName};
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::console::{Failure, files, parts};
use crate::gateway::{Begun, UssdCall};
use crate::node::Node;
use crate::outbox::PartReport;
use crate::smpp::config::{SettingFault, SmppConfig};
use crate::smpp::link::{self, Inbox, LinkHandle};
use crate::store::{Accepted, Mark, MessageId, NewSms, Receipt, Reply, Store, StoreError};
use crate::system::SystemChance;

/// Begins a link; its tasks end after `stopped` is told.
///
/// # Errors
/// [`Failure`] when its password cannot be read or a setting does not fit.
pub(super) fn link(
    tasks: &mut JoinSet<()>,
    (gateway, node, clock): (&Arc<Running>, &Arc<Node>, &Arc<dyn Clock>),
    config: &Config,
    given: &SmppConfig,
    stopped: &watch::Receiver<bool>,
) -> Result<Arc<LinkHandle>, Failure> {
    let smpp = settings(config, given)?;
    let inbox = Arc::new(GatewayInbox {
        gateway: Arc::clone(gateway),
        node: Arc::clone(node),
        clock: Arc::clone(clock),
    });
    let (handle, link) = link::open(smpp, inbox, Arc::clone(clock), Arc::new(SystemChance))
        .map_err(|fault| unfit(given, fault))?;
    let handle = Arc::new(handle);
    tasks.spawn(link);
    let (stopping, mut stopped) = (Arc::clone(&handle), stopped.clone());
    tasks.spawn(async move {
        // An error means that the sender is gone, which is a stop as well.
        let _told = stopped.wait_for(|stop| *stop).await;
        stopping.stop();
    });
    Ok(handle)
}

/// The settings with what stands elsewhere: the password in its file, the short numbers in their
/// services.
fn settings(config: &Config, given: &SmppConfig) -> Result<SmppConfig, Failure> {
    let mut smpp = files::filled(given).map_err(|fault| unfit(given, fault))?;
    smpp.service_for = config
        .services
        .iter()
        .filter(|service| given.services.contains(&service.name))
        .flat_map(|service| {
            service
                .sms
                .iter()
                .map(|number| (number.clone(), ServiceName(service.name.clone())))
        })
        .collect();
    smpp.ussd_settings = parts::ussd(config, given).map(Arc::new);
    smpp.check().map_err(|fault| unfit(given, fault))?;
    Ok(smpp)
}

fn unfit(given: &SmppConfig, fault: SettingFault) -> Failure {
    Failure::Failed(format!(
        "configuration, link {}, {}: {}\n  help: {}",
        given.name, fault.key, fault.message, fault.mend
    ))
}

/// What an SMPP link hands to the gateway.
struct GatewayInbox {
    gateway: Arc<Running>,
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
}

impl Inbox for GatewayInbox {
    async fn accept(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        self.gateway.accept_sms(sms).await
    }

    async fn receipt(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.gateway.store.receipt(&receipt).await
    }

    async fn closed(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> Result<(), StoreError> {
        self.gateway.store.close_bind(link, bind, unread_from).await
    }

    async fn late(&self, (message, claim): (MessageId, u32), report: PartReport) {
        let (store, now) = (&self.gateway.store, self.clock.now());
        if let Err(error) = store
            .part_done(
                message,
                Some(claim),
                report.part,
                report.parts,
                &report.outcome,
                now,
            )
            .await
        {
            // The part stays an unknown outcome, and a receipt may still end it.
            tracing::error!(id = message.0, %error, "a late answer is lost");
        }
    }

    fn ussd(&self, call: UssdCall) -> Begun {
        self.gateway.begin_call(call)
    }

    fn busy(&self, call: &UssdCall) -> Reply {
        self.gateway.apology(call, "busy")
    }

    async fn may_bind(&self, link: &LinkName, bind: usize, of: usize) -> bool {
        self.node
            .may_bind(&self.gateway.store, link, bind, of)
            .await
    }

    async fn must_let_go(&self, link: &LinkName, bind: usize, of: usize) {
        self.node.must_let_go(link, bind, of).await;
    }

    async fn let_go(&self, link: &LinkName, bind: usize) {
        self.node.let_go(&self.gateway.store, link, bind).await;
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> Mark {
        self.gateway.store.mark("deliver_sm", parts)
    }
}
