//! Writes the guest's stdout and stderr to the job's log. Writing happens within the guest's own call, so that the
//! guest is charged for it; it never blocks, and its memory is limited.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::job_log::{JobLog, LogLevel};

/// An unfinished line is written out at this length.
const MAX_PENDING_BYTES: usize = 4 * 1024;
/// Maximum bytes that the guest may write in one call.
const CALL_BYTES: usize = 8 * 1024;

/// One of the two streams. All handles that the guest has of it share the same lines.
#[derive(Clone)]
pub struct LogStream {
    lines: Arc<Lines>,
}

struct Lines {
    log: Arc<JobLog>,
    level: LogLevel,
    pending: Mutex<Vec<u8>>,
}

impl LogStream {
    pub fn new(log: Arc<JobLog>, level: LogLevel) -> Self {
        LogStream { lines: Arc::new(Lines { log, level, pending: Mutex::default() }) }
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line(&mut pending);
            } else {
                pending.push(byte);
                if pending.len() >= MAX_PENDING_BYTES {
                    self.end_line(&mut pending);
                }
            }
        }
    }

    fn end_line(&self, pending: &mut Vec<u8>) {
        if !pending.is_empty() {
            self.log.write(self.level, &String::from_utf8_lossy(pending));
            pending.clear();
        }
    }
}

/// The guest may have ended in the middle of a line.
impl Drop for Lines {
    fn drop(&mut self) {
        let mut pending = std::mem::take(self.pending.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.end_line(&mut pending);
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// The engine's own adapter writes in a separate task of the host; this one does not.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // Limits the host's work per call to what was permitted.
        if bytes.len() > CALL_BYTES {
            return Err(StreamError::trap("more was written than check-write allowed"));
        }
        self.lines.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CALL_BYTES)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.lines.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test has no runtime, so no other task can run.
    #[test]
    fn what_a_guest_prints_is_in_the_log_when_its_call_returns() {
        let log = Arc::new(JobLog::default());
        let stream = LogStream::new(Arc::clone(&log), LogLevel::Info);
        let (mut one, mut other) = (stream.p2_stream(), stream.p2_stream());
        assert!(one.check_write().unwrap() > 0);
        one.write(Bytes::from_static(b"first\nsec")).unwrap();
        assert_eq!(log.tail(1000).0, "[info] first");
        assert!(other.write(vec![b'x'; CALL_BYTES + 1].into()).is_err());
        other.write(Bytes::from_static(b"ond\n\nlast")).unwrap();
        drop((one, other));
        assert_eq!(log.tail(1000).0, "[info] first\n[info] second");
        drop(stream);
        assert_eq!(log.tail(1000).0, "[info] first\n[info] second\n[info] last");
    }
}
