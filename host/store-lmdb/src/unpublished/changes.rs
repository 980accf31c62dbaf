//! The changes of a part: keeps them, and merges them into the records of the table when they are published.

use std::ops::Range;

use super::change_log::{Pair, lists, next_pairs, put_list, texts};
use super::part::Part;
use crate::heap::{Edit, Heap, Usage};
use crate::records;
use crate::transaction::Transaction;
use jobhost_store::StoreError;
use jobhost_store::rules::merging;

impl Part {
    /// Keeps changes of records, given by their numbers, until they are published.
    pub(super) fn keep_changes(
        &mut self,
        tx: &mut Transaction<'_>,
        changes: &[(u64, &[u8])],
    ) -> Result<(), StoreError> {
        let id = match self.changes {
            Some(id) => id,
            None => *self.changes.insert(tx.next_id()?),
        };
        let mut counters = tx.counters(id)?;
        let (first, mut usage) = (counters.next_number, Usage::default());
        let heap = Heap { environment: tx.environment, table: id };
        let now = tx.now;
        heap.append(tx.change(), now, (first..).zip(changes.iter().map(|(_, text)| *text)), &mut usage)?;
        put_list(tx, id, first, changes.iter().map(|(record, _)| *record), &mut usage)?;
        counters.next_number += changes.len() as u64;
        counters.records += changes.len() as u64;
        let grown = counters.resize(usage);
        tx.set_counters(id, counters);
        self.charge(tx, id, grown)
    }

    /// Writes all changes to the records of the table. Returns the numbers of those whose record does not exist any more.
    pub(super) fn write_changes(&self, tx: &mut Transaction<'_>, id: u32) -> Result<Vec<u64>, StoreError> {
        let heap = Heap { environment: tx.environment, table: self.table };
        let mut lists = lists(tx.read(), tx.dbs.primary, id)?;
        let (mut absent, mut usage) = (Vec::new(), Usage::default());
        let mut counters = tx.counters(self.table)?;
        let now = records::time_of_write(tx, &heap, &mut counters, false)?;
        loop {
            let pairs = next_pairs(tx.read(), tx.dbs.primary, id, &mut lists)?;
            if pairs.is_empty() {
                break;
            }
            let mut rest = pairs.as_slice();
            while !rest.is_empty() {
                let numbers: Vec<u64> = rest.iter().map(|(_, change)| *change).collect();
                let texts = texts(tx, id, &numbers)?;
                let (here, beyond) = rest.split_at_checked(texts.ranges.len()).unwrap_or((rest, &[]));
                rest = beyond;
                // Several changes of one record are merged in their order.
                let ranges: Vec<Range<usize>> = ranges_of_records(here);
                let of_range = |index: usize| here.get(ranges.get(index)?.start);
                let records: Vec<u64> = (0..ranges.len()).filter_map(of_range).map(|(record, _)| *record).collect();
                let merged = |index: usize| ranges.get(index).cloned().unwrap_or_default().map(|one| texts.get(one));
                heap.edit_existing(
                    tx.change(),
                    &records,
                    &mut usage,
                    |index, entry, text| {
                        text.extend_from_slice(entry.text);
                        merging::fold(merged(index), text)?;
                        Ok(Edit::Replace(now))
                    },
                    |index| {
                        let changes = here.get(ranges.get(index).cloned().unwrap_or_default()).unwrap_or_default();
                        absent.extend(changes.iter().map(|(_, change)| *change));
                        Ok(())
                    },
                )?;
            }
        }
        counters.updated = now.0;
        let grown = counters.resize(usage);
        tx.set_counters(self.table, counters);
        self.charge_table(tx, id, grown)?;
        absent.sort_unstable();
        Ok(absent)
    }
}

/// Returns the ranges of pairs that change the same record.
fn ranges_of_records(pairs: &[Pair]) -> Vec<Range<usize>> {
    let mut start = 0;
    let ranges = pairs.chunk_by(|one, next| one.0 == next.0).map(|same| {
        let range = start..start + same.len();
        start = range.end;
        range
    });
    ranges.collect()
}
