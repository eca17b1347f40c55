//! What proves who we are to the agency's API, and who it is to us: token, certificates, keys.

use std::path::Path;

use hyper::header::HeaderValue;
use rustls::ClientConfig;

use crate::desk::http::HttpRegistryError;
use crate::tls::{self, Setting};

/// The `Authorization` header, from the setting or from the file.
pub(super) fn bearer(
    token: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<HeaderValue>, HttpRegistryError> {
    let (setting, token) = match (token, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(HttpRegistryError::new(
                "token",
                "stands beside registry.token_file; give one of the two",
            ));
        }
        (Some(token), None) => ("token", token.to_owned()),
        (None, Some(path)) => {
            let bytes = tls::read(path).map_err(|why| HttpRegistryError::new("token_file", why))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| HttpRegistryError::new("token_file", "expected text, one token"))?;
            ("token_file", text)
        }
    };
    let token = token.trim();
    // RFC 6750, section 2.1, token68.
    let fits = !token.is_empty()
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    let header = if fits {
        HeaderValue::from_str(&format!("Bearer {token}")).ok()
    } else {
        None
    };
    let mut header = header.ok_or_else(|| {
        HttpRegistryError::new(
            setting,
            "expected one token of letters, digits and - . _ ~ + / =",
        )
    })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The TLS side of the client: the authorities that it trusts and the certificate that it shows.
pub(super) fn client(
    ca: Option<&Path>,
    cert: Option<&Path>,
    key: Option<&Path>,
) -> Result<ClientConfig, HttpRegistryError> {
    tls::client(ca, cert, key).map_err(|fault| {
        let setting = match fault.setting {
            Setting::CaFile => "ca_file",
            Setting::CertFile => "cert_file",
            Setting::KeyFile => "key_file",
        };
        HttpRegistryError::new(setting, fault.message)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn tokens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "abc.DEF-123=\n").unwrap();
        assert_eq!(
            bearer(None, Some(&file)).unwrap().unwrap(),
            "Bearer abc.DEF-123="
        );
        assert_eq!(bearer(Some("abc"), None).unwrap().unwrap(), "Bearer abc");
        assert_eq!(bearer(None, None), Ok(None));
        for (token, file, setting) in [
            (Some("abc"), Some(file.as_path()), "token"),
            (Some(""), None, "token"),
            (Some("SECRET token"), None, "token"),
            (Some("SECRET\r\nx: y"), None, "token"),
            (None, Some(Path::new("/nowhere/token")), "token_file"),
        ] {
            let error = bearer(token, file).unwrap_err();
            assert_eq!(error.setting, setting, "{error}");
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn certificates_and_keys_are_read_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        assert!(client(None, None, None).is_ok());
        for (ca, cert, key, setting) in [
            (Some(&empty), None, None, "ca_file"),
            (None, Some(&empty), None, "key_file"),
            (None, None, Some(&empty), "cert_file"),
            (None, Some(&empty), Some(&empty), "cert_file"),
        ] {
            let path =
                |path: Option<&std::path::PathBuf>| path.map(|path| path.as_path().to_owned());
            let error = client(
                path(ca).as_deref(),
                path(cert).as_deref(),
                path(key).as_deref(),
            )
            .unwrap_err();
            assert_eq!(error.setting, setting, "{error}");
        }
    }
}
