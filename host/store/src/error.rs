//! Errors of store calls.

use jobhost_model::table::TableName;

/// The kind of a store error, for callers to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database, table, user or other object does not exist.
    NotFound,
    /// The object exists already.
    AlreadyExists,
    /// The arguments cannot be stored: for example, too many attributes, or a key that is too long.
    Invalid,
    /// The lease is stale or the job is final, so the caller may no longer write.
    LeaseLost,
    /// The disk is full, or the store has reached its configured size. Nothing of the group was stored.
    Full,
    /// The user's quota is exhausted. Nothing of the group was stored.
    OverQuota,
    /// The engine or the disk failed. Nothing of the group was stored.
    Unavailable,
}

impl StoreErrorKind {
    /// Returns whether the same call may succeed later.
    pub fn may_pass(self) -> bool {
        matches!(self, StoreErrorKind::Full | StoreErrorKind::Unavailable)
    }
}

/// A failed store call: the kind, a message, and the engine's error as its source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// The kind of error, for callers to match on.
    pub kind: StoreErrorKind,
    /// One sentence for people.
    pub message: String,
    #[source]
    /// The error of the engine or the operating system, if there is one.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// Creates an error without a source.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        StoreError { kind, message: message.into(), source: None }
    }

    /// Creates an error with a source.
    pub fn caused_by(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        StoreError { kind, message: message.into(), source: Some(Box::new(source)) }
    }

    /// The error for a table that does not exist, in Harper's words.
    pub fn no_such_table(name: &TableName) -> Self {
        StoreError::new(StoreErrorKind::NotFound, format!("Table '{name}' does not exist"))
    }

    /// The error for stored data that cannot be read.
    pub fn damaged(what: &str) -> Self {
        StoreError::new(StoreErrorKind::Unavailable, format!("the store is damaged: {what} cannot be read"))
    }
}
