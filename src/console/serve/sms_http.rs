//! The links of messages over HTTP of a running gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Running;
use crate::callback::{LinkName, ServiceName};
use crate::clock::{Chance, Clock};
use crate::config::{Config, LinkConfig, SmsHttp};
use crate::console::{Failure, files, parts, shapes};
use crate::http::sms::{Nameless, SmsLink};
use crate::operator::shape::Shapes;
use crate::sms_http::{self, Marks, ShapeSpeaker};
use crate::store::Store;

/// What a carrier is made of.
pub(super) struct Given<'a> {
    /// The link's place in the configuration.
    pub index: usize,
    /// Its settings.
    pub link: &'a SmsHttp,
    /// The shapes that there are.
    pub shapes: &'a Shapes,
    /// The clock.
    pub clock: &'a Arc<dyn Clock>,
    /// Chance.
    pub chance: &'a Arc<dyn Chance>,
}

/// The carrier of a link; none where nothing goes out in its shape.
///
/// # Errors
/// [`Failure`] when a file cannot be read or a setting does not fit.
pub(super) fn carrier(
    tasks: &mut JoinSet<()>,
    gateway: &Arc<Running>,
    given: &Given<'_>,
    stopped: &watch::Receiver<bool>,
) -> Result<Option<Arc<sms_http::SmsHttp<ShapeSpeaker>>>, Failure> {
    let link = given.link;
    let shape = shapes::sms(link, given.index, given.shapes).map_err(Failure::of)?;
    let Some(send) = &shape.send else {
        return Ok(None);
    };
    let (settings, account) = files::sms_http(given.index, link, send).map_err(Failure::of)?;
    let of = Arc::clone(gateway);
    let marks: Marks = Arc::new(move |purpose, parts| of.store.mark(purpose, parts));
    let Some(speaker) = ShapeSpeaker::new(Arc::clone(&shape), account, marks) else {
        return Ok(None);
    };
    let (clock, chance) = (Arc::clone(given.clock), Arc::clone(given.chance));
    let carrier = sms_http::SmsHttp::new(settings, speaker, clock, chance)
        .map_err(|fault| Failure::Failed(format!("configuration, link {}, {fault}", link.name)))?;
    let carrier = Arc::new(carrier);
    let (stopping, mut stopped) = (Arc::clone(&carrier), stopped.clone());
    tasks.spawn(async move {
        // An error means that the sender is gone, which is a stop as well.
        let _told = stopped.wait_for(|stop| *stop).await;
        stopping.stop();
    });
    Ok(Some(carrier))
}

/// The links on which messages come in.
///
/// # Errors
/// [`Failure`] when a file cannot be read, or a link has no shape.
pub(super) fn links(
    config: &Config,
    shapes: &Shapes,
) -> Result<BTreeMap<LinkName, SmsLink>, Failure> {
    let mut links = BTreeMap::new();
    for (index, link) in config.links.iter().enumerate() {
        let LinkConfig::SmsHttp(given) = link else {
            continue;
        };
        let services: Vec<_> = given.services.iter().cloned().map(ServiceName).collect();
        let link = SmsLink {
            shape: shapes::sms(given, index, shapes).map_err(Failure::of)?,
            numbers: parts::numbers(config, &services),
            services,
            auth: files::auth(config, index).map_err(Failure::of)?,
            nameless: Nameless::default(),
        };
        links.insert(LinkName(given.name.clone()), link);
    }
    Ok(links)
}
