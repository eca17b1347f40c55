//! One bind, without its socket: what comes in, and what is to be done. It has no clock; the time
//! comes in with every input.

mod events;
mod silence;
mod unread;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::clock::Moment;
use crate::smpp::command::{self, Command, Status};
use crate::smpp::config::{BindKind, Numbers};
use crate::smpp::frame::{self, Frame, FrameError, Raw};
use crate::smpp::outgoing;
use crate::smpp::pdu::{self, Bind, DecodeError, EncodeError, Pdu};
use crate::smpp::receipt;
pub use crate::smpp::session::events::{Close, Delivered, Input, Odd, Output, Ticket};
use crate::smpp::session::silence::Silence;
use crate::smpp::session::unread::Unread;
use crate::store::PartOutcome;

/// The highest sequence number (SMPP 3.4, 3.2); 1 follows it.
pub const SEQUENCE_MAX: u32 = 0x7fff_ffff;

/// The number of the first request.
const FIRST: u32 = 1;

/// Submits past their time-out of which a late answer is still told, at most.
const LATE_MAX: usize = 1_000;

/// congestion_state (SMPP 5.0, 4.8.4.18).
const CONGESTION_STATE: u16 = 0x0428;
/// From so many percent on, the operator asks us to slow down.
const CONGESTED_FROM: u32 = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The operator has called us; its outbind is waited for.
    Called { until: Moment },
    /// The bind request is out.
    Binding { sequence: u32, until: Moment },
    /// Messages flow.
    Bound,
    /// Nothing new begins; what is under way is waited for.
    Draining { until: Moment },
    /// The unbind request is out.
    Unbinding { until: Moment },
    /// Over.
    Closed,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    sequence: u32,
    ticket: Ticket,
    sent: Moment,
    until: Moment,
    /// How many answers of ours it came behind.
    behind: u64,
}

/// A delivery without our answer.
#[derive(Clone, Debug)]
struct Owed {
    delivered: Delivered,
    body: Bytes,
    /// When a text came; a receipt that comes again changes nothing.
    came: Option<Moment>,
}

/// One bind.
#[derive(Debug)]
pub struct Session {
    numbers: Numbers,
    kind: BindKind,
    state: State,
    /// The bind request, until it is out.
    request: Option<Raw>,
    /// The sequence number given last.
    sequence: u32,
    /// Submits without an answer, in the order of their time-outs.
    flights: VecDeque<Flight>,
    /// Submits past their time-out, in the same order.
    late: VecDeque<Flight>,
    silence: Silence,
    /// Deliveries without our answer.
    owed: Vec<Owed>,
    /// Answers of ours that the operator may not have read.
    unread: Unread,
    /// There is no room for further ones.
    full: bool,
    heard_at: Moment,
    enquiry: Option<Moment>,
    /// The sequence number of the last enquire_link, and how many answers of ours it came behind.
    enquired: Option<(u32, u64)>,
    partial: Option<Moment>,
}

impl Session {
    /// Begins with a bind request on a fresh connection.
    ///
    /// # Errors
    /// [`EncodeError`] when a setting does not fit its field.
    pub fn open(
        numbers: Numbers,
        kind: BindKind,
        bind: Bind<'_>,
        now: Moment,
        outputs: &mut Vec<Output>,
    ) -> Result<Self, EncodeError> {
        let mut session = Self::called(numbers, kind, bind, now)?;
        session.bind(now, outputs);
        Ok(session)
    }

    /// Begins on a connection that the operator has made: the bind request goes out after its
    /// outbind (SMPP 3.4, 2.2.1).
    ///
    /// # Errors
    /// [`EncodeError`] when a setting does not fit its field.
    pub fn called(
        numbers: Numbers,
        kind: BindKind,
        bind: Bind<'_>,
        now: Moment,
    ) -> Result<Self, EncodeError> {
        let request = Pdu::Bind(kind.command(), bind).encode(Status::OK, FIRST)?;
        Ok(Self {
            numbers,
            kind,
            state: State::Called {
                until: now.plus(numbers.bind),
            },
            request: Some(Raw(request)),
            sequence: 0,
            flights: VecDeque::new(),
            late: VecDeque::new(),
            silence: Silence::new(numbers),
            owed: Vec::new(),
            unread: Unread::default(),
            full: false,
            heard_at: now,
            enquiry: None,
            enquired: None,
            partial: None,
        })
    }

