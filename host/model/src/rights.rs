//! Rights on tables and attributes.

use serde::{Deserialize, Serialize};

use crate::table::Action;

/// What may be done to a table, and except for `Delete` to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// See values.
    Read,
    /// Write new records.
    Insert,
    /// Change records.
    Update,
    /// Delete records.
    Delete,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 4] = [Right::Read, Right::Insert, Right::Update, Right::Delete];
    /// There is no right to delete an attribute's value alone.
    pub const OF_ATTRIBUTES: [Right; 3] = [Right::Read, Right::Insert, Right::Update];

    /// As permissions write it.
    pub fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Insert => "insert",
            Right::Update => "update",
            Right::Delete => "delete",
        }
    }

    /// The rights that writing with an action takes.
    pub fn of_action(action: Action) -> &'static [Right] {
        match action {
            Action::Insert => &[Right::Insert],
            Action::Update => &[Right::Update],
            Action::Upsert => &[Right::Insert, Right::Update],
        }
    }
}
