//! The client against the stub that agencies start from: the same suite as every registry.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::system::SystemClock;

/// The stub, which ends with its test.
struct Stub(Child);

impl Drop for Stub {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test]
async fn it_keeps_the_contract_with_the_stub() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "TOKEN\n").unwrap();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let started = Command::new("python3")
        .arg(repository.join("docs/registry-stub/registry.py"))
        .args(["--listen", "127.0.0.1:0", "--token-file"])
        .arg(&token)
        .arg("--people")
        .arg(repository.join("src/desk/people.sample.csv"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        println!("not run: the registry's stub: no python3");
        assert_ne!(
            std::env::var("TEST_PEERS").as_deref(),
            Ok("require"),
            "TEST_PEERS=require: this has to run here"
        );
        return;
    };
    let mut stub = Stub(child);
    let mut line = String::new();
    let stdout = stub.0.stdout.take().unwrap();
    // It ends without a line if it cannot start, so this does not wait for ever.
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let mut config = HttpRegistryConfig::at(line.split_whitespace().last().unwrap_or_default());
    config.token_file = Some(token);
    let registry = HttpRegistry::new(config, Arc::new(SystemClock)).unwrap();
    crate::desk::contract::holds(&registry).await;
}
