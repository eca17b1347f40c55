//! USSD over SMPP: which deliver_sm is a dial, a key press or an end, and how an answer goes back.
//!
//! Operators agree on two optional parameters (ussd_service_op and one for the session) and on
//! little else. What differs is data: a [`Dialect`] a file, and every value a setting of the link.
//! Behind [`read`] a dialled code is a dialled code, whoever carried it.

pub mod dialect;
mod read;
mod session;
mod write;

pub use crate::smpp::ussd::dialect::Dialect;
pub use crate::smpp::ussd::read::{Dialled, Heard, Read, Said, read};
pub use crate::smpp::ussd::session::Session;
pub use crate::smpp::ussd::write::{WayBack, write};

/// ussd_service_op (SMPP 3.4, 5.3.2.44): what is asked or answered.
pub const SERVICE_OP: u16 = 0x0501;
/// its_session_info (SMPP 3.4, 5.3.2.43): the session's number, and where in it this is.
pub const ITS_SESSION_INFO: u16 = 0x1383;
/// user_message_reference (SMPP 3.4, 5.3.2.17).
pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;

#[cfg(test)]
mod tests;
