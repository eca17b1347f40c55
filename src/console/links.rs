//! `jisr links`: how the links of the running gateway stand, and how their shapes read.

mod page;
mod test;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::clock::Moment;
use crate::console::out::say;
use crate::console::{Failure, out, parts};
use crate::smpp::status::{BindStatus, LinkStatus};
use crate::system::SystemClock;

/// How long the gateway may take to answer.
const WAIT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The options of `jisr links`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LinksArguments {
    /// Print what the gateway answers, as JSON.
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<LinksCommand>,
}

#[derive(Subcommand)]
enum LinksCommand {
    /// Play the samples of the links' shapes through parse and reply, and show the bytes.
    ///
    /// No gateway has to run. A sample that is read or answered otherwise than it says is a finding.
    Test(test::TestArguments),
    /// Print a shape as a page, in Markdown, to be handed to the operator's engineers.
    ///
    /// Those of the built-in shapes are in docs/shapes/.
    Page(page::PageArguments),
}

/// Asks the gateway that the configuration describes, and prints its links.
///
/// # Errors
/// [`Failure`] when no gateway runs there or its answer cannot be read.
pub fn run(config: Option<&Path>, arguments: &LinksArguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(LinksCommand::Test(options)) => test::run(config, options),
        Some(LinksCommand::Page(options)) => page::run(config, options),
        None => status(config, arguments),
    }
}

fn status(config: Option<&Path>, arguments: &LinksArguments) -> Result<(), Failure> {
    let config = parts::config(config)?;
    let body = ask(config.admin.listen, "/links")?;
    let links: Vec<LinkStatus> = serde_json::from_str(&body).map_err(|_| {
        Failure::Failed(format!(
            "what listens on {} is no gateway of this version",
            config.admin.listen
        ))
    })?;
    if arguments.json {
        say!("{}", body.trim_end())?;
    } else {
        use crate::clock::Clock;
        out::text(&table(&links, SystemClock.now()))?;
    }
    Ok(())
}

/// The body of what the administration listener answers.
fn ask(address: SocketAddr, path: &str) -> Result<String, Failure> {
    let silent = |error: std::io::Error| {
        Failure::Failed(format!(
            "no gateway answers on {address} (admin.listen): {error}\n  help: start it with jisr serve, or name its configuration with --config"
        ))
    };
    let mut stream = TcpStream::connect_timeout(&address, WAIT).map_err(silent)?;
    stream.set_read_timeout(Some(WAIT)).map_err(silent)?;
    stream.set_write_timeout(Some(WAIT)).map_err(silent)?;
    // Version 1.0 has no chunks and ends with the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(silent)?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .map_err(silent)?;
    let answer = String::from_utf8_lossy(&answer);
    let strange = || {
        Failure::Failed(format!(
            "what listens on {address} (admin.listen) is no gateway of this version"
        ))
    };
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(strange)?;
    let status = head.split(' ').nth(1).ok_or_else(strange)?;
    if status != "200" {
        return Err(strange());
    }
    Ok(body.to_owned())
}

/// The links as people read them.
fn table(links: &[LinkStatus], now: Moment) -> String {
    if links.is_empty() {
        return "no link of kind smpp\n".to_owned();
    }
    let mut text = String::new();
    for link in links {
        let rate = match (link.rate, link.limit) {
            (None, _) => "no limit".to_owned(),
            (Some(rate), None) => format!("{rate:.1} parts/s, slowed"),
            (Some(rate), Some(limit)) => format!("{rate:.1} of {limit:.1} parts/s"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {}  {rate}, {} waiting",
            link.link, link.peer, link.queued
        );
        let _ = writeln!(
            text,
            "  {:16}{:11}{:>8}{:>8}{:>10}{:>10}{:>10}{:>8}{:>10}{:>9}{:>6}",
            "bind",
            "state",
            "since",
            "window",
            "submitted",
            "answered",
            "throttled",
            "unknown",
            "received",
            "receipts",
            "odd"
        );
        for bind in &link.binds {
            line(&mut text, bind, now);
        }
    }
    text
}

fn line(text: &mut String, bind: &BindStatus, now: Moment) {
    let figures = bind.figures;
    let _ = writeln!(
        text,
        "  {:16}{:11}{:>8}{:>8}{:>10}{:>10}{:>10}{:>8}{:>10}{:>9}{:>6}",
        bind.bind,
        bind.state.as_str(),
        ago(bind.since, now),
        format!("{}/{}", bind.in_flight, bind.window),
        figures.submitted,
        figures.answered,
        figures.throttled,
        figures.unknown,
        figures.received,
        figures.receipts,
        figures.odd
    );
    if let Some(error) = &bind.last_error {
        let _ = writeln!(
            text,
            "    last error {} ago: {}",
            ago(error.at, now),
            error.cause
        );
    }
}

/// A time that has passed, in its largest unit.
fn ago(at: Moment, now: Moment) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}min", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::smpp::status::{BindState, Figures, LastError};

    fn link() -> LinkStatus {
        let bind = |bind: &str, state, since| BindStatus {
            bind: bind.to_owned(),
            state,
            since: Moment::from_ms(since),
            last_error: None,
            window: 10,
            in_flight: 3,
            figures: Figures {
                bound: 1,
                submitted: 1_204,
                answered: 1_201,
                throttled: 17,
                unknown: 0,
                received: 990,
                receipts: 950,
                odd: 2,
            },
        };
        LinkStatus {
            link: "iam".to_owned(),
            peer: "smsc.example:2775".to_owned(),
            rate: Some(4.5),
            limit: Some(50.0),
            queued: 2,
            binds: vec![
                bind("transmitter 1", BindState::Bound, 0),
                BindStatus {
                    last_error: Some(LastError {
                        at: Moment::from_ms(7_190_000),
                        cause: "nothing listens there".to_owned(),
                    }),
                    window: 0,
                    in_flight: 0,
                    figures: Figures::default(),
                    ..bind("receiver 1", BindState::Waiting, 7_195_000)
                },
            ],
        }
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(table(&[link()], Moment::from_ms(7_200_000)));
        assert_eq!(table(&[], Moment::from_ms(0)), "no link of kind smpp\n");
    }

    #[test]
    fn json_comes_back() {
        let text = serde_json::to_string(&[link()]).unwrap();
        assert!(text.contains("\"state\":\"bound\""), "{text}");
        assert_eq!(
            serde_json::from_str::<Vec<LinkStatus>>(&text).unwrap(),
            [link()]
        );
    }

    #[test]
    fn nobody_there_is_said_clearly() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let Err(Failure::Failed(text)) = ask(address, "/links") else {
            panic!("an answer out of nowhere")
        };
        assert!(text.contains("no gateway answers on 127.0.0.1:"), "{text}");
        assert!(text.contains("jisr serve"), "{text}");
    }
}
