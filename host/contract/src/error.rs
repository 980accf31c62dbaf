//! Errors of capability calls, the same in every version of the contract.

/// What kind of thing went wrong, for a guest to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityErrorKind {
    Denied,
    Invalid,
    NotFound,
    Limit,
    Unavailable,
    Interrupted,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CapabilityError {
    pub kind: CapabilityErrorKind,
    pub message: String,
}

impl CapabilityError {
    pub fn new(kind: CapabilityErrorKind, message: impl Into<String>) -> Self {
        CapabilityError { kind, message: message.into() }
    }
}
