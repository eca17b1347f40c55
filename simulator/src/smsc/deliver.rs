//! What goes to the gateway on one bind, and what bad behaviours make of it on the way.

use bytes::Bytes;
use rusmpp::{CommandStatus, Pdu};

use super::behaviour::Behaviour as B;
use super::bind::{Bind, End};
use super::frame::encode;
use super::queue::{Delivery, Kind};
use super::spoil;

/// Octets by which a length may lie beyond its PDU.
const BEYOND: usize = 64;

/// Where a deliver_sm that is cut short ends: within its source address.
const SHORT: usize = spoil::HEADER_BYTES + 5;

impl Bind {
    /// Sends what waits, as far as the window goes.
    pub(super) fn deliver(&mut self) {
        // Who does not read could not hear the answer.
        if !self.reads || !self.role.is_some_and(|role| role.receives()) {
            return;
        }
        while self.has_room() {
            let mut state = self.centre.lock();
            // A flood knows no window, and who is deaf is dumb as well.
            let full = self.pending.len() >= state.settings.window;
            let flood = state.floods();
            let deaf = state.manners.has(B::Deaf);
            drop(state);
            if deaf || full && !flood {
                return;
            }
            let Some((number, delivery)) = self.centre.next(self.connection) else {
                return;
            };
            self.send(number, &delivery);
        }
    }

    fn send(&mut self, number: u64, delivery: &Delivery) {
        self.precede(delivery);
        let sequence = self.next_sequence();
        let sequence = if self.centre.strikes(B::OddSequenceNumbers) {
            // 0, then from 0x8000_0000 on.
            match sequence {
                1 => 0,
                other => other | 0x8000_0000,
            }
        } else {
            sequence
        };
        let mut pdu = encode(CommandStatus::EsmeRok, sequence, delivery.pdu.clone());
        if self.centre.strikes(B::UnknownTlvs) {
            pdu = spoil::with_more(&pdu, &spoil::unknown_tlvs());
        }
        if self.centre.strikes(B::TrailingBytes) {
            pdu = spoil::with_more(&pdu, &[0, 0, 0]);
        }
        if delivery.kind == Kind::Receipt && self.centre.strikes(B::Latin1Addresses) {
            pdu = spoil::latin1_source(&pdu);
        }
        self.pending.insert(sequence, number);
        self.send_spoilt(pdu);
    }

    /// What behaviours send before a delivery.
    fn precede(&mut self, delivery: &Delivery) {
        if self.centre.strikes(B::EnquireLinkWithBody) {
            let sequence = self.next_sequence();
            self.enquiry = Some(sequence);
            let enquiry = encode(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink);
            self.write(&spoil::with_more(&enquiry, b"hello"));
        }
        if self.centre.strikes(B::UnknownCommand) {
            let sequence = self.next_sequence();
            self.write(&spoil::unknown_command(sequence));
        }
        if self.centre.strikes(B::BodyCutShort) {
            let sequence = self.next_sequence();
            let pdu = encode(CommandStatus::EsmeRok, sequence, delivery.pdu.clone());
            self.write(&spoil::cut(&pdu, SHORT));
        }
        if delivery.kind == Kind::Text && self.centre.strikes(B::Latin1Addresses) {
            let sequence = self.next_sequence();
            let pdu = encode(CommandStatus::EsmeRok, sequence, delivery.pdu.clone());
            self.write(&spoil::latin1_source(&pdu));
        }
    }

    /// Writes it, or as much of it as a behaviour lets through.
    fn send_spoilt(&mut self, pdu: Bytes) {
        let whole = pdu.len();
        let claims = |length: usize| {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            spoil::with_length(&pdu, length)
        };
        if self.centre.strikes(B::LengthTooShort) {
            self.write(&claims(8));
        } else if self.centre.strikes(B::LengthTooLong) {
            self.write(&claims(2_000_000_000));
        } else if self.centre.strikes(B::LengthBeyondPdu) {
            self.write(&claims(whole + BEYOND));
        } else if self.centre.strikes(B::ResetInPdu) {
            self.write(&pdu[..whole / 2]);
            self.end = Some(End::Reset);
        } else if self.centre.strikes(B::ByteASecond) {
            self.write(&pdu);
            self.dripping = self.out.len();
        } else {
            self.write(&pdu);
        }
    }
}
