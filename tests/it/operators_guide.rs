//! `docs/operators.md` is right: what it tells to type works, what it says of errors and limits is so,
//! and every key of a shape's file stands in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{KeyInit as _, Mac as _};
use jisr::config::Http;
use jisr::operator::api::file::{AnswerFile, Says};
use jisr::operator::compile::{self, HOLES};
use jisr::operator::file::{
    CodeGiven, FieldFile, First, Holds, Is, Known, LimitsFile, Mark, NumberGiven, PartFile,
    PushFile, ReadsFile, ReplyFile, RequestFile, Retries, RuleFile, SampleFile, SessionIds,
    SmsFile, UssdFile,
};
use jisr::operator::request::BodyKind;
use jisr::operator::sms::file::{
    CodingFile, Cut, Ids, IncomingFile, Of, ReceiptsFile, SendFile, SmsSampleFile, State,
    TokenFile, What,
};
use jisr::operator::sms::send::SEND_HOLES;
use jisr::operator::ussd::push::PUSH_HOLES;
use jisr::store::ReceiptIds;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use simulator::conformance::{self, Plan};
use tempfile::TempDir;

use crate::program::{Program, SOON, change, command, exchange, run};

const PAGE: &str = include_str!("../../docs/operators.md");
const SECRET: &str = "5c4f0d7a1e9b3c6f8a2d4e6b7c9d0f1a";

/// The section under a heading, up to the next of its rank.
fn section(heading: &str) -> &'static str {
    let at = PAGE.find(&format!("\n{heading}\n")).expect(heading) + 1;
    let rest = &PAGE[at..];
    let marks = heading.split(' ').next().unwrap();
    let end = rest.find(&format!("\n{marks} ")).unwrap_or(rest.len());
    &rest[..end]
}

/// The blocks of a language in a text.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The rows of a table whose head begins so, without head and line.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The names that a type says it knows: its keys, or its words.
fn names<T: DeserializeOwned>(wrong: &str) -> Vec<String> {
    let Err(error) = serde_json::from_str::<T>(wrong) else {
        panic!("{wrong} is read");
    };
    let told = error.to_string();
    let (_, known) = told.split_once("expected").expect("no names are told");
    let known: Vec<String> = quoted(known)
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    assert!(known.len() > 1, "{told}");
    known
}

#[test]
fn every_key_and_word_of_shapes_stands_on_the_page() {
    const KEY: &str = r#"{"?": 1}"#;
    const WORD: &str = r#""?""#;
    let section = section("## The language of shapes");
    let mut known = [
        names::<UssdFile>(KEY),
        names::<SmsFile>(KEY),
        names::<Retries>(KEY),
        names::<RequestFile>(KEY),
        names::<FieldFile>(KEY),
        names::<PartFile>(KEY),
        names::<ReadsFile>(KEY),
        names::<RuleFile<Is>>(KEY),
        names::<ReplyFile>(KEY),
        names::<PushFile>(KEY),
        names::<LimitsFile>(KEY),
        names::<SampleFile>(KEY),
        names::<IncomingFile>(KEY),
        names::<ReceiptsFile>(KEY),
        names::<SendFile>(KEY),
        names::<TokenFile>(KEY),
        names::<CodingFile>(KEY),
        names::<AnswerFile>(KEY),
        names::<SmsSampleFile>(KEY),
        names::<Known>(WORD),
        names::<Mark>(WORD),
        names::<BodyKind>(WORD),
        names::<Holds>(WORD),
        names::<First>(WORD),
        names::<CodeGiven>(WORD),
        names::<NumberGiven>(WORD),
        names::<SessionIds>(WORD),
        names::<Is>(WORD),
        names::<What>(WORD),
        names::<State>(WORD),
        names::<Cut>(WORD),
        names::<Ids>(WORD),
        names::<Says>(WORD),
        names::<Of>(WORD),
        names::<ReceiptIds>(WORD),
    ]
    .concat();
    let hole = |name: &str| format!("{{{name}}}");
    known.extend(HOLES.iter().map(|(name, _)| hole(name)));
    known.extend(PUSH_HOLES.iter().map(|(name, _)| hole(name)));
    known.extend(SEND_HOLES.iter().map(|(name, _)| hole(name)));
    known.sort();
    known.dedup();
    let told: Vec<&str> = quoted(section);
    let lacks: Vec<&String> = known
        .iter()
        .filter(|name| {
            let with_colon = format!("{name}:");
            !told
                .iter()
                .any(|told| told == name || told.starts_with(&with_colon))
        })
        .collect();
    assert!(lacks.is_empty(), "not on the page: {lacks:?}");
}

