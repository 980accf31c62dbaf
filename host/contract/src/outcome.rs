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
    /// For a program to match on.
    pub kind: FailureKind,
    /// The sentence that becomes the job's message.
    pub message: String,
    /// Whether the same job may succeed later.
    pub retryable: bool,
}

/// Why the work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The input is not what it should be.
    InvalidInput,
    /// A capability call was denied.
    Denied,
    /// Something outside the plugin failed.
    Unavailable,
    /// The job is cancelled, or the host stops.
    Interrupted,
    /// A mistake of the plugin.
    Internal,
}
