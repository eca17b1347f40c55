//! What the message centre knows, whatever connection it came on: who may bind, what was
//! submitted, what waits to be delivered, and how it should misbehave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusmpp::CommandStatus;
use rusmpp::pdus::{DeliverSm, SubmitSm};
use tokio::sync::watch;

use super::alphabet::Alphabet;
use super::message::{self, UDHI, Unsendable};
use super::parts::{Parts, Place};
use super::{Login, Receipts, Submit};
use crate::phone::{Happening, Phones, Sms};

/// Submitted messages that are remembered; the oldest go first.
const SUBMITS_KEPT_MAX: usize = 100_000;

/// A receipt comes at most this late.
const RECEIPT_DELAY_MAX: Duration = Duration::from_secs(72 * 3_600);

/// One `deliver_sm` that the gateway has not answered yet.
struct Delivery {
    pdu: DeliverSm,
    /// Parts of one text, or a receipt, have one number.
    message: u64,
    /// The connection that it was sent on; none while nobody was bound.
    on: Option<u64>,
}

/// How it went with a message to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Some part has no answer yet.
    Waiting,
    /// Every part was answered with status 0.
    All,
    /// A part was answered with this status.
    Refused(u32),
}

#[derive(Default)]
struct State {
    bound: BTreeSet<u64>,
    deliveries: BTreeMap<u64, Delivery>,
    refused: BTreeMap<u64, u32>,
    unfinished: Parts,
    submits: Vec<Submit>,
    /// How many `submit_sm` there were.
    submit_pdus: u64,
    /// How often each part came, by destination and octets.
    part_counts: BTreeMap<(String, Vec<u8>), usize>,
    silent: BTreeSet<u64>,
    throttled: u32,
    unreachable: BTreeSet<String>,
    receipts: Receipts,
    last_number: u64,
    enquiries_answered: usize,
}

/// The message centre behind all connections.
pub struct Centre {
    phones: Phones,
    login: Login,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    closing: watch::Sender<u64>,
    enquiring: watch::Sender<u64>,
}

/// What to answer to a `submit_sm`.
pub struct Answer {
    /// `command_status`.
    pub status: CommandStatus,
    /// The message id; empty where it was refused.
    pub id: String,
    /// Whether to answer at all.
    pub silent: bool,
    /// Whether the receipt goes before the answer.
    pub receipt_first: bool,
}

