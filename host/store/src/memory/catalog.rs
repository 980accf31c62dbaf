//! The catalog of the in-memory store.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;
use crate::batch::members;
use crate::catalog::{CatalogChange, CatalogStore, TableStatistics};
use crate::error::{StoreError, StoreErrorKind};
use crate::rules::catalog::{CatalogEdit, edits};
use jobhost_model::table::{Catalog, Table, TableName};

#[async_trait]
impl CatalogStore for MemoryStore {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.state().catalog)
    }

    async fn change_catalog(&self, change: CatalogChange) -> Result<(), StoreError> {
        let mut state = self.state();
        edits(&state.catalog, &change)?.into_iter().try_for_each(|edit| state.edit(edit))
    }

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError> {
        let data = self.state().data(table)?;
        let record_count = data.len() as u64;
        Ok(TableStatistics { record_count, table_size: data.bytes, last_updated: data.changed })
    }

    async fn size(&self) -> Result<u64, StoreError> {
        Ok(self.state().bytes())
    }
}

impl State {
    fn edit(&mut self, edit: CatalogEdit) -> Result<(), StoreError> {
        match edit {
            CatalogEdit::AddDatabase(name) => {
                Arc::make_mut(&mut self.catalog).databases.entry(name).or_default();
            }
            CatalogEdit::RemoveDatabase(name) => {
                Arc::make_mut(&mut self.catalog).databases.remove(&name);
            }
            CatalogEdit::AddTable(table) => {
                let id = self.last_table_id.checked_add(1);
                let full =
                    || StoreError::new(StoreErrorKind::Full, "the store has created as many tables as it can count");
                self.last_table_id = id.ok_or_else(full)?;
                self.put_table(Table { id: self.last_table_id, ..table });
            }
            CatalogEdit::ReplaceTable(table) => self.put_table(table),
            CatalogEdit::RemoveTable(name) => {
                let id = self.table(&name)?.id;
                self.tables.remove(&id);
                self.shares.retain(|(_, table), _| *table != id);
                if let Some(tables) = Arc::make_mut(&mut self.catalog).databases.get_mut(&name.database) {
                    tables.remove(&name.table);
                }
            }
            CatalogEdit::StripAttribute(name, attribute) => {
                let id = self.table(&name)?.id;
                let stripped = |text: &[u8]| {
                    let mut rest = Vec::new();
                    let had = members::remove(text, &attribute, &mut rest);
                    let had = had.map_err(|_| StoreError::damaged("the text of a record"))?;
                    Ok::<_, StoreError>(had.then_some(rest))
                };
                self.resize(id, |data| data.rewrite(stripped))?;
            }
        }
        Ok(())
    }
}
