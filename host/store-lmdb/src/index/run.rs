//! One run of a primary index: key -> record number, stored in leaves (see `leaf`) that LMDB keeps in order, and the
//! run's filters.
//!
//! The key of a leaf is a lower bound of the keys in it. The first leaf of a head has the bare prefix of the run as its
//! key, so every key belongs to a leaf.

use std::ops::Bound;

use heed::{RoTxn, RwTxn};

use super::filter::{self, Filter};
use super::leaf::{Fill, Leaf, LeafBuilder, precedes};
use crate::environment::{Database, Environment, RANDOM_READ_BYTES, engine};
use crate::heap::Usage;
use crate::keyspace::{TABLE_BYTES, primary_key, table_of, table_prefix};
use jobhost_store::StoreError;

#[derive(Clone, Copy)]
pub struct Run<'e> {
    pub environment: &'e Environment,
    pub id: u32,
}

/// The key of a leaf or filter, including the run's prefix, and its value.
pub type Stored<'t> = (&'t [u8], &'t [u8]);

/// A key of a commit group, with the record number it gets if it is new.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'k> {
    pub key: &'k [u8],
    pub number: u64,
}

/// Returns the length of the leading run of items that meet a condition which no later item meets. The run is usually
/// short, because a group's keys are spread over many leaves, so this searches from the front with growing steps.
fn count_first<T>(items: &[T], meets: impl Fn(&T) -> bool) -> usize {
    let mut bound = 1;
    while items.get(bound).is_some_and(&meets) {
        bound *= 2;
    }
    let known = bound / 2;
    let unknown = items.get(known..bound.min(items.len())).unwrap_or_default();
    known + unknown.partition_point(meets)
}

