//! What a store does. Two implementations, one behaviour suite (`tests/tests/store`).
//!
//! A store keeps tables, records and jobs in one transaction domain, because a batch, its checkpoint, its tally and the
//! lease check commit together: that is what makes a load exactly-once in effect.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::batch::Batch;
use super::key_source::KeySource;
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange, Tally};
use jobhost_model::key::Key;
use jobhost_model::table::{Action, Attribute, Catalogue, TableName};
use jobhost_model::{SystemClock, Timestamp};

/// What went wrong, for a caller to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database, table, user … does not exist.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// The arguments cannot be stored: too many attributes, key too long, value that does not fit.
    Invalid,
    /// The lease is stale or the job is final: the caller is no longer the one who may write.
    LeaseLost,
    /// The disk is full or the store has reached its configured size. Nothing of the group was stored.
    Full,
    /// The user may store no more. Nothing of the group was stored.
    OverQuota,
    /// The engine or the disk failed. Nothing of the group was stored.
    Unavailable,
}

impl StoreErrorKind {
    /// Whether the same call may succeed later, without anybody changing it.
    pub fn may_pass(self) -> bool {
        matches!(self, StoreErrorKind::Full | StoreErrorKind::Unavailable)
    }
}

/// A failed call to the store: kind, one sentence, and the engine's own error as source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    pub kind: StoreErrorKind,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        StoreError { kind, message: message.into(), source: None }
    }

    pub fn caused_by(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        StoreError { kind, message: message.into(), source: Some(Box::new(source)) }
    }
}

/// A change of the catalogue. Durable and published when the call returns.
#[derive(Debug, Clone)]
pub enum CatalogueChange {
    CreateDatabase {
        name: String,
    },
    /// Drops its tables and their records with it.
    DropDatabase {
        name: String,
    },
    /// Creates the database if it is absent. `attributes` need not name the primary key.
    CreateTable {
        name: TableName,
        primary_key: String,
        schema_defined: bool,
        attributes: Vec<Attribute>,
    },
    DropTable {
        name: TableName,
    },
    CreateAttribute {
        name: TableName,
        attribute: Attribute,
    },
    /// Removes it from the catalogue and from every record. The primary key cannot be dropped (`Invalid`).
    DropAttribute {
        name: TableName,
        attribute: String,
    },
}

/// Records of one table to be written with one action. Attributes that the table does not know yet become known in the
/// same transaction.
#[derive(Debug)]
pub struct TableWrite {
    pub table: TableName,
    pub action: Action,
    pub batch: Batch,
}

/// How much one user may store: bytes of keys and records in all tables, as far as they were written under a quota.
#[derive(Debug, Clone)]
pub struct Quota {
    pub user: Arc<str>,
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
    pub skipped: Vec<Key>,
}

/// In which order a scan gives records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// By primary key, in the order that `key` defines: numbers ascending, then strings in byte order, UUIDs last.
    Key,
    /// As they arrived. The fastest.
    Arrival,
}

/// Records of one step of a scan, in one buffer.
#[derive(Debug, Default)]
pub struct RecordPage {
    /// JSON texts of the records, one after another, without system attributes.
    pub text: Vec<u8>,
    /// (end of the text, created, updated); a record begins where the one before it ends.
    pub records: Vec<(usize, Timestamp, Timestamp)>,
}

/// A stored record: its JSON text (an object, without the system attributes) and its times.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    pub json: &'a str,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl RecordPage {
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut start = 0;
        self.records.iter().filter_map(move |&(end, created, updated)| {
            let json = std::str::from_utf8(self.text.get(start..end)?).ok()?;
            start = end;
            Some(RecordView { json, created, updated })
        })
    }

    pub fn push(&mut self, json: &[u8], created: Timestamp, updated: Timestamp) {
        self.text.extend_from_slice(json);
        self.records.push((self.text.len(), created, updated));
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// A running scan over one snapshot: records written after it began are not in it.
#[async_trait]
pub trait RecordCursor: Send {
    /// The next page, about 256 KiB of text; `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError>;
}

/// How far a scan of a snapshot has come, in order of arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScanPosition {
    #[default]
    Start,
    /// Behind the record with this number.
    After(u64),
}

/// One moment of the whole store, for a thread that may block: any number of scans and look-ups that all see the same
/// records. It holds space that writers free, so it must not outlive the work.
pub trait Snapshot: Send {
    /// The next records in order of arrival, about 256 KiB of text; an empty page is the end. Moves `position` on.
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError>;

    /// Records by key, in the order of the keys; absent ones are left out.
    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;
}

/// One bounded step of deleting old records.
#[derive(Debug, Clone)]
pub struct DeleteBefore {
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStatistics {
    pub record_count: u64,
    /// Bytes the table's data takes, as the engine counts them.
    pub table_size: u64,
    pub last_updated: Option<Timestamp>,
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keys for records that come without one, made from the store's clock. Cheap: shared.
    fn keys(&self) -> KeySource {
        KeySource::new(Arc::new(SystemClock))
    }

    // --- the catalogue

    /// The catalogue as of now. Cheap: a snapshot that is shared.
    fn catalogue(&self) -> Arc<Catalogue>;

    async fn change_catalogue(&self, change: CatalogueChange) -> Result<(), StoreError>;

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError>;

    /// Bytes that the store takes on disk.
    async fn size(&self) -> Result<u64, StoreError>;

    // --- documents: users, roles and other small things of the host, kept by kind and name

    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All of a kind, in order of name.
    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError>;

    /// True if it was there.
    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError>;

    // --- records

    /// Commit a group. Durable when it returns.
    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError>;

    /// Delete by key; says for each key whether it was there. Durable when it returns.
    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError>;

    /// Records by key, in the order of the keys; absent ones are left out.
    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;

    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError>;

    /// Delete the oldest records that were created before a moment. Durable when it returns. `tally.deleted` says how many;
    /// fewer than the limit means that none is left.
    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError>;

    /// The store as of now, for reading with a thread that may block.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    // --- jobs

    /// Store a new job: its row (status Queued) and its payload (request, plan, sealed secrets). Durable when it returns.
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError>;

    /// Replace the row of a job whose stored row is not final and whose stored attempt is `expected_attempt`
    /// (else `LeaseLost`). `LeaseLost` as well if the stored row is queued and the new one is in progress with the same
    /// attempt: a late word of an attempt that has been queued again.
    /// The tally of the stored row is kept, whatever `row.tally` says, because only `apply` counts; so is a cancel request
    /// that is stored. Within one attempt `fruitless_attempts` does not grow.
    /// A final row loses its payload and checkpoint in the same transaction. Durable when it returns.
    /// Gives the row as stored.
    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError>;

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
