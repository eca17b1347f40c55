//! `jisr outbox show`.

use std::fmt::Write as _;

use clap::Args;

use super::words::{at, reason, until};
use super::{json, now, unusable, visit};
use crate::clock::Moment;
use crate::config::Config;
use crate::console::{Failure, out};
use crate::store::MessageId;
use crate::store::by_hand::Shown;

/// The options of `jisr outbox show`.
#[derive(Args)]
pub(super) struct ShowArguments {
    /// Its id, as `jisr outbox list` and the log have it.
    id: i64,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints it.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used, or there is no such message.
pub(super) async fn run(config: &Config, options: &ShowArguments) -> Result<(), Failure> {
    let id = MessageId(options.id);
    let mut visitor = visit(config).await?;
    let now = now(&mut visitor).await?;
    let shown = visitor.message(id).await.map_err(unusable)?;
    let Some(shown) = shown else {
        return Err(absent(id));
    };
    if options.json {
        return json(&shown);
    }
    out::text(&page(&shown, now))
}

/// There is no message with this id.
pub(super) fn absent(id: MessageId) -> Failure {
    Failure::Failed(format!(
        "there is no message {}\n  help: jisr outbox list has their ids; what ended more than 90 days ago is forgotten",
        id.0
    ))
}

fn page(shown: &Shown, now: Moment) -> String {
    let one = &shown.message;
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    row("message", one.id.0.to_string());
    row(
        "state",
        format!("{} since {}", one.state.name(), at(one.changed_at)),
    );
    if one.reason.is_some() {
        row("last word", reason(one.reason.as_deref()));
    }
    if one.dead {
        row(
            "",
            "it failed for good and does not go by itself".to_owned(),
        );
    }
    row(
        "kind",
        format!("{} of service {}", one.kind.name(), one.service),
    );
    let masked = one.to.clone().unwrap_or_else(|| "erased".to_owned());
    row("to", format!("{masked}  #{}", one.to_mark));
    row(
        "way",
        format!(
            "from {} on link {}, epoch {}",
            one.from, one.link, shown.epoch
        ),
    );
    row("put in", at(one.created_at));
    if let Some(sent) = one.sent_at {
        row("claimed", at(sent));
    }
    if let Some(next) = one.next_at {
        row("next", format!("{} ({})", at(next), until(next, now)));
    }
    row(
        "valid",
        format!(
            "until {} ({})",
            at(one.valid_until),
            until(one.valid_until, now)
        ),
    );
    row(
        "attempts",
        format!("{}, {} of unknown outcome", one.attempts, one.unknowns),
    );
    row(
        "body",
        if shown.has_body { "sealed" } else { "erased" }.to_owned(),
    );
    for part in &shown.shown_parts {
        let said = part
            .reason
            .as_deref()
            .map_or_else(String::new, |said| format!("; {}", reason(Some(said))));
        row(
            &format!("part {}/{}", part.part + 1, one.parts),
            format!("{}, {} unknown{said}", part.state.name(), part.unknowns),
        );
        for taken in &part.taken {
            row("", format!("taken {} as {}", at(taken.at), taken.id));
        }
    }
    for act in &shown.acts {
        row(
            "by hand",
            format!("{}, was {}, {}", act.act, act.was.name(), at(act.at)),
        );
        row("", format!("by {}", act.who));
        if let Some(why) = &act.why {
            row("", why.clone());
        }
    }
    text
}
