//! Capabilities without a store: count what the plan allows and deny the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jobhost_contract::{CapabilityError, CapabilityErrorKind, Plan, Reject, TableRight, Warning};
use jobhost_model::jobs::Tally;
use jobhost_model::{Action, RowShape, Table, TableName, Timestamp};

use crate::capabilities::{Answer, Capabilities, Cursor, Reader, Writer};

pub struct Counting {
    plan: Plan,
    written: Arc<AtomicU64>,
}

fn denied<T>(what: impl Into<String>) -> Answer<T> {
    Err(CapabilityError::new(CapabilityErrorKind::Denied, what))
}

impl Counting {
    pub fn new(plan: Plan) -> Self {
        Counting { plan, written: Arc::default() }
    }

    pub fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

#[async_trait]
impl Capabilities for Counting {
    fn describe(&self, table: &TableName) -> Answer<Arc<Table>> {
        denied(format!("describe table {table}"))
    }

    fn record_bytes(&self) -> u64 {
        256 << 10
    }

    fn declare(&mut self, table: &TableName, action: Action, _: &[String]) -> Answer<()> {
        if self.plan.allows(table, TableRight::of_action(action)) { Ok(()) } else { denied(format!("{table}")) }
    }

    async fn write(&mut self, table: &TableName, action: Action, batch: Vec<u8>, _: Option<Vec<u8>>) -> Answer<()> {
        if !self.plan.allows(table, TableRight::of_action(action)) {
            return denied(format!("records of {table}"));
        }
        let records = batch.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        self.written.fetch_add(records as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn delete_before(&mut self, table: &TableName, _: Timestamp, _: u32, _: Option<Vec<u8>>) -> Answer<u64> {
        denied(format!("records of {table}"))
    }

    async fn flush(&mut self) -> Answer<Tally> {
        let written = self.written.load(Ordering::Relaxed);
        Ok(Tally { received: written, written, ..Tally::default() })
    }

    async fn query(&mut self, query: u32, _: RowShape) -> Answer<Box<dyn Cursor>> {
        denied(format!("query {query}"))
    }

    async fn open(&mut self, source: u32, _: u64) -> Answer<Box<dyn Reader>> {
        denied(format!("source {source}"))
    }

    async fn create(&mut self, sink: u32) -> Answer<Box<dyn Writer>> {
        denied(format!("sink {sink}"))
    }

    fn progress(&self, _: u64, _: Option<u64>, _: &'static str) {}

    fn is_cancelled(&self) -> bool {
        false
    }

    fn reject(&self, _: Reject) {}

    fn warn(&self, _: Warning) {}
}
