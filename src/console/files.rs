//! The files that the listener and links over SMPP name: passwords, authorities, certificates. They
//! are read at the start, and by `jisr check` before it.

use crate::config::{Config, ConfigError, LinkConfig};
use crate::smpp::config::{SettingFault, SmppConfig};
use crate::smpp::link;
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
            LinkConfig::UssdHttp(_) | LinkConfig::Sandbox(_) => {}
        }
    }
    Ok(())
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
}
