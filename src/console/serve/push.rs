//! What posts the screens of links whose shapes have that.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::callback::LinkName;
use crate::config::{Config, LinkConfig};
use crate::console::{Failure, files, shapes};
use crate::exchange::Exchange;
use crate::operator::shape::Shapes;
use crate::ussd_push::Pusher;

/// One for each such link.
///
/// # Errors
/// [`Failure`] when a file cannot be read, or a link has no shape or no address.
pub(super) fn pushers(
    config: &Config,
    known: &Shapes,
) -> Result<BTreeMap<LinkName, Arc<Pusher>>, Failure> {
    let mut pushers = BTreeMap::new();
    for (index, link) in config.links.iter().enumerate() {
        let (LinkConfig::UssdHttp(link) | LinkConfig::Sandbox(link)) = link else {
            continue;
        };
        let shape = shapes::of(link, index, known).map_err(Failure::of)?;
        if shape.push.is_none() {
            continue;
        }
        let life = shapes::rules(link, &shape).session;
        let (settings, account) = files::api(index, &link.api()).map_err(Failure::of)?;
        let exchange = Exchange::new(&settings).map_err(|fault| {
            let (name, fault) = (&link.name, fault.message);
            Failure::Failed(format!("configuration, link {name}, ca_file: {fault}"))
        })?;
        let pusher = Pusher::new(settings, shape, account, life, exchange);
        pushers.insert(LinkName(link.name.clone()), Arc::new(pusher));
    }
    Ok(pushers)
}
