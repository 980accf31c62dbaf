//! Converts the error of a load into the failure of its job.

use std::error::Error as StdError;

use jobhost_load::LoadError;
use jobhost_plugin::{Error, Failure, FailureKind};

/// Converts a load error. `is_first_attempt` means that this attempt received no checkpoint.
pub fn failure<P: StdError + 'static>(error: LoadError<Error, P>, is_first_attempt: bool) -> Failure {
    match error {
        LoadError::Host(error) => error.into(),
        LoadError::Input(problem) => Failure::invalid_input(problem),
        LoadError::Cancelled => Failure::interrupted(),
        // The checkpoint belongs to other content and will never be usable; without one, the next attempt starts over.
        LoadError::Changed | LoadError::Checkpoint(_) => {
            Failure { kind: FailureKind::Unavailable, message: error.to_string(), retryable: is_first_attempt }
        }
    }
}
