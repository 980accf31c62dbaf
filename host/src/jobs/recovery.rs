//! At start-up: what an earlier process left unfinished is queued again or ended with a sentence that says so. After this
//! no job is IN_PROGRESS.

use tracing::{info, warn};
use uuid::Uuid;

use super::queue::QueuedJob;
use super::spool::Spool;
use super::staging::sweep_job;
use super::{JobParts, lifecycle};
use crate::records::jobs::JobStatus;
use crate::records::{StoreError, StoreErrorKind};

/// The jobs of earlier processes, before there are any of this one. What lies in the spool for no job goes.
pub async fn unfinished(parts: &JobParts, spool: &Spool) -> Result<Vec<Uuid>, StoreError> {
    let unfinished = parts.store.unfinished_jobs().await?;
    let owners = unfinished.iter().copied().collect();
    spool.sweep(&owners).map_err(|error| {
        StoreError::caused_by(StoreErrorKind::Unavailable, format!("the spool could not be swept: {error}"), error)
    })?;
    Ok(unfinished)
}

/// The jobs to run, oldest first.
pub async fn recover(parts: &JobParts, spool: &Spool, unfinished: Vec<Uuid>) -> Result<Vec<QueuedJob>, StoreError> {
    let mut queued = Vec::new();
    for id in unfinished {
        let Some(row) = parts.store.job(id).await? else {
            continue;
        };
        // It was cancelled meanwhile.
        if row.status.is_final() {
            continue;
        }
        let operation = parts.plugins.operation(&row.operation);
        let resumable = operation.as_ref().is_some_and(|found| found.operation.resumable);
        let attempt = row.attempt;
        let waiting = row.status == JobStatus::Created;
        let changed = match lifecycle::recover(&row, resumable) {
            lifecycle::Recovery::Queue => lifecycle::requeue(row),
            lifecycle::Recovery::End(ending) => lifecycle::finish(row, ending, parts.clock.now()),
        };
        let Ok(changed) = changed else { continue };
        let ended = changed.status.is_final();
        if ended {
            parts.metrics.job_ended(&changed.operation, changed.status.word());
        }
        if ended && let Err(error) = sweep_job(parts, spool, id, &changed.user).await {
            warn!(job = %id, %error, "the job's payload could not be read");
        }
        // A job that never began is as it should be: tens of thousands may wait, and a start should not write each anew.
        if ended || !waiting {
            parts.store.update_job(changed, attempt).await?;
        }
        if ended {
            warn!(job = %id, attempt, "job was interrupted and cannot be resumed");
            if let Err(error) = spool.remove(id) {
                warn!(job = %id, %error, "the job's spool could not be removed");
            }
        } else {
            info!(job = %id, attempt, "job recovered into the queue");
            queued.push(QueuedJob { id, operation, place: None });
        }
    }
    Ok(queued)
}
