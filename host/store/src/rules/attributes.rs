//! Adds new attributes of written records to their tables.

use std::sync::Arc;

use super::catalog::check_count;
use crate::error::StoreError;
use crate::records::TableWrite;
use jobhost_model::attributes::Attribute;
use jobhost_model::table::{Table, TableName};

/// Returns the tables that a group extends, with their new attributes, or why the group cannot be applied. `table`
/// looks up a table as the transaction sees it.
pub fn extended(
    writes: &[TableWrite],
    table: impl Fn(&TableName) -> Result<Arc<Table>, StoreError>,
) -> Result<Vec<Table>, StoreError> {
    let mut extended: Vec<Table> = Vec::new();
    for write in writes {
        let table = table(&write.table)?;
        // The table was dropped after the batch was validated, and perhaps recreated with a different primary key.
        if write.batch.table_id() != table.id {
            return Err(StoreError::no_such_table(&write.table));
        }
        let known = extended.iter().position(|other| other.id == table.id);
        let current = known.and_then(|place| extended.get(place)).unwrap_or(&table);
        let new: Vec<&String> =
            write.batch.attributes().iter().filter(|name| current.attribute(name).is_none()).collect();
        if new.is_empty() {
            continue;
        }
        check_count(&write.table, current.attributes.len() + new.len())?;
        let place = known.unwrap_or_else(|| {
            extended.push(Table::clone(&table));
            extended.len() - 1
        });
        if let Some(table) = extended.get_mut(place) {
            let indexed = !table.schema_defined;
            let discovered = |name: &String| Attribute { name: name.clone(), attribute_type: None, indexed };
            table.attributes.extend(new.into_iter().map(discovered));
        }
    }
    Ok(extended)
}
