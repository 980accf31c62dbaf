//! The catalog: databases, tables and attributes. It is an immutable snapshot, which the store replaces after each
//! change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::attributes::{Attribute, Attributes};

/// Set by the host on every record; ignored in input.
pub const CREATED_TIME: &str = "__createdtime__";
/// Set by the host on every record; ignored in input.
pub const UPDATED_TIME: &str = "__updatedtime__";
/// The database of the host's own tables. It cannot be created, dropped or written by anybody.
pub const SYSTEM_DATABASE: &str = "system";
/// Where a request goes that names no database.
pub const DEFAULT_DATABASE: &str = "data";
/// Maximum number of attributes per table, so that records cannot grow the catalog without limit.
pub const MAX_ATTRIBUTES: usize = 10_000;

/// The name of a table and of its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table in the database.
    pub table: String,
}

impl TableName {
    /// Creates a table name.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        TableName { database: database.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// What a write does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Insert new records; skip existing ones.
    Insert,
    /// Merge into existing records; skip missing ones.
    Update,
    /// Insert new records; merge into existing ones.
    Upsert,
}

/// One table as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Database and table name.
    pub name: TableName,
    /// Identifies the table's data in the store. A recreated table gets a new id.
    pub id: u32,
    /// The attribute that holds the primary key.
    pub primary_key: String,
    /// Whether the table was created with `attributes`.
    pub schema_defined: bool,
    /// In the order in which they were added, primary key first. System attributes are not included.
    pub attributes: Attributes,
}

impl Table {
    /// Returns the attribute with this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.named(name)
    }

    /// Returns whether the name is an attribute of the table or a system attribute.
    pub fn has_attribute(&self, name: &str) -> bool {
        name == CREATED_TIME || name == UPDATED_TIME || self.attribute(name).is_some()
    }
}

/// A snapshot of all databases and tables.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Database name -> table name -> table.
    pub databases: BTreeMap<String, BTreeMap<String, Arc<Table>>>,
}

impl Catalog {
    /// Returns the table with this name.
    pub fn table(&self, name: &TableName) -> Option<&Arc<Table>> {
        self.databases.get(&name.database)?.get(&name.table)
    }

    /// Returns whether there is a database with this name.
    pub fn has_database(&self, name: &str) -> bool {
        self.databases.contains_key(name)
    }
}
