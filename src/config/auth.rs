//! `[[link.auth]]`: who may call a link over HTTP. Every one listed has to pass.

use std::fmt;
use std::path::{Path, PathBuf};

use http::HeaderName;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{ConfigError, network};
use crate::operator::auth::{Certificate, PathSecret, SKEW_MAX, Secrets, Twilio};

/// A secret of the configuration, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Secret {
    /// Never a character of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One `[[link.auth]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AuthConfig {
    /// HMAC-SHA256 over the request, with time and nonce: docs/signing.md.
    Hmac(HmacAuth),
    /// Twilio's `X-Twilio-Signature`; the link needs its `public_url`.
    Twilio(TwilioAuth),
    /// Vonage's signed messages.
    Vonage(VonageAuth),
    /// User and password.
    Basic(BasicAuth),
    /// A bearer token.
    Bearer(BearerAuth),
    /// A key in a header or in a parameter of the query.
    Key(KeyAuth),
    /// A secret as the first segment of the path behind the link.
    Path(PathAuth),
    /// A list of addresses.
    Addresses(AddressesAuth),
    /// Mutual TLS; needs `client_ca_file` in `[http.tls]`.
    Certificate(CertificateAuth),
}

/// Reads one by its kind, to tell where in it a fault is; all is well with a kind that is not known.
///
/// # Errors
/// The reader's fault with its path.
pub(super) fn read(
    kind: &str,
    table: toml::Value,
) -> Result<(), serde_path_to_error::Error<toml::de::Error>> {
    use serde_path_to_error::deserialize;
    match kind {
        "hmac" => deserialize::<_, HmacAuth>(table).map(drop),
        "twilio" => deserialize::<_, TwilioAuth>(table).map(drop),
        "vonage" => deserialize::<_, VonageAuth>(table).map(drop),
        "basic" => deserialize::<_, BasicAuth>(table).map(drop),
        "bearer" => deserialize::<_, BearerAuth>(table).map(drop),
        "key" => deserialize::<_, KeyAuth>(table).map(drop),
        "path" => deserialize::<_, PathAuth>(table).map(drop),
        "addresses" => deserialize::<_, AddressesAuth>(table).map(drop),
        "certificate" => deserialize::<_, CertificateAuth>(table).map(drop),
        _ => Ok(()),
    }
}

/// The secrets of one `[[link.auth]]`, as they are written.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The secret.
    pub secret: Option<&'a Secret>,
    /// The file with it.
    pub secret_file: Option<&'a Path>,
    /// The second one that lives.
    pub other_secret: Option<&'a Secret>,
    /// The file with that.
    pub other_secret_file: Option<&'a Path>,
}

/// A kind of authentication with secrets. Flattened, its fields would be taken unknown.
macro_rules! with_secrets {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The secret itself; `secret_file` keeps it out of the configuration.
            pub secret: Option<Secret>,
            /// A file with the secret alone.
            pub secret_file: Option<PathBuf>,
            /// A second secret that passes as well, while the first is being changed.
            pub other_secret: Option<Secret>,
            /// A file with that alone.
            pub other_secret_file: Option<PathBuf>,
            $($(#[$field_about])* pub $field: $kind,)*
        }

        impl $name {
            fn given(&self) -> Given<'_> {
                Given {
                    secret: self.secret.as_ref(),
                    secret_file: self.secret_file.as_deref(),
                    other_secret: self.other_secret.as_ref(),
                    other_secret_file: self.other_secret_file.as_deref(),
                }
            }
        }
    };
}

with_secrets!(
    /// `kind = "hmac"`.
    HmacAuth {
        /// Seconds that the caller's clock may be from ours, both ways.
        #[serde(default = "skew_s")]
        skew_s: u64,
    }
);
with_secrets!(
    /// `kind = "twilio"`; the secret is the account's auth token.
    TwilioAuth {}
);
with_secrets!(
    /// `kind = "vonage"`; the secret is the account's signature secret.
    VonageAuth {
        /// How the account signs.
        #[serde(default)]
        method: VonageMethod,
        /// Seconds that the parameter `timestamp` may be from our clock, both ways.
        #[serde(default = "skew_s")]
        skew_s: u64,
        /// Whether the parameter `nonce` has to be there and may come once only.
        #[serde(default)]
        once: bool,
    }
);
with_secrets!(
    /// `kind = "basic"`; the secret is the password.
    BasicAuth {
        /// The user.
        user: String,
    }
);
with_secrets!(
    /// `kind = "bearer"`; the secret is the token.
    BearerAuth {}
);
with_secrets!(
    /// `kind = "key"`; the secret is the key.
    KeyAuth {
        /// The header with the key, where it stands in one.
        header: Option<String>,
        /// The parameter of the query with the key, where it stands there.
        query: Option<String>,
        /// The parameter of the query with the user, where the operator sends one.
        user_query: Option<String>,
        /// Who that has to be.
        user: Option<String>,
    }
);
with_secrets!(
    /// `kind = "path"`; the secret is the segment.
    PathAuth {}
);

