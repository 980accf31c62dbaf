//! Writes rows into a buffer, in small pieces. A piece of up to 32 bytes is copied together with the bytes after it,
//! which takes one move instead of a call. The next piece overwrites the surplus.

/// Number of bytes copied in one move.
const AT_ONCE: usize = 32;
/// Minimum number of bytes by which the buffer grows.
const STEP: usize = 16 << 10;

/// A text that is written often, with enough padding to be copied in one move.
#[derive(Debug)]
pub(super) struct Piece {
    padded: Vec<u8>,
    length: usize,
}

impl Piece {
    pub fn new(text: &[u8]) -> Self {
        let mut padded = text.to_vec();
        padded.resize(text.len() + AT_ONCE, 0);
        Piece { padded, length: text.len() }
    }

    pub fn len(&self) -> usize {
        self.length
    }
}

/// A buffer to which rows are appended. Call `finish` to trim it to the written rows.
#[derive(Debug)]
pub(super) struct Output<'o> {
    /// Longer than the written rows; the rest is padding.
    buffer: &'o mut Vec<u8>,
    at: usize,
}

impl<'o> Output<'o> {
    pub fn new(buffer: &'o mut Vec<u8>) -> Self {
        let at = buffer.len();
        Output { buffer, at }
    }

    /// Returns the number of bytes written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Lets `write` append at most `most` bytes. Anything beyond that is dropped.
    #[inline(always)]
    pub fn append(&mut self, most: usize, write: impl FnOnce(&mut Room<'_>)) {
        let wanted = self.at + most + AT_ONCE;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted + STEP, 0);
        }
        let mut room = Room { to: self.buffer.get_mut(self.at..).unwrap_or_default(), at: 0 };
        write(&mut room);
        self.at += room.at;
    }

    /// Trims the buffer to what was written.
    pub fn finish(self) {
        self.buffer.truncate(self.at);
    }
}

/// Space for one row.
#[derive(Debug)]
pub(super) struct Room<'r> {
    to: &'r mut [u8],
    at: usize,
}

impl Room<'_> {
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        if let Some(place) = self.to.get_mut(self.at) {
            *place = byte;
            self.at += 1;
        }
    }

    #[inline(always)]
    pub fn piece(&mut self, piece: &Piece) {
        self.part(&piece.padded, 0, piece.length);
    }

    /// Appends `text[start..end]`. The range must be valid.
    #[inline(always)]
    pub fn part(&mut self, text: &[u8], start: usize, end: usize) {
        let length = end.wrapping_sub(start);
        if length <= AT_ONCE
            && let Some(from) = text.get(start..).and_then(|rest| rest.first_chunk::<AT_ONCE>())
            && let Some(to) = self.to.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<AT_ONCE>())
        {
            *to = *from;
            self.at += length;
        } else {
            self.at += copy(text.get(start..end).unwrap_or_default(), self.to.get_mut(self.at..).unwrap_or_default());
        }
    }
}

#[inline(never)]
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    match to.get_mut(..from.len()) {
        Some(to) => {
            to.copy_from_slice(from);
            from.len()
        }
        None => 0,
    }
}
