//! A leaf of the primary index: consecutive (primary key, record number) pairs of one run in one value.
//!
//! One value per key would be slower: a commit group adds many keys in sorted order, so merging them costs one copy
//! per leaf, where LMDB would search and shift once per key.
//!
//! Layout, little-endian: `format u8 | 0 u8 | key bytes u16 | count u16 | pairs`. If all keys have the same length,
//! `key bytes` holds it and a pair is `key | number u48`. Otherwise `key bytes` is 0 and a pair is `length u16 | key |
//! number u48`.

use jobhost_store::StoreError;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 6;
const NUMBER_BYTES: usize = 6;
/// Maximum size of a leaf in bytes: one LMDB page, as for blocks. Two keys of the maximum length fit.
const MOST_BYTES: usize = 4080;
/// Highest record number.
pub const MAX_NUMBER: u64 = (1 << (8 * NUMBER_BYTES)) - 1;

/// A view of an encoded leaf.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    key_bytes: usize,
    count: usize,
    pairs: &'a [u8],
}

impl<'a> Leaf<'a> {
    pub const EMPTY: Leaf<'static> = Leaf { key_bytes: 0, count: 0, pairs: &[] };

    pub fn decode(value: &'a [u8]) -> Result<Self, StoreError> {
        let read = || {
            let (header, pairs) = value.split_at_checked(HEADER_BYTES)?;
            let &[FORMAT, _, a, b, c, d] = header else { return None };
            let leaf = Leaf {
                key_bytes: usize::from(u16::from_le_bytes([a, b])),
                count: usize::from(u16::from_le_bytes([c, d])),
                pairs,
            };
            let fits = leaf.key_bytes == 0 || pairs.len() == leaf.count * (leaf.key_bytes + NUMBER_BYTES);
            fits.then_some(leaf)
        };
        read().ok_or_else(|| StoreError::damaged("a leaf of an index"))
    }

    pub fn pairs(&self) -> Pairs<'a> {
        Pairs { key_bytes: self.key_bytes, left: self.count, rest: self.pairs }
    }

    pub fn find(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        if self.key_bytes == 0 {
            for pair in self.pairs() {
                let (there, number) = pair?;
                if there >= key {
                    return Ok((there == key).then_some(number));
                }
            }
            return Ok(None);
        }
        let index = self.lower_bound(0, key);
        let pair = self.uniform(index);
        Ok(pair.filter(|(there, _)| *there == key).map(|(_, number)| number))
    }

    /// For keys of equal length: returns how many are less than `key`, given that the first `from` are.
    fn lower_bound(&self, from: usize, key: &[u8]) -> usize {
        let (mut low, mut high) = (from, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.uniform(middle).is_some_and(|(there, _)| precedes(there, key)) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }

    fn uniform(&self, index: usize) -> Option<(&'a [u8], u64)> {
        let stride = self.key_bytes + NUMBER_BYTES;
        let pair = self.pairs.get(index * stride..(index + 1) * stride)?;
        let (key, number) = pair.split_at_checked(self.key_bytes)?;
        Some((key, read_number(number)?))
    }

    pub fn last_key(&self) -> Option<&'a [u8]> {
        if self.key_bytes != 0 {
            return self.uniform(self.count.checked_sub(1)?).map(|(key, _)| key);
        }
        self.pairs().last()?.ok().map(|(key, _)| key)
    }
}

/// Returns `one < other`. The first eight bytes nearly always decide, and a call per comparison would dominate the
/// cost.
#[inline(always)]
pub fn precedes(one: &[u8], other: &[u8]) -> bool {
    match (one.first_chunk::<8>(), other.first_chunk::<8>()) {
        (Some(a), Some(b)) if a != b => u64::from_be_bytes(*a) < u64::from_be_bytes(*b),
        _ => one < other,
    }
}

fn read_number(bytes: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e, f] = bytes else { return None };
    Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

pub struct Pairs<'a> {
    key_bytes: usize,
    left: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], u64), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut read = || {
            let length = if self.key_bytes != 0 {
                self.key_bytes
            } else {
                let (length, rest) = self.rest.split_first_chunk::<2>()?;
                self.rest = rest;
                usize::from(u16::from_le_bytes(*length))
            };
            let (key, rest) = self.rest.split_at_checked(length)?;
            let (number, rest) = rest.split_at_checked(NUMBER_BYTES)?;
            self.rest = rest;
            Some((key, read_number(number)?))
        };
        let pair = read();
        if pair.is_none() {
            self.left = 0;
        }
        Some(pair.ok_or_else(|| StoreError::damaged("a leaf of an index")))
    }
}

