//! What an administrator is shown.

use super::*;

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
