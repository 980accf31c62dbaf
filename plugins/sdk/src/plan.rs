//! Constructors for plans.

use crate::{Action, FileSource, Plan, PlannedSource, Right, TableName, TableUse};

/// A plan that accesses nothing.
impl Default for Plan {
    fn default() -> Self {
        Plan { tables: Vec::new(), sources: Vec::new(), queries: Vec::new(), sinks: Vec::new(), autocommit: false }
    }
}

impl PlannedSource {
    /// A file on the host's machine. The host decompresses it if its first bytes are those of gzip or zstd.
    pub fn file(path: impl Into<String>) -> Self {
        PlannedSource::File(FileSource { path: path.into(), encoding: None })
    }
}

impl TableUse {
    /// Uses a table with one right.
    pub fn new(table: TableName, right: impl Into<Right>) -> Self {
        TableUse { table, rights: vec![right.into()] }
    }
}

impl From<Action> for Right {
    /// Returns the right that an action requires.
    fn from(action: Action) -> Self {
        match action {
            Action::Insert => Right::Insert,
            Action::Update => Right::Update,
            Action::Upsert => Right::Upsert,
        }
    }
}
