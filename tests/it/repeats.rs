//! A repeat changes nothing: random walks through the dialog, played once plainly and once with
//! every callback repeated, end in the same replies, the same messages and the same conversation.

use std::time::Duration;

use futures_util::future::join_all;
use jisr::callback::{Callback, Input, Msisdn, Repeat, ServiceName};
use jisr::clock::{Chance, Moment};
use jisr::gateway::UssdCall;
use jisr::store::{Reply, Store};

use crate::phone::{LINK, SERVICE, Seeded, Setup, World};

const ME: &str = "+212661000002";
/// Key presses of one walk.
const STEPS: usize = 24;
/// What thumbs do, right and wrong.
const TYPED: [&str; 16] = [
    "1", "1", "1", "2", "2", "3", "0", "00", "9", "JC51834", "02092029", "17111990", "AB123456",
    "aide", "x*y", "١",
];

/// A walk: what is typed, one after the other. It leads to the language and consent first.
fn walk(seed: u64) -> Vec<&'static str> {
    let chance = Seeded::new(seed);
    let mut walk = vec!["2", "1"];
    for _ in 0..STEPS {
        let mut byte = [0];
        chance.fill(&mut byte);
        walk.push(TYPED[usize::from(byte[0]) % TYPED.len()]);
    }
    // A STOP in a walk would end it early; the way to the registry makes it worth the while.
    walk.extend(["00", "1", "1", "JC51834", "02092029", "17111990", "1"]);
    walk
}

