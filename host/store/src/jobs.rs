//! Job rows, payloads and checkpoints.

use async_trait::async_trait;
use uuid::Uuid;

use super::error::StoreError;
use super::records::WriteGroup;
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange};

/// The end of a job: its last records, its documents and its final row, all committed in one transaction.
pub struct JobEnd {
    /// The lease of the attempt that ends the job.
    pub lease: Lease,
    /// Records that the attempt has not stored yet. Must carry the same lease.
    pub last_group: Option<WriteGroup>,
    /// Whether the job's unpublished records ([`crate::Visibility::AtEnd`]) become visible. If not, they are discarded.
    pub publish: bool,
    /// Documents to store under the job's id, as (kind, content).
    pub documents: Vec<(&'static str, Vec<u8>)>,
    /// Computes the final row from the stored row, whose tally already includes `last_group`. May be called more than
    /// once and must have no side effects.
    pub row: Box<dyn Fn(JobRow) -> JobRow + Send + Sync>,
}

/// The jobs of a store.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Stores a new job: its row (status Queued) and its payload (request, plan, sealed secrets). Durable when it
    /// returns.
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError>;

    /// Replaces the row of a job. Returns the row as stored. Durable when it returns.
    ///
    /// Fails with `LeaseLost` if the stored row is final, or if its attempt is not `expected_attempt`. Also fails with
    /// `LeaseLost` if the stored row is queued and the new one is in progress with the same attempt: that is a late
    /// write of an attempt whose job has been queued again.
    ///
    /// The stored tally is kept, whatever `row.tally` says, because only `apply` counts records. A stored cancel
    /// request is kept, too. Within one attempt, `fruitless_attempts` never grows. When the row becomes final, the same
    /// transaction deletes the payload, the checkpoint, and records that the job has not published.
    ///
    /// If the row begins another attempt and no checkpoint is stored, the attempt starts over: unpublished records of earlier
    /// ones are discarded, and the tally no longer counts them as received.
    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError>;

    /// Does, in bounded steps, what would make the transaction of [`JobStore::end_job`] long because it publishes records.
    /// Not required before it.
    async fn prepare_end(&self, lease: Lease) -> Result<(), StoreError>;

    /// Ends a job. Returns the row as stored. Durable when it returns.
    ///
    /// Fails with `LeaseLost` if the stored row is final, or if its attempt is not that of the lease. The rules of
    /// [`JobStore::update_job`] apply to the final row. If the last records cannot be stored, or
    /// unpublished ones cannot be published, nothing is stored.
    async fn end_job(&self, end: JobEnd) -> Result<JobRow, StoreError>;

    /// Returns the row of a job, or `None` if it does not exist.
    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError>;

    /// Returns the payload and the last checkpoint of a job that is not final.
    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError>;

    /// Counts the jobs that started in the range, up to `most`. Reads no rows.
    async fn count_jobs_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError>;

    /// Returns the next rows in order of start time, after a position or from the start of the range. Returns at most
    /// `limit` rows, and fewer if they exceed about 1 MiB. An empty list means that there are no more rows.
    async fn jobs_started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError>;

    /// Returns the ids of all jobs that are not final, in order of creation.
    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError>;
}
