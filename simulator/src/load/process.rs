//! The process under load: on a core of its own, and what it used. Linux only, with `taskset`.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::gateway::{Addresses, Gateway, GatewayError};
use crate::world::{CODE, PASSWORD, SHORT_NUMBER, SYSTEM_ID};

/// The core of what is measured.
pub const CORE: u32 = 0;
/// The core of the load.
pub const LOAD_CORE: u32 = 1;

/// A gateway's configuration for load: one service, and links to message centres, the first of which
/// carries the service's texts.
pub struct Setting<'a> {
    /// Where its folder is.
    pub dir: &'a Path,
    /// Its log filter.
    pub log: &'a str,
    /// The centres.
    pub centres: &'a [SocketAddr],
    /// The window of each link, in both directions.
    pub window: u32,
}

impl Setting<'_> {
    fn text(&self, addresses: Addresses) -> String {
        let Addresses { http, admin } = addresses;
        let mut text = format!(
            r#"# Of a load: sample people and message centres on this machine.
[http]
listen = "{http}"

[admin]
listen = "{admin}"

[log]
filter = "{}"

[store]
url = "sqlite://{}"

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
sms_link = "centre-0"
"#,
            self.log,
            self.dir.join("jisr.db").display(),
        );
        for (number, centre) in self.centres.iter().enumerate() {
            // Writing to a String does not fail.
            let _always = write!(
                text,
                r#"
[[link]]
name = "centre-{number}"
kind = "smpp"
host = "{}"
port = {}
system_id = "{SYSTEM_ID}"
password = "{PASSWORD}"
services = ["tns"]
window = {window}
inbound = {window}
"#,
                centre.ip(),
                centre.port(),
                window = self.window,
            );
        }
        text
    }
}

/// Starts the gateway's program on its core.
///
/// # Errors
/// [`GatewayError`].
pub async fn start(program: &Path, setting: &Setting<'_>) -> Result<Gateway, GatewayError> {
    let addresses = Addresses::free().map_err(|error| GatewayError::Io {
        what: "no free ports",
        error,
    })?;
    // The gateway runs in a folder of its own.
    let program = std::path::absolute(program).map_err(|error| GatewayError::Io {
        what: "the program of the gateway",
        error,
    })?;
    let mut command = tokio::process::Command::new("taskset");
    command.args(["-c", &CORE.to_string()]).arg(program);
    Gateway::launch(command, setting.dir, addresses, &setting.text(addresses)).await
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Its threads' time, in the program and in the kernel.
    pub cpu: Duration,
    /// Its memory now, in KiB.
    pub memory_kib: u64,
}

/// What the process with this id has used.
pub fn used(id: u32) -> Used {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
    Used {
        cpu: cpu(&read("stat")),
        memory_kib: memory_kib(&read("status")),
    }
}

/// `utime` and `stime` of proc_pid_stat(5), in ticks of 10 ms, behind the name in parentheses.
fn cpu(stat: &str) -> Duration {
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return Duration::ZERO;
    };
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// `VmRSS` of proc_pid_status(5).
fn memory_kib(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Keeps this thread on one core; tells whether that is so.
pub fn keep_this_thread_on(core: u32) -> bool {
    // `/proc/thread-self` leads to PROCESS/task/THREAD.
    let Some(thread) = std::fs::read_link("/proc/thread-self")
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_owned()))
    else {
        return false;
    };
    Command::new("taskset")
        .args(["-pc", &core.to_string(), &thread])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells() {
        let stat = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 100 0 0 0 123 77 0 0 20 0 3 0 1 2 3";
        assert_eq!(cpu(stat), Duration::from_secs(2));
        assert_eq!(cpu(""), Duration::ZERO);
        assert_eq!(
            memory_kib("Name:\tx\nVmRSS:\t   20480 kB\nThreads:\t3\n"),
            20_480
        );
        assert_eq!(memory_kib(""), 0);
    }
}
