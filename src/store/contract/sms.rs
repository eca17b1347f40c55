//! SMS at the door: repeats, parts, order.

use super::*;

/// A whole message without an id, on bind 1.
pub(crate) fn sms(from: u32, text: &str, seconds: i64) -> NewSms {
    let mut fingerprint = [0; 32];
    fingerprint[..text.len().min(32)].copy_from_slice(&text.as_bytes()[..text.len().min(32)]);
    fingerprint[31] = u8::try_from(from).unwrap();
    NewSms {
        link: link(),
        service: service(),
        subscriber: number(from),
        to: "3939".to_owned(),
        text: text.to_owned(),
        message_id: None,
        fingerprint,
        bind: 1,
        part: None,
        at: at(seconds),
    }
}

fn part(reference: u16, of: u8, number: u8, text: &str) -> NewSms {
    NewSms {
        part: Some((reference, of, number)),
        ..sms(1, text, 0)
    }
}

async fn texts(store: &impl Store) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let waiting = store.waiting_sms(SmsId(0), 100).await.unwrap();
        if waiting.is_empty() {
            return texts;
        }
        for sms in waiting {
            texts.push(sms.text);
            store.drop_sms(sms.id).await.unwrap();
        }
    }
}

fn stored(accepted: Accepted) -> bool {
    matches!(accepted, Accepted::Stored(_))
}

pub(crate) async fn repeats_by_id(store: &impl Store) {
    let with = |id: &str, from| NewSms {
        message_id: Some(id.to_owned()),
        ..sms(from, "1", 0)
    };
    for (sms, new) in [
        (with("m1", 1), true),
        (with("m1", 1), false),
        (with("m2", 1), true), // the same text under another id
        (with("m1", 2), true), // the number is part of the key
        (
            NewSms {
                link: "other".into(),
                ..with("m1", 1)
            },
            true,
        ),
        (
            NewSms {
                at: at(70 * HOUR),
                ..with("m1", 1)
            },
            false,
        ),
    ] {
        let at = sms.at;
        assert_eq!(stored(store.accept_sms(sms).await.unwrap()), new, "{at:?}");
    }
    // Also when its turn is done.
    texts(store).await;
    assert_eq!(
        store.accept_sms(with("m1", 1)).await.unwrap(),
        Accepted::Repeat
    );
    store.tidy(at(73 * HOUR)).await.unwrap();
    assert!(stored(store.accept_sms(with("m1", 1)).await.unwrap()));
}

pub(crate) async fn repeats_by_fingerprint_need_a_closed_bind(store: &impl Store) {
    let comes = async |bind, seconds, repeats: bool, why: &str| {
        let sms = NewSms {
            bind,
            ..sms(1, "1", seconds)
        };
        let accepted = store.accept_sms(sms).await.unwrap();
        assert_eq!(accepted == Accepted::Repeat, repeats, "{why}");
    };
    let closes = async |name: LinkName, bind, unread_from| {
        let closed = store.close_bind(&name, bind, at(unread_from)).await;
        closed.unwrap();
    };
    closes(link(), 9, 0).await;
    closes("the other".into(), 1, 0).await;
    comes(1, 0, false, "nothing was there").await;
    comes(1, 5, false, "the bind is open: typed twice").await;
    comes(2, 6, false, "on another bind, the first still open").await;
    closes(link(), 1, 0).await;
    comes(2, 10, true, "the bind has closed").await;
    comes(2, 11, true, "both are sent again").await;
    comes(2, 12, false, "and a third one is new").await;
    closes(link(), 2, 0).await;
    comes(3, 11 * MINUTE + 12, false, "after ten minutes").await;

    let third = 11 * MINUTE + 12;
    closes(link(), 3, third).await;
    comes(4, third + 300, true, "its answer may not have been read").await;
    closes(link(), 4, third + 300).await;
    let why = "nor the answer to its second coming";
    comes(5, third + 301, true, why).await;
    closes(link(), 5, third + 302).await;
    let why = "its answer was read, and the worker types again";
    comes(6, third + 303, false, why).await;

    let another = NewSms {
        bind: 3,
        ..sms(2, "1", 13)
    };
    assert!(stored(store.accept_sms(another).await.unwrap()));
}

