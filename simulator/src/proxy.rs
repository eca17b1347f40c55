//! A faulty piece of network between two sides of a TCP connection: it delays, stalls, carries one way
//! only, and cuts in the middle of whatever goes over it.
//!
//! Where a cut falls is drawn from a seed, so that a run can be had again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Octets that are carried at once.
const CHUNK: usize = 16 * 1024;

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who has connected to who listens.
    There,
    /// Back.
    Back,
}

/// How octets are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As they come.
    #[default]
    Well,
    /// Each piece so much later.
    Slow(Duration),
    /// Not at all, in both directions; the connections stay open and new ones are taken.
    Stalled,
    /// One way as they come, the other not at all.
    OneWay(Way),
    /// As they come, and each connection is reset after a number of octets in that direction, drawn
    /// between 1 and twice this.
    CutsAfter(Way, u64),
    /// Connections are closed as soon as they are made.
    Closed,
}

struct Inner {
    to: SocketAddr,
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    /// Counts the times that everything was cut.
    cuts: watch::Sender<u64>,
    resets: AtomicU64,
    taken: AtomicU64,
    draw: Mutex<u64>,
}

impl Inner {
    /// The next number of the seed (SplitMix64), from 1 to `most`.
    fn drawn(&self, most: u64) -> u64 {
        let mut state = self.draw.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        1 + (mixed ^ (mixed >> 31)) % most.max(1)
    }
}

