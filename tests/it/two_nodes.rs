//! Two nodes of the program on one PostgreSQL: any takes any callback, and when one dies the other has
//! its conversations, its texts and its bind.

use std::time::{Duration, Instant};

use simulator::operator::Operator;
use simulator::phone::{Happening, Phone, Phones, Screen};
use simulator::servers::{NoServer, Postgres, Stop};
use simulator::smsc::Smsc;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::program::{
    Program, SOON, Setup, code_in, config, message_centre, password_in, see, until,
};

const YOUSSEF: &str = "+212661000002";
const AMINA: &str = "+212661000001";

/// Two nodes, the ledger's server, and an operator that goes from one to the other.
pub struct Pair {
    folder: TempDir,
    server: Postgres,
    url: String,
    pub phones: Phones,
    pub smsc: Smsc,
    pub nodes: Vec<Program>,
    pub operator: Operator,
}

impl Pair {
    /// None where this machine has no PostgreSQL.
    async fn new() -> Option<Self> {
        Self::with(1, &[]).await
    }

    /// The same with so many binds, and with more in the nodes' environment.
    pub async fn with(binds: usize, env: &[(&str, &str)]) -> Option<Self> {
        Self::on(&format!("count = {binds}"), env).await
    }

    /// The same with these settings of the link over SMPP.
    pub async fn on(link: &str, env: &[(&str, &str)]) -> Option<Self> {
        let started = tokio::task::spawn_blocking(|| Postgres::start(true));
        let server = match started.await.unwrap() {
            Ok(server) => server,
            Err(NoServer::NotHere(what))
                if std::env::var("TEST_PEERS").as_deref() != Ok("require") =>
            {
                println!("not run: {what} is not installed");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let url = server.database().unwrap();
        let phones = Phones::new(None);
        let smsc = message_centre(&phones, 0).await;
        let folder = TempDir::new().unwrap();
        let text = config(&Setup::default(), smsc.address());
        let text = text.replace("system_id =", &format!("{link}\nsystem_id ="));
        std::fs::write(folder.path().join("jisr.toml"), text).unwrap();
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let env = [&[("JISR_STORE__URL", url.as_str())], env].concat();
            nodes.push(Program::start(folder.path(), &env).await);
        }
        let urls = nodes
            .iter()
            .map(|node| format!("http://{}/ussd/sim", node.http));
        let pair = Self {
            operator: Operator::in_turn(urls.collect()),
            folder,
            server,
            url,
            phones,
            smsc,
            nodes,
        };
        assert!(pair.smsc.until_bound(SOON).await.is_ok());
        Some(pair)
    }

    pub async fn dial(&self, phone: &Phone, code: &str) -> Screen {
        let shown = self.operator.dial(phone, code).await;
        shown.unwrap_or_else(|error| panic!("{code}: {error}\n{}", self.said()))
    }

    pub async fn press(&self, phone: &Phone, keys: &[&str]) -> Screen {
        let mut last = None;
        for key in keys {
            let shown = self.operator.press(phone, key).await;
            last = Some(shown.unwrap_or_else(|error| panic!("{key}: {error}\n{}", self.said())));
        }
        last.unwrap()
    }

    pub async fn sms(&self, phone: &Phone, what: &str) -> String {
        let got = phone.sms(0, SOON, |sms| sms.text.contains(what)).await;
        let (_, sms) = got.unwrap_or_else(|error| panic!("{what}: {error}\n{}", self.said()));
        sms.text
    }

    pub fn said(&self) -> String {
        let said = self.nodes.iter().map(|node| node.stderr.text());
        said.collect::<Vec<_>>().join("\n-- the other node\n")
    }

    /// The node among those that run that holds the bind.
    pub async fn bound(&self, among: &[usize]) -> usize {
        for &at in among {
            if is_bound(&self.nodes[at]).await {
                return at;
            }
        }
        panic!("no node is bound\n{}", self.said());
    }

    /// A value of the ledger.
    pub fn ask(&self, query: &str) -> String {
        let database = self.url.rsplit_once('/').unwrap().1;
        self.server.say(database, query).unwrap()
    }
}

/// Whether a node holds the bind.
async fn is_bound(node: &Program) -> bool {
    binds(node).await == 1
}

/// How many binds a node holds.
pub async fn binds(node: &Program) -> usize {
    let links = node.shows("/links").await.replace(' ', "");
    links.matches("\"state\":\"bound\"").count()
}

/// The whole way to the password, each turn on the node that did not have the one before.
#[tokio::test]
async fn a_conversation_changes_node_at_every_turn() {
    let Some(pair) = Pair::new().await else {
        return;
    };
    let phone = pair.phones.phone(YOUSSEF);
    pair.dial(&phone, "*580#").await;
    let expiry = pair.press(&phone, &["2", "1", "1", "1", "JC51834"]).await;
    see(&expiry, &["date d'expiration"]);
    let again = pair.operator.last_callback(&phone).unwrap();
    assert_eq!(
        pair.operator.resend(&again).await.unwrap(),
        expiry,
        "a repeat on the other node"
    );
    let summary = pair.press(&phone, &["02092029", "17111990"]).await;
    see(&summary, &["JC51834", "02/09/2029", "17/11/1990"]);
    see(&pair.press(&phone, &["1"]).await, &["Code envoyé"]);
    let code = code_in(&pair.sms(&phone, "Votre code: ").await);
    see(&pair.press(&phone, &[&code]).await, &["EXEMPLE Y."]);
    see(&pair.press(&phone, &["1", "1"]).await, &["118206455"]);
    password_in(&pair.sms(&phone, "Mot de passe MaCNSS").await);
    pair.sms(&phone, "118206455").await;
    until("everything is delivered", || async {
        pair.ask("SELECT COUNT(*) FROM outbox WHERE state = 'delivered'") == "3"
    })
    .await;
    assert_eq!(phone.received(), 3);
    assert_eq!(pair.smsc.parts_repeated(), 0);
    assert_eq!(pair.ask("SELECT COUNT(*) FROM nodes WHERE over = 0"), "2");
}

/// A node dies under load: nobody who dials sees an error for longer than it takes the balancer to try
/// the other, and its bind is the other's when the lease is over. Where nobody buries it, it is not.
#[tokio::test]
async fn a_dead_node_is_taken_over_by_whoever_buries_it() {
    /// The lease and two seconds, with time to spare for a machine that is busy.
    const TAKES_OVER: Duration = Duration::from_secs(12);
    for plant in [None, Some("nobody-is-buried")] {
        let env: Vec<_> = plant.map(|plant| ("PLANTED", plant)).into_iter().collect();
        let Some(mut pair) = Pair::with(1, &env).await else {
            return;
        };
        let dead = pair.bound(&[0, 1]).await;
        let (stop, stopped) = watch::channel(false);
        let dials = tokio::spawn(dials(pair.operator.clone(), pair.phones.clone(), stopped));
        pair.nodes[dead].kill().await;
        let died = Instant::now();
        let other = &pair.nodes[1 - dead];
        let bound = async {
            while !is_bound(other).await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let taken = tokio::time::timeout(TAKES_OVER, bound).await;
        let took = died.elapsed();
        stop.send_replace(true);
        let (answered, failed) = dials.await.unwrap();
        println!(
            "{plant:?}: taken over: {} after {took:.1?}; of {answered} dials {failed} failed",
            taken.is_ok()
        );
        assert_eq!(taken.is_ok(), plant.is_none(), "{plant:?}\n{}", pair.said());
        // What was under way in the dead node at that moment.
        assert!(failed <= 2 && answered > 20, "{answered} {failed}");
    }
}

/// Dials twenty times a second until it is told to stop; how many were answered, and how many not.
async fn dials(operator: Operator, phones: Phones, stop: watch::Receiver<bool>) -> (u32, u32) {
    let (mut answered, mut failed) = (0, 0);
    let mut every = tokio::time::interval(Duration::from_millis(50));
    while !*stop.borrow() {
        every.tick().await;
        let phone = phones.phone(&format!("+2126620{:05}", answered + failed));
        match operator.dial(&phone, "*580#").await {
            Ok(_) => answered += 1,
            Err(_) => failed += 1,
        }
    }
    (answered, failed)
}

/// The node with the bind dies: the other has the conversation at once, and bind and texts when the
/// lease is over.
#[tokio::test]
async fn a_node_dies_and_the_other_takes_over() {
    let Some(mut pair) = Pair::new().await else {
        return;
    };
    let phone = pair.phones.phone(YOUSSEF);
    pair.dial(&phone, "*580#").await;
    pair.press(&phone, &["2", "1", "1", "1", "JC51834"]).await;
    let dead = pair.bound(&[0, 1]).await;
    pair.nodes[dead].kill().await;
    let summary = pair.press(&phone, &["02092029", "17111990"]).await;
    see(&summary, &["JC51834"]);
    see(&pair.press(&phone, &["1"]).await, &["Code envoyé"]);
    // It goes when the other holds the bind.
    let code = code_in(&pair.sms(&phone, "Votre code: ").await);
    see(&pair.press(&phone, &[&code]).await, &["EXEMPLE Y."]);
    assert_eq!(pair.bound(&[1 - dead]).await, 1 - dead);
    assert_eq!(pair.ask("SELECT COUNT(*) FROM nodes WHERE over = 0"), "1");

    // It comes back as another node, and the bind stays where it is.
    pair.nodes[dead] = Program::start(pair.folder.path(), &[("JISR_STORE__URL", &pair.url)]).await;
    assert_eq!(pair.ask("SELECT COUNT(*) FROM nodes WHERE over = 0"), "2");
    assert_eq!(pair.ask("SELECT COUNT(*) FROM nodes"), "3");
    // One that is told to stop is over at once, and its bind with it.
    let stopped = pair.nodes[1 - dead].stop().await;
    assert!(stopped.success());
    assert_eq!(pair.ask("SELECT COUNT(*) FROM nodes WHERE over = 0"), "1");
    until("the other has the bind", || is_bound(&pair.nodes[dead])).await;
}

/// The binds of a link are shared: each node has as many as the other, also the one that comes later; who
/// is left has them all.
#[tokio::test]
async fn nodes_share_the_binds_of_a_link() {
    let Some(mut pair) = Pair::with(2, &[]).await else {
        return;
    };
    until("each has one", || async {
        binds(&pair.nodes[0]).await == 1 && binds(&pair.nodes[1]).await == 1
    })
    .await;
    assert!(pair.nodes[0].stop().await.success());
    until("one has both", || async {
        binds(&pair.nodes[1]).await == 2
    })
    .await;
    pair.nodes[0] = Program::start(pair.folder.path(), &[("JISR_STORE__URL", &pair.url)]).await;
    until("each has one again", || async {
        binds(&pair.nodes[0]).await == 1 && binds(&pair.nodes[1]).await == 1
    })
    .await;
    pair.nodes[1].kill().await;
    until("the other has both", || async {
        binds(&pair.nodes[0]).await == 2
    })
    .await;
}

/// The ledger's server is restarted, cleanly and as by a power cut, in the middle of a conversation.
#[tokio::test]
async fn the_server_is_restarted_under_both() {
    let Some(mut pair) = Pair::new().await else {
        return;
    };
    let phone = pair.phones.phone(AMINA);
    pair.dial(&phone, "*580#").await;
    for (how, keys) in [
        (Stop::Fast, &["2", "1", "1", "1"][..]),
        (Stop::Immediate, &["BE740215", "14062031", "05031984"]),
    ] {
        pair.press(&phone, &keys[..1]).await;
        let stopped = tokio::task::spawn_blocking(move || {
            let mut server = pair.server;
            server.stop(how);
            server.run().unwrap();
            server
        });
        pair.server = stopped.await.unwrap();
        pair.press(&phone, &keys[1..]).await;
    }
    see(&pair.press(&phone, &["1"]).await, &["104882317"]);
    let shown = phone.history();
    let hung_up = shown.iter().filter(|one| matches!(one, Happening::HungUp));
    assert_eq!(hung_up.count(), 0, "{shown:?}");
    pair.sms(&phone, "104882317").await;
}
