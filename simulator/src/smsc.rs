//! The operator's message centre: SMPP 3.3, 3.4 and 5.0 over TCP or TLS, through `rusmpp` inside of
//! frames that are cut here.
//!
//! It takes transmitters, receivers and transceivers, which together are one gateway; delivers
//! what is submitted to the phones, sends receipts, hands over what phones text and dial. A
//! message to the gateway is kept while nobody is bound; without an answer before its connection
//! ends, it is sent again on the next one. It remembers everything that was submitted, and
//! misbehaves when told to: see [`Behaviour`].
//!
//! | module | what it stands for |
//! |---|---|
//! | `frame`, `wire` | the stream: cut into PDUs, under TLS or not |
//! | `bind`, `answer`, `deliver` | one connection: octets, what is answered, what is delivered |
//! | `centre`, `esme`, `queue`, `stored` | what all connections share |
//! | `submit`, `receipt`, `parts`, `joining`, `alphabet`, `message` | messages |
//! | `ussd` | sessions of phones, in five dialects |
//! | `behaviour`, `manners`, `spoil` | how it misbehaves |

pub(crate) mod alphabet;
mod answer;
mod behaviour;
mod bind;
mod centre;
mod deliver;
mod esme;
pub(crate) mod frame;
mod joining;
mod manners;
mod message;
mod parts;
mod phones;
mod queue;
mod receipt;
mod spoil;
mod stored;
mod submit;
mod traffic;
mod ussd;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use alphabet::Alphabet;
pub use behaviour::{BadBehaviour, Behaviour, Dose, Dosed};
pub use esme::Role;
pub use joining::Joining;
pub use manners::Timing;
pub use message::Unsendable;
pub use phones::{NotBound, TextError, UssdError};
pub use receipt::{IdStyle, ReceiptForm};
pub use rusmpp::CommandId;
pub use traffic::Traffic;
pub use ussd::{Dialect, NoDialect};
pub use wire::Certificates;

use crate::phone::Phones;
use centre::Centre;
use esme::Errand;
use wire::Wire;

/// Connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 64;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A receipt comes at most this late.
const RECEIPT_DELAY_MAX: Duration = Duration::from_secs(72 * 3_600);

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

/// What operators differ in without any of it being wrong.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When receipts are sent.
    pub receipts: Receipts,
    /// How they are written.
    pub receipt_form: ReceiptForm,
    /// How message ids are written in receipts …
    pub receipt_ids: IdStyle,
    /// … and in responses.
    pub response_ids: IdStyle,
    /// How long texts of phones are carried.
    pub joining: Joining,
    /// Whether phones' texts and receipts go as `data_sm` instead of `deliver_sm`.
    pub data_sm: bool,
    /// How USSD is carried.
    pub dialect: Dialect,
    /// Its own version: 0x33, 0x34 or 0x50.
    pub version: u8,
    /// `congestion_state` in every response, from 0 to 100 (SMPP 5.0, 4.8.4.18).
    pub congestion: Option<u8>,
    /// Requests to the gateway without an answer on one bind, at most.
    pub window: usize,
    /// Of everything that has chance in it.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            receipts: Receipts::default(),
            receipt_form: ReceiptForm::default(),
            receipt_ids: IdStyle::default(),
            response_ids: IdStyle::default(),
            joining: Joining::default(),
            data_sm: false,
            dialect: Dialect::default(),
            version: 0x34,
            congestion: None,
            window: 10,
            seed: 1,
        }
    }
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

/// Where and as whom a message centre listens.
#[derive(Clone)]
pub struct Listen {
    /// The address; the loopback unless somebody else is to try it.
    pub host: IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// TLS, if any.
    pub tls: Option<Certificates>,
}

