//! Whether a link can work with its settings.

use crate::smpp::command::{Command, Status};
use crate::smpp::config::{Binds, SmppConfig, Version};
use crate::smpp::pace::RATE_MIN;
use crate::smpp::pdu::{EncodeError, Pdu};

/// What is wrong with a setting, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The setting below its link, such as `host` or `retry.first_ms`.
    pub key: &'static str,
    /// What is wrong; never the value of a secret.
    pub message: String,
    /// What to do.
    pub mend: String,
}

impl SettingFault {
    /// A fault of one setting.
    pub fn new(key: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            key,
            message: message.into(),
            mend: mend.into(),
        }
    }
}

/// The most of anything that is counted: messages on their way, deliveries, attempts.
const COUNT_MAX: u64 = 1_000;
/// The most binds of a link, of each kind.
const BINDS_MAX: u64 = 64;
/// The highest rate, in parts a second.
const RATE_MAX: f64 = 100_000.0;
const HOUR_MS: u64 = 3_600_000;

impl SmppConfig {
    /// Whether a link can work with these settings, before the start.
    ///
    /// # Errors
    /// [`SettingFault`] names the first setting that is wrong.
    pub fn check(&self) -> Result<(), SettingFault> {
        self.check_written()?;
        self.check_bind()?;
        if let Some(ussd) = &self.ussd {
            ussd.settings(Vec::new())?;
        }
        self.check_numbers()
    }

    fn check_written(&self) -> Result<(), SettingFault> {
        let texts = [
            ("name", self.name.as_str(), "name = \"iam\""),
            ("host", self.host.as_str(), "host = \"smsc.example.ma\""),
            ("system_id", self.system_id.as_str(), "system_id = \"jisr\""),
        ];
        for (key, text, example) in texts {
            if text.is_empty() {
                return Err(SettingFault::new(
                    key,
                    "it is missing",
                    format!("write {example}"),
                ));
            }
        }
        if self.port == 0 {
            return Err(SettingFault::new(
                "port",
                "it is missing",
                "write port = 2775",
            ));
        }
        if !self.password.is_empty() && self.password_file.is_some() {
            return Err(SettingFault::new(
                "password",
                "it stands beside password_file",
                "give one of the two",
            ));
        }
        Ok(())
    }

    fn check_bind(&self) -> Result<(), SettingFault> {
        if self.version == Version::V33 && self.bind == Binds::Transceiver {
            return Err(SettingFault::new(
                "bind",
                "SMPP 3.3 has no transceiver",
                "write bind = \"pair\"",
            ));
        }
        if self.ussd.is_some() && !self.bind.sends() {
            return Err(SettingFault::new(
                "bind",
                "no screen of USSD can be sent on receivers",
                "write bind = \"transceiver\" or \"pair\"",
            ));
        }
        let request = Pdu::Bind(Command::BindTransceiver, self.bind());
        match request.encode(Status::OK, 1) {
            Ok(_) => Ok(()),
            Err(EncodeError { field }) => Err(SettingFault::new(
                field,
                "it does not fit the bind request",
                "system_id has at most 15 octets, password 8, system_type 12",
            )),
        }
    }

