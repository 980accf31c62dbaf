//! A worker takes one job at a time from the queue and runs it to its end. A failing store does not block the worker:
//! a failed call is retried, then the job goes back into the queue and the worker takes another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::attempt::{Again, Attempt, AttemptEnd, AttemptRules, EndedAttempt};
use super::cancel::{Running, RunningEntry};
use super::conclusion::{Conclusion, Conclusions, MOST_TRIES_WHEN_FULL};
use super::lifecycle::{self, Ending};
use super::queue::{Past, Queue, QueuedJob, Turn};
use super::rejects::AllRejects;
use super::spool::Spool;
use super::staging::sweep_job;
use super::{JobParts, log};
use jobhost_model::jobs::JobRow;
use jobhost_registry::PluginOperation;
use jobhost_store::{StoreError, StoreErrorKind};

/// How often beginning an attempt is retried because the row changed in between: by a cancel, or because a reply of
/// the store was lost.
const BEGIN_TRIES: usize = 4;
/// How often in a row, without progress, a guest may give up because the store failed. The store still accepts the
/// job's rows, so the store as a whole works; the cause is a damaged record, or a query that its engine cannot run.
const MOST_FAILURES: u32 = 100;

pub(super) struct Worker {
    pub parts: JobParts,
    pub spool: Spool,
    pub queue: Arc<Queue>,
    pub running: Running,
    pub rules: AttemptRules,
    pub conclusions: Conclusions,
}

impl Worker {
    pub async fn work(self) {
        let worker = Arc::new(self);
        loop {
            let (job, turn) = tokio::select! {
                biased;
                () = worker.rules.retry.stop.cancelled() => return,
                next = worker.queue.next() => next,
            };
            worker.parts.metrics.taken();
            let id = job.id;
            // Runs in a task of its own, so that a panic of the host fails this job and not the worker.
            let carried = tokio::spawn({
                let worker = Arc::clone(&worker);
                async move { worker.carry(job, turn).await }
            });
            if let Err(panic) = carried.await {
                error!(job = %id, %panic, "the host failed while it ran a job");
                worker.give_up(id).await;
            }
        }
    }

    async fn carry(&self, job: QueuedJob, turn: Turn) {
        let (row, entry) = match self.begin(&job).await {
            Ok(Some(begun)) => begun,
            Ok(None) => return,
            Err(failure) if failure.kind.may_pass() || failure.kind == StoreErrorKind::LeaseLost => {
                let lasting = failure.kind.may_pass();
                return self.queue_again(job, &Again { why: failure.message, lasting });
            }
            // This process cannot change the job's row.
            Err(failure) => return error!(job = %job.id, %failure, "the job's attempt could not begin"),
        };
        // The job no longer waits in the queue.
        let QueuedJob { id, user, operation, place, past } = job;
        drop(place);
        let operation = operation.or_else(|| self.parts.plugins.operation(&row.operation));
        let end = self.attempt(row, operation.clone(), &entry, past.failures < MOST_FAILURES).await;
        match end {
            AttemptEnd::Ended(ended) => {
                if let Some((row, again, rejects, entry)) = self.end(id, *ended, entry, past.failures, turn).await {
                    self.try_again(QueuedJob { id, user, operation, place: None, past }, row, again, rejects, entry)
                        .await;
                }
            }
            AttemptEnd::Interrupted(row, rejects) => {
                let attempt = row.attempt;
                match self.requeue(*row, rejects, &entry).await {
                    Ok(_) => info!(job = %id, attempt, "attempt interrupted, the job is queued for the next start"),
                    Err(failure) => {
                        warn!(job = %id, attempt, %failure, "attempt interrupted; its row still says that it is running")
                    }
                }
            }
            AttemptEnd::Again(row, again, rejects) => {
                self.try_again(QueuedJob { id, user, operation, place: None, past }, *row, again, rejects, entry).await;
            }
        }
    }

