//! Canary values through every method that takes something personal.

use super::*;

/// What must not be found in anything that the ledger writes.
pub(crate) const ALL: [&str; 13] = [
    "61033333", // every form of the subscriber's number
    "BE740215",
    "1984-03-05",
    "canary-reply",
    "canary-session",
    "canary-sms",
    "canary-part",
    "canary-message",
    "canary-secret",
    "canary-subject",
    "canary-notice",
    "739154", // the code
    "canary-typed",
];

fn whose() -> Msisdn {
    Msisdn::parse("+212661033333").unwrap()
}

/// Leaves a trace with every method.
pub(crate) async fn through_every_method(store: &impl Store) {
    let mut talk = talk(1, whose());
    let session_key = SessionKey {
        link: link(),
        subscriber: whose(),
        id: "canary-session".to_owned(),
    };
    let mark = store.mark("path", &[b"canary-typed", b"BE740215"]);
    let mut session = SessionMark {
        opened_at: at(0),
        seen_at: at(0),
        path_len: 12,
        path_mark: mark,
        shown_revision: 1,
        shown: true,
        ended: false,
        version: 0,
    };
    let arrival = |name: &str| Arrival {
        link: link(),
        subscriber: whose(),
        key: store.mark("arrival", &[whose().as_str().as_bytes(), name.as_bytes()]),
        same: None,
        at: at(0),
        reply: Some(Reply {
            text: "canary-reply".to_owned(),
            ends: false,
        }),
    };
    let text = |name: &str, text: &str, kind| NewMessage {
        to: whose(),
        text: text.to_owned(),
        ..message(name, kind)
    };
    let intent = NewEffect {
        key: key("effect"),
        conversation: talk.id,
        subject: "canary-subject".to_owned(),
        secret: "canary-secret".to_owned(),
        at: at(0),
    };
    let save = Save {
        arrival: Some(&arrival("saved")),
        session: Some((&session_key, &session)),
        owns: true,
        subscriber: &[
            SubscriberChange::Language("fr".into()),
            SubscriberChange::Consent(Some(1)),
        ],
        messages: &[
            text("m", "canary-message", MessageKind::Reply),
            text("n", "canary-notice", MessageKind::Notice),
        ],
        intent: Some(&intent),
        ..step(&talk, "t1", 0)
    };
    assert_eq!(store.save(save).await.unwrap(), Saved::Done);
    session.version = 1;
    let noted = (&session_key, &mut session);
    turns::noted(store, &arrival("noted"), noted, Some(&service())).await;

    store.dialled(&session_key, at(0)).await.unwrap();
    let dialler = store.dialler(&link(), "canary-session").await.unwrap();
    assert_eq!(dialler, Some((whose(), session.clone())));

    let fingerprint = store.mark("pdu", &[b"canary-sms"]);
    let sms = NewSms {
        subscriber: whose(),
        fingerprint,
        ..sms::sms(1, "canary-sms", 0)
    };
    store
        .accept_sms(NewSms {
            message_id: Some("1".to_owned()),
            ..sms.clone()
        })
        .await
        .unwrap();
    let part = NewSms {
        text: "canary-part".to_owned(),
        part: Some((1, 2, 1)),
        message_id: Some("2".to_owned()),
        ..sms
    };
    assert_eq!(store.accept_sms(part).await.unwrap(), Accepted::Part);

    let wanted = CodeWanted {
        conversation: talk.id,
        to: whose(),
        asked_by_owner: true,
        key: key("code"),
        fresh: "739154".to_owned(),
        message: text("c", "Code {code}", MessageKind::Code),
        at: at(1),
    };
    store.send_code(wanted).await.unwrap();
    store
        .try_code(talk.id, &whose(), "canary-typed", &key("k"), at(2))
        .await
        .unwrap();
    let identity = store.mark("identity", &[b"BE740215"]);
    store
        .match_failed(&whose(), &identity, &key("f"), at(2))
        .await
        .unwrap();

    let epoch = store.begin_epoch(&link(), at(2)).await.unwrap();
    for message in store
        .claim_messages(&link(), epoch, at(3), 9)
        .await
        .unwrap()
    {
        store
            .part_done(
                message.id,
                None,
                0,
                1,
                &PartOutcome::Temporary("0x14".to_owned()),
                at(3),
            )
            .await
            .unwrap();
    }
    talk.revision = 2;
    store.save(step(&talk, "t2", 4)).await.unwrap();
    // All of it can be read, so that what is looked for was really there.
    let met = store
        .meet(&service(), &whose(), Some(&session_key))
        .await
        .unwrap();
    assert_eq!(met.conversation, Some(talk));
    assert_eq!(met.owner, Some((link(), "canary-session".to_owned())));
    assert_eq!(
        store.waiting_sms(SmsId(0), 9).await.unwrap()[0].text,
        "canary-sms"
    );
    assert_eq!(
        store
            .effect(&key("effect"))
            .await
            .unwrap()
            .unwrap()
            .secret
            .as_deref(),
        Some("canary-secret")
    );
    let texts: Vec<_> = store
        .claim_messages(&link(), epoch, at(HOUR), 9)
        .await
        .unwrap();
    assert!(texts.iter().any(|one| one.text == "canary-message"));
}
