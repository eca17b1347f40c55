//! What the message centre knows, whatever connection it came on, and who is told when it changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusmpp::{CommandStatus, Pdu};
use tokio::sync::watch;

use super::behaviour::{Behaviour, Dose};
use super::esme::{Errand, Esme, Esmes};
use super::manners::Manners;
use super::message::Unsendable;
use super::parts::Parts;
use super::queue::{Delivery, Kind, Queue};
use super::receipt::{IdStyle, ReceiptForm, Told, receipt};
use super::stored::Store;
use super::traffic::Traffic;
use super::ussd::Sessions;
use super::{Login, Receipts, Settings, joining, message};
use crate::phone::Phones;

/// After "come again" a request to the gateway rests for so long.
const REST: Duration = Duration::from_millis(250);

/// Message ids begin behind this, so that an id in decimal is no other one in hexadecimal.
const FIRST_ID: u64 = 3_000_000_000;

/// Everything that changes.
pub struct State {
    pub login: Login,
    pub settings: Settings,
    pub manners: Manners,
    pub esmes: Esmes,
    pub queue: Queue,
    pub store: Store,
    pub unfinished: Parts,
    pub sessions: Sessions,
    pub traffic: Traffic,
    /// Counts `submit_sm` and `data_sm`.
    pub submit_pdus: u64,
    /// Those that get no response, by their count.
    pub silent: BTreeSet<u64>,
    pub unreachable: BTreeSet<String>,
    pub enquiries_answered: usize,
    /// Answers that wait for another bind than the one that they belong on.
    pub strays: Vec<Bytes>,
    flooding: bool,
    last_message: u64,
    last_connection: u64,
}

/// The message centre behind all connections.
pub struct Centre {
    /// The phones of the network.
    pub phones: Phones,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    closing: watch::Sender<u64>,
}

impl Centre {
    pub fn new(phones: Phones, login: Login, settings: Settings) -> Self {
        let state = State {
            login,
            settings,
            manners: Manners::new(settings.seed),
            esmes: Esmes::default(),
            queue: Queue::default(),
            store: Store::default(),
            unfinished: Parts::default(),
            sessions: Sessions::default(),
            traffic: Traffic::default(),
            submit_pdus: 0,
            silent: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            enquiries_answered: 0,
            strays: Vec::new(),
            flooding: false,
            last_message: 0,
            last_connection: 0,
        };
        Self {
            phones,
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            closing: watch::Sender::new(0),
        }
    }

    /// The state, to look at or to change without waking anybody.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all connections and all who wait.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        changed
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn closings(&self) -> watch::Receiver<u64> {
        self.closing.subscribe()
    }

    /// Cuts every connection.
    pub fn close(&self) {
        self.closing.send_modify(|count| *count += 1);
    }

    /// A number for the next connection.
    pub fn next_connection(&self) -> u64 {
        let mut state = self.lock();
        state.last_connection += 1;
        state.last_connection
    }

    /// Whether a behaviour strikes now.
    pub fn strikes(&self, behaviour: Behaviour) -> bool {
        let strikes = self.lock().manners.strikes(behaviour);
        if strikes {
            self.changed.send_modify(|count| *count += 1);
        }
        strikes
    }

    /// Switches a behaviour on.
    pub fn misbehave(&self, behaviour: Behaviour, dose: Dose) {
        self.change(|state| {
            state.manners.misbehave(behaviour, dose);
            if behaviour == Behaviour::Flood && state.manners.strikes(behaviour) {
                state.flood();
            }
        });
        if behaviour == Behaviour::CredentialsChanged {
            self.close();
        }
    }

    /// A connection is bound; what waited for another bind goes to it.
    pub fn bind(&self, connection: u64, esme: Esme) -> Vec<Bytes> {
        self.change(|state| {
            state.esmes.bind(connection, esme);
            std::mem::take(&mut state.strays)
        })
    }

    /// The connection is gone: what it had not answered will be sent on the next one.
    pub fn unbind(&self, connection: u64) {
        self.change(|state| {
            state.esmes.unbind(connection);
            state.queue.release(connection);
        });
    }

