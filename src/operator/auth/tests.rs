//! Several rules together, and whatever bytes may come. The tables of each rule stand in its file.

#![allow(clippy::unwrap_used)]

use core::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// A request in a test, from which the evidence is borrowed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) from: Option<IpAddr>,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) secret: Option<String>,
    pub(crate) at: Moment,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str, body: &[u8]) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            from: None,
            certificate: None,
            secret: None,
            at: Moment::from_ms(0),
        }
    }

    pub(crate) fn at(mut self, ms: i64) -> Self {
        self.at = Moment::from_ms(ms);
        self
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With another value of a header.
    pub(crate) fn instead(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            method: &self.method,
            target: &self.target,
            query: self.target.split_once('?').map(|(_, query)| query),
            headers: &self.headers,
            body: &self.body,
            from: self.from,
            certificate: self.certificate.as_deref(),
            secret: self.secret.as_deref(),
            at: self.at,
        }
    }
}

/// What a rule says to each request.
pub(crate) fn table(
    rows: &[(&str, Request, Result<(), Why>)],
    check: impl Fn(&Evidence<'_>) -> Result<(), Why>,
) {
    for (name, request, expected) in rows {
        assert_eq!(check(&request.evidence()), *expected, "{name}");
    }
}

const SKEW: Duration = Duration::from_secs(300);

fn key(header: &'static str, secret: &str) -> Rule {
    let place = KeyPlace::Header(HeaderName::from_static(header));
    Rule::Key(Key::new(place, Secrets::new(secret, None), None))
}

#[test]
fn every_rule_has_to_pass() {
    let auth = Auth::of(vec![key("x-a", "first"), key("x-b", "second")]);
    let request = |a: &str, b: &str| Request::new("GET", "/", b"").with("x-a", a).with("x-b", b);
    assert_eq!(auth.check(&request("first", "second").evidence()), Ok(None));
    let bad = Refusal {
        rule: RuleKind::Key,
        why: Why::BadCredentials,
    };
    for (a, b) in [("first", "x"), ("x", "second"), ("x", "x")] {
        let found = auth.check(&request(a, b).evidence());
        assert_eq!(found, Err(bad), "{a} {b}");
    }
    assert_eq!(bad.to_string(), "key bad_credentials");
}

#[test]
fn without_a_rule_only_an_open_link_takes_anything() {
    let request = Request::new("GET", "/", b"");
    let refusal = Auth::of(Vec::new()).check(&request.evidence()).unwrap_err();
    assert_eq!((refusal.rule, refusal.name()), (RuleKind::None, "unsigned"));
    assert_eq!(Auth::open().check(&request.evidence()), Ok(None));
}

#[test]
fn the_first_refusal_is_told_and_no_nonce_beside_it() {
    let auth = Auth::of(vec![
        Rule::Addresses(Addresses::new(Vec::new())),
        key("x-a", "first"),
    ]);
    let refusal = auth.check(&Request::new("GET", "/", b"").evidence());
    assert_eq!(refusal.unwrap_err().to_string(), "addresses bad_address");
    assert!(!auth.takes_segment() && !auth.wants_certificate());
    let secrets = Secrets::new("sample-segment-1", None);
    let auth = Auth::of(vec![Rule::Path(PathSecret::new(secrets))]);
    assert!(auth.takes_segment());
}

#[test]
fn two_nonces_are_one() {
    let nonce = |value: &[u8], ms| Nonce {
        value: value.to_vec(),
        until: Moment::from_ms(ms),
    };
    let both = nonce(b"a", 5).and(nonce(b"b", 3));
    assert_eq!(both, nonce(b"a\0b", 5));
}

/// Every kind of rule.
fn all() -> Auth {
    let secrets = || {
        Secrets::new(
            "sample-secret-of-32-characters-0",
            Some("another-secret-01"),
        )
    };
    Auth::of(vec![
        Rule::Hmac(Hmac::new(secrets(), SKEW)),
        Rule::Twilio(Twilio::new(secrets(), "https://gw.example").unwrap()),
        Rule::Vonage(Vonage::new(secrets(), VonageMethod::Md5Hash, SKEW, true)),
        Rule::Vonage(Vonage::new(secrets(), VonageMethod::Sha512, SKEW, false)),
        Rule::Basic(Basic::new("user", &secrets())),
        Rule::Bearer(Bearer::new(secrets())),
        Rule::Key(Key::new(
            KeyPlace::Query("password".to_owned()),
            secrets(),
            Some(("userid", "user")),
        )),
        key("x-api-key", "sample-key-00001"),
        Rule::Path(PathSecret::new(secrets())),
        Rule::Addresses(Addresses::new(vec!["10.0.0.0/8".parse().unwrap()])),
        Rule::Certificate(Certificate::names(&["operator.example".to_owned()]).unwrap()),
        Rule::Certificate(Certificate::fingerprints(&["00".repeat(32)]).unwrap()),
    ])
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", all());
    for secret in ["sample-secret", "another-secret", "sample-key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The headers that a rule reads.
const NAMES: [&str; 7] = [
    "x-jisr-timestamp",
    "x-jisr-nonce",
    "x-jisr-signature",
    "x-twilio-signature",
    "authorization",
    "x-api-key",
    "content-type",
];

/// A value as a header may have it, often of the right beginning.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..80);
    let begins = |text: &'static str| {
        bytes().prop_map(move |bytes| [text.as_bytes(), bytes.as_slice()].concat())
    };
    prop_oneof![
        bytes(),
        begins("v1="),
        begins("Basic "),
        begins("Bearer "),
        Just(b"1760000000".to_vec()),
        Just(FORM.as_bytes().to_vec()),
        Just(JSON.as_bytes().to_vec()),
    ]
}

proptest! {
    /// Whatever comes is refused, and nothing panics.
    #[test]
    fn no_bytes_pass_or_panic(
        method in "\\PC{0,8}",
        target in "\\PC{0,80}",
        pairs in "((sig|timestamp|nonce|password|userid|bodySHA256|a)=[0-9a-f%&=+é]{0,20}&){0,5}",
        headers in prop::collection::vec((0..NAMES.len(), value()), 0..10),
        body in prop::collection::vec(any::<u8>(), 0..200),
        form in any::<bool>(),
        from in any::<Option<[u8; 16]>>(),
        certificate in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        secret in prop::option::of("\\PC{0,20}"),
        at in any::<i64>(),
    ) {
        let mut request = Request::new(&method, &format!("{target}?{pairs}"), &body).at(at);
        if form {
            request.body = pairs.clone().into_bytes();
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers.append(NAMES[name], value);
            }
        }
        request.from = from.map(IpAddr::from);
        request.certificate = certificate;
        request.secret = secret;
        for rule in all().rules {
            let from_list = rule.kind() == RuleKind::Addresses;
            let found = Auth::of(vec![rule]).check(&request.evidence());
            prop_assert!(found.is_err() || from_list, "{found:?}");
        }
    }
}
