//! Compares the new records of a part with what other requests have inserted into its table in the meantime, so that no key
//! becomes visible twice.

use std::ops::Range;

use uuid::Uuid;

use super::part::{Part, of_job};
use crate::heap::{Edit, Heap, Usage};
use crate::index::{self, Index};
use crate::keys::KeyReader;
use crate::sorted::Sorted;
use crate::transaction::Transaction;
use jobhost_model::table::Action;
use jobhost_store::StoreError;

/// Maximum number of records that one step of the preparation compares.
const STEP_RECORDS: usize = 64 << 10;

/// Number of records that are removed at a time, because their texts are held.
const STEP_TAKEN: usize = 256;

/// A record of the table.
struct Existing {
    key: Vec<u8>,
    number: u64,
}

/// Does a step of what would make the publishing transaction long. Returns whether there is more to do. The final
/// comparison is part of `publish`, so that it also covers what is inserted until then.
pub fn prepare(tx: &mut Transaction<'_>, job: Uuid) -> Result<bool, StoreError> {
    let mut more = false;
    for mut part in of_job(&tx.dbs, tx.read(), job)? {
        if !tx.has_table(part.table) {
            continue;
        }
        if tx.runs(part.table)?.head.entries > 0 {
            index::seal_head(tx, part.id)?;
        }
        more |= !part.compare(tx, STEP_RECORDS)?;
        part.put(tx)?;
    }
    Ok(more)
}

impl Part {
    /// Compares up to `most` records. Returns whether all have been compared.
    pub(super) fn compare(&mut self, tx: &mut Transaction<'_>, most: usize) -> Result<bool, StoreError> {
        let mut left = most;
        while let Some(numbers) = self.to_compare.pop() {
            let rest = self.compare_range(tx, numbers, &mut left)?;
            if !rest.is_empty() {
                self.to_compare.push(rest);
                return Ok(false);
            }
        }
        let counters = tx.counters(self.table)?;
        for numbers in counters.reserved.without(self.compared_to..counters.next_number) {
            let rest = self.compare_range(tx, numbers, &mut left)?;
            self.compared_to = rest.start;
            if !rest.is_empty() {
                return Ok(false);
            }
        }
        self.compared_to = counters.next_number;
        Ok(true)
    }

    /// Compares records of a range. Returns the numbers that are left.
    fn compare_range(
        &mut self,
        tx: &mut Transaction<'_>,
        numbers: Range<u64>,
        left: &mut usize,
    ) -> Result<Range<u64>, StoreError> {
        let mut next = numbers.start;
        while next < numbers.end {
            if *left == 0 {
                return Ok(next..numbers.end);
            }
            let step = (*left).min(STEP_RECORDS);
            let (keys, compared_to) = self.keys_of(tx, next..numbers.end, step)?;
            *left = left.saturating_sub(keys.len());
            next = compared_to;
            self.remove_taken(tx, &keys)?;
        }
        Ok(numbers.end..numbers.end)
    }

    /// Returns the keys of the first records in a range, and the number from which on the others follow.
    fn keys_of(
        &self,
        tx: &Transaction<'_>,
        numbers: Range<u64>,
        most: usize,
    ) -> Result<(Vec<Existing>, u64), StoreError> {
        let reader = KeyReader::new(&self.table(tx)?.primary_key);
        let heap = Heap { environment: tx.environment, table: self.table };
        let mut keys = Vec::new();
        for block in heap.blocks(tx.read(), &numbers)? {
            let block = block?;
            if keys.len() >= most {
                return Ok((keys, block.first));
            }
            tx.environment.touched(block.bytes);
            for record in block.block.iter() {
                let (record, mut key) = (record?, Vec::new());
                reader.append_key(record.text, &mut key)?;
                keys.push(Existing { key, number: record.number });
            }
        }
        Ok((keys, numbers.end))
    }

    /// Removes new records of the part whose keys others have inserted. An upsert keeps them as changes.
    fn remove_taken(&mut self, tx: &mut Transaction<'_>, existing: &[Existing]) -> Result<(), StoreError> {
        let sorted = Sorted::new(existing, |existing| &existing.key);
        let ascending: Vec<&Existing> = sorted.firsts().filter_map(|index| existing.get(index)).collect();
        let keys: Vec<&[u8]> = ascending.iter().map(|existing| existing.key.as_slice()).collect();
        let mut taken: Vec<(u64, &Existing)> = Vec::new();
        Index::of(tx, self.id)?.numbers(tx.read(), &keys, |rank, number| {
            taken.extend(ascending.get(rank).map(|existing| (number, *existing)));
        })?;
        taken.sort_unstable_by_key(|(number, _)| *number);
        for taken in taken.chunks(STEP_TAKEN) {
            self.remove_new(tx, taken)?;
        }
        Ok(())
    }

    /// Removes new records, given with their numbers and with the records that have their keys.
    fn remove_new(&mut self, tx: &mut Transaction<'_>, taken: &[(u64, &Existing)]) -> Result<(), StoreError> {
        let mut keys: Vec<&[u8]> = taken.iter().map(|(_, existing)| existing.key.as_slice()).collect();
        keys.sort_unstable();
        let mut usage = Usage::default();
        index::remove(tx, self.id, &keys, &mut usage, |_, _| {})?;
        let numbers: Vec<u64> = taken.iter().map(|(number, _)| *number).collect();
        let heap = Heap { environment: tx.environment, table: self.table };
        let is_insert = self.action == Action::Insert;
        let mut texts: Vec<Vec<u8>> = Vec::new();
        heap.edit(tx.change(), &numbers, &mut usage, |_, entry, _| {
            if !is_insert {
                texts.push(entry.text.to_vec());
            }
            Ok(Edit::Delete)
        })?;
        let mut counters = tx.counters(self.id)?;
        counters.records = counters.records.saturating_sub(taken.len() as u64);
        counters.resize(usage);
        tx.set_counters(self.id, counters);
        if is_insert {
            self.written = self.written.saturating_sub(taken.len() as u64);
            self.skipped += taken.len() as u64;
            return Ok(());
        }
        let changes: Vec<(u64, &[u8])> =
            taken.iter().zip(&texts).map(|((_, existing), text)| (existing.number, text.as_slice())).collect();
        self.keep_changes(tx, &changes)
    }
}
