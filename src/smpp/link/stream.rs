//! The connection to an operator: TCP with its options, and TLS over it.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::smpp::config::{SettingFault, SmppConfig};
use crate::tls;

/// Room for one read.
const READ_LEN: usize = 8 * 1024;

/// Makes the connections of a link.
pub(super) enum Dial {
    /// Over the network.
    Network(Option<(TlsConnector, ServerName<'static>)>),
    /// Pipes of a test, one for each attempt.
    #[cfg(test)]
    Pipes(tokio::sync::Mutex<tokio::sync::mpsc::Receiver<tokio::io::DuplexStream>>),
}

impl Dial {
    /// Reads the certificates.
    ///
    /// # Errors
    /// [`SettingFault`] names the file or the setting.
    pub fn new(config: &SmppConfig) -> Result<Self, SettingFault> {
        let Some(given) = &config.tls else {
            return Ok(Self::Network(None));
        };
        let path = |file: &Option<std::path::PathBuf>| file.clone();
        let client = tls::client(
            path(&given.ca_file).as_deref(),
            path(&given.cert_file).as_deref(),
            path(&given.key_file).as_deref(),
        )
        .map_err(|fault| {
            SettingFault::new(
                match fault.setting {
                    tls::Setting::CaFile => "tls.ca_file",
                    tls::Setting::CertFile => "tls.cert_file",
                    tls::Setting::KeyFile => "tls.key_file",
                },
                fault.message,
                "give files in PEM that this user may read",
            )
        })?;
        let name = given
            .server_name
            .clone()
            .unwrap_or_else(|| config.host.clone());
        let name = ServerName::try_from(name).map_err(|_| {
            SettingFault::new(
                "tls.server_name",
                "it is no host name or address",
                "write the name that stands in the operator's certificate",
            )
        })?;
        Ok(Self::Network(Some((
            TlsConnector::from(Arc::new(client)),
            name,
        ))))
    }

    /// One connection, within `connect_ms`.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn connect(&self, config: &SmppConfig) -> Result<Stream, String> {
        let wait = Duration::from_millis(config.connect_ms);
        match timeout(wait, self.connected(config)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(cause(&error)),
            Err(_) => Err(format!("no connection within {} ms", config.connect_ms)),
        }
    }

    async fn connected(&self, config: &SmppConfig) -> io::Result<Stream> {
        match self {
            Self::Network(tls) => {
                let tcp = TcpStream::connect((config.host.as_str(), config.port)).await?;
                prepare(&tcp, config)?;
                match tls {
                    None => Ok(Stream::Plain(tcp)),
                    Some((connector, name)) => {
                        let stream = connector.connect(name.clone(), tcp).await?;
                        Ok(Stream::Tls(Box::new(stream)))
                    }
                }
            }
            #[cfg(test)]
            Self::Pipes(pipes) => match pipes.lock().await.recv().await {
                Some(pipe) => Ok(Stream::Pipe(pipe)),
                None => std::future::pending().await,
            },
        }
    }
}

/// The options of a socket.
fn prepare(tcp: &TcpStream, config: &SmppConfig) -> io::Result<()> {
    // Small PDUs are batched before; the answer to one must not wait for another.
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    if config.keepalive_ms > 0 {
        let idle = Duration::from_millis(config.keepalive_ms);
        // The system counts in whole seconds.
        let keepalive = TcpKeepalive::new()
            .with_time(idle.max(Duration::from_secs(1)))
            .with_interval((idle / 4).max(Duration::from_secs(1)));
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(target_os = "linux")]
    if config.user_timeout_ms > 0 {
        socket.set_tcp_user_timeout(Some(Duration::from_millis(config.user_timeout_ms)))?;
    }
    Ok(())
}

/// Why a connection failed, in words.
fn cause(error: &io::Error) -> String {
    // The errors that say more in their text than in their kind: names, certificates.
    match error.raw_os_error() {
        None => error.to_string(),
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the system's list is open; what is not told in our words is told in its own"
        )]
        Some(_) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
            io::ErrorKind::ConnectionReset => "the operator cut the connection".to_owned(),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                "no way leads there".to_owned()
            }
            kind => kind.to_string(),
        },
    }
}

/// One connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(test)]
    Pipe(tokio::io::DuplexStream),
}

macro_rules! on {
    ($stream:expr, $inner:ident => $then:expr) => {
        match $stream.get_mut() {
            Stream::Plain($inner) => {
                let $inner = Pin::new($inner);
                $then
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner);
                $then
            }
            #[cfg(test)]
            Stream::Pipe($inner) => {
                let $inner = Pin::new($inner);
                $then
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self, inner => inner.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on!(self, inner => inner.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, inner => inner.poll_shutdown(cx))
    }
}

/// Reads what is there behind `buffer`; how many octets, 0 at the end. No memory is held while
/// nothing comes: a thousand silent links must cost next to nothing.
pub(super) async fn read_some(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut room = [MaybeUninit::uninit(); READ_LEN];
        let mut read = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut read))?;
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

/// Writes what it can of `octets` and takes that off them; how many it was. Where there is nothing
/// to write it flushes what TLS still holds: none.
pub(super) async fn write_some(
    writer: &mut (impl AsyncWrite + Unpin),
    octets: &mut BytesMut,
) -> io::Result<Option<usize>> {
    if octets.is_empty() {
        writer.flush().await.map(|()| None)
    } else {
        writer.write_buf(octets).await.map(Some)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_in_words() {
        let name = "failed to lookup address information: Name or service not known";
        for (error, words) in [
            (io::Error::other(name), name),
            (io::Error::from_raw_os_error(111), "nothing listens there"),
            (
                io::Error::from_raw_os_error(104),
                "the operator cut the connection",
            ),
            (io::Error::from_raw_os_error(113), "no way leads there"),
            (io::Error::from_raw_os_error(110), "timed out"),
        ] {
            assert_eq!(cause(&error), words);
        }
    }
}
