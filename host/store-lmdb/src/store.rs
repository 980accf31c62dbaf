//! Implements the store traits: each call runs on the writer or on a snapshot.
//!
//! Reads of a single row run on the calling thread. They take microseconds, less than moving them to a blocking thread
//! would.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::heap::Heap;
use super::index::Index;
use super::scan::Scan;
use super::snapshot::Moment;
use super::writer::Message;
use super::{
    EmbeddedStore, Shared, catalog, deletes, documents, environment, groups, job_end, job_rows, jobs, pages, stopped,
    tables, unpublished,
};
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange};
use jobhost_model::key::Key;
use jobhost_model::table::{Catalog, TableName};
use jobhost_store::KeySource;
use jobhost_store::{
    Applied, CatalogChange, CatalogStore, DeleteBefore, DocumentStore, JobEnd, JobStore, RecordCursor, RecordPage,
    RecordStore, ScanOrder, Snapshot, StoreError, TableStatistics, WriteGroup,
};

/// Reads of more records than this run on a blocking thread.
const FEW_RECORDS: usize = 16;
/// Queue space, in bytes, charged for a small request.
const SMALL_REQUEST_BYTES: usize = 1024;
/// Queue space, in bytes, charged for each deleted record.
const TYPICAL_RECORD_BYTES: usize = 160;

#[async_trait]
impl CatalogStore for EmbeddedStore {
    fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog()
    }

    async fn change_catalog(&self, change: CatalogChange) -> Result<(), StoreError> {
        let work = self.submit(SMALL_REQUEST_BYTES, move |tx| catalog::change(tx, &change)).await?;
        if let Some(work) = work {
            let (done, wait) = oneshot::channel();
            self.send(Message::Await(work, done)).await?;
            wait.await.map_err(|_| stopped())??;
        }
        Ok(())
    }

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError> {
        let counters = self
            .shared
            .read(|shared, snapshot| tables::counters(&shared.environment.dbs, snapshot, shared.table_id(table)?))?;
        Ok(TableStatistics {
            record_count: counters.records,
            table_size: counters.bytes,
            last_updated: counters.last_updated(),
        })
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.shared.environment.size()
    }
}

#[async_trait]
impl DocumentStore for EmbeddedStore {
    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.read(|shared, snapshot| documents::get(&shared.environment.dbs, snapshot, kind, name))
    }

    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let kind = kind.to_owned();
        self.read_aside(move |shared, snapshot| documents::all(&shared.environment.dbs, snapshot, &kind)).await
    }

    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError> {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.submit(SMALL_REQUEST_BYTES + document.len(), move |tx| documents::put(tx, &kind, &name, &document)).await
    }

    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError> {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.submit(SMALL_REQUEST_BYTES, move |tx| documents::delete(tx, &kind, &name)).await
    }
}

#[async_trait]
impl RecordStore for EmbeddedStore {
    fn keys(&self) -> KeySource {
        self.shared.keys.clone()
    }

    fn group_bytes(&self) -> usize {
        self.shared.contention.group_bytes(&self.shared.options)
    }

    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError> {
        self.submit(bytes_of(&group), move |tx| groups::apply(tx, &group)).await
    }

    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError> {
        let table = table.clone();
        let bytes = SMALL_REQUEST_BYTES + keys.len() * size_of::<Key>();
        self.submit(bytes, move |tx| deletes::by_key(tx, &table, &keys)).await
    }

    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        if keys.len() <= FEW_RECORDS {
            return self.shared.read(|shared, snapshot| fetch(shared, snapshot, table, keys));
        }
        let (table, keys) = (table.clone(), keys.to_vec());
        self.read_aside(move |shared, snapshot| fetch(shared, snapshot, &table, &keys)).await
    }

    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError> {
        Ok(Box::new(Scan::begin(Arc::clone(&self.shared), table, order)?))
    }

    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError> {
        // A deletion changes as many pages as a write of the same number of records, so it is charged the same.
        let bytes = step.limit.saturating_mul(TYPICAL_RECORD_BYTES).min(self.shared.options.group_bytes);
        let bytes = SMALL_REQUEST_BYTES + bytes + step.checkpoint.as_ref().map_or(0, Vec::len);
        self.submit(bytes, move |tx| deletes::created_before(tx, &step)).await
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(Moment::begin(Arc::clone(&self.shared))?))
    }
}

#[async_trait]
impl JobStore for EmbeddedStore {
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError> {
        self.submit(SMALL_REQUEST_BYTES + payload.len(), move |tx| jobs::create(tx, &row, &payload)).await
    }

    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
        self.submit(SMALL_REQUEST_BYTES, move |tx| jobs::update(tx, &row, expected_attempt)).await
    }

    async fn prepare_end(&self, lease: Lease) -> Result<(), StoreError> {
        let has_parts = |shared: &Shared, snapshot: &environment::Snapshot<'_>| {
            Ok(!unpublished::of_job(&shared.environment.dbs, snapshot, lease.job)?.is_empty())
        };
        let mut more = self.shared.read(has_parts)?;
        while more {
            more = self.submit(self.shared.options.group_bytes, move |tx| job_end::prepare(tx, lease)).await?;
        }
        Ok(())
    }

    async fn end_job(&self, end: JobEnd) -> Result<JobRow, StoreError> {
        let documents: usize = end.documents.iter().map(|(_, text)| text.len()).sum();
        let bytes = SMALL_REQUEST_BYTES + documents + end.last_group.as_ref().map_or(0, bytes_of);
        self.submit(bytes, move |tx| job_end::end(tx, &end)).await
    }

    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let job = self.shared.read(|shared, snapshot| job_rows::get(&shared.environment.dbs, snapshot, id))?;
        Ok(job.map(|job| job.row))
    }

    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        self.shared.read(|shared, snapshot| jobs::payload(&shared.environment.dbs, snapshot, id))
    }

    async fn count_jobs_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError> {
        let count = move |shared: &Shared, snapshot: &environment::Snapshot<'_>| {
            jobs::count_started_between(&shared.environment.dbs, snapshot, range, most)
        };
        self.read_aside(count).await
    }

    async fn jobs_started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let read = move |shared: &Shared, snapshot: &environment::Snapshot<'_>| {
            jobs::started_between(&shared.environment.dbs, snapshot, range, after, limit)
        };
        self.read_aside(read).await
    }

    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError> {
        self.read_aside(|shared, snapshot| jobs::unfinished(&shared.environment.dbs, snapshot)).await
    }
}

/// Returns the queue space, in bytes, charged for a write group.
fn bytes_of(group: &WriteGroup) -> usize {
    let batches = group.writes.iter().map(|write| write.batch.memory_bytes()).sum::<usize>();
    SMALL_REQUEST_BYTES + batches + group.checkpoint.as_ref().map_or(0, Vec::len)
}

fn fetch(
    shared: &Shared,
    snapshot: &environment::Snapshot<'_>,
    table: &TableName,
    keys: &[Key],
) -> Result<RecordPage, StoreError> {
    let (environment, table) = (&shared.environment, shared.table_id(table)?);
    let index = Index::open(environment, snapshot, table)?;
    pages::of_keys(snapshot, &index, Heap { environment, table }, keys)
}
