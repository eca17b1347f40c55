//! One connection of a gateway to the message centre: its octets in and out, its window, its
//! time-outs. What is answered stands in `answer`, what is delivered in `deliver`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rusmpp::pdus::Outbind;
use rusmpp::types::COctetString;
use rusmpp::{CommandStatus, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::Decoder;

use super::centre::Centre;
use super::esme::{Errand, Role};
use super::frame::{Cutter, encode};
use super::wire::Wire;

/// A connection on which nothing comes for so long is closed.
const IDLE: Duration = Duration::from_secs(300);

/// A peer that does not read for so long is cut off.
const WRITE_WAIT: Duration = Duration::from_secs(10);

/// With so many octets unwritten nothing more is delivered.
const WRITE_LEN_MAX: usize = 256 * 1024;

/// Errands of others that wait.
const ERRANDS_MAX: usize = 1_024;

/// How the connection is to end once everything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Close,
    Reset,
}

/// One connection.
pub(super) struct Bind {
    pub centre: Arc<Centre>,
    pub connection: u64,
    /// None before the bind.
    pub role: Option<Role>,
    pub out: BytesMut,
    /// Octets at the front of `out` that go one by one.
    pub dripping: usize,
    pub end: Option<End>,
    pub reads: bool,
    pub writes: bool,
    /// Deliveries under way, by the sequence number that they were sent with.
    pub pending: BTreeMap<u32, u64>,
    /// The sequence number of the last `enquire_link`, until it is answered.
    pub enquiry: Option<u32>,
    /// Takes errands, for timers and for other binds.
    pub errands: mpsc::Sender<Errand>,
    sequence: u32,
}

/// Serves a connection until it ends; what it leaves unanswered goes back to the centre.
pub async fn serve(centre: Arc<Centre>, wire: Wire) {
    run(centre, wire, false).await;
}

/// The same on a connection that the message centre made: it asks the gateway to bind.
pub async fn serve_outbound(centre: Arc<Centre>, wire: Wire) {
    run(centre, wire, true).await;
}

async fn run(centre: Arc<Centre>, wire: Wire, outbound: bool) {
    let connection = centre.next_connection();
    let mut closings = centre.closings();
    let (errands, mut theirs) = mpsc::channel(ERRANDS_MAX);
    let mut bind = Bind {
        centre: Arc::clone(&centre),
        connection,
        role: None,
        out: BytesMut::new(),
        dripping: 0,
        end: None,
        reads: true,
        writes: true,
        pending: BTreeMap::new(),
        enquiry: None,
        errands,
        sequence: 0,
    };
    if outbound {
        bind.outbind();
    }
    let (reader, writer) = tokio::io::split(wire);
    let mut halves = (reader, writer);
    tokio::select! {
        () = bind.carry(&mut halves, &mut theirs) => {}
        _ = closings.changed() => {}
    }
    let (reader, mut writer) = halves;
    match bind.end {
        Some(End::Reset) => reader.unsplit(writer).reset_at_end(),
        // The peer may be gone, which is what is wanted.
        Some(End::Close) | None => drop(writer.shutdown().await),
    }
    centre.unbind(connection);
}

impl Bind {
    async fn carry(
        &mut self,
        (reader, writer): &mut (ReadHalf<Wire>, WriteHalf<Wire>),
        errands: &mut mpsc::Receiver<Errand>,
    ) {
        let mut changes = self.centre.changes();
        let mut input = BytesMut::new();
        let mut heard = Instant::now();
        let mut written = Instant::now();
        loop {
            if self.out.is_empty() {
                written = Instant::now();
                if self.end.is_some() {
                    return;
                }
            }
            let idle_until = if self.out.is_empty() || !self.writes {
                heard + IDLE
            } else {
                (heard + IDLE).min(written + WRITE_WAIT)
            };
            let was_empty = self.out.is_empty();
            let drip = self.centre.lock().manners.timing.drip;
            let may_read = self.reads && self.end.is_none();
            tokio::select! {
                read = reader.read_buf(&mut input), if may_read => {
                    match read {
                        Ok(0) | Err(_) => return,
                        Ok(_) => heard = Instant::now(),
                    }
                    loop {
                        match Cutter.decode(&mut input) {
                            Ok(Some(frame)) => self.take(&frame).await,
                            Ok(None) => break,
                            Err(_) => return,
                        }
                    }
                }
                wrote = writer.write_buf(&mut self.out),
                    if self.writes && self.dripping == 0 && self.out.has_remaining() =>
                {
                    match wrote {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {
                            written = Instant::now();
                            if self.out.is_empty() && writer.flush().await.is_err() {
                                return;
                            }
                        }
                    }
                }
                () = sleep_until(written + drip), if self.writes && self.dripping > 0 => {
                    if writer.write_all(&self.out[..1]).await.is_err()
                        || writer.flush().await.is_err()
                    {
                        return;
                    }
                    self.out.advance(1);
                    self.dripping -= 1;
                    written = Instant::now();
                }
                Some(errand) = errands.recv() => self.run(errand),
                changed = changes.changed() => if changed.is_err() { return },
                () = sleep_until(idle_until) => return,
            }
            self.deliver();
            if was_empty {
                // Only now is there something that can wait too long.
                written = Instant::now();
            }
        }
    }

    fn run(&mut self, errand: Errand) {
        match errand {
            Errand::Write(octets) => self.write(&octets),
            Errand::Enquire => {
                let sequence = self.next_sequence();
                self.enquiry = Some(sequence);
                self.say(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink);
            }
            Errand::Unbind => {
                let sequence = self.next_sequence();
                self.say(CommandStatus::EsmeRok, sequence, Pdu::Unbind);
            }
        }
    }

    fn outbind(&mut self) {
        let login = self.centre.lock().login.clone();
        let outbind = Outbind::new(
            login
                .system_id
                .parse()
                .unwrap_or_else(|_| COctetString::null()),
            login
                .password
                .parse()
                .unwrap_or_else(|_| COctetString::null()),
        );
        let sequence = self.next_sequence();
        self.say(CommandStatus::EsmeRok, sequence, outbind);
    }

    /// Whether more may be delivered, as far as writing goes.
    pub(super) fn has_room(&self) -> bool {
        self.writes && self.end.is_none() && self.out.len() < WRITE_LEN_MAX
    }

    /// SMPP 3.4, 3.2: sequence numbers run from 1 to 0x7FFFFFFF.
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence == 0x7fff_ffff {
            1
        } else {
            self.sequence + 1
        };
        self.sequence
    }

    /// Puts a PDU behind what is to be written.
    pub(super) fn write(&mut self, pdu: &[u8]) {
        if self.end.is_none() && !pdu.is_empty() {
            self.centre.lock().traffic.written(pdu);
            self.out.extend_from_slice(pdu);
        }
    }

    /// The same of a PDU that rusmpp writes.
    pub(super) fn say(&mut self, status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) {
        self.write(&encode(status, sequence, pdu));
    }

    /// Writes a PDU after a delay, if the connection is still there then.
    pub(super) fn write_later(&self, pdu: Bytes, delay: Duration) {
        let errands = self.errands.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // An error means that the connection is gone.
            let _ = errands.send(Errand::Write(pdu)).await;
        });
    }
}
