//! What the message centre answers on one bind, and what bad behaviours make of it.

use bytes::Bytes;
use rusmpp::pdus::{
    BindReceiverResp, BindTransceiverResp, BindTransmitterResp, DataSmResp, QuerySmResp,
    SubmitSmResp,
};
use rusmpp::tlvs::{MessageSubmissionResponseTlvValue, TlvTag};
use rusmpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString};
use rusmpp::values::{InterfaceVersion, MessageState};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};

use super::Receipts;
use super::behaviour::Behaviour as B;
use super::bind::{Bind, End};
use super::esme::{Esme, Role};
use super::frame::{Frame, encode};
use super::message::{Submitted, plain};
use super::queue::Kind;
use super::spoil;

/// By how much a wrong sequence number is wrong.
const ASIDE: u32 = 0x0100_0000;

/// A bind request of any of the three kinds.
struct Request<'a> {
    role: Role,
    system_id: &'a str,
    password: &'a str,
    version: u8,
}

fn bind_request(pdu: &Pdu) -> Option<Request<'_>> {
    macro_rules! of {
        ($role:expr, $bind:expr) => {
            Some(Request {
                role: $role,
                system_id: plain(&$bind.system_id),
                password: plain(&$bind.password),
                version: u8::from($bind.interface_version),
            })
        };
    }
    if let Pdu::BindTransmitter(bind) = pdu {
        of!(Role::Transmitter, bind)
    } else if let Pdu::BindReceiver(bind) = pdu {
        of!(Role::Receiver, bind)
    } else if let Pdu::BindTransceiver(bind) = pdu {
        of!(Role::Transceiver, bind)
    } else {
        None
    }
}

impl Bind {
    /// Takes a PDU of the gateway.
    pub(super) async fn take(&mut self, frame: &Frame) {
        self.centre.lock().traffic.read(frame.id);
        let deaf = frame.id != u32::from(CommandId::EnquireLink)
            && self.role.is_some()
            && self.centre.strikes(B::Deaf);
        if deaf {
            return;
        }
        let sequence = frame.sequence;
        match frame.read() {
            Ok(command) => {
                if let Some(request) = command.pdu().and_then(bind_request) {
                    self.on_bind(&request, sequence).await;
                } else {
                    self.answer(&command);
                }
            }
            Err(_) => self.say(CommandStatus::EsmeRinvcmdlen, sequence, Pdu::GenericNack),
        }
    }

    async fn on_bind(&mut self, request: &Request<'_>, sequence: u32) {
        let centre = std::sync::Arc::clone(&self.centre);
        let late = {
            let mut state = centre.lock();
            let late = state.manners.strikes(B::BindLate);
            late.then_some(state.manners.timing.late)
        };
        if let Some(late) = late {
            tokio::time::sleep(late).await;
        }
        let status = if self.role.is_some() {
            CommandStatus::EsmeRalybnd
        } else {
            let mut state = centre.lock();
            if state.manners.strikes(B::BindRefused) {
                CommandStatus::EsmeRbindfail
            } else if request.system_id != state.login.system_id {
                CommandStatus::EsmeRinvsysid
            } else if request.password != state.login.password
                || state.manners.strikes(B::CredentialsChanged)
            {
                CommandStatus::EsmeRinvpaswd
            } else {
                CommandStatus::EsmeRok
            }
        };
        let bound = status == CommandStatus::EsmeRok;
        let mut strays = Vec::new();
        if bound {
            self.role = Some(request.role);
            let esme = Esme::new(request.role, request.version, self.errands.clone());
            if centre.strikes(B::DeliverBeforeBind) {
                self.deliver();
            }
            strays = centre.bind(self.connection, esme);
        }
        let system_id = "simulator".parse().unwrap_or_else(|_| COctetString::null());
        let own = centre.lock().settings.version;
        // SMPP 3.4, 4.1.2: whoever binds with an older version gets no parameter.
        let version = (bound && request.version >= 0x34)
            .then(|| InterfaceVersion::from(own.min(request.version)));
        match request.role {
            Role::Transmitter => {
                self.say(
                    status,
                    sequence,
                    BindTransmitterResp::new(system_id, version),
                );
            }
            Role::Receiver => {
                self.say(status, sequence, BindReceiverResp::new(system_id, version));
            }
            Role::Transceiver => {
                self.say(
                    status,
                    sequence,
                    BindTransceiverResp::new(system_id, version),
                );
            }
        }
        for stray in strays {
            self.write(&stray);
        }
        if bound && centre.strikes(B::ClosesAfterBind) {
            self.end = Some(End::Close);
        }
    }

