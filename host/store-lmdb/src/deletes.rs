//! Deletes records of one table inside a transaction, by key or by age.
//!
//! The created time is stored per block, not per record, and ascends with record numbers within each era (`eras`). The
//! oldest records are therefore a prefix of each era. Deleting them reads no records that are kept, except those in
//! the last affected block and in the first block of each era.

use std::ops::Range;

use super::heap::{Edit, Heap, Usage};
use super::index::{self, Index};
use super::jobs;
use super::keys::KeyReader;
use super::sorted::Sorted;
use super::tables::Counters;
use super::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;
use jobhost_model::key::{Key, MAX_ENCODED_BYTES};
use jobhost_model::table::{Table, TableName};
use jobhost_store::rules::times;
use jobhost_store::{Applied, DeleteBefore, StoreError};

/// Deletes records by key. Returns, for each key, whether its record existed. If a key is listed twice, only its first
/// occurrence reports true.
pub(super) fn by_key(tx: &mut Transaction<'_>, name: &TableName, keys: &[Key]) -> Result<Vec<bool>, StoreError> {
    let table = tx.table(name)?.id;
    let encoded = encode(keys);
    let mut order: Vec<usize> = (0..encoded.len()).collect();
    let key = |index: usize| encoded.get(index).map_or(&[][..], Vec::as_slice);
    order.sort_by(|a, b| key(*a).cmp(key(*b)));
    order.dedup_by(|a, b| key(*a) == key(*b));
    let sorted: Vec<&[u8]> =
        order.iter().map(|index| key(*index)).filter(|key| key.len() <= MAX_ENCODED_BYTES).collect();
    order.retain(|index| key(*index).len() <= MAX_ENCODED_BYTES);

    let mut usage = Usage::default();
    let mut there = vec![false; keys.len()];
    let mut numbers = Vec::new();
    index::remove(tx, table, &sorted, &mut usage, |rank, number| {
        numbers.push(number);
        if let Some(place) = order.get(rank).and_then(|index| there.get_mut(*index)) {
            *place = true;
        }
    })?;
    if numbers.is_empty() {
        return Ok(there);
    }
    numbers.sort_unstable();
    let heap = Heap { environment: tx.environment, table };
    heap.edit(tx.change(), &numbers, &mut usage, |_, _, _| Ok(Edit::Delete))?;
    count(tx, table, numbers.len(), usage)?;
    Ok(there)
}

fn encode(keys: &[Key]) -> Vec<Vec<u8>> {
    keys.iter()
        .map(|key| {
            let mut encoded = Vec::new();
            key.encode(&mut encoded);
            encoded
        })
        .collect()
}

/// Updates the table's counters after a deletion.
fn count(tx: &mut Transaction<'_>, table: u32, records: usize, usage: Usage) -> Result<(), StoreError> {
    let mut counters = tx.counters(table)?;
    counters.records = counters.records.saturating_sub(records as u64);
    counters.resize(usage);
    counters.updated = times::last_change(tx.now, Timestamp(counters.updated)).0;
    if !counters.eras.is_empty() {
        let heap = Heap { environment: tx.environment, table };
        counters.eras.forget(|numbers| heap.has_records(tx.read(), numbers))?;
    }
    tx.set_counters(table, counters);
    Ok(())
}

/// Records whose keys are removed from the index one by one, oldest first.
#[derive(Default)]
struct Oldest {
    numbers: Vec<u64>,
    /// Encoded keys, concatenated. `ends` holds the end offset of each.
    keys: Vec<u8>,
    ends: Vec<usize>,
}

impl Oldest {
    fn keys(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let mut key = |end: &usize| {
            let key = self.keys.get(start..*end).unwrap_or_default();
            start = *end;
            key
        };
        self.ends.iter().map(&mut key).collect()
    }
}

