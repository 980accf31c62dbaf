//! A store that fails on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use jobhost_model::jobs::{JobRow, JobStatus, Lease, StartPosition, StartRange};
use jobhost_model::{Catalog, Key, TableName};
use jobhost_store::{
    Applied, CatalogChange, CatalogStore, DeleteBefore, DocumentStore, JobEnd, JobStore, RecordCursor, RecordPage,
    RecordStore, ScanOrder, ScanPosition, Snapshot, Store, StoreError, StoreErrorKind, TableStatistics, WriteGroup,
};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and changes nothing.
    Fail(StoreErrorKind),
    Delay(Duration),
}

/// Which calls are affected.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// Counted from 0 after the faults were set.
    pub first: usize,
    pub calls: usize,
    pub fault: Fault,
}

/// Calls that hang until the test releases them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    Nothing,
    /// Progress writes.
    Progress,
    /// Storing the final row fails for jobs of this operation.
    FailEndsOf(&'static str),
}

pub struct FaultyStore {
    pub inner: Arc<dyn Store>,
    script: Arc<Script>,
}

struct Script {
    faults: Mutex<(Option<Faults>, Vec<&'static str>)>,
    hang: watch::Sender<Hang>,
}

impl Script {
    fn next(&self, call: &'static str) -> Option<Fault> {
        let mut state = self.faults.lock().unwrap();
        let (Some(faults), calls) = &mut *state else { return None };
        let number = calls.len();
        calls.push(call);
        (faults.first..faults.first.saturating_add(faults.calls)).contains(&number).then_some(faults.fault)
    }

    fn outcome(call: &'static str, fault: Option<Fault>) -> Result<(), StoreError> {
        match fault {
            Some(Fault::Fail(kind)) => Err(StoreError::new(kind, format!("the test wants {call} to fail"))),
            _ => Ok(()),
        }
    }

    async fn strike(&self, call: &'static str) -> Result<(), StoreError> {
        let fault = self.next(call);
        if let Some(Fault::Delay(time)) = fault {
            tokio::time::sleep(time).await;
        }
        Script::outcome(call, fault)
    }

    fn strike_now(&self, call: &'static str) -> Result<(), StoreError> {
        let fault = self.next(call);
        if let Some(Fault::Delay(time)) = fault {
            std::thread::sleep(time);
        }
        Script::outcome(call, fault)
    }
}

impl FaultyStore {
    pub fn new(inner: impl Store) -> Self {
        let script = Arc::new(Script { faults: Mutex::default(), hang: watch::Sender::new(Hang::Nothing) });
        FaultyStore { inner: Arc::new(inner), script }
    }

    /// Sets the faults and starts to count calls.
    pub fn set(&self, faults: Faults) {
        *self.script.faults.lock().unwrap() = (Some(faults), Vec::new());
    }

    /// Clears the faults and returns the counted calls.
    pub fn heal(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.script.faults.lock().unwrap()).1
    }

    pub fn hang(&self, hang: Hang) {
        self.script.hang.send_replace(hang);
    }

    async fn strike(&self, call: &'static str) -> Result<(), StoreError> {
        self.script.strike(call).await
    }
}

struct Cursor {
    inner: Box<dyn RecordCursor>,
    script: Arc<Script>,
}

#[async_trait]
impl RecordCursor for Cursor {
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError> {
        self.script.strike("cursor").await?;
        self.inner.next().await
    }
}

struct Moment {
    inner: Box<dyn Snapshot>,
    script: Arc<Script>,
}

impl Snapshot for Moment {
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError> {
        self.script.strike_now("page")?;
        self.inner.page(table, position)
    }

    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        self.script.strike_now("fetch of snapshot")?;
        self.inner.fetch(table, keys)
    }
}

#[async_trait]
impl CatalogStore for FaultyStore {
    fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog()
    }

    async fn change_catalog(&self, change: CatalogChange) -> Result<(), StoreError> {
        self.inner.change_catalog(change).await
    }

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError> {
        self.inner.statistics(table).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }
}

#[async_trait]
impl DocumentStore for FaultyStore {
    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.strike("document").await?;
        self.inner.document(kind, name).await
    }

    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.documents(kind).await
    }

    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError> {
        self.strike("put_document").await?;
        self.inner.put_document(kind, name, document).await
    }

    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError> {
        self.inner.delete_document(kind, name).await
    }
}

#[async_trait]
impl RecordStore for FaultyStore {
    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError> {
        self.strike("apply").await?;
        self.inner.apply(group).await
    }

    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError> {
        self.inner.delete(table, keys).await
    }

    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        self.strike("fetch").await?;
        self.inner.fetch(table, keys).await
    }

    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError> {
        self.strike("scan").await?;
        Ok(Box::new(Cursor { inner: self.inner.scan(table, order).await?, script: Arc::clone(&self.script) }))
    }

    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError> {
        self.strike("delete_created_before").await?;
        self.inner.delete_created_before(step).await
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.script.strike_now("snapshot")?;
        Ok(Box::new(Moment { inner: self.inner.snapshot()?, script: Arc::clone(&self.script) }))
    }
}

#[async_trait]
impl JobStore for FaultyStore {
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError> {
        self.strike("create_job").await?;
        self.inner.create_job(row, payload).await
    }

    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
        let mut hang = self.script.hang.subscribe();
        let stuck = *hang.borrow();
        let same_attempt = row.status == JobStatus::InProgress && row.attempt == expected_attempt;
        if stuck == Hang::Progress && same_attempt && row.cancel.is_none() {
            hang.wait_for(|hang| *hang == Hang::Nothing).await.unwrap();
        }
        if row.status.is_final() && matches!(stuck, Hang::FailEndsOf(operation) if operation == row.operation) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the test wants no end of this job"));
        }
        self.strike("update_job").await?;
        self.inner.update_job(row, expected_attempt).await
    }

    async fn prepare_end(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.prepare_end(lease).await
    }

    async fn end_job(&self, end: JobEnd) -> Result<JobRow, StoreError> {
        let stuck = *self.script.hang.subscribe().borrow();
        if let Hang::FailEndsOf(operation) = stuck
            && self.inner.job(end.lease.job).await?.is_some_and(|row| row.operation == operation)
        {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the test wants no end of this job"));
        }
        self.strike("end_job").await?;
        self.inner.end_job(end).await
    }

    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        self.strike("job").await?;
        self.inner.job(id).await
    }

    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        self.strike("job_payload").await?;
        self.inner.job_payload(id).await
    }

    async fn count_jobs_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError> {
        self.inner.count_jobs_started_between(range, most).await
    }

    async fn jobs_started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        self.inner.jobs_started_between(range, after, limit).await
    }

    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError> {
        self.inner.unfinished_jobs().await
    }
}
