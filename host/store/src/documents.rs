//! Documents: users, roles and other small data of the host, keyed by kind and name.

use async_trait::async_trait;

use super::error::StoreError;

/// The documents of a store.
#[async_trait]
pub trait DocumentStore: Send + Sync + 'static {
    /// Returns a document, or `None` if it does not exist.
    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns all documents of a kind, as (name, content), in order of name.
    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Stores a document and replaces an existing one. Durable when it returns.
    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError>;

    /// Deletes a document. Returns whether it existed.
    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError>;
}
