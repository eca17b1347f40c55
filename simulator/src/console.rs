//! The message centre on the command line: it listens, and does what lines from standard input say.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::phone::{Happening, Phones};
use crate::smsc::{
    Behaviour, Certificates, Dialect, Dosed, Joining, Listen, Login, Receipts, Settings, Smsc,
    Timing,
};
use crate::world::{PASSWORD, SYSTEM_ID};

/// How long a phone waits for the gateway.
const WAIT: Duration = Duration::from_secs(30);

/// What can be typed while it runs.
pub const LINES: &str = "\
TEXT FROM TO words   a phone sends a text to a short number
DIAL FROM CODE       a phone dials, for example DIAL +212661000001 *580#
KEY FROM words       a phone answers its USSD screen
ABORT FROM           a phone hangs up
CUT FROM             the network loses the phone's session
OFF FROM, ON FROM    a phone is switched off, on
BAD NAME[=DOSE]      a behaviour is switched on
GOOD NAME            … and off
ENQUIRE, UNBIND      on every bind
OUTBIND HOST:PORT    calls a gateway that listens
COUNTS               what went over the wire so far";

/// The options of `simulator smsc`.
#[derive(Args)]
pub struct SmscArgs {
    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 2775)]
    port: u16,
    /// Who may bind
    #[arg(long, default_value = SYSTEM_ID)]
    system_id: String,
    /// With which password
    #[arg(long, default_value = PASSWORD)]
    password: String,
    /// A bad behaviour, always, so many times or by chance: NAME, NAME=3, NAME=30%
    #[arg(long = "behaviour", value_name = "NAME[=DOSE]")]
    behaviours: Vec<Dosed>,
    /// Prints the behaviours and ends
    #[arg(long)]
    list: bool,
    /// Of everything that has chance in it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How USSD is carried: default, sixdee, mica, pssr, notify
    #[arg(long, default_value_t = Dialect::Default)]
    dialect: Dialect,
    /// Its own version: 33, 34 or 50
    #[arg(long, default_value_t = 34, value_parser = clap::value_parser!(u8).range(33..=50))]
    smpp: u8,
    /// How long texts of phones are carried: udh8, udh16, sar, payload
    #[arg(long, default_value = "udh8", value_parser = joining)]
    joining: Joining,
    /// Phones' texts and receipts go as data_sm
    #[arg(long)]
    data_sm: bool,
    /// How much later than the response a receipt comes, in ms
    #[arg(long, default_value_t = 0)]
    receipts_ms: u64,
    /// Sends congestion_state with this load in every response, 0 to 100
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    congestion: Option<u8>,
    /// How much later comes what is late, in ms
    #[arg(long, default_value_t = 15_000)]
    late_ms: u64,
    /// A folder with cert.pem, key.pem and, to ask for certificates, clients.pem
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
}

fn joining(name: &str) -> Result<Joining, String> {
    match name {
        "udh8" => Ok(Joining::Udh8),
        "udh16" => Ok(Joining::Udh16),
        "sar" => Ok(Joining::Sar),
        "payload" => Ok(Joining::Payload),
        other => Err(format!("{other:?} is none of udh8, udh16, sar, payload")),
    }
}

/// One line from standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Text(String, String, String),
    Dial(String, String),
    Key(String, String),
    Abort(String),
    Cut(String),
    Switch(String, bool),
    Bad(Dosed),
    Good(Behaviour),
    Enquire,
    Unbind,
    Outbind(SocketAddr),
    Counts,
    Nothing,
}

