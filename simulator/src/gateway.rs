//! The gateway's program as a child process: its configuration, its start, its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::world::{CODE, PASSWORD, SHORT_NUMBER, SYSTEM_ID};

/// The program's name.
pub const PROGRAM: &str = "jisr";

/// It says that it is ready within this.
const READY_WAIT: Duration = Duration::from_secs(15);

/// It ends within this after SIGTERM, or it is killed.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Between two looks at `/readyz`.
const LOOK_PAUSE: Duration = Duration::from_millis(30);

/// The last lines of its log that are shown when it fails.
const LOG_LINES_SHOWN: usize = 20;

/// Why there is no running gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A file or a process could not be made.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What came of it.
        error: io::Error,
    },
    /// The program ended by itself or is not ready in time.
    #[error("the gateway {what}; its last words:\n{log}")]
    NotReady {
        /// What it did instead.
        what: String,
        /// The end of its log.
        log: String,
    },
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> GatewayError {
    move |error| GatewayError::Io { what, error }
}

/// Where a gateway will listen: two free ports of the loopback.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For operators.
    pub http: SocketAddr,
    /// For administration.
    pub admin: SocketAddr,
}

impl Addresses {
    /// Two ports that are free now.
    ///
    /// # Errors
    /// When there are none.
    pub fn free() -> io::Result<Self> {
        // Both are held until both are known, so that they differ.
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self {
            http: http.local_addr()?,
            admin: admin.local_addr()?,
        })
    }

    /// The URL that an operator posts callbacks to.
    pub fn callback_url(&self) -> String {
        format!("http://{}/ussd/sim", self.http)
    }
}

/// A running gateway with a store of its own. Dropping it kills the process.
pub struct Gateway {
    child: Child,
    log: PathBuf,
}

impl Gateway {
    /// Starts the program in `dir`, where its configuration and its store are put, and waits until
    /// it is ready.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn start(
        program: &Path,
        dir: &Path,
        addresses: Addresses,
        smsc: SocketAddr,
    ) -> Result<Self, GatewayError> {
        let config = config(dir, addresses, smsc);
        Self::launch(Command::new(program), dir, addresses, &config).await
    }

    /// Starts the program by a command of one's own, such as one that binds it to a core, with a
    /// configuration of one's own, and waits until it is ready.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn launch(
        mut command: Command,
        dir: &Path,
        addresses: Addresses,
        config: &str,
    ) -> Result<Self, GatewayError> {
        std::fs::write(dir.join("jisr.toml"), config)
            .map_err(failed("the configuration could not be written"))?;
        let log_path = dir.join("jisr.log");
        let log = std::fs::File::create(&log_path).map_err(failed("no log file"))?;
        let errors = log.try_clone().map_err(failed("no log file"))?;
        command
            .arg("serve")
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        for (name, _) in std::env::vars_os() {
            // What is set for another gateway is not meant for this one.
            if name.to_string_lossy().starts_with("JISR_") {
                command.env_remove(name);
            }
        }
        let child = command
            .kill_on_drop(true)
            .spawn()
            .map_err(failed("the gateway's program could not be started"))?;
        let mut gateway = Self {
            child,
            log: log_path,
        };
        gateway.until_ready(addresses.admin).await?;
        Ok(gateway)
    }

    async fn until_ready(&mut self, admin: SocketAddr) -> Result<(), GatewayError> {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let deadline = Instant::now() + READY_WAIT;
        let log = self.log.clone();
        let not_ready = |what: String| GatewayError::NotReady {
            what,
            log: last_lines(&log),
        };
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(not_ready(format!("ended by itself ({status})"))),
                Err(error) => return Err(failed("its state is not known")(error)),
            }
            let request = Request::get(format!("http://{admin}/readyz"))
                .body(Empty::new())
                .map_err(|error| not_ready(error.to_string()))?;
            let answer =
                tokio::time::timeout(Duration::from_secs(1), client.request(request)).await;
            if let Ok(Ok(answer)) = answer
                && answer.status() == StatusCode::OK
            {
                return Ok(());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Err(not_ready(format!(
            "was not ready within {} s",
            READY_WAIT.as_secs()
        )))
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The last lines of its log, which holds nothing that anybody typed.
    pub fn last_words(&self) -> String {
        last_lines(&self.log)
    }

    /// Asks it to end, and kills it if it does not within 5 s; tells whether it ended well.
    ///
    /// # Errors
    /// When its state cannot be known.
    pub async fn stop(mut self) -> Result<bool, GatewayError> {
        if let Some(id) = self.child.id() {
            // `kill` is a builtin of every POSIX shell, so no further program is needed.
            let asked = Command::new("sh")
                .arg("-c")
                .arg(format!("kill -TERM {id}"))
                .status()
                .await;
            asked.map_err(failed("SIGTERM could not be sent"))?;
        }
        match tokio::time::timeout(STOP_WAIT, self.child.wait()).await {
            Ok(status) => Ok(status.map_err(failed("its state is not known"))?.success()),
            Err(_) => {
                self.child
                    .kill()
                    .await
                    .map_err(failed("it could not be killed"))?;
                Ok(false)
            }
        }
    }
}

