//! Texts of subscribers, taken in once.

use super::Mark;
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;

/// The id of an inbox row of an SMS; a later one is higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SmsId(pub i64);

/// An SMS that was received whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// Its inbox row.
    pub id: SmsId,
    /// The link.
    pub link: LinkName,
    /// The service of the short number that was texted.
    pub service: ServiceName,
    /// Who.
    pub subscriber: Msisdn,
    /// What they wrote.
    pub text: String,
    /// When.
    pub at: Moment,
}

/// An SMS, or a part of one, as a link hands it over.
#[derive(Clone)]
pub struct NewSms {
    /// The link.
    pub link: LinkName,
    /// The service of the short number.
    pub service: ServiceName,
    /// Who.
    pub subscriber: Msisdn,
    /// The short number.
    pub to: String,
    /// The text of this part.
    pub text: String,
    /// The operator's message id, where it gives one.
    pub message_id: Option<String>,
    /// Source, destination and all bytes of the PDU, hashed, for links without ids.
    pub fingerprint: Mark,
    /// The bind on which it came; an equal PDU is a repeat only if this one has closed since.
    pub bind: u64,
    /// Reference, number of parts and which one it is (from 1), for parts of a long message.
    pub part: Option<(u16, u8, u8)>,
    /// When.
    pub at: Moment,
}

/// A USSD delivery of a link that gives its deliveries no ids.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The link.
    pub link: LinkName,
    /// Source, destination and all bytes of the PDU, hashed.
    pub fingerprint: Mark,
    /// The bind on which it came; an equal PDU is a repeat only if this one has closed since.
    pub bind: u64,
    /// When.
    pub at: Moment,
}

/// What the ledger knows of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number: that of its first coming where it is a repeat.
    pub number: i64,
    /// When it came first, where it is a repeat.
    pub repeats: Option<Moment>,
}

/// What became of an SMS at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the inbox and waits for its turn.
    Stored(SmsId),
    /// It is in the inbox and waits for its turn on another node, behind those of its number that wait
    /// there.
    Elsewhere(SmsId),
    /// It was there already.
    Repeat,
    /// It is a part, and others are missing.
    Part,
}
