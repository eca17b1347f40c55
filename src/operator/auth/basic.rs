//! User and password in the header `Authorization` (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::header::authorization;
use super::{Evidence, Secrets, Why};

/// User and password.
#[derive(Clone, Debug)]
pub struct Basic {
    /// `user:password`.
    pairs: Secrets,
}

impl Basic {
    /// The user has no colon.
    pub fn new(user: &str, passwords: &Secrets) -> Self {
        Self {
            pairs: passwords.after(&format!("{user}:")),
        }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        let given = authorization(evidence.headers, "Basic")?;
        let given = STANDARD.decode(given).map_err(|_| Why::Malformed)?;
        if self.pairs.is(&given) {
            Ok(())
        } else {
            Err(Why::BadCredentials)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Request, table};
    use super::*;

    #[test]
    fn user_and_password_belong_together() {
        let rule = |other| Basic::new("Aladdin", &Secrets::new("open sesame", other));
        // The pair of RFC 7617, section 2.
        let right = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        let given = |value: &str| Request::new("GET", "/x", b"").with("authorization", value);
        let encoded = |pair: &str| given(&format!("Basic {}", STANDARD.encode(pair)));
        let bad = Err(Why::BadCredentials);
        let (unsigned, malformed) = (Err(Why::Unsigned), Err(Why::Malformed));
        let rows = [
            ("right", given(right), Ok(())),
            (
                "lower case",
                given(&right.replace("Basic", "basic")),
                Ok(()),
            ),
            ("spaces", given(&right.replace(' ', "   ")), Ok(())),
            ("other password", encoded("Aladdin:open sesam"), bad),
            ("other user", encoded("Alladin:open sesame"), bad),
            ("user alone", encoded("Aladdin:"), bad),
            ("no colon", encoded("Aladdinopen sesame"), bad),
            ("not ASCII", encoded("é:é"), bad),
            ("huge", encoded(&"x".repeat(100_000)), bad),
            ("no base64", given("Basic *"), malformed),
            ("header not ASCII", given("Basic é"), malformed),
            (
                "twice",
                given(right).with("authorization", right),
                malformed,
            ),
            (
                "bearer",
                given("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
                unsigned,
            ),
            ("scheme alone", given("Basic"), unsigned),
            ("empty", given(""), unsigned),
            ("none", Request::new("GET", "/x", b""), unsigned),
        ];
        table(&rows, |evidence| rule(None).check(evidence));
        let next = encoded("Aladdin:close sesame");
        assert_eq!(rule(None).check(&next.evidence()), bad);
        assert_eq!(rule(Some("close sesame")).check(&next.evidence()), Ok(()));
        assert_eq!(
            rule(Some("close sesame")).check(&given(right).evidence()),
            Ok(())
        );
        assert!(!format!("{:?}", rule(None)).contains("sesame"));
    }
}
