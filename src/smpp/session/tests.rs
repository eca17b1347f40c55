//! The bind as scripts, and every state against every input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm
)]
use super::*;
use crate::smpp::config::SmppConfig;
use crate::smpp::pdu::{Address, Alert, Sm};
use crate::smpp::tlv::Tlvs;
use crate::store::MessageId;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

/// A session, its time, and what it said last.
struct Bench {
    session: Session,
    now: Moment,
    said: Vec<Output>,
}

impl Bench {
    fn new(numbers: Numbers, kind: BindKind) -> Self {
        let now = Moment::from_ms(1_000_000);
        let mut said = Vec::new();
        let bind = SmppConfig::default();
        let session = Session::open(numbers, kind, bind.bind(), now, &mut said).unwrap();
        Self { session, now, said }
    }

    /// On a connection that the operator made.
    fn called(numbers: Numbers) -> Self {
        let now = Moment::from_ms(1_000_000);
        let bind = SmppConfig::default();
        let session = Session::called(numbers, BindKind::Receiver, bind.bind(), now).unwrap();
        Self {
            session,
            now,
            said: Vec::new(),
        }
    }

    fn step(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let status = |at: usize| {
            Status(
                words
                    .get(at)
                    .map_or(0, |w| u32::from_str_radix(w, 16).unwrap()),
            )
        };
        let input = match words[0] {
            "hear" => Input::Frame(frame_of(words[1], number(2), status(3))),
            "full" => Input::Full(true),
            "room" => Input::Full(false),
            "part" => Input::Partial,
            "broken" => Input::Broken(FrameError {
                length: 3,
                sequence: number(1),
            }),
            "submit" => Input::Submit(
                ticket(number(1)),
                Raw(frame::bare(Command::SubmitSm, Status::OK, 0)),
            ),
            "answer" => Input::Answer(
                Delivered {
                    answer: Command::DeliverSmResp,
                    sequence: number(1),
                },
                status(2),
            ),
            "wait" => {
                self.now = self
                    .now
                    .plus(std::time::Duration::from_secs(u64::from(number(1))));
                Input::Tick
            }
            "stop" => Input::Stop,
            "lost" => Input::Lost,
            // How many seconds ago the oldest delivery came whose answer may not have been read.
            "unread" => {
                let since = self.session.unread_since();
                return since.map_or("none".to_owned(), |since| {
                    format!("{} s", self.now.since(since).as_secs())
                });
            }
            other => panic!("{other}"),
        };
        self.session.on(input, self.now, &mut self.said);
        self.shown()
    }

    fn shown(&mut self) -> String {
        let shown: Vec<String> = self.said.drain(..).map(|output| show(&output)).collect();
        if shown.is_empty() {
            "nothing".to_owned()
        } else {
            shown.join(", ")
        }
    }
}

fn ticket(number: u32) -> Ticket {
    Ticket {
        number: u64::from(number),
        message: MessageId(1),
        claim: 1,
        part: 0,
        parts: 1,
    }
}