    fn bind(&mut self, now: Moment, outputs: &mut Vec<Output>) {
        outputs.extend(self.request.take().map(Output::Write));
        self.sequence = FIRST;
        self.state = State::Binding {
            sequence: FIRST,
            until: now.plus(self.numbers.bind),
        };
    }

    /// Since when deliveries have come whose answers the operator may not have read; none where it
    /// has shown that it read all. Answers to requests that were written behind them show it.
    pub fn unread_since(&self) -> Option<Moment> {
        let owed = self.owed.iter().filter_map(|owed| owed.came);
        owed.chain(self.unread.since()).min()
    }

    /// Messages that wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether a submit would be sent now.
    pub fn has_room(&self) -> bool {
        self.kind.sends() && self.state == State::Bound && self.flights.len() < self.numbers.window
    }

    /// When the next [`Input::Tick`] is due; none when the bind is over.
    pub fn due(&self) -> Option<Moment> {
        let of_state = match self.state {
            State::Called { until }
            | State::Binding { until, .. }
            | State::Draining { until }
            | State::Unbinding { until } => until,
            State::Bound => self
                .enquiry
                .unwrap_or(self.heard_at.plus(self.numbers.idle)),
            State::Closed => return None,
        };
        let others = [
            self.partial,
            self.flights.front().map(|flight| flight.until),
            self.late.front().map(|flight| flight.until),
            self.silence.due().filter(|_| self.state == State::Bound),
        ];
        others.into_iter().flatten().chain([of_state]).min()
    }

    /// Moves the bind by one input; what is to be done is put behind `outputs`, in order.
    pub fn on(&mut self, input: Input, now: Moment, outputs: &mut Vec<Output>) {
        match input {
            Input::Frame(frame) => self.on_frame(&frame, now, outputs),
            Input::Partial => {
                if self.partial.is_none() {
                    self.partial = Some(now.plus(self.numbers.pdu));
                }
            }
            Input::Broken(error) => self.on_broken(error, outputs),
            Input::Submit(ticket, Raw(pdu)) => self.on_submit(ticket, pdu, now, outputs),
            Input::Answer(delivered, status) => self.on_answer(delivered, status, outputs),
            Input::Full(full) => self.full = full,
            Input::Tick => self.on_tick(now, outputs),
            Input::Stop => self.on_stop(now, outputs),
            Input::Lost => self.close(Close::Lost, outputs),
        }
        self.drained(now, outputs);
    }

    fn on_frame(&mut self, frame: &Frame, now: Moment, outputs: &mut Vec<Output>) {
        if self.state == State::Closed {
            return;
        }
        self.heard_at = now;
        self.enquiry = None;
        self.partial = None;
        let header = frame.header;
        match pdu::decode(frame) {
            Ok((read, stray)) => {
                if stray > 0 {
                    outputs.push(Output::Odd(Odd::Stray(stray)));
                }
                self.on_pdu(read, frame, now, outputs);
            }
            Err(DecodeError::UnknownCommand(id)) => {
                outputs.push(Output::Odd(Odd::UnknownCommand));
                if !command::is_answer(id) {
                    say(
                        Command::GenericNack,
                        Status::BAD_COMMAND,
                        header.sequence,
                        outputs,
                    );
                }
            }
            Err(DecodeError::Body { command, status }) => {
                outputs.push(Output::Odd(Odd::BadBody));
                if let Some(answer) = command.answer() {
                    say(answer, status, header.sequence, outputs);
                }
            }
        }
    }