    /// Ends the job. Returns it instead if its last commit group could not be stored but may be later.
    async fn end(
        &self,
        id: Uuid,
        ended: EndedAttempt,
        entry: RunningEntry,
        failures: u32,
        turn: Turn,
    ) -> Option<(JobRow, Again, Option<Arc<AllRejects>>, RunningEntry)> {
        let EndedAttempt { row, ending, rejects, last_group, publishes, may_try_again } = ended;
        let mut conclusion = Conclusion { id, row: Some(row.clone()), ending, rejects, publishes, entry };
        if let Some(last_group) = last_group {
            let Err(failure) = conclusion.conclude_with(last_group, &self.parts, &self.spool).await else {
                return None;
            };
            let may_pass = match failure.kind {
                StoreErrorKind::Unavailable => true,
                // The operator may be freeing space.
                StoreErrorKind::Full => failures < MOST_TRIES_WHEN_FULL,
                _ => false,
            };
            if may_try_again && may_pass {
                let again = Again { why: failure.message, lasting: false };
                return Some((row, again, conclusion.rejects, conclusion.entry));
            }
            conclusion.publishes = false;
            conclusion.ending = lifecycle::unstored(&failure.message);
        }
        self.conclude(conclusion, turn).await;
        None
    }

    /// Stores that the job waits for another attempt, and queues it.
    async fn try_again(
        &self,
        mut job: QueuedJob,
        row: JobRow,
        again: Again,
        rejects: Option<Arc<AllRejects>>,
        entry: RunningEntry,
    ) {
        let tally = row.tally;
        let (failures, row_is_behind) = match self.requeue(row, rejects, &entry).await {
            // Failures with progress in between are not consecutive.
            Ok(stored) if stored.tally != tally => (0, false),
            Ok(_) => (job.past.failures, false),
            Err(failure) if failure.kind.may_pass() => (job.past.failures, true),
            Err(failure) => return warn!(job = %job.id, %failure, "another attempt holds the job's lease"),
        };
        // The entry is dropped after the row is stored and before the job is queued, so that a cancel finds the job in
        // the row or in the entry.
        drop(entry);
        job.past = Past { failures, row_is_behind, ..job.past };
        self.queue_again(job, &again);
    }

    /// Queues the job again after a delay.
    fn queue_again(&self, mut job: QueuedJob, again: &Again) {
        let backoff = &self.rules.retry.backoff;
        let wait = if again.lasting {
            // A failure that outlasted a worker's wait should not occupy a worker again at once.
            backoff.patience
        } else {
            job.past.failures = job.past.failures.saturating_add(1);
            backoff.after(job.past.failures)
        };
        warn!(job = %job.id, why = again.why, ?wait, "the store failed; the job is queued again");
        self.parts.metrics.queued(1);
        self.queue.push_later(job, tokio::time::Instant::now() + wait);
    }

