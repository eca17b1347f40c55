//! An operator that tells the number at the dial only (TrueAfrican: `USSD.INIT` has it, `USSD.CONT` and
//! `USSD.END` have the session's id): whole conversations through its door.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use jisr::brake::Brake;
use jisr::callback::{LinkName, Msisdn, ServiceName};
use jisr::http::callbacks::{self, Door, UssdLink};
use jisr::http::entry::Entry;
use jisr::operator::auth::Auth;
use jisr::operator::shape::{Shape, Shapes};
use jisr::store::Store;
use tower::ServiceExt;

use crate::phone::{LINK, SERVICE, Setup, World};
use crate::program::change;

const ONE: &str = "+212661000001";
const TWO: &str = "+212661000002";
/// Another operator's link of the same shape.
const OTHER: &str = "other";

/// What an operator reads of an answer: the screen, and whether the session goes on.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    goes_on: bool,
}

struct Operator {
    world: World,
    router: Router,
}

impl Operator {
    async fn new(ids_recur: bool) -> Self {
        let setup = Setup {
            ids_recur,
            ..Setup::default()
        };
        let world = World::new(setup).await;
        let shapes = Shapes::load(&[]).unwrap_or_else(|_| panic!("the built-in shapes"));
        let Some(Shape::Ussd(shape)) = shapes.get("trueafrican") else {
            panic!("no such shape")
        };
        let link = |name| {
            let link = UssdLink {
                push: None,
                shape: Arc::clone(shape),
                services: vec![ServiceName::from(SERVICE)],
                codes: vec![("*580#".to_owned(), ServiceName::from(SERVICE))],
                auth: Auth::open(),
                public_url: None,
            };
            (LinkName::from(name), link)
        };
        let door = Door {
            gateway: Arc::clone(&world.gateway),
            entry: Entry {
                clock: world.clock.clone(),
                body_bytes_max: 16 * 1024,
                body_time: Duration::from_secs(5),
                proxies: Vec::new(),
                brake: Brake::default(),
            },
            links: BTreeMap::from([link(LINK), link(OTHER)]),
        };
        let router = callbacks::router(Arc::new(door));
        Self { world, router }
    }

