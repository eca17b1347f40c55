//! Twilio's signature: HMAC-SHA1 under the account's auth token over the URL as Twilio calls it and
//! the fields of the form, each name with its value, in the order of their names. A body that is no
//! form is covered by its SHA-256, which then stands in the query as `bodySHA256`.
//!
//! Source: <https://www.twilio.com/docs/usage/security>; the vectors of the tests are those of
//! `twilio-python`, `tests/unit/test_request_validator.py`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::encoding::{BodyKind, unhex};
use super::header::one;
use super::{Evidence, Secrets, Why, parameters};

const SIGNATURE: &str = "x-twilio-signature";
const BODY_HASH: &str = "bodySHA256";
/// Octets of an HMAC-SHA1.
const TAG_LEN: usize = 20;

/// Twilio's signature.
#[derive(Clone, Debug)]
pub struct Twilio {
    tokens: Secrets,
    /// Scheme and host as Twilio calls them, with the port and without: of which of the two it
    /// signs, its own libraries try both.
    bases: [String; 2],
}

impl Twilio {
    /// `public_url` is scheme, host and port as Twilio calls them, and whatever of the path a proxy
    /// takes away. Nothing, when it is no such address.
    pub fn new(tokens: Secrets, public_url: &str) -> Option<Self> {
        let (scheme, rest) = public_url.trim_end_matches('/').split_once("://")?;
        let port = match scheme {
            "https" => 443_u16,
            "http" => 80,
            _ => return None,
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = |text: &str| {
            let inside = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            match inside {
                Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
                None => !text.is_empty() && text.chars().all(allowed),
            }
        };
        let (bare, given) = match authority.rsplit_once(':') {
            Some((bare, digits)) if !digits.ends_with(']') => (bare, digits.parse::<u16>().ok()?),
            Some(_) | None => (authority, port),
        };
        if !host(bare) || path.contains(['?', '#', ' ']) {
            return None;
        }
        Some(Self {
            tokens,
            bases: [
                format!("{scheme}://{bare}{path}"),
                format!("{scheme}://{bare}:{given}{path}"),
            ],
        })
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        let signature = one(evidence.headers, SIGNATURE)?;
        let given = STANDARD
            .decode(signature)
            .ok()
            .filter(|tag| tag.len() == TAG_LEN)
            .ok_or(Why::Malformed)?;

        let form = BodyKind::of(evidence.headers) == BodyKind::Form;
        let fields = if form {
            parameters::form(evidence.body)
        } else {
            Vec::new()
        };
        // Twilio's libraries sort a name's values too and take equal ones once.
        let fields: BTreeSet<_> = fields.into_iter().collect();
        let covered = if form || evidence.body.is_empty() {
            Ok(())
        } else {
            is_hash_of(evidence)
        };

        let given = [given];
        let signed = self.bases.iter().fold(false, |signed, base| {
            let mut parts = vec![base.as_bytes(), evidence.target.as_bytes()];
            for (name, value) in &fields {
                parts.push(name.as_bytes());
                parts.push(value.as_bytes());
            }
            signed | self.tokens.signed::<::hmac::Hmac<Sha1>>(&parts, &given)
        });
        if !signed {
            return Err(Why::BadSignature);
        }
        covered
    }
}

/// Whether the hash in the query is that of the body.
fn is_hash_of(evidence: &Evidence<'_>) -> Result<(), Why> {
    let query = parameters::query(evidence);
    let given = parameters::one(&query, BODY_HASH)?;
    let given = unhex(given, 32).ok_or(Why::Malformed)?;
    if given == Sha256::digest(evidence.body).as_slice() {
        Ok(())
    } else {
        Err(Why::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{FORM, JSON, Request};
    use super::*;

    const TOKEN: &str = "12345";
    const BODY: &[u8] = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const TARGET: &str = "/myapp.php?foo=1&bar=2";
    const SIGNED: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    const JSON_BODY: &[u8] = br#"{"property": "value", "boolean": true}"#;
    const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";

    fn twilio(public_url: &str) -> Twilio {
        Twilio::new(Secrets::new(TOKEN, None), public_url).unwrap()
    }

    fn request(signature: &str) -> Request {
        Request::new("POST", TARGET, BODY)
            .with("content-type", FORM)
            .with(SIGNATURE, signature)
    }

    fn json(target: &str, signature: &str) -> Request {
        Request::new("POST", target, JSON_BODY)
            .with("content-type", JSON)
            .with(SIGNATURE, signature)
    }

    fn check(name: &str, url: &str, request: &Request, expected: Result<(), Why>) {
        assert_eq!(twilio(url).check(&request.evidence()), expected, "{name}");
    }

    /// The published vectors.
    #[test]
    fn as_twilio_signs() {
        let https = "https://mycompany.com";
        check("form", https, &request(SIGNED), Ok(()));
        check("slash", "https://mycompany.com/", &request(SIGNED), Ok(()));
        let port = "https://mycompany.com:1234";
        check("port taken away", port, &request(SIGNED), Ok(()));
        check(
            "port added, https",
            https,
            &request("kvajT1Ptam85bY51eRf/AJRuM3w="),
            Ok(()),
        );
        let http = "http://mycompany.com";
        check(
            "port added, http",
            http,
            &request("0ZXoZLH/DfblKGATFgpif+LLRf4="),
            Ok(()),
        );
        check(
            "port kept, http",
            "http://mycompany.com:1234",
            &request("Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            Ok(()),
        );
        let mut doubles = request("IK+Dwps556ElfBT0I3Rgjkr1wJU=");
        doubles.body = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234".to_vec();
        check("a name several times", https, &doubles, Ok(()));
        let hashed = format!("{TARGET}&bodySHA256={HASH}");
        check(
            "JSON",
            https,
            &json(&hashed, "a9nBmqA0ju/hNViExpshrM61xv4="),
            Ok(()),
        );
        let alone = format!("/myapp.php?bodySHA256={HASH}");
        check(
            "JSON, hash alone",
            https,
            &json(&alone, "y77kIzt2vzLz71DgmJGsen2scGs="),
            Ok(()),
        );
    }

    #[test]
    fn every_part_is_signed() {
        let (https, bad) = ("https://mycompany.com", Err(Why::BadSignature));
        check("host", "https://mycompany.org", &request(SIGNED), bad);
        check("scheme", "http://mycompany.com", &request(SIGNED), bad);
        let mut other = request(SIGNED);
        other.target = "/myapp.php?foo=1&bar=3".into();
        check("query", https, &other, bad);
        let mut other = request(SIGNED);
        other.body = [BODY, b"&More=1"].concat();
        check("one more field", https, &other, bad);
        let mut other = request(SIGNED);
        other.body = Vec::new();
        check("no field", https, &other, bad);
        // The signature of a form is none of a body that is called something else.
        let called = request(SIGNED).instead("content-type", "text/plain");
        check("another type", https, &called, bad);

        let target = format!("{TARGET}&bodySHA256={HASH}");
        let signed = "a9nBmqA0ju/hNViExpshrM61xv4=";
        let mut other = json(&target, signed);
        other.body = b"{}".to_vec();
        check("another body", https, &other, bad);
        // `SIGNED` without its fields, by Python:
        //   base64.b64encode(hmac.new(b"12345", b"https://mycompany.com/myapp.php", "sha1").digest())
        let bare = json("/myapp.php", "ZEVhNTf/+0VuA9ofUWb9iscKI5Y=");
        check("no hash of the body", https, &bare, Err(Why::Unsigned));
        let mut empty = bare;
        empty.body = Vec::new();
        check("nothing to cover", https, &empty, Ok(()));
    }

    #[test]
    fn the_header_is_there_once_and_of_its_form() {
        let https = "https://mycompany.com";
        let (unsigned, malformed) = (Err(Why::Unsigned), Err(Why::Malformed));
        check("none", https, &request(SIGNED).without(SIGNATURE), unsigned);
        check("empty", https, &request(""), unsigned);
        check(
            "twice",
            https,
            &request(SIGNED).with(SIGNATURE, SIGNED),
            malformed,
        );
        check("not ASCII", https, &request("é"), malformed);
        check("no base64", https, &request("*"), malformed);
        check("short", https, &request("AAAA"), malformed);
        check("huge", https, &request(&"A".repeat(100_000)), malformed);
        check(
            "of another",
            https,
            &request("SSOYDt4T1cUTdK1PDd93/VVr8B8="),
            Err(Why::BadSignature),
        );
    }

    #[test]
    fn both_tokens_live_while_one_is_changed() {
        for (first, other, passes) in [
            ("12345", Some("54321"), true),
            ("54321", Some("12345"), true),
            ("54321", None, false),
        ] {
            let rule = Twilio::new(Secrets::new(first, other), "https://mycompany.com").unwrap();
            let found = rule.check(&request(SIGNED).evidence());
            assert_eq!(found.is_ok(), passes, "{first}");
        }
    }

    #[test]
    fn an_address_is_scheme_and_host() {
        for (url, is) in [
            ("https://gw.example", true),
            ("https://gw.example:8443/in/", true),
            ("https://[::1]:8443", true),
            ("http://[::1]", true),
            ("gw.example", false),
            ("ftp://gw.example", false),
            ("https://", false),
            ("https://gw.example:port", false),
            ("https://user:pass@gw.example", false),
            ("https://gw.example/?x=1", false),
            ("https://gw example", false),
        ] {
            let made = Twilio::new(Secrets::new(TOKEN, None), url);
            assert_eq!(made.is_some(), is, "{url}");
        }
    }
}
