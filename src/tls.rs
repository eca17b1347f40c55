//! TLS from files: towards others the authorities that are trusted and the certificate that is
//! shown, read once, at the start; for our own listener in [`server`].

pub mod server;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The most bytes of a token, certificate or key file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The setting at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The authorities.
    CaFile,
    /// Our certificate.
    CertFile,
    /// Its key.
    KeyFile,
}

/// Why TLS cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFault {
    /// Which setting is wrong.
    pub setting: Setting,
    /// What is wrong, with the file; never what stands in it.
    pub message: String,
}

impl TlsFault {
    fn new(setting: Setting, message: impl Into<String>) -> Self {
        Self {
            setting,
            message: message.into(),
        }
    }
}

/// The client's side: without `ca` the public authorities are trusted, without `cert` and `key`
/// nothing is shown.
///
/// # Errors
/// [`TlsFault`] when a file cannot be read or is not what it should be.
pub fn client(
    ca: Option<&Path>,
    cert: Option<&Path>,
    key: Option<&Path>,
) -> Result<ClientConfig, TlsFault> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFault::new(Setting::CaFile, "TLS cannot be set up"))?;
    let builder = match ca {
        None => builder.with_webpki_roots(),
        Some(path) => {
            let bytes = read(path).map_err(|message| TlsFault::new(Setting::CaFile, message))?;
            builder.with_root_certificates(authorities(path, &bytes)?)
        }
    };
    match (cert, key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let bytes = read(cert).map_err(|message| TlsFault::new(Setting::CertFile, message))?;
            let chain = chain(Setting::CertFile, cert, &bytes)?;
            let bytes = read(key).map_err(|message| TlsFault::new(Setting::KeyFile, message))?;
            let key = private_key(key, &bytes)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| {
                TlsFault::new(Setting::KeyFile, "the key does not belong to cert_file")
            })
        }
        (Some(_), None) => Err(TlsFault::new(Setting::KeyFile, "missing beside cert_file")),
        (None, Some(_)) => Err(TlsFault::new(Setting::CertFile, "missing beside key_file")),
    }
}

/// The certificates in the bytes of a file, at least one.
fn chain(
    setting: Setting,
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(TlsFault::new(
            setting,
            format!("{}: expected certificates in PEM", path.display()),
        )),
    }
}

fn private_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsFault> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        TlsFault::new(
            Setting::KeyFile,
            format!("{}: expected a private key in PEM", path.display()),
        )
    })
}

/// Trusts the authorities in the bytes of a file.
fn authorities(path: &Path, bytes: &[u8]) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(Setting::CaFile, path, bytes)? {
        roots.add(certificate).map_err(|_| {
            TlsFault::new(
                Setting::CaFile,
                format!("{}: a certificate is not an authority's", path.display()),
            )
        })?;
    }
    Ok(roots)
}

/// The bytes of a small file.
///
/// # Errors
/// Why it cannot be read, with its name.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let wrong = |text: String| format!("{}: {text}", path.display());
    let about = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    // A device or a pipe has no size and no end.
    if !about.is_file() {
        return Err(wrong("it is no regular file".into()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > FILE_BYTES_MAX) {
        return Err(wrong("larger than 1 MiB".into()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn certificates_and_keys_are_read_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let empty = Some(empty.as_path());
        assert!(client(None, None, None).is_ok());
        for (ca, cert, key, setting) in [
            (empty, None, None, Setting::CaFile),
            (None, empty, None, Setting::KeyFile),
            (None, None, empty, Setting::CertFile),
            (None, empty, empty, Setting::CertFile),
        ] {
            assert_eq!(client(ca, cert, key).unwrap_err().setting, setting);
        }
    }
}
