//! `jisr talk`: a phone in the terminal. The gateway runs in this process, on a ledger of its own
//! in a temporary folder, with the sandbox's people; nothing is sent anywhere.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use crate::callback::{Callback, Channel, Input, LinkName, Msisdn, Repeat, ServiceName};
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::console::out::say;
use crate::console::parts::{self, AnyRegistry};
use crate::console::{Failure, out, shapes};
use crate::drawer::Drawer;
use crate::gateway::Gateway;
use crate::outbox;
use crate::screen::alphabet::{Alphabet, measure, sms_parts};
use crate::store::sql::SqlStore;
use crate::store::{NewSms, Reply, Store};
use crate::system::{SystemChance, SystemClock};

/// Rounds of messages and due times after one key press; each does all that waits.
const ROUNDS_MAX: u32 = 16;

/// The options of `jisr talk`.
#[derive(Args)]
pub struct TalkArguments {
    /// The phone's number; each sample person of the registry has one, +212661000001 to 5.
    #[arg(long, default_value = "+212661000001", value_name = "NUMBER")]
    phone: String,
}

const HELP: &str = "\
  *580#            dial (also *580*1*1#, a dial string)
  anything else    press keys in the open session
  sms TEXT         text the short number (sms TNS, sms 123456)
  hang             cut the session, as a network does
  as NUMBER        take another phone: as +212661000002
  people           the sample people
  quit             end";

const PEOPLE: &str = "\
  sample people (CNIE unless said)   number    expiry      birth       phone on file
  registered 104882317, has account  BE740215  14/06/2031  05/03/1984  +212661000001
  registered 118206455, no account   JC51834   02/09/2029  17/11/1990  +212661000002
  subject, not registered            D3345     20/01/2028  01/07/1961  +212661000003
  not eligible (salaried)            K928471   30/04/2033  29/02/1996  +212661000004
  carte de séjour, 120775903         R204518M  11/08/2027  23/12/1988  +212661000005
  registered 100000042, no account   A10       05/05/2030  12/12/1950  none";

/// The phone and the gateway that it talks to.
struct Talk {
    gateway: Gateway<SqlStore, AnyRegistry>,
    drawer: Drawer,
    epoch: u64,
    service: ServiceName,
    dial: String,
    short_number: String,
    phone: Msisdn,
    session: Option<Session>,
    sessions: u64,
}

/// An open USSD session, as an operator keeps it.
struct Session {
    id: String,
    path: Vec<String>,
}

/// Talks until the input ends.
///
/// # Errors
/// [`Failure`] when the gateway cannot start.
pub fn run(config: Option<&Path>, arguments: &TalkArguments) -> Result<(), Failure> {
    let phone = Msisdn::parse(&arguments.phone).map_err(|error| {
        Failure::Usage(format!(
            "--phone: {error}\n  help: write it as +212661000001"
        ))
    })?;
    let folder = Folder::new()?;
    let mut config = parts::config(config)?;
    config.store.url = format!("sqlite://{}", folder.0.join("jisr.db").display());
    config.security.keys = None;
    config.registry = crate::config::RegistryConfig::default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::of)?
        .block_on(async {
            let mut talk = Talk::start(&config, phone).await?;
            talk.converse().await
        })
}

/// A folder that goes when the phone is put down.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let mut random = [0; 8];
        SystemChance.fill(&mut random);
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("jisr-talk-{name}"));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: cannot be removed: {error}", self.0.display());
        }
    }
}

impl Talk {
    async fn start(config: &Config, phone: Msisdn) -> Result<Self, Failure> {
        let store = parts::store(config).await?;
        let registry = parts::registry(config).await?;
        let book = parts::book(config, &shapes::load(config)?, parts::lists(config)?)?;
        let Some(service) = book.services.values().next() else {
            return Err(Failure::Failed(
                "configuration: there is no service".to_owned(),
            ));
        };
        let (name, dial, short_number) = (
            service.name.clone(),
            service.words.dial.clone(),
            service.words.number.clone(),
        );
        let drawer = Drawer::new(service.sms_link.clone());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let epoch = store
            .begin_epoch(&service.sms_link, clock.now())
            .await
            .map_err(Failure::of)?;
        let gateway = Gateway::new(store, registry, book, clock, Arc::new(SystemChance));
        Ok(Self {
            gateway,
            drawer,
            epoch,
            service: name,
            dial,
            short_number,
            phone,
            session: None,
            sessions: 0,
        })
    }

