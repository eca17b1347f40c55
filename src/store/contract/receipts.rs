//! Delivery receipts: matching, order, final states.

use futures_util::future::join_all;

use super::*;

fn receipt(id: &str, state: ReceiptState, seconds: i64) -> Receipt {
    Receipt {
        link: link(),
        message_id: id.to_owned(),
        ids: ReceiptIds::Any,
        state,
        at: at(seconds),
    }
}

/// Queues a message, and has the operator take it under these ids, one per part.
async fn take(store: &impl Store, name: &str, ids: &[&str], seconds: i64) -> MessageId {
    queue(store, &[message(name, MessageKind::Reply)], seconds).await;
    let id = claim(store, seconds).await;
    for (part, operators_id) in ids.iter().enumerate() {
        accept(store, id, (part, ids.len()), operators_id, seconds).await;
    }
    id
}

async fn claim(store: &impl Store, seconds: i64) -> MessageId {
    let epoch = store.begin_epoch(&link(), at(seconds)).await.unwrap();
    store
        .claim_messages(&link(), epoch, at(seconds), 9)
        .await
        .unwrap()[0]
        .id
}

async fn accept(
    store: &impl Store,
    id: MessageId,
    (part, parts): (usize, usize),
    operators_id: &str,
    seconds: i64,
) {
    let (part, parts) = (u8::try_from(part).unwrap(), u8::try_from(parts).unwrap());
    let outcome = PartOutcome::Accepted(operators_id.to_owned());
    store
        .part_done(id, None, part, parts, &outcome, at(seconds))
        .await
        .unwrap();
}

async fn state(store: &impl Store, name: &str) -> MessageState {
    // An effect shows the state of the message with its key.
    let intent = NewEffect {
        subject: "1 118206455".to_owned(),
        key: key(name),
        conversation: ConversationId([1; 16]),
        secret: String::new(),
        at: at(0),
    };
    let mut talk = talk(1, number(1));
    if let Some(there) = store.conversation(talk.id).await.unwrap() {
        talk.revision = there.revision + 1;
    }
    let turn = format!("look {}", talk.revision);
    store
        .save(Save {
            intent: Some(&intent),
            ..step(&talk, &turn, 0)
        })
        .await
        .unwrap();
    store
        .effect(&key(name))
        .await
        .unwrap()
        .unwrap()
        .message
        .unwrap()
        .1
}

