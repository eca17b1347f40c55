//! The HTTP doors: operators' callbacks, and administration.

pub mod admin;
pub mod connection;
pub mod docs;
pub mod openapi;
mod sandbox;
pub mod server;
pub mod ussd;
