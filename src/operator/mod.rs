//! Operators' HTTP shapes: bytes to a [`crate::callback::Callback`], a reply back to bytes.

pub mod africastalking;
pub mod auth;

/// Why a body cannot become a callback. Every variant is the operator's fault, so every variant is
/// a 400; none carries what the subscriber typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field stands more than once.
    #[error("field {0} stands more than once")]
    Twice(&'static str),
    /// A field is not what it has to be.
    #[error("field {field} is not {expected}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The body is not of the content type that it claims.
    #[error("the body is not {0}")]
    Body(&'static str),
    /// No service of the link has the code that was dialled.
    #[error("field {0} names no service of this link")]
    NoService(&'static str),
}
