//! A secret segment of the path, for operators that can send nothing but an address.

use super::{Evidence, Secrets, Why};

/// A secret as the first segment of the path behind the link.
#[derive(Clone, Debug)]
pub struct PathSecret {
    secrets: Secrets,
}

impl PathSecret {
    /// The secrets are of characters that stand in a path as they are: see [`PathSecret::fits`].
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Whether a secret stands in a path without being encoded (RFC 3986, section 2.3).
    pub fn fits(secret: &str) -> bool {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        secret.bytes().all(unreserved)
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        if self
            .secrets
            .is(evidence.secret.unwrap_or_default().as_bytes())
        {
            Ok(())
        } else {
            Err(Why::BadPath)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Request;
    use super::*;

    #[test]
    fn the_segment_is_the_secret() {
        let rule = |other| PathSecret::new(Secrets::new("sample-segment-1", other));
        let huge = "x".repeat(100_000);
        for (segment, passes, passes_with_next) in [
            (Some("sample-segment-1"), true, true),
            (Some("sample-segment-2"), false, true),
            (Some("sample-segment"), false, false),
            (Some("sample%2Dsegment-1"), false, false),
            (Some(huge.as_str()), false, false),
            (Some("é"), false, false),
            (Some(""), false, false),
            (None, false, false),
        ] {
            let mut request = Request::new("GET", "/ussd/op/sample-segment-1", b"");
            request.secret = segment.map(str::to_owned);
            let expected = |passes| if passes { Ok(()) } else { Err(Why::BadPath) };
            let evidence = request.evidence();
            assert_eq!(rule(None).check(&evidence), expected(passes), "{segment:?}");
            let next = rule(Some("sample-segment-2"));
            assert_eq!(
                next.check(&evidence),
                expected(passes_with_next),
                "{segment:?}"
            );
        }
    }

    #[test]
    fn a_secret_stands_in_a_path_as_it_is() {
        assert!(PathSecret::fits("aZ0-._~"));
        for odd in ["a/b", "a b", "a?b", "a%2F", "é", "a#b"] {
            assert!(!PathSecret::fits(odd), "{odd}");
        }
    }
}
