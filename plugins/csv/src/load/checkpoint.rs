//! Where a load is: stored with each batch, read by the next attempt.

use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::reader::Reader;

const VERSION: u32 = 1;

/// A checkpoint that this version of the plugin cannot use.
#[derive(Debug, thiserror::Error)]
#[error("The checkpoint of the interrupted attempt cannot be read: {0}. Run the job again.")]
pub struct CheckpointError(String);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// Of the source; a checkpoint means nothing for other content.
    pub(super) etag: String,
    pub(super) dialect: Dialect,
    /// Where the next record begins.
    pub(super) offset: u64,
    pub(super) line: u64,
}

impl Checkpoint {
    pub(super) fn new(etag: &str, dialect: Dialect, offset: u64, line: u64) -> Self {
        Checkpoint { version: VERSION, etag: etag.to_owned(), dialect, offset, line }
    }

    pub(super) fn move_to(&mut self, reader: &Reader) {
        self.offset = reader.offset();
        self.line = reader.line();
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // A struct of numbers and strings always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let checkpoint: Checkpoint =
            serde_json::from_slice(bytes).map_err(|error| CheckpointError(error.to_string()))?;
        if checkpoint.version != VERSION {
            return Err(CheckpointError(format!("its version is {}, not {VERSION}", checkpoint.version)));
        }
        Ok(checkpoint)
    }
}
