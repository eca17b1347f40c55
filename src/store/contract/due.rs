//! Due times, effects and failed matches.

use super::*;

fn due(id: u8, kind: DueKind, seconds: i64) -> Due {
    Due {
        conversation: ConversationId([id; 16]),
        kind,
        at: at(seconds),
        number: 7,
        attempts: 0,
    }
}

async fn put(store: &impl Store, id: u8, revision: u64, due: &[Due]) {
    let mut talk = talk(id, number(u32::from(id)));
    talk.revision = revision;
    let turn = format!("t{revision}");
    assert_eq!(
        store
            .save(Save {
                due,
                ..step(&talk, &turn, 0)
            })
            .await
            .unwrap(),
        Saved::Done
    );
}

const LEASE: Duration = Duration::from_secs(30);

pub(crate) async fn due_times_are_claimed_once(store: &impl Store) {
    put(
        store,
        1,
        1,
        &[due(1, DueKind::Call, 10), due(1, DueKind::Silence, 20)],
    )
    .await;
    put(store, 2, 1, &[due(2, DueKind::Call, 5)]).await;
    assert!(store.claim_due(at(4), LEASE, 9).await.unwrap().is_empty());

    let (one, two) = tokio::join!(
        store.claim_due(at(10), LEASE, 9),
        store.claim_due(at(10), LEASE, 9)
    );
    let mut all = [one.unwrap(), two.unwrap()].concat();
    all.sort_by_key(|due| due.at);
    assert_eq!(all, [due(2, DueKind::Call, 5), due(1, DueKind::Call, 10)]);

    // The lease is over: again, and counted.
    store.end_due(&all[0]).await.unwrap();
    let again = store.claim_due(at(40), LEASE, 1).await.unwrap();
    assert_eq!(
        again,
        [Due {
            attempts: 1,
            ..due(1, DueKind::Call, 10)
        }]
    );
    // Whoever was too slow ends nothing.
    store.end_due(&all[1]).await.unwrap();
    let third = store.claim_due(at(70), LEASE, 1).await.unwrap();
    assert_eq!(
        third,
        [Due {
            attempts: 2,
            ..due(1, DueKind::Call, 10)
        }]
    );
    store.end_due(&third[0]).await.unwrap();
    assert_eq!(
        store.claim_due(at(999), LEASE, 9).await.unwrap(),
        [due(1, DueKind::Silence, 20)]
    );
}

pub(crate) async fn a_replaced_due_time_stays(store: &impl Store) {
    put(store, 1, 1, &[due(1, DueKind::Call, 10)]).await;
    let claimed = store.claim_due(at(10), LEASE, 9).await.unwrap();
    put(store, 1, 2, &[due(1, DueKind::Call, 11)]).await;
    store.end_due(&claimed[0]).await.unwrap();
    assert_eq!(
        store.claim_due(at(11), LEASE, 9).await.unwrap(),
        [due(1, DueKind::Call, 11)]
    );

    let mut talk = talk(1, number(1));
    talk.revision = 3;
    store
        .save(Save {
            not_due: &[DueKind::Call],
            ..step(&talk, "t3", 0)
        })
        .await
        .unwrap();
    assert!(store.claim_due(at(DAY), LEASE, 9).await.unwrap().is_empty());
}

pub(crate) async fn the_next_due_time_is_told(store: &impl Store) {
    assert_eq!(store.next_due().await.unwrap(), None);
    put(store, 2, 1, &[due(2, DueKind::Call, 50)]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(50)));
    store.claim_due(at(55), LEASE, 9).await.unwrap();
    assert_eq!(
        store.next_due().await.unwrap(),
        Some(at(85)),
        "when the lease is over"
    );
    queue(store, &[message("m", MessageKind::Reply)], 60).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
}

