//! Who dialled a session, found by link and id.

use super::*;

fn key_of(on: &str, whose: u32, id: &str) -> SessionKey {
    SessionKey {
        link: LinkName::from(on),
        subscriber: number(whose),
        id: id.to_owned(),
    }
}

fn mark(opened: i64) -> SessionMark {
    SessionMark {
        opened_at: at(opened),
        seen_at: at(opened),
        path_len: 0,
        path_mark: key("path"),
        shown_revision: 1,
        shown: true,
        ended: false,
        version: 0,
    }
}

/// A dial, and the session that the turn behind it leaves.
async fn dial(store: &impl Store, (on, whose, id): (&str, u32, &str), seconds: i64) {
    let session = key_of(on, whose, id);
    store.dialled(&session, at(seconds)).await.unwrap();
    leave(store, &session, &mark(seconds)).await;
}

/// A session as it stands now.
async fn leave(store: &impl Store, session: &SessionKey, mark: &SessionMark) {
    let name = format!("{} {} {}", session.link, session.id, mark.seen_at.ms());
    let arrival = Arrival {
        link: session.link.clone(),
        subscriber: session.subscriber.clone(),
        key: store.mark("arrival", &[name.as_bytes()]),
        same: None,
        at: mark.seen_at,
        reply: None,
    };
    let met = store
        .meet(&service(), &session.subscriber, Some(session))
        .await;
    let mut mark = SessionMark {
        version: met.unwrap().session.map_or(0, |mark| mark.version),
        ..mark.clone()
    };
    turns::noted(store, &arrival, (session, &mut mark), None).await;
}

async fn dialler(store: &impl Store, on: &str, id: &str) -> Option<(Msisdn, SessionMark)> {
    let found = store.dialler(&LinkName::from(on), id).await.unwrap();
    found.map(|(whose, mark)| (whose, SessionMark { version: 0, ..mark }))
}

pub(crate) async fn the_newest_dial_counts(store: &impl Store) {
    assert_eq!(dialler(store, "op", "1").await, None);
    dial(store, ("op", 1, "1"), 0).await;
    assert_eq!(dialler(store, "op", "1").await, Some((number(1), mark(0))));

    // As the session stands after a key press, and after its end.
    let pressed = SessionMark {
        seen_at: at(30),
        shown_revision: 2,
        ended: true,
        ..mark(0)
    };
    leave(store, &key_of("op", 1, "1"), &pressed).await;
    assert_eq!(dialler(store, "op", "1").await, Some((number(1), pressed)));

    // Another number with the same id, even if a clock was set back meanwhile.
    dial(store, ("op", 2, "1"), 60).await;
    assert_eq!(dialler(store, "op", "1").await, Some((number(2), mark(60))));
    dial(store, ("op", 3, "1"), 10).await;
    assert_eq!(dialler(store, "op", "1").await, Some((number(3), mark(10))));
    dial(store, ("op", 1, "1"), 90).await;
    assert_eq!(dialler(store, "op", "1").await, Some((number(1), mark(90))));

    // A dial that left no session is nobody's, and the session before it is not found either.
    let lost = key_of("op", 4, "1");
    store.dialled(&lost, at(95)).await.unwrap();
    assert_eq!(dialler(store, "op", "1").await, None);
}

pub(crate) async fn a_session_is_of_its_link(store: &impl Store) {
    dial(store, ("op", 1, "1"), 0).await;
    dial(store, ("op2", 2, "1"), 0).await;
    dial(store, ("op", 3, "2"), 0).await;
    for (on, id, whose) in [
        ("op", "1", Some(1)),
        ("op2", "1", Some(2)),
        ("op", "2", Some(3)),
        ("op2", "2", None),
        ("o", "p1", None),
        ("op2", "", None),
        ("", "op1", None),
        ("op", "1 ", None),
    ] {
        let found = dialler(store, on, id).await;
        let found = found.map(|(whose, _)| whose);
        assert_eq!(found, whose.map(number), "{on} {id}");
    }
}

pub(crate) async fn a_dial_is_forgotten(store: &impl Store) {
    dial(store, ("op", 1, "1"), 0).await;
    // The session goes on for longer than anybody remembers its dial.
    let later = SessionMark {
        seen_at: at(2 * DAY),
        ..mark(0)
    };
    leave(store, &key_of("op", 1, "1"), &later).await;
    store.tidy(at(3 * DAY - 1)).await.unwrap();
    assert!(dialler(store, "op", "1").await.is_some());
    store.tidy(at(3 * DAY)).await.unwrap();
    assert_eq!(dialler(store, "op", "1").await, None);
}
