//! When a batch is full. The figures stay well under what the contract allows a batch (1 MiB, 16,384 records), so
//! that one more record of the largest size always fits.

use crate::json::JsonBuffer;

/// A batch of this size is handed over.
pub const FLUSH_BYTES: usize = 512 * 1024;
/// A batch of this many records is handed over.
pub const FLUSH_RECORDS: usize = 8_192;
/// The largest record the contract allows.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// Room for the first records.
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
        // Small jobs are many: the buffer grows to its full size only for those that fill it.
        Batch { buffer: JsonBuffer::with_capacity(FIRST_BYTES), records: 0 }
    }

    /// Append one record: `write` puts exactly one JSON object, without line ends, into the buffer. If it fails,
    /// nothing of the record stays.
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

    /// True when the batch should be handed over before the next record.
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
