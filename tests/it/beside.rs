//! Redis beside the ledger of two nodes: whatever becomes of it, every screen and every message is as if
//! it were not there.

use std::sync::Arc;
use std::time::Duration;

use jisr::cache::{Address, Bell, Cache, Recalled, Taker};
use jisr::callback::{Channel, LinkName, Msisdn, ServiceName};
use jisr::clock::Moment;
use jisr::conversation::{Conversation, ConversationId, SlotName, Value};
use jisr::store::seal::Keys;
use jisr::store::{SessionKey, SessionMark};
use jisr::system::SystemChance;
use simulator::operator::Operator;
use simulator::phone::Phone;
use simulator::servers::{Cluster, NoServer, Redis, Sentinel, Stop};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::program::{Program, SOON, code_in, password_in, see, until};
use crate::two_nodes::{Pair, binds};

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
        sum += figure_of(node, words).await;
    }
    sum
}

/// The same of one node.
async fn figure_of(node: &Program, words: &[&str]) -> f64 {
    let text = node.shows("/metrics").await;
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
    lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
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
    let Some(mut pair) = Pair::with(1, &[("JISR_CACHE__URL", &redis.url())]).await else {
        return;
    };
    connected(&pair.nodes).await;
    let phone = pair.phones.phone(YOUSSEF);
    walk(&mut pair, &phone, |_| {}).await;
    let recalled = figure(&pair, &["jisr_cache_recalls_total", "hit"]).await;
    assert!(recalled >= 6.0, "{recalled}\n{}", pair.said());
}

/// From the dial to the documents, which go out as a text too.
async fn documents(pair: &Pair, node: usize, phone: &Phone) {
    let operator = Operator::new(format!("http://{}/ussd/sim", pair.nodes[node].http));
    operator.dial(phone, "*580#").await.unwrap();
    for key in ["2", "1", "2", "1"] {
        operator.press(phone, key).await.unwrap();
    }
    see(&operator.press(phone, "1").await.unwrap(), &["fournir"]);
}

/// A message that is queued on a node without its link's bind goes out because the node with the bind is
/// rung: nobody looks. Without a Redis it waits until something rings there.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_rings_where_its_link_is_bound() {
    let Some(redis) = here(Redis::start()) else {
        return;
    };
    let url = redis.url();
    for cache in [Some(("JISR_CACHE__URL", url.as_str())), None] {
        let env: Vec<_> = [Some(("PLANTED", "nobody-looks")), cache]
            .into_iter()
            .flatten()
            .collect();
        let Some(pair) = Pair::with(1, &env).await else {
            return;
        };
        if cache.is_some() {
            until("both listen for bells", || async {
                let channels = redis.say(&["PUBSUB", "CHANNELS"]).unwrap();
                let listen = redis.say(&["PUBSUB", "NUMSUB", channels.trim()]).unwrap();
                listen.trim().ends_with('2')
            })
            .await;
        }
        let bound = pair.bound(&[0, 1]).await;
        let first = pair.phones.phone("+212661000011");
        documents(&pair, 1 - bound, &first).await;
        if cache.is_none() {
            assert_eq!(pair.ask("SELECT state FROM outbox"), "queued");
            let second = pair.phones.phone("+212661000012");
            documents(&pair, bound, &second).await;
            pair.sms(&second, "fournir").await;
        }
        pair.sms(&first, "fournir").await;
    }
}

/// Two nodes together go no faster than their link may, with a Redis and without: what a slow machine
/// makes of it is only slower.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_go_no_faster_than_their_link() {
    const RATE: u32 = 40;
    const TEXTS: u32 = 160;
    /// What may go at once, and while a node or a Redis comes.
    const BEYOND: u32 = RATE;
    let Some(redis) = here(Redis::start()) else {
        return;
    };
    let url = redis.url();
    let link = format!("count = 2\nrate = {RATE}");
    for env in [&[("JISR_CACHE__URL", url.as_str())][..], &[]] {
        let Some(pair) = Pair::on(&link, env).await else {
            return;
        };
        if !env.is_empty() {
            connected(&pair.nodes).await;
        }
        until("each has a bind", || async {
            let (one, other) = (binds(&pair.nodes[0]).await, binds(&pair.nodes[1]).await);
            (one, other) == (1, 1)
        })
        .await;
        let phones: Vec<Phone> = (0..TEXTS)
            .map(|number| pair.phones.phone(&format!("+2126630{number:05}")))
            .collect();
        let began = Instant::now();
        let texts = phones
            .iter()
            .map(|phone| pair.smsc.text(phone, "5800", "TNS", SOON));
        for taken in futures_util::future::join_all(texts).await {
            taken.unwrap();
        }
        for phone in &phones {
            pair.sms(phone, "Langue").await;
        }
        let took = began.elapsed().as_secs_f64();
        let mut by_node = Vec::new();
        for node in &pair.nodes {
            by_node.push(figure_of(node, &["jisr_parts_total", "accepted"]).await);
        }
        println!("{TEXTS} texts in {took:.2} s, by node {by_node:?}");
        assert!(
            took >= f64::from(TEXTS - BEYOND) / f64::from(RATE),
            "{took}"
        );
        assert!(by_node.iter().all(|count| *count > 0.0), "{by_node:?}");
        assert!(
            by_node.iter().sum::<f64>() >= f64::from(TEXTS),
            "{by_node:?}"
        );
    }
}

