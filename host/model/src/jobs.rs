//! Job rows as a store keeps them. `jobhost-jobs` defines the states and the valid transitions; the store only
//! enforces that a final row never changes and that a stale lease changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, json};

/// Kinds of documents that belong to a job, under its id, and go when its row goes: its log and its rejected records.
pub const DOCUMENTS: [&str; 2] = [LOG_DOCUMENT, REJECTS_DOCUMENT];
/// What a job has logged.
pub const LOG_DOCUMENT: &str = "job_log";
/// The first rejected records of a job.
pub const REJECTS_DOCUMENT: &str = "job_rejects";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Waits for an attempt, its first or a further one.
    #[serde(rename = "CREATED")]
    Queued,
    /// An attempt runs.
    InProgress,
    /// Ended; its work is done.
    Complete,
    /// Ended; its work is not done.
    Error,
    /// Ended because somebody asked for it.
    Cancelled,
}

impl JobStatus {
    /// As clients see it. Those of Harper know a job that has not ended as IN_PROGRESS and take any other word for a failure;
    /// whether it waits is told by its [`Phase`].
    pub fn word(self) -> &'static str {
        match self {
            JobStatus::Queued | JobStatus::InProgress => "IN_PROGRESS",
            JobStatus::Complete => "COMPLETE",
            JobStatus::Error => "ERROR",
            JobStatus::Cancelled => "CANCELLED",
        }
    }

    /// A final row never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Complete | JobStatus::Error | JobStatus::Cancelled)
    }
}

/// What a job that has not ended is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// For its first attempt.
    Queued,
    /// An attempt runs.
    Running,
    /// Waits for a further attempt: the one before it was cut short.
    Retrying,
}

impl Phase {
    /// As clients see it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Queued => "queued",
            Phase::Running => "running",
            Phase::Retrying => "retrying",
        }
    }
}

/// What became of the records of a job, all attempts taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records handed over.
    pub received: u64,
    /// Records stored or merged.
    pub written: u64,
    /// Records that the action passed over.
    pub skipped: u64,
    /// Records deleted.
    #[serde(default)]
    pub deleted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.written += more.written;
        self.skipped += more.skipped;
        self.deleted += more.deleted;
    }
}

/// The row of a job: what clients are told, and what the store needs for its guards and indexes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// What clients are told.
    pub id: Uuid,
    /// The name the client asked for: an operation or one of its aliases.
    #[serde(rename = "type")]
    pub operation: String,
    /// Who started it.
    pub user: String,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was accepted.
    pub created: Timestamp,
    /// When the latest attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// A sentence, or for a denial an object in Harper's shape.
    #[serde(default, deserialize_with = "json::optional")]
    pub message: Option<serde_json::Value>,
    /// What the plugin returned.
    #[serde(default, deserialize_with = "json::optional")]
    pub result: Option<serde_json::Value>,
    /// What an operator or plugin author needs beyond the sentence: kind, backtrace, tail of stderr.
    #[serde(default, deserialize_with = "json::optional")]
    pub error: Option<serde_json::Value>,
    /// How far it is, as far as that was stored.
    pub progress: Option<Progress>,
    /// What became of its records.
    pub tally: Tally,
    /// What was done otherwise than a reader of the input would expect, by code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<JobWarning>,
    /// Rejected input records: all counted. The first ones are kept in a document of their own (`jobs/rejects.rs`).
    pub rejected: u64,
    /// Only rows of earlier versions have them here.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::list")]
    pub rejects: Vec<serde_json::Value>,
    /// Number of the latest attempt; the lease number that guards every write. 0 before the first attempt.
    pub attempt: u32,
    /// Attempts in a row that were cut short without progress, the current one included. The store sets it to 0 with
    /// each checkpoint and tally of the job.
    #[serde(default)]
    pub fruitless_attempts: u32,
    /// Which plugin runs it: `name@version`, and the sha256 of the component.
    pub plugin: String,
    /// The sha256 of the component.
    pub plugin_digest: String,
    /// What the attempts took, summed up.
    #[serde(default)]
    pub usage: Usage,
    /// Limits that were met without ending an attempt, of the latest one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits_met: Vec<LimitMet>,
    /// Somebody wants the job to end. Once stored it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelRequest>,
}

/// Who asked for a job to end, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The user.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What the attempts of a job took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of the guests, host calls that run on their threads included.
    pub cpu_microseconds: u64,
    /// The part of it that the host spent on checking batches.
    pub checking_microseconds: u64,
    /// The most memory one guest had.
    pub memory_peak_bytes: u64,
    /// Bytes that guests were given: of sources and of queries.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes that guests handed over: batches and what went to sinks.
    #[serde(default)]
    pub bytes_out: u64,
    /// Calls of capabilities.
    #[serde(default)]
    pub host_calls: u64,
}

/// A limit that was met. Figures are in the unit that the key names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    /// The key of the configuration that sets it.
    pub key: Arc<str>,
    /// What it allows.
    pub limit: u64,
    /// What was asked for or used; `None` if that cannot be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
}

/// How often a limit was met in a job, and the most that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitMet {
    /// The greatest excess.
    #[serde(flatten)]
    pub most: LimitReached,
    /// How often.
    pub times: u64,
}

/// Warnings of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobWarning {
    /// A short word for a program.
    pub code: String,
    /// How often.
    pub count: u64,
    /// The first lines of the input that it was about, counted from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// The first sentence.
    pub message: String,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// So far.
    pub done: u64,
    /// In all, if that is known.
    pub total: Option<u64>,
    /// `bytes` or `records`.
    pub unit: String,
}

/// Proof that an attempt is the current one. Every write of an attempt carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Which job.
    pub job: Uuid,
    /// Which attempt of it.
    pub attempt: u32,
}

/// Jobs whose start time lies strictly between the two.
#[derive(Debug, Clone, Copy)]
pub struct StartRange {
    /// Exclusive.
    pub after: Timestamp,
    /// Exclusive.
    pub before: Timestamp,
}

/// A job's place in the order of start times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartPosition {
    /// Its start time.
    pub started: Timestamp,
    /// Orders those of one time.
    pub job: Uuid,
}

impl JobRow {
    /// `None` once it has ended.
    pub fn phase(&self) -> Option<Phase> {
        match self.status {
            JobStatus::Queued if self.attempt == 0 => Some(Phase::Queued),
            JobStatus::Queued => Some(Phase::Retrying),
            JobStatus::InProgress => Some(Phase::Running),
            JobStatus::Complete | JobStatus::Error | JobStatus::Cancelled => None,
        }
    }

    /// `None` for a row that never had a start time, which no search by start time finds.
    pub fn start_position(&self) -> Option<StartPosition> {
        self.started.map(|started| StartPosition { started, job: self.id })
    }
}
