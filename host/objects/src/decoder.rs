//! Decompresses a source on the fly and limits the output, so that a small object cannot expand indefinitely.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures::TryStreamExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::s3::Chunks;
use super::{ObjectError, ObjectErrorKind};
use jobhost_model::Encoding;

/// Maximum window of a zstd frame: 32 MiB, four times what every decoder must support.
pub(super) const MAX_WINDOW_LOG: u32 = 25;
const SKIP_BYTES: usize = 256 * 1024;

/// The decoded bytes of an object.
pub struct Decoded {
    stream: Pin<Box<dyn AsyncRead + Send>>,
    encoding: Encoding,
    offset: u64,
    max_bytes: u64,
}

impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("encoding", &self.encoding)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Decoded {
    pub fn new(chunks: Chunks, encoding: Encoding, max_bytes: u64) -> Self {
        let stored = futures::stream::try_unfold(chunks, |mut chunks| async move {
            Ok::<_, ObjectError>(chunks.next().await?.map(|bytes| (bytes, chunks)))
        });
        let stored = StreamReader::new(Box::pin(stored.map_err(io::Error::other)));
        let stream: Pin<Box<dyn AsyncRead + Send>> = match encoding {
            Encoding::Identity => Box::pin(stored),
            Encoding::Gzip => {
                let mut decoder = GzipDecoder::new(stored);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Encoding::Zstd => {
                let mut decoder = ZstdDecoder::with_params(stored, &[DParameter::window_log_max(MAX_WINDOW_LOG)]);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        };
        Decoded { stream, encoding, offset: 0, max_bytes }
    }

    /// Decodes up to an offset and discards the output.
    pub async fn skip(&mut self, offset: u64) -> Result<(), ObjectError> {
        while self.offset < offset {
            let left = usize::try_from(offset - self.offset).unwrap_or(SKIP_BYTES);
            if self.read(left.min(SKIP_BYTES)).await?.is_empty() {
                return Err(past_the_end(offset, self.offset));
            }
        }
        Ok(())
    }

    /// Returns the next `max` bytes; fewer only at the end.
    pub async fn read(&mut self, max: usize) -> Result<Vec<u8>, ObjectError> {
        let mut bytes = Vec::with_capacity(max);
        let mut limited = (&mut self.stream).take(max as u64);
        while bytes.len() < max {
            match limited.read_buf(&mut bytes).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
        self.offset += bytes.len() as u64;
        if self.offset > self.max_bytes {
            return Err(ObjectError::new(
                ObjectErrorKind::Limit,
                format!(
                    "the object decodes to more than {} bytes (s3.max_bytes); split it into smaller objects",
                    self.max_bytes
                ),
            ));
        }
        Ok(bytes)
    }

    fn explain(&self, error: io::Error) -> ObjectError {
        let name = match self.encoding {
            Encoding::Identity => "plain",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        };
        let text = error.to_string();
        match error.downcast::<ObjectError>() {
            Ok(of_the_source) => of_the_source,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => ObjectError::caused_by(
                ObjectErrorKind::Invalid,
                format!("the object is not complete {name} data: it ends in the middle"),
                error,
            ),
            Err(error) => ObjectError::caused_by(
                ObjectErrorKind::Invalid,
                format!("the object is not {name} data: {text}; check its file extension"),
                error,
            ),
        }
    }
}

pub(super) fn past_the_end(offset: u64, size: u64) -> ObjectError {
    ObjectError::new(
        ObjectErrorKind::Invalid,
        format!("offset {offset} is past the end of the source, which has {size} bytes"),
    )
}
