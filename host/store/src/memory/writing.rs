//! Applies write groups. Changes are computed next to the tables first, so a group that fails has changed nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::state::State;
use super::table::{Record, TableData};
use crate::error::StoreError;
use crate::key_source::KeySource;
use crate::records::{Applied, Quota, TableWrite, WriteGroup};
use crate::rules::merging::{MAX_KEY_TRIES, fold, no_free_key, with_key};
use crate::rules::runs::runs;
use crate::rules::{attributes, quota, times};
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;
use jobhost_model::key::Key;
use jobhost_model::table::{Action, Table};

/// The changes of a group to one table.
struct Change {
    base: Arc<TableData>,
    /// Record number -> new or changed record.
    records: BTreeMap<u64, Record>,
    numbers: HashMap<Arc<[u8]>, u64>,
    next_number: u64,
    newest: Option<Timestamp>,
    now: Timestamp,
}

/// A record to write.
struct Incoming<'b> {
    key: &'b [u8],
    text: &'b [u8],
    /// The source of the key, if it was generated.
    source: Option<&'b KeySource>,
}

impl Change {
    fn new(base: Arc<TableData>, now: Timestamp) -> Self {
        let (next_number, newest) = (base.next_number(), base.newest);
        Change { base, records: BTreeMap::new(), numbers: HashMap::new(), next_number, newest, now }
    }

    fn find(&self, key: &[u8]) -> Option<(u64, &Record)> {
        match self.numbers.get(key) {
            Some(number) => Some((*number, self.records.get(number)?)),
            None => self.base.by_key(key),
        }
    }

    /// Returns the time of a write: the clock's time, or the time of the newest record if the clock moved back a
    /// little.
    fn time(&self) -> Timestamp {
        self.newest.map_or(self.now, |newest| times::last_change(self.now, newest))
    }

    fn append(&mut self, key: Arc<[u8]>, text: &[u8]) {
        let time = self.time();
        let record = Record { key: Arc::clone(&key), text: text.into(), created: time, updated: time };
        self.newest = Some(time);
        self.numbers.insert(key, self.next_number);
        self.records.insert(self.next_number, record);
        self.next_number += 1;
    }

    /// Writes a record. Returns whether it was written.
    fn write(&mut self, action: Action, key: &[u8], text: &[u8]) -> Result<bool, StoreError> {
        let Some((number, there)) = self.find(key) else {
            if action != Action::Update {
                self.append(key.into(), text);
            }
            return Ok(action != Action::Update);
        };
        if action == Action::Insert {
            return Ok(false);
        }
        let mut merged = there.text.to_vec();
        fold([text], &mut merged)?;
        let record = Record { text: merged.into(), updated: self.time(), ..there.clone() };
        self.numbers.insert(Arc::clone(&record.key), number);
        self.records.insert(number, record);
        Ok(true)
    }

    /// Writes a record with a generated key as a new one, and replaces the key if it is taken.
    fn write_generated(
        &mut self,
        table: &Table,
        one: &Incoming<'_>,
        source: &KeySource,
        taken: &HashSet<&[u8]>,
    ) -> Result<Vec<u8>, StoreError> {
        let first = decode(one.key)?;
        let (mut key, mut encoded) = (first.clone(), one.key.to_vec());
        for _ in 0..MAX_KEY_TRIES {
            if !taken.contains(encoded.as_slice()) && self.find(&encoded).is_none() {
                let text = with_key(table, one.text, &first, &key)?;
                self.append(encoded.as_slice().into(), &text);
                return Ok(encoded);
            }
            key = source.instead_of(&key);
            encoded.clear();
            key.encode(&mut encoded);
        }
        Err(no_free_key(table))
    }

    fn write_run(
        &mut self,
        table: &Table,
        run: &[TableWrite],
        mut note: impl FnMut(Vec<u8>, bool),
    ) -> Result<Tally, StoreError> {
        let incoming: Vec<Incoming<'_>> = run.iter().flat_map(incoming).collect();
        let explicit = incoming.iter().filter(|one| one.source.is_none());
        let taken: HashSet<&[u8]> = explicit.map(|one| one.key).collect();
        let action = run.first().map_or(Action::Insert, |write| write.action);
        let mut tally = Tally { received: incoming.len() as u64, ..Tally::default() };
        for one in &incoming {
            let (key, written) = match one.source {
                Some(source) => (self.write_generated(table, one, source, &taken)?, true),
                None => (one.key.to_vec(), self.write(action, one.key, one.text)?),
            };
            tally.written += u64::from(written);
            note(key, written);
        }
        tally.skipped = tally.received - tally.written;
        Ok(tally)
    }
}

