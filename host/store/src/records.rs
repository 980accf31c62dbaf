//! Writing, reading and deleting records.

use std::sync::Arc;

use async_trait::async_trait;

use super::batch::Batch;
use super::error::StoreError;
use super::key_source::KeySource;
use super::pages::{RecordCursor, RecordPage, ScanOrder, Snapshot};
use jobhost_model::jobs::{Lease, Tally};
use jobhost_model::key::Key;
use jobhost_model::table::{Action, TableName};
use jobhost_model::{SystemClock, Timestamp};

/// Records of one table to be written with one action. Attributes that the table does not know yet become known in the
/// same transaction.
#[derive(Debug)]
pub struct TableWrite {
    /// Where they are written.
    pub table: TableName,
    /// What happens where a key exists, and where it does not.
    pub action: Action,
    /// Checked against the table.
    pub batch: Batch,
}

/// How much one user may store: bytes of keys and records in all tables, as far as they were written under a quota.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Whose quota it is.
    pub user: Arc<str>,
    /// The maximum.
    pub bytes: u64,
}

/// What commits together. All of it is stored, or nothing.
#[derive(Debug, Default)]
pub struct WriteGroup {
    /// The attempt on whose behalf this is written; `None` for the operations of the API. With a lease, the tally of the
    /// group is added to the job's row in the same transaction.
    pub lease: Option<Lease>,
    /// Whose records these are, if he may not store without end.
    pub quota: Option<Quota>,
    /// In order: what an earlier one wrote, a later one sees.
    pub writes: Vec<TableWrite>,
    /// Replaces the job's checkpoint. Needs a lease.
    pub checkpoint: Option<Vec<u8>>,
}

/// What became of a group.
#[derive(Debug, Default)]
pub struct Applied {
    /// Of this group alone.
    pub tally: Tally,
    /// Of the job with this group included, if the group carried a lease.
    pub job_tally: Option<Tally>,
    /// Keys written and keys skipped, in order, of all writes; filled in only for groups without a lease.
    pub written: Vec<Key>,
    /// Keys that the action passed over.
    pub skipped: Vec<Key>,
}

/// One bounded step of deleting old records.
#[derive(Debug, Clone)]
pub struct DeleteBefore {
    /// Of which table.
    pub table: TableName,
    /// Records created before this moment are deleted, the oldest first.
    pub created_before: Timestamp,
    /// At most this many.
    pub limit: usize,
    /// The attempt on whose behalf it is done. With it the job's tally counts what was deleted, in the same transaction.
    pub lease: Option<Lease>,
    /// Replaces the job's checkpoint. Needs a lease.
    pub checkpoint: Option<Vec<u8>>,
}

/// The records of a store.
#[async_trait]
pub trait RecordStore: Send + Sync + 'static {
    /// Keys for records that come without one, made from the store's clock. Cheap: shared.
    fn keys(&self) -> KeySource {
        KeySource::new(Arc::new(SystemClock))
    }

    /// Commit a group. Durable when it returns.
    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError>;

    /// Delete by key; says for each key whether it was there. Durable when it returns.
    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError>;

    /// Records by key, in the order of the keys; absent ones are left out.
    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;

    /// Begin a scan of the table as it is now.
    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError>;

    /// Delete the oldest records that were created before a moment. Durable when it returns. `tally.deleted` says how many;
    /// fewer than the limit means that none is left.
    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError>;

    /// The store as of now, for reading with a thread that may block.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;
}
