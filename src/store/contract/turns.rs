//! Turns: compare-and-set, repeats, sessions, what is known of a number, erasing.

use super::*;

fn arrival(name: &str, reply: Option<&str>) -> Arrival {
    Arrival {
        link: link(),
        subscriber: number(1),
        key: key(name),
        same: None,
        at: at(0),
        reply: reply.map(|text| Reply {
            text: text.to_owned(),
            ends: false,
        }),
    }
}

fn session(id: &str) -> (SessionKey, SessionMark) {
    (
        SessionKey {
            link: link(),
            subscriber: number(1),
            id: id.to_owned(),
        },
        SessionMark {
            opened_at: at(0),
            seen_at: at(1),
            path_len: 7,
            path_mark: key("path"),
            shown_revision: 3,
            shown: true,
            ended: false,
            version: 0,
        },
    )
}

/// A note of a session as it was read.
pub(crate) async fn noted(
    store: &impl Store,
    arrival: &Arrival,
    (key, mark): (&SessionKey, &mut SessionMark),
    owns: Option<&ServiceName>,
) {
    let noted = store.note(arrival, Some((key, mark)), owns).await;
    assert_eq!(noted.unwrap(), Saved::Done);
    mark.version += 1;
}

async fn met(store: &impl Store) -> Met {
    store.meet(&service(), &number(1), None).await.unwrap()
}

pub(crate) async fn a_save_is_read_back(store: &impl Store) {
    assert!(met(store).await.conversation.is_none());
    let mut talk = talk(1, number(1));
    assert_eq!(store.save(step(&talk, "t1", 0)).await.unwrap(), Saved::Done);
    talk.revision = 2;
    talk.page = "summary".into();
    assert_eq!(store.save(step(&talk, "t2", 1)).await.unwrap(), Saved::Done);
    assert_eq!(met(store).await.conversation, Some(talk.clone()));
    assert_eq!(store.conversation(talk.id).await.unwrap(), Some(talk));
    assert!(
        store
            .meet(&"other".into(), &number(1), None)
            .await
            .unwrap()
            .conversation
            .is_none()
    );
    assert!(
        store
            .meet(&service(), &number(2), None)
            .await
            .unwrap()
            .conversation
            .is_none()
    );
    store.ready().await.unwrap();
}

pub(crate) async fn a_step_is_saved_once(store: &impl Store) {
    let mut talk = talk(1, number(1));
    for (revision, turn, saved) in [
        (2, "t0", Saved::Stale), // there is no first
        (1, "t1", Saved::Done),
        (1, "t2", Saved::Stale), // it stands at 1 already
        (3, "t2", Saved::Stale), // it stands at 1, not at 2
        (2, "t1", Saved::Stale), // that step was saved
        (2, "t2", Saved::Done),
        (0, "t3", Saved::Stale),
    ] {
        talk.revision = revision;
        assert_eq!(
            store.save(step(&talk, turn, 0)).await.unwrap(),
            saved,
            "{revision} {turn}"
        );
    }
    let other = ConversationId([2; 16]);
    for (id, turn, there) in [
        (talk.id, "t2", true),
        (talk.id, "t3", false),
        (other, "t2", false),
    ] {
        assert_eq!(
            store.has_turn(id, &key(turn)).await.unwrap(),
            there,
            "{id} {turn}"
        );
    }
}

pub(crate) async fn a_stale_save_leaves_no_trace(store: &impl Store) {
    let talk = talk(1, number(1));
    store.save(step(&talk, "t1", 0)).await.unwrap();
    let before = met(store).await;

    let (session_key, mark) = session("s1");
    let (arrival, intent) = (
        arrival("a", Some("no")),
        NewEffect {
            subject: "1 118206455".to_owned(),
            key: key("e"),
            conversation: talk.id,
            secret: "x".into(),
            at: at(1),
        },
    );
    let due = [Due {
        conversation: talk.id,
        kind: DueKind::Call,
        at: at(1),
        number: 1,
        attempts: 0,
    }];
    let save = Save {
        arrival: Some(&arrival),
        session: Some((&session_key, &mark)),
        owns: true,
        subscriber: &[SubscriberChange::Stopped(true)],
        messages: &[message("m", MessageKind::Reply)],
        intent: Some(&intent),
        due: &due,
        ..step(&talk, "t2", 1)
    };
    assert_eq!(store.save(save).await.unwrap(), Saved::Stale);

    let after = store
        .meet(&service(), &number(1), Some(&session_key))
        .await
        .unwrap();
    assert_eq!(after.conversation, before.conversation);
    assert_eq!(
        (after.session, after.owner, after.subscriber),
        (None, None, Subscriber::default())
    );
    assert_eq!(store.seen(&key("a")).await.unwrap(), Seen::Never);
    assert!(store.effect(&key("e")).await.unwrap().is_none());
    assert!(store.message_counts().await.unwrap().is_empty());
    assert_eq!(store.next_due().await.unwrap(), None);
    // The turn's name is free as well.
    let mut next = talk;
    next.revision = 2;
    assert_eq!(store.save(step(&next, "t2", 1)).await.unwrap(), Saved::Done);
}

