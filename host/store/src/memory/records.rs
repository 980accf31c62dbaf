//! The records of the in-memory store.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::reading::{Moment, Scan, fetch};
use super::state::State;
use crate::error::StoreError;
use crate::key_source::KeySource;
use crate::pages::{RecordCursor, RecordPage, ScanOrder, Snapshot};
use crate::records::{Applied, DeleteBefore, RecordStore, Visibility, WriteGroup};
use crate::rules::{jobs as rules, times};
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;
use jobhost_model::key::Key;
use jobhost_model::table::TableName;

#[async_trait]
impl RecordStore for MemoryStore {
    fn keys(&self) -> KeySource {
        self.0.keys.clone()
    }

    async fn apply(&self, group: WriteGroup) -> Result<Applied, StoreError> {
        let now = self.0.clock.now();
        self.state().apply(group, now, self.0.max_bytes)
    }

    async fn delete(&self, table: &TableName, keys: Vec<Key>) -> Result<Vec<bool>, StoreError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        let (table, data) = (state.table(table)?.id, state.data(table)?);
        let mut numbers = Vec::new();
        let there = keys.iter().map(|key| {
            let mut encoded = Vec::new();
            key.encode(&mut encoded);
            let number = data.number(&encoded).filter(|number| !numbers.contains(number));
            numbers.extend(number);
            number.is_some()
        });
        let there = there.collect();
        drop(data);
        state.remove(table, &numbers, now);
        Ok(there)
    }

    async fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        let data = self.state().data(table)?;
        Ok(fetch(&data, keys))
    }

    async fn scan(&self, table: &TableName, order: ScanOrder) -> Result<Box<dyn RecordCursor>, StoreError> {
        Ok(Box::new(Scan::new(self.state().data(table)?, order)))
    }

    async fn delete_created_before(&self, step: DeleteBefore) -> Result<Applied, StoreError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        rules::check_checkpoint(step.lease, step.checkpoint.is_some())?;
        if let Some(lease) = step.lease {
            rules::guarded(state.jobs.row(lease.job), lease)?;
        }
        let table = state.table(&step.table)?.id;
        let numbers = state.data(&step.table)?.oldest(step.created_before, step.limit);
        state.remove(table, &numbers, now);
        let tally = Tally { deleted: numbers.len() as u64, ..Tally::default() };
        let job_tally = step.lease.map(|lease| state.jobs.account(lease.job, tally, step.checkpoint));
        Ok(Applied { tally, job_tally, ..Applied::default() })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let state = self.state();
        Ok(Box::new(Moment { catalog: Arc::clone(&state.catalog), tables: state.tables.clone() }))
    }
}

impl State {
    /// Applies a group and adds its tally to the job.
    pub(super) fn apply(&mut self, group: WriteGroup, now: Timestamp, max_bytes: u64) -> Result<Applied, StoreError> {
        match group.visibility {
            Visibility::Immediate => self.apply_visibly(&group, now, max_bytes),
            Visibility::AtEnd => self.keep_unpublished(group, max_bytes),
        }
    }

    fn apply_visibly(&mut self, group: &WriteGroup, now: Timestamp, max_bytes: u64) -> Result<Applied, StoreError> {
        rules::check_checkpoint(group.lease, group.checkpoint.is_some())?;
        if let Some(lease) = group.lease {
            rules::guarded(self.jobs.row(lease.job), lease)?;
        }
        let mut applied = self.write(group, now, max_bytes)?;
        let account =
            |lease: jobhost_model::jobs::Lease| self.jobs.account(lease.job, applied.tally, group.checkpoint.clone());
        applied.job_tally = group.lease.map(account);
        Ok(applied)
    }

    fn remove(&mut self, table: u32, numbers: &[u64], now: Timestamp) {
        if numbers.is_empty() {
            return;
        }
        let removed = self.resize(table, |data| {
            numbers.iter().for_each(|number| data.remove(*number));
            data.changed = Some(data.changed.map_or(now, |last| times::last_change(now, last)));
            Ok::<(), std::convert::Infallible>(())
        });
        // The closure cannot fail, and a removal does not make the table grow.
        let _ = removed;
    }
}