/// What happens to Redis on the way: each is played on servers of its own, and before every key.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_it_no_screen_and_no_message_is_another() {
    let Some(mut redis) = here(Redis::start()) else {
        return;
    };
    let Some(mut pair) = Pair::with(1, &[("JISR_CACHE__URL", &redis.url())]).await else {
        return;
    };
    connected(&pair.nodes).await;
    let phone = pair.phones.phone(YOUSSEF);
    walk(&mut pair, &phone, |at| match at {
        // Forgotten in the middle.
        1 => redis.flush().unwrap(),
        // Silent: longer than anybody waits, and than it counts as there.
        2 => redis.pause(Duration::from_secs(3)).unwrap(),
        // Gone, and back empty.
        3 => redis.stop(Stop::Immediate),
        4 => redis.run().unwrap(),
        // An old state comes back: kept here, restored three turns later.
        5 => {
            until_up(&redis);
            redis.keep().unwrap();
        }
        8 => {
            redis.stop(Stop::Immediate);
            redis.run().unwrap();
        }
        // Full: nothing more is taken.
        9 => drop(redis.say(&["CONFIG", "SET", "maxmemory", "1"]).unwrap()),
        10 => {
            drop(redis.say(&["CONFIG", "SET", "maxmemory", "0"]).unwrap());
            redis.flush().unwrap();
        }
        _ => {}
    })
    .await;
    // One line for each change, and none for each command.
    for node in &pair.nodes {
        let said = node.stderr.text();
        let lines = said.lines().filter(|line| line.contains("Redis")).count();
        assert!((2..=12).contains(&lines), "{lines}\n{said}");
    }
}

/// Gives the nodes a moment in which they find it again; how far they come does not matter.
fn until_up(_redis: &Redis) {
    std::thread::sleep(Duration::from_millis(500));
}

/// The master dies with what its replica did not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_costs_time_only() {
    let Some(mut sentinel) = here(Sentinel::start()) else {
        return;
    };
    let Some(mut pair) = Pair::with(1, &[("JISR_CACHE__URL", &sentinel.url())]).await else {
        return;
    };
    connected(&pair.nodes).await;
    let phone = pair.phones.phone(YOUSSEF);
    walk(&mut pair, &phone, |at| match at {
        2 => {
            // From here on the replica hears nothing: it comes up older than the master was.
            drop(sentinel.servers()[1].say(&["REPLICAOF", "NO", "ONE"]));
        }
        5 => {
            drop(sentinel.servers()[0].say(&["CLIENT", "PAUSE", "300", "ALL"]));
            sentinel.servers()[0].stop(Stop::Immediate);
        }
        _ => {}
    })
    .await;
}

fn talk(last: u8) -> (SessionKey, Recalled) {
    let subscriber = Msisdn::parse(&format!("+2126610000{last:02}")).unwrap();
    let session = SessionKey {
        link: LinkName::from("sim"),
        subscriber: subscriber.clone(),
        id: format!("session {last}"),
    };
    let at = Moment::from_ms(1_760_000_000_000);
    let id = ConversationId([last; 16]);
    let mut conversation =
        Conversation::new(id, service(), subscriber, ("tns", 1), Channel::Ussd, at);
    conversation.revision = 3;
    let typed = Value::Text("BE740215".to_owned());
    conversation
        .slots
        .insert(SlotName::from("id_number"), typed);
    let mark = SessionMark {
        opened_at: at,
        seen_at: at,
        path_len: 7,
        path_mark: [7; 32],
        shown_revision: 3,
        shown: true,
        ended: false,
        version: 3,
    };
    let recalled = Recalled {
        conversation,
        session: mark,
        saved_at: at,
    };
    (session, recalled)
}

