//! Jobs: their rows, payloads and checkpoints, and two indexes: by start time, and of the jobs that are not final.

use std::ops::Bound;

use heed::RoTxn;
use uuid::Uuid;

use super::environment::{Databases, engine};
use super::history;
use super::job_rows::{StoredJob, get, put};
use super::keyspace::started_key;
use super::tables::counter;
use super::transaction::Transaction;
use super::unpublished;
use jobhost_model::jobs::{JobRow, Lease, StartPosition, StartRange, Tally};
use jobhost_store::StoreError;
use jobhost_store::rules::jobs::{self as rules, PAGE_BYTES};

const NEXT_JOB: &[u8] = b"next job";

/// The job of a request that may carry a lease, if the lease is the current one. A checkpoint needs one.
pub(super) fn of_lease(
    tx: &Transaction<'_>,
    lease: Option<Lease>,
    has_checkpoint: bool,
) -> Result<Option<StoredJob>, StoreError> {
    rules::check_checkpoint(lease, has_checkpoint)?;
    lease.map(|lease| guarded(tx, lease)).transpose()
}

/// Add to a job's tally and replace its checkpoint, if there is a new one. Either is progress, so no attempt up to this one
/// counts as fruitless any more. Returns the tally of the job.
pub(super) fn account(
    tx: &mut Transaction<'_>,
    mut job: StoredJob,
    more: Tally,
    checkpoint: Option<&[u8]>,
) -> Result<Tally, StoreError> {
    let checkpoints = tx.dbs.checkpoints;
    let advanced = match checkpoint {
        // Only compared for the first group of an attempt; later ones cannot change the result.
        Some(checkpoint) if job.row.fruitless_attempts > 0 => {
            checkpoints.get(tx.read(), job.row.id.as_bytes()).map_err(engine)? != Some(checkpoint)
        }
        _ => false,
    };
    if rules::account(&mut job.row, more, advanced) {
        put(tx, &job)?;
    }
    if let Some(checkpoint) = checkpoint {
        checkpoints.put(tx.change(), job.row.id.as_bytes(), checkpoint).map_err(engine)?;
    }
    Ok(job.row.tally)
}

pub(super) fn guarded(tx: &Transaction<'_>, lease: Lease) -> Result<StoredJob, StoreError> {
    let job = get(&tx.dbs, tx.read(), lease.job)?;
    rules::guarded(job.as_ref().map(|job| &job.row), lease)?;
    job.ok_or_else(|| StoreError::damaged("the row of a job"))
}

pub(super) fn create(tx: &mut Transaction<'_>, row: &JobRow, payload: &[u8]) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    if dbs.jobs.get(tx.read(), row.id.as_bytes()).map_err(engine)?.is_some() {
        return Err(rules::exists_already(row.id));
    }
    let number = counter(&dbs, tx.change(), NEXT_JOB)?;
    let job = StoredJob { number, row: row.clone() };
    put(tx, &job)?;
    index(tx, &job)?;
    if row.status.is_final() {
        return Ok(());
    }
    dbs.payloads.put(tx.change(), row.id.as_bytes(), payload).map_err(engine)
}

pub(super) fn update(tx: &mut Transaction<'_>, row: &JobRow, expected_attempt: u32) -> Result<JobRow, StoreError> {
    let old = guarded(tx, Lease { job: row.id, attempt: expected_attempt })?;
    let mut row = rules::replacement(&old.row, row.clone())?;
    if rules::starts_over(&old.row, &row, has_checkpoint(tx, row.id)?) {
        row.tally.received = row.tally.received.saturating_sub(unpublished::discard(tx, row.id)?);
    }
    let row = &row;
    let job = StoredJob { number: old.number, row: row.clone() };
    let dbs = tx.dbs;
    if let Some(started) = old.row.started
        && job.row.started != Some(started)
    {
        dbs.started.delete(tx.change(), &started_key(started, row.id)).map_err(engine)?;
    }
    put(tx, &job)?;
    index(tx, &job)?;
    if job.row.status.is_final() {
        dbs.unfinished.delete(tx.change(), &job.number.to_be_bytes()).map_err(engine)?;
        dbs.payloads.delete(tx.change(), row.id.as_bytes()).map_err(engine)?;
        dbs.checkpoints.delete(tx.change(), row.id.as_bytes()).map_err(engine)?;
        unpublished::discard(tx, row.id)?;
        history::add(tx, &job.row)?;
    }
    Ok(job.row)
}

