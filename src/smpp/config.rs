//! The settings of one link over SMPP.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::callback::{LinkName, ServiceName};
use crate::smpp::command::{Command, Status};
use crate::smpp::pdu::{Bind, EncodeError, Pdu};

/// The settings of one link. All times are in milliseconds.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmppConfig {
    /// The link's name.
    pub name: LinkName,
    /// The operator's host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are there, at most 15 octets.
    pub system_id: String,
    /// Our password there, at most 8 octets.
    pub password: String,
    /// At most 12 octets, mostly empty.
    pub system_type: String,
    /// Our short numbers on this link and the service of each. Messages to others are refused.
    pub service_for: Vec<(String, ServiceName)>,
    /// Type of number of our short numbers; names of letters always go as 5 (alphanumeric).
    pub source_ton: u8,
    /// Numbering plan of our short numbers; 0 for names of letters.
    pub source_npi: u8,
    /// Type of number of subscribers, who go as digits with their country code.
    pub destination_ton: u8,
    /// Numbering plan of subscribers.
    pub destination_npi: u8,
    /// Messages that wait for their answer at the same time, at most.
    pub window: usize,
    /// How long an answer is waited for.
    pub response_ms: u64,
    /// How long for the connection.
    pub connect_ms: u64,
    /// How long for the answer to a bind.
    pub bind_ms: u64,
    /// How long one PDU may take from its first octet to its last.
    pub pdu_ms: u64,
    /// Silence after which the operator is asked whether it is there.
    pub idle_ms: u64,
    /// How long unbinding may take.
    pub drain_ms: u64,
    /// How long after its time-out an answer is still told.
    pub late_ms: u64,
    /// How long the ledger may take with one message, before the operator is asked to come again.
    pub accept_ms: u64,
    /// Messages from the operator that are in the ledger's hands at the same time, at most; then
    /// nothing more is read.
    pub inbound: usize,
    /// The pauses between attempts to connect.
    pub retry: RetryConfig,
}

/// The pauses between attempts to connect, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// The first pause; each further one is twice as long.
    pub first_ms: u64,
    /// The longest.
    pub longest_ms: u64,
    /// A bind that lived that long makes the pauses begin anew.
    pub settled_ms: u64,
    /// So many refusals of the credentials …
    pub bad_binds: usize,
    /// … within this time …
    pub bad_within_ms: u64,
    /// … make a pause of this, twice as long each further time …
    pub locked_ms: u64,
    /// … but never longer than this.
    pub locked_longest_ms: u64,
}

impl Default for SmppConfig {
    fn default() -> Self {
        Self {
            name: LinkName::from("smpp"),
            host: "127.0.0.1".to_owned(),
            port: 2775,
            system_id: "jisr".to_owned(),
            password: String::new(),
            system_type: String::new(),
            service_for: Vec::new(),
            source_ton: 0,
            source_npi: 1,
            destination_ton: 1,
            destination_npi: 1,
            window: 10,
            response_ms: 10_000,
            connect_ms: 5_000,
            bind_ms: 5_000,
            pdu_ms: 10_000,
            idle_ms: 30_000,
            drain_ms: 5_000,
            late_ms: 60_000,
            accept_ms: 4_000,
            inbound: 64,
            retry: RetryConfig::default(),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            first_ms: 500,
            longest_ms: 30_000,
            settled_ms: 30_000,
            bad_binds: 3,
            bad_within_ms: 60_000,
            locked_ms: 15 * 60_000,
            locked_longest_ms: 24 * 3_600_000,
        }
    }
}

impl fmt::Debug for SmppConfig {
    /// Never the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmppConfig")
            .field("name", &self.name)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("system_id", &self.system_id)
            .finish_non_exhaustive()
    }
}

impl SmppConfig {
    /// The service of a short number, as it stands in a PDU: a leading `+` does not matter.
    pub fn service(&self, short_number: &str) -> Option<&ServiceName> {
        let bare = |text: &str| text.trim().trim_start_matches('+').to_owned();
        let wanted = bare(short_number);
        self.service_for
            .iter()
            .find(|(number, _)| bare(number) == wanted)
            .map(|(_, service)| service)
    }

    /// The bind request.
    pub fn bind(&self) -> Bind<'_> {
        Bind {
            system_id: self.system_id.as_bytes(),
            password: self.password.as_bytes(),
            system_type: self.system_type.as_bytes(),
            interface_version: 0x34,
            ..Bind::default()
        }
    }

    /// Whether everything fits the bind request, for the check of the settings before the start.
    ///
    /// # Errors
    /// [`EncodeError`] names the setting that is too long.
    pub fn check(&self) -> Result<(), EncodeError> {
        let request = Pdu::Bind(Command::BindTransceiver, self.bind());
        request.encode(Status::OK, 1).map(drop)
    }

    /// The numbers that a session keeps to.
    pub fn numbers(&self) -> Numbers {
        let ms = Duration::from_millis;
        Numbers {
            window: self.window.max(1),
            response: ms(self.response_ms),
            bind: ms(self.bind_ms),
            pdu: ms(self.pdu_ms),
            idle: ms(self.idle_ms),
            drain: ms(self.drain_ms),
            late: ms(self.late_ms),
        }
    }
}

/// The numbers that a session keeps to; see [`SmppConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Messages without an answer, at most.
    pub window: usize,
    /// How long an answer is waited for.
    pub response: Duration,
    /// How long the answer to the bind.
    pub bind: Duration,
    /// How long one PDU may take to arrive.
    pub pdu: Duration,
    /// Silence before an enquire_link.
    pub idle: Duration,
    /// How long unbinding may take.
    pub drain: Duration,
    /// How long a late answer is still told.
    pub late: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_lead_to_services() {
        let config = SmppConfig {
            service_for: vec![
                ("3949".to_owned(), ServiceName::from("tns")),
                ("+2120949".to_owned(), ServiceName::from("long")),
            ],
            ..SmppConfig::default()
        };
        for (text, service) in [
            ("3949", Some("tns")),
            ("+3949", Some("tns")),
            ("2120949", Some("long")),
            ("394", None),
            ("", None),
        ] {
            assert_eq!(
                config.service(text).map(ServiceName::as_str),
                service,
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_a_bind_is_found_before_it() {
        let with = |password: &str| SmppConfig {
            password: password.to_owned(),
            ..SmppConfig::default()
        };
        assert_eq!(with("12345678").check(), Ok(()));
        assert_eq!(
            with("123456789").check(),
            Err(EncodeError { field: "password" })
        );
    }

    #[test]
    fn the_password_is_not_shown() {
        let config = SmppConfig {
            password: "s3cret".to_owned(),
            ..SmppConfig::default()
        };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