    fn on_pdu(&mut self, read: Pdu<'_>, frame: &Frame, now: Moment, outputs: &mut Vec<Output>) {
        let sequence = frame.header.sequence;
        let status = frame.header.status;
        match read {
            Pdu::EnquireLink => say(Command::EnquireLinkResp, Status::OK, sequence, outputs),
            // It has been heard, which is all that was asked.
            Pdu::EnquireLinkResp => {
                if let Some((_, behind)) = self.enquired.take_if(|(asked, _)| *asked == sequence) {
                    self.unread.read(behind);
                }
            }
            Pdu::Unbind => {
                say(Command::UnbindResp, Status::OK, sequence, outputs);
                self.close(Close::Unbound, outputs);
            }
            Pdu::UnbindResp => match self.state {
                State::Unbinding { .. } => self.close(Close::Stopped, outputs),
                State::Called { .. }
                | State::Binding { .. }
                | State::Bound
                | State::Draining { .. }
                | State::Closed => outputs.push(Output::Odd(Odd::Unasked)),
            },
            Pdu::BindResp(answer, _) if self.is_binding(sequence) => {
                // Which bind it answers, its number says; some answer with another's name.
                if Some(answer) != self.kind.command().answer() {
                    outputs.push(Output::Odd(Odd::Misplaced));
                }
                if status.is_ok() {
                    self.state = State::Bound;
                    outputs.push(Output::Bound);
                } else {
                    self.close(Close::Refused(status), outputs);
                }
            }
            Pdu::GenericNack if self.is_binding(sequence) => {
                self.close(Close::Refused(status), outputs)
            }
            Pdu::SubmitSmResp(resp) => {
                let flying = self.flights.iter().find(|f| f.sequence == sequence);
                let congestion = resp.tlvs.number(CONGESTION_STATE).unwrap_or(0).min(100);
                if let Some(flight) = flying.filter(|_| congestion >= CONGESTED_FROM) {
                    let percent = u8::try_from(congestion).unwrap_or(100);
                    outputs.push(Output::Congested(flight.ticket, percent));
                }
                let outcome = outgoing::outcome(status, resp.message_id);
                self.on_response(sequence, outcome, outputs);
            }
            Pdu::GenericNack => {
                // A nack without a status is one all the same.
                let status = if status.is_ok() {
                    Status::SUBMIT_FAILED
                } else {
                    status
                };
                self.on_response(sequence, outgoing::outcome(status, &[]), outputs);
            }
            Pdu::DeliverSm(sm) => {
                let came = Some(now).filter(|_| !receipt::is_receipt(&sm));
                self.on_delivery(
                    Delivered {
                        answer: Command::DeliverSmResp,
                        sequence,
                    },
                    frame,
                    came,
                    outputs,
                );
            }
            Pdu::DataSm(sm) => {
                let came = Some(now).filter(|_| !receipt::is_receipt(&sm));
                self.on_delivery(
                    Delivered {
                        answer: Command::DataSmResp,
                        sequence,
                    },
                    frame,
                    came,
                    outputs,
                );
            }
            Pdu::Bind(..)
            | Pdu::SubmitSm(_)
            | Pdu::QuerySm(_)
            | Pdu::CancelSm(_)
            | Pdu::ReplaceSm(_) => {
                outputs.push(Output::Odd(Odd::Misplaced));
                if let Some(answer) = read.command().answer() {
                    say(answer, Status::BAD_BIND_STATE, sequence, outputs);
                }
            }
            Pdu::BindResp(..)
            | Pdu::DeliverSmResp(_)
            | Pdu::DataSmResp(_)
            | Pdu::QuerySmResp(_)
            | Pdu::CancelSmResp
            | Pdu::ReplaceSmResp => {
                outputs.push(Output::Odd(Odd::Unasked));
            }
            Pdu::Outbind(_) => match self.state {
                State::Called { .. } => self.bind(now, outputs),
                State::Binding { .. }
                | State::Bound
                | State::Draining { .. }
                | State::Unbinding { .. }
                | State::Closed => outputs.push(Output::Odd(Odd::Misplaced)),
            },
            Pdu::AlertNotification(_) => outputs.push(Output::Odd(Odd::Ignored)),
        }
    }

    fn is_binding(&self, with: u32) -> bool {
        matches!(self.state, State::Binding { sequence, .. } if sequence == with)
    }

    fn on_response(&mut self, sequence: u32, outcome: PartOutcome, outputs: &mut Vec<Output>) {
        let (flight, output) = if let Some(flight) = take(&mut self.flights, sequence) {
            (flight, Output::Done(flight.ticket, outcome))
        } else if let Some(flight) = take(&mut self.late, sequence) {
            (flight, Output::Late(flight.ticket, outcome))
        } else {
            outputs.push(Output::Odd(Odd::Unasked));
            return;
        };
        self.silence.heard();
        self.unread.read(flight.behind);
        outputs.push(output);
    }

