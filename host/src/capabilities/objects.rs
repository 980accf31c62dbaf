//! Opening and reading the sources of a plan.

use std::sync::Arc;

use super::error::{CapabilityError, CapabilityErrorKind};
use crate::objects::{ObjectError, ObjectErrorKind, ObjectInfo, ObjectReader, StagedSource};

/// Most bytes one `read` gives.
pub const MAX_READ_BYTES: usize = 256 * 1024;
/// Readers a guest may hold open at a time.
pub const MAX_OPEN_READERS: usize = 16;

/// The sources of one attempt, in the order of the plan.
pub struct Objects {
    sources: Vec<Arc<StagedSource>>,
    open: usize,
}

impl Objects {
    pub fn new(sources: Vec<Arc<StagedSource>>) -> Self {
        Objects { sources, open: 0 }
    }

    /// Open the source with this index in the plan.
    pub async fn open(&mut self, index: u32, offset: u64) -> Result<ObjectReader, CapabilityError> {
        if self.open >= MAX_OPEN_READERS {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Limit,
                format!("{MAX_OPEN_READERS} readers are open already, which is the limit; drop one first"),
            ));
        }
        let planned = self.sources.len();
        let source = usize::try_from(index).ok().and_then(|index| self.sources.get(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("source {index} is not in the plan, which names {planned} source(s), counted from 0"),
            )
        })?;
        let reader = Arc::clone(source).open(offset).await?;
        self.open += 1;
        Ok(reader)
    }

    pub async fn read(&mut self, reader: &mut ObjectReader, max: u32) -> Result<Vec<u8>, CapabilityError> {
        let max = usize::try_from(max).unwrap_or(MAX_READ_BYTES).min(MAX_READ_BYTES);
        if max == 0 {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Invalid,
                "read was asked for 0 bytes; an empty list is reserved for the end of the stream",
            ));
        }
        Ok(reader.read(max).await?)
    }

    /// Must be told of each reader that the guest drops.
    pub fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    pub fn info(reader: &ObjectReader) -> &ObjectInfo {
        reader.info()
    }
}

impl From<ObjectError> for CapabilityError {
    fn from(error: ObjectError) -> Self {
        let kind = match error.kind {
            ObjectErrorKind::NotFound => CapabilityErrorKind::NotFound,
            ObjectErrorKind::Denied => CapabilityErrorKind::Denied,
            ObjectErrorKind::Limit => CapabilityErrorKind::Limit,
            ObjectErrorKind::Invalid => CapabilityErrorKind::Invalid,
            ObjectErrorKind::Unavailable => CapabilityErrorKind::Unavailable,
        };
        CapabilityError { kind, message: error.message }
    }
}