pub(crate) async fn parts_come_in_any_order(store: &impl Store) {
    for (order, whole) in [([1, 2, 3], "abc"), ([3, 1, 2], "abc"), ([2, 3, 1], "abc")] {
        let reference = order[0];
        for (at, number) in order.iter().enumerate() {
            let sms = part(
                reference,
                3,
                u8::try_from(*number).unwrap(),
                &whole[*number as usize - 1..*number as usize],
            );
            let accepted = store.accept_sms(sms.clone()).await.unwrap();
            assert_eq!(stored(accepted), at == 2, "{order:?}");
            if at < 2 {
                assert_eq!(accepted, Accepted::Part);
                assert_eq!(
                    store.accept_sms(sms).await.unwrap(),
                    Accepted::Repeat,
                    "the same part again"
                );
            }
        }
        assert_eq!(texts(store).await, [whole], "{order:?}");
    }
    // What is whole has come: an operator may bring each part again, in any order.
    for number in [2, 1, 2] {
        let again = part(
            1,
            3,
            number,
            &"abc"[usize::from(number) - 1..usize::from(number)],
        );
        assert_eq!(store.accept_sms(again).await.unwrap(), Accepted::Repeat);
    }
    // The reference comes round with another message, one of whose parts is equal.
    for (number, text, whole) in [(3, "z", false), (1, "a", false), (2, "y", true)] {
        let accepted = store.accept_sms(part(1, 3, number, text)).await.unwrap();
        assert_eq!(stored(accepted), whole, "{number}");
    }
    assert_eq!(texts(store).await, ["ayz"]);
    // And the same message a minute later: no operator waits so long for an answer.
    for (number, whole) in [(1, false), (2, false), (3, true)] {
        let text = ["a", "y", "z"][usize::from(number) - 1];
        let later = NewSms {
            at: at(61),
            ..part(1, 3, number, text)
        };
        assert_eq!(stored(store.accept_sms(later).await.unwrap()), whole);
    }
    assert_eq!(texts(store).await, ["ayz"]);
    // One of one, and numberings that fit no message, are whole.
    for odd in [
        part(9, 1, 1, "one"),
        part(9, 2, 0, "zero"),
        part(9, 2, 3, "three"),
        part(9, 0, 0, "none"),
    ] {
        assert!(stored(store.accept_sms(odd).await.unwrap()));
    }
    // The reference came round: the old first part belongs to a message that never came whole.
    store.accept_sms(part(7, 2, 1, "old ")).await.unwrap();
    store.accept_sms(part(7, 2, 1, "new ")).await.unwrap();
    texts(store).await;
    store.accept_sms(part(7, 2, 2, "text")).await.unwrap();
    assert_eq!(texts(store).await, ["new text"]);
    // And a day later nothing waits any more.
    store.accept_sms(part(8, 2, 1, "old ")).await.unwrap();
    let late = NewSms {
        at: at(DAY + 1),
        ..part(8, 2, 2, "late")
    };
    assert_eq!(store.accept_sms(late).await.unwrap(), Accepted::Part);
}

pub(crate) async fn half_characters_become_whole(store: &impl Store) {
    for (reference, parts, whole) in [
        (1, ["a\u{10d83d}", "\u{10de00}b"], "a😀b"),
        (2, ["10 \u{10001b}", "e"], "10 €"),
        (3, ["a\u{10d83d}", "b"], "a\u{fffd}b"),
    ] {
        for number in [2, 1] {
            let text = parts[usize::from(number) - 1];
            store
                .accept_sms(part(reference, 2, number, text))
                .await
                .unwrap();
        }
        assert_eq!(texts(store).await, [whole]);
    }
}

pub(crate) async fn parts_of_others_do_not_mix(store: &impl Store) {
    let first = part(7, 2, 1, "first ");
    store.accept_sms(first.clone()).await.unwrap();
    for other in [
        NewSms {
            subscriber: number(2),
            ..part(7, 2, 2, "b")
        },
        NewSms {
            to: "3940".to_owned(),
            ..part(7, 2, 2, "c")
        },
        NewSms {
            link: "other".into(),
            ..part(7, 2, 2, "d")
        },
        part(8, 2, 2, "e"),
        part(7, 3, 2, "f"),
    ] {
        assert_eq!(store.accept_sms(other).await.unwrap(), Accepted::Part);
    }
    assert!(stored(
        store.accept_sms(part(7, 2, 2, "second")).await.unwrap()
    ));
    assert_eq!(texts(store).await, ["first second"]);
}

