//! What an administrator sees and does by hand, beside a store that serves the ledger; and whose turn it
//! is on a link.

mod dead;
mod held;
mod lists;
mod turns;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::store::by_hand::{
    Cancelled, DeadLetter, Filter, Hand, HoldReason, Listed, Older, SentAgain,
};
use crate::store::seal::Keys;
use crate::store::sql::{SqlStore, Visitor};

pub(crate) use dead::{a_late_delivery_is_no_dead_letter, dead_letters_are_told_once};
pub(crate) use held::{
    a_hold_stops_every_link, a_ledger_that_forgot_claims_is_held,
    a_release_after_a_restore_doubts_what_is_older, a_release_may_cancel_what_is_older,
};
pub(crate) use lists::{
    an_overview_counts_by_link_and_state, lists_are_filtered, nothing_personal_is_listed,
};
pub(crate) use turns::{
    a_flood_of_notices_delays_no_code, a_number_with_many_messages_holds_up_few,
    services_take_turns_on_a_link, waits_are_drawn_from_the_whole_span,
};
use turns::{flood, of_service};

/// Makes one `#[tokio::test]` per rule. `$open` is an expression that gives a future of (a fresh store,
/// its address, whatever has to live as long as it), or of `None` where this machine has no such store.
macro_rules! by_hand_tests {
    ($open:expr) => {
        crate::store::contract::by_hand::by_hand_tests!(@ $open;
            an_overview_counts_by_link_and_state, nothing_personal_is_listed, lists_are_filtered,
            a_message_goes_again_by_hand, what_may_not_go_again_stays, a_message_is_cancelled_by_hand,
            what_may_not_be_cancelled_stays, acts_are_kept_as_long_as_the_message,
            a_hold_stops_every_link, a_release_after_a_restore_doubts_what_is_older,
            a_release_may_cancel_what_is_older, dead_letters_are_told_once, a_late_delivery_is_no_dead_letter,
            services_take_turns_on_a_link, a_number_with_many_messages_holds_up_few,
            a_flood_of_notices_delays_no_code, waits_are_drawn_from_the_whole_span,
            a_ledger_that_forgot_claims_is_held, what_is_cancelled_beside_a_pump_is_not_sent
        );
    };
    (@ $open:expr; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((store, url, _keep)) = $open.await else {
                    return;
                };
                crate::store::contract::by_hand::$case(&store, &url).await;
            }
        )+
    };
}
pub(crate) use by_hand_tests;

async fn visitor(url: &str) -> Visitor {
    Visitor::open(
        url,
        Keys::for_testing(),
        Arc::new(super::Counted::default()),
    )
    .await
    .unwrap()
}

fn hand(seconds: i64) -> Hand {
    Hand {
        who: "ali (uid 1000)".to_owned(),
        why: Some("canary-why".to_owned()),
        at: at(seconds),
    }
}

async fn all(visitor: &mut Visitor) -> Vec<Listed> {
    let filter = Filter {
        limit: 1000,
        ..Filter::default()
    };
    visitor.messages(&filter).await.unwrap()
}

/// Queues one message and claims it.
async fn claimed(store: &SqlStore, name: &str, kind: MessageKind, seconds: i64) -> MessageId {
    queue(store, &[message(name, kind)], seconds).await;
    let epoch = store.begin_epoch(&link(), at(seconds)).await.unwrap();
    let all = claim(store, epoch, seconds, 100).await;
    let text = format!("text of {name}");
    all.iter().find(|one| one.text == text).unwrap().id
}

async fn claim(store: &SqlStore, epoch: u64, seconds: i64, limit: u32) -> Vec<Message> {
    let now = at(seconds);
    store
        .claim_messages(&link(), epoch, now, limit)
        .await
        .unwrap()
}

async fn word(store: &SqlStore, id: MessageId, outcome: PartOutcome, seconds: i64) {
    store
        .part_done(id, None, 0, 1, &outcome, at(seconds))
        .await
        .unwrap();
}

async fn arrived(store: &SqlStore, message_id: &str, state: ReceiptState, seconds: i64) {
    let receipt = Receipt {
        link: link(),
        message_id: message_id.to_owned(),
        ids: ReceiptIds::Any,
        state,
        at: at(seconds),
    };
    store.receipt(&receipt).await.unwrap();
}

fn accepted(id: &str) -> PartOutcome {
    PartOutcome::Accepted(id.to_owned())
}

