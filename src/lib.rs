//! Jisr, the gateway between basic phones and the social-security registry.
//!
//! The map of the code is `ARCHITECTURE.md`. Imports point down: words, then the pure floor, then
//! the edges, then the spine, then the doors.

pub mod book;
pub mod brake;
pub mod callback;
pub mod check;
pub mod clock;
pub mod config;
pub mod console;
pub mod conversation;
pub mod desk;
pub mod dialog;
pub mod drawer;
pub mod engine;
pub mod exchange;
pub mod finding;
pub mod gateway;
pub mod http;
pub mod input;
pub mod locale;
pub mod node;
pub mod operator;
pub mod outbox;
pub mod plant;
pub mod render;
pub mod screen;
pub mod smpp;
pub mod sms_http;
pub mod store;
pub mod system;
pub mod tls;
pub mod ussd_push;
