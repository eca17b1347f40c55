//! The signature that we recommend: HMAC-SHA256 over the whole request, with its time and a nonce.
//!
//! Signed is `METHOD \n TARGET \n TIMESTAMP \n NONCE \n HEX(SHA256(BODY))`, with single line feeds
//! between and none at the end. `docs/signing.md` has it with examples.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::encoding::{hex, unhex};
use super::header::one;
use super::{Evidence, NONCE_KEPT, Nonce, Secrets, Why};
use crate::clock::Moment;

/// When it was signed: seconds since the Unix epoch, in decimal.
const TIMESTAMP: &str = "x-jisr-timestamp";
/// What makes it the only one of its kind: 1 to 64 visible ASCII characters.
const NONCE: &str = "x-jisr-nonce";
/// `v1=HEX`, or several of them with commas between.
const SIGNATURE: &str = "x-jisr-signature";
/// The form of signature that is known.
const VERSION: &str = "v1=";
const NONCE_LEN_MAX: usize = 64;
/// Signatures in one header.
const SIGNATURES_MAX: usize = 4;
/// Digits of a timestamp; more are no time that anybody lives in.
const TIMESTAMP_LEN_MAX: usize = 12;

/// HMAC-SHA256 with time and nonce.
#[derive(Clone, Debug)]
pub struct Hmac {
    secrets: Secrets,
    skew: Duration,
}

impl Hmac {
    /// `skew` is how far the caller's clock may be from ours, both ways.
    pub fn new(secrets: Secrets, skew: Duration) -> Self {
        Self { secrets, skew }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<Nonce, Why> {
        let timestamp = one(evidence.headers, TIMESTAMP)?;
        let nonce = one(evidence.headers, NONCE)?;
        let given = signatures(one(evidence.headers, SIGNATURE)?)?;
        let signed_at = seconds(timestamp)?;
        if nonce.len() > NONCE_LEN_MAX || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Why::Malformed);
        }

        let body = hex(&Sha256::digest(evidence.body));
        let parts: [&[u8]; 9] = [
            evidence.method.as_bytes(),
            b"\n",
            evidence.target.as_bytes(),
            b"\n",
            timestamp.as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            body.as_bytes(),
        ];
        let right = self.secrets.signed::<::hmac::Hmac<Sha256>>(&parts, &given);
        if !right {
            return Err(Why::BadSignature);
        }
        if !within(signed_at, evidence.at, self.skew) {
            return Err(Why::Stale);
        }
        Ok(Nonce {
            value: nonce.as_bytes().to_vec(),
            until: evidence.at.plus(NONCE_KEPT),
        })
    }
}

/// The signatures of the form that is known, of which there has to be one.
fn signatures(text: &str) -> Result<Vec<Vec<u8>>, Why> {
    let mut found = Vec::new();
    for (at, one) in text.split(',').enumerate() {
        if at == SIGNATURES_MAX {
            return Err(Why::Malformed);
        }
        if let Some(digits) = one.trim().strip_prefix(VERSION) {
            found.push(unhex(digits, 32).ok_or(Why::Malformed)?);
        }
    }
    if found.is_empty() {
        return Err(Why::Malformed);
    }
    Ok(found)
}

