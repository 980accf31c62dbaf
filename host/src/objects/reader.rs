//! An open source: what it is, and its bytes from an offset on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::{ObjectError, ObjectErrorKind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub size: u64,
    /// Changes when the content changes; opaque.
    pub etag: String,
    pub media_type: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Content {
    Memory(Bytes),
    File(Arc<File>),
}

/// Reads a source from an offset to the size it had when it was opened.
#[derive(Debug)]
pub struct ObjectReader {
    info: ObjectInfo,
    content: Content,
    offset: u64,
}

impl ObjectReader {
    pub fn new(info: ObjectInfo, content: Content, offset: u64) -> Self {
        ObjectReader { info, content, offset }
    }

    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The next bytes, at most `max` of them; none at the end.
    pub async fn read(&mut self, max: usize) -> Result<Vec<u8>, ObjectError> {
        let left = self.info.size.saturating_sub(self.offset);
        let wanted = usize::try_from(left).unwrap_or(max).min(max);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let bytes = match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(wanted).min(bytes.len());
                bytes.slice(start..end).to_vec()
            }
            Content::File(file) => read_at(Arc::clone(file), self.offset, wanted).await?,
        };
        if bytes.is_empty() {
            return Err(ObjectError::new(
                ObjectErrorKind::Unavailable,
                format!("the source became shorter while it was read: {} bytes were expected", self.info.size),
            ));
        }
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
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
