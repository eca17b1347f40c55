//! Operators' HTTP callbacks: bytes to what they mean, a screen back to bytes.
//!
//! What an operator sends and wants is data, a file a shape (`shapes/*.yaml`). [`file`] is the file
//! as it is written, [`compile`] proves it, [`ussd`] is what is left: places to look at, rules,
//! templates. [`sms`] is the same of messages, and [`api`] what both channels say to an operator's API.
//! Nothing here knows an operator by name.

pub mod api;
pub mod auth;
pub mod compile;
pub mod field;
pub mod file;
pub mod json;
pub mod page;
pub mod pairs;
pub mod path;
pub mod play;
#[cfg(test)]
mod properties;
pub mod prove;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod rule;
pub mod sample;
pub mod shape;
pub mod sms;
pub mod template;
pub mod ussd;
pub mod xml;

pub use crate::operator::refusal::CallbackError;