impl Default for Listen {
    /// A free port of the loopback, without TLS.
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            tls: None,
        }
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
        let listen = Listen {
            port,
            ..Listen::default()
        };
        Self::with(phones, login, listen, Settings::default()).await
    }

    /// The same with everything said.
    ///
    /// # Errors
    /// When the port cannot be listened on, or the certificates are none.
    pub async fn with(
        phones: Phones,
        login: Login,
        listen: Listen,
        settings: Settings,
    ) -> io::Result<Self> {
        let tls = match &listen.tls {
            Some(certificates) => Some(certificates.acceptor()?),
            None => None,
        };
        let listener = TcpListener::bind((listen.host, listen.port)).await?;
        let address = listener.local_addr()?;
        let centre = Arc::new(Centre::new(phones, login, settings));
        let listening = tokio::spawn(self::listen(listener, tls, Arc::clone(&centre)));
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

    /// Switches a bad behaviour on.
    pub fn misbehave(&self, behaviour: Behaviour, dose: Dose) {
        self.0.centre.misbehave(behaviour, dose);
    }

    /// Switches it off.
    pub fn behave(&self, behaviour: Behaviour) {
        self.0.centre.lock().manners.behave(behaviour);
    }

    /// How often each behaviour struck.
    pub fn struck(&self) -> BTreeMap<Behaviour, u64> {
        self.0.centre.lock().manners.struck()
    }

    /// Changes the numbers that behaviours go by.
    pub fn set_timing(&self, timing: Timing) {
        self.0.centre.lock().manners.timing = timing;
    }

    /// Changes the settings, from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.0.centre.lock().settings);
    }

    /// What went over the wire so far.
    pub fn traffic(&self) -> Traffic {
        self.0.centre.lock().traffic.clone()
    }

    /// When receipts are sent from now on.
    pub fn set_receipts(&self, receipts: Receipts) {
        self.set(|settings| settings.receipts = receipts);
    }

    /// Takes these `submit_sm` without a response; 1 is the next one. They are delivered.
    pub fn drop_responses(&self, numbers: &[u64]) {
        let mut state = self.0.centre.lock();
        let so_far = state.submit_pdus;
        state.silent = numbers.iter().map(|number| so_far + number).collect();
    }

    /// Refuses the next `count` `submit_sm` with ESME_RTHROTTLED.
    pub fn throttle(&self, count: u32) {
        self.misbehave(Behaviour::ThrottlingStorm, Dose::Times(count));
    }

    /// Whether messages to this number (with `+`) fail for good: no inbox, receipt `UNDELIV`.
    pub fn set_unreachable(&self, number: &str, unreachable: bool) {
        let mut state = self.0.centre.lock();
        if unreachable {
            state.unreachable.insert(number.to_owned());
        } else {
            state.unreachable.remove(number);
        }
    }

    /// Switches a phone off or on: what comes for it meanwhile is held, and can be asked about,
    /// cancelled and replaced.
    pub fn switch(&self, number: &str, on: bool) {
        self.0.centre.switch(number, on);
    }

    /// Sends `unbind` on every bind.
    pub fn unbind(&self) {
        self.0.centre.lock().esmes.send_all(&Errand::Unbind);
    }

    /// Calls a gateway that listens and asks it by `outbind` to bind (SMPP 3.4, 2.2.1).
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn outbind(&self, to: SocketAddr) -> io::Result<()> {
        let tcp = TcpStream::connect(to).await?;
        let centre = Arc::clone(&self.0.centre);
        tokio::spawn(bind::serve_outbound(centre, Wire::Plain(tcp)));
        Ok(())
    }

    /// Cuts every connection without a word, and goes on listening.
    pub fn close(&self) {
        self.0.centre.close();
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, centre: Arc<Centre>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    while let Ok((tcp, _)) = listener.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (tls, centre) = (tls.clone(), Arc::clone(&centre));
        tokio::spawn(async move {
            // Without it small PDUs wait for each other; a failure costs time only.
            let _ = tcp.set_nodelay(true);
            let wire = match tls {
                None => Some(Wire::Plain(tcp)),
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(tcp)).await {
                    Ok(Ok(stream)) => Some(Wire::Tls(Box::new(stream))),
                    Ok(Err(_)) | Err(_) => None,
                },
            };
            if let Some(wire) = wire {
                bind::serve(centre, wire).await;
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests;
