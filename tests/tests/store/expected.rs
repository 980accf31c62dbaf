//! A model of a table in memory: what a store should contain after a sequence of operations.

use std::collections::BTreeMap;

use jobhost_model::Action;
use jobhost_store::ScanOrder;
use serde_json::Value;

use crate::place::*;

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub arrival: u64,
    pub record: Record,
    pub created: u64,
    pub updated: u64,
}

/// What a job has written with one action and has not published.
pub struct Part {
    pub action: Action,
    /// New records, with the arrival numbers that they will have.
    pub new: BTreeMap<Vec<u8>, Row>,
    /// Changes of existing records, which are given by their arrival.
    pub changes: Vec<(u64, Vec<u8>, Record)>,
    /// The next number of the reserved range, its end, and the created time of its records.
    pub reserved: (u64, u64, u64),
    /// Everything, for a store that decides when it publishes.
    pub all: Vec<Record>,
}

#[derive(Default)]
pub struct Model {
    /// Ordered by the binary form of the key.
    pub rows: BTreeMap<Vec<u8>, Row>,
    pub next: u64,
    /// Creation time of the newest record.
    pub newest: u64,
}

pub fn encoded(value: &Value) -> Vec<u8> {
    let mut form = Vec::new();
    jobhost_model::Key::from_json(value).unwrap().unwrap().encode(&mut form);
    form
}

/// The clock may go back by this many microseconds before new records get its time.
const TOLERANCE: u64 = 10_000_000;

impl Model {
    /// Returns the table's time for this time of the clock.
    pub fn time(&self, now: u64) -> u64 {
        if now + TOLERANCE < self.newest { now } else { now.max(self.newest) }
    }

    /// Returns whether the record was written.
    pub fn write(&mut self, action: Action, record: &Record, now: u64) -> bool {
        match (self.rows.get_mut(&encoded(&record["id"])), action) {
            (None, Action::Update) | (Some(_), Action::Insert) => false,
            (Some(row), _) => {
                for (name, value) in record {
                    row.record.insert(name.clone(), value.clone());
                }
                row.updated = now;
                true
            }
            (None, _) => {
                let row = Row { arrival: self.next, record: record.clone(), created: now, updated: now };
                self.next += 1;
                self.newest = now;
                self.rows.insert(encoded(&record["id"]), row);
                true
            }
        }
    }

    /// Writes records that are not visible yet.
    pub fn load(&mut self, part: &mut Part, records: &[Record], reserved: Option<u64>, now: u64) {
        let Some(reserved) = reserved else { return part.all.extend(records.iter().cloned()) };
        let (mut new, mut changes) = (Vec::new(), Vec::new());
        for record in records {
            let key = encoded(&record["id"]);
            let existing = self.rows.get(&key).filter(|_| !part.new.contains_key(&key));
            match (existing.map(|row| row.arrival), part.action) {
                (Some(_), Action::Insert) | (None, Action::Update) => {}
                (Some(arrival), _) => changes.push((arrival, key, record)),
                (None, _) => new.push((key, record)),
            }
        }
        if !new.is_empty() {
            let count = new.len() as u64;
            if part.reserved.0 + count > part.reserved.1 {
                self.newest = self.time(now);
                part.reserved = (self.next, self.next + reserved.max(count), self.newest);
                self.next = part.reserved.1;
            }
            let (base, _, created) = part.reserved;
            let mut appended = false;
            for (index, (key, record)) in new.into_iter().enumerate() {
                match part.new.get_mut(&key) {
                    Some(_) if part.action == Action::Insert => {}
                    Some(row) => row.record.extend(record.clone()),
                    None => {
                        appended = true;
                        let arrival = base + index as u64;
                        part.new.insert(key, Row { arrival, record: record.clone(), created, updated: created });
                    }
                }
            }
            if appended {
                part.reserved.0 += count;
            }
        }
        part.changes.extend(changes.into_iter().map(|(arrival, key, record)| (arrival, key, record.clone())));
    }

    /// Takes back new records whose keys have been inserted in the meantime.
    pub fn compare(&self, part: &mut Part) {
        let taken: Vec<_> = part.new.keys().filter(|key| self.rows.contains_key(*key)).cloned().collect();
        let mut taken: Vec<_> = taken.into_iter().filter_map(|key| part.new.remove_entry(&key)).collect();
        taken.sort_by_key(|(_, row)| row.arrival);
        if part.action != Action::Insert {
            let change = |(key, row): (Vec<u8>, Row)| (self.rows[&key].arrival, key, row.record);
            part.changes.extend(taken.into_iter().map(change));
        }
    }

    pub fn publish(&mut self, mut part: Part, decided: bool, now: u64) {
        if !decided {
            let time = self.time(now);
            for record in &part.all {
                self.write(part.action, record, time);
            }
            return;
        }
        self.compare(&mut part);
        let time = self.time(now);
        let mut absent: Vec<(Vec<u8>, Record)> = Vec::new();
        for (arrival, key, change) in part.changes {
            match self.rows.get_mut(&key).filter(|row| row.arrival == arrival) {
                Some(row) => {
                    row.record.extend(change);
                    row.updated = time;
                }
                None => absent.push((key, change)),
            }
        }
        // Records that were deleted: the change comes before what the job wrote with the same key later.
        let mut again: BTreeMap<Vec<u8>, Record> = BTreeMap::new();
        for (key, change) in absent {
            if part.action == Action::Upsert && part.new.contains_key(&key) {
                again.entry(key).or_default().extend(change);
            } else {
                self.write(part.action, &change, time);
            }
        }
        for (key, mut earlier) in again {
            let row = part.new.get_mut(&key).unwrap();
            earlier.extend(std::mem::take(&mut row.record));
            row.record = earlier;
        }
        self.rows.extend(part.new);
    }

    pub fn delete_before(&mut self, moment: u64, limit: usize) -> u64 {
        let mut rows = self.in_order(ScanOrder::Arrival);
        rows.sort_by_key(|row| row.created);
        let oldest: Vec<_> = rows.iter().take_while(|row| row.created < moment).take(limit).collect();
        oldest.iter().for_each(|row| drop(self.rows.remove(&encoded(&row.record["id"]))));
        oldest.len() as u64
    }

    pub fn in_order(&self, order: ScanOrder) -> Vec<Row> {
        let mut rows: Vec<_> = self.rows.values().cloned().collect();
        if order == ScanOrder::Arrival {
            rows.sort_by_key(|row| row.arrival);
        }
        rows
    }
}

impl Part {
    pub fn new(action: Action) -> Self {
        Part { action, new: BTreeMap::new(), changes: Vec::new(), reserved: (0, 0, 0), all: Vec::new() }
    }
}
