//! The files that the listener and links name: passwords and secrets, authorities, certificates.
//! They are read at the start, and by `jisr check` before it.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::callback::LinkName;
use crate::config::auth::{AuthConfig, AuthFault, Secret, VonageMethod as GivenMethod};
use crate::config::{ApiConfig, Config, ConfigError, LinkConfig, SmsHttp};
use crate::exchange::ApiSettings;
use crate::operator::api::account::Account;
use crate::operator::auth::{
    Addresses, Auth, Basic, Bearer, Hmac, Key, KeyPlace, PathSecret, Rule, Secrets, Twilio, Vonage,
    VonageMethod,
};
use crate::operator::sms::send::{Send, SmsAccount};
use crate::smpp::config::{SettingFault, SmppConfig};
use crate::smpp::link;
use crate::sms_http::{SmsHttpSettings, TokenSettings};
use crate::tls;

/// Reads all of them once.
///
/// # Errors
/// [`ConfigError`] for the first that cannot be used, with its link; never what stands in it.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    if let Some(files) = &config.http.tls {
        tls::server::ServerPem::read(files)
            .and_then(|pem| pem.server())
            .map_err(|fault| ConfigError::of_listener(&fault))?;
    }
    for (index, given) in config.links.iter().enumerate() {
        match given {
            LinkConfig::Smpp(given) => filled(given)
                .and_then(|filled| link::check(&filled))
                .map_err(|fault| ConfigError::of_link(index, &fault))?,
            LinkConfig::UssdHttp(given) | LinkConfig::Sandbox(given) => {
                auth(config, index)?;
                reached(&given.api(), index)?;
            }
            LinkConfig::SmsHttp(given) => {
                auth(config, index)?;
                reached(&given.api(), index)?;
            }
        }
    }
    Ok(())
}

/// Who may call the link at this place of the configuration, with the secrets of their files.
///
/// # Errors
/// [`ConfigError`] with the link's place, when a file cannot be read or what stands in it is no
/// such secret.
pub fn auth(config: &Config, index: usize) -> Result<Auth, ConfigError> {
    match config.links.get(index) {
        Some(LinkConfig::UssdHttp(link)) => rules(&link.auth, link.public_url.as_deref(), index),
        Some(LinkConfig::SmsHttp(link)) => rules(&link.auth, link.public_url.as_deref(), index),
        Some(LinkConfig::Sandbox(link)) if link.auth.is_empty() => Ok(Auth::open()),
        Some(LinkConfig::Sandbox(link)) => rules(&link.auth, link.public_url.as_deref(), index),
        // Nobody calls us on it.
        Some(LinkConfig::Smpp(_)) | None => Ok(Auth::of(Vec::new())),
    }
}

/// The rules as they are written, with the secrets of their files. `index` is the link's place.
fn rules(
    given: &[AuthConfig],
    public_url: Option<&str>,
    index: usize,
) -> Result<Auth, ConfigError> {
    let rules: Result<_, _> = given
        .iter()
        .enumerate()
        .map(|(at, one)| {
            rule(one, public_url).map_err(|fault| ConfigError::of_auth(index, at, &fault))
        })
        .collect();
    rules.map(Auth::of)
}

fn rule(given: &AuthConfig, public_url: Option<&str>) -> Result<Rule, AuthFault> {
    let skew = Duration::from_secs;
    Ok(match given {
        AuthConfig::Hmac(auth) => Rule::Hmac(Hmac::new(secrets(given)?, skew(auth.skew_s))),
        AuthConfig::Twilio(_) => {
            let rule = Twilio::new(secrets(given)?, public_url.unwrap_or_default());
            let fault = || AuthFault::new("", "the link needs a public_url", "write public_url");
            Rule::Twilio(rule.ok_or_else(fault)?)
        }
        AuthConfig::Vonage(auth) => {
            let method = match auth.method {
                GivenMethod::Md5Hash => VonageMethod::Md5Hash,
                GivenMethod::Md5 => VonageMethod::Md5,
                GivenMethod::Sha1 => VonageMethod::Sha1,
                GivenMethod::Sha256 => VonageMethod::Sha256,
                GivenMethod::Sha512 => VonageMethod::Sha512,
            };
            Rule::Vonage(Vonage::new(
                secrets(given)?,
                method,
                skew(auth.skew_s),
                auth.once,
            ))
        }
        AuthConfig::Basic(auth) => Rule::Basic(Basic::new(&auth.user, &secrets(given)?)),
        AuthConfig::Bearer(_) => Rule::Bearer(Bearer::new(secrets(given)?)),
        AuthConfig::Key(auth) => {
            let place = match (auth.header_name(), &auth.query) {
                (Some(name), _) => KeyPlace::Header(name),
                (None, query) => KeyPlace::Query(query.clone().unwrap_or_default()),
            };
            let user = auth.user_query.as_deref().zip(auth.user.as_deref());
            Rule::Key(Key::new(place, secrets(given)?, user))
        }
        AuthConfig::Path(_) => Rule::Path(PathSecret::new(secrets(given)?)),
        AuthConfig::Addresses(auth) => Rule::Addresses(Addresses::new(auth.nets()?)),
        AuthConfig::Certificate(auth) => Rule::Certificate(auth.rule()?),
    })
}

