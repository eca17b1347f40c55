//! What idle links cost. It stands in a process of its own, so that nothing else is measured.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

#[path = "it/nobody.rs"]
mod nobody;

use std::time::Duration;

use jisr::smpp::config::SmppConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// For a thousand links.
const MIB_MAX: usize = 64;

/// Memory of this process, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many files this process may open.
#[cfg(target_os = "linux")]
fn files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    line.split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap_or(usize::MAX)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_idle_links_cost_little() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Takes every bind, and then says nothing.
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.unwrap();
            let mut resp = vec![0, 0, 0, 17, 0x80, 0, 0, 9, 0, 0, 0, 0];
            resp.extend_from_slice(&head[12..]);
            resp.push(0);
            stream.write_all(&resp).await.unwrap();
            kept.push(stream);
        }
    });
    let links = 1_000.min(files().saturating_sub(100) / 2);
    let link = || {
        nobody::link(SmppConfig {
            port,
            ..SmppConfig::default()
        })
        .unwrap()
    };
    let bound = async |links: &[jisr::smpp::link::LinkHandle]| {
        for _ in 0..1_000 {
            if links.iter().all(|link| link.status().up() == 1) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not all links were bound");
    };
    // What the first costs, the runtime costs.
    let mut all = vec![link()];
    bound(&all).await;
    let before = resident();
    all.extend((1..links).map(|_| link()));
    bound(&all).await;
    let more = resident().saturating_sub(before);
    println!(
        "{links} links: {more} KiB, {} octets each",
        more * 1024 / links
    );
    assert!(
        more * 1_000 / links <= MIB_MAX * 1024,
        "{more} KiB for {links}"
    );
}
