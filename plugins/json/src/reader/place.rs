//! Lines of the input, counted when a line is asked for and when bytes are passed, not byte by byte.

use memchr::{memchr_iter, memrchr};

/// Where a buffer begins in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    base: u64,
    line: u64,
    /// Where that line begins in the input.
    line_offset: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { base: 0, line: 1, line_offset: 0 }
    }

    pub(super) fn resume(base: u64, line: u64, line_offset: u64) -> Self {
        // Who wrote a position may be anyone: what follows must not underflow.
        Lines { base, line, line_offset: line_offset.min(base) }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// The line of a position in the buffer, and where that line begins in the input.
    pub(super) fn at(&self, buffer: &[u8], position: usize) -> (u64, u64) {
        let before = buffer.get(..position).unwrap_or_default();
        let line = self.line + memchr_iter(b'\n', before).count() as u64;
        let line_offset = memrchr(b'\n', before).map_or(self.line_offset, |end| self.base + end as u64 + 1);
        (line, line_offset)
    }

    /// The buffer loses these bytes from its start.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        (self.line, self.line_offset) = self.at(bytes, bytes.len());
        self.base += bytes.len() as u64;
    }
}