fn incoming(write: &TableWrite) -> impl Iterator<Item = Incoming<'_>> {
    let generated = write.batch.generated();
    write.batch.encoded().enumerate().map(move |(place, (key, text))| {
        let mark = generated.filter(|marked| marked.records.binary_search(&(place as u32)).is_ok());
        Incoming { key, text, source: mark.map(|marked| &marked.source) }
    })
}

fn decode(key: &[u8]) -> Result<Key, StoreError> {
    Key::decode(key).map_err(|_| StoreError::damaged("a key"))
}

impl State {
    /// Applies the writes of a group. The caller updates the job of the lease.
    pub(super) fn write(&mut self, group: &WriteGroup, now: Timestamp, max_bytes: u64) -> Result<Applied, StoreError> {
        let bytes = group.writes.iter().map(|write| write.batch.text_bytes()).sum();
        self.check_room(bytes, max_bytes)?;
        let extended = attributes::extended(&group.writes, |name| self.table(name))?;
        if let Some(quota) = &group.quota {
            quota::check(quota, self.held_by(&quota.user), &group.writes)?;
        }
        let mut applied = Applied::default();
        let mut changes: BTreeMap<u32, Change> = BTreeMap::new();
        for run in runs(&group.writes) {
            let Some(first) = run.first() else { continue };
            let table = self.table(&first.table)?;
            let base = self.tables.get(&table.id).cloned().unwrap_or_default();
            let change = changes.entry(table.id).or_insert_with(|| Change::new(base, now));
            let mut keys = Vec::new();
            applied.tally += change.write_run(&table, run, |key, written| keys.push((key, written)))?;
            if group.lease.is_none() {
                for (key, written) in keys {
                    let list = if written { &mut applied.written } else { &mut applied.skipped };
                    list.push(decode(&key)?);
                }
            }
        }
        extended.into_iter().for_each(|table| self.put_table(table));
        for (table, change) in changes {
            self.commit(table, change, group.quota.as_ref());
        }
        Ok(applied)
    }

    fn commit(&mut self, table: u32, change: Change, quota: Option<&Quota>) {
        let Change { base, records, newest, .. } = change;
        if records.is_empty() {
            return;
        }
        let updated = records.values().map(|record| record.updated).max();
        // Releases this reference, so that the table is not copied unless a reader holds it.
        drop(base);
        let grown = self.resize(table, |data| {
            records.into_iter().for_each(|(number, record)| data.put(number, record));
            data.newest = newest;
            data.changed = updated;
            Ok::<(), std::convert::Infallible>(())
        });
        let (Ok(grown), Some(quota)) = (grown, quota) else { return };
        if grown > 0 {
            let scale = self.data_mut(table).scale;
            let share = self.shares.entry((Arc::clone(&quota.user), table)).or_default();
            *share = share.grown(scale, grown);
        }
    }

    /// Modifies the data of a table. Returns the number of bytes by which it grew.
    pub(super) fn resize<E>(
        &mut self,
        table: u32,
        change: impl FnOnce(&mut TableData) -> Result<(), E>,
    ) -> Result<u64, E> {
        let data = self.data_mut(table);
        let before = data.bytes;
        change(data)?;
        if data.bytes < before {
            data.scale.shrink(before, data.bytes);
        }
        Ok(data.bytes.saturating_sub(before))
    }

    /// Returns how many bytes a user has written that still exist.
    pub(super) fn held_by(&self, user: &str) -> u64 {
        let own = self.shares.iter().filter(|((other, _), _)| &**other == user);
        own.filter_map(|((_, table), share)| {
            let data = self.tables.get(table)?;
            Some(share.bytes(data.scale).min(data.bytes))
        })
        .fold(self.unpublished.bytes_of(user), u64::saturating_add)
    }
}