    async fn converse(&mut self) -> Result<(), Failure> {
        let interactive = std::io::stdin().is_terminal();
        say!(
            "A phone: {}. Everything here is sample data. Dial {}\n{HELP}",
            self.phone.as_str(),
            self.dial
        )?;
        let stdin = std::io::stdin();
        loop {
            out::text(&format!("\n{} > ", self.phone.national()))?;
            let mut line = String::new();
            if stdin.lock().read_line(&mut line).map_err(Failure::of)? == 0 {
                return out::text("\n");
            }
            let line = line.trim();
            if !interactive {
                say!("{line}")?;
            }
            match line.split_once(' ').unwrap_or((line, "")) {
                ("", "") => continue,
                ("quit" | "exit", "") => return Ok(()),
                ("help", "") => say!("{HELP}")?,
                ("people", "") => say!("{PEOPLE}")?,
                ("hang", "") => match self.session.take() {
                    Some(_) => say!("  (cut)")?,
                    None => say!("  no session is open")?,
                },
                ("as", number) => match Msisdn::parse(number.trim()) {
                    Ok(number) => {
                        self.session = None;
                        self.phone = number;
                    }
                    Err(_) => say!("  that is no number: write it as 0661000002 or +212661000002")?,
                },
                ("sms", text) => self.text(text).await?,
                _ if line.starts_with('*') && line.ends_with('#') => self.dial(line).await?,
                _ => self.press(line).await?,
            }
            self.mail().await?;
        }
    }

    async fn dial(&mut self, code: &str) -> Result<(), Failure> {
        let own = self.dial.trim_end_matches('#').to_owned();
        let Some(rest) = code
            .strip_prefix(&own)
            .map(|rest| rest.trim_end_matches('#'))
        else {
            return say!(
                "  the network: unknown code (this service is {})",
                self.dial
            );
        };
        self.sessions += 1;
        let path: Vec<String> = rest
            .trim_start_matches('*')
            .split('*')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        self.session = Some(Session {
            id: format!("talk-{}", self.sessions),
            path,
        });
        self.callback().await
    }

    async fn press(&mut self, keys: &str) -> Result<(), Failure> {
        match &mut self.session {
            Some(session) => {
                session.path.push(keys.to_owned());
                self.callback().await
            }
            None => say!(
                "  no session is open: dial {}, or write `sms {keys}`",
                self.dial
            ),
        }
    }

    async fn callback(&mut self) -> Result<(), Failure> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let callback = Callback {
            link: LinkName::from("talk"),
            service: self.service.clone(),
            subscriber: self.phone.clone(),
            channel: Channel::Ussd,
            session: Some(session.id.clone()),
            repeat: Repeat::Path,
            input: Input::Path(session.path.join("*")),
            at: SystemClock.now(),
        };
        match self.gateway.ussd(&callback).await {
            Ok(Reply { text, ends }) => {
                if ends {
                    self.session = None;
                }
                say!("{}", framed(&text, if ends { "USSD, end" } else { "USSD" }))
            }
            Err(error) => say!("  the gateway failed: {error}"),
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), Failure> {
        let at = SystemClock.now();
        let bytes = [
            self.phone.as_str().as_bytes(),
            text.as_bytes(),
            &at.ms().to_be_bytes(),
        ];
        let sms = NewSms {
            link: self.drawer_link(),
            service: self.service.clone(),
            subscriber: self.phone.clone(),
            to: self.short_number.clone(),
            text: text.to_owned(),
            message_id: None,
            fingerprint: self.gateway.store.mark("talk-sms", &bytes),
            bind: 0,
            part: None,
            at,
        };
        match self.gateway.accept_sms(sms).await {
            Ok(_) => Ok(()),
            Err(error) => say!("  the gateway failed: {error}"),
        }
    }

    fn drawer_link(&self) -> LinkName {
        use crate::outbox::Carrier;
        self.drawer.link().clone()
    }

    /// Runs what waits, and shows the messages that came of it.
    async fn mail(&mut self) -> Result<(), Failure> {
        for _ in 0..ROUNDS_MAX {
            let tended = match self.gateway.tend().await {
                Ok(tended) => tended,
                Err(error) => return say!("  the gateway failed: {error}"),
            };
            match outbox::pump_once(&self.gateway.store, &self.drawer, self.epoch, &SystemClock)
                .await
            {
                Ok(0) if tended == 0 => break,
                Ok(_) => {}
                Err(error) => return say!("  the gateway failed: {error}"),
            }
        }
        for (to, letter) in self.drawer.empty() {
            let parts = sms_parts(&letter.text);
            let title = format!(
                "SMS from {} to {}, {parts} part{}",
                letter.from,
                to.national(),
                if parts == 1 { "" } else { "s" }
            );
            say!("{}", framed(&letter.text, &title))?;
        }
        Ok(())
    }
}

/// A text in a frame, with what it takes of its alphabet.
fn framed(text: &str, title: &str) -> String {
    let (alphabet, cost) = measure(text);
    let cost = match alphabet {
        Alphabet::Gsm7 => format!("{cost} septets"),
        Alphabet::Ucs2 => format!("{cost} units"),
    };
    let mut lines = vec![format!("  +-- {title} -- {cost}")];
    lines.extend(text.lines().map(|line| format!("  | {line}")));
    lines.push("  +--".to_owned());
    lines.join("\n")
}
