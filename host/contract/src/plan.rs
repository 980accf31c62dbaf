//! The plan of a job: everything that it will touch. What is not in the plan does not exist for the guest.

use serde::{Deserialize, Serialize};

use jobhost_model::{Action, Encoding, Right, S3Location, TableName};

/// Bounds of a plan, so that admission stays quick whatever a plugin says.
pub const MAX_TABLES: usize = 64;
/// Sources of a plan.
pub const MAX_SOURCES: usize = 16;
/// Queries of a plan.
pub const MAX_QUERIES: usize = 16;
/// Sinks of a plan.
pub const MAX_SINKS: usize = 16;

/// What one job will touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Tables that it changes.
    pub tables: Vec<TableUse>,
    /// What it reads, in the order in which the guest counts them.
    pub sources: Vec<Source>,
    /// Search operations as JSON texts.
    pub queries: Vec<String>,
    /// What it writes, in the order in which the guest counts them.
    pub sinks: Vec<Sink>,
}

/// A table and what the job may do to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUse {
    /// Which table.
    pub table: TableName,
    /// What it does there.
    pub rights: Vec<TableRight>,
}

/// What a job may do to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableRight {
    /// Write new records.
    Insert,
    /// Merge attributes into records.
    Update,
    /// Includes the two above.
    Upsert,
    /// Delete records.
    Delete,
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The inline source of the operation, taken out of the request.
    RequestField,
    /// A file on the host's machine.
    File(String),
    /// What a URL answers.
    Url(UrlSource),
    /// An object of an S3 server.
    S3 {
        /// Which object.
        object: S3Object,
        /// How it is compressed.
        encoding: Encoding,
    },
}

/// Where bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// A file on the host's machine.
    File {
        /// Where it is made.
        directory: String,
        /// Its name there.
        name: String,
        /// How it is compressed.
        encoding: Encoding,
    },
    /// An object of an S3 server.
    S3 {
        /// Which object.
        object: S3Object,
        /// Stored with it.
        media_type: String,
        /// How it is compressed.
        encoding: Encoding,
    },
}

/// A URL to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlSource {
    /// http or https.
    pub url: String,
    /// JSON pointer to the object of the request whose members are sent as headers.
    pub headers: Option<String>,
    /// Media types the job can use; empty means any.
    pub media_types: Vec<String>,
}

/// An object of an S3 server, with where the keys come from and not the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Object {
    /// Where it is.
    pub location: S3Location,
    /// Where the keys come from.
    pub credentials: S3Credentials,
}

/// Where the keys for an S3 server come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum S3Credentials {
    /// JSON pointer to an object of the request.
    Request(String),
    /// A profile of the operator's credentials file.
    Profile(String),
}

impl TableRight {
    /// The right that an action needs.
    pub fn of_action(action: Action) -> Self {
        match action {
            Action::Insert => TableRight::Insert,
            Action::Update => TableRight::Update,
            Action::Upsert => TableRight::Upsert,
        }
    }

    /// Whether who has this right has the other one too.
    pub fn includes(self, other: TableRight) -> bool {
        self == other || (self == TableRight::Upsert && matches!(other, TableRight::Insert | TableRight::Update))
    }

    /// The rights that the user needs for it.
    pub fn needs(self) -> &'static [Right] {
        match self {
            TableRight::Insert => Right::of_action(Action::Insert),
            TableRight::Update => Right::of_action(Action::Update),
            TableRight::Upsert => Right::of_action(Action::Upsert),
            TableRight::Delete => &[Right::Delete],
        }
    }

    /// As the contract writes it.
    pub fn word(self) -> &'static str {
        match self {
            TableRight::Insert => "insert",
            TableRight::Update => "update",
            TableRight::Upsert => "upsert",
            TableRight::Delete => "delete",
        }
    }
}

impl Plan {
    /// Whether the plan lets a job do this.
    pub fn allows(&self, table: &TableName, right: TableRight) -> bool {
        let uses = self.tables.iter().filter(|used| used.table == *table);
        uses.flat_map(|used| &used.rights).any(|planned| planned.includes(right))
    }

    /// Whether the plan names this table.
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
            let rights: Vec<&str> = used.rights.iter().map(|right| right.word()).collect();
            words.push(format!("{} ({})", used.table, rights.join(", ")));
        }
        words.join(", ")
    }

    /// A table with no right, or with one twice: what the plugin wants there is not said.
    pub fn unclear_table(&self) -> Option<&TableName> {
        let unclear = |used: &&TableUse| {
            let twice = |(index, right): (usize, &TableRight)| used.rights.iter().take(index).any(|seen| seen == right);
            used.rights.is_empty() || used.rights.len() > 4 || used.rights.iter().enumerate().any(twice)
        };
        self.tables.iter().find(unclear).map(|used| &used.table)
    }

    /// Which list is longer than a plan may have, with its length and the bound.
    pub fn excess(&self) -> Option<(&'static str, usize, usize)> {
        [
            ("tables", self.tables.len(), MAX_TABLES),
            ("sources", self.sources.len(), MAX_SOURCES),
            ("queries", self.queries.len(), MAX_QUERIES),
            ("sinks", self.sinks.len(), MAX_SINKS),
        ]
        .into_iter()
        .find(|(_, length, bound)| length > bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rights: &[TableRight]) -> Plan {
        let table = TableName::new("data", "dog");
        Plan { tables: vec![TableUse { table, rights: rights.to_vec() }], ..Plan::default() }
    }

    #[test]
    fn a_planned_upsert_includes_insert_and_update_and_no_delete() {
        let (plan, table) = (plan(&[TableRight::Upsert]), TableName::new("data", "dog"));
        assert!(plan.allows(&table, TableRight::Insert) && plan.allows(&table, TableRight::Update));
        assert!(!plan.allows(&table, TableRight::Delete));
        assert!(!plan.allows(&TableName::new("data", "cat"), TableRight::Insert));
    }

    #[test]
    fn a_planned_insert_is_nothing_more() {
        let (plan, table) = (plan(&[TableRight::Insert]), TableName::new("data", "dog"));
        assert!(!plan.allows(&table, TableRight::Upsert) && !plan.allows(&table, TableRight::Update));
    }

    #[test]
    fn a_list_that_is_too_long_is_named() {
        let long = Plan { queries: vec![String::new(); MAX_QUERIES + 1], ..Plan::default() };
        assert_eq!(long.excess(), Some(("queries", MAX_QUERIES + 1, MAX_QUERIES)));
        assert_eq!(Plan::default().excess(), None);
    }
}
