//! Saying what a job will touch.

use crate::{Action, Plan, Right, TableName, TableUse};

/// A plan that touches nothing.
impl Default for Plan {
    fn default() -> Self {
        Plan { tables: Vec::new(), sources: Vec::new(), queries: Vec::new(), sinks: Vec::new() }
    }
}

impl TableUse {
    /// One table with one right.
    pub fn new(table: TableName, right: impl Into<Right>) -> Self {
        TableUse { table, rights: vec![right.into()] }
    }
}

impl From<Action> for Right {
    /// The right that an action needs.
    fn from(action: Action) -> Self {
        match action {
            Action::Insert => Right::Insert,
            Action::Update => Right::Update,
            Action::Upsert => Right::Upsert,
        }
    }
}
