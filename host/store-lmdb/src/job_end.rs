//! The end of a job in one transaction: its last records, its documents and its final row. Before that, what its records need
//! in order to be published.

use super::jobs::{account, guarded, update};
use super::transaction::Transaction;
use super::{documents, groups, unpublished};
use jobhost_model::jobs::{JobRow, Lease};
use jobhost_store::{JobEnd, StoreError};

/// Does a step of the preparation. Returns whether there is more to do.
pub(super) fn prepare(tx: &mut Transaction<'_>, lease: Lease) -> Result<bool, StoreError> {
    guarded(tx, lease)?;
    unpublished::prepare(tx, lease.job)
}

/// The last records of a job, its documents and its final row.
pub(super) fn end(tx: &mut Transaction<'_>, end: &JobEnd) -> Result<JobRow, StoreError> {
    guarded(tx, end.lease)?;
    if let Some(group) = &end.last_group {
        groups::apply_last(tx, group, end.publish)?;
    }
    if end.publish {
        let tally = unpublished::publish(tx, end.lease.job)?;
        let job = guarded(tx, end.lease)?;
        account(tx, job, tally, None)?;
    }
    let name = end.lease.job.to_string();
    for (kind, document) in &end.documents {
        documents::put(tx, kind, &name, document)?;
    }
    let stored = guarded(tx, end.lease)?;
    update(tx, &(end.row)(stored.row), end.lease.attempt)
}
