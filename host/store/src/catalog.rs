//! Databases, tables and attributes: what a store knows about its records.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use jobhost_model::Timestamp;
use jobhost_model::table::{Attribute, Catalogue, TableName};

/// A change of the catalogue. Durable and published when the call returns.
#[derive(Debug, Clone)]
pub enum CatalogueChange {
    CreateDatabase {
        name: String,
    },
    /// Drops its tables and their records with it.
    DropDatabase {
        name: String,
    },
    /// Creates the database if it is absent. `attributes` need not name the primary key.
    CreateTable {
        name: TableName,
        primary_key: String,
        schema_defined: bool,
        attributes: Vec<Attribute>,
    },
    DropTable {
        name: TableName,
    },
    CreateAttribute {
        name: TableName,
        attribute: Attribute,
    },
    /// Removes it from the catalogue and from every record. The primary key cannot be dropped (`Invalid`).
    DropAttribute {
        name: TableName,
        attribute: String,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStatistics {
    pub record_count: u64,
    /// Bytes the table's data takes, as the engine counts them.
    pub table_size: u64,
    pub last_updated: Option<Timestamp>,
}

/// The catalog of a store.
#[async_trait]
pub trait CatalogStore: Send + Sync + 'static {
    /// The catalogue as of now. Cheap: a snapshot that is shared.
    fn catalogue(&self) -> Arc<Catalogue>;

    async fn change_catalogue(&self, change: CatalogueChange) -> Result<(), StoreError>;

    async fn statistics(&self, table: &TableName) -> Result<TableStatistics, StoreError>;

    /// Bytes that the store takes on disk.
    async fn size(&self) -> Result<u64, StoreError>;
}
