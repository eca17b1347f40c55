//! `tests/conversations/*.txt`: what a subscriber types and sees, as text. `UPDATE_EXPECT=1`
//! rewrites the right side; the left side is what people do.
//!
//! A file's head may hold `policy: agency`, `limit: 160/70`. Then, line by line:
//!
//! ```text
//! > *580#            a dial; *580*1*1# is a dial string
//! > 2                a key press; {code} stands for the last one-time code
//! > sms TEXT         a text to the short number
//! > as NUMBER        another phone
//! > hang             the session is cut
//! > repeat           the last callback again
//! > path 1*2         a callback with this path in the open session
//! > session NAME     goes back to a session by its name (s1, s2, …)
//! > wait 31m         time goes by (s, m or h)
//! > registry down    or up, or mute (it acts, and its answer is lost)
//! > operator refuses or loses, or takes: what becomes of the next messages
//! > restart          the process dies and another one opens the ledger
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use jisr::book::NoNumberOnFile;
use jisr::screen::Limit;
use jisr::screen::alphabet::{Alphabet, measure, sms_parts};
use jisr::store::{PartOutcome, Reply};

use crate::phone::{Mood, Setup, World};

/// Conversations played at the same time; they wait for the disk most of the time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let only = std::env::var("CONVERSATION").ok();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "txt"));
    files.retain(|file| {
        only.as_ref()
            .is_none_or(|only| file.to_string_lossy().contains(only.as_str()))
    });
    files.sort();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differing = Vec::new();
    let plays = files.iter().map(|file| {
        let script = std::fs::read_to_string(file).unwrap();
        async move { (file, play(&script).await, script) }
    });
    let mut plays = futures_util::stream::iter(plays).buffered(AT_ONCE);
    while let Some((file, played, script)) = plays.next().await {
        if played == script {
            continue;
        }
        if update {
            std::fs::write(file, &played).unwrap();
        } else {
            differing.push(format!(
                "{}\n{}",
                file.display(),
                difference(&script, &played)
            ));
        }
    }
    assert!(
        differing.is_empty(),
        "UPDATE_EXPECT=1 rewrites them:\n{}",
        differing.join("\n")
    );
    assert!(
        only.is_some() || files.len() >= 40,
        "{} conversations",
        files.len()
    );
}

/// The first lines that differ, with some before them.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), actual.lines().collect());
    let at = expected
        .iter()
        .zip(&actual)
        .position(|(one, two)| one != two)
        .unwrap_or(expected.len().min(actual.len()));
    let from = at.saturating_sub(4);
    let part = |lines: &[&str]| lines[from.min(lines.len())..lines.len().min(at + 8)].join("\n");
    format!(
        "line {}\n--- expected\n{}\n--- actual\n{}\n",
        at + 1,
        part(&expected),
        part(&actual)
    )
}

/// The phone in hand.
struct Hand {
    world: World,
    limit: Limit,
    phone: String,
    session: Option<(String, Vec<String>)>,
    sessions: Vec<(String, Vec<String>)>,
    code: String,
}

