//! Moves all entries of one index into another one.

use super::leaf::Leaf;
use super::run::{Proposal, Run};
use super::{FEW_KEYS, Index, insert_absent, merge, seal};
use crate::heap::Usage;
use crate::reclaim_work::Reclaim;
use crate::runs::RunInfo;
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// Moves the entries of the index `from` into that of `table`. No key may be in both. `records` is the number of records of
/// `from`. The counters of `table` must not include them yet. Afterwards, nothing is stored under `from`.
pub fn absorb(
    tx: &mut Transaction<'_>,
    table: u32,
    from: u32,
    records: u64,
    usage: &mut Usage,
) -> Result<(), StoreError> {
    let mut other = Index::of(tx, from)?;
    let is_new = tx.runs(table)?.head.entries == 0;
    let (head, is_one_run) = (other.runs.head, other.runs.sealed.is_empty());
    if is_one_run && !is_new && records <= FEW_KEYS {
        return insert(tx, table, other.head(), usage);
    }
    if !is_new && head.entries > 0 {
        seal(tx, &mut other, usage)?;
    }
    let mut index = Index::of(tx, table)?;
    if is_new && head.entries > 0 {
        index.runs.head = head;
    }
    // A merge of the other index ends here: each of its runs is valid as it is.
    let (kept, empty): (Vec<RunInfo>, Vec<RunInfo>) = other.runs.sealed.iter().partition(|run| run.entries > 0);
    index.runs.sealed.extend(kept);
    for run in empty {
        tx.begin_work(|id| Reclaim::Run { id, table, run: run.id })?;
    }
    tx.set_runs(table, index.runs);
    Ok(())
}

/// Inserts the entries of a small run into an index, and deletes the run.
fn insert(tx: &mut Transaction<'_>, table: u32, run: Run<'_>, usage: &mut Usage) -> Result<(), StoreError> {
    // Copied, because a write to the store would invalidate the leaves.
    let mut entries: Vec<(Vec<u8>, u64)> = Vec::new();
    for leaf in run.leaves_from(tx.read(), &[])? {
        for pair in Leaf::decode(leaf?.1)?.pairs() {
            let (key, number) = pair?;
            entries.push((key.to_vec(), number));
        }
    }
    let primary = tx.dbs.primary;
    merge::clear(tx.change(), primary, run.id, usage)?;
    let entries: Vec<Proposal<'_>> = entries.iter().map(|(key, number)| Proposal { key, number: *number }).collect();
    let mut existing = 0;
    insert_absent(tx, table, &entries, usage, |_, _| existing += 1)?;
    if existing > 0 { Err(StoreError::damaged("the index of unpublished records")) } else { Ok(()) }
}

/// Seals the head of an index, unless it has few keys.
pub fn seal_head(tx: &mut Transaction<'_>, table: u32) -> Result<(), StoreError> {
    let mut index = Index::of(tx, table)?;
    if index.runs.head.entries <= FEW_KEYS {
        return Ok(());
    }
    let mut usage = Usage::default();
    seal(tx, &mut index, &mut usage)?;
    index.store(tx)?;
    tx.resize(table, usage)
}

/// Begins the merge that the runs of a table call for.
pub fn begin_merge(tx: &mut Transaction<'_>, table: u32) -> Result<(), StoreError> {
    Index::of(tx, table)?.store(tx)
}
