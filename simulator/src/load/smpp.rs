//! Texts as a message centre hands them over, as fast as one link takes them: a `deliver_sm`, its
//! acknowledgement, the reply as `submit_sm`, its answer, the receipt, the acknowledgement of that.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::process::{self, Setting, Used};
use super::wire::{self, ANSWER, BIND_TRANSCEIVER, DELIVER_SM, ENQUIRE_LINK, SUBMIT_SM, UNBIND};
use crate::world::SHORT_NUMBER;

/// What is played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many texts.
    pub texts: u32,
    /// From how many numbers in turn; as many as there are texts where this is 0.
    pub numbers: u32,
    /// What each says.
    pub text: String,
    /// Texts on their round trip at the same time.
    pub at_once: u32,
    /// `deliver_sm` without an acknowledgement, texts and receipts together.
    pub window: u32,
    /// Without any progress for so long, the play ends.
    pub patience: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Texts whose round trip was finished.
    pub done: u32,
    /// From the first text to the last acknowledgement of a receipt.
    pub whole: Duration,
    /// From the `deliver_sm` to the first part of its reply, shortest first.
    pub took: Vec<Duration>,
    /// Texts without a whole reply.
    pub unanswered: u32,
    /// Parts beyond those of one reply a text.
    pub surplus: u32,
    /// Times that the gateway asked the centre to come again.
    pub come_again: u32,
}

impl Report {
    /// Round trips a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.done) / self.whole.as_secs_f64().max(f64::EPSILON)
    }

    /// The time within which this share of the replies came; `share` from 0 to 1.
    pub fn quantile(&self, share: f64) -> Duration {
        super::quantile(&self.took, share)
    }

    /// Whether every text was answered exactly once.
    pub fn is_clean(&self) -> bool {
        self.unanswered == 0 && self.surplus == 0
    }
}

/// A gateway's figures, and beside them an echo's from the same run.
#[derive(Clone, Debug)]
pub struct Both {
    /// The gateway.
    pub gateway: Report,
    /// What the gateway used during the play.
    pub used: Used,
    /// A minimal ESME that keeps nothing.
    pub echo: Report,
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, report) in [("gateway", &self.gateway), ("echo", &self.echo)] {
            let ms = |share| report.quantile(share).as_secs_f64() * 1_000.0;
            writeln!(
                f,
                "{name:8} {:>9.0} round trips a second; text to reply p50 {:.1} ms, p99 {:.1} ms; {} done, {} unanswered, {} too many, {} asked to come again",
                report.rate(),
                ms(0.5),
                ms(0.99),
                report.done,
                report.unanswered,
                report.surplus,
                report.come_again
            )?;
        }
        write!(
            f,
            "gateway: {:.1} us of its core a round trip, {:.0} % of the time; {} MiB",
            self.used.cpu.as_secs_f64() * 1e6 / f64::from(self.gateway.done.max(1)),
            100.0 * self.used.cpu.as_secs_f64()
                / self.gateway.whole.as_secs_f64().max(f64::EPSILON),
            self.used.memory_kib / 1024,
        )
    }
}

/// Plays to an echo, then to a gateway that is started for it; each on its core, the load on
/// another.
///
/// # Errors
/// When a folder, a connection or the gateway's program fails.
pub async fn beside_an_echo(
    program: &Path,
    log: &str,
    folder: Option<&Path>,
    plan: Plan,
) -> Result<Both, Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let echo_plan = Plan {
        texts: plan.texts.max(ECHO_TEXTS_MIN),
        ..plan.clone()
    };
    let (listener, echo) = tokio::task::spawn_blocking(move || {
        process::keep_this_thread_on(process::LOAD_CORE);
        let echo = std::thread::spawn(move || {
            process::keep_this_thread_on(process::CORE);
            super::echo::run(address)
        });
        let report = play(&listener, &echo_plan);
        // Its connection is over, so it is too.
        drop(echo.join());
        report.map(|report| (listener, report))
    })
    .await??;

    let temporary = tempfile::tempdir()?;
    let dir = std::path::absolute(folder.unwrap_or(temporary.path()))?;
    let centres = [address];
    let setting = Setting {
        dir: &dir,
        log,
        centres: &centres,
        window: plan.window,
    };
    let player = tokio::task::spawn_blocking(move || {
        process::keep_this_thread_on(process::LOAD_CORE);
        play(&listener, &plan)
    });
    let gateway = process::start(program, &setting).await?;
    let id = gateway.id().unwrap_or_default();
    let before = process::used(id);
    let report = player.await??;
    let after = process::used(id);
    gateway.stop().await?;
    Ok(Both {
        gateway: report,
        used: Used {
            cpu: after.cpu.saturating_sub(before.cpu),
            ..after
        },
        echo,
    })
}

