//! The output buffer for CSV. It is enlarged before a chunk is converted, and reused for the next chunk.

/// Copies move this many bytes at a time, and may write past the text.
const AT_ONCE: usize = 32;
/// Longer texts are copied by calling `memory.copy`.
const MOST_MOVES: usize = 8 * AT_ONCE;

/// A buffer whose size does not change while it is written.
#[derive(Debug, Default)]
pub(super) struct Room {
    buffer: Vec<u8>,
    at: usize,
}

impl Room {
    /// Discards the content, and makes room for this many bytes.
    pub(super) fn clear(&mut self, size: usize) {
        self.at = 0;
        if self.buffer.len() < size + AT_ONCE {
            self.buffer.resize(size + AT_ONCE, 0);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.at).unwrap_or_default()
    }

    /// Appends a byte. Writes nothing if the buffer is full.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        if let Some(target) = self.buffer.get_mut(self.at) {
            *target = byte;
            self.at += 1;
        }
    }

    /// Appends `source[from..to]`. Appends nothing if the range is invalid or does not fit.
    #[inline(always)]
    pub(super) fn copy(&mut self, source: &[u8], from: usize, to: usize) {
        let count = to.saturating_sub(from);
        let (source, target) = (source.get(from..), self.buffer.get_mut(self.at..));
        let (Some(source), Some(target)) = (source, target) else { return };
        if count <= MOST_MOVES && source.len() >= count + AT_ONCE && target.len() >= count + AT_ONCE {
            let mut done = 0;
            while done < count {
                let piece = source.get(done..).and_then(<[u8]>::first_chunk::<AT_ONCE>);
                if let (Some(piece), Some(place)) = (piece, target.get_mut(done..).and_then(<[u8]>::first_chunk_mut)) {
                    *place = *piece;
                }
                done += AT_ONCE;
            }
        } else if let (Some(source), Some(target)) = (source.get(..count), target.get_mut(..count)) {
            target.copy_from_slice(source);
        } else {
            return;
        }
        self.at += count;
    }
}
