//! Job rows as a store keeps them. `jobhost-jobs` defines the states and the valid transitions; the store only
//! enforces that a final row never changes and that a stale lease changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, json};

/// Kinds of documents that belong to a job: its log and its rejected records. They are stored under the job's id and
/// deleted with its row.
pub const DOCUMENTS: [&str; 2] = [LOG_DOCUMENT, REJECTS_DOCUMENT];
/// The log of a job.
pub const LOG_DOCUMENT: &str = "job_log";
/// The first rejected records of a job.
pub const REJECTS_DOCUMENT: &str = "job_rejects";

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Waiting for its first attempt or for another one.
    #[serde(rename = "CREATED")]
    Queued,
    /// An attempt is running.
    InProgress,
    /// Ended successfully.
    Complete,
    /// Ended with an error.
    Error,
    /// Ended at a user's request.
    Cancelled,
}

impl JobStatus {
    /// Returns the status as clients see it. Harper's clients know a job that has not ended as IN_PROGRESS and take any
    /// other word for a failure. Whether the job is waiting is reported by its [`Phase`].
    pub fn word(self) -> &'static str {
        match self {
            JobStatus::Queued | JobStatus::InProgress => "IN_PROGRESS",
            JobStatus::Complete => "COMPLETE",
            JobStatus::Error => "ERROR",
            JobStatus::Cancelled => "CANCELLED",
        }
    }

    /// Returns whether the status is final. A final row never changes.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Complete | JobStatus::Error | JobStatus::Cancelled)
    }
}

/// The phase of a job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for its first attempt.
    Queued,
    /// An attempt is running.
    Running,
    /// Waiting for another attempt, because the previous one was interrupted.
    Retrying,
}

impl Phase {
    /// Returns the phase as clients see it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Queued => "queued",
            Phase::Running => "running",
            Phase::Retrying => "retrying",
        }
    }
}

/// Counts of a job's records, over all attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records received from the plugin.
    pub received: u64,
    /// Records inserted or merged.
    pub written: u64,
    /// Records skipped because of the action.
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

/// The row of a job: what clients see, and what the store needs for its checks and indexes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// The job id that clients see.
    pub id: Uuid,
    /// The operation as requested, possibly an alias.
    #[serde(rename = "type")]
    pub operation: String,
    /// The user who started the job.
    pub user: String,
    /// The current status.
    pub status: JobStatus,
    /// When the job was accepted.
    pub created: Timestamp,
    /// When the latest attempt started.
    pub started: Option<Timestamp>,
    /// When the job ended.
    pub ended: Option<Timestamp>,
    /// A sentence, or, if access was denied, an object in Harper's format.
    #[serde(default, deserialize_with = "json::optional")]
    pub message: Option<serde_json::Value>,
    /// The result returned by the plugin.
    #[serde(default, deserialize_with = "json::optional")]
    pub result: Option<serde_json::Value>,
    /// Details for operators and plugin authors: kind, backtrace, end of stderr.
    #[serde(default, deserialize_with = "json::optional")]
    pub error: Option<serde_json::Value>,
    /// The latest stored progress.
    pub progress: Option<Progress>,
    /// Counts of the job's records.
    pub tally: Tally,
    /// Unexpected effects of successful work, by code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<JobWarning>,
    /// Rejected input records: all counted. The first ones are kept in a document of their own (`jobs/rejects.rs`).
    pub rejected: u64,
    /// Rejected records. Only rows written by earlier versions hold them here.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::list")]
    pub rejects: Vec<serde_json::Value>,
    /// Number of the latest attempt, which is also the lease number that guards every write; 0 before the first
    /// attempt.
    pub attempt: u32,
    /// Consecutive attempts, including the current one, that were interrupted without progress. The store resets it to
    /// 0 with each checkpoint and tally of the job.
    #[serde(default)]
    pub fruitless_attempts: u32,
    /// The plugin that runs the job, as `name@version`.
    pub plugin: String,
    /// SHA-256 of the plugin's component.
    pub plugin_digest: String,
    /// Resources used by all attempts together.
    #[serde(default)]
    pub usage: Usage,
    /// Limits that the latest attempt reached without being stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits_met: Vec<LimitMet>,
    /// A request to cancel the job. Once stored, it is never removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelRequest>,
}

/// A request to cancel a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The user who requested it.
    pub by: String,
    /// When it was requested.
    pub at: Timestamp,
}

/// Resources used by the attempts of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of the guests in microseconds, including host calls that run on their threads.
    pub cpu_microseconds: u64,
    /// The part of the CPU time that the host spent on validating batches, in microseconds.
    pub checking_microseconds: u64,
    /// Peak memory of a single guest in bytes.
    pub memory_peak_bytes: u64,
    /// Bytes passed to guests, from sources and queries.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes received from guests, for batches and sinks.
    #[serde(default)]
    pub bytes_out: u64,
    /// Number of capability calls.
    #[serde(default)]
    pub host_calls: u64,
}

/// A limit that was reached. Values are in the unit that the key names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    /// The configuration key that sets the limit.
    pub key: Arc<str>,
    /// The value of the limit.
    pub limit: u64,
    /// What was asked for or used; `None` if that cannot be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
}

/// How often a limit was met in a job, and the most that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitMet {
    /// The occurrence with the highest value.
    #[serde(flatten)]
    pub most: LimitReached,
    /// Number of occurrences.
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
    /// Amount done so far.
    pub done: u64,
    /// Total amount, if known.
    pub total: Option<u64>,
    /// The unit: `bytes` or `records`.
    pub unit: String,
}

/// Identifies the current attempt of a job. Every write of an attempt carries its lease, and the store rejects stale
/// ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: Uuid,
    /// The attempt.
    pub attempt: u32,
}

/// A range of job start times. Both ends are exclusive.
#[derive(Debug, Clone, Copy)]
pub struct StartRange {
    /// Lower end, exclusive.
    pub after: Timestamp,
    /// Upper end, exclusive.
    pub before: Timestamp,
}

/// The position of a job in the order of start times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartPosition {
    /// The job's start time.
    pub started: Timestamp,
    /// The job's id, which orders jobs with the same start time.
    pub job: Uuid,
}

impl JobRow {
    /// Returns the phase of the job, or `None` if it has ended.
    pub fn phase(&self) -> Option<Phase> {
        match self.status {
            JobStatus::Queued if self.attempt == 0 => Some(Phase::Queued),
            JobStatus::Queued => Some(Phase::Retrying),
            JobStatus::InProgress => Some(Phase::Running),
            JobStatus::Complete | JobStatus::Error | JobStatus::Cancelled => None,
        }
    }

    /// Returns the job's position in the order of start times, or `None` if it has no start time. Searches by start
    /// time never find such a job.
    pub fn start_position(&self) -> Option<StartPosition> {
        self.started.map(|started| StartPosition { started, job: self.id })
    }
}
