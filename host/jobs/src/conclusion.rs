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
use jobhost_capabilities::LastGroup;
use jobhost_model::jobs::{JobRow, Lease};
use jobhost_store::{JobEnd, StoreError, StoreErrorKind, WriteGroup};

/// Final rows that wait for the store without a worker. One may have a result of 256 KiB.
const MOST_WAITING: usize = 64;

/// How a job ends.
pub(super) struct Conclusion {
    pub id: Uuid,
    /// As its last attempt has left it; `None` if that is not known.
    pub row: Option<JobRow>,
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
    /// Stores the last records together with the end. On failure nothing is stored, and the records are gone.
    pub async fn conclude_with(
        &self,
        last_group: LastGroup,
        parts: &JobParts,
        spool: &Spool,
    ) -> Result<(), StoreError> {
        let Some(row) = &self.row else { return Ok(()) };
        let LastGroup { group, .. } = last_group;
        let end = self.end(row, parts, Some(group), log::documents(&self.entry.log, self.rejects.as_deref()));
        let stored = parts.store.end_job(end).await?;
        self.stored(&stored, parts, spool).await;
        Ok(())
    }

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
        let store = parts.store.as_ref();
        let known = match &self.row {
            Some(row) => Some(row.clone()),
            None => retry.while_running("read row", || noting(&self.entry, store.job(self.id))).await?,
        };
        let Some(row) = known.filter(|row| !row.status.is_final()) else { return Ok(()) };
        let documents = log::documents(&self.entry.log, self.rejects.as_deref());
        let end = || async {
            match store.end_job(self.end(&row, parts, None, documents.clone())).await {
                // The row matters more: it is not kept waiting until somebody has made room for these.
                Err(error) if error.kind == StoreErrorKind::Full && !documents.is_empty() => {
                    warn!(job = %self.id, %error, "there is no room for a job's log or rejected records");
                    store.end_job(self.end(&row, parts, None, Vec::new())).await
                }
                ended => ended,
            }
        };
        let stored = retry.while_running("store end", || noting(&self.entry, end())).await?;
        self.stored(&stored, parts, spool).await;
        Ok(())
    }

    fn end(
        &self,
        row: &JobRow,
        parts: &JobParts,
        last_group: Option<WriteGroup>,
        documents: Vec<(&'static str, Vec<u8>)>,
    ) -> JobEnd {
        let lease = Lease { job: self.id, attempt: row.attempt };
        let (row, ending, now) = (row.clone(), self.ending.clone(), parts.clock.now());
        let last = move |stored: JobRow| {
            // Who asked for a cancel, and what the job has changed, came to the store and not to the attempt.
            let row = JobRow { cancel: stored.cancel.clone(), tally: stored.tally, ..row.clone() };
            lifecycle::finish(row, ending.clone(), now).unwrap_or(stored)
        };
        JobEnd { lease, last_group, documents, row: Box::new(last) }
    }

    async fn stored(&self, row: &JobRow, parts: &JobParts, spool: &Spool) {
        parts.metrics.job_ended(&row.operation, row.status.word());
        parts.metrics.records(&row.tally, row.rejected);
        let ended_by = row.error.as_ref().and_then(|error| error.pointer("/limit/key")?.as_str());
        for key in ended_by.into_iter().chain(row.limits_met.iter().map(|met| &*met.most.key)) {
            parts.metrics.limit_hit(key);
        }
        info!(job = %row.id, operation = %row.operation, status = ?row.status, attempt = row.attempt, "job ended");
        spool.forget(row.id).await;
    }
}

/// The outcome of a call; a failure is noted, so that a cancel is not promised for a job that has ended.
async fn noting<T>(entry: &RunningEntry, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    call.await.inspect_err(|_| entry.ended())
}