    /// Gives an answer to another bind than its own; where there is none yet, to the next one.
    /// Whether there was one.
    pub fn send_elsewhere(&self, than: u64, octets: Bytes) -> bool {
        let mut state = self.lock();
        let sent = state.esmes.send_other(than, &Errand::Write(octets.clone()));
        if !sent {
            state.strays.push(octets);
        }
        sent
    }

    /// The next request for a connection, which counts as sent on it.
    pub fn next(&self, connection: u64) -> Option<(u64, Delivery)> {
        self.lock().queue.next(connection)
    }

    /// The gateway answered a request: an error that says "later" (SMPP 3.4, 5.1.3) makes it come
    /// again after a while.
    pub fn answered(self: &Arc<Self>, number: u64, status: CommandStatus) {
        let later = matches!(
            status,
            CommandStatus::EsmeRmsgqful | CommandStatus::EsmeRthrottled
        );
        if later && self.lock().queue.rest(number) {
            let centre = Arc::downgrade(self);
            tokio::spawn(async move {
                tokio::time::sleep(REST).await;
                if let Some(centre) = centre.upgrade() {
                    centre.change(|state| state.queue.again(number));
                }
            });
            return;
        }
        self.change(|state| state.queue.answered(number, u32::from(status)));
    }

    /// Takes a text from a phone, in as many parts as it needs; tells the number of the message.
    pub fn text(&self, from: &str, to: &str, text: &str) -> Result<u64, Unsendable> {
        self.change(|state| {
            let message = state.next_message();
            let [.., high, low] = message.to_be_bytes();
            let reference = u16::from_be_bytes([high, low]);
            let joining = state.settings.joining;
            let mut pdus = joining::deliveries(from, to, text, joining, reference)?;
            if pdus.len() > 1 && state.manners.strikes(Behaviour::PartsLost) {
                pdus.remove(state.manners.chance.below(pdus.len()));
            }
            if pdus.len() > 1 && state.manners.strikes(Behaviour::PartsShuffled) {
                pdus = pdus
                    .into_iter()
                    .rev()
                    .flat_map(|pdu| [pdu.clone(), pdu])
                    .collect();
            }
            for pdu in pdus {
                let pdu = if state.settings.data_sm {
                    Pdu::from(message::data_sm(&pdu))
                } else {
                    Pdu::from(pdu)
                };
                state.queue.push(message, Kind::Text, pdu);
            }
            Ok(message)
        })
    }

    /// Queues receipts, now or later, as it is set.
    pub fn send_receipts(self: &Arc<Self>, receipts: Vec<Pdu>) {
        let when = self.lock().settings.receipts;
        match when {
            Receipts::None => {}
            _ if receipts.is_empty() => {}
            Receipts::AtOnce | Receipts::BeforeResponse => {
                self.change(|state| state.queue_receipts(receipts));
            }
            Receipts::After(delay) => {
                let centre = Arc::downgrade(self);
                tokio::spawn(async move {
                    tokio::time::sleep(delay.min(super::RECEIPT_DELAY_MAX)).await;
                    if let Some(centre) = centre.upgrade() {
                        centre.change(|state| state.queue_receipts(receipts));
                    }
                });
            }
        }
    }
}

impl State {
    /// A number for the next message.
    pub fn next_message(&mut self) -> u64 {
        self.last_message += 1;
        FIRST_ID + self.last_message
    }

    fn queue_receipts(&mut self, receipts: Vec<Pdu>) {
        for pdu in receipts {
            let message = self.next_message();
            self.queue.push(message, Kind::Receipt, pdu);
        }
    }

    /// Whether a flood runs, which knows no window.
    pub fn floods(&mut self) -> bool {
        self.flooding &= self.queue.unanswered() > 0;
        self.flooding
    }

    /// A burst of receipts for messages that nobody knows.
    fn flood(&mut self) {
        self.flooding = true;
        for number in 0..u64::from(self.manners.timing.flood) {
            let told = Told {
                id: IdStyle::Padded.write(9_000_000_000 + number),
                from: "+212600000000".to_owned(),
                to: "0".to_owned(),
                state: rusmpp::values::MessageState::Delivered,
            };
            if let Ok(pdu) = receipt(&told, ReceiptForm::ShortText) {
                self.queue_receipts(vec![Pdu::from(pdu)]);
            }
        }
    }
}
