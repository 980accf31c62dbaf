//! The interface of the store for tables, records and jobs: its traits, the batches written to it, the rules that all
//! stores share, and an in-memory store.
//!
//! A store keeps tables, records and jobs in one transaction domain, so that a batch, its checkpoint, its tally and the
//! lease check commit together. This is what makes a load exactly-once in effect. Every store passes the same behaviour
//! suite (`tests/tests/store`).
//!
//! This crate must not name a storage engine, and it knows nothing about HTTP, WebAssembly or permissions.

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
pub use records::{Applied, DeleteBefore, Quota, RecordStore, TableWrite, Visibility, WriteGroup};

/// All the traits that the host requires of its store.
pub trait Store: CatalogStore + DocumentStore + RecordStore + JobStore {}

impl<S: CatalogStore + DocumentStore + RecordStore + JobStore> Store for S {}
