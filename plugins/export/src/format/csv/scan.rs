//! Finds the bytes of JSON rows that CSV cannot copy unchanged, 64 at a time.

use wide::{CmpEq, i8x16};

/// Number of bytes that are examined together.
pub(super) const BLOCK: usize = 64;
const LANE: usize = 16;
const EVEN: u64 = 0x5555_5555_5555_5555;

/// State that carries over from one block to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scan {
    /// All ones if the next byte is inside of a string.
    string: u64,
    /// 1 if the next byte is escaped.
    escaped: u64,
}

impl Scan {
    /// Returns a mask of the bytes in the block at `position` that need handling; the lowest bit is the first byte.
    /// Inside of strings these are backslashes that begin an escape; outside, the `n` of null, opening brackets and
    /// braces, and LF.
    #[inline(always)]
    pub(super) fn block(&mut self, rows: &[u8], position: usize) -> u64 {
        let found = match rows.get(position..).and_then(<[u8]>::first_chunk) {
            Some(block) => Found::of(block),
            None => Found::of(&last(rows, position)),
        };
        let (mut quotes, mut escapes) = (found.quotes, 0);
        if found.backslashes | self.escaped != 0 {
            let escaped = self.escaped_bytes(found.backslashes);
            quotes &= !escaped;
            escapes = found.backslashes & !escaped;
        }
        // From an opening quote to the byte before the closing one.
        let strings = prefix_xor(quotes) ^ self.string;
        self.string = ((strings as i64) >> (u64::BITS - 1)) as u64;
        escapes | (found.stops & !strings)
    }

    /// Returns a mask of the escaped bytes: those that follow a run of backslashes of odd length.
    #[inline(never)]
    fn escaped_bytes(&mut self, backslashes: u64) -> u64 {
        let starting = backslashes & !self.escaped;
        let follows = starting << 1 | self.escaped;
        let odd_starts = starting & !EVEN & !follows;
        // The carry of the addition runs through each run of backslashes and sets the bit after its end.
        let (even_runs, carry) = odd_starts.overflowing_add(starting);
        self.escaped = u64::from(carry);
        (EVEN ^ (even_runs << 1)) & follows
    }
}

/// Masks of the special bytes, regardless of their context.
struct Found {
    quotes: u64,
    backslashes: u64,
    stops: u64,
}

impl Found {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut found = Found { quotes: 0, backslashes: 0, stops: 0 };
        let lanes: [i8x16; BLOCK / LANE] = bytemuck::cast(*block);
        for (index, bytes) in lanes.into_iter().enumerate() {
            let is = |byte: u8| bytes.cmp_eq(i8x16::splat(byte as i8));
            // `[` and `{` differ in a single bit.
            let opening = (bytes | i8x16::splat(0x20)).cmp_eq(i8x16::splat(b'{' as i8));
            let bits = |mask: i8x16| u64::from(mask.move_mask() as u32 & 0xffff) << (index * LANE);
            found.quotes |= bits(is(b'"'));
            found.backslashes |= bits(is(b'\\'));
            found.stops |= bits(is(b'\n') | is(b'n') | opening);
        }
        found
    }
}

/// Copies the last bytes from `position`, fewer than a block, padded with zeros.
#[cold]
#[inline(never)]
fn last(rows: &[u8], position: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (target, byte) in block.iter_mut().zip(rows.iter().skip(position)) {
        *target = *byte;
    }
    block
}

/// Replaces each bit by the parity of itself and all lower bits.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference implementation of `Scan` that works byte by byte.
    fn events(rows: &[u8]) -> Vec<usize> {
        let (mut string, mut escaped, mut events) = (false, false, Vec::new());
        for (index, byte) in rows.iter().enumerate() {
            let was_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' if !was_escaped => {
                    escaped = true;
                    events.push(index);
                }
                b'"' if !was_escaped => string = !string,
                b'n' | b'[' | b'{' | b'\n' if !string => events.push(index),
                _ => {}
            }
        }
        events
    }

    /// Checks `Scan` against the reference implementation.
    #[test]
    fn fuzz_blocks() {
        bolero::check!().with_iterations(3_000).for_each(|input: &[u8]| {
            // A small alphabet, so that runs of backslashes and quotes are frequent.
            let rows: Vec<u8> = input.iter().map(|byte| b"\\\\\"\"n[{]\na"[usize::from(byte % 10)]).collect();
            let (mut scan, mut found) = (Scan::default(), Vec::new());
            for position in (0..rows.len()).step_by(BLOCK) {
                let mut bits = scan.block(&rows, position);
                while bits != 0 {
                    found.push(position + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
            assert_eq!(found, events(&rows));
        });
    }
}
