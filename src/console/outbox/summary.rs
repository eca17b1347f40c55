//! The one screen: what waits by link and state, what failed for good, and what to do.

use std::fmt::Write as _;
use std::time::Duration;

use super::words::{ago, at, counted, reason, until};
use super::{hold, json, now, unusable, visit};
use crate::clock::Moment;
use crate::config::Config;
use crate::console::{Failure, out};
use crate::store::MessageState;
use crate::store::by_hand::{Overview, Waiting};

/// Dead letters of the last day are on the screen; the list has all that are kept.
const DEAD: Duration = Duration::from_secs(24 * 3600);
/// Reasons of one line.
const REASONS_MAX: usize = 3;
/// What may go at once is claimed within a second; after this something is wrong.
const LATE: Duration = Duration::from_secs(60);

/// Prints it.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used.
pub(super) async fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let mut visitor = visit(config).await?;
    let now = now(&mut visitor).await?;
    let overview = visitor
        .overview(now, now.minus(DEAD))
        .await
        .map_err(unusable)?;
    if as_json {
        return json(&overview);
    }
    out::text(&page(&config.store.shown(), &overview, now))
}

/// The screen, for 80 columns.
fn page(ledger: &str, overview: &Overview, now: Moment) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "outbox of {ledger} at {}", at(now));
    if let Some(held) = &overview.hold {
        let _ = writeln!(text, "\n{}", hold::told(held, now).trim_end());
    }
    let mut advice = Vec::new();
    if overview.waiting.is_empty() {
        let _ = writeln!(text, "\nnothing waits");
    } else {
        let _ = writeln!(
            text,
            "\n{:<16}{:<9}{:>8}{:>8}{:>9}{:>6}  what",
            "link", "state", "messages", "oldest", "next", "tries"
        );
        for group in &overview.waiting {
            line(&mut text, group, now);
            // Of what is held, only the release is to be said.
            if overview.hold.is_none() {
                advise(&mut advice, group, now);
            }
        }
    }
    if !overview.dead.is_empty() {
        let _ = writeln!(
            text,
            "\nfailed for good in the last 24 h\n{:<16}{:<9}{:>8}{:>8}  {:<9} why",
            "link", "end", "messages", "newest", "kind"
        );
        for dead in &overview.dead {
            let _ = writeln!(
                text,
                "{:<16}{:<9}{:>8}{:>8}  {:<9} {}",
                short(dead.link.as_str(), 15),
                dead.state.name(),
                dead.messages,
                ago(dead.newest, now),
                dead.kind.name(),
                reason(dead.reason.as_deref())
            );
        }
        advice.push(
            "failed for good: jisr outbox list --dead; these never go by themselves".to_owned(),
        );
    }
    if !advice.is_empty() {
        let _ = writeln!(text, "\nwhat to do");
        advice.dedup();
        for one in advice {
            let _ = writeln!(text, "  {one}");
        }
    }
    text
}

fn line(text: &mut String, group: &Waiting, now: Moment) {
    let next = match group.state {
        MessageState::Queued | MessageState::Unknown => until(group.next, now),
        // What is taken waits for its receipt, until its validity is over.
        MessageState::Sending | MessageState::Sent => "-".to_owned(),
        MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => String::new(),
    };
    let kinds: Vec<String> = group
        .kinds
        .iter()
        .map(|(kind, count)| counted(*count, kind.name()))
        .collect();
    let _ = writeln!(
        text,
        "{:<16}{:<9}{:>8}{:>8}{:>9}{:>6}  {}",
        short(group.link.as_str(), 15),
        group.state.name(),
        group.messages,
        ago(group.oldest, now),
        next,
        group.attempts,
        kinds.join(", ")
    );
    // What was said before a message was taken is over.
    if group.state == MessageState::Sent {
        return;
    }
    let said = group.reasons.iter().filter(|said| said.reason.is_some());
    for said in said.take(REASONS_MAX) {
        let words = reason(said.reason.as_deref());
        let _ = writeln!(text, "{:>25}{:>8} × {words}", "", said.messages);
    }
}

/// What an administrator does about a group of messages, where there is anything to do.
fn advise(advice: &mut Vec<String>, group: &Waiting, now: Moment) {
    let link = group.link.as_str();
    let old = now.since(group.oldest) > LATE;
    match group.state {
        MessageState::Queued if group.ready > 0 && old => advice.push(format!(
            "{link}: {} may go and did not: jisr links; does jisr serve run?",
            group.ready
        )),
        MessageState::Queued if group.attempts > 0 => advice.push(format!(
            "{link}: goes again by itself until its validity is over; at once: jisr outbox resend ID"
        )),
        MessageState::Unknown => advice.push(format!(
            "{link}: unknown outcomes go again by themselves after 60 s, at most twice"
        )),
        MessageState::Queued
        | MessageState::Sending
        | MessageState::Sent
        | MessageState::Delivered
        | MessageState::Failed
        | MessageState::Expired
        | MessageState::Cancelled => {}
    }
}

/// A name that fits its column.
fn short(name: &str, columns: usize) -> String {
    if name.chars().count() <= columns {
        return name.to_owned();
    }
    let kept: String = name.chars().take(columns - 1).collect();
    format!("{kept}…")
}
