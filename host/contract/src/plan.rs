//! The plan of a job: everything that it will access. A guest cannot access anything that is not in the plan.

use serde::{Deserialize, Serialize};

use jobhost_model::{Action, Encoding, Right, S3Location, TableName};

/// Maximum tables of a plan. The maximums keep admission fast for any plan.
pub const MAX_TABLES: usize = 64;
/// Maximum sources of a plan.
pub const MAX_SOURCES: usize = 16;
/// Maximum queries of a plan.
pub const MAX_QUERIES: usize = 16;
/// Maximum sinks of a plan.
pub const MAX_SINKS: usize = 16;

/// Everything that one job will access.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The tables that the job changes.
    pub tables: Vec<TableUse>,
    /// What the job reads; the guest refers to a source by its index.
    pub sources: Vec<Source>,
    /// Search operations as JSON text.
    pub queries: Vec<String>,
    /// What the job writes; the guest refers to a sink by its index.
    pub sinks: Vec<Sink>,
    /// Whether written records are visible at once, group by group, and remain if the job fails. Otherwise all of them
    /// become visible when the job completes.
    #[serde(default)]
    pub autocommit: bool,
}

/// A table and the job's rights on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUse {
    /// The table.
    pub table: TableName,
    /// The job's rights on the table.
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
    /// Includes insert and update.
    Upsert,
    /// Delete records.
    Delete,
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The inline source of the operation, removed from the request.
    RequestField,
    /// A file on the host's machine.
    File(FileSource),
    /// The response of a URL.
    Url(UrlSource),
    /// An object of an S3 server.
    S3 {
        /// The object.
        object: S3Object,
        /// The compression of the stored bytes; `None` means that of the first bytes.
        encoding: Option<Encoding>,
    },
}

/// Where bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// A file on the host's machine.
    File {
        /// The directory that the file is created in.
        directory: String,
        /// The name of the file.
        name: String,
        /// The compression of the stored bytes.
        encoding: Encoding,
    },
    /// An object of an S3 server.
    S3 {
        /// The object.
        object: S3Object,
        /// The media type stored with the object.
        media_type: String,
        /// The compression of the stored bytes.
        encoding: Encoding,
    },
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredFileSource")]
pub struct FileSource {
    /// The path of the file.
    pub path: String,
    /// The compression of the stored bytes; `None` means that of the first bytes.
    pub encoding: Option<Encoding>,
}

/// How a plan in the store contains a file: plans of version 0.1 before compressed files contain its path alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredFileSource {
    Path(String),
    File { path: String, encoding: Option<Encoding> },
}

impl From<StoredFileSource> for FileSource {
    fn from(stored: StoredFileSource) -> Self {
        match stored {
            StoredFileSource::Path(path) => FileSource { path, encoding: Some(Encoding::Identity) },
            StoredFileSource::File { path, encoding } => FileSource { path, encoding },
        }
    }
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
    /// The compression of the file, besides any encoding that the response names; `None` means that of the first bytes.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

/// An object of an S3 server. Refers to the credentials but does not contain them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Object {
    /// The location of the object.
    pub location: S3Location,
    /// The origin of the credentials.
    pub credentials: S3Credentials,
}

/// The origin of the credentials for an S3 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum S3Credentials {
    /// JSON pointer to an object of the request.
    Request(String),
    /// A profile of the operator's credentials file.
    Profile(String),
}

impl TableRight {
    /// Returns the right that an action requires.
    pub fn of_action(action: Action) -> Self {
        match action {
            Action::Insert => TableRight::Insert,
            Action::Update => TableRight::Update,
            Action::Upsert => TableRight::Upsert,
        }
    }

    /// Returns whether this right includes the other one.
    pub fn includes(self, other: TableRight) -> bool {
        self == other || (self == TableRight::Upsert && matches!(other, TableRight::Insert | TableRight::Update))
    }

    /// Returns the permissions that the user needs for this right.
    pub fn needs(self) -> &'static [Right] {
        match self {
            TableRight::Insert => Right::of_action(Action::Insert),
            TableRight::Update => Right::of_action(Action::Update),
            TableRight::Upsert => Right::of_action(Action::Upsert),
            TableRight::Delete => &[Right::Delete],
        }
    }

    /// The right's name in the contract.
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
    /// Returns whether the plan includes this right on this table.
    pub fn allows(&self, table: &TableName, right: TableRight) -> bool {
        let uses = self.tables.iter().filter(|used| used.table == *table);
        uses.flat_map(|used| &used.rights).any(|planned| planned.includes(right))
    }

    /// Returns whether the plan names this table.
    pub fn names(&self, table: &TableName) -> bool {
        self.tables.iter().any(|used| used.table == *table)
    }

    /// Lists the plan's tables for an error message.
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

    /// Returns why a run with this plan could change something, if it could.
    pub fn writes(&self) -> Option<String> {
        let table = self.tables.iter().find(|used| !used.rights.is_empty());
        let table = table.map(|used| format!("rights on the table {}", used.table));
        table.or_else(|| (!self.sinks.is_empty()).then(|| "a sink".to_owned()))
    }

    /// Returns a table that is named without a right or with the same right twice, if there is one.
    pub fn unclear_table(&self) -> Option<&TableName> {
        let unclear = |used: &&TableUse| {
            let twice = |(index, right): (usize, &TableRight)| used.rights.iter().take(index).any(|seen| seen == right);
            used.rights.is_empty() || used.rights.len() > 4 || used.rights.iter().enumerate().any(twice)
        };
        self.tables.iter().find(unclear).map(|used| &used.table)
    }

    /// Returns a list that is too long, with its length and the maximum.
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
    fn a_planned_upsert_includes_insert_and_update_but_not_delete() {
        let (plan, table) = (plan(&[TableRight::Upsert]), TableName::new("data", "dog"));
        assert!(plan.allows(&table, TableRight::Insert) && plan.allows(&table, TableRight::Update));
        assert!(!plan.allows(&table, TableRight::Delete));
        assert!(!plan.allows(&TableName::new("data", "cat"), TableRight::Insert));
    }

    #[test]
    fn a_planned_insert_includes_no_other_right() {
        let (plan, table) = (plan(&[TableRight::Insert]), TableName::new("data", "dog"));
        assert!(!plan.allows(&table, TableRight::Upsert) && !plan.allows(&table, TableRight::Update));
    }

    #[test]
    fn a_plan_that_was_stored_before_compressed_files_is_read() {
        let source: Source = serde_json::from_str(r#"{"file":"/a.csv"}"#).unwrap();
        assert_eq!(source, Source::File(FileSource { path: "/a.csv".to_owned(), encoding: Some(Encoding::Identity) }));
        let gzip = Source::File(FileSource { path: "/a.gz".to_owned(), encoding: None });
        let text = serde_json::to_string(&gzip).unwrap();
        assert_eq!(serde_json::from_str::<Source>(&text).unwrap(), gzip);
    }

    #[test]
    fn a_list_that_is_too_long_is_reported() {
        let long = Plan { queries: vec![String::new(); MAX_QUERIES + 1], ..Plan::default() };
        assert_eq!(long.excess(), Some(("queries", MAX_QUERIES + 1, MAX_QUERIES)));
        assert_eq!(Plan::default().excess(), None);
    }
}