    fn check_numbers(&self) -> Result<(), SettingFault> {
        let retry = self.retry;
        let bounded = [
            ("window", self.window as u64, 1, COUNT_MAX),
            ("inbound", self.inbound as u64, 1, COUNT_MAX),
            ("count", self.count as u64, 1, BINDS_MAX),
            ("silent_timeouts", self.silent_timeouts.into(), 1, COUNT_MAX),
            ("hold_ms", self.hold_ms, 1, HOUR_MS),
            ("user_timeout_ms", self.user_timeout_ms, 0, HOUR_MS),
            ("keepalive_ms", self.keepalive_ms, 0, HOUR_MS),
            ("response_ms", self.response_ms, 1, HOUR_MS),
            ("connect_ms", self.connect_ms, 1, HOUR_MS),
            ("bind_ms", self.bind_ms, 1, HOUR_MS),
            ("pdu_ms", self.pdu_ms, 1, HOUR_MS),
            ("silent_ms", self.silent_ms, 1, HOUR_MS),
            ("idle_ms", self.idle_ms, 1, HOUR_MS),
            ("drain_ms", self.drain_ms, 0, HOUR_MS),
            // After a minute the same octets may go again, and an answer could be to either.
            ("late_ms", self.late_ms, 0, 60_000),
            ("accept_ms", self.accept_ms, 1, HOUR_MS),
            ("retry.first_ms", retry.first_ms, 1, 24 * HOUR_MS),
            ("retry.longest_ms", retry.longest_ms, 1, 24 * HOUR_MS),
            ("retry.settled_ms", retry.settled_ms, 0, 24 * HOUR_MS),
            ("retry.bad_binds", retry.bad_binds as u64, 1, COUNT_MAX),
            ("retry.bad_within_ms", retry.bad_within_ms, 1, 24 * HOUR_MS),
            ("retry.locked_ms", retry.locked_ms, 1, 7 * 24 * HOUR_MS),
            (
                "retry.locked_longest_ms",
                retry.locked_longest_ms,
                1,
                7 * 24 * HOUR_MS,
            ),
        ];
        let rates = RATE_MIN..=RATE_MAX;
        if self.rate != 0.0 && !rates.contains(&self.rate) {
            return Err(SettingFault::new(
                "rate",
                format!(
                    "expected 0, or a number from {} to {}",
                    rates.start(),
                    rates.end()
                ),
                "write how many parts of messages a second the operator takes",
            ));
        }
        for (key, value, least, most) in bounded {
            if !(least..=most).contains(&value) {
                return Err(SettingFault::new(
                    key,
                    format!("expected a number from {least} to {most}"),
                    "docs/smpp.md has the default and the range of each setting",
                ));
            }
        }
        self.check_pairs()
    }