/// Plays the left side of a script, and writes both sides.
async fn play(script: &str) -> String {
    let mut setup = Setup::default();
    for line in script.lines().take_while(|line| !line.starts_with('>')) {
        match line.split_once(": ") {
            Some(("policy", "agency")) => setup.policy = NoNumberOnFile::Agency,
            Some(("limit", limit)) => {
                let (septets, units) = limit.split_once('/').unwrap();
                setup.limit = Limit {
                    septets: septets.parse().unwrap(),
                    units: units.parse().unwrap(),
                };
            }
            _ => {}
        }
    }
    let mut hand = Hand {
        world: World::new(setup).await,
        limit: setup.limit,
        phone: "+212661000001".to_owned(),
        session: None,
        sessions: Vec::new(),
        code: String::new(),
    };
    let mut out = String::new();
    for line in script.lines() {
        if let Some(does) = line.strip_prefix("> ") {
            let _ = writeln!(out, "{line}");
            hand = hand.does(does.trim(), &mut out).await;
        } else if !(line.starts_with(' ') || line.starts_with("sms ")) {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

impl Hand {
    async fn does(mut self, does: &str, out: &mut String) -> Self {
        match does.split_once(' ').unwrap_or((does, "")) {
            ("sms", text) => {
                let text = text.replace("{code}", &self.code);
                self.world.text(&self.phone, &text).await;
            }
            ("as", number) => {
                self.phone = number.to_owned();
                self.session = None;
            }
            ("hang", "") => self.session = None,
            ("repeat", "") => self.callback(out).await,
            ("path", path) => {
                let (id, _) = self.session.clone().unwrap();
                let reply = self.world.callback(&self.phone, &id, path).await;
                self.show(&reply, out);
            }
            ("session", name) => {
                self.session = self
                    .sessions
                    .iter()
                    .rev()
                    .find(|(id, _)| id == name)
                    .cloned();
            }
            ("wait", time) => self.world.wait(duration(time)).await,
            ("registry", mood) => self.world.registry.set(match mood {
                "up" => Mood::Up,
                "down" => Mood::Down,
                "mute" => Mood::Mute,
                other => panic!("registry {other}"),
            }),
            ("operator", word) => self.world.operator_says(match word {
                "takes" => None,
                "refuses" => Some(PartOutcome::Refused("smpp 0x0b".to_owned())),
                "loses" => Some(PartOutcome::Unknown),
                other => panic!("operator {other}"),
            }),
            ("restart", "") => self.world = self.world.reborn().await,
            _ if does.starts_with('*') && does.ends_with('#') => {
                let path = does
                    .trim_start_matches("*580")
                    .trim_end_matches('#')
                    .trim_start_matches('*');
                let path = path
                    .split('*')
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect();
                let id = format!("s{}", self.sessions.len() + 1);
                self.sessions.push((id.clone(), Vec::new()));
                self.session = Some((id, path));
                self.callback(out).await;
            }
            _ => {
                let typed = does.replace("{code}", &self.code);
                let Some((_, path)) = &mut self.session else {
                    panic!("no session is open: {does}")
                };
                path.push(typed);
                self.callback(out).await;
            }
        }
        self.world.settle().await;
        for (to, letter) in self.world.mail() {
            if let Some(code) = six_digits(&letter.text) {
                self.code = code;
            }
            let (alphabet, cost) = measure(&letter.text);
            let unit = unit(alphabet);
            let parts = sms_parts(&letter.text);
            let _ = writeln!(
                out,
                "sms {} [{cost} {unit}, {parts} part{}]",
                to.as_str(),
                if parts == 1 { "" } else { "s" }
            );
            block(&letter.text, out);
        }
        self
    }

    async fn callback(&mut self, out: &mut String) {
        let (id, path) = self.session.clone().unwrap();
        let reply = self.world.callback(&self.phone, &id, &path.join("*")).await;
        if let Some(kept) = self.sessions.iter_mut().find(|(known, _)| *known == id) {
            kept.1 = path;
        }
        self.show(&reply, out);
    }

    fn show(&self, reply: &Reply, out: &mut String) {
        block(&reply.text, out);
        let (alphabet, cost) = measure(&reply.text);
        let limit = match alphabet {
            Alphabet::Gsm7 => self.limit.septets,
            Alphabet::Ucs2 => self.limit.units,
        };
        assert!(cost <= limit, "{cost}/{limit}: {}", reply.text);
        let end = if reply.ends { ", end" } else { "" };
        let _ = writeln!(
            out,
            "{:>60}",
            format!("[{cost}/{limit} {}{end}]", unit(alphabet))
        );
    }
}

fn unit(alphabet: Alphabet) -> &'static str {
    match alphabet {
        Alphabet::Gsm7 => "gsm7",
        Alphabet::Ucs2 => "ucs2",
    }
}

fn block(text: &str, out: &mut String) {
    for line in text.lines() {
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
    }
}

/// A run of exactly six digits.
fn six_digits(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == 6)
        .map(str::to_owned)
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap();
    Duration::from_secs(match unit {
        "s" => number,
        "m" => number * 60,
        "h" => number * 3600,
        other => panic!("unit {other}"),
    })
}
