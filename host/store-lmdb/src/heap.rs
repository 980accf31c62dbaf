//! The heap of one table: blocks of records, ordered by record number. That is the order of arrival and, within an era
//! (`eras`), of created time. The heap is append-only; an update rewrites a block in place, and a deletion shrinks it.

use std::ops::{Bound, Range};

use heed::{RoTxn, RwTxn};

use super::block::{Block, BlockBuilder, Entry};
use super::environment::{Environment, RANDOM_READ_BYTES, engine};
use super::keyspace::{heap_key, heap_number};
use jobhost_model::Timestamp;
use jobhost_store::StoreError;

#[derive(Clone, Copy)]
pub(super) struct Heap<'e> {
    pub environment: &'e Environment,
    pub table: u32,
}

/// What to do with a record that an edit visits.
pub(super) enum Edit {
    Keep,
    /// Replace it with the text in the buffer, updated at this time.
    Replace(Timestamp),
    Delete,
}

/// Bytes that one transaction added to and removed from a table's data.
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

/// The oldest records of an era: a number of whole blocks, followed by some records of the next block.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    /// First record number of the era.
    start: u64,
    /// Number of the last block that is included completely.
    last_whole: Option<u64>,
    /// Size of the included blocks.
    usage: Usage,
    /// Numbers of the included records of the next block.
    of_next: Vec<u64>,
}

/// A block together with its key and size in the store.
pub(super) struct StoredBlock<'t> {
    pub first: u64,
    key: &'t [u8],
    pub bytes: usize,
    pub block: Block<'t>,
}

