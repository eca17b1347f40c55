//! Shapes of SMS over HTTP: what subscribers send, what becomes of what was sent, and the requests
//! with which messages go out. A file may have any of the three.
//!
//! [`incoming`] and [`receipts`] read requests of the operator, singly or in batches; [`send`] writes
//! requests to its API and reads what it answers.

pub mod compile;
pub mod file;
pub mod inbound;
pub mod incoming;
pub mod receipts;
pub mod sample;
pub mod send;

use crate::operator::file::Head;
use crate::operator::sms::incoming::Incoming;
use crate::operator::sms::receipts::Receipts;
use crate::operator::sms::sample::SmsSample;
use crate::operator::sms::send::Send;

/// A shape of SMS over HTTP, proved.
#[derive(Clone, Debug)]
pub struct SmsShape {
    /// Name, sources and the like.
    pub head: Head,
    /// What subscribers send.
    pub incoming: Option<Incoming>,
    /// What becomes of messages.
    pub receipts: Option<Receipts>,
    /// How messages go out.
    pub send: Option<Send>,
    /// Requests with what they mean.
    pub samples: Vec<SmsSample>,
}

#[cfg(test)]
mod tests;
