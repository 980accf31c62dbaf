//! Background work: started by one transaction and completed by many small ones. It frees the pages of dropped tables,
//! removes dropped attributes from records, and merges the runs of indexes. The work is stored, so it continues after a
//! restart.

use std::ops::{Bound, Range};

use heed::RoTxn;

use super::environment::{Database, Databases, engine};
use super::heap::{Edit, Heap, StoredBlock, Usage};
use super::index;
use super::keyspace::{heap_key, range_of};
use super::reclaim_work::{PREFIX, Reclaim, key};
use super::reserved::Reserved;
use super::tables::json;
use super::transaction::Transaction;
use jobhost_store::StoreError;
use jobhost_store::batch::members;

/// Approximate number of pages that one step changes.
const STEP_PAGES: usize = 1024;

/// Returns the work that was unfinished when the store was closed.
pub(super) fn unfinished(dbs: &Databases, txn: &RoTxn<'_>) -> Result<Vec<Reclaim>, StoreError> {
    let mut all = Vec::new();
    for entry in dbs.meta.prefix_iter(txn, PREFIX).map_err(engine)? {
        let (_, value) = entry.map_err(engine)?;
        all.push(serde_json::from_slice(value).map_err(|_| StoreError::damaged("work that was left to do"))?);
    }
    Ok(all)
}

/// Performs one step of limited size, which is smaller if others wait for the writer. Returns the remaining work, or
/// `None` if it is complete.
pub(super) fn step(tx: &mut Transaction<'_>, work: &Reclaim, others_wait: bool) -> Result<Option<Reclaim>, StoreError> {
    let dbs = tx.dbs;
    let left = match work {
        Reclaim::Table { table, runs, .. } => {
            let runs = std::iter::once(table).chain(runs);
            let freed = free_blocks_and_runs(tx, *table, std::slice::from_ref(&(0..u64::MAX)), runs)?;
            (freed > 0).then(|| work.clone())
        }
        Reclaim::Run { table, run, .. } => {
            let mut usage = Usage::default();
            let freed = free_run(tx, *run, &mut usage)?;
            resize(tx, *table, usage)?;
            (freed > 0).then(|| work.clone())
        }
        Reclaim::Part { table, part, numbers, runs, .. } => {
            let freed = free_blocks_and_runs(tx, *table, numbers, runs.iter())?;
            if freed == 0 && tx.has_table(*table) {
                let mut counters = tx.counters(*table)?;
                counters.reserved.remove(*part);
                tx.set_counters(*table, counters);
            }
            (freed > 0).then(|| work.clone())
        }
        Reclaim::Merge { table, .. } => {
            let more = tx.has_counters(*table)? && index::merge_step(tx, *table, others_wait)?;
            more.then(|| work.clone())
        }
        Reclaim::Attribute { id, table, attribute, next, end, kept } => {
            let (attribute, kept) = (attribute.clone(), kept.clone());
            strip(tx, *table, &attribute, *next..*end, &kept)?.map(|next| Reclaim::Attribute {
                id: *id,
                table: *table,
                attribute,
                next,
                end: *end,
                kept,
            })
        }
    };
    match &left {
        None => dbs.meta.delete(tx.change(), &key(work.id())).map(|_| ()).map_err(engine)?,
        Some(Reclaim::Table { .. } | Reclaim::Run { .. } | Reclaim::Part { .. } | Reclaim::Merge { .. }) => {}
        Some(work) => dbs.meta.put(tx.change(), &key(work.id()), &json(work)?).map_err(engine)?,
    }
    Ok(left)
}

fn free_run(tx: &mut Transaction<'_>, run: u32, usage: &mut Usage) -> Result<usize, StoreError> {
    let dbs = tx.dbs;
    Ok(free(tx, dbs.primary, run, usage)? + free(tx, dbs.filters, run, usage)?)
}

/// Deletes some of the blocks in these ranges of a heap, and of these runs. Returns how many values were deleted.
fn free_blocks_and_runs<'r>(
    tx: &mut Transaction<'_>,
    table: u32,
    numbers: &[Range<u64>],
    runs: impl Iterator<Item = &'r u32>,
) -> Result<usize, StoreError> {
    let (heap, mut usage, mut freed) = (tx.dbs.heap, Usage::default(), 0);
    for numbers in numbers {
        if freed < STEP_PAGES {
            freed += free_range(tx, heap, &heap_key(table, numbers.start), &heap_key(table, numbers.end), &mut usage)?;
        }
    }
    for run in runs {
        if freed < STEP_PAGES {
            freed += free_run(tx, *run, &mut usage)?;
        }
    }
    Ok(freed)
}

/// Deletes the first values of a run. Returns how many were deleted.
fn free(tx: &mut Transaction<'_>, db: Database, id: u32, usage: &mut Usage) -> Result<usize, StoreError> {
    let (start, end) = range_of(id);
    free_range(tx, db, &start, &end, usage)
}

/// Deletes the first values of a range of keys.
fn free_range(
    tx: &mut Transaction<'_>,
    db: Database,
    start: &[u8],
    end: &[u8],
    usage: &mut Usage,
) -> Result<usize, StoreError> {
    let mut keys = Vec::new();
    let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(start), Bound::Excluded(end));
    for entry in db.range(tx.read(), &range).map_err(engine)?.take(STEP_PAGES) {
        let (key, value) = entry.map_err(engine)?;
        usage.remove(key, value.len());
        keys.push(key.to_vec());
    }
    for key in &keys {
        db.delete(tx.change(), key).map_err(engine)?;
    }
    Ok(keys.len())
}

/// Removes an attribute from the records of some blocks. Returns the number of the record to continue with.
fn strip(
    tx: &mut Transaction<'_>,
    table: u32,
    attribute: &str,
    range: Range<u64>,
    kept: &Reserved,
) -> Result<Option<u64>, StoreError> {
    let heap = Heap { environment: tx.environment, table };
    let mut next = None;
    let mut numbers = Vec::new();
    let name = members::quoted(attribute);
    let finder = memchr::memmem::Finder::new(&name);
    let ranges = kept.without(range);
    let end = ranges.last().map_or(0, |range| range.end);
    let mut blocks = Vec::with_capacity(ranges.len());
    for range in &ranges {
        blocks.push(heap.blocks(tx.read(), range)?);
    }
    for (index, block) in blocks.into_iter().flatten().enumerate() {
        let StoredBlock { first, block, .. } = block?;
        if index >= STEP_PAGES {
            next = Some(first);
            break;
        }
        for record in block.iter() {
            let record = record?;
            // The last block may also hold records from `end` on.
            if record.number < end && finder.find(record.text).is_some() {
                numbers.push(record.number);
            }
        }
    }
    let mut usage = Usage::default();
    heap.edit(tx.change(), &numbers, &mut usage, |_, record, text| {
        let there =
            members::remove(record.text, attribute, text).map_err(|_| StoreError::damaged("the text of a record"))?;
        Ok(if there { Edit::Replace(record.updated) } else { Edit::Keep })
    })?;
    resize(tx, table, usage)?;
    Ok(next)
}

/// Counts what was freed, unless the table was dropped meanwhile.
fn resize(tx: &mut Transaction<'_>, table: u32, usage: Usage) -> Result<(), StoreError> {
    if tx.has_table(table) { tx.resize(table, usage) } else { Ok(()) }
}
