//! A local file that is read as a source. Fails if the file changes meanwhile.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::Stream;
use jobhost_model::Encoding;

use super::decoder::{MAGIC_BYTES, encoding_of};
use super::{ObjectError, ObjectErrorKind};

/// Bytes that a decoder reads at once.
const CHUNK_BYTES: usize = 256 << 10;

/// An open file as it was when it was opened.
#[derive(Debug)]
pub struct StoredFile {
    file: File,
    pub(super) size: u64,
    /// Changes when the file is written to.
    pub(super) etag: String,
}

impl StoredFile {
    /// Blocks.
    pub(super) fn new(file: File) -> Result<Self, ObjectError> {
        let metadata = file.metadata().map_err(unexamined)?;
        Ok(StoredFile { file, size: metadata.len(), etag: etag_of(&metadata) })
    }

    /// Recognises the compression by the first bytes. Blocks.
    pub(super) fn encoding(&self) -> Result<Encoding, ObjectError> {
        let mut start = [0; MAGIC_BYTES];
        let count = self.file.read_at(&mut start, 0).map_err(unread)?;
        Ok(encoding_of(start.get(..count).unwrap_or_default()))
    }

    /// Fails if the file was written to since it was opened, because the result would mix two versions.
    pub(super) async fn check_unchanged(self: &Arc<Self>) -> Result<(), ObjectError> {
        let looked = Arc::clone(self);
        let metadata = tokio::task::spawn_blocking(move || looked.file.metadata()).await;
        let metadata = metadata.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(unexamined)?;
        if etag_of(&metadata) == self.etag {
            return Ok(());
        }
        Err(ObjectError::new(
            ObjectErrorKind::Invalid,
            "the file was changed while it was read, so that old and new content would be mixed. What was written until then \
             is in the tally; run the job again when nothing writes to the file",
        ))
    }
}

/// The bytes of a file from an offset on.
#[derive(Debug)]
pub(super) struct FileBytes {
    stored: Arc<StoredFile>,
    offset: u64,
    moved: Arc<AtomicU64>,
}

impl FileBytes {
    /// `moved` counts the bytes read.
    pub(super) fn new(stored: Arc<StoredFile>, offset: u64, moved: Arc<AtomicU64>) -> Self {
        FileBytes { stored, offset, moved }
    }

    /// Returns up to `max` bytes; none at the end.
    pub(super) async fn read(&mut self, max: usize) -> Result<Vec<u8>, ObjectError> {
        let left = self.stored.size.saturating_sub(self.offset);
        let wanted = usize::try_from(left).unwrap_or(max).min(max);
        if wanted == 0 {
            self.stored.check_unchanged().await?;
            return Ok(Vec::new());
        }
        let bytes = read_at(Arc::clone(&self.stored), self.offset, wanted).await?;
        if bytes.is_empty() {
            return Err(ObjectError::new(
                ObjectErrorKind::Unavailable,
                format!("the source became shorter while it was read: {} bytes were expected", self.stored.size),
            ));
        }
        self.offset += bytes.len() as u64;
        self.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// All bytes that follow, for a decoder.
    pub(super) fn chunks(self) -> impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static {
        futures::stream::try_unfold(self, |mut file| async move {
            let bytes = file.read(CHUNK_BYTES).await?;
            Ok((!bytes.is_empty()).then(|| (Bytes::from(bytes), file)))
        })
    }
}

fn etag_of(file: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}.{:x}", file.ino(), file.len(), file.mtime(), file.mtime_nsec())
}

fn unexamined(error: io::Error) -> ObjectError {
    ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("the file cannot be examined: {error}"), error)
}

fn unread(error: io::Error) -> ObjectError {
    ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("reading failed: {error}"), error)
}

async fn read_at(stored: Arc<StoredFile>, offset: u64, wanted: usize) -> Result<Vec<u8>, ObjectError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; wanted];
        let count = stored.file.read_at(&mut buffer, offset)?;
        buffer.truncate(count);
        Ok::<_, io::Error>(buffer)
    });
    match read.await {
        Ok(read) => read.map_err(unread),
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

    fn opened(path: &Path) -> FileBytes {
        let file = StoredFile::new(File::open(path).unwrap()).unwrap();
        FileBytes::new(Arc::new(file), 0, Arc::default())
    }

    #[tokio::test]
    async fn a_file_changed_while_it_is_read_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        std::fs::write(&path, "id,a\n1,x\n").unwrap();
        let mut bytes = opened(&path);
        assert_eq!(bytes.read(4).await.unwrap(), b"id,a");
        // Written in place with the same size.
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(b"id,b\n2,y\n").unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        assert_eq!(bytes.read(100).await.unwrap().len(), 5);
        let refused = bytes.read(100).await.unwrap_err();
        assert!(refused.message.contains("changed while it was read"), "{refused}");
        assert_eq!(bytes.stored.check_unchanged().await.unwrap_err().kind, ObjectErrorKind::Invalid);
        let mut bytes = opened(&path);
        assert_eq!(bytes.read(100).await.unwrap(), b"id,b\n2,y\n");
        assert!(bytes.read(100).await.unwrap().is_empty());
    }
}
