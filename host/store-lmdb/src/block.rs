//! A block: consecutive records of one table and one commit group, stored in one heap value of about a page.
//!
//! One value per record would be slower: an LMDB put costs as much as copying ten records, and a page that holds a
//! single value needs no search inside it. A block that shrinks to a few records is stored at its actual size, so
//! small commits and deletions waste no space.
//!
//! Layout, all numbers little-endian:
//! `format u8 | flags u8 | count u16 | created u64 | end u32 * count |`
//! `[step u32 * count] | [updated u64 * count] | texts`
//!
//! - `end`: end offset of a record's text, relative to the first text.
//! - `step`: record number minus the number of the block. Without the flag, record numbers are consecutive.
//! - `updated`: without the flag, all are equal to `created`.

use jobhost_model::Timestamp;
use jobhost_store::{RecordPage, StoreError};

const FORMAT: u8 = 1;
const HAS_STEPS: u8 = 1;
const HAS_UPDATED: u8 = 2;
const HEADER_BYTES: usize = 12;
/// Maximum overhead per record, in bytes, in addition to its text.
const RECORD_OVERHEAD: usize = 16;
/// Target size of a block in bytes. It fills one LMDB page (4096 bytes minus the header), so rewriting a block never
/// needs a run of free pages. A block with a single record may be larger.
pub(super) const TARGET_BYTES: usize = 4080;

/// One record of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub number: u64,
    pub updated: Timestamp,
    pub text: &'a [u8],
}

/// A view of an encoded block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    first: u64,
    count: usize,
    pub created: Timestamp,
    ends: &'a [u8],
    steps: Option<&'a [u8]>,
    updated: Option<&'a [u8]>,
    texts: &'a [u8],
}

impl<'a> Block<'a> {
    /// Decodes a block. `first` is the record number in the block's key.
    pub fn decode(first: u64, value: &'a [u8]) -> Result<Self, StoreError> {
        Self::read(first, value).ok_or_else(|| StoreError::damaged("a block of records"))
    }

    fn read(first: u64, value: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = value.split_at_checked(HEADER_BYTES)?;
        let &[format, flags, a, b, ref created @ ..] = header else { return None };
        if format != FORMAT {
            return None;
        }
        let count = usize::from(u16::from_le_bytes([a, b]));
        let mut take = |bytes: usize| {
            let (taken, tail) = rest.split_at_checked(count * bytes)?;
            rest = tail;
            Some(taken)
        };
        let ends = take(4)?;
        let steps = if flags & HAS_STEPS != 0 { Some(take(4)?) } else { None };
        let updated = if flags & HAS_UPDATED != 0 { Some(take(8)?) } else { None };
        Some(Block {
            first,
            count,
            created: Timestamp(u64::from_le_bytes(created.try_into().ok()?)),
            ends,
            steps,
            updated,
            texts: rest,
        })
    }

