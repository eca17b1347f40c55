//! The eleven once-only rules, each by what a subscriber or an operator would see.

use std::time::Duration;

use jisr::book::NoNumberOnFile;
use jisr::conversation::Progress;
use jisr::store::{PartOutcome, ReceiptState, SmsId, Store};

use crate::phone::{Mood, SERVICE, Setup, World};

const ME: &str = "+212661000002";
const STRANGER: &str = "+212661000009";

/// The inputs of a first contact in French up to the summary's confirmation.
const JC51834: [&str; 8] = ["2", "1", "1", "1", "JC51834", "02092029", "17111990", "1"];

/// Types inputs one after the other, as cumulative paths in one session.
async fn type_all(world: &World, phone: &str, session: &str, inputs: &[&str]) -> String {
    let mut reply = world.callback(phone, session, "").await;
    for typed in 1..=inputs.len() {
        reply = world
            .callback(phone, session, &inputs[..typed].join("*"))
            .await;
    }
    world.settle().await;
    reply.text
}

/// The messages since the last look: to whom, and the text.
fn mail(world: &World) -> Vec<(String, String)> {
    world
        .mail()
        .into_iter()
        .map(|(to, letter)| (to.as_str().to_owned(), letter.text))
        .collect()
}

fn code(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == 6)
        .unwrap()
        .to_owned()
}

/// The code of the last message.
fn last_code(world: &World) -> String {
    code(&mail(world).last().unwrap().1)
}

async fn revision(world: &World, phone: &str) -> u64 {
    let met = world
        .gateway
        .store
        .meet(
            &SERVICE.into(),
            &jisr::callback::Msisdn::parse(phone).unwrap(),
            None,
        )
        .await;
    met.unwrap()
        .conversation
        .map_or(0, |conversation| conversation.revision)
}

#[tokio::test]
async fn rule_1_a_turn_is_taken_once_however_many_run_at_once() {
    let world = World::new(Setup::default()).await;
    type_all(&world, ME, "s", &["2"]).await;
    let before = revision(&world, ME).await;
    let callback = world.made(ME, "s", "2*1");
    let replies =
        futures_util::future::join_all((0..16).map(|_| world.gateway.ussd(&callback))).await;
    let first = replies[0].as_ref().unwrap().clone();
    assert!(
        replies
            .iter()
            .all(|reply| *reply.as_ref().unwrap() == first)
    );
    assert_eq!(revision(&world, ME).await, before + 1);
}

/// A world whose process died while the registry was asked, and the callback that asked.
async fn died_while_asking() -> (World, jisr::callback::Callback) {
    let world = World::new(Setup::default()).await;
    type_all(&world, ME, "s", &JC51834[..7]).await;
    world.registry.set(Mood::Silent);
    let callback = world.made(ME, "s", &JC51834.join("*"));
    tokio::select! {
        _ = world.gateway.ussd(&callback) => panic!("the registry has not answered"),
        () = world.registry.asked() => {}
    }
    let world = world.reborn().await;
    world.registry.set(Mood::Up);
    (world, callback)
}

/// A text whose turn was cut after its first save, and whose question was answered at its due time: it has
/// had its turn, and the texts behind it have theirs. One conversation goes on then, the other has ended.
#[tokio::test]
async fn rule_6_a_text_whose_answer_came_at_its_due_time_has_had_its_turn() {
    for (phone, card, answer) in [
        (ME, "TNS cin JC51834 02092029 17111990", "Code envoyé"),
        (
            "+212661000001",
            "TNS cin BE740215 14062031 05031984",
            "104882317",
        ),
    ] {
        let world = World::new(Setup::default()).await;
        for text in ["TNS", "2", "1", card] {
            world.text(phone, text).await;
            world.settle().await;
        }
        world.mail();
        world.registry.set(Mood::Silent);
        world.text(phone, "1").await;
        tokio::select! {
            _ = world.gateway.tend_texts() => panic!("a silent registry has answered"),
            () = world.registry.asked() => {}
        }
        world.registry.set(Mood::Up);
        world.clock.forward(Duration::from_secs(60));
        world.gateway.tend_due().await.unwrap();
        world.settle().await;
        let got = mail(&world);
        let times = |words: &str| got.iter().filter(|(_, text)| text.contains(words)).count();
        assert_eq!(times(answer), 1, "{got:?}");
        assert_eq!(times("Que voulez-vous"), 0, "{got:?}");
        world.text(phone, "AIDE").await;
        world.settle().await;
        let got = mail(&world);
        assert_eq!(got.len(), 1, "{got:?}");
        let waiting = world.gateway.store.waiting_sms(SmsId(0), 10).await.unwrap();
        assert_eq!(waiting.len(), 0);
    }
}

