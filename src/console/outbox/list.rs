//! `jisr outbox list`.

use std::fmt::Write as _;

use clap::Args;

use super::words::{ago, reason, until};
use super::{json, now, unusable, visit};
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::config::Config;
use crate::console::{Failure, out};
use crate::store::MessageState;
use crate::store::by_hand::{Filter, Listed};

/// The options of `jisr outbox list`.
#[derive(Args)]
pub(super) struct ListArguments {
    /// Those in this state: queued, sending, sent, unknown, delivered, failed, expired or cancelled;
    /// may be given more than once.
    #[arg(long, value_parser = state)]
    state: Vec<MessageState>,
    /// Those on this link.
    #[arg(long)]
    link: Option<String>,
    /// Those to this number; `-` reads it from standard input, where no list of processes has it.
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Those that failed for good.
    #[arg(long)]
    dead: bool,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

fn state(word: &str) -> Result<MessageState, String> {
    MessageState::ALL
        .into_iter()
        .find(|state| state.name() == word)
        .ok_or_else(|| {
            let all = MessageState::ALL.map(MessageState::name);
            format!("there is no such state; take one of {}", all.join(", "))
        })
}

/// Prints them.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used, or a number is none.
pub(super) async fn run(config: &Config, options: &ListArguments) -> Result<(), Failure> {
    let to = match options.to.as_deref() {
        Some("-") => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(Failure::of)?;
            Some(line)
        }
        given => given.map(str::to_owned),
    };
    let to = to
        .map(|number| Msisdn::parse(number.trim()))
        .transpose()
        .map_err(|error| Failure::Usage(format!("--to: {error}")))?;
    let filter = Filter {
        states: options.state.clone(),
        link: options.link.clone().map(LinkName),
        to,
        dead: options.dead,
        limit: options.limit,
    };
    let mut visitor = visit(config).await?;
    let now = now(&mut visitor).await?;
    let listed = visitor.messages(&filter).await.map_err(unusable)?;
    if options.json {
        return json(&listed);
    }
    let mut text = table(&listed, now);
    if u32::try_from(listed.len()).is_ok_and(|listed| listed == options.limit) {
        let _ = writeln!(text, "the newest {} only; more: --limit N", options.limit);
    }
    out::text(&text)
}

/// The messages, two lines each, for 80 columns.
fn table(listed: &[Listed], now: Moment) -> String {
    if listed.is_empty() {
        return "no such message\n".to_owned();
    }
    let mut text = format!(
        "{:<20}{:<10}{:<10}{:<11}{:>6}{:>8}  {}\n",
        "id", "kind", "state", "to", "tries", "age", "link"
    );
    for one in listed {
        let to = one
            .to
            .clone()
            .unwrap_or_else(|| format!("#{}", one.to_mark));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<20}{:<10}{:<10}{:<11}{:>6}{:>8}  {}",
            one.id.0,
            one.kind.name(),
            one.state.name(),
            to,
            one.attempts,
            ago(one.created_at, now),
            one.link
        );
        let _ = writeln!(text, "  {}", remark(one, now));
    }
    text
}

/// What is to be said of a message beside its figures.
fn remark(one: &Listed, now: Moment) -> String {
    let said = reason(one.reason.as_deref());
    let valid = until(one.valid_until, now);
    match one.state {
        MessageState::Queued => {
            let next = one.next_at.map_or_else(String::new, |at| until(at, now));
            format!("goes {next}; {said}; void {valid}")
        }
        MessageState::Sending => {
            let since = one.sent_at.map_or_else(String::new, |at| ago(at, now));
            format!("on the wire for {since}; void {valid}")
        }
        MessageState::Unknown => {
            let next = one.next_at.map_or_else(String::new, |at| until(at, now));
            format!("{said}; judged {next}; void {valid}")
        }
        MessageState::Sent => {
            let since = one.sent_at.map_or_else(String::new, |at| ago(at, now));
            format!("with the operator for {since}; no receipt yet; void {valid}")
        }
        MessageState::Delivered => format!("{} ago", ago(one.changed_at, now)),
        MessageState::Failed | MessageState::Expired | MessageState::Cancelled => {
            format!("{} ago: {said}", ago(one.changed_at, now))
        }
    }
}
