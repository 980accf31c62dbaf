//! The trait's calls, each handed to the writer or to a snapshot.
//!
//! Reads of one row are done where they are called: they take microseconds, less than handing them over would.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::environment::{Environment, RANDOM_READ_BYTES, Snapshot, damaged};
use super::heap::Heap;
use super::primary::Primary;
use super::scan::Scan;
use super::transaction::no_such_table;
use super::writer::Message;
use super::{EmbeddedStore, catalogue, documents, groups, jobs, records, stopped, tables};
use crate::records::jobs::{JobRow, StartRange};
use crate::records::key::{Key, MAX_ENCODED_BYTES};
use crate::records::store::{
    Applied, CatalogueChange, RecordCursor, RecordPage, ScanOrder, Store, StoreError, TableStatistics, WriteGroup,
};
use crate::records::table::{Catalogue, TableName};

/// Reading more records than this is done aside.
const FEW_RECORDS: usize = 16;
/// What a small request is charged with in the queue.
const SMALL_REQUEST_BYTES: usize = 1024;

impl EmbeddedStore {
    fn table_id(&self, name: &TableName) -> Result<u32, StoreError> {
        self.shared.catalogue().table(name).map(|table| table.id).ok_or_else(|| no_such_table(name))
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn catalogue(&self) -> Arc<Catalogue> {
        self.shared.catalogue()
    }

    async fn change_catalogue(&self, change: CatalogueChange) -> Result<(), StoreError> {
        let work = self.submit(SMALL_REQUEST_BYTES, move |tx| catalogue::change(tx, &change)).await?;
        if let Some(work) = work {
            let (done, wait) = oneshot::channel();
            self.send(Message::Await(work, done)).await?;
            wait.await.map_err(|_| stopped())??;
        }
        Ok(())
    }

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError> {
        let id = self.table_id(table)?;
        let counters = self.shared.read(|environment, snapshot| tables::counters(&environment.dbs, snapshot, id))?;
        Ok(TableStatistics {
            record_count: counters.records,
            table_size: counters.bytes,
            last_updated: counters.last_updated(),
        })
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.shared.environment.size()
    }

    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.read(|environment, snapshot| documents::get(&environment.dbs, snapshot, kind, name))
    }

    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let kind = kind.to_owned();
        self.read_aside(move |environment, snapshot| documents::all(&environment.dbs, snapshot, &kind)).await
    }

    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError> {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.submit(SMALL_REQUEST_BYTES + document.len(), move |tx| documents::put(tx, &kind, &name, &document)).await
    }

    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError> {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.submit(SMALL_REQUEST_BYTES, move |tx| documents::delete(tx, &kind, &name)).await
    }

    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError> {
        let bytes = group.writes.iter().map(|write| write.batch.memory_bytes()).sum::<usize>();
        let bytes = SMALL_REQUEST_BYTES + bytes + group.checkpoint.as_ref().map_or(0, Vec::len);
        self.submit(bytes, move |tx| groups::apply(tx, &group)).await
    }

    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError> {
        let table = table.clone();
        let bytes = SMALL_REQUEST_BYTES + keys.len() * size_of::<Key>();
        self.submit(bytes, move |tx| records::delete(tx, &table, &keys)).await
    }

    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        let id = self.table_id(table)?;
        if keys.len() <= FEW_RECORDS {
            return self.shared.read(|environment, snapshot| fetch(environment, id, snapshot, keys));
        }
        let keys = keys.to_vec();
        self.read_aside(move |environment, snapshot| fetch(environment, id, snapshot, &keys)).await
    }

    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError> {
        let id = self.table_id(table)?;
        Ok(Box::new(Scan::begin(Arc::clone(&self.shared), id, order)?))
    }

    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError> {
        self.submit(SMALL_REQUEST_BYTES + payload.len(), move |tx| jobs::create(tx, &row, &payload)).await
    }

    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
        self.submit(SMALL_REQUEST_BYTES, move |tx| jobs::update(tx, &row, expected_attempt)).await
    }

    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let job = self.shared.read(|environment, snapshot| jobs::get(&environment.dbs, snapshot, id))?;
        Ok(job.map(|job| job.row))
    }

    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        self.shared.read(|environment, snapshot| jobs::payload(&environment.dbs, snapshot, id))
    }

    async fn jobs_started_between(&self, range: StartRange, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        self.read_aside(move |environment, snapshot| jobs::started_between(&environment.dbs, snapshot, range, limit))
            .await
    }

    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError> {
        self.read_aside(|environment, snapshot| jobs::unfinished(&environment.dbs, snapshot)).await
    }
}

fn fetch(
    environment: &Environment,
    table: u32,
    snapshot: &Snapshot<'_>,
    keys: &[Key],
) -> Result<RecordPage, StoreError> {
    let heap = Heap { environment, table };
    let primary = Primary { environment, table };
    let mut page = RecordPage::default();
    let mut encoded = Vec::new();
    for key in keys {
        encoded.clear();
        key.encode(&mut encoded);
        if encoded.len() > MAX_ENCODED_BYTES {
            continue;
        }
        let Some(number) = primary.number(snapshot, &encoded)? else { continue };
        let missing = || damaged("a record that the index knows");
        environment.touched(2 * RANDOM_READ_BYTES);
        let block = heap.block(snapshot, number)?.ok_or_else(missing)?;
        let entry = block.find(number)?.ok_or_else(missing)?;
        page.push(entry.text, block.created, entry.updated);
    }
    Ok(page)
}
