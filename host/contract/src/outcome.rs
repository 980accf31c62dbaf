//! How an attempt of a guest ends.

use serde::Serialize;

/// How a guest says that its work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub message: Option<String>,
    /// JSON text, not yet checked.
    pub result: Option<String>,
}

/// How a guest says that it could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    pub retryable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    InvalidInput,
    Denied,
    Unavailable,
    Interrupted,
    Internal,
}