    fn u32_at(list: &[u8], index: usize) -> Option<u32> {
        let bytes = list.get(index * 4..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn number_at(&self, index: usize) -> Option<u64> {
        let step = match self.steps {
            Some(steps) => u64::from(Self::u32_at(steps, index)?),
            None => index as u64,
        };
        self.first.checked_add(step)
    }

    pub fn get(&self, index: usize) -> Result<Entry<'a>, StoreError> {
        let read = || {
            let start = if index == 0 { 0 } else { Self::u32_at(self.ends, index - 1)? as usize };
            let end = Self::u32_at(self.ends, index)? as usize;
            let updated = match self.updated {
                Some(updated) => Timestamp(u64::from_le_bytes(*updated.get(index * 8..)?.first_chunk::<8>()?)),
                None => self.created,
            };
            Some(Entry { number: self.number_at(index)?, updated, text: self.texts.get(start..end)? })
        };
        read().ok_or_else(|| StoreError::damaged("a record"))
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns how many records have a number less than `number`.
    fn lower_bound(&self, number: u64) -> usize {
        let step = number.saturating_sub(self.first);
        let Some(steps) = self.steps else { return usize::try_from(step).unwrap_or(usize::MAX).min(self.count) };
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match Self::u32_at(steps, middle) {
                Some(there) if u64::from(there) < step => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Appends all records whose number is at least `number` to a page. Returns the number of the last one. Table
    /// scans spend most of their time here, so the texts, which are contiguous, are copied in one piece.
    pub fn append_from(&self, number: u64, page: &mut RecordPage) -> Result<Option<u64>, StoreError> {
        let from = self.lower_bound(number);
        if from >= self.count {
            return Ok(None);
        }
        self.append(from, page).map(Some).ok_or_else(|| StoreError::damaged("a record"))
    }

    fn append(&self, from: usize, page: &mut RecordPage) -> Option<u64> {
        let last = self.number_at(self.count.checked_sub(1)?)?;
        let mut start = match from.checked_sub(1) {
            Some(before) => Self::u32_at(self.ends, before)?,
            None => 0,
        };
        let base = page.text.len();
        let offset = start as usize;
        let end = Self::u32_at(self.ends, self.count - 1)? as usize;
        page.text.extend_from_slice(self.texts.get(offset..end)?);
        let (ends, _) = self.ends.get(from * 4..)?.as_chunks::<4>();
        let mut ascend = true;
        let mut place = |end: &[u8; 4]| {
            let end = u32::from_le_bytes(*end);
            ascend &= start <= end;
            start = end;
            (base + end as usize).saturating_sub(offset)
        };
        match self.updated {
            None => page.records.extend(ends.iter().map(|end| (place(end), self.created, self.created))),
            Some(updated) => {
                let (updated, _) = updated.get(from * 8..)?.as_chunks::<8>();
                let updated = updated.iter().map(|updated| Timestamp(u64::from_le_bytes(*updated)));
                page.records.extend(ends.iter().zip(updated).map(|(end, updated)| (place(end), self.created, updated)));
            }
        }
        ascend.then_some(last)
    }

    /// Returns the record with this number.
    pub fn find(&self, number: u64) -> Result<Option<Entry<'a>>, StoreError> {
        let index = self.lower_bound(number);
        if index >= self.count {
            return Ok(None);
        }
        let entry = self.get(index)?;
        Ok((entry.number == number).then_some(entry))
    }

    pub fn iter(&self) -> impl Iterator<Item = Result<Entry<'a>, StoreError>> {
        let block = *self;
        (0..self.count).map(move |index| block.get(index))
    }
}

/// Collects records into blocks. Reusable, so a load allocates its buffers once.
#[derive(Default)]
pub(super) struct BlockBuilder {
    created_micros: u64,
    first: u64,
    next: u64,
    has_steps: bool,
    has_updated: bool,
    ends: Vec<u8>,
    steps: Vec<u8>,
    updated: Vec<u8>,
    texts: Vec<u8>,
    value: Vec<u8>,
}

impl BlockBuilder {
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns whether a record with this number and size still fits into the current block.
    pub fn has_room(&self, number: u64, created: Timestamp, text_bytes: usize) -> bool {
        const MOST_RECORDS: usize = u16::MAX as usize;
        let count = self.ends.len() / 4;
        let taken = HEADER_BYTES
            + self.ends.len()
            + self.texts.len()
            + if self.has_steps || number != self.next { self.steps.len() + 4 } else { 0 }
            + if self.has_updated { self.updated.len() + 8 } else { 0 };
        count == 0
            || (taken + 4 + text_bytes <= TARGET_BYTES
                && count < MOST_RECORDS
                && created.0 == self.created_micros
                && number - self.first <= u64::from(u32::MAX))
    }

    /// Adds a record. Numbers must ascend, and the caller must have checked `has_room`.
    pub fn push(&mut self, entry: Entry<'_>, created: Timestamp) {
        if self.is_empty() {
            self.first = entry.number;
            self.next = entry.number;
            self.created_micros = created.0;
        }
        self.has_steps |= entry.number != self.next;
        self.has_updated |= entry.updated != created;
        self.next = entry.number + 1;
        self.texts.extend_from_slice(entry.text);
        // Neither cast truncates: `has_room` limits texts and steps, and a single record has at most 4 GiB.
        self.ends.extend_from_slice(&(self.texts.len() as u32).to_le_bytes());
        self.steps.extend_from_slice(&((entry.number - self.first) as u32).to_le_bytes());
        self.updated.extend_from_slice(&entry.updated.0.to_le_bytes());
    }

    /// Returns the number and the encoded value of the block, and empties the builder.
    pub fn finish(&mut self) -> (u64, &[u8]) {
        let value = &mut self.value;
        value.clear();
        value.reserve(HEADER_BYTES + self.texts.len() + (self.ends.len() / 4) * RECORD_OVERHEAD);
        let flags = (u8::from(self.has_steps) * HAS_STEPS) | (u8::from(self.has_updated) * HAS_UPDATED);
        value.extend_from_slice(&[FORMAT, flags]);
        value.extend_from_slice(&((self.ends.len() / 4) as u16).to_le_bytes());
        value.extend_from_slice(&self.created_micros.to_le_bytes());
        value.extend_from_slice(&self.ends);
        if self.has_steps {
            value.extend_from_slice(&self.steps);
        }
        if self.has_updated {
            value.extend_from_slice(&self.updated);
        }
        value.extend_from_slice(&self.texts);
        for list in [&mut self.ends, &mut self.steps, &mut self.updated, &mut self.texts] {
            list.clear();
        }
        self.has_steps = false;
        self.has_updated = false;
        (self.first, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(created: u64, entries: &[(u64, u64, &str)]) -> (u64, Vec<u8>) {
        let mut builder = BlockBuilder::default();
        for (number, updated, text) in entries {
            builder.push(
                Entry { number: *number, updated: Timestamp(*updated), text: text.as_bytes() },
                Timestamp(created),
            );
        }
        let (first, value) = builder.finish();
        (first, value.to_vec())
    }

    #[test]
    fn a_block_decodes_to_the_records_it_was_built_from() {
        for entries in [
            &[(5, 9, "a"), (6, 9, ""), (7, 9, "ccc")][..],
            &[(5, 9, "a"), (8, 9, "b"), (9, 9, "c")],
            &[(5, 10, "a"), (6, 9, "b")],
            &[(5, 10, "a"), (60_000, 9, "b"), (70_000, 12, "c")],
            &[(u64::MAX - 1, 9, "x")],
        ] {
            let (first, value) = build(9, entries);
            let block = Block::decode(first, &value).unwrap();
            assert_eq!((block.count, block.created), (entries.len(), Timestamp(9)));
            let read: Vec<_> = block.iter().map(|entry| entry.unwrap()).collect();
            let written: Vec<_> = entries
                .iter()
                .map(|(number, updated, text)| Entry {
                    number: *number,
                    updated: Timestamp(*updated),
                    text: text.as_bytes(),
                })
                .collect();
            assert_eq!(read, written);
            for entry in written {
                assert_eq!(block.find(entry.number).unwrap(), Some(entry));
            }
            assert_eq!(block.find(first.wrapping_sub(1)).unwrap().filter(|entry| entry.number != first), None);
            assert_eq!(block.find(90_000).unwrap(), None);
        }
    }

    #[test]
    fn append_from_returns_the_same_records_as_iterating() {
        for entries in [
            &[(5, 9, "a"), (6, 9, ""), (7, 9, "ccc")][..],
            &[(5, 9, "a"), (8, 9, "b"), (11, 9, "c")],
            &[(5, 10, "a"), (6, 9, "b"), (9, 12, "")],
            &[(5, 9, "alone")],
        ] {
            let (first, value) = build(9, entries);
            let block = Block::decode(first, &value).unwrap();
            for from in 0..14 {
                let (mut page, mut expected) = (RecordPage::default(), RecordPage::default());
                page.push(b"before", Timestamp(1), Timestamp(2));
                expected.push(b"before", Timestamp(1), Timestamp(2));
                let rest = block.iter().map(|entry| entry.unwrap()).filter(|entry| entry.number >= from);
                let last = rest.map(|entry| {
                    expected.push(entry.text, block.created, entry.updated);
                    entry.number
                });
                assert_eq!(last.last(), block.append_from(from, &mut page).unwrap());
                assert_eq!((page.text, page.records), (expected.text, expected.records));
            }
        }
    }

    #[test]
    fn a_builder_can_be_reused() {
        let mut builder = BlockBuilder::default();
        builder.push(Entry { number: 1, updated: Timestamp(3), text: b"long text" }, Timestamp(2));
        builder.push(Entry { number: 9, updated: Timestamp(3), text: b"x" }, Timestamp(2));
        builder.finish();
        builder.push(Entry { number: 20, updated: Timestamp(7), text: b"y" }, Timestamp(7));
        let (first, value) = builder.finish();
        assert_eq!((first, value.to_vec()), build(7, &[(20, 7, "y")]));
    }

    #[test]
    fn a_block_is_closed_by_its_size_by_another_created_time_and_by_distant_numbers() {
        let mut builder = BlockBuilder::default();
        let created = Timestamp(1);
        assert!(builder.has_room(1, created, 1 << 20));
        builder.push(Entry { number: 1, updated: created, text: &[b'x'; 2000] }, created);
        assert!(builder.has_room(2, created, 2000));
        assert!(!builder.has_room(2, created, 2080));
        assert!(!builder.has_room(2, Timestamp(2), 10));
        assert!(!builder.has_room(1 << 40, created, 10));
    }

    #[test]
    fn damaged_blocks_are_reported_as_errors() {
        let (first, value) = build(9, &[(5, 10, "abc"), (8, 9, "def")]);
        for length in 0..value.len() {
            let decoded = Block::decode(first, &value[..length]);
            if let Ok(block) = decoded {
                assert!(block.iter().any(|entry| entry.is_err()), "{length}");
                assert!(block.append_from(0, &mut RecordPage::default()).is_err(), "{length}");
            }
        }
        for position in 0..value.len() {
            let mut damaged = value.clone();
            damaged[position] ^= 0xff;
            if let Ok(block) = Block::decode(first, &damaged) {
                for number in 0..20 {
                    let _either_way = block.find(number);
                }
                let _either_way = block.append_from(0, &mut RecordPage::default());
                let _either_way = block.iter().filter(|entry| entry.is_err()).count();
            }
        }
    }
}
