//! Who may call a link: the rules of its `[[link.auth]]`, all of which have to pass.
//!
//! Nothing here knows a socket: the door hands over what it saw as [`Evidence`]. Every rule is
//! looked at, whatever the others said, and secrets are compared in constant time, so that the time
//! of an answer does not tell which rule refused, nor how near a guess came.

mod addresses;
mod basic;
mod bearer;
mod certificate;
mod encoding;
mod header;
mod hmac;
mod key;
mod parameters;
mod path;
mod secrets;
mod twilio;
mod vonage;

use core::net::IpAddr;
use std::fmt;
use std::time::Duration;

pub use self::addresses::Addresses;
pub use self::basic::Basic;
pub use self::bearer::Bearer;
pub use self::certificate::Certificate;
pub use self::hmac::Hmac;
pub use self::key::{Key, KeyPlace};
pub use self::path::PathSecret;
pub use self::secrets::Secrets;
pub use self::twilio::Twilio;
pub use self::vonage::{Vonage, VonageMethod};

use crate::clock::Moment;

/// What a request brings along, as the door saw it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The method, as it stands on the request line.
    pub method: &'a str,
    /// Path and query exactly as they stand on the request line.
    pub target: &'a str,
    /// The query alone, without its question mark, still encoded.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a http::HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
    /// Who calls: the peer of the connection, or the one behind the listed proxies.
    pub from: Option<IpAddr>,
    /// The client's own certificate in DER. Its chain has been verified against `client_ca_file`.
    pub certificate: Option<&'a [u8]>,
    /// The first segment of the path behind the link, where [`Auth::takes_segment`] wants one.
    pub secret: Option<&'a str>,
    /// When the request arrived.
    pub at: Moment,
}

/// The most that two clocks may be apart, whatever a link says.
pub const SKEW_MAX: Duration = Duration::from_secs(86_400);
/// How long a nonce is remembered. It does not go by the link's own skew: when that is raised, a
/// request of before is in its time again, and then its nonce has to be known still.
pub const NONCE_KEPT: Duration = SKEW_MAX.saturating_mul(2);

/// What may come once only on a link: the door puts it into the ledger before it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// What identifies it, for the ledger to hash.
    pub value: Vec<u8>,
    /// How long it has to be remembered: after that its request is stale whatever the skew.
    pub until: Moment,
}

impl Nonce {
    /// One nonce for the requests that bring two: fresh when the pair is.
    fn and(self, other: Self) -> Self {
        let mut value = self.value;
        value.push(0);
        value.extend_from_slice(&other.value);
        Self {
            value,
            until: self.until.max(other.until),
        }
    }
}

/// Why a request is refused: which rule, and what it missed. Both are for the log; neither holds a
/// value of the request, and the caller learns neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: RuleKind,
    /// What it missed.
    pub why: Why,
}

impl Refusal {
    /// What the rule missed, in one word for logs and figures.
    pub fn name(self) -> &'static str {
        self.why.name()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rule.name(), self.why.name())
    }
}

/// The kinds of rules, as `kind` names them in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// There is no rule at all, and the link is none that may stand open.
    None,
    /// HMAC-SHA256 with time and nonce.
    Hmac,
    /// Twilio's signature.
    Twilio,
    /// Vonage's signature.
    Vonage,
    /// User and password.
    Basic,
    /// A bearer token.
    Bearer,
    /// A key in a header or a parameter.
    Key,
    /// A secret segment of the path.
    Path,
    /// A list of addresses.
    Addresses,
    /// The client's certificate.
    Certificate,
}

impl RuleKind {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hmac => "hmac",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Key => "key",
            Self::Path => "path",
            Self::Addresses => "addresses",
            Self::Certificate => "certificate",
        }
    }
}

