//! Writing and deleting records of one table inside a transaction.

use std::collections::HashMap;

use super::environment::damaged;
use super::heap::{Edit, Heap, Usage};
use super::leaf::MAX_NUMBER;
use super::primary::{Primary, Proposal};
use super::transaction::Transaction;
use crate::records::batch::members;
use crate::records::jobs::Tally;
use crate::records::key::{Key, MAX_ENCODED_BYTES};
use crate::records::store::{StoreError, StoreErrorKind};
use crate::records::table::Action;
use crate::records::{Timestamp, table::TableName};

/// A record may grow by merging, but not without end.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record of a run: binary key and text.
pub(super) type Incoming<'b> = (&'b [u8], &'b [u8]);

/// What becomes of one record of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Skipped,
    /// A new record of the heap.
    Appended,
    /// Laid over a record that was there, or that stands before it in the run.
    Merged,
}

/// Records in order of their keys.
struct Sorted {
    /// Indexes into the run; of equal keys the earlier record comes first.
    order: Vec<u32>,
    /// Where in `order` each different key begins.
    starts: Vec<u32>,
}

impl Sorted {
    fn new(records: &[Incoming<'_>]) -> Self {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let ascending = records.is_sorted_by(|(a, _), (b, _)| a < b);
        if ascending {
            return Sorted { order: (0..count).collect(), starts: (0..count).collect() };
        }
        let key = |index: u32| records.get(index as usize).map_or(&[][..], |(key, _)| *key);
        // The first bytes decide nearly always; comparing them does not leave the list that is sorted.
        let mut prefixed: Vec<(u64, u32)> = (0..count).map(|index| (prefix(key(index)), index)).collect();
        prefixed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))).then(a.1.cmp(&b.1)));
        let order: Vec<u32> = prefixed.iter().map(|(_, index)| *index).collect();
        let mut starts = Vec::with_capacity(order.len());
        let mut before = None;
        for (position, (prefix, index)) in prefixed.iter().enumerate() {
            let same = before.is_some_and(|(old_prefix, old)| old_prefix == *prefix && key(old) == key(*index));
            if !same {
                starts.push(position as u32);
            }
            before = Some((*prefix, *index));
        }
        Sorted { order, starts }
    }

    fn keys(&self) -> usize {
        self.starts.len()
    }

    /// The records with the key of this rank, in order of arrival.
    fn records(&self, rank: usize) -> &[u32] {
        let at = |rank: usize| self.starts.get(rank).map_or(self.order.len(), |start| *start as usize);
        self.order.get(at(rank)..at(rank + 1)).unwrap_or_default()
    }
}

/// The first eight bytes behind the class byte, which all keys of a run usually share.
fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 9];
    let length = key.len().min(bytes.len());
    if let (Some(to), Some(from)) = (bytes.get_mut(..length), key.get(..length)) {
        to.copy_from_slice(from);
    }
    let [class, rest @ ..] = bytes;
    // Keys of different classes must still compare by class first.
    u64::from(class) << 56 | u64::from_be_bytes(rest) >> 8
}

