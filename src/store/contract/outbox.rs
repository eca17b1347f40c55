//! Messages on their way out.

use futures_util::future::join_all;

use super::*;

pub(crate) async fn epoch(store: &impl Store, seconds: i64) -> u64 {
    store.begin_epoch(&link(), at(seconds)).await.unwrap()
}

pub(crate) async fn claim(store: &impl Store, epoch: u64, seconds: i64) -> Vec<Message> {
    store
        .claim_messages(&link(), epoch, at(seconds), 100)
        .await
        .unwrap()
}

pub(crate) async fn word(
    store: &impl Store,
    id: MessageId,
    (part, parts): (u8, u8),
    outcome: PartOutcome,
    seconds: i64,
) {
    store
        .part_done(id, None, part, parts, &outcome, at(seconds))
        .await
        .unwrap();
}

pub(crate) fn accepted(id: &str) -> PartOutcome {
    PartOutcome::Accepted(id.to_owned())
}

/// The state of the only message there is.
async fn only(store: &impl Store) -> MessageState {
    let counts = store.message_counts().await.unwrap();
    assert_eq!(
        counts.iter().map(|(_, count)| count).sum::<u64>(),
        1,
        "{counts:?}"
    );
    counts[0].0
}

async fn revocations(store: &impl Store) -> Vec<Due> {
    let mut all = store
        .claim_due(at(90 * DAY), Duration::from_millis(1), 100)
        .await
        .unwrap();
    all.retain(|due| due.kind == DueKind::Revoke);
    all
}

pub(crate) async fn messages_go_by_priority(store: &impl Store) {
    let other = NewMessage {
        link: "other".into(),
        ..message("other", MessageKind::Code)
    };
    let all = [
        message("n1", MessageKind::Notice),
        message("r1", MessageKind::Reply),
        message("p1", MessageKind::Password),
        message("r2", MessageKind::Reply),
        message("c1", MessageKind::Code),
        other,
    ];
    queue(store, &all, 0).await;
    let epoch = epoch(store, 0).await;
    let some = store
        .claim_messages(&link(), epoch, at(1), 2)
        .await
        .unwrap();
    let rest = claim(store, epoch, 1).await;
    let order: Vec<_> = some
        .iter()
        .chain(&rest)
        .map(|one| one.text.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "text of p1",
            "text of c1",
            "text of r1",
            "text of r2",
            "text of n1"
        ]
    );
    let first = &some[0];
    assert_eq!(
        (first.from.as_str(), &first.to, first.kind),
        ("3939", &number(1), MessageKind::Password)
    );
    assert_eq!(
        (
            first.valid_until,
            first.attempts,
            first.parts.len() + usize::from(first.total),
        ),
        (at(DAY), 0, 0)
    );
    assert!(
        claim(store, epoch, 2).await.is_empty(),
        "each is claimed once"
    );
    assert_eq!(standing(store, MessageState::Sending).await, 5);
}

pub(crate) async fn a_key_makes_one_message(store: &impl Store) {
    let first = message("m", MessageKind::Reply);
    let second = NewMessage {
        text: "another text".to_owned(),
        ..first.clone()
    };
    queue(store, &[first, second.clone()], 0).await;
    queue(store, &[second], 1).await;
    let epoch = epoch(store, 1).await;
    let claimed = claim(store, epoch, 1).await;
    assert_eq!(
        claimed
            .iter()
            .map(|one| one.text.as_str())
            .collect::<Vec<_>>(),
        ["text of m"]
    );
}

