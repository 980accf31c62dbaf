//! Reading the sources of a plan and writing its sinks.

use std::sync::Arc;

use super::error::{CapabilityError, CapabilityErrorKind};
use super::limits::LimitsMet;
use jobhost_model::jobs::LimitReached;
use jobhost_objects::{
    ObjectError, ObjectErrorKind, ObjectInfo, ObjectReader, ObjectWriter, Receipt, StagedSource, Target,
};

/// Most bytes one `read` gives.
pub const MAX_READ_BYTES: usize = 256 * 1024;
/// Most bytes one `write` takes.
pub const MAX_WRITE_BYTES: usize = 1024 * 1024;

/// Handles that a guest may hold open at a time.
#[derive(Debug, Clone, Copy)]
pub struct ObjectLimits {
    pub readers: usize,
    pub writers: usize,
}

/// The sources and sinks of one attempt, in the order of the plan.
pub struct Objects {
    sources: Vec<Arc<StagedSource>>,
    /// `None` once it was created.
    sinks: Vec<Option<Target>>,
    limits: ObjectLimits,
    limits_met: Arc<LimitsMet>,
    open_readers: usize,
    open_writers: usize,
}

impl Objects {
    pub fn new(
        sources: Vec<Arc<StagedSource>>,
        sinks: Vec<Target>,
        limits: ObjectLimits,
        limits_met: Arc<LimitsMet>,
    ) -> Self {
        let sinks = sinks.into_iter().map(Some).collect();
        Objects { sources, sinks, limits, limits_met, open_readers: 0, open_writers: 0 }
    }

    /// Open the source with this index in the plan.
    pub async fn open(&mut self, index: u32, offset: u64) -> Result<ObjectReader, CapabilityError> {
        let (open, most) = (self.open_readers, self.limits.readers);
        if open >= most {
            let reached = LimitReached::new("sandbox.readers", most, open as u64 + 1);
            let sentence = format!("{most} readers are open already, which is the limit; drop one first");
            return Err(self.limits_met.refuse(reached, sentence));
        }
        let planned = self.sources.len();
        let source = usize::try_from(index).ok().and_then(|index| self.sources.get(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("source {index} is not in the plan, which names {planned} source(s), counted from 0"),
            )
        })?;
        let reader = Arc::clone(source).open(offset).await?;
        self.open_readers += 1;
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

    /// Begin to write the sink with this index in the plan.
    pub async fn create(&mut self, index: u32) -> Result<ObjectWriter, CapabilityError> {
        let (open, most) = (self.open_writers, self.limits.writers);
        if open >= most {
            let reached = LimitReached::new("sandbox.writers", most, open as u64 + 1);
            let sentence = format!("{most} writers are open already, which is the limit; drop one first");
            return Err(self.limits_met.refuse(reached, sentence));
        }
        let planned = self.sinks.len();
        let sink = usize::try_from(index).ok().and_then(|index| self.sinks.get_mut(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("sink {index} is not in the plan, which names {planned} sink(s), counted from 0"),
            )
        })?;
        let target = sink.take().ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Invalid,
                format!("sink {index} was created before; each sink is created once"),
            )
        })?;
        let writer = ObjectWriter::create(target).await?;
        self.open_writers += 1;
        Ok(writer)
    }

    pub async fn write(&mut self, writer: &mut ObjectWriter, bytes: Vec<u8>) -> Result<(), CapabilityError> {
        if bytes.len() > MAX_WRITE_BYTES {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Limit,
                format!("{} bytes in one write; the limit is {MAX_WRITE_BYTES}", bytes.len()),
            ));
        }
        Ok(writer.write(bytes).await?)
    }

    pub async fn finish(&mut self, writer: &mut ObjectWriter) -> Result<Receipt, CapabilityError> {
        Ok(writer.finish().await?)
    }

    /// Must be told of each reader that the guest drops.
    pub fn reader_closed(&mut self) {
        self.open_readers = self.open_readers.saturating_sub(1);
    }

    /// Must be told of each writer that the guest drops.
    pub fn writer_closed(&mut self) {
        self.open_writers = self.open_writers.saturating_sub(1);
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
