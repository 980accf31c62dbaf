//! Reads a source of the plan, chunk by chunk.

use crate::{Error, Lines, ObjectInfo};

#[cfg(target_family = "wasm")]
use crate::bindings::jobhost::plugin::objects::{Reader, open};
#[cfg(not(target_family = "wasm"))]
use crate::testing::{Reader, open};

/// Bytes to request at a time: the maximum of the contract.
pub const CHUNK_BYTES: u32 = 256 * 1024;

/// An open source.
#[derive(Debug)]
pub struct Source {
    reader: Reader,
    info: ObjectInfo,
    /// The offset at which `chunk` continues.
    offset: u64,
}

impl Source {
    /// Opens the source with this index in the plan at a byte offset.
    pub fn open(index: u32, offset: u64) -> Result<Self, Error> {
        let reader = open(index, offset)?;
        let info = reader.info();
        Ok(Source { reader, info, offset })
    }

    /// Returns the size, etag and media type of the whole source.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Returns the next bytes. An empty chunk marks the end.
    pub fn chunk(&mut self) -> Result<Vec<u8>, Error> {
        let chunk = self.reader.read(CHUNK_BYTES)?;
        self.offset += chunk.len() as u64;
        Ok(chunk)
    }

    /// Reads the rest of the source line by line.
    pub fn lines(self) -> Lines {
        let offset = self.offset;
        Lines::new(self, offset)
    }
}
