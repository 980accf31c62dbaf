//! A growable buffer for JSON, filled through `JsonWriter`.

use crate::writer::{JsonWriter, MAX_GROWTH, MAX_NUMBER_BYTES, SLACK};

/// JSON text in a growable buffer.
#[derive(Debug, Default)]
pub struct JsonBuffer {
    /// `bytes[..len]` is the text, the rest is free.
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

    /// Shortens the text to `len` bytes. Has no effect if the text is shorter.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Reserves `bytes` and returns a writer for them. Its output becomes part of the text through `commit`.
    #[inline(always)]
    pub fn room(&mut self, bytes: usize) -> JsonWriter<'_> {
        let wanted = self.len + bytes + SLACK;
        if self.bytes.len() < wanted {
            self.grow(wanted);
        }
        JsonWriter::new(self.bytes.get_mut(self.len..).unwrap_or_default())
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, wanted: usize) {
        self.bytes.resize(wanted.max(self.bytes.len() * 2), 0);
    }

    /// Adds the first `written` bytes of the last `room` to the text. Returns false and adds nothing if they exceed the
    /// room.
    #[inline(always)]
    pub fn commit(&mut self, written: usize) -> bool {
        let fits = self.len + written <= self.bytes.len();
        if fits {
            self.len += written;
        }
        fits
    }

    fn append(&mut self, bytes: usize, write: impl FnOnce(&mut JsonWriter<'_>)) {
        let mut writer = self.room(bytes);
        write(&mut writer);
        let written = writer.position();
        self.commit(written);
    }

    pub fn byte(&mut self, byte: u8) {
        self.append(1, |writer| writer.byte(byte));
    }

    /// Appends text that is already JSON.
    pub fn raw(&mut self, text: &[u8]) {
        self.append(text.len(), |writer| writer.raw(text, 0..text.len()));
    }

    /// Appends a string value, quoted and escaped.
    pub fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.append(bytes.len() * MAX_GROWTH + 2, |writer| writer.string(bytes, 0..bytes.len()));
    }

    /// Appends a number as JavaScript prints it. NaN and infinity become `null`.
    pub fn number(&mut self, number: f64) {
        self.append(MAX_NUMBER_BYTES, |writer| writer.number(number));
    }

    pub fn boolean(&mut self, value: bool) {
        self.append(8, |writer| writer.boolean(value));
    }

    pub fn null(&mut self) {
        self.append(8, |writer| writer.null());
    }
}

#[cfg(test)]
mod tests;
