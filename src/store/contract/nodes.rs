//! Several nodes on one ledger: who lives, and whose a text, a due time, a message and a turn are.

use super::outbox::{accepted, claim, epoch, word};
use super::*;

/// How far a node has counted, as another sees it.
async fn pulse(seen_by: &impl Store, of: &impl Store) -> Option<Pulse> {
    let beaten = seen_by.beat(at(0)).await.unwrap();
    beaten.others.into_iter().find(|one| one.node == of.node())
}

/// The second buries the first as it stands.
async fn buried(one: &impl Store, two: &impl Store, seconds: i64) {
    let seen = pulse(two, one).await.unwrap();
    assert!(two.bury(seen, at(seconds)).await.unwrap());
}

async fn texts(store: &impl Store) -> Vec<String> {
    let waiting = store.waiting_sms(SmsId(0), 9).await.unwrap();
    waiting.into_iter().map(|sms| sms.text).collect()
}

async fn take(store: &impl Store, from: u32, text: &str) {
    take_at(store, from, text, 0).await;
}

async fn take_at(store: &impl Store, from: u32, text: &str, seconds: i64) {
    let accepted = store.accept_sms(sms::sms(from, text, seconds)).await;
    let accepted = accepted.unwrap();
    assert!(matches!(accepted, Accepted::Stored(_)), "{accepted:?}");
}

fn call(id: u8) -> Due {
    Due {
        conversation: ConversationId([id; 16]),
        kind: DueKind::Call,
        at: at(0),
        number: 1,
        attempts: 0,
    }
}

pub(crate) async fn a_node_that_counts_no_further_is_buried(one: &impl Store, two: &impl Store) {
    assert_ne!(one.node(), two.node());
    let seen = pulse(two, one).await.unwrap();
    one.beat(at(1)).await.unwrap();
    assert!(!two.bury(seen, at(2)).await.unwrap(), "it has counted");
    assert!(
        !one.bury(seen, at(2)).await.unwrap(),
        "nobody buries itself"
    );
    buried(one, two, 3).await;
    assert_eq!(pulse(two, one).await, None);

    // Nothing that it writes counts, and it is told why.
    for refused in [
        one.beat(at(4)).await.err(),
        one.accept_sms(sms::sms(1, "late", 4)).await.err(),
        one.save(step(&talk(1, number(1)), "t1", 4)).await.err(),
    ] {
        assert!(matches!(refused, Some(StoreError::Buried)), "{refused:?}");
    }
    assert_eq!(texts(two).await, [""; 0]);
    assert!(two.beat(at(5)).await.is_ok());
}

pub(crate) async fn what_a_buried_node_had_goes_to_another(one: &impl Store, two: &impl Store) {
    let conversation = talk(1, number(1));
    let save = Save {
        due: &[call(1)],
        messages: &[
            message("m", MessageKind::Reply),
            message("n", MessageKind::Notice),
        ],
        ..step(&conversation, "t1", 0)
    };
    one.save(save).await.unwrap();
    take(one, 1, "text").await;
    let lease = Duration::from_secs(600);
    assert_eq!(one.claim_due(at(0), lease, 9).await.unwrap().len(), 1);
    let sends = epoch(one, 0).await;
    let sent = claim(one, sends, 0).await;
    word(one, sent[1].id, (0, 1), accepted("a"), 0).await;

    assert_eq!(texts(two).await, [""; 0]);
    assert!(two.claim_due(at(0), lease, 9).await.unwrap().is_empty());
    buried(one, two, 10).await;
    assert_eq!(texts(two).await, ["text"]);
    let claimed = two.claim_due(at(10), lease, 9).await.unwrap();
    assert_eq!(
        claimed,
        [Due {
            attempts: 1,
            ..call(1)
        }]
    );
    // Its bytes may be on the wire: that is waited for, and the same go again.
    assert_eq!(standing(two, MessageState::Unknown).await, 1);
    assert_eq!(standing(two, MessageState::Sent).await, 1);
    let sends = epoch(two, 10).await;
    two.tidy(at(69)).await.unwrap();
    assert!(claim(two, sends, 69).await.is_empty());
    two.tidy(at(70)).await.unwrap();
    let again = claim(two, sends, 70).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].id, &again[0].text), (sent[0].id, &sent[0].text));
}

pub(crate) async fn a_node_that_leaves_is_over_at_once(one: &impl Store, two: &impl Store) {
    take(one, 1, "text").await;
    assert_eq!(one.lease("tidy").await.unwrap(), Some(1));
    assert_eq!(two.lease("tidy").await.unwrap(), None);
    one.leave(at(1)).await.unwrap();
    assert_eq!(pulse(two, one).await, None);
    assert_eq!(texts(two).await, ["text"]);
    assert_eq!(two.lease("tidy").await.unwrap(), Some(2));
}

pub(crate) async fn what_one_does_for_all_has_one_holder(one: &impl Store, two: &impl Store) {
    assert_eq!(one.lease("tidy").await.unwrap(), Some(1));
    assert_eq!(two.lease("other").await.unwrap(), Some(1));
    for _ in 0..2 {
        assert_eq!(two.lease("tidy").await.unwrap(), None);
        assert_eq!(one.lease("tidy").await.unwrap(), Some(1), "it keeps it");
    }
    two.release("tidy").await.unwrap();
    assert_eq!(two.lease("tidy").await.unwrap(), None, "it was not its own");
    one.release("tidy").await.unwrap();
    assert_eq!(two.lease("tidy").await.unwrap(), Some(2));
    assert_eq!(one.lease("tidy").await.unwrap(), None);
    let seen = pulse(one, two).await.unwrap();
    assert!(one.bury(seen, at(9)).await.unwrap());
    assert_eq!(one.lease("tidy").await.unwrap(), Some(3));
}

