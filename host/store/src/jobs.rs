//! The rows of jobs, their payloads and checkpoints.

use async_trait::async_trait;
use uuid::Uuid;

use super::error::StoreError;
use super::records::WriteGroup;
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange};

/// The end of a job: its last records, its documents and its final row, which commit together.
pub struct JobEnd {
    /// The attempt that ends the job.
    pub lease: Lease,
    /// The records that the attempt has not stored yet, under the same lease.
    pub last_group: Option<WriteGroup>,
    /// Documents under the job's id: kind and content.
    pub documents: Vec<(&'static str, Vec<u8>)>,
    /// Makes the final row from the row as stored, in which `last_group` is counted. It may be called more than once, and
    /// computes nothing else.
    pub row: Box<dyn Fn(JobRow) -> JobRow + Send + Sync>,
}

/// The jobs of a store.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Store a new job: its row (status Queued) and its payload (request, plan, sealed secrets). Durable when it returns.
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError>;

    /// Replace the row of a job whose stored row is not final and whose stored attempt is `expected_attempt`
    /// (else `LeaseLost`). `LeaseLost` as well if the stored row is queued and the new one is in progress with the same
    /// attempt: a late word of an attempt that has been queued again.
    /// The tally of the stored row is kept, whatever `row.tally` says, because only `apply` counts; so is a cancel request
    /// that is stored. Within one attempt `fruitless_attempts` does not grow.
    /// A final row loses its payload and checkpoint in the same transaction. Durable when it returns.
    /// Returns the row as stored.
    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError>;

    /// End a job whose stored row is not final and whose stored attempt is the lease's (else `LeaseLost`). The final row is
    /// guarded as in [`JobStore::update_job`]. If the last records cannot be stored, nothing is. Durable when it returns.
    /// Returns the row as stored.
    async fn end_job(&self, end: JobEnd) -> Result<JobRow, StoreError>;

    /// The row of a job, if it exists.
    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError>;

    /// The payload and the last checkpoint of a job that is not final.
    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError>;

    /// How many jobs started in the range, counted up to `most`. Reads no rows.
    async fn count_jobs_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError>;

    /// The next rows in order of start time, after a position or from the first: at most `limit`, and fewer if they would
    /// take more than about 1 MiB. None are left if there are none.
    async fn jobs_started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError>;

    /// Ids of all jobs that are not final, in order of creation.
    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError>;
}
