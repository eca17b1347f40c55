//! What an administrator sees and does by hand, beside a store that serves the ledger; and whose turn it
//! is on a link.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::store::by_hand::{
    Cancelled, DeadLetter, Filter, Hand, HoldReason, Listed, Older, SentAgain,
};
use crate::store::seal::Keys;
use crate::store::sql::{SqlStore, Visitor};

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

pub(crate) async fn an_overview_counts_by_link_and_state(store: &SqlStore, url: &str) {
    let mut visitor = visitor(url).await;
    assert_eq!(
        visitor.overview(at(0), at(-1)).await.unwrap(),
        crate::store::by_hand::Overview::default()
    );
    let other = NewMessage {
        link: "other".into(),
        ..message("elsewhere", MessageKind::Notice)
    };
    let waits = [
        message("code", MessageKind::Code),
        message("reply", MessageKind::Reply),
        message("waits", MessageKind::Reply),
        other,
    ];
    queue(store, &waits, 0).await;
    let epoch = store.begin_epoch(&link(), at(10)).await.unwrap();
    let claimed = claim(store, epoch, 10, 2).await;
    word(
        store,
        claimed[0].id,
        PartOutcome::Temporary("0x58".into()),
        11,
    )
    .await;

    let seen = visitor.overview(at(11), at(-1)).await.unwrap();
    let groups: Vec<_> = seen
        .waiting
        .iter()
        .map(|one| {
            let reasons: Vec<_> = one
                .reasons
                .iter()
                .map(|said| {
                    format!(
                        "{}×{}",
                        said.messages,
                        said.reason.as_deref().unwrap_or("-")
                    )
                })
                .collect();
            (
                one.link.as_str(),
                one.state,
                one.messages,
                one.ready,
                one.attempts,
                one.oldest,
                reasons.join(" "),
            )
        })
        .collect();
    use MessageState::{Queued, Sending};
    assert_eq!(
        groups,
        [
            ("other", Queued, 1, 1, 0, at(0), "1×-".to_owned()),
            ("sandbox", Queued, 2, 1, 1, at(0), "1×- 1×0x58".to_owned()),
            ("sandbox", Sending, 1, 0, 0, at(0), "1×-".to_owned()),
        ]
    );
    assert_eq!(seen.waiting[1].kinds[&MessageKind::Code], 1);
    assert!(seen.dead.is_empty() && seen.hold.is_none());
}

pub(crate) async fn nothing_personal_is_listed(store: &SqlStore, url: &str) {
    canary::through_every_method(store).await;
    let mut visitor = visitor(url).await;
    let whose = Msisdn::parse("+212661033333").unwrap();
    let filter = Filter {
        to: Some(whose),
        limit: 100,
        ..Filter::default()
    };
    let listed = visitor.messages(&filter).await.unwrap();
    assert!(!listed.is_empty());
    let overview = visitor.overview(at(0), at(-1)).await.unwrap();
    let mut told = format!("{overview:?} {}", serde_json::to_string(&overview).unwrap());
    for one in &listed {
        if one.to.is_some() {
            assert_eq!(one.to.as_deref(), Some("06XXXXXX33"));
        }
        let shown = visitor.message(one.id).await.unwrap().unwrap();
        told += &format!("{shown:?} {}", serde_json::to_string(&shown).unwrap());
    }
    for canary in canary::ALL {
        assert!(!told.contains(canary), "{canary} in {told}");
    }
}