/// What a rule missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no signature, or no credentials.
    Unsigned,
    /// What the rule looks at stands twice, or is not of its form.
    Malformed,
    /// It was signed too long ago, or for a time to come.
    Stale,
    /// The signature is of another secret or another request.
    BadSignature,
    /// User, password, token or key are others.
    BadCredentials,
    /// The segment of the path is another.
    BadPath,
    /// The address is not on the list.
    BadAddress,
    /// The client showed no certificate.
    NoCertificate,
    /// The client showed another certificate.
    BadCertificate,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Unsigned,
        Self::Malformed,
        Self::Stale,
        Self::BadSignature,
        Self::BadCredentials,
        Self::BadPath,
        Self::BadAddress,
        Self::NoCertificate,
        Self::BadCertificate,
    ];

    /// One word for logs and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::BadSignature => "bad_signature",
            Self::BadCredentials => "bad_credentials",
            Self::BadPath => "bad_path",
            Self::BadAddress => "bad_address",
            Self::NoCertificate => "no_certificate",
            Self::BadCertificate => "bad_certificate",
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// HMAC-SHA256 with time and nonce.
    Hmac(Hmac),
    /// Twilio's signature.
    Twilio(Twilio),
    /// Vonage's signature.
    Vonage(Vonage),
    /// User and password.
    Basic(Basic),
    /// A bearer token.
    Bearer(Bearer),
    /// A key in a header or a parameter.
    Key(Key),
    /// A secret segment of the path.
    Path(PathSecret),
    /// A list of addresses.
    Addresses(Addresses),
    /// The client's certificate.
    Certificate(Certificate),
}

impl Rule {
    fn kind(&self) -> RuleKind {
        match self {
            Self::Hmac(_) => RuleKind::Hmac,
            Self::Twilio(_) => RuleKind::Twilio,
            Self::Vonage(_) => RuleKind::Vonage,
            Self::Basic(_) => RuleKind::Basic,
            Self::Bearer(_) => RuleKind::Bearer,
            Self::Key(_) => RuleKind::Key,
            Self::Path(_) => RuleKind::Path,
            Self::Addresses(_) => RuleKind::Addresses,
            Self::Certificate(_) => RuleKind::Certificate,
        }
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Option<Nonce>, Why> {
        let passes = match self {
            Self::Hmac(rule) => return rule.check(evidence).map(Some),
            Self::Vonage(rule) => return rule.check(evidence),
            Self::Twilio(rule) => rule.check(evidence),
            Self::Basic(rule) => rule.check(evidence),
            Self::Bearer(rule) => rule.check(evidence),
            Self::Key(rule) => rule.check(evidence),
            Self::Path(rule) => rule.check(evidence),
            Self::Addresses(rule) => rule.check(evidence),
            Self::Certificate(rule) => rule.check(evidence),
        };
        passes.map(|()| None)
    }
}

/// The rules of a link.
#[derive(Clone, Debug)]
pub struct Auth {
    rules: Vec<Rule>,
    open: bool,
}

impl Auth {
    /// All of these have to pass. Without any, every request is refused.
    pub fn of(rules: Vec<Rule>) -> Self {
        Self { rules, open: false }
    }

    /// Takes every request: for a sandbox on loopback and nothing else.
    pub fn open() -> Self {
        Self {
            rules: Vec::new(),
            open: true,
        }
    }

    /// Whether the first segment of the path behind the link is a secret of its own.
    pub fn takes_segment(&self) -> bool {
        self.rules.iter().any(|rule| rule.kind() == RuleKind::Path)
    }

    /// Whether a rule looks at the client's certificate.
    pub fn wants_certificate(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.kind() == RuleKind::Certificate)
    }

    /// Looks at a request by every rule. What is returned has to be fresh in the ledger before the
    /// request is taken.
    ///
    /// # Errors
    /// [`Refusal`] of the first rule that does not pass.
    pub fn check(&self, evidence: &Evidence<'_>) -> Result<Option<Nonce>, Refusal> {
        let mut nonce: Option<Nonce> = None;
        let mut refusal = (self.rules.is_empty() && !self.open).then_some(Refusal {
            rule: RuleKind::None,
            why: Why::Unsigned,
        });
        for rule in &self.rules {
            match rule.check(evidence) {
                Ok(None) => {}
                Ok(Some(further)) => {
                    nonce = Some(match nonce {
                        Some(before) => before.and(further),
                        None => further,
                    });
                }
                Err(why) => {
                    let rule = rule.kind();
                    refusal.get_or_insert(Refusal { rule, why });
                }
            }
        }
        refusal.map_or(Ok(nonce), Err)
    }
}

#[cfg(test)]
pub(crate) mod tests;
