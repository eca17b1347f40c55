//! The gateway itself before the operators of the simulator, which were written without a look at
//! it: every built-in shape is judged green, and a planted fault red.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use simulator::conformance::operator::{Description, Numbered, Repeat};
use simulator::conformance::report::{Outcome, Report};
use simulator::conformance::sign::Proofs;
use simulator::conformance::sms::run::Patience;
use simulator::conformance::spoil::{self, Fault, Screens};
use simulator::conformance::{self, Plan, operator};
use tempfile::TempDir;

use crate::program::{Program, SOON};

const SECRET: &str = "sample-secret-of-a-link";

/// The shapes that the gateway has built in and switched on, by what they carry. Each has an
/// operator in the simulator.
fn shapes(texts: bool) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/operator/shapes");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".yaml") else {
            continue;
        };
        let text = std::fs::read_to_string(entry.path()).unwrap();
        if text.lines().any(|line| line == "enabled: false") {
            continue;
        }
        match (operator::load(name).unwrap(), texts) {
            (Description::Ussd(_), false) | (Description::Sms(_), true) => {
                names.push(name.to_owned());
            }
            (Description::Ussd(_), true) | (Description::Sms(_), false) => {}
        }
    }
    names.sort();
    assert!(!names.is_empty());
    names
}

/// A secret segment of a path has to be long.
const LONG: &str = "sample0secret0sample0secret0sample";

/// A link for texts that nobody answers at.
pub fn sms_link() -> String {
    "[[link]]\nkind = \"smpp\"\nname = \"smsc\"\nhost = \"127.0.0.1\"\nport = 1\n\
     system_id = \"jisr\"\npassword = \"sample\"\nservices = [\"tns\"]\n"
        .to_owned()
}

/// An address of this machine on which nothing listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Whether the operator of a shape wants its screens in requests of ours.
fn is_pushed(shape: &str) -> bool {
    matches!(operator::load(shape).unwrap(), Description::Ussd(ussd) if ussd.pushed.is_some())
}

/// A link of a shape: its name, its shape, and where its screens go that are posted.
type Link = (String, String, SocketAddr);

/// A gateway with links.
async fn gateway(folder: &TempDir, links: &[Link]) -> Program {
    let mut config = String::from(
        r#"
[store]
url = "sqlite://data/jisr.db"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "smsc"

[[link]]
kind = "smpp"
name = "smsc"
host = "127.0.0.1"
port = 1
system_id = "jisr"
password = "sample"
services = ["tns"]
"#,
    );
    for (name, shape, pushed) in links {
        let address = match is_pushed(shape) {
            true => format!(
                "url = \"http://{pushed}\"\nuser = \"sample-user\"\nsecret = \"sample-secret\"\n"
            ),
            false => String::new(),
        };
        config.push_str(&format!(
            r#"
[[link]]
kind = "ussd-http"
name = "{name}"
shape = "{shape}"
services = ["tns"]
{address}
[[link.auth]]
kind = "hmac"
secret = "{SECRET}"
"#
        ));
    }
    std::fs::write(folder.path().join("jisr.toml"), config).unwrap();
    Program::start(folder.path(), &[]).await
}

/// The rule of a link that wants [`proofs`].
pub fn hmac_rule() -> String {
    format!("kind = \"hmac\"\nsecret = \"{SECRET}\"\n")
}

pub fn proofs() -> Proofs {
    format!("hmac:{SECRET}").parse().unwrap()
}

/// What an operator is promised to play, and the lines of which one at least is it.
type Kinds = &'static [(&'static str, &'static [&'static str])];

