//! The outside world on the command line: a phone and its operator around a gateway that runs
//! already, the agency's registry, and load.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use simulator::conformance::command::{self, ConformanceArgs};
use simulator::conformance::spoil::{self, SpoilArgs};
use simulator::console::SmscArgs;
use simulator::registry::{Mood, Registry};
use simulator::world::{CODE, PASSWORD, SHORT_NUMBER, SYSTEM_ID, World};
use simulator::{console, load, page};

/// The outside world of a gateway: phones, an operator, the agency's registry, load. All sample.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A web page with a phone, the operator behind it, and a message centre to bind to
    Phone(PhoneArgs),
    /// The agency's registry with the sample people
    Registry(RegistryArgs),
    /// A message centre to bind to, well or badly behaved, and phones that are typed
    Smsc(Box<SmscArgs>),
    /// Acts as an operator against a running gateway and prints a report
    Conformance(Box<ConformanceArgs>),
    /// Stands in front of a good gateway and spoils its answers, to see what the report says
    Spoil(Box<SpoilArgs>),
    /// Many callbacks or texts at once, or many idle links
    Load {
        #[command(subcommand)]
        what: LoadWhat,
    },
}

#[derive(Args)]
struct PhoneArgs {
    /// Where the gateway takes callbacks
    #[arg(long, default_value = "http://127.0.0.1:8080/ussd/sandbox")]
    callback: String,
    /// The port of the message centre; 0 takes a free one
    #[arg(long, default_value_t = 2775)]
    smpp_port: u16,
    /// The port of the page; 0 takes a free one
    #[arg(long, default_value_t = 8580)]
    port: u16,
}

#[derive(Args)]
struct RegistryArgs {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8590)]
    port: u16,
    /// What the gateway has to show as `Authorization: Bearer`
    #[arg(long, env = "SIMULATOR_TOKEN", default_value = "sample-token")]
    token: String,
    /// How it behaves
    #[arg(long, value_enum, default_value_t = MoodArg::Well)]
    mood: MoodArg,
    /// How much later it answers with `--mood slow`, in ms
    #[arg(long, default_value_t = 2_000)]
    slow_ms: u64,
    /// How often it fails with `--mood fails`
    #[arg(long, default_value_t = 3)]
    fails: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum MoodArg {
    Well,
    Slow,
    Down,
    Silent,
    Fails,
}

#[derive(Subcommand)]
enum LoadWhat {
    /// USSD callbacks, from phones that nobody has used
    Ussd {
        /// The callback URL
        #[arg(long)]
        target: String,
        /// How many callbacks
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        callbacks: u64,
        /// From how many phones at a time
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
        concurrency: u32,
    },
    /// Texts over one SMPP link: in, turn, reply, receipt, with a gateway of this build started for it
    Smpp(SmppLoadArgs),
    /// SMPP links that are bound and idle
    Links {
        /// How many
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        links: u32,
        /// The gateway's program
        #[arg(long)]
        gateway: PathBuf,
    },
}

#[derive(Args)]
struct SmppLoadArgs {
    /// The gateway's program, which is started on core 0; the load runs on core 1
    #[arg(long)]
    gateway: PathBuf,
    /// How many texts
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    texts: u32,
    /// From how many numbers; 0 gives each text a number of its own
    #[arg(long, default_value_t = 0)]
    numbers: u32,
    /// What each text says
    #[arg(long, default_value = "TNS")]
    text: String,
    /// Texts on their round trip at the same time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    at_once: u32,
    /// The window of the link, in both directions
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    window: u32,
    /// The gateway's log filter
    #[arg(long, default_value = "info")]
    log: String,
    /// Keeps the gateway's folder here, which has to be there
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Phone(args) => phone(args).await,
        What::Registry(args) => registry(args).await,
        What::Smsc(args) => console::smsc(*args).await,
        What::Conformance(args) => return command::run(*args).await,
        What::Spoil(args) => return spoil::run(*args).await,
        What::Load {
            what:
                LoadWhat::Ussd {
                    target,
                    callbacks,
                    concurrency,
                },
        } => {
            return ussd(&target, callbacks, concurrency).await;
        }
        What::Load {
            what: LoadWhat::Smpp(args),
        } => {
            return smpp(args).await;
        }
        What::Load {
            what: LoadWhat::Links { links, gateway },
        } => {
            return idle_links(links, &gateway).await;
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn phone(args: PhoneArgs) -> io::Result<()> {
    let world = World::start(&args.callback, args.smpp_port, None).await?;
    let page = page::serve(world.clone(), args.port).await?;
    println!("A phone to try:      {}/", page.url());
    println!("The code:            {CODE}, posted to {}", args.callback);
    println!("The short number:    {SHORT_NUMBER}");
    println!(
        "The message centre:  {} (SMPP 3.4, system_id \"{SYSTEM_ID}\", password \"{PASSWORD}\")",
        world.smsc.address()
    );
    println!("Until Ctrl-C.");
    tokio::signal::ctrl_c().await
}

async fn registry(args: RegistryArgs) -> io::Result<()> {
    let registry = Registry::start(&args.token, args.port).await?;
    registry.set_mood(match args.mood {
        MoodArg::Well => Mood::Well,
        MoodArg::Slow => Mood::Slow(Duration::from_millis(args.slow_ms)),
        MoodArg::Down => Mood::Down,
        MoodArg::Silent => Mood::Silent,
        MoodArg::Fails => Mood::Fails(args.fails),
    });
    println!("The registry with the sample people: {}", registry.url());
    println!("Until Ctrl-C.");
    tokio::signal::ctrl_c().await
}

async fn ussd(target: &str, callbacks: u64, concurrency: u32) -> ExitCode {
    let report = load::ussd(target, callbacks, concurrency).await;
    let ms = |share| report.quantile(share).as_secs_f64() * 1_000.0;
    let answered = report.took.len();
    println!(
        "{answered} answered, {} failed, {:.0} a second",
        report.failed,
        answered as f64 / report.whole.as_secs_f64().max(f64::EPSILON)
    );
    println!(
        "p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        ms(0.5),
        ms(0.99),
        ms(1.0)
    );
    if report.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn smpp(args: SmppLoadArgs) -> ExitCode {
    let plan = load::smpp::Plan {
        texts: args.texts,
        numbers: args.numbers,
        text: args.text,
        at_once: args.at_once,
        window: args.window,
        patience: Duration::from_secs(20),
    };
    let made =
        load::smpp::beside_an_echo(&args.gateway, &args.log, args.folder.as_deref(), plan).await;
    let both = match made {
        Ok(both) => both,
        Err(error) => {
            eprintln!("simulator: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{both}");
    if both.gateway.is_clean() && both.echo.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn idle_links(links: u32, gateway: &Path) -> ExitCode {
    match load::links::idle(gateway, links).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
