//! Stores the end of a job. The final row is stored as soon as the store accepts it; until then the row says that the
//! job is running.

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

/// Maximum final rows that wait for the store without occupying a worker. A row may carry a result of 256 KiB.
const MOST_WAITING: usize = 64;

/// How a job ends.
pub(super) struct Conclusion {
    pub id: Uuid,
    /// The row as its last attempt left it; `None` if unknown.
    pub row: Option<JobRow>,
    pub ending: Ending,
    pub rejects: Option<Arc<AllRejects>>,
    pub entry: RunningEntry,
}

/// Final rows that wait for the store.
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
    /// Stores the last commit group together with the end, and publishes the job's records if the job is complete.
    /// `has_unpublished` says whether earlier groups wait for that. On failure nothing is stored, and the group is lost.
    pub async fn conclude_with(
        &self,
        last_group: Option<LastGroup>,
        has_unpublished: bool,
        parts: &JobParts,
        spool: &Spool,
    ) -> Result<(), StoreError> {
        let Some(row) = &self.row else { return Ok(()) };
        if has_unpublished {
            parts.store.prepare_end(Lease { job: self.id, attempt: row.attempt }).await?;
        }
        let group = last_group.map(|last| last.group);
        let end = self.end(row, parts, group, log::documents(&self.entry.log, self.rejects.as_deref()));
        let stored = parts.store.end_job(end).await?;
        self.stored(&stored, parts, spool).await;
        Ok(())
    }

    /// Returns when the row is stored, when it can no longer be stored, or when the host stops.
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
                // Without room for the documents, the row is stored without them, so that the job still ends.
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
            // The cancel request and the tally are written to the store, not to the attempt's copy of the row.
            let row = JobRow { cancel: stored.cancel.clone(), tally: stored.tally, ..row.clone() };
            lifecycle::finish(row, ending.clone(), now).unwrap_or(stored)
        };
        let publish = matches!(self.ending, Ending::Complete { .. });
        JobEnd { lease, last_group, publish, documents, row: Box::new(last) }
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

/// Marks the job as ended when the call fails, so that a later cancel request is not accepted for it.
async fn noting<T>(entry: &RunningEntry, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    call.await.inspect_err(|_| entry.ended())
}
