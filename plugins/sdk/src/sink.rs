//! Writes a sink of the plan. Small writes are buffered, because each call of the host has a cost.

use crate::bindings::jobhost::plugin::objects;
use crate::{Error, Receipt};

/// Number of bytes to buffer before they are written.
const LEAST_BYTES: usize = 64 * 1024;
/// Maximum number of bytes written in one call.
const MOST_BYTES: usize = 256 * 1024;

/// A sink that is being written. Dropping it without `finish` discards everything.
#[derive(Debug)]
pub struct Sink {
    writer: objects::Writer,
    collected: Vec<u8>,
}

impl Sink {
    /// Creates the sink with this index in the plan. A sink can be created only once.
    pub fn create(index: u32) -> Result<Self, Error> {
        Ok(Sink { writer: objects::create(index)?, collected: Vec::new() })
    }

    /// Writes any number of bytes. Blocks while the receiver is busy.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let writer = &self.writer;
        collect(&mut self.collected, bytes, |piece| writer.write(piece))
    }

    /// Makes everything that was written durable and visible at once.
    pub fn finish(self) -> Result<Receipt, Error> {
        if !self.collected.is_empty() {
            self.writer.write(&self.collected)?;
        }
        self.writer.finish()
    }
}

/// Passes bytes on in pieces of a suitable size. Large pieces are not copied.
fn collect<E>(collected: &mut Vec<u8>, bytes: &[u8], mut hand_on: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    if bytes.len() < LEAST_BYTES || !collected.is_empty() {
        let room = MOST_BYTES.saturating_sub(collected.len());
        let (fits, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        collected.extend_from_slice(fits);
        if collected.len() < LEAST_BYTES {
            return Ok(());
        }
        hand_on(collected)?;
        collected.clear();
        return if rest.is_empty() { Ok(()) } else { collect(collected, rest, hand_on) };
    }
    bytes.chunks(MOST_BYTES).try_for_each(hand_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the sizes of the pieces, and all bytes.
    fn pieces(writes: &[usize]) -> (Vec<usize>, Vec<u8>) {
        let (mut collected, mut sizes, mut all, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for &size in writes {
            let bytes: Vec<u8> = (next..next + size).map(|index| index as u8).collect();
            next += size;
            let taken = collect(&mut collected, &bytes, |piece| {
                sizes.push(piece.len());
                all.extend_from_slice(piece);
                Ok::<(), Error>(())
            });
            taken.unwrap();
        }
        all.extend_from_slice(&collected);
        (sizes, all)
    }

    #[test]
    fn pieces_have_a_suitable_size_and_nothing_is_lost() {
        let writes = [1, 10, 200 * 1024, 3, 64 * 1024, 0, 700 * 1024, 5, 1 << 20, 100, 60_000, 60_000];
        let (sizes, all) = pieces(&writes);
        assert_eq!(all.len(), writes.iter().sum::<usize>());
        assert!(all.iter().enumerate().all(|(index, byte)| *byte == index as u8));
        assert!(sizes.iter().all(|size| *size <= MOST_BYTES));
        let small = sizes.iter().filter(|size| **size < LEAST_BYTES).count();
        assert!(small <= 2, "{sizes:?}");
    }

    #[test]
    fn small_writes_are_buffered() {
        let (sizes, _) = pieces(&[100; 1_000]);
        assert!(sizes.iter().all(|size| *size >= LEAST_BYTES), "{sizes:?}");
    }
}