    fn on_delivery(
        &mut self,
        delivered: Delivered,
        frame: &Frame,
        came: Option<Moment>,
        outputs: &mut Vec<Output>,
    ) {
        let refuse = match self.state {
            State::Bound => self.full.then_some((Odd::Shed, Status::THROTTLED)),
            // It comes again on the next bind; another status would make some operators drop it.
            State::Called { .. }
            | State::Binding { .. }
            | State::Draining { .. }
            | State::Unbinding { .. }
            | State::Closed => Some((Odd::Misplaced, Status::QUEUE_FULL)),
        };
        let again = |owed: &Owed| owed.delivered == delivered && owed.body == frame.body;
        if self.owed.iter().any(again) {
            outputs.push(Output::Odd(Odd::Repeated));
        } else if let Some((odd, status)) = refuse {
            outputs.push(Output::Odd(odd));
            say(delivered.answer, status, delivered.sequence, outputs);
        } else {
            // Better a message on the wrong bind than none.
            if !self.kind.receives() {
                outputs.push(Output::Odd(Odd::Misplaced));
            }
            self.owed.push(Owed {
                delivered,
                body: frame.body.clone(),
                came,
            });
            outputs.push(Output::Deliver(delivered, frame.clone()));
        }
    }

    fn on_broken(&mut self, error: FrameError, outputs: &mut Vec<Output>) {
        if self.state != State::Closed {
            say(
                Command::GenericNack,
                Status::BAD_LENGTH,
                error.sequence,
                outputs,
            );
            self.close(Close::Broken, outputs);
        }
    }

    fn on_submit(
        &mut self,
        ticket: Ticket,
        mut pdu: Vec<u8>,
        now: Moment,
        outputs: &mut Vec<Output>,
    ) {
        if !self.has_room() {
            outputs.push(Output::Done(ticket, PartOutcome::NotSent));
            return;
        }
        let sequence = self.next_sequence();
        frame::number(&mut pdu, sequence);
        self.flights.push_back(Flight {
            sequence,
            ticket,
            sent: now,
            until: now.plus(self.numbers.response),
            behind: self.unread.written(),
        });
        self.silence.sent(now);
        outputs.push(Output::Submit(ticket, Raw(pdu)));
    }

    fn on_answer(&mut self, delivered: Delivered, status: Status, outputs: &mut Vec<Output>) {
        let owed = self.owed.iter().position(|o| o.delivered == delivered);
        if let Some(at) = owed {
            let owed = self.owed.swap_remove(at);
            owed.came
                .into_iter()
                .for_each(|came| self.unread.answered(came));
        }
        match self.state {
            State::Called { .. }
            | State::Binding { .. }
            | State::Bound
            | State::Draining { .. }
            | State::Unbinding { .. } => {
                say(delivered.answer, status, delivered.sequence, outputs);
            }
            State::Closed => {}
        }
    }

