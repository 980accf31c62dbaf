//! A scan: one snapshot, read a page at a time. Nothing runs between two pages, so a cursor that is dropped has ended.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::Shared;
use super::block::Block;
use super::environment::{RANDOM_READ_BYTES, Snapshot, damaged, engine};
use super::heap::Heap;
use super::keyspace::{heap_key, heap_number};
use super::primary::Primary;
use crate::records::store::{RecordCursor, RecordPage, ScanOrder, StoreError, StoreErrorKind};

/// Text of a page, unless a single record is larger.
const PAGE_BYTES: usize = 256 << 10;
/// Records of a page, so that tiny ones do not make it large.
const PAGE_RECORDS: usize = 16 << 10;

/// A record whose number differs by less from that of the one before lies in a block beside it, roughly.
const NEAR: u64 = 4096;
/// What a block takes, roughly.
const BLOCK_BYTES: usize = 4096;

pub(super) struct Scan {
    /// Away while a page is read; gone for good when the end was reached or reading was given up half way.
    state: Option<State>,
}

struct State {
    snapshot: Snapshot<'static>,
    shared: Arc<Shared>,
    table: u32,
    position: Position,
}

/// Behind which record the next page begins.
enum Position {
    Arrival(u64),
    Key(Option<Vec<u8>>),
}

impl Scan {
    pub fn begin(shared: Arc<Shared>, table: u32, order: ScanOrder) -> Result<Self, StoreError> {
        let position = match order {
            ScanOrder::Arrival => Position::Arrival(0),
            ScanOrder::Key => Position::Key(None),
        };
        Ok(Scan { state: Some(State { snapshot: shared.environment.read_static()?, shared, table, position }) })
    }
}

#[async_trait]
impl RecordCursor for Scan {
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError> {
        let Some(mut state) = self.state.take() else { return Ok(None) };
        let read = move || {
            let page = state.page()?;
            Ok((state, page))
        };
        let (state, page) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| StoreError::caused_by(StoreErrorKind::Unavailable, "a scan was cut off", error))??;
        if page.is_empty() {
            return Ok(None);
        }
        self.state = Some(state);
        Ok(Some(page))
    }
}

fn is_full(page: &RecordPage) -> bool {
    page.text.len() >= PAGE_BYTES || page.len() >= PAGE_RECORDS
}

impl State {
    fn page(&mut self) -> Result<RecordPage, StoreError> {
        let mut page = RecordPage::default();
        let environment = &self.shared.environment;
        let heap = Heap { environment, table: self.table };
        let primary = Primary { environment, table: self.table };
        match &mut self.position {
            Position::Arrival(next) => {
                arrival(&self.snapshot, heap, next, &mut page)?;
                environment.touched(page.text.len());
            }
            Position::Key(after) => by_key(&self.snapshot, primary, heap, after, &mut page)?,
        }
        Ok(page)
    }
}

fn by_key(
    snapshot: &Snapshot<'_>,
    primary: Primary<'_>,
    heap: Heap<'_>,
    after: &mut Option<Vec<u8>>,
    page: &mut RecordPage,
) -> Result<(), StoreError> {
    // Keys that ascend with arrival find their record in the block of the one before.
    let mut block: Option<Block<'_>> = None;
    let mut last: Option<&[u8]> = None;
    let mut last_number = 0;
    for leaf in primary.leaves_after(snapshot, after.as_deref())? {
        for pair in leaf?.pairs() {
            let (key, number) = pair?;
            if last.is_none() && after.as_deref().is_some_and(|after| key <= after) {
                continue;
            }
            let missing = || damaged("a record that the index knows");
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
            if is_full(page) {
                *after = last.map(<[u8]>::to_vec);
                return Ok(());
            }
        }
    }
    // At the end the next page must be empty, also when nothing more came.
    if let Some(last) = last {
        *after = Some(last.to_vec());
    }
    Ok(())
}

fn arrival(snapshot: &Snapshot<'_>, heap: Heap<'_>, next: &mut u64, page: &mut RecordPage) -> Result<(), StoreError> {
    let (start, end) = (heap_key(heap.table, *next), heap_key(heap.table, u64::MAX));
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Included(&end));
    for entry in heap.environment.dbs.heap.range(snapshot, &bounds).map_err(engine)? {
        let (key, value) = entry.map_err(engine)?;
        let first = heap_number(heap.table, key).ok_or_else(|| damaged("the key of a block"))?;
        let block = Block::decode(first, value)?;
        for record in block.iter() {
            let record = record?;
            page.push(record.text, block.created, record.updated);
            *next = record.number + 1;
        }
        if is_full(page) {
            break;
        }
    }
    Ok(())
}
