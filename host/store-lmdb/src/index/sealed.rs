//! Writes the leaves and filters of sealed runs.
//!
//! What is written is collected first: leaves are built from slices of the memory map, which a write to the store would
//! invalidate.

use heed::RwTxn;

use super::filter::FilterBuilder;
use super::leaf::LeafBuilder;
use crate::environment::{Database, Databases, engine};
use crate::heap::Usage;
use crate::keyspace::table_prefix;
use jobhost_store::StoreError;

/// Keys and values to put into one database.
#[derive(Default)]
struct Values {
    bytes: Vec<u8>,
    /// End offsets of each key and of its value.
    ends: Vec<(usize, usize)>,
}

impl Values {
    fn push(&mut self, run: u32, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(&table_prefix(run));
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
    }

    fn put(&self, db: Database, txn: &mut RwTxn<'_>, usage: &mut Usage) -> Result<(), StoreError> {
        let mut start = 0;
        for &(key_end, end) in &self.ends {
            let key = self.bytes.get(start..key_end).unwrap_or_default();
            let value = self.bytes.get(key_end..end).unwrap_or_default();
            usage.add(key, value.len());
            db.put(txn, key, value).map_err(engine)?;
            start = end;
        }
        Ok(())
    }
}

/// Collects entries of one sealed run. Keys must ascend.
pub struct SealedWriter {
    run: u32,
    leaf: LeafBuilder,
    filter: FilterBuilder,
    leaves: Values,
    filters: Values,
}

impl SealedWriter {
    pub fn new(run: u32) -> Self {
        SealedWriter {
            run,
            leaf: LeafBuilder::default(),
            filter: FilterBuilder::default(),
            leaves: Values::default(),
            filters: Values::default(),
        }
    }

    pub fn add(&mut self, key: &[u8], number: u64) -> Result<(), StoreError> {
        if !self.leaf.has_room(key) {
            self.end_leaf()?;
        }
        self.leaf.add(key, number);
        self.add_to_filter(key);
        Ok(())
    }

    /// Adds a key to the filters only, because a leaf has it already.
    pub fn add_to_filter(&mut self, key: &[u8]) {
        self.filter.add(key);
        if self.filter.is_full() {
            self.end_filter();
        }
    }

    fn end_leaf(&mut self) -> Result<(), StoreError> {
        let (run, leaves) = (self.run, &mut self.leaves);
        self.leaf.emit(|key, value| {
            leaves.push(run, key, value);
            Ok(())
        })
    }

    fn end_filter(&mut self) {
        let (key, value) = self.filter.finish();
        self.filters.push(self.run, key, value);
    }

    /// Stores what was collected.
    pub fn store(mut self, dbs: &Databases, txn: &mut RwTxn<'_>, usage: &mut Usage) -> Result<(), StoreError> {
        if !self.leaf.is_empty() {
            self.end_leaf()?;
        }
        if !self.filter.is_empty() {
            self.end_filter();
        }
        self.leaves.put(dbs.primary, txn, usage)?;
        self.filters.put(dbs.filters, txn, usage)
    }
}
