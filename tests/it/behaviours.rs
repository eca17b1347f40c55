//! Every bad behaviour of a message centre, played against the real gateway: library, ledger and
//! link over the loopback. What the gateway does about each is stated in `docs/behaviours.md`,
//! with what is to be seen at the end, which each test compares.

mod house;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::LocalSet;

use jisr::smpp::config::Binds;
use simulator::smsc::{Behaviour, CommandId, Dose, IdStyle, Receipts, Timing};

use crate::program::{ask, change};
use house::{AFTER_THE_GRACE, House, Plan, SOON};

const TABLE: &str = include_str!("../../docs/behaviours.md");

/// The rows of the table: name, what the message centre does, what Jisr does, what the worker
/// gets, what is to be seen.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let inside = line.trim_start_matches('|').trim_end_matches('|');
        inside.split('|').map(str::trim).collect()
    })
    .collect()
}

/// What was seen is what stands in the table.
async fn told(house: &House, behaviour: Behaviour) {
    let seen = house.ends(behaviour).await;
    let name = format!("`{behaviour}`");
    let row = rows().into_iter().find(|row| row[0] == name);
    let row = row.unwrap_or_else(|| panic!("no row {name}"));
    assert_eq!(row[4], seen, "{behaviour}");
}

fn in_ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

macro_rules! played {
    ($($group:ident { $($behaviour:ident $play:expr;)+ })+) => {
        $(
            /// The behaviours of a group side by side: each has a house of its own, and waits
            /// most of the time.
            #[tokio::test]
            async fn $group() {
                let here = LocalSet::new();
                let plays = vec![$({
                    let play = $play;
                    let played = here.spawn_local(async move { play(Behaviour::$behaviour).await });
                    (Behaviour::$behaviour, played)
                },)+];
                let mut failed = Vec::new();
                here.run_until(async {
                    for (behaviour, played) in plays {
                        if played.await.is_err() {
                            failed.push(behaviour.name());
                        }
                    }
                })
                .await;
                assert!(failed.is_empty(), "see above: {}", failed.join(", "));
            }
        )+

        /// Those that are played.
        const PLAYED: &[Behaviour] = &[$($(Behaviour::$behaviour,)+)+];
    };
}

#[test]
fn the_table_has_every_behaviour_and_every_behaviour_a_test() {
    let rows = rows();
    assert_eq!(rows.len(), Behaviour::ALL.len());
    for (row, behaviour) in rows.iter().zip(Behaviour::ALL) {
        assert_eq!(row.len(), 5, "{behaviour}");
        assert_eq!(row[0], format!("`{behaviour}`"));
        assert_eq!(row[1], behaviour.says(), "{behaviour}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{behaviour}");
    }
    let played: BTreeSet<_> = PLAYED.iter().collect();
    assert_eq!(played, Behaviour::ALL.iter().collect());
}

/// It goes on as before, everything is delivered and stays so, and every request of the centre
/// is answered: a worker texts while it is on.
async fn harmless(it: Behaviour) {
    let house = House::bound(Plan::new()).await;
    house.smsc.misbehave(it, Dose::Always);
    house.texts(1, "TNS").await;
    house.answered(1, 0).await;
    house.stand("delivered", 1).await;
    assert_eq!(house.worker(1).received(), 1);
    told(&house, it).await;
    house.stand("delivered", 2).await;
    let traffic = house.smsc.traffic();
    for (request, answer) in [
        (CommandId::DeliverSm, CommandId::DeliverSmResp),
        (CommandId::EnquireLink, CommandId::EnquireLinkResp),
        (CommandId::Other(0x0abc), CommandId::GenericNack),
    ] {
        let (asked, answered) = (traffic.went(request), traffic.came(answer));
        assert_eq!(asked, answered, "{it}: {request:?}");
    }
}

/// The first answer is lost to the gateway: the outcome is unknown, and after the grace, on the
/// bind of that number, the same bytes go again.
async fn unknown_once(it: Behaviour, plan: Plan, bind: u64) -> House {
    let house = House::bound(plan).await;
    house.smsc.misbehave(it, Dose::Times(1));
    house.owes(1).await;
    house.stand("unknown", 1).await;
    house.binds(bind).await;
    assert_eq!(house.unknown().await, 1, "it is recorded");
    house.later(AFTER_THE_GRACE).await;
    house.stand("delivered", 1).await;
    house
}

