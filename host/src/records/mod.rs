//! Tables and records, the rows of jobs, and the trait that a store implements.
//!
//! Everything above this module speaks of tables, keys and records; nothing above it may name a storage engine, and
//! nothing in it may know HTTP, WebAssembly or permissions.

mod attributes;
pub mod batch;
pub mod embedded;
pub mod jobs;
pub mod key;
mod key_source;
pub mod query;
pub mod sql;
pub mod store;
pub mod table;

pub use attributes::Attributes;
pub use batch::{Batch, BatchBound, BatchError, BatchErrorKind, BatchLimits, Exceeded};
pub use key::{Key, KeyError};
pub use key_source::KeySource;
pub use store::{
    Applied, CatalogueChange, DeleteBefore, Quota, RecordCursor, RecordPage, RecordView, ScanOrder, ScanPosition,
    Snapshot, Store, StoreError, StoreErrorKind, TableStatistics, TableWrite, WriteGroup,
};
pub use table::{Action, Attribute, AttributeType, Catalogue, Table, TableName};

/// A moment in microseconds since the Unix epoch. Harper's clients see milliseconds with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds with a fraction, as `__createdtime__` and `__updatedtime__` show it.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Whole milliseconds, as the times of a job row show it.
    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }
}

/// Where the time comes from, so that tests decide what time it is.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}