/// The living secrets of a rule, from the configuration or from their files.
fn secrets(auth: &AuthConfig) -> Result<Secrets, AuthFault> {
    let missing = || AuthFault::new("secret", "it is missing", "write secret_file = \"FILE\"");
    let given = auth.given().ok_or_else(missing)?;
    let one = |key, text: Option<&str>, file: Option<&Path>| match (text, file) {
        (Some(text), _) => Ok(Some(Zeroizing::new(text.to_owned()))),
        (None, Some(file)) => secret_in(auth, key, file).map(Some),
        (None, None) => Ok(None),
    };
    let first = one(
        "secret_file",
        given.secret.map(|secret| secret.as_str()),
        given.secret_file,
    )?;
    let other = one(
        "other_secret_file",
        given.other_secret.map(|secret| secret.as_str()),
        given.other_secret_file,
    )?;
    let first = first.ok_or_else(missing)?;
    Ok(Secrets::new(
        &first,
        other.as_ref().map(|text| text.as_str()),
    ))
}

/// The secret that stands in a file, without the white space around it.
fn secret_in(
    auth: &AuthConfig,
    key: &'static str,
    file: &Path,
) -> Result<Zeroizing<String>, AuthFault> {
    let mend = "name a file with the secret alone that this user may read";
    let fault = |message: String| AuthFault::new(key, message, mend);
    let octets = Zeroizing::new(tls::read(file).map_err(fault)?);
    let text = std::str::from_utf8(&octets)
        .map_err(|_| fault(format!("{}: it is no text in UTF-8", file.display())))?;
    let text = Zeroizing::new(text.trim().to_owned());
    auth.fits(key, &text).map_err(|fault| AuthFault {
        message: format!("{}: {}", file.display(), fault.message),
        ..fault
    })?;
    Ok(text)
}

/// How a link of messages over HTTP sends, and its account, with the secrets of their files.
///
/// # Errors
/// [`ConfigError`] with the link's place, when a file cannot be read or a setting is missing.
pub fn sms_http(
    index: usize,
    given: &SmsHttp,
    send: &Send,
) -> Result<(SmsHttpSettings, SmsAccount), ConfigError> {
    let (api, account) = api(index, &given.api())?;
    let settings = SmsHttpSettings {
        api,
        token: send.token.as_ref().map(|(path, scope)| TokenSettings {
            url: format!("{}{path}", account.url),
            id: account.user.clone(),
            secret: account.secret.clone(),
            scope: scope.clone(),
        }),
    };
    let account = SmsAccount {
        api: account,
        sender: given.sender.clone(),
        receipts: receipts(given, index)?,
    };
    Ok((settings, account))
}

/// How an operator's API is reached, and our account there, with the secret of its file.
///
/// # Errors
/// [`ConfigError`] with the link's place, when the file cannot be read or there is no address.
pub fn api(index: usize, given: &ApiConfig<'_>) -> Result<(ApiSettings, Account), ConfigError> {
    let url = given.url.ok_or_else(|| {
        ConfigError::wrong(
            &format!("link[{index}].url"),
            &format!("link {} has no address to send to", given.name),
            "write the address of the operator's API, url = \"https://api.operator.example\"",
        )
    })?;
    let account = Account {
        url: url.trim_end_matches('/').to_owned(),
        user: given.user.unwrap_or_default().to_owned(),
        secret: secret(given, index)?.to_string(),
    };
    let settings = ApiSettings {
        link: LinkName(given.name.to_owned()),
        ca_file: given.ca_file.map(Path::to_owned),
        connect: given.connect(),
        response: given.response(),
        rate: Some(given.rate).filter(|rate| *rate > 0.0),
        window: given.window,
    };
    Ok((settings, account))
}

