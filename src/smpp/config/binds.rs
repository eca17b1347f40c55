//! Which binds a link holds, and in which version of the protocol.

use serde::Deserialize;

use crate::smpp::command::Command;

/// The binds of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binds {
    /// Both directions on one bind.
    #[default]
    Transceiver,
    /// A transmitter and a receiver.
    Pair,
    /// Only towards subscribers.
    Transmitter,
    /// Only from subscribers.
    Receiver,
}

impl Binds {
    /// Whether anything can be submitted on them.
    pub fn sends(self) -> bool {
        self.kinds().iter().any(|kind| kind.sends())
    }

    /// The kinds of one set.
    pub fn kinds(self) -> &'static [BindKind] {
        match self {
            Self::Transceiver => &[BindKind::Transceiver],
            Self::Pair => &[BindKind::Transmitter, BindKind::Receiver],
            Self::Transmitter => &[BindKind::Transmitter],
            Self::Receiver => &[BindKind::Receiver],
        }
    }
}

/// What one bind is for (SMPP 3.4, 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindKind {
    /// We submit.
    Transmitter,
    /// The operator delivers.
    Receiver,
    /// Both.
    Transceiver,
}

impl BindKind {
    /// The request that makes it.
    pub fn command(self) -> Command {
        match self {
            Self::Transmitter => Command::BindTransmitter,
            Self::Receiver => Command::BindReceiver,
            Self::Transceiver => Command::BindTransceiver,
        }
    }

    /// Whether we may submit on it.
    pub fn sends(self) -> bool {
        match self {
            Self::Transmitter | Self::Transceiver => true,
            Self::Receiver => false,
        }
    }

    /// Whether the operator may deliver on it.
    pub fn receives(self) -> bool {
        match self {
            Self::Receiver | Self::Transceiver => true,
            Self::Transmitter => false,
        }
    }

    /// Its word, as settings and lists have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
            Self::Transceiver => "transceiver",
        }
    }
}

/// The version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Version {
    /// 3.3: no transceiver, no optional parameters.
    #[serde(rename = "3.3")]
    V33,
    /// 3.4.
    #[default]
    #[serde(rename = "3.4")]
    V34,
    /// 5.0.
    #[serde(rename = "5.0")]
    V50,
}

impl Version {
    /// The octet of the bind request (SMPP 5.0, 4.7.13).
    pub fn octet(self) -> u8 {
        match self {
            Self::V33 => 0x33,
            Self::V34 => 0x34,
            Self::V50 => 0x50,
        }
    }
}
