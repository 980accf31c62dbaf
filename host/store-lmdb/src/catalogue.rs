//! Changes of the catalogue inside a transaction. What takes time (freeing a table's pages, removing an attribute from
//! every record) is left to `reclaim`.

use super::reclaim::{self, Reclaim};
use super::tables;
use super::transaction::Transaction;
use jobhost_model::table::{Attribute, CREATED_TIME, MAX_ATTRIBUTES, SYSTEM_DATABASE, Table, TableName, UPDATED_TIME};
use jobhost_store::store::{CatalogueChange, StoreError, StoreErrorKind};

/// Names are keys of the engine; clients are held to less.
const MAX_NAME_BYTES: usize = 1000;

/// The id of the background work to wait for, if there is such.
pub(super) fn change(tx: &mut Transaction<'_>, change: &CatalogueChange) -> Result<Option<u64>, StoreError> {
    match change {
        CatalogueChange::CreateDatabase { name } => create_database(tx, name).map(|()| None),
        CatalogueChange::DropDatabase { name } => drop_database(tx, name).map(|()| None),
        CatalogueChange::CreateTable { name, primary_key, schema_defined, attributes } => {
            create_table(tx, name, primary_key, *schema_defined, attributes).map(|()| None)
        }
        CatalogueChange::DropTable { name } => drop_table(tx, name).map(|()| None),
        CatalogueChange::CreateAttribute { name, attribute } => create_attribute(tx, name, attribute).map(|()| None),
        CatalogueChange::DropAttribute { name, attribute } => drop_attribute(tx, name, attribute).map(Some),
    }
}

fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let message = format!("the name of a {what} must have 1 to {MAX_NAME_BYTES} bytes, not {}", name.len());
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    if what == "database" && name == SYSTEM_DATABASE {
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!("the '{SYSTEM_DATABASE}' database belongs to the host"),
        ));
    }
    Ok(())
}

fn create_database(tx: &mut Transaction<'_>, name: &str) -> Result<(), StoreError> {
    check_name("database", name)?;
    if tx.catalogue().has_database(name) {
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, format!("database '{name}' already exists")));
    }
    add_database(tx, name)
}

fn add_database(tx: &mut Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    tables::put_database(&dbs, tx.change(), name)?;
    tx.change_catalogue().databases.entry(name.to_owned()).or_default();
    Ok(())
}

fn drop_database(tx: &mut Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let Some(tables) = tx.catalogue().databases.get(name) else {
        return Err(StoreError::new(StoreErrorKind::NotFound, format!("database '{name}' does not exist")));
    };
    let names: Vec<_> = tables.values().map(|table| table.name.clone()).collect();
    for table in names {
        drop_table(tx, &table)?;
    }
    let dbs = tx.dbs;
    tables::delete_database(&dbs, tx.change(), name)?;
    tx.change_catalogue().databases.remove(name);
    Ok(())
}

fn create_table(
    tx: &mut Transaction<'_>,
    name: &TableName,
    primary_key: &str,
    schema_defined: bool,
    attributes: &[Attribute],
) -> Result<(), StoreError> {
    check_name("database", &name.database)?;
    check_name("table", &name.table)?;
    check_attribute_name(primary_key)?;
    if tx.catalogue().table(name).is_some() {
        let message = format!("Table '{}' already exists in '{}'", name.table, name.database);
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, message));
    }
    let mut all: Vec<Attribute> = Vec::new();
    let key = attributes.iter().find(|attribute| attribute.name == primary_key).cloned();
    all.push(key.unwrap_or(Attribute { name: primary_key.to_owned(), attribute_type: None, indexed: true }));
    let mut names = std::collections::HashSet::from([primary_key]);
    for attribute in attributes.iter().filter(|attribute| attribute.name != primary_key) {
        check_attribute_name(&attribute.name)?;
        if names.insert(&attribute.name) {
            all.push(attribute.clone());
        } else {
            let message = format!("attribute '{}' is named twice", attribute.name);
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
    }
    check_count(name, all.len())?;
    let dbs = tx.dbs;
    let id = tables::next_table_id(&dbs, tx.change())?;
    if !tx.catalogue().has_database(&name.database) {
        add_database(tx, &name.database)?;
    }
    tx.put_table(Table {
        name: name.clone(),
        id,
        primary_key: primary_key.to_owned(),
        schema_defined,
        attributes: all.into(),
    })
}

fn drop_table(tx: &mut Transaction<'_>, name: &TableName) -> Result<(), StoreError> {
    let table = tx.table(name)?.id;
    let dbs = tx.dbs;
    tables::delete_table(&dbs, tx.change(), table)?;
    tx.drop_counters(table)?;
    if let Some(tables) = tx.change_catalogue().databases.get_mut(&name.database) {
        tables.remove(&name.table);
    }
    reclaim::begin(tx, |id| Reclaim::Table { id, table }).map(|_| ())
}

fn create_attribute(tx: &mut Transaction<'_>, name: &TableName, attribute: &Attribute) -> Result<(), StoreError> {
    let mut table = Table::clone(&*tx.table(name)?);
    check_attribute_name(&attribute.name)?;
    if table.has_attribute(&attribute.name) {
        let message = format!("attribute '{}' already exists in {name}", attribute.name);
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, message));
    }
    table.attributes.push(attribute.clone());
    check_count(name, table.attributes.len())?;
    tx.put_table(table)
}

fn drop_attribute(tx: &mut Transaction<'_>, name: &TableName, attribute: &str) -> Result<u64, StoreError> {
    let mut table = Table::clone(&*tx.table(name)?);
    if table.primary_key == attribute {
        let message = format!("attribute '{attribute}' is the primary key of {name} and cannot be dropped");
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    if table.attribute(attribute).is_none() {
        return Err(StoreError::new(
            StoreErrorKind::NotFound,
            format!("attribute '{attribute}' does not exist in {name}"),
        ));
    }
    table.attributes.retain(|other| other.name != attribute);
    let end = tx.counters(table.id)?.next_number;
    let id = table.id;
    tx.put_table(table)?;
    reclaim::begin(tx, |work| Reclaim::Attribute { id: work, table: id, attribute: attribute.to_owned(), next: 0, end })
}

fn check_attribute_name(name: &str) -> Result<(), StoreError> {
    check_name("attribute", name)?;
    if name == CREATED_TIME || name == UPDATED_TIME {
        return Err(StoreError::new(StoreErrorKind::Invalid, format!("the attribute '{name}' belongs to the host")));
    }
    Ok(())
}

fn check_count(name: &TableName, count: usize) -> Result<(), StoreError> {
    if count > MAX_ATTRIBUTES {
        let message = format!("table '{name}' would have more than the limit of {MAX_ATTRIBUTES} attributes");
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}
