//! The result of an attempt, as its guest reports it.

use serde::Serialize;

/// The guest's report that its work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The job's message; `None` for the default message.
    pub message: Option<Message>,
    /// JSON text, not yet validated.
    pub result: Option<String>,
}

/// The message of a completed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// This sentence.
    Text(String),
    /// The number of loaded records, as counted by the store once the last ones are stored.
    Loaded,
}

/// The guest's report that it could not do its work.
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
    /// The input is malformed.
    InvalidInput,
    /// A capability call was denied.
    Denied,
    /// Something outside the plugin failed.
    Unavailable,
    /// The job was cancelled, or the host is stopping.
    Interrupted,
    /// A bug in the plugin.
    Internal,
}
