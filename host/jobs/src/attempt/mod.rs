//! One attempt: capabilities are made from the payload, the guest runs, and what ends it first wins: its own end, a
//! limit, a cancel request, or the host's stop. Whatever it was, the attempt ends in order: what is in the store's hands is
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

/// How an attempt is run.
#[derive(Debug, Clone)]
pub struct AttemptRules {
    pub retry: Retry,
    /// How long a job that is cancelled may go on.
    pub cancel_grace: Duration,
    /// How often a running job's progress is stored.
    pub progress_interval: Duration,
}

/// How an attempt ended.
pub enum AttemptEnd {
    /// The job ends with it.
    Ended(Box<EndedAttempt>),
    /// The host is stopping.
    Interrupted(Box<JobRow>, Option<Arc<AllRejects>>),
    /// The store failed and may work again later.
    Again(Box<JobRow>, Again, Option<Arc<AllRejects>>),
}

/// What is to be stored of a job that ends.
pub struct EndedAttempt {
    pub row: JobRow,
    pub ending: Ending,
    /// If they are to be stored.
    pub rejects: Option<Arc<AllRejects>>,
    /// The records that are stored together with the end.
    pub last_group: Option<LastGroup>,
    /// Whether the job is to be queued again if they cannot be stored now.
    pub may_try_again: bool,
}

/// Why a job is to be queued again after a delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// What the store said.
    pub why: String,
    /// It did not get better within the host's patience.
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

/// One attempt of a job whose row says that it runs.
pub struct Attempt<'a> {
    pub parts: &'a JobParts,
    pub spool: &'a Spool,
    pub running: &'a RunningEntry,
    pub rules: &'a AttemptRules,
    /// Whether the job is to be queued again if the guest gives up because the store failed.
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
        // A sink that was finished has nothing to sweep; any other must not outlive the attempt.
        super::staging::sweep(&targets).await;
        self.record(&mut row, &ledger, &rejects);
        let rejects = (ledger.rejects.count() > 0).then_some(rejects);
        self.conclusion(row, &operation, end, &ledger, rejects)
    }
}
