//! `jisr outbox` beside a running gateway: what an administrator sees and does, and a ledger that comes
//! back from a backup.

use std::path::Path;

use crate::program::{Ended, Program, Setup, Site, run, until};

const ONE: &str = "+212661000002";
const OTHER: &str = "+212661000005";

async fn outbox(site: &Site, arguments: &[&str]) -> Ended {
    let all = [&["outbox"], arguments].concat();
    run(site.folder.path(), &all, &[]).await
}

/// What a command prints, which has to fit a terminal and to hold no number.
async fn seen(site: &Site, arguments: &[&str]) -> String {
    let ended = outbox(site, arguments).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.output);
    for line in ended.output.lines() {
        assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
    }
    for number in [ONE, OTHER] {
        assert!(!ended.output.contains(&number[4..]), "{}", ended.output);
    }
    ended.output
}

/// The ids of a list, the newest first.
async fn ids(site: &Site) -> Vec<String> {
    let listed = outbox(site, &["list", "--state", "queued", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed.output).unwrap();
    let id = |one: &serde_json::Value| one["id"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(id).collect()
}

/// Two phones whose codes wait, since the message centre is away.
async fn with_codes_waiting() -> Site {
    let mut site = Site::new(Setup::default()).await;
    site.smsc_goes().await;
    let one = site.phone(ONE);
    one.home().await;
    one.identify("1", "JC51834", "02092029", "17111990").await;
    let other = site.phone(OTHER);
    other.home().await;
    other
        .identify("2", "R204518M", "11082027", "23121988")
        .await;
    site
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn an_administrator_sees_and_decides_beside_the_gateway() {
    let mut site = with_codes_waiting().await;
    let screen = seen(&site, &[]).await;
    assert!(screen.contains("2 codes"), "{screen}");
    assert!(screen.contains("queued"), "{screen}");
    let listed = seen(&site, &["list"]).await;
    assert!(
        listed.contains("06XXXXXX02") && listed.contains("06XXXXXX05"),
        "{listed}"
    );
    assert!(
        !seen(&site, &["list", "--to", ONE])
            .await
            .contains("06XXXXXX05")
    );

    let ids = ids(&site).await;
    let [newer, older] = &ids[..] else {
        panic!("{ids:?}")
    };
    seen(&site, &["cancel", newer, "--reason", "tried out"]).await;
    let shown = seen(&site, &["show", newer]).await;
    for what in [
        "cancelled by hand",
        "by hand",
        "tried out",
        "body        erased",
    ] {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    let again = outbox(&site, &["resend", newer]).await;
    assert_eq!(again.code, Some(1));
    assert!(
        again.output.contains("cancelled for good"),
        "{}",
        again.output
    );
    seen(&site, &["resend", older]).await;
    assert_eq!(outbox(&site, &["show", "7"]).await.code, Some(1));
    assert_eq!(
        outbox(&site, &["list", "--state", "lost"]).await.code,
        Some(2)
    );

    // What was left goes, and nothing else.
    site.smsc_comes().await;
    site.bound().await;
    site.program.until_delivered(1).await;
    assert_eq!(
        site.phone(ONE).count("Votre code") + site.phone(OTHER).count("Votre code"),
        1
    );
    assert!(seen(&site, &[]).await.contains("nothing waits"));
    assert!(site.program.stop().await.success());
    assert!(
        seen(&site, &[]).await.contains("nothing waits"),
        "nobody serves it"
    );
}

#[tokio::test]
async fn a_hold_and_its_release_are_seen_everywhere() {
    let mut site = with_codes_waiting().await;
    seen(&site, &["hold", "--reason", "the operator asked for it"]).await;
    site.program.stderr.says("the outbox is HELD", 1).await;
    assert!(
        site.program
            .shows("/readyz")
            .await
            .contains("jisr outbox release")
    );
    assert!(
        site.program
            .shows("/metrics")
            .await
            .contains("jisr_outbox_held 1")
    );
    site.smsc_comes().await;
    site.bound().await;
    // Turns go on, and what they send waits.
    assert!(
        site.phone("+212661000003")
            .home()
            .await
            .text
            .contains("Que voulez-vous")
    );
    let screen = seen(&site, &[]).await;
    assert!(
        screen.contains("HELD") && screen.contains("the operator asked for it"),
        "{screen}"
    );
    assert_eq!(site.program.messages("queued").await, 2);
    let released = seen(&site, &["release"]).await;
    assert!(released.contains("2 messages in the queue"), "{released}");
    site.program.until_delivered(2).await;
    site.program.stderr.says("the outbox is released", 1).await;
    assert_eq!(outbox(&site, &["release"]).await.code, Some(1));
}

#[tokio::test]
async fn what_was_sent_since_the_backup_does_not_go_again_by_itself() {
    let mut site = with_codes_waiting().await;
    assert!(site.program.stop().await.success());
    let (data, backup) = (
        site.folder.path().join("data"),
        site.folder.path().join("backup"),
    );
    copy(&data, &backup);
    site.smsc_comes().await;
    site.program = Program::start(site.folder.path(), &[]).await;
    site.program.until_delivered(2).await;
    assert!(site.program.stop().await.success());

    // The ledger of before is put back; the folder's other files stay as they are.
    for end in ["", "-wal", "-shm"] {
        let name = format!("jisr.db{end}");
        // After a clean stop there may be no log.
        let _ = std::fs::remove_file(data.join(&name));
        if end != "-shm" && backup.join(&name).exists() {
            std::fs::copy(backup.join(&name), data.join(&name)).unwrap();
        }
    }
    site.program = Program::start(site.folder.path(), &[]).await;
    site.bound().await;
    site.program.stderr.says("the outbox is HELD", 1).await;
    let screen = seen(&site, &[]).await;
    assert!(screen.contains("older than what was sent"), "{screen}");
    assert_eq!(site.program.messages("queued").await, 2);
    let released = seen(&site, &["release", "--cancel-older"]).await;
    assert!(
        released.contains("2 messages of before the hold: each is cancelled"),
        "{released}"
    );
    until("nothing waits", async || {
        site.program.messages("cancelled").await == 2
    })
    .await;
    for number in [ONE, OTHER] {
        assert_eq!(site.phone(number).count("Votre code"), 1, "{number}");
    }
}