pub(crate) async fn lists_are_filtered(store: &SqlStore, url: &str) {
    let to_another = NewMessage {
        to: number(2),
        link: "other".into(),
        ..message("b", MessageKind::Reply)
    };
    queue(store, &[message("a", MessageKind::Reply), to_another], 0).await;
    let id = claimed(store, "c", MessageKind::Notice, 1).await;
    word(store, id, PartOutcome::Refused("0x0b".into()), 1).await;
    let mut visitor = visitor(url).await;
    let plain = Filter {
        limit: 9,
        ..Filter::default()
    };
    let filters = [
        (plain.clone(), 3),
        (
            Filter {
                limit: 2,
                ..plain.clone()
            },
            2,
        ),
        (
            Filter {
                link: Some("other".into()),
                ..plain.clone()
            },
            1,
        ),
        (
            Filter {
                to: Some(number(1)),
                ..plain.clone()
            },
            2,
        ),
        (
            Filter {
                dead: true,
                ..plain.clone()
            },
            1,
        ),
        (
            Filter {
                states: vec![MessageState::Queued],
                ..plain.clone()
            },
            1,
        ),
        (
            Filter {
                states: vec![MessageState::Sending, MessageState::Failed],
                ..plain.clone()
            },
            2,
        ),
        (
            Filter {
                states: vec![MessageState::Sent],
                ..plain
            },
            0,
        ),
    ];
    for (filter, count) in filters {
        let listed = visitor.messages(&filter).await.unwrap();
        assert_eq!(listed.len(), count, "{filter:?}");
        assert!(listed.is_sorted_by(|one, next| one.id > next.id));
    }
    assert!(visitor.message(MessageId(1)).await.unwrap().is_none());
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

/// A service's message to one of many numbers.
fn of_service(service: &str, which: u32, kind: MessageKind) -> NewMessage {
    NewMessage {
        service: ServiceName::from(service),
        to: number(which),
        ..message(&format!("{service} {which} {}", kind.name()), kind)
    }
}

/// Queues very many messages.
async fn flood(store: &SqlStore, many: u32, one: impl Fn(u32) -> NewMessage) {
    let all: Vec<_> = (0..many).map(one).collect();
    queue(store, &all, 0).await;
}

pub(crate) async fn services_take_turns_on_a_link(store: &SqlStore, _url: &str) {
    for kind in [MessageKind::Notice, MessageKind::Reply] {
        flood(store, 300, |which| of_service("large", which, kind)).await;
    }
    let small: Vec<_> = [MessageKind::Notice, MessageKind::Reply]
        .into_iter()
        .map(|kind| of_service("small", 7, kind))
        .collect();
    queue(store, &small, 1).await;
    let epoch = store.begin_epoch(&link(), at(2)).await.unwrap();
    // Whatever the room, the other service's message is not behind all of the first one's.
    let mut gone = Vec::new();
    for room in [1, 1, 3] {
        gone.extend(claim(store, epoch, 2, room).await);
    }
    let texts: Vec<_> = gone.iter().map(|one| one.text.as_str()).collect();
    assert!(
        texts[..2].contains(&"text of small 7 reply"),
        "replies first, in turns: {texts:?}"
    );
    assert!(
        texts.iter().all(|text| text.ends_with("reply")),
        "{texts:?}"
    );
}

pub(crate) async fn a_number_with_many_messages_holds_up_few(store: &SqlStore, _url: &str) {
    flood(store, 200, |which| NewMessage {
        to: number(1),
        ..message(&format!("again {which}"), MessageKind::Reply)
    })
    .await;
    let others: Vec<_> = (10..42)
        .map(|which| of_service("tns", which, MessageKind::Reply))
        .collect();
    queue(store, &others, 1).await;
    let epoch = store.begin_epoch(&link(), at(2)).await.unwrap();
    let mut before = 0;
    let mut met = 0;
    // Sixteen lanes: of 32 others some share the lane of the one; most have gone within 64 messages.
    for _ in 0..64 {
        match claim(store, epoch, 2, 1).await[0].to == number(1) {
            true => before += 1,
            false => met += 1,
        }
    }
    assert!(met >= 24, "{met} others beside {before} to one number");
}

pub(crate) async fn a_flood_of_notices_delays_no_code(store: &SqlStore, _url: &str) {
    flood(store, 2000, |which| {
        of_service("large", which, MessageKind::Notice)
    })
    .await;
    let epoch = store.begin_epoch(&link(), at(2)).await.unwrap();
    claim(store, epoch, 2, 10).await;
    let urgent = [
        of_service("large", 1, MessageKind::Reply),
        of_service("large", 1, MessageKind::Code),
        of_service("small", 1, MessageKind::Password),
    ];
    queue(store, &urgent, 3).await;
    let next: Vec<_> = claim(store, epoch, 3, 4)
        .await
        .iter()
        .map(|one| one.kind.name())
        .collect();
    assert_eq!(next[2..], ["reply", "notice"], "{next:?}");
    assert!(
        next[..2]
            .iter()
            .all(|kind| ["code", "password"].contains(kind)),
        "{next:?}"
    );
}

pub(crate) async fn waits_are_drawn_from_the_whole_span(store: &SqlStore, _url: &str) {
    const MANY: u32 = 200;
    flood(store, MANY, |which| NewMessage {
        valid_until: at(30 * DAY),
        ..of_service("tns", which, MessageKind::Reply)
    })
    .await;
    // After seven passing errors the bound is 320 s.
    let mut now = 0;
    for _ in 0..7 {
        let epoch = store.begin_epoch(&link(), at(now)).await.unwrap();
        let claimed = claim(store, epoch, now, MANY).await;
        assert_eq!(claimed.len(), MANY as usize);
        let passing = PartOutcome::Temporary("0x58".into());
        let words = claimed
            .iter()
            .map(|one| store.part_done(one.id, None, 0, 1, &passing, at(now)));
        for word in futures_util::future::join_all(words).await {
            word.unwrap();
        }
        now += 601;
    }
    let last = now - 601;
    let mut quarters = [0; 4];
    let epoch = store.begin_epoch(&link(), at(last)).await.unwrap();
    assert!(
        claim(store, epoch, last, MANY).await.is_empty(),
        "nobody spins"
    );
    for (quarter, end) in [80, 160, 240, 320].into_iter().enumerate() {
        quarters[quarter] = claim(store, epoch, last + end, MANY).await.len();
    }
    assert_eq!(
        quarters.iter().sum::<usize>(),
        MANY as usize,
        "{quarters:?}"
    );
    assert!(
        quarters.iter().all(|count| (25..=75).contains(count)),
        "{quarters:?}"
    );
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
