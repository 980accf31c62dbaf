//! The guest's stdout and stderr: lines of the job's log. Never blocks, never grows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::capabilities::{JobLog, LogLevel};

/// A line that has not ended is written out at this length.
const MAX_PENDING_BYTES: usize = 4 * 1024;

#[derive(Clone)]
pub struct LogStream {
    log: Arc<JobLog>,
    level: LogLevel,
}

impl LogStream {
    pub fn new(log: Arc<JobLog>, level: LogLevel) -> Self {
        LogStream { log, level }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LogWriter { log: Arc::clone(&self.log), level: self.level, pending: Vec::new() })
    }
}

struct LogWriter {
    log: Arc<JobLog>,
    level: LogLevel,
    pending: Vec<u8>,
}

impl LogWriter {
    fn write_pending(&mut self) {
        if !self.pending.is_empty() {
            self.log.write(self.level, &String::from_utf8_lossy(&self.pending));
            self.pending.clear();
        }
    }
}

impl AsyncWrite for LogWriter {
    fn poll_write(mut self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for &byte in bytes {
            if byte == b'\n' {
                self.write_pending();
            } else {
                self.pending.push(byte);
                if self.pending.len() >= MAX_PENDING_BYTES {
                    self.write_pending();
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_pending();
        Poll::Ready(Ok(()))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.write_pending();
    }
}
