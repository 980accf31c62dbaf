//! The state of the in-memory store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::jobs::JobTable;
use super::table::TableData;
use super::unpublished::Unpublished;
use crate::error::{StoreError, StoreErrorKind};
use crate::rules::shares::Share;
use jobhost_model::table::{Catalog, Table, TableName};

#[derive(Default)]
pub(super) struct State {
    pub catalog: Arc<Catalog>,
    pub last_table_id: u32,
    /// Table id -> data.
    pub tables: HashMap<u32, Arc<TableData>>,
    /// (User, table id) -> the user's share of the table.
    pub shares: HashMap<(Arc<str>, u32), Share>,
    /// (Kind, name) -> content.
    pub documents: BTreeMap<(String, String), Vec<u8>>,
    pub jobs: JobTable,
    pub unpublished: Unpublished,
}

impl State {
    pub(super) fn table(&self, name: &TableName) -> Result<Arc<Table>, StoreError> {
        self.catalog.table(name).cloned().ok_or_else(|| StoreError::no_such_table(name))
    }

    pub(super) fn data(&self, name: &TableName) -> Result<Arc<TableData>, StoreError> {
        let id = self.table(name)?.id;
        Ok(self.tables.get(&id).cloned().unwrap_or_default())
    }

    /// Returns a table's data for modification. Copies it if a reader holds it.
    pub(super) fn data_mut(&mut self, table: u32) -> &mut TableData {
        Arc::make_mut(self.tables.entry(table).or_default())
    }

    pub(super) fn put_table(&mut self, table: Table) {
        let catalog = Arc::make_mut(&mut self.catalog);
        let tables = catalog.databases.entry(table.name.database.clone()).or_default();
        tables.insert(table.name.table.clone(), Arc::new(table));
    }

    pub(super) fn bytes(&self) -> u64 {
        let documents: usize =
            self.documents.iter().map(|((kind, name), text)| kind.len() + name.len() + text.len()).sum();
        self.tables.values().map(|table| table.bytes).sum::<u64>()
            + documents as u64
            + self.jobs.bytes()
            + self.unpublished.bytes()
    }

    /// Fails if `more` bytes would exceed the limit.
    pub(super) fn check_room(&self, more: usize, max_bytes: u64) -> Result<(), StoreError> {
        let held = self.bytes();
        if held.saturating_add(more as u64) <= max_bytes {
            return Ok(());
        }
        let message =
            format!("the store in memory holds {held} bytes and cannot take {more} more; its limit is {max_bytes}");
        Err(StoreError::new(StoreErrorKind::Full, message))
    }
}
