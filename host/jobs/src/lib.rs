//! The lifecycle of jobs: admission, queue, attempts, recovery. The states and their valid transitions are pure
//! functions in `lifecycle`; the clock is passed in.

mod admission;
mod attempt;
mod cancel;
mod conclusion;
mod credentials;
mod ending;
mod error;
mod granted;
mod guest_run;
pub mod lifecycle;
mod log;
mod outcome;
mod payload;
mod planning;
mod progress;
mod queue;
mod recovery;
mod rejects;
mod request;
mod resolve;
mod retry;
pub mod secrets;
mod spool;
mod staging;
#[cfg(test)]
mod tests;
mod urls;
mod worker;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use cancel::CancelOutcome;
pub use error::SubmitError;
pub use request::JobRequest;
pub use retry::Backoff;
pub use secrets::{Sealer, SealerError};

use attempt::AttemptRules;
use cancel::Running;
use conclusion::Conclusions;
use jobhost_access::{Access, User};
use jobhost_budget::Budgets;
use jobhost_capabilities::CapabilityLimits;
pub use jobhost_contract::OperationReply;
use jobhost_metrics::Metrics;
use jobhost_model::Clock;
use jobhost_model::Limit;
use jobhost_model::jobs::{JobRow, StartPosition, StartRange};
use jobhost_objects::{Directories, Downloader, ExportDirectories, S3};
use jobhost_registry::Registry;
use jobhost_registry::registry::concurrent_plans;
use jobhost_search::SearchLimits;
use jobhost_store::{Store, StoreError};
use queue::Queue;
use retry::Retry;
use spool::Spool;
use worker::Worker;

/// How many plugins can run `plan` at their own maximum concurrency before the limit of the host applies.
const PLUGINS_PLANNING: usize = 4;

/// What jobs need from the rest of the host.
#[derive(Clone)]
pub struct JobParts {
    pub store: Arc<dyn Store>,
    pub access: Arc<Access>,
    pub plugins: Arc<Registry>,
    pub directories: Directories,
    pub exports: ExportDirectories,
    pub downloader: Downloader,
    pub s3: S3,
    pub search_limits: SearchLimits,
    pub metrics: Arc<Metrics>,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    /// The directory for payloads and downloads until their job ends.
    pub spool_dir: PathBuf,
    pub guest_limits: CapabilityLimits,
    pub budgets: Budgets,
    /// Maximum bytes of records per user: `data.user_max_bytes`.
    pub user_store_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub struct JobLimits {
    /// Maximum concurrent attempts: `jobs.workers`.
    pub workers: usize,
    /// Maximum waiting jobs: `jobs.max_queued`.
    pub max_queued: usize,
    /// How long a cancelled job may keep running: `jobs.cancel_grace_seconds`.
    pub cancel_grace: Duration,
    /// How often a running job's progress is stored.
    pub progress_interval: Duration,
    pub backoff: Backoff,
}

impl JobLimits {
    /// Default of [`JobLimits::max_queued`].
    pub const MAX_QUEUED: Limit = Limit::new("jobs.max_queued", 100_000);
    /// Default of [`JobLimits::cancel_grace`].
    pub const CANCEL_GRACE: Limit = Limit::new("jobs.cancel_grace_seconds", 10);
}

/// Values that no configuration key sets.
impl Default for JobLimits {
    fn default() -> Self {
        JobLimits {
            workers: 12,
            max_queued: Self::MAX_QUEUED.size(),
            cancel_grace: Self::CANCEL_GRACE.time(),
            progress_interval: Duration::from_secs(1),
            backoff: Backoff::default(),
        }
    }
}

/// The jobs of this host.
pub struct Jobs {
    parts: JobParts,
    spool: Spool,
    queue: Arc<Queue>,
    max_queued: usize,
    plans: Arc<Semaphore>,
    /// The runtime whose threads run guests.
    runtime: tokio::runtime::Handle,
    stop: CancellationToken,
    retry: Retry,
    /// Workers, and tasks that store final rows.
    workers: TaskTracker,
    running: Running,
    /// Jobs of an earlier process that wait for [`Jobs::recover`].
    unfinished: Mutex<Vec<Uuid>>,
}

impl Jobs {
    /// Starts the workers on `runtime`. Jobs that an earlier process left unfinished wait for [`Jobs::recover`].
    pub async fn start(
        parts: JobParts,
        limits: JobLimits,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Arc<Self>, StoreError> {
        let spool = Spool::open(parts.spool_dir.clone(), parts.budgets.spool.clone())?;
        let unfinished = Mutex::new(recovery::unfinished(&parts, &spool).await?);
        let count = limits.workers.max(1);
        parts.metrics.capacity(limits.max_queued, count);
        let queue = Queue::new(limits.max_queued, count);
        let stop = CancellationToken::new();
        let retry = Retry { backoff: limits.backoff, stop: stop.clone() };
        let workers = TaskTracker::new();
        let conclusions = Conclusions::new(workers.clone());
        let running = Running::default();
        let JobLimits { cancel_grace, progress_interval, .. } = limits;
        let rules = AttemptRules { retry: retry.clone(), cancel_grace, progress_interval };
        for _ in 0..count {
            let worker = Worker {
                parts: parts.clone(),
                spool: spool.clone(),
                queue: Arc::clone(&queue),
                running: running.clone(),
                rules: rules.clone(),
                conclusions: conclusions.clone(),
            };
            workers.spawn_on(worker.work(), runtime);
        }
        workers.close();
        let plans = Arc::new(Semaphore::new(PLUGINS_PLANNING * concurrent_plans()));
        let max_queued = limits.max_queued;
        let runtime = runtime.clone();
        Ok(Arc::new(Jobs {
            parts,
            spool,
            queue,
            max_queued,
            plans,
            runtime,
            stop,
            retry,
            workers,
            running,
            unfinished,
        }))
    }

    /// Returns what the client of this operation receives, or `None` if no plugin in service provides it.
    pub fn reply_of(&self, operation: &str) -> Option<OperationReply> {
        self.parts.plugins.operation(operation).map(|found| found.operation.reply)
    }

    /// Returns a job of this user; a super_user may see any job. Other users cannot learn that the job exists.
    pub async fn visible_job(&self, user: &User, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let row = self.parts.store.job(id).await?;
        Ok(row.filter(|row| user.role.is_super_user() || row.user == user.username))
    }

    /// Counts the jobs that started in the range, up to `most`.
    pub async fn count_started_between(&self, range: StartRange, most: usize) -> Result<usize, StoreError> {
        self.parts.store.count_jobs_started_between(range, most).await
    }

    /// Returns the next rows in order of start time: at most `limit` rows and about 1 MiB.
    pub async fn started_between(
        &self,
        range: StartRange,
        after: Option<StartPosition>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        self.parts.store.jobs_started_between(range, after, limit).await
    }

    /// Stops the workers. Running attempts go back into the queue, and the next process resumes them.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.workers.wait().await;
    }
}
