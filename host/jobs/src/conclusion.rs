//! The end of a job on its way into the store. A final row is stored as soon as it can be, and until then the row says that
//! the job runs.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::cancel::RunningEntry;
use super::lifecycle::{self, Ending};
use super::rejects::AllRejects;
use super::retry::Retry;
use super::spool::Spool;
use super::{JobParts, log};
use jobhost_model::jobs::JobRow;
use jobhost_store::{StoreError, StoreErrorKind};

/// Final rows that wait for the store without a worker. One may have a result of 256 KiB.
const MOST_WAITING: usize = 64;

/// How a job ends.
pub(super) struct Conclusion {
    pub id: Uuid,
    /// As its last attempt has left it; `None` if that is not known.
    pub row: Option<Box<JobRow>>,
    pub ending: Ending,
    pub rejects: Option<Arc<AllRejects>>,
    pub entry: RunningEntry,
}

/// The final rows that wait for the store.
#[derive(Clone)]
pub(super) struct Conclusions {
    room: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Conclusions {
    pub fn new(tasks: TaskTracker) -> Self {
        Conclusions { room: Arc::new(Semaphore::new(MOST_WAITING)), tasks }
    }

    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

impl Conclusion {
    /// Returns when the row is stored, when that has become impossible, or when the host stops.
    pub async fn conclude(self, parts: &JobParts, spool: &Spool, retry: &Retry) {
        let id = self.id;
        match self.store(parts, spool, retry).await {
            Ok(()) => {}
            Err(failure) if failure.kind == StoreErrorKind::LeaseLost => {
                warn!(job = %id, "another attempt holds the job's lease");
            }
            Err(failure) => error!(job = %id, %failure, "the job's final row could not be stored"),
        }
    }

    async fn store(self, parts: &JobParts, spool: &Spool, retry: &Retry) -> Result<(), StoreError> {
        let Conclusion { id, row, ending, rejects, entry } = self;
        let store = parts.store.as_ref();
        // Who asked for a cancel, and what the job has changed, came to the store and not to the attempt.
        let row = match row {
            Some(row) if ending != Ending::Cancelled => *row,
            known => {
                let stored = retry.while_running("read row", || noting(&entry, store.job(id))).await?;
                match (known, stored) {
                    (Some(row), Some(stored)) => JobRow { cancel: stored.cancel, tally: stored.tally, ..*row },
                    (None, Some(stored)) => stored,
                    (_, None) => return Ok(()),
                }
            }
        };
        let attempt = row.attempt;
        let Ok(row) = lifecycle::finish(row, ending, parts.clock.now()) else { return Ok(()) };
        // Before the row, so that whoever sees the job's end sees the rest as well.
        if let Err(failure) = log::keep_both(store, retry, id, &entry.log, rejects.as_deref()).await {
            warn!(job = %id, %failure, "the job's log and rejected records could not be stored");
        }
        let stored = retry.while_running("store end", || noting(&entry, store.update_job(row.clone(), attempt)));
        let row = stored.await?;
        parts.metrics.job_ended(&row.operation, row.status.word());
        parts.metrics.records(&row.tally, row.rejected);
        let ended_by = row.error.as_ref().and_then(|error| error.pointer("/limit/key")?.as_str());
        for key in ended_by.into_iter().chain(row.limits_met.iter().map(|met| &*met.most.key)) {
            parts.metrics.limit_hit(key);
        }
        info!(job = %row.id, operation = %row.operation, status = ?row.status, attempt, "job ended");
        spool.forget(row.id).await;
        Ok(())
    }
}

/// The outcome of a call; a failure is noted, so that a cancel is not promised for a job that has ended.
async fn noting<T>(entry: &RunningEntry, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    call.await.inspect_err(|_| entry.ended())
}
