//! A token in the header `Authorization` (RFC 6750, section 2.1).

use super::header::authorization;
use super::{Evidence, Secrets, Why};

/// A bearer token.
#[derive(Clone, Debug)]
pub struct Bearer {
    tokens: Secrets,
}

impl Bearer {
    /// The tokens are visible ASCII.
    pub fn new(tokens: Secrets) -> Self {
        Self { tokens }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        let given = authorization(evidence.headers, "Bearer")?;
        if self.tokens.is(given.as_bytes()) {
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
    fn the_token_is_the_whole_of_it() {
        let rule = |other| Bearer::new(Secrets::new("sample-token-0001", other));
        let given = |value: &str| Request::new("GET", "/x", b"").with("authorization", value);
        let bad = Err(Why::BadCredentials);
        let (unsigned, malformed) = (Err(Why::Unsigned), Err(Why::Malformed));
        let right = "Bearer sample-token-0001";
        let rows = [
            ("right", given(right), Ok(())),
            ("lower case", given("bearer sample-token-0001"), Ok(())),
            ("another", given("Bearer sample-token-0002"), bad),
            ("shorter", given("Bearer sample-token-000"), bad),
            ("longer", given("Bearer sample-token-0001 x"), bad),
            ("other case", given("Bearer Sample-token-0001"), bad),
            (
                "huge",
                given(&format!("Bearer {}", "x".repeat(100_000))),
                bad,
            ),
            ("not ASCII", given("Bearer é"), malformed),
            (
                "twice",
                given(right).with("authorization", right),
                malformed,
            ),
            ("basic", given("Basic sample-token-0001"), unsigned),
            ("scheme alone", given("Bearer "), unsigned),
            ("no scheme", given("sample-token-0001"), unsigned),
            ("empty", given(""), unsigned),
            ("none", Request::new("GET", "/x", b""), unsigned),
        ];
        table(&rows, |evidence| rule(None).check(evidence));
        let next = given("Bearer sample-token-0002");
        assert_eq!(
            rule(Some("sample-token-0002")).check(&next.evidence()),
            Ok(())
        );
        assert_eq!(
            rule(Some("sample-token-0002")).check(&given(right).evidence()),
            Ok(())
        );
    }
}
