//! The plan of a job: everything it will touch. What is not in it does not exist for the guest.

use serde::{Deserialize, Serialize};

use crate::records::{Action, TableName};

/// Bounds of a plan, so that admission stays quick whatever a plugin says.
pub const MAX_TABLES: usize = 64;
pub const MAX_SOURCES: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub tables: Vec<TableUse>,
    pub sources: Vec<Source>,
}

/// A table and what the job may do to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUse {
    pub table: TableName,
    pub actions: Vec<Action>,
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The inline source of the operation, taken out of the request.
    RequestField,
    /// A file on the host's machine.
    File(String),
    Url(UrlSource),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlSource {
    pub url: String,
    /// JSON pointer to the object of the request whose members are sent as headers.
    pub headers: Option<String>,
    /// Media types the job can use; empty means any.
    pub media_types: Vec<String>,
}

impl Plan {
    /// Whether the plan lets a job do this. A planned `upsert` includes `insert` and `update`.
    pub fn allows(&self, table: &TableName, action: Action) -> bool {
        self.tables
            .iter()
            .filter(|used| used.table == *table)
            .any(|used| used.actions.contains(&action) || used.actions.contains(&Action::Upsert))
    }

    pub fn names(&self, table: &TableName) -> bool {
        self.tables.iter().any(|used| used.table == *table)
    }

    /// The plan's tables in words, for a refusal that says what was planned.
    pub fn tables_in_words(&self) -> String {
        if self.tables.is_empty() {
            return "no tables".to_owned();
        }
        let mut words = Vec::new();
        for used in &self.tables {
            let actions: Vec<&str> = used.actions.iter().copied().map(action_word).collect();
            words.push(format!("{} ({})", used.table, actions.join(", ")));
        }
        words.join(", ")
    }
}

pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Insert => "insert",
        Action::Update => "update",
        Action::Upsert => "upsert",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_upsert_includes_insert_and_update() {
        let table = TableName::new("data", "dog");
        let plan =
            Plan { tables: vec![TableUse { table: table.clone(), actions: vec![Action::Upsert] }], sources: vec![] };
        assert!(plan.allows(&table, Action::Insert) && plan.allows(&table, Action::Update));
        assert!(!plan.allows(&TableName::new("data", "cat"), Action::Insert));
    }

    #[test]
    fn a_planned_insert_is_nothing_more() {
        let table = TableName::new("data", "dog");
        let plan =
            Plan { tables: vec![TableUse { table: table.clone(), actions: vec![Action::Insert] }], sources: vec![] };
        assert!(!plan.allows(&table, Action::Upsert) && !plan.allows(&table, Action::Update));
    }
}
