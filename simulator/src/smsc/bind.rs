//! One connection of a gateway to the message centre.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use rusmpp::pdus::{BindTransceiverResp, SubmitSmResp};
use rusmpp::types::COctetString;
use rusmpp::values::InterfaceVersion;
use rusmpp::{Command, CommandStatus, Pdu};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_util::codec::FramedRead;

use super::centre::Centre;
use super::frame::{Cutter, Frame, encode};

/// Deliveries under way on one connection.
const WINDOW: usize = 10;

/// A connection on which nothing comes for so long is closed.
const IDLE: Duration = Duration::from_secs(300);

/// A peer that does not read for so long is cut off.
const WRITE_WAIT: Duration = Duration::from_secs(10);

struct Bind {
    centre: Arc<Centre>,
    connection: u64,
    bound: bool,
    writer: OwnedWriteHalf,
    sequence: u32,
    /// Deliveries under way, by the sequence number that they were sent with.
    pending: BTreeMap<u32, u64>,
    /// The sequence number of the last `enquire_link`, until it is answered.
    enquiry: Option<u32>,
}

/// Whether the connection goes on.
enum Then {
    GoOn,
    Close,
}

/// Serves a connection until it ends; what it leaves unanswered goes back to the centre.
pub async fn serve(centre: Arc<Centre>, connection: u64, stream: TcpStream) {
    // Without it small PDUs wait for each other; a failure costs time only.
    let _ = stream.set_nodelay(true);
    let mut changes = centre.changes();
    let mut closings = centre.closings();
    let mut enquiries = centre.enquiries();
    let (reader, writer) = stream.into_split();
    let mut frames = FramedRead::new(reader, Cutter);
    let mut bind = Bind {
        centre: Arc::clone(&centre),
        connection,
        bound: false,
        writer,
        sequence: 0,
        pending: BTreeMap::new(),
        enquiry: None,
    };
    loop {
        let then = tokio::select! {
            _ = closings.changed() => break,
            frame = tokio::time::timeout(IDLE, frames.next()) => match frame {
                Ok(Some(Ok(frame))) => bind.take(&frame).await,
                Ok(Some(Err(_)) | None) | Err(_) => break,
            },
            enquiry = enquiries.changed() => match enquiry {
                Ok(()) => bind.enquire().await,
                Err(_) => break,
            },
            changed = changes.changed() => match changed {
                Ok(()) => bind.deliver().await,
                Err(_) => break,
            },
        };
        match then {
            Ok(Then::GoOn) => {}
            Ok(Then::Close) | Err(_) => break,
        }
    }
    centre.unbind(connection);
}

impl Bind {
    async fn take(&mut self, frame: &Frame) -> std::io::Result<Then> {
        match frame.read() {
            Ok(command) => self.answer(&command).await,
            Err(_) => {
                let nack = encode(
                    CommandStatus::EsmeRinvcmdlen,
                    frame.sequence,
                    Pdu::GenericNack,
                );
                self.write(nack).await?;
                Ok(Then::GoOn)
            }
        }
    }

    async fn answer(&mut self, command: &Command) -> std::io::Result<Then> {
        let sequence = command.sequence_number();
        let reply = match command.pdu() {
            Some(Pdu::BindTransceiver(_)) if self.bound => encode(
                CommandStatus::EsmeRalybnd,
                sequence,
                BindTransceiverResp::default(),
            ),
            Some(Pdu::BindTransceiver(bind)) => {
                let (system_id, password) = (plain(&bind.system_id), plain(&bind.password));
                let status = self.centre.bind(self.connection, system_id, password);
                self.bound = status == CommandStatus::EsmeRok;
                let system_id = "simulator".parse().unwrap_or_else(|_| COctetString::null());
                let version = self.bound.then_some(InterfaceVersion::Smpp3_4);
                encode(
                    status,
                    sequence,
                    BindTransceiverResp::new(system_id, version),
                )
            }
            Some(Pdu::SubmitSm(_)) if !self.bound => encode(
                CommandStatus::EsmeRinvbndsts,
                sequence,
                SubmitSmResp::default(),
            ),
            Some(Pdu::SubmitSm(submit)) => {
                let answer = self.centre.submit(submit);
                if answer.silent {
                    return Ok(Then::GoOn);
                }
                if answer.receipt_first {
                    self.deliver().await?;
                }
                let id = answer.id.parse().unwrap_or_else(|_| COctetString::null());
                encode(answer.status, sequence, SubmitSmResp::new(id, Vec::new()))
            }
            Some(Pdu::DeliverSmResp(_)) => {
                if let Some(number) = self.pending.remove(&sequence) {
                    self.centre.delivered(number, command.status());
                }
                return Ok(Then::GoOn);
            }
            Some(Pdu::EnquireLink) => {
                encode(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp)
            }
            Some(Pdu::Unbind) => {
                self.write(encode(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp))
                    .await?;
                return Ok(Then::Close);
            }
            Some(Pdu::EnquireLinkResp) => {
                if self.enquiry.take_if(|asked| *asked == sequence).is_some() {
                    self.centre.enquiry_answered();
                }
                return Ok(Then::GoOn);
            }
            Some(Pdu::GenericNack | Pdu::UnbindResp) => return Ok(Then::GoOn),
            // A response with an error may come without a body.
            None if command.id() == rusmpp::CommandId::DeliverSmResp => {
                if let Some(number) = self.pending.remove(&sequence) {
                    self.centre.delivered(number, command.status());
                }
                return Ok(Then::GoOn);
            }
            Some(_) | None => encode(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack),
        };
        self.write(reply).await?;
        if self.bound {
            self.deliver().await
        } else {
            Ok(Then::GoOn)
        }
    }

    async fn deliver(&mut self) -> std::io::Result<Then> {
        if !self.bound {
            return Ok(Then::GoOn);
        }
        let room = WINDOW.saturating_sub(self.pending.len());
        for (number, pdu) in self.centre.claim(self.connection, room) {
            let sequence = self.next_sequence();
            self.pending.insert(sequence, number);
            self.write(encode(CommandStatus::EsmeRok, sequence, pdu))
                .await?;
        }
        Ok(Then::GoOn)
    }

    async fn enquire(&mut self) -> std::io::Result<Then> {
        if self.bound {
            let sequence = self.next_sequence();
            self.enquiry = Some(sequence);
            self.write(encode(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink))
                .await?;
        }
        Ok(Then::GoOn)
    }

    /// SMPP 3.4, 3.2: sequence numbers run from 1 to 0x7FFFFFFF.
    fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence == 0x7fff_ffff {
            1
        } else {
            self.sequence + 1
        };
        self.sequence
    }

    async fn write(&mut self, bytes: Bytes) -> std::io::Result<()> {
        tokio::time::timeout(WRITE_WAIT, self.writer.write_all(&bytes)).await?
    }
}

/// A C-octet string without its NUL.
fn plain<const MIN: usize, const MAX: usize>(text: &COctetString<MIN, MAX>) -> &str {
    text.as_str().trim_end_matches('\0')
}