pub(crate) async fn a_step_counts_from_the_revision_before_alone(store: &impl Store) {
    let mut talk = talk(1, number(1));
    let mut save = async |revision: u64, turn: &str| {
        talk.revision = revision;
        store.save(step(&talk, turn, 1)).await.unwrap()
    };
    assert_eq!(save(1, "t1").await, Saved::Done);
    assert_eq!(save(2, "t2").await, Saved::Done);
    for (revision, turn) in [(2, "again"), (4, "one left out"), (1, "from the start")] {
        assert_eq!(save(revision, turn).await, Saved::Stale, "{turn}");
    }
    assert_eq!(save(3, "t3").await, Saved::Done);
}

pub(crate) async fn one_of_many_concurrent_saves_wins(store: &impl Store) {
    let mut talk = talk(1, number(1));
    store.save(step(&talk, "t1", 0)).await.unwrap();
    for round in 2..12 {
        talk.revision = round;
        let turns: Vec<String> = (0..8).map(|racer| format!("t{round} by {racer}")).collect();
        let saves = turns.iter().map(|turn| store.save(step(&talk, turn, 1)));
        let won = futures_util::future::join_all(saves).await;
        assert_eq!(
            won.iter()
                .filter(|saved| matches!(saved, Ok(Saved::Done)))
                .count(),
            1,
            "{round}"
        );
        assert!(won.iter().all(Result::is_ok));
    }
}

pub(crate) async fn a_reply_is_never_replaced(store: &impl Store) {
    let mut talk = talk(1, number(1));
    let open = arrival("a", None);
    assert_eq!(store.seen(&open.key).await.unwrap(), Seen::Never);
    let first = Save {
        arrival: Some(&open),
        ..step(&talk, "t1", 0)
    };
    store.save(first).await.unwrap();
    assert_eq!(store.seen(&open.key).await.unwrap(), Seen::Open);

    // The same callback on another node began another conversation: it is too late.
    let other = super::talk(2, number(1));
    let race = Save {
        arrival: Some(&open),
        ..step(&other, "t1", 0)
    };
    assert_eq!(store.save(race).await.unwrap(), Saved::Stale);

    talk.revision = 2;
    let answered = arrival("a", Some("screen"));
    let second = Save {
        arrival: Some(&answered),
        ..step(&talk, "t2", 0)
    };
    assert_eq!(store.save(second).await.unwrap(), Saved::Done);
    let seen = Seen::Answered(Reply {
        text: "screen".into(),
        ends: false,
    });
    assert_eq!(store.seen(&open.key).await.unwrap(), seen);

    talk.revision = 3;
    let changed = arrival("a", Some("another"));
    let third = Save {
        arrival: Some(&changed),
        ..step(&talk, "t3", 0)
    };
    assert_eq!(store.save(third).await.unwrap(), Saved::Stale);
    store.note(&changed, None, None).await.unwrap();
    assert_eq!(store.seen(&open.key).await.unwrap(), seen);

    store.tidy(at(71 * HOUR)).await.unwrap();
    assert_eq!(store.seen(&open.key).await.unwrap(), seen);
    store.tidy(at(73 * HOUR)).await.unwrap();
    assert_eq!(store.seen(&open.key).await.unwrap(), Seen::Never);
}

