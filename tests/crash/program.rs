//! The program as a child process, behind whatever a fault puts before it: a tracer, a limit, another
//! clock.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::Held;

/// What a program says within this, or not at all.
pub const SOON: Duration = Duration::from_secs(30);
/// Between two looks at what cannot ring.
pub const LOOK: Duration = Duration::from_millis(20);
/// Output of a program that is kept.
const OUTPUT_MAX: usize = 16 * 1024 * 1024;
/// Lines of its log that are shown with a failure.
const LINES_SHOWN: usize = 12;

/// How the program is started.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// What stands before it on the command line.
    pub before: Vec<String>,
    /// More of its environment.
    pub env: Vec<(String, String)>,
}

impl How {
    /// With a program in front.
    pub fn behind(words: &[&str]) -> Self {
        Self {
            before: words.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
        }
    }

    /// With another expression for the tracer in front.
    pub fn also(mut self, expression: &str) -> Self {
        self.before.extend(["-e".to_owned(), expression.to_owned()]);
        self
    }

    /// With an option for the program in front.
    pub fn in_front(mut self, option: &str) -> Self {
        self.before.insert(1, option.to_owned());
        self
    }

    /// With a variable of the environment.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// A stream's text so far.
#[derive(Clone)]
struct Heard {
    text: Arc<Mutex<String>>,
    length: watch::Receiver<usize>,
}

impl Heard {
    fn listen(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (told, length) = watch::channel(0);
        let heard = Arc::clone(&text);
        tokio::spawn(async move {
            let mut bytes = [0; 8192];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let mut heard = heard.lock().unwrap();
                if heard.len() < OUTPUT_MAX {
                    heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
                }
                told.send_replace(heard.len());
            }
        });
        Self { text, length }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits until something is said; false where the stream ends before, or [`SOON`] is over.
    async fn says(&self, what: &str) -> bool {
        let mut length = self.length.clone();
        let said = async {
            loop {
                length.borrow_and_update();
                if self.text().contains(what) {
                    return true;
                }
                if length.changed().await.is_err() {
                    return self.text().contains(what);
                }
            }
        };
        tokio::time::timeout(SOON, said).await.unwrap_or(false)
    }
}

/// A running `jisr serve`; dropping it kills it.
pub struct Program {
    child: Child,
    id: u32,
    stdout: Heard,
    stderr: Heard,
}

impl Program {
    /// Starts it in a folder, on two addresses; it may not listen yet.
    pub fn spawn(folder: &Path, http: SocketAddr, admin: SocketAddr, how: &How) -> Held<Self> {
        let program = env!("CARGO_BIN_EXE_jisr");
        let mut command = match how.before.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JISR_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("serve")
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .env("JISR_HTTP__LISTEN", http.to_string())
            .env("JISR_ADMIN__LISTEN", admin.to_string())
            .envs(how.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the program cannot be started: {error}"))?;
        let stdout = child.stdout.take().map(Heard::listen);
        let stderr = child.stderr.take().map(Heard::listen);
        let (Some(stdout), Some(stderr), Some(id)) = (stdout, stderr, child.id()) else {
            return Err("the program has no output".to_owned());
        };
        Ok(Self {
            child,
            id,
            stdout,
            stderr,
        })
    }

    /// Waits until it listens; false where it has ended before.
    pub async fn listens(&self) -> bool {
        self.stdout.says("ledger ").await
    }

    /// What it has said on standard error.
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// The end of what it has said, for whoever reads of a failure.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// Sends it a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) -> Held<()> {
        signal(self.id, name).await
    }

    /// Waits until it has ended, at most so long.
    pub async fn ended(&mut self, wait: Duration) -> Held<ExitStatus> {
        match tokio::time::timeout(wait, self.child.wait()).await {
            Ok(Ok(status)) => {
                // What it said last may still be on its way.
                self.stderr.says("\0").await;
                Ok(status)
            }
            Ok(Err(error)) => Err(format!("nobody knows how it ended: {error}")),
            Err(_) => Err(format!("it goes on after {} s", wait.as_secs())),
        }
    }

    /// Whether it has ended by now.
    pub fn is_over(&mut self) -> bool {
        self.status().is_some()
    }

    /// How it has ended, where it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// `kill -9`, and waits until it is dead.
    pub async fn kill(&mut self) -> Held<()> {
        let killed = self.child.kill().await;
        killed.map_err(|error| format!("it cannot be killed: {error}"))
    }

    /// SIGTERM, and waits until it has ended well.
    pub async fn stop(&mut self) -> Held<()> {
        self.signal("TERM").await?;
        let status = self.ended(SOON).await?;
        if status.success() {
            return Ok(());
        }
        Err(format!(
            "after SIGTERM it ended with {status}:\n{}",
            self.last_words()
        ))
    }
}

/// Sends a signal to a process that we have started.
pub async fn signal(id: u32, name: &str) -> Held<()> {
    // `kill` is a builtin of every POSIX shell, so no further program is needed.
    let told = Command::new("sh")
        .args(["-c", &format!("kill -{name} {id}")])
        .stderr(Stdio::null())
        .status()
        .await;
    match told {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(format!("SIG{name} does not reach it")),
    }
}

/// Looks until it holds, at most so long.
pub async fn until<F: Future<Output = bool>>(
    what: &str,
    wait: Duration,
    look: impl FnMut() -> F,
) -> Held<()> {
    until_by(LOOK, what, wait, look).await
}

/// The same with another time between two looks.
pub async fn until_by<F: Future<Output = bool>>(
    between: Duration,
    what: &str,
    wait: Duration,
    mut look: impl FnMut() -> F,
) -> Held<()> {
    let looking = async {
        while !look().await {
            tokio::time::sleep(between).await;
        }
    };
    let done = tokio::time::timeout(wait, looking).await;
    done.map_err(|_| format!("in vain for {} s: {what}", wait.as_secs()))
}
