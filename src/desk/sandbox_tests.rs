#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::clock::Moment;
use crate::desk::contract::{self, opening, who};
use crate::desk::import::{self, ImportError};
use crate::desk::{IdKind, Standing};

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Moment {
        Moment::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Bytes that differ from call to call and are the same in every run.
struct Counter(AtomicU64);

impl Chance for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = number[at % number.len()];
        }
    }
}

struct Bed {
    folder: TempDir,
    clock: Arc<Hand>,
    sandbox: SandboxRegistry,
}

async fn open(
    folder: &TempDir,
    keys: Keys,
    clock: &Arc<Hand>,
) -> Result<SandboxRegistry, SandboxError> {
    let url = format!("sqlite:{}", folder.path().join("sandbox.db").display());
    SandboxRegistry::open(
        &url,
        keys,
        clock.clone(),
        Arc::new(Counter(AtomicU64::new(0))),
    )
    .await
}

async fn bed() -> Bed {
    let (folder, clock) = (
        tempfile::tempdir().unwrap(),
        Arc::new(Hand(AtomicI64::new(1_000))),
    );
    let sandbox = open(&folder, Keys::for_testing(), &clock).await.unwrap();
    Bed {
        folder,
        clock,
        sandbox,
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    contract::holds(&bed().await.sandbox).await;
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_opens_once() {
    let bed = bed().await;
    let (first, second) = (opening("118206455", 1), opening("118206455", 1));
    let answers = tokio::join!(
        bed.sandbox.open_account(&first),
        bed.sandbox.open_account(&second)
    );
    assert_eq!(answers, (Ok(Opened::Opened), Ok(Opened::Opened)));
    let other = opening("118206455", 2);
    assert_eq!(bed.sandbox.open_account(&other).await, Ok(Opened::Already));
}

#[tokio::test]
async fn a_temporary_password_is_used_once_within_a_day() {
    let bed = bed().await;
    for (registration, after_ms, expected) in [
        ("118206455", 86_400_000 - 1, SignedIn::ChangePassword),
        ("120775903", 86_400_000, SignedIn::Over),
    ] {
        bed.clock.0.store(0, Ordering::Relaxed);
        bed.sandbox
            .open_account(&opening(registration, 1))
            .await
            .unwrap();
        bed.clock.0.store(after_ms, Ordering::Relaxed);
        assert_eq!(
            bed.sandbox.sign_in(registration, "ACDEFGHJKMNQ").await,
            Ok(SignedIn::Wrong)
        );
        assert_eq!(
            bed.sandbox.sign_in(registration, "ACDEFGHJKMNP").await,
            Ok(expected)
        );
        assert_eq!(
            bed.sandbox.sign_in(registration, "ACDEFGHJKMNP").await,
            Ok(SignedIn::Over)
        );
    }
    assert_eq!(
        bed.sandbox.sign_in("999999999", "ACDEFGHJKMNP").await,
        Ok(SignedIn::Wrong)
    );
    // It has arrived, so it is not taken back any more.
    bed.sandbox.revoke_password("118206455", 1).await.unwrap();
    assert_eq!(
        bed.sandbox.open_account(&opening("118206455", 2)).await,
        Ok(Opened::Already)
    );
}

#[tokio::test]
async fn nothing_personal_stands_in_the_file() {
    let bed = bed().await;
    bed.sandbox
        .open_account(&opening("118206455", 1))
        .await
        .unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&bed.sandbox.pool)
        .await
        .unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(bed.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        seen += bytes.len();
        for canary in [
            "BE740215",
            "118206455",
            "EXEMPLE",
            "Amina",
            "661000002",
            "example.ma",
            "1984-03-05",
            "ACDEFGHJKMNP",
            "salaried",
        ] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes()),
                "{canary}"
            );
        }
    }
    assert!(
        seen > 10_000,
        "the database was not where it was looked for"
    );
}

#[tokio::test]
async fn it_opens_again_with_the_same_keys_only() {
    let bed = bed().await;
    bed.sandbox
        .open_account(&opening("118206455", 1))
        .await
        .unwrap();
    bed.sandbox.pool.close().await;
    let again = open(&bed.folder, Keys::for_testing(), &bed.clock)
        .await
        .unwrap();
    assert_eq!(
        again.open_account(&opening("118206455", 2)).await,
        Ok(Opened::Already),
        "the account was lost"
    );
    let other = Keys::create(&bed.folder.path().join("keys"), &Counter(AtomicU64::new(9))).unwrap();
    assert!(matches!(
        open(&bed.folder, other, &bed.clock).await,
        Err(SandboxError::Keys)
    ));
}

const HEADER: &str = "id_type,id_number,expiry,birth,standing,registration,account,reason,reason_text,phone,name,address,email\n";

fn row(number: u32) -> String {
    let account = if number.is_multiple_of(2) {
        "yes"
    } else {
        "no"
    };
    format!(
        "cnie,Z{number},14/06/2031,05/03/1984,registered,{:09},{account},,,+212661{number:06},EXEMPLE N{number},rue,\n",
        number
    )
}

