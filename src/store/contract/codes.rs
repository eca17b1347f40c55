//! One-time codes: the numbers of the rules.

use super::*;

const ID: ConversationId = ConversationId([1; 16]);

fn wanted(name: &str, to: u32, fresh: &str, seconds: i64) -> CodeWanted {
    let message = NewMessage {
        to: number(to),
        text: "Code {code}.".to_owned(),
        ..message(name, MessageKind::Code)
    };
    CodeWanted {
        conversation: ID,
        to: number(to),
        asked_by_owner: true,
        key: key(name),
        fresh: fresh.to_owned(),
        message,
        at: at(seconds),
    }
}

async fn sent(store: &impl Store, wanted: CodeWanted) -> bool {
    matches!(
        store.send_code(wanted).await.unwrap(),
        CodeSent::Sent { .. }
    )
}

async fn tried(store: &impl Store, typed: &str, name: &str, seconds: i64) -> CodeTried {
    store
        .try_code(ID, &number(1), typed, &key(name), at(seconds))
        .await
        .unwrap()
}

async fn claimed(store: &impl Store, seconds: i64) -> Vec<Message> {
    let epoch = store.begin_epoch(&link(), at(seconds)).await.unwrap();
    store
        .claim_messages(&link(), epoch, at(seconds), 100)
        .await
        .unwrap()
}

pub(crate) async fn a_code_is_right_once(store: &impl Store) {
    assert_eq!(tried(store, "111111", "none", 0).await, CodeTried::Expired);
    let answer = store.send_code(wanted("s1", 1, "111111", 0)).await.unwrap();
    assert_eq!(
        answer,
        CodeSent::Sent {
            until: at(5 * MINUTE)
        }
    );
    let messages = claimed(store, 1).await;
    assert_eq!(messages[0].text, "Code 111111.");
    assert_eq!(
        (&messages[0].to, messages[0].valid_until),
        (&number(1), at(5 * MINUTE))
    );

    // It is bound to the number and to the conversation.
    let other = store
        .try_code(ID, &number(2), "111111", &key("k1"), at(2))
        .await
        .unwrap();
    assert_eq!(other, CodeTried::Expired);
    let other = store
        .try_code(
            ConversationId([2; 16]),
            &number(1),
            "111111",
            &key("k2"),
            at(2),
        )
        .await
        .unwrap();
    assert_eq!(other, CodeTried::Expired);

    assert_eq!(tried(store, " 111111 ", "k3", 3).await, CodeTried::Right);
    assert_eq!(tried(store, "111111", "k4", 4).await, CodeTried::Expired);
}

pub(crate) async fn tries_are_counted(store: &impl Store) {
    assert!(sent(store, wanted("s1", 1, "111111", 0)).await);
    assert_eq!(
        tried(store, "222222", "k1", 1).await,
        CodeTried::Wrong { left: 2 }
    );
    assert_eq!(
        tried(store, "", "k2", 2).await,
        CodeTried::Wrong { left: 1 }
    );
    assert_eq!(tried(store, "11111", "k3", 3).await, CodeTried::Spent);
    assert_eq!(tried(store, "111111", "k4", 4).await, CodeTried::Spent);
    // Asking again within the wait resets nothing; after it there is a new code.
    assert!(!sent(store, wanted("s2", 1, "333333", 30)).await);
    assert_eq!(tried(store, "111111", "k5", 31).await, CodeTried::Spent);
    assert!(sent(store, wanted("s3", 1, "333333", 61)).await);
    assert_eq!(
        tried(store, "111111", "k6", 62).await,
        CodeTried::Wrong { left: 2 }
    );
    assert_eq!(
        tried(store, "222222", "k7", 62).await,
        CodeTried::Wrong { left: 1 }
    );
    assert_eq!(tried(store, "333333", "k8", 63).await, CodeTried::Right);
}

pub(crate) async fn a_try_is_idempotent(store: &impl Store) {
    assert!(sent(store, wanted("s1", 1, "111111", 0)).await);
    for _ in 0..5 {
        assert_eq!(
            tried(store, "222222", "k1", 1).await,
            CodeTried::Wrong { left: 2 }
        );
    }
    let racers = (0..8).map(|_| tried(store, "111111", "k2", 2));
    for outcome in futures_util::future::join_all(racers).await {
        assert_eq!(outcome, CodeTried::Right);
    }
    assert_eq!(
        tried(store, "222222", "k1", 600).await,
        CodeTried::Wrong { left: 2 }
    );
}