#[tokio::test]
async fn rule_2_what_was_typed_is_in_the_ledger_before_the_registry_is_asked() {
    let (world, _) = died_while_asking().await;
    world.wait(Duration::from_secs(60)).await;
    let mail = mail(&world);
    assert!(
        mail.iter()
            .any(|(to, text)| to == ME && !code_of(text).is_empty()),
        "{mail:?}"
    );
    assert_eq!(world.registry.lookups(), 2);
}

#[tokio::test]
async fn rule_2_a_repeat_of_a_callback_whose_turn_died_asks_nothing() {
    let (world, callback) = died_while_asking().await;
    let again = world.gateway.ussd(&callback).await.unwrap();
    assert!(again.ends, "{}", again.text);
    assert_eq!(world.registry.lookups(), 1);
    world.wait(Duration::from_secs(60)).await;
    let mail = mail(&world);
    assert!(
        mail.iter()
            .any(|(to, text)| to == ME && !code_of(text).is_empty()),
        "{mail:?}"
    );
}

#[tokio::test]
async fn rule_8_a_callback_whose_turn_died_makes_no_step_after_a_newer_dial() {
    let (world, callback) = died_while_asking().await;
    world.callback(ME, "newer", "").await;
    let before = revision(&world, ME).await;
    let again = world.gateway.ussd(&callback).await.unwrap();
    assert!(again.ends, "{}", again.text);
    assert_eq!(revision(&world, ME).await, before);
    let twice = world.gateway.ussd(&callback).await.unwrap();
    assert_eq!(twice, again, "a repeat");
}

#[tokio::test]
async fn rule_3_an_account_is_opened_under_one_key_with_one_password() {
    let world = World::new(Setup::default()).await;
    type_all(&world, ME, "s", &JC51834).await;
    let code = last_code(&world);
    // The registry opens the account and its answer is lost, again and again.
    world.registry.set(Mood::Mute);
    let mut inputs: Vec<&str> = JC51834.to_vec();
    inputs.extend([code.as_str(), "1", "1"]);
    for typed in JC51834.len() + 1..=inputs.len() {
        world.callback(ME, "s", &inputs[..typed].join("*")).await;
    }
    world.wait(Duration::from_secs(60)).await;
    let world = world.reborn().await;
    world.wait(Duration::from_secs(60)).await;
    world.registry.set(Mood::Up);
    world.wait(Duration::from_secs(60)).await;
    let opened = world.registry.opened();
    assert_eq!(opened.len(), 1, "one key");
    assert!(
        opened.values().next().unwrap() > &1,
        "sent more than once, under that key"
    );
    let passwords = mail(&world)
        .into_iter()
        .filter(|(_, text)| text.contains("MaCNSS"))
        .count();
    assert_eq!(passwords, 2, "the screen that came late, and one password");
}

#[tokio::test]
async fn rule_4_a_repeat_gets_the_same_bytes_and_no_second_effect() {
    let world = World::new(Setup::default()).await;
    world.callback(ME, "s", "").await;
    let mut path = Vec::new();
    for typed in JC51834 {
        path.push(typed);
        let once = world.callback(ME, "s", &path.join("*")).await;
        world.clock.forward(Duration::from_secs(3));
        let twice = world.callback(ME, "s", &path.join("*")).await;
        assert_eq!(once, twice, "{path:?}");
    }
    world.settle().await;
    assert_eq!(mail(&world).len(), 1, "one code");
    assert_eq!(world.registry.lookups(), 1);
}