pub(crate) async fn words_move_a_message(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Reply)], 0).await;
    let epoch = epoch(store, 0).await;
    let id = claim(store, epoch, 0).await[0].id;
    // Three parts: one taken, one throttled, one with a passing error.
    word(store, id, (0, 3), accepted("a"), 1).await;
    word(store, id, (1, 3), PartOutcome::Throttled, 1).await;
    assert_eq!(
        only(store).await,
        MessageState::Sending,
        "as long as one part is on the wire"
    );
    word(store, id, (2, 3), PartOutcome::Temporary("0x14".into()), 1).await;
    assert_eq!(only(store).await, MessageState::Queued);
    assert!(claim(store, epoch, 1).await.is_empty(), "not at once");
    let due = store.next_due().await.unwrap().unwrap();
    assert!((at(2)..=at(6)).contains(&due), "{due:?}");

    let again = claim(store, epoch, 10).await;
    assert_eq!((again[0].parts.clone(), again[0].attempts), (vec![1, 2], 1));
    assert_eq!(again[0].total, 3, "the first word told it");
    assert_eq!(again[0].text, "text of m");
    word(store, id, (1, 3), PartOutcome::NotSent, 10).await;
    word(store, id, (2, 3), PartOutcome::Throttled, 10).await;
    let again = claim(store, epoch, 20).await;
    assert_eq!(
        (again[0].parts.clone(), again[0].attempts),
        (vec![1, 2], 1),
        "neither counts"
    );
    word(store, id, (1, 3), accepted("b"), 20).await;
    word(store, id, (2, 3), accepted("c"), 20).await;
    assert_eq!(only(store).await, MessageState::Sent);

    // The bounds of the waits grow with the attempts, up to ten minutes; nobody comes back at once.
    let long = NewMessage {
        valid_until: at(30 * DAY),
        ..message("t", MessageKind::Reply)
    };
    queue(store, &[long], 30).await;
    let mut now = 30;
    for round in 0..12 {
        let due = claim(store, epoch, now).await;
        assert_eq!(due[0].attempts, round);
        word(
            store,
            due[0].id,
            (0, 1),
            PartOutcome::Temporary("0x58".into()),
            now,
        )
        .await;
        let next = store
            .next_due()
            .await
            .unwrap()
            .unwrap()
            .since(at(now))
            .as_secs();
        let bound = (5 << round).min(600);
        assert!((1..=bound).contains(&next), "{round}: {next} of {bound}");
        now += 601;
    }

    // Refused is final, also when other parts were taken.
    let refused = claim(store, epoch, now).await;
    word(
        store,
        refused[0].id,
        (0, 1),
        PartOutcome::Refused("0x0b".into()),
        now,
    )
    .await;
    assert_eq!(standing(store, MessageState::Failed).await, 1);
    assert!(
        store
            .part_done(id, None, 3, 3, &PartOutcome::Unknown, at(now))
            .await
            .is_err(),
        "no such part"
    );
    assert!(
        store
            .part_done(id, None, 0, 4, &PartOutcome::Unknown, at(now))
            .await
            .is_err(),
        "the bytes have changed"
    );
}

/// A word that comes twice, or after its part has gone again, moves nothing but by an acceptance.
pub(crate) async fn a_word_is_of_its_claim(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Reply)], 0).await;
    let epoch = epoch(store, 0).await;
    let first = claim(store, epoch, 0).await.swap_remove(0);
    let told = async |claim: u32, outcome: PartOutcome| {
        let done = store.part_done(first.id, Some(claim), 0, 1, &outcome, at(10));
        done.await.unwrap();
        only(store).await
    };
    assert_eq!(
        told(first.claim, PartOutcome::NotSent).await,
        MessageState::Queued
    );
    let second = claim(store, epoch, 20).await.swap_remove(0);
    assert_eq!((first.claim, second.claim), (1, 2));
    for outcome in [
        PartOutcome::NotSent,
        PartOutcome::Throttled,
        PartOutcome::Temporary("0x58".into()),
        PartOutcome::Refused("0x0b".into()),
        PartOutcome::Unknown,
    ] {
        let state = told(first.claim, outcome.clone()).await;
        assert_eq!(state, MessageState::Sending, "{outcome:?}");
    }
    assert_eq!(
        told(second.claim, PartOutcome::NotSent).await,
        MessageState::Queued
    );
    // Whichever of them it was: the phone has it, and it is not sent once more.
    assert_eq!(told(first.claim, accepted("a")).await, MessageState::Sent);
    assert!(claim(store, epoch, 30).await.is_empty());
}

pub(crate) async fn an_old_epoch_claims_nothing(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Reply)], 0).await;
    assert!(claim(store, 0, 0).await.is_empty(), "without an epoch");
    let old = epoch(store, 0).await;
    let new = epoch(store, 0).await;
    assert!(new > old);
    assert!(claim(store, old, 1).await.is_empty());
    assert!(claim(store, new + 1, 1).await.is_empty());
    assert_eq!(claim(store, new, 1).await.len(), 1);
    assert_eq!(store.begin_epoch(&"other".into(), at(2)).await.unwrap(), 1);
}

