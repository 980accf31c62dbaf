//! Cancels jobs on request. The request is durable before the attempt is notified, so that a host that dies in between
//! still ends the job after its restart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::info;
use uuid::Uuid;

use super::{Jobs, lifecycle};
use jobhost_access::User;
use jobhost_model::jobs::JobRow;
use jobhost_sandbox::JobLog;
use jobhost_store::{StoreError, StoreErrorKind};

/// How often a cancel is retried when the row changes in the meantime: from waiting to running, or from one attempt to
/// the next.
const TRIES: usize = 16;

/// The attempts running in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    attempts: Arc<Mutex<HashMap<Uuid, Attempt>>>,
}

#[derive(Debug, Clone)]
struct Attempt {
    cancel: CancellationToken,
    log: Arc<JobLog>,
    /// The job has ended, but the store has not accepted its final row.
    ended: Arc<AtomicBool>,
}

/// An attempt's entry in [`Running`], removed on drop.
pub(super) struct RunningEntry {
    running: Running,
    job: Uuid,
    /// Asks the attempt to end the job.
    pub cancel: CancellationToken,
    pub log: Arc<JobLog>,
    ended: Arc<AtomicBool>,
}

impl Running {
    pub fn enter(&self, job: Uuid, log_bytes: usize) -> RunningEntry {
        let (cancel, log) = (CancellationToken::new(), Arc::new(JobLog::new(log_bytes)));
        let attempt = Attempt { cancel, log, ended: Arc::default() };
        self.lock().insert(job, attempt.clone());
        RunningEntry { running: self.clone(), job, cancel: attempt.cancel, log: attempt.log, ended: attempt.ended }
    }

    /// Returns the log of a running job.
    pub fn log(&self, job: Uuid) -> Option<Arc<JobLog>> {
        self.lock().get(&job).map(|attempt| Arc::clone(&attempt.log))
    }

    fn has_ended(&self, job: Uuid) -> bool {
        self.lock().get(&job).is_some_and(|attempt| attempt.ended.load(Ordering::Acquire))
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn tell(&self, job: Uuid) {
        if let Some(attempt) = self.lock().get(&job) {
            attempt.cancel.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningEntry {
    /// Marks the job as ended, so that it can no longer be cancelled although its row still says that it is running.
    pub fn ended(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Drop for RunningEntry {
    fn drop(&mut self) {
        self.running.lock().remove(&self.job);
    }
}

/// The outcome of a cancel request.
#[derive(Debug)]
pub enum CancelOutcome {
    /// The job does not exist, or belongs to another user.
    Unknown,
    /// The job had already ended.
    EndedBefore(Box<JobRow>),
    /// The job was waiting and has now ended.
    Cancelled(Box<JobRow>),
    /// The job is running and will end soon.
    Requested(Box<JobRow>),
    /// The job has ended, but the store has not accepted its final row. Nothing was changed.
    Ending(Box<JobRow>),
}

impl Jobs {
    /// Cancels a job of this user; a super_user may cancel any job. Repeating the request has no effect.
    pub async fn cancel(&self, user: &User, id: Uuid) -> Result<CancelOutcome, StoreError> {
        for _ in 0..TRIES {
            let Some(row) = self.visible_job(user, id).await? else {
                return Ok(CancelOutcome::Unknown);
            };
            if !row.status.is_final() && self.running.has_ended(id) {
                return Ok(CancelOutcome::Ending(Box::new(row)));
            }
            let attempt = row.attempt;
            let Ok(changed) = lifecycle::cancel(row.clone(), &user.username, self.parts.clock.now()) else {
                return Ok(CancelOutcome::EndedBefore(Box::new(row)));
            };
            match self.parts.store.update_job(changed, attempt).await {
                Ok(stored) => {
                    info!(job = %id, by = %user.username, status = ?stored.status, "job cancelled");
                    self.running.tell(id);
                    if !stored.status.is_final() {
                        return Ok(CancelOutcome::Requested(Box::new(stored)));
                    }
                    self.parts.metrics.job_ended(&stored.operation, stored.status.word());
                    if self.queue.remove(&stored.user, id) {
                        self.parts.metrics.taken();
                    }
                    self.spool.forget(id).await;
                    return Ok(CancelOutcome::Cancelled(Box::new(stored)));
                }
                Err(error) if error.kind == StoreErrorKind::LeaseLost => {}
                Err(error) => return Err(error),
            }
        }
        let message = format!("job {id} changes too quickly to be cancelled; try again");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }
}
