//! The heap of one table: blocks of records in order of their numbers, which is the order of their arrival and so of their
//! created times. It is only appended to; an update rewrites a block in place, a deletion makes it smaller.

use heed::{RoTxn, RwTxn};

use super::block::{Block, BlockBuilder, Entry};
use super::environment::{Environment, RANDOM_READ_BYTES, damaged, engine};
use super::keyspace::{heap_key, heap_number};
use crate::records::Timestamp;
use crate::records::store::StoreError;

#[derive(Clone, Copy)]
pub(super) struct Heap<'e> {
    pub environment: &'e Environment,
    pub table: u32,
}

/// What becomes of a record that an edit visits.
pub(super) enum Edit {
    Keep,
    /// By the text that was put into the buffer.
    Replace(Timestamp),
    Delete,
}

/// Bytes that a table's data takes, as far as one transaction changed it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Usage {
    pub added: u64,
    pub removed: u64,
}

impl Usage {
    pub fn add(&mut self, key: &[u8], value: usize) {
        self.added += (key.len() + value) as u64;
    }

    pub fn remove(&mut self, key: &[u8], value: usize) {
        self.removed += (key.len() + value) as u64;
    }
}

impl Heap<'_> {
    /// Add records. Numbers ascend and are greater than any in the heap; `created` is not before that of any in it.
    pub fn append<'r>(
        &self,
        txn: &mut RwTxn<'_>,
        created: Timestamp,
        records: impl Iterator<Item = (u64, &'r [u8])>,
        usage: &mut Usage,
    ) -> Result<(), StoreError> {
        let mut builder = BlockBuilder::default();
        for (number, text) in records {
            if !builder.has_room(number, created, text.len()) {
                self.put(txn, &mut builder, usage)?;
            }
            builder.push(Entry { number, updated: created, text }, created);
        }
        if builder.is_empty() { Ok(()) } else { self.put(txn, &mut builder, usage) }
    }

    fn put(&self, txn: &mut RwTxn<'_>, builder: &mut BlockBuilder, usage: &mut Usage) -> Result<(), StoreError> {
        let (first, value) = builder.finish();
        let key = heap_key(self.table, first);
        usage.add(&key, value.len());
        self.environment.dbs.heap.put(txn, &key, value).map_err(engine)
    }

    /// The block that holds the record of this number, if there is such a record.
    fn block_of<'t>(&self, txn: &'t RoTxn<'_>, number: u64) -> Result<Option<(u64, &'t [u8])>, StoreError> {
        let found =
            self.environment.dbs.heap.get_lower_than_or_equal_to(txn, &heap_key(self.table, number)).map_err(engine)?;
        Ok(found.and_then(|(key, value)| Some((heap_number(self.table, key)?, value))))
    }

    pub fn block<'t>(&self, txn: &'t RoTxn<'_>, number: u64) -> Result<Option<Block<'t>>, StoreError> {
        self.block_of(txn, number)?.map(|(first, value)| Block::decode(first, value)).transpose()
    }

    /// Visit the records of these numbers, which ascend and are all there.
    pub fn edit(
        &self,
        txn: &mut RwTxn<'_>,
        numbers: &[u64],
        usage: &mut Usage,
        mut visit: impl FnMut(usize, Entry<'_>, &mut Vec<u8>) -> Result<Edit, StoreError>,
    ) -> Result<(), StoreError> {
        let missing = || damaged("a record that the index knows");
        let mut old = Vec::new();
        let mut text = Vec::new();
        let mut builder = BlockBuilder::default();
        let mut wanted = numbers.iter().copied().enumerate().peekable();
        while let Some(&(_, number)) = wanted.peek() {
            let (first, value) = self.block_of(txn, number)?.ok_or_else(missing)?;
            old.clear();
            old.extend_from_slice(value);
            self.environment.touched(RANDOM_READ_BYTES);
            let block = Block::decode(first, &old)?;
            let mut first_kept = None;
            let mut changed = false;
            let mut visited = false;
            for entry in block.iter() {
                let mut entry = entry?;
                if let Some((index, _)) = wanted.next_if(|(_, number)| *number == entry.number) {
                    visited = true;
                    text.clear();
                    match visit(index, entry, &mut text)? {
                        Edit::Keep => {}
                        Edit::Replace(updated) => {
                            changed = true;
                            entry.text = &text;
                            entry.updated = updated;
                        }
                        Edit::Delete => {
                            changed = true;
                            continue;
                        }
                    }
                }
                if !builder.has_room(entry.number, block.created, entry.text.len()) {
                    self.put(txn, &mut builder, usage)?;
                }
                first_kept = first_kept.or(Some(entry.number));
                builder.push(entry, block.created);
            }
            if !visited {
                return Err(missing());
            }
            if !changed {
                builder = BlockBuilder::default();
                continue;
            }
            if !builder.is_empty() {
                self.put(txn, &mut builder, usage)?;
            }
            let key = heap_key(self.table, first);
            usage.remove(&key, old.len());
            if first_kept != Some(first) {
                self.environment.dbs.heap.delete(txn, &key).map_err(engine)?;
            }
        }
        Ok(())
    }
}