/// A piece of network, until it is dropped.
pub struct Proxy {
    inner: Arc<Inner>,
    listening: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

impl Proxy {
    /// Listens on a port of the loopback and carries everything to `to`.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(to: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let inner = Arc::new(Inner {
            to,
            address: listener.local_addr()?,
            manner: watch::Sender::new(Manner::Well),
            cuts: watch::Sender::new(0),
            resets: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            draw: Mutex::new(seed),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&inner)));
        Ok(Self { inner, listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// How octets are carried from now on, on connections that are there as well.
    pub fn set(&self, manner: Manner) {
        self.inner.manner.send_replace(manner);
    }

    /// Resets every connection.
    pub fn cut(&self) {
        self.inner.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections that were taken.
    pub fn taken(&self) -> u64 {
        self.inner.taken.load(Ordering::Relaxed)
    }

    /// Connections that were reset in the middle.
    pub fn resets(&self) -> u64 {
        self.inner.resets.load(Ordering::Relaxed)
    }
}

async fn listen(listener: TcpListener, inner: Arc<Inner>) {
    while let Ok((near, _)) = listener.accept().await {
        inner.taken.fetch_add(1, Ordering::Relaxed);
        if *inner.manner.borrow() == Manner::Closed {
            continue;
        }
        tokio::spawn(carry(near, Arc::clone(&inner)));
    }
}

/// Carries one connection until a side closes it, or it is cut.
async fn carry(near: TcpStream, inner: Arc<Inner>) {
    let mut cuts = inner.cuts.subscribe();
    cuts.borrow_and_update();
    let Ok(far) = TcpStream::connect(inner.to).await else {
        return;
    };
    for side in [&near, &far] {
        // Small pieces are not to wait for each other; a failure costs time only.
        let _ = side.set_nodelay(true);
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let cut = {
        let there = pump(near_read, far_write, Way::There, &inner);
        let back = pump(far_read, near_write, Way::Back, &inner);
        tokio::pin!(there, back);
        let mut over = [None, None];
        loop {
            tokio::select! {
                ended = &mut there, if over[0].is_none() => over[0] = Some(ended),
                ended = &mut back, if over[1].is_none() => over[1] = Some(ended),
                _ = cuts.changed() => break true,
            }
            match &over {
                [Some(Ended::Cut(..)), _] | [_, Some(Ended::Cut(..))] => break true,
                // The other way may have something to say still.
                [Some(Ended::Closed(..)), Some(Ended::Closed(..))] => break false,
                [None, _] | [_, None] => {}
            }
        }
        .then_some(over)
    };
    if cut.is_some() {
        inner.resets.fetch_add(1, Ordering::Relaxed);
    }
}

/// How one direction ended; its halves live as long as this, so that a half that is over closes nothing
/// by itself.
enum Ended {
    /// A side closed.
    Closed(#[expect(dead_code, reason = "held")] Halves),
    /// It is to be cut.
    Cut(#[expect(dead_code, reason = "held")] Halves),
}

type Halves = (OwnedReadHalf, OwnedWriteHalf);

/// Carries one direction.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, inner: &Inner) -> Ended {
    let mut manner = inner.manner.subscribe();
    let mut left = None;
    let mut octets = vec![0; CHUNK];
    loop {
        let Ok(read @ 1..) = from.read(&mut octets).await else {
            // The other side reads the end as well.
            let _ = to.shutdown().await;
            return Ended::Closed((from, to));
        };
        let mut piece = &octets[..read];
        // How it is carried is decided when it goes, not when it came.
        let now = loop {
            let now = *manner.borrow_and_update();
            let waits = match now {
                Manner::Stalled => true,
                Manner::OneWay(open) => open != way,
                Manner::Well | Manner::Slow(_) | Manner::CutsAfter(..) | Manner::Closed => false,
            };
            if !waits {
                break now;
            }
            if manner.changed().await.is_err() {
                return Ended::Closed((from, to));
            }
        };
        match now {
            Manner::Slow(delay) => tokio::time::sleep(delay).await,
            Manner::CutsAfter(of, mean) if of == way => {
                let budget = left.get_or_insert_with(|| inner.drawn(mean.saturating_mul(2)));
                let fits = usize::try_from(*budget).unwrap_or(usize::MAX).min(read);
                *budget -= u64::try_from(fits).unwrap_or(0);
                if *budget == 0 {
                    piece = &octets[..fits];
                    let _ = to.write_all(piece).await;
                    for half in [from.as_ref(), to.as_ref()] {
                        let _ = half.set_zero_linger();
                    }
                    return Ended::Cut((from, to));
                }
            }
            Manner::Well
            | Manner::Stalled
            | Manner::OneWay(_)
            | Manner::CutsAfter(..)
            | Manner::Closed => {}
        }
        if to.write_all(piece).await.is_err() {
            return Ended::Closed((from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Says back what it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, octets: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(octets).await?;
        let mut back = vec![0; octets.len()];
        stream.read_exact(&mut back).await?;
        Ok(back)
    }

    #[tokio::test]
    async fn what_goes_over_it_comes_out() {
        let proxy = Proxy::start(echo().await, 1).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut stream, b"one").await.unwrap(), b"one");
        proxy.set(Manner::Slow(Duration::from_millis(1)));
        assert_eq!(says(&mut stream, b"two").await.unwrap(), b"two");
        proxy.cut();
        assert!(says(&mut stream, b"three").await.is_err());
        assert_eq!((proxy.taken(), proxy.resets()), (1, 1));
    }

    #[tokio::test]
    async fn what_is_stalled_goes_on_afterwards() {
        let proxy = Proxy::start(echo().await, 1).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        for manner in [Manner::Stalled, Manner::OneWay(Way::There)] {
            proxy.set(manner);
            stream.write_all(b"x").await.unwrap();
            let mut back = [0; 1];
            let waited = stream.read_exact(&mut back);
            let waited = tokio::time::timeout(Duration::from_millis(50), waited).await;
            assert!(waited.is_err(), "{manner:?}");
            proxy.set(Manner::Well);
            stream.read_exact(&mut back).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_seed_cuts_at_the_same_octet() {
        let mut lengths = Vec::new();
        for _ in 0..2 {
            let proxy = Proxy::start(echo().await, 7).await.unwrap();
            proxy.set(Manner::CutsAfter(Way::There, 100));
            let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
            let mut length = 0;
            while says(&mut stream, b"x").await.is_ok() {
                length += 1;
            }
            assert!(length < 200, "{length}");
            lengths.push(length);
        }
        assert_eq!(lengths[0], lengths[1]);
    }
}
