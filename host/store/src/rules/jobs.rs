//! Rules that protect job rows: a final row never changes, a stale attempt changes nothing, and an attempt cannot
//! overwrite what only the store knows (the tally and a cancel request).

use uuid::Uuid;

use crate::error::{StoreError, StoreErrorKind};
use jobhost_model::jobs::{JobRow, JobStatus, Lease, Tally};

/// A page of rows ends with the row that reaches this size, in bytes.
pub const PAGE_BYTES: usize = 1 << 20;

/// Fails if a request has a checkpoint but no lease: a checkpoint belongs to a job.
pub fn check_checkpoint(lease: Option<Lease>, has_checkpoint: bool) -> Result<(), StoreError> {
    if lease.is_none() && has_checkpoint {
        let message = "a checkpoint belongs to a job; the request carries no lease";
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}

/// The error for a job id that is already in use.
pub fn exists_already(id: Uuid) -> StoreError {
    StoreError::new(StoreErrorKind::AlreadyExists, format!("job {id} already exists"))
}

/// Fails if the job does not exist or is final, or if the lease is stale.
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

/// Adds to a job's tally. A counted record or an advanced checkpoint is progress and resets the number of fruitless
/// attempts. Returns whether the row has changed.
pub fn account(row: &mut JobRow, more: Tally, checkpoint_advanced: bool) -> bool {
    let changed = more != Tally::default() || checkpoint_advanced;
    if changed {
        row.tally += more;
        row.fruitless_attempts = 0;
    }
    changed
}

/// Returns whether a row begins an attempt that cannot continue what earlier ones have written, because there is no
/// checkpoint. What they have not published is then discarded.
pub fn starts_over(stored: &JobRow, row: &JobRow, has_checkpoint: bool) -> bool {
    row.attempt > stored.attempt && !has_checkpoint
}

/// Returns the row to store in place of `stored`. The caller has checked the lease.
pub fn replacement(stored: &JobRow, row: JobRow) -> Result<JobRow, StoreError> {
    let same_attempt = row.attempt == stored.attempt;
    if same_attempt && stored.status == JobStatus::Queued && row.status == JobStatus::InProgress {
        let message = format!("attempt {} of job {} is over: the job is queued again", row.attempt, row.id);
        return Err(StoreError::new(StoreErrorKind::LeaseLost, message));
    }
    // A running attempt does not know about a cancel request stored in the meantime, nor about the stored tally.
    let cancel = stored.cancel.clone().or_else(|| row.cancel.clone());
    let fruitless_attempts = match same_attempt {
        true => row.fruitless_attempts.min(stored.fruitless_attempts),
        false => row.fruitless_attempts,
    };
    Ok(JobRow { tally: stored.tally, cancel, fruitless_attempts, ..row })
}
