//! Writes the changes that a part has kept to the records of its table.
//!
//! The changes are paired with their records by the two indexes, which are in order of keys, and then written in order of
//! record numbers. So a block is rewritten once for many changes, although keys may be in any order.

use std::ops::Range;

use super::Part;
use super::discard::drop_table;
use crate::block::Block;
use crate::heap::{Edit, Heap, Usage};
use crate::index::Index;
use crate::records::{self, Incoming, Target};
use crate::tables::Counters;
use crate::transaction::Transaction;
use jobhost_model::table::Action;
use jobhost_store::StoreError;
use jobhost_store::rules::merging;

/// Number of changes that are sorted at a time. A pair of numbers takes 16 bytes.
const SORTED: usize = 2 << 20;
/// Number of keys looked up, or of changes written, at a time.
const STEP: usize = 64 << 10;
/// Size of the texts of changes that are held at a time.
const STEP_BYTES: usize = 8 << 20;

/// Approximate size of a block in bytes.
const BLOCK_BYTES: usize = 4096;

/// A changed record and its change: the numbers of both.
type Pair = (u64, u64);

/// Some of the changes, in order of keys.
#[derive(Default)]
struct Changes {
    /// Encoded keys, concatenated. Each has its end offset and the number of its change.
    keys: Vec<u8>,
    entries: Vec<(usize, u64)>,
}

impl Changes {
    fn keys(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let key = |(end, _): &(usize, u64)| {
            let key = self.keys.get(start..*end).unwrap_or_default();
            start = *end;
            key
        };
        self.entries.iter().map(key).collect()
    }

    fn number(&self, index: usize) -> u64 {
        self.entries.get(index).map_or(0, |(_, number)| *number)
    }
}

/// Texts of changes.
struct Texts {
    bytes: Vec<u8>,
    /// In the order in which they were asked for.
    ranges: Vec<Range<usize>>,
}

impl Texts {
    fn get(&self, index: usize) -> &[u8] {
        self.ranges.get(index).and_then(|range| self.bytes.get(range.clone())).unwrap_or_default()
    }
}

impl Part {
    /// Writes all changes of the part.
    pub(super) fn write_changes(&mut self, tx: &mut Transaction<'_>, changes: u32) -> Result<(), StoreError> {
        let mut pairs: Vec<Pair> = Vec::new();
        let (mut after, mut grown) = (None, 0);
        loop {
            let step = changes_after(tx, changes, after.as_deref())?;
            let keys = step.keys();
            after = keys.last().map(|key| key.to_vec());
            let mut exists = vec![false; keys.len()];
            Index::of(tx, self.table)?.numbers(tx.read(), &keys, |index, number| {
                pairs.push((number, step.number(index)));
                if let Some(exists) = exists.get_mut(index) {
                    *exists = true;
                }
            })?;
            let absent = exists.iter().enumerate().filter(|(_, exists)| !**exists).map(|(index, _)| index);
            grown += self.write_absent(tx, changes, &keys, &step, &absent.collect::<Vec<_>>())?;
            if pairs.len() >= SORTED || after.is_none() {
                grown += self.merge(tx, changes, &mut pairs)?;
            }
            if after.is_none() {
                break;
            }
        }
        self.charge_table(tx, changes, grown)?;
        drop_table(tx, changes)
    }

    /// Handles changes of records that have been deleted in the meantime: an upsert inserts them.
    fn write_absent(
        &mut self,
        tx: &mut Transaction<'_>,
        changes: u32,
        keys: &[&[u8]],
        step: &Changes,
        absent: &[usize],
    ) -> Result<u64, StoreError> {
        if self.action != Action::Upsert {
            self.written = self.written.saturating_sub(absent.len() as u64);
            self.skipped += absent.len() as u64;
            return Ok(0);
        }
        // In order of arrival.
        let mut absent: Vec<(u64, &[u8])> =
            absent.iter().filter_map(|index| Some((step.number(*index), *keys.get(*index)?))).collect();
        absent.sort_unstable();
        let (mut rest, mut grown) = (absent.as_slice(), 0);
        while !rest.is_empty() {
            let numbers: Vec<u64> = rest.iter().map(|(number, _)| *number).take(STEP).collect();
            let texts = texts(tx, changes, &numbers)?;
            let (here, beyond) = rest.split_at_checked(texts.ranges.len()).unwrap_or((rest, &[]));
            let incoming = here.iter().enumerate().map(|(index, (_, key))| (*key, texts.get(index)));
            let incoming: Vec<Incoming<'_>> = incoming.collect();
            grown += records::write(tx, Target::table(self.table), self.action, &incoming, None, |_| {})?.1;
            rest = beyond;
        }
        Ok(grown)
    }

