//! Writes records of one table inside a transaction.

use std::collections::HashMap;

use super::heap::{Edit, Heap, Usage};
use super::index::{self, Index, MAX_NUMBER, Proposal};
use super::sorted::Sorted;
use super::tables::Counters;
use super::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;
use jobhost_model::table::Action;
use jobhost_store::rules::{merging, times};
use jobhost_store::{StoreError, StoreErrorKind};

/// A record of a run: encoded key and text.
pub(super) type Incoming<'b> = (&'b [u8], &'b [u8]);

/// The outcome for one record of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Skipped,
    /// Appended to the heap as a new record.
    Appended,
    /// Merged into an existing record, or into an earlier record of the run.
    Merged,
}

/// Where records are written. For a table, both ids are its own.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// The id of the counters and the index.
    pub index: u32,
    /// The id of the heap.
    pub heap: u32,
    /// The created time of new records; `None` for the time of the write.
    pub created: Option<Timestamp>,
    /// The id of another index whose keys must not be generated again.
    pub also_taken: Option<u32>,
}

impl Target {
    pub fn table(id: u32) -> Self {
        Target { index: id, heap: id, created: None, also_taken: None }
    }
}

/// What a run has in the index before it is written.
pub(super) struct Placed {
    /// Indexes of the other records, whose keys are the client's.
    pub explicit: Vec<u32>,
    pub usage: Usage,
}

/// The number that the first of so many records gets. The others follow it.
pub(super) fn first_number(tx: &Transaction<'_>, index: u32, records: usize) -> Result<u64, StoreError> {
    let base = tx.counters(index)?.next_number;
    if base.saturating_add(records as u64) > MAX_NUMBER {
        return Err(StoreError::new(
            StoreErrorKind::Full,
            "the table has used all record numbers; copy it into a new table",
        ));
    }
    Ok(base)
}

/// Writes a run: consecutive records of one table with the same action. If `placed` is given, records that it does not
/// list as explicit are new and already in the index. Calls `written` for each record, in order, with whether it was
/// written. Returns the tally and the number of bytes by which the table grew.
pub(super) fn write(
    tx: &mut Transaction<'_>,
    target: Target,
    action: Action,
    records: &[Incoming<'_>],
    placed: Option<&Placed>,
    mut written: impl FnMut(bool),
) -> Result<(Tally, u64), StoreError> {
    let Target { index, heap, created, .. } = target;
    let base = first_number(tx, index, records.len())?;
    let mut counters = tx.counters(index)?;
    let heap = Heap { environment: tx.environment, table: heap };
    let sorted = match placed {
        None => Sorted::new(records, |(key, _)| key),
        Some(placed) => Sorted::of(records, placed.explicit.iter().copied(), |(key, _)| key),
    };
    let mut usage = placed.map_or_else(Usage::default, |placed| placed.usage);

    // (record number, rank of its key) of the records that exist already.
    let mut existing: Vec<(u64, u32)> = Vec::new();
    let mut note = |rank: usize, number: u64| existing.push((number, rank as u32));
    let first_of = |rank: usize| sorted.records(rank).first().map_or(0, |index| *index as usize);
    let key_of = |rank: usize| records.get(first_of(rank)).map_or(&[][..], |(key, _)| *key);
    if action == Action::Update {
        let keys: Vec<&[u8]> = (0..sorted.keys()).map(key_of).collect();
        Index::of(tx, index)?.numbers(tx.read(), &keys, &mut note)?;
    } else {
        let proposals: Vec<_> = (0..sorted.keys())
            .map(|rank| Proposal { key: key_of(rank), number: base + first_of(rank) as u64 })
            .collect();
        index::insert_absent(tx, index, &proposals, &mut usage, &mut note)?;
    }

    let mut fates = vec![if action == Action::Update { Fate::Skipped } else { Fate::Appended }; records.len()];
    let mut set = |index: &u32, fate: Fate| {
        if let Some(place) = fates.get_mut(*index as usize) {
            *place = fate;
        }
    };
    let later = if action == Action::Insert { Fate::Skipped } else { Fate::Merged };
    // Merged texts of new records whose key occurs more than once in the run.
    let mut folded: HashMap<u32, Vec<u8>> = HashMap::new();
    if sorted.keys() < sorted.len() && action != Action::Update {
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
    let now = created.map_or_else(|| time_of_write(tx, &heap, &mut counters, appended > 0), Ok)?;
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

    fates.iter().for_each(|fate| written(*fate != Fate::Skipped));
    let tally = tally_of(&fates);
    let mut grown = 0;
    if tally.written > 0 {
        counters.updated = now.0;
        counters.records += appended as u64;
        grown = counters.resize(usage);
        tx.set_counters(index, counters);
    }
    Ok((tally, grown))
}

fn tally_of(fates: &[Fate]) -> Tally {
    let (received, skipped) = (fates.len(), fates.iter().filter(|fate| **fate == Fate::Skipped).count());
    Tally {
        received: received as u64,
        written: (received - skipped) as u64,
        skipped: skipped as u64,
        ..Tally::default()
    }
}

/// Returns the clock's time, or the time of the newest record if the clock moved back a little. If it moved far back,
/// new records start a new era.
pub(super) fn time_of_write(
    tx: &Transaction<'_>,
    heap: &Heap<'_>,
    counters: &mut Counters,
    appends: bool,
) -> Result<Timestamp, StoreError> {
    let has_records = |numbers| heap.has_records(tx.read(), numbers);
    let back = times::is_before(tx.now, Timestamp(counters.newest));
    if back && (!appends || counters.eras.begin(counters.next_number, has_records)?) {
        return Ok(tx.now);
    }
    Ok(tx.now.max(Timestamp(counters.newest)))
}

fn text_of<'b>(records: &[Incoming<'b>], index: u32) -> &'b [u8] {
    records.get(index as usize).map_or(&[][..], |(_, text)| *text)
}

/// Merges records into a text, in order.
fn fold(records: &[Incoming<'_>], indexes: &[u32], text: &mut Vec<u8>) -> Result<(), StoreError> {
    merging::fold(indexes.iter().map(|index| text_of(records, *index)), text)
}
