//! One attempt: capabilities are made from the payload, the guest runs, and what ends it first wins: its own end, a
//! limit, or the host's stop.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::JobParts;
use super::cancel::RunningEntry;
use super::ending::{cut_message, ending, note_overflows};
use super::granted::{Granted, Refused};
use super::lifecycle::Ending;
use super::payload::Payload;
use super::spool::Spool;
use super::staging::{stage, sweep};
use crate::budget::Owner;
use crate::capabilities::{
    Capabilities, LimitsMet, ObjectLimits, Objects, Progress, Queries, RecordLimits, Records, Rejects, UsageMeter,
};
use crate::plugins::PluginOperation;
use crate::records::StoreError;
use crate::records::jobs::{JobRow, Lease, Usage};
use crate::sandbox::{RunEnd, RunRequest};
use crate::searches::{SearchBudget, SearchLimits};

/// How often a running job's progress is stored.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
pub enum AttemptEnd {
    Ended(Box<JobRow>, Ending),
    /// The host is stopping.
    Interrupted(Box<JobRow>),
}

pub async fn run_attempt(
    parts: &JobParts,
    spool: &Spool,
    row: JobRow,
    operation: Option<Arc<PluginOperation>>,
    running: &RunningEntry,
    stop: &CancellationToken,
    cancel_grace: Duration,
) -> Result<AttemptEnd, StoreError> {
    let mut row = row;
    let Some(operation) = operation else {
        let message = format!("No plugin in service brings the operation '{}' any more", row.operation);
        return Ok(failed(row, message, "plugin_missing"));
    };
    let Some(user) = parts.access.user(&row.user).filter(|user| user.active) else {
        let message = format!("The user '{}' who started this job does not exist any more or is inactive", row.user);
        return Ok(failed(row, message, "user_missing"));
    };
    let Some((payload, checkpoint)) = parts.store.job_payload(row.id).await? else {
        return Ok(failed(row, "The job's payload is gone".to_owned(), "payload_missing"));
    };
    let payload: Payload = match serde_json::from_slice(&payload) {
        Ok(payload) => payload,
        Err(error) => {
            return Ok(failed(row, format!("The job's payload cannot be read: {error}"), "payload_missing"));
        }
    };
    row.plugin = operation.plugin.label();
    row.plugin_digest = operation.plugin.digest.clone();

    let lease = Lease { job: row.id, attempt: row.attempt };
    let granted = Granted::new(parts, &operation.plugin);
    let staged = match stage(parts, spool, row.id, &user.role, &payload, Some(granted)).await {
        Ok(staged) => staged,
        Err(Refused::Object(error)) => return Ok(failed(row, error.message, "source")),
        Err(error @ (Refused::NotAsked(_) | Refused::NotGranted(_))) => {
            return Ok(failed(row, error.to_string(), "not_granted"));
        }
    };
    // What an attempt that was killed has left of its sinks.
    sweep(&staged.targets).await;
    let (usage, limits_met) = (Arc::<UsageMeter>::default(), Arc::<LimitsMet>::default());
    let limits = &parts.guest_limits;
    let records = Records::new(
        Arc::clone(&parts.store),
        lease,
        Arc::new(payload.plan),
        Arc::clone(&user.role),
        RecordLimits { batch: limits.batch, checkpoint_bytes: limits.checkpoint_bytes, met: Arc::clone(&limits_met) },
        row.tally,
        Arc::clone(&usage.checking),
    );
    let (denial, handed_over) = (records.denial(), records.handed_over());
    let (progress, rejects) = (Arc::<Progress>::default(), Arc::new(Rejects::new(limits.rejects)));
    let log = Arc::clone(&running.log);
    let owner = Owner::user(&row.user);
    let memory = parts.budgets.memory.adopt(&owner, 0);
    let budget = SearchBudget { account: parts.budgets.of(owner), takes_slots: false };
    let search_limits = SearchLimits { budget: Some(budget), ..parts.search_limits.clone() };
    let capabilities = Capabilities {
        records,
        queries: Queries::new(
            Arc::clone(&parts.store),
            Arc::clone(&user.role),
            staged.searches,
            search_limits,
            limits.cursors,
            Arc::clone(&limits_met),
        ),
        objects: Objects::new(
            staged.sources,
            staged.targets.clone(),
            ObjectLimits { readers: limits.readers, writers: limits.writers },
            Arc::clone(&limits_met),
        ),
        progress: Arc::clone(&progress),
        rejects: Arc::clone(&rejects),
        log: Arc::clone(&log),
        usage: Arc::clone(&usage),
    };
    let request = RunRequest {
        operation: row.operation.clone(),
        request: payload.request,
        resume: checkpoint,
        capabilities,
        memory,
    };

    // A run that goes on from a checkpoint does not look again at what earlier attempts have read.
    let earlier = if request.resume.is_some() { (row.rejected, row.rejects.clone()) } else { (0, Vec::new()) };
    let run = operation.plugin.component.run(request);
    let mut run = Box::pin(run);
    let mut store_progress =
        tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
    store_progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let cut = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Cut::Stop,
            () = running.cancel.cancelled() => break Cut::Cancel,
            finished = &mut run => break Cut::Not(finished),
            _ = store_progress.tick() => {
                let latest = progress.latest();
                if latest != row.progress {
                    row.progress = latest;
                    add_rejects(&mut row, &earlier, &rejects, limits.rejects);
                    row = parts.store.update_job(row, lease.attempt).await?;
                }
            }
        }
    };
    let (finished, cancelled) = match cut {
        Cut::Not(finished) => (Some(finished), false),
        Cut::Stop => {
            progress.cancel();
            (None, false)
        }
        Cut::Cancel => {
            progress.cancel();
            // A guest that looks returns by itself and leaves things tidy; one that does not is dropped.
            (tokio::time::timeout(cancel_grace, &mut run).await.ok(), true)
        }
    };
    drop(run);
    handed_over.close();
    handed_over.wait().await;
    // A sink that was finished has nothing to sweep; any other must not outlive the attempt.
    sweep(&staged.targets).await;
    add_rejects(&mut row, &earlier, &rejects, limits.rejects);
    row.progress = progress.latest();
    row.usage = added(row.usage, &usage);
    note_overflows(&limits_met, &row, &log, limits);
    let finished = finished.map(|end| cut_message(end, limits.message_bytes, &limits_met));
    row.limits_met = limits_met.all();
    let Some(end) = finished else {
        return Ok(match cancelled {
            true => AttemptEnd::Ended(Box::new(row), Ending::Cancelled),
            false => AttemptEnd::Interrupted(Box::new(row)),
        });
    };
    let denial = denial.lock().unwrap_or_else(PoisonError::into_inner).take();
    let ending = match ending(end, denial, &log, limits.result_bytes) {
        // The work may have been done before the guest looked: then that is what the row says.
        Ending::Failed { .. } if cancelled => Ending::Cancelled,
        ending => ending,
    };
    Ok(AttemptEnd::Ended(Box::new(row), ending))
}

/// How the wait for a guest ended.
enum Cut {
    Not(RunEnd),
    Stop,
    Cancel,
}

/// The rejects of earlier attempts and of this one.
fn add_rejects(row: &mut JobRow, earlier: &(u64, Vec<Value>), rejects: &Rejects, most: usize) {
    let (count, kept) = rejects.summary();
    row.rejected = earlier.0.saturating_add(count);
    row.rejects = earlier.1.iter().cloned().chain(kept).take(most).collect();
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
    AttemptEnd::Ended(Box::new(row), Ending::Failed { message: Value::String(message), error: json!({"kind": kind}) })
}