pub(crate) async fn a_takeover_makes_unknown_outcomes(store: &impl Store) {
    queue(
        store,
        &[
            message("one", MessageKind::Reply),
            message("two", MessageKind::Reply),
        ],
        0,
    )
    .await;
    let old = epoch(store, 0).await;
    let claimed = claim(store, old, 0).await;
    // Of the second, one part is known.
    word(store, claimed[1].id, (0, 2), accepted("a"), 1).await;
    let new = epoch(store, 10).await;
    assert_eq!(standing(store, MessageState::Unknown).await, 2);
    store.tidy(at(69)).await.unwrap();
    assert!(
        claim(store, new, 69).await.is_empty(),
        "the grace is not over"
    );
    store.tidy(at(70)).await.unwrap();
    let again = claim(store, new, 70).await;
    let parts: Vec<_> = again
        .iter()
        .map(|one| (one.text.as_str(), one.parts.clone()))
        .collect();
    assert_eq!(parts, [("text of one", vec![]), ("text of two", vec![1])]);
}

pub(crate) async fn unknown_outcomes_go_again_twice(store: &impl Store) {
    queue(store, &[message("m", MessageKind::Password)], 0).await;
    let mut now = 0;
    for round in 0..3 {
        // A crash and a lost response take turns.
        let current = epoch(store, now).await;
        let claimed = claim(store, current, now).await;
        assert_eq!(
            (claimed.len(), claimed[0].text.as_str()),
            (1, "text of m"),
            "{round}"
        );
        if round == 1 {
            word(store, claimed[0].id, (0, 1), PartOutcome::Unknown, now).await;
            word(store, claimed[0].id, (0, 1), PartOutcome::Unknown, now).await;
        } else {
            epoch(store, now).await;
        }
        assert_eq!(only(store).await, MessageState::Unknown, "{round}");
        store.tidy(at(now + 59)).await.unwrap();
        assert_eq!(only(store).await, MessageState::Unknown, "{round}");
        now += 60;
        store.tidy(at(now)).await.unwrap();
    }
    assert_eq!(only(store).await, MessageState::Failed);
    assert_eq!(revocations(store).await.len(), 1);
}

pub(crate) async fn a_late_word_counts(store: &impl Store) {
    for (name, late, state) in [
        ("taken", accepted("a"), MessageState::Sent),
        (
            "refused",
            PartOutcome::Refused("0x0b".into()),
            MessageState::Failed,
        ),
        ("throttled", PartOutcome::Throttled, MessageState::Queued),
    ] {
        let before = standing(store, state).await;
        queue(store, &[message(name, MessageKind::Reply)], 0).await;
        let epoch = epoch(store, 0).await;
        let id = claim(store, epoch, 0).await[0].id;
        word(store, id, (0, 1), PartOutcome::Unknown, 1).await;
        word(store, id, (0, 1), late, 5).await;
        assert_eq!(standing(store, state).await, before + 1, "{name}");
    }
    // After the grace it is in the queue again: taken after all, it does not go twice.
    queue(store, &[message("later", MessageKind::Code)], 0).await;
    let epoch = epoch(store, 0).await;
    let id = claim(store, epoch, 0).await[0].id;
    word(store, id, (0, 1), PartOutcome::Unknown, 1).await;
    store.tidy(at(61)).await.unwrap();
    word(store, id, (0, 1), accepted("b"), 62).await;
    assert!(claim(store, epoch, 63).await.iter().all(|one| one.id != id));
    // What a link never spoke of again becomes unknown by itself.
    queue(store, &[message("silent", MessageKind::Reply)], 100).await;
    claim(store, epoch, 100).await;
    store.tidy(at(401)).await.unwrap();
    assert!(standing(store, MessageState::Unknown).await >= 1);
}

