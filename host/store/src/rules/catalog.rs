//! Validates catalog changes and breaks them down into edits.

use std::collections::HashSet;

use crate::catalog::CatalogChange;
use crate::error::{StoreError, StoreErrorKind};
use jobhost_model::Attribute;
use jobhost_model::table::{CREATED_TIME, Catalog, MAX_ATTRIBUTES, SYSTEM_DATABASE, Table, TableName, UPDATED_TIME};

/// Maximum length of a name in bytes. Engines use names as keys; the API limits clients to shorter names.
const MAX_NAME_BYTES: usize = 1000;

/// One edit of the catalog. The edits of a change are applied in order and commit together.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogEdit {
    /// Adds a database without tables.
    AddDatabase(String),
    /// Removes a database whose tables have been removed.
    RemoveDatabase(String),
    /// Adds a table. The store assigns an id that was never used before.
    AddTable(Table),
    /// Replaces the description of a table.
    ReplaceTable(Table),
    /// Removes a table with its records.
    RemoveTable(TableName),
    /// Removes an attribute from all records of a table.
    StripAttribute(TableName, String),
}

/// Returns the edits of a change, or why the change is not possible.
pub fn edits(catalog: &Catalog, change: &CatalogChange) -> Result<Vec<CatalogEdit>, StoreError> {
    match change {
        CatalogChange::CreateDatabase { name } => create_database(catalog, name),
        CatalogChange::DropDatabase { name } => drop_database(catalog, name),
        CatalogChange::CreateTable { name, primary_key, schema_defined, attributes } => {
            create_table(catalog, name, primary_key, *schema_defined, attributes)
        }
        CatalogChange::DropTable { name } => {
            table(catalog, name)?;
            Ok(vec![CatalogEdit::RemoveTable(name.clone())])
        }
        CatalogChange::CreateAttribute { name, attribute } => create_attribute(catalog, name, attribute),
        CatalogChange::DropAttribute { name, attribute } => drop_attribute(catalog, name, attribute),
    }
}

fn invalid(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, message)
}

fn table<'c>(catalog: &'c Catalog, name: &TableName) -> Result<&'c Table, StoreError> {
    catalog.table(name).map(AsRef::as_ref).ok_or_else(|| StoreError::no_such_table(name))
}

fn create_database(catalog: &Catalog, name: &str) -> Result<Vec<CatalogEdit>, StoreError> {
    check_database_name(name)?;
    if catalog.has_database(name) {
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, format!("database '{name}' already exists")));
    }
    Ok(vec![CatalogEdit::AddDatabase(name.to_owned())])
}

fn drop_database(catalog: &Catalog, name: &str) -> Result<Vec<CatalogEdit>, StoreError> {
    let Some(tables) = catalog.databases.get(name) else {
        return Err(StoreError::new(StoreErrorKind::NotFound, format!("database '{name}' does not exist")));
    };
    let tables = tables.values().map(|table| CatalogEdit::RemoveTable(table.name.clone()));
    Ok(tables.chain([CatalogEdit::RemoveDatabase(name.to_owned())]).collect())
}

fn create_table(
    catalog: &Catalog,
    name: &TableName,
    primary_key: &str,
    schema_defined: bool,
    attributes: &[Attribute],
) -> Result<Vec<CatalogEdit>, StoreError> {
    check_database_name(&name.database)?;
    check_name("table", &name.table)?;
    check_attribute_name(primary_key)?;
    if catalog.table(name).is_some() {
        let message = format!("Table '{}' already exists in '{}'", name.table, name.database);
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, message));
    }
    let key = attributes.iter().find(|attribute| attribute.name == primary_key).cloned();
    let key = key.unwrap_or(Attribute { name: primary_key.to_owned(), attribute_type: None, indexed: true });
    let mut all = vec![key];
    let mut names = HashSet::from([primary_key]);
    for attribute in attributes.iter().filter(|attribute| attribute.name != primary_key) {
        check_attribute_name(&attribute.name)?;
        if !names.insert(&attribute.name) {
            return Err(invalid(format!("attribute '{}' is named twice", attribute.name)));
        }
        all.push(attribute.clone());
    }
    check_count(name, all.len())?;
    let add = (!catalog.has_database(&name.database)).then(|| CatalogEdit::AddDatabase(name.database.clone()));
    let primary_key = primary_key.to_owned();
    let table = Table { name: name.clone(), id: 0, primary_key, schema_defined, attributes: all.into() };
    Ok(add.into_iter().chain([CatalogEdit::AddTable(table)]).collect())
}

fn create_attribute(
    catalog: &Catalog,
    name: &TableName,
    attribute: &Attribute,
) -> Result<Vec<CatalogEdit>, StoreError> {
    let mut table = table(catalog, name)?.clone();
    check_attribute_name(&attribute.name)?;
    if table.has_attribute(&attribute.name) {
        let message = format!("attribute '{}' already exists in {name}", attribute.name);
        return Err(StoreError::new(StoreErrorKind::AlreadyExists, message));
    }
    table.attributes.push(attribute.clone());
    check_count(name, table.attributes.len())?;
    Ok(vec![CatalogEdit::ReplaceTable(table)])
}

fn drop_attribute(catalog: &Catalog, name: &TableName, attribute: &str) -> Result<Vec<CatalogEdit>, StoreError> {
    let mut table = table(catalog, name)?.clone();
    if table.primary_key == attribute {
        return Err(invalid(format!("attribute '{attribute}' is the primary key of {name} and cannot be dropped")));
    }
    if table.attribute(attribute).is_none() {
        let message = format!("attribute '{attribute}' does not exist in {name}");
        return Err(StoreError::new(StoreErrorKind::NotFound, message));
    }
    table.attributes.retain(|other| other.name != attribute);
    let strip = CatalogEdit::StripAttribute(name.clone(), attribute.to_owned());
    Ok(vec![CatalogEdit::ReplaceTable(table), strip])
}

fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let bytes = name.len();
        return Err(invalid(format!("the name of a {what} must have 1 to {MAX_NAME_BYTES} bytes, not {bytes}")));
    }
    Ok(())
}

fn check_database_name(name: &str) -> Result<(), StoreError> {
    check_name("database", name)?;
    if name == SYSTEM_DATABASE {
        return Err(invalid(format!("the '{SYSTEM_DATABASE}' database belongs to the host")));
    }
    Ok(())
}

fn check_attribute_name(name: &str) -> Result<(), StoreError> {
    check_name("attribute", name)?;
    if name == CREATED_TIME || name == UPDATED_TIME {
        return Err(invalid(format!("the attribute '{name}' belongs to the host")));
    }
    Ok(())
}

/// Fails if a table would have too many attributes.
pub fn check_count(name: &TableName, count: usize) -> Result<(), StoreError> {
    if count > MAX_ATTRIBUTES {
        return Err(invalid(format!("table '{name}' would have more than the limit of {MAX_ATTRIBUTES} attributes")));
    }
    Ok(())
}
