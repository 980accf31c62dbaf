//! Stores the end of a job. The final row is stored as soon as the store accepts it; until then the row says that the
//! job is running.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// How often in a row a job is retried when the store has no room for its last records. Then the job ends with an error.
pub(super) const MOST_TRIES_WHEN_FULL: u32 = 5;

/// How a job ends.
pub(super) struct Conclusion {
    pub id: Uuid,
    /// The row as its last attempt left it; `None` if unknown.
    pub row: Option<JobRow>,
    pub ending: Ending,
    pub rejects: Option<Arc<AllRejects>>,
    /// Whether records of earlier commit groups become visible with this end.
    pub publishes: bool,
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
    /// Stores the last commit group together with the end, and publishes the job's records if the job is complete. On failure
    /// nothing is stored, and the group is lost.
    pub async fn conclude_with(
        &self,
        last_group: LastGroup,
        parts: &JobParts,
        spool: &Spool,
    ) -> Result<(), StoreError> {
        let Some(row) = &self.row else { return Ok(()) };
        self.prepare(row, parts).await?;
        let end =
            self.end(row, parts, Some(last_group.group), log::documents(&self.entry.log, self.rejects.as_deref()));
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

    /// Prepares publishing, if this end publishes records of earlier groups.
    async fn prepare(&self, row: &JobRow, parts: &JobParts) -> Result<(), StoreError> {
        if self.publishes {
            parts.store.prepare_end(Lease { job: self.id, attempt: row.attempt }).await?;
        }
        Ok(())
    }

    async fn store(mut self, parts: &JobParts, spool: &Spool, retry: &Retry) -> Result<(), StoreError> {
        let store = parts.store.as_ref();
        let known = match &self.row {
            Some(row) => Some(row.clone()),
            None => retry.while_running("read row", || noting(&self.entry, store.job(self.id))).await?,
        };
        let Some(row) = known.filter(|row| !row.status.is_final()) else { return Ok(()) };
        let documents = log::documents(&self.entry.log, self.rejects.as_deref());
        if self.publishes {
            if let Err(failure) = self.publish(&row, &documents, parts, spool, retry).await? {
                warn!(job = %self.id, %failure, "the records of a job cannot be published");
                self.publishes = false;
                self.ending = lifecycle::unstored(&failure.message);
            } else {
                return Ok(());
            }
        }
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

    /// Ends the job and publishes its records. Returns the failure if the records cannot be published.
    async fn publish(
        &self,
        row: &JobRow,
        documents: &[(&'static str, Vec<u8>)],
        parts: &JobParts,
        spool: &Spool,
        retry: &Retry,
    ) -> Result<Result<(), StoreError>, StoreError> {
        let tries = AtomicU32::new(0);
        let end = || async {
            let ended = match self.prepare(row, parts).await {
                Ok(()) => parts.store.end_job(self.end(row, parts, None, documents.to_vec())).await,
                Err(failure) => Err(failure),
            };
            match ended {
                Ok(stored) => Ok(Ok(stored)),
                Err(failure) => match failure.kind {
                    StoreErrorKind::LeaseLost | StoreErrorKind::Unavailable => Err(failure),
                    // The operator may be freeing space.
                    StoreErrorKind::Full if tries.fetch_add(1, Ordering::Relaxed) < MOST_TRIES_WHEN_FULL => {
                        Err(failure)
                    }
                    _ => Ok(Err(failure)),
                },
            }
        };
        match retry.while_running("publish records", || noting(&self.entry, end())).await? {
            Ok(stored) => {
                self.stored(&stored, parts, spool).await;
                Ok(Ok(()))
            }
            Err(failure) => Ok(Err(failure)),
        }
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
