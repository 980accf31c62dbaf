//! Errors of capability calls, the same in every version of the contract.

/// The kind of error, for a guest to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityErrorKind {
    /// The plan does not include it, or the user lacks the permission.
    Denied,
    /// The arguments are invalid.
    Invalid,
    /// The table, source or object does not exist.
    NotFound,
    /// A limit of the host was reached.
    Limit,
    /// The store, a disk or another server failed.
    Unavailable,
    /// The job was cancelled, or the host is stopping.
    Interrupted,
}

/// The error of a capability call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CapabilityError {
    /// For a guest to match on.
    pub kind: CapabilityErrorKind,
    /// One sentence for a person.
    pub message: String,
}

impl CapabilityError {
    /// Creates an error.
    pub fn new(kind: CapabilityErrorKind, message: impl Into<String>) -> Self {
        CapabilityError { kind, message: message.into() }
    }
}