    /// Calls a method with the members of its struct; the whole answer.
    async fn sends(&self, link: &str, method: &str, members: &[(&str, &str)]) -> String {
        let members: String = members
            .iter()
            .map(|(name, value)| {
                format!(
                    "<member><name>{name}</name><value><string>{value}</string></value></member>"
                )
            })
            .collect();
        let body = format!(
            "<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params><param><value><struct>{members}</struct></value></param></params></methodCall>"
        );
        let request = Request::builder()
            .method("POST")
            .uri(format!("/ussd/{link}"))
            .header("content-type", "text/xml")
            .body(Body::from(body))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap();
        self.world.settle().await;
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// The same; the members of the answer's struct.
    async fn calls(
        &self,
        link: &str,
        method: &str,
        members: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let body = self.sends(link, method, members).await;
        assert!(!body.contains("<fault>"), "{method}: {body}");
        let document = roxmltree::Document::parse(&body).unwrap();
        let all = document
            .descendants()
            .filter(|node| node.has_tag_name("member"));
        all.map(|member| {
            let text = |name: &str| {
                let found = member.children().find(|node| node.has_tag_name(name));
                let texts = found
                    .unwrap()
                    .descendants()
                    .filter_map(|node| node.text().filter(|_| node.is_text()));
                texts.collect::<String>()
            };
            (text("name"), text("value"))
        })
        .collect()
    }

    async fn screen(&self, link: &str, method: &str, members: &[(&str, &str)]) -> Shown {
        let answer = self.calls(link, method, members).await;
        assert_eq!(answer["session"], members[0].1);
        Shown {
            text: answer["message"].clone(),
            goes_on: match answer["type"].as_str() {
                "cont" => true,
                "end" => false,
                other => panic!("type {other}"),
            },
        }
    }

    async fn dials(&self, who: &str, id: &str) -> Shown {
        let members = [("session", id), ("msisdn", who), ("shortcode", "*580#")];
        self.screen(LINK, "USSD.INIT", &members).await
    }

    async fn presses(&self, id: &str, key: &str) -> Shown {
        let members = [("session", id), ("response", key)];
        self.screen(LINK, "USSD.CONT", &members).await
    }

    /// Hangs up; it is acknowledged with a struct of nothing.
    async fn ends(&self, link: &str, id: &str) {
        let answer = self.calls(link, "USSD.END", &[("session", id)]).await;
        assert_eq!(answer, BTreeMap::new());
    }

    /// Page and revision of somebody's conversation.
    async fn stands(&self, who: &str) -> Option<(String, u64)> {
        let who = Msisdn::parse(who).unwrap();
        let met = self
            .world
            .gateway
            .store
            .meet(&SERVICE.into(), &who, None)
            .await;
        let found = met.unwrap().conversation;
        found.map(|one| (one.page.to_string(), one.revision))
    }

    /// Somebody's number, and whether the session is over.
    async fn dialler(&self, id: &str) -> Option<(String, bool)> {
        let store = &self.world.gateway.store;
        let found = store.dialler(&LinkName::from(LINK), id).await.unwrap();
        found.map(|(who, session)| (who.as_str().to_owned(), session.ended))
    }
}

#[track_caller]
fn goes_on(shown: &Shown, with: &str) {
    assert!(
        shown.goes_on && shown.text.contains(with),
        "{with}: {shown:?}"
    );
}

/// An END that tells to dial again, in whatever language.
#[track_caller]
fn dial_again(shown: &Shown) {
    assert!(!shown.goes_on && shown.text.contains("*580#"), "{shown:?}");
}

#[tokio::test]
async fn two_subscribers_in_turns_with_ids_that_come_again() {
    for ids_recur in [false, true] {
        let operator = Operator::new(ids_recur).await;
        goes_on(&operator.dials(ONE, "1").await, "2 Français");
        goes_on(&operator.dials(TWO, "2").await, "4 English");
        goes_on(&operator.presses("1", "2").await, "1 Accepter");
        goes_on(&operator.presses("2", "4").await, "1 Agree");
        goes_on(&operator.presses("1", "1").await, "Pièces");
        goes_on(&operator.presses("2", "1").await, "Documents");
        goes_on(&operator.presses("1", "1").await, "carte");

        // The first hangs up. Its id comes again for the second, whose other session is over then.
        operator.ends(LINK, "1").await;
        let first = operator.stands(ONE).await;
        goes_on(&operator.dials(TWO, "1").await, "Documents");
        goes_on(&operator.presses("1", "1").await, "card");
        assert_eq!(
            operator.stands(ONE).await,
            first,
            "nothing moved for the first"
        );
        assert!(
            !operator.presses("2", "1").await.goes_on,
            "not the newest session"
        );

        // And the second's for the first, who goes on where it was.
        goes_on(&operator.dials(ONE, "2").await, "1 Continuer");
        goes_on(&operator.presses("2", "1").await, "carte");
        let second = operator.stands(TWO).await;
        let menu = operator.presses("1", "2").await;
        assert!(menu.goes_on, "{menu:?}");
        assert_ne!(operator.stands(TWO).await, second);
    }
}

#[tokio::test]
async fn the_newest_dial_has_the_id_even_while_an_older_session_lives() {
    let operator = Operator::new(false).await;
    operator.dials(ONE, "1").await;
    goes_on(&operator.presses("1", "2").await, "1 Accepter");
    let first = operator.stands(ONE).await;
    goes_on(&operator.dials(TWO, "1").await, "2 Français");
    goes_on(&operator.presses("1", "4").await, "1 Agree");
    assert_eq!(operator.stands(ONE).await, first);
    assert_eq!(operator.dialler("1").await, Some((TWO.to_owned(), false)));
}

#[tokio::test]
async fn a_key_press_that_says_another_number_neither_reads_nor_takes_the_session() {
    for ids_recur in [false, true] {
        let operator = Operator::new(ids_recur).await;
        operator.dials(ONE, "1").await;
        let stands = operator.stands(ONE).await;
        let with = |number| [("session", "1"), ("msisdn", number), ("response", "2")];
        let answer = operator.sends(LINK, "USSD.CONT", &with(TWO)).await;
        assert!(!answer.contains("Français"), "{answer}");
        assert_eq!(operator.dialler("1").await, Some((ONE.to_owned(), false)));
        assert_eq!(operator.stands(ONE).await, stands);
        assert_eq!(operator.stands(TWO).await, None);
        // The dialler's own number says nothing new.
        let answer = operator.sends(LINK, "USSD.CONT", &with(ONE)).await;
        assert!(answer.contains("1 Accepter"), "{answer}");
    }
}

#[tokio::test]
async fn a_dial_that_is_refused_does_not_take_the_session_of_another() {
    let operator = Operator::new(false).await;
    operator.dials(ONE, "1").await;
    let code_of_nobody = [("session", "1"), ("msisdn", TWO), ("shortcode", "*999#")];
    let answer = operator.sends(LINK, "USSD.INIT", &code_of_nobody).await;
    assert!(!answer.contains("<name>session</name>"), "{answer}");
    assert_eq!(operator.dialler("1").await, Some((ONE.to_owned(), false)));
    goes_on(&operator.presses("1", "2").await, "1 Accepter");
    assert_eq!(operator.stands(TWO).await, None);
}

#[tokio::test]
async fn a_key_press_in_a_session_that_nobody_dialled_gets_a_sentence_and_an_end() {
    for ids_recur in [false, true] {
        let operator = Operator::new(ids_recur).await;
        dial_again(&operator.presses("1", "2").await);
        assert_eq!(operator.stands(ONE).await, None);

        // Dialled on this link, and on no other: who guesses an id there gets nothing.
        operator.dials(ONE, "1").await;
        operator.presses("1", "2").await;
        let stood = operator.stands(ONE).await;
        let guessed = [("session", "1"), ("response", "1")];
        dial_again(&operator.screen(OTHER, "USSD.CONT", &guessed).await);
        operator.ends(OTHER, "1").await;
        assert_eq!(operator.stands(ONE).await, stood);
        assert_eq!(operator.dialler("1").await, Some((ONE.to_owned(), false)));
        goes_on(&operator.presses("1", "1").await, "Pièces");

        // Slow thumbs, then silence for longer than a session lives.
        operator.world.clock.forward(Duration::from_secs(180));
        goes_on(&operator.presses("1", "1").await, "carte");
        operator.world.clock.forward(Duration::from_secs(181));
        operator.world.settle().await;
        let stood = operator.stands(ONE).await;
        dial_again(&operator.presses("1", "1").await);
        assert_eq!(operator.stands(ONE).await, stood);
        goes_on(&operator.dials(ONE, "1").await, "1 Continuer");
    }
}

#[tokio::test]
async fn an_end_closes_the_session_that_was_dialled_and_is_acknowledged_for_any_other() {
    for ids_recur in [false, true] {
        let operator = Operator::new(ids_recur).await;
        operator.ends(LINK, "7").await;
        assert_eq!(operator.dialler("7").await, None);
        operator.dials(ONE, "1").await;
        operator.presses("1", "2").await;
        operator.ends(LINK, "1").await;
        assert_eq!(operator.dialler("1").await, Some((ONE.to_owned(), true)));
        let stood = operator.stands(ONE).await;
        // Nobody begins anew in the name of whoever had the id.
        dial_again(&operator.presses("1", "1").await);
        assert_eq!(operator.stands(ONE).await, stood);
    }
}

#[tokio::test]
async fn where_the_ledger_does_not_say_whose_it_is_the_subscriber_reads_so() {
    let operator = Operator::new(false).await;
    operator.dials(ONE, "1").await;
    let file = operator.world.folder.path().join("jisr.db");
    change(&file, "DROP TABLE diallers").await;
    let members = [("session", "2"), ("msisdn", TWO), ("shortcode", "*580#")];
    let pressed = operator.presses("1", "2").await;
    let dialled = operator.screen(LINK, "USSD.INIT", &members).await;
    for shown in [&pressed, &dialled] {
        assert!(!shown.goes_on && !shown.text.is_empty(), "{shown:?}");
        assert!(!shown.text.contains("*580#"), "{shown:?}");
    }
    assert_eq!(
        operator.stands(TWO).await,
        None,
        "no turn without its number"
    );
    operator.ends(LINK, "1").await;
}