fn frame_of(name: &str, sequence: u32, status: Status) -> Frame {
    let header = |command| frame::Header {
        command,
        status,
        sequence,
    };
    let encoded = |pdu: Pdu<'_>| {
        let octets = pdu.encode(status, sequence).unwrap();
        frame::cut(&mut BytesMut::from(&octets[..]))
            .unwrap()
            .unwrap()
    };
    let sm = Sm {
        source: Address {
            ton: 1,
            npi: 1,
            octets: b"212661000001",
        },
        ..Sm::default()
    };
    match name {
        "unknown" => Frame {
            header: header(0x0001_0000),
            body: Bytes::new(),
        },
        "unknown_resp" => Frame {
            header: header(0x8001_0000),
            body: Bytes::new(),
        },
        "torn_deliver_sm" => Frame {
            header: header(5),
            body: Bytes::from_static(b"a"),
        },
        "long_enquire_link" => Frame {
            header: header(0x15),
            body: Bytes::from_static(b"abc"),
        },
        "other_deliver_sm" => encoded(Pdu::DeliverSm(Sm {
            short_message: b"other",
            ..sm
        })),
        "congested_submit_sm_resp" => encoded(Pdu::SubmitSmResp(pdu::SmResp {
            message_id: b"id",
            tlvs: Tlvs::new(&[0x04, 0x28, 0, 1, 85]),
        })),
        "outbind" => Frame {
            header: header(0x0b),
            body: Bytes::from_static(b"smsc\0secret\0"),
        },
        name => {
            let command = commands()
                .into_iter()
                .find(|command| command.as_str() == name)
                .unwrap_or_else(|| panic!("{name}"));
            let resp = pdu::SmResp {
                message_id: b"id",
                ..pdu::SmResp::default()
            };
            match command {
                Command::BindReceiver | Command::BindTransmitter | Command::BindTransceiver => {
                    encoded(Pdu::Bind(command, Bind::default()))
                }
                Command::BindReceiverResp
                | Command::BindTransmitterResp
                | Command::BindTransceiverResp => {
                    encoded(Pdu::BindResp(command, pdu::BindResp::default()))
                }
                Command::SubmitSm => encoded(Pdu::SubmitSm(sm)),
                Command::SubmitSmResp => encoded(Pdu::SubmitSmResp(resp)),
                Command::DeliverSm => encoded(Pdu::DeliverSm(sm)),
                Command::DataSm => encoded(Pdu::DataSm(sm)),
                Command::AlertNotification => encoded(Pdu::AlertNotification(Alert::default())),
                Command::QuerySm => encoded(Pdu::QuerySm(pdu::Which::default())),
                Command::QuerySmResp => encoded(Pdu::QuerySmResp(pdu::QueryResp::default())),
                Command::CancelSm => encoded(Pdu::CancelSm(pdu::Which::default())),
                Command::ReplaceSm => encoded(Pdu::ReplaceSm(pdu::Replacement::default())),
                // The others have no body, or one that is refused as empty.
                _ => Frame {
                    header: header(command.id()),
                    body: Bytes::new(),
                },
            }
        }
    }
}

/// Every command that is known.
fn commands() -> Vec<Command> {
    let requests = (0..0x200).chain([0x8000_0000]);
    requests
        .flat_map(|id| [id, id | 0x8000_0000])
        .filter_map(Command::of)
        .fold(Vec::new(), |mut known, command| {
            if !known.contains(&command) {
                known.push(command);
            }
            known
        })
}

fn show(output: &Output) -> String {
    match output {
        Output::Write(Raw(octets)) | Output::Submit(_, Raw(octets)) => {
            let frame = frame::cut(&mut BytesMut::from(&octets[..]))
                .unwrap()
                .unwrap();
            let command = Command::of(frame.header.command).unwrap();
            let status = match frame.header.status {
                Status::OK => String::new(),
                status => format!(" {status}"),
            };
            format!("{} {}{status}", command.as_str(), frame.header.sequence)
        }
        Output::Bound => "bound".to_owned(),
        Output::Deliver(delivered, _) => format!("deliver {}", delivered.sequence),
        Output::Done(ticket, outcome) => format!("done {} {outcome:?}", ticket.number),
        Output::Congested(ticket, percent) => format!("congested {} {percent}", ticket.number),
        Output::Late(ticket, outcome) => format!("late {} {outcome:?}", ticket.number),
        Output::Odd(odd) => format!("odd {odd:?}"),
        Output::Close(why) => format!("close {why:?}"),
    }
}

fn check(script: &str) {
    let mut bench = Bench::new(
        SmppConfig {
            window: 2,
            ..SmppConfig::default()
        }
        .numbers(),
        BindKind::Transceiver,
    );
    assert_eq!(bench.shown(), "bind_transceiver 1");
    play(&mut bench, script);
}

fn play(bench: &mut Bench, script: &str) {
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (input, expected) = line.split_once("->").unwrap();
        let found = bench.step(input);
        assert_eq!(found, expected.trim(), "{line}\nin{script}");
    }
}

