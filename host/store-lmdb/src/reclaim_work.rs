//! A piece of background work, as it is stored.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::reserved::Reserved;

/// The counter of the ids.
pub(super) const NEXT: &[u8] = b"next work";
/// Start of the keys under which work is stored.
pub(super) const PREFIX: &[u8] = b"work ";

pub(super) fn key(id: u64) -> Vec<u8> {
    [PREFIX, &id.to_be_bytes()].concat()
}

/// One piece of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Reclaim {
    /// Free what a dropped table holds.
    Table {
        id: u64,
        table: u32,
        /// The runs of its index. Work that an older version began has none: the run is called like the table.
        #[serde(default)]
        runs: Vec<u32>,
    },
    /// Free what a run holds that is no longer part of the table's index.
    Run { id: u64, table: u32, run: u32 },
    /// Free what an unpublished part holds: blocks of its table's heap and the runs of its index. Then the numbers are no
    /// longer reserved.
    Part { id: u64, table: u32, part: u32, numbers: Vec<Range<u64>>, runs: Vec<u32> },
    /// Merge runs of the table's index, as long as there are any to be merged.
    Merge { id: u64, table: u32 },
    /// Take an attribute out of the records from `next` to before `end`. Later ones were written by those who knew that it
    /// had been dropped. `kept` are those of unpublished records.
    Attribute {
        id: u64,
        table: u32,
        attribute: String,
        next: u64,
        end: u64,
        #[serde(default)]
        kept: Reserved,
    },
}

impl Reclaim {
    pub fn id(&self) -> u64 {
        match self {
            Reclaim::Table { id, .. }
            | Reclaim::Run { id, .. }
            | Reclaim::Part { id, .. }
            | Reclaim::Merge { id, .. }
            | Reclaim::Attribute { id, .. } => *id,
        }
    }
}
