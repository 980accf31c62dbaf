//! An open source: its metadata, and its bytes from an offset on.

use jobhost_model::ObjectInfo;
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::decoder::{Decoded, past_the_end};
use super::s3::{Chunks, RemoteObject};
use super::{ObjectError, ObjectErrorKind};
use jobhost_model::Encoding;

#[derive(Debug, Clone)]
pub enum Content {
    Memory(Bytes),
    File(Arc<File>),
    S3 {
        object: Arc<RemoteObject>,
        encoding: Encoding,
        /// Maximum decoded bytes.
        max_bytes: u64,
    },
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
    File { file: Arc<File>, offset: u64, at_end: bool },
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
            Content::File(file) => {
                unchanged(&file, &info.etag).await?;
                Stream::File { file, offset, at_end: false }
            }
            Content::S3 { object, encoding: Encoding::Identity, .. } => {
                Stream::S3 { chunks: Chunks::new(object, offset, Arc::clone(&moved)), current: Bytes::new() }
            }
            Content::S3 { object, encoding, max_bytes } => {
                let chunks = Chunks::new(object, 0, Arc::clone(&moved));
                let mut decoded = Box::new(Decoded::new(chunks, encoding, max_bytes));
                decoded.skip(offset).await?;
                Stream::Decoded(decoded)
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
            Stream::File { file, offset, at_end } => {
                let size = self.info.size.unwrap_or(u64::MAX);
                let wanted = usize::try_from(size.saturating_sub(*offset)).unwrap_or(max).min(max);
                if wanted == 0 {
                    if !*at_end {
                        unchanged(file, &self.info.etag).await?;
                        *at_end = true;
                    }
                    return Ok(Vec::new());
                }
                let bytes = read_at(Arc::clone(file), *offset, wanted).await?;
                if bytes.is_empty() {
                    return Err(ObjectError::new(
                        ObjectErrorKind::Unavailable,
                        format!("the source became shorter while it was read: {size} bytes were expected"),
                    ));
                }
                *offset += bytes.len() as u64;
                self.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Ok(bytes)
            }
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

/// The tag changes when the file is written to.
pub(super) fn etag_of(file: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}.{:x}", file.ino(), file.len(), file.mtime(), file.mtime_nsec())
}

/// Fails if the file was written to while it was read, because the result would mix two versions.
async fn unchanged(file: &Arc<File>, etag: &str) -> Result<(), ObjectError> {
    let looked = Arc::clone(file);
    let metadata = tokio::task::spawn_blocking(move || looked.metadata()).await;
    let metadata = metadata.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
        ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("the file cannot be examined: {error}"), error)
    })?;
    if etag_of(&metadata) == etag {
        return Ok(());
    }
    Err(ObjectError::new(
        ObjectErrorKind::Invalid,
        "the file was changed while it was read, so that old and new content would be mixed. What was written until then is \
         in the tally; run the job again when nothing writes to the file",
    ))
}

async fn read_at(file: Arc<File>, offset: u64, wanted: usize) -> Result<Vec<u8>, ObjectError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; wanted];
        let count = file.read_at(&mut buffer, offset)?;
        buffer.truncate(count);
        Ok::<_, std::io::Error>(buffer)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            Err(ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("reading failed: {error}"), error))
        }
        Err(error) => {
            Err(ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("reading was stopped: {error}"), error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn opened(path: &Path) -> (ObjectInfo, Content) {
        let file = File::open(path).unwrap();
        let metadata = file.metadata().unwrap();
        let info = ObjectInfo { size: Some(metadata.len()), etag: etag_of(&metadata), media_type: None };
        (info, Content::File(Arc::new(file)))
    }

    #[tokio::test]
    async fn a_file_changed_while_it_is_read_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        std::fs::write(&path, "id,a\n1,x\n").unwrap();
        let (info, content) = opened(&path);
        let mut reader = ObjectReader::open(info.clone(), content.clone(), 0).await.unwrap();
        assert_eq!(reader.read(4).await.unwrap(), b"id,a");
        // Written in place with the same size.
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(b"id,b\n2,y\n").unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        assert_eq!(reader.read(100).await.unwrap().len(), 5);
        let refused = reader.read(100).await.unwrap_err();
        assert!(refused.message.contains("changed while it was read"), "{refused}");
        let again = ObjectReader::open(info, content, 0).await.unwrap_err();
        assert_eq!(again.kind, ObjectErrorKind::Invalid);
        let (info, content) = opened(&path);
        let mut reader = ObjectReader::open(info, content, 5).await.unwrap();
        assert_eq!(reader.read(100).await.unwrap(), b"2,y\n");
        assert!(reader.read(100).await.unwrap().is_empty());
    }
}