impl FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (verb, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        let one = || (!rest.is_empty()).then(|| rest.to_owned());
        let two = || {
            let (first, second) = rest.split_once(' ')?;
            Some((first.to_owned(), second.trim().to_owned()))
        };
        let read = match verb.to_ascii_uppercase().as_str() {
            "" => Some(Self::Nothing),
            "TEXT" => two().and_then(|(from, rest)| {
                let (to, words) = rest.split_once(' ')?;
                Some(Self::Text(from, to.to_owned(), words.to_owned()))
            }),
            "DIAL" => two().map(|(from, code)| Self::Dial(from, code)),
            "KEY" => two().map(|(from, words)| Self::Key(from, words)),
            "ABORT" => one().map(Self::Abort),
            "CUT" => one().map(Self::Cut),
            "OFF" => one().map(|phone| Self::Switch(phone, false)),
            "ON" => one().map(|phone| Self::Switch(phone, true)),
            "BAD" => Some(Self::Bad(rest.parse().map_err(|error| format!("{error}"))?)),
            "GOOD" => Some(Self::Good(
                rest.parse().map_err(|error| format!("{error}"))?,
            )),
            "ENQUIRE" => Some(Self::Enquire),
            "UNBIND" => Some(Self::Unbind),
            "OUTBIND" => Some(Self::Outbind(
                rest.parse().map_err(|error| format!("{rest:?}: {error}"))?,
            )),
            "COUNTS" => Some(Self::Counts),
            _ => None,
        };
        read.ok_or_else(|| format!("this is none of:\n{LINES}"))
    }
}

/// Runs until Ctrl-C, then prints what went over the wire.
///
/// # Errors
/// When the port cannot be listened on, or the certificates cannot be used.
pub async fn smsc(args: SmscArgs) -> io::Result<()> {
    if args.list {
        let line =
            |behaviour: &Behaviour| format!("{:<24}{}\n", behaviour.name(), behaviour.says());
        let lines: String = Behaviour::ALL.iter().map(line).collect();
        return io::stdout().write_all(lines.as_bytes());
    }
    let phones = Phones::new(Some(Arc::new(print)));
    let (smsc, greeting) = start(&args, phones.clone()).await?;
    println!("{greeting}");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut open = true;
    loop {
        tokio::select! {
            told = tokio::signal::ctrl_c() => {
                told?;
                break;
            }
            line = lines.next_line(), if open => match line? {
                None => open = false,
                Some(line) => match line.parse() {
                    Ok(line) => obey(&smsc, &phones, line),
                    Err(error) => eprintln!("{error}"),
                },
            },
        }
    }
    println!("\n{}", counts(&smsc));
    Ok(())
}

async fn start(args: &SmscArgs, phones: Phones) -> io::Result<(Smsc, String)> {
    let tls = match &args.tls {
        Some(folder) => Some(Certificates::read(folder)?),
        None => None,
    };
    let login = Login {
        system_id: args.system_id.clone(),
        password: args.password.clone(),
    };
    let listen = Listen {
        host: args.host,
        port: args.port,
        tls,
    };
    let settings = Settings {
        seed: args.seed,
        dialect: args.dialect,
        // 34 is written 0x34 on the wire.
        version: args.smpp / 10 * 16 + args.smpp % 10,
        joining: args.joining,
        data_sm: args.data_sm,
        congestion: args.congestion,
        receipts: match args.receipts_ms {
            0 => Receipts::AtOnce,
            later => Receipts::After(Duration::from_millis(later)),
        },
        ..Settings::default()
    };
    let smsc = Smsc::with(phones, login, listen, settings).await?;
    smsc.set_timing(Timing {
        late: Duration::from_millis(args.late_ms),
        ..Timing::default()
    });
    for Dosed { behaviour, dose } in &args.behaviours {
        smsc.misbehave(*behaviour, *dose);
    }
    let greeting = format!(
        "The message centre:  {} (SMPP {}.{}{}, system_id \"{}\", password \"{}\", USSD dialect {}, seed {})\n\
         Until Ctrl-C; meanwhile type:\n{LINES}",
        smsc.address(),
        args.smpp / 10,
        args.smpp % 10,
        if args.tls.is_some() { " over TLS" } else { "" },
        args.system_id,
        args.password,
        args.dialect,
        args.seed,
    );
    Ok((smsc, greeting))
}