/// Write a run: records of one table that came one after another for one action. Tells `fate` of each, in order, whether
/// it was written.
pub(super) fn write(
    tx: &mut Transaction<'_>,
    table: u32,
    action: Action,
    records: &[Incoming<'_>],
    mut written: impl FnMut(bool),
) -> Result<Tally, StoreError> {
    let mut counters = tx.counters(table)?;
    let base = counters.next_number;
    if base.saturating_add(records.len() as u64) > MAX_NUMBER {
        return Err(StoreError::new(
            StoreErrorKind::Full,
            "the table has counted as many records as it can; copy it into a new one",
        ));
    }
    let heap = Heap { environment: tx.environment, table };
    let primary = Primary { environment: tx.environment, table };
    let now = tx.now.max(Timestamp(counters.newest));
    let sorted = Sorted::new(records);
    let mut usage = Usage::default();

    // (record number, rank of its key) of the records that are there.
    let mut existing: Vec<(u64, u32)> = Vec::new();
    let mut note = |rank: usize, number: u64| existing.push((number, rank as u32));
    let first_of = |rank: usize| sorted.records(rank).first().map_or(0, |index| *index as usize);
    let key_of = |rank: usize| records.get(first_of(rank)).map_or(&[][..], |(key, _)| *key);
    if action == Action::Update {
        primary.numbers(tx.read(), (0..sorted.keys()).map(key_of), &mut note)?;
    } else {
        let proposals: Vec<_> = (0..sorted.keys())
            .map(|rank| Proposal { key: key_of(rank), number: base + first_of(rank) as u64 })
            .collect();
        primary.insert_absent(tx.change(), &proposals, &mut usage, &mut note)?;
    }

    let mut fates = vec![if action == Action::Update { Fate::Skipped } else { Fate::Appended }; records.len()];
    let mut set = |index: &u32, fate: Fate| {
        if let Some(place) = fates.get_mut(*index as usize) {
            *place = fate;
        }
    };
    let later = if action == Action::Insert { Fate::Skipped } else { Fate::Merged };
    // The texts of new records whose key came more than once.
    let mut folded: HashMap<u32, Vec<u8>> = HashMap::new();
    if sorted.keys() < records.len() && action != Action::Update {
        for rank in 0..sorted.keys() {
            let [first, rest @ ..] = sorted.records(rank) else { continue };
            rest.iter().for_each(|index| set(index, later));
            if action == Action::Upsert && !rest.is_empty() {
                let mut text = text_of(records, *first).to_vec();
                fold(records, rest, &mut text)?;
                folded.insert(*first, text);
            }
        }
    }
    for (_, rank) in &existing {
        sorted.records(*rank as usize).iter().for_each(|index| set(index, later));
    }

    let appended = fates.iter().filter(|fate| **fate == Fate::Appended).count();
    if appended > 0 {
        let new = records.iter().zip(&fates).enumerate().filter(|(_, (_, fate))| **fate == Fate::Appended);
        let new = new.map(|(index, ((_, text), _))| {
            let folded = if folded.is_empty() { None } else { folded.get(&(index as u32)) };
            (base + index as u64, folded.map_or(*text, Vec::as_slice))
        });
        heap.append(tx.change(), now, new, &mut usage)?;
        counters.next_number = base + records.len() as u64;
        counters.newest = now.0;
    }
    if action != Action::Insert && !existing.is_empty() {
        existing.sort_unstable();
        let numbers: Vec<u64> = existing.iter().map(|(number, _)| *number).collect();
        heap.edit(tx.change(), &numbers, &mut usage, |index, entry, text| {
            let rank = existing.get(index).map_or(0, |(_, rank)| *rank);
            text.extend_from_slice(entry.text);
            fold(records, sorted.records(rank as usize), text)?;
            Ok(Edit::Replace(now))
        })?;
    }

    let mut tally = Tally { received: records.len() as u64, ..Tally::default() };
    for fate in &fates {
        let kept = *fate != Fate::Skipped;
        tally.written += u64::from(kept);
        written(kept);
    }
    tally.skipped = tally.received - tally.written;
    if tally.written > 0 {
        counters.updated = now.0;
        counters.records += appended as u64;
        counters.bytes = (counters.bytes + usage.added).saturating_sub(usage.removed);
        tx.set_counters(table, counters);
    }
    Ok(tally)
}

fn text_of<'b>(records: &[Incoming<'b>], index: u32) -> &'b [u8] {
    records.get(index as usize).map_or(&[][..], |(_, text)| *text)
}

/// Lay records over a text, one after another.
fn fold(records: &[Incoming<'_>], indexes: &[u32], text: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut merged = Vec::new();
    for index in indexes {
        merged.clear();
        members::merge(text, text_of(records, *index), &mut merged).map_err(|_| damaged("the text of a record"))?;
        if merged.len() > MAX_RECORD_BYTES {
            let bytes = merged.len();
            let message =
                format!("a record would grow to {bytes} bytes, more than the limit of {MAX_RECORD_BYTES} bytes");
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
        std::mem::swap(text, &mut merged);
    }
    Ok(())
}

/// Delete by key; says for each key whether it was there. Of a key that is named twice, the first was.
pub(super) fn delete(tx: &mut Transaction<'_>, name: &TableName, keys: &[Key]) -> Result<Vec<bool>, StoreError> {
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
    Primary { environment: tx.environment, table }.remove(tx.change(), &sorted, &mut usage, |rank, number| {
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
    let mut counters = tx.counters(table)?;
    counters.records = counters.records.saturating_sub(numbers.len() as u64);
    counters.bytes = (counters.bytes + usage.added).saturating_sub(usage.removed);
    counters.updated = counters.updated.max(tx.now.0);
    tx.set_counters(table, counters);
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
