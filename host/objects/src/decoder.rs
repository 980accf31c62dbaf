//! Decompresses a source on the fly and limits the output, so that a small object cannot expand indefinitely.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::ZstdDecoder;
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::gzip::GzipMembers;
use super::{ObjectError, ObjectErrorKind};
use jobhost_model::{Encoding, Limit};

/// Maximum window of a zstd frame: 32 MiB, four times what every decoder must support.
const MAX_WINDOW_LOG: u32 = 25;
const SKIP_BYTES: usize = 256 * 1024;
/// As many bytes of a source as [`encoding_of`] looks at.
pub(super) const MAGIC_BYTES: usize = 4;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

pub(super) type ByteStream = Pin<Box<dyn AsyncRead + Send>>;

/// Recognises the encoding of stored bytes by their magic number.
pub(super) fn encoding_of(start: &[u8]) -> Encoding {
    if start.starts_with(GZIP) {
        Encoding::Gzip
    } else if start.starts_with(ZSTD) {
        Encoding::Zstd
    } else {
        Encoding::Identity
    }
}

/// Decodes every gzip member or zstd frame of a stream.
pub(super) fn decoded(stored: impl AsyncBufRead + Send + 'static, encoding: Encoding) -> ByteStream {
    match encoding {
        Encoding::Identity => Box::pin(stored),
        Encoding::Gzip => Box::pin(GzipMembers::new(stored)),
        Encoding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(stored, &[DParameter::window_log_max(MAX_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// The decoded bytes of a file or an object.
pub struct Decoded {
    stream: ByteStream,
    encoding: Encoding,
    offset: u64,
    max_bytes: Limit,
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
    pub(super) fn new(
        chunks: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
        encoding: Encoding,
        max_bytes: Limit,
    ) -> Self {
        let stored = StreamReader::new(Box::pin(chunks.map_err(io::Error::other)));
        Decoded { stream: decoded(stored, encoding), encoding, offset: 0, max_bytes }
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
        if self.offset > self.max_bytes.value() {
            return Err(ObjectError::new(
                ObjectErrorKind::Limit,
                format!(
                    "the source decodes to more than {} bytes ({}); split it into smaller ones",
                    self.max_bytes.value(),
                    self.max_bytes.key()
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
                format!("the source is not complete {name} data: it ends in the middle"),
                error,
            ),
            Err(error) => ObjectError::caused_by(
                ObjectErrorKind::Invalid,
                format!("the source is not {name} data: {text}; check 'compression', and whether the file is damaged"),
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