/// An echo is done with fewer before a clock could tell.
const ECHO_TEXTS_MIN: u32 = 200_000;

/// How far a text is.
#[derive(Clone, Copy, Default)]
struct Trip {
    sent: Option<Instant>,
    acknowledged: bool,
    parts: u8,
    submitted: u8,
    receipts: u8,
}

/// What a `deliver_sm` was.
#[derive(Clone, Copy)]
enum Kind {
    Text(u32),
    Receipt(u32, u32),
}

const READ_BYTES: usize = 512 * 1024;
/// Nothing more is put behind so many octets that the gateway has not taken.
const UNWRITTEN_MAX: usize = 1024 * 1024;
/// Between two looks at a link on which nothing moves.
const LOOK_PAUSE: Duration = Duration::from_micros(50);
/// After the last round trip: whether anything comes that should not.
const AFTER: Duration = Duration::from_millis(700);
/// The wait before a text that was not taken goes again.
const COME_AGAIN: Duration = Duration::from_millis(100);
/// The first sample number, without `+`; a number is this and the text's place among the numbers.
const FIRST_NUMBER: u64 = 212_600_000_000;

/// Waits for one bind on `listener`, and plays.
///
/// # Errors
/// What the connection says, no bind within the plan's patience, or a stream that is none of PDUs.
pub fn play(listener: &TcpListener, plan: &Plan) -> std::io::Result<Report> {
    let stream = accept(listener, plan.patience)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Play::new(stream, plan).run()
}

/// Waits for a connection no longer than that.
pub(super) fn accept(listener: &TcpListener, patience: Duration) -> std::io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let until = Instant::now() + patience;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

struct Play<'a> {
    plan: &'a Plan,
    numbers: u32,
    stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    bound: bool,
    began: Option<Instant>,
    ended: Option<Instant>,
    trips: Vec<Trip>,
    /// The next text.
    next: u32,
    /// Texts that the gateway did not take, and when they go again.
    again: VecDeque<(Instant, Kind)>,
    /// Receipts that wait for room in the window.
    receipts: VecDeque<(u32, u32)>,
    /// Texts of each number whose replies are to come, in order.
    waiting: Vec<VecDeque<u32>>,
    /// Every `deliver_sm` by its sequence number less 1.
    delivered: Vec<Kind>,
    unacknowledged: u32,
    under_way: u32,
    last_id: u32,
    text: (Vec<u8>, usize),
    receipt: (Vec<u8>, usize, usize),
    report: Report,
}

impl<'a> Play<'a> {
    fn new(stream: TcpStream, plan: &'a Plan) -> Self {
        let numbers = if plan.numbers == 0 {
            plan.texts
        } else {
            plan.numbers
        }
        .max(1);
        let sample = FIRST_NUMBER.to_string();
        let (text, _) = wire::sm_body(&sample, SHORT_NUMBER, false, plan.text.as_bytes());
        let line = b"id:00000000 sub:001 dlvrd:001 submit date:2611230900 done date:2611230900 stat:DELIVRD err:000 text:";
        let (receipt, begin) = wire::sm_body(&sample, SHORT_NUMBER, true, line);
        let count = usize::try_from(plan.texts).unwrap_or(usize::MAX);
        Self {
            plan,
            numbers,
            stream,
            out: Vec::new(),
            written: 0,
            bound: false,
            began: None,
            ended: None,
            trips: vec![Trip::default(); count],
            next: 0,
            again: VecDeque::new(),
            receipts: VecDeque::new(),
            waiting: vec![VecDeque::new(); usize::try_from(numbers).unwrap_or(usize::MAX)],
            delivered: Vec::with_capacity(count.saturating_mul(2)),
            unacknowledged: 0,
            under_way: 0,
            last_id: 0,
            // The number stands behind service_type, ton and npi.
            text: (text, 3),
            receipt: (receipt, 3, begin + 3),
            report: Report::default(),
        }
    }

