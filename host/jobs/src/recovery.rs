//! Queues the jobs that an earlier process left unfinished again, or ends them with a message that says why. Recovery
//! runs beside normal work: the list of jobs is known before this process accepts any of its own.

use std::sync::PoisonError;

use tracing::{error, info, warn};
use uuid::Uuid;

use super::queue::{Past, QueuedJob};
use super::staging::sweep_job;
use super::{JobParts, Jobs, lifecycle, spool::Spool};
use jobhost_store::{StoreError, StoreErrorKind};

/// Returns the unfinished jobs of an earlier process, oldest first. Removes all other files from the spool.
pub(super) async fn unfinished(parts: &JobParts, spool: &Spool) -> Result<Vec<Uuid>, StoreError> {
    let unfinished = parts.store.unfinished_jobs().await?;
    let owners = unfinished.iter().copied().collect();
    spool.sweep(&owners).map_err(|error| {
        StoreError::caused_by(StoreErrorKind::Unavailable, format!("the spool could not be cleaned up: {error}"), error)
    })?;
    Ok(unfinished)
}

impl Jobs {
    /// Decides about each job that an earlier process left unfinished. Call this once, when the plugins are in
    /// service. A transient failure is waited for; a permanent one leaves the job as it is and is returned at the end.
    pub async fn recover(&self) -> Result<(), StoreError> {
        self.recover_those(false).await
    }

    /// Like [`Jobs::recover`], but only for jobs whose operations are already in service; the others keep waiting.
    pub async fn recover_known(&self) -> Result<(), StoreError> {
        self.recover_those(true).await
    }

    async fn recover_those(&self, known_only: bool) -> Result<(), StoreError> {
        let unfinished = std::mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner));
        let mut recovered = Ok(());
        for id in unfinished {
            match self.recover_job(id, known_only).await {
                Ok(true) => {}
                Ok(false) => self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).push(id),
                Err(_) if self.stop.is_cancelled() => return Ok(()),
                Err(failure) => {
                    error!(job = %id, %failure, "the job could not be recovered");
                    recovered = Err(failure);
                }
            }
        }
        recovered
    }

    /// Returns false if the job waits for its operation to be in service.
    async fn recover_job(&self, id: Uuid, known_only: bool) -> Result<bool, StoreError> {
        let (parts, retry) = (&self.parts, &self.retry);
        let store = parts.store.as_ref();
        let Some(row) = retry.while_running("read row", || store.job(id)).await? else { return Ok(true) };
        // A client has cancelled the job in the meantime.
        if row.status.is_final() {
            return Ok(true);
        }
        let operation = parts.plugins.operation(&row.operation);
        if known_only && operation.is_none() {
            return Ok(false);
        }
        let resumable = operation.as_ref().is_some_and(|found| found.operation.resumable);
        let (attempt, user) = (row.attempt, row.user.clone());
        let changed = match lifecycle::recover(&row, resumable) {
            // The row is unchanged. Tens of thousands of jobs may wait, and a start should not rewrite each.
            lifecycle::Recovery::Queue => None,
            lifecycle::Recovery::Requeue(row) => Some(*row),
            lifecycle::Recovery::End(ending) => lifecycle::finish(row, ending, parts.clock.now()).ok(),
        };
        let ends = changed.as_ref().is_some_and(|row| row.status.is_final());
        if ends {
            // Sweep before the row is stored: a final row deletes the payload, which lists the sinks.
            retry.while_running("read payload", || sweep_job(parts, &self.spool, id, &user)).await?;
        }
        if let Some(row) = changed {
            match retry.while_running("recover job", || store.update_job(row.clone(), attempt)).await {
                Ok(_) => {}
                // A client cancelled the job between the two calls.
                Err(error) if error.kind == StoreErrorKind::LeaseLost => return Ok(true),
                Err(error) => return Err(error),
            }
            if ends {
                parts.metrics.job_ended(&row.operation, row.status.word());
                warn!(job = %id, attempt, status = ?row.status, "job was interrupted and is not resumed");
                self.spool.forget(id).await;
                return Ok(true);
            }
        }
        info!(job = %id, attempt, "job recovered into the queue");
        parts.metrics.queued(1);
        let user = user.into();
        self.queue.push_recovered(QueuedJob { id, user, operation, place: None, past: Past::default() });
        Ok(true)
    }
}
