//! Ending a job because somebody asks for it. The request is durable before anything is told about it, so that a host
//! that dies in between ends the job when it comes back.

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

/// How often a request is tried again when the job changes under it: from waiting to running, from one attempt to the next.
const TRIES: usize = 16;

/// The attempts that run in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    attempts: Arc<Mutex<HashMap<Uuid, Attempt>>>,
}

#[derive(Debug, Clone)]
struct Attempt {
    cancel: CancellationToken,
    log: Arc<JobLog>,
    /// The job has ended, but the store has not taken its final row.
    ended: Arc<AtomicBool>,
}

/// An attempt's entry, for as long as it runs.
pub(super) struct RunningEntry {
    running: Running,
    job: Uuid,
    /// Tells the attempt that the job shall end.
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

    /// The log of a job that runs.
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
    /// Nothing can end the job any more: it has ended, and only its row does not say so yet.
    pub fn ended(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Drop for RunningEntry {
    fn drop(&mut self) {
        self.running.lock().remove(&self.job);
    }
}

/// What became of a request to cancel.
#[derive(Debug)]
pub enum CancelOutcome {
    /// There is no such job, or it is somebody else's.
    Unknown,
    /// It had ended before.
    EndedBefore(Box<JobRow>),
    /// It waited and has ended now.
    Cancelled(Box<JobRow>),
    /// It runs, and ends soon.
    Requested(Box<JobRow>),
    /// It has ended, but the store has not taken its final row. Nothing was changed.
    Ending(Box<JobRow>),
}

impl Jobs {
    /// Cancels a job of this user, or of anybody for a super_user. Asking again changes nothing.
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
