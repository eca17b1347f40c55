//! A ledger that is held: by hand, or since it was put back.

use super::*;

pub(crate) async fn a_hold_stops_every_link(store: &SqlStore, url: &str) {
    let short = NewMessage {
        valid_until: at(60),
        ..message("code", MessageKind::Code)
    };
    queue(store, &[message("m", MessageKind::Reply), short], 0).await;
    let mut visitor = visitor(url).await;
    assert_eq!(
        visitor.release(Older::Cancel, &hand(0)).await.unwrap(),
        None
    );
    let (held, is_new) = visitor.hold(HoldReason::ByHand, &hand(1)).await.unwrap();
    let held = held.unwrap();
    assert!(is_new);
    assert_eq!(
        (
            held.why,
            held.note.as_deref(),
            held.who.as_str(),
            held.begun_at,
            held.as_of
        ),
        (
            HoldReason::ByHand,
            Some("canary-why"),
            "ali (uid 1000)",
            at(1),
            None
        )
    );
    let (again, is_new) = visitor.hold(HoldReason::Restored, &hand(2)).await.unwrap();
    assert_eq!((again.as_ref(), is_new), (Some(&held), false));
    assert_eq!(store.held(at(2)).await.unwrap().as_ref(), Some(&held));

    let epoch = store.begin_epoch(&link(), at(2)).await.unwrap();
    assert!(claim(store, epoch, 2, 9).await.is_empty());
    assert!(store.links_due(at(2)).await.unwrap().is_empty());
    // Turns go on, and so does time.
    queue(store, &[message("new", MessageKind::Reply)], 3).await;
    store.tidy(at(60)).await.unwrap();
    assert_eq!(standing(store, MessageState::Expired).await, 1);
    assert_eq!(
        visitor.overview(at(60), at(0)).await.unwrap().hold,
        Some(held)
    );

    let released = visitor
        .release(Older::Cancel, &hand(61))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (released.older, released.others),
        (0, 2),
        "nothing is in doubt"
    );
    assert_eq!(store.held(at(61)).await.unwrap(), None);
    assert_eq!(claim(store, epoch, 61, 9).await.len(), 2);
}

/// A ledger with a message that never went, one in parts of which some went, and one that came after
/// the hold.
async fn restored(store: &SqlStore, visitor: &mut Visitor) -> u64 {
    let epoch = store.begin_epoch(&link(), at(0)).await.unwrap();
    let both = [
        message("never", MessageKind::Password),
        message("parts", MessageKind::Reply),
    ];
    queue(store, &both, 0).await;
    let claimed = claim(store, epoch, 0, 9).await;
    word(store, claimed[0].id, PartOutcome::NotSent, 0).await;
    for (part, outcome) in [(0, accepted("a")), (1, PartOutcome::NotSent)] {
        store
            .part_done(claimed[1].id, None, part, 2, &outcome, at(0))
            .await
            .unwrap();
    }
    visitor.hold(HoldReason::Restored, &hand(10)).await.unwrap();
    queue(store, &[message("since", MessageKind::Notice)], 11).await;
    epoch
}

pub(crate) async fn a_release_after_a_restore_doubts_what_is_older(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    let epoch = restored(store, &mut visitor).await;
    let released = visitor
        .release(Older::Unknown, &hand(20))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((released.older, released.others), (2, 1));
    assert_eq!(standing(store, MessageState::Unknown).await, 2);
    let since = claim(store, epoch, 20, 9).await;
    assert_eq!(
        since
            .iter()
            .map(|one| one.text.as_str())
            .collect::<Vec<_>>(),
        ["text of since"]
    );
    // They go again within the rules of unknown outcomes, and only what may be missing.
    store.tidy(at(80)).await.unwrap();
    let again = claim(store, epoch, 80, 9).await;
    let texts: Vec<_> = again
        .iter()
        .map(|one| (one.text.as_str(), one.parts.clone()))
        .collect();
    assert_eq!(
        texts,
        [("text of never", vec![0]), ("text of parts", vec![1])]
    );
    let listed = all(&mut visitor).await;
    let never = listed.iter().find(|one| one.id == again[0].id).unwrap();
    assert_eq!(
        (never.unknowns, never.reason.as_deref()),
        (1, Some("restored"))
    );
}

pub(crate) async fn a_release_may_cancel_what_is_older(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    let epoch = restored(store, &mut visitor).await;
    let released = visitor
        .release(Older::Cancel, &hand(20))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((released.older, released.others), (2, 1));
    assert_eq!(standing(store, MessageState::Cancelled).await, 2);
    assert_eq!(claim(store, epoch, 200, 9).await.len(), 1);
    let due = store
        .claim_due(at(200), Duration::from_secs(1), 9)
        .await
        .unwrap();
    assert!(due.iter().any(|due| due.kind == DueKind::Revoke));
}

pub(crate) async fn a_ledger_that_forgot_claims_is_held(store: &SqlStore, url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("jisr.mark");
    store.look_back(&mark, None, at(0)).await.unwrap();
    queue(store, &[message("one", MessageKind::Reply)], 0).await;
    let epoch = store.begin_epoch(&link(), at(0)).await.unwrap();
    assert_eq!(claim(store, epoch, 0, 9).await.len(), 1);
    queue(store, &[message("two", MessageKind::Reply)], 1).await;
    // The ledger under a running node is put back to before its claim.
    store.forget_claims().await;
    assert!(claim(store, epoch, 1, 9).await.is_empty());
    let held = store.held(at(2)).await.unwrap().unwrap();
    assert_eq!((held.why, held.who.as_str()), (HoldReason::Older, "jisr"));

    // Once released it goes on, and is not found again.
    visitor(url)
        .await
        .release(Older::Unknown, &hand(3))
        .await
        .unwrap();
    store.tidy(at(70)).await.unwrap();
    assert_eq!(claim(store, epoch, 70, 9).await.len(), 1);
    assert_eq!(store.held(at(70)).await.unwrap(), None);
    store.look_back(&mark, None, at(71)).await.unwrap();
    assert_eq!(store.held(at(71)).await.unwrap(), None);

    // The same where nobody runs meanwhile: the mark tells.
    store.forget_claims().await;
    store.look_back(&mark, None, at(72)).await.unwrap();
    assert_eq!(
        store.held(at(72)).await.unwrap().unwrap().why,
        HoldReason::Older
    );
}
