//! Writes JSON into a slice that is known to be large enough. Bytes move in blocks of 16: in WebAssembly this avoids a
//! call of `memory.copy` for every short value. A block may write past its text, so `SLACK` bytes must follow the last
//! byte.
//!
//! If a caller reserved too little, nothing is written past the slice. `position` then exceeds its length, and
//! `JsonBuffer::commit` refuses the text.

use std::ops::Range;

use crate::block::{BLOCK, Block};

/// Maximum number of bytes that one byte of a string becomes, for example `\u0001`.
pub const MAX_GROWTH: usize = 6;
/// Number of free bytes that must follow the text.
pub(crate) const SLACK: usize = 2 * BLOCK;
/// Maximum number of bytes of a number.
pub const MAX_NUMBER_BYTES: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes JSON to a slice.
#[derive(Debug)]
pub struct JsonWriter<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> JsonWriter<'a> {
    #[inline(always)]
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        JsonWriter { room, at: 0 }
    }

    /// Number of bytes written so far.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Discards everything after `position`.
    #[inline(always)]
    pub fn rewind(&mut self, position: usize) {
        self.at = self.at.min(position);
    }

    /// Returns what was written after `position`.
    pub fn since(&self, position: usize) -> &[u8] {
        self.room.get(position..self.at).unwrap_or_default()
    }

    /// Calls `write` without inlining it, so that a rare case does not take registers from the frequent one.
    #[inline(always)]
    pub fn outline<R>(&mut self, write: impl FnOnce(&mut JsonWriter<'_>) -> R) -> R {
        let (at, result) = outlined(self.room, self.at, write);
        self.at = at;
        result
    }

    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        put(self.room, self.at, byte);
        self.at += 1;
    }

    /// Replaces a byte that was written.
    #[inline(always)]
    pub fn replace(&mut self, position: usize, byte: u8) {
        put(self.room, position, byte);
    }

    /// Appends the first `count` bytes of a block, which must be JSON already.
    #[inline(always)]
    pub fn block(&mut self, block: Block, count: usize) {
        put_block(self.room, self.at, block);
        self.at += count.min(BLOCK);
    }

    /// Appends `source[range]`, which must be JSON already. Fastest if at least one block of `source` follows the
    /// range.
    #[inline(always)]
    pub fn raw(&mut self, source: &[u8], range: Range<usize>) {
        let count = range.len();
        let mut done = 0;
        while done < count {
            put_block(self.room, self.at + done, Block::at(source, range.start + done));
            done += BLOCK;
        }
        self.at += count;
    }

    /// Appends the first `count` bytes of `block` as a string value. Returns false and writes nothing if some of them
    /// need escaping.
    #[inline(always)]
    pub fn short_string(&mut self, block: Block, count: usize) -> bool {
        if count > BLOCK || block.special(count) != 0 {
            return false;
        }
        // A single window, so that its bounds are checked only once.
        if let Some(window) = self.room.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut::<{ 2 * BLOCK }>) {
            let [open, rest @ ..] = window;
            *open = b'"';
            if let Some(target) = rest.first_chunk_mut() {
                *target = block.bytes();
            }
            if let Some(close) = rest.get_mut(count & (BLOCK | (BLOCK - 1))) {
                *close = b'"';
            }
        }
        self.at += count + 2;
        true
    }

    /// Appends `source[range]` as a string value, quoted and escaped. Invalid UTF-8 becomes U+FFFD. Fastest if at least
    /// one block of `source` follows the range.
    #[inline(always)]
    pub fn string(&mut self, source: &[u8], range: Range<usize>) {
        put(self.room, self.at, b'"');
        let mut at = self.at + 1;
        let mut from = range.start;
        while from < range.end {
            let block = Block::at(source, from);
            let left = range.end - from;
            put_block(self.room, at, block);
            if block.special(left) != 0 {
                at = escape_rest(self.room, at, source.get(from..range.end).unwrap_or_default());
                break;
            }
            let step = left.min(BLOCK);
            at += step;
            from += step;
        }
        put(self.room, at, b'"');
        self.at = at + 1;
    }

    /// Appends a number as JavaScript prints it: `1.10` is `1.1`, `1e21` is `1e+21`, `-0` is `0`. NaN and infinity
    /// become `null`, as in `JSON.stringify`.
    #[inline(always)]
    pub fn number(&mut self, number: f64) {
        self.at = put_number(self.room, self.at, number);
    }

    #[inline(always)]
    pub fn boolean(&mut self, value: bool) {
        self.text(if value { b"true" } else { b"false" });
    }

    #[inline(always)]
    pub fn null(&mut self) {
        self.text(b"null");
    }

    /// Appends a short text, which must be JSON already.
    #[inline(always)]
    pub fn text(&mut self, text: &[u8]) {
        for (index, byte) in text.iter().enumerate() {
            put(self.room, self.at + index, *byte);
        }
        self.at += text.len();
    }
}

#[inline(never)]
fn outlined<R>(room: &mut [u8], at: usize, write: impl FnOnce(&mut JsonWriter<'_>) -> R) -> (usize, R) {
    let mut writer = JsonWriter { room, at };
    let result = write(&mut writer);
    (writer.at, result)
}

#[inline(always)]
fn put(room: &mut [u8], at: usize, byte: u8) {
    if let Some(target) = room.get_mut(at) {
        *target = byte;
    }
}

#[inline(always)]
fn put_block(room: &mut [u8], at: usize, block: Block) {
    if let Some(target) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *target = block.bytes();
    }
}

#[inline(never)]
fn put_number(room: &mut [u8], at: usize, number: f64) -> usize {
    let mut buffer = ryu_js::Buffer::new();
    let text = match number {
        0.0 => "0",
        _ if number.is_finite() => buffer.format_finite(number),
        _ => "null",
    };
    for (index, byte) in text.bytes().enumerate() {
        put(room, at + index, byte);
    }
    at + text.len()
}

/// Write `rest` as the inside of a string; returns the position after it.
#[inline(never)]
fn escape_rest(room: &mut [u8], at: usize, rest: &[u8]) -> usize {
    let mut at = at;
    for chunk in rest.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            at = escape(room, at, byte);
        }
        if !chunk.invalid().is_empty() {
            for byte in "\u{fffd}".bytes() {
                put(room, at, byte);
                at += 1;
            }
        }
    }
    at
}

#[inline(always)]
fn escape(room: &mut [u8], at: usize, byte: u8) -> usize {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x20.. => {
            put(room, at, byte);
            return at + 1;
        }
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            for (index, part) in [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)].into_iter().enumerate() {
                put(room, at + index, part);
            }
            return at + 6;
        }
    };
    put(room, at, b'\\');
    put(room, at + 1, short);
    at + 2
}

#[inline(always)]
fn hex(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0')
}
