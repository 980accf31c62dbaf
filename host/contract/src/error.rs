//! Errors of capability calls, the same in every version of the contract.

/// What kind of thing went wrong, for a guest to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityErrorKind {
    /// Not in the plan, or not permitted to the user.
    Denied,
    /// The arguments are wrong.
    Invalid,
    /// There is no such table, source or object.
    NotFound,
    /// A limit of the host was reached.
    Limit,
    /// The store, a disk or another server failed.
    Unavailable,
    /// The job is cancelled, or the host stops.
    Interrupted,
}

/// A call that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CapabilityError {
    /// For a guest to match on.
    pub kind: CapabilityErrorKind,
    /// One sentence for a person.
    pub message: String,
}

impl CapabilityError {
    /// A failed call.
    pub fn new(kind: CapabilityErrorKind, message: impl Into<String>) -> Self {
        CapabilityError { kind, message: message.into() }
    }
}