/// `kind = "addresses"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressesAuth {
    /// Addresses such as `18.133.205.228` and networks such as `10.0.0.0/8`.
    pub allow: Vec<String>,
}

/// `kind = "certificate"`: one of the two lists.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateAuth {
    /// DNS names, one of which the certificate has to bear.
    #[serde(default)]
    pub names: Vec<String>,
    /// The SHA-256 of certificates in DER, in hexadecimal, one of which it has to be.
    #[serde(default)]
    pub sha256: Vec<String>,
}

/// How a Vonage account signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VonageMethod {
    /// The MD5 with the secret behind; theirs by default.
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

fn skew_s() -> u64 {
    300
}

/// The least octets of a secret that we choose, not the operator.
pub const SECRET_LEN_MIN: usize = 16;
/// The most seconds between two clocks.
const SKEW_S_MAX: u64 = SKEW_MAX.as_secs();
const MEND_SECRET: &str =
    "write secret_file = \"FILE\" with the secret alone in it, or secret = \"…\"";
const MEND_OTHER: &str = "keep one of other_secret and other_secret_file";

/// A fault of one `[[link.auth]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthFault {
    /// The key within it; empty for the whole.
    pub key: &'static str,
    /// What is wrong; never a secret.
    pub message: String,
    /// What to do.
    pub mend: String,
}

impl AuthFault {
    pub(crate) fn new(
        key: &'static str,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            key,
            message: message.into(),
            mend: mend.into(),
        }
    }
}

