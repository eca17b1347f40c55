//! The HTTP doors: operators' callbacks, and administration.

pub mod admin;
pub mod connection;
pub mod server;
pub mod ussd;
