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
        kinds.first().map_or("", String::as_str)
    );
    for kind in kinds.iter().skip(1) {
        let _ = writeln!(text, "{:>58}{kind}", "");
    }
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
    let link = short(group.link.as_str(), 15);
    let old = now.since(group.oldest) > LATE;
    match group.state {
        MessageState::Queued if group.ready > 0 && old => advice.push(format!(
            "{link}: {} may go and did not: jisr links; does jisr serve run?",
            group.ready
        )),
        MessageState::Queued if group.attempts > 0 => advice.push(format!(
            "{link}: goes again by itself; at once: jisr outbox resend ID"
        )),
        MessageState::Unknown => advice.push(format!(
            "{link}: unknown outcomes go again after 60 s, at most twice"
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::MessageKind;
    use crate::store::by_hand::{Dead, Hold, HoldReason, Said};

    fn said(reason: Option<&str>, messages: u64) -> Said {
        Said {
            reason: reason.map(str::to_owned),
            messages,
        }
    }

    fn group(link: &str, state: MessageState, messages: u64, reasons: Vec<Said>) -> Waiting {
        Waiting {
            link: link.into(),
            state,
            messages,
            kinds: BTreeMap::from([(MessageKind::Code, 1), (MessageKind::Notice, messages - 1)]),
            oldest: Moment::from_ms(0),
            next: Moment::from_ms(7_204_000),
            ready: 0,
            attempts: 5,
            reasons,
        }
    }

    fn overview() -> Overview {
        let queued = vec![
            said(Some("0x00000058"), 8),
            said(Some("throttled"), 3),
            said(None, 1),
        ];
        let unknown = vec![said(Some("no answer"), 2)];
        let sent = vec![said(Some("throttled"), 1_204_000)];
        Overview {
            hold: None,
            waiting: vec![
                group("operator-sms", MessageState::Queued, 12, queued),
                group("operator-sms", MessageState::Unknown, 2, unknown),
                Waiting {
                    ready: 1,
                    attempts: 0,
                    ..group(
                        "a-link-with-a-long-name",
                        MessageState::Queued,
                        1,
                        Vec::new(),
                    )
                },
                group("operator-sms", MessageState::Sent, 1_204_000, sent),
            ],
            dead: vec![Dead {
                link: "operator-sms".into(),
                kind: MessageKind::Password,
                state: MessageState::Failed,
                reason: Some("0x0000000b".to_owned()),
                messages: 1,
                newest: Moment::from_ms(6_000_000),
            }],
        }
    }

    #[test]
    fn the_screen_fits_a_terminal() {
        let held = Overview {
            hold: Some(Hold {
                why: HoldReason::Older,
                note: None,
                who: "jisr".to_owned(),
                begun_at: Moment::from_ms(7_000_000),
                as_of: Some(Moment::from_ms(6_900_000)),
            }),
            ..overview()
        };
        let now = Moment::from_ms(7_200_000);
        let pages = [overview(), held, Overview::default()]
            .map(|overview| page("jisr-data/jisr.db", &overview, now));
        for line in pages.iter().flat_map(|page| page.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        insta::assert_snapshot!(pages.join("\n--------\n\n"));
    }
}
