//! Nodes: openings of the ledger, and how they know of each other.

use crate::clock::Moment;

/// The number of a node: one opening of the ledger. No two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

/// How far a node has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Which node.
    pub node: NodeId,
    /// Its last beat, counted from 0.
    pub beat: u64,
}

/// What a node hears when it shows that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// The other nodes that are not over.
    pub others: Vec<Pulse>,
    /// What time it is for all nodes; none where the ledger has no clock of its own.
    pub time: Option<Moment>,
}