/// Collects pairs into leaves.
#[derive(Default)]
pub struct LeafBuilder {
    pairs: Vec<u8>,
    /// End offset of each pair.
    ends: Vec<u32>,
    /// Length of all keys, or 0 if they differ.
    key_bytes: usize,
    value: Vec<u8>,
}

/// How leaves are filled when they are split.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Fill each leaf completely: the new keys are at the end, so no later keys are expected in between.
    Full,
    /// Divide the pairs evenly, which leaves the same room in each leaf.
    Even,
}

impl LeafBuilder {
    /// Prepares the builder for new pairs. `uniform` is the length of all keys, or 0 if they differ.
    fn start(&mut self, uniform: usize) {
        self.pairs.clear();
        self.ends.clear();
        self.key_bytes = uniform;
    }

    fn push(&mut self, key: &[u8], number: u64) {
        if self.key_bytes == 0 {
            // The cast does not truncate: keys have at most `key::MAX_ENCODED_BYTES` bytes.
            self.pairs.extend_from_slice(&(key.len() as u16).to_le_bytes());
        }
        self.pairs.extend_from_slice(key);
        let [a, b, c, d, e, f, _, _] = number.to_le_bytes();
        self.pairs.extend_from_slice(&[a, b, c, d, e, f]);
        self.ends.push(self.pairs.len() as u32);
    }

    /// Adds a pair that follows all others. The keys may differ in length.
    pub fn add(&mut self, key: &[u8], number: u64) {
        if self.ends.is_empty() {
            self.start(key.len());
        } else if self.key_bytes != 0 && self.key_bytes != key.len() {
            let pairs = std::mem::take(&mut self.pairs);
            let uniform = Pairs { key_bytes: self.key_bytes, left: self.ends.len(), rest: &pairs };
            self.start(0);
            uniform.flatten().for_each(|(key, number)| self.push(key, number));
        }
        self.push(key, number);
    }

    /// Returns whether another pair with such a key still fits into one leaf.
    pub fn has_room(&self, key: &[u8]) -> bool {
        const LENGTH_BYTES: usize = 2;
        let lengths = if self.key_bytes == key.len() { 0 } else { LENGTH_BYTES * (self.ends.len() + 1) };
        let lengths = if self.key_bytes == 0 { LENGTH_BYTES } else { lengths };
        HEADER_BYTES + self.pairs.len() + lengths + key.len() + NUMBER_BYTES <= MOST_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Emits the added pairs as one leaf, with its first key, and starts the next leaf.
    pub fn emit(&mut self, emit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.finish(Fill::Full, emit)?;
        self.start(0);
        Ok(())
    }

    /// Copies a run of pairs from a leaf with the same key length.
    fn push_run(&mut self, leaf: &Leaf<'_>, from: usize, to: usize) {
        let stride = self.key_bytes + NUMBER_BYTES;
        if let Some(run) = leaf.pairs.get(from * stride..to * stride) {
            let start = self.pairs.len();
            self.pairs.extend_from_slice(run);
            self.ends.extend((1..=to - from).map(|index| (start + index * stride) as u32));
        }
    }

    /// Merges new keys into a leaf. Keys must ascend and be unique. A key that already exists, with a number that is
    /// not below `first_live`, is reported to `found` with its index and its stored number; the others are added.
    /// Returns how to split the result, or `None` if nothing was added.
    pub fn merge<'k>(
        &mut self,
        leaf: &Leaf<'_>,
        new: impl Iterator<Item = (&'k [u8], u64)> + Clone,
        first_live: u64,
        mut found: impl FnMut(usize, u64),
    ) -> Result<Option<Fill>, StoreError> {
        let mut lengths = new.clone().map(|(key, _)| key.len());
        let length = if leaf.count == 0 { lengths.next().unwrap_or(0) } else { leaf.key_bytes };
        let uniform = if lengths.all(|other| other == length) { length } else { 0 };
        self.start(uniform);
        let at_end = new.clone().next().is_some_and(|(first, _)| leaf.last_key().is_none_or(|last| last < first));
        let mut added = false;
        if uniform != 0 {
            let mut copied = 0;
            for (index, (key, number)) in new.enumerate() {
                let place = if at_end { leaf.count } else { leaf.lower_bound(copied, key) };
                let there = leaf.uniform(place).filter(|(there, _)| *there == key).map(|(_, number)| number);
                match there {
                    Some(there) if there >= first_live => found(index, there),
                    dead => {
                        self.push_run(leaf, copied, place);
                        self.push(key, number);
                        copied = place + usize::from(dead.is_some());
                        added = true;
                    }
                }
            }
            self.push_run(leaf, copied, leaf.count);
        } else {
            let mut old = leaf.pairs();
            let mut there = old.next().transpose()?;
            for (index, (key, number)) in new.enumerate() {
                while let Some((old_key, old_number)) = there
                    && old_key < key
                {
                    self.push(old_key, old_number);
                    there = old.next().transpose()?;
                }
                let same = there.filter(|(there, _)| *there == key).map(|(_, number)| number);
                match same {
                    Some(there) if there >= first_live => found(index, there),
                    dead => {
                        self.push(key, number);
                        added = true;
                        if dead.is_some() {
                            there = old.next().transpose()?;
                        }
                    }
                }
            }
            while let Some((old_key, old_number)) = there {
                self.push(old_key, old_number);
                there = old.next().transpose()?;
            }
        }
        Ok(added.then_some(if at_end { Fill::Full } else { Fill::Even }))
    }

    /// Removes keys from a leaf. Keys must ascend and be unique. Each key that exists is reported to `found` with its
    /// index and number. Returns false if none existed.
    pub fn remove<'k>(
        &mut self,
        leaf: &Leaf<'_>,
        keys: impl Iterator<Item = &'k [u8]>,
        mut found: impl FnMut(usize, u64),
    ) -> Result<bool, StoreError> {
        self.start(leaf.key_bytes);
        if leaf.key_bytes != 0 {
            return Ok(self.remove_uniform(leaf, keys, found));
        }
        let mut keys = keys.enumerate().peekable();
        let mut removed = false;
        for pair in leaf.pairs() {
            let (key, number) = pair?;
            while keys.next_if(|(_, wanted)| *wanted < key).is_some() {}
            if let Some((index, _)) = keys.next_if(|(_, wanted)| *wanted == key) {
                found(index, number);
                removed = true;
            } else {
                self.push(key, number);
            }
        }
        Ok(removed)
    }

