//! Sorts the keys of a run, so that each leaf of the index is visited once.

/// The records of a run, ordered by key.
pub(super) struct Sorted {
    /// Record indexes in key order. Records with equal keys keep their order of arrival.
    order: Vec<u32>,
    /// Position in `order` at which each distinct key starts.
    starts: Vec<u32>,
}

impl Sorted {
    pub fn new<T>(records: &[T], key_of: impl Fn(&T) -> &[u8]) -> Self {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let ascending = records.is_sorted_by(|a, b| key_of(a) < key_of(b));
        if ascending {
            return Sorted { order: (0..count).collect(), starts: (0..count).collect() };
        }
        Sorted::of(records, 0..count, key_of)
    }

    /// Like `new`, restricted to the records with these indexes.
    pub fn of<T>(records: &[T], indexes: impl Iterator<Item = u32>, key_of: impl Fn(&T) -> &[u8]) -> Self {
        let key = |index: u32| records.get(index as usize).map_or(&[][..], &key_of);
        // The prefix nearly always decides, and comparing prefixes needs no access to the records.
        let mut prefixed: Vec<(u64, u32)> = indexes.map(|index| (prefix(key(index)), index)).collect();
        prefixed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))).then(a.1.cmp(&b.1)));
        let order: Vec<u32> = prefixed.iter().map(|(_, index)| *index).collect();
        let mut starts = Vec::with_capacity(order.len());
        let mut before = None;
        for (position, (prefix, index)) in prefixed.iter().enumerate() {
            let same = before.is_some_and(|(old_prefix, old)| old_prefix == *prefix && key(old) == key(*index));
            if !same {
                starts.push(position as u32);
            }
            before = Some((*prefix, *index));
        }
        Sorted { order, starts }
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns the number of distinct keys.
    pub fn keys(&self) -> usize {
        self.starts.len()
    }

    /// Returns the first record with each key, in order of keys.
    pub fn firsts(&self) -> impl Iterator<Item = usize> {
        self.starts.iter().filter_map(|start| self.order.get(*start as usize)).map(|index| *index as usize)
    }

    /// Returns the records whose key has this rank, in order of arrival.
    pub fn records(&self, rank: usize) -> &[u32] {
        let at = |rank: usize| self.starts.get(rank).map_or(self.order.len(), |start| *start as usize);
        self.order.get(at(rank)..at(rank + 1)).unwrap_or_default()
    }
}

/// The class byte and the eight bytes after it, as one number that sorts like the key.
pub(super) fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 9];
    let length = key.len().min(bytes.len());
    if let (Some(to), Some(from)) = (bytes.get_mut(..length), key.get(..length)) {
        to.copy_from_slice(from);
    }
    let [class, rest @ ..] = bytes;
    // The class must stay the most significant byte, so that keys of different classes compare by class first.
    u64::from(class) << 56 | u64::from_be_bytes(rest) >> 8
}