pub(crate) async fn a_new_conversation_is_the_current_one(store: &impl Store) {
    let (first, second) = (talk(1, number(1)), talk(2, number(1)));
    store.save(step(&first, "t", 0)).await.unwrap();
    // Of two that begin on what they met, one begins.
    let begins = |after| Save {
        after,
        ..step(&second, "t", 1)
    };
    for other in [None, Some(second.id)] {
        let stale = store.save(begins(other)).await;
        assert_eq!(stale.unwrap(), Saved::Stale, "{other:?}");
    }
    assert_eq!(met(store).await.current, Some(first.id));
    let saved = store.save(begins(Some(first.id))).await;
    assert_eq!(saved.unwrap(), Saved::Done);
    assert_eq!(met(store).await.conversation, Some(second));
    assert_eq!(store.conversation(first.id).await.unwrap(), Some(first));
}

/// A step that was decided on what was recalled from elsewhere counts only where every bit of it is so.
pub(crate) async fn a_recalled_step_counts_only_where_all_of_it_is_so(store: &impl Store) {
    let (mine, mark) = session("s1");
    let (other, _) = session("s2");
    let fresh = |id| {
        let mut next = talk(id, number(1));
        next.revision = 2;
        next
    };
    // Each case in a conversation of its own, which takes the number over.
    let mut before = None;
    let mut version = 0;
    for (id, case) in [
        (1, "all is so"),
        (2, "saved at another time"),
        (3, "another is current"),
        (4, "another session owns the USSD side"),
        (5, "the callback was answered"),
        (6, "the callback is open"),
        (7, "moved on"),
        (8, "the session was written"),
        (9, "no session"),
    ] {
        let first = talk(id, number(1));
        let at_version = |version| SessionMark {
            version,
            ..mark.clone()
        };
        let begins = Save {
            after: before,
            session: Some((&mine, &at_version(version))),
            owns: true,
            ..step(&first, "begins", 10)
        };
        assert_eq!(store.save(begins).await.unwrap(), Saved::Done, "{case}");
        version += 1;
        before = Some(first.id);
        let name = format!("press {id}");
        let answered = arrival(&name, Some("screen"));
        let open = arrival(&name, None);
        let mut session = Some((&mine, at_version(version)));
        let mut saved_at = at(10);
        let next = fresh(id);
        match case {
            "saved at another time" => saved_at = at(9),
            "another is current" => {
                let newer = talk(id + 100, number(1));
                let begins = Save {
                    after: before,
                    ..step(&newer, "begins", 11)
                };
                assert_eq!(store.save(begins).await.unwrap(), Saved::Done);
                before = Some(newer.id);
            }
            "another session owns the USSD side" => {
                let dial = arrival("dial", Some("x"));
                let of = service();
                let note = store.note(&dial, Some((&other, &mark)), Some(&of));
                assert_eq!(note.await.unwrap(), Saved::Done);
            }
            "the callback was answered" => {
                store.note(&answered, None, None).await.unwrap();
            }
            "the callback is open" => {
                let opens = Save {
                    arrival: Some(&open),
                    ..step(&next, "opens", 10)
                };
                assert_eq!(store.save(opens).await.unwrap(), Saved::Done);
            }
            "moved on" => {
                assert_eq!(
                    store.save(step(&next, "moves", 10)).await.unwrap(),
                    Saved::Done
                );
            }
            "the session was written" => {
                let (came, written) = (arrival("note", Some("x")), at_version(version));
                let note = store.note(&came, Some((&mine, &written)), None);
                assert_eq!(note.await.unwrap(), Saved::Done);
                version += 1;
            }
            "no session" => session = None,
            _ => {}
        }
        let mut next = next;
        if case == "the callback is open" {
            // As if it had been remembered after the step that opened it.
            next.revision = 3;
        }
        let recalled = Save {
            recalled: Some(saved_at),
            arrival: Some(&answered),
            session: session.as_ref().map(|(key, mark)| (*key, mark)),
            messages: &[message(&name, MessageKind::Notice)],
            ..step(&next, "press", 12)
        };
        let saved = store.save(recalled).await.unwrap();
        let good = case == "all is so";
        let expected = if good { Saved::Done } else { Saved::Stale };
        assert_eq!(saved, expected, "{case}");
        if good {
            version += 1;
        }
    }
    // One message was queued, of the one step that counted.
    assert_eq!(
        super::standing(store, crate::store::MessageState::Queued).await,
        1
    );
}

