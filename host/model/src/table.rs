//! The catalog: databases, tables, attributes. An immutable snapshot that the store publishes again after each change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::attributes::{Attribute, Attributes};

/// Set by the host on every record; never taken from outside.
pub const CREATED_TIME: &str = "__createdtime__";
/// Set by the host on every record; never taken from outside.
pub const UPDATED_TIME: &str = "__updatedtime__";
/// The database of the host's own tables. It cannot be created, dropped or written by anybody.
pub const SYSTEM_DATABASE: &str = "system";
/// Where a request goes that names no database.
pub const DEFAULT_DATABASE: &str = "data";
/// Attributes a table may have, so that records cannot grow the catalog without end.
pub const MAX_ATTRIBUTES: usize = 10_000;

/// A table: its database, and its name in that database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table in it.
    pub table: String,
}

impl TableName {
    /// A table of a database.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        TableName { database: database.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// What is done to records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Write new records; skip those that exist.
    Insert,
    /// Merge into records; skip those that are absent.
    Update,
    /// Write new records, merge into the others.
    Upsert,
}

/// One table as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Database and name.
    pub name: TableName,
    /// Identifies the table's data in the store. A table that is dropped and created again gets another one.
    pub id: u32,
    /// The attribute that holds the primary key.
    pub primary_key: String,
    /// True for a table that was created with `attributes`.
    pub schema_defined: bool,
    /// In the order in which they became known, the primary key first. The system attributes are not among them.
    pub attributes: Attributes,
}

impl Table {
    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.named(name)
    }

    /// True for attributes of the table and for the two system attributes.
    pub fn has_attribute(&self, name: &str) -> bool {
        name == CREATED_TIME || name == UPDATED_TIME || self.attribute(name).is_some()
    }
}

/// All databases and tables at one moment.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Tables by database and name.
    pub databases: BTreeMap<String, BTreeMap<String, Arc<Table>>>,
}

impl Catalog {
    /// The table of this name.
    pub fn table(&self, name: &TableName) -> Option<&Arc<Table>> {
        self.databases.get(&name.database)?.get(&name.table)
    }

    /// Whether there is a database of this name.
    pub fn has_database(&self, name: &str) -> bool {
        self.databases.contains_key(name)
    }
}
