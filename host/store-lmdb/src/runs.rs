//! The list of the runs of a table's index, and the rule for what is merged when.
//!
//! New keys go into the **head**, a run that can change. A large head that receives keys in random order is
//! **sealed**: a new head takes its place, and from then on only removals touch the sealed run. Sealed runs are merged
//! when there are [`FANOUT`] of about the same size, so that a key is rewritten once for each level, and a table of n
//! keys has at most about `FANOUT * log n` runs.

use serde::{Deserialize, Serialize};

/// Number of runs of one level that are merged into one run of the next level.
const FANOUT: usize = 4;

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    pub id: u32,
    /// Number of entries, also of deleted records. At least as many as there are.
    pub entries: u64,
    /// No entry has a higher record number.
    pub last_number: u64,
    /// Whether there are filters for all of its keys.
    pub has_filters: bool,
}

impl RunInfo {
    pub fn empty(id: u32) -> Self {
        RunInfo { id, entries: 0, last_number: 0, has_filters: true }
    }
}

/// A merge that has begun. It moves entries from the inputs to the output in steps, so each key is in exactly one of
/// them at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merging {
    pub inputs: Vec<u32>,
    pub output: u32,
}

/// The runs of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Entries with a lower record number belong to deleted records. Among the others, no key occurs twice.
    pub first_live: u64,
    pub head: RunInfo,
    pub sealed: Vec<RunInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merging: Option<Merging>,
}

impl Runs {
    /// The runs of a table for which nothing is stored: a head that has the table's id.
    pub fn new(table: u32, records: u64) -> Self {
        let head = RunInfo { entries: records, ..RunInfo::empty(table) };
        Runs { first_live: 0, head, sealed: Vec::new(), merging: None }
    }

    /// Returns whether these are the runs of a table for which nothing needs to be stored.
    pub fn is_plain(&self, table: u32) -> bool {
        self.first_live == 0 && self.head.id == table && self.sealed.is_empty() && self.merging.is_none()
    }

    pub fn ids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.head.id).chain(self.sealed.iter().map(|run| run.id))
    }

    pub fn sealed_mut(&mut self, id: u32) -> Option<&mut RunInfo> {
        self.sealed.iter_mut().find(|run| run.id == id)
    }

    pub fn is_merging(&self, id: u32) -> bool {
        self.merging.as_ref().is_some_and(|merging| merging.output == id || merging.inputs.contains(&id))
    }

    /// Returns the ids of runs to merge, or `None` if nothing is to be done. `records` is the number of live records,
    /// `head_keys` the size at which a head is sealed.
    pub fn due(&self, records: u64, head_keys: u64) -> Option<Vec<u32>> {
        let entries: u64 = self.sealed.iter().map(|run| run.entries).sum();
        if entries > records.saturating_mul(2).saturating_add(head_keys) {
            // Most entries belong to deleted records. Merging drops those.
            return Some(self.sealed.iter().map(|run| run.id).collect());
        }
        let mut levels: Vec<Vec<u32>> = Vec::new();
        for run in &self.sealed {
            let level = (run.entries / head_keys.max(1)).max(1).ilog(FANOUT as u64) as usize;
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            if let Some(level) = levels.get_mut(level) {
                level.push(run.id);
            }
        }
        if let Some(level) = levels.into_iter().find(|level| level.len() >= FANOUT) {
            return Some(level);
        }
        self.sealed.iter().find(|run| !run.has_filters).map(|run| vec![run.id])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(sizes: &[u64]) -> Runs {
        let run = |(index, entries): (usize, &u64)| RunInfo { entries: *entries, ..RunInfo::empty(10 + index as u32) };
        Runs { sealed: sizes.iter().enumerate().map(run).collect(), ..Runs::new(1, 0) }
    }

    #[test]
    fn runs_of_one_size_are_merged() {
        let many = 1 << 40;
        assert_eq!(sealed(&[]).due(many, 100), None);
        assert_eq!(sealed(&[100; 3]).due(many, 100), None);
        assert_eq!(sealed(&[100; 4]).due(many, 100), Some((10..14).collect()));
        assert_eq!(sealed(&[400, 100, 100, 100]).due(many, 100), None);
        assert_eq!(sealed(&[400, 100, 390, 100, 100]).due(many, 100), Some(vec![11, 12, 13, 14]));
        assert_eq!(sealed(&[1599, 400, 500, 600]).due(many, 100), Some((10..14).collect()));
    }

    #[test]
    fn a_run_without_filters_gets_them() {
        let mut runs = sealed(&[5000, 100]);
        runs.sealed[0].has_filters = false;
        assert_eq!(runs.due(10_000, 100), Some(vec![10]));
    }

    #[test]
    fn runs_that_hold_mostly_deleted_records_are_merged() {
        assert_eq!(sealed(&[5000, 100]).due(2500, 100), None);
        assert_eq!(sealed(&[5000, 101]).due(2500, 100), Some(vec![10, 11]));
    }
}
