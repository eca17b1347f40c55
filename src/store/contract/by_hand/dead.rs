//! Dead letters: told once.

use super::*;

pub(crate) async fn dead_letters_are_told_once(store: &SqlStore, url: &str) {
    let refused = claimed(store, "refused", MessageKind::Password, 0).await;
    word(store, refused, PartOutcome::Refused("0x0b".into()), 0).await;
    let short = |name: &str| NewMessage {
        valid_until: at(100),
        ..message(name, MessageKind::Code)
    };
    let no_receipt = {
        queue(store, &[short("no receipt")], 1).await;
        let epoch = store.begin_epoch(&link(), at(1)).await.unwrap();
        claim(store, epoch, 1, 9).await[0].id
    };
    word(store, no_receipt, accepted("a"), 1).await;
    let undelivered = claimed(store, "undelivered", MessageKind::Reply, 2).await;
    word(store, undelivered, accepted("b"), 2).await;
    arrived(store, "b", ReceiptState::Failed, 3).await;
    queue(
        store,
        &[short("never tried"), message("waits", MessageKind::Reply)],
        4,
    )
    .await;
    store.tidy(at(160)).await.unwrap();
    assert_eq!(standing(store, MessageState::Expired).await, 2);

    // Two nodes look at once; each letter is told by one of them.
    let (one, other) = tokio::join!(store.dead_letters(), store.dead_letters());
    let mut letters: Vec<DeadLetter> = one.unwrap();
    letters.extend(other.unwrap());
    let told: BTreeSet<_> = letters
        .iter()
        .map(|one| {
            (
                one.kind.name(),
                one.state.name(),
                one.reason.as_deref().unwrap_or("-"),
            )
        })
        .collect();
    assert_eq!(letters.len(), 3);
    assert_eq!(
        told,
        [
            ("password", "failed", "0x0b"),
            ("reply", "failed", "receipt"),
            ("code", "expired", "-"),
        ]
        .into()
    );
    assert!(store.dead_letters().await.unwrap().is_empty());

    // They stay where an administrator looks.
    let mut visitor = visitor(url).await;
    let dead = visitor.overview(at(160), at(-1)).await.unwrap().dead;
    assert_eq!(dead.iter().map(|dead| dead.messages).sum::<u64>(), 3);
    assert!(
        visitor
            .overview(at(200), at(161))
            .await
            .unwrap()
            .dead
            .is_empty()
    );
    let shown = visitor.message(no_receipt).await.unwrap().unwrap();
    assert_eq!(
        (shown.message.dead, shown.message.reason.as_deref()),
        (false, Some("no receipt")),
        "it was taken"
    );
}

pub(crate) async fn a_late_delivery_is_no_dead_letter(store: &SqlStore, url: &str) {
    let id = claimed(store, "late", MessageKind::Reply, 0).await;
    word(store, id, accepted("a"), 0).await;
    arrived(store, "a", ReceiptState::Expired, 1).await;
    let mut visitor = visitor(url).await;
    assert!(visitor.message(id).await.unwrap().unwrap().message.dead);
    arrived(store, "a", ReceiptState::Delivered, 2).await;
    let shown = visitor.message(id).await.unwrap().unwrap().message;
    assert_eq!((shown.state, shown.dead), (MessageState::Delivered, false));
    assert!(store.dead_letters().await.unwrap().is_empty());
}