#[test]
fn a_day_at_work() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        submit 11                       -> submit_sm 3
        submit 12                       -> done 12 NotSent
        hear submit_sm_resp 3           -> done 11 Accepted(\"id\")
        hear submit_sm_resp 2 58        -> done 10 Throttled
        hear submit_sm_resp 2           -> odd Unasked
        hear deliver_sm 1               -> deliver 1
        hear deliver_sm 2               -> deliver 2
        answer 2                        -> deliver_sm_resp 2
        answer 1 14                     -> deliver_sm_resp 1 0x14
        hear enquire_link 3             -> enquire_link_resp 3
        hear long_enquire_link 4        -> odd Stray(3), enquire_link_resp 4
        hear unknown 5                  -> odd UnknownCommand, generic_nack 5 0x03
        hear unknown_resp 5             -> odd UnknownCommand
        hear torn_deliver_sm 6          -> odd BadBody, deliver_sm_resp 6 0xc2
        submit 13                       -> submit_sm 4
        stop                            -> nothing
        submit 14                       -> done 14 NotSent
        hear deliver_sm 7               -> odd Misplaced, deliver_sm_resp 7 0x14
        hear submit_sm_resp 4           -> done 13 Accepted(\"id\"), unbind 5
        hear unbind_resp 5              -> close Stopped
        ",
    );
}

#[test]
fn answers_that_do_not_come() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        wait 9                          -> nothing
        submit 11                       -> submit_sm 3
        wait 1                          -> done 10 Unknown
        submit 12                       -> submit_sm 4
        hear submit_sm_resp 2           -> late 10 Accepted(\"id\")
        wait 10                         -> done 11 Unknown, done 12 Unknown
        hear generic_nack 3 58          -> late 11 Throttled
        hear enquire_link 1             -> enquire_link_resp 1
        wait 29                         -> nothing
        hear enquire_link 2             -> enquire_link_resp 2
        wait 29                         -> nothing
        hear enquire_link 3             -> enquire_link_resp 3
        wait 2                          -> nothing
        hear submit_sm_resp 4           -> odd Unasked
        ",
    );
}

#[test]
fn a_silent_peer_is_noticed() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        wait 30                         -> done 10 Unknown, enquire_link 3
        wait 9                          -> nothing
        hear enquire_link_resp 3        -> nothing
        hear submit_sm_resp 2           -> late 10 Accepted(\"id\")
        wait 29                         -> nothing
        wait 1                          -> enquire_link 4
        submit 11                       -> submit_sm 5
        wait 10                         -> done 11 Unknown, close Silent
        wait 99                         -> nothing
        ",
    );
}

#[test]
fn a_slow_pdu_ends_the_bind() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        part                            -> nothing
        wait 9                          -> nothing
        part                            -> nothing
        hear enquire_link 1             -> enquire_link_resp 1
        wait 9                          -> nothing
        part                            -> nothing
        submit 10                       -> submit_sm 2
        wait 9                          -> nothing
        wait 1                          -> done 10 Unknown, close Slow
        ",
    );
}

#[test]
fn draining_has_an_end() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        hear deliver_sm 1               -> deliver 1
        stop                            -> nothing
        answer 1                        -> deliver_sm_resp 1
        wait 5                          -> done 10 Unknown, close Stopped
        ",
    );
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        stop                            -> unbind 2
        wait 5                          -> close Stopped
        ",
    );
}

#[test]
fn a_bind_that_answers_no_submit_is_given_up() {
    // Time-outs in a row, though it answers enquire_link and delivers.
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        submit 11                       -> submit_sm 3
        wait 10                         -> done 10 Unknown, done 11 Unknown
        submit 12                       -> submit_sm 4
        hear deliver_sm 1               -> deliver 1
        answer 1                        -> deliver_sm_resp 1
        wait 10                         -> done 12 Unknown
        submit 13                       -> submit_sm 5
        hear enquire_link 2             -> enquire_link_resp 2
        wait 9                          -> nothing
        hear submit_sm_resp 99          -> odd Unasked
        wait 1                          -> done 13 Unknown, close Mute
        ",
    );
    // A minute after one message that was never answered.
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        wait 10                         -> done 10 Unknown
        hear enquire_link 1             -> enquire_link_resp 1
        wait 25                         -> nothing
        hear enquire_link 2             -> enquire_link_resp 2
        wait 24                         -> nothing
        wait 1                          -> close Mute
        ",
    );
}

