//! Who is let in at the door of the running program, and what the others learn.

use std::path::Path;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::program::{Program, exchange};

const SECRET: &str = "sample-secret-of-32-characters-0";
const SEGMENT: &str = "sample-segment-0001";
const BODY: &str = "phoneNumber=%2B212661000001&serviceCode=*580%23&text=&sessionId=ATUid_1";

fn configured(folder: &Path) {
    let link = |name: &str, kind: &str, secret: &str| {
        format!(
            "[[link]]\nkind = \"sandbox\"\nname = \"{name}\"\nservices = [\"tns\"]\n[[link.auth]]\nkind = \"{kind}\"\nsecret_file = \"{secret}\"\n"
        )
    };
    let config = link("signed", "hmac", "secret") + &link("hidden", "path", "segment");
    std::fs::write(folder.join("jisr.toml"), config).unwrap();
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    std::fs::write(folder.join("segment"), format!("{SEGMENT}\n")).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since the Unix epoch, and so many more.
fn now(more: i64) -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap() + more
}

/// The three headers over a request for this path.
fn signed(target: &str, nonce: &str, at: i64) -> String {
    let body = hex(&Sha256::digest(BODY));
    let text = format!("POST\n{target}\n{at}\n{nonce}\n{body}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let tag = hex(&mac.finalize().into_bytes());
    format!("x-jisr-timestamp: {at}\r\nx-jisr-nonce: {nonce}\r\nx-jisr-signature: v1={tag}\r\n")
}

/// The status, and the whole answer without its date.
async fn answer(program: &Program, target: &str, headers: &str) -> (u16, String) {
    let request = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n{headers}\r\n{BODY}",
        BODY.len()
    );
    let answer = exchange(program.http, request.as_bytes()).await;
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let kept: Vec<&str> = answer
        .split("\r\n")
        .filter(|line| !line.starts_with("date:"))
        .collect();
    (status, kept.join("\r\n"))
}

#[tokio::test]
async fn only_those_who_sign_and_each_once() {
    let folder = TempDir::new().unwrap();
    configured(folder.path());
    let mut program = Program::start(folder.path(), &[]).await;
    let link = "/ussd/signed";
    let (at, first) = (now(0), signed(link, "n-1", now(0)));

    let (status, shown) = answer(&program, link, &first).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(answer(&program, link, &first).await.0, 409);
    let next = signed(link, "n-2", at);
    assert_eq!(answer(&program, link, &next).await.0, 200);

    let (_, stranger) = answer(&program, "/ussd/nowhere", "").await;
    assert!(!stranger.contains("signed ") && stranger.contains("problem+json"));
    let hidden = format!("/ussd/hidden/{SEGMENT}");
    for (name, target, headers, status) in [
        ("unsigned", link, String::new(), 401),
        ("late", link, signed(link, "n-3", now(-400)), 401),
        ("early", link, signed(link, "n-4", now(400)), 401),
        ("another path", link, signed("/ussd/hidden", "n-5", at), 401),
        (
            "no link",
            "/ussd/nowhere",
            signed("/ussd/nowhere", "n-6", at),
            401,
        ),
        // Who is let in learns that there is nothing; the others do not.
        (
            "a path that there is not",
            "/ussd/signed/whatever",
            signed("/ussd/signed/whatever", "n-8", at),
            404,
        ),
        (
            "a path that there is not, unsigned",
            "/ussd/signed/whatever",
            String::new(),
            401,
        ),
        ("segment", &hidden, String::new(), 200),
        ("no segment", "/ussd/hidden", String::new(), 401),
        (
            "another segment",
            "/ussd/hidden/sample-segment-0002",
            String::new(),
            401,
        ),
        (
            "segment of another link",
            &format!("{link}/{SEGMENT}"),
            String::new(),
            401,
        ),
    ] {
        let (found, whole) = answer(&program, target, &headers).await;
        assert_eq!(found, status, "{name}: {whole}");
        if status == 401 {
            assert_eq!(whole, stranger, "{name} learns something");
        }
    }
    program.stderr.says("a caller was not let in", 1).await;

    program.kill().await;
    let said = program.stderr.text();
    assert!(!said.contains(SECRET) && !said.contains(SEGMENT), "{said}");
    let program = Program::start(folder.path(), &[]).await;
    assert_eq!(
        answer(&program, link, &first).await.0,
        409,
        "after a restart"
    );
    let again = signed(link, "n-7", at);
    assert_eq!(answer(&program, link, &again).await.0, 200);
}
