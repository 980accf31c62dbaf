//! Writing rows into a buffer, in small pieces. A piece of up to 32 bytes is copied with its neighbours, which is one move
//! instead of a call; what was copied too much is overwritten by the next piece.

/// What is copied in one move.
const AT_ONCE: usize = 32;
/// The buffer grows by at least so much at once.
const STEP: usize = 16 << 10;

/// A text that is written often, kept with so many bytes behind it that it can be copied with its neighbours.
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

/// A buffer while rows are appended. They are in it when `finish` was called.
#[derive(Debug)]
pub(super) struct Output<'o> {
    /// Longer than what is written; the rest is zeros and leftovers.
    buffer: &'o mut Vec<u8>,
    at: usize,
}

impl<'o> Output<'o> {
    pub fn new(buffer: &'o mut Vec<u8>) -> Self {
        let at = buffer.len();
        Output { buffer, at }
    }

    /// Bytes in the buffer.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Lets `write` append at most `most` bytes; what goes beyond is lost.
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

    /// Leaves in the buffer what was written.
    pub fn finish(self) {
        self.buffer.truncate(self.at);
    }
}

/// Room for one row.
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

    /// Appends `text[start..end]`, which must be there.
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
