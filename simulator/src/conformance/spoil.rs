//! A proxy in front of a good gateway that plants one fault, to see that the checks find it.

mod edit;
mod fault;
mod post;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use clap::Args;
use http_body_util::BodyExt;

pub use crate::conformance::spoil::fault::Fault;

use crate::conformance::ask::{Asked, Body as AskedBody};
use crate::conformance::client::{Came, Client, Tls, Wire};
use crate::conformance::operator::{self, Description};
use crate::conformance::run::unix_now;
use crate::conformance::seed::Seed;
use crate::conformance::sign::{Manner, Proofs, Stamp};
use crate::conformance::spoil::fault::Origin;
use crate::conformance::spoil::post::Posts;
use crate::web::Server;

/// Longer than any check waits.
const WAIT: Duration = Duration::from_secs(60);
/// Seconds by which a timestamp may be off.
const SKEW: i64 = 300;

/// A proxy with a fault.
#[derive(Args)]
pub struct SpoilArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8690")]
    listen: SocketAddr,
    /// The good gateway: http(s)://HOST:PORT
    #[arg(long)]
    target: String,
    /// The operator whose answers are spoilt
    #[arg(long)]
    shape: String,
    /// The proof that the link wants, for faults that accept what they should not
    #[arg(
        long,
        env = "SIMULATOR_AUTH",
        hide_env_values = true,
        default_value = "none"
    )]
    auth: Proofs,
    /// What is wrong
    #[arg(long, value_enum)]
    fault: Fault,
    /// How much later the first answer is with too-late, in ms
    #[arg(long, default_value_t = 20_000)]
    late_ms: u64,
    /// Where to take screens that are posted, which is the link's `url`
    #[arg(long, default_value = "127.0.0.1:8692")]
    screens: SocketAddr,
    /// Where posted screens go on to: the address that `conformance --listen` has
    #[arg(long, default_value = "http://127.0.0.1:8691")]
    screens_target: String,
}

/// What a spoiler needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Scheme, host and port of the good gateway.
    pub origin: String,
    /// The operator.
    pub description: Description,
    /// The proof that the link wants.
    pub proofs: Proofs,
    /// What is wrong.
    pub fault: Fault,
    /// How much later the first answer is with [`Fault::TooLate`].
    pub late: Duration,
    /// Where posted screens come and go on to, of an operator that wants them posted.
    pub screens: Option<Screens>,
}

/// The way of posted screens through a spoiler.
#[derive(Clone, Debug)]
pub struct Screens {
    /// Where the gateway posts them.
    pub listen: SocketAddr,
    /// Scheme, host and port of the operator's own address.
    pub operator: String,
}

/// A spoiler that runs until it is dropped.
#[derive(Debug)]
pub struct Spoiling {
    gateway: Server,
    screens: Option<Server>,
}

impl Spoiling {
    /// The gateway with a fault, as the beginning of a URL.
    pub fn url(&self) -> String {
        self.gateway.url()
    }
}

/// What a spoiler remembers.
struct Memory {
    seed: Seed,
    nonces: BTreeSet<String>,
    seen: HashMap<Vec<u8>, u32>,
    late: bool,
}

struct Spoiler {
    plan: Plan,
    client: Client,
    memory: Mutex<Memory>,
    posts: Option<Posts>,
}

/// Serves a spoiler until Ctrl-C.
pub async fn run(args: SpoilArgs) -> ExitCode {
    let started = async {
        let description = operator::load(&args.shape)?;
        let posts = matches!(&description, Description::Ussd(ussd) if ussd.pushed.is_some());
        let plan = Plan {
            screens: posts.then(|| Screens {
                listen: args.screens,
                operator: args.screens_target.trim_end_matches('/').to_owned(),
            }),
            origin: args.target.trim_end_matches('/').to_owned(),
            description,
            proofs: args.auth,
            fault: args.fault,
            late: Duration::from_millis(args.late_ms),
        };
        let server = start(plan, args.listen).await?;
        println!("A gateway with a fault: {}", server.url());
        if let Some(screens) = &server.screens {
            println!("It posts its screens to: {}", screens.url());
        }
        println!("Until Ctrl-C.");
        tokio::signal::ctrl_c().await?;
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    match started.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error}");
            ExitCode::from(2)
        }
    }
}

