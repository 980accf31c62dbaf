//! What a guest may act through. The sandbox hands every call of a guest to this trait and knows nothing of what is behind
//! it: a store, files, a network, or a test.
//!
//! Whoever implements it checks every call against the job's plan and the rights of the user who started it, and sizes no
//! allocation by a number that the guest gave.

use std::sync::Arc;

use async_trait::async_trait;
use jobhost_contract::{CapabilityError, Reject, Warning};
use jobhost_model::jobs::Tally;
use jobhost_model::{Action, ObjectInfo, Receipt, RowShape, Table, TableName, Timestamp};

/// What a capability call gives.
pub type Answer<T> = Result<T, CapabilityError>;

/// Everything that one attempt may do. Handles free their places when they are dropped.
#[async_trait]
pub trait Capabilities: Send {
    /// The table with the attributes that the user may know of.
    fn describe(&self, table: &TableName) -> Answer<Arc<Table>>;

    /// Checks attributes before any record has them.
    fn declare(&mut self, table: &TableName, action: Action, attributes: &[String]) -> Answer<()>;

    /// Takes a batch over: records as JSON objects, one a line. Returns when it is accepted, which is not yet durable.
    async fn write(
        &mut self,
        table: &TableName,
        action: Action,
        batch: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<()>;

    /// Deletes the oldest records created before a time, at most `limit` of them. Returns how many.
    async fn delete_before(
        &mut self,
        table: &TableName,
        created_before: Timestamp,
        limit: u32,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<u64>;

    /// Makes everything durable that was taken over. Returns what became of all records of the job.
    async fn flush(&mut self) -> Answer<Tally>;

    /// Opens the query with this index in the plan.
    async fn query(&mut self, query: u32, shape: RowShape) -> Answer<Box<dyn Cursor>>;

    /// Opens the source with this index in the plan.
    async fn open(&mut self, source: u32, offset: u64) -> Answer<Box<dyn Reader>>;

    /// Begins to write the sink with this index in the plan.
    async fn create(&mut self, sink: u32) -> Answer<Box<dyn Writer>>;

    /// How far the work is.
    fn progress(&self, done: u64, total: Option<u64>, unit: &'static str);

    /// Whether the guest should return soon.
    fn is_cancelled(&self) -> bool;

    /// Counts an input record that could not be taken.
    fn reject(&self, reject: Reject);

    /// Counts something that was done otherwise than a reader of the input would expect.
    fn warn(&self, warning: Warning);
}

/// The rows of an open query.
#[async_trait]
pub trait Cursor: Send {
    /// Names of the columns, in order.
    fn columns(&self) -> &[String];

    /// The next rows as JSON, each followed by LF; nothing at the end.
    async fn next(&mut self) -> Answer<Vec<u8>>;
}

/// An open source.
#[async_trait]
pub trait Reader: Send {
    fn info(&self) -> &ObjectInfo;

    /// The next bytes, at most `max`; nothing at the end.
    async fn read(&mut self, max: u32) -> Answer<Vec<u8>>;
}

/// A sink that is being written. Dropped before it is finished, it leaves nothing.
#[async_trait]
pub trait Writer: Send {
    async fn write(&mut self, bytes: Vec<u8>) -> Answer<()>;

    /// Makes all of it visible at once.
    async fn finish(&mut self) -> Answer<Receipt>;
}

/// Handles as the engine keeps them for a guest.
pub type OpenCursor = Box<dyn Cursor>;
pub type OpenReader = Box<dyn Reader>;
pub type OpenWriter = Box<dyn Writer>;
