//! Redis beside the ledger of two nodes: whatever becomes of it, every screen and every message is as if
//! it were not there.

use simulator::phone::Phone;
use simulator::servers::{NoServer, Redis};

use crate::program::{Program, code_in, password_in, see, until};
use crate::two_nodes::Pair;

const YOUSSEF: &str = "+212661000002";

/// None where this machine does not have it.
pub fn here<T>(started: Result<T, NoServer>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(NoServer::NotHere(what)) if std::env::var("TEST_PEERS").as_deref() != Ok("require") => {
            println!("not run: {what} is not installed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The sum of a figure of both nodes, over the lines with all these words.
async fn figure(pair: &Pair, words: &[&str]) -> f64 {
    let mut sum = 0.0;
    for node in &pair.nodes {
        let text = node.shows("/metrics").await;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
        sum += lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum::<f64>();
    }
    sum
}

async fn connected(nodes: &[Program]) {
    for node in nodes {
        node.stderr.says("Redis is connected", 1).await;
    }
}

/// The whole way to the password, each turn on the other node; `then` happens before each key.
async fn walk(pair: &mut Pair, phone: &Phone, mut then: impl FnMut(usize)) {
    pair.dial(phone, "*580#").await;
    let keys = ["2", "1", "1", "1", "JC51834", "02092029", "17111990"];
    for (at, key) in keys.iter().enumerate() {
        then(at);
        let screen = pair.press(phone, &[key]).await;
        match at {
            4 => see(&screen, &["date d'expiration"]),
            6 => see(&screen, &["JC51834", "02/09/2029", "17/11/1990"]),
            _ => {}
        }
    }
    then(7);
    see(&pair.press(phone, &["1"]).await, &["Code envoyé"]);
    let code = code_in(&pair.sms(phone, "Votre code: ").await);
    then(8);
    see(&pair.press(phone, &[&code]).await, &["EXEMPLE Y."]);
    then(9);
    pair.press(phone, &["1"]).await;
    then(10);
    see(&pair.press(phone, &["1"]).await, &["118206455"]);
    password_in(&pair.sms(phone, "Mot de passe MaCNSS").await);
    pair.sms(phone, "118206455").await;
    until("everything is delivered", || async {
        pair.ask("SELECT COUNT(*) FROM outbox WHERE state = 'delivered'") == "3"
    })
    .await;
    assert_eq!(phone.received(), 3);
    assert_eq!(pair.smsc.parts_repeated(), 0);
}

/// It is there, and it is used.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_node_recalls_the_conversation() {
    let Some(redis) = here(Redis::start()) else {
        return;
    };
    let Some(mut pair) = Pair::with(&[("JISR_CACHE__URL", &redis.url())]).await else {
        return;
    };
    connected(&pair.nodes).await;
    let phone = pair.phones.phone(YOUSSEF);
    walk(&mut pair, &phone, |_| {}).await;
    let recalled = figure(&pair, &["jisr_cache_recalls_total", "hit"]).await;
    assert!(recalled >= 6.0, "{recalled}\n{}", pair.said());
}
