//! Acts as an operator against any running gateway and reports what it thinks of the answers.
//!
//! | module | what it does |
//! |---|---|
//! | [`operator`] | how an operator asks and what it wants, as data |
//! | [`ask`], [`bent`] | makes its requests, good and bad |
//! | [`sign`] | proves them, or fails to |
//! | [`client`] | sends them |
//! | [`read`], [`xml`] | reads the answers |
//! | [`pushed`] | takes the screens of operators that want them posted |
//! | [`run`] | subscribers, callbacks, what was wrong with any answer |
//! | [`checks`] | what is looked at, a line each |
//! | [`sms`] | the same for operators that carry SMS |
//! | [`report`], [`html`], [`shown`] | what came of it |
//! | [`spoil`] | spoils a good gateway's answers, to see that the checks see it |

pub mod ask;
pub mod bent;
pub mod checks;
pub mod client;
pub mod command;
pub mod html;
#[cfg(test)]
mod model;
pub mod operator;
pub mod pushed;
pub mod read;
pub mod report;
pub mod run;
pub mod seed;
pub mod shown;
pub mod sign;
pub mod sms;
pub mod spoil;
pub mod xml;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Uri;

use crate::conformance::client::{Client, Tls};
use crate::conformance::operator::Description;
use crate::conformance::pushed::Pushed;
use crate::conformance::report::Report;
use crate::conformance::run::{Run, Settings, unix_now};
use crate::conformance::seed::Seed;
use crate::conformance::sign::Proofs;
use crate::conformance::sms::api::Login;
use crate::conformance::sms::run::{Patience, SmsRun};

/// Longer than any operator waits.
const WAIT: Duration = Duration::from_secs(30);

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// A built-in name, or a file.
    pub shape: &'a str,
    /// The link's URL, such as `https://gateway.example/ussd/sim`.
    pub target: &'a str,
    /// How callbacks are proved.
    pub proofs: Proofs,
    /// Scheme and host as the gateway knows itself, for signatures over the whole URL; those of
    /// the target if not given.
    pub public_url: Option<&'a str>,
    /// The service code.
    pub code: &'a str,
    /// The network's MCC and MNC.
    pub network: &'a str,
    /// A key that the first screen takes.
    pub key: &'a str,
    /// A key that the first screen refuses.
    pub wrong_key: &'a str,
    /// Within what an answer has to come; the operator's own if not given.
    pub deadline: Option<Duration>,
    /// The seed; a fresh one if not given.
    pub seed: Option<u64>,
    /// What is trusted of the gateway, and which certificate the operator shows.
    pub tls: Tls<'a>,
    /// The short number that texts go to.
    pub short_number: &'a str,
    /// What a text begins with.
    pub keyword: &'a str,
    /// Where the operator's API for texts that go out is played.
    pub listen: SocketAddr,
    /// What that API wants to be shown.
    pub login: Login,
    /// How long to wait for texts, and to see that none comes.
    pub patience: Patience,
}

impl<'a> Plan<'a> {
    /// A plan with the usual code and keys.
    pub fn new(shape: &'a str, target: &'a str, proofs: Proofs) -> Self {
        Self {
            shape,
            target,
            proofs,
            public_url: None,
            code: "*580#",
            network: "60401",
            key: "1",
            wrong_key: "77",
            deadline: None,
            seed: None,
            tls: Tls::default(),
            short_number: "5800",
            keyword: "TNS",
            listen: SocketAddr::from(([127, 0, 0, 1], 8691)),
            login: Login {
                user: "sample-user".to_owned(),
                secret: "sample-secret".to_owned(),
                sender: "5800".to_owned(),
            },
            patience: Patience {
                comes: Duration::from_secs(30),
                quiet: Duration::from_millis(1_500),
            },
        }
    }
}