#[test]
fn the_limits_are_the_defaults() {
    let section = section("## Limits");
    let http = Http::default();
    let batch = http.body_bytes_max * jisr::http::sms::BATCH;
    for row in [
        format!("| connections at once | {};", http.connections_max),
        format!(
            "within {} ms of its first byte | `header_ms` |",
            http.header_ms
        ),
        format!(
            "| body | {} bytes within {} ms; of `/sms/LINK` {batch} bytes,",
            http.body_bytes_max, http.body_ms
        ),
        format!(
            "| silence on a connection | {} ms | `idle_ms` |",
            http.idle_ms
        ),
    ] {
        assert!(section.contains(&row), "{row}");
    }
    let least = compile::DEADLINE_MS_MIN;
    assert!(PAGE.contains(&format!("from {least}; else that of the shape")));
}

/// What has no setting is a constant of the program, which stands in its source as it does here.
#[test]
fn the_numbers_without_a_setting_are_those_of_the_source() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for (constant, row) in [
        (
            "PAIRS_MAX: usize = 256",
            "| fields of a query or form | 256 |",
        ),
        (
            "VALUE_BYTES_MAX: usize = 4096",
            "| one value | 4096 bytes |",
        ),
        (
            "INPUT_BYTES_MAX: usize = 2048",
            "| what was typed | 2048 bytes |",
        ),
        (
            "SESSION_BYTES_MAX: usize = 128",
            "| session id, code | 1 to 128 bytes |",
        ),
        ("KEY_BYTES_MAX: usize = 256", "together | 256 bytes |"),
        (
            "ELEMENTS_MAX: usize = 2_000",
            "| messages or receipts in a batch | 2000 |",
        ),
        (
            "HEAD_BYTES_MAX: usize = 8 * 1024",
            "| head of a request | 8 KiB,",
        ),
        ("FIELDS_MAX: usize = 32", " 32 fields,"),
        ("SOURCE_BYTES_MAX: usize = 256 * 1024", "at most 256 KiB"),
        (
            "DEADLINE_MARGIN: Duration = Duration::from_secs(1)",
            "| 1 s before the deadline",
        ),
        (
            "ANSWER_MARGIN: Duration = Duration::from_millis(500)",
            "| 0.5 s before the deadline",
        ),
        (
            "SCREEN_WAIT_MAX: Duration = Duration::from_secs(5)",
            "that of the shape, at most 5000 |",
        ),
        (
            "RESUME: Duration = Duration::from_secs(30 * 60)",
            "less than 30 minutes ago",
        ),
    ] {
        assert!(source.contains(constant), "{constant}");
        assert!(PAGE.contains(row), "{row}");
    }
}

