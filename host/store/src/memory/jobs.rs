//! The jobs of the in-memory store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryStore;
use crate::error::StoreError;
use crate::jobs::{JobEnd, JobStore};
use crate::rules::documents::check_name;
use crate::rules::jobs::{self as rules, PAGE_BYTES};
use jobhost_model::Timestamp;
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange, Tally};

/// Approximate size of a row in bytes, excluding its texts.
const ROW_BYTES: usize = 512;

struct Job {
    /// Creation number; ascends in order of creation.
    number: u64,
    row: JobRow,
    /// Payload and checkpoint, until the job ends.
    payload: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

#[derive(Default)]
pub(super) struct JobTable {
    jobs: HashMap<Uuid, Job>,
    started: BTreeSet<(Timestamp, Uuid)>,
    unfinished: BTreeMap<u64, Uuid>,
    last_number: u64,
}

impl JobTable {
    pub(super) fn bytes(&self) -> u64 {
        self.jobs.values().map(Job::bytes).sum::<usize>() as u64
    }

    pub(super) fn row(&self, id: Uuid) -> Option<&JobRow> {
        self.jobs.get(&id).map(|job| &job.row)
    }

    fn create(&mut self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError> {
        if self.jobs.contains_key(&row.id) {
            return Err(rules::exists_already(row.id));
        }
        self.last_number += 1;
        let number = self.last_number;
        self.started.extend(row.started.map(|started| (started, row.id)));
        if !row.status.is_final() {
            self.unfinished.insert(number, row.id);
        }
        let payload = (!row.status.is_final()).then_some((payload, None));
        self.jobs.insert(row.id, Job { number, row, payload });
        Ok(())
    }

    /// Replaces a stored row. The caller has checked that this is allowed.
    fn replace(&mut self, row: JobRow) {
        let Some(job) = self.jobs.get_mut(&row.id) else { return };
        if let Some(before) = job.row.started {
            self.started.remove(&(before, row.id));
        }
        self.started.extend(row.started.map(|started| (started, row.id)));
        if row.status.is_final() {
            self.unfinished.remove(&job.number);
            job.payload = None;
        }
        job.row = row;
    }

    fn update(&mut self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
        let lease = Lease { job: row.id, attempt: expected_attempt };
        let stored = self.guarded(lease)?;
        let row = rules::replacement(&stored, row)?;
        self.replace(row.clone());
        Ok(row)
    }

    pub(super) fn guarded(&self, lease: Lease) -> Result<JobRow, StoreError> {
        let row = self.row(lease.job);
        rules::guarded(row, lease)?;
        row.cloned().ok_or_else(|| StoreError::damaged("the row of a job"))
    }

    /// Adds to the tally of a job whose lease has been checked. Returns the job's tally.
    pub(super) fn account(&mut self, id: Uuid, more: Tally, checkpoint: Option<Vec<u8>>) -> Tally {
        let Some(job) = self.jobs.get_mut(&id) else { return more };
        let Some((_, stored)) = &mut job.payload else { return job.row.tally };
        let advanced = checkpoint.is_some() && *stored != checkpoint;
        if checkpoint.is_some() {
            *stored = checkpoint;
        }
        rules::account(&mut job.row, more, advanced);
        job.row.tally
    }

    fn has_checkpoint(&self, id: Uuid) -> bool {
        let payload = self.jobs.get(&id).and_then(|job| job.payload.as_ref());
        payload.is_some_and(|(_, checkpoint)| checkpoint.is_some())
    }

    fn started_between(&self, range: StartRange, after: Option<StartPosition>) -> impl Iterator<Item = &JobRow> {
        let from = match after {
            Some(position) if position.started > range.after => (position.started, position.job),
            _ => (range.after, Uuid::max()),
        };
        let to = (range.before, Uuid::nil());
        let bounds = (Bound::Excluded(from), Bound::Excluded(to));
        let entries = (from < to).then(|| self.started.range(bounds));
        entries.into_iter().flatten().filter_map(|(_, id)| self.row(*id))
    }
}

impl Job {
    fn bytes(&self) -> usize {
        let (payload, checkpoint) = self
            .payload
            .as_ref()
            .map_or((0, 0), |(payload, checkpoint)| (payload.len(), checkpoint.as_ref().map_or(0, Vec::len)));
        ROW_BYTES + payload + checkpoint
    }
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn create_job(&self, row: JobRow, payload: Vec<u8>) -> Result<(), StoreError> {
        let mut state = self.state();
        state.check_room(ROW_BYTES + payload.len(), self.0.max_bytes)?;
        state.jobs.create(row, payload)
    }

    async fn update_job(&self, row: JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
        let mut state = self.state();
        let stored = state.jobs.row(row.id).cloned();
        let mut row = state.jobs.update(row, expected_attempt)?;
        let starts_over =
            stored.is_some_and(|stored| rules::starts_over(&stored, &row, state.jobs.has_checkpoint(row.id)));
        if row.status.is_final() || starts_over {
            let received = state.unpublished.discard(row.id);
            if starts_over {
                row.tally.received = row.tally.received.saturating_sub(received);
                state.jobs.replace(row.clone());
            }
        }
        Ok(row)
    }

    async fn prepare_end(&self, _lease: Lease) -> Result<(), StoreError> {
        Ok(())
    }

    async fn end_job(&self, end: JobEnd) -> Result<JobRow, StoreError> {
        let JobEnd { lease, last_group, publish, documents, row } = end;
        let now = self.0.clock.now();
        let name = lease.job.to_string();
        let mut state = self.state();
        state.jobs.guarded(lease)?;
        documents.iter().try_for_each(|(kind, _)| check_name(kind, &name))?;
        let bytes = documents.iter().map(|(_, text)| text.len()).sum();
        state.check_room(bytes, self.0.max_bytes)?;
        match (last_group, publish) {
            (last_group, true) => state.publish(lease.job, last_group, now, self.0.max_bytes)?,
            (Some(group), false) => drop(state.apply(group, now, self.0.max_bytes)?),
            (None, false) => {}
        }
        for (kind, text) in documents {
            state.documents.insert((kind.to_owned(), name.clone()), text);
        }
        let stored = state.jobs.guarded(lease)?;
        let row = state.jobs.update(row(stored), lease.attempt)?;
        state.unpublished.discard(row.id);
        Ok(row)
    }

    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        Ok(self.state().jobs.row(id).cloned())
    }

    async fn job_payload(&self, id: Uuid) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        Ok(self.state().jobs.jobs.get(&id).and_then(|job| job.payload.clone()))
    }

    async fn count_jobs_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError> {
        Ok(self.state().jobs.started_between(range, None).take(most).count())
    }

    async fn jobs_started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let state = self.state();
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for row in state.jobs.started_between(range, after).take(limit) {
            bytes += serde_json::to_vec(row).map_or(ROW_BYTES, |text| text.len());
            rows.push(row.clone());
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        Ok(rows)
    }

    async fn unfinished_jobs(&self) -> Result<Vec<Uuid>, StoreError> {
        Ok(self.state().jobs.unfinished.values().copied().collect())
    }
}