#[tokio::test]
async fn rule_5_a_prefix_is_late_an_extension_is_one_input_the_unknown_is_a_dial_string() {
    let world = World::new(Setup::default()).await;
    type_all(&world, ME, "s", &["2", "1", "1", "1"]).await;
    let before = revision(&world, ME).await;
    let late = world.callback(ME, "s", "2*1").await;
    assert_eq!(revision(&world, ME).await, before);
    assert!(
        late.text.contains("AB123456"),
        "the present page: {}",
        late.text
    );
    // A star inside the input stays in it, and is no card number.
    let starred = world.callback(ME, "s", "2*1*1*1*JC*51834").await;
    assert_eq!(revision(&world, ME).await, before + 1);
    assert!(starred.text.contains("AB123456"), "{}", starred.text);
    // Another number of the same session id is another session.
    let dialled = world.callback(STRANGER, "s", "1*1").await;
    assert!(
        dialled.text.contains("Darija"),
        "first contact waits for its language: {}",
        dialled.text
    );
}

#[tokio::test]
async fn rule_6_a_text_is_answered_after_it_is_durable_and_in_order() {
    let world = World::new(Setup::default()).await;
    for text in ["TNS", "2", "1"] {
        world.text(ME, text).await;
    }
    // Acknowledged, and the process dies before any turn has run.
    let world = world.reborn().await;
    world.settle().await;
    let mail = mail(&world);
    assert_eq!(mail.len(), 3, "{mail:?}");
    assert!(
        mail[2].1.contains('5'),
        "the home menu comes last: {}",
        mail[2].1
    );
}

#[tokio::test]
async fn rule_7_a_redial_meanwhile_asks_nothing_and_the_outcome_comes_once() {
    let world = World::new(Setup::default()).await;
    world.registry.set(Mood::Down);
    type_all(&world, ME, "s", &JC51834).await;
    let asked = world.registry.lookups();
    let again = world.callback(ME, "s2", "").await;
    assert!(again.ends);
    assert_eq!(world.registry.lookups(), asked);
    world.registry.set(Mood::Up);
    world.wait(Duration::from_secs(300)).await;
    let sent_codes = world
        .postman
        .carried
        .lock()
        .unwrap()
        .iter()
        .filter(|(text, _)| !code_of(text).is_empty())
        .count();
    assert_eq!(sent_codes, 1, "one code for one lookup");
}

#[tokio::test]
async fn rule_7_whoever_redials_every_second_does_not_put_the_answer_off() {
    let (world, _) = died_while_asking().await;
    for dial in 0..30 {
        world.callback(ME, &format!("again-{dial}"), "").await;
        world.wait(Duration::from_secs(1)).await;
    }
    let mail = mail(&world);
    assert!(
        mail.iter()
            .any(|(to, text)| to == ME && !code_of(text).is_empty()),
        "{mail:?}"
    );
}

fn code_of(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == 6)
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn rule_8_the_newest_dial_owns_and_an_sms_moves_on() {
    let world = World::new(Setup::default()).await;
    type_all(&world, ME, "old", &["2", "1", "1"]).await;
    type_all(&world, ME, "new", &[]).await;
    let before = revision(&world, ME).await;
    let old = world.callback(ME, "old", "2*1*1*1").await;
    assert!(old.ends);
    assert_eq!(revision(&world, ME).await, before, "no step");
    // In the new session the worker goes on; then by SMS; the next key press only shows the page.
    world.callback(ME, "new", "1").await;
    for text in ["TNS", "1", "1"] {
        world.text(ME, text).await;
        world.settle().await;
    }
    let before = revision(&world, ME).await;
    let shown = world.callback(ME, "new", "1*2").await;
    assert!(shown.text.contains("AB123456"), "{}", shown.text);
    assert_eq!(revision(&world, ME).await, before, "no step");
}

