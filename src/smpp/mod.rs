//! SMPP 3.3 to 5.0, the part of it that an ESME speaks: octets to PDUs, PDUs to a bind, a bind to a link.
//!
//! Everything but [`link`] is pure: no socket, no clock, no chance. Frames are cut first and read
//! afterwards, leniently, so that no peer's mistake can shift what follows it. What is understood
//! of a message is the business of [`incoming`] and [`receipt`]; what a message becomes, that of
//! [`outgoing`].

pub mod command;
pub mod config;
pub mod frame;
pub mod incoming;
pub mod link;
pub mod outgoing;
pub mod pace;
pub mod part;
pub mod pdu;
pub mod receipt;
pub mod retry;
pub mod session;
pub mod status;
pub mod text;
pub mod tlv;
pub mod ussd;
