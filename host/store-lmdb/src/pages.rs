//! Reads pages of records from a snapshot: in order of arrival, in order of keys, or by key.

use std::ops::{Bound, Range};

use super::block::Block;
use super::environment::{RANDOM_READ_BYTES, Snapshot, engine};
use super::heap::Heap;
use super::index::Index;
use super::keyspace::{heap_key, heap_number};
use super::tables;
use jobhost_model::key::{Key, MAX_ENCODED_BYTES};
use jobhost_store::{RecordPage, StoreError};

/// Target size of a page's text in bytes. A single record may be larger.
const PAGE_BYTES: usize = 256 << 10;
/// Maximum number of records per page, for tables with tiny records.
const PAGE_RECORDS: usize = 16 << 10;

/// Two records whose numbers differ by less than this are likely in neighbouring blocks.
const NEAR: u64 = 4096;
/// Approximate size of a block in bytes.
const BLOCK_BYTES: usize = 4096;

fn is_full(page: &RecordPage) -> bool {
    page.text.len() >= PAGE_BYTES || page.len() >= PAGE_RECORDS
}

/// Returns the records from number `next` on, in order of arrival, and advances `next` past the last. An empty page
/// means the end of the table.
pub(super) fn by_arrival(snapshot: &Snapshot<'_>, heap: Heap<'_>, next: &mut u64) -> Result<RecordPage, StoreError> {
    let mut page = RecordPage::default();
    let reserved = tables::counters(&heap.environment.dbs, snapshot, heap.table)?.reserved;
    // The block that holds `next` may start before it.
    let from = heap.block_number(snapshot, *next)?.unwrap_or(*next);
    for numbers in reserved.without(from..u64::MAX) {
        if is_full(&page) {
            break;
        }
        append(snapshot, heap, numbers, next, &mut page)?;
    }
    heap.environment.touched(page.text.len());
    Ok(page)
}

/// Appends the records of a range, from number `next` on, until the page is full.
fn append(
    snapshot: &Snapshot<'_>,
    heap: Heap<'_>,
    numbers: Range<u64>,
    next: &mut u64,
    page: &mut RecordPage,
) -> Result<(), StoreError> {
    let (start, end) = (heap_key(heap.table, numbers.start), heap_key(heap.table, numbers.end));
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Excluded(&end));
    for entry in heap.environment.dbs.heap.range(snapshot, &bounds).map_err(engine)? {
        let (key, value) = entry.map_err(engine)?;
        let first = heap_number(heap.table, key).ok_or_else(|| StoreError::damaged("the key of a block"))?;
        let added = page.len();
        if let Some(last) = Block::decode(first, value)?.append_from(*next, page)? {
            *next = last + 1;
        }
        if is_full(page) {
            break;
        }
        if added == 0 {
            // A second block suggests a full page: reserving once avoids copying the page each time it grows.
            page.text.reserve(PAGE_BYTES + BLOCK_BYTES);
            page.records.reserve((PAGE_BYTES / page.text.len().max(1)).saturating_mul(page.len()).min(PAGE_RECORDS));
        }
    }
    Ok(())
}

/// Returns the records whose keys are greater than `after`, in order of keys, and advances `after` to the last key. An
/// empty page means the end of the table.
pub(super) fn by_key(
    snapshot: &Snapshot<'_>,
    index: &Index<'_>,
    heap: Heap<'_>,
    after: &mut Option<Vec<u8>>,
) -> Result<RecordPage, StoreError> {
    let mut page = RecordPage::default();
    // If keys ascend with arrival, the next record is usually in the same block.
    let mut block: Option<Block<'_>> = None;
    let mut last: Option<&[u8]> = None;
    let mut last_number = 0;
    for entry in index.after(snapshot, after.as_deref())? {
        let (key, number) = entry?;
        let missing = || StoreError::damaged("a record that the index knows");
        let there = block.map(|block| block.find(number)).transpose()?.flatten();
        let (entry, created) = match (there, block) {
            (Some(entry), Some(block)) => (entry, block.created),
            _ => {
                let found = heap.block(snapshot, number)?.ok_or_else(missing)?;
                if number.abs_diff(last_number) < NEAR {
                    heap.environment.touched(BLOCK_BYTES);
                } else {
                    heap.environment.touched_scattered(RANDOM_READ_BYTES);
                }
                block = Some(found);
                (found.find(number)?.ok_or_else(missing)?, found.created)
            }
        };
        page.push(entry.text, created, entry.updated);
        last = Some(key);
        last_number = number;
        if is_full(&page) {
            break;
        }
    }
    // Advance even on a partial page, so that the next page is empty.
    if let Some(last) = last {
        *after = Some(last.to_vec());
    }
    Ok(page)
}

/// Returns the records with these keys, in the order of `keys`. Missing ones are omitted.
pub(super) fn of_keys(
    snapshot: &Snapshot<'_>,
    index: &Index<'_>,
    heap: Heap<'_>,
    keys: &[Key],
) -> Result<RecordPage, StoreError> {
    let mut page = RecordPage::default();
    let mut encoded = Vec::new();
    for key in keys {
        encoded.clear();
        key.encode(&mut encoded);
        if encoded.len() > MAX_ENCODED_BYTES {
            continue;
        }
        let Some(number) = index.number(snapshot, &encoded)? else { continue };
        let missing = || StoreError::damaged("a record that the index knows");
        heap.environment.touched(2 * RANDOM_READ_BYTES);
        let block = heap.block(snapshot, number)?.ok_or_else(missing)?;
        let entry = block.find(number)?.ok_or_else(missing)?;
        page.push(entry.text, block.created, entry.updated);
    }
    Ok(page)
}
