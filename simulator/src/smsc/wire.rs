//! The connection under SMPP: TCP, or TLS over it with client certificates where they are asked
//! for.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection.
pub enum Wire {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Lets the connection end with a reset instead of an orderly close.
    pub fn reset_at_end(&self) {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        // Where it cannot be set the peer sees an orderly close, in the middle of a PDU still.
        let _ = tcp.set_zero_linger();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, octets),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

/// The certificates of a message centre that speaks TLS, as PEM.
#[derive(Clone)]
pub struct Certificates {
    /// Its own certificate, then those that lead to an authority.
    pub chain: Vec<u8>,
    /// The key of its own certificate.
    pub key: Vec<u8>,
    /// The authorities of the certificates that whoever connects has to show; where there are none
    /// no certificate is asked for.
    pub clients: Option<Vec<u8>>,
}

impl Certificates {
    /// Reads `cert.pem`, `key.pem` and, where it is there, `clients.pem` of a folder.
    ///
    /// # Errors
    /// When one of the first two cannot be read; names it.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })
        };
        let clients = match read("clients.pem") {
            Ok(pem) => Some(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            chain: read("cert.pem")?,
            key: read("key.pem")?,
            clients,
        })
    }

    /// What takes TLS connections with them.
    ///
    /// # Errors
    /// When they are no certificates, or the key is not theirs.
    pub fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let chain = certificates(&self.chain)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match &self.clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut authorities = RootCertStore::empty();
                for authority in certificates(clients)? {
                    authorities.add(authority).map_err(io::Error::other)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                        .build()
                        .map_err(io::Error::other)?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let config = config
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) => Err(io::Error::other("no certificate in the PEM")),
        Err(error) => Err(io::Error::other(error)),
    }
}