pub(crate) async fn what_is_over_expires(store: &impl Store) {
    let short = |name, kind| NewMessage {
        valid_until: at(100),
        ..message(name, kind)
    };
    queue(store, &[short("queued", MessageKind::Code)], 0).await;
    let epoch = epoch(store, 0).await;
    assert!(claim(store, epoch, 100).await.is_empty());
    assert_eq!(standing(store, MessageState::Expired).await, 1);

    queue(
        store,
        &[
            short("sent", MessageKind::Password),
            short("unknown", MessageKind::Reply),
        ],
        0,
    )
    .await;
    let claimed = claim(store, epoch, 99).await;
    word(store, claimed[0].id, (0, 1), accepted("a"), 99).await;
    word(store, claimed[1].id, (0, 1), PartOutcome::Unknown, 99).await;
    store.tidy(at(159)).await.unwrap();
    assert_eq!(
        standing(store, MessageState::Expired).await,
        1,
        "the grace is not over"
    );
    store.tidy(at(160)).await.unwrap();
    assert_eq!(
        standing(store, MessageState::Expired).await,
        3,
        "every message comes to an end"
    );
    assert!(
        revocations(store).await.is_empty(),
        "it was taken: without a receipt it is not lost"
    );
}

pub(crate) async fn many_expire_at_once(store: &impl Store) {
    // More than one round takes, and all of them before the others.
    const SENT: usize = 2100;
    let short = |name: &str, valid_until| NewMessage {
        valid_until: at(valid_until),
        ..message(name, MessageKind::Code)
    };
    let many: Vec<NewMessage> = (0..SENT)
        .map(|one| short(&format!("sent {one}"), 100))
        .collect();
    queue(store, &many, 0).await;
    let epoch = epoch(store, 0).await;
    let claimed = store
        .claim_messages(&link(), epoch, at(1), u32::MAX)
        .await
        .unwrap();
    assert_eq!(claimed.len(), SENT);
    for some in claimed.chunks(500) {
        let taken = accepted("a");
        let words = some
            .iter()
            .map(|one| store.part_done(one.id, None, 0, 1, &taken, at(1)));
        for word in join_all(words).await {
            word.unwrap();
        }
    }
    queue(store, &[short("unknown", 101)], 1).await;
    let unknown = claim(store, epoch, 90).await[0].id;
    word(store, unknown, (0, 1), PartOutcome::Unknown, 90).await;
    queue(store, &[short("queued", 102)], 1).await;

    for (seconds, expired) in [(102, 1), (159, 1), (160, 1 + SENT), (161, 2 + SENT)] {
        store.tidy(at(seconds)).await.unwrap();
        let found = standing(store, MessageState::Expired).await;
        assert_eq!(found, u64::try_from(expired).unwrap(), "{seconds}");
    }
}

pub(crate) async fn a_lost_password_is_revoked(store: &impl Store) {
    let epoch = epoch(store, 0).await;
    let password = |name, id: u8| NewMessage {
        conversation: ConversationId([id; 16]),
        valid_until: at(1000),
        ..message(name, MessageKind::Password)
    };
    queue(store, &[password("refused", 11)], 0).await;
    let id = claim(store, epoch, 0).await[0].id;
    word(store, id, (0, 1), PartOutcome::Refused("0x0b".into()), 1).await;

    queue(store, &[password("not arrived", 12)], 0).await;
    let id = claim(store, epoch, 0).await[0].id;
    word(store, id, (0, 1), accepted("r2"), 1).await;
    let receipt = |state, seconds| Receipt {
        link: link(),
        message_id: "r2".into(),
        ids: ReceiptIds::Any,
        state,
        at: at(seconds),
    };
    store
        .receipt(&receipt(ReceiptState::Expired, 9))
        .await
        .unwrap();

    queue(
        store,
        &[
            password("never sent", 13),
            message("code", MessageKind::Code),
        ],
        0,
    )
    .await;
    store.tidy(at(1000)).await.unwrap();
    let mut lost: Vec<_> = revocations(store)
        .await
        .iter()
        .map(|due| due.conversation.0[0])
        .collect();
    lost.sort_unstable();
    assert_eq!(lost, [11, 12, 13]);

    // A late delivery takes back a revocation only if nobody has begun with it.
    queue(store, &[password("late", 14)], 0).await;
    let id = claim(store, epoch, 0).await[0].id;
    word(store, id, (0, 1), accepted("r3"), 1).await;
    let receipt = |state, seconds| Receipt {
        link: link(),
        message_id: "r3".into(),
        ids: ReceiptIds::Any,
        state,
        at: at(seconds),
    };
    store
        .receipt(&receipt(ReceiptState::Expired, 9))
        .await
        .unwrap();
    store
        .receipt(&receipt(ReceiptState::Delivered, 10))
        .await
        .unwrap();
    assert!(
        revocations(store)
            .await
            .iter()
            .all(|due| due.conversation.0[0] != 14)
    );
}