fn service() -> ServiceName {
    ServiceName::from("tns")
}

/// A cache that is connected, and what stops it.
async fn cache(url: &str) -> (Arc<Cache>, watch::Sender<bool>) {
    let (cache, stop) = unconnected(url);
    let mut up = cache.up();
    tokio::time::timeout(SOON, up.wait_for(|up| *up))
        .await
        .unwrap()
        .unwrap();
    (cache, stop)
}

fn unconnected(url: &str) -> (Arc<Cache>, watch::Sender<bool>) {
    let address = Address::parse(url).unwrap();
    let (keys, chance) = (Keys::for_testing(), Arc::new(SystemChance));
    let cache = Arc::new(Cache::new(address, None, keys, chance));
    let (stop, stopped) = watch::channel(false);
    let keeps = Arc::clone(&cache);
    tokio::spawn(async move { keeps.keep(stopped).await });
    (cache, stop)
}

async fn recalls(cache: &Cache, session: &SessionKey, expected: Option<&Recalled>) {
    let at = Moment::from_ms(1_760_000_001_000);
    until("it is as expected", || async {
        cache.recall(&service(), session, at).await.as_ref() == expected
    })
    .await;
}

/// What is recalled is the newest of its session, and nobody else's; in Redis nothing of it can be read.
#[tokio::test]
async fn an_entry_is_the_newest_of_its_session_and_nobody_elses() {
    let Some(redis) = here(Redis::start()) else {
        return;
    };
    let (cache, _stop) = cache(&redis.url()).await;
    let ((one, old), (two, other)) = (talk(1), talk(2));
    let mut new = old.clone();
    new.session.version = 4;
    new.conversation.revision = 4;
    cache.remember(&service(), &one, &new);
    recalls(&cache, &one, Some(&new)).await;
    // An older one that comes late does not go over it.
    cache.remember(&service(), &one, &old);
    cache.remember(&service(), &two, &other);
    recalls(&cache, &two, Some(&other)).await;
    recalls(&cache, &one, Some(&new)).await;
    let keys = redis.say(&["KEYS", "*"]).unwrap();
    let mut keys = keys.lines();
    let (first, second) = (keys.next().unwrap(), keys.next().unwrap());
    assert_eq!(keys.next(), None);
    for key in [first, second] {
        let life: u64 = redis.say(&["PTTL", key]).unwrap().parse().unwrap();
        assert!((1..=30 * 60 * 1000).contains(&life), "{life}");
    }
    let dump = redis.dump().unwrap();
    for canary in ["BE740215", "2126610000", "session 1", "id_number", "sim"] {
        let found = dump
            .windows(canary.len())
            .any(|part| part == canary.as_bytes());
        assert!(!found, "{canary} can be read");
    }

    // Somebody swaps what is there: neither is anybody's.
    redis.say(&["RENAME", first, "x"]).unwrap();
    redis.say(&["RENAME", second, first]).unwrap();
    redis.say(&["RENAME", "x", second]).unwrap();
    recalls(&cache, &one, None).await;
    recalls(&cache, &two, None).await;
    for rubbish in ["", "x", "ffffffffffffffffrubbish"] {
        redis.say(&["SET", first, rubbish]).unwrap();
        redis.say(&["SET", second, rubbish]).unwrap();
        recalls(&cache, &one, None).await;
    }
    redis.say(&["DEL", first, second]).unwrap();
    redis.say(&["RPUSH", first, "x"]).unwrap();
    redis.say(&["RPUSH", second, "x"]).unwrap();
    recalls(&cache, &one, None).await;

    redis.flush().unwrap();
    cache.remember(&service(), &one, &new);
    recalls(&cache, &one, Some(&new)).await;
    // Too old, by the clock of whoever asks.
    let late = new.saved_at.plus(Duration::from_secs(30 * 60 + 1));
    assert_eq!(cache.recall(&service(), &one, late).await, None);
    cache.forget(&service(), &one);
    recalls(&cache, &one, None).await;
}

