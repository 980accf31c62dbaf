//! A snapshot of the store for threads that may block. All of its reads use one LMDB read transaction.

use std::sync::Arc;

use super::Shared;
use super::environment;
use super::heap::Heap;
use super::index::Index;
use super::pages;
use jobhost_model::key::Key;
use jobhost_model::table::{Catalog, TableName};
use jobhost_store::{RecordPage, ScanPosition, Snapshot, StoreError};

pub(super) struct Moment {
    // Fields are dropped in declaration order: the transaction ends before the store can close.
    transaction: environment::Snapshot<'static>,
    catalog: Arc<Catalog>,
    shared: Arc<Shared>,
}

impl Moment {
    pub fn begin(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let transaction = shared.environment.read_static()?;
        let catalog = shared.catalog();
        Ok(Moment { transaction, catalog, shared })
    }

    fn heap(&self, table: &TableName) -> Result<Heap<'_>, StoreError> {
        let table = self.catalog.table(table).map(|table| table.id).ok_or_else(|| StoreError::no_such_table(table))?;
        Ok(Heap { environment: &self.shared.environment, table })
    }
}

impl Snapshot for Moment {
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError> {
        let heap = self.heap(table)?;
        let start = match *position {
            ScanPosition::Start => 0,
            ScanPosition::After(number) => number.saturating_add(1),
        };
        let mut next = start;
        let page = pages::by_arrival(&self.transaction, heap, &mut next)?;
        if next > start {
            *position = ScanPosition::After(next - 1);
        }
        Ok(page)
    }

    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError> {
        let heap = self.heap(table)?;
        let index = Index::open(heap.environment, &self.transaction, heap.table)?;
        pages::of_keys(&self.transaction, &index, heap, keys)
    }
}
