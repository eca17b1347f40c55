//! How the links stand, for people and scripts: what `jisr links` shows.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// One link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its name.
    pub link: String,
    /// Where the operator listens, `host:port`.
    pub peer: String,
    /// Parts a second now; none while nothing limits them.
    pub rate: Option<f64>,
    /// Parts a second at most, as configured.
    pub limit: Option<f64>,
    /// Parts that wait for room on a bind.
    pub queued: usize,
    /// Each of its binds.
    pub binds: Vec<BindStatus>,
}

/// One bind of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindStatus {
    /// Its kind and number, `transceiver 1`.
    pub bind: String,
    /// What it does.
    pub state: BindState,
    /// Since when, in milliseconds since the Unix epoch.
    pub since: Moment,
    /// Why it was last not bound, and when; none where nothing ever went wrong.
    pub last_error: Option<LastError>,
    /// Messages that may wait for their answers at the same time.
    pub window: usize,
    /// Messages that do.
    pub in_flight: usize,
    /// What it has done since the gateway began.
    pub figures: Figures,
}

/// The last thing that went wrong on a bind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: Moment,
    /// In words; never a number, text or password.
    pub cause: String,
}

/// What a bind does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BindState {
    /// It is left to another node, or the ledger does not say whose it is.
    Elsewhere,
    /// It waits before the next attempt.
    Waiting,
    /// It is being connected.
    Connecting,
    /// The bind request is out.
    Binding,
    /// Messages flow.
    Bound,
    /// It finishes what was begun.
    Draining,
    /// It has been stopped.
    Ended,
}

impl BindState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Elsewhere,
        Self::Waiting,
        Self::Connecting,
        Self::Binding,
        Self::Bound,
        Self::Draining,
        Self::Ended,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Elsewhere => "elsewhere",
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Binding => "binding",
            Self::Bound => "bound",
            Self::Draining => "draining",
            Self::Ended => "ended",
        }
    }
}

/// What a bind has done since the gateway began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How often it was bound.
    pub bound: u64,
    /// Parts that were submitted.
    pub submitted: u64,
    /// Answers to them, whatever they said.
    pub answered: u64,
    /// Answers that throttled.
    pub throttled: u64,
    /// Parts whose outcome is not known.
    pub unknown: u64,
    /// Deliveries from the operator, receipts among them.
    pub received: u64,
    /// Receipts.
    pub receipts: u64,
    /// PDUs that a peer should not send.
    pub odd: u64,
}

impl LinkStatus {
    /// How many of its binds are bound.
    pub fn up(&self) -> usize {
        let bound = |bind: &&BindStatus| bind.state == BindState::Bound;
        self.binds.iter().filter(bound).count()
    }

    /// All binds together.
    pub fn figures(&self) -> Figures {
        self.binds
            .iter()
            .fold(Figures::default(), |sum, bind| sum.plus(bind.figures))
    }
}

impl Figures {
    fn plus(self, other: Self) -> Self {
        Self {
            bound: self.bound + other.bound,
            submitted: self.submitted + other.submitted,
            answered: self.answered + other.answered,
            throttled: self.throttled + other.throttled,
            unknown: self.unknown + other.unknown,
            received: self.received + other.received,
            receipts: self.receipts + other.receipts,
            odd: self.odd + other.odd,
        }
    }

    /// Each with its name, as the figures of the administration listener have it.
    pub fn named(self) -> [(&'static str, u64); 8] {
        [
            ("bound", self.bound),
            ("submitted", self.submitted),
            ("answered", self.answered),
            ("throttled", self.throttled),
            ("unknown", self.unknown),
            ("received", self.received),
            ("receipts", self.receipts),
            ("odd", self.odd),
        ]
    }
}
