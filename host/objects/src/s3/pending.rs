//! Bytes that wait to become a part. Large pieces are kept without copying and small ones are merged, so that a
//! million tiny writes take no more memory than one large write.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Pieces of this size or more are kept without copying.
const LARGE: usize = 64 * 1024;
const GATHERED: usize = 256 * 1024;

#[derive(Debug, Default)]
pub struct Pending {
    pieces: VecDeque<Bytes>,
    /// The most recent small pieces.
    small: BytesMut,
    size: u64,
}

impl Pending {
    pub fn push(&mut self, bytes: Bytes) {
        self.size += bytes.len() as u64;
        if bytes.len() >= LARGE {
            self.gather();
            self.pieces.push_back(bytes);
            return;
        }
        if self.small.len() + bytes.len() > GATHERED {
            self.gather();
        }
        if self.small.is_empty() && !bytes.is_empty() {
            self.small = BytesMut::with_capacity(GATHERED);
        }
        self.small.extend_from_slice(&bytes);
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the first `size` bytes, or all if there are fewer.
    pub fn take(&mut self, size: u64) -> Vec<Bytes> {
        self.gather();
        let mut taken = Vec::new();
        let mut missing = size.min(self.size);
        self.size -= missing;
        while missing > 0 {
            let Some(mut piece) = self.pieces.pop_front() else { break };
            if piece.len() as u64 > missing {
                taken.push(piece.split_to(usize::try_from(missing).unwrap_or(0)));
                self.pieces.push_front(piece);
                break;
            }
            missing -= piece.len() as u64;
            taken.push(piece);
        }
        taken
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push_back(std::mem::take(&mut self.small).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_in_the_order_they_were_pushed() {
        let mut pending = Pending::default();
        let mut put = Vec::new();
        for round in 0..200_usize {
            let piece = vec![u8::try_from(round).unwrap(); [0, 1, 100, LARGE, LARGE + 7][round % 5]];
            put.extend_from_slice(&piece);
            pending.push(Bytes::from(piece));
        }
        assert_eq!(pending.size(), put.len() as u64);
        let mut taken = Vec::new();
        for size in [1, 1000, 300_000, 1 << 20, u64::MAX] {
            let before = pending.size();
            let part = pending.take(size).concat();
            assert_eq!(part.len() as u64, size.min(before));
            taken.extend(part);
        }
        assert!(taken == put);
        assert!(pending.size() == 0 && pending.take(1).is_empty());
    }

    #[test]
    fn small_pieces_are_merged() {
        let mut pending = Pending::default();
        for _ in 0..1_000_000 {
            pending.push(Bytes::from_static(b"x"));
        }
        assert_eq!(pending.take(1_000_000).len(), 1_000_000_usize.div_ceil(GATHERED));
    }
}