#[test]
fn one_answer_among_many_time_outs_keeps_the_bind() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        wait 10                         -> done 10 Unknown
        submit 11                       -> submit_sm 3
        wait 10                         -> done 11 Unknown
        submit 12                       -> submit_sm 4
        hear submit_sm_resp 3           -> late 11 Accepted(\"id\")
        wait 10                         -> done 12 Unknown
        submit 13                       -> submit_sm 5
        hear submit_sm_resp 5           -> done 13 Accepted(\"id\")
        wait 29                         -> nothing
        ",
    );
}

#[test]
fn a_delivery_that_comes_twice_is_one() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        hear deliver_sm 7               -> deliver 7
        hear deliver_sm 7               -> odd Repeated
        hear other_deliver_sm 7         -> deliver 7
        hear data_sm 7                  -> deliver 7
        answer 7                        -> deliver_sm_resp 7
        answer 7                        -> deliver_sm_resp 7
        hear deliver_sm 7               -> deliver 7
        ",
    );
}

#[test]
fn answers_are_read_when_what_came_behind_them_is_answered() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        unread                          -> none
        hear deliver_sm 7               -> deliver 7
        wait 2                          -> nothing
        unread                          -> 2 s
        submit 10                       -> submit_sm 2
        answer 7                        -> deliver_sm_resp 7
        hear submit_sm_resp 2           -> done 10 Accepted(\"id\")
        unread                          -> 2 s
        submit 11                       -> submit_sm 3
        hear deliver_sm 8               -> deliver 8
        wait 1                          -> nothing
        hear submit_sm_resp 3           -> done 11 Accepted(\"id\")
        unread                          -> 1 s
        answer 8                        -> deliver_sm_resp 8
        hear enquire_link 1             -> enquire_link_resp 1
        hear submit_sm_resp 99          -> odd Unasked
        unread                          -> 1 s
        wait 30                         -> enquire_link 4
        hear enquire_link_resp 3        -> nothing
        unread                          -> 31 s
        hear enquire_link_resp 4        -> nothing
        unread                          -> none
        hear deliver_sm 9               -> deliver 9
        wait 1                          -> nothing
        lost                            -> close Lost
        unread                          -> 1 s
        ",
    );
}

#[test]
fn deliveries_without_room_are_put_off() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        hear deliver_sm 7               -> deliver 7
        full                            -> nothing
        hear deliver_sm 7               -> odd Repeated
        hear deliver_sm 8               -> odd Shed, deliver_sm_resp 8 0x58
        hear data_sm 9                  -> odd Shed, data_sm_resp 9 0x58
        hear enquire_link 1             -> enquire_link_resp 1
        hear submit_sm_resp 2           -> done 10 Accepted(\"id\")
        answer 7                        -> deliver_sm_resp 7
        room                            -> nothing
        hear deliver_sm 8               -> deliver 8
        ",
    );
}