/// A moment in whole seconds since the Unix epoch, in decimal.
pub(super) fn seconds(text: &str) -> Result<Moment, Why> {
    let is_number = (1..=TIMESTAMP_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<i64>().ok().filter(|_| is_number);
    let ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
    ms.map(Moment::from_ms).ok_or(Why::Malformed)
}

/// Whether two moments are no further apart.
pub(super) fn within(one: Moment, other: Moment, skew: Duration) -> bool {
    one.since(other).max(other.since(one)) <= skew
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::Request;
    use super::super::{Auth, Rule};
    use super::*;

    const SECRET: &str = "sample-secret-of-32-characters-0";
    const OTHER: &str = "the-next-secret-of-32-characters";
    /// When the sample was signed.
    const SIGNED_AT: i64 = 1_760_000_000;
    // The signatures were computed with Python:
    //   hmac.new(SECRET, "\n".join(["POST", "/ussd/op?x=1", "1760000000", "n-1",
    //       hashlib.sha256(b"text=1").hexdigest()]).encode(), "sha256").hexdigest()
    const BY_SECRET: &str = "v1=ba64a4761fc8f61089f39dacc87b15c3da4ad1c09d29844c2b68266bcdc01446";
    const BY_OTHER: &str = "v1=ebd31769c8102b2b3b924ea540bab918a259ccadeb7b1b9151c77abe85c5aa49";

    fn auth(other: Option<&str>) -> Auth {
        Auth::of(vec![Rule::Hmac(Hmac::new(
            Secrets::new(SECRET, other),
            Duration::from_secs(300),
        ))])
    }

    /// The sample as it was signed.
    fn request() -> Request {
        Request::new("POST", "/ussd/op?x=1", b"text=1")
            .at(SIGNED_AT * 1000)
            .with("x-jisr-timestamp", "1760000000")
            .with("x-jisr-nonce", "n-1")
            .with("x-jisr-signature", BY_SECRET)
    }

    fn check(name: &str, request: &Request, expected: Result<(), Why>) {
        let found = auth(None).check(&request.evidence());
        assert_eq!(
            found.map(drop).map_err(|refusal| refusal.why),
            expected,
            "{name}"
        );
    }

    #[test]
    fn what_is_signed_passes_with_its_nonce() {
        let nonce = auth(None).check(&request().evidence()).unwrap().unwrap();
        assert_eq!(nonce.value, b"n-1");
    }

    /// As long as any skew that a link can have would let the request in, its nonce is known.
    #[test]
    fn a_skew_that_is_raised_lets_nothing_pass_again() {
        for skew_before in [1, 300, 86_400] {
            for skew_after in [1, 300, 86_400] {
                let rule = |skew| Hmac::new(Secrets::new(SECRET, None), Duration::from_secs(skew));
                // It came as early as it could.
                let at = SIGNED_AT * 1000 - i64::try_from(skew_before * 1000).unwrap();
                let came = request().at(at);
                let nonce = rule(skew_before).check(&came.evidence()).unwrap();
                let forgotten = request().at(nonce.until.ms() + 1);
                let again = rule(skew_after).check(&forgotten.evidence());
                assert_eq!(again, Err(Why::Stale), "{skew_before} {skew_after}");
            }
        }
    }

    #[test]
    fn every_part_is_signed() {
        check("as signed", &request(), Ok(()));
        let bad = Err(Why::BadSignature);
        let mut other = request();
        other.method = "PUT".into();
        check("method", &other, bad);
        let mut other = request();
        other.target = "/ussd/op?x=2".into();
        check("query", &other, bad);
        let mut other = request();
        other.target = "/ussd/oq?x=1".into();
        check("path", &other, bad);
        let mut other = request();
        other.body = b"text=2".to_vec();
        check("body", &other, bad);
        check("nonce", &request().instead("x-jisr-nonce", "n-2"), bad);
        let later = request().instead("x-jisr-timestamp", "1760000001");
        check("timestamp", &later, bad);
        let zero = request().instead("x-jisr-timestamp", "01760000000");
        check("timestamp with a zero", &zero, bad);
        let by_other = request().instead("x-jisr-signature", BY_OTHER);
        check("another secret", &by_other, bad);
    }

    #[test]
    fn both_secrets_live_while_one_is_changed() {
        for (signature, other, passes) in [
            (BY_SECRET, None, true),
            (BY_OTHER, None, false),
            (BY_SECRET, Some(OTHER), true),
            (BY_OTHER, Some(OTHER), true),
        ] {
            let request = request().instead("x-jisr-signature", signature);
            let found = auth(other).check(&request.evidence());
            assert_eq!(found.is_ok(), passes, "{signature} {other:?}");
        }
        let both = request().instead("x-jisr-signature", &format!("{BY_OTHER}, {BY_SECRET}"));
        check("one of several", &both, Ok(()));
    }

    #[test]
    fn time_is_short_both_ways() {
        for (ms, expected) in [
            (0, Ok(())),
            (299_000, Ok(())),
            (300_000, Ok(())),
            (300_001, Err(Why::Stale)),
            (301_000, Err(Why::Stale)),
            (-299_000, Ok(())),
            (-300_000, Ok(())),
            (-300_001, Err(Why::Stale)),
            (-301_000, Err(Why::Stale)),
        ] {
            check(
                &ms.to_string(),
                &request().at(SIGNED_AT * 1000 + ms),
                expected,
            );
        }
    }

    #[test]
    fn a_header_is_there_once_and_of_its_form() {
        for name in ["x-jisr-timestamp", "x-jisr-nonce", "x-jisr-signature"] {
            let (unsigned, malformed) = (Err(Why::Unsigned), Err(Why::Malformed));
            check(name, &request().without(name), unsigned);
            check(name, &request().instead(name, ""), unsigned);
            check(name, &request().instead(name, "  "), unsigned);
            let value = request().headers.get(name).cloned().unwrap();
            let twice = request().with(name, value.to_str().unwrap());
            check(name, &twice, malformed);
            check(name, &request().instead(name, "é"), malformed);
            let huge = "9".repeat(100_000);
            check(name, &request().instead(name, &huge), malformed);
        }
        for (header, value) in [
            ("x-jisr-timestamp", "-1760000000"),
            ("x-jisr-timestamp", "+1760000000"),
            ("x-jisr-timestamp", "1760000000.0"),
            ("x-jisr-timestamp", "9999999999999"),
            ("x-jisr-nonce", "a b"),
            ("x-jisr-nonce", &"n".repeat(65)),
            ("x-jisr-signature", "v1="),
            ("x-jisr-signature", "v2=00"),
            ("x-jisr-signature", ","),
            ("x-jisr-signature", &BY_SECRET[3..]),
            ("x-jisr-signature", &format!("{BY_SECRET}00")),
            ("x-jisr-signature", &format!("{BY_SECRET},v1=x")),
            ("x-jisr-signature", &[BY_SECRET; 5].join(",")),
        ] {
            let request = request().instead(header, value);
            check(&format!("{header}: {value}"), &request, Err(Why::Malformed));
        }
        let upper = BY_SECRET.to_uppercase().replace("V1=", "v1=");
        check(
            "upper case",
            &request().instead("x-jisr-signature", &upper),
            Ok(()),
        );
        let newer = format!("v2=zz,{BY_SECRET}");
        check(
            "a newer form beside",
            &request().instead("x-jisr-signature", &newer),
            Ok(()),
        );
    }
}
