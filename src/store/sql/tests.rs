//! The contract on SQLite, and what only a file can show: crashes, keys, bytes on the disk.

#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::store::contract::{self, Counted};
use crate::store::{MessageKind, ReceiptIds, ReceiptState};

async fn open_at(path: &std::path::Path, keys: Keys) -> Result<SqlStore, StoreError> {
    SqlStore::open(
        &format!("sqlite:{}", path.display()),
        keys,
        Arc::new(Counted::default()),
    )
    .await
}

/// A ledger in a file of its own, with readers beside the writer.
pub(super) async fn in_a_file() -> (SqlStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(&folder.path().join("jisr.db"), Keys::for_testing())
        .await
        .unwrap();
    (store, folder)
}

contract::contract_tests!(async { Some(in_a_file().await) });

mod by_hand {
    use super::*;

    contract::by_hand::by_hand_tests!(async {
        let (store, folder) = in_a_file().await;
        let url = format!("sqlite:{}", folder.path().join("jisr.db").display());
        Some((store, url, folder))
    });
}

impl SqlStore {
    /// Puts the count of claims back, as a backup does.
    pub(crate) async fn forget_claims(&self) {
        let forgotten = self.write(|c, _| {
            Box::pin(async move {
                let put_back = sql("UPDATE meta SET number = 0 WHERE name = 'claims'");
                put_back.execute(c).await?;
                Ok(Verdict::Keep(()))
            })
        });
        forgotten.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let (store, folder) = in_a_file().await;
    let path = folder.path().join("jisr.db");
    let talk = contract::talk(1, contract::number(1));
    store.save(contract::step(&talk, "t1", 0)).await.unwrap();
    let sms = contract::sms::sms(1, "waits", 0);
    store.accept_sms(sms.clone()).await.unwrap();
    let signed = async |store: &SqlStore| {
        let (until, now) = (contract::at(600), contract::at(0));
        store.nonce(&contract::link(), b"n-1", until, now).await
    };
    assert!(signed(&store).await.unwrap());
    let epoch = store
        .begin_epoch(&contract::link(), contract::at(0))
        .await
        .unwrap();

    // A copy of the files while they are open is what a kill -9 leaves.
    let copy = folder.path().join("copy.db");
    for end in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{end}", path.display());
        std::fs::copy(name(&path), name(&copy)).unwrap();
    }
    let again = open_at(&copy, Keys::for_testing()).await.unwrap();
    assert_eq!(
        again.conversation(talk.id).await.unwrap(),
        Some(talk.clone())
    );
    assert_eq!(
        again.save(contract::step(&talk, "t1", 0)).await.unwrap(),
        super::super::Saved::Stale
    );
    assert!(!signed(&again).await.unwrap(), "it passes once");
    assert_eq!(
        again.waiting_sms(SmsId(0), 9).await.unwrap()[0].text,
        "waits"
    );
    assert_eq!(
        again
            .begin_epoch(&contract::link(), contract::at(1))
            .await
            .unwrap(),
        epoch + 1
    );
    // The binds of the process that died have closed with it.
    assert_eq!(again.accept_sms(sms).await.unwrap(), Accepted::Repeat);
    drop(store);
}

