//! Databases, tables and attributes: what a store knows about its records.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use jobhost_model::Timestamp;
use jobhost_model::attributes::Attribute;
use jobhost_model::table::{Catalog, TableName};

/// A change of the catalog. Durable and published when the call returns.
#[derive(Debug, Clone)]
pub enum CatalogChange {
    /// Fails if there is one of that name.
    CreateDatabase {
        /// Of the database.
        name: String,
    },
    /// Drops its tables and their records with it.
    DropDatabase {
        /// Of the database.
        name: String,
    },
    /// Creates the database if it is absent. `attributes` need not name the primary key.
    CreateTable {
        /// Database and table.
        name: TableName,
        /// The attribute that holds the primary key.
        primary_key: String,
        /// True for a table that is created with `attributes`.
        schema_defined: bool,
        /// In order.
        attributes: Vec<Attribute>,
    },
    /// Drops its records with it.
    DropTable {
        /// Database and table.
        name: TableName,
    },
    /// Fails if the table has one of that name.
    CreateAttribute {
        /// Database and table.
        name: TableName,
        /// The new attribute.
        attribute: Attribute,
    },
    /// Removes it from the catalog and from every record. The primary key cannot be dropped (`Invalid`).
    DropAttribute {
        /// Database and table.
        name: TableName,
        /// Its name.
        attribute: String,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
/// How large a table is.
pub struct TableStatistics {
    /// Records that it holds.
    pub record_count: u64,
    /// Bytes the table's data takes, as the engine counts them.
    pub table_size: u64,
    /// When a record of it changed last.
    pub last_updated: Option<Timestamp>,
}

/// The catalog of a store.
#[async_trait]
pub trait CatalogStore: Send + Sync + 'static {
    /// The catalog as of now. Cheap: a snapshot that is shared.
    fn catalog(&self) -> Arc<Catalog>;

    /// Change the catalog. `NotFound`, `AlreadyExists` and `Invalid` change nothing.
    async fn change_catalog(&self, change: CatalogChange) -> Result<(), StoreError>;

    /// How large a table is. `NotFound` if it does not exist.
    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError>;

    /// Bytes that the store takes on disk.
    async fn size(&self) -> Result<u64, StoreError>;
}
