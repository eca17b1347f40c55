//! The operator's message centre: SMPP 3.4 over TCP on the loopback, through `rusmpp` inside of
//! frames that are cut here.
//!
//! It takes `bind_transceiver`, answers `enquire_link`, delivers what is submitted to the phones,
//! sends receipts in their text form, and hands over what phones send. A message to the gateway
//! is kept while nobody is bound; without an answer before its connection ends, it is sent again
//! on the next one. It remembers everything that was submitted, and misbehaves when told to.

mod alphabet;
mod bind;
mod centre;
mod frame;
mod message;
mod parts;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use alphabet::Alphabet;
pub use message::Unsendable;

use crate::phone::{Happening, Phone, Phones};
use centre::{Centre, Taken};

/// Connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 64;

/// Who may bind.
#[derive(Clone)]
pub struct Login {
    /// At most 15 octets.
    pub system_id: String,
    /// At most 8 octets.
    pub password: String,
}

/// When receipts are sent, where they were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipts {
    /// Right after the response.
    #[default]
    AtOnce,
    /// Right before the response, as happens where they take different ways.
    BeforeResponse,
    /// So much later.
    After(Duration),
    /// Never.
    None,
}

/// A message as the gateway submitted it, all its parts joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// `source_addr`.
    pub from: String,
    /// `destination_addr` with `+`.
    pub to: String,
    /// The text.
    pub text: String,
    /// The alphabet that it came in.
    pub alphabet: Alphabet,
    /// In how many parts it came.
    pub parts: u8,
}

/// Why a text from a phone did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It cannot be carried.
    #[error(transparent)]
    Unsendable(#[from] Unsendable),
    /// No answer to all its parts in time; it stays in the queue.
    #[error("the gateway did not answer every deliver_sm in time")]
    NotTaken,
    /// The gateway refused a part.
    #[error("the gateway refused a deliver_sm with status {0:#010x}")]
    Refused(u32),
}

/// Nobody bound in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no gateway bound to the message centre within {waited_ms} ms")]
pub struct NotBound {
    /// How long was waited.
    pub waited_ms: u128,
}

struct Inner {
    centre: Arc<Centre>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listening.abort();
        self.centre.close();
    }
}

/// A message centre that listens until the last clone is dropped.
#[derive(Clone)]
pub struct Smsc(Arc<Inner>);

impl Smsc {
    /// Listens on a port of the loopback; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(phones: Phones, login: Login, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let centre = Arc::new(Centre::new(phones, login));
        let listening = tokio::spawn(listen(listener, Arc::clone(&centre)));
        Ok(Self(Arc::new(Inner {
            centre,
            address,
            listening,
        })))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// How many connections are bound.
    pub fn bound(&self) -> usize {
        self.0.centre.bound()
    }

    /// Waits until a connection is bound, at most `wait`.
    ///
    /// # Errors
    /// [`NotBound`] when none is.
    pub async fn until_bound(&self, wait: Duration) -> Result<(), NotBound> {
        self.until(wait, |centre| (centre.bound() > 0).then_some(()))
            .await
            .ok_or(NotBound {
                waited_ms: wait.as_millis(),
            })
    }

    /// Sends a text from a phone to a short number; returns when the gateway has answered every
    /// part with status 0, within `wait`.
    ///
    /// # Errors
    /// [`TextError`].
    pub async fn text(
        &self,
        phone: &Phone,
        to: &str,
        text: &str,
        wait: Duration,
    ) -> Result<(), TextError> {
        phone.record(Happening::Texted {
            to: to.to_owned(),
            text: text.to_owned(),
        });
        let message = self.0.centre.text(phone.number(), to, text)?;
        let taken = self.until(wait, |centre| match centre.taken(message) {
            Taken::Waiting => None,
            Taken::All => Some(Ok(())),
            Taken::Refused(status) => Some(Err(TextError::Refused(status))),
        });
        taken.await.unwrap_or(Err(TextError::NotTaken))
    }

    /// Sends `enquire_link` on every bound connection; returns how many answered within `wait`.
    pub async fn enquire(&self, wait: Duration) -> usize {
        let (asked, before) = self.0.centre.enquire();
        self.until(wait, |centre| {
            let answered = centre.enquiries_answered() - before;
            (answered >= asked).then_some(answered)
        })
        .await
        .unwrap_or_else(|| self.0.centre.enquiries_answered() - before)
    }

    /// Everything that was submitted whole, in order.
    pub fn submits(&self) -> Vec<Submit> {
        self.0.centre.submits()
    }

    /// How often a text was submitted to a number.
    pub fn submit_count(&self, to: &str, text: &str) -> usize {
        self.submits()
            .iter()
            .filter(|submit| submit.to == to && submit.text == text)
            .count()
    }

    /// How many parts (or undivided messages) came more than once with the same octets to the
    /// same number.
    pub fn parts_repeated(&self) -> usize {
        self.0.centre.parts_repeated()
    }

    /// When receipts are sent from now on.
    pub fn set_receipts(&self, receipts: Receipts) {
        self.0.centre.set_receipts(receipts);
    }

    /// Takes these `submit_sm` without a response; 1 is the next one. They are delivered.
    pub fn drop_responses(&self, numbers: &[u64]) {
        self.0.centre.set_silent(numbers);
    }

    /// Refuses the next `count` `submit_sm` with ESME_RTHROTTLED.
    pub fn throttle(&self, count: u32) {
        self.0.centre.set_throttled(count);
    }

    /// Whether messages to this number (with `+`) fail for good: no inbox, receipt `UNDELIV`.
    pub fn set_unreachable(&self, number: &str, unreachable: bool) {
        self.0.centre.set_unreachable(number, unreachable);
    }

    /// Cuts every connection without a word, and goes on listening.
    pub fn close(&self) {
        self.0.centre.close();
    }

    async fn until<T>(&self, wait: Duration, look: impl Fn(&Centre) -> Option<T>) -> Option<T> {
        let mut changes = self.0.centre.changes();
        let found = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = look(&self.0.centre) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        };
        tokio::time::timeout(wait, found).await.ok().flatten()
    }
}

async fn listen(listener: TcpListener, centre: Arc<Centre>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        connection += 1;
        let served = bind::serve(Arc::clone(&centre), connection, stream);
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests;
