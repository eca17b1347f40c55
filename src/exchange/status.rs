//! What an operator's answer says, as far as its status tells.

use hyper::StatusCode;

use crate::exchange::Returned;
use crate::operator::api::{Answer, Word};

impl Returned {
    /// What it says by `read`, or by its status where that finds nothing. None where half of it is
    /// missing, and its status does not say no by itself.
    pub fn word(self, read: impl FnOnce(&Answer) -> Word) -> Option<Word> {
        let status = self.status;
        let Some(body) = self.body else {
            // It said no, whatever else it would have said.
            let says_no = status.is_redirection()
                || status.is_client_error()
                || status == StatusCode::SERVICE_UNAVAILABLE;
            return says_no.then(|| by_status(status));
        };
        let answer = Answer {
            status,
            headers: self.headers,
            body,
        };
        Some(match read(&answer) {
            Word::ByStatus => by_status(status),
            word @ (Word::Accepted(_)
            | Word::Throttled
            | Word::Temporary(_)
            | Word::Refused(_)
            | Word::Unknown
            | Word::LinkFault(_)) => word,
        })
    }
}

/// What a status means by itself (RFC 9110, section 15; RFC 6585, section 4).
fn by_status(status: StatusCode) -> Word {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use hyper::HeaderMap;

    use super::*;

    fn word(status: u16, body: Option<&'static str>) -> Option<Word> {
        let returned = Returned {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.map(|body| Bytes::from_static(body.as_bytes())),
        };
        returned.word(|answer| match answer.body.is_empty() {
            true => Word::ByStatus,
            false => Word::Throttled,
        })
    }

    #[test]
    fn statuses_have_a_meaning_of_their_own() {
        let refused = |code: &str| Word::Refused(format!("http {code}"));
        let temporary = |code: &str| Word::Temporary(format!("http {code}"));
        let fault = |code: &str| Word::LinkFault(format!("http {code}"));
        // Whether it says no, whatever stands in the half that is missing.
        for (status, says, half) in [
            (200, Word::Unknown, false),
            (204, Word::Unknown, false),
            (302, fault("302"), true),
            (400, refused("400"), true),
            (401, fault("401"), true),
            (403, fault("403"), true),
            (404, refused("404"), true),
            (408, temporary("408"), true),
            (425, temporary("425"), true),
            (429, Word::Throttled, true),
            (500, Word::Unknown, false),
            (502, Word::Unknown, false),
            (503, temporary("503"), true),
            (504, Word::Unknown, false),
        ] {
            assert_eq!(word(status, Some("")), Some(says.clone()), "{status}");
            assert_eq!(word(status, None), half.then_some(says), "{status}, half");
            assert_eq!(word(status, Some("x")), Some(Word::Throttled), "{status}");
        }
    }
}