fn obey(smsc: &Smsc, phones: &Phones, line: Line) {
    let (smsc, phones) = (smsc.clone(), phones.clone());
    match line {
        Line::Nothing => {}
        Line::Text(from, to, words) => {
            tokio::spawn(async move {
                let phone = phones.phone(&from);
                match smsc.text(&phone, &to, &words, WAIT).await {
                    Ok(()) => println!("{from}  the gateway has it"),
                    Err(error) => println!("{from}  {error}"),
                }
            });
        }
        Line::Dial(from, code) => {
            tokio::spawn(async move {
                if let Err(error) = smsc.dial(&phones.phone(&from), &code, WAIT).await {
                    println!("{from}  {error}");
                }
            });
        }
        Line::Key(from, words) => {
            tokio::spawn(async move {
                if let Err(error) = smsc.press(&phones.phone(&from), &words, WAIT).await {
                    println!("{from}  {error}");
                }
            });
        }
        Line::Abort(from) => {
            if let Err(error) = smsc.abort(&phones.phone(&from)) {
                println!("{from}  {error}");
            }
        }
        Line::Cut(from) => smsc.cut(&phones.phone(&from)),
        Line::Switch(from, on) => smsc.switch(phones.phone(&from).number(), on),
        Line::Bad(Dosed { behaviour, dose }) => smsc.misbehave(behaviour, dose),
        Line::Good(behaviour) => smsc.behave(behaviour),
        Line::Enquire => {
            tokio::spawn(async move {
                println!("{} answered enquire_link", smsc.enquire(WAIT).await);
            });
        }
        Line::Unbind => smsc.unbind(),
        Line::Outbind(to) => {
            tokio::spawn(async move {
                if let Err(error) = smsc.outbind(to).await {
                    println!("{to}  {error}");
                }
            });
        }
        Line::Counts => println!("{}", counts(&smsc)),
    }
}

fn counts(smsc: &Smsc) -> String {
    let mut shown = smsc.traffic().to_string();
    for (behaviour, times) in smsc.struck() {
        shown.push_str(&format!("{:<28}{times:>12} times\n", behaviour.name()));
    }
    shown.push_str(&format!("bound now: {}", smsc.bound()));
    shown
}

fn print(number: &str, happening: &Happening) {
    match happening {
        Happening::Shown { screen } => {
            let end = if screen.open { "" } else { " (end)" };
            println!("{number}  screen{end}: {}", screen.text);
        }
        Happening::Received { sms } => println!("{number}  SMS from {}: {}", sms.from, sms.text),
        Happening::HungUp => println!("{number}  hung up"),
        Happening::Dialled { .. } | Happening::Pressed { .. } | Happening::Texted { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smsc::Dose;

    #[test]
    fn lines() {
        let phone = || "+212661000001".to_owned();
        let dosed = Dosed {
            behaviour: Behaviour::NoResponse,
            dose: Dose::Percent(30),
        };
        let table = [
            (
                "TEXT +212661000001 5800 TNS  BE740215",
                Line::Text(phone(), "5800".into(), "TNS  BE740215".into()),
            ),
            (
                "dial +212661000001 *580#",
                Line::Dial(phone(), "*580#".into()),
            ),
            ("KEY +212661000001 1", Line::Key(phone(), "1".into())),
            ("ABORT +212661000001", Line::Abort(phone())),
            ("OFF +212661000001", Line::Switch(phone(), false)),
            ("BAD no-response=30%", Line::Bad(dosed)),
            ("GOOD deaf", Line::Good(Behaviour::Deaf)),
            ("  ", Line::Nothing),
            ("COUNTS", Line::Counts),
        ];
        for (line, expected) in table {
            assert_eq!(line.parse(), Ok(expected), "{line}");
        }
        for line in [
            "TEXT +212661000001 5800",
            "DIAL +212661000001",
            "ABORT",
            "SING",
            "BAD dead",
        ] {
            assert!(line.parse::<Line>().is_err(), "{line}");
        }
    }

    #[test]
    fn every_verb_is_explained() {
        assert!(include_str!("../../README.md").contains(LINES));
        for verb in [
            "TEXT", "DIAL", "KEY", "ABORT", "CUT", "OFF", "ON", "BAD", "GOOD", "ENQUIRE", "UNBIND",
            "OUTBIND", "COUNTS",
        ] {
            assert!(LINES.contains(&format!("{verb} ")) || LINES.contains(&format!("{verb},")));
        }
    }
}
