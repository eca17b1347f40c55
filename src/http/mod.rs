//! The HTTP doors: operators' callbacks, and administration.

pub mod admin;
pub mod callbacks;
pub mod caller;
pub mod connection;
pub mod docs;
pub mod entry;
pub mod openapi;
mod push;
mod sandbox;
pub mod server;
pub mod sms;
pub mod tls;