const USSD_KINDS: Kinds = &[
    ("new", &["ussd.new"]),
    ("continue", &["ussd.continue"]),
    ("abort", &["ussd.end"]),
    ("time-out", &["ussd.timeout"]),
    ("two whose numbers came first", &["ussd.whose"]),
    ("repeated", &["repeat.in-turn", "repeat.unmarked"]),
    (
        "repeated first",
        &["repeat.of-the-first", "repeat.unmarked"],
    ),
    ("repeated at once", &["repeat.at-once", "repeat.unmarked"]),
    ("reordered", &["repeat.reordered", "repeat.unmarked"]),
    ("Arabic", &["typed.arabic-text"]),
    ("Arabic digits", &["typed.arabic-digits"]),
    ("long", &["typed.160"]),
    ("very long", &["typed.2000"]),
    ("no signature", &["auth.unsigned"]),
    ("a wrong signature", &["auth.wrong"]),
    ("a changed request", &["auth.changed"]),
    ("an old signature", &["auth.stale"]),
    ("a used nonce", &["auth.replayed"]),
    ("oversized", &["error.too-large"]),
    ("malformed", &["error.malformed"]),
    ("a missing field", &["error.missing"]),
];

const SMS_KINDS: Kinds = &[
    ("new", &["sms.answered"]),
    ("repeated", &["sms.repeated"]),
    ("reordered parts", &["sms.parts"]),
    ("a batch", &["sms.batch"]),
    ("Arabic", &["sms.arabic"]),
    ("long", &["sms.long"]),
    ("receipts", &["receipt.states"]),
    ("repeated receipts", &["receipt.repeated"]),
    ("early receipts", &["receipt.early"]),
    ("no signature", &["auth.unsigned"]),
    ("a wrong signature", &["auth.wrong"]),
    ("a changed request", &["auth.changed"]),
    ("an old signature", &["auth.stale"]),
    ("a used nonce", &["auth.replayed"]),
    ("oversized", &["error.too-large"]),
    ("malformed", &["error.malformed"]),
    ("a missing field", &["error.missing"]),
];

/// What a description itself says of kinds that its contract has no room for.
fn reasons(shape: &str) -> Vec<(&'static str, String)> {
    match operator::load(shape).unwrap() {
        Description::Ussd(ussd) => {
            let bodies = [&ussd.ask, &ussd.new, &ussd.more];
            let has_body = bodies.iter().any(|ask| {
                ask.json.is_some()
                    || ask.xml.is_some()
                    || ask.text.is_some()
                    || !ask.form.is_empty()
            });
            let told = ussd.number == Numbered::Always || !ussd.session_id;
            let told = told.then(|| "a number comes with every key press".to_owned());
            let no_body = (!has_body).then(|| "the operator sends no body".to_owned());
            [
                ("abort", ussd.lacks.end),
                ("time-out", ussd.lacks.timeout),
                ("two whose numbers came first", told),
                ("malformed", no_body),
            ]
            .into_iter()
            .filter_map(|(kind, reason)| Some((kind, reason?)))
            .collect()
        }
        Description::Sms(sms) => {
            let has_body = sms.ask.json.is_some() || !sms.ask.form.is_empty();
            [
                (
                    "repeated",
                    sms.repeat == Repeat::None,
                    "nothing by which a repeat is recognised",
                ),
                (
                    "reordered parts",
                    sms.part.is_none(),
                    "the operator sends texts whole",
                ),
                (
                    "a batch",
                    sms.batch.is_none(),
                    "the operator sends each text alone",
                ),
                ("malformed", !has_body, "the operator sends no body"),
            ]
            .into_iter()
            .filter(|(_, lacks, _)| *lacks)
            .map(|(kind, _, reason)| (kind, reason.to_owned()))
            .collect()
        }
    }
}

/// The kinds that were neither played nor have the reason of the description, a line each.
fn unplayed(report: &Report, kinds: Kinds, reasons: &[(&str, String)]) -> String {
    let mut missing = String::new();
    for (kind, names) in kinds {
        let lines = || {
            report
                .lines
                .iter()
                .filter(|line| names.contains(&line.name))
        };
        if lines().any(|line| line.outcome != Outcome::NotRun) {
            continue;
        }
        let told = reasons.iter().any(|(known, reason)| {
            known == kind && lines().any(|line| line.why.contains(reason.as_str()))
        });
        if !told {
            let why: Vec<&str> = lines().map(|line| line.why.as_str()).collect();
            missing.push_str(&format!(
                "{}: {kind} is not played: {why:?}\n",
                report.shape
            ));
        }
    }
    missing
}

