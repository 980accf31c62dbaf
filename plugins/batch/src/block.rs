//! Operations on 16 bytes at once.

use wide::{CmpEq, CmpGt, CmpLt, i8x16};

/// Number of bytes in a block.
pub const BLOCK: usize = 16;

/// Sixteen bytes of a source. The caller may use only the first few. A vector keeps them in a register.
#[derive(Debug, Clone, Copy)]
pub struct Block(i8x16);

impl Block {
    /// Loads the bytes from `position`. Bytes past the end of `source` are zero.
    #[inline(always)]
    pub fn at(source: &[u8], position: usize) -> Self {
        match source.get(position..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            Some(block) => Block(bytemuck::cast(*block)),
            None => Block(bytemuck::cast(last(source, position))),
        }
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> [u8; BLOCK] {
        bytemuck::cast(self.0)
    }

    /// Returns a mask of those among the first `count` bytes that need escaping in a JSON string or are not ASCII.
    #[inline(always)]
    pub(crate) fn special(self, count: usize) -> u32 {
        // As signed numbers, bytes from 0x80 are negative, so one comparison finds them and the control characters.
        let bytes = self.0;
        let special = bytes.cmp_lt(i8x16::splat(0x20))
            | bytes.cmp_eq(i8x16::splat(b'"' as i8))
            | bytes.cmp_eq(i8x16::splat(b'\\' as i8));
        special.move_mask() as u32 & first_bits(count)
    }

    /// Returns a mask of those among the first `count` bytes that are decimal digits.
    #[inline(always)]
    pub fn digits(self, count: usize) -> u32 {
        let bytes = self.0;
        let digits = bytes.cmp_gt(i8x16::splat(b'0' as i8 - 1)) & bytes.cmp_lt(i8x16::splat(b'9' as i8 + 1));
        digits.move_mask() as u32 & first_bits(count)
    }
}

/// Copies the last bytes of a source, from `position`, when fewer than a block are left.
#[cold]
#[inline(never)]
fn last(source: &[u8], position: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (target, byte) in block.iter_mut().zip(source.iter().skip(position)) {
        *target = *byte;
    }
    block
}

#[inline(always)]
fn first_bits(count: usize) -> u32 {
    if count >= BLOCK { 0xffff } else { (1 << count) - 1 }
}