/// The program of the same build as this one: beside it, after `cargo build` where cargo is known.
///
/// # Errors
/// When the build fails, or there is no program beside this one.
pub async fn build() -> Result<PathBuf, GatewayError> {
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--bin", PROGRAM]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        if let Some(dir) = std::env::var_os("CARGO_MANIFEST_DIR") {
            // The gateway is the package at the root of the workspace, above this one.
            command.current_dir(Path::new(&dir).join(".."));
        }
        let built = command
            .status()
            .await
            .map_err(failed("cargo could not be started"))?;
        if !built.success() {
            let error = io::Error::other("cargo build ended with an error");
            return Err(failed("the gateway could not be built")(error));
        }
    }
    let this = std::env::current_exe().map_err(failed("this program's own place is not known"))?;
    let program = this.with_file_name(PROGRAM);
    if program.is_file() {
        Ok(program)
    } else {
        let error = io::Error::from(io::ErrorKind::NotFound);
        Err(failed("there is no program `jisr` beside this one")(error))
    }
}

fn config(dir: &Path, addresses: Addresses, smsc: SocketAddr) -> String {
    let Addresses { http, admin } = addresses;
    let store = dir.join("jisr.db");
    format!(
        r#"# Of the demonstration: sample people, an operator and a message centre on this machine.
[http]
listen = "{http}"

[admin]
listen = "{admin}"

[store]
url = "sqlite://{store}"

[security]
no_number_on_file = "guide"

[registry]
kind = "sandbox"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["{CODE}"]
sms = ["{SHORT_NUMBER}"]
keywords = ["TNS"]
sms_link = "smsc"

[[link]]
name = "sim"
kind = "ussd-http"
shape = "africastalking"
services = ["tns"]
[[link.auth]]
kind = "addresses"
allow = ["127.0.0.1"]

[[link]]
name = "smsc"
kind = "smpp"
host = "{host}"
port = {port}
system_id = "{SYSTEM_ID}"
password = "{PASSWORD}"
services = ["tns"]
"#,
        store = store.display(),
        host = smsc.ip(),
        port = smsc.port(),
    )
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn a_program_that_ends_is_not_ready_and_its_words_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let program = program(dir.path(), "echo \"$1: no such dialog\"; exit 1");
        let smsc = SocketAddr::from(([127, 0, 0, 1], 2775));
        let started = Gateway::start(&program, dir.path(), Addresses::free().unwrap(), smsc).await;
        let error = started.err().unwrap().to_string();
        assert!(
            error.contains("ended by itself") && error.contains("serve: no such dialog"),
            "{error}"
        );
        let config = std::fs::read_to_string(dir.path().join("jisr.toml")).unwrap();
        assert!(
            config.contains("port = 2775") && config.contains("/jisr.db\""),
            "{config}"
        );
    }

    #[tokio::test]
    async fn it_is_asked_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let ready = axum::Router::new().route("/readyz", axum::routing::get(|| async { "ok" }));
        let admin = crate::web::Server::start(ready, 0).await.unwrap();
        // The shell waits in the background, so that the signal finds it at once.
        let program = program(
            dir.path(),
            "sleep 60 & p=$!; trap 'kill $p; exit 0' TERM; wait",
        );
        let addresses = Addresses {
            admin: admin.address(),
            ..Addresses::free().unwrap()
        };
        let smsc = SocketAddr::from(([127, 0, 0, 1], 2775));
        let gateway = Gateway::start(&program, dir.path(), addresses, smsc)
            .await
            .unwrap();
        assert!(gateway.stop().await.is_ok());
    }
}