async fn judged(target: &str, shape: &str, pushed: SocketAddr) -> Report {
    let plan = Plan {
        listen: pushed,
        ..Plan::new(shape, target, proofs())
    };
    conformance::run(&plan).await.unwrap()
}

#[tokio::test]
async fn every_shape_is_green() {
    let folder = TempDir::new().unwrap();
    let (shapes, pushed) = (shapes(false), free());
    let links: Vec<Link> = shapes
        .iter()
        .map(|shape| (shape.clone(), shape.clone(), pushed))
        .collect();
    let program = gateway(&folder, &links).await;
    let mut red = String::new();
    for shape in shapes {
        let target = format!("http://{}/ussd/{shape}", program.http);
        let report = judged(&target, &shape, pushed).await;
        if !report.is_clean() {
            red.push_str(&report.to_string());
        }
        red.push_str(&unplayed(&report, USSD_KINDS, &reasons(&shape)));
    }
    assert!(red.is_empty(), "{red}");
}

#[tokio::test]
async fn a_planted_fault_is_red() {
    let folder = TempDir::new().unwrap();
    let rows = [
        ("africastalking", Fault::MarkerLost, "answer.marker"),
        ("africastalking", Fault::MarkerSwapped, "ussd.new"),
        ("africastalking", Fault::ByteOrderMark, "answer.clean"),
        ("africastalking", Fault::LeadingSpace, "answer.clean"),
        ("generic", Fault::WrongType, "answer.type"),
        ("generic", Fault::TooLong, "answer.limit"),
        ("generic", Fault::SessionSwapped, "answer.fields"),
        (
            "africastalking",
            Fault::RepeatDiffers,
            "repeat.in-turn repeat.of-the-first repeat.at-once",
        ),
        ("generic", Fault::FieldNotNamed, "error.missing"),
        (
            "africastalking",
            Fault::DuplicateAccepted,
            "error.duplicate",
        ),
        ("generic", Fault::BareFiveHundred, "error.malformed"),
        ("generic", Fault::ContentTypeAccepted, "error.content-type"),
        ("generic", Fault::MethodAccepted, "error.method"),
        ("africastalking", Fault::ErrorEcho, "error.quiet"),
        ("infobip", Fault::ErrorFormLost, "error.form"),
        ("madapi", Fault::ErrorFormLost, "error.form"),
        ("mtn-rwanda", Fault::ErrorFormLost, "error.form"),
        (
            "africastalking",
            Fault::UnsignedAccepted,
            "auth.unsigned auth.nothing-learned",
        ),
        ("africastalking", Fault::StaleAccepted, "auth.stale"),
        ("generic", Fault::RefusalTells, "auth.nothing-learned"),
        ("integrat", Fault::PostedTwice, "posted.once"),
        ("integrat", Fault::PostedLate, "posted.once"),
        ("integrat", Fault::WrongSecret, "ussd.new"),
        ("integrat", Fault::MarkerSwapped, "ussd.new"),
        ("integrat", Fault::MarkerLost, "answer.marker"),
        ("integrat", Fault::TooLong, "answer.limit"),
        ("integrat", Fault::WrongType, "answer.type"),
    ];
    // A link for each row, for the spoiler stands between it and the operator on both ways. Its
    // port is held until then.
    let ports = rows.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let links: Vec<Link> = rows
        .iter()
        .zip(&ports)
        .enumerate()
        .map(|(row, ((shape, _, _), port))| {
            let posts = port.local_addr().unwrap();
            (format!("l{row}"), (*shape).to_owned(), posts)
        })
        .collect();
    let program = gateway(&folder, &links).await;
    for (((shape, fault, lines), (name, _, posts)), port) in rows.into_iter().zip(links).zip(ports)
    {
        drop(port);
        let operator = free();
        let screens = is_pushed(shape).then(|| Screens {
            listen: posts,
            operator: format!("http://{operator}"),
        });
        let plan = spoil::Plan {
            origin: format!("http://{}", program.http),
            description: operator::load(shape).unwrap(),
            proofs: proofs(),
            fault,
            late: Duration::ZERO,
            screens,
        };
        let spoiler = spoil::start(plan, SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let report = judged(&format!("{}/ussd/{name}", spoiler.url()), shape, operator).await;
        assert_eq!(report.failed().join(" "), lines, "{fault:?}: {}", report);
    }
}

/// A gateway with one link that carries texts, judged.
async fn texts(shape: String) -> Report {
    let listen = free();
    let folder = TempDir::new().unwrap();
    let config = format!(
        r#"
[[link]]
kind = "sms-http"
name = "api"
shape = "{shape}"
services = ["tns"]
url = "http://{listen}"
user = "sample-user"
secret = "sample-secret"
public_url = "https://gateway.example"

[[link.auth]]
kind = "hmac"
secret = "{SECRET}"
"#
    );
    std::fs::write(folder.path().join("jisr.toml"), config).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    let target = format!("http://{}/sms/api", program.http);
    let plan = Plan {
        listen,
        patience: Patience {
            comes: SOON,
            quiet: Duration::from_millis(700),
        },
        ..Plan::new(&shape, &target, proofs())
    };
    conformance::run(&plan).await.unwrap()
}

#[tokio::test]
async fn every_shape_of_texts_is_green() {
    let mut judging = tokio::task::JoinSet::new();
    for shape in shapes(true) {
        judging.spawn(texts(shape));
    }
    let mut red = String::new();
    while let Some(report) = judging.join_next().await {
        let report = report.unwrap();
        if !report.is_clean() {
            red.push_str(&report.to_string());
        }
        red.push_str(&unplayed(&report, SMS_KINDS, &reasons(&report.shape)));
    }
    assert!(red.is_empty(), "{red}");
}

#[tokio::test]
async fn every_proof_is_judged() {
    let folder = TempDir::new().unwrap();
    let mut config = String::new();
    let kinds = [
        (
            "generic",
            "basic",
            "basic:sample-user:SECRET",
            "user = \"sample-user\"",
        ),
        ("generic", "bearer", "bearer:SECRET", ""),
        (
            "generic",
            "key",
            "key:x-api-key:SECRET",
            "header = \"x-api-key\"",
        ),
        ("generic", "path", "path:SECRET", ""),
        ("africastalking", "vonage", "vonage:SECRET", ""),
        (
            "africastalking",
            "vonage",
            "vonage-sha256:SECRET",
            "method = \"sha256\"",
        ),
        ("africastalking", "twilio", "twilio:SECRET", ""),
    ];
    for (number, (shape, kind, _, more)) in kinds.iter().enumerate() {
        let public = match *kind {
            "twilio" => "public_url = \"https://gateway.example\"",
            _ => "",
        };
        config.push_str(&format!(
            "[[link]]\nkind = \"ussd-http\"\nname = \"l{number}\"\nshape = \"{shape}\"\n\
             services = [\"tns\"]\n{public}\n\
             [[link.auth]]\nkind = \"{kind}\"\nsecret = \"{LONG}\"\n{more}\n"
        ));
    }
    // Answers need somewhere to go, too.
    config.push_str(&sms_link());
    std::fs::write(folder.path().join("jisr.toml"), config).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    for (number, (shape, _, proof, _)) in kinds.iter().enumerate() {
        let target = format!("http://{}/ussd/l{number}", program.http);
        let proofs = proof.replace("SECRET", LONG).parse().unwrap();
        let plan = Plan {
            public_url: Some("https://gateway.example"),
            ..Plan::new(shape, &target, proofs)
        };
        let report = conformance::run(&plan).await.unwrap();
        assert!(report.is_clean(), "{proof}\n{report}");
        assert!(
            !report.json().contains(LONG),
            "{proof}: a report shows a secret"
        );
    }
}