impl Centre {
    pub fn new(phones: Phones, login: Login) -> Self {
        Self {
            phones,
            login,
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            closing: watch::Sender::new(0),
            enquiring: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all connections and all who wait.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
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

    pub fn close(&self) {
        self.closing.send_modify(|count| *count += 1);
    }

    /// Wakes those who wait to be told to send `enquire_link`.
    pub fn enquiries(&self) -> watch::Receiver<u64> {
        self.enquiring.subscribe()
    }

    /// Lets every bound connection send `enquire_link`; tells how many those are, and how many
    /// answers there were before.
    pub fn enquire(&self) -> (usize, usize) {
        let state = self.lock();
        let counts = (state.bound.len(), state.enquiries_answered);
        drop(state);
        self.enquiring.send_modify(|count| *count += 1);
        counts
    }

    pub fn enquiry_answered(&self) {
        self.change(|state| state.enquiries_answered += 1);
    }

    pub fn enquiries_answered(&self) -> usize {
        self.lock().enquiries_answered
    }

    pub fn set_receipts(&self, receipts: Receipts) {
        self.lock().receipts = receipts;
    }

    /// Numbers count from the next `submit_sm`, which is 1.
    pub fn set_silent(&self, numbers: &[u64]) {
        let mut state = self.lock();
        let so_far = state.submit_pdus;
        state.silent = numbers.iter().map(|number| so_far + number).collect();
    }

    pub fn set_throttled(&self, count: u32) {
        self.lock().throttled = count;
    }

    pub fn set_unreachable(&self, number: &str, unreachable: bool) {
        let mut state = self.lock();
        if unreachable {
            state.unreachable.insert(number.to_owned());
        } else {
            state.unreachable.remove(number);
        }
    }

    pub fn submits(&self) -> Vec<Submit> {
        self.lock().submits.clone()
    }

    pub fn parts_repeated(&self) -> usize {
        self.lock()
            .part_counts
            .values()
            .filter(|count| **count > 1)
            .count()
    }

    pub fn bound(&self) -> usize {
        self.lock().bound.len()
    }

    /// Checks a login and counts the connection as bound.
    pub fn bind(&self, connection: u64, system_id: &str, password: &str) -> CommandStatus {
        if system_id != self.login.system_id {
            return CommandStatus::EsmeRinvsysid;
        }
        if password != self.login.password {
            return CommandStatus::EsmeRinvpaswd;
        }
        self.change(|state| state.bound.insert(connection));
        CommandStatus::EsmeRok
    }

    /// The connection is gone: what it had not answered will be sent on the next one.
    pub fn unbind(&self, connection: u64) {
        self.change(|state| {
            state.bound.remove(&connection);
            for delivery in state.deliveries.values_mut() {
                if delivery.on == Some(connection) {
                    delivery.on = None;
                }
            }
        });
    }

    /// Up to `count` deliveries for this connection to send, in order; they count as sent on it.
    pub fn claim(&self, connection: u64, count: usize) -> Vec<(u64, DeliverSm)> {
        let mut state = self.lock();
        state
            .deliveries
            .iter_mut()
            .filter(|(_, delivery)| delivery.on.is_none())
            .take(count)
            .map(|(number, delivery)| {
                delivery.on = Some(connection);
                (*number, delivery.pdu.clone())
            })
            .collect()
    }

    /// The gateway answered a delivery.
    pub fn delivered(&self, number: u64, status: CommandStatus) {
        self.change(|state| {
            let Some(delivery) = state.deliveries.remove(&number) else {
                return;
            };
            if status != CommandStatus::EsmeRok {
                state.refused.insert(delivery.message, u32::from(status));
            }
        });
    }

    /// How it stands with a message that [`Centre::text`] took.
    pub fn taken(&self, message: u64) -> Taken {
        let state = self.lock();
        if let Some(status) = state.refused.get(&message) {
            Taken::Refused(*status)
        } else if state
            .deliveries
            .values()
            .any(|delivery| delivery.message == message)
        {
            Taken::Waiting
        } else {
            Taken::All
        }
    }

    /// Takes a text from a phone, in as many parts as it needs; tells the number of the message.
    pub fn text(&self, from: &str, to: &str, text: &str) -> Result<u64, Unsendable> {
        let alphabet = Alphabet::of(text);
        let parts = alphabet.parts(text);
        let total = u8::try_from(parts.len()).map_err(|_| Unsendable)?;
        self.change(|state| {
            state.last_number += 1;
            let message = state.last_number;
            let [.., high, low] = message.to_be_bytes();
            let reference = u16::from_be_bytes([high, low]);
            for (number, octets) in (1..=total).zip(&parts) {
                let (esm_class, octets) = if total == 1 {
                    (0, octets.clone())
                } else {
                    (
                        UDHI,
                        Place {
                            reference,
                            total,
                            number,
                        }
                        .write(octets),
                    )
                };
                let pdu =
                    message::deliver_sm(from, to, esm_class, alphabet.data_coding(), &octets)?;
                state.deliver(message, pdu);
            }
            Ok(message)
        })
    }

    /// Takes a `submit_sm`: delivers it to the phone once all its parts are there, and sends a
    /// receipt if one was asked for.
    pub fn submit(self: &Arc<Self>, pdu: &SubmitSm) -> Answer {
        let from = pdu.source_addr.as_str().trim_end_matches('\0').to_owned();
        let to = format!(
            "+{}",
            pdu.destination_addr
                .as_str()
                .trim_end_matches('\0')
                .trim_start_matches('+')
        );
        let octets = message::octets(pdu);

        let mut state = self.lock();
        state.submit_pdus += 1;
        let submit_pdus = state.submit_pdus;
        let silent = state.silent.remove(&submit_pdus);
        let refuse = |status| Answer {
            status,
            id: String::new(),
            silent,
            receipt_first: false,
        };
        if state.throttled > 0 {
            state.throttled -= 1;
            return refuse(CommandStatus::EsmeRthrottled);
        }
        let Some(alphabet) = Alphabet::of_coding(u8::from(pdu.data_coding)) else {
            return refuse(CommandStatus::EsmeRinvdcs);
        };
        let header = u8::from(pdu.esm_class) & UDHI != 0;
        let place = if header {
            Place::read(&octets)
        } else {
            Ok((None, octets.as_slice()))
        };
        let Ok((place, octets)) = place else {
            return refuse(CommandStatus::EsmeRinvesmclass);
        };

        state.last_number += 1;
        let id = format!("{:010}", state.last_number);
        *state
            .part_counts
            .entry((to.clone(), octets.to_vec()))
            .or_default() += 1;
        let (whole, parts) = match place {
            None => (Some(octets.to_vec()), 1),
            Some(place) => (
                state.unfinished.take(&from, &to, place, octets),
                place.total,
            ),
        };
        let reachable = !state.unreachable.contains(&to);
        let receipts = state.receipts;
        let arrived = whole.map(|octets| {
            // A text that its own alphabet cannot read shows on phones as something; here as this.
            let text = alphabet
                .read(&octets)
                .unwrap_or_else(|| "\u{fffd}".to_owned());
            let submit = Submit {
                from: from.clone(),
                to: to.clone(),
                text,
                alphabet,
                parts,
            };
            if state.submits.len() == SUBMITS_KEPT_MAX {
                state.submits.remove(0);
            }
            state.submits.push(submit.clone());
            submit
        });
        drop(state);

        if let Some(submit) = arrived.filter(|_| reachable) {
            let sms = Sms {
                from: submit.from,
                text: submit.text,
            };
            self.phones.phone(&to).record(Happening::Received { sms });
        }
        if u8::from(pdu.registered_delivery) & 0b11 == 1 {
            self.send_receipt(receipts, &to, &from, &id, reachable);
        }
        let receipt_first = receipts == Receipts::BeforeResponse;
        Answer {
            status: CommandStatus::EsmeRok,
            id,
            silent,
            receipt_first,
        }
    }

    fn send_receipt(self: &Arc<Self>, when: Receipts, from: &str, to: &str, id: &str, ok: bool) {
        let Ok(pdu) = message::receipt(from, to, id, ok) else {
            return;
        };
        match when {
            Receipts::None => {}
            Receipts::AtOnce | Receipts::BeforeResponse => self.queue(pdu),
            Receipts::After(delay) => {
                let centre = Arc::downgrade(self);
                tokio::spawn(async move {
                    tokio::time::sleep(delay.min(RECEIPT_DELAY_MAX)).await;
                    if let Some(centre) = centre.upgrade() {
                        centre.queue(pdu);
                    }
                });
            }
        }
    }

    fn queue(&self, pdu: DeliverSm) {
        self.change(|state| {
            state.last_number += 1;
            let message = state.last_number;
            state.deliver(message, pdu);
        });
    }
}

impl State {
    fn deliver(&mut self, message: u64, pdu: DeliverSm) {
        self.last_number += 1;
        self.deliveries.insert(
            self.last_number,
            Delivery {
                pdu,
                message,
                on: None,
            },
        );
    }
}
