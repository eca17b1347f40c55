//! `cargo demo`: builds the gateway, plays what workers do against it on real wires, and stays up
//! to be tried by hand. `cargo demo -- --once` stops after the journeys.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use simulator::gateway::{self, Addresses, Gateway};
use simulator::journeys::{Ending, Player};
use simulator::script::{self, Journey, Language};
use simulator::world::{CODE, SHORT_NUMBER, World};
use simulator::{page, tale};

/// The port of the page, if it is free.
const PAGE_PORT: u16 = 8580;

/// The gateway binds to the message centre within this.
const BIND_WAIT: Duration = Duration::from_secs(10);

/// Shows what workers get by USSD and SMS, on real wires, with sample people.
#[derive(Parser)]
struct Cli {
    /// Stop after the journeys; exit 0 only if every one ended as it must
    #[arg(long)]
    once: bool,
    /// Play only journeys whose title holds this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Play no journeys; only stay up to be tried
    #[arg(long, conflicts_with = "once")]
    skip: bool,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every journey ended as it must.
async fn run(cli: &Cli) -> Result<bool, Failure> {
    eprintln!("Building the gateway …");
    let program = gateway::build().await?;
    let mut well = true;
    if !cli.skip {
        tokio::select! {
            played = play_all(&program, cli.only.as_deref()) => well = played?,
            told = told_to_end() => {
                told?;
                return Ok(false);
            }
        }
    }
    if !cli.once {
        stay(&program).await?;
    }
    Ok(well)
}

/// Plays the journeys, each language with a gateway and a store of its own.
async fn play_all(program: &Path, only: Option<&str>) -> Result<bool, Failure> {
    let began = Instant::now();
    let mut journeys = script::read(script::TNS)?;
    journeys.retain(|journey| only.is_none_or(|only| journey.title.contains(only)));
    if journeys.is_empty() {
        return Err("no journey has such a title".into());
    }
    let mut endings = Vec::new();
    let mut complaints = Vec::new();
    for language in [
        Language::French,
        Language::Arabic,
        Language::Darija,
        Language::English,
    ] {
        let journeys: Vec<_> = journeys
            .iter()
            .filter(|journey| journey.languages.contains(&language))
            .collect();
        if !journeys.is_empty() {
            let (ended, repeated) = play(program, language, &journeys).await?;
            endings.extend(ended);
            complaints.extend(repeated);
        }
    }

    let failed = endings
        .iter()
        .filter(|ending| ending.failure.is_some())
        .count();
    println!("\n{}", table(&endings));
    for complaint in &complaints {
        println!("failed: {complaint}");
    }
    println!(
        "{} journeys, {failed} failed, in {:.1} s. All people and numbers are samples.",
        endings.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(failed == 0 && complaints.is_empty())
}

/// Plays the journeys of one language against a new gateway.
async fn play(
    program: &Path,
    language: Language,
    journeys: &[&Journey],
) -> Result<(Vec<Ending>, Vec<String>), Failure> {
    let house = House::start(program).await?;
    let mut player = Player::new(house.world.clone(), language);
    let mut endings = Vec::new();
    for journey in journeys {
        tale::heading(&format!("{} ({language})", journey.title));
        let ending = player.play(journey).await;
        match &ending.failure {
            None => println!("ok, {} ms", ending.took.as_millis()),
            Some(failure) => println!("FAILED: {failure}"),
        }
        endings.push(ending);
    }
    if endings.iter().any(|ending| ending.failure.is_some()) {
        println!(
            "\nThe gateway's last words:\n{}",
            house.gateway.last_words()
        );
    }
    let mut complaints = player.secrets_repeated();
    if !house.stop().await? {
        complaints.push("the gateway did not end well after SIGTERM".to_owned());
    }
    Ok((endings, complaints))
}

/// A gateway with its store in a folder of its own, and the world around it.
struct House {
    world: World,
    gateway: Gateway,
    addresses: Addresses,
    /// Removed when this is dropped, after the gateway.
    _dir: tempfile::TempDir,
}

impl House {
    async fn start(program: &Path) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("jisr-demo-").tempdir()?;
        let addresses = Addresses::free()?;
        let world = World::start(&addresses.callback_url(), 0, Some(tale::teller())).await?;
        let smsc = world.smsc.address();
        let gateway = Gateway::start(program, dir.path(), addresses, smsc).await?;
        world.smsc.until_bound(BIND_WAIT).await?;
        Ok(Self {
            world,
            gateway,
            addresses,
            _dir: dir,
        })
    }

    async fn stop(self) -> Result<bool, Failure> {
        Ok(self.gateway.stop().await?)
    }
}

/// Stays up with a new gateway until Ctrl-C.
async fn stay(program: &Path) -> Result<(), Failure> {
    let house = House::start(program).await?;
    let page = match page::serve(house.world.clone(), PAGE_PORT).await {
        Ok(page) => page,
        Err(_) => page::serve(house.world.clone(), 0).await?,
    };
    let url = house.addresses.callback_url();
    println!("\nThe gateway is up, with an empty store and the sample people. To try it:");
    println!("  a phone in the browser  {}/", page.url());
    println!("  USSD by hand            curl -s {url} \\");
    println!(
        "    --data-urlencode 'phoneNumber=+212661000001' --data-urlencode 'serviceCode={CODE}' \\"
    );
    println!("    -d 'sessionId=ATUid_1' -d 'networkCode=99999' -d 'text='");
    println!("    then the same with text=2, text=2*1 and so on: the whole way, joined by *");
    println!(
        "  SMS                     on the page, to {SHORT_NUMBER}: TNS BE740215 14062031 05031984"
    );
    println!("Every screen and SMS is printed here too. Ctrl-C ends it.");
    io::stdout().flush()?;
    told_to_end().await?;
    drop(page);
    house.stop().await?;
    Ok(())
}

/// Waits for Ctrl-C, or for SIGTERM where there is such a thing.
async fn told_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn table(endings: &[Ending]) -> String {
    let mut text = String::new();
    for ending in endings {
        let (word, why) = match &ending.failure {
            None => ("ok", String::new()),
            Some(failure) => ("FAILED", format!("\n        {failure}")),
        };
        text.push_str(&format!(
            "{word:6}  {:3}  {}{why}\n",
            ending.language.word(),
            ending.title
        ));
    }
    text
}
