//! A piece of background work, as it is stored.

use serde::{Deserialize, Serialize};

/// One piece of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Reclaim {
    /// Free what a dropped table holds.
    Table { id: u64, table: u32 },
    /// Take an attribute out of the records from `next` to before `end`. Later ones were written by those who knew that it
    /// had been dropped.
    Attribute { id: u64, table: u32, attribute: String, next: u64, end: u64 },
}

impl Reclaim {
    pub fn id(&self) -> u64 {
        match self {
            Reclaim::Table { id, .. } | Reclaim::Attribute { id, .. } => *id,
        }
    }
}
