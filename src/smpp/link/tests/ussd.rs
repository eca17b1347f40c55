//! Dialogues on a link. What the peer says is written by raw octets, beside the module's own
//! writer.

use tokio::sync::oneshot;

use super::*;
use crate::callback::{Input as Came, Repeat};
use crate::smpp::config::Binds;
use crate::smpp::config::ussd::UssdConfig;
use crate::smpp::text::latin1;
use crate::store::Reply;
use tokio::time::Instant;

/// A turn that the test ends.
pub(super) struct Turning {
    kept: Kept,
    reply: oneshot::Sender<Reply>,
}

impl Turning {
    fn keep(&self) {
        self.kept.tell();
    }

    fn reply(self, text: &str, ends: bool) {
        self.kept.tell();
        drop(self.reply_unkept(text, ends));
    }

    /// Without a word on whether the callback is durable; that comes when the rest is dropped.
    fn reply_unkept(self, text: &str, ends: bool) -> Kept {
        let reply = Reply {
            text: text.to_owned(),
            ends,
        };
        self.reply.send(reply).unwrap();
        self.kept
    }
}

impl Memory {
    pub(super) fn dialled(&self, call: UssdCall) -> Begun {
        let input = match &call.input {
            Came::Dial(rest) => format!("dial [{rest}]"),
            Came::Text(text) => format!("text [{text}]"),
            Came::Path(_) => "path".to_owned(),
            Came::Unsaid { typed, .. } => format!("unsaid {typed}"),
            Came::Closed => "closed".to_owned(),
        };
        let repeat = match call.repeat {
            Repeat::Octets { bind, .. } => format!("bind {bind}"),
            Repeat::Number(number) => format!("number {number}"),
            Repeat::Key(_) | Repeat::Path | Repeat::None => "-".to_owned(),
        };
        let service = call.service.map_or("-".to_owned(), |service| service.0);
        assert_eq!((call.link.as_str(), call.at), ("iam", Fixed.now()));
        let (kept, told) = Kept::pair();
        let (reply, replied) = oneshot::channel();
        self.turns
            .lock()
            .unwrap()
            .push_back(Turning { kept, reply });
        self.say(format!(
            "{input} of {service} by {} in {}, {repeat}",
            call.subscriber.as_str(),
            call.session
        ));
        Begun {
            kept: told,
            reply: tokio::spawn(async move { replied.await.unwrap() }),
        }
    }

    async fn turn(&self, expected: &str) -> Turning {
        assert_eq!(self.lines(1).await, [expected]);
        self.begun()
    }

    fn begun(&self) -> Turning {
        self.turns.lock().unwrap().pop_front().unwrap()
    }

    /// Whether nothing has begun that the test does not know.
    fn is_quiet(&self) -> bool {
        self.turns.lock().unwrap().is_empty()
    }
}

/// A deliver_sm by its octets: from 212661000001, or another last digit, to 580.
fn deliver(sequence: u32, last: u8, text: &str, parameters: &[u8]) -> Vec<u8> {
    let mut body = b"\0\x01\x01212661000001\0\0\x01580\0\0\0\0\0\0\0\0\x0f\0".to_vec();
    body[14] = b'0' + last;
    body.push(u8::try_from(text.len()).unwrap());
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(parameters);
    let mut pdu = u32::try_from(body.len() + 16)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    pdu.extend_from_slice(&[0, 0, 0, 5, 0, 0, 0, 0]);
    pdu.extend_from_slice(&sequence.to_be_bytes());
    pdu.extend_from_slice(&body);
    pdu
}

/// ussd_service_op and its_session_info.
fn its(op: u8, session: u8, last: u8) -> [u8; 11] {
    [5, 1, 0, 1, op, 0x13, 0x83, 0, 2, session, last]
}

async fn house(change: impl FnOnce(&mut SmppConfig)) -> House {
    House::new(|config| {
        speaks_ussd(config);
        change(config);
    })
    .await
}

/// The same, where no time passes while anything is to be done.
fn piped(change: impl FnOnce(&mut SmppConfig)) -> House {
    House::piped(64 * 1024, |config| {
        speaks_ussd(config);
        change(config);
    })
}

fn speaks_ussd(config: &mut SmppConfig) {
    let codes = vec![("*580#".to_owned(), ServiceName::from("tns"))];
    let settings = UssdConfig::of("default").settings(codes).unwrap();
    config.ussd_settings = Some(Arc::new(settings));
}

