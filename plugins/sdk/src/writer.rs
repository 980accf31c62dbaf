//! Writing records: collected in a bounded buffer, handed over when it is full.

use jobhost_batch::{Batch, JsonBuffer};

use crate::{Action, Error, TableName, Tally, records};

/// Writes records to one table.
#[derive(Debug)]
pub struct BatchWriter {
    table: TableName,
    action: Action,
    batch: Batch,
}

impl BatchWriter {
    /// A writer for one table and action, which the plan must name.
    pub fn new(table: TableName, action: Action) -> Self {
        BatchWriter { table, action, batch: Batch::new() }
    }

    /// Append one record: `write` puts exactly one JSON object, without line ends, into the buffer. If it fails, nothing
    /// of the record stays.
    pub fn record<E>(&mut self, write: impl FnOnce(&mut JsonBuffer) -> Result<(), E>) -> Result<(), E> {
        self.batch.record(write)
    }

    /// True when `hand_over` is due. Without it the buffer grows.
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Hand the collected records over, with the state of the job after them.
    pub fn hand_over(&mut self, checkpoint: Option<&[u8]>) -> Result<(), Error> {
        if !self.batch.is_empty() {
            records::write(&self.table, self.action, self.batch.as_bytes(), checkpoint)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Hand the rest over, wait until all of it is durable, and return what became of it.
    pub fn finish(mut self, checkpoint: Option<&[u8]>) -> Result<Tally, Error> {
        self.hand_over(checkpoint)?;
        records::flush()
    }
}
