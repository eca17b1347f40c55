//! How the operator proves that a callback is its own, and how somebody fails to.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use ring::hmac;
use serde_json::Value;

use crate::conformance::ask::{Asked, Body, Pairs, percent};
use crate::conformance::bent::plain;
use crate::conformance::client::Wire;

/// Seconds by which a stale or future timestamp is off; 300 are allowed.
const FAR: i64 = 3_600;

/// One proof.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// HMAC-SHA256 with timestamp and nonce: docs/operators.md#signature.
    Hmac(String),
    /// A name and a secret (RFC 7617).
    Basic(String, String),
    /// A token (RFC 6750).
    Bearer(String),
    /// A secret in a header.
    Key(String, String),
    /// A secret in a parameter of the query.
    Query(String, String),
    /// A secret as the first segment below the link.
    Path(String),
    /// `X-Twilio-Signature` (twilio.com/docs/usage/security).
    Twilio(String),
    /// `sig` among the parameters (developer.vonage.com, signing messages), by a method.
    Vonage(VonageMethod, String),
}

/// How Vonage signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VonageMethod {
    /// MD5 over parameters and secret.
    Md5Hash,
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// What an `--auth` is that means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected hmac:SECRET, basic:USER:SECRET, bearer:SECRET, key:HEADER:SECRET, query:NAME:SECRET, \
     path:SECRET, twilio:TOKEN, vonage:SECRET, vonage-sha1:SECRET, vonage-sha256:SECRET, \
     vonage-sha512:SECRET or none"
)]
pub struct AuthError;

/// All proofs of a link; none is `none`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proofs(pub Vec<Auth>);

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} proofs", self.0.len())
    }
}

impl FromStr for Proofs {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::default());
        }
        let (kind, secret) = text.split_once(':').ok_or(AuthError)?;
        let two = || {
            let (first, second) = secret.split_once(':').ok_or(AuthError)?;
            Ok((first.to_owned(), second.to_owned()))
        };
        let one = secret.to_owned();
        let auth = match kind {
            "hmac" => Auth::Hmac(one),
            "basic" => two().map(|(user, secret)| Auth::Basic(user, secret))?,
            "bearer" => Auth::Bearer(one),
            "key" => two().map(|(header, secret)| Auth::Key(header, secret))?,
            "query" => two().map(|(name, secret)| Auth::Query(name, secret))?,
            "path" => Auth::Path(one),
            "twilio" => Auth::Twilio(one),
            "vonage" => Auth::Vonage(VonageMethod::Md5Hash, one),
            "vonage-sha1" => Auth::Vonage(VonageMethod::Sha1, one),
            "vonage-sha256" => Auth::Vonage(VonageMethod::Sha256, one),
            "vonage-sha512" => Auth::Vonage(VonageMethod::Sha512, one),
            _ => return Err(AuthError),
        };
        if secret.is_empty() {
            return Err(AuthError);
        }
        Ok(Self(vec![auth]))
    }
}

/// How a callback is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should be.
    Right,
    /// Not at all.
    Unsigned,
    /// With another secret.
    WrongSecret,
    /// Changed after it was signed.
    Changed,
    /// Signed an hour ago.
    Stale,
    /// Signed in an hour.
    Future,
}

/// When and with what nonce something is signed.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Unix seconds.
    pub now: i64,
    /// Used once.
    pub nonce: String,
}

