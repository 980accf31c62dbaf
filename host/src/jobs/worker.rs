//! A worker: takes one job at a time from the queue and carries it to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::attempt::{AttemptEnd, run_attempt};
use super::cancel::Running;
use super::lifecycle::{self, Ending};
use super::queue::{Queue, QueuedJob};
use super::spool::Spool;
use super::{JobParts, log};
use crate::plugins::PluginOperation;
use crate::records::jobs::JobRow;
use crate::records::{StoreError, StoreErrorKind};

pub struct Worker {
    pub parts: JobParts,
    pub spool: Spool,
    pub queue: Arc<Queue>,
    pub stop: CancellationToken,
    pub running: Running,
    pub cancel_grace: Duration,
}

impl Worker {
    pub async fn work(self) {
        let worker = Arc::new(self);
        loop {
            let next = tokio::select! {
                biased;
                () = worker.stop.cancelled() => return,
                next = worker.queue.next() => next,
            };
            let (QueuedJob { id, operation, place }, turn) = next;
            drop(place);
            worker.parts.metrics.taken();
            // A task of its own, so that a mistake of the host in one job is that job's error and not the end of the worker.
            let carried = tokio::spawn({
                let worker = Arc::clone(&worker);
                async move {
                    let _turn = turn;
                    worker.carry(id, operation).await
                }
            });
            match carried.await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) if failure.kind == StoreErrorKind::LeaseLost => {
                    warn!(job = %id, "another attempt holds the job's lease");
                }
                Ok(Err(failure)) => error!(job = %id, %failure, "the job's state could not be stored"),
                Err(panic) => {
                    error!(job = %id, %panic, "the host failed while it ran a job");
                    worker.give_up(id).await;
                }
            }
        }
    }

    async fn carry(&self, id: Uuid, operation: Option<Arc<PluginOperation>>) -> Result<(), StoreError> {
        let Some(row) = self.parts.store.job(id).await? else {
            return Ok(());
        };
        let operation = operation.or_else(|| self.parts.plugins.operation(&row.operation));
        let before = row.attempt;
        let Ok(row) = lifecycle::begin(row, self.parts.clock.now()) else {
            return Ok(());
        };
        // Known as running before it is stored as running, so that whoever sees the latter can tell it to end.
        let entry = self.running.enter(row.id, self.parts.guest_limits.log_bytes);
        let row = self.parts.store.update_job(row, before).await?;
        if row.cancel.is_some() {
            entry.cancel.cancel();
        }
        info!(job = %row.id, operation = %row.operation, attempt = row.attempt, "attempt begins");
        let (begun, operation_name) = (Instant::now(), row.operation.clone());
        let first = row.attempt == 1;
        let waited = Duration::from_micros(row.started.map_or(0, |started| started.0.saturating_sub(row.created.0)));
        let before = row.usage.cpu_microseconds;
        self.parts.metrics.attempt_begins();
        if first {
            self.parts.metrics.waited(waited);
        }
        let attempt = run_attempt(&self.parts, &self.spool, row, operation, &entry, &self.stop, self.cancel_grace);
        let ended = attempt.await;
        let cpu = match &ended {
            Ok(AttemptEnd::Ended(row, _) | AttemptEnd::Interrupted(row)) => row.usage.cpu_microseconds,
            Err(_) => before,
        };
        let cpu = Duration::from_micros(cpu.saturating_sub(before));
        self.parts.metrics.attempt_ends(&operation_name, begun.elapsed(), cpu);
        match ended? {
            AttemptEnd::Ended(row, ending) => {
                log::keep(self.parts.store.as_ref(), row.id, &entry.log).await;
                self.end(*row, ending).await
            }
            AttemptEnd::Interrupted(row) => {
                let (id, attempt) = (row.id, row.attempt);
                if let Ok(row) = lifecycle::requeue(*row) {
                    self.parts.store.update_job(row, attempt).await?;
                    info!(job = %id, attempt, "attempt interrupted, the job is queued for the next start");
                }
                Ok(())
            }
        }
    }

    async fn end(&self, mut row: JobRow, ending: Ending) -> Result<(), StoreError> {
        let attempt = row.attempt;
        if ending == Ending::Cancelled
            && let Some(stored) = self.parts.store.job(row.id).await?
        {
            // Who asked, and what the job has changed, came to the store and not to this attempt.
            (row.cancel, row.tally) = (stored.cancel, stored.tally);
        }
        let Ok(row) = lifecycle::finish(row, ending, self.parts.clock.now()) else {
            return Ok(());
        };
        let row = self.parts.store.update_job(row, attempt).await?;
        self.parts.metrics.job_ended(&row.operation, row.status.word());
        self.parts.metrics.records(&row.tally, row.rejected);
        let ended_by = row.error.as_ref().and_then(|error| error.pointer("/limit/key")?.as_str());
        for key in ended_by.into_iter().chain(row.limits_met.iter().map(|met| &*met.most.key)) {
            self.parts.metrics.limit_hit(key);
        }
        info!(job = %row.id, operation = %row.operation, status = ?row.status, attempt, "job ended");
        self.spool.forget(row.id).await;
        Ok(())
    }

    async fn give_up(&self, id: Uuid) {
        let ending = Ending::Failed {
            message: json!("The host failed while it ran this job; its log says more. Rerun the operation."),
            error: json!({"kind": "host"}),
        };
        let given_up = match self.parts.store.job(id).await {
            Ok(Some(row)) if !row.status.is_final() => self.end(row, ending).await,
            Ok(_) => Ok(()),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = given_up {
            error!(job = %id, %failure, "the job's end could not be stored");
        }
    }
}