fn room_for(at_once: usize) -> impl FnOnce(&mut SmppConfig) {
    move |config| {
        let config_of = UssdConfig {
            at_once,
            ..UssdConfig::of("default")
        };
        config.ussd_settings = Some(Arc::new(config_of.settings(Vec::new()).unwrap()));
    }
}

impl Peer {
    /// The next PDU: a screen as `screen 1 op=02 its=0a02 [text]`, or what it is.
    async fn sees(&mut self) -> String {
        let frame = self.read().await;
        let (read, _) = pdu::decode(&frame).unwrap();
        let (sequence, status) = (frame.header.sequence, frame.header.status);
        let Pdu::SubmitSm(sm) = &read else {
            return format!("{read:?} {sequence} {status}");
        };
        if sm.tlvs.get(0x0501).is_none() {
            return format!("{read:?} {sequence} {status}");
        }
        assert_eq!(sm.registered_delivery, 0);
        format!(
            "screen {sequence} op={:02x} its={:04x} [{}] to {}",
            sm.tlvs.number(0x0501).unwrap(),
            sm.tlvs.number(0x1383).unwrap(),
            latin1(sm.short_message),
            latin1(sm.destination.octets)
        )
    }
}

#[tokio::test]
async fn a_dialogue_from_dial_to_end() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "*580*1#", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [1] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    // The acknowledgement goes first, whatever is ready first.
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
    peer.answers(2, Status::OK, "id").await;
    peer.raw(&deliver(6, 1, "1", &its(0x12, 9, 0))).await;
    let turn = house
        .inbox
        .turn("text [1] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Fin", true);
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0901 [Fin] to 212661000001"
    );
}

#[tokio::test]
async fn a_callback_is_acknowledged_when_it_is_durable_and_not_before() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    peer.says(Pdu::EnquireLink, Status::OK, 6).await;
    assert_eq!(peer.sees().await, "enquire_link_resp 6 0x00");
    turn.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    peer.says(Pdu::EnquireLink, Status::OK, 7).await;
    assert_eq!(peer.sees().await, "enquire_link_resp 7 0x00");
    turn.reply("Bonjour", false);
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
}

/// The acknowledgement goes before the screen, even where the screen is ready first.
#[tokio::test]
async fn no_screen_goes_before_its_acknowledgement() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    let kept = turn.reply_unkept("Bonjour", false);
    for sequence in 6..10 {
        peer.says(Pdu::EnquireLink, Status::OK, sequence).await;
        let answered = format!("enquire_link_resp {sequence} 0x00");
        assert_eq!(peer.sees().await, answered);
    }
    kept.tell();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
}

/// A turn that failed before anything was durable is told to the subscriber, and not asked for
/// again.
#[tokio::test]
async fn a_turn_that_was_never_durable_is_acknowledged_with_its_apology() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    drop(turn.reply_unkept("Pardon", true));
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0901 [Pardon] to 212661000001"
    );
}