    /// What may not be longer than something else.
    fn check_pairs(&self) -> Result<(), SettingFault> {
        let (retry, default) = (self.retry, Self::default());
        // The shorter with its default, and what it may not exceed.
        let pairs = [
            // Nothing is read while the ledger is full; no time-out may fall into that.
            (
                ("accept_ms", self.accept_ms, default.accept_ms),
                ("response_ms", self.response_ms),
            ),
            (
                ("accept_ms", self.accept_ms, default.accept_ms),
                ("pdu_ms", self.pdu_ms),
            ),
            (
                ("response_ms", self.response_ms, default.response_ms),
                ("silent_ms", self.silent_ms),
            ),
            (
                ("retry.first_ms", retry.first_ms, default.retry.first_ms),
                ("retry.longest_ms", retry.longest_ms),
            ),
            (
                ("retry.locked_ms", retry.locked_ms, default.retry.locked_ms),
                ("retry.locked_longest_ms", retry.locked_longest_ms),
            ),
        ];
        for ((short, less, unless_written), (long, more)) in pairs {
            if less > more {
                // The one that was written; whoever did may not know of the other.
                let key = if less == unless_written { long } else { short };
                return Err(SettingFault::new(
                    key,
                    format!("{short} ({less}) is longer than {long} ({more})"),
                    format!("give {short} at most {more}, or {long} at least {less}"),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn what_does_not_fit_a_bind_is_found_before_it() {
        let with = |password: &str| SmppConfig {
            password: password.to_owned(),
            ..SmppConfig::default()
        };
        assert_eq!(with("12345678").check(), Ok(()));
        assert_eq!(with("123456789").check().unwrap_err().key, "password");
    }

    /// A link with one setting more, such as `retry.first_ms = 5`.
    fn link(key: &str, value: &str) -> Result<SmppConfig, String> {
        let line = match key.split_once('.') {
            Some((section, key)) => format!("[{section}]\n{key} = {value}\n"),
            None => format!("{key} = {value}\n"),
        };
        let needed = ["name = 'a'", "host = 'h'", "port = 1", "system_id = 's'"];
        let others = needed
            .iter()
            .filter(|one| !one.starts_with(&format!("{key} ")));
        let text: String = others.map(|one| format!("{one}\n")).collect();
        let config: SmppConfig =
            toml::from_str(&(text + &line)).map_err(|error| error.to_string())?;
        config.check().map_err(|fault| fault.message)?;
        Ok(config)
    }

    /// Defaults and ranges of the guide are those of the program.
    #[test]
    fn the_guide_has_the_defaults_and_ranges() {
        let guide = include_str!("../../../docs/smpp.md");
        let guide = guide.split("## Settings").nth(1).unwrap();
        let guide = guide.split("\n## ").next().unwrap();
        let unset = link("port", "1").unwrap();
        let (mut defaults, mut ranges) = (0, 0);
        for row in guide.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let keys = cells[1].split(", ").map(|key| key.trim_matches('`'));
            for (key, default) in keys.zip(cells[2].split(", ")) {
                if default.starts_with(|c: char| c.is_ascii_digit() || c == '`')
                    && default != "`host`"
                {
                    let read = link(key, default.trim_matches('`'));
                    assert!(read == Ok(unset.clone()), "{row}");
                    defaults += 1;
                }
                let Some((least, most)) = cells[3].split_once(" to ") else {
                    continue;
                };
                let (Ok(least), Ok(most)) = (least.parse::<u64>(), most.parse::<u64>()) else {
                    continue;
                };
                for within in [least, most] {
                    let told = link(key, &within.to_string()).err().unwrap_or_default();
                    assert!(!told.contains("expected"), "{row}: {within}: {told}");
                }
                for beyond in [least.checked_sub(1), most.checked_add(1)] {
                    let beyond = beyond.map(|beyond| beyond.to_string());
                    assert!(
                        link(key, beyond.as_deref().unwrap_or("-1")).is_err(),
                        "{row}"
                    );
                }
                ranges += 1;
            }
        }
        assert!(defaults > 35 && ranges > 20, "{defaults} {ranges}");
    }

    #[test]
    fn of_two_that_do_not_fit_both_are_named() {
        let config = SmppConfig {
            response_ms: 3_000,
            ..SmppConfig::default()
        };
        let fault = config.check().unwrap_err();
        assert_eq!(
            (fault.message.as_str(), fault.mend.as_str()),
            (
                "accept_ms (4000) is longer than response_ms (3000)",
                "give accept_ms at most 3000, or response_ms at least 4000"
            )
        );
    }

    #[test]
    fn numbers_without_sense_are_found() {
        for (key, change) in [
            ("host", (|c| c.host.clear()) as fn(&mut SmppConfig)),
            ("port", |c| c.port = 0),
            ("window", |c| c.window = 0),
            ("idle_ms", |c| c.idle_ms = 0),
            ("response_ms", |c| c.response_ms = u64::MAX),
            ("retry.longest_ms", |c| c.retry.longest_ms = 1),
            ("bind", |c| c.version = Version::V33),
            ("rate", |c| c.rate = f64::NAN),
            ("rate", |c| c.rate = -1.0),
            ("count", |c| c.count = 0),
            ("accept_ms", |c| c.accept_ms = 10_001),
            ("response_ms", |c| c.response_ms = 3_000),
            ("response_ms", |c| c.response_ms = 70_000),
            ("pdu_ms", |c| c.pdu_ms = 3_999),
            ("silent_ms", |c| c.silent_ms = 9_999),
            ("retry.first_ms", |c| c.retry.first_ms = 30_001),
            ("retry.locked_longest_ms", |c| c.retry.locked_longest_ms = 1),
            ("password", |c| {
                c.password = "x".to_owned();
                c.password_file = Some(PathBuf::from("y"));
            }),
        ] {
            let mut config = SmppConfig::default();
            assert_eq!(config.check(), Ok(()));
            change(&mut config);
            assert_eq!(config.check().unwrap_err().key, key);
        }
    }
}