pub(crate) async fn a_message_goes_again_by_hand(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    // It waits for its retry, and goes at once instead.
    let id = claimed(store, "queued", MessageKind::Password, 0).await;
    for _ in 0..8 {
        word(store, id, PartOutcome::Temporary("0x58".into()), 0).await;
    }
    assert_eq!(
        visitor.send_again(id, &hand(0)).await.unwrap(),
        SentAgain::Queued(MessageState::Queued)
    );
    let epoch = store.begin_epoch(&link(), at(0)).await.unwrap();
    assert_eq!(claim(store, epoch, 0, 9).await[0].id, id);

    // Its outcome is unknown: a further attempt, which the message remembers.
    word(store, id, PartOutcome::Unknown, 1).await;
    assert!(claim(store, epoch, 2, 9).await.is_empty());
    assert_eq!(
        visitor.send_again(id, &hand(2)).await.unwrap(),
        SentAgain::Queued(MessageState::Unknown)
    );
    let again = claim(store, epoch, 2, 9).await;
    assert_eq!(again[0].text, "text of queued");
    word(store, id, accepted("a"), 3).await;

    // The operator took it; after a minute it may go once more, but for what has arrived.
    let long = message("long", MessageKind::Reply);
    queue(store, &[long], 3).await;
    let two = claim(store, epoch, 3, 9).await[0].id;
    for (part, name) in [(0, "p0"), (1, "p1")] {
        store
            .part_done(two, None, part, 2, &accepted(name), at(3))
            .await
            .unwrap();
    }
    arrived(store, "p0", ReceiptState::Delivered, 4).await;
    assert_eq!(
        visitor.send_again(two, &hand(62)).await.unwrap(),
        SentAgain::TooSoon(at(63))
    );
    assert_eq!(
        visitor.send_again(two, &hand(63)).await.unwrap(),
        SentAgain::Queued(MessageState::Sent)
    );
    let again = claim(store, epoch, 64, 9).await;
    assert_eq!((again[0].id, &again[0].parts), (two, &vec![1]));
    store
        .part_done(two, None, 1, 2, &accepted("p2"), at(64))
        .await
        .unwrap();
    arrived(store, "p2", ReceiptState::Delivered, 65).await;
    let shown = visitor.message(two).await.unwrap().unwrap();
    assert_eq!(shown.message.state, MessageState::Delivered);
    let taken: Vec<_> = shown.shown_parts[1]
        .taken
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(taken, ["p1", "p2"]);
}

pub(crate) async fn what_may_not_go_again_stays(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    let id = claimed(store, "wire", MessageKind::Reply, 0).await;
    assert_eq!(
        visitor.send_again(id, &hand(1)).await.unwrap(),
        SentAgain::OnTheWire
    );
    word(store, id, accepted("a"), 1).await;
    arrived(store, "a", ReceiptState::Delivered, 2).await;
    assert_eq!(
        visitor.send_again(id, &hand(100)).await.unwrap(),
        SentAgain::Final(MessageState::Delivered)
    );
    assert_eq!(
        visitor.send_again(MessageId(7), &hand(1)).await.unwrap(),
        SentAgain::Absent
    );

    // A code past its validity never goes, whether the ledger has come to say so or not.
    let short = NewMessage {
        valid_until: at(300),
        ..message("code", MessageKind::Code)
    };
    queue(store, &[short], 0).await;
    let code = all(&mut visitor).await[0].id;
    assert_eq!(
        visitor.send_again(code, &hand(300)).await.unwrap(),
        SentAgain::PastValidity(at(300))
    );

    // A notice whose reader has said STOP.
    let notice = claimed(store, "notice", MessageKind::Notice, 0).await;
    word(store, notice, accepted("b"), 1).await;
    let mut talk = store
        .conversation(ConversationId([1; 16]))
        .await
        .unwrap()
        .unwrap();
    talk.revision += 1;
    let stop = Save {
        subscriber: &[SubscriberChange::Stopped(true)],
        ..step(&talk, "stop", 2)
    };
    store.save(stop).await.unwrap();
    assert_eq!(
        visitor.send_again(notice, &hand(100)).await.unwrap(),
        SentAgain::Stopped
    );
    for id in [id, code, notice] {
        assert!(visitor.message(id).await.unwrap().unwrap().acts.is_empty());
    }
}

