//! Sessions of operators that say less than others: no event, ids that come again, ids of callbacks.

use std::time::Duration;

use jisr::callback::{Callback, Input, Msisdn, Repeat};
use jisr::clock::Clock;
use jisr::store::{Reply, SessionKey};

use crate::phone::{LINK, Setup, World};

const ME: &str = "+212661000001";

async fn world(ids_recur: bool) -> World {
    World::new(Setup {
        ids_recur,
        ..Setup::default()
    })
    .await
}

/// One callback; time goes by before it.
async fn calls(world: &World, session: &str, wait: u64, input: Input, repeat: Repeat) -> Reply {
    world.clock.forward(Duration::from_secs(wait));
    let callback = Callback {
        input,
        repeat,
        ..world.made(ME, session, "")
    };
    let reply = world.gateway.ussd(&callback).await.unwrap();
    world.settle().await;
    reply
}

fn unsaid(typed: &str) -> Input {
    Input::Unsaid {
        dialled: String::new(),
        typed: typed.to_owned(),
    }
}

const LANGUAGES: &str = "2 Français";

#[tokio::test]
async fn without_an_event_the_first_of_a_session_is_the_dial() {
    for ids_recur in [false, true] {
        let world = world(ids_recur).await;
        let none = || Repeat::None;
        let dial = calls(&world, "s", 0, unsaid("580"), none()).await;
        assert!(dial.text.contains(LANGUAGES), "{}", dial.text);
        // Slow thumbs: the session lives as long as it is not silent.
        let typed = calls(&world, "s", 170, unsaid("2"), none()).await;
        assert!(typed.text.contains("1 "), "{}", typed.text);
        let accepted = calls(&world, "s", 170, unsaid("1"), none()).await;
        assert!(accepted.text.contains("Pièces"), "{}", accepted.text);
        let deeper = calls(&world, "s", 170, unsaid("1"), none()).await;
        assert!(deeper.text.contains("carte"), "{}", deeper.text);
        // Silent for longer than it lives, it is another session, which may go on.
        let again = calls(&world, "s", 181, unsaid("580"), none()).await;
        assert!(again.text.contains("Continuer"), "{}", again.text);
    }
}

#[tokio::test]
async fn where_ids_recur_an_empty_path_is_a_dial_and_a_session_that_is_over_begins_again() {
    let world = world(true).await;
    let path = |text: &str| Input::Path(text.to_owned());
    let one = calls(&world, "s", 0, path(""), Repeat::Path).await;
    assert_eq!(
        calls(&world, "s", 1, path(""), Repeat::Path).await,
        one,
        "a repeat"
    );
    calls(&world, "s", 1, path("2"), Repeat::Path).await;
    let menu = calls(&world, "s", 1, path("2*1"), Repeat::Path).await;
    assert!(menu.text.contains("Pièces"), "{}", menu.text);
    calls(&world, "s", 1, path("2*1*1"), Repeat::Path).await;
    let redial = calls(&world, "s", 1, path(""), Repeat::Path).await;
    assert!(redial.text.contains("Continuer"), "{}", redial.text);
    // The new session counts from its own dial.
    let typed = calls(&world, "s", 1, path("1"), Repeat::Path).await;
    assert!(!typed.ends, "{}", typed.text);
}

#[tokio::test]
async fn an_id_of_a_callback_counts_in_its_own_session() {
    let world = world(true).await;
    let key = |id: &str| Repeat::Key(id.to_owned());
    let dial = || Input::Dial(String::new());
    let typed = |text: &str| Input::Text(text.to_owned());
    let first = calls(&world, "", 0, dial(), key("1")).await;
    assert!(first.text.contains(LANGUAGES), "{}", first.text);
    let second = calls(&world, "", 1, typed("2"), key("2")).await;
    assert_eq!(
        calls(&world, "", 1, typed("2"), key("2")).await,
        second,
        "a repeat"
    );
    calls(&world, "", 1, typed("1"), key("3")).await;
    for _ in 0..2 {
        let over = calls(&world, "", 1, Input::Closed, key("4")).await;
        assert!(over.ends && over.text.is_empty());
    }
    // The next session of the number numbers its callbacks from 1 as well.
    let anew = calls(&world, "", 60, dial(), key("1")).await;
    assert_ne!(anew, first);
    assert_eq!(
        calls(&world, "", 1, dial(), key("1")).await,
        anew,
        "a repeat of this dial"
    );
    let next = calls(&world, "", 1, typed("1"), key("2")).await;
    assert_ne!(next, second);
    assert!(!next.text.is_empty());
}

#[tokio::test]
async fn a_key_acts_on_no_page_that_was_not_shown() {
    let world = World::new(Setup {
        posted: true,
        ..Setup::default()
    })
    .await;
    let session = SessionKey {
        link: LINK.into(),
        subscriber: Msisdn::parse(ME).unwrap(),
        id: "s".to_owned(),
    };
    let typed = async |typed: &str| {
        let input = Input::Text(typed.to_owned());
        calls(&world, "s", 1, input, Repeat::None).await
    };
    let dial = Input::Dial(String::new());
    let languages = calls(&world, "s", 1, dial, Repeat::None).await;
    let dialled_at = world.clock.now();
    // Nobody has told that it was taken, as after a stop of the gateway: the page again.
    assert_eq!(typed("2").await, languages);
    // What was told of the screen before that one does not count for it.
    world.gateway.shown(&session, dialled_at).await.unwrap();
    assert_eq!(typed("2").await, languages);
    world
        .gateway
        .shown(&session, world.clock.now())
        .await
        .unwrap();
    let consent = typed("2").await;
    assert!(consent.text.contains("1 Accepter"), "{}", consent.text);
    // The consent page was refused by the operator: nobody has read it.
    assert_eq!(typed("1").await, consent);
    world
        .gateway
        .shown(&session, world.clock.now())
        .await
        .unwrap();
    let menu = typed("1").await;
    assert!(menu.text.contains("Pièces"), "{}", menu.text);
}
