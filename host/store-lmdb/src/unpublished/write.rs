//! Writes records into the part of a job.

use std::sync::Arc;

use uuid::Uuid;

use super::part::{Part, of_job};
use crate::generated;
use crate::heap::Heap;
use crate::index::{Index, MAX_NUMBER};
use crate::quota;
use crate::records::{self, Incoming, Target};
use crate::sorted::Sorted;
use crate::tables::Counters;
use crate::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_model::attributes::Attributes;
use jobhost_model::jobs::Tally;
use jobhost_model::table::{Action, Table};
use jobhost_store::key_source::KeySource;
use jobhost_store::rules::attributes;
use jobhost_store::rules::runs::runs;
use jobhost_store::{Quota, StoreError, StoreErrorKind, TableWrite, WriteGroup};

/// A reservation is as large as so many heads. Numbers that remain unused are lost, but there are 2^48 of them.
const HEADS_RESERVED: u64 = 32;
/// Maximum number of parts of a job, all of which are read for each group.
const MAX_PARTS: usize = 128;

/// Writes the records of a group. Returns a tally of the records received; `publish` counts what became of them.
pub fn write(tx: &mut Transaction<'_>, job: Uuid, group: &WriteGroup) -> Result<Tally, StoreError> {
    let mut parts = of_job(&tx.dbs, tx.read(), job)?;
    let extended = attributes::extended(&group.writes, |name| {
        let mut table = tx.table(name)?;
        let id = table.id;
        for part in parts.iter().filter(|part| part.table == id) {
            part.extend(Arc::make_mut(&mut table));
        }
        Ok(table)
    })?;
    if let Some(quota) = &group.quota {
        quota::check(tx, quota, &group.writes)?;
    }
    let mut received = 0;
    for run in runs(&group.writes) {
        let Some(first) = run.first().filter(|_| run.iter().any(|write| !write.batch.is_empty())) else { continue };
        let table = tx.table(&first.table)?;
        let last = parts.iter().rposition(|part| part.table == table.id);
        let same = last.filter(|place| parts.get(*place).is_some_and(|part| part.action == first.action));
        let place = match same {
            Some(place) => place,
            None => {
                check_parts(parts.len())?;
                parts.push(Part::begin(tx, job, table.id, first.action, group.quota.as_ref())?);
                parts.len() - 1
            }
        };
        let Some(part) = parts.get_mut(place) else { continue };
        let known = extended.iter().find(|extended| extended.id == table.id).unwrap_or(&table);
        part.note_attributes(run, known);
        received += part.write_run(tx, &table, run)?;
        part.put(tx)?;
    }
    Ok(Tally { received, ..Tally::default() })
}