#[tokio::test]
async fn rule_9_a_secret_goes_to_the_number_on_file_only_and_a_failed_one_is_revoked() {
    let world = World::new(Setup {
        policy: NoNumberOnFile::Guide,
        ..Setup::default()
    })
    .await;
    let mut inputs: Vec<String> = JC51834.iter().map(|typed| (*typed).to_owned()).collect();
    type_all(&world, STRANGER, "s", &JC51834).await;
    let mut all = mail(&world);
    inputs.push(code(&all.last().unwrap().1));
    inputs.extend(["1".to_owned(), "1".to_owned()]);
    world.operator_says(Some(PartOutcome::Refused("smpp 0x0b".to_owned())));
    for typed in JC51834.len() + 1..=inputs.len() {
        world
            .callback(STRANGER, "s", &inputs[..typed].join("*"))
            .await;
    }
    world.wait(Duration::from_secs(60)).await;
    world.operator_says(None);
    world.wait(Duration::from_secs(60)).await;
    // The password failed for good: it was taken back, and a new conversation gets the next one.
    type_all(
        &world,
        STRANGER,
        "t",
        &["1", "1", "JC51834", "02092029", "17111990", "1"],
    )
    .await;
    all.extend(mail(&world));
    let next = code(&all.last().unwrap().1);
    world
        .callback(
            STRANGER,
            "t",
            &format!("1*1*JC51834*02092029*17111990*1*{next}"),
        )
        .await;
    world
        .callback(
            STRANGER,
            "t",
            &format!("1*1*JC51834*02092029*17111990*1*{next}*1"),
        )
        .await;
    world
        .callback(
            STRANGER,
            "t",
            &format!("1*1*JC51834*02092029*17111990*1*{next}*1*1"),
        )
        .await;
    world.wait(Duration::from_secs(60)).await;
    all.extend(mail(&world));
    assert_eq!(
        world.registry.opened().len(),
        2,
        "two generations, two keys"
    );
    for (to, text) in &all {
        let secret = !code_of(text).is_empty() || text.contains("Mot de passe MaCNSS");
        assert!(!secret || to == ME, "a secret to {to}: {text}");
    }
}

/// How often each text with a code was carried.
fn codes_carried(world: &World) -> Vec<u64> {
    let carried = world.postman.carried.lock().unwrap();
    carried
        .iter()
        .filter(|(text, _)| !code_of(text).is_empty())
        .map(|(_, times)| *times)
        .collect()
}

#[tokio::test]
async fn rule_10_an_unknown_outcome_goes_again_after_a_minute_at_most_twice_with_the_same_bytes() {
    let world = World::new(Setup::default()).await;
    world.operator_says(Some(PartOutcome::Unknown));
    type_all(&world, ME, "s", &JC51834).await;
    assert_eq!(codes_carried(&world), [1]);
    world.wait(Duration::from_secs(50)).await;
    assert_eq!(codes_carried(&world), [1], "a late answer is waited for");
    world.wait(Duration::from_secs(20)).await;
    assert_eq!(codes_carried(&world), [2], "the same bytes again");
    world.wait(Duration::from_secs(600)).await;
    assert_eq!(codes_carried(&world), [3], "and not a fourth time");
}

#[tokio::test]
async fn rule_10_a_receipt_that_comes_before_the_answer_is_not_lost() {
    let world = World::new(Setup::default()).await;
    world.receipt("00AB7", ReceiptState::Delivered).await;
    world.operator_says(Some(PartOutcome::Accepted("ab7".to_owned())));
    type_all(&world, ME, "s", &JC51834).await;
    let counts = world.gateway.store.message_counts().await.unwrap();
    let delivered = counts
        .iter()
        .find(|(state, _)| state.name() == "delivered")
        .map_or(0, |(_, count)| *count);
    assert_eq!(delivered, 1, "{counts:?}");
}

#[tokio::test]
async fn rule_11_what_was_answered_is_there_after_a_crash() {
    let mut world = World::new(Setup::default()).await;
    world.callback(ME, "s", "").await;
    let mut path: Vec<&str> = Vec::new();
    for typed in &JC51834[..7] {
        path.push(typed);
        let reply = world.callback(ME, "s", &path.join("*")).await;
        world = world.reborn().await;
        let again = world.callback(ME, "s", &path.join("*")).await;
        assert_eq!(reply, again);
    }
    let met = world
        .gateway
        .store
        .meet(
            &SERVICE.into(),
            &jisr::callback::Msisdn::parse(ME).unwrap(),
            None,
        )
        .await
        .unwrap();
    assert_eq!(met.conversation.unwrap().progress, Progress::Open);
}