pub(crate) async fn an_effect_is_intended_once(store: &impl Store) {
    let mut talk = talk(1, number(1));
    let first = NewEffect {
        subject: "1 118206455".to_owned(),
        key: key("e"),
        conversation: talk.id,
        secret: "first".into(),
        at: at(0),
    };
    let second = NewEffect {
        subject: "1 118206455".to_owned(),
        secret: "second".into(),
        conversation: ConversationId([2; 16]),
        ..first.clone()
    };
    store
        .save(Save {
            intent: Some(&first),
            ..step(&talk, "t1", 0)
        })
        .await
        .unwrap();
    talk.revision = 2;
    store
        .save(Save {
            intent: Some(&second),
            ..step(&talk, "t2", 0)
        })
        .await
        .unwrap();
    let effect = store.effect(&key("e")).await.unwrap().unwrap();
    assert_eq!(effect.secret.as_deref(), Some("first"));
    assert_eq!(
        (effect.conversation, effect.state),
        (first.conversation, EffectState::Intended)
    );
    assert!(effect.message.is_none());

    // The result and the message that carries the secret, under the effect's key.
    talk.revision = 3;
    let save = Save {
        result: Some((key("e"), EffectState::Done)),
        messages: &[message("e", MessageKind::Password)],
        ..step(&talk, "t3", 0)
    };
    store.save(save).await.unwrap();
    let effect = store.effect(&key("e")).await.unwrap().unwrap();
    assert_eq!((effect.secret, effect.state), (None, EffectState::Done));
    assert_eq!(effect.message.unwrap().1, MessageState::Queued);

    for (revision, result, state) in [
        (4, EffectState::Refused, EffectState::Done),
        (5, EffectState::Revoked, EffectState::Revoked),
        (6, EffectState::Done, EffectState::Revoked),
    ] {
        talk.revision = revision;
        let turn = format!("t{revision}");
        store
            .save(Save {
                result: Some((key("e"), result)),
                ..step(&talk, &turn, 0)
            })
            .await
            .unwrap();
        assert_eq!(
            store.effect(&key("e")).await.unwrap().unwrap().state,
            state,
            "{revision}"
        );
    }
    assert!(store.effect(&key("none")).await.unwrap().is_none());

    // Taken back without a step.
    talk.revision = 7;
    let other = NewEffect {
        subject: "1 118206455".to_owned(),
        key: key("f"),
        ..first
    };
    store
        .save(Save {
            intent: Some(&other),
            ..step(&talk, "t7", 0)
        })
        .await
        .unwrap();
    store.revoke_effect(&key("f")).await.unwrap();
    store.revoke_effect(&key("none")).await.unwrap();
    let effect = store.effect(&key("f")).await.unwrap().unwrap();
    assert_eq!((effect.secret, effect.state), (None, EffectState::Revoked));
}

pub(crate) async fn failed_matches_are_counted_once(store: &impl Store) {
    let (one, two) = (key("identity one"), key("identity two"));
    for (from, identity, name, seconds) in [
        (1, &one, "k1", 0),
        (1, &one, "k1", 0), // the same turn again
        (1, &two, "k2", 60),
        (2, &one, "k3", 120),
    ] {
        store
            .match_failed(&number(from), identity, &key(name), at(seconds))
            .await
            .unwrap();
    }
    for (from, identity, seconds, by_number, of_identity) in [
        (1, &one, 121, 2, 2),
        (2, &one, 121, 1, 2),
        (2, &two, 121, 1, 1),
        (3, &key("none"), 121, 0, 0),
        (1, &one, DAY + 30, 1, 2),
        (1, &one, 30 * DAY + 30, 0, 1),
        (1, &one, 31 * DAY, 0, 0),
    ] {
        let counted = store
            .match_failures(&number(from), identity, at(seconds))
            .await
            .unwrap();
        assert_eq!(
            counted,
            MatchFailures {
                by_number,
                of_identity
            },
            "{from} {seconds}"
        );
    }
    // The clock was ahead and jumps back: what was counted still counts.
    store
        .match_failed(&number(3), &two, &key("k4"), at(300 * DAY))
        .await
        .unwrap();
    store
        .match_failed(&number(4), &two, &key("k5"), at(HOUR))
        .await
        .unwrap();
    let counted = store
        .match_failures(&number(3), &two, at(2 * HOUR))
        .await
        .unwrap();
    assert_eq!(
        counted,
        MatchFailures {
            by_number: 1,
            of_identity: 3
        }
    );
    let counted = store
        .match_failures(&number(3), &two, at(3 * DAY))
        .await
        .unwrap();
    assert_eq!(counted.by_number, 0, "and ends when its time is over");
}
