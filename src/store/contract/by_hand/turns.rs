//! Whose turn it is on a link, and how long who failed waits.

use super::*;

/// A service's message to one of many numbers.
pub(super) fn of_service(service: &str, which: u32, kind: MessageKind) -> NewMessage {
    NewMessage {
        service: ServiceName::from(service),
        to: number(which),
        ..message(&format!("{service} {which} {}", kind.name()), kind)
    }
}

/// Queues very many messages.
pub(super) async fn flood(store: &SqlStore, many: u32, one: impl Fn(u32) -> NewMessage) {
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
