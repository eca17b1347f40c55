//! Values that can be told from everything else are driven through every path of the program; then
//! every log line, figure and byte of a file is searched for them.

use std::collections::BTreeMap;
use std::path::Path;

use simulator::registry::Mood;

use crate::program::{Setup, Site, code_in, exchange, password_in, run, see};
use crate::registry::{agency, registry_config};

/// Who is found by the registry of the simulator, and by the sandbox.
const CARD: &str = "JC51834";
const PHONE: &str = "+212661000002";
/// What nobody else types: a card, an e-mail address, a text.
const STRANGER: &str = "+212661987654";
const STRANGE_CARD: &str = "QX7654321";
const EMAIL: &str = "canary.qzx@example.ma";
const TEXT: &str = "qzxcanarytext";
/// A person of the sandbox whom the import brings.
const PEOPLE: &str = "id_type,id_number,expiry,birth,standing,registration,account,reason,reason_text,phone,name,address,email\n\
     cnie,JC51834,02/09/2029,17/11/1990,registered,118206455,no,,,+212661000002,CANARYNAME Youssef,4 CANARYSTREET,youssef@example.ma\n";

/// Everything that must not be found, by what it is.
struct Canaries(BTreeMap<&'static str, Vec<String>>);

impl Canaries {
    fn new() -> Self {
        let mut all = Self(BTreeMap::new());
        all.add("a card", &[CARD, STRANGE_CARD, "jc51834", "qx7654321"]);
        all.add("an expiry", &["02092029", "02/09/2029", "2029-09-02"]);
        all.add("a birth", &["17111990", "17/11/1990", "1990-11-17"]);
        all.add("a number", &[PHONE, STRANGER]);
        all.add("a number", &["0661000002", "212661000002"]);
        all.add("a number", &["0661987654", "212661987654"]);
        all.add("an e-mail", &[EMAIL, "canary.qzx", "youssef@example.ma"]);
        all.add("a text", &[TEXT]);
        all.add("a registration", &["118206455"]);
        all.add("a person", &["Youssef", "CANARYNAME", "CANARYSTREET"]);
        all.add("a message", &["Votre code", "Mot de passe MaCNSS:"]);
        all
    }

    fn add(&mut self, what: &'static str, values: &[&str]) {
        let kept = self.0.entry(what).or_default();
        kept.extend(values.iter().map(|value| (*value).to_owned()));
    }

    /// Finds them in bytes, as they are and in two octets a sign.
    fn search(&self, place: &str, bytes: &[u8], found: &mut Vec<String>) {
        for (what, values) in &self.0 {
            for value in values {
                let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_be_bytes).collect();
                if holds(bytes, value.as_bytes()) || holds(bytes, &wide) {
                    found.push(format!("{what} ({value}) in {place}"));
                }
            }
        }
    }

    /// Searches every file of a folder but those whose names are given.
    fn search_files(&self, folder: &Path, but: &[&str], found: &mut Vec<String>) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                files += self.search_files(&path, but, found);
            } else if !but.contains(&name.as_str()) {
                let bytes = std::fs::read(&path).unwrap();
                self.search(&name, &bytes, found);
                files += 1;
            }
        }
        files
    }
}

/// Whether bytes hold a value. Digits count where no other digits stand beside them: six of them
/// may well be a piece of a longer number.
fn holds(bytes: &[u8], value: &[u8]) -> bool {
    let digits = value.iter().all(u8::is_ascii_digit);
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    bytes
        .windows(value.len())
        .enumerate()
        .filter(|(_, window)| *window == value)
        .any(|(at, _)| {
            !digits || !(is_digit(at.checked_sub(1)) || is_digit(Some(at + value.len())))
        })
}

/// Log lines without their times, whose microseconds could be anybody's code.
fn timeless(log: &str) -> String {
    let lines = log
        .lines()
        .map(|line| line.split_once('Z').map_or(line, |(_, rest)| rest));
    lines.collect::<Vec<_>>().join("\n")
}

