//! From a load that did not go through to the failure of its job.

use std::error::Error as StdError;

use jobhost_load::LoadError;
use jobhost_plugin::{Error, Failure, FailureKind};

/// A load that did not. `is_first_attempt`: no checkpoint was given to this one.
pub fn failure<P: StdError + 'static>(error: LoadError<Error, P>, is_first_attempt: bool) -> Failure {
    match error {
        LoadError::Host(error) => error.into(),
        LoadError::Input(problem) => Failure::invalid_input(problem),
        LoadError::Cancelled => Failure::interrupted(),
        // A checkpoint of other content stays useless; without one the next attempt starts over.
        LoadError::Changed | LoadError::Checkpoint(_) => {
            Failure { kind: FailureKind::Unavailable, message: error.to_string(), retryable: is_first_attempt }
        }
    }
}
