//! Writes records through a buffer of limited size.

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
    /// Creates a writer for one table and action. The plan must name both.
    pub fn new(table: TableName, action: Action) -> Self {
        BatchWriter { table, action, batch: Batch::new() }
    }

    /// Appends a record. `write` appends exactly one JSON object without line ends. If it fails, nothing of the record
    /// is kept.
    pub fn record<E>(&mut self, write: impl FnOnce(&mut JsonBuffer) -> Result<(), E>) -> Result<(), E> {
        self.batch.record(write)
    }

    /// Returns true when it is time to call `hand_over`. The buffer grows until then.
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Writes the buffered records, and stores the checkpoint after them.
    pub fn hand_over(&mut self, checkpoint: Option<&[u8]>) -> Result<(), Error> {
        if !self.batch.is_empty() {
            records::write(&self.table, self.action, self.batch.as_bytes(), checkpoint)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Writes the rest, waits until all records are durable, and returns the tally. Unless the plan says `autocommit`, the
    /// host counts the records as received; it decides which ones it skips when they become visible.
    pub fn finish(mut self, checkpoint: Option<&[u8]>) -> Result<Tally, Error> {
        self.hand_over(checkpoint)?;
        records::flush()
    }
}
