//! Runs one attempt. Builds the capabilities from the payload and runs the guest until it returns, reaches a limit, is
//! cancelled, or the host stops, whichever comes first. Every attempt ends in order: pending writes to the store are
//! awaited, and unfinished sinks are removed.

mod end;
mod preparation;
mod run;

use std::sync::Arc;
use std::time::Duration;

use self::preparation::Prepared;
use super::JobParts;
use super::cancel::RunningEntry;
use super::lifecycle::Ending;
use super::rejects::AllRejects;
use super::retry::Retry;
use super::spool::Spool;
use jobhost_capabilities::LastGroup;
use jobhost_model::jobs::JobRow;
use jobhost_registry::PluginOperation;

/// Timing rules for attempts.
#[derive(Debug, Clone)]
pub struct AttemptRules {
    pub retry: Retry,
    /// How long a cancelled job may keep running before its guest is dropped.
    pub cancel_grace: Duration,
    /// How often a running job's progress is stored.
    pub progress_interval: Duration,
}

/// How an attempt ended.
pub enum AttemptEnd {
    /// The job ends with this attempt.
    Ended(Box<EndedAttempt>),
    /// The host is stopping.
    Interrupted(Box<JobRow>, Option<Arc<AllRejects>>),
    /// The store failed but may recover.
    Again(Box<JobRow>, Again, Option<Arc<AllRejects>>),
}

/// What to store for a job that ends.
pub struct EndedAttempt {
    pub row: JobRow,
    pub ending: Ending,
    /// `None` if the job has no rejected records to store.
    pub rejects: Option<Arc<AllRejects>>,
    /// The commit group that is stored together with the end.
    pub last_group: Option<LastGroup>,
    /// Whether earlier groups become visible with the end.
    pub publishes: bool,
    /// Whether to queue the job again if the last commit group cannot be stored now.
    pub may_try_again: bool,
}

/// Why a job is queued again after a delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The store's error message.
    pub why: String,
    /// The failure outlasted the host's patience.
    pub lasting: bool,
}

impl AttemptEnd {
    pub fn row(&self) -> &JobRow {
        match self {
            AttemptEnd::Ended(ended) => &ended.row,
            AttemptEnd::Interrupted(row, _) | AttemptEnd::Again(row, ..) => row,
        }
    }
}

/// One attempt of a job whose row says that it is running.
pub struct Attempt<'a> {
    pub parts: &'a JobParts,
    pub spool: &'a Spool,
    pub running: &'a RunningEntry,
    pub rules: &'a AttemptRules,
    /// Whether to queue the job again if the guest gives up because the store failed.
    pub may_fail: bool,
}

impl Attempt<'_> {
    pub async fn run(&self, row: JobRow, operation: Option<Arc<PluginOperation>>) -> AttemptEnd {
        match self.prepare(row, operation).await {
            Ok(prepared) => self.run_prepared(prepared).await,
            Err(end) => end,
        }
    }

    async fn run_prepared(&self, prepared: Prepared) -> AttemptEnd {
        let Prepared { mut row, operation, request, targets, ledger, rejects } = prepared;
        let component = operation.plugin.component.clone();
        let end = self.guest_end(component.run(request), &row, &ledger, &rejects).await;
        let end = end.unless_lost(ledger.settled().await);
        // Sweeping skips finished sinks. An unfinished sink must not outlive the attempt.
        super::staging::sweep(&targets).await;
        self.record(&mut row, &ledger, &rejects);
        let rejects = (ledger.rejects.count() > 0).then_some(rejects);
        self.conclusion(row, &operation, end, &ledger, rejects)
    }
}
