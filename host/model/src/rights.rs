//! Rights on tables and attributes.

use serde::{Deserialize, Serialize};

use crate::table::Action;

/// A right on a table. All except `Delete` also apply to attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Read values.
    Read,
    /// Insert records.
    Insert,
    /// Update records.
    Update,
    /// Delete records.
    Delete,
}

impl Right {
    /// All rights.
    pub const ALL: [Right; 4] = [Right::Read, Right::Insert, Right::Update, Right::Delete];
    /// The rights that apply to attributes. `Delete` applies only to whole records.
    pub const OF_ATTRIBUTES: [Right; 3] = [Right::Read, Right::Insert, Right::Update];

    /// Returns the name used in permissions.
    pub fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Insert => "insert",
            Right::Update => "update",
            Right::Delete => "delete",
        }
    }

    /// Returns the rights that writing with an action requires.
    pub fn of_action(action: Action) -> &'static [Right] {
        match action {
            Action::Insert => &[Right::Insert],
            Action::Update => &[Right::Update],
            Action::Upsert => &[Right::Insert, Right::Update],
        }
    }
}
