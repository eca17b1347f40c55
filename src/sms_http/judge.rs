//! What an answer means for the part that was sent and for the link.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::clock::Moment;
use crate::exchange::{Broken, Heard};
use crate::sms_http::speaker::{Answer, Speaker, Word};
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
    heard: Result<Heard, Broken>,
    now: Moment,
) -> (PartOutcome, LinkWord) {
    let Heard {
        status,
        headers,
        body,
    } = match heard {
        Ok(heard) => heard,
        Err(Broken::NotSent(why)) => return (PartOutcome::NotSent, LinkWord::Away(why)),
        Err(Broken::Unanswered(why)) => return (PartOutcome::Unknown, LinkWord::Silent(why)),
    };
    let pause = retry_after(&headers, now);
    let word = match body {
        Some(body) => {
            let answer = Answer {
                status,
                headers,
                body,
            };
            match speaker.read(message, part, &answer) {
                Word::ByStatus => by_status(status),
                word @ (Word::Accepted(_)
                | Word::Throttled
                | Word::Temporary(_)
                | Word::Refused(_)
                | Word::Unknown
                | Word::LinkFault(_)) => word,
            }
        }
        // It said no, whatever else it would have said.
        None if status.is_redirection()
            || status.is_client_error()
            || status == StatusCode::SERVICE_UNAVAILABLE =>
        {
            by_status(status)
        }
        None => return (PartOutcome::Unknown, LinkWord::Silent("half an answer")),
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

/// What a status means by itself (RFC 9110, section 15; RFC 6585, section 4).
pub(crate) fn by_status(status: StatusCode) -> Word {
    let reason = || format!("http {}", status.as_u16());
    match status {
        StatusCode::TOO_MANY_REQUESTS => Word::Throttled,
        StatusCode::SERVICE_UNAVAILABLE
        // The request was not read to its end, or not looked at.
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_EARLY => Word::Temporary(reason()),
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Word::LinkFault(reason()),
        // The address of the API is another now, which we do not follow with a key in our hand.
        status if status.is_redirection() => Word::LinkFault(reason()),
        status if status.is_client_error() => Word::Refused(reason()),
        // Neither a success without its id nor an error of the server's own says what it did.
        _ => Word::Unknown,
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
    fn statuses_have_a_meaning_of_their_own() {
        let refused = |code: &str| Word::Refused(format!("http {code}"));
        let temporary = |code: &str| Word::Temporary(format!("http {code}"));
        let fault = |code: &str| Word::LinkFault(format!("http {code}"));
        for (status, word) in [
            (200, Word::Unknown),
            (204, Word::Unknown),
            (302, fault("302")),
            (400, refused("400")),
            (401, fault("401")),
            (403, fault("403")),
            (404, refused("404")),
            (408, temporary("408")),
            (425, temporary("425")),
            (429, Word::Throttled),
            (500, Word::Unknown),
            (502, Word::Unknown),
            (503, temporary("503")),
            (504, Word::Unknown),
        ] {
            assert_eq!(by_status(StatusCode::from_u16(status).unwrap()), word);
        }
    }

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