    /// Like `remove`, for keys of equal length: the pairs kept between two removed keys are copied in one piece.
    fn remove_uniform<'k>(
        &mut self,
        leaf: &Leaf<'_>,
        keys: impl Iterator<Item = &'k [u8]>,
        mut found: impl FnMut(usize, u64),
    ) -> bool {
        let mut done = 0;
        let mut removed = false;
        for (index, key) in keys.enumerate() {
            // Keys that arrived in order are removed in order, so the next pair is often the one.
            let here = leaf.uniform(done).is_some_and(|(there, _)| there >= key);
            let place = if here { done } else { leaf.lower_bound(done, key) };
            if let Some((there, number)) = leaf.uniform(place)
                && there == key
            {
                found(index, number);
                removed = true;
                self.push_run(leaf, done, place);
                done = place + 1;
            }
        }
        self.push_run(leaf, done, leaf.count);
        removed
    }

    /// Emits the leaves in order, each with its first key and its value. Emits nothing if there are no pairs.
    pub fn finish(
        &mut self,
        fill: Fill,
        mut emit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let room = MOST_BYTES - HEADER_BYTES;
        let total = self.pairs.len();
        // An even share must leave room for the longest pair, or the last leaf would overflow.
        let share = match fill {
            Fill::Full => room,
            Fill::Even => total.div_ceil(total.div_ceil(room).max(1)),
        };
        let mut from = 0;
        let mut first = 0;
        while first < self.ends.len() {
            let start = from as usize;
            // At least one pair, then as many as the share and the page allow.
            let mut count = 0;
            for end in self.ends.get(first..).unwrap_or_default() {
                let bytes = *end as usize - start;
                if count > 0 && (bytes > room || (fill == Fill::Even && from as usize - start >= share)) {
                    break;
                }
                count += 1;
                from = *end;
            }
            let pairs = self.pairs.get(start..from as usize).unwrap_or_default();
            self.value.clear();
            self.value.extend_from_slice(&[FORMAT, 0]);
            self.value.extend_from_slice(&(self.key_bytes as u16).to_le_bytes());
            self.value.extend_from_slice(&(count as u16).to_le_bytes());
            self.value.extend_from_slice(pairs);
            let key = Pairs { key_bytes: self.key_bytes, left: 1, rest: pairs }.next().transpose()?;
            emit(key.map_or(&[][..], |(key, _)| key), &self.value)?;
            first += count;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "leaf_tests.rs"]
mod tests;
