//! Rows of jobs as they are stored; their indexes are not known here.

use heed::RoTxn;
use uuid::Uuid;

use super::environment::{Databases, engine};
use super::tables::json;
use super::transaction::Transaction;
use jobhost_model::jobs::JobRow;
use jobhost_store::StoreError;

/// A row as it is stored.
pub(super) struct StoredJob {
    /// Jobs are numbered as they are created.
    pub number: u64,
    pub row: JobRow,
}

pub(super) fn get(dbs: &Databases, txn: &RoTxn<'_>, id: Uuid) -> Result<Option<StoredJob>, StoreError> {
    let Some(stored) = dbs.jobs.get(txn, id.as_bytes()).map_err(engine)? else { return Ok(None) };
    let read = || {
        let (number, row) = stored.split_first_chunk::<8>()?;
        Some(StoredJob { number: u64::from_be_bytes(*number), row: serde_json::from_slice(row).ok()? })
    };
    read().map(Some).ok_or_else(|| StoreError::damaged("the row of a job"))
}

/// Store a row; the indexes are the caller's responsibility.
pub(super) fn put(tx: &mut Transaction<'_>, job: &StoredJob) -> Result<(), StoreError> {
    let mut value = job.number.to_be_bytes().to_vec();
    value.extend_from_slice(&json(&job.row)?);
    let jobs = tx.dbs.jobs;
    jobs.put(tx.change(), job.row.id.as_bytes(), &value).map_err(engine)
}
