//! What an answer means for the part that was sent and for the link.

use std::time::Duration;

use http::{HeaderMap, header};

use crate::clock::Moment;
use crate::exchange::{Broken, Returned};
use crate::sms_http::speaker::{Speaker, Word};
use crate::store::{Message, PartOutcome};

/// The longest pause that an operator can ask for: a one-time code lives for five minutes.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// What an exchange says of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LinkWord {
    /// The operator is there and listens to us.
    Fine,
    /// It wants to be left alone for so long.
    Pause(Duration),
    /// It throttles us, and does not say for how long.
    Busy,
    /// It refuses us, whatever the message. The reason is a code.
    Fault(String),
    /// There is no way to it.
    Away(&'static str),
    /// It gave no answer.
    Silent(&'static str),
}

/// Reads an exchange.
pub(super) fn judge(
    speaker: &dyn Speaker,
    message: &Message,
    part: u8,
    returned: Result<Returned, Broken>,
    now: Moment,
) -> (PartOutcome, LinkWord) {
    let returned = match returned {
        Ok(returned) => returned,
        Err(Broken::NotSent(why)) => return (PartOutcome::NotSent, LinkWord::Away(why)),
        Err(Broken::Unanswered(why)) => return (PartOutcome::Unknown, LinkWord::Silent(why)),
    };
    let pause = retry_after(&returned.headers, now);
    let Some(word) = returned.word(|answer| speaker.read(message, part, answer)) else {
        return (PartOutcome::Unknown, LinkWord::Silent("half an answer"));
    };
    let asked = pause.map_or(LinkWord::Fine, LinkWord::Pause);
    match word {
        Word::Accepted(id) => (PartOutcome::Accepted(id), LinkWord::Fine),
        Word::Throttled => (
            PartOutcome::Throttled,
            pause.map_or(LinkWord::Busy, LinkWord::Pause),
        ),
        Word::Temporary(reason) => (PartOutcome::Temporary(reason), asked),
        Word::Refused(reason) => (PartOutcome::Refused(reason), LinkWord::Fine),
        Word::Unknown | Word::ByStatus => (PartOutcome::Unknown, LinkWord::Fine),
        Word::LinkFault(reason) => (
            PartOutcome::Temporary(reason.clone()),
            LinkWord::Fault(reason),
        ),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), within bounds.
fn retry_after(headers: &HeaderMap, now: Moment) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?;
            Moment::from_ms(date.timestamp().as_millisecond()).since(now)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pauses_are_bounded() {
        // Wed, 21 Oct 2015 07:28:00 GMT.
        let now = Moment::from_ms(1_445_412_480_000);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 30 ", Some(30)),
            ("0", None),
            ("86400", Some(60)),
            ("99999999999999999999999", None),
            ("-1", None),
            ("Wed, 21 Oct 2015 07:28:20 GMT", Some(20)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", None),
            ("Wed, 21 Oct 2065 07:28:20 GMT", Some(60)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let wait = retry_after(&headers, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value}");
        }
    }
}
