//! `jisr outbox hold` and `jisr outbox release`.

use std::fmt::Write as _;

use clap::Args;

use super::words::{ago, at, counted};
use super::{act, json, now, unusable, visit};
use crate::clock::Moment;
use crate::config::Config;
use crate::console::out::say;
use crate::console::{Failure, out};
use crate::store::by_hand::{Hold, HoldReason, Older};

/// The options of `jisr outbox hold`.
#[derive(Args)]
pub(super) struct HoldArguments {
    /// The ledger was put back from a backup.
    #[arg(long)]
    restored: bool,
    /// Why, for whoever finds it held; it is kept sealed.
    #[arg(long, value_name = "TEXT", value_parser = act::why)]
    reason: Option<String>,
    /// Print the hold as JSON.
    #[arg(long)]
    json: bool,
}

/// The options of `jisr outbox release`.
#[derive(Args)]
pub(super) struct ReleaseArguments {
    /// Cancel what is older than the hold of a ledger that was put back, instead of sending it again.
    #[arg(long)]
    cancel_older: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// Holds it.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used.
pub(super) async fn hold(config: &Config, options: &HoldArguments) -> Result<(), Failure> {
    let mut visitor = visit(config).await?;
    let now = now(&mut visitor).await?;
    let why = if options.restored {
        HoldReason::Restored
    } else {
        HoldReason::ByHand
    };
    let hand = act::hand(options.reason.clone(), now);
    let (held, is_new) = visitor.hold(why, &hand).await.map_err(unusable)?;
    if options.json {
        return json(&held);
    }
    let Some(held) = held else { return Ok(()) };
    if !is_new {
        say!("it is held already")?;
    }
    out::text(&told(&held, now))
}

/// Releases it.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used, or nothing is held.
pub(super) async fn release(config: &Config, options: &ReleaseArguments) -> Result<(), Failure> {
    let older = if options.cancel_older {
        Older::Cancel
    } else {
        Older::Unknown
    };
    let mut visitor = visit(config).await?;
    let hand = act::hand(None, now(&mut visitor).await?);
    let released = visitor.release(older, &hand).await.map_err(unusable)?;
    let Some(released) = released else {
        return Err(Failure::Failed("the outbox is not held".to_owned()));
    };
    if options.json {
        return json(&released);
    }
    let becomes = match older {
        Older::Unknown => "may have gone before, and goes again in 60 s",
        Older::Cancel => "is cancelled",
    };
    say!("released")?;
    if released.older > 0 {
        say!(
            "{} of before the hold: each {becomes}",
            counted(released.older, "message")
        )?;
    }
    let others = released.others;
    say!(
        "{} in the queue, which go as their links take them",
        counted(others, "message")
    )
}

/// A hold as people read it, for 80 columns.
pub(super) fn told(hold: &Hold, now: Moment) -> String {
    let mut text = format!(
        "HELD for {}, since {}: nothing is sent\n  {}\n",
        ago(hold.begun_at, now),
        at(hold.begun_at),
        hold.why.told()
    );
    // Writing to a string cannot fail.
    if let Some(as_of) = hold.as_of {
        let _ = writeln!(text, "  it knows what went until {}", at(as_of));
    }
    let note = hold
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!(": {note}"));
    let _ = writeln!(text, "  by {}{note}", hold.who);
    let _ = writeln!(
        text,
        "  to let messages go: jisr outbox release (--help says what then goes)"
    );
    text
}