/// Plays a walk; `times` is how often each callback comes, at once.
async fn play(seed: u64, times: usize) -> (Vec<Reply>, Vec<String>, u64) {
    let world = World::new(Setup {
        seed,
        ..Setup::default()
    })
    .await;
    let mut path: Vec<&str> = Vec::new();
    let mut session = 1;
    let mut replies = Vec::new();
    let mut messages = Vec::new();
    let walk = walk(seed);
    let mut typed = walk.iter();
    loop {
        let callback = world.made(ME, &format!("s{session}"), &path.join("*"));
        let answers = join_all((0..times).map(|_| world.gateway.ussd(&callback))).await;
        let reply = answers[0].as_ref().unwrap().clone();
        for answer in &answers {
            assert_eq!(answer.as_ref().unwrap(), &reply, "seed {seed}, {path:?}");
        }
        world.settle().await;
        messages.extend(world.mail().into_iter().map(|(_, letter)| letter.text));
        world.clock.forward(Duration::from_secs(2));
        let ends = reply.ends;
        replies.push(reply);
        if ends {
            session += 1;
            path.clear();
        }
        match typed.next() {
            Some(_) if ends => {}
            Some(next) => path.push(next),
            None => break,
        }
    }
    let met = world
        .gateway
        .store
        .meet(&SERVICE.into(), &Msisdn::parse(ME).unwrap(), None)
        .await
        .unwrap();
    (replies, messages, met.conversation.unwrap().revision)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn property_a_repeat_changes_nothing() {
    let first: u64 = std::env::var("PROPTEST_RNG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    for seed in first * 1000..first * 1000 + 6 {
        println!("seed {seed}: {:?}", walk(seed));
        let plain = play(seed, 1).await;
        let repeated = play(seed, 3).await;
        assert_eq!(plain, repeated, "seed {seed}");
    }
}

fn by(repeat: Repeat, input: Input, world: &World) -> Callback {
    Callback {
        repeat,
        input,
        ..world.made(ME, "s", "")
    }
}

#[tokio::test]
async fn an_operators_id_tells_a_repeat() {
    let world = World::new(Setup::default()).await;
    let dial = by(
        Repeat::Key("m1".to_owned()),
        Input::Dial(String::new()),
        &world,
    );
    let first = world.gateway.ussd(&dial).await.unwrap();
    let typed = by(
        Repeat::Key("m2".to_owned()),
        Input::Text("2".to_owned()),
        &world,
    );
    let second = world.gateway.ussd(&typed).await.unwrap();
    world.clock.forward(Duration::from_secs(9));
    assert_eq!(
        world.gateway.ussd(&typed).await.unwrap(),
        second,
        "the same id"
    );
    assert_eq!(
        world.gateway.ussd(&dial).await.unwrap(),
        first,
        "an earlier id"
    );
    let other = by(
        Repeat::Key("m3".to_owned()),
        Input::Text("1".to_owned()),
        &world,
    );
    assert_ne!(
        world.gateway.ussd(&other).await.unwrap(),
        second,
        "another id is another input"
    );
}

#[tokio::test]
async fn where_nothing_tells_only_an_unanswered_input_is_recognised() {
    let world = World::new(Setup::default()).await;
    world
        .gateway
        .ussd(&by(Repeat::None, Input::Dial(String::new()), &world))
        .await
        .unwrap();
    world
        .gateway
        .ussd(&by(Repeat::None, Input::Text("2".to_owned()), &world))
        .await
        .unwrap();
    let one = by(Repeat::None, Input::Text("1".to_owned()), &world);
    let (first, second) = tokio::join!(world.gateway.ussd(&one), world.gateway.ussd(&one));
    assert_eq!(
        first.as_ref().unwrap(),
        second.as_ref().unwrap(),
        "while the first is unanswered"
    );
    let third = world.gateway.ussd(&one).await.unwrap();
    assert_ne!(first.unwrap(), third, "afterwards it is a new input");
}

#[tokio::test]
async fn a_session_id_that_comes_again_after_its_time_is_another_session() {
    let world = World::new(Setup::default()).await;
    world.callback(ME, "s", "").await;
    let consent = world.callback(ME, "s", "2").await;
    world.clock.forward(Duration::from_secs(181));
    let again = world.callback(ME, "s", "").await;
    assert!(
        consent.text.starts_with(&again.text),
        "a new dial, and the language is known: {}",
        again.text
    );
    let home = world.callback(ME, "s", "1").await;
    assert!(home.text.contains("Que voulez-vous"), "{}", home.text);
}

/// What tells a repeat before its turn begins: equal only where the ledger would take it for one.
#[tokio::test]
async fn a_repeat_is_told_by_a_mark_of_what_it_has_in_common() {
    let world = World::new(Setup::default()).await;
    let mark = |session: &str, repeat: &Repeat, input: &Input| {
        world.gateway.repeat_mark(&UssdCall {
            link: LINK.into(),
            services: vec![ServiceName::from(SERVICE)],
            service: None,
            subscriber: Msisdn::parse(ME).unwrap(),
            session: session.to_owned(),
            repeat: repeat.clone(),
            input: input.clone(),
            at: Moment::default(),
        })
    };
    let key = |key: &str| Repeat::Key(key.to_owned());
    let text = |text: &str| Input::Text(text.to_owned());
    let path = |path: &str| Input::Path(path.to_owned());
    let dial = || Input::Dial(String::new());
    let mut all = Vec::new();
    for (repeat, input) in [
        (key("1"), text("1")),
        (key("2"), text("1")),
        (Repeat::Number(1), text("1")),
        (Repeat::Number(1), text("2")),
        (Repeat::Number(2), text("1")),
        (Repeat::Number(1), dial()),
        (Repeat::Path, path("")),
        (Repeat::Path, path("1")),
        (Repeat::Path, path("1*1")),
    ] {
        for session in ["s1", "s2"] {
            let told = mark(session, &repeat, &input).expect("nothing tells it");
            assert_eq!(mark(session, &repeat, &input), Some(told));
            assert!(!all.contains(&told), "{session}, {repeat:?}, {input:?}");
            all.push(told);
        }
    }
    // By its id alone, whatever comes with it.
    assert_eq!(mark("s1", &key("1"), &text("9")), Some(all[0]));
    for (repeat, input) in [
        (Repeat::None, text("1")),
        (Repeat::None, path("1")),
        (Repeat::Path, dial()),
    ] {
        assert_eq!(mark("s1", &repeat, &input), None, "{repeat:?}, {input:?}");
    }
}