impl Proofs {
    /// Every text that no report may show.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        for auth in &self.0 {
            let secret = auth.secret();
            secrets.push(percent(secret.as_bytes(), false));
            secrets.push(percent(secret.as_bytes(), true));
            secrets.push(secret.to_owned());
        }
        secrets
    }

    /// Whether what is signed cannot be changed.
    pub fn covers_content(&self) -> bool {
        self.0
            .iter()
            .any(|auth| matches!(auth, Auth::Hmac(_) | Auth::Twilio(_) | Auth::Vonage(_, _)))
    }

    /// Whether it is over parameters, so that those have to be read first.
    pub fn reads_parameters(&self) -> bool {
        self.0
            .iter()
            .any(|auth| matches!(auth, Auth::Twilio(_) | Auth::Vonage(_, _)))
    }

    /// Whether it wears off.
    pub fn covers_time(&self) -> bool {
        self.0
            .iter()
            .any(|auth| matches!(auth, Auth::Hmac(_) | Auth::Vonage(_, _)))
    }

    /// Whether it can be used once.
    pub fn covers_nonce(&self) -> bool {
        self.0.iter().any(|auth| matches!(auth, Auth::Hmac(_)))
    }

    /// A request as it goes out. `origin` is scheme and host as the gateway knows itself, `link`
    /// the path of the link.
    pub fn sign(
        &self,
        asked: &Asked,
        origin: &str,
        link: &str,
        manner: Manner,
        stamp: &Stamp,
    ) -> Wire {
        let stamp = match manner {
            Manner::Stale => Stamp {
                now: stamp.now - FAR,
                ..stamp.clone()
            },
            Manner::Future => Stamp {
                now: stamp.now + FAR,
                ..stamp.clone()
            },
            Manner::Right | Manner::Unsigned | Manner::WrongSecret | Manner::Changed => {
                stamp.clone()
            }
        };
        if manner == Manner::Unsigned {
            return asked.wire(link);
        }
        let secret = |auth: &Auth| match manner {
            Manner::WrongSecret => format!("not-{}", auth.secret()),
            Manner::Right | Manner::Unsigned | Manner::Changed | Manner::Stale | Manner::Future => {
                auth.secret().to_owned()
            }
        };
        let mut asked = asked.clone();
        // What is added to the request comes before what is made from all of it.
        for auth in &self.0 {
            let secret = secret(auth);
            match auth {
                Auth::Basic(user, _) => {
                    let both = STANDARD.encode(format!("{user}:{secret}"));
                    asked.header("authorization", format!("Basic {both}"));
                }
                Auth::Bearer(_) => asked.header("authorization", format!("Bearer {secret}")),
                Auth::Key(header, _) => asked.header(header, secret),
                Auth::Query(name, _) => asked.query.push((name.clone(), secret.into_bytes())),
                Auth::Path(_) => {
                    asked.path = format!("/{}{}", percent(secret.as_bytes(), false), asked.path);
                }
                Auth::Vonage(method, _) => vonage(&mut asked, *method, &secret, &stamp),
                Auth::Hmac(_) | Auth::Twilio(_) => {}
            }
        }
        let whole = asked.wire(link);
        let mut wire = match manner {
            Manner::Changed => asked.changed().wire(link),
            Manner::Right
            | Manner::Unsigned
            | Manner::WrongSecret
            | Manner::Stale
            | Manner::Future => whole.clone(),
        };
        for auth in &self.0 {
            let secret = secret(auth);
            match auth {
                Auth::Hmac(_) => wire.headers.extend(ours(&whole, &secret, &stamp)),
                Auth::Twilio(_) => wire.headers.push((
                    "x-twilio-signature".to_owned(),
                    twilio(&asked, &whole, origin, &secret),
                )),
                Auth::Basic(_, _)
                | Auth::Bearer(_)
                | Auth::Key(_, _)
                | Auth::Query(_, _)
                | Auth::Path(_)
                | Auth::Vonage(_, _) => {}
            }
        }
        wire
    }
}

impl Auth {
    fn secret(&self) -> &str {
        match self {
            Self::Hmac(secret)
            | Self::Basic(_, secret)
            | Self::Bearer(secret)
            | Self::Key(_, secret)
            | Self::Query(_, secret)
            | Self::Path(secret)
            | Self::Twilio(secret)
            | Self::Vonage(_, secret) => secret,
        }
    }
}

