//! How an attempt of a guest ends.

use serde::Serialize;

/// How a guest says that its work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the job's message says; `None`: that it completed.
    pub message: Option<Message>,
    /// JSON text, not yet checked.
    pub result: Option<String>,
}

/// The message of a job whose work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// This sentence.
    Text(String),
    /// How many records were loaded, as the store has counted them when the last are stored.
    Loaded,
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
