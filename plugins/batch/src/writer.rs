//! Writes JSON into room that is known to suffice. Bytes move in blocks of 16: in wasm that avoids a call of
//! `memory.copy` for every short value. A block may reach beyond what it means to write, so there must be `SLACK` bytes of
//! room after the last byte.
//!
//! Where room was reckoned wrong nothing is written there and `position` passes the end, which `JsonBuffer::commit`
//! refuses; no memory is touched that is not ours.

use std::ops::Range;

use crate::block::{BLOCK, Block};

/// The most bytes that one byte of a string becomes: `\u0001`.
pub const MAX_GROWTH: usize = 6;
/// Room that must follow what is written.
pub(crate) const SLACK: usize = 2 * BLOCK;
/// The most bytes that a number takes.
pub const MAX_NUMBER_BYTES: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A place in a slice that JSON is written to.
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

    /// Bytes written so far.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Forget what was written after `position`.
    #[inline(always)]
    pub fn rewind(&mut self, position: usize) {
        self.at = self.at.min(position);
    }

    /// What was written after `position`.
    pub fn since(&self, position: usize) -> &[u8] {
        self.room.get(position..self.at).unwrap_or_default()
    }

    /// Write by a function that is not inlined here: what is rare should not cost what is frequent its registers.
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

    /// Replace a byte that was written.
    #[inline(always)]
    pub fn replace(&mut self, position: usize, byte: u8) {
        put(self.room, position, byte);
    }

    /// Append the first `count` bytes of a block; they are JSON already.
    #[inline(always)]
    pub fn block(&mut self, block: Block, count: usize) {
        put_block(self.room, self.at, block);
        self.at += count.min(BLOCK);
    }

    /// Append `source[range]`, which is JSON already. Fastest if `source` goes on for a block after the range.
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

    /// Append a string value of at most one block, whose bytes are in `block`; false, and nothing is written, if some of
    /// them have to be escaped.
    #[inline(always)]
    pub fn short_string(&mut self, block: Block, count: usize) -> bool {
        if count > BLOCK || block.special(count) != 0 {
            return false;
        }
        // One window, so that its bounds are checked once.
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

    /// Append `source[range]` as a string value, quoted and escaped; bytes that are not UTF-8 become U+FFFD. Fastest if
    /// `source` goes on for a block after the range.
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

    /// Append a number as JavaScript prints it: `1.10` is `1.1`, `1e21` is `1e+21`, `-0` is `0`. What JSON has no number
    /// for (NaN, infinity) becomes `null`, as in `JSON.stringify`.
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

    /// Append a short text that is JSON already.
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