pub(crate) async fn receipts_match_in_every_form(store: &impl Store) {
    for (at, (response, receipts_id)) in [
        ("0000012345", "12345"),
        ("A1B2C3D4", "a1b2c3d4"),
        ("1039582715", "3df6c5fb"),
        ("7fffffff", "2147483647"),
        ("6F9619FF-8B86", "6f9619ff-8b86"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{at}");
        take(store, &name, &[response], 0).await;
        store
            .receipt(&Receipt {
                link: "other".into(),
                ..receipt(receipts_id, ReceiptState::Delivered, 1)
            })
            .await
            .unwrap();
        store
            .receipt(&receipt(receipts_id, ReceiptState::Underway, 1))
            .await
            .unwrap();
        assert_eq!(state(store, &name).await, MessageState::Sent, "{response}");
        store
            .receipt(&receipt(receipts_id, ReceiptState::Delivered, 1))
            .await
            .unwrap();
        assert_eq!(
            state(store, &name).await,
            MessageState::Delivered,
            "{response} {receipts_id}"
        );
    }
    // Every part has to arrive.
    take(store, "long", &["p1", "p2"], 0).await;
    store
        .receipt(&receipt("p2", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    assert_eq!(state(store, "long").await, MessageState::Sent);
    store
        .receipt(&receipt("p1", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    assert_eq!(state(store, "long").await, MessageState::Delivered);
    // The operator's ids come round: the message that waits is meant.
    take(store, "again", &["p1"], 0).await;
    store
        .receipt(&receipt("p1", ReceiptState::Failed, 1))
        .await
        .unwrap();
    assert_eq!(state(store, "again").await, MessageState::Failed);
}

pub(crate) async fn a_link_says_which_forms_match(store: &impl Store) {
    use ReceiptIds::{Any, DecimalAnswer, HexAnswer, Same};
    // Two messages under small ids that are each other's in the other base.
    for (at, (ids, told, matched)) in [
        (Same, "0016", "16"),
        (HexAnswer, "22", "16"),
        (HexAnswer, "16", "10"),
        (DecimalAnswer, "10", "16"),
        (DecimalAnswer, "a", "10"),
        (Any, "22", "16"),
    ]
    .into_iter()
    .enumerate()
    {
        for early in [false, true] {
            let names = ["10", "16"].map(|id| (id, format!("{at} {early} {id}")));
            let seconds = i64::try_from(at).unwrap();
            let receipt = Receipt {
                ids,
                ..receipt(told, ReceiptState::Delivered, seconds)
            };
            let mut claimed = Vec::new();
            for (id, name) in &names {
                queue(store, &[message(name, MessageKind::Reply)], seconds).await;
                claimed.push((*id, claim(store, seconds).await));
            }
            if early {
                store.receipt(&receipt).await.unwrap();
            }
            for (id, message) in claimed {
                accept(store, message, (0, 1), id, seconds).await;
            }
            if !early {
                store.receipt(&receipt).await.unwrap();
            }
            for (id, name) in &names {
                let expected = if *id == matched {
                    MessageState::Delivered
                } else {
                    MessageState::Sent
                };
                assert_eq!(
                    state(store, name).await,
                    expected,
                    "{ids:?} {told} {id} {early}"
                );
                // Its last word, so that the ids are free for the next row.
                let last = Receipt {
                    ids: Same,
                    ..self::receipt(id, ReceiptState::Failed, seconds)
                };
                if *id != matched {
                    store.receipt(&last).await.unwrap();
                }
            }
        }
    }
    // Neither is matched by a form that the link does not have.
    take(store, "hexadecimal", &["ff"], 9).await;
    let decimal = Receipt {
        ids: Same,
        ..receipt("255", ReceiptState::Delivered, 9)
    };
    store.receipt(&decimal).await.unwrap();
    assert_eq!(state(store, "hexadecimal").await, MessageState::Sent);
}

pub(crate) async fn a_receipt_is_of_one_part(store: &impl Store) {
    use ReceiptState::{Delivered, Expired, Failed};
    for (at, (words, end)) in [
        (
            &[("a", Delivered), ("a", Delivered)][..],
            MessageState::Sent,
        ),
        (
            &[("c", Delivered), ("a", Delivered), ("b", Delivered)],
            MessageState::Delivered,
        ),
        (
            &[("a", Delivered), ("b", Failed), ("c", Delivered)],
            MessageState::Failed,
        ),
        (
            &[
                ("b", Failed),
                ("b", Delivered),
                ("a", Delivered),
                ("c", Delivered),
            ],
            MessageState::Failed,
        ),
        (
            &[("a", Delivered), ("b", Delivered), ("c", Expired)],
            MessageState::Expired,
        ),
        (
            &[
                ("c", Expired),
                ("c", Delivered),
                ("a", Delivered),
                ("b", Delivered),
            ],
            MessageState::Delivered,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{at}");
        let id = |part: &str| format!("{at}-{part}");
        take(store, &name, &[&id("a"), &id("b"), &id("c")], 0).await;
        for (part, word) in words {
            store.receipt(&receipt(&id(part), *word, 1)).await.unwrap();
        }
        assert_eq!(state(store, &name).await, end, "{words:?}");
    }
}

pub(crate) async fn receipts_may_come_first(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Reply)], 0).await;
    let id = claim(store, 0).await;
    store
        .receipt(&receipt("00ff", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    store
        .receipt(&receipt("2", ReceiptState::Delivered, 2))
        .await
        .unwrap();
    store.tidy(at(71 * HOUR)).await.unwrap();
    accept(store, id, (0, 2), "255", 3).await;
    accept(store, id, (1, 2), "2", 3).await;
    assert_eq!(state(store, "m").await, MessageState::Delivered);

    // Read in the other base, an id may be that of a message which has had its last word.
    take(store, "ten", &["10"], 3).await;
    store
        .receipt(&receipt("10", ReceiptState::Delivered, 3))
        .await
        .unwrap();
    queue(store, &[message("sixteen", MessageKind::Reply)], 3).await;
    let id = claim(store, 3).await;
    store
        .receipt(&receipt("16", ReceiptState::Delivered, 4))
        .await
        .unwrap();
    accept(store, id, (0, 1), "16", 5).await;
    assert_eq!(state(store, "sixteen").await, MessageState::Delivered);

    // After a restart the operator's ids begin anew.
    queue(store, &[message("ten again", MessageKind::Reply)], 6).await;
    let id = claim(store, 6).await;
    store
        .receipt(&receipt("10", ReceiptState::Delivered, 7))
        .await
        .unwrap();
    accept(store, id, (0, 1), "10", 8).await;
    assert_eq!(state(store, "ten again").await, MessageState::Delivered);

    // One that is older than the message is not its own; after 72 hours none is kept.
    store
        .receipt(&receipt("3", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    take(store, "new", &["3"], 5).await;
    assert_eq!(state(store, "new").await, MessageState::Sent);
    queue(store, &[message("old", MessageKind::Reply)], 0).await;
    store
        .receipt(&receipt("4", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    let id = claim(store, 5).await;
    store.tidy(at(72 * HOUR + 2)).await.unwrap();
    accept(store, id, (0, 1), "4", 6).await;
    assert_ne!(state(store, "old").await, MessageState::Delivered);
}

/// The clock of another node may be behind, and a clock that is set right goes back: what was on the wire
/// when a receipt came is older than it all the same.
pub(crate) async fn a_receipt_may_be_early_by_a_slow_clock(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Reply)], 100).await;
    let id = claim(store, 100).await;
    store
        .receipt(&receipt("77", ReceiptState::Delivered, 40))
        .await
        .unwrap();
    accept(store, id, (0, 1), "77", 41).await;
    assert_eq!(state(store, "m").await, MessageState::Delivered);
}

pub(crate) async fn final_states_stay(store: &impl Store) {
    use ReceiptState::{Delivered, Expired, Failed, Underway};
    for (at, (words, end)) in [
        (
            &[Underway, Delivered, Failed, Expired, Underway][..],
            MessageState::Delivered,
        ),
        (&[Failed, Delivered], MessageState::Failed),
        (&[Expired, Failed, Underway], MessageState::Expired),
        (&[Expired, Delivered, Expired], MessageState::Delivered),
        (&[Delivered, Delivered], MessageState::Delivered),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, id) = (format!("m{at}"), format!("id-{at}"));
        take(store, &name, &[&id], 0).await;
        for word in words {
            store.receipt(&receipt(&id, *word, 1)).await.unwrap();
        }
        assert_eq!(state(store, &name).await, end, "{words:?}");
    }
}

pub(crate) async fn a_delivery_may_come_late(store: &impl Store) {
    take(store, "m", &["a", "b"], 0).await;
    store
        .receipt(&receipt("a", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    store.tidy(at(DAY + 60)).await.unwrap();
    // The conversation has gone by now in a ledger that erases it, so the counts have to tell.
    assert_eq!(standing(store, MessageState::Expired).await, 1);
    store
        .receipt(&receipt("b", ReceiptState::Delivered, 3 * DAY))
        .await
        .unwrap();
    assert_eq!(standing(store, MessageState::Delivered).await, 1);

    // After an unknown outcome there are two ids: a delivery of either counts.
    queue(
        store,
        &[NewMessage {
            valid_until: at(9 * DAY),
            ..message("twice", MessageKind::Reply)
        }],
        3 * DAY,
    )
    .await;
    let id = claim(store, 3 * DAY).await;
    store
        .part_done(id, None, 0, 1, &PartOutcome::Unknown, at(3 * DAY))
        .await
        .unwrap();
    store.tidy(at(3 * DAY + 60)).await.unwrap();
    assert_eq!(claim(store, 3 * DAY + 61).await, id);
    accept(store, id, (0, 1), "second", 3 * DAY + 62).await;
    accept(store, id, (0, 1), "first", 3 * DAY + 61).await;
    store
        .receipt(&receipt("first", ReceiptState::Failed, 3 * DAY + 70))
        .await
        .unwrap();
    assert_eq!(
        standing(store, MessageState::Sent).await,
        1,
        "the newest sending may still arrive"
    );
    store
        .receipt(&receipt("second", ReceiptState::Delivered, 3 * DAY + 71))
        .await
        .unwrap();
    assert_eq!(standing(store, MessageState::Delivered).await, 2);
}

pub(crate) async fn metadata_is_forgotten(store: &impl Store) {
    take(store, "m", &["a"], 0).await;
    store
        .receipt(&receipt("a", ReceiptState::Delivered, 1))
        .await
        .unwrap();
    store.tidy(at(89 * DAY)).await.unwrap();
    assert_eq!(standing(store, MessageState::Delivered).await, 1);
    store.tidy(at(90 * DAY + 2)).await.unwrap();
    assert!(store.message_counts().await.unwrap().is_empty());
}

pub(crate) async fn a_second_receipt_means_nobody_else(store: &impl Store) {
    use ReceiptState::{Delivered, Expired, Failed, Underway};
    // Ids that count up from small numbers: 16 is hexadecimal for 22 and decimal for 10. The twins
    // wait for their own receipts, whatever is said of 16 and whatever is being sent meanwhile.
    for (at, (words, end)) in [
        (&[Delivered, Delivered][..], MessageState::Delivered),
        (&[Delivered, Failed], MessageState::Delivered),
        (&[Failed, Delivered], MessageState::Failed),
        (&[Failed, Failed, Expired], MessageState::Failed),
        (&[Expired, Failed], MessageState::Expired),
        (&[Expired, Delivered, Failed], MessageState::Delivered),
        (&[Delivered, Underway, Expired], MessageState::Delivered),
    ]
    .into_iter()
    .enumerate()
    {
        // In the first run of all, the batch itself brings the last word on the exact id.
        for (run, (is_sending, in_one_batch)) in [(false, true), (false, false), (true, false)]
            .into_iter()
            .enumerate()
        {
            let seconds = i64::try_from(10 * at + run).unwrap();
            let mut names = Vec::new();
            for id in ["10", "16", "22"] {
                let name = format!("{at} {run} {id}");
                take(store, &name, &[id], seconds).await;
                names.push(name);
            }
            let on_wire = format!("{at} on the wire");
            let mut claimed = None;
            if is_sending {
                queue(store, &[message(&on_wire, MessageKind::Reply)], seconds).await;
                claimed = Some(claim(store, seconds).await);
            }
            let told: Vec<Receipt> = words
                .iter()
                .map(|word| receipt("16", *word, seconds))
                .collect();
            if in_one_batch {
                for result in join_all(told.iter().map(|one| store.receipt(one))).await {
                    result.unwrap();
                }
            } else {
                for one in &told {
                    store.receipt(one).await.unwrap();
                }
            }
            store.tidy(self::at(seconds)).await.unwrap();
            // A further twin, whose answer finds no receipt that waits for it.
            if let Some(id) = claimed {
                accept(store, id, (0, 1), "10", seconds).await;
                assert_eq!(state(store, &on_wire).await, MessageState::Sent);
                names.push(on_wire);
            }
            store.tidy(self::at(seconds)).await.unwrap();
            for name in &names {
                let expected = if name == &names[1] {
                    end
                } else {
                    MessageState::Sent
                };
                assert_eq!(state(store, name).await, expected, "{words:?} {name}");
            }
            // Their last words, so that the ids are free for the next row.
            for id in ["10", "22", "10"] {
                let last = Receipt {
                    ids: ReceiptIds::Same,
                    ..receipt(id, Failed, seconds)
                };
                store.receipt(&last).await.unwrap();
            }
        }
    }
}

pub(crate) async fn a_receipt_waits_for_its_exact_id(store: &impl Store) {
    use ReceiptState::Failed;
    for (at, (twin, id, answer, expected)) in [
        // The receipt has overtaken its own answer.
        (
            "10",
            "16",
            Some("16"),
            [MessageState::Sent, MessageState::Failed],
        ),
        // It was the twin's, in the other base.
        (
            "20",
            "32",
            Some("33"),
            [MessageState::Failed, MessageState::Sent],
        ),
        // There is no answer: after five minutes without a word none comes any more.
        (
            "30",
            "48",
            None,
            [MessageState::Failed, MessageState::Unknown],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let seconds = 1000 * i64::try_from(at).unwrap();
        let names = [format!("{at} twin"), format!("{at} sending")];
        take(store, &names[0], &[twin], seconds).await;
        queue(store, &[message(&names[1], MessageKind::Reply)], seconds).await;
        let claimed = claim(store, seconds).await;
        store
            .receipt(&receipt(id, Failed, seconds + 1))
            .await
            .unwrap();
        store.tidy(self::at(seconds + 2)).await.unwrap();
        assert_eq!(state(store, &names[0]).await, MessageState::Sent, "{at}");

        if let Some(answer) = answer {
            accept(store, claimed, (0, 1), answer, seconds + 3).await;
        } else {
            store.tidy(self::at(seconds + 300)).await.unwrap();
        }
        // A later message on the wire is not waited for.
        let later = format!("{at} later");
        queue(store, &[message(&later, MessageKind::Reply)], seconds + 301).await;
        let later = claim(store, seconds + 301).await;
        store.tidy(self::at(seconds + 302)).await.unwrap();
        for (name, expected) in names.iter().zip(expected) {
            assert_eq!(state(store, name).await, expected, "{name} {answer:?}");
        }
        accept(store, later, (0, 1), &format!("{at} gone"), seconds + 303).await;
        if answer.is_none() {
            let late = format!("{at} late");
            accept(store, claimed, (0, 1), &late, seconds + 304).await;
        }
    }

    // The twin has its last word before it is settled: then nobody is left that could be meant.
    take(store, "twin", &["40"], 9000).await;
    queue(store, &[message("sending", MessageKind::Reply)], 9000).await;
    let sending = claim(store, 9000).await;
    queue(store, &[message("waiting", MessageKind::Reply)], 9000).await;
    for (id, word) in [("64", Failed), ("40", ReceiptState::Delivered)] {
        store.receipt(&receipt(id, word, 9001)).await.unwrap();
    }
    accept(store, sending, (0, 1), "65", 9002).await;
    store.tidy(self::at(9002)).await.unwrap();
    let waiting = claim(store, 9003).await;
    accept(store, waiting, (0, 1), "100", 9004).await;
    for (name, expected) in [
        ("twin", MessageState::Delivered),
        ("sending", MessageState::Sent),
        ("waiting", MessageState::Sent),
    ] {
        assert_eq!(state(store, name).await, expected, "{name}");
    }
}
