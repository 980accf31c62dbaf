//! What a guest may do: implements the sandbox's trait `Capabilities` on a store, searches and byte streams, with one
//! file per interface of the contract. Every call is checked against the job's plan and the permissions of the user
//! who started the job. This crate is independent of how components run, and never trusts a guest-supplied size.

mod error;
mod ledger;
mod limits;
mod objects;
mod places;
mod progress;
mod queries;
mod records;
mod rejects;
mod store_failure;
mod warnings;

use std::sync::Arc;

use async_trait::async_trait;
use jobhost_contract::{Reject, Warning};
use jobhost_model::jobs::Tally;
use jobhost_model::{Action, RowShape, Table, TableName, Timestamp};
use jobhost_sandbox::Capabilities;
use jobhost_sandbox::capabilities::{Answer, Cursor, Reader, Writer};

pub use ledger::{LastGroup, Ledger};
pub use limits::{CapabilityLimits, LimitsMet};
pub use objects::{ObjectLimits, Objects};
pub use progress::Progress;
pub use queries::Queries;
pub use records::{RecordLimits, Records};
pub use rejects::Rejects;
pub use store_failure::StoreFailure;
pub use warnings::Warnings;

/// All capabilities of one attempt.
pub struct AttemptCapabilities {
    pub records: Records,
    pub queries: Queries,
    pub objects: Objects,
    pub ledger: Arc<Ledger>,
}

#[async_trait]
impl Capabilities for AttemptCapabilities {
    fn describe(&self, table: &TableName) -> Answer<Arc<Table>> {
        self.records.describe(table)
    }

    fn record_bytes(&self) -> u64 {
        self.records.record_bytes()
    }

    fn declare(&mut self, table: &TableName, action: Action, attributes: &[String]) -> Answer<()> {
        self.records.declare(table, action, attributes)
    }

    async fn write(
        &mut self,
        table: &TableName,
        action: Action,
        batch: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<()> {
        self.records.write(table, action, batch, checkpoint).await
    }

    async fn delete_before(
        &mut self,
        table: &TableName,
        created_before: Timestamp,
        limit: u32,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<u64> {
        self.records.delete_before(table, created_before, limit, checkpoint).await
    }

    async fn flush(&mut self) -> Answer<Tally> {
        self.records.flush().await
    }

    async fn query(&mut self, query: u32, shape: RowShape) -> Answer<Box<dyn Cursor>> {
        self.queries.open(query, shape).await
    }

    async fn open(&mut self, source: u32, offset: u64) -> Answer<Box<dyn Reader>> {
        self.objects.open(source, offset).await
    }

    async fn create(&mut self, sink: u32) -> Answer<Box<dyn Writer>> {
        self.objects.create(sink).await
    }

    fn progress(&self, done: u64, total: Option<u64>, unit: &'static str) {
        self.ledger.progress.report(done, total, unit);
    }

    fn is_cancelled(&self) -> bool {
        self.ledger.progress.is_cancelled()
    }

    fn reject(&self, reject: Reject) {
        self.ledger.rejects.report(reject);
    }

    fn warn(&self, warning: Warning) {
        self.ledger.warnings.report(warning);
    }
}
