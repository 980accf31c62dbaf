//! A buffer that JSON is written into, made for short values: bytes move in blocks of 16, which in wasm avoids a
//! call of `memory.copy` for every cell. For that the buffer always keeps `SLACK` bytes of room beyond its length.

use std::ops::Range;

use wide::{CmpEq, CmpLt, i8x16};

/// Bytes a block write may go beyond the end of what it means to write.
const SLACK: usize = 64;
const BLOCK: usize = 16;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Growing JSON text.
#[derive(Debug, Default)]
pub struct JsonBuffer {
    /// `bytes[..len]` is the text, the rest is room.
    bytes: Vec<u8>,
    len: usize,
}

impl JsonBuffer {
    pub fn with_capacity(capacity: usize) -> Self {
        JsonBuffer { bytes: vec![0; capacity + SLACK], len: 0 }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Forget everything after `len`; does nothing if the text is shorter.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Replace the byte at `position`, which must lie in the text.
    #[inline]
    pub fn replace(&mut self, position: usize, byte: u8) {
        if position < self.len {
            if let Some(target) = self.bytes.get_mut(position) {
                *target = byte;
            }
        }
    }

    #[inline]
    fn reserve(&mut self, more: usize) {
        if self.bytes.len() < self.len + more + SLACK {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let wanted = (self.len + more + SLACK).max(self.bytes.len() * 2);
        self.bytes.resize(wanted, 0);
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.reserve(1);
        self.put(byte);
    }

    #[inline]
    fn put(&mut self, byte: u8) {
        if let Some(target) = self.bytes.get_mut(self.len) {
            *target = byte;
            self.len += 1;
        }
    }

    /// Append text that is JSON already.
    pub fn raw(&mut self, text: &[u8]) {
        self.reserve(text.len());
        if let Some(target) = self.bytes.get_mut(self.len..self.len + text.len()) {
            target.copy_from_slice(text);
            self.len += text.len();
        }
    }

    /// Append `source[range]`, which is JSON already. Fastest if `source` goes on for 16 bytes after the range.
    #[inline]
    pub fn raw_at(&mut self, source: &[u8], range: Range<usize>) {
        let count = range.len();
        self.reserve(count);
        let mut done = 0;
        while done < count {
            let block = block_at(source, range.start + done);
            self.put_block(self.len + done, block);
            done += BLOCK;
        }
        self.len += count;
    }

    #[inline]
    fn put_block(&mut self, position: usize, block: [u8; BLOCK]) {
        if let Some(target) = self.bytes.get_mut(position..position + BLOCK) {
            target.copy_from_slice(&block);
        }
    }

    /// Append a string value, quoted and escaped.
    pub fn string(&mut self, text: &str) {
        self.string_at(text.as_bytes(), 0..text.len());
    }

    /// Append `source[range]` as a string value, quoted and escaped; bytes that are not UTF-8 become U+FFFD. Fastest if
    /// `source` goes on for 16 bytes after the range.
    #[inline]
    pub fn string_at(&mut self, source: &[u8], range: Range<usize>) {
        self.reserve(range.len() + 2);
        self.put(b'"');
        let mut at = range.start;
        while at < range.end {
            let block = block_at(source, at);
            self.put_block(self.len, block);
            let left = range.end - at;
            let special = special_bytes(block, left);
            if special == 0 {
                let step = left.min(BLOCK);
                self.len += step;
                at += step;
                continue;
            }
            let plain = special.trailing_zeros() as usize;
            self.len += plain;
            at += plain;
            match source.get(at) {
                Some(&byte) if byte < 0x80 => {
                    self.escape(byte, range.end - at);
                    at += 1;
                }
                _ => {
                    self.non_ascii(source.get(at..range.end).unwrap_or_default());
                    break;
                }
            }
        }
        self.put(b'"');
    }

    /// The rest of a string from its first byte that is not ASCII.
    #[cold]
    fn non_ascii(&mut self, rest: &[u8]) {
        for chunk in rest.utf8_chunks() {
            for &byte in chunk.valid().as_bytes() {
                if byte < 0x20 || byte == b'"' || byte == b'\\' {
                    self.escape(byte, 0);
                } else {
                    self.byte(byte);
                }
            }
            if !chunk.invalid().is_empty() {
                self.raw("\u{fffd}".as_bytes());
            }
        }
        self.reserve(1);
    }

    /// One byte that a JSON string cannot hold as it is; `left` bytes of the string are still to come.
    #[cold]
    fn escape(&mut self, byte: u8, left: usize) {
        self.reserve(left + 8);
        self.put(b'\\');
        match byte {
            b'"' | b'\\' => self.put(byte),
            b'\n' => self.put(b'n'),
            b'\r' => self.put(b'r'),
            b'\t' => self.put(b't'),
            0x08 => self.put(b'b'),
            0x0c => self.put(b'f'),
            _ => {
                for part in [b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)] {
                    self.put(part);
                }
            }
        }
    }

    /// Append a number as JavaScript prints it: `1.10` is `1.1`, `1e21` is `1e+21`, `-0` is `0`. What JSON has no number
    /// for (NaN, infinity) becomes `null`, as in `JSON.stringify`.
    pub fn number(&mut self, number: f64) {
        if !number.is_finite() {
            self.raw(b"null");
        } else if number == 0.0 {
            self.byte(b'0');
        } else {
            let mut digits = ryu_js::Buffer::new();
            self.raw(digits.format_finite(number).as_bytes());
        }
    }

    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    pub fn null(&mut self) {
        self.raw(b"null");
    }
}

#[inline]
fn hex(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0')
}

/// The 16 bytes from `position`; beyond the end of `source` they are zero.
#[inline]
fn block_at(source: &[u8], position: usize) -> [u8; BLOCK] {
    if let Some(Ok(block)) = source.get(position..position + BLOCK).map(TryInto::try_into) {
        return block;
    }
    last_block(source, position)
}

#[cold]
fn last_block(source: &[u8], position: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (target, byte) in block.iter_mut().zip(source.iter().skip(position)) {
        *target = *byte;
    }
    block
}

/// One bit for each of the first `count` bytes that is a control character, a quote, a backslash or not ASCII.
#[inline]
fn special_bytes(block: [u8; BLOCK], count: usize) -> u32 {
    // As signed numbers, bytes from 0x80 are negative: one comparison finds them and the control characters.
    let bytes: i8x16 = bytemuck::cast(block);
    let special = bytes.cmp_lt(i8x16::splat(0x20))
        | bytes.cmp_eq(i8x16::splat(b'"' as i8))
        | bytes.cmp_eq(i8x16::splat(b'\\' as i8));
    let mask = special.move_mask() as u32 & 0xffff;
    if count >= BLOCK { mask } else { mask & ((1 << count) - 1) }
}

#[cfg(test)]
mod tests;