pub(crate) async fn unfinished_messages_are_bounded(store: &impl Store) {
    let open = |reference: u16| NewSms {
        at: at(i64::from(reference)),
        ..part(reference, 2, 1, "x")
    };
    let all: Vec<_> = (0..1001)
        .map(|reference| store.accept_sms(open(reference)))
        .collect();
    for accepted in futures_util::future::join_all(all).await {
        assert_eq!(accepted.unwrap(), Accepted::Part);
    }
    // The oldest was given up; the second oldest is still there.
    assert!(stored(store.accept_sms(part(1, 2, 2, "y")).await.unwrap()));
    assert_eq!(
        store.accept_sms(part(0, 2, 2, "y")).await.unwrap(),
        Accepted::Part
    );
}

pub(crate) async fn texts_wait_in_order(store: &impl Store) {
    for (from, text, seconds) in [
        (1, "1 a", 0),
        (1, "1 b", 1),
        (2, "2 a", 2),
        (3, "3 a", 3),
        (2, "2 b", 4),
    ] {
        store.accept_sms(sms(from, text, seconds)).await.unwrap();
    }
    let waiting = store.waiting_sms(SmsId(0), 10).await.unwrap();
    let shown = |waiting: &[Sms]| {
        waiting
            .iter()
            .map(|sms| sms.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&waiting), ["1 a", "1 b", "2 a", "3 a", "2 b"]);
    let some = store.waiting_sms(waiting[0].id, 2).await.unwrap();
    assert_eq!(shown(&some), ["1 b", "2 a"]);
    assert!(
        store
            .waiting_sms(waiting[4].id, 2)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        (
            &waiting[0].link,
            &waiting[0].service,
            &waiting[0].subscriber,
            waiting[0].at
        ),
        (&link(), &service(), &number(1), at(0))
    );

    // The turn that ends it ends it; a stale one does not.
    let talk = talk(1, number(1));
    store.save(step(&talk, "t", 5)).await.unwrap();
    let done = |turn| Save {
        sms_done: Some(waiting[0].id),
        ..step(&talk, turn, 5)
    };
    assert_eq!(store.save(done("t2")).await.unwrap(), Saved::Stale);
    assert_eq!(
        shown(&store.waiting_sms(SmsId(0), 1).await.unwrap()),
        ["1 a"]
    );
    let mut next = talk.clone();
    next.revision = 2;
    store
        .save(Save {
            sms_done: Some(waiting[0].id),
            ..step(&next, "t2", 5)
        })
        .await
        .unwrap();
    store.drop_sms(waiting[3].id).await.unwrap();
    assert_eq!(
        shown(&store.waiting_sms(SmsId(0), 10).await.unwrap()),
        ["1 b", "2 a", "2 b"]
    );
}

/// Texts that share a commit are as if they had come one after the other.
pub(crate) async fn texts_of_a_batch_stand_alone(store: &impl Store) {
    let with = |id: &str| NewSms {
        message_id: Some(id.to_owned()),
        ..sms(1, id, 0)
    };
    let on = |bind, text: &str| NewSms {
        bind,
        ..sms(2, text, 0)
    };
    store.accept_sms(on(7, "before")).await.unwrap();
    store.close_bind(&link(), 7, at(0)).await.unwrap();
    let all = [
        (with("m1"), true),
        (part(5, 2, 2, "world"), false),
        (on(8, "typed twice"), true),
        (on(8, "typed twice"), true),
        (with("m1"), false),
        (on(8, "before"), false),
        (part(5, 2, 1, "hello "), true),
        (on(9, "typed twice"), true), // the other bind is open
        (with("m2"), true),
        (part(6, 3, 9, "odd"), true),
    ];
    let (all, expected): (Vec<NewSms>, Vec<bool>) = all.into_iter().unzip();
    // One task, so that all of them are in the queue before the writer has its turn.
    let accepted = all.into_iter().map(|sms| store.accept_sms(sms));
    let accepted = futures_util::future::join_all(accepted).await;
    let new: Vec<bool> = accepted
        .into_iter()
        .map(|one| stored(one.unwrap()))
        .collect();
    assert_eq!(new, expected);
    assert_eq!(
        texts(store).await,
        [
            "before",
            "m1",
            "typed twice",
            "typed twice",
            "hello world",
            "typed twice",
            "m2",
            "odd"
        ]
    );
}
