//! The heap of one table: blocks of records in order of their numbers, which is the order of their arrival and so of their
//! created times. It is only appended to; an update rewrites a block in place, a deletion makes it smaller.

use std::ops::Bound;

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

/// The oldest records of a table: whole blocks, and some records of the block behind them.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    /// The number of the last block of which all records are meant.
    last_whole: Option<u64>,
    /// What those blocks take.
    usage: Usage,
    /// Numbers of the records of the next block that are meant.
    of_next: Vec<u64>,
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

    /// The number of the block that holds this record, or would.
    pub fn block_number(&self, txn: &RoTxn<'_>, number: u64) -> Result<Option<u64>, StoreError> {
        Ok(self.block_of(txn, number)?.map(|(first, _)| first))
    }

    /// Visit the oldest records, at most `limit`, that were created before a moment. What comes back is what was visited.
    pub fn oldest(
        &self,
        txn: &RoTxn<'_>,
        created_before: Timestamp,
        limit: usize,
        mut visit: impl FnMut(Entry<'_>) -> Result<(), StoreError>,
    ) -> Result<Prefix, StoreError> {
        let mut prefix = Prefix::default();
        let mut left = limit;
        let (start, end) = (heap_key(self.table, 0), heap_key(self.table, u64::MAX));
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Included(&end));
        for entry in self.environment.dbs.heap.range(txn, &bounds).map_err(engine)? {
            let (key, value) = entry.map_err(engine)?;
            let first = heap_number(self.table, key).ok_or_else(|| damaged("the key of a block"))?;
            let block = Block::decode(first, value)?;
            if left == 0 || block.created >= created_before {
                break;
            }
            self.environment.touched(value.len());
            let is_whole = block.len() <= left;
            for record in block.iter().take(left) {
                let record = record?;
                visit(record)?;
                if !is_whole {
                    prefix.of_next.push(record.number);
                }
            }
            if !is_whole {
                break;
            }
            left -= block.len();
            prefix.last_whole = Some(first);
            prefix.usage.remove(key, value.len());
        }
        Ok(prefix)
    }

    /// Delete what `oldest` visited, if nothing was changed since.
    pub fn remove_prefix(&self, txn: &mut RwTxn<'_>, prefix: &Prefix, usage: &mut Usage) -> Result<(), StoreError> {
        if let Some(last) = prefix.last_whole {
            let (start, end) = (heap_key(self.table, 0), heap_key(self.table, last));
            let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Included(&end));
            self.environment.dbs.heap.delete_range(txn, &bounds).map_err(engine)?;
            usage.removed += prefix.usage.removed;
        }
        self.edit(txn, &prefix.of_next, usage, |_, _, _| Ok(Edit::Delete))
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