/// Starts a spoiler.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn start(plan: Plan, listen: SocketAddr) -> io::Result<Spoiling> {
    let screens = plan.screens.clone();
    let posts = screens
        .as_ref()
        .map(|screens| Posts::new(screens.operator.clone(), &plan.description, plan.fault))
        .transpose()?;
    let spoiler = Arc::new(Spoiler {
        client: Client::new(plan.origin.clone(), WAIT, Tls::default())?,
        plan,
        memory: Mutex::new(Memory {
            seed: Seed::fresh(),
            nonces: BTreeSet::new(),
            seen: HashMap::new(),
            late: false,
        }),
        posts: posts.clone(),
    });
    let router = Router::new()
        .fallback(move |request: Request| {
            let spoiler = Arc::clone(&spoiler);
            async move { spoiler.answer(request).await }
        })
        .layer(DefaultBodyLimit::disable());
    let gateway = Server::start_at(router, listen).await?;
    let screens = match (screens, posts) {
        (Some(screens), Some(posts)) => {
            let router = Router::new().fallback(move |request: Request| {
                let posts = posts.clone();
                async move { answered(posts.on(taken(request).await).await) }
            });
            Some(Server::start_at(router, screens.listen).await?)
        }
        (Some(_) | None, _) => None,
    };
    Ok(Spoiling { gateway, screens })
}

/// Headers that belong to a connection and not to what goes on.
const HOP: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// A request as it goes on.
async fn taken(request: Request) -> Wire {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let target = head.uri.path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let value = value.to_str().ok().filter(|_| !HOP.contains(&name))?;
        Some((name.to_owned(), value.to_owned()))
    });
    Wire {
        method: head.method.to_string(),
        target: target.to_owned(),
        headers: headers.collect(),
        body: body.unwrap_or_default().to_vec(),
    }
}

/// An answer as it goes back.
fn answered(came: Came) -> Response {
    let mut answer = Response::builder().status(came.status);
    for (name, value) in &came.headers {
        if !HOP.contains(&name.as_str()) {
            answer = answer.header(name, value);
        }
    }
    answer
        .body(Body::from(Bytes::from(came.body)))
        .unwrap_or_default()
}

/// What whoever asks sees where nobody answers behind.
fn silent() -> Came {
    Came {
        status: 502,
        headers: Vec::new(),
        body: Vec::new(),
        took: Duration::ZERO,
    }
}

impl Spoiler {
    async fn answer(&self, request: Request) -> Response {
        let asked = taken(request).await;
        if let Some(posts) = &self.posts {
            posts.asked(&asked);
        }
        let sent = self.accepted(asked.clone());
        answered(match self.client.send(&sent).await {
            Ok(came) => self.spoilt(&asked, came).await,
            Err(_) => silent(),
        })
    }

    /// The request as the good gateway accepts it, where the fault accepts what it should not.
    fn accepted(&self, asked: Wire) -> Wire {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let header = |name: &str| {
            let found = asked.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let now = unix_now();
        let at = header("x-jisr-timestamp").and_then(|at| at.parse::<i64>().ok());
        let nonce = header("x-jisr-nonce").unwrap_or_default();
        let used = !memory.nonces.insert(nonce);
        let again = match self.plan.fault {
            Fault::UnsignedAccepted => at.is_none() && !asked.target.contains("no-such-link"),
            Fault::StaleAccepted => at.is_some_and(|at| at < now - SKEW),
            Fault::ReplayAccepted => used && at.is_some(),
            Fault::SignatureIgnored => at.is_some(),
            Fault::MarkerLost
            | Fault::MarkerSwapped
            | Fault::ByteOrderMark
            | Fault::LeadingSpace
            | Fault::WrongType
            | Fault::TooLong
            | Fault::EmptyBody
            | Fault::SessionSwapped
            | Fault::RepeatDiffers
            | Fault::TooLate
            | Fault::UnknownFieldRefused
            | Fault::FieldNotNamed
            | Fault::DuplicateAccepted
            | Fault::BareFiveHundred
            | Fault::ContentTypeAccepted
            | Fault::MethodAccepted
            | Fault::ErrorFormLost
            | Fault::ErrorEcho
            | Fault::RefusalTells
            | Fault::WrongAcknowledgement
            | Fault::PostedTwice
            | Fault::PostedLate
            | Fault::WrongSecret => false,
        };
        if !again {
            return asked;
        }
        let stamp = Stamp {
            now,
            nonce: memory.seed.id(),
        };
        let headers = asked
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with("x-jisr-"));
        let whole = Asked {
            method: asked.method.clone(),
            path: asked.target.clone(),
            headers: headers.cloned().collect(),
            query: Vec::new(),
            content_type: None,
            body: AskedBody::Bytes(asked.body.clone()),
        };
        self.plan
            .proofs
            .sign(&whole, &self.plan.origin, "", Manner::Right, &stamp)
    }

    /// The answer with the fault in it.
    async fn spoilt(&self, asked: &Wire, came: Came) -> Came {
        let key = [
            asked.method.as_bytes(),
            b" ",
            asked.target.as_bytes(),
            b" ",
            &asked.body,
        ]
        .concat();
        let (times, late) = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = memory.seen.entry(key).or_insert(0);
            *seen += 1;
            let times = *seen;
            let first = !std::mem::replace(&mut memory.late, true);
            (times, first && self.plan.fault == Fault::TooLate)
        };
        if late {
            tokio::time::sleep(self.plan.late).await;
        }
        self.plan
            .fault
            .plant(&self.plan.description, asked, came, Origin::Answer, times)
    }
}