#[test]
fn congestion_is_told_beside_the_answer() {
    check(
        "
        hear bind_transceiver_resp 1    -> bound
        submit 10                       -> submit_sm 2
        hear congested_submit_sm_resp 2 -> congested 10 85, done 10 Accepted(\"id\")
        hear congested_submit_sm_resp 2 -> odd Unasked
        ",
    );
}

#[test]
fn each_kind_of_bind_has_its_request() {
    for (kind, request, may_submit) in [
        (BindKind::Transmitter, "bind_transmitter", "submit_sm 2"),
        (BindKind::Receiver, "bind_receiver", "done 10 NotSent"),
        (BindKind::Transceiver, "bind_transceiver", "submit_sm 2"),
    ] {
        let mut bench = Bench::new(SmppConfig::default().numbers(), kind);
        assert_eq!(bench.shown(), format!("{request} 1"));
        assert_eq!(bench.step(&format!("hear {request}_resp 1")), "bound");
        assert_eq!(bench.step("submit 10"), may_submit);
    }
}

#[test]
fn an_operator_that_calls_is_answered_with_a_bind() {
    let mut bench = Bench::called(SmppConfig::default().numbers());
    play(
        &mut bench,
        "
        hear enquire_link 1             -> enquire_link_resp 1
        hear outbind 2                  -> bind_receiver 1
        hear bind_receiver_resp 1       -> bound
        hear deliver_sm 3               -> deliver 3
        hear outbind 4                  -> odd Misplaced
        ",
    );
    let mut bench = Bench::called(SmppConfig::default().numbers());
    play(&mut bench, "wait 4 -> nothing\nwait 1 -> close NoOutbind");
}

/// What leads to each state: its name, the kind of bind, and the lines before.
const STATES: [(&str, Option<BindKind>, &[&str]); 8] = [
    ("called", None, &[]),
    ("binding", Some(BindKind::Transceiver), &[]),
    (
        "bound as transceiver",
        Some(BindKind::Transceiver),
        &[
            "hear bind_transceiver_resp 1",
            "submit 10",
            "hear deliver_sm 7",
        ],
    ),
    (
        "bound as transmitter",
        Some(BindKind::Transmitter),
        &["hear bind_transmitter_resp 1", "submit 10"],
    ),
    (
        "bound as receiver",
        Some(BindKind::Receiver),
        &["hear bind_receiver_resp 1", "hear deliver_sm 7"],
    ),
    (
        "draining",
        Some(BindKind::Transceiver),
        &[
            "hear bind_transceiver_resp 1",
            "submit 10",
            "hear deliver_sm 7",
            "stop",
        ],
    ),
    (
        "unbinding",
        Some(BindKind::Transceiver),
        &["hear bind_transceiver_resp 1", "stop"],
    ),
    (
        "closed",
        Some(BindKind::Transceiver),
        &["hear bind_transceiver_resp 1", "lost"],
    ),
];

/// What can come in beside a command with a number that nobody knows.
const INPUTS: [&str; 19] = [
    "hear bind_transceiver_resp 1",
    "hear bind_transmitter_resp 1",
    "hear bind_receiver_resp 1",
    "hear bind_transceiver_resp 1 0e",
    "hear generic_nack 1 03",
    "hear generic_nack 2 00",
    "hear submit_sm_resp 2",
    "hear submit_sm_resp 2 58",
    "hear deliver_sm 7",
    "hear unbind_resp 2",
    "hear unknown 5",
    "hear unknown_resp 5",
    "hear torn_deliver_sm 5",
    "part",
    "broken 5",
    "submit 11",
    "answer 7",
    "full",
    "lost",
];

/// Times that pass, and what then is due; `stop` stands here as what time brings.
const PASSING: [&str; 4] = ["wait 5", "wait 10", "wait 40", "stop"];

/// The whole table, for a person to read: no command, state or input is left out.
#[test]
fn every_state_answers_every_input() {
    let strangers = commands()
        .into_iter()
        .map(|command| format!("hear {} 5", command.as_str()));
    let inputs: Vec<String> = INPUTS
        .iter()
        .chain(&PASSING)
        .map(|&input| input.to_owned())
        .chain(strangers)
        .collect();
    let mut table = String::new();
    for (state, kind, before) in STATES {
        table.push_str(&format!("{state}:\n"));
        for input in &inputs {
            let numbers = SmppConfig::default().numbers();
            let mut bench =
                kind.map_or_else(|| Bench::called(numbers), |kind| Bench::new(numbers, kind));
            for line in before {
                bench.step(line);
            }
            bench.said.clear();
            table.push_str(&format!("  {input:34} -> {}\n", bench.step(input)));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn sequence_numbers_come_around_and_pass_those_in_use() {
    let mut bench = Bench::new(SmppConfig::default().numbers(), BindKind::Transceiver);
    bench.step("hear bind_transceiver_resp 1");
    assert_eq!(bench.step("submit 1"), "submit_sm 2");
    bench.session.sequence = SEQUENCE_MAX - 1;
    assert_eq!(bench.step("submit 2"), format!("submit_sm {SEQUENCE_MAX}"));
    assert_eq!(bench.step("submit 3"), "submit_sm 1");
    assert_eq!(bench.step("submit 4"), "submit_sm 3");
    bench.step("wait 10");
    bench.session.sequence = SEQUENCE_MAX;
    assert_eq!(bench.session.late.len(), 4);
    bench.step("hear enquire_link 1");
    assert_eq!(bench.step("submit 5"), "submit_sm 4");
}

#[test]
fn a_due_time_is_never_behind_a_tick() {
    let mut bench = Bench::new(SmppConfig::default().numbers(), BindKind::Transceiver);
    for line in [
        "hear bind_transceiver_resp 1",
        "submit 1",
        "submit 2",
        "part",
        "hear submit_sm_resp 2",
    ] {
        bench.step(line);
    }
    for _ in 0..20 {
        let Some(due) = bench.session.due() else {
            return;
        };
        assert!(due > bench.now, "{due:?} is not after {:?}", bench.now);
        bench.now = due;
        bench.session.on(Input::Tick, due, &mut bench.said);
    }
    panic!("a silent peer was never given up");
}

/// A line of a script.
fn any_line() -> impl Strategy<Value = String> {
    let names = vec![
        "bind_transceiver_resp",
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "enquire_link",
        "enquire_link_resp",
        "generic_nack",
        "unknown",
        "torn_deliver_sm",
        "unbind_resp",
        "outbind",
    ];
    prop_oneof![
        8 => (proptest::sample::select(names), 1u32..9, proptest::sample::select(vec!["", "58", "0b"]))
            .prop_map(|(name, sequence, status)| format!("hear {name} {sequence} {status}")),
        4 => (0u32..1).prop_map(|_| "submit".to_owned()),
        2 => (1u32..9).prop_map(|sequence| format!("answer {sequence}")),
        3 => (0u32..20).prop_map(|seconds| format!("wait {seconds}")),
        1 => proptest::sample::select(vec!["part", "stop", "full", "room", "lost", "broken 3", "hear unbind 4"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    /// Whatever happens: each submit has one outcome, the window holds, nothing is written after
    /// the end, and there is one end.
    #[test]
    fn nothing_is_lost_whatever_happens(lines in proptest::collection::vec(any_line(), 0..80), bound: bool) {
        let numbers = SmppConfig { window: 3, ..SmppConfig::default() }.numbers();
        let mut bench = Bench::new(numbers, BindKind::Transceiver);
        let first = bound.then(|| "hear bind_transceiver_resp 1".to_owned());
        let (mut submits, mut done, mut closes) = (0, Vec::new(), 0);
        for line in first.into_iter().chain(lines).chain(["lost".to_owned()]) {
            let line = if line == "submit" {
                submits += 1;
                format!("submit {submits}")
            } else {
                line
            };
            let closed_before = closes > 0;
            for output in bench.step(&line).split(", ") {
                prop_assert!(!closed_before || output == "nothing" || output.ends_with("NotSent"), "{} after the end", output);
                if let Some(rest) = output.strip_prefix("done ") {
                    done.push(rest.split(' ').next().unwrap().parse::<u32>().unwrap());
                }
                closes += u32::from(output.starts_with("close"));
            }
            prop_assert!(bench.session.flights.len() <= numbers.window);
            prop_assert_eq!(bench.session.due().is_none(), closes > 0);
        }
        done.sort_unstable();
        prop_assert_eq!(done, (1..=submits).collect::<Vec<_>>());
        prop_assert_eq!(closes, 1);
    }
}

#[test]
fn every_request_has_an_answer_that_can_be_read() {
    let requests = (0..0x200).filter_map(Command::of);
    let answers: Vec<Command> = requests.filter_map(Command::answer).collect();
    assert_eq!(answers.len(), 11);
    for command in answers {
        let mut said = Vec::new();
        say(command, Status::BAD_PARAMETER_LENGTH, 9, &mut said);
        let [Output::Write(Raw(octets))] = &said[..] else {
            panic!("{said:?}")
        };
        let frame = frame::cut(&mut BytesMut::from(&octets[..]))
            .unwrap()
            .unwrap();
        let (read, stray) = pdu::decode(&frame).unwrap();
        assert_eq!((read.command(), stray), (command, 0));
    }
}