pub(crate) async fn a_message_is_cancelled_by_hand(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    queue(store, &[message("password", MessageKind::Password)], 0).await;
    let id = all(&mut visitor).await[0].id;
    assert_eq!(
        visitor.cancel(id, &hand(1)).await.unwrap(),
        Cancelled::Done(MessageState::Queued)
    );
    let shown = visitor.message(id).await.unwrap().unwrap();
    assert_eq!(
        (
            shown.message.state,
            shown.message.reason.as_deref(),
            shown.has_body,
            shown.message.to
        ),
        (MessageState::Cancelled, Some("by hand"), false, None)
    );
    let epoch = store.begin_epoch(&link(), at(1)).await.unwrap();
    assert!(claim(store, epoch, 2, 9).await.is_empty());
    let due = store
        .claim_due(at(2), Duration::from_secs(1), 9)
        .await
        .unwrap();
    assert!(
        due.iter().any(|due| due.kind == DueKind::Revoke),
        "it never arrives"
    );

    // Of an unknown outcome no further attempt is made, whatever is said of it later.
    let id = claimed(store, "unknown", MessageKind::Reply, 3).await;
    word(store, id, PartOutcome::Unknown, 4).await;
    assert_eq!(
        visitor.cancel(id, &hand(5)).await.unwrap(),
        Cancelled::Done(MessageState::Unknown)
    );
    word(store, id, accepted("late"), 6).await;
    arrived(store, "late", ReceiptState::Delivered, 7).await;
    store.tidy(at(100)).await.unwrap();
    assert_eq!(standing(store, MessageState::Cancelled).await, 2);
    let epoch = store.begin_epoch(&link(), at(100)).await.unwrap();
    assert!(claim(store, epoch, 100, 9).await.is_empty());
}

pub(crate) async fn what_may_not_be_cancelled_stays(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    let id = claimed(store, "wire", MessageKind::Reply, 0).await;
    assert_eq!(
        visitor.cancel(id, &hand(1)).await.unwrap(),
        Cancelled::OnTheWire
    );
    word(store, id, accepted("a"), 1).await;
    assert_eq!(visitor.cancel(id, &hand(2)).await.unwrap(), Cancelled::Sent);
    arrived(store, "a", ReceiptState::Delivered, 2).await;
    assert_eq!(
        visitor.cancel(id, &hand(3)).await.unwrap(),
        Cancelled::Final(MessageState::Delivered)
    );
    assert_eq!(
        visitor.cancel(MessageId(7), &hand(3)).await.unwrap(),
        Cancelled::Absent
    );
    assert_eq!(standing(store, MessageState::Delivered).await, 1);
}

pub(crate) async fn acts_are_kept_as_long_as_the_message(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    queue(store, &[message("m", MessageKind::Reply)], 0).await;
    let id = all(&mut visitor).await[0].id;
    visitor.send_again(id, &hand(1)).await.unwrap();
    visitor.cancel(id, &hand(2)).await.unwrap();
    let acts = visitor.message(id).await.unwrap().unwrap().acts;
    let shown: Vec<_> = acts
        .iter()
        .map(|act| {
            (
                act.act.as_str(),
                act.was,
                act.who.as_str(),
                act.why.as_deref(),
                act.at,
            )
        })
        .collect();
    let (who, why) = ("ali (uid 1000)", Some("canary-why"));
    let was = MessageState::Queued;
    assert_eq!(
        shown,
        [
            ("sent again", was, who, why, at(1)),
            ("cancelled", was, who, why, at(2))
        ]
    );
    store.tidy(at(90 * DAY)).await.unwrap();
    assert!(visitor.message(id).await.unwrap().is_some());
    store.tidy(at(90 * DAY + 2)).await.unwrap();
    assert!(visitor.message(id).await.unwrap().is_none());
}

/// Somebody cancels while the link sends: each message either goes or does not.
pub(crate) async fn what_is_cancelled_beside_a_pump_is_not_sent(store: &SqlStore, url: &str) {
    const MANY: u32 = 60;
    flood(store, MANY, |which| {
        of_service("tns", which, MessageKind::Reply)
    })
    .await;
    let epoch = store.begin_epoch(&link(), at(1)).await.unwrap();
    let mut visitor = visitor(url).await;
    let listed = all(&mut visitor).await;
    let (mut cancelled, mut sent) = (BTreeSet::new(), BTreeSet::new());
    // From both ends, at the same time.
    for one in listed {
        let (said, hand) = (one.id, hand(2));
        let (done, claimed) = tokio::join!(visitor.cancel(said, &hand), claim(store, epoch, 2, 1));
        if done.unwrap() == Cancelled::Done(MessageState::Queued) {
            cancelled.insert(said);
        }
        sent.extend(claimed.iter().map(|one| one.id));
    }
    sent.extend(claim(store, epoch, 2, MANY).await.iter().map(|one| one.id));
    assert!(cancelled.is_disjoint(&sent));
    assert_eq!(cancelled.len() + sent.len(), MANY as usize);
    assert!(
        cancelled.len() >= 10 && sent.len() >= 10,
        "they met: {}",
        sent.len()
    );
}
