//! The life of jobs: admission, queue, attempts, recovery. The states and their lawful changes are pure functions in
//! `lifecycle`; time comes from a clock that is passed in.

mod admission;
mod attempt;
mod cancel;
mod checks;
mod credentials;
mod ending;
mod granted;
pub mod lifecycle;
mod log;
mod payload;
mod queue;
mod recovery;
pub mod secrets;
mod spool;
mod staging;
mod worker;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use admission::SubmitError;
pub use cancel::CancelOutcome;
pub use secrets::{Sealer, SealerError};

use crate::access::{Access, User};
use crate::capabilities::CapabilityLimits;
use crate::metrics::Metrics;
use crate::objects::{Directories, Downloader, ExportDirectories, S3};
use crate::plugins::Catalogue;
use crate::plugins::catalogue::concurrent_plans;
use crate::records::jobs::{JobRow, StartRange};
use crate::records::{Clock, Store, StoreError};
use crate::searches::SearchLimits;
use cancel::Running;
use queue::Queue;
use spool::Spool;
use worker::Worker;

/// As many plugins can be busy with plans before others have to wait for one of them.
const PLUGINS_PLANNING: usize = 4;

/// What jobs need from the rest of the host.
#[derive(Clone)]
pub struct JobParts {
    pub store: Arc<dyn Store>,
    pub access: Arc<Access>,
    pub plugins: Arc<Catalogue>,
    pub directories: Directories,
    pub exports: ExportDirectories,
    pub downloader: Downloader,
    pub s3: S3,
    pub search_limits: SearchLimits,
    pub metrics: Arc<Metrics>,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    /// Where payloads and downloads lie until their job ends.
    pub spool_dir: PathBuf,
    pub guest_limits: CapabilityLimits,
}

#[derive(Debug, Clone, Copy)]
pub struct JobLimits {
    /// Attempts that run at once: `jobs.workers`.
    pub workers: usize,
    /// Jobs that wait: `jobs.max_queued`.
    pub max_queued: usize,
    /// How long a job that is cancelled may go on: `jobs.cancel_grace_seconds`.
    pub cancel_grace: Duration,
}

/// The jobs of this host.
pub struct Jobs {
    parts: JobParts,
    spool: Spool,
    queue: Arc<Queue>,
    max_queued: usize,
    plans: Semaphore,
    stop: CancellationToken,
    workers: TaskTracker,
    running: Running,
    /// What an earlier process left, until it is recovered.
    unfinished: Mutex<Vec<Uuid>>,
}

impl Jobs {
    /// Starts the workers on `runtime`. What an earlier process left unfinished waits for [`Jobs::recover`].
    pub async fn start(
        parts: JobParts,
        limits: JobLimits,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Arc<Self>, StoreError> {
        let spool = Spool::open(parts.spool_dir.clone())?;
        let unfinished = recovery::unfinished(&parts, &spool).await?;
        parts.metrics.capacity(limits.max_queued, limits.workers);
        let queue = Queue::new(Vec::new(), limits.max_queued);
        let stop = CancellationToken::new();
        let workers = TaskTracker::new();
        let running = Running::default();
        for _ in 0..limits.workers.max(1) {
            let worker = Worker {
                parts: parts.clone(),
                spool: spool.clone(),
                queue: Arc::clone(&queue),
                stop: stop.clone(),
                running: running.clone(),
                cancel_grace: limits.cancel_grace,
            };
            workers.spawn_on(worker.work(), runtime);
        }
        workers.close();
        let plans = Semaphore::new(PLUGINS_PLANNING * concurrent_plans());
        let max_queued = limits.max_queued;
        let unfinished = Mutex::new(unfinished);
        Ok(Arc::new(Jobs { parts, spool, queue, max_queued, plans, stop, workers, running, unfinished }))
    }

    /// Queues what an earlier process left unfinished, or ends it. The plugins must be there by then.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let unfinished = std::mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner));
        for job in recovery::recover(&self.parts, &self.spool, unfinished).await? {
            self.parts.metrics.queued(1);
            self.queue.push(job);
        }
        Ok(())
    }

    pub fn has_operation(&self, name: &str) -> bool {
        self.parts.plugins.operation(name).is_some()
    }

    /// A job of this user, or of anybody for a super_user: whoever may not see a job cannot learn that it exists.
    pub async fn visible_job(&self, user: &User, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let row = self.parts.store.job(id).await?;
        Ok(row.filter(|row| user.role.is_super_user() || row.user == user.username))
    }

    /// At most `limit` rows, in order of start time.
    pub async fn started_between(&self, range: StartRange, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        self.parts.store.jobs_started_between(range, limit).await
    }

    /// Stops the workers. Attempts that run are put back into the queue, to be resumed by the next process.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.workers.wait().await;
    }
}
