//! Decides when a batch is full. The limits are well below those of the contract (1 MiB, 16,384 records), so that one
//! more record of the maximum size always fits: a host accepts batches that are 512 KiB larger than a record.

use crate::json::JsonBuffer;

/// A batch of this size is written.
pub const FLUSH_BYTES: usize = 512 * 1024;
/// A batch with this many records is written.
pub const FLUSH_RECORDS: usize = 8_192;
/// Default maximum size of a record in the contract.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// Initial size of the buffer.
const FIRST_BYTES: usize = 16 * 1024;

/// Records collected for one call of `records.write`.
#[derive(Debug)]
pub struct Batch {
    buffer: JsonBuffer,
    records: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    pub fn new() -> Self {
        // Most jobs are small, so the buffer starts small and grows on demand.
        Batch { buffer: JsonBuffer::with_capacity(FIRST_BYTES), records: 0 }
    }

    /// Appends a record. `write` appends exactly one JSON object without line ends. If it fails, nothing of the record
    /// is kept.
    #[inline]
    pub fn record<E>(&mut self, write: impl FnOnce(&mut JsonBuffer) -> Result<(), E>) -> Result<(), E> {
        let start = self.buffer.len();
        match write(&mut self.buffer) {
            Ok(()) => {
                self.buffer.byte(b'\n');
                self.records += 1;
                Ok(())
            }
            Err(error) => {
                self.buffer.truncate(start);
                Err(error)
            }
        }
    }

    /// Returns true when the batch should be written before the next record is appended.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FLUSH_BYTES || self.records >= FLUSH_RECORDS
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub fn records(&self) -> usize {
        self.records
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.as_bytes()
    }

    pub fn clear(&mut self) {
        self.buffer.clear();
        self.records = 0;
    }
}
