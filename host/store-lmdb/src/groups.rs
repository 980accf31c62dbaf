//! Applies a write group. Everything that can be rejected is checked before the first change.

use super::generated;
use super::jobs;
use super::quota;
use super::records::{self, Target};
use super::transaction::Transaction;
use super::unpublished;
use jobhost_model::jobs::Tally;
use jobhost_model::key::Key;
use jobhost_store::rules::attributes;
use jobhost_store::rules::runs::runs;
use jobhost_store::{Applied, Quota, StoreError, StoreErrorKind, TableWrite, Visibility, WriteGroup};

pub(super) fn apply(tx: &mut Transaction<'_>, group: &WriteGroup) -> Result<Applied, StoreError> {
    match group.visibility {
        Visibility::Immediate => apply_visibly(tx, group),
        Visibility::AtEnd => keep_unpublished(tx, group),
    }
}

/// Applies the last group of a job, whose records are published in the same transaction if `publish` is true. If it is
/// also the first one, they need not be unpublished in between.
pub(super) fn apply_last(tx: &mut Transaction<'_>, group: &WriteGroup, publish: bool) -> Result<Applied, StoreError> {
    let job = group.lease.map(|lease| lease.job);
    let is_first =
        job.map_or(Ok(true), |job| unpublished::of_job(&tx.dbs, tx.read(), job).map(|parts| parts.is_empty()))?;
    if publish && is_first { apply_visibly(tx, group) } else { apply(tx, group) }
}

fn keep_unpublished(tx: &mut Transaction<'_>, group: &WriteGroup) -> Result<Applied, StoreError> {
    let job = jobs::of_lease(tx, group.lease, group.checkpoint.is_some())?;
    let job = job.ok_or_else(|| {
        StoreError::new(StoreErrorKind::Invalid, "unpublished records belong to a job; the request carries no lease")
    })?;
    let tally = unpublished::write(tx, job.row.id, group)?;
    let job_tally = Some(jobs::account(tx, job, tally, group.checkpoint.as_deref())?);
    Ok(Applied { tally, job_tally, ..Applied::default() })
}

fn apply_visibly(tx: &mut Transaction<'_>, group: &WriteGroup) -> Result<Applied, StoreError> {
    let job = jobs::of_lease(tx, group.lease, group.checkpoint.is_some())?;
    let extended = attributes::extended(&group.writes, |name| tx.table(name))?;
    if let Some(quota) = &group.quota {
        quota::check(tx, quota, &group.writes)?;
    }
    for table in extended {
        tx.put_table(table)?;
    }

    let mut applied = Applied::default();
    for run in runs(&group.writes) {
        let Some(first) = run.first() else { continue };
        let (table, tally, grown) = write_run(tx, first, run, job.is_none().then_some(&mut applied))?;
        if let Some(Quota { user, .. }) = &group.quota {
            quota::charge(tx, user, table, grown)?;
        }
        applied.tally += tally;
    }
    if let Some(job) = job {
        applied.job_tally = Some(jobs::account(tx, job, applied.tally, group.checkpoint.as_deref())?);
    }
    Ok(applied)
}

/// Returns the table's id, the tally, and the bytes that the table has grown by.
fn write_run(
    tx: &mut Transaction<'_>,
    first: &TableWrite,
    run: &[TableWrite],
    keys: Option<&mut Applied>,
) -> Result<(u32, Tally, u64), StoreError> {
    let table = tx.table(&first.table)?;
    let target = Target::table(table.id);
    let (mut incoming, generated) = generated::records_of(run);
    let (placed, moved) = generated::place(tx, &table, target, &incoming, &generated)?;
    generated::replace_moved(&mut incoming, &moved);
    let Some(applied) = keys else {
        let (tally, grown) = records::write(tx, target, first.action, &incoming, placed.as_ref(), |_| {})?;
        return Ok((table.id, tally, grown));
    };
    let mut written = Vec::with_capacity(incoming.len());
    let note = |fate| written.push(fate);
    let (tally, grown) = records::write(tx, target, first.action, &incoming, placed.as_ref(), note)?;
    for ((encoded, _), written) in incoming.iter().zip(written) {
        let key = Key::decode(encoded).map_err(|error| {
            StoreError::caused_by(StoreErrorKind::Invalid, "a batch holds a key that cannot be read", error)
        })?;
        if written { applied.written.push(key) } else { applied.skipped.push(key) }
    }
    Ok((table.id, tally, grown))
}
