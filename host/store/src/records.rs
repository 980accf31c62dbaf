//! Writes, reads and deletes records.

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

/// Records of one table to write with one action. New attributes are added to the table in the same transaction.
#[derive(Debug)]
pub struct TableWrite {
    /// The table to write to.
    pub table: TableName,
    /// What to do if a key exists, and if it does not.
    pub action: Action,
    /// The records, validated for the table.
    pub batch: Batch,
}

/// The storage quota of a user. It counts the bytes of keys and records, in all tables, that were written under a
/// quota.
#[derive(Debug, Clone)]
pub struct Quota {
    /// The user.
    pub user: Arc<str>,
    /// Maximum number of bytes.
    pub bytes: u64,
}

/// When readers see the records of a write group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Visibility {
    /// From the commit of the group on.
    #[default]
    Immediate,
    /// From the end of the job on, if the job publishes them ([`crate::JobEnd::publish`]); otherwise never. Requires a lease.
    AtEnd,
}

/// Writes that commit together, or not at all.
#[derive(Debug, Default)]
pub struct WriteGroup {
    /// The lease of the attempt that writes; `None` for operations of the API. With a lease, the same transaction adds
    /// the group's tally to the job's row.
    pub lease: Option<Lease>,
    /// The quota of the user who writes; `None` for no limit.
    pub quota: Option<Quota>,
    /// The writes, in order. Later ones see the effects of earlier ones.
    pub writes: Vec<TableWrite>,
    /// The job's new checkpoint. Requires a lease.
    pub checkpoint: Option<Vec<u8>>,
    /// When readers see the records.
    pub visibility: Visibility,
}

/// The result of a write group.
#[derive(Debug, Default)]
pub struct Applied {
    /// The tally of this group. If its records are not visible yet, only `received` is known.
    pub tally: Tally,
    /// The tally of the job including this group, if the group carried a lease.
    pub job_tally: Option<Tally>,
    /// Keys of the records written, in order. Empty for groups with a lease.
    pub written: Vec<Key>,
    /// Keys of the records that the action skipped, in order. Empty for groups with a lease.
    pub skipped: Vec<Key>,
}

/// One step of deleting old records, of limited size.
#[derive(Debug, Clone)]
pub struct DeleteBefore {
    /// The table to delete from.
    pub table: TableName,
    /// Records created before this time are deleted, oldest first.
    pub created_before: Timestamp,
    /// Maximum number of records to delete.
    pub limit: usize,
    /// The lease of the attempt that deletes. With a lease, the same transaction adds the deleted records to the job's
    /// tally.
    pub lease: Option<Lease>,
    /// The job's new checkpoint. Requires a lease.
    pub checkpoint: Option<Vec<u8>>,
}

/// The records of a store.
#[async_trait]
pub trait RecordStore: Send + Sync + 'static {
    /// Returns the source of generated keys, which uses the store's clock. Cheap: clones share one sequence.
    fn keys(&self) -> KeySource {
        KeySource::new(Arc::new(SystemClock))
    }

    /// Returns the size, in bytes of record text, at which a caller should currently close a write group. It is smaller while
    /// other requests would have to wait for the group. Larger groups are accepted.
    fn group_bytes(&self) -> usize {
        usize::MAX
    }

    /// Commits a group. Durable when it returns.
    ///
    /// Records with [`Visibility::AtEnd`] take up space, but no reader sees them, no statistics count them, and new
    /// attributes are added to the table when they are published. Whether the key of a record exists is decided when it
    /// is written, or when it is published if another request inserted the key in between: then an insert skips the
    /// record, and an upsert merges it. A record that was skipped remains so if the existing one is deleted afterwards.
    /// Their created time is a time between the start of the job and the write.
    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError>;

    /// Deletes records by key. Returns, for each key, whether its record existed. Durable when it returns.
    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError>;

    /// Returns the records with these keys, in the order of `keys`. Missing ones are omitted.
    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;

    /// Starts a scan of the table's current state.
    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError>;

    /// Deletes the oldest records created before a time. Durable when it returns. `tally.deleted` is the number of
    /// records deleted; if it is less than the limit, no such record is left.
    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError>;

    /// Opens a snapshot of the current state, for a thread that may block.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;
}