#[test]
fn the_sections_that_reports_name_are_there() {
    let headings: Vec<String> = PAGE
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    for name in [
        "turns",
        "typed",
        "repeats",
        "errors",
        "authentication",
        "generic",
        "sms",
        "receipts",
    ] {
        assert!(headings.iter().any(|heading| heading == name), "{name}");
    }
    for link in PAGE.split("](#").skip(1) {
        let name = link.split(')').next().unwrap();
        let anchor = format!("id=\"{name}\"");
        assert!(
            headings.iter().any(|heading| heading == name) || PAGE.contains(&anchor),
            "#{name}"
        );
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for link in PAGE.split("](").skip(1) {
        let file = link.split([')', '#']).next().unwrap();
        assert!(file.is_empty() || docs.join(file).exists(), "{file}");
    }
}

/// A POST with a body; `more` are further headers, a line each.
fn post(path: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    asked("POST", path, kind, more, body)
}

fn asked(method: &str, path: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The headers of a signature.
fn proof(method: &str, path: &str, seconds: u64, nonce: &str, body: &[u8]) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let hash = hex(&Sha256::digest(body));
    let mut mac = hmac::Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{method}\n{path}\n{seconds}\n{nonce}\n{hash}").as_bytes());
    let tag = hex(&mac.finalize().into_bytes());
    format!(
        "x-jisr-timestamp: {seconds}\r\nx-jisr-nonce: {nonce}\r\nx-jisr-signature: v1={tag}\r\n"
    )
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Status and body of an answer.
fn parts(answer: &str) -> (u16, &str) {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.parse().unwrap_or(0), body)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const DIAL: &str = r#"{"session":"s-1","msisdn":"+212661000001","code":"*580#","event":"new","input":"","id":"c-1"}"#;
const DIALLED: &str = "sessionId=s-1&phoneNumber=%2B212661000001&serviceCode=%2A580%23&text=";
const TEXT: &str = r#"{"id":"m-1","from":"+212661000001","to":"5800","text":"TNS"}"#;

/// What comes in, and what is filled into the page's words for it.
struct Case {
    bytes: Vec<u8>,
    /// FIELD, METHOD or TYPE of the page.
    field: &'static str,
    /// Something of the answer where the page has no words for it.
    says: &'static str,
}

/// The callers of the errors' gateway.
#[derive(Default)]
struct Callers(u32);

impl Callers {
    fn nonce(&mut self) -> String {
        self.0 += 1;
        format!("n-{}", self.0)
    }

    fn signed(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
        let more = proof(method, path, now(), &self.nonce(), body);
        asked(method, path, kind, &more, body)
    }

    /// To the link in JSON that signs.
    fn json(&mut self, body: impl AsRef<[u8]>, field: &'static str) -> Case {
        case(
            self.signed("POST", "/ussd/json", JSON, body.as_ref()),
            field,
        )
    }

    /// To the link with a form and a key.
    fn form(&self, body: impl AsRef<[u8]>, field: &'static str) -> Case {
        case(post("/ussd/form", FORM, KEY, body.as_ref()), field)
    }
}

fn case(bytes: Vec<u8>, field: &'static str) -> Case {
    Case {
        bytes,
        field,
        says: "",
    }
}

const KEY: &str = "x-api-key: 5c4f0d7a1e9b3c6f8a2d4e6b7c9d0f1a\r\n";

const LINKS: &str = r#"
[http]
body_ms = 600

[store]
url = "sqlite://jisr-data/jisr.db"

[security]
no_number_on_file = "guide"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "texts"

[[link]]
kind = "ussd-http"
name = "json"
shape = "generic"
services = ["tns"]

[[link.auth]]
kind = "hmac"
secret = "5c4f0d7a1e9b3c6f8a2d4e6b7c9d0f1a"

[[link]]
kind = "ussd-http"
name = "form"
shape = "africastalking"
services = ["tns"]

[[link.auth]]
kind = "key"
header = "x-api-key"
secret = "5c4f0d7a1e9b3c6f8a2d4e6b7c9d0f1a"

[[link]]
kind = "sms-http"
name = "texts"
shape = "generic-sms"
services = ["tns"]
url = "http://127.0.0.1:1"
secret = "sample"

[[link.auth]]
kind = "hmac"
secret = "5c4f0d7a1e9b3c6f8a2d4e6b7c9d0f1a"
"#;

/// The requests of each row of the page's table.
fn cases(call: &mut Callers) -> BTreeMap<&'static str, Vec<Case>> {
    let json = |from: &str, to: &str| DIAL.replace(from, to);
    let form = |from: &str, to: &str| DIALLED.replace(from, to);
    let says = |case: Case, says| Case { says, ..case };
    let large = vec![b'a'; Http::default().body_bytes_max + 1];
    let (stale, early) = (now() - 3_600, now() + 3_600);
    let timed = |call: &mut Callers, at| {
        let more = proof("POST", "/ussd/json", at, &call.nonce(), DIAL.as_bytes());
        case(post("/ussd/json", JSON, &more, DIAL.as_bytes()), "")
    };
    let used = call.json(json("s-1", "s-used"), "");
    let again = case(used.bytes.clone(), "");
    BTreeMap::from([
        (
            "an unknown field",
            vec![
                says(call.json(json("\"id\"", "\"new\":[1],\"id\""), ""), "CNSS"),
                says(call.form(form("text=", "text=&more=1"), ""), "CON CNSS"),
            ],
        ),
        (
            "a missing field",
            vec![
                call.json(json("\"msisdn\":\"+212661000001\",", ""), "msisdn"),
                call.form(form("sessionId=s-1&", ""), "sessionId"),
            ],
        ),
        (
            "a field twice",
            vec![
                call.json(json("\"id\"", "\"code\":\"1\",\"id\""), ""),
                call.form(form("text=", "text=&text=1"), "text"),
            ],
        ),
        (
            "a value of the wrong type",
            vec![
                call.json(json("\"s-1\"", "[1]"), "session"),
                call.json(json("+212661000001", "nobody"), "msisdn"),
                call.form(form("%2B212661000001", "nobody"), "phoneNumber"),
            ],
        ),
        (
            "a value that the operator does not document",
            vec![call.json(json("\"new\"", "\"often\""), "event")],
        ),
        (
            "a code that reaches no service",
            vec![
                call.json(json("*580#", "*999#"), "code"),
                call.form(form("580", "999"), "serviceCode"),
            ],
        ),
        (
            "bytes that are no UTF-8",
            vec![
                call.json([DIAL.as_bytes(), b"\xff"].concat(), ""),
                call.form(form("text=", "text=%FF"), ""),
            ],
        ),
        ("a broken body", vec![call.json("{", "")]),
        (
            "no proof of who calls",
            vec![
                case(post("/ussd/json", JSON, "", DIAL.as_bytes()), ""),
                case(post("/ussd/form", FORM, "", DIALLED.as_bytes()), ""),
            ],
        ),
        (
            "a stale signature",
            vec![timed(call, stale), timed(call, early)],
        ),
        (
            "a link that there is not",
            vec![
                case(post("/ussd/nowhere", JSON, "", DIAL.as_bytes()), ""),
                case(post("/sms/nowhere", JSON, "", TEXT.as_bytes()), ""),
            ],
        ),
        ("a used nonce", vec![used, again]),
        (
            "another path below the link",
            vec![case(
                call.signed("POST", "/ussd/json/more", JSON, DIAL.as_bytes()),
                "",
            )],
        ),
        (
            "another method",
            vec![
                case(call.signed("DELETE", "/ussd/json", JSON, b""), "POST"),
                case(asked("PUT", "/ussd/form", FORM, KEY, b""), "POST"),
            ],
        ),
        (
            "a body that is too slow",
            vec![case(
                b"POST /ussd/json HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{".into(),
                "",
            )],
        ),
        (
            "a body that is too large",
            vec![case(post("/ussd/json", JSON, "", &large), "")],
        ),
        (
            "another content type, another charset, none",
            vec![
                case(
                    call.signed("POST", "/ussd/json", "image/png", DIAL.as_bytes()),
                    JSON,
                ),
                case(
                    post(
                        "/ussd/form",
                        "application/x-www-form-urlencoded; charset=latin1",
                        KEY,
                        DIALLED.as_bytes(),
                    ),
                    FORM,
                ),
                case(
                    format!("POST /ussd/form HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{KEY}content-length: {}\r\n\r\n{DIALLED}", DIALLED.len()).into(),
                    FORM,
                ),
            ],
        ),
        (
            "a header that is too large",
            vec![case(
                post("/ussd/form", FORM, &format!("x-a: {}\r\n", "a".repeat(9_000)), b""),
                "",
            )],
        ),
        (
            "a key press in an unknown session",
            vec![
                says(call.json(json("\"new\",\"input\":\"\"", "\"continue\",\"input\":\"12345\"").replace("s-1", "s-2").replace("c-1", "c-2"), ""), "CNSS"),
                says(call.form(form("text=", "text=12345").replace("s-1", "s-3"), ""), "CON CNSS"),
            ],
        ),
        (
            "any callback while the ledger cannot be written",
            vec![
                says(call.form(form("s-1", "s-4"), ""), "END "),
                says(call.json(json("s-1", "s-4"), ""), "\"continue\":false"),
            ],
        ),
        (
            "an SMS that the ledger cannot take",
            vec![case(
                call.signed("POST", "/sms/texts", JSON, TEXT.as_bytes()),
                "",
            )],
        ),
    ])
}

#[tokio::test]
async fn each_row_of_the_errors_is_so() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jisr.toml"), LINKS).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    let ledger = folder.path().join("jisr-data/jisr.db");
    let mut call = Callers::default();
    let mut cases = cases(&mut call);
    let table = rows(section("## Errors"), "| what comes | answer |");
    assert_eq!(table.len(), cases.len(), "a case for each row");
    for row in table {
        let [what, status, detail] = row.as_slice() else {
            panic!("{row:?}")
        };
        let told = cases.remove(what.as_str());
        let is_full = what.contains("ledger");
        let tables: &[&str] = match what.contains("SMS") {
            true => &[SMS_FULL],
            false => &[USSD_FULL, NONCES_FULL],
        };
        if is_full {
            full(&ledger, tables).await;
        }
        let told = told.unwrap_or_else(|| panic!("no case for the row {what}"));
        let last = told.len() - 1;
        for (at, case) in told.into_iter().enumerate() {
            let answer = exchange(program.http, &case.bytes).await;
            let (came, body) = parts(&answer);
            let expected = match (what.as_str(), at) {
                // The first of the two is taken.
                ("a used nonce", 0) => 200,
                _ => status.parse().unwrap(),
            };
            assert_eq!(came, expected, "{what}: {answer}");
            if !case.says.is_empty() {
                assert!(body.contains(case.says), "{what}: {answer}");
                continue;
            }
            if expected == 200 || expected == 431 {
                continue;
            }
            let words = match detail.as_str() {
                "the same" => vec!["the callback is not authenticated".to_owned()],
                _ => quoted(detail)
                    .iter()
                    .map(|words| {
                        let words = words.split('…').next().unwrap().to_owned();
                        ["FIELD", "METHOD", "TYPE"]
                            .iter()
                            .fold(words, |words, name| words.replace(name, case.field))
                    })
                    .collect(),
            };
            assert!(
                words.iter().any(|words| body.contains(words.as_str())),
                "{what}: {words:?} {answer}"
            );
            if detail.contains("`Allow`") {
                assert!(answer.contains("\r\nallow: POST\r\n"), "{answer}");
            }
            if detail.contains("connection is closed") && at == last {
                assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
            }
        }
        if is_full {
            emptied(&ledger).await;
        }
    }
    let figures = program.shows("/metrics").await;
    for figure in [
        "jisr_callback_unknown_fields_total{link=\"json\"} 1",
        "jisr_callback_unknown_fields_total{link=\"form\"} 1",
        "jisr_callbacks_total{link=\"json\",outcome=\"replayed\"} 1",
        "jisr_callbacks_total{link=\"json\",outcome=\"failed\"} 1",
    ] {
        assert!(figures.contains(figure), "{figure}\n{figures}");
    }
}