impl Plan<'_> {
    /// The settings of a run; nothing where the target is none.
    fn settings(&self) -> Option<Settings> {
        let (origin, link) = parts(self.target)?;
        let public = self.public_url.unwrap_or(&origin);
        Some(Settings {
            signed_origin: public.trim_end_matches('/').to_owned(),
            origin,
            link,
            proofs: self.proofs.clone(),
            code: self.code.to_owned(),
            network: self.network.to_owned(),
            key: self.key.to_owned(),
            wrong_key: self.wrong_key.to_owned(),
            short_number: self.short_number.to_owned(),
            keyword: self.keyword.to_owned(),
            user: self.login.user.clone(),
            hidden: vec![self.login.secret.clone()],
            deadline: self.deadline,
        })
    }
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such operator.
    #[error(transparent)]
    Description(#[from] operator::DescriptionError),
    /// The target is none.
    #[error("--target: expected http://HOST:PORT/ussd/LINK or https://…, without a query")]
    Target,
    /// Nobody listens there.
    #[error("{origin}: {error}; is the gateway running, and is --target right?")]
    Unreached {
        /// Scheme, host and port.
        origin: String,
        /// Why.
        error: io::Error,
    },
    /// A file of certificates or keys is none.
    #[error(transparent)]
    Tls(io::Error),
    /// The API cannot be played there.
    #[error("--listen: {0}")]
    Listen(io::Error),
}

/// Acts as the operator.
///
/// # Errors
/// [`PlanError`]; whatever the gateway does is in the report.
pub async fn run(plan: &Plan<'_>) -> Result<Report, PlanError> {
    let description = operator::load(plan.shape)?;
    let seed = plan.seed.map_or_else(Seed::fresh, Seed::new);
    let settings = plan.settings().ok_or(PlanError::Target)?;
    reach(&settings.origin).await?;
    let client = Client::new(settings.origin.clone(), WAIT, plan.tls).map_err(PlanError::Tls)?;
    let (operator, document, seed, lines) = match description {
        Description::Ussd(ussd) => {
            let (name, document) = (ussd.operator.clone(), ussd.document.clone());
            let number = seed.number();
            let pushed = match &ussd.pushed {
                Some(form) => Some(
                    Pushed::start(form.clone(), &plan.login, plan.listen)
                        .await
                        .map_err(PlanError::Listen)?,
                ),
                None => None,
            };
            let mut run = Run::new(*ussd, settings, seed, client);
            run.pushed = pushed;
            (name, document, number, checks::all(&mut run).await)
        }
        Description::Sms(sms) => {
            let (name, document) = (sms.operator.clone(), sms.document.clone());
            let number = seed.number();
            let ids = Seed::new(number ^ u64::MAX);
            let api = sms::api::Operator::start(sms.api.clone(), &plan.login, ids, plan.listen);
            let mut run = SmsRun {
                api: api.await.map_err(PlanError::Listen)?,
                run: Run::new(sms.as_callbacks(), settings, seed, client),
                sms: *sms,
                patience: plan.patience,
                acknowledged: None,
                texts: 0,
                receipt_fault: None,
                receipts: 0,
            };
            (name, document, number, sms::checks::all(&mut run).await)
        }
    };
    Ok(Report {
        data: "sample data",
        shape: plan.shape.to_owned(),
        operator,
        document,
        target: shown::masked(plan.target, &plan.proofs.secrets()),
        seed,
        at: jiff::Timestamp::from_second(unix_now())
            .unwrap_or_default()
            .to_string(),
        lines,
    })
}

/// That somebody listens at all: else a report would say the same of every check.
async fn reach(origin: &str) -> Result<(), PlanError> {
    let uri: Uri = origin.parse().map_err(|_| PlanError::Target)?;
    let port = match uri.scheme_str() {
        Some("https") => 443,
        Some(_) | None => 80,
    };
    // A host in brackets is an IPv6 address.
    let host = uri.host().unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    let at = (host, uri.port_u16().unwrap_or(port));
    let connected = tokio::time::timeout(WAIT, tokio::net::TcpStream::connect(at)).await;
    match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(_) => Ok(()),
        Err(error) => Err(PlanError::Unreached {
            origin: origin.to_owned(),
            error,
        }),
    }
}

/// Origin and path of a URL.
fn parts(target: &str) -> Option<(String, String)> {
    let uri: Uri = target.parse().ok()?;
    let scheme = uri.scheme_str()?;
    if !["http", "https"].contains(&scheme) || uri.query().is_some() {
        return None;
    }
    let path = uri.path().trim_end_matches('/').to_owned();
    Some((format!("{scheme}://{}", uri.authority()?), path))
}

#[cfg(test)]
mod tests;
