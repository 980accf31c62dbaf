//! A plugin's description of itself.

use serde::{Deserialize, Serialize};

/// What a plugin reports about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The plugin's name, lower-kebab-case.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// A one-sentence summary.
    pub summary: String,
    /// The capabilities that its plans may use.
    pub capabilities: Vec<Capability>,
    /// The job operations that it provides.
    pub operations: Vec<Operation>,
}

/// A capability: requested in a plugin's description, granted by the operator, used in a plan.
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
    /// All capabilities.
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

    /// The name in the contract and the configuration.
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
    /// The name that clients send.
    pub name: String,
    /// Other names for the same operation.
    pub aliases: Vec<String>,
    /// A one-sentence summary.
    pub summary: String,
    /// The JSON Schema of the request, as text.
    pub request_schema: String,
    /// JSON pointers to secret fields; `*` stands for every member of an object.
    pub secrets: Vec<String>,
    /// JSON pointer to the field that contains the input.
    pub inline_source: Option<String>,
    /// Who may start jobs of this operation.
    pub access: OperationAccess,
    /// What a client receives.
    pub reply: OperationReply,
    /// Whether a run can resume from a checkpoint.
    pub resumable: bool,
}

/// What the client of an operation receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationReply {
    /// The id of a job.
    JobId,
    /// The outcome of the run; there is no job.
    Outcome,
}

/// Who may start jobs of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationAccess {
    /// Users whose role is super_user.
    SuperUser,
    /// Users who have the permissions that the plan requires.
    TablePermission,
}
