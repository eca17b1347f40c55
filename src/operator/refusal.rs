//! Why a request of an operator is not taken.

/// Why a request cannot become a callback. Every variant is the operator's fault; each names the
/// place and none carries what the subscriber typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(Box<str>),
    /// A field stands more than once.
    #[error("field {0} stands more than once")]
    Twice(Box<str>),
    /// A field is not what it has to be.
    #[error("field {field} is not {expected}")]
    Malformed {
        /// The field, under the operator's name.
        field: Box<str>,
        /// What was expected.
        expected: Box<str>,
    },
    /// The body is not of the content type that it claims.
    #[error("the body is not {0}")]
    Body(&'static str),
    /// No service of the link has the code that was dialled.
    #[error("field {0} names no service of this link")]
    NoService(Box<str>),
    /// Another content type.
    #[error("expected the content type {0}")]
    MediaType(Box<str>),
    /// Another method.
    #[error("expected the method {0}")]
    Method(Box<str>),
    /// Another path below the link.
    #[error("there is nothing on this path; the shape has {0}")]
    Path(Box<str>),
}

impl CallbackError {
    /// The status that it is answered with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing(_)
            | Self::Twice(_)
            | Self::Malformed { .. }
            | Self::Body(_)
            | Self::NoService(_) => 400,
            Self::Path(_) => 404,
            Self::Method(_) => 405,
            Self::MediaType(_) => 415,
        }
    }

    pub(super) fn malformed(field: &str, expected: &str) -> Self {
        Self::Malformed {
            field: field.into(),
            expected: expected.into(),
        }
    }
}
