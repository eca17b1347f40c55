//! What operators and the network to them do.

use std::sync::Arc;
use std::time::Duration;

use simulator::proxy::{Manner, Way};
use simulator::smsc::{Behaviour, Dose};

use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{How, until};
use crate::site::{Setup, Site};
use crate::witness::{Lives, judge};

/// Connections that are to be reset before the network is well.
const RESETS: u64 = 12;
/// A connection carries so many octets, on average.
const OCTETS: u64 = 900;
/// How long the network may take until it has struck.
const STRUCK: Duration = Duration::from_secs(150);

/// Copies of callbacks.
pub async fn copies(_: Context) -> Held<Seen> {
    let setup = Setup {
        copies: 5,
        ..Setup::default()
    };
    let site = Arc::new(Site::new(setup).await?);
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(account.words()))
}

/// Answers that never come.
pub async fn silent(context: Context) -> Held<Seen> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    site.smsc.set(|settings| settings.seed = context.seed);
    site.smsc
        .misbehave(Behaviour::NoResponse, Dose::Percent(30));
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    site.rests();
    // Three silences end a message as failed, which is a final state but no delivery: so it gets one.
    until("answers were dropped", STRUCK, || async {
        site.smsc.submits().len() >= 30
    })
    .await?;
    site.smsc.behave(Behaviour::NoResponse);
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    let struck = site.smsc.struck();
    let dropped = struck.get(&Behaviour::NoResponse).copied().unwrap_or(0);
    if dropped == 0 {
        return Err("no answer was dropped".to_owned());
    }
    Ok(Seen::Held(format!(
        "{dropped} answers dropped; {}",
        account.words()
    )))
}

/// Resets in the middle of PDUs.
pub async fn cut(context: Context) -> Held<Seen> {
    let (site, network) = networked(context).await?;
    network.set(Manner::CutsAfter(Way::Back, OCTETS));
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    site.rests();
    let mut way = Way::Back;
    for reset in 1..=RESETS {
        if until("a connection is reset", Duration::from_secs(20), || async {
            network.resets() >= reset
        })
        .await
        .is_err()
        {
            // The work was done before.
            break;
        }
        way = match way {
            Way::Back => Way::There,
            Way::There => Way::Back,
        };
        network.set(Manner::CutsAfter(way, OCTETS));
    }
    network.set(Manner::Well);
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(format!(
        "{} resets; {}",
        network.resets(),
        account.words()
    )))
}

/// Connections that carry nothing.
pub async fn half_open(context: Context) -> Held<Seen> {
    let (site, network) = networked(context).await?;
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    under_way(&site, 20).await?;
    site.rests();
    for manner in [Manner::Stalled, Manner::OneWay(Way::There)] {
        let before = network.taken();
        network.set(manner);
        until("the link is made anew", STRUCK, || async {
            network.taken() > before
        })
        .await?;
        network.set(Manner::Well);
        site.smsc
            .until_bound(STRUCK)
            .await
            .map_err(|error| error.to_string())?;
    }
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(format!(
        "{} connections; {}",
        network.taken(),
        account.words()
    )))
}

/// A slow network.
pub async fn slow(context: Context) -> Held<Seen> {
    let (site, network) = networked(context).await?;
    network.set(Manner::Slow(Duration::from_millis(300)));
    let mut program = site.start(&How::default()).await?;
    let lives = Lives::begin(&site);
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(Seen::Held(account.words()))
}

/// A site with a piece of network before the message centre.
async fn networked(context: Context) -> Held<(Arc<Site>, Network)> {
    let setup = Setup {
        between: Some(context.seed),
        ..Setup::default()
    };
    let site = Arc::new(Site::new(setup).await?);
    Ok((Arc::clone(&site), Network(site)))
}

/// The piece of network of a site.
struct Network(Arc<Site>);

impl std::ops::Deref for Network {
    type Target = simulator::proxy::Proxy;

    fn deref(&self) -> &Self::Target {
        self.0.between.as_ref().expect("it was asked for")
    }
}