impl AuthConfig {
    /// Its secrets as they are written, where it has any.
    pub fn given(&self) -> Option<Given<'_>> {
        match self {
            Self::Hmac(auth) => Some(auth.given()),
            Self::Twilio(auth) => Some(auth.given()),
            Self::Vonage(auth) => Some(auth.given()),
            Self::Basic(auth) => Some(auth.given()),
            Self::Bearer(auth) => Some(auth.given()),
            Self::Key(auth) => Some(auth.given()),
            Self::Path(auth) => Some(auth.given()),
            Self::Addresses(_) | Self::Certificate(_) => None,
        }
    }

    /// Whether a secret can be one of this kind; `key` names where it is written.
    ///
    /// # Errors
    /// [`AuthFault`], without the secret.
    pub fn fits(&self, key: &'static str, secret: &str) -> Result<(), AuthFault> {
        let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let visible = |text: &str| {
            text.trim() == text && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        };
        let (long, of) = match self {
            Self::Hmac(_) => (true, None),
            Self::Bearer(_) => (true, (!graphic(secret)).then_some("visible ASCII")),
            Self::Key(KeyAuth {
                header: Some(_), ..
            }) => (true, (!visible(secret)).then_some("visible ASCII")),
            Self::Key(_) => (true, None),
            Self::Path(_) => (
                true,
                (!PathSecret::fits(secret)).then_some("letters, digits and -._~"),
            ),
            Self::Twilio(_) | Self::Vonage(_) | Self::Basic(_) => (false, None),
            Self::Addresses(_) | Self::Certificate(_) => return Ok(()),
        };
        if secret.is_empty() {
            return Err(AuthFault::new(key, "it is empty", MEND_SECRET));
        }
        if long && secret.len() < SECRET_LEN_MIN {
            return Err(AuthFault::new(
                key,
                format!("a secret of fewer than {SECRET_LEN_MIN} octets is soon guessed"),
                "make one with: openssl rand -hex 32",
            ));
        }
        match of {
            None => Ok(()),
            Some(characters) => Err(AuthFault::new(
                key,
                format!("the secret has characters other than {characters}"),
                "make one with: openssl rand -hex 32",
            )),
        }
    }

    fn prove_secrets(&self) -> Result<(), AuthFault> {
        let Some(given) = self.given() else {
            return Ok(());
        };
        match (given.secret, given.secret_file) {
            (None, None) => return Err(AuthFault::new("secret", "it is missing", MEND_SECRET)),
            (Some(_), Some(_)) => {
                return Err(AuthFault::new(
                    "secret",
                    "it stands beside secret_file",
                    "keep one of the two",
                ));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if given.other_secret.is_some() && given.other_secret_file.is_some() {
            return Err(AuthFault::new(
                "other_secret",
                "it stands beside other_secret_file",
                MEND_OTHER,
            ));
        }
        for (key, secret) in [
            ("secret", given.secret),
            ("other_secret", given.other_secret),
        ] {
            if let Some(secret) = secret {
                self.fits(key, secret.as_str())?;
            }
        }
        Ok(())
    }

    fn prove(&self, public_url: Option<&str>, client_ca: bool) -> Result<(), AuthFault> {
        self.prove_secrets()?;
        match self {
            Self::Hmac(HmacAuth { skew_s, .. }) | Self::Vonage(VonageAuth { skew_s, .. }) => {
                if !(1..=SKEW_S_MAX).contains(skew_s) {
                    return Err(AuthFault::new(
                        "skew_s",
                        format!("a skew from 1 to {SKEW_S_MAX} seconds was expected"),
                        "write skew_s = 300",
                    ));
                }
                Ok(())
            }
            Self::Twilio(_) => {
                let mend = "write public_url = \"https://HOST\" in the link, as Twilio calls it";
                let Some(url) = public_url else {
                    let message = "the link has no public_url, which Twilio signs";
                    return Err(AuthFault::new("", message, mend));
                };
                // Any token does for the address alone.
                match Twilio::new(Secrets::new("", None), url) {
                    Some(_) => Ok(()),
                    None => Err(AuthFault::new(
                        "",
                        "public_url of the link is no address such as https://gw.example",
                        mend,
                    )),
                }
            }
            Self::Basic(auth) => {
                if auth.user.is_empty() || auth.user.contains(':') {
                    return Err(AuthFault::new(
                        "user",
                        "a user without a colon was expected",
                        "write user = \"NAME\"",
                    ));
                }
                Ok(())
            }
            Self::Key(auth) => auth.prove(),
            Self::Addresses(auth) => auth.nets().map(drop),
            Self::Certificate(auth) if !client_ca => {
                let message = "nothing says which authority the certificate has to be of";
                let mend = "write client_ca_file = \"FILE\" in [http.tls]";
                auth.rule().and(Err(AuthFault::new("", message, mend)))
            }
            Self::Certificate(auth) => auth.rule().map(drop),
            Self::Bearer(_) | Self::Path(_) => Ok(()),
        }
    }
}

impl KeyAuth {
    /// The header with the key.
    pub fn header_name(&self) -> Option<HeaderName> {
        HeaderName::from_bytes(self.header.as_deref()?.as_bytes()).ok()
    }

    fn prove(&self) -> Result<(), AuthFault> {
        let one_place = "write header = \"x-api-key\" or query = \"password\"";
        match (&self.header, &self.query) {
            (Some(_), Some(_)) => {
                return Err(AuthFault::new(
                    "query",
                    "it stands beside header",
                    one_place,
                ));
            }
            (None, None) => {
                return Err(AuthFault::new(
                    "",
                    "nothing says where the key stands",
                    one_place,
                ));
            }
            (Some(_), None) if self.header_name().is_none() => {
                return Err(AuthFault::new(
                    "header",
                    "it is no name of a header",
                    "write header = \"x-api-key\"",
                ));
            }
            (None, Some(query)) if query.is_empty() => {
                return Err(AuthFault::new(
                    "query",
                    "it is empty",
                    "write query = \"password\"",
                ));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let (name, user) = (filled(&self.user_query), filled(&self.user));
        let neither = self.user_query.is_none() && self.user.is_none();
        if neither || (name && user) {
            return Ok(());
        }
        Err(AuthFault::new(
            if name { "user" } else { "user_query" },
            "user_query and user belong together",
            "write user_query = \"userid\" and user = \"NAME\", or neither",
        ))
    }
}

impl AddressesAuth {
    /// The networks of the list.
    ///
    /// # Errors
    /// [`AuthFault`] for the first entry that is none.
    pub fn nets(&self) -> Result<Vec<IpNet>, AuthFault> {
        let mend = "write addresses such as \"18.133.205.228\" and networks such as \"10.0.0.0/8\"";
        if self.allow.is_empty() {
            return Err(AuthFault::new("allow", "it is empty", mend));
        }
        self.allow
            .iter()
            .map(|text| match network::parse(text) {
                Some(net) if net.prefix_len() == 0 => Err(AuthFault::new(
                    "allow",
                    format!("{text} is everybody"),
                    "name the operator's addresses",
                )),
                Some(net) => Ok(net),
                None => Err(AuthFault::new(
                    "allow",
                    format!("{text} is no address and no network, or has bits behind its length"),
                    mend,
                )),
            })
            .collect()
    }
}

impl CertificateAuth {
    /// Whose certificate it has to be.
    ///
    /// # Errors
    /// [`AuthFault`] when both lists or neither are given, or an entry is none.
    pub fn rule(&self) -> Result<Certificate, AuthFault> {
        let one = "write names = [\"operator.example\"] or sha256 = [\"HEX\"]";
        match (self.names.is_empty(), self.sha256.is_empty()) {
            (false, true) => Certificate::names(&self.names).map_err(|at| {
                AuthFault::new(
                    "names",
                    format!("{} is no DNS name", self.names[at]),
                    "write names as \"operator.example\"",
                )
            }),
            (true, false) => Certificate::fingerprints(&self.sha256).map_err(|at| {
                AuthFault::new(
                    "sha256",
                    format!("the entry {} is not 64 hex digits", at + 1),
                    "take them from: openssl x509 -in CERT -noout -fingerprint -sha256",
                )
            }),
            (true, true) => Err(AuthFault::new("", "it names nobody's certificate", one)),
            (false, false) => Err(AuthFault::new("sha256", "it stands beside names", one)),
        }
    }
}

/// Whether the rules of a link can work.
///
/// `index` is its place among the links, `needed` whether it must have a rule, `client_ca` whether
/// certificates of clients are verified.
///
/// # Errors
/// [`ConfigError`] with the key of the first that cannot.
pub(super) fn prove(
    auth: &[AuthConfig],
    index: usize,
    name: &str,
    needed: bool,
    public_url: Option<&str>,
    client_ca: bool,
) -> Result<(), ConfigError> {
    if needed && auth.is_empty() {
        return Err(ConfigError::wrong(
            &format!("link[{index}].auth"),
            &format!("anybody could call link {name}"),
            "write [[link.auth]] below the link, with kind = \"hmac\" and secret_file = \"FILE\"; docs/signing.md has every kind",
        ));
    }
    let mut authorization = None;
    for (at, one) in auth.iter().enumerate() {
        one.prove(public_url, client_ca)
            .map_err(|fault| ConfigError::of_auth(index, at, &fault))?;
        if matches!(one, AuthConfig::Basic(_) | AuthConfig::Bearer(_))
            && authorization.replace(at).is_some()
        {
            let fault = AuthFault::new(
                "",
                "only one rule of kind basic or bearer can pass: both want the header Authorization",
                "keep one; for two passwords of one user write other_secret",
            );
            return Err(ConfigError::of_auth(index, at, &fault));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Config, LinkConfig};

    const SECRET: &str = "sample-secret-of-32-characters-0";
    const LINK: &str = "[[link]]
kind = \"ussd-http\"
name = \"op\"
services = [\"tns\"]
";
    const SMPP: &str = "[[link]]
kind = \"smpp\"
name = \"smsc\"
host = \"h\"
port = 1
system_id = \"s\"
services = [\"tns\"]
";

    /// What is told of these lines from the fifth on, in a link that has nothing else wrong.
    fn told(kind: &str, written: &str) -> Result<Config, String> {
        let link = LINK.replace("ussd-http", kind);
        let file = format!("{link}{written}\n{SMPP}").replace("SECRET", SECRET);
        Config::load(Some(("jisr.toml", &file)), &[]).map_err(|error| match error {
            ConfigError::File(finding) => {
                let (line, column) = finding.place();
                let told = format!("{line}:{column} {} | {}", finding.message, finding.mend);
                // Nor in the lines that are printed around its place.
                let printed = format!("{:?}", miette::Report::new(*finding));
                for secret in [SECRET, "fifteen-octets", "12345678", "short"] {
                    assert!(!printed.contains(secret), "{printed}");
                }
                told
            }
            other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => other.to_string(),
        })
    }

    #[test]
    fn every_kind_is_read() {
        for written in [
            "kind = \"hmac\"\nsecret = \"SECRET\"",
            "kind = \"hmac\"\nsecret_file = \"F\"\nother_secret_file = \"G\"\nskew_s = 60",
            "kind = \"hmac\"\nsecret = \"SECRET\"\nother_secret_file = \"G\"",
            "kind = \"vonage\"\nsecret = \"short\"",
            "kind = \"vonage\"\nsecret = \"s\"\nmethod = \"sha512\"\nonce = true\nskew_s = 86400",
            "kind = \"basic\"\nuser = \"op\"\nsecret = \"short\"",
            "kind = \"bearer\"\nsecret = \"SECRET\"",
            "kind = \"key\"\nheader = \"X-API-Key\"\nsecret = \"SECRET\"",
            "kind = \"key\"\nquery = \"password\"\nuser_query = \"userid\"\nuser = \"op\"\nsecret = \"SECRET\"",
            "kind = \"path\"\nsecret = \"SECRET\"",
            "kind = \"addresses\"\nallow = [\"18.133.205.228\", \"10.0.0.0/8\", \"::1\"]",
        ] {
            let config = told("ussd-http", &format!("[[link.auth]]\n{written}"));
            let config = config.unwrap_or_else(|told| panic!("{written}: {told}"));
            let LinkConfig::UssdHttp(link) = &config.links[0] else {
                panic!("{written}");
            };
            assert_eq!(link.auth.len(), 1);
            let shown = format!("{config:?}");
            assert!(
                !shown.contains(SECRET) && !shown.contains("\"short"),
                "{shown}"
            );
        }
        let two = "[[link.auth]]\nkind=\"twilio\"\nsecret=\"12345\"\n[[link.auth]]\nkind=\"addresses\"\nallow=[\"10.0.0.1\"]";
        let with = format!("public_url = \"https://gw.example\"\n{two}");
        assert!(told("ussd-http", &with).is_ok());
    }

    /// A certificate is worth something where its authority is named.
    #[test]
    fn a_certificate_needs_an_authority() {
        let rule = "[[link.auth]]\nkind=\"certificate\"\nnames=[\"op.example\"]\n";
        let tls = "[http.tls]\ncert_file=\"c\"\nkey_file=\"k\"\n";
        let error = told("ussd-http", &format!("{rule}{tls}")).unwrap_err();
        assert!(error.contains("nothing says which authority"), "{error}");
        let whole = format!("{rule}{tls}client_ca_file=\"a\"\n");
        assert!(told("ussd-http", &whole).is_ok());
    }

    #[test]
    fn a_link_without_is_open_in_the_sandbox_only() {
        let error = told("ussd-http", "").unwrap_err();
        assert!(
            error.starts_with("1:1 link.auth: anybody could call link op | write [[link.auth]]"),
            "{error}"
        );
        assert!(told("sandbox", "").is_ok());
        let open = told("sandbox", "[http]\nlisten = \"0.0.0.0:80\"").unwrap_err();
        assert!(
            open.contains("link op is a sandbox, which may listen on loopback only"),
            "{open}"
        );
        let signed =
            "[[link.auth]]\nkind=\"hmac\"\nsecret=\"SECRET\"\n[http]\nlisten = \"0.0.0.0:80\"";
        assert!(told("ussd-http", signed).is_ok());
        assert!(told("sandbox", signed).is_err(), "it shows its messages");
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_mend() {
        let hmac = "[[link.auth]]\nkind = \"hmac\"\n";
        let key = "[[link.auth]]\nkind = \"key\"\nsecret = \"SECRET\"\n";
        let of = |kind: &str, rest: &str| format!("[[link.auth]]\nkind = \"{kind}\"\n{rest}");
        for (written, expected) in [
            (
                hmac.to_owned(),
                "5:1 link.auth.secret: it is missing | write secret_file",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\nsecret_file = \"F\""),
                "it stands beside secret_file | keep one",
            ),
            (
                format!(
                    "{hmac}secret = \"SECRET\"\nother_secret = \"SECRET\"\nother_secret_file = \"F\""
                ),
                "it stands beside other_secret_file",
            ),
            (
                format!("{hmac}secret = \"fifteen-octets!\""),
                "link.auth.secret: a secret of fewer than 16 octets is soon guessed | make one with: openssl",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\nother_secret = \"short\""),
                "link.auth.other_secret: a secret of fewer than 16",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\nskew = 5"),
                "8:1 link.auth.skew: unknown field",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\nskew_s = \"5\""),
                "8:1 link.auth.skew_s: expected a whole number",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\nskew_s = 0"),
                "8:1 link.auth.skew_s: a skew from 1 to 86400",
            ),
            (
                format!("{hmac}secret = 12345678"),
                "link.auth.secret: expected a text in quotes",
            ),
            (
                format!("{hmac}secret = \"SECRET\"\n[[link.auth]]\nkind = \"path\"\nsecrets = 1"),
                "10:1 link.auth.secrets: unknown field",
            ),
            (
                of("hamc", "secret = \"SECRET\""),
                "6:1 link.auth.kind: unknown variant `hamc`, expected one of `hmac`",
            ),
            (
                "[[link.auth]]\nsecret = \"SECRET\"".to_owned(),
                "link.auth: missing field `kind`",
            ),
            (
                "auth = \"hmac\"".to_owned(),
                "5:1 link.auth: expected a list",
            ),
            (
                "[link.auth]\nkind = \"hmac\"".to_owned(),
                "link.auth: expected a list",
            ),
            (
                of("twilio", "secret = \"12345\""),
                "5:1 link.auth: the link has no public_url",
            ),
            (
                format!(
                    "public_url = \"gw.example\"\n{}",
                    of("twilio", "secret = \"12345\"")
                ),
                "public_url of the link is no address such as",
            ),
            (
                of("vonage", "secret = \"\""),
                "link.auth.secret: it is empty",
            ),
            (
                of("vonage", "secret = \"s\"\nmethod = \"md6\""),
                "8:1 link.auth.method: unknown variant `md6`",
            ),
            (
                of("basic", "secret = \"s\""),
                "5:1 link.auth: missing field `user`",
            ),
            (
                of("basic", "user = \"a:b\"\nsecret = \"s\""),
                "7:1 link.auth.user: a user without a colon",
            ),
            (
                of("bearer", "secret = \"sixteen octets 1\""),
                "characters other than visible ASCII",
            ),
            (
                of("path", "secret = \"sixteen/octets-1\""),
                "characters other than letters, digits and -._~",
            ),
            (
                key.to_owned(),
                "5:1 link.auth: nothing says where the key stands",
            ),
            (
                format!("{key}header = \"x-a\"\nquery = \"a\""),
                "9:1 link.auth.query: it stands beside header",
            ),
            (
                format!("{key}header = \"x a\""),
                "8:1 link.auth.header: it is no name of a header",
            ),
            (
                format!("{key}query = \"a\"\nuser = \"op\""),
                "link.auth.user_query: user_query and user belong together",
            ),
            (
                format!("{key}query = \"a\"\nuser_query = \"u\""),
                "link.auth.user: user_query and user belong together",
            ),
            (
                of("addresses", "allow = []"),
                "7:1 link.auth.allow: it is empty",
            ),
            (
                of("addresses", "allow = [\"10.0.0\"]"),
                "7:1 link.auth.allow: 10.0.0 is no address",
            ),
            (
                of("addresses", "allow = [\"0.0.0.0/0\"]"),
                "7:1 link.auth.allow: 0.0.0.0/0 is everybody",
            ),
            (
                of("addresses", "allow = [\"10.0.0.1/8\"]"),
                "7:1 link.auth.allow: 10.0.0.1/8 is no address and no network, or has bits behind",
            ),
            (
                of("certificate", ""),
                "link.auth: it names nobody's certificate",
            ),
            (
                of("certificate", "names = [\"10.0.0.1\"]"),
                "7:1 link.auth.names: 10.0.0.1 is no DNS name",
            ),
            (
                of("certificate", "sha256 = [\"00\"]"),
                "7:1 link.auth.sha256: the entry 1 is not 64 hex digits",
            ),
            (
                of("certificate", "names = [\"op.example\"]"),
                "5:1 link.auth: nothing says which authority | write client_ca_file",
            ),
            (
                format!(
                    "{hmac}secret = \"SECRET\"\n{}\n{}",
                    of("basic", "user = \"a\"\nsecret = \"s\""),
                    of("bearer", "secret = \"SECRET\"")
                ),
                "12:1 link.auth: only one rule of kind basic or bearer can pass",
            ),
        ] {
            let error = told("ussd-http", &written).unwrap_err();
            let (message, mend) = expected.split_once(" | ").unwrap_or((expected, ""));
            assert!(
                error.contains(message) && error.contains(mend),
                "{written}\n{error}\n{expected}"
            );
            assert!(error.contains(" | "), "{written}: without a place: {error}");
        }
    }
}
