//! Vonage's signature: the parameters but `sig`, sorted by name, each as `&name=value` with `&` and
//! `=` in values turned into `_`. Of that the MD5 with the secret behind it (`md5hash`), or an HMAC
//! under the secret.
//!
//! Source: <https://developer.vonage.com/en/getting-started/concepts/signing-messages>; the vectors of
//! the tests are those of `vonage-ruby-sdk`, `test/vonage/signature_test.rb`.

use std::time::Duration;

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::encoding::unhex;
use super::hmac::{seconds, within};
use super::{Evidence, NONCE_KEPT, Nonce, Secrets, Why, parameters};

/// How a signature is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VonageMethod {
    /// The MD5 of the parameters with the secret behind them; Vonage's default.
    #[default]
    Md5Hash,
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

impl VonageMethod {
    /// Octets of a signature.
    fn len(self) -> usize {
        match self {
            Self::Md5Hash | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Vonage's signature.
#[derive(Clone, Debug)]
pub struct Vonage {
    secrets: Secrets,
    method: VonageMethod,
    skew: Duration,
    once: bool,
}

impl Vonage {
    /// `skew` is how far the parameter `timestamp` may be from our clock, both ways; with `once` the
    /// parameter `nonce` has to be there, and may come once only.
    pub fn new(secrets: Secrets, method: VonageMethod, skew: Duration, once: bool) -> Self {
        Self {
            secrets,
            method,
            skew,
            once,
        }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<Option<Nonce>, Why> {
        let mut pairs = parameters::all(evidence)?;
        let given = parameters::one(&pairs, "sig")?;
        let given = [unhex(given, self.method.len()).ok_or(Why::Malformed)?];
        let signed_at = seconds(parameters::one(&pairs, "timestamp")?)?;
        let nonce = if self.once {
            let value = parameters::one(&pairs, "nonce")?.as_bytes().to_vec();
            let until = evidence.at.plus(NONCE_KEPT);
            Some(Nonce { value, until })
        } else {
            None
        };

        pairs.sort();
        let twice = pairs.windows(2).any(|pair| pair[0].0 == pair[1].0);
        // A name with these in it could be read as several parameters under the same signature.
        if twice || pairs.iter().any(|(name, _)| name.contains(['&', '='])) {
            return Err(Why::Malformed);
        }
        let signed: String = pairs
            .iter()
            .filter(|(name, _)| name != "sig")
            .map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_")))
            .collect();
        let parts = [signed.as_bytes()];
        let right = match self.method {
            VonageMethod::Md5Hash => self.secrets.hashed::<Md5>(&parts, &given),
            VonageMethod::Md5 => self.secrets.signed::<::hmac::Hmac<Md5>>(&parts, &given),
            VonageMethod::Sha1 => self.secrets.signed::<::hmac::Hmac<Sha1>>(&parts, &given),
            VonageMethod::Sha256 => self.secrets.signed::<::hmac::Hmac<Sha256>>(&parts, &given),
            VonageMethod::Sha512 => self.secrets.signed::<::hmac::Hmac<Sha512>>(&parts, &given),
        };
        if !right {
            return Err(Why::BadSignature);
        }
        if !within(signed_at, evidence.at, self.skew) {
            return Err(Why::Stale);
        }
        Ok(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FORM, JSON, Request};
    use super::*;

    const SECRET: &str = "my_secret_key_for_testing";
    const SIGNED_AT: i64 = 1_385_047_698;
    const QUERY: &str = "message-timestamp=2013-11-21+15%3A27%3A30&messageId=020000001B0FE827&msisdn=14843472194&text=Test+again&timestamp=1385047698&to=13239877404&type=text";
    const MD5HASH: &str = "d2e7b1dc968737c5998ad624e02f90b7";
    const SHA256: &str = "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330";

    fn rule(secret: &str, method: VonageMethod, once: bool) -> Vonage {
        let secrets = Secrets::new(secret, None);
        Vonage::new(secrets, method, Duration::from_secs(300), once)
    }

    fn get(query: &str) -> Request {
        Request::new("GET", &format!("/sms/v?{query}"), b"").at(SIGNED_AT * 1000)
    }

    fn check(name: &str, request: &Request, expected: Result<(), Why>) {
        let rule = rule(SECRET, VonageMethod::Md5Hash, false);
        assert_eq!(
            rule.check(&request.evidence()).map(drop),
            expected,
            "{name}"
        );
    }

    /// The published vectors.
    #[test]
    fn as_vonage_signs() {
        for (method, signature) in [
            (VonageMethod::Md5Hash, MD5HASH),
            (VonageMethod::Md5, "DDEBD46008C2D4E93CCE578A332A52D5"),
            (
                VonageMethod::Sha1,
                "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A",
            ),
            (VonageMethod::Sha256, SHA256),
            (
                VonageMethod::Sha512,
                "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481CD3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82",
            ),
        ] {
            let request = get(&format!("{QUERY}&sig={signature}"));
            let found = rule(SECRET, method, false).check(&request.evidence());
            assert_eq!(found, Ok(None), "{method:?}");
            let other = rule("another", method, false).check(&request.evidence());
            assert_eq!(other, Err(Why::BadSignature), "{method:?}");
            let wrong = rule(SECRET, VonageMethod::Sha256, false).check(&request.evidence());
            assert_eq!(wrong.is_ok(), method == VonageMethod::Sha256, "{method:?}");
        }
    }

    #[test]
    fn form_and_json_are_signed_as_the_query() {
        let sig = format!("&sig={MD5HASH}");
        let form = Request::new("POST", "/sms/v", format!("{QUERY}{sig}").as_bytes())
            .at(SIGNED_AT * 1000)
            .with("content-type", FORM);
        check("form", &form, Ok(()));
        let fields = r#""message-timestamp":"2013-11-21 15:27:30","messageId":"020000001B0FE827","msisdn":"14843472194","text":"Test again","timestamp":1385047698,"to":"13239877404","type":"text""#;
        let json = |more: &str| {
            let body = format!(r#"{{{fields},"sig":"{MD5HASH}"{more}}}"#);
            Request::new("POST", "/sms/v", body.as_bytes())
                .at(SIGNED_AT * 1000)
                .with("content-type", JSON)
        };
        check("JSON", &json(""), Ok(()));
        let bad = Err(Why::BadSignature);
        check("one more", &json(r#","more":null"#), bad);
        let malformed = Err(Why::Malformed);
        check("one twice", &json(r#","to":"13239877404""#), malformed);
        check("nested", &json(r#","more":{}"#), malformed);
        check("no type", &form.without("content-type"), malformed);
        let mut beside = json("");
        beside.target = "/sms/v?more=1".into();
        check("one more in the query", &beside, bad);
        let mut broken = json("");
        broken.body.pop();
        check("broken", &broken, malformed);
    }

    #[test]
    fn values_cannot_pass_for_parameters() {
        // md5("&k=_" + "&timestamp=1385047698" + secret), by Python.
        let sig = "4608c76f7ec5557a65be98e16ece3182";
        for value in ["_", "%26", "%3D"] {
            let query = format!("k={value}&timestamp=1385047698&sig={sig}");
            check(value, &get(&query), Ok(()));
        }
        // The same text from one parameter less.
        let query = format!("k%3D_%26timestamp=1385047698&timestamp=1385047698&sig={sig}");
        check("in a name", &get(&query), Err(Why::Malformed));
    }

    #[test]
    fn a_parameter_is_there_once_and_of_its_form() {
        let (unsigned, malformed) = (Err(Why::Unsigned), Err(Why::Malformed));
        let signed = format!("{QUERY}&sig={MD5HASH}");
        check("as signed", &get(&signed), Ok(()));
        check("no sig", &get(QUERY), unsigned);
        check("nothing", &get(""), unsigned);
        check("empty", &get(&format!("{QUERY}&sig=")), unsigned);
        check("twice", &get(&format!("{signed}&sig={MD5HASH}")), malformed);
        check("short", &get(&format!("{QUERY}&sig=d2e7")), malformed);
        check("not ASCII", &get(&format!("{QUERY}&sig=%C3%A9")), malformed);
        let huge = format!("{QUERY}&sig={}", "d".repeat(100_000));
        check("huge", &get(&huge), malformed);
        let timeless = signed.replace("timestamp=1385047698&", "");
        check("no time", &get(&timeless), unsigned);
        let odd = signed.replace("=1385047698", "=2013-11-21");
        check("no number", &get(&odd), malformed);
        let other = signed.replace("Test", "Best");
        check("another text", &get(&other), Err(Why::BadSignature));
    }

    #[test]
    fn time_is_short_both_ways() {
        let signed = format!("{QUERY}&sig={MD5HASH}");
        for (seconds, expected) in [
            (299, Ok(())),
            (301, Err(Why::Stale)),
            (-299, Ok(())),
            (-301, Err(Why::Stale)),
        ] {
            let request = get(&signed).at((SIGNED_AT + seconds) * 1000);
            check(&seconds.to_string(), &request, expected);
        }
    }

    #[test]
    fn a_nonce_counts_where_it_is_wanted() {
        let rule = rule(SECRET, VonageMethod::Md5Hash, true);
        let without = get(&format!("{QUERY}&sig={MD5HASH}"));
        assert_eq!(rule.check(&without.evidence()), Err(Why::Unsigned));
        // md5("&nonce=n-1&timestamp=1385047698" + secret), by Python.
        let with = get("nonce=n-1&timestamp=1385047698&sig=7edfbb526d3e04588aa9c0024707537b");
        let nonce = Nonce {
            value: b"n-1".to_vec(),
            until: crate::clock::Moment::from_ms(SIGNED_AT * 1000).plus(NONCE_KEPT),
        };
        assert_eq!(rule.check(&with.evidence()), Ok(Some(nonce)));
    }

    #[test]
    fn both_secrets_live_while_one_is_changed() {
        let signed = get(&format!("{QUERY}&sig={MD5HASH}"));
        let secrets = Secrets::new("another", Some(SECRET));
        let rule = Vonage::new(
            secrets,
            VonageMethod::Md5Hash,
            Duration::from_secs(300),
            false,
        );
        assert_eq!(rule.check(&signed.evidence()), Ok(None));
    }
}
