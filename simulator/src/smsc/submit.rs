//! What the gateway submits: a message for a phone, its receipts, a screen of a USSD session.

use std::sync::Arc;

use rusmpp::values::MessageState;
use rusmpp::{CommandStatus, Pdu};

use super::Submit;
use super::alphabet::Alphabet;
use super::behaviour::Behaviour;
use super::centre::{Centre, State};
use super::message::{Submitted, UDHI};
use super::parts::Place;
use super::queue::Kind;
use super::receipt::{IdStyle, Told, receipt};
use crate::phone::{Happening, Sms};

/// What to answer to a `submit_sm` or `data_sm`.
pub struct Answer {
    /// `command_status`.
    pub status: CommandStatus,
    /// The message id; empty where it was refused.
    pub id: String,
    /// Whether to answer at all.
    pub silent: bool,
    /// The receipts that are due at once.
    pub receipts: Vec<Pdu>,
}

impl Answer {
    fn refused(status: CommandStatus) -> Self {
        Self {
            status,
            id: String::new(),
            silent: false,
            receipts: Vec::new(),
        }
    }
}

/// What happened on phones.
type Happened = Vec<(String, Happening)>;

fn arrival(submit: Submit) -> (String, Happening) {
    let Submit { from, to, text, .. } = submit;
    let sms = Sms { from, text };
    (to, Happening::Received { sms })
}

/// Where a part belongs, and its octets without the header.
fn place(submitted: &Submitted) -> Result<(Option<Place>, &[u8]), CommandStatus> {
    let octets = submitted.octets.as_slice();
    if submitted.esm_class & UDHI != 0 {
        return Place::read(octets).map_err(|_| CommandStatus::EsmeRinvesmclass);
    }
    match submitted.sar {
        Some(place) if !place.is_possible() => Err(CommandStatus::EsmeRinvtlvval),
        place => Ok((place, octets)),
    }
}

impl Centre {
    /// Takes a `submit_sm` or `data_sm`: delivers it to the phone once all its parts are there.
    pub fn submit(self: &Arc<Self>, submitted: &Submitted) -> Answer {
        let mut state = self.lock();
        state.submit_pdus += 1;
        let count = state.submit_pdus;
        let silent = state.silent.remove(&count);
        let mut happened = Vec::new();
        let answer = if submitted.ussd_op.is_some() {
            state.screen(submitted, &mut happened)
        } else {
            state.message(submitted, &mut happened)
        };
        drop(state);
        self.record(happened);
        // Whoever waits for a submit looks again.
        self.change(|_| ());
        Answer { silent, ..answer }
    }

    fn record(&self, happened: Happened) {
        for (phone, happening) in happened {
            self.phones.phone(&phone).record(happening);
        }
    }

    /// Switches a phone off or on. What was held for it arrives then, with its receipts.
    pub fn switch(self: &Arc<Self>, phone: &str, on: bool) {
        let mut receipts = Vec::new();
        let released = self.change(|state| {
            let released = state.store.switch(phone, on);
            for held in released.iter().filter(|held| held.receipt) {
                let Submit { from, to, .. } = &held.submit;
                let delivered = MessageState::Delivered;
                receipts.extend(state.receipts(held.number, to, from, delivered));
            }
            released
        });
        self.record(
            released
                .into_iter()
                .map(|held| arrival(held.submit))
                .collect(),
        );
        self.send_receipts(receipts);
    }
}

impl State {
    fn message(&mut self, submitted: &Submitted, happened: &mut Happened) -> Answer {
        let Submitted { from, to, .. } = submitted;
        let Some(alphabet) = Alphabet::of_coding(submitted.data_coding) else {
            return Answer::refused(CommandStatus::EsmeRinvdcs);
        };
        let (place, octets) = match place(submitted) {
            Ok(found) => found,
            Err(status) => return Answer::refused(status),
        };
        let number = self.next_message();
        let id = self.settings.response_ids.write(number);
        let off = self.store.is_off(to);
        let arrives = match (off, self.unreachable.contains(to)) {
            (true, _) => MessageState::Enroute,
            (false, true) => MessageState::Undeliverable,
            (false, false) => MessageState::Delivered,
        };
        self.store.came(&id, from, to, octets, arrives);
        let (whole, parts) = match place {
            None => (Some(octets.to_vec()), 1),
            Some(place) => (self.unfinished.take(from, to, place, octets), place.total),
        };
        let wanted = submitted.registered_delivery & 0b11;
        if let Some(octets) = whole {
            let submit = Submit {
                from: from.clone(),
                to: to.clone(),
                // A text that its own alphabet cannot read shows on phones as something; here so.
                text: alphabet
                    .read(&octets)
                    .unwrap_or_else(|| "\u{fffd}".to_owned()),
                alphabet,
                parts,
            };
            self.store.whole(&submit);
            if off {
                self.store.hold(&id, number, submit, wanted == 1);
            } else if arrives == MessageState::Delivered {
                happened.push(arrival(submit));
            }
        }
        let receipts = match wanted {
            // Success or failure; failure alone (SMPP 3.4, 5.2.17).
            1 if !off => self.receipts(number, to, from, arrives),
            2 if arrives == MessageState::Undeliverable => self.receipts(number, to, from, arrives),
            _ => Vec::new(),
        };
        Answer {
            status: CommandStatus::EsmeRok,
            id,
            silent: false,
            receipts,
        }
    }

    fn screen(&mut self, submitted: &Submitted, happened: &mut Happened) -> Answer {
        let dialect = self.settings.dialect;
        match self.sessions.reply(dialect, submitted) {
            Err(status) => Answer::refused(status),
            Ok(reply) => {
                let number = self.next_message();
                if let Some(confirmation) = reply.confirmation {
                    self.queue.push(number, Kind::Ussd, confirmation);
                }
                let screen = reply.screen;
                happened.push((submitted.to.clone(), Happening::Shown { screen }));
                Answer {
                    status: CommandStatus::EsmeRok,
                    id: self.settings.response_ids.write(number),
                    silent: false,
                    receipts: Vec::new(),
                }
            }
        }
    }

    /// The receipts of a message: one, or what a behaviour makes of it.
    fn receipts(&mut self, number: u64, from: &str, to: &str, state: MessageState) -> Vec<Pdu> {
        let form = self.settings.receipt_form;
        let form = if self.esmes.without_tlvs() {
            form.without_tlvs()
        } else {
            form
        };
        let mut style = self.settings.receipt_ids;
        if self.manners.strikes(Behaviour::ReceiptsOtherFormat) {
            let response = self.settings.response_ids.write(number);
            let others: Vec<IdStyle> = IdStyle::ALL
                .into_iter()
                .filter(|other| other.write(number) != response)
                .collect();
            style = others[self.manners.chance.below(others.len())];
        }
        let mut told = vec![Told {
            id: style.write(number),
            from: from.to_owned(),
            to: to.to_owned(),
            state,
        }];
        if self.manners.strikes(Behaviour::ReceiptsDoubled) {
            told.push(told[0].clone());
        }
        if self.manners.strikes(Behaviour::ReceiptsContradictory) {
            let state = if state == MessageState::Delivered {
                MessageState::Undeliverable
            } else {
                MessageState::Delivered
            };
            told.push(Told {
                state,
                ..told[0].clone()
            });
        }
        told.iter()
            .filter_map(|told| receipt(told, form).ok())
            .map(|pdu| {
                if self.settings.data_sm {
                    Pdu::from(super::message::data_sm(&pdu))
                } else {
                    Pdu::from(pdu)
                }
            })
            .collect()
    }
}
