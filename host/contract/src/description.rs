//! What a plugin reports about itself.

use serde::{Deserialize, Serialize};

/// What a plugin says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The plugin's name, lower-kebab-case.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// What its plans may need.
    pub capabilities: Vec<Capability>,
    /// The job operations that it provides.
    pub operations: Vec<Operation>,
}

/// What a plugin may ask for in its description, be granted by the operator, and then plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Write new records.
    Insert,
    /// Merge attributes into records.
    Update,
    /// Delete records.
    Delete,
    /// Read records.
    Query,
    /// Read local files.
    ReadFile,
    /// Write local files.
    WriteFile,
    /// Fetch URLs.
    FetchUrl,
    /// Read objects of S3 servers.
    #[serde(rename = "read-s3")]
    ReadS3,
    /// Write objects of S3 servers.
    #[serde(rename = "write-s3")]
    WriteS3,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 9] = [
        Capability::Insert,
        Capability::Update,
        Capability::Delete,
        Capability::Query,
        Capability::ReadFile,
        Capability::WriteFile,
        Capability::FetchUrl,
        Capability::ReadS3,
        Capability::WriteS3,
    ];

    /// As the contract and the configuration write it.
    pub fn word(self) -> &'static str {
        match self {
            Capability::Insert => "insert",
            Capability::Update => "update",
            Capability::Delete => "delete",
            Capability::Query => "query",
            Capability::ReadFile => "read-file",
            Capability::WriteFile => "write-file",
            Capability::FetchUrl => "fetch-url",
            Capability::ReadS3 => "read-s3",
            Capability::WriteS3 => "write-s3",
        }
    }
}

/// One job operation of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What clients send.
    pub name: String,
    /// Other names for the same operation.
    pub aliases: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// JSON Schema as text.
    pub request_schema: String,
    /// JSON pointers to secret fields, `*` for every member of an object.
    pub secrets: Vec<String>,
    /// JSON pointer to the field that holds the input.
    pub inline_source: Option<String>,
    /// Who may start jobs of it.
    pub access: OperationAccess,
    /// Whether a run can go on from a checkpoint.
    pub resumable: bool,
}

/// Who may start jobs of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationAccess {
    /// Users whose role is super_user.
    SuperUser,
    /// Users who may do what the plan names.
    TablePermission,
}