pub(crate) async fn a_request_waits_no_longer_by_a_jump(store: &impl Store) {
    let key = message("p", MessageKind::Password).key;
    let resend = |seconds| store.resend_message(&key, at(seconds));
    let mut password = message("p", MessageKind::Password);
    password.valid_until = at(3000);
    queue(store, &[password], 1000).await;
    let epoch = epoch(store, 1000).await;
    let first = claim(store, epoch, 1000).await;
    word(store, first[0].id, (0, 1), accepted("a"), 1001).await;

    // The clock was set back by a quarter of an hour since.
    for (seconds, wait) in [(100, 60), (110, 50), (159, 1), (160, 0)] {
        let wait = Duration::from_secs(wait);
        assert_eq!(resend(seconds).await.unwrap(), Some(wait), "{seconds}");
    }
    assert_eq!(claim(store, epoch, 161).await.len(), 1);
}

pub(crate) async fn a_message_goes_again_on_request(store: &impl Store) {
    let resend = |seconds| store.resend_message(const { &PASSWORD }, at(seconds));
    const PASSWORD: Mark = {
        let mut mark = [0; 32];
        mark[0] = b'p';
        mark
    };
    assert_eq!(resend(0).await.unwrap(), None, "there is none");
    queue(store, &[message("p", MessageKind::Password)], 0).await;
    assert_eq!(
        resend(0).await.unwrap(),
        Some(Duration::ZERO),
        "it goes anyway"
    );
    let epoch = epoch(store, 0).await;
    let first = claim(store, epoch, 0).await;
    assert_eq!(
        resend(10).await.unwrap(),
        Some(Duration::from_secs(50)),
        "it is on the wire"
    );
    word(store, first[0].id, (0, 2), accepted("a"), 10).await;
    word(store, first[0].id, (1, 2), accepted("b"), 10).await;
    assert_eq!(resend(20).await.unwrap(), Some(Duration::from_secs(40)));
    assert!(claim(store, epoch, 21).await.is_empty());
    assert_eq!(resend(60).await.unwrap(), Some(Duration::ZERO));
    let second = claim(store, epoch, 61).await;
    assert_eq!(
        (&second[0].text, &second[0].to, &second[0].parts),
        (&first[0].text, &first[0].to, &vec![0, 1])
    );
    assert!(claim(store, epoch, 62).await.is_empty(), "once");
    for (part, id) in [(0, "c"), (1, "d")] {
        word(store, second[0].id, (part, 2), accepted(id), 62).await;
        let receipt = Receipt {
            link: link(),
            message_id: id.to_owned(),
            ids: ReceiptIds::Any,
            state: ReceiptState::Delivered,
            at: at(63),
        };
        store.receipt(&receipt).await.unwrap();
    }
    assert_eq!(only(store).await, MessageState::Delivered);
    assert_eq!(
        resend(200).await.unwrap(),
        None,
        "it is final: the body is gone"
    );
    queue(store, &[message("q", MessageKind::Password)], 0).await;
    assert_eq!(
        store.resend_message(&key("q"), at(DAY)).await.unwrap(),
        None,
        "its time is over"
    );
}

pub(crate) async fn stop_cancels_notices(store: &impl Store) {
    let all = [
        message("n", MessageKind::Notice),
        message("r", MessageKind::Reply),
        NewMessage {
            to: number(2),
            ..message("n2", MessageKind::Notice)
        },
    ];
    queue(store, &all, 0).await;
    let mut talk = store
        .conversation(ConversationId([1; 16]))
        .await
        .unwrap()
        .unwrap();
    talk.revision += 1;
    store
        .save(Save {
            subscriber: &[SubscriberChange::Stopped(true)],
            ..step(&talk, "stop", 1)
        })
        .await
        .unwrap();
    let epoch = epoch(store, 1).await;
    let texts: Vec<_> = claim(store, epoch, 1)
        .await
        .into_iter()
        .map(|one| one.text)
        .collect();
    assert_eq!(texts, ["text of r", "text of n2"]);
    assert_eq!(standing(store, MessageState::Cancelled).await, 1);

    // One that may be on the wire goes on; back in the queue it is cancelled, and stays it even if
    // the link says late that it was taken.
    queue(store, &[message("wire", MessageKind::Notice)], 2).await;
    let id = claim(store, epoch, 2).await[0].id;
    word(store, id, (0, 1), PartOutcome::Unknown, 2).await;
    for (name, seconds, cancelled) in [("stop 2", 3, 1), ("stop 3", 62, 2)] {
        store.tidy(at(seconds)).await.unwrap();
        talk = store
            .conversation(ConversationId([1; 16]))
            .await
            .unwrap()
            .unwrap();
        talk.revision += 1;
        let stop = Save {
            subscriber: &[SubscriberChange::Stopped(true)],
            ..step(&talk, name, seconds)
        };
        store.save(stop).await.unwrap();
        assert_eq!(
            standing(store, MessageState::Cancelled).await,
            cancelled,
            "{name}"
        );
    }
    word(store, id, (0, 1), accepted("late"), 63).await;
    assert_eq!(standing(store, MessageState::Cancelled).await, 2);
}