/// The same on servers that sentinels watch, and on a cluster.
#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_of_servers_remember_ring_and_meter() {
    let (sentinel, cluster) = (here(Sentinel::start()), here(Cluster::start()));
    let urls = [
        sentinel.as_ref().map(Sentinel::url),
        cluster.as_ref().map(Cluster::url),
    ];
    for url in urls.into_iter().flatten() {
        let (cache, _stop) = cache(&url).await;
        for last in 1..20 {
            let (session, recalled) = talk(last);
            cache.remember(&service(), &session, &recalled);
            recalls(&cache, &session, Some(&recalled)).await;
        }
        let (other, _stop_other) = self::cache(&url).await;
        let mut bells = other.bells();
        let bell = Bell::Link(LinkName::from("sim"));
        let heard = async {
            while let Err(_silence) = tokio::time::timeout(Duration::from_millis(100), async {
                cache.ring(&bell);
                assert_eq!(bells.recv().await.as_ref(), Ok(&bell));
            })
            .await
            {}
        };
        tokio::time::timeout(SOON, heard).await.unwrap();
        until("rights are given", || async {
            cache.take_rights(taker(1, 1.0), 1.0).await == Ok(1)
        })
        .await;
    }
}

fn taker(node: i64, part: f64) -> Taker<'static> {
    Taker {
        of: "sim",
        node,
        part,
        limit: 200.0,
    }
}

/// All nodes together get what the link has, one that is alone gets what the others leave, and what is
/// the part of one that is not here stays its own.
#[tokio::test]
async fn rights_are_those_of_the_link_however_many_take_them() {
    let Some(redis) = here(Redis::start()) else {
        return;
    };
    let (cache, _stop) = cache(&redis.url()).await;
    let took = async |takers: &[Taker<'static>], wants: &[f64]| {
        let from = Instant::now();
        let mut got = vec![0_u32; takers.len()];
        while from.elapsed() < Duration::from_millis(1500) {
            for ((taker, wants), got) in takers.iter().zip(wants).zip(&mut got) {
                // One that came too late is lost, and nobody has it.
                *got += cache.take_rights(*taker, *wants).await.unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let seconds = from.elapsed().as_secs_f64();
        let rates = got.into_iter().map(|got| f64::from(got) / seconds);
        rates.collect::<Vec<f64>>()
    };
    let halves = [taker(1, 0.5), taker(2, 0.5)];
    let both = took(&halves, &[100.0, 100.0]).await;
    let sum: f64 = both.iter().sum();
    assert!(sum <= 200.0 * 1.15 && sum > 20.0, "{both:?}");
    // The other is here and wants nothing: this one has it all.
    let one = took(&halves, &[100.0, 0.0]).await;
    assert!(one[0] <= 200.0 * 1.15 && one[0] > 20.0, "{one:?}");
    // The other is not here: after a second its part is left alone.
    took(&halves[..1], &[0.0]).await;
    let alone = took(&halves[..1], &[100.0]).await;
    assert!(alone[0] <= 100.0 * 1.3, "{alone:?}");
    // Whatever somebody wrote there: it begins anew, and empty.
    redis.flush().unwrap();
    let first = cache.take_rights(taker(1, 1.0), 100.0).await;
    assert!(matches!(first, Ok(0) | Err(_)), "{first:?}");
    let key = redis.say(&["KEYS", "*s:sim"]).unwrap();
    redis
        .say(&["HSET", &key, "n9", "rubbish", "last", "x", "rights", "y"])
        .unwrap();
    until("it is a bucket again", || async {
        matches!(cache.take_rights(taker(1, 1.0), 1.0).await, Ok(1))
    })
    .await;
}

/// Something that takes connections and never says a word, and something that is not there: nobody waits.
#[tokio::test]
async fn nobody_waits_for_a_server_that_is_mute_or_is_not_there() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [mute.local_addr().unwrap(), closed.local_addr().unwrap()];
    drop(closed);
    let (session, recalled) = talk(1);
    for kind in ["redis://H", "redis-sentinel://H/main", "redis-cluster://H"] {
        for address in addresses {
            let (cache, stop) = unconnected(&kind.replace('H', &address.to_string()));
            let from = Instant::now();
            for _ in 0..100 {
                assert_eq!(
                    cache.recall(&service(), &session, recalled.saved_at).await,
                    None
                );
                cache.remember(&service(), &session, &recalled);
            }
            assert!(!cache.is_up());
            assert!(from.elapsed() < Duration::from_secs(5));
            stop.send_replace(true);
        }
    }
}