/// Our secret at the operator's API.
fn secret(given: &ApiConfig<'_>, index: usize) -> Result<Zeroizing<String>, ConfigError> {
    let Some(file) = given.secret_file else {
        let secret = given.secret.map(Secret::as_str);
        return Ok(Zeroizing::new(secret.unwrap_or_default().to_owned()));
    };
    let fault = |message: String| {
        ConfigError::wrong(
            &format!("link[{index}].secret_file"),
            &message,
            "name a file with the secret alone that this user may read",
        )
    };
    let octets = Zeroizing::new(tls::read(file).map_err(fault)?);
    let text = std::str::from_utf8(&octets)
        .map_err(|_| fault(format!("{}: it is no text in UTF-8", file.display())))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Whether the files with which the operator's API is reached can be read.
fn reached(given: &ApiConfig<'_>, index: usize) -> Result<(), ConfigError> {
    secret(given, index)?;
    authority(given, index)
}

/// Whether the authority of the operator's API can be read.
fn authority(given: &ApiConfig<'_>, index: usize) -> Result<(), ConfigError> {
    tls::client(given.ca_file, None, None)
        .map(drop)
        .map_err(|fault| {
            ConfigError::wrong(
                &format!("link[{index}].ca_file"),
                &fault.message,
                "name a file with the certificates of the authority, PEM",
            )
        })
}

/// Our address for receipts, with the secret segment that the link wants.
fn receipts(given: &SmsHttp, index: usize) -> Result<Option<String>, ConfigError> {
    let Some(public) = &given.public_url else {
        return Ok(None);
    };
    let mut url = format!("{}/sms/{}", public.trim_end_matches('/'), given.name);
    for (at, auth) in given.auth.iter().enumerate() {
        if !matches!(auth, AuthConfig::Path(_)) {
            continue;
        }
        let written = auth.given();
        let inline = written.as_ref().and_then(|given| given.secret);
        let segment = match (inline, written.as_ref().and_then(|given| given.secret_file)) {
            (Some(secret), _) => Zeroizing::new(secret.as_str().to_owned()),
            (None, Some(file)) => secret_in(auth, "secret_file", file)
                .map_err(|fault| ConfigError::of_auth(index, at, &fault))?,
            (None, None) => continue,
        };
        url.push('/');
        url.push_str(&segment);
    }
    Ok(Some(format!("{url}/receipts")))
}

/// The settings with the password that stands in their file.
///
/// # Errors
/// [`SettingFault`] when there is no such file, it is no text, or it does not fit a bind.
pub fn filled(given: &SmppConfig) -> Result<SmppConfig, SettingFault> {
    let mut filled = given.clone();
    let Some(file) = filled.password_file.take() else {
        return Ok(filled);
    };
    let fault = |message: String| {
        SettingFault::new(
            "password_file",
            message,
            "name a file with the password alone, at most 8 octets, that this user may read",
        )
    };
    let octets = tls::read(&file).map_err(fault)?;
    let text = String::from_utf8(octets)
        .map_err(|_| fault(format!("{}: it is no text in UTF-8", file.display())))?;
    text.trim_end().clone_into(&mut filled.password);
    match filled.check() {
        // It is the one of the file, which nobody would look for under that name.
        Err(wrong) if wrong.key == "password" => Err(fault(format!(
            "{}: the password in it does not fit the bind request",
            file.display()
        ))),
        Err(wrong) => Err(wrong),
        Ok(()) => Ok(filled),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = r#"
[[link]]
kind = "smpp"
name = "first"
host = "h"
port = 1
system_id = "s"
services = ["tns"]
[[link]]
kind = "smpp"
name = "second"
host = "h"
port = 1
system_id = "s"
services = ["tns"]
"#;

    #[test]
    fn files_are_found_wrong_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, octets: &[u8]| {
            std::fs::write(folder.path().join(name), octets).unwrap();
        };
        write("good", b"12345678\n");
        write("long", b"s3cret789\n");
        write("odd", b"\xff\xfe");
        let own = rcgen::generate_simple_self_signed(["jisr.test".to_owned()]).unwrap();
        write("own.pem", own.cert.pem().as_bytes());
        write("own.key", own.signing_key.serialize_pem().as_bytes());
        let other = rcgen::KeyPair::generate().unwrap();
        write("other.key", other.serialize_pem().as_bytes());
        for (setting, expected) in [
            ("password_file = \"DIR/good\"", None),
            (
                "password_file = \"DIR/long\"",
                Some("16 link.password_file: DIR/long: the password in it does not fit"),
            ),
            (
                "password_file = \"DIR/odd\"",
                Some("16 link.password_file: DIR/odd: it is no text"),
            ),
            (
                "password_file = \"DIR/none\"",
                Some("16 link.password_file: DIR/none: No such file"),
            ),
            (
                "[link.tls]\nca_file = \"DIR/none\"",
                Some("17 link.tls.ca_file: DIR/none: No such file"),
            ),
            (
                "[link.tls]\nca_file = \"DIR/good\"",
                Some("17 link.tls.ca_file: DIR/good: expected certificates in PEM"),
            ),
            (
                "tls = { cert_file = \"DIR/good\" }",
                Some("16 link.tls.key_file: missing beside cert_file"),
            ),
            (
                "tls = { server_name = \"not a name\" }",
                Some("16 link.tls.server_name: it is no host name"),
            ),
            (
                "[http.tls]\ncert_file = \"DIR/own.pem\"\nkey_file = \"DIR/own.key\"\nclient_ca_file = \"DIR/own.pem\"",
                None,
            ),
            (
                "[http.tls]\ncert_file = \"DIR/good\"\nkey_file = \"DIR/own.key\"",
                Some("2 http.tls.cert_file: DIR/good: expected certificates in PEM"),
            ),
            (
                "[http.tls]\ncert_file = \"DIR/own.pem\"\nkey_file = \"DIR/other.key\"",
                Some("3 http.tls.key_file: DIR/other.key: the key does not belong to DIR/own.pem"),
            ),
            (
                "[http.tls]\ncert_file = \"DIR/own.pem\"\nkey_file = \"DIR/own.key\"\nclient_ca_file = \"DIR/none\"",
                Some("4 http.tls.client_ca_file: DIR/none: No such file"),
            ),
        ] {
            let here = |text: &str| text.replace("DIR", &folder.path().display().to_string());
            let text = match setting.strip_prefix("[http.tls]") {
                Some(_) => format!("{}\n{FILE}", here(setting)),
                None => format!("{FILE}{}\n", here(setting)),
            };
            let config = Config::load(Some(("jisr.toml", &text)), &[]).unwrap();
            let told = check(&config).map_err(|error| match error.placed("jisr.toml", &text) {
                ConfigError::File(finding) => {
                    format!("{} {}", finding.place().0, finding.message)
                }
                other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => {
                    other.to_string()
                }
            });
            match expected {
                None => assert!(told.is_ok(), "{setting}: {told:?}"),
                Some(expected) => {
                    let told = told.unwrap_err();
                    assert!(told.contains(&here(expected)), "{setting}: {told}");
                    assert!(!told.contains("s3cret"), "{setting}: {told}");
                }
            }
        }
    }

    const HTTP: &str = r#"
[[link]]
kind = "ussd-http"
name = "op"
services = ["tns"]
public_url = "https://gw.example"
[[link.auth]]
kind = "addresses"
allow = ["10.0.0.1"]
[[link.auth]]
"#;
    const SECRET: &str = "sample-secret-of-32-characters-0";

    /// The rules of a link with these lines, and the files of a folder.
    fn link(folder: &std::path::Path, written: &str) -> Result<Auth, String> {
        let here = |text: &str| text.replace("DIR", &folder.display().to_string());
        let text = format!("{HTTP}{}\n{FILE}", here(written));
        let config = Config::load(Some(("jisr.toml", &text)), &[]).unwrap();
        let told = |error: ConfigError| match error.placed("jisr.toml", &text) {
            ConfigError::File(finding) => format!("{} {}", finding.place().0, finding.message)
                .replace(&folder.display().to_string(), "DIR"),
            other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => other.to_string(),
        };
        check(&config).map_err(told)?;
        auth(&config, 0).map_err(told)
    }

    #[test]
    fn secrets_come_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, octets: &[u8]| {
            std::fs::write(folder.path().join(name), octets).unwrap();
        };
        write("good", format!("{SECRET}\n").as_bytes());
        write("next", b"  another-secret-of-32-octets-01\r\n");
        write("short", b"fifteen-octets!\n");
        write("odd", &[0xff; 40]);
        write("empty", b"\n");
        write("spaced", b"two words of a secret\n");
        for (written, expected) in [
            ("kind=\"hmac\"\nsecret_file=\"DIR/good\"", None),
            (
                "kind=\"hmac\"\nsecret_file=\"DIR/good\"\nother_secret_file=\"DIR/next\"",
                None,
            ),
            ("kind=\"twilio\"\nsecret_file=\"DIR/short\"", None),
            (
                "kind=\"basic\"\nuser=\"op\"\nsecret_file=\"DIR/spaced\"",
                None,
            ),
            (
                "kind=\"hmac\"\nsecret_file=\"DIR/short\"",
                Some("12 link.auth.secret_file: DIR/short: a secret of fewer than 16 octets"),
            ),
            (
                "kind=\"hmac\"\nsecret_file=\"DIR/good\"\nother_secret_file=\"DIR/short\"",
                Some("13 link.auth.other_secret_file: DIR/short: a secret of fewer"),
            ),
            (
                "kind=\"hmac\"\nsecret_file=\"DIR/none\"",
                Some("12 link.auth.secret_file: DIR/none: No such file"),
            ),
            (
                "kind=\"vonage\"\nsecret_file=\"DIR/odd\"",
                Some("12 link.auth.secret_file: DIR/odd: it is no text"),
            ),
            (
                "kind=\"vonage\"\nsecret_file=\"DIR/empty\"",
                Some("12 link.auth.secret_file: DIR/empty: it is empty"),
            ),
            (
                "kind=\"bearer\"\nsecret_file=\"DIR/spaced\"",
                Some("12 link.auth.secret_file: DIR/spaced: the secret has characters"),
            ),
        ] {
            let told = link(folder.path(), written);
            match expected {
                None => assert!(told.is_ok(), "{written}: {told:?}"),
                Some(expected) => {
                    let told = told.unwrap_err();
                    assert!(told.contains(expected), "{written}: {told}");
                    assert!(
                        !told.contains("fifteen") && !told.contains("words"),
                        "{told}"
                    );
                }
            }
        }
    }

    /// The rules are those that were written, with their secrets.
    #[test]
    fn what_is_written_is_what_is_asked_for() {
        use crate::clock::Moment;
        use crate::operator::auth::Evidence;

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("next"), "sample-token-of-the-next\n").unwrap();
        let auth = link(
            folder.path(),
            "kind=\"bearer\"\nsecret=\"sample-token-of-today\"\nother_secret_file=\"DIR/next\"",
        )
        .unwrap();
        for (token, from, expected) in [
            ("sample-token-of-today", "10.0.0.1", "passes"),
            ("sample-token-of-the-next", "10.0.0.1", "passes"),
            (
                "sample-token-of-nobody",
                "10.0.0.1",
                "bearer bad_credentials",
            ),
            ("sample-token-of-today", "10.0.0.2", "addresses bad_address"),
        ] {
            let mut headers = http::HeaderMap::new();
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
            let found = auth.check(&Evidence {
                method: "POST",
                target: "/ussd/op",
                query: None,
                headers: &headers,
                body: b"",
                from: from.parse().ok(),
                certificate: None,
                secret: None,
                at: Moment::from_ms(0),
            });
            let found = found.map_or_else(|refusal| refusal.to_string(), |_| "passes".to_owned());
            assert_eq!(found, expected, "{token} {from}");
        }
    }

    /// Without a rule only a sandbox takes anybody.
    #[test]
    fn only_a_sandbox_stands_open() {
        let config = Config::load(None, &[]).unwrap();
        let shown = format!("{:?}", auth(&config, 0).unwrap());
        assert!(shown.contains("open: true"), "{shown}");
        let shown = format!("{:?}", auth(&config, 7).unwrap());
        assert!(shown.contains("open: false"), "{shown}");
        let folder = tempfile::tempdir().unwrap();
        let signed = link(
            folder.path(),
            &format!("kind=\"path\"\nsecret=\"{SECRET}\""),
        )
        .unwrap();
        let shown = format!("{signed:?}");
        assert!(
            shown.contains("open: false") && !shown.contains(SECRET),
            "{shown}"
        );
    }
}