/// The message is refused a few times and kept: it goes once it is taken, and counts as sent
/// once.
async fn refused_for_a_while(it: Behaviour, times: u32) {
    let house = House::bound(Plan::new()).await;
    house.smsc.misbehave(it, Dose::Times(times));
    house.owes(1).await;
    for time in 1..=u64::from(times) {
        house.struck(it, time).await;
        house.stand("queued", 1).await;
        house.later(AFTER_THE_GRACE).await;
    }
    house.stand("delivered", 1).await;
    assert_eq!(house.worker(1).received(), 1);
    assert_eq!(house.smsc.parts_repeated(), 0);
    told(&house, it).await;
}

/// The connection breaks while a text waits for its answer: it comes again, and the worker is
/// answered once.
async fn delivered_again(it: Behaviour, plan: Plan) {
    let house = House::bound(plan).await;
    house.smsc.misbehave(it, Dose::Times(1));
    house.texts(1, "TNS").await;
    house.answered(1, 0).await;
    house.stand("delivered", 1).await;
    assert_eq!(house.worker(1).received(), 1);
    told(&house, it).await;
}

played! {
    binding {
    BindRefused async |it| {
        let house = House::bound(Plan::new().with(it, Dose::Times(3)).waiting()).await;
        house.answered(1, 0).await;
        told(&house, it).await;
    };
    CredentialsChanged async |it| {
        let house = House::bound(Plan::new()).await;
        house.smsc.misbehave(it, Dose::Times(4));
        house.owes(1).await;
        house.struck(it, 4).await;
        house.answered(1, 0).await;
        told(&house, it).await;
    };
    BindLate async |it| {
        let plan = Plan::new().set(|link| link.bind_ms = 500).with(it, Dose::Times(1));
        let plan = plan.waiting();
        let house = House::bound(plan).await;
        house.answered(1, 0).await;
        told(&house, it).await;
    };
    DeliverBeforeBind async |it| {
        let house = House::bound(Plan::new().with(it, Dose::Always).waiting()).await;
        house.answered(1, 0).await;
        house.stand("delivered", 1).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    ClosesAfterBind async |it| {
        let house = House::open(Plan::new().with(it, Dose::Times(3)).waiting()).await;
        house.answered(1, 0).await;
        told(&house, it).await;
    };
    }
    answers {
    NoResponse async |it| {
        let plan = Plan::new().set(|link| link.response_ms = 2_000);
        let house = unknown_once(it, plan, 1).await;
        // The message centre had taken it: that is the price of not knowing.
        assert_eq!(house.worker(1).received(), 2);
        let inbox = house.worker(1).inbox(0);
        assert_eq!(inbox[0], inbox[1], "the same bytes");
        told(&house, it).await;
    };
    LateResponse async |it| {
        let plan = Plan::new().set(|link| link.response_ms = 2_000);
        let house = House::bound(plan).await;
        house.smsc.set_timing(Timing { late: in_ms(3_000), ..Timing::default() });
        house.smsc.misbehave(it, Dose::Times(1));
        // Nothing but the late response can make it sent.
        house.smsc.set_receipts(Receipts::None);
        house.owes(1).await;
        house.stand("unknown", 1).await;
        house.stand("sent", 1).await;
        house.later(AFTER_THE_GRACE).await;
        assert_eq!(house.worker(1).received(), 1, "not again");
        told(&house, it).await;
    };
    WrongSequence async |it| {
        let plan = Plan::new().set(|link| link.response_ms = 2_000);
        let house = unknown_once(it, plan, 1).await;
        assert_eq!(house.worker(1).received(), 2);
        told(&house, it).await;
    };
    AnswerElsewhere async |it| {
        let house = unknown_once(it, Plan::new(), 2).await;
        told(&house, it).await;
    };
    ResponseDoubled harmless;
    ThrottlingStorm async |it| refused_for_a_while(it, 3).await;
    QueueFull async |it| refused_for_a_while(it, 3).await;
    NackForResponse async |it| refused_for_a_while(it, 2).await;
    BodilessError async |it| refused_for_a_while(it, 2).await;
    IdWithoutNul harmless;
    EmptyId async |it| {
        let house = House::bound(Plan::new()).await;
        house.smsc.misbehave(it, Dose::Times(1));
        house.owes(1).await;
        house.answered(1, 0).await;
        // Its receipt cannot be told to be its own.
        house.stand("sent", 1).await;
        house.later(AFTER_THE_GRACE).await;
        assert_eq!(house.worker(1).received(), 1, "not again");
        told(&house, it).await;
    };
    Deaf async |it| {
        let plan = Plan::new().set(|link| (link.response_ms, link.idle_ms) = (5_000, 300));
        let house = House::bound(plan).await;
        house.smsc.misbehave(it, Dose::Always);
        house.owes(1).await;
        house.stand("unknown", 1).await;
        let binds = house.smsc.traffic().came(CommandId::BindTransceiver);
        assert_eq!(binds, 1, "who answers enquire_link is there");
        assert_eq!(house.worker(1).received(), 0);
        house.smsc.behave(it);
        house.later(AFTER_THE_GRACE).await;
        house.stand("delivered", 1).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    }
    connections {
    UnbindOnSubmit async |it| {
        let house = unknown_once(it, Plan::new(), 2).await;
        let traffic = house.smsc.traffic();
        assert_eq!(traffic.came(CommandId::UnbindResp), 1, "an unbind is answered");
        assert_eq!(house.worker(1).received(), 1, "the centre had dropped it");
        told(&house, it).await;
    };
    UnbindUnanswered async |it| {
        let house = House::bound(Plan::new().set(|link| link.drain_ms = 300)).await;
        house.smsc.misbehave(it, Dose::Always);
        house.texts(1, "TNS").await;
        house.answered(1, 0).await;
        house.stand("delivered", 1).await;
        let smsc = house.smsc.clone();
        let row = rows().into_iter().find(|row| row[0] == format!("`{it}`")).unwrap();
        house.stops().await;
        let traffic = smsc.traffic();
        let (asked, answered) = (traffic.came(CommandId::Unbind), traffic.went(CommandId::UnbindResp));
        assert_eq!(row[4], format!("unbind asked {asked}, answered {answered}; the link has ended"));
    };
    ResetInPdu async |it| delivered_again(it, Plan::new()).await;
    ByteASecond async |it| {
        let house = House::bound(Plan::new().set(|link| link.pdu_ms = 500)).await;
        house.smsc.set_timing(Timing { drip: in_ms(100), ..Timing::default() });
        house.smsc.misbehave(it, Dose::Times(1));
        house.texts(1, "TNS").await;
        house.answered(1, 0).await;
        house.stand("delivered", 1).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    HalfOpen async |it| {
        let plan = Plan::new().set(|link| (link.response_ms, link.idle_ms) = (2_000, 300));
        let house = unknown_once(it, plan, 2).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    StopsReading async |it| {
        let plan = Plan::new().set(|link| (link.response_ms, link.idle_ms) = (2_000, 300));
        let house = unknown_once(it, plan, 2).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    }
    frames {
    LengthTooShort async |it| delivered_again(it, Plan::new()).await;
    LengthTooLong async |it| delivered_again(it, Plan::new()).await;
    LengthBeyondPdu async |it| {
        delivered_again(it, Plan::new().set(|link| link.pdu_ms = 500)).await;
    };
    EnquireLinkWithBody harmless;
    TrailingBytes harmless;
    UnknownTlvs harmless;
    UnknownCommand harmless;
    BodyCutShort harmless;
    OddSequenceNumbers harmless;
    Latin1Addresses harmless;
    }
    deliveries {
    ReceiptsEarly harmless;
    ReceiptsDoubled harmless;
    ReceiptsContradictory harmless;
    ReceiptsOtherFormat async |it| {
        let house = House::bound(Plan::new()).await;
        house.smsc.misbehave(it, Dose::Always);
        let mut worker = 0;
        for response in IdStyle::ALL {
            house.smsc.set(|settings| settings.response_ids = response);
            for _ in 0..4 {
                worker += 1;
                house.owes(worker).await;
                house.answered(worker, 0).await;
            }
        }
        house.stand("delivered", i64::from(worker)).await;
        told(&house, it).await;
    };
    PartsLost async |it| {
        let house = House::bound(Plan::new()).await;
        house.smsc.misbehave(it, Dose::Times(1));
        let long = format!("TNS {}", "x".repeat(200));
        house.texts(1, &long).await;
        let turns = "SELECT count(*) FROM outbox";
        assert_eq!(ask(&house.ledger(), turns).await, 0, "half a text is no turn");
        house.texts(1, &long).await;
        house.answered(1, 0).await;
        house.stand("delivered", 1).await;
        assert_eq!(house.worker(1).received(), 1);
        told(&house, it).await;
    };
    PartsShuffled async |it| {
        let house = House::bound(Plan::new()).await;
        house.smsc.misbehave(it, Dose::Always);
        house.texts(1, &format!("TNS {}", "x".repeat(400))).await;
        house.answered(1, 0).await;
        house.stand("delivered", 1).await;
        assert_eq!(house.worker(1).received(), 1, "one text, one answer");
        told(&house, it).await;
    };
    DeliveryRepeated async |it| {
        // The answer goes out on the other bind, so that the end of this one does not meet it.
        let plan = Plan::new().set(|link| link.bind = Binds::Pair);
        delivered_again(it, plan).await;
    };
    Flood async |it| {
        // On a slow disk some would be put off, and come again.
        let house = House::bound(Plan::new().set(|link| link.hold_ms = 60_000)).await;
        house.smsc.set_timing(Timing { flood: 1_000, ..Timing::default() });
        house.smsc.misbehave(it, Dose::Times(1));
        house.texts(1, "TNS").await;
        house.answered(1, 0).await;
        assert_eq!(house.smsc.until_quiet(SOON).await, 0);
        let kept = ask(&house.ledger(), "SELECT count(*) FROM receipts").await;
        assert_eq!(kept, 1_000, "each is kept");
        told(&house, it).await;
    };
    }
}

#[tokio::test]
async fn a_ledger_slower_than_the_operator_waits_makes_one_turn_of_a_text() {
    // Every message takes longer than this, so the operator is asked to come again each time.
    let house = House::bound(Plan::new().set(|link| link.accept_ms = 0)).await;
    let phone = house.worker(1);
    house.texts(1, "TNS").await;
    house.answered(1, 0).await;
    let traffic = house.smsc.traffic();
    assert!(traffic.went(CommandId::DeliverSm) > 1, "it came again");
    house.texts(1, "1").await;
    phone.sms(1, SOON, |_| true).await.unwrap();
    let turns = "SELECT count(*) FROM inbox_sms";
    assert_eq!(ask(&house.ledger(), turns).await, 2);
    assert_eq!(phone.received(), 2);
}

/// The operator had read that the first one was taken; what the worker types after a cut is new.
#[tokio::test]
async fn a_text_typed_again_after_a_cut_makes_its_turn() {
    let house = House::bound(Plan::new()).await;
    let phone = house.worker(1);
    house.texts(1, "TNS").await;
    house.answered(1, 0).await;
    for arrived in 1..4 {
        house.texts(1, "1").await;
        phone.sms(arrived, SOON, |_| true).await.unwrap();
        house.smsc.close();
        house.binds(u64::try_from(arrived).unwrap() + 1).await;
    }
    let turns = "SELECT count(*) FROM inbox_sms";
    assert_eq!(ask(&house.ledger(), turns).await, 4);
    assert!(house.odd().is_empty(), "{:?}", house.odd());
}

/// A part that was answered while the ledger could not take it does not go again.
#[tokio::test]
async fn an_outcome_waits_for_the_ledger() {
    let house = House::bound(Plan::new()).await;
    house.smsc.set_receipts(Receipts::None);
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON part_ids BEGIN SELECT RAISE(ABORT, 'full'); END";
    change(&house.ledger(), full).await;
    house.owes(1).await;
    house.answered(1, 0).await;
    house.until_answered(1).await;
    house.stand("sending", 1).await;
    change(&house.ledger(), "DROP TRIGGER full").await;
    house.stand("sent", 1).await;
    house.later(AFTER_THE_GRACE).await;
    assert_eq!(house.worker(1).received(), 1, "not again");
}
