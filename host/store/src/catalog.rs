//! The catalog: databases, tables and attributes.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use jobhost_model::Timestamp;
use jobhost_model::attributes::Attribute;
use jobhost_model::table::{Catalog, TableName};

/// A change of the catalog. It is durable and visible when the call returns.
#[derive(Debug, Clone)]
pub enum CatalogChange {
    /// Creates a database. Fails if one with this name exists.
    CreateDatabase {
        /// The name of the database.
        name: String,
    },
    /// Drops a database with its tables and records.
    DropDatabase {
        /// The name of the database.
        name: String,
    },
    /// Creates a table, and its database if it does not exist. `attributes` need not list the primary key.
    CreateTable {
        /// The database and table name.
        name: TableName,
        /// The attribute that holds the primary key.
        primary_key: String,
        /// Whether the table was created with `attributes`.
        schema_defined: bool,
        /// The attributes, in order.
        attributes: Vec<Attribute>,
    },
    /// Drops a table with its records.
    DropTable {
        /// The database and table name.
        name: TableName,
    },
    /// Adds an attribute to a table. Fails if one with this name exists.
    CreateAttribute {
        /// The database and table name.
        name: TableName,
        /// The new attribute.
        attribute: Attribute,
    },
    /// Removes an attribute from the catalog and from every record. The primary key cannot be dropped (`Invalid`).
    DropAttribute {
        /// The database and table name.
        name: TableName,
        /// The name of the attribute.
        attribute: String,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
/// Statistics of a table.
pub struct TableStatistics {
    /// Number of records.
    pub record_count: u64,
    /// Size of the table's data in bytes, as counted by the engine.
    pub table_size: u64,
    /// Time of the last change to a record, if there was one.
    pub last_updated: Option<Timestamp>,
}

/// The catalog of a store.
#[async_trait]
pub trait CatalogStore: Send + Sync + 'static {
    /// Returns the current catalog. Cheap: clones a shared snapshot.
    fn catalog(&self) -> Arc<Catalog>;

    /// Changes the catalog. The errors `NotFound`, `AlreadyExists` and `Invalid` leave it unchanged.
    async fn change_catalog(&self, change: CatalogChange) -> Result<(), StoreError>;

    /// Returns the statistics of a table. Fails with `NotFound` if it does not exist.
    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError>;

    /// Returns the size of the store on disk, in bytes.
    async fn size(&self) -> Result<u64, StoreError>;
}