pub(crate) async fn a_resend_repeats_the_code(store: &impl Store) {
    let until = CodeSent::Sent {
        until: at(5 * MINUTE),
    };
    assert_eq!(
        store.send_code(wanted("s1", 1, "111111", 0)).await.unwrap(),
        until
    );
    assert_eq!(
        tried(store, "222222", "k1", 1).await,
        CodeTried::Wrong { left: 2 }
    );
    for (name, seconds, answer) in [
        ("s1", 5, until), // the same wish
        (
            "s2",
            20,
            CodeSent::TooSoon {
                wait: Duration::from_secs(40),
            },
        ),
        ("s2", 60, until),
        (
            "s3",
            120,
            CodeSent::TooSoon {
                wait: Duration::from_secs(60),
            },
        ),
        ("s3", 180, until),
        (
            "s4",
            299,
            CodeSent::TooSoon {
                wait: Duration::from_secs(1),
            },
        ),
    ] {
        assert_eq!(
            store
                .send_code(wanted(name, 1, "999999", seconds))
                .await
                .unwrap(),
            answer,
            "{name} {seconds}"
        );
    }
    let messages = claimed(store, 181).await;
    assert_eq!(messages.len(), 3);
    assert!(
        messages
            .iter()
            .all(|one| one.text == "Code 111111." && one.valid_until == at(300))
    );
    assert_eq!(
        tried(store, "222222", "k2", 182).await,
        CodeTried::Wrong { left: 1 },
        "nothing was reset"
    );
}

pub(crate) async fn sendings_are_limited(store: &impl Store) {
    for (name, seconds, answer) in [
        ("s1", 0, true),
        ("s2", 60, true),
        ("s3", 180, true),
        ("s4", 599, false), // three in ten minutes
        ("s4", 600, true),
        ("s5", 1200, true),
        ("s6", 3000, false), // five a day
        ("s6", DAY - 1, false),
        ("s6", DAY, true),
    ] {
        assert_eq!(
            sent(store, wanted(name, 1, "111111", seconds)).await,
            answer,
            "{name} {seconds}"
        );
    }
    let other = CodeWanted {
        conversation: ConversationId([2; 16]),
        ..wanted("x1", 1, "111111", DAY + 61)
    };
    assert!(
        sent(store, other).await,
        "another conversation waits for nobody"
    );
    assert!(
        sent(store, wanted("y1", 2, "111111", DAY + 62)).await,
        "another number has its own share"
    );
}

pub(crate) async fn strangers_have_a_share_of_their_own(store: &impl Store) {
    for (at, conversation) in (10..20).enumerate() {
        let stranger = CodeWanted {
            asked_by_owner: false,
            conversation: ConversationId([conversation; 16]),
            ..wanted(&format!("x{at}"), 1, "111111", 0)
        };
        assert_eq!(sent(store, stranger).await, at < 3, "{at}");
    }
    assert!(
        sent(store, wanted("s1", 1, "111111", 1)).await,
        "the worker still gets one"
    );
}

pub(crate) async fn codes_die(store: &impl Store) {
    assert!(sent(store, wanted("s1", 1, "111111", 0)).await);
    assert_eq!(
        tried(store, "222222", "k1", 299).await,
        CodeTried::Wrong { left: 2 }
    );
    assert_eq!(tried(store, "111111", "k2", 300).await, CodeTried::Expired);
    assert!(sent(store, wanted("s2", 1, "333333", 301)).await);
    assert_eq!(
        tried(store, "111111", "k3", 302).await,
        CodeTried::Wrong { left: 2 },
        "it is a new one"
    );
    assert_eq!(tried(store, "333333", "k4", 303).await, CodeTried::Right);

    // A code that nobody tried dies all the same: asking again does not send a dead one.
    let asked = |name: &str, fresh: &str, seconds| CodeWanted {
        to: number(2),
        ..wanted(name, 1, fresh, seconds)
    };
    assert!(sent(store, asked("s3", "444444", 400)).await);
    let until = store.send_code(asked("s4", "555555", 701)).await.unwrap();
    assert_eq!(until, CodeSent::Sent { until: at(1001) });
}

pub(crate) async fn a_clock_that_jumps_back_revives_nothing(store: &impl Store) {
    assert!(sent(store, wanted("s1", 1, "111111", 0)).await);
    store.tidy(at(HOUR)).await.unwrap();
    assert_eq!(tried(store, "111111", "k1", 10).await, CodeTried::Expired);

    // A code minted after the jump lives by the new time, and its life is not stretched.
    assert!(sent(store, wanted("s2", 1, "222222", 70)).await);
    store.tidy(at(250)).await.unwrap();
    assert_eq!(
        tried(store, "999999", "k2", 100).await,
        CodeTried::Wrong { left: 2 }
    );
    assert_eq!(
        tried(store, "222222", "k3", 100 + 120).await,
        CodeTried::Expired,
        "120 s were left of it"
    );

    // The limits stand: two were sent within ten minutes.
    assert!(sent(store, wanted("s3", 1, "333333", 230)).await);
    assert_eq!(
        store.send_code(wanted("s4", 1, "4", 400)).await.unwrap(),
        CodeSent::Limited
    );
}