fn check_parts(parts: usize) -> Result<(), StoreError> {
    if parts < MAX_PARTS {
        return Ok(());
    }
    let message = format!(
        "a job may change the table or the action of its writes {MAX_PARTS} times before its records become visible; write its \
         records ordered by table and action, or set 'autocommit' in its plan"
    );
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

/// The records of a run that are new, and those that change existing records.
#[derive(Default)]
struct Split<'b> {
    new: Vec<Incoming<'b>>,
    /// Indexes into `new` of the records that have generated keys, with their source.
    generated: Vec<(u32, &'b KeySource)>,
    /// With the numbers of the records that they change.
    changes: Vec<(u64, &'b [u8])>,
}

impl Part {
    fn begin(
        tx: &mut Transaction<'_>,
        job: Uuid,
        table: u32,
        action: Action,
        quota: Option<&Quota>,
    ) -> Result<Part, StoreError> {
        let compared_to = tx.counters(table)?.next_number;
        let id = tx.next_id()?;
        tx.set_counters(id, Counters::default());
        Ok(Part {
            id,
            job,
            table,
            action,
            user: quota.map(|quota| Arc::clone(&quota.user)),
            numbers: 0..0,
            compared_to,
            to_compare: Vec::new(),
            changes: None,
            attributes: Attributes::default(),
            written: 0,
            skipped: 0,
        })
    }

    /// Notes which attributes the records have, also those that the table has: they may be dropped before the end.
    fn note_attributes(&mut self, run: &[TableWrite], table: &Table) {
        for write in run {
            let new = write.batch.attributes().iter().filter(|name| self.attributes.named(name).is_none());
            let new: Vec<_> = new.filter_map(|name| table.attribute(name).cloned()).collect();
            if !new.is_empty() {
                self.attributes.extend(new);
            }
        }
    }

    /// Writes consecutive records. Returns how many there were.
    fn write_run(&mut self, tx: &mut Transaction<'_>, table: &Table, run: &[TableWrite]) -> Result<u64, StoreError> {
        let received: usize = run.iter().map(|write| write.batch.len()).sum();
        let Split { mut new, generated, changes } = self.split(tx, run)?;
        self.skipped += (received - new.len() - changes.len()) as u64;
        if !new.is_empty() {
            let target = self.reserve(tx, new.len())?;
            let (placed, moved) = generated::place(tx, table, target, &new, &generated)?;
            generated::replace_moved(&mut new, &moved);
            // An update of records that do not exist has none here.
            let (tally, grown) = records::write(tx, target, self.action, &new, placed.as_ref(), |_| {})?;
            self.written += tally.written;
            self.skipped += tally.skipped;
            self.charge(tx, self.id, grown)?;
        }
        if !changes.is_empty() {
            self.written += changes.len() as u64;
            self.keep_changes(tx, &changes)?;
        }
        Ok(received as u64)
    }

    /// Divides the records of a run by whether their keys exist. Leaves out those that the action skips.
    fn split<'b>(&self, tx: &Transaction<'_>, run: &'b [TableWrite]) -> Result<Split<'b>, StoreError> {
        let (incoming, generated) = generated::records_of(run);
        let existing = self.existing(tx, &incoming, &generated)?;
        let is_update = self.action == Action::Update;
        if !is_update && existing.iter().all(Option::is_none) {
            return Ok(Split { new: incoming, generated, changes: Vec::new() });
        }
        let mut split = Split::default();
        let mut marks = generated.into_iter().peekable();
        for (index, (record, exists)) in (0..).zip(incoming.into_iter().zip(existing)) {
            let source = marks.next_if(|(marked, _)| *marked == index).map(|(_, source)| source);
            match exists {
                Some(number) if self.action != Action::Insert => split.changes.push((number, record.1)),
                None if !is_update => {
                    split.generated.extend(source.map(|source| (split.new.len() as u32, source)));
                    split.new.push(record);
                }
                _ => {}
            }
        }
        Ok(split)
    }

    /// Returns, for each record, the number of the existing record that it changes: its key is in the table, but not among
    /// the new records of this part. Records with generated keys are always new.
    fn existing(
        &self,
        tx: &Transaction<'_>,
        incoming: &[Incoming<'_>],
        generated: &[(u32, &KeySource)],
    ) -> Result<Vec<Option<u64>>, StoreError> {
        let mut existing = vec![None; incoming.len()];
        let index = Index::of(tx, self.table)?;
        if index.is_empty() {
            return Ok(existing);
        }
        let mut marks = generated.iter().map(|(index, _)| *index).peekable();
        let explicit = (0..incoming.len() as u32).filter(|index| marks.next_if_eq(index).is_none());
        let sorted = match generated {
            [] => Sorted::new(incoming, |(key, _)| key),
            _ => Sorted::of(incoming, explicit, |(key, _)| key),
        };
        let keys: Vec<&[u8]> = sorted.firsts().filter_map(|index| incoming.get(index)).map(|(key, _)| *key).collect();
        let mut found = vec![None; keys.len()];
        index.numbers(tx.read(), &keys, |rank, number| set(&mut found, rank, Some(number)))?;
        if found.iter().all(Option::is_none) {
            return Ok(existing);
        }
        let own = Index::of(tx, self.id)?;
        if !own.is_empty() {
            own.numbers(tx.read(), &keys, |rank, _| set(&mut found, rank, None))?;
        }
        for (rank, number) in found.into_iter().enumerate().filter(|(_, number)| number.is_some()) {
            sorted.records(rank).iter().for_each(|index| set(&mut existing, *index as usize, number));
        }
        Ok(existing)
    }

    /// Returns the target for so many new records, and reserves record numbers for them if necessary.
    fn reserve(&mut self, tx: &mut Transaction<'_>, records: usize) -> Result<Target, StoreError> {
        let mut own = tx.counters(self.id)?;
        if own.next_number + records as u64 > self.numbers.end {
            let start = records::first_number(tx, self.table, records)?;
            let most = tx.environment.head_keys.saturating_mul(HEADS_RESERVED).max(records as u64);
            let end = start.saturating_add(most).min(MAX_NUMBER);
            let mut counters = tx.counters(self.table)?;
            let heap = Heap { environment: tx.environment, table: self.table };
            // The created time of all records in the range: later records of the table, which have higher numbers, must
            // not be older.
            let created = records::time_of_write(tx, &heap, &mut counters, true)?;
            counters.newest = created.0;
            counters.next_number = end;
            counters.reserved.add(self.id, start..end);
            tx.set_counters(self.table, counters);
            own.next_number = start;
            own.newest = created.0;
            tx.set_counters(self.id, own.clone());
            self.numbers = start..end;
        }
        let created = Some(Timestamp(own.newest));
        Ok(Target { index: self.id, heap: self.table, created, also_taken: Some(self.table) })
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}