/// What a process that died had answered well before is no repeat when it comes again.
#[tokio::test]
async fn a_text_well_before_a_crash_is_not_kept_from_coming_again() {
    for (alive_at, expected) in [(60, true), (61, false)] {
        let (store, folder) = in_a_file().await;
        let path = folder.path().join("jisr.db");
        let sms = contract::sms::sms(1, "1", 0);
        store.accept_sms(sms.clone()).await.unwrap();
        store.tidy(contract::at(alive_at)).await.unwrap();
        drop(store);
        let again = open_at(&path, Keys::for_testing()).await.unwrap();
        let typed_again = NewSms {
            at: contract::at(alive_at + 30),
            bind: 2,
            ..sms
        };
        let accepted = again.accept_sms(typed_again).await.unwrap();
        assert_eq!(accepted == Accepted::Repeat, expected, "{alive_at}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (store, folder) = in_a_file().await;
    store.ready().await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

/// How many messages still have a body.
async fn bodies(store: &SqlStore) -> i64 {
    let counted = store.read(|c, _| {
        Box::pin(async move {
            let query = "SELECT COUNT(*) FROM outbox WHERE content IS NOT NULL";
            sql(query).one(c).await
        })
    });
    counted.await.unwrap()
}

#[tokio::test]
async fn a_final_message_has_no_body() {
    let (store, _folder) = in_a_file().await;
    let names = ["delivered", "refused", "expired", "sent"];
    let messages = names.map(|name| contract::message(name, MessageKind::Reply));
    contract::queue(&store, &messages, 0).await;
    let epoch = store
        .begin_epoch(&contract::link(), contract::at(0))
        .await
        .unwrap();
    let claimed = store
        .claim_messages(&contract::link(), epoch, contract::at(0), 9)
        .await
        .unwrap();
    for (message, name) in claimed.iter().zip(names) {
        let outcome = match name {
            "refused" => PartOutcome::Refused("0x0b".to_owned()),
            name => PartOutcome::Accepted(name.to_owned()),
        };
        store
            .part_done(message.id, None, 0, 1, &outcome, contract::at(1))
            .await
            .unwrap();
    }
    assert_eq!(bodies(&store).await, 3);
    for (id, state) in [
        ("delivered", ReceiptState::Delivered),
        ("expired", ReceiptState::Expired),
    ] {
        let receipt = Receipt {
            link: contract::link(),
            message_id: id.to_owned(),
            ids: ReceiptIds::Any,
            state,
            at: contract::at(2),
        };
        store.receipt(&receipt).await.unwrap();
    }
    assert_eq!(bodies(&store).await, 1);
    store
        .tidy(contract::at(contract::DAY + contract::MINUTE))
        .await
        .unwrap();
    assert_eq!(bodies(&store).await, 0);
}

/// What comes back from a backup is held; what is served on is not.
#[tokio::test]
async fn a_ledger_that_was_put_back_is_held() {
    use crate::store::by_hand::HoldReason;

    let (store, live) = in_a_file().await;
    let (ledger, mark) = (live.path().join("jisr.db"), live.path().join("jisr.mark"));
    let copy = |to: &std::path::Path| {
        for end in ["", "-wal"] {
            let name = |folder: &std::path::Path| folder.join(format!("jisr.db{end}"));
            std::fs::copy(name(live.path()), name(to)).unwrap();
        }
    };
    let seconds = contract::at;
    store
        .look_back(&mark, Some(&ledger), seconds(0))
        .await
        .unwrap();
    contract::queue(&store, &[contract::message("m", MessageKind::Reply)], 0).await;
    let backup = tempfile::tempdir().unwrap();
    copy(backup.path());
    let epoch = store
        .begin_epoch(&contract::link(), seconds(1))
        .await
        .unwrap();
    let link = contract::link();
    let claimed = store.claim_messages(&link, epoch, seconds(1), 9).await;
    assert_eq!(claimed.unwrap().len(), 1);
    store
        .look_back(&mark, Some(&ledger), seconds(2))
        .await
        .unwrap();
    assert_eq!(store.held(seconds(2)).await.unwrap(), None, "served on");

    let latest = tempfile::tempdir().unwrap();
    copy(latest.path());
    for (name, ledger, has_mark, why) in [
        ("a backup", Some(&backup), true, Some(HoldReason::Older)),
        (
            "a backup elsewhere",
            Some(&backup),
            false,
            Some(HoldReason::Moved),
        ),
        (
            "a whole folder",
            Some(&latest),
            true,
            Some(HoldReason::Moved),
        ),
        ("a new ledger", None, true, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        if let Some(from) = ledger {
            for file in std::fs::read_dir(from.path()).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        let (ledger, kept) = (
            folder.path().join("jisr.db"),
            folder.path().join("jisr.mark"),
        );
        if has_mark {
            std::fs::copy(&mark, &kept).unwrap();
        }
        let again = open_at(&ledger, Keys::for_testing()).await.unwrap();
        again
            .look_back(&kept, Some(&ledger), seconds(9))
            .await
            .unwrap();
        let held = again.held(seconds(9)).await.unwrap();
        assert_eq!(held.as_ref().map(|held| held.why), why, "{name}");
        if held.is_none() {
            continue;
        }
        // Held it stays, and once released it is not found again.
        again
            .look_back(&kept, Some(&ledger), seconds(10))
            .await
            .unwrap();
        assert_eq!(again.held(seconds(10)).await.unwrap(), held, "{name}");
        let url = format!("sqlite:{}", ledger.display());
        let chance = Arc::new(Counted::default());
        let mut visitor = Visitor::open(&url, Keys::for_testing(), chance)
            .await
            .unwrap();
        let hand = crate::store::by_hand::Hand {
            who: "ali".to_owned(),
            why: None,
            at: seconds(11),
        };
        let older = crate::store::by_hand::Older::Unknown;
        visitor.release(older, &hand).await.unwrap();
        again
            .look_back(&kept, Some(&ledger), seconds(12))
            .await
            .unwrap();
        assert_eq!(again.held(seconds(12)).await.unwrap(), None, "{name}");
    }
}

/// A command beside the gateway is no node, makes nothing, and waits for nobody who serves.
#[tokio::test]
async fn a_visitor_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("jisr.db").display());
    let visit = || Visitor::open(&url, Keys::for_testing(), Arc::new(Counted::default()));
    let error = visit().await.err().unwrap().to_string();
    assert!(error.contains("there is no ledger"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let store = open_at(&folder.path().join("jisr.db"), Keys::for_testing())
        .await
        .unwrap();
    let nodes = |store: &SqlStore| {
        let store = store.clone();
        async move {
            let counted = store.read(|c, _| {
                Box::pin(async move { sql("SELECT COUNT(*) FROM nodes").one::<i64>(c).await })
            });
            counted.await.unwrap()
        }
    };
    let before = nodes(&store).await;
    let mut visitor = visit().await.unwrap();
    let (now, since) = (contract::at(0), contract::at(-1));
    visitor.overview(now, since).await.unwrap();
    assert_eq!(nodes(&store).await, before);
    store.ready().await.unwrap();

    let other = Keys::create(&folder.path().join("keys"), &Counted::default()).unwrap();
    let opened = Visitor::open(&url, other, Arc::new(Counted::default())).await;
    assert!(matches!(opened.err(), Some(StoreError::Sealed { .. })));
    let strange = folder.path().join("strange.db");
    std::fs::write(&strange, "").unwrap();
    let url = format!("sqlite:{}", strange.display());
    let opened = Visitor::open(&url, Keys::for_testing(), Arc::new(Counted::default())).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("no ledger of jisr"), "{error}");
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let (store, folder) = in_a_file().await;
    drop(store);
    let other = Keys::create(&folder.path().join("keys"), &Counted::default()).unwrap();
    let opened = open_at(&folder.path().join("jisr.db"), other).await;
    assert!(matches!(opened, Err(StoreError::Sealed { table: "meta" })));
}

#[tokio::test]
async fn a_damaged_value_is_an_error_where_it_is_read_and_holds_up_nothing_else() {
    let (store, _folder) = in_a_file().await;
    let talk = contract::talk(1, contract::number(1));
    let messages = ["bent", "whole"].map(|name| contract::message(name, MessageKind::Reply));
    let save = Save {
        messages: &messages,
        ..contract::step(&talk, "t1", 0)
    };
    store.save(save).await.unwrap();
    for query in [
        "UPDATE conversations SET state_sealed = state_sealed || 'x'",
        "UPDATE outbox SET content = x'01' WHERE id = (SELECT MIN(id) FROM outbox)",
    ] {
        let spoilt = store.write(move |c, _| {
            Box::pin(async move {
                sql(query).execute(c).await?;
                Ok(Verdict::Keep(()))
            })
        });
        spoilt.await.unwrap();
    }
    let error = store.conversation(talk.id).await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Sealed {
            table: "conversations"
        }
    ));
    let epoch = store
        .begin_epoch(&contract::link(), contract::at(0))
        .await
        .unwrap();
    let claimed = store
        .claim_messages(&contract::link(), epoch, contract::at(1), 9)
        .await
        .unwrap();
    assert_eq!(
        claimed
            .iter()
            .map(|one| one.text.as_str())
            .collect::<Vec<_>>(),
        ["text of whole"]
    );
}

#[tokio::test]
async fn a_damaged_text_holds_up_no_other() {
    let (store, folder) = in_a_file().await;
    for (id, text) in [(1, "first"), (2, "bent"), (3, "bent"), (4, "last")] {
        let sms = contract::sms::sms(id, text, i64::from(id));
        store.accept_sms(sms).await.unwrap();
    }
    let say = async |store: &SqlStore, query: &'static str| {
        store
            .write(move |c, _| {
                Box::pin(async move {
                    sql(query).execute(c).await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
            .unwrap();
    };
    let waiting = async |store: &SqlStore, limit| {
        let texts = store.waiting_sms(SmsId(0), limit).await.unwrap();
        let texts: Vec<String> = texts.into_iter().map(|sms| sms.text).collect();
        texts.join(" ")
    };
    say(
        &store,
        "UPDATE inbox_sms SET content = CAST(content || x'00' AS BLOB) WHERE id NOT IN (
             SELECT MIN(id) FROM inbox_sms UNION SELECT MAX(id) FROM inbox_sms)",
    )
    .await;
    // As many as were asked for, so that nobody takes them for the last.
    assert_eq!(waiting(&store, 2).await, "first last");
    assert_eq!(waiting(&store, 9).await, "first last");

    // Its key may be put back.
    say(
        &store,
        "UPDATE inbox_sms SET content = substr(content, 1, length(content) - 1) WHERE waits = 2",
    )
    .await;
    assert_eq!(waiting(&store, 9).await, "first last");
    drop(store);
    let path = folder.path().join("jisr.db");
    let again = open_at(&path, Keys::for_testing()).await.unwrap();
    assert_eq!(waiting(&again, 9).await, "first bent bent last");

    // What cannot be opened goes in the end.
    say(&again, "UPDATE inbox_sms SET content = x'00'").await;
    assert_eq!(waiting(&again, 2).await, "");
    again
        .tidy(contract::at(72 * contract::HOUR + 9))
        .await
        .unwrap();
    let left = again.read(|c, _| {
        Box::pin(async move {
            let query = "SELECT COUNT(*) FROM inbox_sms";
            sql(query).one::<i64>(c).await
        })
    });
    assert_eq!(left.await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_personal_stands_unsealed_in_the_files() {
    let (store, folder) = in_a_file().await;
    contract::canary::through_every_method(&store).await;
    for round in ["in the log", "in the file"] {
        let mut files = 0;
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            files += 1;
            for canary in contract::canary::ALL {
                let found = bytes
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes());
                assert!(!found, "{canary} stands in {} ({round})", path.display());
            }
        }
        assert!(files > 0);
        // Everything moves into the main file for the second round.
        let path = folder.path().join("jisr.db").display().to_string();
        let (_, mut conn, _) = engine::open(&path).await.unwrap();
        conn.checkpoint().await.unwrap();
    }
}

mod in_memory {
    use super::*;

    async fn open() -> (SqlStore, ()) {
        (
            SqlStore::open(
                ":memory:",
                Keys::for_testing(),
                Arc::new(Counted::default()),
            )
            .await
            .unwrap(),
            (),
        )
    }

    contract::contract_tests!(async { Some(open().await) });
}

mod on_postgresql {
    use std::sync::OnceLock;

    use simulator::servers::{NoServer, Postgres};

    use super::*;

    /// One server for all tests of this process.
    fn server() -> Option<&'static Postgres> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        SERVER
            .get_or_init(|| match Postgres::start(false) {
                Ok(server) => Some(server),
                Err(NoServer::NotHere(what))
                    if std::env::var("TEST_PEERS").as_deref() != Ok("require") =>
                {
                    println!("not run: {what} is not installed");
                    None
                }
                Err(error) => panic!("{error}"),
            })
            .as_ref()
    }

    /// A database with the ledger's tables, which are made once for all tests of this process.
    async fn database() -> Option<String> {
        static TEMPLATE: tokio::sync::OnceCell<Option<String>> = tokio::sync::OnceCell::const_new();
        let made = TEMPLATE.get_or_init(|| async {
            let url = tokio::task::spawn_blocking(|| server().map(|server| server.database()));
            let url = url.await.unwrap()?.unwrap();
            // The tables alone: a ledger that has been opened has a name and a home of its own.
            drop(super::super::engine::open(&url).await.unwrap());
            url.rsplit('/').next().map(str::to_owned)
        });
        let template = made.await.clone()?;
        let copied =
            tokio::task::spawn_blocking(move || Some(server()?.database_like(&template).unwrap()));
        copied.await.unwrap()
    }

    async fn open() -> Option<(SqlStore, ())> {
        let (store, _url, keep) = open_at_url().await?;
        Some((store, keep))
    }

    async fn open_at_url() -> Option<(SqlStore, String, ())> {
        let url = database().await?;
        let store = SqlStore::open(&url, Keys::for_testing(), Arc::new(Counted::default())).await;
        Some((store.unwrap(), url, ()))
    }

    contract::contract_tests!(open());

    mod by_hand {
        use super::*;

        contract::by_hand::by_hand_tests!(open_at_url());
    }

    /// A ledger on a server knows where it was: a restored dump or a recovery is held at the next
    /// start, and a node that lives through a failover without a loss goes on.
    #[tokio::test]
    async fn a_ledger_on_a_server_knows_its_home() {
        let Some((store, _)) = open().await else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("jisr.mark");
        let home = |store: &SqlStore| {
            let store = store.clone();
            async move {
                let asked = store.read(|c, _| {
                    Box::pin(async move {
                        sql("SELECT content FROM meta WHERE name = 'home'")
                            .one::<Vec<u8>>(c)
                            .await
                    })
                });
                String::from_utf8(asked.await.unwrap()).unwrap()
            }
        };
        let elsewhere = async || {
            let moved = store.write(|c, _| {
                Box::pin(async move {
                    let moved = sql("UPDATE meta SET content = $1 WHERE name = 'home'");
                    moved.bind(&b"another timeline"[..]).execute(c).await?;
                    Ok(Verdict::Keep(()))
                })
            });
            moved.await.unwrap();
        };
        let look = async |seconds| store.look_back(&mark, None, contract::at(seconds)).await;
        look(0).await.unwrap();
        let own = home(&store).await;
        assert_eq!(own.split('/').count(), 4, "{own}");
        contract::queue(&store, &[contract::message("m", MessageKind::Reply)], 0).await;

        elsewhere().await;
        assert_eq!(
            store.held(contract::at(1)).await.unwrap(),
            None,
            "it lived through it"
        );
        assert_eq!(home(&store).await, own);

        elsewhere().await;
        look(2).await.unwrap();
        let held = store.held(contract::at(2)).await.unwrap().unwrap();
        assert_eq!(held.why, crate::store::by_hand::HoldReason::Moved);
        assert_eq!(home(&store).await, own);
    }

    /// Two nodes of one ledger.
    async fn two() -> Option<(SqlStore, SqlStore, ())> {
        let url = database().await?;
        let open = || SqlStore::open(&url, Keys::for_testing(), Arc::new(Counted::default()));
        Some((open().await.unwrap(), open().await.unwrap(), ()))
    }

    contract::node_tests!(two());
}

/// A file has one node: whoever opens it is the only one, and what came before it is over.
#[tokio::test]
pub(super) async fn whoever_opens_a_file_is_its_only_node() {
    let (one, folder) = in_a_file().await;
    one.accept_sms(contract::sms::sms(1, "text", 0))
        .await
        .unwrap();
    let two = open_at(&folder.path().join("jisr.db"), Keys::for_testing())
        .await
        .unwrap();
    assert!(two.beat(contract::at(0)).await.unwrap().others.is_empty());
    assert_eq!(two.waiting_sms(SmsId(0), 9).await.unwrap().len(), 1);
    let refused = one.ready().await;
    assert!(matches!(refused, Err(StoreError::Buried)), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_then_goes_on() {
    let (store, _folder) = in_a_file().await;
    let say = |query: &'static str| {
        store.write(move |c, _| {
            Box::pin(async move {
                sql(query).execute(c).await?;
                Ok(Verdict::Keep(()))
            })
        })
    };
    // The file may not grow beyond what it has: SQLite's own word for it is the same as the disk's.
    say("PRAGMA max_page_count = 1").await.unwrap();
    let long = "a text that takes room ".repeat(2000);
    let refused = store.accept_sms(contract::sms::sms(1, &long, 0)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(
        store.waiting_sms(SmsId(0), 9).await.unwrap().is_empty(),
        "nothing of it stands"
    );
    // The row that is tried is small enough to fit; what was refused is told all the same, once.
    assert!(store.ready().await.is_err());
    assert!(store.ready().await.is_ok());

    say("PRAGMA max_page_count = 1000000").await.unwrap();
    store
        .accept_sms(contract::sms::sms(1, &long, 0))
        .await
        .unwrap();
    assert_eq!(store.waiting_sms(SmsId(0), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn many_nonces_share_a_commit() {
    let (store, _folder) = in_a_file().await;
    let link = contract::link();
    let nonces: Vec<_> = (0..64_u8).map(|n| [n]).collect();
    let asked = nonces
        .iter()
        .map(|nonce| store.nonce(&link, nonce, contract::at(600), contract::at(0)));
    for fresh in futures_util::future::join_all(asked).await {
        assert!(fresh.unwrap());
    }
    assert!(store.commits() <= 3, "{}", store.commits());
}

#[tokio::test]
async fn many_turns_share_a_commit() {
    let (store, _folder) = in_a_file().await;
    let talks: Vec<_> = (0..64)
        .map(|id| contract::talk(id, contract::number(u32::from(id))))
        .collect();
    let saves = talks
        .iter()
        .map(|talk| store.save(contract::step(talk, "t1", 0)));
    for saved in futures_util::future::join_all(saves).await {
        assert_eq!(saved.unwrap(), super::super::Saved::Done);
    }
    // All were in the queue before the writer had its first turn.
    assert!(store.commits() <= 3, "{}", store.commits());
}

/// Nodes are upgraded one by one: a program goes on with the ledger of the version after its own, and
/// with no ledger that has lost what it needs.
#[tokio::test]
async fn a_program_goes_on_beside_a_later_one() {
    let (store, folder) = in_a_file().await;
    let path = folder.path().join("jisr.db");
    for statement in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'later', 1, x'00', 0)",
        "ALTER TABLE outbox ADD COLUMN later BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE conversations ADD COLUMN later BIGINT",
        "CREATE TABLE later (x BIGINT)",
    ] {
        let said = store.write(move |c, _| {
            Box::pin(async move {
                sql(statement).execute(c).await?;
                Ok(Verdict::Keep(()))
            })
        });
        said.await.unwrap();
    }
    drop(store);
    let store = open_at(&path, Keys::for_testing()).await.unwrap();
    contract::outbox::words_move_a_message(&store).await;
    let needs = store.write(|c, _| {
        Box::pin(async move {
            sql("INSERT INTO meta (name, number) VALUES ('needs', 9000)")
                .execute(c)
                .await?;
            Ok(Verdict::Keep(()))
        })
    });
    needs.await.unwrap();
    drop(store);
    let refused = open_at(&path, Keys::for_testing()).await.err().unwrap();
    assert!(refused.to_string().contains("version 9000"), "{refused}");
}