    fn run(mut self) -> std::io::Result<Report> {
        let mut buffer = vec![0; READ_BYTES];
        let mut filled = 0;
        let mut moved_at = Instant::now();
        loop {
            self.fill();
            let mut moved = self.write()?;
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
                Ok(read) => {
                    filled += read;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            let mut rest = &buffer[..filled];
            while let Some((pdu, behind)) = wire::cut(rest).map_err(std::io::Error::other)? {
                rest = behind;
                self.on(pdu, now);
            }
            let left = rest.len();
            buffer.copy_within(filled - left..filled, 0);
            filled = left;

            if moved {
                moved_at = now;
            } else {
                std::thread::sleep(LOOK_PAUSE);
            }
            let over = match self.ended {
                Some(ended) => now > ended + AFTER,
                None => now > moved_at + self.plan.patience,
            };
            if over {
                return Ok(self.reported());
            }
        }
    }

    /// Puts out what there is room for.
    fn fill(&mut self) {
        if !self.bound {
            return;
        }
        let now = Instant::now();
        while self.unacknowledged < self.plan.window
            && self.out.len() - self.written < UNWRITTEN_MAX
        {
            if let Some((text, id)) = self.receipts.pop_front() {
                self.deliver(Kind::Receipt(text, id));
            } else if let Some((_, kind)) = self.again.pop_front_if(|(at, _)| *at <= now) {
                self.deliver(kind);
            } else if self.next < self.plan.texts && self.under_way < self.plan.at_once {
                let text = self.next;
                self.next += 1;
                self.under_way += 1;
                let number = index(text % self.numbers);
                self.waiting[number].push_back(text);
                self.began.get_or_insert(now);
                self.trips[index(text)].sent = Some(now);
                self.deliver(Kind::Text(text));
            } else {
                return;
            }
        }
    }

    fn deliver(&mut self, kind: Kind) {
        self.delivered.push(kind);
        self.unacknowledged += 1;
        let sequence = u32::try_from(self.delivered.len()).unwrap_or(u32::MAX);
        let text = match kind {
            Kind::Text(text) | Kind::Receipt(text, _) => text,
        };
        let number = (FIRST_NUMBER + u64::from(text % self.numbers)).to_string();
        match kind {
            Kind::Text(_) => {
                let (body, at) = &mut self.text;
                body[*at..*at + number.len()].copy_from_slice(number.as_bytes());
                wire::put(&mut self.out, DELIVER_SM, 0, sequence, body);
            }
            Kind::Receipt(_, id) => {
                let (body, at, id_at) = &mut self.receipt;
                body[*at..*at + number.len()].copy_from_slice(number.as_bytes());
                body[*id_at..*id_at + 8].copy_from_slice(format!("{id:08x}").as_bytes());
                wire::put(&mut self.out, DELIVER_SM, 0, sequence, body);
            }
        }
    }

    fn write(&mut self) -> std::io::Result<bool> {
        let mut moved = false;
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(written) => {
                    self.written += written;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(moved)
    }

    fn on(&mut self, pdu: wire::Cut<'_>, now: Instant) {
        match pdu.id {
            BIND_TRANSCEIVER => {
                wire::put(&mut self.out, pdu.id | ANSWER, 0, pdu.sequence, b"load\0");
                self.bound = true;
            }
            ENQUIRE_LINK | UNBIND => {
                wire::put(&mut self.out, pdu.id | ANSWER, 0, pdu.sequence, &[])
            }
            SUBMIT_SM => self.submitted(pdu, now),
            id if id == DELIVER_SM | ANSWER => self.acknowledged(pdu, now),
            // Nothing else is awaited of it.
            _ => {}
        }
    }

    fn submitted(&mut self, pdu: wire::Cut<'_>, now: Instant) {
        self.last_id += 1;
        let id = self.last_id;
        let answer = format!("{id:08x}\0");
        wire::put(
            &mut self.out,
            SUBMIT_SM | ANSWER,
            0,
            pdu.sequence,
            answer.as_bytes(),
        );
        let number = wire::sm(pdu.body).and_then(|sm| {
            let digits: u64 = std::str::from_utf8(sm.destination).ok()?.parse().ok()?;
            let number = usize::try_from(digits.checked_sub(FIRST_NUMBER)?).ok()?;
            (number < self.waiting.len()).then_some((number, sm.parts))
        });
        let Some((number, parts)) = number else {
            self.report.surplus += 1;
            return;
        };
        let Some(&text) = self.waiting[number].front() else {
            self.report.surplus += 1;
            return;
        };
        let trip = &mut self.trips[index(text)];
        if trip.submitted == 0 {
            trip.parts = parts;
            let took = trip
                .sent
                .map_or(Duration::ZERO, |sent| now.duration_since(sent));
            self.report.took.push(took);
        }
        trip.submitted += 1;
        if trip.submitted == trip.parts {
            self.waiting[number].pop_front();
        }
        self.receipts.push_back((text, id));
    }

    fn acknowledged(&mut self, pdu: wire::Cut<'_>, now: Instant) {
        let Some(&kind) = usize::try_from(pdu.sequence)
            .ok()
            .and_then(|sequence| self.delivered.get(sequence.checked_sub(1)?))
        else {
            return;
        };
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        if pdu.status != 0 {
            self.report.come_again += 1;
            self.again.push_back((now + COME_AGAIN, kind));
            return;
        }
        let text = match kind {
            Kind::Text(text) => {
                self.trips[index(text)].acknowledged = true;
                text
            }
            Kind::Receipt(text, _) => {
                self.trips[index(text)].receipts += 1;
                text
            }
        };
        let trip = self.trips[index(text)];
        if trip.acknowledged && trip.parts > 0 && trip.receipts == trip.parts {
            self.under_way -= 1;
            self.report.done += 1;
            if self.report.done == self.plan.texts {
                self.ended = Some(now);
            }
        }
    }

    fn reported(mut self) -> Report {
        let ended = self.ended.unwrap_or_else(Instant::now);
        self.report.whole = self
            .began
            .map_or(Duration::ZERO, |began| ended.duration_since(began));
        let unanswered = self
            .trips
            .iter()
            .filter(|trip| trip.parts == 0 || trip.submitted < trip.parts);
        self.report.unanswered = u32::try_from(unanswered.count()).unwrap_or(u32::MAX);
        self.report.took.sort_unstable();
        self.report
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn plan() -> Plan {
        Plan {
            texts: 500,
            numbers: 20,
            text: "TNS".to_owned(),
            at_once: 50,
            window: 40,
            patience: Duration::from_millis(500),
        }
    }

    #[test]
    fn an_echo_answers_every_text_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echo = std::thread::spawn(move || super::super::echo::run(address));
        let report = play(&listener, &plan()).unwrap();
        assert_eq!((report.done, report.took.len()), (500, 500));
        assert!(report.is_clean(), "{report:?}");
        echo.join().unwrap().unwrap();
    }

    #[test]
    fn a_silent_and_a_chattering_peer_are_found_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let mut out = Vec::new();
            wire::put(&mut out, BIND_TRANSCEIVER, 0, 1, &wire::bind_body("x", "y"));
            // Nobody asked for this one, and nothing else is ever said.
            let (body, _) = wire::sm_body(SHORT_NUMBER, "212699999999", false, b"?");
            wire::put(&mut out, SUBMIT_SM, 0, 2, &body);
            stream.write_all(&out).unwrap();
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest));
        });
        let report = play(&listener, &plan()).unwrap();
        assert_eq!(
            (report.done, report.unanswered, report.surplus),
            (0, 500, 1)
        );
        assert!(!report.is_clean());
        peer.join().unwrap();
    }
}
