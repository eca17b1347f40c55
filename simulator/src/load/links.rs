//! Links that are bound and do nothing: what each costs a gateway.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::process::{self, Setting, Used};
use super::wire::{self, ANSWER, BIND_TRANSCEIVER, ENQUIRE_LINK, UNBIND};

/// How long all binds may take.
const BIND_WAIT: Duration = Duration::from_secs(60);
/// How long idling is watched.
const WATCH: Duration = Duration::from_secs(10);
/// What settles after the last bind.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two looks at the connections.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What a gateway used with one link and with many.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How many links were bound.
    pub links: u32,
    /// With one link.
    pub one: Idle,
    /// With all of them.
    pub all: Idle,
}

/// What a gateway used while nothing was asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Its memory, in KiB.
    pub memory_kib: u64,
    /// Its time within 10 s.
    pub cpu: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.all.memory_kib.saturating_sub(self.one.memory_kib);
        for (links, idle) in [(1, self.one), (self.links, self.all)] {
            writeln!(
                f,
                "{links:>6} links bound: {:.1} MiB, {} ms of a core in {} s",
                kib(idle.memory_kib),
                idle.cpu.as_millis(),
                WATCH.as_secs()
            )?;
        }
        write!(f, "{:.1} MiB more", kib(more))
    }
}

/// MiB of KiB, for showing.
fn kib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

/// Starts the gateway with one link, then with `links`, and watches each idle.
///
/// # Errors
/// When a folder or the gateway's program fails, or not all links bind in time.
pub async fn idle(
    program: &Path,
    links: u32,
) -> Result<Report, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Report {
        links,
        one: watch(program, 1).await?,
        all: watch(program, links).await?,
    })
}

async fn watch(
    program: &Path,
    links: u32,
) -> Result<Idle, Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (bound, over) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let centre = {
        let (bound, over) = (Arc::clone(&bound), Arc::clone(&over));
        std::thread::spawn(move || serve(&listener, &bound, &over))
    };
    let dir = tempfile::tempdir()?;
    let centres = vec![address; usize::try_from(links)?];
    let setting = Setting {
        dir: dir.path(),
        log: "warn",
        centres: &centres,
        window: 10,
    };
    let gateway = process::start(program, &setting).await?;
    let id = gateway.id().unwrap_or_default();
    let until = Instant::now() + BIND_WAIT;
    while bound.load(Ordering::Relaxed) < links {
        if Instant::now() > until {
            let count = bound.load(Ordering::Relaxed);
            over.store(true, Ordering::Relaxed);
            return Err(format!(
                "{count} of {links} links bound within {} s",
                BIND_WAIT.as_secs()
            )
            .into());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    tokio::time::sleep(SETTLE).await;
    let before = process::used(id);
    tokio::time::sleep(WATCH).await;
    let Used { cpu, memory_kib } = process::used(id);
    gateway.stop().await?;
    over.store(true, Ordering::Relaxed);
    drop(centre.join());
    Ok(Idle {
        memory_kib,
        cpu: cpu.saturating_sub(before.cpu),
    })
}

/// Takes binds and answers enquiries until it is over.
fn serve(listener: &TcpListener, bound: &AtomicU32, over: &AtomicBool) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut all: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    all.push((stream, Vec::new()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        all.retain_mut(|(stream, buffer)| attend(stream, buffer, bound).is_ok());
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

/// Answers what has come on one connection.
fn attend(stream: &mut TcpStream, buffer: &mut Vec<u8>, bound: &AtomicU32) -> std::io::Result<()> {
    let mut piece = [0; 512];
    match stream.read(&mut piece) {
        Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
        Ok(read) => buffer.extend_from_slice(&piece[..read]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut out = Vec::new();
    let mut rest = buffer.as_slice();
    while let Some((pdu, behind)) = wire::cut(rest).map_err(std::io::Error::other)? {
        rest = behind;
        match pdu.id {
            BIND_TRANSCEIVER => {
                wire::put(&mut out, pdu.id | ANSWER, 0, pdu.sequence, b"load\0");
                bound.fetch_add(1, Ordering::Relaxed);
            }
            ENQUIRE_LINK | UNBIND => wire::put(&mut out, pdu.id | ANSWER, 0, pdu.sequence, &[]),
            // Nothing else is said on an idle link.
            _ => {}
        }
    }
    let left = rest.len();
    buffer.drain(..buffer.len() - left);
    // A few octets, for which the socket's own buffer has room.
    stream.write_all(&out)
}
