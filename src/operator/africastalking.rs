//! The shape of Africa's Talking: a form with the whole path in `text`, answered by `CON ` or
//! `END ` and the screen (documented fields and captured samples, facts of their public guides).

use std::borrow::Cow;

use crate::callback::{Callback, Channel, Input, LinkName, Msisdn, Repeat, ServiceName};
use crate::clock::Moment;
use crate::operator::CallbackError;
use crate::store::Reply;

/// Bytes of a session id that are kept; theirs have 38.
const SESSION_BYTES_MAX: usize = 128;
/// Bytes of a path: a session of 180 s cannot type more.
const PATH_BYTES_MAX: usize = 2048;

/// A form as it was read, before the service is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    session: String,
    subscriber: Msisdn,
    /// The dialled code: `*580#`.
    pub service_code: String,
    path: String,
}

impl Form {
    /// Reads the form that the operator posts for each key press. Fields that we do not know are
    /// passed over, as the operator may add some.
    ///
    /// # Errors
    /// [`CallbackError`], naming the field.
    pub fn parse(body: &[u8]) -> Result<Self, CallbackError> {
        let text = std::str::from_utf8(body).map_err(|_| CallbackError::Body("a form in UTF-8"))?;
        let fields: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            serde_urlencoded::from_str(text).map_err(|_| CallbackError::Body("a form"))?;
        let field = |name: &'static str| {
            let mut found = fields
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.as_ref());
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                (Some(_), Some(_)) => Err(CallbackError::Twice(name)),
                (None, _) => Err(CallbackError::Missing(name)),
            }
        };
        let bounded = |name, max: usize, expected| match field(name)? {
            value if value.is_empty() || value.len() > max || value.contains(char::is_control) => {
                Err(CallbackError::Malformed {
                    field: name,
                    expected,
                })
            }
            value => Ok(value.to_owned()),
        };
        let session = bounded(
            "sessionId",
            SESSION_BYTES_MAX,
            "a session id of 1 to 128 bytes",
        )?;
        let subscriber =
            Msisdn::parse(field("phoneNumber")?).map_err(|_| CallbackError::Malformed {
                field: "phoneNumber",
                expected: "a phone number in E.164",
            })?;
        let service_code = bounded("serviceCode", SESSION_BYTES_MAX, "a code such as *580#")?;
        let path = field("text")?.to_owned();
        if path.len() > PATH_BYTES_MAX || path.contains('\u{fffd}') {
            return Err(CallbackError::Malformed {
                field: "text",
                expected: "at most 2048 bytes of UTF-8",
            });
        }
        Ok(Self {
            session,
            subscriber,
            service_code,
            path,
        })
    }

    /// The callback, once the code has named the service.
    pub fn into_callback(self, link: LinkName, service: ServiceName, at: Moment) -> Callback {
        Callback {
            link,
            service,
            subscriber: self.subscriber,
            channel: Channel::Ussd,
            session: Some(self.session),
            repeat: Repeat::Path,
            input: Input::Path(self.path),
            at,
        }
    }
}

/// The body of an answer; the content type is `text/plain`.
pub fn body(reply: &Reply) -> String {
    format!("{} {}", if reply.ends { "END" } else { "CON" }, reply.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "phoneNumber=%2B212661000001&serviceCode=*580%23&text=1*2&sessionId=ATUid_1&networkCode=60401";

    fn check(form: &str, expected: Result<(&str, &str, &str), CallbackError>) {
        let read = Form::parse(form.as_bytes());
        let shown = read.as_ref().map(|form| {
            (
                form.session.as_str(),
                form.subscriber.as_str(),
                form.path.as_str(),
            )
        });
        assert_eq!(shown.map_err(|error| *error), expected, "{form}");
    }

    #[test]
    fn read() {
        check(WHOLE, Ok(("ATUid_1", "+212661000001", "1*2")));
        check(
            &format!("{WHOLE}&extra=1"),
            Ok(("ATUid_1", "+212661000001", "1*2")),
        );
        check(
            "sessionId=s&phoneNumber=0661000001&serviceCode=*580%23&text=",
            Ok(("s", "+212661000001", "")),
        );
        check(
            "sessionId=s&phoneNumber=212661000001&serviceCode=*580%23&text=%D9%A1",
            Ok(("s", "+212661000001", "١")),
        );
    }

    #[test]
    fn refused() {
        use CallbackError::{Body, Malformed, Missing, Twice};
        check(
            "phoneNumber=22501020304&serviceCode=1&text=",
            Err(Missing("sessionId")),
        );
        check(
            "sessionId=s&serviceCode=1&text=",
            Err(Missing("phoneNumber")),
        );
        check(
            "sessionId=s&phoneNumber=0661000001&text=",
            Err(Missing("serviceCode")),
        );
        check(
            "sessionId=s&phoneNumber=0661000001&serviceCode=1",
            Err(Missing("text")),
        );
        check(&format!("{WHOLE}&text=9"), Err(Twice("text")));
        check(
            "sessionId=s&phoneNumber=MTN&serviceCode=1&text=",
            Err(Malformed {
                field: "phoneNumber",
                expected: "a phone number in E.164",
            }),
        );
        check(
            "sessionId=&phoneNumber=0661000001&serviceCode=1&text=",
            Err(Malformed {
                field: "sessionId",
                expected: "a session id of 1 to 128 bytes",
            }),
        );
        check(
            &format!(
                "sessionId=s&phoneNumber=0661000001&serviceCode=1&text={}",
                "1".repeat(2049)
            ),
            Err(Malformed {
                field: "text",
                expected: "at most 2048 bytes of UTF-8",
            }),
        );
        assert_eq!(
            Form::parse(b"\xff").map(|_| ()),
            Err(Body("a form in UTF-8"))
        );
        check(
            "sessionId=s&phoneNumber=0661000001&serviceCode=1&text=%ff",
            Err(Malformed {
                field: "text",
                expected: "at most 2048 bytes of UTF-8",
            }),
        );
    }

    #[test]
    fn answered() {
        let reply = |ends| Reply {
            text: "Bonjour".to_owned(),
            ends,
        };
        assert_eq!(body(&reply(false)), "CON Bonjour");
        assert_eq!(body(&reply(true)), "END Bonjour");
    }
}