async fn import(bed: &Bed, text: &str) -> Result<u64, ImportError> {
    let file = bed.folder.path().join("people.csv");
    std::fs::write(&file, text).unwrap();
    import::people(&bed.sandbox, &file, &mut |_, _| {}).await
}

async fn knows(bed: &Bed, number: &str) -> bool {
    let lookup = bed
        .sandbox
        .lookup(&who(IdKind::Cnie, number, "14/06/2031", "05/03/1984"))
        .await
        .unwrap();
    matches!(lookup, Lookup::Match(_))
}

#[tokio::test]
async fn an_import_replaces_everybody() {
    let bed = bed().await;
    bed.sandbox
        .open_account(&opening("118206455", 1))
        .await
        .unwrap();
    let text: String = std::iter::once(HEADER.to_owned())
        .chain((1..=1000).map(row))
        .collect();
    let heard = Mutex::new(Vec::new());
    let file = bed.folder.path().join("people.csv");
    std::fs::write(&file, &text).unwrap();
    let count = import::people(&bed.sandbox, &file, &mut |done, total| {
        heard.lock().unwrap().push((done, total))
    })
    .await;
    assert_eq!(count.unwrap(), 1000);
    let (heard, total) = (heard.into_inner().unwrap(), text.len() as u64);
    assert!(
        heard.len() >= 4 && heard.is_sorted() && heard.iter().all(|(_, all)| *all == total),
        "{heard:?}"
    );
    assert_eq!(heard.last(), Some(&(total, total)));
    assert!(
        knows(&bed, "Z1").await && knows(&bed, "Z1000").await && !knows(&bed, "BE740215").await
    );
    let person = bed
        .sandbox
        .lookup(&who(IdKind::Cnie, "Z2", "14/06/2031", "05/03/1984"))
        .await
        .unwrap();
    let Lookup::Match(person) = person else {
        panic!("no match")
    };
    assert_eq!(
        person.standing,
        Standing::Registered {
            registration: "000000002".into(),
            account: true
        }
    );
    // The same file again is the same registry; an account that was opened here outlives it.
    assert_eq!(import(&bed, &text).await.unwrap(), 1000);
    let back = format!(
        "{HEADER}cnie,JC51834,02/09/2029,17/11/1990,registered,118206455,no,,,,EXEMPLE Youssef,,\n"
    );
    assert_eq!(import(&bed, &back).await.unwrap(), 1);
    assert_eq!(
        bed.sandbox.open_account(&opening("118206455", 2)).await,
        Ok(Opened::Already)
    );
}

#[tokio::test]
async fn a_file_with_a_fault_changes_nothing() {
    let bed = bed().await;
    let good: String = (1..=600).map(row).collect();
    for (bad, expected) in [
        (
            "cnie,SECRET!,14/06/2031,05/03/1984,subject,,,,,,N,,\n",
            "people.csv:602: id_number: expected one or two letters",
        ),
        (
            row(7).as_str(),
            "people.csv:602: id_number: expected each one once, but line 8 has the same",
        ),
        (
            row(7).replace("Z7", "Z700").as_str(),
            "people.csv:602: registration: expected each one once, but line 8 has the same",
        ),
        (
            "SECRET\n",
            "people.csv:602: row: expected 13 cells on one line",
        ),
    ] {
        let error = import(&bed, &format!("{HEADER}{good}{bad}"))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && !error.contains("SECRET"),
            "{error}"
        );
        assert!(
            knows(&bed, "BE740215").await && !knows(&bed, "Z1").await,
            "half of a file is in"
        );
    }
    let error = import(&bed, HEADER).await.unwrap_err().to_string();
    assert!(error.contains("at least one person"), "{error}");
    assert!(matches!(
        import(&bed, "").await,
        Err(ImportError::Faults(_))
    ));
    let gone = import::people(
        &bed.sandbox,
        std::path::Path::new("/nowhere.csv"),
        &mut |_, _| {},
    )
    .await;
    assert!(matches!(gone, Err(ImportError::File { .. })));
    assert!(knows(&bed, "BE740215").await);
}

#[test]
fn a_catalogue_is_put_in_whole_or_not_at_all() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let categories = include_str!("../../dialogs/categories.yaml");
    let points = include_str!("../../dialogs/points.sample.csv");
    assert!(
        import::categories(
            &file("c.yaml", &categories.replace("2026.1-sample", "9")),
            data.path()
        )
        .unwrap()
            > 20
    );
    assert_eq!(
        import::points(&file("p.csv", points), data.path()).unwrap() as usize,
        points.lines().count() - 2
    );
    let before = crate::desk::catalogue::load(data.path()).unwrap();
    assert_eq!(before.version, "9");

    assert!(
        import::categories(
            &file("c.yaml", &categories.replace("key: health", "key: law")),
            data.path()
        )
        .is_err()
    );
    assert!(
        import::points(
            &file("p.csv", &points.replace("agency", "office")),
            data.path()
        )
        .is_err()
    );
    assert!(
        import::points(
            &file(
                "p.csv",
                &points.lines().take(2).collect::<Vec<_>>().join("\n")
            ),
            data.path()
        )
        .is_err()
    );
    assert_eq!(crate::desk::catalogue::load(data.path()).unwrap(), before);
}