/// Texts of one number have their turns in order, whichever node took them in.
pub(crate) async fn texts_of_a_number_stay_on_one_node(one: &impl Store, two: &impl Store) {
    take_at(one, 1, "first", 0).await;
    take_at(two, 1, "second", 1).await;
    take_at(two, 2, "other", 2).await;
    assert_eq!(texts(one).await, ["first", "second"]);
    assert_eq!(texts(two).await, ["other"]);
    for sms in one.waiting_sms(SmsId(0), 9).await.unwrap() {
        one.drop_sms(sms.id).await.unwrap();
    }
    take_at(two, 1, "third", 3).await;
    assert_eq!(texts(two).await, ["other", "third"]);
    take_at(one, 1, "fourth", 4).await;
    buried(one, two, 5).await;
    assert_eq!(texts(two).await, ["other", "third", "fourth"]);
}

pub(crate) async fn a_claim_holds_while_its_node_lives(one: &impl Store, two: &impl Store) {
    let mut talk = talk(1, number(1));
    let save = Save {
        due: &[call(1)],
        ..step(&talk, "t1", 0)
    };
    one.save(save).await.unwrap();
    let lease = Duration::from_secs(15);
    assert_eq!(one.claim_due(at(0), lease, 9).await.unwrap().len(), 1);
    // Longer than the claim: it may still be at it, and comes back to it itself.
    assert!(two.claim_due(at(60), lease, 9).await.unwrap().is_empty());
    assert_eq!(one.claim_due(at(60), lease, 9).await.unwrap().len(), 1);
    // Set anew, it is anybody's.
    talk.revision = 2;
    let save = Save {
        due: &[call(1)],
        ..step(&talk, "t2", 0)
    };
    one.save(save).await.unwrap();
    assert_eq!(two.claim_due(at(60), lease, 9).await.unwrap().len(), 1);
}

pub(crate) async fn two_nodes_send_on_one_link(one: &impl Store, two: &impl Store) {
    queue(one, &[message("m", MessageKind::Reply)], 0).await;
    let (first, second) = (epoch(one, 0).await, epoch(two, 0).await);
    assert!(second > first);
    let claimed = claim(one, first, 0).await;
    assert_eq!(
        claimed.len(),
        1,
        "another node's epoch ends none of this one's"
    );
    assert!(claim(two, second, 0).await.is_empty());
    // Nor does its next one.
    let later = epoch(two, 1).await;
    assert_eq!(standing(two, MessageState::Sending).await, 1);
    queue(two, &[message("n", MessageKind::Reply)], 0).await;
    assert!(claim(two, second, 1).await.is_empty(), "its own is over");
    assert_eq!(claim(two, later, 1).await.len(), 1);
    word(one, claimed[0].id, (0, 1), accepted("a"), 1).await;
    assert_eq!(standing(one, MessageState::Sent).await, 1);
}

pub(crate) async fn a_bind_of_a_living_node_has_not_closed(one: &impl Store, two: &impl Store) {
    take(one, 1, "1").await;
    take(two, 1, "1").await;
    one.beat(at(30)).await.unwrap();
    buried(one, two, 31).await;
    let again = NewSms {
        bind: 7,
        ..sms::sms(1, "1", 40)
    };
    for expected in [true, false] {
        let accepted = two.accept_sms(again.clone()).await.unwrap();
        assert_eq!(accepted == Accepted::Repeat, expected);
    }
}

pub(crate) async fn a_turn_that_asks_is_known_elsewhere(one: &impl Store, two: &impl Store) {
    let mut talk = talk(1, number(1));
    let asks = Save {
        asks: true,
        ..step(&talk, "t1", 0)
    };
    one.save(asks).await.unwrap();
    assert!(!meets(one).await && meets(two).await);
    talk.revision = 2;
    one.save(step(&talk, "t2", 0)).await.unwrap();
    assert!(!meets(one).await && !meets(two).await);
    talk.revision = 3;
    let asks = Save {
        asks: true,
        ..step(&talk, "t3", 0)
    };
    one.save(asks).await.unwrap();
    buried(one, two, 9).await;
    assert!(!meets(two).await, "who asked is over");
}

/// Whether a turn of number 1 waits on another node.
async fn meets(store: &impl Store) -> bool {
    let met = store.meet(&service(), &number(1), None).await.unwrap();
    met.elsewhere
}

pub(crate) async fn of_two_steps_on_two_nodes_one_counts(one: &impl Store, two: &impl Store) {
    let mut talk = talk(1, number(1));
    one.save(step(&talk, "t1", 0)).await.unwrap();
    for round in 0..20 {
        talk.revision += 1;
        let (first, second) = (format!("a {round}"), format!("b {round}"));
        let (a, b) = tokio::join!(
            one.save(step(&talk, &first, 0)),
            two.save(step(&talk, &second, 0))
        );
        let done = [a.unwrap(), b.unwrap()];
        assert_eq!(
            done.iter().filter(|saved| **saved == Saved::Done).count(),
            1
        );
    }
    assert_eq!(two.conversation(talk.id).await.unwrap(), Some(talk));
}