/// An answer may come after the worker has begun anew.
pub(crate) async fn an_older_conversation_does_not_take_the_number_back(store: &impl Store) {
    let (mut first, second) = (talk(1, number(1)), talk(2, number(1)));
    store.save(step(&first, "t", 0)).await.unwrap();
    let begins = Save {
        after: Some(first.id),
        ..step(&second, "t", 1)
    };
    assert_eq!(store.save(begins).await.unwrap(), Saved::Done);
    first.revision = 2;
    assert_eq!(
        store.save(step(&first, "late", 2)).await.unwrap(),
        Saved::Done
    );
    assert_eq!(met(store).await.conversation, Some(second));
}

pub(crate) async fn a_screen_is_shown_until_a_newer_callback(store: &impl Store) {
    let (key, mut mark) = session("s1");
    mark.shown = false;
    let found = async || {
        let met = store.meet(&service(), &number(1), Some(&key)).await;
        met.unwrap().session
    };
    // Of a session that nobody knows nothing is kept.
    store.shown(&key, at(1)).await.unwrap();
    assert_eq!(found().await, None);
    let name = |at: Moment| format!("arrival {}", at.ms());
    for (came, told, shown) in [
        (1, None, false),
        (2, Some(2), true),
        // One that comes again has its screen later.
        (3, Some(4), true),
        // What was shown was the screen before it.
        (5, Some(4), false),
        (6, Some(6), true),
        (7, None, false),
    ] {
        (mark.seen_at, mark.shown) = (at(came), false);
        let arrival = Arrival {
            at: at(came),
            key: store.mark("arrival", &[name(at(came)).as_bytes()]),
            ..arrival("a", None)
        };
        noted(store, &arrival, (&key, &mut mark), None).await;
        if let Some(told) = told {
            let (other, _) = session("s2");
            store.shown(&other, at(told)).await.unwrap();
            assert_eq!(found().await, Some(mark.clone()), "another's, at {came}");
            store.shown(&key, at(told)).await.unwrap();
        }
        mark.shown = shown;
        assert_eq!(found().await, Some(mark.clone()), "at {came}");
    }
}

pub(crate) async fn sessions_and_owners_are_remembered(store: &impl Store) {
    let talk = talk(1, number(1));
    let (one, mut mark) = session("s1");
    let save = Save {
        session: Some((&one, &mark)),
        owns: true,
        ..step(&talk, "t1", 0)
    };
    store.save(save).await.unwrap();
    mark.version = 1;
    let found = store
        .meet(&service(), &number(1), Some(&one))
        .await
        .unwrap();
    assert_eq!(
        (found.session, found.owner),
        (Some(mark.clone()), Some((link(), "s1".to_owned())))
    );

    // A note moves the session; it takes the USSD side only when it says so.
    let (two, mut other) = session("s2");
    (mark.ended, mark.seen_at) = (true, at(60));
    let late = arrival("a", Some("late"));
    noted(store, &late, (&one, &mut mark), None).await;
    let busy = Arrival {
        at: at(60),
        ..arrival("b", Some("busy"))
    };
    noted(store, &busy, (&two, &mut other), Some(&service())).await;
    let found = store
        .meet(&service(), &number(1), Some(&one))
        .await
        .unwrap();
    assert_eq!(
        (found.session, found.owner),
        (Some(mark), Some((link(), "s2".to_owned())))
    );
    assert!(matches!(
        store.seen(&key("b")).await.unwrap(),
        Seen::Answered(_)
    ));

    let (foreign, _) = session("s3");
    assert_eq!(
        store
            .meet(&service(), &number(1), Some(&foreign))
            .await
            .unwrap()
            .session,
        None
    );

    // Three days after they were seen last, both go.
    for (seconds, there) in [(72 * HOUR + 59, true), (72 * HOUR + 60, false)] {
        store.tidy(at(seconds)).await.unwrap();
        let found = store
            .meet(&service(), &number(1), Some(&one))
            .await
            .unwrap();
        assert_eq!(
            (found.session.is_some(), found.owner.is_some()),
            (there, there),
            "{seconds}"
        );
    }
}

