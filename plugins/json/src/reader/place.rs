//! Tracks line numbers. Lines are counted when bytes are consumed or a line number is needed, not byte by byte.

use memchr::{memchr_iter, memrchr};

/// The position of a buffer in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    base: u64,
    line: u64,
    /// Offset of the start of that line in the input.
    line_offset: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { base: 0, line: 1, line_offset: 0 }
    }

    pub(super) fn resume(base: u64, line: u64, line_offset: u64) -> Self {
        // A position comes from a checkpoint and is not trusted: the arithmetic below must not underflow.
        Lines { base, line, line_offset: line_offset.min(base) }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Returns the line number of a position in the buffer, and the offset in the input at which that line begins.
    pub(super) fn at(&self, buffer: &[u8], position: usize) -> (u64, u64) {
        let before = buffer.get(..position).unwrap_or_default();
        let line = self.line + memchr_iter(b'\n', before).count() as u64;
        let line_offset = memrchr(b'\n', before).map_or(self.line_offset, |end| self.base + end as u64 + 1);
        (line, line_offset)
    }

    /// Advances past these bytes, which leave the buffer.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        (self.line, self.line_offset) = self.at(bytes, bytes.len());
        self.base += bytes.len() as u64;
    }
}