/// Deletes the oldest records created before a given time, up to the limit of the step.
pub(super) fn created_before(tx: &mut Transaction<'_>, step: &DeleteBefore) -> Result<Applied, StoreError> {
    let job = jobs::of_lease(tx, step.lease, step.checkpoint.is_some())?;
    let table = tx.table(&step.table)?;
    let Counters { eras, reserved, .. } = tx.counters(table.id)?;
    let mut deleted = 0;
    // The oldest records of a single era have the lowest numbers, which is all that the index needs to know, as long as no
    // reserved number is lower.
    if eras.is_empty() && !Index::of(tx, table.id)?.is_small() {
        let lowest = 0..reserved.first().unwrap_or(u64::MAX);
        deleted = oldest_of_prefix(tx, table.id, lowest, step.created_before, step.limit)?;
    }
    if deleted < step.limit {
        let numbers = eras.ranges().flat_map(|numbers| reserved.without(numbers)).collect();
        deleted += oldest_of_all(tx, &table, numbers, step.created_before, step.limit - deleted)?;
    }
    let tally = Tally { deleted: deleted as u64, ..Tally::default() };
    let job_tally = job.map(|job| jobs::account(tx, job, tally, step.checkpoint.as_deref())).transpose()?;
    Ok(Applied { tally, job_tally, ..Applied::default() })
}

/// Deletes records with the lowest numbers of the table, without access to the index.
fn oldest_of_prefix(
    tx: &mut Transaction<'_>,
    table: u32,
    numbers: Range<u64>,
    created_before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let heap = Heap { environment: tx.environment, table };
    let mut deleted = 0;
    let prefixes = heap.oldest(tx.read(), std::iter::once(numbers.clone()), created_before, limit, |_, records| {
        deleted += records;
        Ok(())
    })?;
    if deleted == 0 {
        return Ok(0);
    }
    let mut usage = Usage::default();
    for prefix in &prefixes {
        heap.remove_prefix(tx.change(), prefix, &mut usage)?;
    }
    let counters = tx.counters(table)?;
    let first_live = heap.first_number(tx.read())?.unwrap_or(counters.next_number).min(numbers.end);
    let left = counters.records.saturating_sub(deleted as u64);
    index::retire(tx, table, first_live, left, &mut usage)?;
    count(tx, table, deleted, usage)?;
    Ok(deleted)
}

/// Deletes the oldest records of several ranges, within each of which created times ascend.
fn oldest_of_all(
    tx: &mut Transaction<'_>,
    table: &Table,
    ranges: Vec<Range<u64>>,
    created_before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let heap = Heap { environment: tx.environment, table: table.id };
    let reader = KeyReader::new(&table.primary_key);
    let mut oldest = Oldest::default();
    let prefixes = heap.oldest(tx.read(), ranges.into_iter(), created_before, limit, |block, records| {
        for record in block.iter().take(records) {
            let record = record?;
            reader.append_key(record.text, &mut oldest.keys)?;
            oldest.ends.push(oldest.keys.len());
            oldest.numbers.push(record.number);
        }
        Ok(())
    })?;
    let deleted = oldest.numbers.len();
    if deleted > 0 {
        let mut usage = Usage::default();
        forget(tx, table.id, &oldest, &mut usage)?;
        for prefix in &prefixes {
            heap.remove_prefix(tx.change(), prefix, &mut usage)?;
        }
        count(tx, table.id, deleted, usage)?;
    }
    Ok(deleted)
}

/// Removes the keys from the primary index and verifies that each maps to the expected record number. A record deleted
/// from only one of heap and index would be reported as damage by every later scan.
fn forget(tx: &mut Transaction<'_>, table: u32, oldest: &Oldest, usage: &mut Usage) -> Result<(), StoreError> {
    let keys = oldest.keys();
    let sorted = Sorted::new(&keys, |key| key);
    let index_of = |rank: usize| sorted.records(rank).first().map_or(usize::MAX, |index| *index as usize);
    let ascending: Vec<&[u8]> = (0..sorted.keys()).filter_map(|rank| keys.get(index_of(rank))).copied().collect();
    let mut right = 0;
    index::remove(tx, table, &ascending, usage, |rank, number| {
        right += usize::from(oldest.numbers.get(index_of(rank)) == Some(&number));
    })?;
    if right == keys.len() {
        Ok(())
    } else {
        Err(StoreError::damaged("the index of a table that does not fit its records"))
    }
}
