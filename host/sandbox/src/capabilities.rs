//! The interface between guests and the host. The sandbox passes every call of a guest to this trait and knows nothing
//! of its implementation: a store, files, a network, or a test.
//!
//! Implementations check every call against the job's plan and the permissions of the user who started the job, and
//! never trust a guest-supplied size.

use std::sync::Arc;

use async_trait::async_trait;
use jobhost_contract::{CapabilityError, Reject, Warning};
use jobhost_model::jobs::Tally;
use jobhost_model::{Action, ObjectInfo, Receipt, RowShape, Table, TableName, Timestamp};

/// The result of a capability call.
pub type Answer<T> = Result<T, CapabilityError>;

/// Everything that one attempt may do. Handles release their places on drop.
#[async_trait]
pub trait Capabilities: Send {
    /// Returns the table with the attributes visible to the user.
    fn describe(&self, table: &TableName) -> Answer<Arc<Table>>;

    /// Returns the maximum size of a record in bytes.
    fn record_bytes(&self) -> u64;

    /// Checks attributes before any record uses them.
    fn declare(&mut self, table: &TableName, action: Action, attributes: &[String]) -> Answer<()>;

    /// Accepts a batch of records: JSON objects, one per line. A returned call means accepted, not durable.
    async fn write(
        &mut self,
        table: &TableName,
        action: Action,
        batch: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<()>;

    /// Deletes the oldest records created before a time, at most `limit` of them. Returns how many were deleted.
    async fn delete_before(
        &mut self,
        table: &TableName,
        created_before: Timestamp,
        limit: u32,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<u64>;

    /// Makes all accepted batches durable. Returns the tally of all records of the job.
    async fn flush(&mut self) -> Answer<Tally>;

    /// Opens the query with this index in the plan.
    async fn query(&mut self, query: u32, shape: RowShape) -> Answer<Box<dyn Cursor>>;

    /// Opens the source with this index in the plan.
    async fn open(&mut self, source: u32, offset: u64) -> Answer<Box<dyn Reader>>;

    /// Creates the sink with this index in the plan.
    async fn create(&mut self, sink: u32) -> Answer<Box<dyn Writer>>;

    /// Reports the job's progress.
    fn progress(&self, done: u64, total: Option<u64>, unit: &'static str);

    /// Returns whether the guest should return soon.
    fn is_cancelled(&self) -> bool;

    /// Reports an input record that could not be stored.
    fn reject(&self, reject: Reject);

    /// Counts an unexpected effect of successful work.
    fn warn(&self, warning: Warning);
}

/// The rows of an open query.
#[async_trait]
pub trait Cursor: Send {
    /// The names of the columns, in order.
    fn columns(&self) -> &[String];

    /// Returns the next rows as JSON, each followed by LF; empty at the end.
    async fn next(&mut self) -> Answer<Vec<u8>>;
}

/// An open source.
#[async_trait]
pub trait Reader: Send {
    fn info(&self) -> &ObjectInfo;

    /// Returns up to `max` bytes; empty at the end.
    async fn read(&mut self, max: u32) -> Answer<Vec<u8>>;
}

/// An open sink. Leaves nothing behind if dropped before it is finished.
#[async_trait]
pub trait Writer: Send {
    async fn write(&mut self, bytes: Vec<u8>) -> Answer<()>;

    /// Makes everything written visible at once.
    async fn finish(&mut self) -> Answer<Receipt>;
}

/// The handles that the engine keeps for a guest.
pub type OpenCursor = Box<dyn Cursor>;
pub type OpenReader = Box<dyn Reader>;
pub type OpenWriter = Box<dyn Writer>;