    fn answer(&mut self, command: &Command) {
        let (sequence, status) = (command.sequence_number(), command.status());
        let submits = self.role.is_some_and(Role::submits);
        let Some(pdu) = command.pdu() else {
            // A response with an error may come without a body.
            let id = command.id();
            if matches!(id, CommandId::DeliverSmResp | CommandId::DataSmResp) {
                self.on_taken(sequence, status);
            } else if id != CommandId::GenericNack {
                self.say(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack);
            }
            return;
        };
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "rusmpp's list is open; every other request is refused"
        )]
        match pdu {
            Pdu::SubmitSm(_) if !submits => {
                let refused = CommandStatus::EsmeRinvbndsts;
                self.say(refused, sequence, SubmitSmResp::default());
            }
            Pdu::DataSm(_) if !submits => {
                let refused = CommandStatus::EsmeRinvbndsts;
                self.say(refused, sequence, DataSmResp::default());
            }
            Pdu::SubmitSm(submit) => self.on_submit(&Submitted::by_submit_sm(submit), sequence),
            Pdu::DataSm(data) => {
                let answer = self.centre.submit(&Submitted::by_data_sm(data));
                let id = message_id(&answer.id);
                self.say(answer.status, sequence, DataSmResp::new(id, Vec::new()));
                self.centre.send_receipts(answer.receipts);
            }
            Pdu::DeliverSmResp(_) | Pdu::DataSmResp(_) => self.on_taken(sequence, status),
            Pdu::QuerySm(_) | Pdu::CancelSm(_) | Pdu::ReplaceSm(_) if !submits => {
                self.say(CommandStatus::EsmeRinvbndsts, sequence, Pdu::GenericNack);
            }
            Pdu::QuerySm(query) => {
                let (id, from) = (plain(&query.message_id), plain(&query.source_addr));
                let found = self.centre.lock().store.query(id, from);
                let (status, state) = match found {
                    Ok(state) => (CommandStatus::EsmeRok, state),
                    Err(status) => (status, MessageState::Unknown),
                };
                let answer = QuerySmResp::new(
                    query.message_id.clone(),
                    EmptyOrFullCOctetString::null(),
                    state,
                    0,
                );
                self.say(status, sequence, answer);
            }
            Pdu::CancelSm(cancel) => {
                let (id, from) = (plain(&cancel.message_id), plain(&cancel.source_addr));
                let done = self.centre.lock().store.cancel(id, from);
                let status = done.err().unwrap_or(CommandStatus::EsmeRok);
                self.say(status, sequence, Pdu::CancelSmResp);
            }
            Pdu::ReplaceSm(replace) => {
                let (id, from) = (plain(&replace.message_id), plain(&replace.source_addr));
                let text = replace.short_message().as_ref();
                let done = self.centre.lock().store.replace(id, from, text);
                let status = done.err().unwrap_or(CommandStatus::EsmeRok);
                self.say(status, sequence, Pdu::ReplaceSmResp);
            }
            Pdu::EnquireLink => {
                self.say(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp);
            }
            Pdu::EnquireLinkResp => {
                if self.enquiry.take_if(|asked| *asked == sequence).is_some() {
                    self.centre.change(|state| state.enquiries_answered += 1);
                }
            }
            Pdu::Unbind if self.centre.strikes(B::UnbindUnanswered) => {}
            Pdu::Unbind => {
                self.say(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp);
                self.end = Some(End::Close);
            }
            Pdu::UnbindResp => self.end = Some(End::Close),
            Pdu::GenericNack => {}
            _ => self.say(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack),
        }
    }

    fn on_taken(&mut self, sequence: u32, status: CommandStatus) {
        let Some(number) = self.pending.remove(&sequence) else {
            return;
        };
        let is_text = |state: &super::centre::State| {
            let delivery = state.queue.sent(number);
            delivery.is_some_and(|delivery| delivery.kind == Kind::Text)
        };
        let repeats = {
            let mut state = self.centre.lock();
            status == CommandStatus::EsmeRok
                && is_text(&state)
                && state.manners.strikes(B::DeliveryRepeated)
        };
        if repeats {
            // The end of the connection puts it back into the queue.
            self.end = Some(End::Close);
        } else {
            self.centre.answered(number, status);
        }
    }

    fn on_submit(&mut self, submitted: &Submitted, sequence: u32) {
        if self.centre.strikes(B::UnbindOnSubmit) {
            let sequence = self.next_sequence();
            return self.say(CommandStatus::EsmeRok, sequence, Pdu::Unbind);
        }
        if self.centre.strikes(B::HalfOpen) {
            (self.reads, self.writes) = (false, false);
            return;
        }
        if self.centre.strikes(B::StopsReading) {
            self.reads = false;
            return;
        }
        if let Some(refusal) = self.refusal(sequence) {
            return self.write(&refusal);
        }
        let answer = self.centre.submit(submitted);
        let early = self.centre.lock().settings.receipts == Receipts::BeforeResponse;
        let (first, then) = if early || self.centre.strikes(B::ReceiptsEarly) {
            (answer.receipts, Vec::new())
        } else {
            (Vec::new(), answer.receipts)
        };
        if !first.is_empty() {
            self.centre.send_receipts(first);
            self.deliver();
        }
        if !answer.silent {
            self.respond(answer.status, sequence, &answer.id);
        }
        self.centre.send_receipts(then);
    }

    /// The octets of a refusal, where a behaviour wants one.
    fn refusal(&mut self, sequence: u32) -> Option<Bytes> {
        let empty = SubmitSmResp::default;
        if self.centre.strikes(B::ThrottlingStorm) {
            Some(encode(CommandStatus::EsmeRthrottled, sequence, empty()))
        } else if self.centre.strikes(B::QueueFull) {
            Some(encode(CommandStatus::EsmeRmsgqful, sequence, empty()))
        } else if self.centre.strikes(B::NackForResponse) {
            Some(encode(
                CommandStatus::EsmeRsyserr,
                sequence,
                Pdu::GenericNack,
            ))
        } else if self.centre.strikes(B::BodilessError) {
            let refused = encode(CommandStatus::EsmeRsyserr, sequence, empty());
            Some(spoil::header_of(&refused))
        } else {
            None
        }
    }

    /// Answers a submit_sm that was taken.
    fn respond(&mut self, status: CommandStatus, sequence: u32, id: &str) {
        let (congestion, late) = {
            let state = self.centre.lock();
            (state.settings.congestion, state.manners.timing.late)
        };
        let id = if self.centre.strikes(B::EmptyId) {
            ""
        } else {
            id
        };
        let mut answer = SubmitSmResp::new(message_id(id), Vec::new());
        if let Some(load) = congestion {
            answer.push_tlv(MessageSubmissionResponseTlvValue::Other {
                tag: TlvTag::CongestionState,
                value: AnyOctetString::from_slice(&[load]),
            });
        }
        let mut pdu = encode(status, sequence, answer);
        if self.centre.strikes(B::IdWithoutNul) {
            pdu = spoil::without_nul(&pdu);
        }
        if self.centre.strikes(B::UnknownTlvs) {
            pdu = spoil::with_more(&pdu, &spoil::unknown_tlvs());
        }
        if self.centre.strikes(B::TrailingBytes) {
            pdu = spoil::with_more(&pdu, &[0, 0, 0]);
        }
        if self.centre.strikes(B::WrongSequence) {
            pdu = spoil::with_sequence(&pdu, sequence.wrapping_add(ASIDE));
        }
        if self.centre.strikes(B::ResponseDoubled) {
            self.write(&pdu);
        }
        if self.centre.strikes(B::NoResponse) {
            return;
        }
        if self.centre.strikes(B::LateResponse) {
            return self.write_later(pdu, late);
        }
        if self.centre.strikes(B::AnswerElsewhere) {
            if !self.centre.send_elsewhere(self.connection, pdu) {
                self.end = Some(End::Close);
            }
            return;
        }
        self.write(&pdu);
    }
}

fn message_id(id: &str) -> COctetString<1, 65> {
    id.parse().unwrap_or_else(|_| COctetString::null())
}
