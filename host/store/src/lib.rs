//! What a store of tables, records and jobs does: its trait, the batches that go into it, and the rules that every store
//! shares.
//!
//! Nothing here may name a storage engine, and nothing may know HTTP, WebAssembly or permissions.

pub mod batch;
pub mod key_source;
pub mod store;

pub use batch::{Batch, BatchBound, BatchError, BatchErrorKind, BatchLimits, Exceeded};
pub use key_source::KeySource;
pub use store::{
    Applied, CatalogueChange, DeleteBefore, Quota, RecordCursor, RecordPage, RecordView, ScanOrder, ScanPosition,
    Snapshot, Store, StoreError, StoreErrorKind, TableStatistics, TableWrite, WriteGroup,
};
