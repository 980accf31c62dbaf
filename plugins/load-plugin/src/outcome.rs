//! From the end of a load to the end of a job.

use std::error::Error as StdError;

use jobhost_load::{LoadError, Tally};
use jobhost_plugin::{Error, Failure, FailureKind, Outcome};

/// A load that went through.
pub fn loaded(tally: Tally) -> Outcome {
    Outcome::message(format!("successfully loaded {} of {} records", tally.written, tally.received))
}

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
