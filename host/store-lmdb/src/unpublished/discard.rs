//! Frees what a job has not published.

use uuid::Uuid;

use super::part::of_job;
use crate::reclaim_work::Reclaim;
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// Discards the parts of a job. Their space is freed in the background. Until then, their record numbers stay reserved.
/// Returns how many records the job had written.
pub fn discard(tx: &mut Transaction<'_>, job: Uuid) -> Result<u64, StoreError> {
    let mut received = 0;
    for part in of_job(&tx.dbs, tx.read(), job)? {
        received += part.written + part.skipped;
        let (table, runs) = (part.table, tx.runs(part.id)?.ids().collect());
        let numbers = tx.counters(table)?.reserved.of(part.id).collect();
        tx.drop_counters(part.id)?;
        if let Some(changes) = part.changes {
            tx.free_table(changes)?;
        }
        part.delete(tx)?;
        tx.begin_work(|id| Reclaim::Part { id, table, part: part.id, numbers, runs })?;
    }
    Ok(received)
}
