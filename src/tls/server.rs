//! The side of TLS that others connect to: our certificate, and the authorities whose clients are
//! known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::ListenerTls;

use super::{Setting, TlsFault, authorities, chain, private_key, read};

/// What is spoken inside (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// What stands in the files, read at one time.
pub struct ServerPem {
    cert: (PathBuf, Vec<u8>),
    key: (PathBuf, Zeroizing<Vec<u8>>),
    client_ca: Option<(PathBuf, Vec<u8>)>,
}

/// SHA-256 of what stands in the files.
pub type Fingerprint = [u8; 32];

/// What a listener needs.
#[derive(Clone)]
pub struct Server {
    /// TLS 1.2 and 1.3 with HTTP/1.1 inside.
    pub config: Arc<ServerConfig>,
    /// The last second at which our certificate is valid, from 1970.
    pub expires: Option<u64>,
}

impl ServerPem {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsFault`] when one cannot be read.
    pub fn read(files: &ListenerTls) -> Result<Self, TlsFault> {
        let bytes = |setting, path: &Path| {
            read(path)
                .map(|bytes| (path.to_owned(), bytes))
                .map_err(|text| TlsFault::new(setting, text))
        };
        let (key, secret) = bytes(Setting::KeyFile, &files.key_file)?;
        Ok(Self {
            cert: bytes(Setting::CertFile, &files.cert_file)?,
            key: (key, Zeroizing::new(secret)),
            client_ca: files
                .client_ca_file
                .as_ref()
                .map(|path| bytes(Setting::CaFile, path))
                .transpose()?,
        })
    }

    /// Tells one content from another.
    pub fn fingerprint(&self) -> Fingerprint {
        let files = [
            Some(self.cert.1.as_slice()),
            Some(self.key.1.as_slice()),
            self.client_ca.as_ref().map(|(_, bytes)| bytes.as_slice()),
        ];
        let mut hash = Sha256::new();
        for bytes in files.into_iter().flatten() {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        hash.finalize().into()
    }

    /// Sets TLS up. With authorities for clients a certificate is asked for and proven, and whoever
    /// has none gets in without: other links of the listener may know their operator otherwise.
    ///
    /// # Errors
    /// [`TlsFault`] when a file is not what it should be, or certificate and key do not belong
    /// together.
    pub fn server(&self) -> Result<Server, TlsFault> {
        let (cert, key) = (&self.cert, &self.key);
        let chain = chain(Setting::CertFile, &cert.0, &cert.1)?;
        let expires = chain.first().and_then(expires);
        let key = private_key(&key.0, &key.1)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|_| TlsFault::new(Setting::CertFile, "TLS cannot be set up"))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some((path, bytes)) => {
                let roots = Arc::new(authorities(path, bytes)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| {
                        TlsFault::new(Setting::CaFile, format!("{}: {error}", path.display()))
                    })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let (cert, key) = (cert.0.display(), self.key.0.display());
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                let text = format!("{key}: the key does not belong to {cert}");
                TlsFault::new(Setting::KeyFile, text)
            } else {
                TlsFault::new(
                    Setting::CertFile,
                    format!("{cert}: it cannot be shown: {error}"),
                )
            }
        })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Server {
            config: Arc::new(config),
            expires,
        })
    }
}

/// The last second of a certificate, which whoever proves it at the end of time is told.
fn expires(certificate: &CertificateDer<'_>) -> Option<u64> {
    let end = UnixTime::since_unix_epoch(core::time::Duration::from_secs(u64::MAX));
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let usage = webpki::KeyUsage::server_auth();
    match certificate.verify_for_usage(&[], &[], &[], end, usage, None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn files_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["jisr.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
        let own = params.self_signed(&key).unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [
            ("own.pem", own.pem().as_str()),
            ("own.key", &key.serialize_pem()),
            ("other.key", &KeyPair::generate().unwrap().serialize_pem()),
            ("empty", ""),
            ("broken.pem", broken),
        ] {
            std::fs::write(at(name), text).unwrap();
        }
        std::fs::File::create(at("large"))
            .unwrap()
            .set_len(1024 * 1024 + 1)
            .unwrap();
        let server = |cert: &str, key: &str, ca: Option<&str>| {
            let files = ListenerTls {
                cert_file: at(cert),
                key_file: at(key),
                client_ca_file: ca.map(at),
            };
            ServerPem::read(&files).and_then(|pem| pem.server())
        };
        let good = server("own.pem", "own.key", Some("own.pem")).unwrap();
        assert_eq!(good.expires, Some(1_577_923_200), "2020-01-02");
        assert_eq!(good.config.alpn_protocols, [b"http/1.1".to_vec()]);
        for (cert, key, ca, setting, says) in [
            (
                "none",
                "own.key",
                None,
                Setting::CertFile,
                "none: No such file",
            ),
            (
                "own.pem",
                "none",
                None,
                Setting::KeyFile,
                "none: No such file",
            ),
            (
                "large",
                "own.key",
                None,
                Setting::CertFile,
                "larger than 1 MiB",
            ),
            (
                "empty",
                "own.key",
                None,
                Setting::CertFile,
                "empty: expected certificates",
            ),
            (
                "broken.pem",
                "own.key",
                None,
                Setting::CertFile,
                "broken.pem: it cannot be shown",
            ),
            (
                "own.pem",
                "empty",
                None,
                Setting::KeyFile,
                "empty: expected a private key",
            ),
            (
                "own.pem",
                "own.pem",
                None,
                Setting::KeyFile,
                "expected a private key",
            ),
            (
                "own.pem",
                "other.key",
                None,
                Setting::KeyFile,
                "does not belong to",
            ),
            (
                "own.pem",
                "own.key",
                Some("empty"),
                Setting::CaFile,
                "empty: expected certificates",
            ),
            (
                "own.pem",
                "own.key",
                Some("broken.pem"),
                Setting::CaFile,
                "not an authority's",
            ),
        ] {
            let fault = server(cert, key, ca).err().unwrap();
            assert_eq!(fault.setting, setting, "{cert} {key} {ca:?}");
            assert!(fault.message.contains(says), "{}", fault.message);
        }
    }

    #[test]
    fn any_change_of_a_file_is_another_content() {
        let pem = |cert: &str, key: &str, ca: Option<&str>| ServerPem {
            cert: (PathBuf::new(), cert.into()),
            key: (PathBuf::new(), Zeroizing::new(key.into())),
            client_ca: ca.map(|ca| (PathBuf::new(), ca.into())),
        };
        let contents = [
            pem("ab", "c", None),
            pem("a", "bc", None),
            pem("ab", "c", Some("")),
            pem("ab", "", Some("c")),
            pem("ab", "c", Some("d")),
        ];
        let told: std::collections::BTreeSet<_> =
            contents.iter().map(ServerPem::fingerprint).collect();
        assert_eq!(told.len(), contents.len());
        assert_eq!(
            contents[0].fingerprint(),
            pem("ab", "c", None).fingerprint()
        );
    }
}
