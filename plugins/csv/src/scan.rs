//! Finds the bytes that matter to the grammar, 64 at a time. Knows nothing of what they mean.

use wide::{CmpEq, i8x16};

use crate::dialect::Dialect;

/// Bytes looked at together; the buffer is padded with as many.
pub(crate) const BLOCK: usize = 64;
const LANE: usize = 16;

/// The three bytes that can end or change a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needles {
    delimiter: i8x16,
    newline: i8x16,
    quote: i8x16,
}

impl Needles {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Needles {
            delimiter: i8x16::splat(dialect.delimiter as i8),
            newline: i8x16::splat(dialect.newline.last_byte() as i8),
            // Without quotes the needle finds nothing of its own.
            quote: i8x16::splat(dialect.quoting.quote.unwrap_or(dialect.delimiter) as i8),
        }
    }

    /// One bit for each byte of the block that is a delimiter, a newline or a quote, the first byte lowest.
    #[inline(always)]
    fn matches(&self, block: &[u8; BLOCK]) -> u64 {
        let mut mask = 0u64;
        let lanes: [i8x16; BLOCK / LANE] = bytemuck::cast(*block);
        for (index, bytes) in lanes.into_iter().enumerate() {
            let found = bytes.cmp_eq(self.delimiter) | bytes.cmp_eq(self.newline) | bytes.cmp_eq(self.quote);
            mask |= u64::from(found.move_mask() as u32 & 0xffff) << (index * LANE);
        }
        mask
    }
}

/// Walks over the special bytes of a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    /// Where the block begins that `mask` describes.
    block: usize,
    /// Its special bytes that were not visited yet.
    mask: u64,
}

impl Cursor {
    /// A cursor at `position` of `buffer`.
    #[inline(always)]
    pub(crate) fn at(buffer: &[u8], needles: &Needles, position: usize) -> Self {
        let mut cursor = Cursor { block: position & !(BLOCK - 1), mask: 0 };
        cursor.load(buffer, needles);
        cursor.mask &= !0 << (position - cursor.block);
        cursor
    }

    #[inline(always)]
    fn load(&mut self, buffer: &[u8], needles: &Needles) {
        self.mask = match buffer.get(self.block..self.block + BLOCK).map(TryInto::try_into) {
            Some(Ok(block)) => needles.matches(block),
            _ => 0,
        };
    }

    /// The position of the next special byte before `end`.
    #[inline(always)]
    pub(crate) fn next(&mut self, buffer: &[u8], needles: &Needles, end: usize) -> Option<usize> {
        while self.mask == 0 {
            let block = self.block + BLOCK;
            if block >= end {
                return None;
            }
            self.block = block;
            self.load(buffer, needles);
        }
        let position = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(position)
    }
}
