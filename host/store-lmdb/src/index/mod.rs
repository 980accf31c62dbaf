//! The primary index of a table: primary key -> record number, in sorted runs (see `crate::runs`).
//!
//! One tree would be simpler, but a commit group of random keys changes nearly every leaf of it, so the cost of a key
//! would grow with the table. `docs/storage.md` has the figures.
//!
//! Each key that belongs to a record is in exactly one run, with that record's number. Entries with a number below the
//! table's first live record belong to deleted records: nothing may report them.

mod absorb;
mod filter;
mod leaf;
mod merge;
mod merged;
mod run;
mod sealed;

use heed::RoTxn;

pub use self::absorb::{absorb, begin_merge, seal_head};
pub use self::leaf::MAX_NUMBER;
pub use self::merge::step as merge_step;
pub use self::run::Proposal;

use self::leaf::Leaf;
use self::merged::{Merged, Source};
use self::run::Run;
use self::sealed::SealedWriter;
use crate::environment::Environment;
use crate::heap::Usage;
use crate::reclaim_work::Reclaim;
use crate::runs::{RunInfo, Runs};
use crate::tables;
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// A head of random keys is sealed when it has so many times the keys of a commit group. Each group rewrites the head, so
/// with more groups that would cost more than it saves in merging.
const GROUPS_PER_HEAD: u64 = 6;
/// A head with up to this many keys is emptied at once instead of in the background.
const FEW_KEYS: u64 = 16 << 10;
/// Filters for a head with up to this many times `head_keys` are written when it is sealed.
const HEADS_FILTERED_AT_ONCE: u64 = 32;

/// The index of one table, as one transaction sees it.
pub struct Index<'e> {
    environment: &'e Environment,
    table: u32,
    runs: Runs,
    was_plain: bool,
}

impl<'e> Index<'e> {
    /// Opens the index for reading.
    pub fn open(environment: &'e Environment, txn: &RoTxn<'_>, table: u32) -> Result<Self, StoreError> {
        let runs = tables::runs(&environment.dbs, txn, table)?.unwrap_or_else(|| Runs::new(table, 0));
        Ok(Index { environment, table, was_plain: runs.is_plain(table), runs })
    }

    /// Opens the index for a change.
    pub fn of(tx: &Transaction<'e>, table: u32) -> Result<Self, StoreError> {
        let runs = tx.runs(table)?;
        Ok(Index { environment: tx.environment, table, was_plain: runs.is_plain(table), runs })
    }