    /// Stores that an attempt begins. Returns `None` if the job has ended.
    async fn begin(&self, job: &QueuedJob) -> Result<Option<(JobRow, RunningEntry)>, StoreError> {
        let (store, retry) = (self.parts.store.as_ref(), &self.rules.retry);
        // The entry is made before the row is stored, so that whoever sees the row as running can cancel the attempt.
        let entry = self.running.enter(job.id, self.parts.guest_limits.log_bytes.size());
        let mut lost = StoreError::new(StoreErrorKind::LeaseLost, "the row keeps changing");
        for _ in 0..BEGIN_TRIES {
            let Some(row) = retry.within_patience("read row", || store.job(job.id)).await? else { return Ok(None) };
            let before = row.attempt;
            let row = match job.past.row_is_behind {
                true => lifecycle::requeue(row),
                false => Ok(row),
            };
            let Ok(row) = row.and_then(|row| lifecycle::begin(row, self.parts.clock.now())) else { return Ok(None) };
            match retry.within_patience("begin attempt", || store.update_job(row.clone(), before)).await {
                Ok(row) => {
                    if row.cancel.is_some() {
                        entry.cancel.cancel();
                    }
                    return Ok(Some((row, entry)));
                }
                Err(failure) if failure.kind == StoreErrorKind::LeaseLost => lost = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(lost)
    }

    /// Runs an attempt and records its metrics.
    async fn attempt(
        &self,
        row: JobRow,
        operation: Option<Arc<PluginOperation>>,
        entry: &RunningEntry,
        may_fail: bool,
    ) -> AttemptEnd {
        info!(job = %row.id, operation = %row.operation, attempt = row.attempt, "attempt begins");
        let (begun, operation_name) = (Instant::now(), row.operation.clone());
        let waited = Duration::from_micros(row.started.map_or(0, |started| started.0.saturating_sub(row.created.0)));
        let before = row.usage.cpu_microseconds;
        self.parts.metrics.attempt_begins();
        if row.attempt == 1 {
            self.parts.metrics.waited(waited);
        }
        let attempt = Attempt { parts: &self.parts, spool: &self.spool, running: entry, rules: &self.rules, may_fail };
        let end = attempt.run(row, operation).await;
        let cpu = Duration::from_micros(end.row().usage.cpu_microseconds.saturating_sub(before));
        self.parts.metrics.attempt_ends(&operation_name, begun.elapsed(), cpu);
        end
    }

    /// Stores that the job waits for another attempt. Returns the stored row.
    async fn requeue(
        &self,
        row: JobRow,
        rejects: Option<Arc<AllRejects>>,
        entry: &RunningEntry,
    ) -> Result<JobRow, StoreError> {
        let (store, retry) = (self.parts.store.as_ref(), &self.rules.retry);
        let (id, attempt) = (row.id, row.attempt);
        let row = lifecycle::requeue(row)
            .map_err(|ended| StoreError::caused_by(StoreErrorKind::LeaseLost, "the job has ended", ended))?;
        if let Err(failure) = log::keep_both(store, retry, id, &entry.log, rejects.as_deref()).await {
            warn!(job = %id, %failure, "the log and rejected records of an attempt could not be stored");
        }
        retry.within_patience("queue again", || store.update_job(row.clone(), attempt)).await
    }

    /// Ends a job. If the store does not accept the row soon, a task continues without this worker.
    async fn conclude(&self, conclusion: Conclusion, turn: Turn) {
        let (parts, spool, retry) = (self.parts.clone(), self.spool.clone(), self.rules.retry.clone());
        let mut concluding = Box::pin(async move { conclusion.conclude(&parts, &spool, &retry).await });
        if tokio::time::timeout(self.rules.retry.backoff.hold, &mut concluding).await.is_ok() {
            return;
        }
        match self.conclusions.room() {
            Some(room) => {
                drop(turn);
                self.conclusions.spawn(async move {
                    let _room = room;
                    concluding.await;
                });
            }
            // So many final rows wait already that another attempt would only add one more.
            None => concluding.await,
        }
    }

    /// Ends a job in which the host itself failed.
    async fn give_up(&self, id: Uuid) {
        let ending = Ending::Failed {
            message: json!("The host failed while it ran this job; see its log. Rerun the operation."),
            error: json!({"kind": "host"}),
        };
        let entry = self.running.enter(id, self.parts.guest_limits.log_bytes.size());
        let conclusion = Conclusion { id, row: None, ending, rejects: None, publishes: false, entry };
        let (store, retry) = (self.parts.store.as_ref(), &self.rules.retry);
        let sweep = async {
            let Some(row) = retry.within_patience("read row", || store.job(id)).await? else { return Ok(()) };
            let swept = || sweep_job(&self.parts, &self.spool, id, &row.user);
            retry.within_patience("read payload", swept).await
        };
        if let Err::<(), StoreError>(failure) = sweep.await {
            warn!(job = %id, %failure, "unfinished output of the job could not be searched for");
        }
        conclusion.conclude(&self.parts, &self.spool, retry).await;
    }
}
