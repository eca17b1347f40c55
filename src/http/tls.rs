//! TLS on a listener: handshakes within their time, and certificates that change while it listens.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::config::ListenerTls;
use crate::tls::server::{Fingerprint, Server, ServerPem};
use crate::tls::{Setting, TlsFault};

/// How long a handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(10);

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// TLS is up.
    Done,
    /// What came was no TLS.
    Plain,
    /// No common version or cipher, a certificate that is not to be trusted, or TLS badly spoken.
    Refused,
    /// The other side went away.
    Cut,
    /// It took too long.
    Late,
}

impl Outcome {
    /// As the figures have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Plain => "plain",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::Late => "late",
        }
    }
}

/// What a look at the files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// What stood there at the last look.
    Same,
    /// Something new, with which new connections are met from now on.
    Swapped,
    /// Something new that cannot be used; what was in use goes on.
    Refused(TlsFault),
}

/// The certificates of a listener.
pub struct Certificates {
    files: ListenerTls,
    live: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
}

/// What the looks have seen.
struct Seen {
    /// What is in use.
    live: Fingerprint,
    /// What stood in the files the last time.
    last: Result<Fingerprint, TlsFault>,
}

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// [`TlsFault`] when they cannot be used.
    pub fn load(files: ListenerTls) -> Result<Self, TlsFault> {
        let pem = ServerPem::read(&files)?;
        let fingerprint = pem.fingerprint();
        let server = pem.server()?;
        tell(&server);
        Ok(Self {
            files,
            live: ArcSwap::new(server.config),
            seen: Mutex::new(Seen {
                live: fingerprint,
                last: Ok(fingerprint),
            }),
        })
    }

    /// Looks at the files once; `now` is in seconds from 1970. What stands there is compared, not
    /// when it was written, so a bad content is told of once, however long it stands there.
    pub fn look(&self, now: u64) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let pem = ServerPem::read(&self.files);
        let found = pem
            .as_ref()
            .map(ServerPem::fingerprint)
            .map_err(Clone::clone);
        if found == seen.last {
            return Look::Same;
        }
        seen.last.clone_from(&found);
        if found.as_ref() == Ok(&seen.live) {
            // A bad content was taken back.
            return Look::Same;
        }
        let usable = pem
            .and_then(|pem| pem.server())
            .and_then(|server| living(server, now));
        match (usable, found) {
            (Ok(server), Ok(fingerprint)) => {
                tell(&server);
                self.live.store(server.config);
                seen.live = fingerprint;
                metrics::counter!("jisr_tls_reloads_total", "outcome" => "swapped").increment(1);
                Look::Swapped
            }
            (Err(fault), _) | (Ok(_), Err(fault)) => {
                metrics::counter!("jisr_tls_reloads_total", "outcome" => "refused").increment(1);
                Look::Refused(fault)
            }
        }
    }

    /// Looks at the files every ten seconds until `stop` is told.
    pub async fn keep(self: Arc<Self>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.changed() => break,
            }
            let now = u64::try_from(clock.now().ms() / 1000).unwrap_or(0);
            let certificates = Arc::clone(&self);
            // Files may stand on a disk that hangs.
            match tokio::task::spawn_blocking(move || certificates.look(now)).await {
                Ok(Look::Same) => {}
                Ok(Look::Swapped) => {
                    tracing::info!("new connections are met with the changed certificate");
                }
                Ok(Look::Refused(fault)) => tracing::warn!(
                    fault = fault.message,
                    "the changed files of [http.tls] cannot be used; the old certificate goes on"
                ),
                Err(error) => tracing::error!(%error, "the files of [http.tls] were not looked at"),
            }
        }
    }

    /// Shakes hands on a new connection, and counts how that ended.
    ///
    /// # Errors
    /// [`Outcome`] with what the log has to say of it, when the connection is of no use.
    pub async fn shake(
        &self,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<TlsStream<TcpStream>, (Outcome, io::Error)> {
        let acceptor = TlsAcceptor::from(self.live.load_full());
        let shaken = match tokio::time::timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err((of(&error), error)),
            Err(late) => Err((Outcome::Late, late.into())),
        };
        let outcome = match &shaken {
            Ok(_) => Outcome::Done,
            Err((outcome, _)) => *outcome,
        };
        metrics::counter!("jisr_tls_handshakes_total", "outcome" => outcome.name()).increment(1);
        shaken
    }
}

/// How a handshake with this error ended.
fn of(error: &io::Error) -> Outcome {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            Outcome::Plain
        }
        Some(_) => Outcome::Refused,
        None => Outcome::Cut,
    }
}

/// Refuses what has run out, which no operator would accept.
fn living(server: Server, now: u64) -> Result<Server, TlsFault> {
    match server.expires {
        Some(expires) if expires < now => Err(TlsFault {
            setting: Setting::CertFile,
            message: "cert_file: the certificate has run out".to_owned(),
        }),
        Some(_) | None => Ok(server),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "seconds from 1970 stay far below 2^53"
)]
fn tell(server: &Server) {
    if let Some(expires) = server.expires {
        metrics::gauge!("jisr_tls_certificate_expires_seconds").set(expires as f64);
    }
}

#[cfg(test)]
mod tests;