fn ours(wire: &Wire, secret: &str, stamp: &Stamp) -> Vec<(String, String)> {
    let body = ring::digest::digest(&ring::digest::SHA256, &wire.body);
    let signed = [
        &wire.method,
        &wire.target,
        &stamp.now.to_string(),
        &stamp.nonce,
        &hex(body.as_ref()),
    ]
    .map(String::as_str)
    .join("\n");
    let signature = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        signed.as_bytes(),
    );
    [
        ("x-jisr-timestamp", stamp.now.to_string()),
        ("x-jisr-nonce", stamp.nonce.clone()),
        (
            "x-jisr-signature",
            format!("v1={}", hex(signature.as_ref())),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn twilio(asked: &Asked, wire: &Wire, origin: &str, token: &str) -> String {
    let mut signed = format!("{origin}{}", wire.target).into_bytes();
    if let Body::Form(pairs) = &asked.body {
        let mut pairs = pairs.clone();
        pairs.sort();
        for (name, value) in pairs {
            signed.extend_from_slice(name.as_bytes());
            signed.extend_from_slice(&value);
        }
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, &signed))
}

fn vonage(asked: &mut Asked, method: VonageMethod, secret: &str, stamp: &Stamp) {
    asked.parameter("timestamp", &stamp.now.to_string());
    asked.parameter("nonce", &stamp.nonce);
    let mut pairs = asked.parameters();
    pairs.sort();
    let mut signed = String::new();
    for (name, value) in pairs {
        let value = String::from_utf8_lossy(&value).replace(['&', '='], "_");
        signed.push_str(&format!("&{name}={value}"));
    }
    let keyed = |algorithm| {
        let key = hmac::Key::new(algorithm, secret.as_bytes());
        hex(hmac::sign(&key, signed.as_bytes()).as_ref())
    };
    let sig = match method {
        VonageMethod::Md5Hash => hex(&Md5::digest(format!("{signed}{secret}").as_bytes())),
        VonageMethod::Sha1 => keyed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        VonageMethod::Sha256 => keyed(hmac::HMAC_SHA256),
        VonageMethod::Sha512 => keyed(hmac::HMAC_SHA512),
    };
    asked.parameter("sig", &sig);
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Asked {
    fn header(&mut self, name: &str, value: String) {
        self.headers.push((name.to_ascii_lowercase(), value));
    }

    /// Adds a parameter where the others stand.
    pub fn parameter(&mut self, name: &str, value: &str) {
        match &mut self.body {
            Body::Form(pairs) => pairs.push((name.to_owned(), value.as_bytes().to_vec())),
            Body::Json(Value::Object(members)) => {
                members.insert(name.to_owned(), Value::from(value));
            }
            Body::None | Body::Json(_) | Body::Xml(_) | Body::Bytes(_) => {
                self.query
                    .push((name.to_owned(), value.as_bytes().to_vec()));
            }
        }
    }

    fn parameters(&self) -> Pairs {
        let mut pairs = self.query.clone();
        match &self.body {
            Body::Form(form) => pairs.extend(form.clone()),
            Body::Json(Value::Object(members)) => {
                pairs.extend(
                    members
                        .iter()
                        .map(|(name, value)| (name.clone(), plain(value).into_bytes())),
                );
            }
            Body::None | Body::Json(_) | Body::Xml(_) | Body::Bytes(_) => {}
        }
        pairs
    }

    /// The same with something that was not there when it was signed.
    fn changed(&self) -> Self {
        let mut changed = self.clone();
        match &mut changed.body {
            Body::Xml(text) => text.push_str("<!-- -->"),
            Body::Bytes(bytes) => bytes.push(b' '),
            Body::None | Body::Form(_) | Body::Json(_) => changed.parameter("added", "1"),
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Asked {
        Asked {
            method: "POST".into(),
            path: String::new(),
            headers: Vec::new(),
            query: Vec::new(),
            content_type: None,
            body: Body::Form(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                    .collect(),
            ),
        }
    }

    fn stamp() -> Stamp {
        Stamp {
            now: 1_700_000_000,
            nonce: "n1".into(),
        }
    }

    #[test]
    fn twilio_signs_as_in_its_documentation() {
        // twilio.com/docs/usage/security, the example of "Validating Signatures from Twilio".
        let mut asked = form(&[
            ("Digits", "1234"),
            ("To", "+18005551212"),
            ("From", "+14158675309"),
            ("Caller", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
        ]);
        asked.query = vec![("foo".into(), b"1".to_vec()), ("bar".into(), b"2".to_vec())];
        let proofs: Proofs = "twilio:12345".parse().unwrap();
        let wire = proofs.sign(
            &asked,
            "https://mycompany.com",
            "/myapp.php",
            Manner::Right,
            &stamp(),
        );
        let signature = wire
            .headers
            .iter()
            .find(|(name, _)| name == "x-twilio-signature");
        assert_eq!(wire.target, "/myapp.php?foo=1&bar=2");
        assert_eq!(signature.unwrap().1, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }

    #[test]
    fn every_manner_differs_where_it_should() {
        for (auth, differ) in [
            ("hmac:s", [true; 5]),
            ("vonage:s", [true; 5]),
            ("twilio:s", [true, true, true, false, false]),
            ("basic:u:s", [true, true, true, false, false]),
            ("path:s", [true, true, true, false, false]),
        ] {
            let proofs: Proofs = auth.parse().unwrap();
            let wire = |manner| {
                let wire = proofs.sign(&form(&[("a", "b")]), "http://h", "/l", manner, &stamp());
                format!("{wire:?}")
            };
            let manners = [
                Manner::Unsigned,
                Manner::WrongSecret,
                Manner::Changed,
                Manner::Stale,
                Manner::Future,
            ];
            let found = manners.map(|manner| wire(manner) != wire(Manner::Right));
            assert_eq!(found, differ, "{auth}");
        }
    }

    #[test]
    fn the_signature_is_over_five_lines() {
        // Checked with: printf 'POST\n/l\n1700000000\nn1\n%s' "$(printf a=b | sha256sum | cut -c-64)" |
        // openssl dgst -sha256 -hmac s
        let proofs: Proofs = "hmac:s".parse().unwrap();
        let wire = proofs.sign(
            &form(&[("a", "b")]),
            "http://h",
            "/l",
            Manner::Right,
            &stamp(),
        );
        let signature = wire
            .headers
            .iter()
            .find(|(name, _)| name == "x-jisr-signature");
        assert_eq!(
            signature.unwrap().1,
            "v1=91a541cc6ba2d36741dacc7305d535d467dafc1dbcb343591b563ff3d9939752"
        );
    }

    #[test]
    fn what_is_no_proof() {
        for text in ["", "hmac", "hmac:", "basic:u", "md5:s"] {
            assert!(text.parse::<Proofs>().is_err(), "{text}");
        }
        assert_eq!("none".parse::<Proofs>().unwrap().secrets().len(), 0);
    }
}
