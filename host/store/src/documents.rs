//! Users, roles and other small things of the host, kept by kind and name.

use async_trait::async_trait;

use super::error::StoreError;

/// The documents of a store.
#[async_trait]
pub trait DocumentStore: Send + Sync + 'static {
    /// The document, if it exists.
    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All of a kind, in order of name.
    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Store a document, in the place of one of that kind and name. Durable when it returns.
    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError>;

    /// True if it was there.
    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError>;
}
