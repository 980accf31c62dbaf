//! What a store of tables, records and jobs does: its traits, the batches that go into it, the rules that every store
//! shares, and a store in memory.
//!
//! A store keeps tables, records and jobs in one transaction domain, because a batch, its checkpoint, its tally and the
//! lease check commit together: that is what makes a load exactly-once in effect. One behaviour suite runs against every
//! store (`tests/tests/store`).
//!
//! Nothing here may name a storage engine, and nothing may know HTTP, WebAssembly or permissions.

#![warn(missing_docs, unreachable_pub)]

pub mod batch;
mod catalog;
mod documents;
mod error;
mod jobs;
pub mod key_source;
pub mod memory;
mod pages;
mod records;
pub mod rules;

pub use batch::{Batch, BatchError, BatchErrorKind, BatchLimits, MAX_DEPTH};
pub use catalog::{CatalogChange, CatalogStore, TableStatistics};
pub use documents::DocumentStore;
pub use error::{StoreError, StoreErrorKind};
pub use jobs::{JobEnd, JobStore};
pub use key_source::KeySource;
pub use memory::MemoryStore;
pub use pages::{RecordCursor, RecordPage, RecordView, ScanOrder, ScanPosition, Snapshot};
pub use records::{Applied, DeleteBefore, Quota, RecordStore, TableWrite, WriteGroup};

/// Everything a host asks of its store.
pub trait Store: CatalogStore + DocumentStore + RecordStore + JobStore {}

impl<S: CatalogStore + DocumentStore + RecordStore + JobStore> Store for S {}