impl Run<'_> {
    /// Returns the leaf or filter that a key belongs to, depending on the database.
    fn place_of<'t>(&self, db: Database, txn: &'t RoTxn<'_>, encoded: &[u8]) -> Result<Option<Stored<'t>>, StoreError> {
        let found = db.get_lower_than_or_equal_to(txn, &primary_key(self.id, encoded)).map_err(engine)?;
        Ok(found.filter(|(key, _)| table_of(key) == Some(self.id)))
    }

    fn leaf_of<'t>(&self, txn: &'t RoTxn<'_>, encoded: &[u8]) -> Result<Option<Stored<'t>>, StoreError> {
        self.place_of(self.environment.dbs.primary, txn, encoded)
    }

    /// Returns the key of the next leaf or filter, without the run's prefix.
    fn fence<'t>(&self, db: Database, txn: &'t RoTxn<'_>, key: &[u8]) -> Result<Option<&'t [u8]>, StoreError> {
        let next = db.get_greater_than(txn, key).map_err(engine)?;
        Ok(next.filter(|(key, _)| table_of(key) == Some(self.id)).and_then(|(key, _)| key.get(TABLE_BYTES..)))
    }

    pub fn number(&self, txn: &RoTxn<'_>, encoded: &[u8]) -> Result<Option<u64>, StoreError> {
        match self.leaf_of(txn, encoded)? {
            Some((_, value)) => Leaf::decode(value)?.find(encoded),
            None => Ok(None),
        }
    }

    /// Returns whether all keys of the run are less than this one.
    pub fn ends_before(&self, txn: &RoTxn<'_>, encoded: &[u8]) -> Result<bool, StoreError> {
        let Some((leaf_key, value)) = self.leaf_of(txn, encoded)? else { return Ok(false) };
        let is_last = self.fence(self.environment.dbs.primary, txn, leaf_key)?.is_none();
        Ok(is_last && Leaf::decode(value)?.last_key().is_some_and(|last| last < encoded))
    }

    /// Visits keys, which must ascend, each with its index and the leaf or filter that it belongs to. Each of those is
    /// looked up and decoded once. Keys before the first one belong to none and are passed over.
    fn with_place<'t, 'k, P: Copy>(
        &self,
        db: Database,
        txn: &'t RoTxn<'_>,
        keys: impl Iterator<Item = &'k [u8]>,
        decode: impl Fn(&'t [u8]) -> Result<P, StoreError>,
        mut visit: impl FnMut(usize, &'k [u8], P) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut at: Option<(P, Option<&[u8]>)> = None;
        for (index, key) in keys.enumerate() {
            let place = match at {
                Some((place, fence)) if fence.is_none_or(|fence| precedes(key, fence)) => place,
                _ => {
                    let Some((place_key, value)) = self.place_of(db, txn, key)? else { continue };
                    let place = decode(value)?;
                    at = Some((place, self.fence(db, txn, place_key)?));
                    place
                }
            };
            visit(index, key, place)?;
        }
        Ok(())
    }

    /// Returns the indexes of the keys that the filters of the run do not exclude. Keys must ascend. `hashes` are theirs.
    pub fn candidates<'t>(&self, txn: &'t RoTxn<'_>, keys: &[&[u8]], hashes: &[u64]) -> Result<Vec<usize>, StoreError> {
        let mut candidates = Vec::new();
        let decode = |value: &'t [u8]| {
            self.environment.touched(value.len());
            Filter::decode(value)
        };
        self.with_place(self.environment.dbs.filters, txn, keys.iter().copied(), decode, |index, _, filter| {
            if hashes.get(index).is_none_or(|hash| filter.may_contain(*hash)) {
                candidates.push(index);
            }
            Ok(())
        })?;
        Ok(candidates)
    }

    /// Like [`Run::candidates`], for one key.
    pub fn may_contain(&self, txn: &RoTxn<'_>, encoded: &[u8]) -> Result<bool, StoreError> {
        match self.place_of(self.environment.dbs.filters, txn, encoded)? {
            Some((_, value)) => Ok(Filter::decode(value)?.may_contain(filter::hash(encoded))),
            None => Ok(false),
        }
    }

    /// Looks up the record numbers of keys, which must ascend. Each key that exists is reported to `found` with its
    /// index and number.
    pub fn numbers<'t, 'k>(
        &self,
        txn: &'t RoTxn<'_>,
        keys: impl Iterator<Item = &'k [u8]>,
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        let decode = |value: &'t [u8]| {
            self.environment.touched(RANDOM_READ_BYTES);
            Leaf::decode(value)
        };
        self.with_place(self.environment.dbs.primary, txn, keys, decode, |index, key, leaf| {
            if let Some(number) = leaf.find(key)? {
                found(index, number);
            }
            Ok(())
        })
    }

    /// Inserts the keys that do not exist yet. Keys must ascend and be unique. Each key that exists is reported to
    /// `found` with its index and stored number. Entries below `first_live` are replaced.
    pub fn insert_absent(
        &self,
        txn: &mut RwTxn<'_>,
        keys: &[Proposal<'_>],
        first_live: u64,
        usage: &mut Usage,
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        let mut builder = LeafBuilder::default();
        self.by_leaf(
            txn,
            keys,
            |proposal| proposal.key,
            |txn, leaf_key, old, offset, keys| {
                let leaf = if old.is_empty() { Leaf::EMPTY } else { Leaf::decode(old)? };
                let pairs = keys.iter().map(|proposal| (proposal.key, proposal.number));
                match builder.merge(&leaf, pairs, first_live, |index, number| found(offset + index, number))? {
                    Some(fill) => self.replace(txn, leaf_key, old.len(), &mut builder, fill, usage),
                    None => Ok(()),
                }
            },
        )
    }

    /// Removes keys, which must ascend and be unique. Each key that existed is reported to `found` with its index and
    /// number, whether or not its record was deleted before.
    pub fn remove(
        &self,
        txn: &mut RwTxn<'_>,
        keys: &[&[u8]],
        usage: &mut Usage,
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        let mut builder = LeafBuilder::default();
        self.by_leaf(
            txn,
            keys,
            |key| key,
            |txn, leaf_key, old, offset, keys| {
                if old.is_empty() {
                    return Ok(());
                }
                let leaf = Leaf::decode(old)?;
                if builder.remove(&leaf, keys.iter().copied(), |index, number| found(offset + index, number))? {
                    self.replace(txn, leaf_key, old.len(), &mut builder, Fill::Even, usage)?;
                }
                Ok(())
            },
        )
    }

    /// Groups the keys by leaf. `visit` receives the leaf's key, a copy of its value (empty if the leaf does not exist
    /// yet), the index of the first key of the group, and the keys.
    fn by_leaf<'k, K>(
        &self,
        txn: &mut RwTxn<'_>,
        keys: &'k [K],
        key_of: impl Fn(&K) -> &[u8],
        mut visit: impl FnMut(&mut RwTxn<'_>, &[u8], &[u8], usize, &'k [K]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rest = keys;
        let (mut leaf_key, mut old) = (Vec::new(), Vec::new());
        while let Some(first) = rest.first() {
            old.clear();
            leaf_key.clear();
            match self.leaf_of(txn, key_of(first))? {
                Some((key, value)) => {
                    leaf_key.extend_from_slice(key);
                    old.extend_from_slice(value);
                    self.environment.touched(RANDOM_READ_BYTES);
                }
                None => leaf_key.extend_from_slice(&table_prefix(self.id)),
            }
            let mine = match self.fence(self.environment.dbs.primary, txn, &leaf_key)? {
                Some(fence) => count_first(rest, |key| precedes(key_of(key), fence)),
                None => rest.len(),
            };
            let (here, beyond) = rest.split_at_checked(mine.max(1)).unwrap_or((rest, &[]));
            visit(txn, &leaf_key, &old, keys.len() - rest.len(), here)?;
            rest = beyond;
        }
        Ok(())
    }

    /// Replaces a leaf with the contents of the builder.
    fn replace(
        &self,
        txn: &mut RwTxn<'_>,
        leaf_key: &[u8],
        old_bytes: usize,
        builder: &mut LeafBuilder,
        fill: Fill,
        usage: &mut Usage,
    ) -> Result<(), StoreError> {
        if old_bytes > 0 {
            usage.remove(leaf_key, old_bytes);
        }
        let mut key = leaf_key.to_vec();
        let mut first = true;
        builder.finish(fill, |first_key, value| {
            // The first leaf keeps its key: keys between it and the first pair still belong to this leaf.
            if !first {
                key.truncate(TABLE_BYTES);
                key.extend_from_slice(first_key);
            }
            first = false;
            usage.add(&key, value.len());
            self.environment.dbs.primary.put(txn, &key, value).map_err(engine)
        })?;
        if first {
            self.environment.dbs.primary.delete(txn, leaf_key).map_err(engine)?;
        }
        Ok(())
    }

    /// Returns the leaves in order of keys, starting with the one that may hold `from`.
    pub fn leaves_from<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Stored<'t>, StoreError>> + use<'t>, StoreError> {
        let id = self.id;
        let start = match self.leaf_of(txn, from)? {
            Some((leaf_key, _)) => leaf_key.to_vec(),
            None => table_prefix(id).to_vec(),
        };
        let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Unbounded);
        let leaves = self.environment.dbs.primary.range(txn, &range).map_err(engine)?;
        Ok(leaves
            .take_while(move |leaf| leaf.as_ref().map_or(true, |(key, _)| table_of(key) == Some(id)))
            .map(|leaf| leaf.map_err(engine)))
    }
}

#[cfg(test)]
mod tests {
    use super::count_first;

    #[test]
    fn count_first_returns_the_length_of_the_leading_run() {
        for length in 0..40 {
            let items: Vec<usize> = (0..length).collect();
            for bound in 0..=length {
                assert_eq!(count_first(&items, |item| *item < bound), bound);
            }
        }
    }
}