    fn run(&self, id: u32) -> Run<'e> {
        Run { environment: self.environment, id }
    }

    fn head(&self) -> Run<'e> {
        self.run(self.runs.head.id)
    }

    fn is_live(&self, number: u64) -> bool {
        number >= self.runs.first_live
    }

    /// Returns whether there are no entries. The index must be opened for a change.
    pub fn is_empty(&self) -> bool {
        self.runs.head.entries == 0 && self.runs.sealed.is_empty()
    }

    pub fn number(&self, txn: &RoTxn<'_>, encoded: &[u8]) -> Result<Option<u64>, StoreError> {
        let live = |number: &u64| self.is_live(*number);
        if let Some(number) = self.head().number(txn, encoded)?.filter(live) {
            return Ok(Some(number));
        }
        for info in &self.runs.sealed {
            let run = self.run(info.id);
            if (!info.has_filters || run.may_contain(txn, encoded)?)
                && let Some(number) = run.number(txn, encoded)?.filter(live)
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Looks up the record numbers of keys, which must ascend. Each key that exists is reported to `found` with its
    /// index and number.
    pub fn numbers(
        &self,
        txn: &RoTxn<'_>,
        keys: &[&[u8]],
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        self.head().numbers(txn, keys.iter().copied(), |index, number| {
            if self.is_live(number) {
                found(index, number);
            }
        })?;
        self.sealed_numbers(txn, keys, found)
    }

    fn sealed_numbers(
        &self,
        txn: &RoTxn<'_>,
        keys: &[&[u8]],
        mut found: impl FnMut(usize, u64),
    ) -> Result<(), StoreError> {
        for (run, candidates) in self.sealed_candidates(txn, keys)? {
            run.numbers(txn, at(keys, &candidates), |place, number| {
                if let Some(index) = candidates.get(place).filter(|_| self.is_live(number)) {
                    found(*index, number);
                }
            })?;
        }
        Ok(())
    }

    /// Returns the sealed runs that may hold any of the keys, each with the indexes of those keys.
    fn sealed_candidates(&self, txn: &RoTxn<'_>, keys: &[&[u8]]) -> Result<Vec<(Run<'e>, Vec<usize>)>, StoreError> {
        let mut all = Vec::with_capacity(self.runs.sealed.len());
        if self.runs.sealed.is_empty() {
            return Ok(all);
        }
        let hashes: Vec<u64> = keys.iter().map(|key| filter::hash(key)).collect();
        for info in &self.runs.sealed {
            let run = self.run(info.id);
            let candidates =
                if info.has_filters { run.candidates(txn, keys, &hashes)? } else { (0..keys.len()).collect() };
            if !candidates.is_empty() {
                all.push((run, candidates));
            }
        }
        Ok(all)
    }

    /// Returns the entries of records whose keys are greater than `after`, in order of keys.
    pub fn after<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        after: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<(&'t [u8], u64), StoreError>>, StoreError> {
        let mut sources = Vec::with_capacity(1 + self.runs.sealed.len());
        for id in self.runs.ids() {
            sources.push(Source::begin(self.run(id), txn, after.unwrap_or_default())?);
        }
        let mut merged = Merged::new(sources);
        let (first_live, after) = (self.runs.first_live, after.map(<[u8]>::to_vec));
        Ok(std::iter::from_fn(move || {
            loop {
                match merged.next() {
                    Ok(Some((_, key, number))) => {
                        if number >= first_live && after.as_deref() != Some(key) {
                            return Some(Ok((key, number)));
                        }
                    }
                    Ok(None) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
        }))
    }
}

/// Inserts the keys that do not exist yet. Keys must ascend and be unique. Each key that exists is reported to `found`
/// with its index and stored number.
pub fn insert_absent(
    tx: &mut Transaction<'_>,
    table: u32,
    keys: &[Proposal<'_>],
    usage: &mut Usage,
    mut found: impl FnMut(usize, u64),
) -> Result<(), StoreError> {
    let mut index = Index::of(tx, table)?;
    // Appending to a head costs the same at any size.
    if let Some(first) = keys.first()
        && index.runs.head.entries >= index.environment.head_keys.max(GROUPS_PER_HEAD * keys.len() as u64)
        && !index.head().ends_before(tx.read(), first.key)?
    {
        seal(tx, &mut index, usage)?;
    }
    let first_live = index.runs.first_live;
    let mut added = keys.len() as u64;
    let mut found = |place: usize, number: u64| {
        added = added.saturating_sub(1);
        found(place, number);
    };
    if index.runs.sealed.is_empty() {
        index.head().insert_absent(tx.change(), keys, first_live, usage, found)?;
    } else {
        let list: Vec<&[u8]> = keys.iter().map(|proposal| proposal.key).collect();
        let mut exists = vec![false; keys.len()];
        index.sealed_numbers(tx.read(), &list, |place, number| {
            if let Some(exists) = exists.get_mut(place) {
                *exists = true;
            }
            found(place, number);
        })?;
        let (new, places): (Vec<Proposal<'_>>, Vec<usize>) =
            (0..).zip(keys).zip(exists).filter(|(_, exists)| !exists).map(|((place, key), _)| (*key, place)).unzip();
        index.head().insert_absent(tx.change(), &new, first_live, usage, |place, number| {
            found(places.get(place).copied().unwrap_or_default(), number);
        })?;
    }
    index.runs.head.entries += added;
    index.store(tx)
}

/// Removes keys, which must ascend and be unique. Each key that existed is reported to `found` with its index and number.
pub fn remove(
    tx: &mut Transaction<'_>,
    table: u32,
    keys: &[&[u8]],
    usage: &mut Usage,
    mut found: impl FnMut(usize, u64),
) -> Result<(), StoreError> {
    let mut index = Index::of(tx, table)?;
    let mut runs = index.sealed_candidates(tx.read(), keys)?;
    runs.push((index.head(), (0..keys.len()).collect()));
    for (run, candidates) in runs {
        let list: Vec<&[u8]> = at(keys, &candidates).collect();
        let mut removed = 0;
        run.remove(tx.change(), &list, usage, |place, number| {
            removed += 1;
            if let Some(place) = candidates.get(place).filter(|_| index.is_live(number)) {
                found(*place, number);
            }
        })?;
        index.forget(run.id, removed);
    }
    index.store(tx)
}

/// Returns the keys with these indexes.
fn at<'k>(keys: &[&'k [u8]], indexes: &[usize]) -> impl Iterator<Item = &'k [u8]> {
    indexes.iter().filter_map(|index| keys.get(*index)).copied()
}

/// Declares all entries below `first_live` to be entries of deleted records, without reading them. `records` is the number
/// of records that are left. The table's counters must still include the others: if nothing is stored about the runs, the
/// number of entries is derived from them.
pub fn retire(
    tx: &mut Transaction<'_>,
    table: u32,
    first_live: u64,
    records: u64,
    usage: &mut Usage,
) -> Result<(), StoreError> {
    let mut index = Index::of(tx, table)?;
    index.runs.first_live = first_live.max(index.runs.first_live);
    let is_dead = |run: &RunInfo| run.last_number < first_live && !index.runs.is_merging(run.id);
    let mut dead: Vec<u32> = index.runs.sealed.iter().filter(|run| is_dead(run)).map(|run| run.id).collect();
    index.runs.sealed.retain(|run| !dead.contains(&run.id));
    let head = index.runs.head;
    if records == 0 && head.entries > FEW_KEYS {
        dead.push(head.id);
        index.runs.head = RunInfo::empty(tx.next_id()?);
    } else if records == 0 && head.entries > 0 {
        let leaves = tx.dbs.primary;
        merge::clear(tx.change(), leaves, head.id, usage)?;
        index.runs.head.entries = 0;
    } else if head.entries > records.saturating_mul(2).saturating_add(index.environment.head_keys) {
        // Most entries belong to deleted records. A merge drops those of a sealed run.
        seal(tx, &mut index, usage)?;
    }
    for run in dead {
        tx.begin_work(|id| Reclaim::Run { id, table, run })?;
    }
    index.store(tx)
}

impl Index<'_> {
    /// Returns whether removing a deleted record's key costs little, so that no entry needs to be left behind.
    pub fn is_small(&self) -> bool {
        self.runs.is_plain(self.table) && self.runs.head.entries <= self.environment.head_keys / 4
    }

    fn forget(&mut self, run: u32, entries: u64) {
        let info = if run == self.runs.head.id { Some(&mut self.runs.head) } else { self.runs.sealed_mut(run) };
        if let Some(info) = info {
            info.entries = info.entries.saturating_sub(entries);
        }
    }

    /// Stores the list of runs, and begins the merge that it calls for.
    fn store(mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.was_plain && self.runs.is_plain(self.table) {
            return Ok(());
        }
        let table = self.table;
        if merge::begin(tx, table, &mut self.runs)? {
            tx.begin_work(|id| Reclaim::Merge { id, table })?;
        }
        tx.set_runs(table, self.runs);
        Ok(())
    }
}

/// Seals the head: an empty one takes its place.
fn seal(tx: &mut Transaction<'_>, index: &mut Index<'_>, usage: &mut Usage) -> Result<(), StoreError> {
    let (head, dbs) = (index.head(), tx.dbs);
    let mut sealed = index.runs.head;
    // A very large head is not read at once: a merge writes its filters and finds its last number, in steps.
    sealed.has_filters = sealed.entries <= index.environment.head_keys.saturating_mul(HEADS_FILTERED_AT_ONCE);
    sealed.last_number = MAX_NUMBER;
    if sealed.has_filters {
        sealed.last_number = 0;
        let mut writer = SealedWriter::new(sealed.id);
        for leaf in head.leaves_from(tx.read(), &[])? {
            for pair in Leaf::decode(leaf?.1)?.pairs() {
                let (key, number) = pair?;
                // The table's counters do not include records that this transaction is still writing.
                sealed.last_number = sealed.last_number.max(number);
                writer.add_to_filter(key);
            }
        }
        writer.store(&dbs, tx.change(), usage)?;
    }
    index.runs.sealed.push(sealed);
    index.runs.head = RunInfo::empty(tx.next_id()?);
    Ok(())
}