fn has_checkpoint(tx: &Transaction<'_>, id: Uuid) -> Result<bool, StoreError> {
    Ok(tx.dbs.checkpoints.get(tx.read(), id.as_bytes()).map_err(engine)?.is_some())
}

fn index(tx: &mut Transaction<'_>, job: &StoredJob) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    if let Some(started) = job.row.started {
        dbs.started.put(tx.change(), &started_key(started, job.row.id), &[]).map_err(engine)?;
    }
    if !job.row.status.is_final() {
        dbs.unfinished.put(tx.change(), &job.number.to_be_bytes(), job.row.id.as_bytes()).map_err(engine)?;
    }
    Ok(())
}

pub(super) type Payload = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn payload(dbs: &Databases, txn: &RoTxn<'_>, id: Uuid) -> Result<Option<Payload>, StoreError> {
    let Some(payload) = dbs.payloads.get(txn, id.as_bytes()).map_err(engine)? else { return Ok(None) };
    let checkpoint = dbs.checkpoints.get(txn, id.as_bytes()).map_err(engine)?;
    Ok(Some((payload.to_vec(), checkpoint.map(<[u8]>::to_vec))))
}

/// Iterates over the start-time index, from the position after `after`.
fn started<'t>(
    dbs: &Databases,
    txn: &'t RoTxn<'_>,
    range: StartRange,
    after: Option<StartPosition>,
) -> Result<impl Iterator<Item = Result<Uuid, StoreError>> + use<'t>, StoreError> {
    let from = match after {
        Some(position) if position.started > range.after => started_key(position.started, position.job),
        _ => started_key(range.after, Uuid::max()),
    };
    let to = started_key(range.before, Uuid::nil());
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Excluded(&from), Bound::Excluded(&to));
    // LMDB rejects a range whose end precedes its start.
    let entries = if from < to { Some(dbs.started.range(txn, &bounds).map_err(engine)?) } else { None };
    Ok(entries.into_iter().flatten().map(|entry| {
        let (key, _) = entry.map_err(engine)?;
        key.get(8..).and_then(|id| Uuid::from_slice(id).ok()).ok_or_else(|| StoreError::damaged("the index of jobs"))
    }))
}

pub(super) fn count_started_between(
    dbs: &Databases,
    txn: &RoTxn<'_>,
    range: StartRange,
    most: usize,
) -> Result<usize, StoreError> {
    started(dbs, txn, range, None)?.take(most).try_fold(0, |count, id| id.map(|_| count + 1))
}

pub(super) fn started_between(
    dbs: &Databases,
    txn: &RoTxn<'_>,
    range: StartRange,
    after: Option<StartPosition>,
    limit: usize,
) -> Result<Vec<JobRow>, StoreError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    for id in started(dbs, txn, range, after)?.take(limit) {
        let id = id?;
        bytes += dbs.jobs.get(txn, id.as_bytes()).map_err(engine)?.map_or(0, <[u8]>::len);
        rows.extend(get(dbs, txn, id)?.map(|job| job.row));
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(rows)
}

pub(super) fn unfinished(dbs: &Databases, txn: &RoTxn<'_>) -> Result<Vec<Uuid>, StoreError> {
    let mut ids = Vec::new();
    for entry in dbs.unfinished.iter(txn).map_err(engine)? {
        let (_, id) = entry.map_err(engine)?;
        ids.push(Uuid::from_slice(id).map_err(|_| StoreError::damaged("the index of unfinished jobs"))?);
    }
    Ok(ids)
}
