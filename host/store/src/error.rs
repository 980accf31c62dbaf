//! How a call to a store fails.

use jobhost_model::table::TableName;

/// What went wrong, for a caller to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database, table, user … does not exist.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// The arguments cannot be stored: too many attributes, key too long, value that does not fit.
    Invalid,
    /// The lease is stale or the job is final: the caller is no longer the one who may write.
    LeaseLost,
    /// The disk is full or the store has reached its configured size. Nothing of the group was stored.
    Full,
    /// The user may store no more. Nothing of the group was stored.
    OverQuota,
    /// The engine or the disk failed. Nothing of the group was stored.
    Unavailable,
}

impl StoreErrorKind {
    /// Whether the same call may succeed later, without anybody changing it.
    pub fn may_pass(self) -> bool {
        matches!(self, StoreErrorKind::Full | StoreErrorKind::Unavailable)
    }
}

/// A failed call to the store: kind, one sentence, and the engine's own error as source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// For a caller to match on.
    pub kind: StoreErrorKind,
    /// One sentence for a person.
    pub message: String,
    #[source]
    /// What the engine or the system said.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error of the store's own.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        StoreError { kind, message: message.into(), source: None }
    }

    /// An error with a cause.
    pub fn caused_by(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        StoreError { kind, message: message.into(), source: Some(Box::new(source)) }
    }

    /// In Harper's words.
    pub fn no_such_table(name: &TableName) -> Self {
        StoreError::new(StoreErrorKind::NotFound, format!("Table '{name}' does not exist"))
    }

    /// What the store has written is not what it reads.
    pub fn damaged(what: &str) -> Self {
        StoreError::new(StoreErrorKind::Unavailable, format!("the store is damaged: {what} cannot be read"))
    }
}
