//! Converts errors of capability calls into failures of a job, so that plugins can use `?`.

use std::fmt::Display;

use serde_json::Value;

use crate::{Error, ErrorKind, Failure, FailureKind, Message, Outcome, Refusal};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::Denied => FailureKind::Denied,
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Limit => FailureKind::InvalidInput,
            ErrorKind::Unavailable => FailureKind::Unavailable,
            ErrorKind::Interrupted => FailureKind::Interrupted,
        };
        let retryable = matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Interrupted);
        Failure { kind, message: error.message, retryable }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::invalid_input(refusal.message)
    }
}

impl Failure {
    /// The input is invalid.
    pub fn invalid_input(message: impl Display) -> Self {
        Failure { kind: FailureKind::InvalidInput, message: message.to_string(), retryable: false }
    }

    /// A bug in the plugin.
    pub fn internal(message: impl Display) -> Self {
        Failure { kind: FailureKind::Internal, message: message.to_string(), retryable: false }
    }

    /// The job was cancelled or the host is stopping.
    pub fn interrupted() -> Self {
        Failure { kind: FailureKind::Interrupted, message: "The job was interrupted.".to_owned(), retryable: true }
    }
}

impl Refusal {
    /// Refuses a request. The client receives `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Refusal { message: message.into() }
    }
}

impl Outcome {
    /// Success. The job's message states how many records were loaded; the host flushes them.
    pub fn loaded() -> Self {
        Outcome { message: Some(Message::Loaded), result: None }
    }

    /// Success with a message of one sentence.
    pub fn message(message: impl Into<String>) -> Self {
        Outcome { message: Some(Message::Text(message.into())), result: None }
    }

    /// Success with a result. The host writes the message.
    pub fn result(result: &Value) -> Self {
        Outcome { message: None, result: Some(result.to_string()) }
    }
}