impl Heap<'_> {
    /// Appends records. Numbers must ascend and exceed all numbers in the heap. `created` must not be earlier than any
    /// created time of the current era.
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

    /// Returns the block that holds this record number, if the record exists.
    fn block_of<'t>(&self, txn: &'t RoTxn<'_>, number: u64) -> Result<Option<(u64, &'t [u8])>, StoreError> {
        let found =
            self.environment.dbs.heap.get_lower_than_or_equal_to(txn, &heap_key(self.table, number)).map_err(engine)?;
        Ok(found.and_then(|(key, value)| Some((heap_number(self.table, key)?, value))))
    }

    pub fn block<'t>(&self, txn: &'t RoTxn<'_>, number: u64) -> Result<Option<Block<'t>>, StoreError> {
        self.block_of(txn, number)?.map(|(first, value)| Block::decode(first, value)).transpose()
    }

    /// Returns the number of the block that holds this record number, or would hold it.
    pub fn block_number(&self, txn: &RoTxn<'_>, number: u64) -> Result<Option<u64>, StoreError> {
        Ok(self.block_of(txn, number)?.map(|(first, _)| first))
    }

    /// Returns the number of the first record.
    pub fn first_number(&self, txn: &RoTxn<'_>) -> Result<Option<u64>, StoreError> {
        Ok(self.blocks(txn, &(0..u64::MAX))?.next().transpose()?.map(|block| block.first))
    }

    pub fn has_records(&self, txn: &RoTxn<'_>, numbers: Range<u64>) -> Result<bool, StoreError> {
        Ok(self.blocks(txn, &numbers)?.next().transpose()?.is_some())
    }

    /// Returns the blocks whose numbers are in a range, in order.
    pub fn blocks<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        numbers: &Range<u64>,
    ) -> Result<impl Iterator<Item = Result<StoredBlock<'t>, StoreError>> + use<'t>, StoreError> {
        let table = self.table;
        let (start, end) = (heap_key(table, numbers.start), heap_key(table, numbers.end));
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Excluded(&end));
        let blocks = self.environment.dbs.heap.range(txn, &bounds).map_err(engine)?;
        Ok(blocks.map(move |entry| {
            let (key, value) = entry.map_err(engine)?;
            let first = heap_number(table, key).ok_or_else(|| StoreError::damaged("the key of a block"))?;
            Ok(StoredBlock { first, key, bytes: value.len(), block: Block::decode(first, value)? })
        }))
    }

    /// Visits the blocks that hold the oldest records created before the given time, at most `limit` of them: each block
    /// with the number of its records to take, counted from its start. Records with the same time are visited in order of
    /// arrival. Returns the visited prefix of each era.
    pub fn oldest(
        &self,
        txn: &RoTxn<'_>,
        eras: impl Iterator<Item = Range<u64>>,
        created_before: Timestamp,
        limit: usize,
        mut visit: impl FnMut(&Block<'_>, usize) -> Result<(), StoreError>,
    ) -> Result<Vec<Prefix>, StoreError> {
        let mut fronts = Vec::new();
        for numbers in eras {
            let mut blocks = self.blocks(txn, &numbers)?;
            let next = blocks.next().transpose()?;
            fronts.push((next, blocks, Prefix { start: numbers.start, ..Prefix::default() }));
        }
        let mut left = limit;
        while left > 0 {
            let oldest = fronts.iter_mut().filter_map(|(next, blocks, prefix)| {
                let created = next.as_ref()?.block.created;
                (created < created_before).then_some((created, next, blocks, prefix))
            });
            let Some((_, next, blocks, prefix)) = oldest.min_by_key(|(created, ..)| *created) else { break };
            let following = blocks.next().transpose()?;
            let Some(StoredBlock { first, key, bytes, block }) = std::mem::replace(next, following) else { break };
            self.environment.touched(bytes);
            visit(&block, block.len().min(left))?;
            if block.len() > left {
                for record in block.iter().take(left) {
                    prefix.of_next.push(record?.number);
                }
                break;
            }
            left -= block.len();
            prefix.last_whole = Some(first);
            prefix.usage.remove(key, bytes);
        }
        Ok(fronts.into_iter().map(|(_, _, prefix)| prefix).collect())
    }

    /// Deletes a prefix returned by `oldest`. The heap must not have changed in between.
    pub fn remove_prefix(&self, txn: &mut RwTxn<'_>, prefix: &Prefix, usage: &mut Usage) -> Result<(), StoreError> {
        if let Some(last) = prefix.last_whole {
            let (start, end) = (heap_key(self.table, prefix.start), heap_key(self.table, last));
            let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Included(&end));
            self.environment.dbs.heap.delete_range(txn, &bounds).map_err(engine)?;
            usage.removed += prefix.usage.removed;
        }
        self.edit(txn, &prefix.of_next, usage, |_, _, _| Ok(Edit::Delete))
    }

    /// Visits the records with these numbers. They must ascend, and all must exist.
    pub fn edit(
        &self,
        txn: &mut RwTxn<'_>,
        numbers: &[u64],
        usage: &mut Usage,
        visit: impl FnMut(usize, Entry<'_>, &mut Vec<u8>) -> Result<Edit, StoreError>,
    ) -> Result<(), StoreError> {
        let missing = |_| Err(StoreError::damaged("a record that the index knows"));
        self.edit_existing(txn, numbers, usage, visit, missing)
    }

    /// Visits the records with these numbers, which must ascend. Calls `missing` with the index of each that does not exist.
    pub fn edit_existing(
        &self,
        txn: &mut RwTxn<'_>,
        numbers: &[u64],
        usage: &mut Usage,
        mut visit: impl FnMut(usize, Entry<'_>, &mut Vec<u8>) -> Result<Edit, StoreError>,
        mut missing: impl FnMut(usize) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut old = Vec::new();
        let mut text = Vec::new();
        let mut builder = BlockBuilder::default();
        let mut wanted = numbers.iter().copied().enumerate().peekable();
        while let Some(&(index, number)) = wanted.peek() {
            let Some((first, value)) = self.block_of(txn, number)? else {
                missing(index)?;
                wanted.next();
                continue;
            };
            old.clear();
            old.extend_from_slice(value);
            self.environment.touched(RANDOM_READ_BYTES);
            let block = Block::decode(first, &old)?;
            let mut first_kept = None;
            let mut changed = false;
            for entry in block.iter() {
                let mut entry = entry?;
                while let Some((index, _)) = wanted.next_if(|(_, number)| *number < entry.number) {
                    missing(index)?;
                }
                if let Some((index, _)) = wanted.next_if(|(_, number)| *number == entry.number) {
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
            // A number that belongs to this block if to any.
            if let Some((index, _)) = wanted.next_if(|(_, next)| *next == number) {
                missing(index)?;
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
