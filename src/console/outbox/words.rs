//! How times and counts of the outbox read.

use crate::clock::Moment;

/// A span of time in its largest unit: `12s`, `3min`, `5h`, `2d`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}min", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago that was.
pub(super) fn ago(at: Moment, now: Moment) -> String {
    span(now.since(at).as_secs())
}

/// When that comes: `in 4s`, or `now`.
pub(super) fn until(at: Moment, now: Moment) -> String {
    match at.since(now).as_secs() {
        0 if at <= now => "now".to_owned(),
        seconds => format!("in {}", span(seconds)),
    }
}

/// A moment as a log has it.
pub(super) fn at(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.ms())
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// A count and what it counts: `1 code`, `2 codes`, `3 replies`.
pub(super) fn counted(count: u64, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}

/// What an operator or the ledger said last, for people.
pub(super) fn reason(reason: Option<&str>) -> String {
    match reason {
        None => "no word yet".to_owned(),
        Some("throttled") => "throttled: the operator wants less at once".to_owned(),
        Some("not sent") => "the link was down".to_owned(),
        Some("no answer") => "no answer came".to_owned(),
        Some("no receipt") => "taken, and no receipt came".to_owned(),
        Some("receipt") => "the operator's receipt says so".to_owned(),
        Some("sealed") => "its body cannot be opened: wrong keys, or damaged".to_owned(),
        Some("by hand") => "cancelled by hand".to_owned(),
        Some("stopped") => "the subscriber said STOP".to_owned(),
        Some("erased") => "its conversation was erased".to_owned(),
        Some("restored") => "may have gone after the backup".to_owned(),
        Some(operators) => operators.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_counts_read_well() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1min"),
            (3_600, "1h"),
            (172_800, "2d"),
        ] {
            assert_eq!(span(seconds), text);
        }
        let now = Moment::from_ms(10_000);
        assert_eq!(until(Moment::from_ms(9_000), now), "now");
        assert_eq!(until(Moment::from_ms(14_500), now), "in 4s");
        assert_eq!(ago(Moment::from_ms(0), now), "10s");
        assert_eq!(counted(1, "reply"), "1 reply");
        assert_eq!(counted(2, "reply"), "2 replies");
        assert_eq!(counted(3, "code"), "3 codes");
        assert_eq!(
            at(Moment::from_ms(1_760_000_000_000)),
            "2025-10-09 08:53:20 UTC"
        );
    }
}