const USSD_FULL: &str =
    "CREATE TRIGGER full BEFORE INSERT ON inbox_ussd BEGIN SELECT RAISE(ABORT, 'full'); END";
const NONCES_FULL: &str =
    "CREATE TRIGGER full_too BEFORE INSERT ON nonces BEGIN SELECT RAISE(ABORT, 'full'); END";
const SMS_FULL: &str =
    "CREATE TRIGGER full BEFORE INSERT ON inbox_sms BEGIN SELECT RAISE(ABORT, 'full'); END";

/// The ledger's disk is full.
async fn full(ledger: &Path, triggers: &[&'static str]) {
    for statement in triggers {
        change(ledger, statement).await;
    }
}

async fn emptied(ledger: &Path) {
    for statement in [
        "DROP TRIGGER IF EXISTS full",
        "DROP TRIGGER IF EXISTS full_too",
    ] {
        change(ledger, statement).await;
    }
}

/// Figures and lines of the log that the page names are those of the program's source.
#[test]
fn figures_and_lines_are_in_the_source() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let section = section("## At three in the morning");
    let mut seen = 0;
    for row in rows(section, "| figure |") {
        for figure in quoted(&row[0]) {
            let name = figure.split('{').next().unwrap();
            assert!(source.contains(&format!("\"{name}\"")), "{name}");
            seen += 1;
        }
    }
    for row in rows(section, "| line |") {
        let (lines, _) = row[0].split_once(" with ").unwrap_or((&row[0], ""));
        for line in quoted(lines) {
            assert!(source.contains(&format!("\"{line}\"")), "{line}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

/// All Rust files of a folder.
fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&source(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    text
}

/// Runs a script of the page against a program, in its folder; nothing where a tool of it is not
/// installed.
async fn script(folder: &Path, source: &str, program: &Program) -> Option<String> {
    let ran = tokio::process::Command::new("bash")
        .args([
            "-c",
            &format!("set -eu\ncommand -v openssl curl >&2\n{source}"),
        ])
        .current_dir(folder)
        .env("HOST", format!("http://{}", program.http))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = tokio::time::timeout(SOON, ran)
        .await
        .expect("it does not end");
    let Ok(ran) = ran else {
        eprintln!("not run: there is no bash");
        return None;
    };
    let told = String::from_utf8_lossy(&ran.stderr);
    if !ran.status.success() && ran.stdout.is_empty() {
        eprintln!("not run: {told}");
        return None;
    }
    Some(String::from_utf8(ran.stdout).unwrap())
}

#[tokio::test]
async fn ten_minutes_are_enough() {
    let section = section("## In ten minutes");
    let says = blocks(section, "text");
    let folder = TempDir::new().unwrap();
    let mut sandbox = Program::start(folder.path(), &[]).await;
    let line = blocks(section, "sh").remove(1);
    let body = line.split('\'').nth(1).unwrap();
    let answer = exchange(
        sandbox.http,
        &post("/ussd/sandbox", FORM, "", body.as_bytes()),
    )
    .await;
    assert_eq!(parts(&answer).1.trim_end(), says[0].trim_end());
    assert!(sandbox.stop().await.success());

    let folder = TempDir::new().unwrap();
    let config = blocks(section, "toml").remove(0);
    std::fs::write(folder.path().join("jisr.toml"), config).unwrap();
    std::fs::write(folder.path().join("operator.secret"), format!("{SECRET}\n")).unwrap();
    for arguments in [&["check"][..], &["links", "test", "operator"]] {
        let ended = run(folder.path(), arguments, &[]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.output);
    }
    let program = Program::start(folder.path(), &[]).await;
    let source = blocks(section, "bash").remove(0);
    if let Some(told) = script(folder.path(), &source, &program).await {
        assert_eq!(told, says[1]);
    }
}

#[tokio::test]
async fn the_operator_that_is_not_in_the_list_works() {
    let section = section("## An operator that is not in the list");
    let [shape, asks, posted] = <[String; 3]>::try_from(blocks(section, "yaml")).unwrap();
    simulator::conformance::operator::file::read("posted.yaml", &posted).unwrap();
    let lines = shape.lines().take_while(|line| *line != "samples:").count();
    assert!(lines <= 30, "{lines} lines");
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("shapes")).unwrap();
    std::fs::write(here.join("shapes/atlasphone.yaml"), shape).unwrap();
    std::fs::write(here.join("atlasphone-asks.yaml"), asks).unwrap();
    std::fs::write(here.join("atlas.secret"), SECRET).unwrap();
    std::fs::write(here.join("jisr.toml"), blocks(section, "toml").remove(0)).unwrap();
    for arguments in [
        &["check"][..],
        &["links", "test", "atlas"],
        &["links", "page", "atlasphone"],
    ] {
        let ended = run(here, arguments, &[]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.output);
    }
    let program = Program::start(here, &[]).await;
    let link = format!("/ussd/atlas/{SECRET}");
    let dial = "tel=tel%3A%2B212661000001&sid=1&seq=1&op=D&msg=%2A580%23";
    let answer = exchange(program.http, &post(&link, FORM, "", dial.as_bytes())).await;
    let says = blocks(section, "text").remove(0);
    assert_eq!(parts(&answer).1, says.trim_end());

    let asks = here.join("atlasphone-asks.yaml");
    let target = format!("http://{}/ussd/atlas", program.http);
    let proofs = format!("path:{SECRET}").parse().unwrap();
    let plan = Plan::new(asks.to_str().unwrap(), &target, proofs);
    let report = conformance::run(&plan).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn the_configuration_of_messages_is_proved() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let config = blocks(section("## SMS"), "toml").remove(0);
    std::fs::write(here.join("jisr.toml"), config).unwrap();
    for file in ["texts.token", "texts.secret"] {
        std::fs::write(here.join(file), SECRET).unwrap();
    }
    let ended = command(here, &["check"]).output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

#[tokio::test]
async fn the_configuration_of_posted_screens_is_proved() {
    let section = section("## Screens that are posted");
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let config = blocks(section, "toml").remove(0);
    std::fs::write(here.join("jisr.toml"), &config).unwrap();
    for file in ["hxg.password", "hxg.secret"] {
        std::fs::write(here.join(file), SECRET).unwrap();
    }
    let ended = run(here, &["check"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let ended = run(here, &["links", "test", "hxg"], &[]).await;
    assert!(ended.output.contains("=> POST /"), "{}", ended.output);
    for (from, to, says) in [
        (
            "url = \"https://api.operator.example/ussd\"\n",
            "",
            "link hxg has no url, which its shape posts screens with",
        ),
        (
            "user = \"jisr\"\n",
            "",
            "link hxg has no user, which its shape posts screens with",
        ),
        (
            "secret_file = \"hxg.password\"",
            "",
            "link hxg has no secret, which its shape posts screens with",
        ),
        (
            "\"hxg.password\"",
            "\"nothing.password\"",
            "nothing.password",
        ),
        (
            "user = \"jisr\"",
            "user = \"jisr\"\nsecret = \"S3CRET\"",
            "has a secret and a file with it",
        ),
        (
            "shape = \"integrat\"",
            "shape = \"generic\"",
            "link hxg says how screens are posted, and its shape generic puts them into its answers",
        ),
        (
            "user = \"jisr\"",
            "user = \"jisr\"\nwindow = 0",
            "cannot have so many",
        ),
    ] {
        assert!(config.contains(from), "{from}");
        let wrong = config.replacen(from, to, 1);
        std::fs::write(here.join("jisr.toml"), wrong).unwrap();
        let ended = run(here, &["check"], &[]).await;
        assert_ne!(ended.code, Some(0), "{from}: {}", ended.output);
        // Lines are broken where the terminal ends.
        let told = ended.output.replace("│", " ");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(says), "{says}: {told}");
        assert!(!told.contains("S3CRET"), "{told}");
    }
}

/// Nobody reads what is printed, as behind `| head`.
#[tokio::test]
async fn a_closed_pipe_ends_a_command_quietly() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        &["links", "test", "--shape", "generic", "--json"][..],
        &["links", "test", "--shape", "generic"],
        &["links", "page", "generic"],
        &["check"],
        &["graph"],
        &["talk"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(folder.path(), arguments);
        command.stdout(writer).stderr(Stdio::piped());
        let ended = tokio::time::timeout(SOON, command.output()).await;
        let ended = ended.expect("it does not end").unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), &*told),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}
