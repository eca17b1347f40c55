//! The settings of one link over SMPP.

mod binds;
mod check;
mod messages;
pub mod ussd;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::callback::{LinkName, ServiceName};
pub use crate::smpp::config::binds::{BindKind, Binds, Version};
pub use crate::smpp::config::check::SettingFault;
pub use crate::smpp::config::messages::{Long, Messages, Receipts, Validity};
use crate::smpp::config::ussd::{UssdConfig, UssdSettings};
use crate::smpp::pdu::Bind;

/// The settings of one link, as they stand in its `[[link]]` of `jisr.toml`. All times are in
/// milliseconds.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(default = "SmppConfig::unset", deny_unknown_fields)]
pub struct SmppConfig {
    /// The link's name.
    pub name: LinkName,
    /// The operator's host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are there, at most 15 octets.
    pub system_id: String,
    /// Our password there, at most 8 octets; `password_file` keeps it out of the configuration.
    pub password: String,
    /// A file with the password alone. Whoever starts the link reads it into `password`.
    pub password_file: Option<PathBuf>,
    /// At most 12 octets, mostly empty.
    pub system_type: String,
    /// The services whose short numbers this link carries.
    pub services: Vec<String>,
    /// Our short numbers on this link and the service of each. Messages to others are refused.
    /// Filled from `services` by whoever starts the link.
    #[serde(skip)]
    pub service_for: Vec<(String, ServiceName)>,
    /// USSD on this link; none means that everything is an SMS.
    pub ussd: Option<UssdConfig>,
    /// The same with every value and our codes. Filled by whoever starts the link.
    #[serde(skip)]
    pub ussd_settings: Option<Arc<UssdSettings>>,
    /// Type of number of our short numbers; names of letters always go as 5 (alphanumeric).
    pub source_ton: u8,
    /// Numbering plan of our short numbers; 0 for names of letters.
    pub source_npi: u8,
    /// Type of number of subscribers, who go as digits with their country code.
    pub destination_ton: u8,
    /// Numbering plan of subscribers.
    pub destination_npi: u8,
    /// What the binds are for; `pair` is one of each direction.
    pub bind: Binds,
    /// How many binds, or pairs of them, the operator lets us have.
    pub count: usize,
    /// The version of the protocol that we say we speak.
    pub version: Version,
    /// Parts a second on all binds together, at most; 0 means no limit until the operator
    /// throttles.
    pub rate: f64,
    /// How messages go.
    pub messages: Messages,
    /// Messages that wait for their answer at the same time on one bind, at most.
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
    /// After so many response time-outs in a row a bind is given up, even where it answers
    /// enquire_link. Messages sent together count as one.
    pub silent_timeouts: u32,
    /// So long after a submit that nobody answered, with no other answered since, a bind is given
    /// up too.
    pub silent_ms: u64,
    /// How long unbinding may take.
    pub drain_ms: u64,
    /// How long after its time-out an answer is still told.
    pub late_ms: u64,
    /// How long the ledger may take with one message, before the operator is asked to come again.
    pub accept_ms: u64,
    /// Messages from the operator that are in the ledger's hands at the same time, at most; then
    /// nothing more is read.
    pub inbound: usize,
    /// After nothing was read for so long, deliveries that had arrived before are answered 0x58:
    /// come again later.
    pub hold_ms: u64,
    /// How long the operator's machine may leave octets unacknowledged (TCP_USER_TIMEOUT); 0
    /// leaves it to the system.
    pub user_timeout_ms: u64,
    /// Silence of a connection after which the system asks whether it stands; 0 means never.
    pub keepalive_ms: u64,
    /// TLS; none means plain TCP.
    pub tls: Option<TlsConfig>,
    /// The pauses between attempts to connect.
    pub retry: RetryConfig,
}

/// TLS on a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The authorities to trust, PEM; none means the public ones.
    pub ca_file: Option<PathBuf>,
    /// The name that the operator's certificate has to bear; none means `host`.
    pub server_name: Option<String>,
    /// Our certificate, PEM, where the operator wants one.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
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
            password_file: None,
            system_type: String::new(),
            services: Vec::new(),
            service_for: Vec::new(),
            ussd: None,
            ussd_settings: None,
            source_ton: 0,
            source_npi: 1,
            destination_ton: 1,
            destination_npi: 1,
            bind: Binds::default(),
            count: 1,
            version: Version::default(),
            rate: 0.0,
            messages: Messages::default(),
            window: 10,
            response_ms: 10_000,
            connect_ms: 5_000,
            bind_ms: 5_000,
            pdu_ms: 10_000,
            idle_ms: 30_000,
            silent_timeouts: 3,
            silent_ms: 60_000,
            drain_ms: 5_000,
            late_ms: 60_000,
            accept_ms: 4_000,
            inbound: 64,
            hold_ms: 1_000,
            user_timeout_ms: 30_000,
            keepalive_ms: 60_000,
            tls: None,
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
    /// The defaults of a file, in which name, host, port, user and services have to be written.
    fn unset() -> Self {
        Self {
            name: LinkName::from(""),
            host: String::new(),
            port: 0,
            system_id: String::new(),
            ..Self::default()
        }
    }

    /// Where the operator listens, for people.
    pub fn peer(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

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
            interface_version: self.version.octet(),
            ..Bind::default()
        }
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
            silent_timeouts: self.silent_timeouts.max(1),
            silent: ms(self.silent_ms),
        }
    }

    /// Parts a second at most.
    pub fn limit(&self) -> Option<f64> {
        (self.rate > 0.0).then_some(self.rate)
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
    /// Response time-outs in a row after which the bind is given up.
    pub silent_timeouts: u32,
    /// How long after an unanswered submit it is given up.
    pub silent: Duration,
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
    fn the_password_is_not_shown() {
        let config = SmppConfig {
            password: "s3cret".to_owned(),
            ..SmppConfig::default()
        };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
