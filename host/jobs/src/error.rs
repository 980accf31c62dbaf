//! Errors of job submission. Their messages are shown to clients and never contain a secret.

use super::granted::Refused;
use jobhost_access::Denial;
use jobhost_budget::Exhausted;
use jobhost_objects::{ObjectError, ObjectErrorKind};
use jobhost_search::SearchError;
use jobhost_store::StoreError;

/// Why a request was not accepted as a job.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The request is invalid; the message is for the client.
    #[error("{0}")]
    Refused(String),
    /// The request names a database or table that does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The user lacks the permission.
    #[error("{0}")]
    Denied(Denial),
    /// The operator's configuration does not allow it; the message names the missing grant.
    #[error("{0}")]
    NotGranted(String),
    #[error(
        "The queue is full: {max_queued} jobs are waiting (jobs.max_queued). Try again in {retry_after_seconds} seconds."
    )]
    QueueFull { max_queued: usize, retry_after_seconds: u64 },
    /// The user's budget, or the host's, is exhausted.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    #[error(
        "You have {held} jobs waiting, and the last of the {max_queued} places of the queue (jobs.max_queued) are for users \
         who have fewer. Try again in {retry_after_seconds} seconds."
    )]
    ShareFull { held: usize, max_queued: usize, retry_after_seconds: u64 },
    /// The plugin crashed or returned an invalid plan. Retrying does not help.
    #[error("{message}")]
    Plugin { plugin: String, message: String },
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        SubmitError::Unavailable(format!("The job could not be stored: {error}"))
    }
}

impl From<Refused> for SubmitError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoInlineSource => SubmitError::Refused(refused.to_string()),
            Refused::Records(error) => of_search(error),
            Refused::Object(error) => of_object(error),
            Refused::NotAsked(error) => SubmitError::plugin(error.plugin.clone(), error.to_string()),
            Refused::NotGranted(error) => SubmitError::NotGranted(error.to_string()),
        }
    }
}

fn of_search(error: SearchError) -> SubmitError {
    match error {
        SearchError::Invalid(message) => SubmitError::Refused(message),
        SearchError::NotFound(message) => SubmitError::NotFound(message),
        SearchError::Denied(denial) => SubmitError::Denied(denial),
        SearchError::Store(error) => error.into(),
        SearchError::Exhausted(exhausted) => exhausted.into(),
    }
}

fn of_object(error: ObjectError) -> SubmitError {
    match error.kind {
        ObjectErrorKind::Denied => SubmitError::NotGranted(error.message),
        ObjectErrorKind::Unavailable => SubmitError::Unavailable(error.message),
        ObjectErrorKind::NotFound | ObjectErrorKind::Invalid | ObjectErrorKind::Limit => {
            SubmitError::Refused(error.message)
        }
    }
}

impl SubmitError {
    pub(super) fn plugin(label: String, message: String) -> Self {
        SubmitError::Plugin { plugin: label, message }
    }

    /// The label of this error in the metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            SubmitError::Refused(_) => "invalid",
            SubmitError::NotFound(_) => "not_found",
            SubmitError::Denied(_) => "denied",
            SubmitError::NotGranted(_) => "not_granted",
            SubmitError::QueueFull { .. } => "queue_full",
            SubmitError::Exhausted(_) => "exhausted",
            SubmitError::ShareFull { .. } => "share_full",
            SubmitError::Plugin { .. } => "plugin",
            SubmitError::Unavailable(_) => "unavailable",
        }
    }
}
