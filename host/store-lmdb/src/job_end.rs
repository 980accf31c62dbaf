//! The end of a job in one transaction: its last records, its documents and its final row.

use super::jobs::{guarded, update};
use super::transaction::Transaction;
use super::{documents, groups};
use jobhost_model::jobs::JobRow;
use jobhost_store::{JobEnd, StoreError};

/// The last records of a job, its documents and its final row.
pub(super) fn end(tx: &mut Transaction<'_>, end: &JobEnd) -> Result<JobRow, StoreError> {
    guarded(tx, end.lease)?;
    if let Some(group) = &end.last_group {
        groups::apply(tx, group)?;
    }
    let name = end.lease.job.to_string();
    for (kind, document) in &end.documents {
        documents::put(tx, kind, &name, document)?;
    }
    let stored = guarded(tx, end.lease)?;
    update(tx, &(end.row)(stored.row), end.lease.attempt)
}