    fn on_tick(&mut self, now: Moment, outputs: &mut Vec<Output>) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.until <= now) {
            outputs.push(Output::Done(flight.ticket, PartOutcome::Unknown));
            self.silence.timed_out(flight.sent, now);
            if self.late.len() >= LATE_MAX {
                self.late.pop_front();
            }
            self.late.push_back(Flight {
                until: now.plus(self.numbers.late),
                ..flight
            });
        }
        while self
            .late
            .pop_front_if(|flight| flight.until <= now)
            .is_some()
        {}
        if self.state != State::Closed && self.partial.is_some_and(|until| until <= now) {
            self.close(Close::Slow, outputs);
        }
        if self.state == State::Bound && self.silence.is_over(now) {
            self.close(Close::Mute, outputs);
        }
        match self.state {
            State::Called { until } if until <= now => self.close(Close::NoOutbind, outputs),
            State::Binding { until, .. } if until <= now => self.close(Close::BindTimeout, outputs),
            State::Bound => self.enquire(now, outputs),
            State::Draining { until } | State::Unbinding { until } if until <= now => {
                self.close(Close::Stopped, outputs);
            }
            State::Called { .. }
            | State::Binding { .. }
            | State::Draining { .. }
            | State::Unbinding { .. }
            | State::Closed => {}
        }
    }

    fn enquire(&mut self, now: Moment, outputs: &mut Vec<Output>) {
        match self.enquiry {
            Some(until) if until <= now => self.close(Close::Silent, outputs),
            None if self.heard_at.plus(self.numbers.idle) <= now => {
                self.enquiry = Some(now.plus(self.numbers.response));
                let sequence = self.next_sequence();
                self.enquired = Some((sequence, self.unread.written()));
                say(Command::EnquireLink, Status::OK, sequence, outputs);
            }
            Some(_) | None => {}
        }
    }

    fn on_stop(&mut self, now: Moment, outputs: &mut Vec<Output>) {
        match self.state {
            State::Called { .. } | State::Binding { .. } => self.close(Close::Stopped, outputs),
            State::Bound => {
                self.state = State::Draining {
                    until: now.plus(self.numbers.drain),
                }
            }
            State::Draining { .. } | State::Unbinding { .. } | State::Closed => {}
        }
    }

    /// Unbinds once nothing is under way any more.
    fn drained(&mut self, now: Moment, outputs: &mut Vec<Output>) {
        match self.state {
            State::Draining { until }
                if self.flights.is_empty() && self.owed.is_empty() && now < until =>
            {
                let sequence = self.next_sequence();
                say(Command::Unbind, Status::OK, sequence, outputs);
                self.state = State::Unbinding { until };
            }
            State::Called { .. }
            | State::Binding { .. }
            | State::Bound
            | State::Draining { .. }
            | State::Unbinding { .. }
            | State::Closed => {}
        }
    }

    fn close(&mut self, why: Close, outputs: &mut Vec<Output>) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        let unknown = self
            .flights
            .drain(..)
            .map(|flight| Output::Done(flight.ticket, PartOutcome::Unknown));
        outputs.extend(unknown);
        self.late.clear();
        self.silence.heard();
        for came in self.owed.drain(..).filter_map(|owed| owed.came) {
            self.unread.answered(came);
        }
        outputs.push(Output::Close(why));
    }

    /// 1 to [`SEQUENCE_MAX`] and around, past those that still wait for their answers.
    fn next_sequence(&mut self) -> u32 {
        // One of the first window + LATE_MAX + 1 is free.
        loop {
            self.sequence = if self.sequence >= SEQUENCE_MAX {
                1
            } else {
                self.sequence + 1
            };
            let taken = |flight: &Flight| flight.sequence == self.sequence;
            if !self.flights.iter().any(taken) && !self.late.iter().any(taken) {
                return self.sequence;
            }
        }
    }
}

fn take(flights: &mut VecDeque<Flight>, sequence: u32) -> Option<Flight> {
    let at = flights
        .iter()
        .position(|flight| flight.sequence == sequence)?;
    flights.remove(at)
}

/// A PDU without a body, or with one empty field.
fn say(command: Command, status: Status, sequence: u32, outputs: &mut Vec<Output>) {
    let mut pdu = frame::bare(command, status, sequence);
    match command {
        // An empty message_id or system_id.
        Command::DeliverSmResp
        | Command::DataSmResp
        | Command::SubmitSmResp
        | Command::BindReceiverResp
        | Command::BindTransmitterResp
        | Command::BindTransceiverResp => {
            pdu.push(0);
            frame::finish(&mut pdu);
        }
        Command::BindReceiver
        | Command::BindTransmitter
        | Command::BindTransceiver
        | Command::SubmitSm
        | Command::DeliverSm
        | Command::DataSm
        | Command::Unbind
        | Command::UnbindResp
        | Command::Outbind
        | Command::EnquireLink
        | Command::EnquireLinkResp
        | Command::AlertNotification
        | Command::QuerySm
        | Command::CancelSm
        | Command::CancelSmResp
        | Command::ReplaceSm
        | Command::ReplaceSmResp
        | Command::GenericNack => {}
        // No id, no date, no state, no reason.
        Command::QuerySmResp => {
            pdu.extend_from_slice(&[0; 4]);
            frame::finish(&mut pdu);
        }
    }
    outputs.push(Output::Write(Raw(pdu)));
}

#[cfg(test)]
mod tests;
