//! What guards the rows of jobs: a final row never changes, a stale attempt changes nothing, and what only the store knows
//! (tally, cancel request) survives whatever an attempt says.

use uuid::Uuid;

use crate::error::{StoreError, StoreErrorKind};
use jobhost_model::jobs::{JobRow, JobStatus, Lease, Tally};

/// A page of rows ends behind the row that reaches this size.
pub const PAGE_BYTES: usize = 1 << 20;

/// A checkpoint belongs to a job, so a request with one must carry a lease.
pub fn check_checkpoint(lease: Option<Lease>, has_checkpoint: bool) -> Result<(), StoreError> {
    if lease.is_none() && has_checkpoint {
        let message = "a checkpoint belongs to a job; the request carries no lease";
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}

/// Two jobs cannot have one id.
pub fn exists_already(id: Uuid) -> StoreError {
    StoreError::new(StoreErrorKind::AlreadyExists, format!("job {id} already exists"))
}

/// The row of a job that this attempt may change.
pub fn guarded(row: Option<&JobRow>, lease: Lease) -> Result<(), StoreError> {
    let Lease { job: id, attempt } = lease;
    let row = row.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, format!("job {id} does not exist")))?;
    if row.status.is_final() {
        let message = format!("job {id} has ended and can no longer change");
        return Err(StoreError::new(StoreErrorKind::LeaseLost, message));
    }
    if row.attempt != attempt {
        let message = format!("attempt {attempt} of job {id} has been replaced by attempt {}", row.attempt);
        return Err(StoreError::new(StoreErrorKind::LeaseLost, message));
    }
    Ok(())
}

/// Counts what a group or a step of a delete did. A counted record and an advanced checkpoint are progress, so no attempt up
/// to this one counts as fruitless any more. True if the row has changed.
pub fn account(row: &mut JobRow, more: Tally, checkpoint_advanced: bool) -> bool {
    let changed = more != Tally::default() || checkpoint_advanced;
    if changed {
        row.tally += more;
        row.fruitless_attempts = 0;
    }
    changed
}

/// The row to be stored in the place of `stored`, which is guarded already.
pub fn replacement(stored: &JobRow, row: JobRow) -> Result<JobRow, StoreError> {
    let same_attempt = row.attempt == stored.attempt;
    if same_attempt && stored.status == JobStatus::Queued && row.status == JobStatus::InProgress {
        let message = format!("attempt {} of job {} is over: the job is queued again", row.attempt, row.id);
        return Err(StoreError::new(StoreErrorKind::LeaseLost, message));
    }
    // An attempt that writes its progress does not know of a cancel request that came meanwhile, nor of what it stored.
    let cancel = stored.cancel.clone().or_else(|| row.cancel.clone());
    let fruitless_attempts = match same_attempt {
        true => row.fruitless_attempts.min(stored.fruitless_attempts),
        false => row.fruitless_attempts,
    };
    Ok(JobRow { tally: stored.tally, cancel, fruitless_attempts, ..row })
}
