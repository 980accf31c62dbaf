//! Reading a source of the plan, chunk by chunk.

use crate::bindings::jobhost::plugin::objects;
use crate::{Error, ObjectInfo};

/// Bytes asked for at a time: the most the contract gives.
pub const CHUNK_BYTES: u32 = 256 * 1024;

/// An open source.
#[derive(Debug)]
pub struct Source {
    reader: objects::Reader,
    info: ObjectInfo,
}

impl Source {
    /// Open the source with this index in the plan, at a byte offset.
    pub fn open(index: u32, offset: u64) -> Result<Self, Error> {
        let reader = objects::open(index, offset)?;
        let info = reader.info();
        Ok(Source { reader, info })
    }

    /// Size, etag and media type of the whole source.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The next bytes; an empty chunk is the end.
    pub fn chunk(&mut self) -> Result<Vec<u8>, Error> {
        self.reader.read(CHUNK_BYTES)
    }
}
