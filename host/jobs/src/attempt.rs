//! One attempt: capabilities are made from the payload, the guest runs, and what ends it first wins: its own end, a
//! limit, a cancel request, or the host's stop. Whatever it was, the attempt ends in order: what is in the store's hands is
//! awaited, and unfinished sinks are removed.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::JobParts;
use super::cancel::RunningEntry;
use super::ending::{cut_message, ending, note_overflows};
use super::granted::{Granted, Refused};
use super::lifecycle::Ending;
use super::payload::Payload;
use super::progress::ProgressWriter;
use super::rejects::{self, AllRejects};
use super::retry::Retry;
use super::spool::Spool;
use super::staging::{stage, sweep};
use jobhost_budget::Owner;
use jobhost_capabilities::{
    AttemptCapabilities, LimitsMet, ObjectLimits, Objects, Progress, Queries, RecordLimits, Records, Rejects,
};
use jobhost_model::jobs::{JobRow, Lease, Usage};
use jobhost_registry::PluginOperation;
use jobhost_sandbox::{CrashKind, RunEnd, RunRequest, UsageMeter};
use jobhost_search::{SearchBudget, SearchLimits};
use jobhost_store::StoreError;

/// How an attempt is run.
#[derive(Debug, Clone)]
pub struct AttemptRules {
    pub retry: Retry,
    /// How long a job that is cancelled may go on.
    pub cancel_grace: Duration,
    /// How often a running job's progress is stored.
    pub progress_interval: Duration,
}

pub enum AttemptEnd {
    /// With its rejects, if they are to be stored.
    Ended(Box<JobRow>, Ending, Option<Arc<AllRejects>>),
    /// The host is stopping.
    Interrupted(Box<JobRow>, Option<Arc<AllRejects>>),
    /// The store failed and may work again later.
    Again(Box<JobRow>, Again, Option<Arc<AllRejects>>),
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
            AttemptEnd::Ended(row, ..) | AttemptEnd::Interrupted(row, ..) | AttemptEnd::Again(row, ..) => row,
        }
    }
}

