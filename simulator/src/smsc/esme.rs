//! Who is bound: the connections of the gateway, their roles and versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::mpsc;

/// What a bind may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It submits.
    Transmitter,
    /// It is delivered to.
    Receiver,
    /// Both.
    Transceiver,
}

impl Role {
    /// Whether it may submit.
    pub fn submits(self) -> bool {
        match self {
            Self::Transmitter | Self::Transceiver => true,
            Self::Receiver => false,
        }
    }

    /// Whether it is delivered to.
    pub fn receives(self) -> bool {
        match self {
            Self::Receiver | Self::Transceiver => true,
            Self::Transmitter => false,
        }
    }
}

/// What a connection is to do for somebody else.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Write these octets.
    Write(Bytes),
    /// Send enquire_link.
    Enquire,
    /// Send unbind.
    Unbind,
}

/// One bind.
#[derive(Debug)]
pub struct Esme {
    /// What it may do.
    pub role: Role,
    /// `interface_version` as it bound.
    pub version: u8,
    errands: mpsc::Sender<Errand>,
}

impl Esme {
    /// A bind whose connection takes errands here.
    pub fn new(role: Role, version: u8, errands: mpsc::Sender<Errand>) -> Self {
        Self {
            role,
            version,
            errands,
        }
    }
}

/// All binds, by connection.
#[derive(Debug, Default)]
pub struct Esmes(BTreeMap<u64, Esme>);

impl Esmes {
    /// A connection is bound.
    pub fn bind(&mut self, connection: u64, esme: Esme) {
        self.0.insert(connection, esme);
    }

    /// It is not any more.
    pub fn unbind(&mut self, connection: u64) {
        self.0.remove(&connection);
    }

    /// How many are bound.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The roles of all.
    pub fn roles(&self) -> Vec<Role> {
        self.0.values().map(|esme| esme.role).collect()
    }

    /// Whether some bind speaks a version without parameters.
    pub fn without_tlvs(&self) -> bool {
        self.0.values().any(|esme| esme.version < 0x34)
    }

    /// Gives each bind an errand; how many took it.
    pub fn send_all(&self, errand: &Errand) -> usize {
        let taken = |esme: &&Esme| esme.errands.try_send(errand.clone()).is_ok();
        self.0.values().filter(taken).count()
    }

    /// Gives an errand to some bind but this one.
    pub fn send_other(&self, than: u64, errand: &Errand) -> bool {
        self.0
            .iter()
            .filter(|(connection, _)| **connection != than)
            .any(|(_, esme)| esme.errands.try_send(errand.clone()).is_ok())
    }
}
