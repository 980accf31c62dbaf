//! The job history: final rows with their logs and rejected records. Its size is limited per user. When a job ends,
//! the same transaction deletes the oldest jobs of its user until the history fits the limit.

use heed::RoTxn;
use uuid::Uuid;

use super::documents;
use super::environment::{Databases, engine};
use super::job_rows;
use super::keyspace::started_key;
use super::transaction::Transaction;
use jobhost_model::jobs::{DOCUMENTS, JobRow};
use jobhost_store::StoreError;

/// Maximum number of jobs deleted by one transaction. After the limit was lowered, it takes several jobs to reach the
/// new one.
const MOST_PRUNED: usize = 64;
const NAME_END: u8 = 0;

/// Adds a finished job to its user's history and prunes older ones. The job's row and documents are stored already.
pub(super) fn add(tx: &mut Transaction<'_>, row: &JobRow) -> Result<(), StoreError> {
    let (dbs, limit) = (tx.dbs, tx.environment.history_bytes);
    let user = prefix(&row.user);
    let own = key(&user, row);
    let size = size_of_job(&dbs, tx.read(), row.id)?;
    dbs.finished.put(tx.change(), &own, &size.to_be_bytes()).map_err(engine)?;
    let mut total = total(&dbs, tx.read(), &user)?.saturating_add(size);
    for _ in 0..MOST_PRUNED {
        if total <= limit {
            break;
        }
        let Some((oldest, bytes)) = oldest(&dbs, tx.read(), &user)? else { break };
        // The new job is kept whatever its size: the client has just received its id.
        if oldest == own {
            break;
        }
        prune(tx, &oldest)?;
        total = total.saturating_sub(bytes);
    }
    dbs.meta.put(tx.change(), &counter(&user), &total.to_be_bytes()).map_err(engine)
}

/// Removes a job from the history, with its row, documents and index entries.
fn prune(tx: &mut Transaction<'_>, key: &[u8]) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    let id = key
        .last_chunk::<16>()
        .map(|id| Uuid::from_bytes(*id))
        .ok_or_else(|| StoreError::damaged("the history of jobs"))?;
    let started = job_rows::get(&dbs, tx.read(), id)?.and_then(|job| job.row.started);
    if let Some(started) = started {
        dbs.started.delete(tx.change(), &started_key(started, id)).map_err(engine)?;
    }
    dbs.jobs.delete(tx.change(), id.as_bytes()).map_err(engine)?;
    for kind in DOCUMENTS {
        documents::delete(tx, kind, &id.to_string())?;
    }
    dbs.finished.delete(tx.change(), key).map_err(engine).map(|_| ())
}

fn prefix(user: &str) -> Vec<u8> {
    [user.as_bytes(), &[NAME_END]].concat()
}

/// Keys sort by the end time of the jobs.
fn key(user: &[u8], row: &JobRow) -> Vec<u8> {
    let ended = row.ended.map_or(0, |ended| ended.0);
    [user, &ended.to_be_bytes(), row.id.as_bytes()].concat()
}

fn counter(user: &[u8]) -> Vec<u8> {
    [b"history ", user].concat()
}

fn total(dbs: &Databases, txn: &RoTxn<'_>, user: &[u8]) -> Result<u64, StoreError> {
    let stored = dbs.meta.get(txn, &counter(user)).map_err(engine)?;
    stored.map_or(Ok(0), number)
}

fn oldest(dbs: &Databases, txn: &RoTxn<'_>, user: &[u8]) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
    let Some(first) = dbs.finished.prefix_iter(txn, user).map_err(engine)?.next() else { return Ok(None) };
    let (key, bytes) = first.map_err(engine)?;
    Ok(Some((key.to_vec(), number(bytes)?)))
}

fn number(stored: &[u8]) -> Result<u64, StoreError> {
    stored.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::damaged("the history of jobs"))
}

fn size_of_job(dbs: &Databases, txn: &RoTxn<'_>, id: Uuid) -> Result<u64, StoreError> {
    let mut bytes = dbs.jobs.get(txn, id.as_bytes()).map_err(engine)?.map_or(0, <[u8]>::len);
    for kind in DOCUMENTS {
        bytes += documents::length(dbs, txn, kind, &id.to_string())?;
    }
    Ok(bytes as u64)
}