/// `may_fail` says whether the job is to be queued again if the guest gives up because the store failed.
pub async fn run_attempt(
    parts: &JobParts,
    spool: &Spool,
    row: JobRow,
    operation: Option<Arc<PluginOperation>>,
    running: &RunningEntry,
    rules: &AttemptRules,
    may_fail: bool,
) -> AttemptEnd {
    let mut row = row;
    let store = parts.store.as_ref();
    let Some(operation) = operation else {
        let message = format!("No plugin in service provides the operation '{}' any more", row.operation);
        return failed(row, message, "plugin_missing");
    };
    let Some(user) = parts.access.user(&row.user).filter(|user| user.active) else {
        let message = format!("The user '{}' who started this job does not exist any more or is inactive", row.user);
        return failed(row, message, "user_missing");
    };
    let payload = rules.retry.within_patience("read payload", || store.job_payload(row.id)).await;
    let (payload, checkpoint) = match payload {
        Ok(Some(payload)) => payload,
        Ok(None) => return failed(row, "The job's payload is missing".to_owned(), "payload_missing"),
        Err(failure) => return unbegun(row, failure),
    };
    let payload: Payload = match serde_json::from_slice(&payload) {
        Ok(payload) => payload,
        Err(error) => return failed(row, format!("The job's payload cannot be read: {error}"), "payload_missing"),
    };
    // A run that goes on from a checkpoint does not look again at what earlier attempts have read.
    let earlier = match checkpoint {
        Some(_) if row.rejected > 0 => {
            let stored = rules.retry.within_patience("read rejects", || rejects::stored(store, &row)).await;
            match stored {
                Ok(stored) => (row.rejected, stored),
                Err(failure) => return unbegun(row, failure),
            }
        }
        _ => (0, Vec::new()),
    };
    row.rejects = Vec::new();
    row.plugin = operation.plugin.label();
    row.plugin_digest = operation.plugin.digest.clone();

    let lease = Lease { job: row.id, attempt: row.attempt };
    let granted = Granted::new(parts, &operation.plugin);
    let staged = match stage(parts, spool, row.id, &user.role, &payload, Some(granted)).await {
        Ok(staged) => staged,
        Err(Refused::Object(error)) => return failed(row, error.message, "source"),
        Err(error @ (Refused::NotAsked(_) | Refused::NotGranted(_))) => {
            return failed(row, error.to_string(), "not_granted");
        }
    };
    // What an attempt that was killed has left of its sinks.
    sweep(&staged.targets).await;
    if running.cancel.is_cancelled() {
        return AttemptEnd::Ended(Box::new(row), Ending::Cancelled, None);
    }
    let (usage, limits_met) = (Arc::<UsageMeter>::default(), Arc::<LimitsMet>::default());
    let limits = &parts.guest_limits;
    let account = parts.budgets.of(Owner::user(&row.user));
    let charges = account.memory(0).and_then(|memory| Ok((memory, account.held(Records::LEAST_BYTES)?)));
    let (memory, batches) = match charges {
        Ok(charges) => charges,
        Err(exhausted) => {
            let again = Again { why: exhausted.to_string(), lasting: false };
            return AttemptEnd::Again(Box::new(row), again, None);
        }
    };
    let budget = SearchBudget { account, takes_slots: false };
    let search_limits = SearchLimits { budget: Some(budget), ..parts.search_limits.clone() };
    let records = Records::new(
        Arc::clone(&parts.store),
        lease,
        Arc::new(payload.plan),
        Arc::clone(&user.role),
        RecordLimits {
            batch: limits.batch,
            checkpoint_bytes: limits.checkpoint_bytes,
            group_records: limits.group_records,
            met: Arc::clone(&limits_met),
            memory: batches,
            quota: user.role.quota(&row.user, parts.user_store_bytes),
        },
        row.tally,
        Arc::clone(&usage.checking),
    );
    let (denial, handed_over) = (records.denial(), records.handed_over());
    let queries = Queries::new(
        Arc::clone(&parts.store),
        Arc::clone(&user.role),
        staged.searches,
        search_limits,
        limits.cursors,
        Arc::clone(&limits_met),
    );
    let store_failures = [records.store_failure(), queries.store_failure()];
    let (progress, rejects) = (Arc::<Progress>::default(), Arc::new(Rejects::new(limits.rejects)));
    let all_rejects = Arc::new(AllRejects::new(earlier, Arc::clone(&rejects), limits.rejects));
    let log = Arc::clone(&running.log);
    let capabilities = AttemptCapabilities {
        records,
        queries,
        objects: Objects::new(
            staged.sources,
            staged.targets.clone(),
            ObjectLimits { readers: limits.readers, writers: limits.writers },
            Arc::clone(&limits_met),
        ),
        progress: Arc::clone(&progress),
        rejects: Arc::clone(&rejects),
    };
    let request = RunRequest {
        operation: row.operation.clone(),
        request: payload.request,
        resume: checkpoint,
        capabilities: Box::new(capabilities),
        log: Arc::clone(&log),
        usage: Arc::clone(&usage),
        memory,
    };

    let run = operation.plugin.component.run(request);
    let mut run = Box::pin(run);
    let mut writer =
        ProgressWriter::new(Arc::clone(&parts.store), Arc::clone(&progress), Arc::clone(&all_rejects), &row);
    let interval = rules.progress_interval;
    let mut store_progress = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    store_progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let cut = loop {
        tokio::select! {
            biased;
            () = rules.retry.stop.cancelled() => break Cut::Stop,
            () = running.cancel.cancelled() => break Cut::Cancel,
            finished = &mut run => break Cut::Not(finished),
            _ = store_progress.tick() => writer.tick(&row),
        }
    };
    drop(writer);
    let (finished, cancelled) = match cut {
        Cut::Not(finished) => (Some(finished), false),
        Cut::Stop => {
            progress.cancel();
            (None, false)
        }
        Cut::Cancel => {
            progress.cancel();
            // A guest that looks returns by itself and leaves things tidy; one that does not is dropped.
            (tokio::time::timeout(rules.cancel_grace, &mut run).await.ok(), true)
        }
    };
    drop(run);
    handed_over.close();
    handed_over.wait().await;
    // A sink that was finished has nothing to sweep; any other must not outlive the attempt.
    sweep(&staged.targets).await;
    let rejects_changed = rejects.count() > 0;
    row.rejected = all_rejects.count();
    row.progress = progress.latest();
    row.usage = added(row.usage, &usage);
    note_overflows(&limits_met, &row, &log, limits);
    let finished = finished.map(|end| cut_message(end, limits.message_bytes, &limits_met));
    row.limits_met = limits_met.all();
    let (row, all_rejects) = (Box::new(row), rejects_changed.then_some(all_rejects));
    let Some(end) = finished else {
        return match cancelled {
            true => AttemptEnd::Ended(row, Ending::Cancelled, all_rejects),
            false => AttemptEnd::Interrupted(row, all_rejects),
        };
    };
    if let RunEnd::Crashed(crash) = &end
        && let Some(exhausted) = &crash.exhausted
        && !cancelled
    {
        // Others hold what it needs: no fault of its own.
        let again = Again { why: exhausted.to_string(), lasting: false };
        return AttemptEnd::Again(row, again, all_rejects);
    }
    let store_failure = store_failures.iter().find_map(|failure| failure.noted());
    if let Some(failure) = store_failure
        && may_fail
        && gave_up(&end)
        && operation.operation.resumable
        && !cancelled
    {
        let again = Again { why: failure.message, lasting: false };
        return AttemptEnd::Again(row, again, all_rejects);
    }
    let denial = denial.lock().unwrap_or_else(PoisonError::into_inner).take();
    let ending = match ending(end, denial, &log, limits.result_bytes) {
        // The work may have been done before the guest looked: then that is what the row says.
        Ending::Failed { .. } if cancelled => Ending::Cancelled,
        ending => ending,
    };
    AttemptEnd::Ended(row, ending, all_rejects)
}

