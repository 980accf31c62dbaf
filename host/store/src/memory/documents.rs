//! The documents of the in-memory store.

use async_trait::async_trait;

use super::MemoryStore;
use crate::documents::DocumentStore;
use crate::error::StoreError;
use crate::rules::documents::check_name;

#[async_trait]
impl DocumentStore for MemoryStore {
    async fn document(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_name(kind, name)?;
        Ok(self.state().documents.get(&(kind.to_owned(), name.to_owned())).cloned())
    }

    async fn documents(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let state = self.state();
        let from = state.documents.range((kind.to_owned(), String::new())..);
        let of_kind = from.take_while(|((other, _), _)| other == kind);
        Ok(of_kind.map(|((_, name), text)| (name.clone(), text.clone())).collect())
    }

    async fn put_document(&self, kind: &str, name: &str, document: Vec<u8>) -> Result<(), StoreError> {
        check_name(kind, name)?;
        let mut state = self.state();
        state.check_room(document.len(), self.0.max_bytes)?;
        state.documents.insert((kind.to_owned(), name.to_owned()), document);
        Ok(())
    }

    async fn delete_document(&self, kind: &str, name: &str) -> Result<bool, StoreError> {
        check_name(kind, name)?;
        Ok(self.state().documents.remove(&(kind.to_owned(), name.to_owned())).is_some())
    }
}