pub(crate) async fn a_clock_that_was_ahead_locks_nobody_out(store: &impl Store) {
    for (name, seconds) in [("s1", 0), ("s2", 60), ("s3", 180)] {
        assert!(sent(store, wanted(name, 1, "111111", 100 * DAY + seconds)).await);
    }
    for (seconds, answer) in [(HOUR, false), (HOUR + 599, false), (HOUR + 601, true)] {
        let wish = CodeWanted {
            conversation: ConversationId([2; 16]),
            ..wanted("s4", 1, "2", seconds)
        };
        assert_eq!(sent(store, wish).await, answer, "{seconds}");
    }
}

/// Whatever became of the last code, the wait for the next is not longer because the clock was ahead.
pub(crate) async fn a_wait_is_no_longer_by_a_jump(store: &impl Store) {
    for (to, typed) in [(1, "111111"), (2, "000000"), (3, "")] {
        let name = format!("s{to}");
        assert!(sent(store, wanted(&name, to, "111111", 100 * DAY)).await);
        for (time, digit) in typed.chars().take(3).enumerate() {
            let outcome = store
                .try_code(
                    ID,
                    &number(to),
                    typed,
                    &key(&format!("{name} {time} {digit}")),
                    at(100 * DAY + 1),
                )
                .await
                .unwrap();
            assert_ne!(outcome, CodeTried::Expired, "{to} {time}");
            if outcome == CodeTried::Right {
                break;
            }
        }
    }
    for to in [1, 2, 3] {
        let again = |seconds| wanted(&format!("again {to}"), to, "222222", seconds);
        let CodeSent::TooSoon { wait } = store.send_code(again(HOUR)).await.unwrap() else {
            panic!("{to}: at once");
        };
        assert!(wait <= Duration::from_secs(60), "{to}: {wait:?}");
        assert!(sent(store, again(HOUR + 61)).await, "{to}");
    }
}

/// A turn brings the moment at which its bytes arrived, and may be late.
pub(crate) async fn a_late_moment_is_no_jump(store: &impl Store) {
    assert!(sent(store, wanted("s1", 1, "111111", 0)).await);
    store
        .match_failed(&number(9), &key("identity"), &key("f"), at(310))
        .await
        .unwrap();
    assert_eq!(
        tried(store, "111111", "k1", 290).await,
        CodeTried::Expired,
        "it is 310 by now"
    );
}

pub(crate) async fn a_block_without_use_is_stopped(store: &impl Store) {
    for to in 0..20 {
        let wish = CodeWanted {
            conversation: ConversationId([99; 16]),
            ..wanted(&format!("s{to}"), to, "111111", 0)
        };
        assert!(sent(store, wish).await, "{to}");
    }
    assert_eq!(
        store.send_code(wanted("n1", 20, "1", 1)).await.unwrap(),
        CodeSent::Limited
    );
    assert!(
        sent(store, wanted("n2", 1000, "1", 1)).await,
        "another block"
    );
    let stranger = CodeWanted {
        asked_by_owner: false,
        ..wanted("n3", 21, "1", 1)
    };
    assert!(
        sent(store, stranger).await,
        "strangers and owners are counted apart"
    );
    assert_eq!(
        store.send_code(wanted("n1", 20, "1", 3599)).await.unwrap(),
        CodeSent::Limited
    );
    assert!(sent(store, wanted("n1", 20, "1", 3602)).await);
}

pub(crate) async fn a_used_block_goes_on(store: &impl Store) {
    for to in 0..20 {
        assert!(sent(store, wanted(&format!("s{to}"), to, "111111", 0)).await);
        if to < 4 {
            let name = format!("k{to}");
            let right = store
                .try_code(ID, &number(to), "111111", &key(&name), at(1))
                .await
                .unwrap();
            assert_eq!(right, CodeTried::Right);
        }
    }
    assert!(
        sent(store, wanted("n1", 20, "1", 2)).await,
        "four of twenty are a fifth"
    );
    assert!(
        !sent(store, wanted("n2", 21, "1", 2)).await,
        "four of twenty-one are not"
    );
}