    /// Merges changes into existing records, and clears the list. Returns the bytes by which the table grew.
    fn merge(&self, tx: &mut Transaction<'_>, changes: u32, pairs: &mut Vec<Pair>) -> Result<u64, StoreError> {
        if pairs.is_empty() {
            return Ok(0);
        }
        pairs.sort_unstable();
        let heap = Heap { environment: tx.environment, table: self.table };
        let mut counters: Counters = tx.counters(self.table)?;
        let now = records::time_of_write(tx, &heap, &mut counters, false)?;
        let mut usage = Usage::default();
        let mut rest = pairs.as_slice();
        while !rest.is_empty() {
            let of_changes: Vec<u64> = rest.iter().map(|(_, change)| *change).take(STEP).collect();
            let texts = texts(tx, changes, &of_changes)?;
            let (here, beyond) = rest.split_at_checked(texts.ranges.len()).unwrap_or((rest, &[]));
            let numbers: Vec<u64> = here.iter().map(|(number, _)| *number).collect();
            heap.edit(tx.change(), &numbers, &mut usage, |index, entry, text| {
                text.extend_from_slice(entry.text);
                merging::fold([texts.get(index)], text)?;
                Ok(Edit::Replace(now))
            })?;
            rest = beyond;
        }
        pairs.clear();
        counters.updated = now.0;
        let grown = counters.resize(usage);
        tx.set_counters(self.table, counters);
        Ok(grown)
    }
}

/// Returns the next changes, in order of keys.
fn changes_after(tx: &Transaction<'_>, changes: u32, after: Option<&[u8]>) -> Result<Changes, StoreError> {
    let mut step = Changes::default();
    for entry in Index::of(tx, changes)?.after(tx.read(), after)?.take(STEP) {
        let (key, number) = entry?;
        step.keys.extend_from_slice(key);
        step.entries.push((step.keys.len(), number));
    }
    Ok(step)
}

/// Copies the texts of the first of these changes, as many as may be held, because a write to the store would invalidate
/// them. They are read in order of their numbers, so that each block is read once.
fn texts(tx: &Transaction<'_>, changes: u32, numbers: &[u64]) -> Result<Texts, StoreError> {
    let mut most = numbers.len().min(STEP);
    loop {
        let first = numbers.get(..most).unwrap_or(numbers);
        if let Some(texts) = texts_of(tx, changes, first)? {
            return Ok(texts);
        }
        most = most.div_ceil(2);
    }
}

/// Copies the texts of changes. Returns `None` if there are several and they are too large.
fn texts_of(tx: &Transaction<'_>, changes: u32, numbers: &[u64]) -> Result<Option<Texts>, StoreError> {
    let heap = Heap { environment: tx.environment, table: changes };
    let mut order: Vec<(u64, usize)> = numbers.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut texts = Texts { bytes: Vec::new(), ranges: vec![0..0; numbers.len()] };
    let mut block: Option<Block<'_>> = None;
    for (number, index) in order {
        let missing = || StoreError::damaged("a change of a record");
        let entry = match block.map(|block| block.find(number)).transpose()?.flatten() {
            Some(entry) => entry,
            None => {
                tx.environment.touched(BLOCK_BYTES);
                let next = heap.block(tx.read(), number)?.ok_or_else(missing)?;
                block = Some(next);
                next.find(number)?.ok_or_else(missing)?
            }
        };
        let start = texts.bytes.len();
        texts.bytes.extend_from_slice(entry.text);
        if let Some(range) = texts.ranges.get_mut(index) {
            *range = start..texts.bytes.len();
        }
        if texts.bytes.len() > STEP_BYTES && numbers.len() > 1 {
            return Ok(None);
        }
    }
    Ok(Some(texts))
}
