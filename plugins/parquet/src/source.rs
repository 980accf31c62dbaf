//! Random access to a source through sequential streams. Parquet reads the pages of each column in order, so each
//! column gets a window of its own, and the columns that were read most recently keep their streams open.
//!
//! Holds at most [`MAX_WINDOW_BYTES`] of windows, and the range that was read last. A length in the file is never
//! trusted: memory is allocated only for bytes that have arrived.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jobhost_load::{Input, Open};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The contract allows 16 readers. Few are used, because each reader of an S3 object reads ahead.
const MAX_STREAMS: usize = 8;
const MAX_WINDOW_BYTES: usize = 24 * 1024 * 1024;
/// Number of bytes to read of a page before the length of its header is known.
const HEADER_BYTES: usize = 1024;

/// A file with random access. Clones share their windows.
pub(crate) struct SourceFile<O: Open> {
    state: Arc<Mutex<State<O>>>,
    size: u64,
    etag: Arc<str>,
}

impl<O: Open> Clone for SourceFile<O> {
    fn clone(&self) -> Self {
        SourceFile { state: Arc::clone(&self.state), size: self.size, etag: Arc::clone(&self.etag) }
    }
}

struct State<O: Open> {
    source: O,
    windows: Vec<Window<O::Input>>,
    /// Counts uses, to find the window that was least recently used.
    clock: u64,
    /// Why the host refused a call. Parquet's errors cannot carry it.
    refused: Option<O::Error>,
}

/// The bytes of the file from `start`.
struct Window<I> {
    start: u64,
    bytes: Vec<u8>,
    /// Continues after the last byte of the window.
    stream: Option<I>,
    used: u64,
}

impl<I> Window<I> {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl<O: Open> SourceFile<O> {
    /// Opens the source. Returns `None` if its size is unknown.
    pub(crate) fn open(source: O) -> Result<Option<Self>, O::Error> {
        let stream = source.open(0)?;
        let Some(size) = stream.size() else { return Ok(None) };
        let etag = stream.etag().into();
        let state = State { source, windows: Vec::new(), clock: 0, refused: None };
        Ok(Some(SourceFile { state: Arc::new(Mutex::new(state)), size, etag }))
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// Returns and clears the reason why the host refused a call.
    pub(crate) fn refused(&self) -> Option<O::Error> {
        self.state().refused.take()
    }

    fn state(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns at most `length` bytes from `start`, fewer only at the end of the file.
    fn read(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let left = usize::try_from(self.size.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut state = self.state();
        match state.read(start, length.min(left)) {
            Ok(bytes) => Ok(bytes),
            Err(refused) => {
                state.refused = refused;
                Err(ParquetError::EOF("the source could not be read".to_owned()))
            }
        }
    }
}

impl<O: Open> State<O> {
    /// Error: the error of the host, or `None` if the source ended early.
    fn read(&mut self, start: u64, length: usize) -> Result<Bytes, Option<O::Error>> {
        self.clock += 1;
        let mut window = match self.windows.iter().position(|window| window.start <= start && start <= window.end()) {
            Some(index) => self.windows.swap_remove(index),
            None => Window { start, bytes: Vec::new(), stream: None, used: 0 },
        };
        let passed = usize::try_from(start - window.start).unwrap_or(usize::MAX).min(window.bytes.len());
        window.bytes.drain(..passed);
        (window.start, window.used) = (start, self.clock);
        while window.bytes.len() < length {
            let mut stream = match window.stream.take() {
                Some(stream) => stream,
                None => {
                    self.close_streams();
                    self.source.open(window.end()).map_err(Some)?
                }
            };
            let chunk = stream.read().map_err(Some)?;
            if chunk.is_empty() {
                return Err(None);
            }
            window.bytes.extend_from_slice(&chunk);
            window.stream = Some(stream);
        }
        let bytes = Bytes::copy_from_slice(window.bytes.get(..length).unwrap_or_default());
        self.windows.push(window);
        self.forget();
        Ok(bytes)
    }

    /// Closes streams until another one may be opened.
    fn close_streams(&mut self) {
        while self.windows.iter().filter(|window| window.stream.is_some()).count() >= MAX_STREAMS {
            let open = self.windows.iter_mut().filter(|window| window.stream.is_some());
            if let Some(window) = open.min_by_key(|window| window.used) {
                window.stream = None;
            }
        }
    }

    /// Drops windows until the rest is small enough.
    fn forget(&mut self) {
        while self.windows.len() > 1
            && self.windows.iter().map(|window| window.bytes.len()).sum::<usize>() > MAX_WINDOW_BYTES
        {
            let oldest = self.windows.iter().enumerate().min_by_key(|(_, window)| window.used).map(|(index, _)| index);
            if let Some(index) = oldest {
                self.windows.swap_remove(index);
            }
        }
    }
}

impl<O: Open> Length for SourceFile<O> {
    fn len(&self) -> u64 {
        self.size
    }
}

impl<O> ChunkReader for SourceFile<O>
where
    O: Open + Send,
    O::Input: Send,
    O::Error: Send,
{
    type T = SourceRead<O>;

    fn get_read(&self, start: u64) -> Result<SourceRead<O>, ParquetError> {
        Ok(SourceRead { file: self.clone(), at: start, piece: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.read(start, length)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are beyond its end")));
        }
        Ok(bytes)
    }
}

/// Reads sequentially from a position: for the header of a page.
pub(crate) struct SourceRead<O: Open> {
    file: SourceFile<O>,
    at: u64,
    piece: Bytes,
}

impl<O: Open> Read for SourceRead<O> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.file.read(self.at, HEADER_BYTES).map_err(io::Error::other)?;
            self.at += self.piece.len() as u64;
        }
        let count = into.len().min(self.piece.len());
        let taken = self.piece.split_to(count);
        if let Some(into) = into.get_mut(..count) {
            into.copy_from_slice(&taken);
        }
        Ok(count)
    }
}
