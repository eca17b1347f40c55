//! The HTTP doors: operators' callbacks, and administration.

pub mod admin;
pub mod callbacks;
pub mod connection;
pub mod server;