/// Whether the guest's end can be the work of a store that failed under it. A limit that was met is the guest's own.
fn gave_up(end: &RunEnd) -> bool {
    match end {
        RunEnd::Returned(returned) => returned.is_err(),
        RunEnd::Crashed(crash) => crash.kind == CrashKind::Trap,
    }
}

/// How the wait for a guest ended.
enum Cut {
    Not(RunEnd),
    Stop,
    Cancel,
}

fn added(so_far: Usage, run: &UsageMeter) -> Usage {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Usage {
        cpu_microseconds: so_far.cpu_microseconds.saturating_add(microseconds(run.cpu.used())),
        checking_microseconds: so_far.checking_microseconds.saturating_add(microseconds(run.checking.used())),
        memory_peak_bytes: so_far.memory_peak_bytes.max(run.memory_peak()),
        bytes_in: so_far.bytes_in.saturating_add(run.bytes_in()),
        bytes_out: so_far.bytes_out.saturating_add(run.bytes_out()),
        host_calls: so_far.host_calls.saturating_add(run.host_calls()),
    }
}

fn failed(row: JobRow, message: String, kind: &str) -> AttemptEnd {
    let ending = Ending::Failed { message: Value::String(message), error: json!({"kind": kind}) };
    AttemptEnd::Ended(Box::new(row), ending, None)
}

/// The store failed before the guest began.
fn unbegun(row: JobRow, failure: StoreError) -> AttemptEnd {
    AttemptEnd::Again(Box::new(row), Again { why: failure.message, lasting: true }, None)
}
