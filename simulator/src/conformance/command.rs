//! `simulator conformance` on the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::conformance::client::{Identity, Tls};
use crate::conformance::sign::Proofs;
use crate::conformance::sms::api::Login;
use crate::conformance::sms::run::Patience;
use crate::conformance::{self, Plan, html, operator};

/// Nothing was found.
const CLEAN: u8 = 0;
/// Something was.
const FINDINGS: u8 = 1;
/// Nothing could be looked at.
const USAGE: u8 = 2;

/// How to act as an operator.
#[derive(Args)]
pub struct ConformanceArgs {
    /// The link: http(s)://HOST:PORT/ussd/LINK, or …/sms/LINK
    #[arg(long, required_unless_present = "list")]
    target: Option<String>,
    /// Which operator: a built-in name, or a file of one's own
    #[arg(long, required_unless_present = "list")]
    shape: Option<String>,
    /// Lists the built-in operators
    #[arg(long)]
    list: bool,
    /// How callbacks are proved, once for each proof: hmac:SECRET, basic:USER:SECRET,
    /// bearer:SECRET, key:HEADER:SECRET, query:NAME:SECRET, path:SECRET, twilio:TOKEN,
    /// vonage:SECRET (or vonage-sha256:SECRET …), none
    #[arg(long, env = "SIMULATOR_AUTH", hide_env_values = true)]
    auth: Vec<Proofs>,
    /// Scheme and host as the gateway knows itself, for signatures over the whole URL (twilio)
    #[arg(long)]
    public_url: Option<String>,
    /// The service code
    #[arg(long, default_value = "*580#")]
    code: String,
    /// The network's MCC and MNC
    #[arg(long, default_value = "60401")]
    network: String,
    /// A key that the first screens take
    #[arg(long, default_value = "1")]
    key: String,
    /// A key that the first screen refuses
    #[arg(long, default_value = "77")]
    wrong_key: String,
    /// Milliseconds within which an answer has to come; the operator's own if not given
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    deadline_ms: Option<u64>,
    /// SMS: the short number that texts go to
    #[arg(long, default_value = "5800")]
    short_number: String,
    /// SMS: what a text begins with
    #[arg(long, default_value = "TNS")]
    keyword: String,
    /// SMS, and USSD whose screens are posted: where the operator's API is played, which is the link's `url`
    #[arg(long, default_value = "127.0.0.1:8691")]
    listen: SocketAddr,
    /// The user that the API knows
    #[arg(long, default_value = "sample-user")]
    api_user: String,
    /// The secret that the API knows
    #[arg(
        long,
        env = "SIMULATOR_API_SECRET",
        hide_env_values = true,
        default_value = "sample-secret"
    )]
    api_secret: String,
    /// SMS: the sender that the API knows; the short number if not given
    #[arg(long)]
    sender: Option<String>,
    /// SMS: milliseconds to wait for a text
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    patience_ms: u64,
    /// SMS: milliseconds without a text after which none comes
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    quiet_ms: u64,
    /// The seed of all names, to have a run again; best against an empty gateway
    #[arg(long)]
    seed: Option<u64>,
    /// Authorities that the gateway's certificate may be of, PEM; the usual ones if not given
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Mutual TLS: the operator's certificate and those up to its authority, PEM
    #[arg(long, requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Mutual TLS: the key of that certificate, PEM
    #[arg(long, requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Mutual TLS: a certificate of the same authority that is somebody else's, PEM, to see that it
    /// is refused
    #[arg(long, requires = "stranger_key", requires = "client_cert")]
    stranger_cert: Option<PathBuf>,
    /// Mutual TLS: the key of that certificate, PEM
    #[arg(long, requires = "stranger_cert")]
    stranger_key: Option<PathBuf>,
    /// Writes the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the report as a page to send on
    #[arg(long)]
    html: Option<PathBuf>,
}

/// Acts as an operator and prints the report. Exit codes: 0 all passed, 1 findings, 2 usage.
pub async fn run(args: ConformanceArgs) -> ExitCode {
    ExitCode::from(match report(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("simulator: {error}");
            USAGE
        }
    })
}

async fn report(args: ConformanceArgs) -> Result<u8, Box<dyn std::error::Error>> {
    if args.list {
        for name in operator::names() {
            println!("{name}");
        }
        return Ok(CLEAN);
    }
    let (shape, target) = (
        args.shape.unwrap_or_default(),
        args.target.unwrap_or_default(),
    );
    let proofs = Proofs(args.auth.into_iter().flat_map(|proofs| proofs.0).collect());
    let plan = Plan {
        public_url: args.public_url.as_deref(),
        code: &args.code,
        network: &args.network,
        key: &args.key,
        wrong_key: &args.wrong_key,
        deadline: args.deadline_ms.map(Duration::from_millis),
        seed: args.seed,
        tls: Tls {
            authorities: args.ca.as_deref(),
            identity: identity(args.client_cert.as_deref(), args.client_key.as_deref()),
            stranger: identity(args.stranger_cert.as_deref(), args.stranger_key.as_deref()),
        },
        short_number: &args.short_number,
        keyword: &args.keyword,
        listen: args.listen,
        login: Login {
            user: args.api_user,
            secret: args.api_secret,
            sender: args.sender.unwrap_or_else(|| args.short_number.clone()),
        },
        patience: Patience {
            comes: Duration::from_millis(args.patience_ms),
            quiet: Duration::from_millis(args.quiet_ms),
        },
        ..Plan::new(&shape, &target, proofs)
    };
    let report = conformance::run(&plan).await?;
    println!("{report}");
    for (path, text) in [(args.json, report.json()), (args.html, html::page(&report))] {
        if let Some(path) = path {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(if report.is_clean() { CLEAN } else { FINDINGS })
}

fn identity<'a>(certificate: Option<&'a Path>, key: Option<&'a Path>) -> Option<Identity<'a>> {
    certificate
        .zip(key)
        .map(|(certificate, key)| Identity { certificate, key })
}