/// Types, texts and errs on every path; tells what was made up on the way.
async fn drive(site: &Site, canaries: &mut Canaries) {
    // A journey by USSD as far as the code, and on by text to the password.
    let hand = site.phone(PHONE);
    hand.home().await;
    hand.press(&["1", "1", TEXT]).await;
    hand.press(&["00"]).await;
    hand.identify("1", CARD, "02092029", "17111990").await;
    let code = code_in(&hand.sms(0, "Votre code: ").await);
    let wrong = if code == "135791" { "135792" } else { "135791" };
    hand.press(&[wrong]).await;
    site.operator.hang_up(&hand.phone);
    hand.text(&code).await;
    hand.sms(0, "C'est bien vous").await;
    hand.text("1").await;
    hand.sms(0, "Votre e-mail").await;
    hand.text(EMAIL).await;
    let password = password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
    canaries.add("a code", &[&code, wrong]);
    canaries.add("a password", &[&password, &password.replace(' ', "")]);

    // A stranger: a dial string, nonsense, one text with everything, in two parts.
    let stranger = site.phone(STRANGER);
    stranger.home().await;
    stranger
        .press(&["1", "1", STRANGE_CARD, "02092029", "17111990", "1"])
        .await;
    stranger
        .dial(&format!("*580*1*1*{STRANGE_CARD}*{TEXT}#"))
        .await;
    stranger.text(TEXT).await;
    stranger
        .text(&format!(
            "TNS {STRANGE_CARD} 02092029 17111990 {TEXT}{:200}",
            ""
        ))
        .await;
    stranger.text("STOP").await;

    // What is refused.
    let form = "application/x-www-form-urlencoded";
    for (path, kind, body) in [
        ("/ussd/nowhere", form, format!("text={TEXT}")),
        ("/ussd/sim", "text/plain", format!("text={TEXT}")),
        (
            "/ussd/sim",
            form,
            format!(
                "sessionId={TEXT}&phoneNumber={STRANGER}{TEXT}&serviceCode={TEXT}&text={STRANGE_CARD}"
            ),
        ),
        (
            "/ussd/sim",
            form,
            format!(
                "sessionId={TEXT}&phoneNumber=%2B{}&serviceCode={TEXT}&text={STRANGE_CARD}",
                &STRANGER[1..]
            ),
        ),
        (
            "/ussd/sim",
            form,
            format!(
                "sessionId={TEXT}&sessionId={EMAIL}&text={}",
                TEXT.repeat(2000)
            ),
        ),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(site.program.http, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(!answer.contains(TEXT), "{answer}");
    }
}

/// Searches what the program has said and kept, while it runs and after it has ended.
async fn nothing_is_found(mut site: Site, canaries: &Canaries) {
    site.at_rest().await;
    let mut found = Vec::new();
    let listed = run(
        site.folder.path(),
        &["outbox", "list", "--limit", "1000", "--json"],
        &[],
    )
    .await;
    assert_eq!(listed.code, Some(0), "{}", listed.output);
    let ids: serde_json::Value = serde_json::from_str(&listed.output).unwrap();
    let mut told = listed.output;
    for arguments in [
        &["outbox"][..],
        &["outbox", "--json"],
        &["outbox", "list", "--limit", "1000"],
    ] {
        told += &run(site.folder.path(), arguments, &[]).await.output;
    }
    for one in ids.as_array().unwrap() {
        let id = one["id"].as_str().unwrap();
        told += &run(site.folder.path(), &["outbox", "show", id], &[])
            .await
            .output;
    }
    assert!(
        told.contains("delivered") && told.contains("code"),
        "{told}"
    );
    // An id is a time and a count, whose digits could be anybody's code.
    for one in ids.as_array().unwrap() {
        told = told.replace(one["id"].as_str().unwrap(), "ID");
    }
    canaries.search("jisr outbox", told.as_bytes(), &mut found);
    let figures = site.program.shows("/metrics").await;
    canaries.search("/metrics", figures.as_bytes(), &mut found);
    // The configuration and the token are ours; the keys are keys.
    let but = ["jisr.toml", "token", "jisr.keys", "people.csv"];
    let files = canaries.search_files(site.folder.path(), &but, &mut found);
    assert!(files >= 2, "the ledger and its log of writes are searched");
    assert!(site.program.stop().await.success());
    canaries.search_files(site.folder.path(), &but, &mut found);
    for (place, heard) in [
        ("stdout", &site.program.stdout),
        ("stderr", &site.program.stderr),
    ] {
        canaries.search(place, timeless(&heard.text()).as_bytes(), &mut found);
    }
    let log = site.program.stderr.text();
    assert!(
        log.contains("turn") && log.contains("DEBUG"),
        "it logs: {log}"
    );
    assert!(found.is_empty(), "{}\n{log}", found.join("\n"));
}

#[tokio::test]
async fn nothing_typed_is_found_with_the_sandbox() {
    let config = "[log]\nfilter = \"jisr=trace\"\nformat = \"text\"\n";
    let site = Site::new(Setup {
        config,
        people: PEOPLE,
        ..Setup::default()
    })
    .await;
    let mut canaries = Canaries::new();
    drive(&site, &mut canaries).await;
    // People come in anew beside the running program.
    let ended = run(site.folder.path(), &["import", "people", "people.csv"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    nothing_is_found(site, &canaries).await;
}

#[tokio::test]
async fn nothing_typed_is_found_with_an_ill_registry() {
    let registry = agency().await;
    let config = format!(
        "{}[log]\nfilter = \"jisr=trace\"\nformat = \"json\"\n",
        registry_config(&registry)
    );
    let site = Site::new(Setup {
        config: &config,
        deadline_ms: crate::registry::DEADLINE_MS,
        token: crate::registry::TOKEN,
        ..Setup::default()
    })
    .await;
    let mut canaries = Canaries::new();
    canaries.add("the token", &[crate::registry::TOKEN]);
    for (phone, mood) in [
        ("+212661000011", Mood::Down),
        ("+212661000012", Mood::Silent),
    ] {
        registry.set_mood(mood);
        let hand = site.phone(phone);
        hand.home().await;
        let told = hand.identify("1", CARD, "02092029", "17111990").await;
        see(&told, &["la réponse arrive par SMS"]);
        registry.set_mood(Mood::Well);
        hand.sms(0, "Code").await;
        canaries.add("a number", &[&phone[1..]]);
    }
    let phone = site.phones.phone(PHONE);
    for sms in phone.inbox(0) {
        canaries.add("a code", &[&code_in(&sms.text)]);
    }
    nothing_is_found(site, &canaries).await;
}

#[test]
fn the_search_finds() {
    let canaries = Canaries::new();
    for bytes in [
        b"x JC51834 y".to_vec(),
        "x JC51834"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect(),
    ] {
        let mut found = Vec::new();
        canaries.search("here", &bytes, &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
