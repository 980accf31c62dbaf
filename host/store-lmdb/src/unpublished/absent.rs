//! Changes of records that were deleted before the changes are published. They apply to whatever has the key now; if nothing
//! does, an upsert inserts them again.

use super::change_log::texts;
use super::part::Part;
use crate::heap::{Edit, Heap, Usage};
use crate::index::Index;
use crate::keys::KeyReader;
use crate::records::{self, Incoming, Target};
use crate::sorted::Sorted;
use crate::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_store::StoreError;
use jobhost_store::rules::merging;

impl Part {
    /// Handles changes, given by their numbers, whose records have been deleted. The part's new records must not have been
    /// handed over yet.
    pub(super) fn write_absent(&mut self, tx: &mut Transaction<'_>, id: u32, absent: &[u64]) -> Result<(), StoreError> {
        let reader = KeyReader::new(&self.table(tx)?.primary_key);
        let mut rest = absent;
        while !rest.is_empty() {
            let texts = texts(tx, id, rest)?;
            let count = texts.ranges.len();
            rest = rest.get(count..).unwrap_or_default();
            let mut keys: Vec<Vec<u8>> = Vec::with_capacity(count);
            for index in 0..count {
                let mut key = Vec::new();
                reader.append_key(texts.get(index), &mut key)?;
                keys.push(key);
            }
            let changes: Vec<Incoming<'_>> =
                keys.iter().enumerate().map(|(index, key)| (key.as_slice(), texts.get(index))).collect();
            self.write_step(tx, &changes)?;
        }
        Ok(())
    }

    fn write_step(&mut self, tx: &mut Transaction<'_>, changes: &[Incoming<'_>]) -> Result<(), StoreError> {
        let sorted = Sorted::new(changes, |(key, _)| key);
        let keys: Vec<&[u8]> = sorted.firsts().filter_map(|index| changes.get(index)).map(|(key, _)| *key).collect();
        // The record was written again, as a new one, after it had been deleted.
        let mut again: Vec<(u64, usize)> = Vec::new();
        Index::of(tx, self.id)?.numbers(tx.read(), &keys, |rank, number| again.push((number, rank)))?;
        again.sort_unstable();
        let mut is_again = vec![false; changes.len()];
        for index in again.iter().flat_map(|(_, rank)| sorted.records(*rank)) {
            if let Some(flag) = is_again.get_mut(*index as usize) {
                *flag = true;
            }
        }
        let numbers: Vec<u64> = again.iter().map(|(number, _)| *number).collect();
        let heap = Heap { environment: tx.environment, table: self.table };
        let mut own = tx.counters(self.id)?;
        let (created, mut usage) = (Timestamp(own.newest), Usage::default());
        heap.edit(tx.change(), &numbers, &mut usage, |index, entry, text| {
            let rank = again.get(index).map_or(0, |(_, rank)| *rank);
            let mut earlier =
                sorted.records(rank).iter().filter_map(|index| changes.get(*index as usize)).map(|(_, text)| *text);
            text.extend_from_slice(earlier.next().unwrap_or_default());
            merging::fold(earlier.chain([entry.text]), text)?;
            Ok(Edit::Replace(created))
        })?;
        own.resize(usage);
        tx.set_counters(self.id, own);
        let others = changes.iter().zip(is_again).filter(|(_, again)| !again).map(|(change, _)| *change);
        let others: Vec<Incoming<'_>> = others.collect();
        let (tally, grown) = records::write(tx, Target::table(self.table), self.action, &others, None, |_| {})?;
        self.written = self.written.saturating_sub(tally.skipped);
        self.skipped += tally.skipped;
        self.charge(tx, self.table, grown)
    }
}
