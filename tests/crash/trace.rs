//! `strace`, by which a fault strikes at the N-th call of a kind.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::Held;
use crate::program::{How, SOON, until};

/// A kind of point at which a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// What the ledger writes.
    Write,
    /// What the ledger has made durable.
    Sync,
    /// What goes to an operator or to the registry.
    Send,
}

impl Point {
    /// The calls, as `strace` wants them.
    pub fn calls(self) -> &'static str {
        match self {
            Self::Write => "pwrite64",
            Self::Sync => "fsync,fdatasync",
            Self::Send => "sendto,writev",
        }
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Sync => "fsync",
            Self::Send => "send",
        }
    }
}

/// A tracer and its log.
pub struct Trace {
    log: PathBuf,
}

impl Trace {
    /// A tracer whose log stands in a folder.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self {
            log: folder.join(format!("{name}.strace")),
        }
    }

    /// Why nothing can be traced here; none where it can.
    pub async fn cannot() -> Option<String> {
        let tried = Command::new("strace")
            .args(["-D", "-f", "-e", "trace=none", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        match tried {
            Ok(status) if status.success() => None,
            Ok(_) => Some("strace may not trace here".to_owned()),
            Err(_) => Some("strace is not installed".to_owned()),
        }
    }

    /// The program under the tracer, which counts calls and injects nothing. One worker sends
    /// everything, so that the N-th call is the same in each run, as far as it can be.
    pub fn counting(&self, calls: &str) -> How {
        self.how(&format!("trace={calls}"), None)
            .in_front("--seccomp-bpf")
    }

    /// The program under the tracer, with a fault at calls such as `fdatasync:error=EIO:when=3`.
    pub fn injecting(&self, calls: &str, inject: &str) -> How {
        self.how(&format!("trace={calls}"), Some(inject))
    }

    /// The same for errors alone, which takes less: the program is stopped at these calls only. Signals
    /// are not sent that way.
    pub fn failing(&self, calls: &str, inject: &str) -> How {
        self.injecting(calls, inject).in_front("--seccomp-bpf")
    }

    fn how(&self, trace: &str, inject: Option<&str>) -> How {
        let log = self.log.to_string_lossy();
        let inject = inject.map(|inject| format!("inject={inject}"));
        // With -D the program is our child, and the tracer is its own.
        // Paths are written beside descriptors, and nothing of what is written.
        let mut words = vec![
            "strace", "-D", "-f", "-q", "-y", "-s", "0", "-o", &log, "-e", trace,
        ];
        if let Some(inject) = &inject {
            words.extend(["-e", inject]);
        }
        How::behind(&words).with("TOKIO_WORKER_THREADS", "1")
    }

    /// The log as far as it is written.
    pub fn so_far(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The log, once the tracer has seen the program's end.
    pub async fn log(&self) -> Held<String> {
        until("the tracer's log ends", SOON, || async {
            let log = self.so_far();
            log.lines().last().is_some_and(|line| line.contains("+++ "))
        })
        .await?;
        Ok(self.so_far())
    }
}
