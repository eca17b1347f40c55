//! The command line.

// What is printed goes through `out`, which knows that a pipe may be closed.
#![deny(clippy::print_stdout)]

pub mod check;
pub mod files;
pub mod import;
pub mod links;
pub mod out;
pub mod outbox;
pub mod parts;
pub mod serve;
pub mod shapes;
pub mod talk;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Jisr, the gateway between basic phones and the social-security registry.
///
/// Without a configuration it runs a sandbox: sample people, a SQLite file, loopback only.
/// Try `jisr talk` for a phone in this terminal, or `jisr serve` and the curl line that it prints.
#[derive(Parser)]
#[command(name = "jisr", version, about, long_about, max_term_width = 100)]
pub struct Arguments {
    /// The configuration; `jisr.toml` in this folder is taken if it is there.
    #[arg(long, global = true, env = "JISR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway: operators' callbacks, SMPP binds, administration.
    ///
    /// Settings come from jisr.toml and, over it, from the environment as JISR_SECTION__KEY:
    /// JISR_HTTP__LISTEN=127.0.0.1:8080, JISR_ADMIN__LISTEN, JISR_STORE__URL=sqlite:///srv/jisr.db,
    /// JISR_LOG__FORMAT=json. Without any it runs the sandbox on a link of that name, and prints a
    /// curl line to try. It ends at SIGTERM or Ctrl-C, after what is under way.
    Serve,
    /// A phone in the terminal, with the sandbox's people; no network.
    ///
    /// Dial *580#, press keys, write `sms TEXT`; `help` says the rest. Each screen shows what it
    /// takes in septets (of 182) or UCS-2 units (of 80).
    Talk(talk::TalkArguments),
    /// Prove dialogs and texts before they go live.
    Check(check::CheckArguments),
    /// Draw a dialog, as DOT or as Mermaid.
    Graph(check::GraphArguments),
    /// Bring in people, categories or points from a file; all of it or nothing.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Show how the SMPP links of the running gateway stand; try the shapes of HTTP links.
    ///
    /// It asks the administration listener of the configuration (admin.listen): each bind with its
    /// state, the last thing that went wrong, its window and what it has done.
    Links(links::LinksArguments),
    /// Show what waits in the outbox and what failed; send again, cancel, hold, release.
    ///
    /// It reads the ledger itself (store.url), beside a running gateway or without one, and shows no
    /// text, no code and no number in the clear.
    Outbox(outbox::OutboxArguments),
}

/// Why a command ended badly.
pub enum Failure {
    /// What was asked for could not be done: exit code 1. The text is for people.
    Failed(String),
    /// How it was asked for is wrong: exit code 2.
    Usage(String),
    /// Nobody reads what is printed any more: exit code 0, and nothing is said.
    Closed,
}

impl Failure {
    /// A failure from anything that can be printed.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.config;
    let result = match arguments.command {
        Command::Serve => serve::run(config.as_deref()),
        Command::Talk(options) => talk::run(config.as_deref(), &options),
        Command::Check(options) => check::run(config.as_deref(), &options),
        Command::Graph(options) => check::graph(&options),
        Command::Import(command) => import::run(config.as_deref(), &command),
        Command::Links(options) => links::run(config.as_deref(), &options),
        Command::Outbox(options) => outbox::run(config.as_deref(), &options),
    };
    match result {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => ended(&text, 1),
        Err(Failure::Usage(text)) => ended(&text, 2),
    }
}

/// Says why, where anybody reads it.
fn ended(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