/// Words and receipts that share a commit are as if they had come one after the other, and one that
/// cannot be recorded fails alone.
pub(crate) async fn words_of_a_batch_stand_alone(store: &impl Store) {
    let names = ["one", "long", "bad", "early"];
    queue(
        store,
        &names.map(|name| message(name, MessageKind::Reply)),
        0,
    )
    .await;
    let epoch = epoch(store, 0).await;
    let claimed = claim(store, epoch, 0).await;
    let ids: Vec<MessageId> = claimed.iter().map(|message| message.id).collect();
    let told = |at_index: usize, part, parts, id: &str| {
        let (message, outcome) = (ids[at_index], accepted(id));
        async move {
            store
                .part_done(message, None, part, parts, &outcome, at(1))
                .await
        }
    };
    let arrived = |id: &str| {
        let receipt = Receipt {
            link: link(),
            message_id: id.to_owned(),
            ids: crate::store::ReceiptIds::Any,
            state: ReceiptState::Delivered,
            at: at(2),
        };
        async move { store.receipt(&receipt).await }
    };
    // One task, so that all of them are in the queue before the writer has its turn.
    let results = tokio::join!(
        told(0, 0, 1, "a1"),
        told(1, 0, 2, "b1"),
        told(2, 3, 3, "c1"),
        told(1, 1, 2, "b2"),
        arrived("a1"),
        arrived("b2"),
        arrived("d1"),
        arrived("a1"),
    );
    assert!(results.0.is_ok() && results.1.is_ok() && results.3.is_ok());
    assert!(results.2.is_err(), "there is no such part");
    assert!(results.4.is_ok() && results.5.is_ok() && results.6.is_ok() && results.7.is_ok());
    for (state, count) in [
        (MessageState::Delivered, 1),
        (MessageState::Sent, 1),
        (MessageState::Sending, 2),
    ] {
        assert_eq!(standing(store, state).await, count, "{state:?}");
    }
    // The other part, and one whose receipt came first.
    let (late, both) = tokio::join!(arrived("b1"), told(3, 0, 1, "d1"));
    assert!(late.is_ok() && both.is_ok());
    assert_eq!(standing(store, MessageState::Delivered).await, 3);
}

/// A look at all links finds those with a message whose time has come.
pub(crate) async fn links_are_looked_at_together(store: &impl Store) {
    let on = |name: &str| NewMessage {
        link: name.into(),
        ..message(name, MessageKind::Reply)
    };
    assert!(store.links_due(at(0)).await.unwrap().is_empty());
    queue(
        store,
        &[on("b"), on("a"), on("c"), message("m", MessageKind::Reply)],
        0,
    )
    .await;
    let due = |seconds| async move {
        let mut links = store.links_due(at(seconds)).await.unwrap();
        links.sort_unstable();
        links.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(due(0).await, ["a", "b", "c", "sandbox"]);
    let a = LinkName::from("a");
    let epoch = store.begin_epoch(&a, at(0)).await.unwrap();
    let claimed = store.claim_messages(&a, epoch, at(0), 9).await.unwrap();
    assert_eq!(due(0).await, ["b", "c", "sandbox"], "it is on its way");
    word(store, claimed[0].id, (0, 1), PartOutcome::NotSent, 0).await;
    assert_eq!(due(0).await, ["b", "c", "sandbox"], "it waits");
    assert_eq!(due(1).await, ["a", "b", "c", "sandbox"]);
}
