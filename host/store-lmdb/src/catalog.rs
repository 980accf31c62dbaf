//! Catalog changes inside a transaction. Slow work, such as freeing a table's pages or removing an attribute from
//! every record, is left to `reclaim`.

use super::reclaim_work::Reclaim;
use super::tables::{self, Counters};
use super::transaction::Transaction;
use jobhost_model::table::{Table, TableName};
use jobhost_store::rules::catalog::{CatalogEdit, edits};
use jobhost_store::{CatalogChange, StoreError};

/// Applies a catalog change. Returns the id of the background work to wait for, if there is any.
pub(super) fn change(tx: &mut Transaction<'_>, change: &CatalogChange) -> Result<Option<u64>, StoreError> {
    let mut work = None;
    for edit in edits(tx.catalog(), change)? {
        match edit {
            CatalogEdit::AddDatabase(name) => add_database(tx, &name)?,
            CatalogEdit::RemoveDatabase(name) => remove_database(tx, &name)?,
            CatalogEdit::AddTable(table) => {
                let id = tx.next_id()?;
                tx.put_table(Table { id, ..table })?;
            }
            CatalogEdit::ReplaceTable(table) => tx.put_table(table)?,
            CatalogEdit::RemoveTable(name) => remove_table(tx, &name)?,
            CatalogEdit::StripAttribute(name, attribute) => work = Some(strip(tx, &name, attribute)?),
        }
    }
    Ok(work)
}

fn add_database(tx: &mut Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    tables::put_database(&dbs, tx.change(), name)?;
    tx.change_catalog().databases.entry(name.to_owned()).or_default();
    Ok(())
}

fn remove_database(tx: &mut Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    tables::delete_database(&dbs, tx.change(), name)?;
    tx.change_catalog().databases.remove(name);
    Ok(())
}

fn remove_table(tx: &mut Transaction<'_>, name: &TableName) -> Result<(), StoreError> {
    let table = tx.table(name)?.id;
    let dbs = tx.dbs;
    tables::delete_table(&dbs, tx.change(), table)?;
    if let Some(tables) = tx.change_catalog().databases.get_mut(&name.database) {
        tables.remove(&name.table);
    }
    tx.free_table(table)
}

fn strip(tx: &mut Transaction<'_>, name: &TableName, attribute: String) -> Result<u64, StoreError> {
    let table = tx.table(name)?.id;
    let Counters { next_number: end, reserved: kept, .. } = tx.counters(table)?;
    tx.begin_work(|id| Reclaim::Attribute { id, table, attribute, next: 0, end, kept })
}