pub(crate) async fn what_is_known_of_a_number_changes(store: &impl Store) {
    let day = jiff::civil::date(2026, 2, 3);
    let mut talk = talk(1, number(1));
    let mut known = Subscriber::default();
    for (revision, change) in [
        SubscriberChange::Language("ary-Latn".into()),
        SubscriberChange::Consent(Some(4)),
        SubscriberChange::Stopped(true),
        SubscriberChange::Hinted(day),
        SubscriberChange::Consent(None),
        SubscriberChange::Stopped(false),
    ]
    .into_iter()
    .enumerate()
    {
        talk.revision = revision as u64 + 1;
        let turn = format!("t{revision}");
        store
            .save(Save {
                subscriber: std::slice::from_ref(&change),
                ..step(&talk, &turn, 0)
            })
            .await
            .unwrap();
        match change {
            SubscriberChange::Language(language) => known.language = Some(language),
            SubscriberChange::Consent(version) => known.consent = version,
            SubscriberChange::Stopped(stopped) => known.stopped = stopped,
            SubscriberChange::Hinted(day) => known.hinted_on = Some(day),
        }
        assert_eq!(met(store).await.subscriber, known, "{turn}");
    }
    assert_eq!(
        store
            .meet(&service(), &number(2), None)
            .await
            .unwrap()
            .subscriber,
        Subscriber::default()
    );
}

pub(crate) async fn erasing_leaves_metadata(store: &impl Store) {
    let talk = talk(1, number(1));
    let due = [
        Due {
            conversation: talk.id,
            kind: DueKind::Erase,
            at: at(1),
            number: 1,
            attempts: 0,
        },
        Due {
            conversation: talk.id,
            kind: DueKind::Revoke,
            at: at(2),
            number: 1,
            attempts: 0,
        },
    ];
    let intent = NewEffect {
        subject: "1 118206455".to_owned(),
        key: key("e"),
        conversation: talk.id,
        secret: "x".into(),
        at: at(0),
    };
    let save = Save {
        due: &due,
        intent: Some(&intent),
        messages: &[message("m", MessageKind::Notice)],
        subscriber: &[SubscriberChange::Language("fr".into())],
        ..step(&talk, "t1", 0)
    };
    store.save(save).await.unwrap();
    let mut next = talk.clone();
    next.revision = 2;
    let sent = Save {
        messages: &[message("sent", MessageKind::Code)],
        ..step(&next, "t2", 0)
    };
    store.save(sent).await.unwrap();
    let epoch = store.begin_epoch(&link(), at(0)).await.unwrap();
    let id = store
        .claim_messages(&link(), epoch, at(0), 1)
        .await
        .unwrap()[0]
        .id;
    store
        .part_done(id, None, 0, 1, &PartOutcome::Accepted("a".into()), at(0))
        .await
        .unwrap();
    let wait = store.resend_message(&key("sent"), at(0)).await.unwrap();
    assert_eq!(wait, Some(Duration::from_secs(60)));
    store.erase(talk.id).await.unwrap();
    assert_eq!(
        store.resend_message(&key("sent"), at(0)).await.unwrap(),
        None,
        "the body is gone"
    );
    let met = met(store).await;
    assert!(met.conversation.is_none());
    assert_eq!(met.subscriber.language, Some("fr".into()));
    assert!(store.conversation(talk.id).await.unwrap().is_none());
    assert_eq!(standing(store, MessageState::Cancelled).await, 1);
    assert!(
        store.effect(&key("e")).await.unwrap().is_some(),
        "nothing is minted twice"
    );
    let left = store
        .claim_due(at(9), Duration::from_secs(9), 9)
        .await
        .unwrap();
    assert_eq!(
        left.iter().map(|due| due.kind).collect::<Vec<_>>(),
        [DueKind::Revoke]
    );

    // One that nobody erased goes by itself, a day after its last step.
    let other = super::talk(2, number(1));
    store.save(step(&other, "t1", 0)).await.unwrap();
    store.tidy(at(23 * HOUR)).await.unwrap();
    assert!(store.conversation(other.id).await.unwrap().is_some());
    store.tidy(at(26 * HOUR)).await.unwrap();
    assert!(store.conversation(other.id).await.unwrap().is_none());
}

