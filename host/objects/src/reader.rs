//! An open source: its metadata, and its bytes from an offset on.

use jobhost_model::ObjectInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::ObjectError;
use super::decoder::{Decoded, past_the_end};
use super::s3::{Chunks, RemoteObject};
use super::stored_file::{FileBytes, StoredFile};
use jobhost_model::{Encoding, Limit};

#[derive(Debug, Clone)]
pub enum Content {
    Memory(Bytes),
    File(Arc<StoredFile>, Compression),
    S3(Arc<RemoteObject>, Compression),
}

/// How stored bytes are decoded.
#[derive(Debug, Clone)]
pub struct Compression {
    pub encoding: Encoding,
    /// Maximum decoded bytes.
    pub max_bytes: Limit,
}

impl Compression {
    pub const NONE: Compression = Compression { encoding: Encoding::Identity, max_bytes: Limit::new("", u64::MAX) };
}

/// Reads a source from an offset to its end. Only reads the version that existed when the source was first opened.
#[derive(Debug)]
pub struct ObjectReader {
    info: ObjectInfo,
    stream: Stream,
    moved: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Stream {
    Memory(Bytes),
    File(FileBytes),
    S3 { chunks: Chunks, current: Bytes },
    Decoded(Box<Decoded>),
}

impl ObjectReader {
    /// Returns `Invalid` for an offset past the end. Decoding up to the offset may return the same errors as reading.
    pub async fn open(info: ObjectInfo, content: Content, offset: u64) -> Result<Self, ObjectError> {
        if info.size.is_some_and(|size| offset > size) {
            return Err(past_the_end(offset, info.size.unwrap_or(0)));
        }
        let moved = Arc::new(AtomicU64::new(0));
        let stream = match content {
            Content::Memory(mut bytes) => {
                Stream::Memory(bytes.split_off(usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len())))
            }
            Content::File(file, Compression { encoding, max_bytes }) => {
                file.check_unchanged().await?;
                match encoding {
                    Encoding::Identity => Stream::File(FileBytes::new(file, offset, Arc::clone(&moved))),
                    _ => {
                        let stored = FileBytes::new(file, 0, Arc::clone(&moved));
                        decoding(stored.chunks(), encoding, max_bytes, offset).await?
                    }
                }
            }
            Content::S3(object, Compression { encoding: Encoding::Identity, .. }) => {
                Stream::S3 { chunks: Chunks::new(object, offset, Arc::clone(&moved)), current: Bytes::new() }
            }
            Content::S3(object, Compression { encoding, max_bytes }) => {
                let stored = Chunks::new(object, 0, Arc::clone(&moved));
                let stored = futures::stream::try_unfold(stored, |mut chunks| async move {
                    Ok(chunks.next().await?.map(|bytes| (bytes, chunks)))
                });
                decoding(stored, encoding, max_bytes, offset).await?
            }
        };
        Ok(ObjectReader { info, stream, moved })
    }

    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Stored bytes received so far, before decoding.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Returns up to `max` bytes; none at the end.
    pub async fn read(&mut self, max: usize) -> Result<Vec<u8>, ObjectError> {
        match &mut self.stream {
            Stream::Memory(bytes) => Ok(bytes.split_to(max.min(bytes.len())).to_vec()),
            Stream::File(file) => file.read(max).await,
            Stream::S3 { chunks, current } => {
                if current.is_empty() {
                    *current = chunks.next().await?.unwrap_or_default();
                }
                Ok(current.split_to(max.min(current.len())).to_vec())
            }
            Stream::Decoded(decoded) => decoded.read(max).await,
        }
    }
}

async fn decoding(
    stored: impl futures::Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    encoding: Encoding,
    max_bytes: Limit,
    offset: u64,
) -> Result<Stream, ObjectError> {
    let mut decoded = Box::new(Decoded::new(stored, encoding, max_bytes));
    decoded.skip(offset).await?;
    Ok(Stream::Decoded(decoded))
}