/// What comes on a receiver goes back on the transmitter beside it.
#[tokio::test]
async fn a_pair_of_binds_carries_a_dialogue() {
    let house = house(|config| config.bind = Binds::Pair).await;
    let (mut one, command) = house.bound_as_asked().await;
    let (mut two, _) = house.bound_as_asked().await;
    let (transmitter, receiver) = if command == Command::BindTransmitter {
        (&mut one, &mut two)
    } else {
        (&mut two, &mut one)
    };
    receiver.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let lines = house.inbox.lines(1).await;
    assert!(lines[0].starts_with("dial [] of tns by +212661000001 in 900"));
    let turn = house.inbox.turns.lock().unwrap().pop_front().unwrap();
    turn.reply("Bonjour", false);
    assert_eq!(receiver.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        transmitter.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
}

#[tokio::test]
async fn a_ledger_that_takes_too_long_is_asked_again() {
    let house = house(|config| config.accept_ms = 20).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x14");
    // It was slow, and not dead: the screen comes.
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
}

/// The operator comes again with what it was asked for, after its screen; the phone then types the
/// same on the next page.
#[tokio::test(start_paused = true)]
async fn what_comes_again_after_its_screen_makes_no_second_step() {
    let house = piped(|config| config.accept_ms = 20);
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x14");
    let typed = "text [1] of tns by +212661000001 in 900, bind 1";
    let turn = house.inbox.turn(typed).await;
    // Not durable yet: it has to come once more.
    peer.raw(&deliver(6, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x14");
    turn.reply("Deux", false);
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Deux] to 212661000001"
    );
    peer.raw(&deliver(7, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x00");
    assert!(house.inbox.is_quiet(), "one step");
    // No second screen came before this either.
    peer.raw(&deliver(8, 1, "1", &its(0x12, 9, 0))).await;
    house.inbox.turn(typed).await.reply("Trois", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 8 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0900 [Trois] to 212661000001"
    );
}

/// What comes again before its screen is ready gets it once; another phone's callback is its own.
#[tokio::test(start_paused = true)]
async fn what_comes_again_before_its_screen_gets_it_once() {
    let house = piped(|config| {
        config.accept_ms = 20;
        config.count = 2;
    });
    let (mut peer, mut other) = (house.bound().await, house.bound().await);
    peer.raw(&deliver(5, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x14");
    assert_eq!(house.inbox.lines(1).await.len(), 1);
    let turn = house.inbox.begun();
    turn.keep();
    other.raw(&deliver(6, 2, "1", &its(0x12, 9, 0))).await;
    assert_eq!(other.sees().await, "deliver_sm_resp 6 0x14");
    assert_eq!(house.inbox.lines(1).await.len(), 1);
    drop(house.inbox.begun());
    // The operator may choose its other bind for it.
    other.raw(&deliver(7, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(other.sees().await, "deliver_sm_resp 7 0x00");
    assert!(house.inbox.is_quiet(), "one step");
    turn.reply("Deux", false);
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Deux] to 212661000001"
    );
    for peer in [&mut peer, &mut other] {
        peer.says(Pdu::EnquireLink, Status::OK, 9).await;
        assert_eq!(peer.sees().await, "enquire_link_resp 9 0x00");
    }
}

/// Its screen was lost with its bind, so the ledger is asked, which knows what a repeat is.
#[tokio::test(start_paused = true)]
async fn what_comes_again_after_its_bind_has_closed_is_the_ledgers() {
    let house = piped(|config| config.accept_ms = 20);
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x14");
    let dialled = "dial [] of tns by +212661000001 in 900, bind";
    let turn = house.inbox.turn(&format!("{dialled} 1")).await;
    drop(peer);
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    let mut peer = house.bound().await;
    turn.reply("Bonjour", false);
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    house
        .inbox
        .turn(&format!("{dialled} 3"))
        .await
        .reply("Encore", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Encore] to 212661000001"
    );
}

#[tokio::test]
async fn a_screen_overtakes_messages() {
    let house = house(|config| config.window = 1).await;
    let mut peer = house.bound().await;
    let (first, second) = (house.carry("un"), house.carry("deux"));
    let submit = peer.read().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    // The link has the screen before it has the answer.
    peer.says(Pdu::EnquireLink, Status::OK, 6).await;
    assert_eq!(peer.sees().await, "enquire_link_resp 6 0x00");
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0900 [Bonjour] to 212661000001"
    );
    peer.answers(3, Status::OK, "id").await;
    let submit = peer.read().await;
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    for carried in [first, second] {
        assert_eq!(
            soon("the outcome", carried).await.unwrap(),
            "0/1 Accepted(\"id\")"
        );
    }
}

#[tokio::test]
async fn a_throttled_screen_goes_again_and_a_refused_one_does_not() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    for (sequence, status) in [
        (2, Status::THROTTLED),
        (3, Status::QUEUE_FULL),
        (4, Status::SYSTEM_ERROR),
    ] {
        let expected = format!("screen {sequence} op=02 its=0900 [Bonjour] to 212661000001");
        assert_eq!(peer.sees().await, expected);
        peer.answers(sequence, status, "").await;
    }
    let carried = house.carry("un");
    let submit = peer.read().await;
    assert_eq!(submit.header.sequence, 5, "nothing was sent between");
    peer.answers(5, Status::OK, "id").await;
    soon("the outcome", carried).await.unwrap();
}

#[tokio::test]
async fn a_throttled_screen_ends_with_its_deadline() {
    let house = house(|config| {
        let config_of = UssdConfig {
            deadline_ms: Some(2_000),
            ..UssdConfig::of("default")
        };
        config.ussd_settings = Some(Arc::new(config_of.settings(Vec::new()).unwrap()));
        config.idle_ms = 3_000;
    })
    .await;
    let mut peer = house.bound().await;
    tokio::time::pause();
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of - by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    let begun = Instant::now();
    let mut times = 0;
    while let line = peer.sees().await
        && let Some(sequence) = line.strip_prefix("screen ")
    {
        times += 1;
        let sequence = sequence.split(' ').next().unwrap().parse().unwrap();
        peer.answers(sequence, Status::THROTTLED, "").await;
    }
    // Throttling slows the link to three quarters of a part a second, which leaves one more try
    // within the two seconds; then only an enquire_link breaks the silence.
    assert_eq!(times, 2);
    assert!(begun.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn an_abort_takes_back_what_was_still_to_be_said() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    peer.raw(&deliver(6, 1, "", &its(0x11, 9, 0))).await;
    let closed = house
        .inbox
        .turn("closed of - by +212661000001 in 900, -")
        .await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    turn.reply("Bonjour", false);
    closed.reply("", true);
    peer.raw(&deliver(7, 1, "", &its(1, 11, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in b00, bind 1")
        .await;
    turn.reply("Rebonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0b00 [Rebonjour] to 212661000001"
    );
}

/// A screen that is ready and waits for the window is taken back too.
#[tokio::test(start_paused = true)]
async fn an_abort_takes_back_what_waits_for_the_window() {
    let house = piped(|config| config.window = 1);
    let mut peer = house.bound().await;
    let carried = house.carry("un");
    let submit = peer.read().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    house.inbox.lines(1).await;
    house.inbox.begun().reply("Bonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    // Time passes only when nothing is to be done: the screen is in line.
    tokio::time::sleep(Duration::from_millis(1)).await;
    peer.raw(&deliver(6, 1, "", &its(0x11, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    carried.await.unwrap();
    peer.says(Pdu::EnquireLink, Status::OK, 7).await;
    assert_eq!(peer.sees().await, "enquire_link_resp 7 0x00");
    tokio::time::sleep(Duration::from_millis(1)).await;
    peer.says(Pdu::EnquireLink, Status::OK, 8).await;
    assert_eq!(peer.sees().await, "enquire_link_resp 8 0x00");
}

/// While the ledger has not answered as many as may be under way, nothing more is begun.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_far_behind_is_given_no_more() {
    let house = piped(|config| {
        room_for(1)(config);
        config.accept_ms = 20;
    });
    let mut peer = house.bound().await;
    let mut kept = Vec::new();
    for (sequence, last) in [(5, 1), (6, 2)] {
        peer.raw(&deliver(sequence, last, "1", &its(0x12, 9, 0)))
            .await;
        house.inbox.lines(1).await;
        let asked_again = format!("deliver_sm_resp {sequence} 0x14");
        assert_eq!(peer.sees().await, asked_again);
        // The subscriber has an apology; the turn goes on.
        kept.push(house.inbox.begun().reply_unkept("Pardon", true));
        let line = peer.sees().await;
        assert!(line.contains("[Pardon]"), "{line}");
        peer.answers(sequence - 3, Status::OK, "id").await;
    }
    peer.raw(&deliver(7, 3, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x58");
    assert!(house.inbox.is_quiet());
    for one in kept {
        one.tell();
    }
    peer.raw(&deliver(8, 1, "1", &its(0x12, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 8 0x00");
    assert!(house.inbox.is_quiet());
    peer.raw(&deliver(9, 3, "1", &its(0x12, 9, 0))).await;
    house.inbox.lines(1).await;
    house.inbox.begun().reply("Trois", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 9 0x00");
}

#[tokio::test]
async fn two_phones_do_not_wait_for_each_other() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let slow = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    slow.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    // The same session number: the phones tell them apart.
    peer.raw(&deliver(6, 2, "", &its(1, 9, 0))).await;
    let quick = house
        .inbox
        .turn("dial [] of tns by +212661000002 in 900, bind 1")
        .await;
    quick.reply("Deux", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Deux] to 212661000002"
    );
    slow.reply("Un", false);
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0900 [Un] to 212661000001"
    );
}

#[tokio::test]
async fn a_screen_is_not_sent_on_another_bind() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    drop(peer);
    assert_eq!(house.inbox.lines(1).await, ["closed iam 1"]);
    let mut peer = house.bound().await;
    turn.reply("Bonjour", false);
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 3")
        .await;
    turn.reply("Encore", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Encore] to 212661000001"
    );
}

#[tokio::test]
async fn without_room_a_dial_is_turned_away_and_a_dialogue_goes_on() {
    let house = house(room_for(1)).await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let first = house
        .inbox
        .turn("dial [] of - by +212661000001 in 900, bind 1")
        .await;
    first.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    peer.raw(&deliver(6, 2, "", &its(1, 10, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0a01 [busy] to 212661000002"
    );
    peer.raw(&deliver(7, 3, "1", &its(0x12, 11, 0))).await;
    let second = house
        .inbox
        .turn("text [1] of - by +212661000003 in b00, bind 1")
        .await;
    second.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x00");
    peer.raw(&deliver(8, 4, "1", &its(0x12, 12, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 8 0x58");
    first.reply("Un", false);
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0900 [Un] to 212661000001"
    );
}

/// With the window shut, those turned away wait as screens; beyond twice the turns nobody is told
/// anything, and nothing is begun for those who hang up.
#[tokio::test]
async fn a_flood_of_dials_and_ends_is_refused() {
    let house = house(|config| {
        room_for(1)(config);
        config.window = 1;
    })
    .await;
    let mut peer = house.bound().await;
    let carried = house.carry("un");
    let submit = peer.read().await;
    peer.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
    let first = house
        .inbox
        .turn("dial [] of - by +212661000001 in 900, bind 1")
        .await;
    first.keep();
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    peer.raw(&deliver(6, 2, "", &its(1, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0x00");
    for (sequence, op) in [(7, 1), (8, 1), (9, 0x11)] {
        peer.raw(&deliver(sequence, 3, "", &its(op, 9, 0))).await;
        let refused = format!("deliver_sm_resp {sequence} 0x58");
        assert_eq!(peer.sees().await, refused);
    }
    assert!(house.inbox.is_quiet());
    // The end was understood all the same: there is nobody to read the first screen.
    peer.raw(&deliver(10, 1, "", &its(0x11, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 10 0x58");
    first.reply("Un", false);
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    soon("the outcome", carried).await.unwrap();
    assert_eq!(
        peer.sees().await,
        "screen 3 op=02 its=0901 [busy] to 212661000002"
    );
    peer.answers(3, Status::OK, "id").await;
    peer.raw(&deliver(11, 4, "", &its(1, 9, 0))).await;
    house
        .inbox
        .turn("dial [] of - by +212661000004 in 900, bind 1")
        .await
        .reply("Quatre", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 11 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 4 op=02 its=0900 [Quatre] to 212661000004"
    );
}

#[tokio::test]
async fn the_turns_of_those_who_hang_up_are_counted() {
    let house = house(room_for(1)).await;
    let mut peer = house.bound().await;
    let mut closed = Vec::new();
    for sequence in [5, 6] {
        peer.raw(&deliver(sequence, 1, "", &its(0x11, 9, 0))).await;
        closed.push(
            house
                .inbox
                .turn("closed of - by +212661000001 in 900, -")
                .await,
        );
        let answered = format!("deliver_sm_resp {sequence} 0x00");
        assert_eq!(peer.sees().await, answered);
    }
    peer.raw(&deliver(7, 1, "", &its(0x11, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x58");
    assert!(house.inbox.is_quiet());
    for turn in closed {
        turn.reply("", true);
    }
    // The link sees their ends when nothing else is to be done.
    let mut sequence = 8;
    loop {
        peer.raw(&deliver(sequence, 1, "", &its(0x11, 9, 0))).await;
        match peer.sees().await {
            line if line == format!("deliver_sm_resp {sequence} 0x00") => break,
            line => assert_eq!(line, format!("deliver_sm_resp {sequence} 0x58")),
        }
        sequence += 1;
        assert!(sequence < 1_000, "they never end");
    }
}

/// What comes next in a session on one bind overtakes what another bind was to say to it.
#[tokio::test(start_paused = true)]
async fn a_session_that_goes_on_on_another_bind_gets_no_old_screen() {
    for (op, text, next) in [
        (0x11, "", "closed of - by +212661000001 in 900, -"),
        (0x12, "2", "text [2] of tns by +212661000001 in 900, bind 2"),
    ] {
        let house = piped(|config| config.count = 2);
        let (mut one, mut two) = (house.bound().await, house.bound().await);
        one.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
        let turn = house
            .inbox
            .turn("dial [] of tns by +212661000001 in 900, bind 1")
            .await;
        turn.keep();
        assert_eq!(one.sees().await, "deliver_sm_resp 5 0x00");
        two.raw(&deliver(6, 1, text, &its(op, 9, 0))).await;
        let newer = house.inbox.turn(next).await;
        newer.keep();
        assert_eq!(two.sees().await, "deliver_sm_resp 6 0x00");
        turn.reply("Bonjour", false);
        one.raw(&deliver(7, 2, "", &its(1, 9, 0))).await;
        assert_eq!(house.inbox.lines(1).await.len(), 1);
        house.inbox.begun().reply("Deux", false);
        assert_eq!(one.sees().await, "deliver_sm_resp 7 0x00");
        assert_eq!(
            one.sees().await,
            "screen 2 op=02 its=0900 [Deux] to 212661000002"
        );
        if op == 0x12 {
            newer.reply("Suite", false);
            assert_eq!(
                two.sees().await,
                "screen 2 op=02 its=0900 [Suite] to 212661000001"
            );
        }
    }
}

/// A screen of a pair that was throttled goes again, unless its session has gone on or ended.
#[tokio::test(start_paused = true)]
async fn a_throttled_screen_of_a_pair_goes_again_only_while_it_is_the_last() {
    for (op, text) in [(0, ""), (0x11, ""), (0x12, "2")] {
        let house = piped(|config| config.bind = Binds::Pair);
        let (mut one, command) = house.bound_as_asked().await;
        let (mut two, _) = house.bound_as_asked().await;
        let (transmitter, receiver) = if command == Command::BindTransmitter {
            (&mut one, &mut two)
        } else {
            (&mut two, &mut one)
        };
        receiver.raw(&deliver(5, 1, "", &its(1, 9, 0))).await;
        house.inbox.lines(1).await;
        house.inbox.begun().reply("Bonjour", false);
        assert_eq!(receiver.sees().await, "deliver_sm_resp 5 0x00");
        let screen = "op=02 its=0900 [Bonjour] to 212661000001";
        assert_eq!(transmitter.sees().await, format!("screen 2 {screen}"));
        if op != 0 {
            receiver.raw(&deliver(6, 1, text, &its(op, 9, 0))).await;
            house.inbox.lines(1).await;
            house.inbox.begun().keep();
            assert_eq!(receiver.sees().await, "deliver_sm_resp 6 0x00");
        }
        transmitter.answers(2, Status::THROTTLED, "").await;
        let next = transmitter.sees().await;
        if op == 0 {
            assert_eq!(next, format!("screen 3 {screen}"));
        } else {
            assert_eq!(next, "enquire_link 3 0x00", "only the silence is broken");
        }
    }
}

#[tokio::test]
async fn messages_and_dialogues_share_a_bind() {
    let house = house(|_| {}).await;
    let mut peer = house.bound().await;
    peer.delivers(5, sms(b"TNS")).await;
    assert_eq!(
        house.inbox.lines(1).await,
        ["sms +212661000001 to 3949 of tns on iam: TNS None bind 1"]
    );
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    peer.raw(&deliver(6, 1, "", &its(0x10, 9, 0))).await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 6 0xc4");
    peer.raw(&deliver(7, 1, "", &its(1, 9, 0))).await;
    let turn = house
        .inbox
        .turn("dial [] of tns by +212661000001 in 900, bind 1")
        .await;
    turn.reply("Bonjour", false);
    assert_eq!(peer.sees().await, "deliver_sm_resp 7 0x00");
    assert_eq!(
        peer.sees().await,
        "screen 2 op=02 its=0900 [Bonjour] to 212661000001"
    );
}

#[tokio::test]
async fn a_confirmation_is_acknowledged_and_makes_no_turn() {
    let house = house(|config| {
        let settings = UssdConfig::of("notify").settings(Vec::new()).unwrap();
        config.ussd_settings = Some(Arc::new(settings));
    })
    .await;
    let mut peer = house.bound().await;
    peer.raw(&deliver(5, 1, "", &[5, 1, 0, 1, 0x13, 2, 4, 0, 2, 0, 7]))
        .await;
    assert_eq!(peer.sees().await, "deliver_sm_resp 5 0x00");
    assert!(house.inbox.turns.lock().unwrap().is_empty());
}
