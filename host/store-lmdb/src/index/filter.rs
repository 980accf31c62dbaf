//! Filters say which keys a sealed run cannot hold, so that looking for a new key touches few leaves.
//!
//! A filter covers up to [`MAX_KEYS`] consecutive keys of a run and fits one page. Its own key is its first key, as with
//! leaves. Sorted keys are therefore looked up page after page, and a run that is merged in steps gets its filters in
//! steps.
//!
//! Each filter is a split block Bloom filter as in the specification of Parquet: a key sets one bit in each of the eight
//! words of one block. At 10.6 bits for each key, about 1 % of absent keys pass.
//!
//! Layout, little-endian: `format u8 | blocks of 8 u32`.

use jobhost_store::StoreError;
use twox_hash::XxHash3_64;

const FORMAT: u8 = 1;
const BLOCK_BYTES: usize = 32;
/// With the format byte, these fit the largest value that occupies one page.
const MAX_BLOCKS: usize = 127;
/// Maximum number of keys of one filter.
pub const MAX_KEYS: usize = 3072;
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

pub fn hash(key: &[u8]) -> u64 {
    XxHash3_64::oneshot(key)
}

fn block_of(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

fn bits(hash: u64) -> [u32; 8] {
    // The low half chooses the bits, the high half the block.
    let low = hash as u32;
    SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27))
}

#[derive(Clone, Copy)]
pub struct Filter<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
}

impl<'a> Filter<'a> {
    pub fn decode(value: &'a [u8]) -> Result<Self, StoreError> {
        let blocks = match value.split_first() {
            Some((&FORMAT, rest)) => rest.as_chunks(),
            _ => (&[][..], &[][..]),
        };
        match blocks {
            (blocks, []) if !blocks.is_empty() => Ok(Filter { blocks }),
            _ => Err(StoreError::damaged("a filter of an index")),
        }
    }

    pub fn may_contain(&self, hash: u64) -> bool {
        let Some(block) = self.blocks.get(block_of(hash, self.blocks.len())) else { return true };
        let (words, _) = block.as_chunks();
        words.iter().zip(bits(hash)).all(|(word, bit)| u32::from_le_bytes(*word) & bit != 0)
    }
}

/// Collects the keys of one filter.
#[derive(Default)]
pub struct FilterBuilder {
    first_key: Vec<u8>,
    hashes: Vec<u64>,
    value: Vec<u8>,
}

impl FilterBuilder {
    /// Adds a key. Keys must ascend.
    pub fn add(&mut self, key: &[u8]) {
        if self.hashes.is_empty() {
            self.first_key.clear();
            self.first_key.extend_from_slice(key);
        }
        self.hashes.push(hash(key));
    }

    pub fn is_full(&self) -> bool {
        self.hashes.len() >= MAX_KEYS
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns the first key and the value of the filter, and starts the next one.
    pub fn finish(&mut self) -> (&[u8], &[u8]) {
        let blocks = (self.hashes.len() * MAX_BLOCKS).div_ceil(MAX_KEYS).clamp(1, MAX_BLOCKS);
        self.value.clear();
        self.value.resize(1 + blocks * BLOCK_BYTES, 0);
        if let Some((format, rest)) = self.value.split_first_mut() {
            *format = FORMAT;
            let (all, _) = rest.as_chunks_mut::<BLOCK_BYTES>();
            for hash in &self.hashes {
                let Some(block) = all.get_mut(block_of(*hash, blocks)) else { continue };
                let (words, _) = block.as_chunks_mut();
                for (word, bit) in words.iter_mut().zip(bits(*hash)) {
                    *word = (u32::from_le_bytes(*word) | bit).to_le_bytes();
                }
            }
        }
        self.hashes.clear();
        (&self.first_key, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_passes_its_keys_and_few_others() {
        for count in [1, 2, 25, 1000, MAX_KEYS] {
            let mut builder = FilterBuilder::default();
            let keys: Vec<[u8; 8]> = (0..count as u64).map(u64::to_be_bytes).collect();
            keys.iter().for_each(|key| builder.add(key));
            assert_eq!(builder.is_full(), count == MAX_KEYS);
            let (first, value) = builder.finish();
            assert_eq!(first, keys[0]);
            assert!(value.len() <= 4080);
            let filter = Filter::decode(value).unwrap();
            assert!(keys.iter().all(|key| filter.may_contain(hash(key))));
            let passed = (1_000_000..1_100_000_u64).filter(|key| filter.may_contain(hash(&key.to_be_bytes()))).count();
            assert!(passed < 2_500, "{passed} of 100,000 absent keys passed a filter of {count}");
            assert!(builder.is_empty());
        }
    }

    #[test]
    fn the_hash_of_a_key_never_changes() {
        // Filters are stored: a different hash would hide keys.
        assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(hash(b"jobhost"), hash(b"jobhost"));
    }

    #[test]
    fn damaged_filters_are_reported() {
        for value in [&[][..], &[1], &[2; 33], &[1; 32], &[1; 34]] {
            assert!(Filter::decode(value).is_err(), "{value:?}");
        }
        assert!(Filter::decode(&[1; 33]).is_ok());
    }
}
