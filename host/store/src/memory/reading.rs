//! Scans and snapshots of the in-memory store. Both hold the tables as they were when they started.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::table::TableData;
use crate::error::StoreError;
use crate::pages::{RecordCursor, RecordPage, ScanOrder, ScanPosition, Snapshot};
use jobhost_model::key::Key;
use jobhost_model::table::{Catalog, TableName};

pub(super) fn fetch(data: &TableData, keys: &[Key]) -> RecordPage {
    let mut page = RecordPage::default();
    let mut encoded = Vec::new();
    for key in keys {
        encoded.clear();
        key.encode(&mut encoded);
        if let Some((_, record)) = data.by_key(&encoded) {
            page.push(&record.text, record.created, record.updated);
        }
    }
    page
}

pub(super) struct Scan {
    data: Arc<TableData>,
    position: Position,
}

enum Position {
    /// The next record number.
    Arrival(u64),
    /// The last key returned.
    Key(Option<Arc<[u8]>>),
    End,
}

impl Scan {
    pub(super) fn new(data: Arc<TableData>, order: ScanOrder) -> Self {
        let position = match order {
            ScanOrder::Arrival => Position::Arrival(0),
            ScanOrder::Key => Position::Key(None),
        };
        Scan { data, position }
    }
}

#[async_trait]
impl RecordCursor for Scan {
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError> {
        let page = match &mut self.position {
            Position::End => return Ok(None),
            Position::Arrival(next) => {
                let (page, behind) = self.data.page_by_arrival(*next);
                *next = behind;
                page
            }
            Position::Key(after) => {
                let (page, last) = self.data.page_by_key(after.as_deref());
                *after = last;
                page
            }
        };
        if page.is_empty() {
            self.position = Position::End;
            return Ok(None);
        }
        Ok(Some(page))
    }
}

pub(super) struct Moment {
    pub catalog: Arc<Catalog>,
    pub tables: HashMap<u32, Arc<TableData>>,
}

impl Moment {
    fn data(&self, name: &TableName) -> Result<Arc<TableData>, StoreError> {
        let table = self.catalog.table(name).ok_or_else(|| StoreError::no_such_table(name))?;
        Ok(self.tables.get(&table.id).cloned().unwrap_or_default())
    }
}

impl Snapshot for Moment {
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError> {
        let start = match *position {
            ScanPosition::Start => 0,
            ScanPosition::After(number) => number.saturating_add(1),
        };
        let (page, next) = self.data(table)?.page_by_arrival(start);
        if next > start {
            *position = ScanPosition::After(next - 1);
        }
        Ok(page)
    }

    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        Ok(fetch(&*self.data(table)?, keys))
    }
}
