//! The log of a part's changes: texts, each for one record of the table.
//!
//! The texts are in a heap of the log's own, in order of arrival. For each group, a sorted list of pairs says which text
//! changes which record. The lists are read as one, in order of record numbers, so that each block of the table is rewritten
//! once, although the records may be changed in any order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Bound, Range};

use heed::RoTxn;

use crate::block::Block;
use crate::environment::{Database, engine};
use crate::heap::{Heap, Usage};
use crate::keyspace::table_prefix;
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// A record number of the table, and the number of a text that changes the record.
pub type Pair = (u64, u64);

const PAIR_BYTES: usize = 16;
/// A list is stored in chunks of so many pairs, each of which fits into a page.
const CHUNK_PAIRS: usize = 250;
/// Number of changes that are written at a time.
const STEP: usize = 256 << 10;
/// Size of the texts that are held at a time.
const STEP_BYTES: usize = 32 << 20;
/// Approximate size of a block in bytes.
const BLOCK_BYTES: usize = 4096;

/// Stores the list of a group: `records` are the records that its texts change, and `first` is the number of the first text.
pub fn put_list(
    tx: &mut Transaction<'_>,
    id: u32,
    first: u64,
    records: impl Iterator<Item = u64>,
    usage: &mut Usage,
) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    let mut pairs: Vec<Pair> = records.zip(first..).collect();
    pairs.sort_unstable();
    for (chunk, pairs) in (0..).zip(pairs.chunks(CHUNK_PAIRS)) {
        let key = chunk_key(id, first, chunk);
        let value: Vec<u8> =
            pairs.iter().flat_map(|(record, change)| [record.to_be_bytes(), change.to_be_bytes()].concat()).collect();
        usage.add(&key, value.len());
        dbs.primary.put(tx.change(), &key, &value).map_err(engine)?;
    }
    Ok(())
}

fn chunk_key(id: u32, list: u64, chunk: u32) -> Vec<u8> {
    [table_prefix(id).as_slice(), &list.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// A position in the list of one group.
pub struct List {
    /// The number of the first text of the group.
    first: u64,
    chunk: u32,
    /// Index of the next pair in the chunk.
    next: usize,
}

/// Returns the lists of all groups, at their starts.
pub fn lists(txn: &RoTxn<'_>, pairs: Database, id: u32) -> Result<Vec<List>, StoreError> {
    let prefix = table_prefix(id);
    let mut lists: Vec<List> = Vec::new();
    loop {
        let after = match lists.last() {
            Some(last) => chunk_key(id, last.first, u32::MAX),
            None => prefix.to_vec(),
        };
        let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Excluded(&after), Bound::Unbounded);
        let next = pairs.range(txn, &range).map_err(engine)?.next().transpose().map_err(engine)?;
        let first = next.and_then(|(key, _)| key.strip_prefix(&prefix)?.first_chunk::<8>());
        match first {
            Some(first) => lists.push(List { first: u64::from_be_bytes(*first), chunk: 0, next: 0 }),
            None => return Ok(lists),
        }
    }
}

/// The pairs of a list, from its position on.
struct Cursor<'t> {
    list: List,
    chunk: &'t [u8],
}

impl<'t> Cursor<'t> {
    fn open(txn: &'t RoTxn<'_>, pairs: Database, id: u32, list: List) -> Result<Self, StoreError> {
        let chunk = pairs.get(txn, &chunk_key(id, list.first, list.chunk)).map_err(engine)?.unwrap_or_default();
        Ok(Cursor { list, chunk })
    }

    fn next(&mut self, txn: &'t RoTxn<'_>, pairs: Database, id: u32) -> Result<Option<Pair>, StoreError> {
        loop {
            let start = self.list.next * PAIR_BYTES;
            if let Some((record, rest)) = self.chunk.get(start..).and_then(|rest| rest.split_first_chunk::<8>())
                && let Some((change, _)) = rest.split_first_chunk::<8>()
            {
                self.list.next += 1;
                return Ok(Some((u64::from_be_bytes(*record), u64::from_be_bytes(*change))));
            }
            if self.chunk.is_empty() {
                return Ok(None);
            }
            self.list.chunk += 1;
            self.list.next = 0;
            self.chunk =
                pairs.get(txn, &chunk_key(id, self.list.first, self.list.chunk)).map_err(engine)?.unwrap_or_default();
        }
    }

    /// Puts back the last pair.
    fn back(&mut self) {
        self.list.next = self.list.next.saturating_sub(1);
    }
}

/// Returns the next pairs of all lists, in order, and advances the lists. Lists that are read to their end are removed.
pub fn next_pairs(txn: &RoTxn<'_>, db: Database, id: u32, lists: &mut Vec<List>) -> Result<Vec<Pair>, StoreError> {
    let mut cursors = Vec::with_capacity(lists.len());
    let mut heads: BinaryHeap<Reverse<(Pair, usize)>> = BinaryHeap::with_capacity(lists.len());
    for (index, list) in lists.drain(..).enumerate() {
        let mut cursor = Cursor::open(txn, db, id, list)?;
        heads.extend(cursor.next(txn, db, id)?.map(|pair| Reverse((pair, index))));
        cursors.push(cursor);
    }
    let mut pairs = Vec::new();
    while pairs.len() < STEP
        && let Some(Reverse((pair, index))) = heads.pop()
    {
        pairs.push(pair);
        if let Some(cursor) = cursors.get_mut(index) {
            heads.extend(cursor.next(txn, db, id)?.map(|pair| Reverse((pair, index))));
        }
    }
    let mut more = vec![false; cursors.len()];
    for Reverse((_, index)) in heads {
        if let (Some(cursor), Some(more)) = (cursors.get_mut(index), more.get_mut(index)) {
            cursor.back();
            *more = true;
        }
    }
    lists.extend(cursors.into_iter().zip(more).filter(|(_, more)| *more).map(|(cursor, _)| cursor.list));
    Ok(pairs)
}

/// Texts of changes.
pub struct Texts {
    bytes: Vec<u8>,
    /// In the order in which they were asked for.
    pub ranges: Vec<Range<usize>>,
}

impl Texts {
    pub fn get(&self, index: usize) -> &[u8] {
        self.ranges.get(index).and_then(|range| self.bytes.get(range.clone())).unwrap_or_default()
    }
}

/// Copies the texts of the first of these changes, as many as may be held, because a write to the store would invalidate
/// them. They are read in order of their numbers, so that each block is read once.
pub fn texts(tx: &Transaction<'_>, id: u32, numbers: &[u64]) -> Result<Texts, StoreError> {
    let mut most = numbers.len().min(STEP);
    loop {
        let first = numbers.get(..most).unwrap_or(numbers);
        if let Some(texts) = texts_of(tx, id, first)? {
            return Ok(texts);
        }
        most = most.div_ceil(2);
    }
}

/// Copies the texts of changes. Returns `None` if there are several and they are too large.
fn texts_of(tx: &Transaction<'_>, id: u32, numbers: &[u64]) -> Result<Option<Texts>, StoreError> {
    let heap = Heap { environment: tx.environment, table: id };
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
