//! Reads the sources of a plan and writes its sinks.

use std::sync::Arc;

use async_trait::async_trait;
use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_model::{Limit, ObjectInfo, Receipt};
use jobhost_objects::{ObjectReader, ObjectWriter, StagedSource, Target};
use jobhost_sandbox::capabilities::{Answer, Reader, Writer};

use super::error::of_object;
use super::ledger::Ledger;
use super::places::{Place, Places};

/// Maximum bytes that one `read` returns.
const MAX_READ_BYTES: usize = 256 * 1024;
/// Maximum bytes that one `write` accepts.
const MAX_WRITE_BYTES: usize = 1024 * 1024;

/// Maximum handles that a guest may hold open at a time.
#[derive(Debug, Clone)]
pub struct ObjectLimits {
    pub readers: Limit,
    pub writers: Limit,
}

/// The sources and sinks of one attempt, in the order of the plan.
pub struct Objects {
    sources: Vec<Arc<StagedSource>>,
    /// `None` once the sink has been created.
    sinks: Vec<Option<Target>>,
    readers: Places,
    writers: Places,
}

struct OpenReader {
    reader: ObjectReader,
    _place: Place,
}

struct OpenWriter {
    writer: ObjectWriter,
    _place: Place,
}

impl Objects {
    pub fn new(sources: Vec<Arc<StagedSource>>, sinks: Vec<Target>, limits: ObjectLimits, ledger: Arc<Ledger>) -> Self {
        Objects {
            sources,
            sinks: sinks.into_iter().map(Some).collect(),
            readers: Places::new("readers", limits.readers, Arc::clone(&ledger)),
            writers: Places::new("writers", limits.writers, ledger),
        }
    }

    /// Opens the source with this index in the plan.
    pub async fn open(&mut self, index: u32, offset: u64) -> Answer<Box<dyn Reader>> {
        self.readers.check()?;
        let planned = self.sources.len();
        let source = usize::try_from(index).ok().and_then(|index| self.sources.get(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("source {index} is not in the plan, which names {planned} source(s), counted from 0"),
            )
        })?;
        let reader = Arc::clone(source).open(offset).await.map_err(of_object)?;
        Ok(Box::new(OpenReader { reader, _place: self.readers.take() }))
    }

    /// Creates the sink with this index in the plan.
    pub async fn create(&mut self, index: u32) -> Answer<Box<dyn Writer>> {
        self.writers.check()?;
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
                format!("sink {index} was already created; each sink can be created once"),
            )
        })?;
        let writer = ObjectWriter::create(target).await.map_err(of_object)?;
        Ok(Box::new(OpenWriter { writer, _place: self.writers.take() }))
    }
}

#[async_trait]
impl Reader for OpenReader {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    async fn read(&mut self, max: u32) -> Answer<Vec<u8>> {
        let max = usize::try_from(max).unwrap_or(MAX_READ_BYTES).min(MAX_READ_BYTES);
        if max == 0 {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Invalid,
                "read of 0 bytes; an empty list means the end of the stream",
            ));
        }
        self.reader.read(max).await.map_err(of_object)
    }
}

#[async_trait]
impl Writer for OpenWriter {
    async fn write(&mut self, bytes: Vec<u8>) -> Answer<()> {
        if bytes.len() > MAX_WRITE_BYTES {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Limit,
                format!("{} bytes in one write; the limit is {MAX_WRITE_BYTES}", bytes.len()),
            ));
        }
        self.writer.write(bytes).await.map_err(of_object)
    }

    async fn finish(&mut self) -> Answer<Receipt> {
        self.writer.finish().await.map_err(of_object)
    }
}