/// Steps that share a commit: a stale one among them leaves no trace, and those of one number follow
/// each other.
pub(crate) async fn steps_of_a_batch_stand_alone(store: &impl Store) {
    let there = talk(1, number(1));
    store.save(step(&there, "t", 0)).await.unwrap();
    let (mut second, mut stale, mut skips) = (there.clone(), there.clone(), talk(5, number(5)));
    (second.revision, stale.revision, skips.revision) = (2, 3, 2);
    let (fresh, other) = (talk(2, number(2)), talk(3, number(2)));
    let queued = |name: &str| [message(name, MessageKind::Reply)];
    let messages = ["second", "stale", "fresh", "other", "skips"].map(queued);
    let with = |at: usize, conversation, turn| Save {
        messages: &messages[at],
        ..step(conversation, turn, 1)
    };
    let after_fresh = Save {
        after: Some(fresh.id),
        ..with(3, &other, "t")
    };
    // One task, so that all of them are in the queue before the writer has its turn.
    let saved = tokio::join!(
        store.save(with(0, &second, "t2")),
        store.save(with(1, &stale, "t")),
        store.save(with(2, &fresh, "t")),
        store.save(after_fresh),
        store.save(with(4, &skips, "t")),
        store.save(with(0, &second, "t2")),
    );
    let saved = [saved.0, saved.1, saved.2, saved.3, saved.4, saved.5].map(Result::unwrap);
    let (done, not) = (Saved::Done, Saved::Stale);
    assert_eq!(saved, [done, not, done, done, not, not]);
    assert_eq!(standing(store, MessageState::Queued).await, 3);
    for (talk, there) in [
        (&second, true),
        (&fresh, true),
        (&other, true),
        (&skips, false),
    ] {
        let found = store.conversation(talk.id).await.unwrap();
        assert_eq!(found.as_ref() == Some(talk), there, "{:?}", talk.id);
    }
    let met = store.meet(&service(), &number(2), None).await.unwrap();
    assert_eq!(
        met.conversation,
        Some(other),
        "the last one is the current one"
    );
    assert!(!store.has_turn(skips.id, &key("t")).await.unwrap());
}

/// Two nodes that have read the same do not both write it: neither a step nor a note.
pub(crate) async fn a_session_is_written_as_it_was_read(store: &impl Store) {
    let mut talk = talk(1, number(1));
    let (key, mut mark) = session("s1");
    let save = Save {
        session: Some((&key, &mark)),
        ..step(&talk, "t1", 0)
    };
    assert_eq!(store.save(save).await.unwrap(), Saved::Done);

    let stale = SessionMark {
        path_len: 1,
        ..mark.clone()
    };
    let late = arrival("late", Some("late"));
    let noted_late = store.note(&late, Some((&key, &stale)), None).await;
    assert_eq!(noted_late.unwrap(), Saved::Stale);
    assert_eq!(
        store.seen(&late.key).await.unwrap(),
        Seen::Never,
        "nothing of it stays"
    );
    talk.revision = 2;
    let answered = arrival("t2", Some("two"));
    let stepped = async |mark: &SessionMark| {
        let save = Save {
            session: Some((&key, mark)),
            arrival: Some(&answered),
            ..step(&talk, "t2", 1)
        };
        store.save(save).await
    };
    assert_eq!(stepped(&stale).await.unwrap(), Saved::Stale);
    assert_eq!(store.seen(&answered.key).await.unwrap(), Seen::Never);
    mark.version = 1;
    assert_eq!(stepped(&mark).await.unwrap(), Saved::Done);
}

/// Where nothing tells a repeat, one that came before the first was answered has its answer.
pub(crate) async fn what_is_the_same_is_found_by_when_it_was_answered(store: &impl Store) {
    let mut talk = talk(1, number(1));
    let same = key("same");
    let alike = |name: &str, reply: Option<&str>| Arrival {
        same: Some(same),
        ..arrival(name, reply)
    };
    assert_eq!(store.same(&same, 0).await.unwrap(), None);
    let asks = Save {
        arrival: Some(&alike("a", None)),
        asks: true,
        ..step(&talk, "t1", 0)
    };
    assert_eq!(store.save(asks).await.unwrap(), Saved::Done);
    assert_eq!(
        store.same(&same, 0).await.unwrap(),
        None,
        "it is unanswered"
    );
    talk.revision = 2;
    let ends = Save {
        arrival: Some(&alike("a", Some("one"))),
        ..step(&talk, "t2", 0)
    };
    assert_eq!(store.save(ends).await.unwrap(), Saved::Done);
    talk.revision = 3;
    let again = Save {
        arrival: Some(&alike("b", Some("two"))),
        ..step(&talk, "t3", 0)
    };
    assert_eq!(store.save(again).await.unwrap(), Saved::Done);
    for (above, answer) in [
        (0, Some("one")),
        (1, Some("one")),
        (2, Some("two")),
        (3, None),
    ] {
        let found = store.same(&same, above).await.unwrap();
        assert_eq!(found.map(|reply| reply.text).as_deref(), answer, "{above}");
    }
    assert_eq!(store.same(&key("other"), 0).await.unwrap(), None);
}
